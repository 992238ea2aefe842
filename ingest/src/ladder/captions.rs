//! Captions (CEA-608/708, as ATSC A/53 carries them) of pictures that a rung leaves out.
//!
//! Captions are a stream of their own with as many bytes a second whatever the frame rate: a rung of half the frames carries
//! those of two pictures on each, or it loses letters.

use ffmpeg_next::frame;
use ffmpeg_next::frame::side_data::Type;

/// Bytes of one caption triplet: a header and two characters (A/53 part 4, 6.2.3.1).
const TRIPLET: usize = 3;
/// Bounded: triplets of one picture, whose count has five bits. Full: the oldest are left out.
const MAX_TRIPLETS: usize = 31;

/// Captions that wait for the next picture that a rung takes.
#[derive(Debug, Default)]
pub(super) struct Captions {
    waiting: Vec<u8>,
}

impl Captions {
    /// Remembers the captions of a picture that is left out.
    pub(super) fn keep_of(&mut self, picture: &frame::Video) {
        if let Some(captions) = picture.side_data(Type::A53CC) {
            self.append(captions.data());
        }
    }

    /// Puts what waits on a picture, before its own.
    pub(super) fn put_on(&mut self, picture: &mut frame::Video) {
        if self.waiting.is_empty() {
            return;
        }
        self.keep_of(picture);
        picture.remove_side_data(Type::A53CC);
        let waiting = std::mem::take(&mut self.waiting);
        super::ffmpeg::add_side_data(picture, Type::A53CC, &waiting);
    }

    /// Nobody takes pictures.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }

    fn append(&mut self, triplets: &[u8]) {
        let whole = triplets.len() - triplets.len() % TRIPLET;
        self.waiting
            .extend_from_slice(triplets.get(..whole).unwrap_or_default());
        let excess = self.waiting.len().saturating_sub(MAX_TRIPLETS * TRIPLET);
        self.waiting.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(captions: &[u8]) -> frame::Video {
        let mut picture = frame::Video::new(ffmpeg_next::format::Pixel::YUV420P, 16, 16);
        if !captions.is_empty() {
            crate::ladder::ffmpeg::add_side_data(&mut picture, Type::A53CC, captions);
        }
        picture
    }

    fn of(picture: &frame::Video) -> Vec<u8> {
        picture
            .side_data(Type::A53CC)
            .map(|captions| captions.data().to_vec())
            .unwrap_or_default()
    }

    #[test]
    fn what_a_left_out_picture_carried_comes_before_the_next_ones_own() {
        let mut captions = Captions::default();
        captions.keep_of(&picture(&[1, 2, 3]));
        let mut next = picture(&[4, 5, 6]);
        captions.put_on(&mut next);
        assert_eq!(of(&next), [1, 2, 3, 4, 5, 6]);
        let mut after = picture(&[7, 8, 9]);
        captions.put_on(&mut after);
        assert_eq!(of(&after), [7, 8, 9]);
    }

    #[test]
    fn a_picture_without_captions_carries_those_that_wait() {
        let mut captions = Captions::default();
        captions.keep_of(&picture(&[1, 2, 3]));
        let mut next = picture(&[]);
        captions.put_on(&mut next);
        assert_eq!(of(&next), [1, 2, 3]);
    }

    #[test]
    fn no_picture_carries_more_than_its_count_can_say() {
        let mut captions = Captions::default();
        for n in 0..20_u8 {
            captions.keep_of(&picture(&[n; 9]));
        }
        let mut next = picture(&[99; 3]);
        captions.put_on(&mut next);
        let carried = of(&next);
        assert_eq!(carried.len(), MAX_TRIPLETS * TRIPLET);
        assert_eq!((carried[0], carried[92]), (10, 99), "the newest");
    }

    #[test]
    fn half_a_triplet_is_left_out() {
        let mut captions = Captions::default();
        captions.keep_of(&picture(&[1, 2, 3, 4]));
        let mut next = picture(&[]);
        captions.put_on(&mut next);
        assert_eq!(of(&next), [1, 2, 3]);
    }
}
