//! FFmpeg's libraries where their Rust binding has no safe way: all of the crate's `unsafe` is here.

use std::sync::Once;

use ffmpeg_next::codec::{self, Context, Id, decoder, encoder};
use ffmpeg_next::util::format::Pixel;
use ffmpeg_next::{Dictionary, ffi, filter, frame};
use vitrine_packager::media::VideoCodec;

use super::plan::{AudioRung, VideoRung};
use super::{LadderError, encoders};

/// Milliseconds: the unit of every video stamp here.
pub(super) const MILLIS: (i32, i32) = (1, 1000);
/// Samples a second of every encoded audio rendition.
pub(super) const AUDIO_HZ: u32 = 48_000;

/// Threads of the AV1 decoder, which costs several times what the others do.
const AV1_THREADS: usize = 4;
/// A keyframe interval that no show reaches, in frames: nine hours of 30 a second. Some encoders take no larger one.
const LONGEST_GOP: u32 = 1_000_000;

/// Sets the libraries up, once: their own log stays at errors that nobody returns.
pub(super) fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        // Fails only where the libraries are built without what is asked for later, which then says so.
        let _ = ffmpeg_next::init();
        ffmpeg_next::util::log::set_level(ffmpeg_next::util::log::Level::Fatal);
    });
}

/// A decoder of a track with that configuration record.
pub(super) fn video_decoder(codec: VideoCodec, record: &[u8]) -> Result<decoder::Video, LadderError> {
    let id = match codec {
        VideoCodec::Avc => Id::H264,
        VideoCodec::Hevc => Id::HEVC,
        VideoCodec::Av1 => Id::AV1,
    };
    let mut context = decoder_context(id, record)?;
    if codec == VideoCodec::Av1 {
        // dav1d's threads share one frame then; without it they work on several, and hold them back.
        context.set_flags(codec::Flags::LOW_DELAY);
        context.set_threading(codec::threading::Config::count(AV1_THREADS));
    } else {
        // One thread: frame threads would hold back as many frames.
        context.set_threading(codec::threading::Config::count(1));
    }
    context.decoder().video().map_err(LadderError::decoder)
}

/// A decoder of AAC with that AudioSpecificConfig.
pub(super) fn audio_decoder(asc: &[u8]) -> Result<decoder::Audio, LadderError> {
    decoder_context(Id::AAC, asc)?
        .decoder()
        .audio()
        .map_err(LadderError::decoder)
}

fn decoder_context(id: Id, extradata: &[u8]) -> Result<Context, LadderError> {
    let codec = decoder::find(id).ok_or(LadderError::NoDecoder(format!("{id:?}")))?;
    let mut context = Context::new_with_codec(codec);
    let padding = ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
    let size = i32::try_from(extradata.len()).map_err(|_| LadderError::NoDecoder(format!("{id:?}")))?;
    // SAFETY: the context was just allocated and is ours alone. The buffer is av_malloc'ed with the padding that decoders
    // may read past its end, zeroed, and given to the context, which frees it.
    unsafe {
        let buffer = ffi::av_mallocz(extradata.len() + padding).cast::<u8>();
        if buffer.is_null() {
            return Err(LadderError::NoDecoder(format!("{id:?}")));
        }
        std::ptr::copy_nonoverlapping(extradata.as_ptr(), buffer, extradata.len());
        let raw = context.as_mut_ptr();
        (*raw).extradata = buffer;
        (*raw).extradata_size = size;
        (*raw).pkt_timebase = ffi::AVRational {
            num: MILLIS.0,
            den: MILLIS.1,
        };
    }
    Ok(context)
}

