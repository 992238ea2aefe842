//! A publication's way through its ladder into the session.
//!
//! ```text
//! source Frame ──► Ladder ──► held until every rendition's parameters are known ──► Session
//! ```

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use vitrine_ingest::ladder::{
    IdrGrid, Ladder, LadderError, LadderOutput, LadderStats, Plan, RenditionOrigin,
};
use vitrine_packager::media::{Frame, RenditionId, TrackConfig, TrackKind};
use vitrine_packager::opening::{Opening, RenditionConfig, Renditions};

/// Encoders that have not opened within this time are done without.
const OPENING_PATIENCE: Duration = Duration::from_secs(6);
/// What is on its way through the ladder when its source ends comes out within this time, or is lost.
const DRAIN_PATIENCE: Duration = Duration::from_millis(1500);
/// Bounded: frames that wait for the encoders to open. Full: the encoders are done without.
const HELD_FRAMES: usize = 2048;
/// Bounded: bytes of the source's current group of pictures that are kept, to begin encoding in the midst of it. Full: they are
/// not kept, and encoding would begin at the next IDR.
const RECENT_BYTES: usize = 32 << 20;

/// What is to become of the frames once every rendition is known.
#[derive(Debug)]
pub(super) enum Goal {
    /// A session begins.
    Start(Box<Opening>),
    /// The session goes on, with this source frame as its first.
    Resume(Box<Frame>),
}

/// What the channel is to do with the session.
#[derive(Debug)]
pub(super) enum Step {
    /// Begin, or go on: every rendition is known. The frames follow.
    Begin(Goal, Renditions),
    /// Package a frame.
    Frame(RenditionId, Frame),
    /// Put gaps in place of a rung.
    Shed(RenditionId, String),
    /// Take its frames again.
    Restore(RenditionId),
    /// The encoders cannot be had, and nothing has begun: try again with what needs none, from these source frames on.
    DoWithout(Goal, Vec<Frame>, String),
}

/// One publication's ladder.
#[derive(Debug)]
pub(super) struct Intake {
    plan: Plan,
    ladder: Ladder,
    /// `None` once everything came out of it.
    outputs: Option<mpsc::Receiver<LadderOutput>>,
    source: Vec<TrackConfig>,
    /// By rendition.
    tracks: Vec<Option<TrackConfig>>,
    opening: Option<OpeningLadder>,
    draining: Option<Instant>,
    recent: Vec<Frame>,
    recent_bytes: usize,
}

/// A ladder whose encoders are not all open.
#[derive(Debug)]
struct OpeningLadder {
    goal: Goal,
    since: Instant,
    /// What the session is to do first, once it has begun.
    held: Vec<Step>,
    /// What went in so far.
    sent: Vec<Frame>,
}

impl Intake {
    /// Starts the ladder of `plan`. Pictures before `begin_at_ms`, if it is given, are decoded and not encoded.
    pub(super) fn start(
        plan: Plan,
        source: &[TrackConfig],
        target_duration_s: u32,
        goal: Goal,
        begin_at_ms: Option<i64>,
    ) -> Result<Self, LadderError> {
        let idrs = if plan.passed_through(TrackKind::Video).is_some() {
            IdrGrid::Source
        } else {
            IdrGrid::Every {
                interval_ms: i64::from(target_duration_s) * 1000,
                begin_at_ms,
            }
        };
        let (ladder, outputs) = Ladder::start(&plan, source, idrs)?;
        let own = |kind| source.iter().find(|track| track.kind() == kind).cloned();
        let tracks = plan.renditions.iter().map(|rendition| match rendition.origin {
            RenditionOrigin::PassedThrough(kind) => own(kind),
            _ => None,
        });
        Ok(Self {
            tracks: tracks.collect(),
            plan,
            ladder,
            outputs: Some(outputs),
            source: source.to_vec(),
            opening: Some(OpeningLadder {
                goal,
                since: Instant::now(),
                held: Vec::new(),
                sent: Vec::new(),
            }),
            draining: None,
            recent: Vec::new(),
            recent_bytes: 0,
        })
    }

    /// The plan of its renditions.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The source's tracks.
    pub(super) fn source(&self) -> &[TrackConfig] {
        &self.source
    }

    /// What the ladder does, in figures.
    pub(super) fn stats(&self) -> &LadderStats {
        self.ladder.stats()
    }

    /// Whether the session does not have it yet.
    pub(super) fn is_opening(&self) -> bool {
        self.opening.is_some()
    }

