//! What a player's viewer got, as `browser/play.mjs` prints it, and what may be asked of it.

use std::fmt;

use serde_json::Value;

/// A jump forward in the first seconds is a part of joining; later it hides a stall.
const JOINING_S: f64 = 5.0;
/// The sampler takes four a second, and is granted a busy machine.
const SAMPLES_PER_SECOND: f64 = 2.0;

/// Samples summed up, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// How many.
    pub samples: u64,
    /// Half of them are at most this.
    pub p50: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// All are at most this.
    pub max: f64,
    /// When the worst one was, in seconds after the first frame.
    pub max_at_s: f64,
}

/// What a viewer got.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// For how long was watched, in seconds.
    pub seconds: f64,
    /// Now minus the PDT of the frame on screen; none without samples.
    pub latency: Option<Spread>,
    /// Now minus the clock in the frame on screen; none if there was no clock in the picture.
    pub glass_to_glass: Option<Spread>,
    /// Pictures whose clock could not be read.
    pub unreadable: u64,
    /// From navigation to the first frame, in milliseconds.
    pub first_frame_ms: u64,
    /// Times that playback stood still.
    pub stalls: usize,
    /// Jumps forward after joining.
    pub skips: usize,
    /// Times that the player loaded the show anew.
    pub reloads: u64,
    /// Changes of the rendition.
    pub switches: u64,
    /// Frames decoded and, of those, never shown.
    pub frames: (u64, u64),
    /// The player's errors.
    pub errors: Vec<String>,
}

/// What may be asked of a viewer's figures. No stall, skip, reload or error is asked of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Every sample of the latency is below this, in seconds.
    pub latency_s: f64,
}

impl Figures {
    /// Reads what the script printed.
    pub fn read(printed: &Value) -> Self {
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        let list = |name: &str| printed[name].as_array().map(Vec::as_slice).unwrap_or_default();
        let late = |skip: &&Value| skip["at_s"].as_f64().is_none_or(|at| at > JOINING_S);
        let frames = &printed["frames"];
        Self {
            seconds: printed["seconds"].as_f64().unwrap_or_default(),
            latency: Spread::read(&printed["latency_s"]),
            glass_to_glass: Spread::read(&printed["glass_to_glass_s"]),
            unreadable: count(&printed["glass_to_glass_s"]["unreadable"]),
            first_frame_ms: count(&printed["first_frame_ms"]),
            stalls: list("stalls").len(),
            skips: list("skips").iter().filter(late).count(),
            reloads: count(&printed["reloads"]),
            switches: count(&printed["switches"]),
            frames: (count(&frames["decoded"]), count(&frames["dropped"])),
            errors: list("errors")
                .iter()
                .map(|error| error.as_str().unwrap_or_default().to_owned())
                .collect(),
        }
    }

    /// Everything in which the figures miss the limits; empty if they keep them.
    pub fn misses(&self, limits: Limits) -> Vec<String> {
        let mut misses = Vec::new();
        let mut ask = |kept: bool, miss: String| {
            if !kept {
                misses.push(miss);
            }
        };
        ask(self.stalls == 0, format!("{} stalls", self.stalls));
        ask(self.skips == 0, format!("{} skips after joining", self.skips));
        ask(self.reloads == 0, format!("{} reloads", self.reloads));
        ask(self.errors.is_empty(), self.errors.join("; "));
        let samples = self.latency.map_or(0, |latency| latency.samples);
        let enough = samples as f64 >= self.seconds * SAMPLES_PER_SECOND;
        ask(enough, format!("only {samples} samples of the latency"));
        if let Some(latency) = self.latency {
            let miss = format!(
                "a latency of {:.3} s, over {:.1} s",
                latency.max, limits.latency_s
            );
            ask(latency.max < limits.latency_s, miss);
        }
        misses
    }
}

impl Spread {
    fn read(printed: &Value) -> Option<Self> {
        Some(Self {
            samples: printed["samples"].as_u64()?,
            p50: printed["p50"].as_f64()?,
            p99: printed["p99"].as_f64()?,
            max: printed["max"].as_f64()?,
            max_at_s: printed["max_at_s"].as_f64()?,
        })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            samples,
            p50,
            p99,
            max,
            max_at_s,
        } = self;
        write!(
            f,
            "p50 {p50:.3}  p99 {p99:.3}  max {max:.3} s at second {max_at_s:.1}  ({samples} samples)"
        )
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spread =
            |spread: Option<Spread>| spread.map_or("not measured".to_owned(), |spread| spread.to_string());
        let unreadable = match self.unreadable {
            0 => String::new(),
            count => format!(", {count} pictures unreadable"),
        };
        writeln!(f, "  latency         {}", spread(self.latency))?;
        writeln!(f, "  glass to glass  {}{unreadable}", spread(self.glass_to_glass))?;
        writeln!(
            f,
            "  stalls {}  skips {}  reloads {}  errors {}  rendition switches {}",
            self.stalls,
            self.skips,
            self.reloads,
            self.errors.len(),
            self.switches
        )?;
        let (decoded, dropped) = self.frames;
        let first = self.first_frame_ms;
        writeln!(
            f,
            "  first frame after {first} ms; {decoded} frames decoded, {dropped} not shown"
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIMITS: Limits = Limits { latency_s: 2.0 };

    fn clean() -> Value {
        let spread = json!({"samples": 1100, "p50": 1.1, "p99": 1.2, "max": 1.3, "max_at_s": 2.0, "max_at_s": 4.0, "unreadable": 0});
        json!({
            "player": "watch", "seconds": 300, "first_frame_ms": 800, "latency_s": spread, "glass_to_glass_s": spread,
            "stalls": [], "skips": [{"at_s": 0.4, "to": 12.0}], "reloads": 0, "renditions": ["720p"], "switches": 0,
            "frames": {"decoded": 9000, "dropped": 2}, "errors": [],
        })
    }

    #[test]
    fn what_a_viewer_should_get_is_within_the_limits() {
        let figures = Figures::read(&clean());
        assert_eq!(figures.misses(LIMITS), Vec::<String>::new());
        assert_eq!(figures.frames, (9000, 2));
        assert_eq!(figures.latency.map(|latency| latency.samples), Some(1100));
    }

    #[test]
    fn whatever_a_viewer_should_not_get_is_a_miss() {
        let cases = [
            (
                "stalls",
                json!([{"at_s": 7.0, "kind": "waiting", "ms": 80}]),
                "stalls",
            ),
            ("skips", json!([{"at_s": 61.0, "to": 70.0}]), "skips"),
            ("reloads", json!(1), "reloads"),
            ("errors", json!(["fragLoadError: 404"]), "404"),
            (
                "latency_s",
                json!({"samples": 1100, "p50": 1.1, "p99": 1.9, "max": 2.0, "max_at_s": 2.0}),
                "latency of 2.000 s",
            ),
            (
                "latency_s",
                json!({"samples": 12, "p50": 1.1, "p99": 1.2, "max": 1.3, "max_at_s": 2.0}),
                "only 12 samples",
            ),
            (
                "latency_s",
                json!({"samples": 0, "p50": null, "p99": null, "max": null}),
                "only 0 samples",
            ),
        ];
        for (name, value, expected) in cases {
            let mut printed = clean();
            printed[name] = value;
            let misses = Figures::read(&printed).misses(LIMITS);
            assert_eq!(misses.len(), 1, "{name}: {misses:?}");
            assert!(misses[0].contains(expected), "{name}: {misses:?}");
        }
    }
}
