//! The channel's task on a frame's way through the ladder into the session.

use std::thread;

use vitrine_ingest::ladder::{LadderChoice, LadderOutput, Plan, Source};
use vitrine_ingest::wall_clock;
use vitrine_packager::media::{Frame, RenditionId, TrackKind};
use vitrine_packager::opening::{Opening, Renditions};
use vitrine_packager::presentation::PushError;
use vitrine_packager::segmenter::CutError;
use vitrine_packager::startup::StartError;

use super::advice;
use super::groups::continuation;
use super::intake::{Goal, Intake, Step};
use super::session::Session;
use super::task::{ChannelTask, not_packageable, refusal_of};

impl ChannelTask {
    /// Enough is known of the source: its renditions are chosen, and its encoders opened.
    pub(super) fn open(&mut self) {
        let Some(startup) = self.startup.take() else {
            return;
        };
        let mut opening = match startup.open() {
            Ok(opening) => opening,
            Err(error) => return self.refuse(refusal_of(&error)),
        };
        let source = Source::new(opening.video.as_ref(), opening.audio.as_ref());
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let plan = match Plan::new(&self.settings.ladder, &source, processors) {
            Ok(plan) => plan,
            Err(error) => return self.refuse(not_packageable(&error)),
        };
        let encodes = self.settings.ladder.ladder != LadderChoice::Passthrough;
        self.advice = advice::of_source(&opening, self.settings.packaging.target_duration_s, encodes);
        let frames = opening.take_frames();
        self.run_ladder(plan, Goal::Start(Box::new(opening)), None, frames);
    }

    /// The encoder is back: the session goes on at its first IDR.
    pub(super) fn come_back(&mut self, frame: Frame) {
        let (Some(on_air), Some(plan)) = (&self.on_air, &self.plan) else {
            return;
        };
        if !frame.is_idr || !on_air.is_led_by(frame.track) {
            return;
        }
        let plan = plan.for_tracks(&on_air.tracks);
        let goal = Goal::Resume(Box::new(frame.clone()));
        self.run_ladder(plan, goal, None, vec![frame]);
    }

    /// Another encoder takes the place of the one that was on air: the session goes on with what it has sent so far.
    pub(super) fn take_over(&mut self) {
        let Some(kept) = self.switching.take_kept() else {
            return;
        };
        let (Some(on_air), Some(plan), Some(session)) = (&self.on_air, &self.plan, &self.session) else {
            return;
        };
        let plan = plan.for_tracks(&on_air.tracks);
        let lead = on_air.lead();
        let decoded = lead == TrackKind::Video && plan.passed_through(TrackKind::Video).is_none();
        let most_ms = i64::from(self.settings.packaging.target_duration_s) * 1000;
        // Else the session waits for the next IDR.
        if let Some(next) = continuation(kept, lead, session.edge(), decoded, most_ms) {
            let goal = Goal::Resume(Box::new(next.first));
            self.run_ladder(plan, goal, next.begin_at_ms, next.frames);
        }
    }

    /// Starts a ladder and lets the source's frames so far into it.
    fn run_ladder(&mut self, plan: Plan, goal: Goal, begin_at_ms: Option<i64>, frames: Vec<Frame>) {
        let Some(on_air) = &self.on_air else { return };
        let target_duration_s = self.settings.packaging.target_duration_s;
        match Intake::start(plan, &on_air.tracks, target_duration_s, goal, begin_at_ms) {
            Ok(intake) => self.intake = Some(intake),
            Err(error) => return self.refuse(not_packageable(&error)),
        }
        for frame in frames {
            self.flow(frame);
        }
    }

    /// A source frame on its way.
    pub(super) fn flow(&mut self, frame: Frame) {
        let Some(intake) = &mut self.intake else { return };
        if let (Some(session), false) = (&mut self.session, intake.is_opening()) {
            session.source_frame(&frame);
        }
        let mut steps = Vec::new();
        intake.push(frame, &mut steps);
        self.take(steps);
    }

    /// Something came out of the ladder; `None`: everything has.
    pub(super) fn output(&mut self, output: Option<LadderOutput>) {
        let Some(intake) = &mut self.intake else { return };
        let mut steps = Vec::new();
        match output {
            Some(output) => intake.output(output, &mut steps),
            None if intake.is_draining() => {
                tracing::debug!(
                    channel = self.settings.name,
                    "the ladder has given what it had in hand"
                );
                self.go_away();
            }
            // A ladder without encoders has no outputs; one whose threads are gone has said why.
            None => intake.close_outputs(),
        }
        self.take(steps);
        self.publish();
    }

