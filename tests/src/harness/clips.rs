//! Shows that change in the midst: an encoder that is told to change its settings while it is connected.
//!
//! ```text
//! clips, recorded before ──► one of them, again and again, in real time ──► FFmpeg, which copies ──► Vitrine
//! ```

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::{Publisher, Source, Vitrine};

/// A clip's length: whole frames of 25 and of 30 a second, and of AAC at 48 kHz, so that clips join without a seam.
const CLIP_MS: u32 = 1600;
const AUDIO_FRAMES: u32 = 75;
/// What is recorded: a clip, and the keyframe behind it.
const RECORDED_S: f64 = 3.4;
/// FLV's file header, for audio and video, and the size field after it (Adobe FLV 10.1, E.2).
const FILE_HEADER: [u8; 13] = [b'F', b'L', b'V', 1, 0b101, 0, 0, 0, 9, 0, 0, 0, 0];
/// A tag's header, and the size field after its body (E.4.1).
const TAG_HEADER: usize = 11;
const TAG_TRAILER: usize = 4;
const AUDIO_TAG: u8 = 8;
const VIDEO_TAG: u8 = 9;
const SCRIPT_TAG: u8 = 18;
/// FrameType of a keyframe, in the upper half of a video tag's first byte (E.4.3.1).
const KEYFRAME: u8 = 1;
/// AVCPacketType and AACPacketType: parameters, and coded frames.
const PARAMETERS: u8 = 0;
const FRAMES: u8 = 1;

/// A group of pictures and the audio beside it, or one of both alone: 1.6 s.
#[derive(Debug, Clone)]
pub struct Clip {
    /// onMetaData: an encoder says it once.
    metadata: Option<Tag>,
    /// AVC and AAC sequence headers.
    parameters: Vec<Tag>,
    /// By time, from 0.
    frames: Vec<Tag>,
}

#[derive(Debug, Clone)]
struct Tag {
    at_ms: u32,
    /// Header and trailer included.
    bytes: Vec<u8>,
}

impl Clip {
    /// Records what these sources show, at once. Their frame rates must be 25 or 30, their audio's 48 kHz. Panics, as the harness
    /// does, if FFmpeg cannot record them.
    pub fn record<const N: usize>(folder: &Path, sources: [Source; N]) -> [Self; N] {
        let mut index = 0;
        let recordings = sources.map(|source| {
            let file = folder.join(format!("clip-{index}.flv"));
            index += 1;
            (start_recording(&source.seconds(RECORDED_S), &file), file)
        });
        recordings.map(|(mut recording, file)| {
            let status = recording.wait().unwrap_or_else(|error| panic!("ffmpeg: {error}"));
            assert!(
                status.success(),
                "ffmpeg could not record {}: {status}",
                file.display()
            );
            let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            Self::read(&bytes)
        })
    }

    fn read(flv: &[u8]) -> Self {
        let (mut parameters, mut video, mut audio) = (Vec::new(), Vec::new(), Vec::new());
        let mut metadata = None;
        let mut rest = flv.get(FILE_HEADER.len()..).unwrap_or_default();
        let (mut begin_ms, mut ends_ms, mut keyframes) = (None, None, 0);
        while let Some((tag, after)) = next_tag(rest) {
            rest = after;
            let kind = (tag[0], tag.get(TAG_HEADER + 1).copied());
            match kind {
                (SCRIPT_TAG, _) => metadata = metadata.or(Some(Tag::new(0, tag))),
                (AUDIO_TAG | VIDEO_TAG, Some(PARAMETERS)) => parameters.push(Tag::new(0, tag)),
                (VIDEO_TAG, Some(FRAMES)) => {
                    keyframes += u32::from(tag[TAG_HEADER] >> 4 == KEYFRAME);
                    let stamp_ms = u32::from_be_bytes([tag[7], tag[4], tag[5], tag[6]]);
                    let at_ms = stamp_ms - *begin_ms.get_or_insert(stamp_ms);
                    match keyframes {
                        1 => video.push(Tag::new(at_ms, tag)),
                        _ => ends_ms = ends_ms.or(Some(at_ms)),
                    }
                }
                (AUDIO_TAG, Some(FRAMES)) if (audio.len() as u32) < AUDIO_FRAMES => {
                    let at_ms = audio.len() as u32 * CLIP_MS / AUDIO_FRAMES;
                    audio.push(Tag::new(at_ms, tag));
                }
                _ => {}
            }
        }
        let mut frames = [video, audio].concat();
        frames.sort_by_key(|tag| tag.at_ms);
        assert!(!frames.is_empty(), "a recording without frames");
        assert!(
            ends_ms.is_none_or(|end| end == CLIP_MS),
            "a group of pictures of {ends_ms:?} ms"
        );
        Self {
            metadata,
            parameters,
            frames,
        }
    }
}

