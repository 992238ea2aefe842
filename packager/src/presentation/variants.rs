//! The renditions as the multivariant playlist and the channel's status show them.

use super::Presentation;
use super::rendition::{Rendition, RenditionInfo};
use super::track::Parameters;
use crate::codec::AudioFacts;
use crate::playlist::RenderedPlaylist;
use crate::playlist::multivariant::{self, AudioLine, VideoLine};

impl Presentation {
    /// The renditions' names and measured rates, in the order of their ids.
    pub fn describe(&self) -> Vec<RenditionInfo> {
        let info = |rendition: &Rendition| RenditionInfo {
            name: rendition.name.clone(),
            kind: rendition.track.kind(),
            codec: match &rendition.track.parameters {
                Parameters::Video(video) => video.facts.codec_string.clone(),
                Parameters::Audio(_) => AudioFacts::CODEC_STRING.to_owned(),
            },
            bandwidth_bps: rendition.meter.peak_bps(),
            passed_through: rendition.passed_through,
            shed: rendition.is_shed(),
        };
        self.renditions.iter().map(info).collect()
    }

    /// The multivariant playlist, if what it says changed since the last call; none before a whole segment of the lead
    /// has told its bandwidth. `session` is the path to the renditions.
    pub fn take_multivariant(&mut self, session: &str) -> Option<RenderedPlaylist> {
        let is_listed = |rendition: &Rendition| rendition.is_listed(&self.settings);
        if !self.renditions.get(self.lead).is_some_and(is_listed)
            || !std::mem::take(&mut self.multivariant_changed)
        {
            return None;
        }
        let captions: Vec<_> = self.captions.channels().collect();
        let path = |rendition: &Rendition| format!("{session}/{}", rendition.name);
        let (mut video, mut audio) = (Vec::new(), Vec::new());
        for rendition in self.renditions.iter().filter(|rendition| is_listed(rendition)) {
            match &rendition.track.parameters {
                Parameters::Video(parameters) => video.push(VideoLine {
                    path: path(rendition),
                    facts: &parameters.facts,
                    frame_rate: parameters.rate,
                    meter: &rendition.meter,
                    i_frame_meter: &rendition.i_frame_meter,
                }),
                Parameters::Audio(parameters) => audio.push(AudioLine {
                    path: path(rendition),
                    codec: AudioFacts::CODEC_STRING,
                    channels: parameters.facts.channels,
                    meter: &rendition.meter,
                }),
            }
        }
        Some(RenderedPlaylist::new(multivariant::render(
            &video, &audio, &captions,
        )))
    }
}
