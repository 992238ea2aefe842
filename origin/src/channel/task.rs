//! The loop of a channel's task.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use vitrine_ingest::{Arrival, EndReason, Publication, Refusal};
use vitrine_packager::media::{Frame, TrackConfig, TrackKind, WallTime};
use vitrine_packager::presentation::PushError;
use vitrine_packager::segmenter::GopTooLong;
use vitrine_packager::startup::{StartError, Startup};

use super::feed::ChannelFeed;
use super::session::Session;
use super::{ChannelSettings, wall_clock};
use crate::control::command::{ChannelCommand, PostError};
use crate::control::status::{ChannelStatus, PublicationStatus};

/// How often gaps are filled, silence is noticed and the status is renewed.
const TICK: Duration = Duration::from_millis(50);
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// A publication and what is known of it.
struct Active {
    publication: Publication,
    tracks: Vec<TrackConfig>,
    status: PublicationStatus,
    last_frame: Instant,
}

pub(super) struct ChannelTask {
    settings: ChannelSettings,
    feed: Arc<ChannelFeed>,
    status: watch::Sender<Arc<ChannelStatus>>,
    active: Option<Active>,
    startup: Option<Startup>,
    session: Option<Session>,
    /// Ended sessions and when they are forgotten.
    expiring: Vec<(String, Instant)>,
    ended: bool,
    advice: Vec<String>,
    status_due: Instant,
}

impl ChannelTask {
    pub(super) fn new(
        settings: ChannelSettings,
        feed: Arc<ChannelFeed>,
        status: watch::Sender<Arc<ChannelStatus>>,
    ) -> Self {
        Self {
            settings,
            feed,
            status,
            active: None,
            startup: None,
            session: None,
            expiring: Vec::new(),
            ended: false,
            advice: Vec::new(),
            status_due: Instant::now(),
        }
    }

