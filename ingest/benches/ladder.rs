//! The ladder against one ffmpeg command that makes the same rungs with the same settings, both in this run; and what the ladder
//! adds to the way of a frame at the speed of the show.
//!
//! Figures are printed, nothing is asserted.
#![allow(clippy::unwrap_used, clippy::expect_used)] // no part of the product
#![allow(dead_code)] // the ladder's tests use the rest

#[path = "../tests/ladder/run.rs"]
mod run;
#[path = "../tests/ladder/source.rs"]
mod source;

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use vitrine_ingest::ladder::{
    IdrGrid, Ladder, LadderOutput, LadderSettings, Plan, RenditionOrigin, VideoRung,
};
use vitrine_packager::media::{RenditionId, TrackKind};

use source::{Encoded, TemporaryFile, words};

/// Clock ticks of /proc, a second (Linux: USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;
/// Length of the show.
const SECONDS: u32 = 15;
/// How often the ladder and the ffmpeg command take turns; their medians are compared.
const ROUNDS: usize = 3;
/// Processors that the automatic ladder is planned for: the source passed through, 480p and 360p.
const PROCESSORS: usize = 2;

fn main() {
    let with_b_frames = show(2);
    let encoded = source::read(&with_b_frames.0);
    let plan = Plan::new(&LadderSettings::default(), &encoded.source(true), PROCESSORS).unwrap();
    println!(
        "\n720p30, {SECONDS} s of a moving picture with noise, passed through beside {}",
        described(&plan)
    );
    compare_cpu(&with_b_frames.0, &plan);
    for (name, file) in [("2 B-frames", with_b_frames), ("no B-frames", show(0))] {
        at_the_speed_of_the_show(name, &source::read(&file.0), &plan);
    }
}

fn show(b_frames: u32) -> TemporaryFile {
    let file = TemporaryFile::new("mp4");
    let arguments = format!(
        "-hide_banner -loglevel error -nostdin -y -f lavfi -i testsrc2=s=1280x720:r=30,noise=alls=8:allf=t -t {SECONDS} \
         -c:v libx264 -preset veryfast -bf {b_frames} -b:v 4M -g 60 -pix_fmt yuv420p"
    );
    let status = Command::new("ffmpeg")
        .args(words(&arguments))
        .arg(&file.0)
        .status();
    assert!(status.expect("the ffmpeg command").success());
    file
}

fn rungs(plan: &Plan) -> impl Iterator<Item = (usize, &str, &VideoRung)> {
    let with_place = plan.renditions.iter().enumerate();
    with_place.filter_map(|(place, rendition)| match &rendition.origin {
        RenditionOrigin::Video(rung) => Some((place, rendition.name.as_str(), rung)),
        _ => None,
    })
}

fn described(plan: &Plan) -> String {
    let one = |(_, _, rung): (usize, &str, &VideoRung)| {
        format!(
            "{}x{}@{:.0} {} kbit/s {} in {} thread(s)",
            rung.width,
            rung.height,
            rung.frame_rate.fps(),
            rung.bitrate_bps / 1000,
            rung.preset.as_deref().unwrap_or_default(),
            rung.threads
        )
    };
    rungs(plan).map(one).collect::<Vec<_>>().join(", ")
}

/// Processor seconds and peak memory.
#[derive(Clone, Copy)]
struct Cost {
    cpu_s: f64,
    wall_s: f64,
    peak_kib: u64,
}

fn compare_cpu(file: &Path, plan: &Plan) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(ffmpeg_command(file, plan));
        ours.push(our_ladder(file, plan));
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    let line = |name: &str, cost: Cost| {
        println!(
            "  {name:<16} {:>7.2} s of processor time, {:>6.2} s to the end, {:>4} MiB at most",
            cost.cpu_s,
            cost.wall_s,
            cost.peak_kib / 1024
        );
    };
    line("one ffmpeg", theirs);
    line("the ladder", ours);
    println!(
        "  ratio            {:>7.3} (aim: at most 1.05)",
        ours.cpu_s / theirs.cpu_s
    );
}

fn median(costs: &mut [Cost]) -> Cost {
    costs.sort_by(|one, other| one.cpu_s.total_cmp(&other.cpu_s));
    costs[costs.len() / 2]
}

