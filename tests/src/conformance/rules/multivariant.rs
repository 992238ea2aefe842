//! The multivariant playlist, read by `m3u8-rs`.

use std::collections::BTreeMap;

use m3u8_rs::{AlternativeMedia, AlternativeMediaType, MasterPlaylist, VariantStream};
use url::Url;

use crate::conformance::cmaf::track::MediaFacts;
use crate::conformance::findings::Findings;

/// A media playlist that the multivariant playlist names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// The last folder of its URL: how it is called in what the checker says.
    pub name: String,
    /// Absolute.
    pub url: Url,
    /// Whether it holds video.
    pub is_video: bool,
}

/// A multivariant playlist and the media playlists that it names.
#[derive(Debug, Clone)]
pub struct Multivariant {
    /// Each once, in the order of the playlist: variants, then alternatives.
    pub renditions: Vec<Rendition>,
    /// The I-frame playlists, absolute.
    pub i_frames: Vec<Url>,
    /// As read.
    pub playlist: MasterPlaylist,
}

impl Multivariant {
    /// Reads a multivariant playlist fetched from `url`. `None`, and a finding, if it is none.
    pub fn parse(url: &Url, text: &str, findings: &mut Findings) -> Option<Self> {
        let playlist = m3u8_rs::parse_master_playlist_res(text.as_bytes()).ok();
        findings.law(1, playlist.is_some() && text.starts_with("#EXTM3U"), || {
            "not a multivariant playlist".to_owned()
        });
        let playlist = playlist?;
        findings.law(17, playlist.independent_segments, || {
            "no EXT-X-INDEPENDENT-SEGMENTS".to_owned()
        });
        let mut read = Self {
            renditions: Vec::new(),
            i_frames: Vec::new(),
            playlist,
        };
        read.renditions = read.named(url, findings);
        read.i_frames = read.i_frame_playlists(url, findings);
        read.variants(text, findings);
        read.alternatives(findings);
        Some(read)
    }

    /// Rule 119: what an I-frame playlist's line must say.
    fn i_frame_playlists(&self, base: &Url, findings: &mut Findings) -> Vec<Url> {
        let listed = self.playlist.variants.iter().filter(|variant| variant.is_i_frame);
        let mut urls = Vec::new();
        for variant in listed {
            let told = variant.bandwidth > 0 && variant.codecs.is_some() && variant.resolution.is_some();
            findings.law(119, told, || {
                format!("an I-frame playlist without BANDWIDTH, CODECS or RESOLUTION: {variant:?}")
            });
            urls.extend(base.join(&variant.uri).ok());
        }
        urls
    }

    fn named(&self, base: &Url, findings: &mut Findings) -> Vec<Rendition> {
        let played = self
            .playlist
            .variants
            .iter()
            .filter(|variant| !variant.is_i_frame);
        let variants = played.map(|variant| {
            let audio_only = variant.resolution.is_none();
            (Some(&variant.uri), !audio_only)
        });
        let alternatives = self
            .playlist
            .alternatives
            .iter()
            .filter(|media| media.media_type == AlternativeMediaType::Audio)
            .map(|media| (media.uri.as_ref(), false));
        let mut named: Vec<Rendition> = Vec::new();
        for (uri, is_video) in variants.chain(alternatives) {
            let Some(uri) = uri else { continue };
            findings.law(78, !uri.contains('?'), || format!("a query in {uri:?}"));
            let Ok(url) = base.join(uri) else {
                findings.broken(1, format!("{uri:?} is no URI"));
                continue;
            };
            let folder = url
                .path_segments()
                .and_then(|segments| segments.rev().nth(1))
                .unwrap_or(uri);
            let rendition = Rendition {
                name: folder.to_owned(),
                is_video,
                url,
            };
            if !named.iter().any(|known| known.url == rendition.url) {
                named.push(rendition);
            }
        }
        findings.law(111, !named.is_empty(), || "no variant at all".to_owned());
        named
    }

