//! A channel's two inputs: which of them is on air, and when that changes.
//!
//! ```text
//! on_air  ─► the session
//! standby ─► Groups, until it is on air: at once when the other is gone or stands still, else at its next IDR
//! ```

use std::time::Duration;

use vitrine_ingest::{Arrival, EndReason, HealthChange, Input, Publication, Refusal, wall_clock};
use vitrine_packager::media::Frame;

use super::health;
use super::incoming::Incoming;
use super::intake::Intake;
use super::task::ChannelTask;
use crate::control::command::{NoSwitch, SwitchInput, Switched};
use crate::webhooks::News;

/// A pause this long on air may become a longer one: what stands by is kept from before it.
const HESITATION: Duration = Duration::from_millis(150);

/// What is going on between the two.
#[derive(Debug, Default)]
pub(super) struct Switching {
    /// The other input is to be on air from its next IDR on, and why.
    wish: Option<String>,
    /// The backup was put on air by hand, and stays there.
    by_hand: bool,
    /// With what the session goes on when everything of the publication before is out.
    kept: Option<Vec<Frame>>,
    /// The input that the wish is for.
    wanted: Option<Input>,
}

impl Switching {
    /// The input that is to be on air at its next IDR.
    pub(super) fn wanted(&self) -> Option<Input> {
        self.wanted
    }

    pub(super) fn take_kept(&mut self) -> Option<Vec<Frame>> {
        self.kept.take()
    }

    fn wish(&mut self, input: Input, reason: &str) {
        self.wish = Some(reason.to_owned());
        self.wanted = Some(input);
    }

    fn forget(&mut self) {
        self.wish = None;
        self.wanted = None;
    }
}

impl ChannelTask {
    /// A new publication. A former one of the same input, if its end was not heard yet, is over: ingest lets in one at a time.
    pub(super) fn begin(&mut self, publication: Publication) {
        let input = publication.input;
        if self
            .standby
            .as_ref()
            .is_some_and(|standby| standby.input() == input)
        {
            self.lose_standby("replaced by a new publication");
        }
        if self.on_air.as_ref().is_some_and(|on_air| on_air.input() == input) {
            self.lose_encoder("replaced by a new publication");
        }
        tracing::info!(
            channel = self.settings.name,
            publication = publication.id,
            input = input.name(),
            encoder = publication.encoder,
            "encoder publishes"
        );
        metrics::counter!("vitrine_publications_total").increment(1);
        let incoming = Incoming::new(publication, wall_clock());
        self.settings.webhooks.tell(News::Publish(incoming.subject()));
        if self.on_air.is_some() {
            self.standby = Some(incoming);
        } else {
            if self.intake.is_some() {
                self.go_away();
            }
            self.put_on_air(incoming);
            if self.session.is_none() {
                self.prepare();
            }
        }
        self.renew_status();
    }

    /// Something came from the publication that is on air; `None`: its connection was lost.
    pub(super) fn arrived(&mut self, arrival: Option<Arrival>) {
        match arrival {
            Some(Arrival::Frame(frame)) => {
                if let Some(on_air) = &mut self.on_air {
                    on_air.note(&frame);
                }
                self.frame(frame);
            }
            Some(Arrival::Reconfigured(track)) => self.reconfigure(track),
            Some(Arrival::Ended(reason)) => self.lose_encoder(&reason.to_string()),
            None => self.lose_encoder(&EndReason::ConnectionLost.to_string()),
        }
    }

    /// Something came from the other one.
    pub(super) fn stood_by(&mut self, arrival: Option<Arrival>) {
        match arrival {
            Some(Arrival::Frame(frame)) => self.keep(frame),
            Some(Arrival::Reconfigured(track)) => {
                if let Some(standby) = &mut self.standby {
                    standby.reconfigure(track);
                }
            }
            Some(Arrival::Ended(reason)) => self.lose_standby(&reason.to_string()),
            None => self.lose_standby(&EndReason::ConnectionLost.to_string()),
        }
    }

    fn keep(&mut self, frame: Frame) {
        let Some(standby) = &mut self.standby else { return };
        standby.note(&frame);
        let on_air = self.on_air.as_ref();
        let hesitates = on_air.is_some_and(|on_air| on_air.is_still_for(HESITATION));
        let begins = frame.is_idr && standby.is_led_by(frame.track);
        standby.keep(frame, hesitates);
        if begins && let Some(reason) = self.switching.wish.take() {
            self.switch(&reason);
        }
    }