/// The command that a person would write: decode once, split, scale each, encode each.
fn ffmpeg_command(file: &Path, plan: &Plan) -> Cost {
    let count = rungs(plan).count();
    let mut graph = format!("[0:v]split={count}");
    (0..count).for_each(|index| graph.push_str(&format!("[s{index}]")));
    let mut outputs = Vec::new();
    for (index, (_, _, rung)) in rungs(plan).enumerate() {
        let fps = match rung.each_nth_frame {
            1 => String::new(),
            _ => format!(
                "fps={}/{},",
                rung.frame_rate.numerator, rung.frame_rate.denominator
            ),
        };
        graph.push_str(&format!(
            ";[s{index}]{fps}scale={}:{}:flags=bicubic[o{index}]",
            rung.width, rung.height
        ));
        outputs.extend(words(&format!(
            "-map [o{index}] -c:v {} -preset {} -tune zerolatency -profile:v high -threads {} -b:v {} -maxrate {} -bufsize {} \
             -bf 0 -g 1000000 -forced-idr 1 -x264-params keyint=infinite:scenecut=0:open-gop=0 \
             -force_key_frames expr:gte(t,n_forced*2) -f null -",
            rung.encoder,
            rung.preset.as_deref().unwrap_or("medium"),
            rung.threads,
            rung.bitrate_bps,
            rung.maxrate_bps,
            rung.maxrate_bps,
        )));
    }
    let begun = Instant::now();
    let output = Command::new("ffmpeg")
        .args(words("-hide_banner -nostdin -loglevel info -nostats -benchmark"))
        .args(words("-threads 1 -filter_threads 1 -filter_complex_threads 1 -i"))
        .arg(file)
        .args(["-filter_complex", &graph])
        .args(&outputs)
        .output()
        .expect("the ffmpeg command");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let figure = |key: &str| -> f64 {
        let after = said.split(key).nth(1).expect("ffmpeg's figures");
        let digits: String = after
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        digits.parse().unwrap()
    };
    Cost {
        cpu_s: figure("utime=") + figure("stime="),
        wall_s: begun.elapsed().as_secs_f64(),
        peak_kib: figure("maxrss=") as u64,
    }
}

/// The same with the ladder, reading of the file included.
fn our_ladder(file: &Path, plan: &Plan) -> Cost {
    forget_peak();
    let (begun, cpu_before) = (Instant::now(), cpu_seconds());
    let encoded = source::read(file);
    let frames = encode_all(&encoded, plan);
    let (cpu_s, wall_s) = (cpu_seconds() - cpu_before, begun.elapsed().as_secs_f64());
    for (place, name, _) in rungs(plan) {
        assert!(
            frames.contains_key(&RenditionId(place as u16)),
            "{name} has no frames"
        );
    }
    Cost {
        cpu_s,
        wall_s,
        peak_kib: status_kib("VmHWM"),
    }
}

/// Pushes as fast as the ladder goes; counts what comes out of each rendition.
fn encode_all(encoded: &Encoded, plan: &Plan) -> HashMap<RenditionId, usize> {
    let (mut ladder, mut outputs) = Ladder::start(plan, &encoded.tracks, IdrGrid::Source).unwrap();
    let reader = std::thread::spawn(move || {
        let mut frames = HashMap::new();
        while let Some(output) = outputs.blocking_recv() {
            match output {
                LadderOutput::Frame { rendition, .. } => *frames.entry(rendition).or_insert(0) += 1,
                LadderOutput::Track { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        frames
    });
    for frame in &encoded.frames {
        // A fifth of a second ahead: no more than the ladder takes for real time.
        while ladder.backlog() >= 6 {
            std::thread::sleep(Duration::from_millis(3));
        }
        ladder.push(frame);
    }
    ladder.finish();
    reader.join().unwrap()
}

/// Pushes each frame when it is due, and looks when it comes out of each rung. A frame that B-frames are made of arrives before
/// the frames that are shown before it: encoders are given it after them, so that its latency has their time in it.
fn at_the_speed_of_the_show(name: &str, encoded: &Encoded, plan: &Plan) {
    forget_peak();
    let (mut ladder, mut outputs) = Ladder::start(plan, &encoded.tracks, IdrGrid::Source).unwrap();
    let reader = std::thread::spawn(move || {
        let mut out = Vec::new();
        while let Some(output) = outputs.blocking_recv() {
            match output {
                LadderOutput::Frame { rendition, frame } => {
                    out.push((rendition, frame.pts_ms, Instant::now()))
                }
                LadderOutput::Shed { rendition, lag_ms } => {
                    println!("  {rendition:?} was shed, {lag_ms} ms behind")
                }
                _ => {}
            }
        }
        out
    });
    let begun = Instant::now();
    let mut pushed = HashMap::new();
    for frame in encoded.of(TrackKind::Video) {
        let due = begun + Duration::from_millis(u64::try_from(frame.dts_ms.max(0)).unwrap());
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        pushed.insert(frame.pts_ms, Instant::now());
        ladder.push(frame);
    }
    ladder.finish();
    let stats = ladder.stats().clone();
    let out = reader.join().unwrap();
    println!(
        "  at the speed of the show, source with {name}: decoded and scaled in {:.1} ms a frame, {} left out, {} MiB at most",
        stats.decode_time().as_secs_f64() * 1000.0,
        stats.dropped(),
        status_kib("VmHWM") / 1024
    );
    for (place, name, _) in rungs(plan) {
        let id = RenditionId(place as u16);
        let mut took: Vec<Duration> = out
            .iter()
            .filter(|(rendition, ..)| *rendition == id)
            .map(|(_, pts_ms, at)| *at - pushed[pts_ms])
            .collect();
        took.sort_unstable();
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
        let speed = stats
            .rungs()
            .iter()
            .find(|rung| rung.rendition == id)
            .map_or(0.0, |rung| rung.speed());
        println!(
            "    {name:<12} encoded {speed:>5.1} times as fast as the show; from arrival to encoded, {} frames: p50 {:>5.1} ms, p99 {:>5.1} ms, \
             at most {:>5.1} ms",
            took.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
}

/// Processor time of this process so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / TICKS_PER_SECOND
}

/// Makes the peak of memory begin anew.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

fn status_kib(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