impl Tag {
    fn new(at_ms: u32, bytes: &[u8]) -> Self {
        Self {
            at_ms,
            bytes: bytes.to_vec(),
        }
    }

    /// Its bytes with another stamp.
    fn stamped(&self, at_ms: u32) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let [high, time @ ..] = at_ms.to_be_bytes();
        bytes[4..7].copy_from_slice(&time);
        bytes[7] = high;
        bytes
    }
}

/// FFmpeg, connected to a channel, sending one clip after the other. Dropped, it is killed.
#[derive(Debug)]
pub struct ClipPublisher {
    publisher: Publisher,
    /// Bounded: one change. Full: whoever wants the next waits for the end of the clip on air.
    changes: SyncSender<Change>,
}

#[derive(Debug)]
struct Change {
    to: Clip,
    leap_ms: u32,
}

impl ClipPublisher {
    /// Publishes `clip` again and again. The tracks of `later` are announced from the beginning, as encoders do.
    pub fn start(clip: &Clip, later: &Clip, vitrine: &Vitrine, channel: &str) -> Self {
        let (publisher, input) = Publisher::fed(vitrine, channel);
        let (changes, next) = sync_channel(1);
        let mut announced: Vec<Tag> = clip.metadata.iter().cloned().collect();
        announced.extend([&clip.parameters[..], &later.parameters[..]].concat());
        let clip = clip.clone();
        std::thread::spawn(move || {
            // FFmpeg that is gone takes nothing more.
            let _ = feed(input, &announced, clip, &next);
        });
        Self { publisher, changes }
    }

    /// Goes on with another clip when the one on air has ended.
    pub fn change_to(&self, clip: &Clip) {
        self.change(clip, Duration::ZERO);
    }

    /// Goes on with `clip` and stamps so much later.
    pub fn leap(&self, clip: &Clip, by: Duration) {
        self.change(clip, by);
    }

    fn change(&self, clip: &Clip, leap: Duration) {
        let change = Change {
            to: clip.clone(),
            leap_ms: leap.as_millis() as u32,
        };
        if self.changes.send(change).is_err() {
            panic!("FFmpeg has ended: {}", self.publisher.log());
        }
    }

    /// Stops it as a broadcaster does.
    pub async fn stop(self) {
        self.publisher.stop().await;
    }
}

/// Writes in real time until FFmpeg is gone, or nobody can ask for a change any more.
fn feed(
    mut input: ChildStdin,
    announced: &[Tag],
    mut clip: Clip,
    changes: &Receiver<Change>,
) -> std::io::Result<()> {
    let begun = Instant::now();
    let (mut sent_ms, mut leapt_ms) = (0, 0);
    input.write_all(&FILE_HEADER)?;
    for tag in announced {
        input.write_all(&tag.stamped(0))?;
    }
    loop {
        for tag in &clip.frames {
            let due = begun + Duration::from_millis(u64::from(sent_ms + tag.at_ms));
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            input.write_all(&tag.stamped(leapt_ms + sent_ms + tag.at_ms))?;
        }
        sent_ms += CLIP_MS;
        match changes.try_recv() {
            Ok(change) => {
                leapt_ms += change.leap_ms;
                clip = change.to;
                for tag in &clip.parameters {
                    input.write_all(&tag.stamped(leapt_ms + sent_ms))?;
                }
            }
            Err(std::sync::mpsc::TryRecvError::Empty) => {}
            Err(std::sync::mpsc::TryRecvError::Disconnected) => return Ok(()),
        }
    }
}

fn start_recording(source: &Source, to: &Path) -> Child {
    // As fast as it goes.
    let arguments = source
        .arguments()
        .into_iter()
        .filter(|argument| argument != "-re");
    Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"])
        .args(arguments)
        .args(["-flvflags", "no_duration_filesize", "-f", "flv"])
        .arg(to)
        .stdin(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("ffmpeg does not start: {error}"))
}

/// The first whole tag with the size after it, and what follows.
fn next_tag(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let size = bytes.get(1..4)?;
    let body = u32::from_be_bytes([0, size[0], size[1], size[2]]) as usize;
    bytes.split_at_checked(TAG_HEADER + body + TAG_TRAILER)
}
