//! Rungs of one frame rate: they take the same of the source's pictures, which are scaled for all of them at once.

use ffmpeg_next::frame;

use super::LadderError;
use super::cadence::Cadence;
use super::ffmpeg::PictureShape;
use super::pictures::Pictures;
use super::switch::RungSwitch;
use super::tags::{Tag, Tags};

/// Some of a ladder's rungs.
pub(super) struct Lane {
    /// Their places among all rungs, the largest first.
    members: Vec<usize>,
    each_nth_frame: u32,
    cadence: Cadence,
    pictures: Option<Pictures>,
    /// Pictures on their way through the filters.
    filtering: Tags,
}

impl Lane {
    /// The lanes of these rungs.
    pub(super) fn all(rungs: &[RungSwitch]) -> Vec<Self> {
        let mut lanes: Vec<Self> = Vec::new();
        for (index, rung) in rungs.iter().enumerate() {
            let each_nth_frame = rung.each_nth_frame();
            match lanes
                .iter_mut()
                .find(|lane| lane.each_nth_frame == each_nth_frame)
            {
                Some(lane) => lane.members.push(index),
                None => lanes.push(Self {
                    members: vec![index],
                    each_nth_frame,
                    cadence: Cadence::new(each_nth_frame, rung.frame_rate()),
                    pictures: None,
                    filtering: Tags::default(),
                }),
            }
        }
        lanes
    }

    /// Takes the source's next picture, or leaves it out.
    ///
    /// # Errors
    /// [`LadderError::NoFilter`].
    pub(super) fn take(
        &mut self,
        picture: &frame::Video,
        tag: Tag,
        rungs: &mut [RungSwitch],
    ) -> Result<(), LadderError> {
        if !self.cadence.takes(tag.pts_ms, tag.is_idr) {
            for index in &self.members {
                if let Some(rung) = rungs.get_mut(*index) {
                    rung.leave_out(picture);
                }
            }
            return Ok(());
        }
        let shape = PictureShape::of(picture);
        if self
            .pictures
            .as_ref()
            .is_none_or(|pictures| !pictures.takes(shape))
        {
            self.flush(rungs);
            let sizes: Vec<(u32, u32)> = self
                .members
                .iter()
                .filter_map(|index| rungs.get(*index))
                .map(RungSwitch::size)
                .collect();
            self.pictures = Some(Pictures::new(shape, &sizes)?);
        }
        if let Some(pictures) = &mut self.pictures {
            let pushed = pictures.push(picture);
            pushed.map_err(|error| LadderError::NoFilter(error.to_string()))?;
        }
        self.filtering.remember(tag);
        self.hand_over(rungs);
        Ok(())
    }

    /// Lets out what the filters hold back.
    pub(super) fn flush(&mut self, rungs: &mut [RungSwitch]) {
        if let Some(pictures) = &mut self.pictures {
            pictures.flush();
        }
        self.hand_over(rungs);
    }

    /// Takes the rungs' pictures out of the filters, and hands them to their encoders.
    fn hand_over(&mut self, rungs: &mut [RungSwitch]) {
        let Some(pictures) = &mut self.pictures else {
            return;
        };
        // Every rung has a picture for each of the source's, in the same order.
        loop {
            let mut tag = None;
            for (place, index) in self.members.iter().enumerate() {
                let Some(picture) = pictures.pull(place) else {
                    continue;
                };
                if tag.is_none() {
                    tag = picture.pts().and_then(|pts_ms| self.filtering.recall(pts_ms));
                }
                if let (Some(tag), Some(rung)) = (tag, rungs.get_mut(*index)) {
                    rung.hand_over(picture, tag);
                }
            }
            if tag.is_none() {
                return;
            }
        }
    }
}