    pub(super) async fn run(
        mut self,
        mut publications: mpsc::Receiver<Publication>,
        mut commands: mpsc::Receiver<ChannelCommand>,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = shutdown.wait_for(|stop| *stop) => break,
                arrival = next_arrival(&mut self.active) => self.arrived(arrival),
                Some(publication) = publications.recv() => self.begin(publication),
                Some(command) = commands.recv() => self.obey(command),
                _ = tick.tick() => self.tick(),
            }
        }
        self.end_session();
    }

    /// A new publication. A former one, if its end was not heard yet, is over: ingest lets in one at a time.
    fn begin(&mut self, publication: Publication) {
        if self.active.is_some() {
            self.lose_encoder("replaced by a new publication");
        }
        tracing::info!(
            channel = self.settings.name,
            publication = publication.id,
            encoder = publication.encoder,
            "encoder publishes"
        );
        metrics::counter!("vitrine_publications_total").increment(1);
        let status = PublicationStatus::new(&publication, wall_clock());
        let tracks = publication.tracks.clone();
        self.active = Some(Active {
            publication,
            tracks,
            status,
            last_frame: Instant::now(),
        });
        self.advice.clear();
        if self.session.is_none() {
            self.prepare();
        }
        self.renew_status();
    }

    /// Begins to learn what a new session needs to know.
    fn prepare(&mut self) {
        let Some(active) = &self.active else { return };
        match Startup::new(self.settings.packaging, &active.tracks) {
            Ok(startup) => self.startup = Some(startup),
            Err(error) => self.refuse(&error),
        }
    }

    fn arrived(&mut self, arrival: Option<Arrival>) {
        match arrival {
            Some(Arrival::Frame(frame)) => self.frame(frame),
            Some(Arrival::Reconfigured(track)) => self.reconfigure(track),
            Some(Arrival::Ended(reason)) => self.lose_encoder(&reason.to_string()),
            None => self.lose_encoder(&EndReason::ConnectionLost.to_string()),
        }
    }

    fn frame(&mut self, frame: Frame) {
        let Some(active) = &mut self.active else { return };
        active.last_frame = Instant::now();
        if let Some(startup) = &mut self.startup {
            match startup.push(frame) {
                Ok(true) => self.start_session(),
                Ok(false) => {}
                Err(error) => self.refuse(&error),
            }
        } else if let Some(session) = &mut self.session {
            if session.away_since().is_some() {
                self.resume(frame);
            } else if let Err(error) = session.push(&frame) {
                self.refuse(&StartError::Push(error));
            }
        }
        self.publish();
    }

    fn start_session(&mut self) {
        let Some(startup) = self.startup.take() else {
            return;
        };
        match Session::start(startup, wall_clock()) {
            Ok(session) => {
                tracing::info!(
                    channel = self.settings.name,
                    session = session.id,
                    "session starts"
                );
                self.session = Some(session);
                self.ended = false;
                self.renew_status();
            }
            Err(error) => self.refuse(&error),
        }
    }

    /// The encoder is back: the session goes on at its first IDR, or a new one starts if it cannot.
    fn resume(&mut self, frame: Frame) {
        let (Some(active), Some(session)) = (&self.active, &mut self.session) else {
            return;
        };
        let has_video = active.tracks.iter().any(|track| track.kind() == TrackKind::Video);
        let leads = frame.is_idr && (frame.track == TrackKind::Video || !has_video);
        if !leads {
            return;
        }
        match session.resume(&active.tracks, &frame) {
            Ok(()) => {
                tracing::info!(
                    channel = self.settings.name,
                    session = session.id,
                    "the encoder is back"
                );
                if let Err(error) = session.push(&frame) {
                    self.refuse(&StartError::Push(error));
                }
                self.renew_status();
            }
            Err(error) => {
                tracing::warn!(channel = self.settings.name, %error, "the session cannot go on");
                self.end_session();
                self.prepare();
                self.frame(frame);
            }
        }
    }

    /// New parameter sets: a discontinuity at the next IDR.
    fn reconfigure(&mut self, track: TrackConfig) {
        let Some(active) = &mut self.active else { return };
        active.tracks.retain(|known| known.kind() != track.kind());
        active.tracks.push(track);
        active.status.set_tracks(&active.tracks);
        if self.startup.is_some() {
            self.prepare();
        } else if let Some(session) = &mut self.session {
            session.encoder_lost(wall_clock());
        }
        self.publish();
    }

    /// Sends the encoder away with a reason; the session, if there is one, waits for it to come back mended.
    fn refuse(&mut self, error: &StartError) {
        tracing::warn!(channel = self.settings.name, %error, "publication refused");
        self.advice = vec![error.to_string()];
        let refusal = match error {
            StartError::Gop(gop) | StartError::Push(PushError::Gop(gop)) => gop_refusal(*gop),
            other => Refusal::NotPackageable {
                reason: other.to_string(),
            },
        };
        if let Some(active) = self.active.take() {
            active.publication.refuse(refusal);
        }
        self.startup = None;
        if let Some(session) = &mut self.session {
            session.encoder_lost(wall_clock());
        }
        self.publish();
        self.renew_status();
    }

    fn lose_encoder(&mut self, reason: &str) {
        tracing::info!(channel = self.settings.name, reason, "encoder gone");
        self.active = None;
        self.startup = None;
        if let Some(session) = &mut self.session {
            session.encoder_lost(wall_clock());
        }
        self.publish();
        self.renew_status();
    }

    fn tick(&mut self) {
        let now = wall_clock();
        let stall_limit = Duration::from_secs(self.settings.packaging.target_duration_s.into());
        let stalled = self
            .active
            .as_ref()
            .is_some_and(|active| active.last_frame.elapsed() > stall_limit);
        if let Some(session) = &mut self.session {
            if stalled {
                session.encoder_lost(now);
            }
            session.fill_gap(now);
            let away_ms = session.away_since().map(|since| now.millis_since(since));
            let window_ms = i64::try_from(self.settings.reconnect_window.as_millis()).unwrap_or(i64::MAX);
            if self.active.is_none() && away_ms.is_some_and(|away| away >= window_ms) {
                self.end_session();
            }
        }
        self.publish();
        self.forget_expired();
        if Instant::now() >= self.status_due {
            self.renew_status();
        }
    }

    fn end_session(&mut self) {
        let Some(mut session) = self.session.take() else {
            return;
        };
        session.end();
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

    fn publish(&mut self) {
        if let Some(session) = &mut self.session {
            session.publish(&self.feed);
        }
    }

    fn obey(&mut self, command: ChannelCommand) {
        match command {
            ChannelCommand::Post { event, reply } => {
                let posted = match self.session.as_mut().filter(|session| session.is_live()) {
                    Some(session) => session.post(*event).map_err(PostError::Event),
                    None => Err(PostError::NotLive),
                };
                if posted.is_ok() {
                    metrics::counter!("vitrine_events_total").increment(1);
                }
                // The client may have left; its event stands.
                let _ = reply.send(posted);
            }
            ChannelCommand::State { reply } => {
                let state = self.session.as_ref().map(Session::state);
                let _ = reply.send(state);
            }
        }
    }

    fn renew_status(&mut self) {
        self.status_due = Instant::now() + STATUS_EVERY;
        let window_ms = i64::try_from(self.settings.reconnect_window.as_millis()).unwrap_or(i64::MAX);
        let live = self.session.as_ref().filter(|session| session.is_live());
        let away = live.and_then(Session::away_since);
        let phase = match (live, away) {
            (Some(_), Some(_)) => "away",
            (Some(_), None) => "live",
            (None, _) if self.active.is_some() => "starting",
            (None, _) if self.ended => "ended",
            (None, _) => "idle",
        };
        let time = |at: WallTime| at.to_string();
        self.status.send_replace(Arc::new(ChannelStatus {
            status: phase,
            session: live
                .map(|session| session.id.clone())
                .or_else(|| self.feed.current().map(|feed| feed.id.clone())),
            started_at: live.map(|session| time(session.started)),
            ends_at: away
                .filter(|_| self.active.is_none())
                .map(|since| time(since.plus_millis(window_ms))),
            publication: self.active.as_ref().map(|active| active.status.clone()),
            renditions: live
                .map(|session| session.describe().iter().map(Into::into).collect())
                .unwrap_or_default(),
            advice: self.advice.clone(),
            ..ChannelStatus::idle(&self.settings.name)
        }));
    }
}

fn gop_refusal(gop: GopTooLong) -> Refusal {
    Refusal::GopTooLong { limit_s: gop.limit_s }
}

/// The next arrival of the publication, if there is one; else never.
async fn next_arrival(active: &mut Option<Active>) -> Option<Arrival> {
    match active {
        Some(active) => active.publication.arrivals.recv().await,
        None => std::future::pending().await,
    }
}
