//! From the source's picture to each rung's: deinterlaced if need be, scaled from the nearest larger one, 8 bits of 4:2:0.

use std::fmt::Write;

use ffmpeg_next::frame;

use super::LadderError;
use super::ffmpeg::{Graph, MILLIS, PictureShape};

/// Makes the rungs' pictures. A source of another shape needs another one.
pub(super) struct Pictures {
    shape: PictureShape,
    graph: Graph,
}

impl Pictures {
    /// For pictures like `shape` and rungs of these sizes, the largest first.
    pub(super) fn new(shape: PictureShape, sizes: &[(u32, u32)]) -> Result<Self, LadderError> {
        let pixel = ffmpeg_next::ffi::AVPixelFormat::from(shape.format) as i32;
        let arguments = format!(
            "video_size={}x{}:pix_fmt={pixel}:time_base={}/{}:pixel_aspect={}/{}",
            shape.width,
            shape.height,
            MILLIS.0,
            MILLIS.1,
            shape.aspect.0,
            shape.aspect.1.max(1)
        );
        let graph = Graph::new(
            ("buffer", &arguments),
            "buffersink",
            sizes.len(),
            &spec(&shape, sizes),
        )?;
        Ok(Self { shape, graph })
    }

    /// Whether it takes such pictures.
    pub(super) fn takes(&self, shape: PictureShape) -> bool {
        let interlaced = self.shape.interlaced;
        self.shape == PictureShape { interlaced, ..shape } && (interlaced || !shape.interlaced)
    }

    pub(super) fn push(&mut self, picture: &frame::Video) -> Result<(), ffmpeg_next::Error> {
        self.graph.push(picture)
    }

    pub(super) fn flush(&mut self) {
        self.graph.flush();
    }

    /// The next picture of the rung of that index, if there is one.
    pub(super) fn pull(&mut self, rung: usize) -> Option<frame::Video> {
        let mut picture = frame::Video::empty();
        self.graph.pull(rung, &mut picture).then_some(picture)
    }
}

/// FFmpeg's description of the chain: `[in]…[out0];…`.
fn spec(shape: &PictureShape, sizes: &[(u32, u32)]) -> String {
    let mut spec = String::from("[in]");
    if shape.interlaced {
        // One picture for each frame, so that the rate stays; its time base is halved, and set back.
        spec.push_str("bwdif=mode=send_frame:deint=interlaced,settb=1/1000,");
    }
    // Full-range pictures keep their range: only depth and chroma are brought down.
    spec.push_str("format=yuv420p|yuvj420p");
    let mut from = (shape.width, shape.height);
    for (index, size) in sizes.iter().enumerate() {
        spec.push_str(&resize(from, *size, shape.aspect));
        from = *size;
        if index + 1 == sizes.len() {
            let _ = write!(spec, "[out{index}]");
        } else {
            let _ = write!(spec, ",split[out{index}][s{index}];[s{index}]null");
        }
    }
    spec
}

/// The filters between two sizes. Pixels keep the source's shape: a side that is rounded to an even number is a pixel's work, and
/// no reason for players to stretch the picture by a thousandth.
fn resize(from: (u32, u32), to: (u32, u32), aspect: (i32, i32)) -> String {
    let is_cut = |from: u32, to: u32| from == to || from == to + 1;
    if from == to {
        String::new()
    } else if is_cut(from.0, to.0) && is_cut(from.1, to.1) {
        format!(",crop={}:{}:0:0", to.0, to.1)
    } else {
        format!(
            ",scale={}:{}:flags=bicubic,setsar={}/{}",
            to.0,
            to.1,
            aspect.0,
            aspect.1.max(1)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ffmpeg_next::util::format::Pixel;

    fn is_plain(format: Pixel) -> bool {
        matches!(format, Pixel::YUV420P | Pixel::YUVJ420P)
    }

    fn shape(interlaced: bool) -> PictureShape {
        PictureShape {
            width: 1280,
            height: 720,
            format: Pixel::YUV420P,
            aspect: (1, 1),
            interlaced,
        }
    }

    #[test]
    fn each_rung_is_scaled_from_the_one_above_it_and_the_sources_own_size_not_at_all() {
        assert_eq!(
            spec(&shape(false), &[(1280, 720), (854, 480)]),
            "[in]format=yuv420p|yuvj420p,split[out0][s0];[s0]null,scale=854:480:flags=bicubic,setsar=1/1[out1]"
        );
        assert!(spec(&shape(true), &[(640, 360)]).starts_with("[in]bwdif"));
        let odd = PictureShape {
            width: 1281,
            height: 721,
            ..shape(false)
        };
        assert_eq!(
            spec(&odd, &[(1280, 720)]),
            "[in]format=yuv420p|yuvj420p,crop=1280:720:0:0[out0]"
        );
    }

    #[test]
    fn every_pixel_format_becomes_a_plain_one_of_the_rungs_size() {
        super::super::ffmpeg::init();
        for format in [
            Pixel::YUV420P,
            Pixel::YUV422P,
            Pixel::YUV444P10LE,
            Pixel::NV12,
            Pixel::YUVJ420P,
        ] {
            for interlaced in [false, true] {
                let shape = PictureShape {
                    format,
                    ..shape(interlaced)
                };
                let mut pictures = Pictures::new(shape, &[(640, 360), (426, 240)]).unwrap();
                let mut got = Vec::new();
                for pts in [0, 33, 67, 100] {
                    let mut picture = frame::Video::new(format, 1280, 720);
                    picture.set_pts(Some(pts));
                    pictures.push(&picture).unwrap();
                    got.extend(pictures.pull(0).map(|small| (small.width(), small.pts())));
                    assert!(
                        pictures
                            .pull(1)
                            .is_none_or(|small| small.width() == 426 && is_plain(small.format()))
                    );
                }
                pictures.flush();
                got.extend(pictures.pull(0).map(|small| (small.width(), small.pts())));
                assert_eq!(
                    got,
                    [0, 33, 67, 100].map(|pts| (640, Some(pts))),
                    "{format:?} {interlaced}"
                );
            }
        }
    }
}
