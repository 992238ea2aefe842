//! How a show begins, and goes on in the next session and after a restart.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use vitrine_metadata_track::{Action, Effect, Ledger, ShowTime, Track};
use vitrine_packager::media::WallTime;

use super::{InFlight, NOTICES, ONLY_NODE, Show, ShowSettings};
use crate::bus::{Entry, Journal, JournalError, Nats, Replay};
use crate::control::record::LiveState;
use vitrine_ingest::wall_clock;

impl Show {
    /// The show as it was when the program stopped.
    pub(in crate::channel) fn open(
        channel: &str,
        settings: ShowSettings,
        journal: &Journal,
    ) -> Result<Self, JournalError> {
        let (link, replay) = journal.open()?;
        let alive = replay.alive;
        let (ledger, track, applied) = replayed(replay);
        if applied > 0 {
            tracing::info!(
                channel,
                commands = applied,
                scheduled = track.pending().count(),
                "events read from the journal"
            );
        }
        let state = watch::Sender::new(Arc::new(LiveState::new(track.state_now().clone())));
        Ok(Self {
            settings,
            channel: channel.to_owned(),
            node: journal.nats.as_ref().map_or(ONLY_NODE.into(), Nats::node),
            track,
            ledger,
            link,
            applied,
            in_flight: HashMap::new(),
            begun: None,
            away: false,
            rotating: false,
            state,
            notices: broadcast::Sender::new(NOTICES),
            alive,
            alive_due: Instant::now(),
        })
    }

    /// A session begins, whose media time zero was captured at `anchor`.
    pub(in crate::channel) fn begin_session(&mut self, session: &str, anchor: WallTime) {
        let now = wall_clock();
        let window_ms = i64::try_from(self.settings.resume_window.as_millis()).unwrap_or(i64::MAX);
        let goes_on = self
            .ledger
            .show_goes_on(&self.node, now, self.alive.take(), window_ms);
        let session: Arc<str> = session.into();
        if !goes_on {
            // What is asked before it would still have the show before it; the order says it once more.
            self.begin_show(now.into());
            self.begun = Some(session.clone());
        }
        self.away = false;
        self.leave_to_others();
        self.track.begin_session(anchor);
        tracing::info!(
            channel = self.channel,
            session = session.as_ref(),
            goes_on,
            seq = self.track.state_now().seq,
            "the show"
        );
        let new_show = !goes_on;
        self.say(Action::SessionStarted { session, new_show });
    }

    /// The session is over; what is planned waits for another one.
    pub(in crate::channel) fn end_session(&mut self, session: &str) {
        self.settle();
        self.track.end_session();
        self.away = false;
        let session = session.into();
        self.say(Action::SessionEnded { session });
    }

    /// What is due while only other origins are on air goes on air there.
    pub(super) fn leave_to_others(&mut self) {
        if self.track.clock().is_none() && self.ledger.is_on_air_elsewhere(&self.node) {
            self.track.absorb(wall_clock().into());
            self.settle();
        }
    }

    fn say(&mut self, action: Action) {
        let own = InFlight {
            events: Vec::new(),
            key: None,
            reply: None,
        };
        if self.send(self.node.clone(), None, action, own).is_err() {
            tracing::warn!(
                channel = self.channel,
                "the journal is behind: that a session began or ended is not in it"
            );
        }
    }
}

/// Obeys once more what was obeyed before, and puts on air what was.
fn replayed(replay: Replay) -> (Ledger, Track, u64) {
    let mut applied = 0;
    let (mut ledger, mut track) = match replay.checkpoint {
        None => (Ledger::default(), Track::default()),
        Some(checkpoint) => {
            applied = checkpoint.position;
            let mut track = Track::with_state(checkpoint.state.clone());
            let (ledger, planned) = Ledger::resume(checkpoint);
            for planned in planned {
                track.plan(planned);
            }
            (ledger, track)
        }
    };
    for entry in replay.entries {
        match entry {
            Entry::Aired(aired) => {
                if track.restore(&aired.id, aired.seq) {
                    ledger.on_air(&aired);
                }
            }
            Entry::Command(position, command) => {
                for effect in ledger.apply(position, &command) {
                    obey_again(effect, &mut ledger, &mut track);
                }
                applied = position;
            }
        }
    }
    (ledger, track, applied)
}

fn obey_again(effect: Effect, ledger: &mut Ledger, track: &mut Track) {
    match effect {
        Effect::Plan(planned) => drop(track.plan(planned)),
        Effect::Replan(planned) => drop(track.replan(planned)),
        Effect::Take(id) => drop(track.take(&id)),
        Effect::BeginShow(at) => begin_again(at, ledger, track),
    }
}

fn begin_again(at: ShowTime, ledger: &mut Ledger, track: &mut Track) {
    let missed = track.begin_show(at);
    ledger.missed(&missed);
}