    /// What is due of the ladder by now.
    pub(super) fn watch_intake(&mut self) {
        let Some(intake) = &mut self.intake else { return };
        let mut steps = Vec::new();
        intake.tick(&mut steps);
        if intake.is_out_of_patience() {
            tracing::warn!(
                channel = self.settings.name,
                "the ladder is too slow: what it had in hand at its source's end is lost"
            );
            self.go_away();
        }
        self.take(steps);
    }

    fn take(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Begin(Goal::Start(opening), renditions) => self.start_session(*opening, renditions),
                Step::Begin(Goal::Resume(first), renditions) => self.resume(&first, &renditions),
                Step::Frame(id, frame) => self.package(id, &frame),
                Step::Shed(id, why) => self.shed(id, &why),
                Step::Restore(id) => self.restore(id),
                Step::DoWithout(goal, frames, why) => self.do_without(goal, frames, &why),
            }
        }
    }

    fn start_session(&mut self, opening: Opening, renditions: Renditions) {
        match Session::start(&self.settings.name, opening, renditions, wall_clock()) {
            Ok(session) => {
                tracing::info!(
                    channel = self.settings.name,
                    session = session.id,
                    "session starts"
                );
                self.plan = self.intake.as_ref().map(|intake| intake.plan().clone());
                self.show.begin_session(&session.id, session.anchor());
                self.session = Some(session);
                self.ended = false;
                self.renew_status();
            }
            Err(error) => self.refuse(refusal_of(&error)),
        }
    }

    fn resume(&mut self, first: &Frame, renditions: &Renditions) {
        let (Some(intake), Some(session)) = (&self.intake, &mut self.session) else {
            return;
        };
        match session.resume(intake.source(), renditions, first, self.show.track()) {
            Ok(()) => {
                self.show.set_away(false);
                tracing::info!(
                    channel = self.settings.name,
                    session = session.id,
                    "the encoder is back"
                );
                self.renew_status();
            }
            Err(error) => {
                tracing::warn!(channel = self.settings.name, %error, "the session cannot go on");
                self.intake = None;
                self.end_session();
                self.prepare();
            }
        }
    }

    fn package(&mut self, id: RenditionId, frame: &Frame) {
        let Some(session) = &mut self.session else { return };
        match session.push(id, frame, self.show.track()) {
            Ok(()) => {}
            Err(PushError::Cut(CutError::Gop(_)))
                if self.settings.ladder.ladder != LadderChoice::Passthrough =>
            {
                self.encode_from_now_on(frame);
            }
            Err(error) => self.refuse(refusal_of(&StartError::Push(error))),
        }
    }

    /// The source's keyframes have become too rare to be passed through: it is encoded from this frame on, decoded from its
    /// last IDR.
    fn encode_from_now_on(&mut self, from: &Frame) {
        let Some(mut intake) = self.intake.take() else {
            return;
        };
        let limit_s = self.settings.packaging.target_duration_s;
        tracing::warn!(
            channel = self.settings.name,
            "keyframes are more than {limit_s} s apart: the source is encoded instead of passed through"
        );
        self.advice.push(advice::long_gop(limit_s));
        self.go_away();
        let plan = intake.plan().encoding_everything(intake.source());
        let recent = intake.take_recent();
        self.plan = Some(plan.clone());
        let goal = Goal::Resume(Box::new(from.clone()));
        self.run_ladder(plan, goal, Some(from.pts_ms), recent);
    }

    fn shed(&mut self, id: RenditionId, why: &str) {
        let rendition = self.rendition_name(id);
        tracing::warn!(channel = self.settings.name, rendition, "rung shed: {why}");
        metrics::counter!("vitrine_rungs_shed_total", "channel" => self.settings.name.clone()).increment(1);
        if let Some(session) = &mut self.session {
            session.shed(id, self.show.track());
        }
        self.renew_status();
    }

    fn restore(&mut self, id: RenditionId) {
        let rendition = self.rendition_name(id);
        tracing::info!(channel = self.settings.name, rendition, "rung restored");
        if let Some(session) = &mut self.session {
            session.restore(id);
        }
        self.renew_status();
    }

    fn do_without(&mut self, goal: Goal, frames: Vec<Frame>, why: &str) {
        tracing::error!(channel = self.settings.name, "no encoders: {why}");
        self.advice
            .push(format!("the ladder's encoders cannot be had: {why}"));
        let plan = self.intake.take().map(|intake| intake.plan().without_encoders());
        let begins = matches!(goal, Goal::Start(_));
        match plan.flatten().filter(|_| begins) {
            Some(plan) => self.run_ladder(plan, goal, None, frames),
            None => self.refuse(not_packageable(&why)),
        }
    }

    fn rendition_name(&self, id: RenditionId) -> String {
        let planned = self
            .plan
            .as_ref()
            .and_then(|plan| plan.renditions.get(usize::from(id.0)));
        planned
            .map(|rendition| rendition.name.clone())
            .unwrap_or_default()
    }
}