    /// Sends the encoder away with a reason; the session, if there is one, waits for it to come back mended, or goes on with the other.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        tracing::warn!(channel = self.settings.name, reason = %refusal, "publication refused");
        self.switching.kept = None;
        self.startup = None;
        if let Some(on_air) = self.on_air.take() {
            self.tell_end(&on_air, &refusal.to_string());
            on_air.refuse(refusal.clone());
        }
        self.go_away();
        self.advice = vec![refusal.to_string()];
        if self.standby.is_some() {
            self.switch(&refusal.to_string());
        }
        self.publish();
        self.renew_status();
    }

    /// The publication on air has ended.
    pub(super) fn lose_encoder(&mut self, reason: &str) {
        tracing::info!(channel = self.settings.name, reason, "encoder gone");
        self.switching.kept = None;
        self.switching.by_hand = false;
        if let Some(gone) = self.on_air.take() {
            self.tell_end(&gone, reason);
        }
        if self.standby.is_some() {
            self.switch(reason);
        } else {
            self.startup = None;
            self.let_out();
        }
        self.publish();
        self.renew_status();
    }

    fn lose_standby(&mut self, reason: &str) {
        tracing::info!(channel = self.settings.name, reason, "encoder gone that stood by");
        if let Some(gone) = self.standby.take() {
            self.tell_end(&gone, reason);
        }
        self.switching.forget();
        self.renew_status();
    }

    /// Both publications are over.
    pub(super) fn end_publications(&mut self, reason: &str) {
        for gone in [self.on_air.take(), self.standby.take()].into_iter().flatten() {
            self.tell_end(&gone, reason);
        }
    }

    fn tell_end(&self, gone: &Incoming, reason: &str) {
        health::measure_absence(&self.settings.name, gone.input());
        self.settings.webhooks.tell(News::Unpublish {
            subject: gone.subject(),
            reason: reason.to_owned(),
        });
    }

    fn put_on_air(&mut self, incoming: Incoming) {
        self.on_air = Some(incoming);
        self.advice.clear();
    }

    /// The publication that stands by is on air from now on; one that was so until now, and is not gone, stands by.
    fn switch(&mut self, reason: &str) {
        let Some(mut next) = self.standby.take() else {
            return;
        };
        let (from, to) = (next.input().other(), next.input());
        tracing::warn!(
            channel = self.settings.name,
            from = from.name(),
            to = to.name(),
            reason,
            "another input is on air"
        );
        metrics::counter!("vitrine_failovers_total", "channel" => self.settings.name.clone(), "to" => to.name())
            .increment(1);
        self.settings.webhooks.tell(News::Failover {
            channel: self.settings.name.clone(),
            from,
            to,
            reason: reason.to_owned(),
        });
        self.switching.forget();
        let kept = next.groups.take();
        self.standby = self.on_air.take();
        self.put_on_air(next);
        if self.session.is_some() {
            self.startup = None;
            self.switching.kept = Some(kept);
            self.let_out();
        } else {
            self.intake = None;
            self.prepare();
            for frame in kept {
                self.frame(frame);
            }
        }
        self.renew_status();
    }

    /// Whether a publication that stands by can be on air at once.
    pub(super) fn is_ready(&self, standby: &Incoming) -> bool {
        !standby.groups.is_empty() && !standby.is_still_for(self.settings.failover.after)
    }

    /// What is due of the inputs by now.
    pub(super) fn watch_inputs(&mut self) {
        let (Some(on_air), Some(standby)) = (&self.on_air, &self.standby) else {
            return;
        };
        // Until the ladder has given what it has in hand, nothing is taken from the one on air.
        if self.intake.as_ref().is_some_and(Intake::is_draining) {
            return;
        }
        let settings = self.settings.failover;
        if on_air.is_still_for(settings.after) && self.is_ready(standby) {
            let reason = format!("no frame came for {} ms", settings.after.as_millis());
            self.switching.by_hand = false;
            self.switch(&reason);
        } else if let Some(reason) = self.reason_to_switch(on_air, standby) {
            let input = standby.input();
            self.switching.wish(input, &reason);
            self.renew_status();
        }
    }

    /// Why the one that stands by is to be on air from its next IDR on, if it is.
    fn reason_to_switch(&self, on_air: &Incoming, standby: &Incoming) -> Option<String> {
        if self.switching.by_hand || self.switching.wish.is_some() {
            return None;
        }
        let settings = self.settings.failover;
        let is_sound = self.is_ready(standby) && !standby.health.is_degraded();
        if settings.when_degraded && on_air.health.is_degraded() && is_sound {
            let complaints = on_air.health.complaints().join("; ");
            return Some(format!(
                "the {} encoder is degraded: {complaints}",
                on_air.input().name()
            ));
        }
        let is_steady = settings
            .back_after
            .is_some_and(|wanted| standby.is_steady_for(wanted));
        (standby.input() == Input::Primary && is_steady)
            .then(|| "the primary encoder is steady again".to_owned())
    }

    /// Takes the figures of both inputs.
    pub(super) fn look_at_health(&mut self) {
        let now = wall_clock();
        for incoming in [&mut self.on_air, &mut self.standby].into_iter().flatten() {
            let changed = incoming.health.look(now);
            let input = incoming.input();
            incoming.health.measure(&self.settings.name, input);
            let Some(changed) = changed else { continue };
            let reasons = incoming.health.complaints().to_vec();
            tracing::warn!(
                channel = self.settings.name,
                input = input.name(),
                ?reasons,
                "encoder {}",
                match changed {
                    HealthChange::Degraded => "degraded",
                    HealthChange::Recovered => "sound again",
                }
            );
            let subject = incoming.subject();
            self.settings.webhooks.tell(match changed {
                HealthChange::Degraded => News::Degraded { subject, reasons },
                HealthChange::Recovered => News::Recovered(subject),
            });
        }
    }

    /// Somebody wants another input on air.
    pub(super) fn switch_by_hand(&mut self, asked: SwitchInput) {
        let SwitchInput { to, by, reply } = asked;
        let answer = self.try_switch(to, &by);
        // A client that is gone needs no answer.
        let _ = reply.send(answer);
    }

    fn try_switch(&mut self, to: Input, by: &str) -> Result<Switched, NoSwitch> {
        let is_there =
            |incoming: &Option<Incoming>| incoming.as_ref().is_some_and(|there| there.input() == to);
        if is_there(&self.on_air) {
            self.switching.forget();
        } else if is_there(&self.standby) {
            self.switching.wish(to, &format!("by hand ({by})"));
        } else {
            return Err(NoSwitch { input: to });
        }
        self.switching.by_hand = to == Input::Backup;
        self.renew_status();
        Ok(Switched {
            on_air: self.on_air.as_ref().map(Incoming::input),
            switching_to: self.switching.wanted,
        })
    }
}