    fn variants(&self, text: &str, findings: &mut Findings) {
        let variants: Vec<&VariantStream> = self
            .playlist
            .variants
            .iter()
            .filter(|variant| !variant.is_i_frame)
            .collect();
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("#EXT-X-STREAM-INF:"))
            .collect();
        let scored = lines.iter().filter(|line| line.contains("SCORE=")).count();
        findings.law(116, scored == 0 || scored == lines.len(), || {
            "SCORE on some variants only".to_owned()
        });
        let captions = variants
            .iter()
            .filter(|variant| variant.closed_captions.is_some())
            .count();
        findings.law(118, captions == 0 || captions == variants.len(), || {
            "CLOSED-CAPTIONS on some variants only".to_owned()
        });
        for (variant, line) in variants.iter().zip(lines) {
            let uri = &variant.uri;
            let average = variant.average_bandwidth;
            findings.law(111, variant.bandwidth > 0, || format!("{uri}: no BANDWIDTH"));
            findings.law(
                113,
                average.is_some_and(|average| average > 0 && average <= variant.bandwidth),
                || format!("{uri}: AVERAGE-BANDWIDTH {average:?} of {}", variant.bandwidth),
            );
            let codecs = variant.codecs.as_deref().unwrap_or_default();
            findings.law(113, !codecs.is_empty(), || format!("{uri}: no CODECS"));
            if variant.resolution.is_some() {
                findings.law(113, has_three_decimals(line), || {
                    format!("{uri}: FRAME-RATE needs three decimals: {line}")
                });
            }
            if let Some(group) = &variant.audio {
                let exists = self
                    .playlist
                    .alternatives
                    .iter()
                    .any(|media| media.group_id == *group);
                findings.law(114, exists && codecs.contains("mp4a"), || {
                    format!("{uri}: audio group {group}, CODECS {codecs}")
                });
            }
        }
    }

    fn alternatives(&self, findings: &mut Findings) {
        for media in &self.playlist.alternatives {
            let name = &media.name;
            let complete = !media.group_id.is_empty() && !name.is_empty() && media.language.is_some();
            findings.law(117, complete, || {
                format!("{name}: GROUP-ID, NAME and LANGUAGE are needed")
            });
            findings.law(117, !media.default || media.autoselect, || {
                format!("{name}: DEFAULT=YES without AUTOSELECT=YES")
            });
            let audio = media.media_type == AlternativeMediaType::Audio;
            findings.law(117, !audio || media.channels.is_some(), || {
                format!("{name}: audio without CHANNELS")
            });
        }
    }
}

/// A variant's frame rate may be this far from its samples', since the source's own may vary.
const FRAME_RATE_TOLERANCE: f64 = 0.02;

impl Multivariant {
    /// What the variants state, against the media that `facts` knows by the renditions' URLs.
    pub fn measured(
        &self,
        base: &Url,
        target_duration_s: u64,
        facts: &BTreeMap<String, MediaFacts>,
        findings: &mut Findings,
    ) {
        let of = |uri: &str| facts.get(base.join(uri).ok()?.as_str());
        for variant in &self.playlist.variants {
            let Some(own) = of(&variant.uri) else { continue };
            let audio = variant.audio.as_ref().and_then(|group| {
                let in_group = |media: &&AlternativeMedia| media.group_id == *group;
                of(self.playlist.alternatives.iter().find(in_group)?.uri.as_ref()?)
            });
            let parts = [Some(own), audio];
            let known = || parts.into_iter().flatten();
            let uri = &variant.uri;
            let peak: f64 = known().map(|facts| peak_bps(facts, target_duration_s)).sum();
            findings.law(111, peak <= variant.bandwidth as f64, || {
                format!(
                    "{uri}: BANDWIDTH {} under the measured peak {peak:.0}",
                    variant.bandwidth
                )
            });
            let codecs: Vec<&str> = variant.codecs.iter().flat_map(|list| list.split(',')).collect();
            for codec in known().filter_map(|facts| facts.init.as_ref()?.codec.as_deref()) {
                let stated = codecs.iter().any(|stated| stated.eq_ignore_ascii_case(codec));
                findings.law(114, stated, || {
                    format!("{uri}: {codec} is not in CODECS {codecs:?}")
                });
            }
            own_picture(variant, own, findings);
        }
    }
}

/// RESOLUTION and FRAME-RATE are those of the media (rule 113).
fn own_picture(variant: &VariantStream, own: &MediaFacts, findings: &mut Findings) {
    let (Some(resolution), Some(size)) = (variant.resolution, own.init.as_ref().and_then(|init| init.size))
    else {
        return;
    };
    let same = (resolution.width, resolution.height) == (size.0.into(), size.1.into());
    findings.law(113, same, || {
        format!("RESOLUTION {resolution:?} of a picture of {size:?}")
    });
    let (stated, real) = (variant.frame_rate.unwrap_or_default(), 1.0 / own.sample_s);
    findings.law(113, (stated / real - 1.0).abs() <= FRAME_RATE_TOLERANCE, || {
        format!("FRAME-RATE {stated} of {real:.3} frames a second")
    });
}

/// Rule 112: the highest bit rate of any contiguous run of segments that lasts long enough, and not too long.
fn peak_bps(facts: &MediaFacts, target_duration_s: u64) -> f64 {
    let target_s = target_duration_s as f64;
    let (shortest, longest) = (0.5 * target_s, 1.5 * target_s + 0.5);
    let mut peak: f64 = 0.0;
    for first in 0..facts.segments.len() {
        let (mut bits, mut seconds) = (0.0, 0.0);
        for (bytes, length_s) in facts.segments.iter().skip(first) {
            bits += *bytes as f64 * 8.0;
            seconds += length_s;
            if seconds > longest {
                break;
            }
            if seconds >= shortest {
                peak = peak.max(bits / seconds);
            }
        }
    }
    peak
}

fn has_three_decimals(stream_inf: &str) -> bool {
    stream_inf
        .split("FRAME-RATE=")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .and_then(|rate| rate.split_once('.'))
        .is_some_and(|(whole, decimals)| whole.parse::<u32>().is_ok() && decimals.len() == 3)
}