/// An encoder of a rung for pictures like `sample`, and its codec's headers.
pub(super) fn video_encoder(
    rung: &VideoRung,
    sample: &frame::Video,
) -> Result<(encoder::Video, Vec<u8>), LadderError> {
    let failed = |source| LadderError::encoder(&rung.encoder, source);
    let codec =
        encoder::find_by_name(&rung.encoder).ok_or_else(|| LadderError::unknown_encoder(&rung.encoder))?;
    let mut context = Context::new_with_codec(codec);
    context.set_threading(codec::threading::Config {
        kind: codec::threading::Type::Slice,
        count: rung.threads.max(1) as usize,
        ..codec::threading::Config::default()
    });
    context.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::CLOSED_GOP);
    // SAFETY: the context is ours, the sample a whole frame; only plain values are copied. The binding has no setters for
    // primaries, transfer and chroma place.
    unsafe {
        let (raw, shown) = (context.as_mut_ptr(), sample.as_ptr());
        (*raw).color_primaries = (*shown).color_primaries;
        (*raw).color_trc = (*shown).color_trc;
        (*raw).colorspace = (*shown).colorspace;
        (*raw).color_range = (*shown).color_range;
        (*raw).chroma_sample_location = (*shown).chroma_location;
        (*raw).sample_aspect_ratio = (*shown).sample_aspect_ratio;
        (*raw).rc_buffer_size = i32::try_from(rung.maxrate_bps).unwrap_or(i32::MAX);
    }
    let mut video = context.encoder().video().map_err(failed)?;
    video.set_width(sample.width());
    video.set_height(sample.height());
    video.set_format(sample.format());
    video.set_time_base(MILLIS);
    let (numerator, denominator) = (rung.frame_rate.numerator.get(), rung.frame_rate.denominator.get());
    video.set_frame_rate(Some((numerator as i32, denominator as i32)));
    video.set_bit_rate(rung.bitrate_bps as usize);
    video.set_max_bit_rate(rung.maxrate_bps as usize);
    video.set_max_b_frames(0);
    // IDRs are forced: the encoder never comes to make one of its own.
    video.set_gop(LONGEST_GOP);
    let opened = video.open_with(encoder_options(rung)).map_err(failed)?;
    let headers = extradata(&opened.0.0.0);
    Ok((opened, headers))
}

fn encoder_options(rung: &VideoRung) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    for (key, value) in encoders::options(rung) {
        options.set(key, &value);
    }
    options
}

/// Adds side data to a frame; without memory for it, the frame goes on without.
pub(super) fn add_side_data(frame: &mut frame::Frame, kind: frame::side_data::Type, bytes: &[u8]) {
    // SAFETY: the frame is ours; what av_frame_new_side_data gives has as many bytes as it was asked for, and no other owner.
    unsafe {
        let entry = ffi::av_frame_new_side_data(frame.as_mut_ptr(), kind.into(), bytes.len());
        if !entry.is_null() {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), (*entry).data, bytes.len());
        }
    }
}

/// An encoder of AAC-LC, its AudioSpecificConfig, and the samples of one frame.
pub(super) fn audio_encoder(rung: AudioRung) -> Result<(encoder::Audio, Vec<u8>, u32), LadderError> {
    let failed = |source| LadderError::encoder("aac", source);
    let codec = encoder::find(Id::AAC).ok_or_else(|| LadderError::unknown_encoder("aac"))?;
    let mut context = Context::new_with_codec(codec);
    context.set_flags(codec::Flags::GLOBAL_HEADER);
    let mut audio = context.encoder().audio().map_err(failed)?;
    audio.set_rate(AUDIO_HZ as i32);
    audio.set_format(ffmpeg_next::format::Sample::F32(
        ffmpeg_next::format::sample::Type::Planar,
    ));
    audio.set_channel_layout(layout(rung.channels));
    audio.set_channels(rung.channels.into());
    audio.set_bit_rate(rung.bitrate_bps as usize);
    audio.set_time_base((1, AUDIO_HZ as i32));
    let opened = audio.open().map_err(failed)?;
    let headers = extradata(&opened.0.0.0);
    let samples = opened.frame_size();
    Ok((opened, headers, samples))
}

fn layout(channels: u8) -> ffmpeg_next::ChannelLayout {
    if channels == 1 {
        ffmpeg_next::ChannelLayout::MONO
    } else {
        ffmpeg_next::ChannelLayout::STEREO
    }
}

