//! Shows that change in the midst: recordings joined into one FLV file, as an encoder that changes its settings while it is
//! connected would send them.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::Source;

/// FLV's file header and the size field after it (Adobe FLV 10.1, E.2).
const FILE_HEADER: usize = 13;
/// A tag's header, and the size field after its body (E.4.1).
const TAG_HEADER: usize = 11;
const TAG_TRAILER: usize = 4;
const SCRIPT_TAG: u8 = 18;
const VIDEO_TAG: u8 = 9;
/// AVCPacketType: the sequence ends (E.4.3.1).
const END_OF_SEQUENCE: u8 = 2;
/// From one recording's last frame to the next one's first.
const STEP_MS: u32 = 33;

/// Records each clip for so many seconds and joins them: one connection's show. Each clip begins with its own parameters. Panics,
/// as the harness does, if FFmpeg cannot record them.
pub fn splice(folder: &Path, clips: &[(Source, f64)]) -> Source {
    let path = |index: usize| folder.join(format!("clip-{index}.flv"));
    let recordings: Vec<Child> = clips
        .iter()
        .enumerate()
        .map(|(index, (source, seconds))| record(&source.clone().seconds(*seconds), &path(index)))
        .collect();
    let mut joined = Joined::default();
    for (index, mut recording) in recordings.into_iter().enumerate() {
        let status = recording.wait().unwrap_or_else(|error| panic!("ffmpeg: {error}"));
        assert!(status.success(), "ffmpeg could not record clip {index}: {status}");
        let clip = std::fs::read(path(index)).unwrap_or_else(|error| panic!("clip {index}: {error}"));
        joined.append(&clip);
    }
    let file = folder.join("spliced.flv");
    std::fs::write(&file, joined.bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    // Late audio must not hold back the video before it.
    Source::file(file).with(&["-max_interleave_delta", "100000"])
}

fn record(source: &Source, to: &Path) -> Child {
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

#[derive(Default)]
struct Joined {
    bytes: Vec<u8>,
    /// Where the next recording's time begins, in milliseconds.
    begin_ms: u32,
}

impl Joined {
    fn append(&mut self, clip: &[u8]) {
        let (header, mut rest) = clip.split_at(FILE_HEADER.min(clip.len()));
        let is_first = self.bytes.is_empty();
        if is_first {
            self.bytes.extend_from_slice(header);
        }
        // A track that comes later is announced from the beginning.
        if let (Some(flags), Some(own)) = (self.bytes.get_mut(4), header.get(4)) {
            *flags |= own;
        }
        let begin_ms = self.begin_ms;
        // By the video, if there is any: its frames go on without a hole.
        let mut last_ms = [None; 2];
        while let Some((tag, after)) = next_tag(rest) {
            rest = after;
            let is_end = tag[0] == VIDEO_TAG && tag.get(TAG_HEADER + 1) == Some(&END_OF_SEQUENCE);
            if is_end || (tag[0] == SCRIPT_TAG && !is_first) {
                continue;
            }
            let at_ms = begin_ms + u32::from_be_bytes([tag[7], tag[4], tag[5], tag[6]]);
            last_ms[usize::from(tag[0] == VIDEO_TAG)] = Some(at_ms);
            let [high, time @ ..] = at_ms.to_be_bytes();
            let begin = self.bytes.len();
            self.bytes.extend_from_slice(tag);
            self.bytes[begin + 4..begin + 7].copy_from_slice(&time);
            self.bytes[begin + 7] = high;
        }
        let [others, video] = last_ms;
        self.begin_ms = video.or(others).unwrap_or(begin_ms) + STEP_MS;
    }
}

/// The first whole tag with the size after it, and what follows.
fn next_tag(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let size = bytes.get(1..4)?;
    let body = u32::from_be_bytes([0, size[0], size[1], size[2]]) as usize;
    bytes.split_at_checked(TAG_HEADER + body + TAG_TRAILER)
}
