//! What a channel's task tells of itself: its status, and its ladder's metrics.

use std::sync::Arc;

use tokio::time::Instant;
use vitrine_packager::media::WallTime;
use vitrine_packager::presentation::RenditionInfo;

use super::incoming::Incoming;
use super::session::Session;
use super::task::{ChannelTask, STATUS_EVERY};
use crate::control::health::HealthStatus;
use crate::control::status::{ChannelStatus, PublicationStatus, RenditionStatus, viewers};

impl ChannelTask {
    pub(super) fn renew_status(&mut self) {
        self.status_due = Instant::now() + STATUS_EVERY;
        self.measure();
        let window_ms = i64::try_from(self.settings.reconnect_window.as_millis()).unwrap_or(i64::MAX);
        let live = self.session.as_ref().filter(|session| session.is_live());
        let away = live.and_then(Session::away_since);
        let phase = match (live, away) {
            (Some(_), Some(_)) => "away",
            (Some(_), None) => "live",
            (None, _) if self.on_air.is_some() => "starting",
            (None, _) if self.ended => "ended",
            (None, _) => "idle",
        };
        let time = |at: WallTime| at.to_string();
        let renditions = live.map(|session| self.describe(session)).unwrap_or_default();
        self.status.send_replace(Arc::new(ChannelStatus {
            status: phase,
            session: live
                .map(|session| session.id.clone())
                .or_else(|| self.feed.current().map(|feed| feed.id.clone())),
            started_at: live.map(|session| time(session.started)),
            ends_at: away
                .filter(|_| self.on_air.is_none())
                .map(|since| time(since.plus_millis(window_ms))),
            publication: self.on_air.as_ref().map(|on_air| self.describe_input(on_air)),
            standby: self.standby.as_ref().map(|standby| PublicationStatus {
                ready: Some(self.is_ready(standby)),
                ..self.describe_input(standby)
            }),
            switching_to: self.switching.wanted(),
            viewers: viewers(&renditions),
            renditions,
            advice: self.advice.clone(),
            ..ChannelStatus::idle(&self.settings.name)
        }));
    }

    fn describe_input(&self, incoming: &Incoming) -> PublicationStatus {
        let health = &incoming.health;
        let link = self.settings.links.of(&self.settings.name, incoming.input());
        PublicationStatus {
            health: Some(HealthStatus::new(
                health.figures(),
                health.complaints(),
                health.is_degraded(),
                link,
            )),
            ..incoming.status.clone()
        }
    }

    fn describe(&self, session: &Session) -> Vec<RenditionStatus> {
        let stats = self.intake.as_ref().map(super::intake::Intake::stats);
        let describe = |info: &RenditionInfo| RenditionStatus::new(info, session.viewers(&info.name), stats);
        session.describe().iter().map(describe).collect()
    }

    fn measure(&self) {
        let Some(intake) = &self.intake else { return };
        let (stats, channel) = (intake.stats(), self.settings.name.clone());
        metrics::gauge!("vitrine_ladder_lag_seconds", "channel" => channel.clone())
            .set(stats.lag_ms() as f64 / 1000.0);
        metrics::counter!("vitrine_ladder_dropped_frames_total", "channel" => channel.clone())
            .absolute(stats.dropped());
        for rung in stats.rungs() {
            let labels = [("channel", channel.clone()), ("rendition", rung.name.clone())];
            metrics::gauge!("vitrine_rung_encode_speed", &labels).set(rung.speed());
            metrics::gauge!("vitrine_rung_shed", &labels).set(f64::from(u8::from(rung.is_shed())));
        }
    }
}