    /// Takes the source's next frame.
    pub(super) fn push(&mut self, frame: Frame, steps: &mut Vec<Step>) {
        self.remember(&frame);
        let passed = self.ladder.push(&frame);
        if let Some(opening) = &mut self.opening {
            opening.sent.push(frame.clone());
        }
        if let Some(id) = passed {
            self.deliver(Step::Frame(id, frame), steps);
        }
        self.begin_if_ready(steps);
    }

    /// The next thing out of the ladder; `None`, once, when it has ended.
    pub(super) async fn next_output(&mut self) -> Option<LadderOutput> {
        match &mut self.outputs {
            Some(outputs) => outputs.recv().await,
            None => std::future::pending().await,
        }
    }

    /// Nothing more comes out of the ladder: it has no encoders.
    pub(super) fn close_outputs(&mut self) {
        self.outputs = None;
    }

    /// Whether something may be on its way.
    pub(super) fn has_outputs(&self) -> bool {
        self.outputs.is_some()
    }

    /// Takes what came out of the ladder.
    pub(super) fn output(&mut self, output: LadderOutput, steps: &mut Vec<Step>) {
        match output {
            LadderOutput::Track { rendition, config } => {
                if let Some(track) = self.tracks.get_mut(usize::from(rendition.0)) {
                    *track = Some(config);
                }
                self.begin_if_ready(steps);
            }
            LadderOutput::Frame { rendition, frame } => self.deliver(Step::Frame(rendition, frame), steps),
            LadderOutput::Shed { rendition, lag_ms } => {
                let why = format!("the ladder is {lag_ms} ms behind: the machine is too slow for it");
                self.deliver(Step::Shed(rendition, why), steps);
            }
            LadderOutput::Restored { rendition } => self.deliver(Step::Restore(rendition), steps),
            LadderOutput::Failed { rendition, error } => match self.opening.take() {
                Some(opening) => steps.push(opening.without(error.to_string())),
                None => steps.push(Step::Shed(rendition, error.to_string())),
            },
        }
    }

    /// Looks at the clock.
    pub(super) fn tick(&mut self, steps: &mut Vec<Step>) {
        let late = |opening: &OpeningLadder| {
            opening.since.elapsed() > OPENING_PATIENCE || opening.sent.len() > HELD_FRAMES
        };
        if self.opening.as_ref().is_some_and(late)
            && let Some(opening) = self.opening.take()
        {
            steps.push(opening.without("the encoders did not open in time".to_owned()));
        }
    }

    /// Lets out what is on its way; [`next_output`](Self::next_output) ends then.
    pub(super) fn drain(&mut self) {
        self.ladder.finish();
        self.draining
            .get_or_insert_with(|| Instant::now() + DRAIN_PATIENCE);
    }

    /// Whether the ladder only gives what it has in hand.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    /// Whether what did not come out is lost.
    pub(super) fn is_out_of_patience(&self) -> bool {
        self.draining.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The source's current group of pictures, with the audio beside it; empty if it is not known.
    pub(super) fn take_recent(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.recent)
    }

    fn remember(&mut self, frame: &Frame) {
        if self.plan.passed_through(TrackKind::Video).is_none() {
            return;
        }
        let begins = frame.track == TrackKind::Video && frame.is_idr;
        if begins {
            self.recent.clear();
            self.recent_bytes = 0;
        }
        let follows = !self.recent.is_empty();
        self.recent_bytes += frame.data.len();
        if self.recent_bytes > RECENT_BYTES {
            self.recent.clear();
        } else if begins || follows {
            self.recent.push(frame.clone());
        }
    }

    /// A step of the session, which is held until there is one.
    fn deliver(&mut self, step: Step, steps: &mut Vec<Step>) {
        match &mut self.opening {
            Some(opening) => opening.held.push(step),
            None => steps.push(step),
        }
    }

    fn begin_if_ready(&mut self, steps: &mut Vec<Step>) {
        if self.opening.is_none() || self.tracks.iter().any(Option::is_none) {
            return;
        }
        let Some(opening) = self.opening.take() else {
            return;
        };
        steps.push(Step::Begin(opening.goal, self.renditions()));
        steps.extend(opening.held);
    }

    fn renditions(&self) -> Renditions {
        let config = |(planned, track): (&vitrine_ingest::ladder::RenditionPlan, &Option<TrackConfig>)| {
            Some(RenditionConfig {
                name: planned.name.clone(),
                track: track.clone()?,
                passed_through: matches!(planned.origin, RenditionOrigin::PassedThrough(_)),
            })
        };
        Renditions {
            all: self
                .plan
                .renditions
                .iter()
                .zip(&self.tracks)
                .filter_map(config)
                .collect(),
            lead: self.plan.lead(),
        }
    }
}

impl OpeningLadder {
    fn without(self, why: String) -> Step {
        Step::DoWithout(self.goal, self.sent, why)
    }
}
