//! The loop of a channel's task.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use vitrine_ingest::ladder::{LadderChoice, LadderOutput, Plan};
use vitrine_ingest::{Arrival, EndReason, Publication, Refusal, wall_clock};
use vitrine_metadata_track::Now;
use vitrine_packager::media::{Frame, TrackConfig};
use vitrine_packager::presentation::PushError;
use vitrine_packager::segmenter::CutError;
use vitrine_packager::startup::{StartError, Startup};

use super::ChannelSettings;
use super::feed::ChannelFeed;
use super::incoming::Incoming;
use super::inputs::Switching;
use super::intake::Intake;
use super::session::Session;
use super::show::Show;
use crate::bus::Delivery;
use crate::control::command::{ChannelCommand, ChannelQuery, SwitchInput};
use crate::control::status::ChannelStatus;

/// How often gaps are filled, silence is noticed and the status is renewed.
const TICK: Duration = Duration::from_millis(50);
/// How long the last commands may take to be written down when the program stops.
const FAREWELL: Duration = Duration::from_secs(5);
pub(super) const STATUS_EVERY: Duration = Duration::from_secs(1);
/// How often the figures of the inputs are taken.
const HEALTH_EVERY: Duration = Duration::from_secs(1);

pub(super) struct ChannelTask {
    pub(super) settings: ChannelSettings,
    pub(super) feed: Arc<ChannelFeed>,
    pub(super) status: watch::Sender<Arc<ChannelStatus>>,
    /// The publication that viewers see.
    pub(super) on_air: Option<Incoming>,
    /// The other one; there is none without one on air.
    pub(super) standby: Option<Incoming>,
    pub(super) switching: Switching,
    pub(super) startup: Option<Startup>,
    pub(super) intake: Option<Intake>,
    pub(super) session: Option<Session>,
    pub(super) show: Show,
    /// The renditions of the session: they stay the same when the encoder comes back.
    pub(super) plan: Option<Plan>,
    /// Ended sessions and when they are forgotten.
    expiring: Vec<(String, Instant)>,
    pub(super) ended: bool,
    pub(super) advice: Vec<String>,
    pub(super) status_due: Instant,
    health_due: Instant,
}

impl ChannelTask {
    pub(super) fn new(
        settings: ChannelSettings,
        feed: Arc<ChannelFeed>,
        show: Show,
        status: watch::Sender<Arc<ChannelStatus>>,
    ) -> Self {
        Self {
            settings,
            feed,
            status,
            on_air: None,
            standby: None,
            switching: Switching::default(),
            startup: None,
            intake: None,
            session: None,
            show,
            plan: None,
            expiring: Vec::new(),
            ended: false,
            advice: Vec::new(),
            status_due: Instant::now(),
            health_due: Instant::now(),
        }
    }

