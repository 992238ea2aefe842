//! A channel's status, as `GET /v1/channels/{channel}` shows it.

use serde::Serialize;
use vitrine_ingest::ladder::LadderStats;
use vitrine_ingest::{Input, Publication};
use vitrine_packager::codec::{AudioFacts, VideoFacts};
use vitrine_packager::media::{TrackConfig, TrackKind, WallTime};
use vitrine_packager::presentation::RenditionInfo;

use super::health::HealthStatus;

/// Everything there is to know of a channel at one instant. Times are RFC 3339.
#[derive(Debug, Clone, Serialize)]
pub struct ChannelStatus {
    /// Its name.
    pub channel: String,
    /// `idle`, `starting`, `live`, `away` or `ended`.
    pub status: &'static str,
    /// The session that can be watched.
    pub session: Option<String>,
    /// Path of the multivariant playlist.
    pub playback: String,
    /// When the session started.
    pub started_at: Option<String>,
    /// When the session ends unless the encoder comes back.
    pub ends_at: Option<String>,
    /// The connection of the encoder that is on air.
    pub publication: Option<PublicationStatus>,
    /// That of the other encoder, which waits to take its place.
    pub standby: Option<PublicationStatus>,
    /// The input that will be on air from its next keyframe on.
    pub switching_to: Option<Input>,
    /// How many watch, as far as the origin can know: the playlist requests that waited for one of the newest parts, of all
    /// video renditions or of all audio renditions, whichever are more. Behind edges and CDNs each cache is one viewer.
    pub viewers: u32,
    /// What viewers can choose from.
    pub renditions: Vec<RenditionStatus>,
    /// What the broadcaster should change, in the encoder's own words.
    pub advice: Vec<String>,
}

/// An encoder's connection.
#[derive(Debug, Clone, Serialize)]
pub struct PublicationStatus {
    /// Its number since the program started.
    pub id: u64,
    /// `primary` or `backup`.
    pub input: Input,
    /// `rtmp` or `srt`.
    pub protocol: &'static str,
    /// As the encoder names itself.
    pub encoder: Option<String>,
    /// When it began.
    pub since: String,
    /// Of one that stands by: whether it can be on air at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// How well it comes in.
    pub health: Option<HealthStatus>,
    /// Its video track.
    pub video: Option<VideoStatus>,
    /// Its audio track.
    pub audio: Option<AudioStatus>,
}

/// A publication's video track.
#[derive(Debug, Clone, Serialize)]
pub struct VideoStatus {
    codec: String,
    width: u32,
    height: u32,
    frame_rate: Option<f64>,
}

/// A publication's audio track.
#[derive(Debug, Clone, Serialize)]
pub struct AudioStatus {
    codec: &'static str,
    sample_rate: u32,
    channels: u8,
}

/// One rendition.
#[derive(Debug, Clone, Serialize)]
pub struct RenditionStatus {
    name: String,
    kind: &'static str,
    codec: String,
    bandwidth: u64,
    /// `passthrough` or `encoder`.
    from: &'static str,
    /// `live`, or `shed` while the machine is too slow for it.
    state: &'static str,
    /// Its part of the channel's `viewers`.
    viewers: u32,
    /// How many times faster than the show its encoder is.
    #[serde(skip_serializing_if = "Option::is_none")]
    encode_speed: Option<f64>,
}

impl ChannelStatus {
    /// The status of a channel on which nothing happened yet.
    pub fn idle(channel: &str) -> Self {
        Self {
            channel: channel.to_owned(),
            status: "idle",
            session: None,
            playback: format!("/live/{channel}/index.m3u8"),
            started_at: None,
            ends_at: None,
            publication: None,
            standby: None,
            switching_to: None,
            viewers: 0,
            renditions: Vec::new(),
            advice: Vec::new(),
        }
    }
}

impl PublicationStatus {
    /// Describes a publication that began at `since`.
    pub fn new(publication: &Publication, since: WallTime) -> Self {
        let mut status = Self {
            id: publication.id,
            input: publication.input,
            protocol: publication.protocol,
            encoder: publication.encoder.clone(),
            since: since.to_string(),
            ready: None,
            health: None,
            video: None,
            audio: None,
        };
        status.set_tracks(&publication.tracks);
        status
    }

    /// Describes the tracks anew.
    pub fn set_tracks(&mut self, tracks: &[TrackConfig]) {
        for track in tracks {
            match track {
                TrackConfig::Video(config) => {
                    self.video = VideoFacts::read(config).ok().map(|facts| VideoStatus {
                        codec: facts.codec_string,
                        width: facts.width,
                        height: facts.height,
                        frame_rate: config
                            .declared_frame_rate
                            .or(facts.fixed_frame_rate)
                            .map(|rate| rate.fps()),
                    });
                }
                TrackConfig::Audio(config) => {
                    self.audio = Some(AudioStatus {
                        codec: AudioFacts::CODEC_STRING,
                        sample_rate: config.sample_rate_hz,
                        channels: config.channels,
                    });
                }
            }
        }
    }
}

impl RenditionStatus {
    /// Describes a rendition that so many watch; `ladder` has its encoder's figures.
    pub fn new(info: &RenditionInfo, viewers: u32, ladder: Option<&LadderStats>) -> Self {
        let rung = ladder.and_then(|ladder| ladder.rungs().iter().find(|rung| rung.name == info.name));
        let kind = match info.kind {
            TrackKind::Video => "video",
            TrackKind::Audio => "audio",
        };
        Self {
            name: info.name.clone(),
            kind,
            codec: info.codec.clone(),
            bandwidth: info.bandwidth_bps,
            from: if info.passed_through {
                "passthrough"
            } else {
                "encoder"
            },
            state: if info.shed { "shed" } else { "live" },
            viewers,
            encode_speed: rung.map(|rung| (rung.speed() * 10.0).round() / 10.0),
        }
    }
}

/// How many watch: a player waits for a video and an audio playlist at once, or for either.
pub fn viewers(renditions: &[RenditionStatus]) -> u32 {
    let of = |kind: &str| -> u32 {
        let counted = renditions.iter().filter(|rendition| rendition.kind == kind);
        counted.map(|rendition| rendition.viewers).sum()
    };
    of("video").max(of("audio"))
}