fn extradata(context: &Context) -> Vec<u8> {
    // SAFETY: an open context's extradata is null or points to extradata_size bytes, which live as long as it does.
    unsafe {
        let raw = context.as_ptr();
        let size = usize::try_from((*raw).extradata_size).unwrap_or(0);
        if (*raw).extradata.is_null() || size == 0 {
            return Vec::new();
        }
        std::slice::from_raw_parts((*raw).extradata, size).to_vec()
    }
}

/// What a filter graph is made for: another picture needs another graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PictureShape {
    pub width: u32,
    pub height: u32,
    pub format: Pixel,
    pub aspect: (i32, i32),
    pub interlaced: bool,
}

impl PictureShape {
    pub(super) fn of(picture: &frame::Video) -> Self {
        let aspect = picture.aspect_ratio();
        Self {
            width: picture.width(),
            height: picture.height(),
            format: picture.format(),
            aspect: (aspect.numerator(), aspect.denominator()),
            interlaced: picture.is_interlaced(),
        }
    }
}

/// A graph of FFmpeg filters with one source, `in`, and sinks `out0`, `out1` …
pub(super) struct Graph {
    graph: filter::Graph,
    sinks: usize,
}

impl Graph {
    /// The graph of `spec`, whose input is `[in]` and whose outputs are `[out0]` to `[outN]`.
    pub(super) fn new(
        source: (&str, &str),
        sink: &str,
        sinks: usize,
        spec: &str,
    ) -> Result<Self, LadderError> {
        let missing = |name: &str| LadderError::NoFilter(name.to_owned());
        let find = |name: &str| filter::find(name).ok_or_else(|| missing(name));
        let failed = |error: ffmpeg_next::Error| LadderError::NoFilter(format!("{spec}: {error}"));
        let mut graph = filter::Graph::new();
        // SAFETY: the graph is ours, and not configured yet: then the value may be set (libavfilter/avfilter.h).
        unsafe {
            (*graph.as_mut_ptr()).nb_threads = 1;
        }
        graph.add(&find(source.0)?, "in", source.1).map_err(failed)?;
        for index in 0..sinks {
            graph
                .add(&find(sink)?, &format!("out{index}"), "")
                .map_err(failed)?;
        }
        let mut parser = graph.output("in", 0).map_err(failed)?;
        for index in 0..sinks {
            parser = parser.input(&format!("out{index}"), 0).map_err(failed)?;
        }
        parser.parse(spec).map_err(failed)?;
        graph.validate().map_err(failed)?;
        Ok(Self { graph, sinks })
    }

    /// Sends every sink frames of so many audio samples.
    pub(super) fn set_frame_size(&mut self, sink: usize, samples: u32) {
        if let Some(mut context) = self.graph.get(&format!("out{sink}")) {
            context.sink().set_frame_size(samples);
        }
    }

    /// Puts a frame in; it stays the caller's too.
    pub(super) fn push(&mut self, frame: &frame::Frame) -> Result<(), ffmpeg_next::Error> {
        let mut source = self.graph.get("in").ok_or(ffmpeg_next::Error::FilterNotFound)?;
        // SAFETY: a configured buffer source and a whole frame, of which it makes a reference of its own. The binding's way takes
        // the frame away from whoever lent it.
        match unsafe { ffi::av_buffersrc_write_frame(source.as_mut_ptr(), frame.as_ptr()) } {
            0 => Ok(()),
            error => Err(ffmpeg_next::Error::from(error)),
        }
    }

    /// Tells the graph that nothing follows.
    pub(super) fn flush(&mut self) {
        if let Some(mut source) = self.graph.get("in") {
            let _ = source.source().flush();
        }
    }

    /// Takes a frame out of sink `index`; `false` when there is none yet.
    pub(super) fn pull(&mut self, index: usize, frame: &mut frame::Frame) -> bool {
        index < self.sinks
            && self
                .graph
                .get(&format!("out{index}"))
                .is_some_and(|mut context| context.sink().frame(frame).is_ok())
    }
}