    pub(super) async fn run(
        mut self,
        mut publications: mpsc::Receiver<Publication>,
        mut commands: mpsc::Receiver<ChannelCommand>,
        mut queries: mpsc::Receiver<ChannelQuery>,
        mut switches: mpsc::Receiver<SwitchInput>,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Until the ladder has given what it has in hand, the next frames wait in their queue.
            let draining = self.intake.as_ref().is_some_and(Intake::is_draining);
            tokio::select! {
                biased;
                _ = shutdown.wait_for(|stop| *stop) => break,
                output = next_output(&mut self.intake) => self.output(output),
                arrival = next_arrival(&mut self.on_air), if !draining => self.arrived(arrival),
                arrival = next_arrival(&mut self.standby) => self.stood_by(arrival),
                Some(publication) = publications.recv() => self.begin(publication),
                delivery = self.show.next_delivery() => self.deliver(delivery),
                Some(command) = commands.recv() => self.obey(command),
                Some(switch) = switches.recv() => self.switch_by_hand(switch),
                _ = tick.tick() => self.tick(),
                // Last: however many look, nothing waits for them.
                Some(query) = queries.recv() => self.show.answer(query),
            }
        }
        self.end_session();
        self.end_publications(&EndReason::ShuttingDown.to_string());
        self.show.close(FAREWELL).await;
    }

    /// Begins to learn what a new session needs to know.
    pub(super) fn prepare(&mut self) {
        let Some(on_air) = &self.on_air else { return };
        let encodes = self.settings.ladder.ladder != LadderChoice::Passthrough;
        match Startup::new(self.settings.packaging, &on_air.tracks) {
            Ok(startup) if encodes => self.startup = Some(startup.taking_long_gops()),
            Ok(startup) => self.startup = Some(startup),
            Err(error) => self.refuse(refusal_of(&error)),
        }
    }

    /// A frame of the publication that is on air.
    pub(super) fn frame(&mut self, frame: Frame) {
        if self.on_air.is_none() {
            return;
        }
        if let Some(startup) = &mut self.startup {
            match startup.push(frame) {
                Ok(true) => self.open(),
                Ok(false) => {}
                Err(error) => self.refuse(refusal_of(&error)),
            }
        } else if self.intake.is_some() {
            self.flow(frame);
        } else if self.session.is_some() {
            self.come_back(frame);
        }
        self.publish();
    }

    /// New parameter sets: what is on its way comes out, then a discontinuity at the next IDR.
    pub(super) fn reconfigure(&mut self, track: TrackConfig) {
        let Some(on_air) = &mut self.on_air else { return };
        on_air.reconfigure(track);
        if self.startup.is_some() {
            self.prepare();
        } else {
            self.let_out();
        }
        self.publish();
    }

    /// The ladder gives what it has in hand; gaps follow.
    pub(super) fn let_out(&mut self) {
        match &mut self.intake {
            Some(intake) if intake.has_outputs() && !intake.is_opening() => intake.drain(),
            _ => self.go_away(),
        }
    }

    /// Gaps from here on.
    pub(super) fn go_away(&mut self) {
        self.intake = None;
        if let Some(session) = &mut self.session {
            session.encoder_lost(wall_clock(), self.show.track());
            self.show.set_away(true);
        }
        self.take_over();
    }

    fn tick(&mut self) {
        let now = wall_clock();
        self.watch_inputs();
        let stall_limit = Duration::from_secs(self.settings.packaging.target_duration_s.into());
        let on_air = self.on_air.as_ref();
        let stalled = on_air.is_some_and(|on_air| on_air.is_still_for(stall_limit));
        if stalled && self.intake.as_ref().is_some_and(|intake| !intake.is_opening()) {
            self.let_out();
        }
        self.watch_intake();
        self.show.tick();
        // While the encoders open for a source that is back, its own frames are about to take the gap's place.
        let returning = self.intake.as_ref().is_some_and(Intake::is_opening);
        if let Some(session) = &mut self.session {
            if !returning {
                session.fill_gap(now);
            }
            let away_ms = session.away_since().map(|since| now.millis_since(since));
            let window_ms = i64::try_from(self.settings.reconnect_window.as_millis()).unwrap_or(i64::MAX);
            if self.on_air.is_none() && away_ms.is_some_and(|away| away >= window_ms) {
                self.end_session();
            }
        }
        self.publish();
        self.forget_expired();
        if Instant::now() >= self.health_due {
            self.health_due = Instant::now() + HEALTH_EVERY;
            self.look_at_health();
        }
        if Instant::now() >= self.status_due {
            self.renew_status();
        }
    }

    pub(super) fn end_session(&mut self) {
        self.plan = None;
        let Some(mut session) = self.session.take() else {
            return;
        };
        session.end(self.show.track());
        self.show.end_session(&session.id);
        session.publish(&self.feed);
        tracing::info!(
            channel = self.settings.name,
            session = session.id,
            "session ended"
        );
        // SPEC 91: what an ended playlist lists stays fetchable for as long as it lasts.
        let kept = Duration::from_secs(u64::from(self.settings.packaging.window_s) + 60);
        self.expiring.push((session.id, Instant::now() + kept));
        self.ended = true;
        self.renew_status();
    }

    fn forget_expired(&mut self) {
        let now = Instant::now();
        let expired: Vec<String> = self
            .expiring
            .iter()
            .filter(|(_, at)| *at <= now)
            .map(|(id, _)| id.clone())
            .collect();
        if expired.is_empty() {
            return;
        }
        self.expiring.retain(|(_, at)| *at > now);
        let kept = self
            .feed
            .sessions
            .load()
            .iter()
            .filter(|feed| !expired.contains(&feed.id))
            .cloned()
            .collect();
        self.feed.sessions.store(Arc::new(kept));
        self.ended &= self.feed.current().is_some();
    }

    pub(super) fn publish(&mut self) {
        self.show.settle();
        self.show
            .publish_state(self.session.as_ref().map(Session::live_edge));
        if let Some(session) = &mut self.session {
            session.publish(&self.feed);
        }
    }

    fn now(&self) -> Now {
        self.show.now(self.session.as_ref().map(Session::live_edge))
    }

    fn deliver(&mut self, delivery: Delivery) {
        self.show.deliver(delivery);
        self.publish();
    }

    fn obey(&mut self, command: ChannelCommand) {
        let on_air = self.session.as_ref().is_some_and(Session::is_live);
        self.show.ask(command, self.now(), on_air);
    }
}

/// What an encoder is told of a session that cannot start.
pub(super) fn refusal_of(error: &StartError) -> Refusal {
    match error {
        StartError::Gop(gop) | StartError::Push(PushError::Cut(CutError::Gop(gop))) => {
            Refusal::GopTooLong { limit_s: gop.limit_s }
        }
        StartError::OpenGops { limit_s } => Refusal::OpenGops { limit_s: *limit_s },
        other => not_packageable(other),
    }
}

/// What an encoder is told for a reason of the packager's or the ladder's own.
pub(super) fn not_packageable(reason: &impl ToString) -> Refusal {
    Refusal::NotPackageable {
        reason: reason.to_string(),
    }
}

/// The next arrival of the publication, if there is one; else never.
async fn next_arrival(incoming: &mut Option<Incoming>) -> Option<Arrival> {
    match incoming {
        Some(incoming) => incoming.next().await,
        None => std::future::pending().await,
    }
}

/// The next thing out of the ladder, if there is one; else never.
async fn next_output(intake: &mut Option<Intake>) -> Option<LadderOutput> {
    match intake {
        Some(intake) => intake.next_output().await,
        None => std::future::pending().await,
    }
}
