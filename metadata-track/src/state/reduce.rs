//! What each event does to the state.

use std::sync::Arc;

use super::ShowState;
use crate::error::EventError;
use crate::event::{Custom, ProductShow, ShowEvent};
use crate::offer::CustomState;
use crate::poll::{PollState, PollTally};
use crate::text::Id;

/// Products on air at one time. Full: the next is refused until one is hidden.
const MAX_PRODUCTS: usize = 32;
/// Drops announced at one time, by the same rule.
const MAX_DROPS: usize = 8;
/// Polls on air at one time, by the same rule.
const MAX_POLLS: usize = 4;
/// Messages pinned at one time, by the same rule.
const MAX_MESSAGES: usize = 4;
/// Coupons at one time, by the same rule.
const MAX_COUPONS: usize = 8;
/// Names of custom events whose body is kept, by the same rule.
const MAX_CUSTOM: usize = 16;

impl ShowState {
    /// Makes this state the one after `event`. After a refusal it is of no use.
    pub(super) fn reduce(&mut self, event: &ShowEvent) -> Result<(), EventError> {
        match event {
            ShowEvent::ProductShow(show) => self.show(show),
            ShowEvent::ProductUpdated(update) => {
                let slot = find(&mut self.products, &PRODUCT, &update.product.id, |product| {
                    &product.id
                })?;
                *slot = Arc::new(update.product.apply(slot)?);
                Ok(())
            }
            ShowEvent::ProductHide(hide) => {
                if self.featured.as_ref() == Some(&hide.product.id) {
                    self.featured = None;
                }
                take(&mut self.products, &PRODUCT, &hide.product.id, |product| {
                    &product.id
                })
            }
            ShowEvent::ProductFeature(feature) => {
                find(&mut self.products, &PRODUCT, &feature.product.id, |product| {
                    &product.id
                })?;
                self.featured = Some(feature.product.id.clone());
                Ok(())
            }
            ShowEvent::ProductReorder(reorder) => self.reorder(&reorder.order),
            ShowEvent::DropAnnounce(announce) => {
                put(&mut self.drops, &DROP, announce.drop.clone(), |drop| &drop.id)
            }
            ShowEvent::DropWithdraw(withdraw) => {
                take(&mut self.drops, &DROP, &withdraw.drop.id, |drop| &drop.id)
            }
            ShowEvent::PollOpen(open) => {
                let poll = PollState::open(open.poll.clone());
                put(&mut self.polls, &POLL, poll, |state| &state.poll.id)
            }
            ShowEvent::PollTallied(tally) => self.tally(&tally.poll, false),
            ShowEvent::PollClose(close) => self.tally(&close.poll, true),
            ShowEvent::PollRemove(remove) => {
                take(&mut self.polls, &POLL, &remove.poll.id, |state| &state.poll.id)
            }
            ShowEvent::MessagePin(pin) => put(&mut self.messages, &MESSAGE, pin.message.clone(), |message| {
                &message.id
            }),
            ShowEvent::MessageUnpin(unpin) => {
                take(&mut self.messages, &MESSAGE, &unpin.message.id, |message| {
                    &message.id
                })
            }
            ShowEvent::CouponOffer(offer) => {
                put(&mut self.coupons, &COUPON, offer.coupon.clone(), |coupon| {
                    &coupon.code
                })
            }
            ShowEvent::CouponWithdraw(withdraw) => {
                take(&mut self.coupons, &COUPON, &withdraw.coupon.code, |coupon| {
                    &coupon.code
                })
            }
            ShowEvent::Custom(custom) => self.custom(custom),
            ShowEvent::ReactionBurst(_) => Ok(()),
            ShowEvent::ShowClear(_) => {
                *self = Self {
                    seq: self.seq,
                    ..Self::default()
                };
                Ok(())
            }
        }
    }

    fn show(&mut self, show: &ProductShow) -> Result<(), EventError> {
        let id = &show.product.id;
        if show.replace {
            self.products.retain(|product| product.id == *id);
            self.featured = None;
        }
        put(&mut self.products, &PRODUCT, show.product.clone(), |product| {
            &product.id
        })?;
        if show.featured {
            self.featured = Some(id.clone());
        }
        Ok(())
    }

    fn reorder(&mut self, order: &[Id]) -> Result<(), EventError> {
        let mut products = Vec::with_capacity(self.products.len());
        for (index, id) in order.iter().enumerate() {
            let Some(product) = self.products.iter().find(|product| product.id == *id) else {
                return Err(not_on_air(&self.products, &PRODUCT, id, |product| &product.id)
                    .at(format!("order[{index}]")));
            };
            products.push(product.clone());
        }
        let others = self
            .products
            .iter()
            .filter(|product| !order.contains(&product.id));
        products.extend(others.cloned());
        self.products = products;
        Ok(())
    }

    fn tally(&mut self, tally: &PollTally, close: bool) -> Result<(), EventError> {
        let slot = find(&mut self.polls, &POLL, &tally.id, |state| &state.poll.id)?;
        if slot.closed {
            return Err(EventError::PollClosed {
                id: tally.id.to_string(),
            });
        }
        let mut next = slot.tally(&tally.votes)?;
        next.closed = close;
        *slot = Arc::new(next);
        Ok(())
    }

    fn custom(&mut self, custom: &Custom) -> Result<(), EventError> {
        if !custom.keep {
            return Ok(());
        }
        if custom.body.is_null() {
            self.custom.retain(|kept| kept.name != custom.name);
            return Ok(());
        }
        let kept = CustomState {
            name: custom.name.clone(),
            body: custom.body.clone(),
        };
        put(&mut self.custom, &CUSTOM, kept, |kept| &kept.name)
    }
}

/// One of the state's lists, as refusals speak of it.
struct Kind {
    what: &'static str,
    field: &'static str,
    limit: usize,
    remedy: &'static str,
}

const PRODUCT: Kind = kind("product", "product.id", MAX_PRODUCTS, "product.hide");
const DROP: Kind = kind("drop", "drop.id", MAX_DROPS, "drop.withdraw");
const POLL: Kind = kind("poll", "poll.id", MAX_POLLS, "poll.remove");
const MESSAGE: Kind = kind("message", "message.id", MAX_MESSAGES, "message.unpin");
const COUPON: Kind = kind("coupon", "coupon.code", MAX_COUPONS, "coupon.withdraw");
const CUSTOM: Kind = kind(
    "custom body",
    "name",
    MAX_CUSTOM,
    "custom with keep and a body of null",
);

const fn kind(what: &'static str, field: &'static str, limit: usize, remedy: &'static str) -> Kind {
    Kind {
        what,
        field,
        limit,
        remedy,
    }
}

/// Replaces the entry of the same key where it stands, or adds it at the end.
fn put<T, K: PartialEq>(
    list: &mut Vec<Arc<T>>,
    kind: &Kind,
    entry: T,
    key: fn(&T) -> &K,
) -> Result<(), EventError> {
    if let Some(slot) = list.iter_mut().find(|known| key(known) == key(&entry)) {
        *slot = Arc::new(entry);
        return Ok(());
    }
    if list.len() >= kind.limit {
        return Err(EventError::Full {
            field: kind.field,
            what: kind.what,
            limit: kind.limit,
            remedy: kind.remedy,
        });
    }
    list.push(Arc::new(entry));
    Ok(())
}

fn find<'a, T, K: PartialEq + std::fmt::Display>(
    list: &'a mut [Arc<T>],
    kind: &Kind,
    id: &K,
    key: fn(&T) -> &K,
) -> Result<&'a mut Arc<T>, EventError> {
    let refusal = not_on_air(list, kind, id, key);
    list.iter_mut().find(|entry| key(entry) == id).ok_or(refusal)
}

fn take<T, K: PartialEq + std::fmt::Display>(
    list: &mut Vec<Arc<T>>,
    kind: &Kind,
    id: &K,
    key: fn(&T) -> &K,
) -> Result<(), EventError> {
    match list.iter().position(|entry| key(entry) == id) {
        Some(index) => {
            list.remove(index);
            Ok(())
        }
        None => Err(not_on_air(list, kind, id, key)),
    }
}

fn not_on_air<T, K: std::fmt::Display>(
    list: &[Arc<T>],
    kind: &Kind,
    id: &K,
    key: fn(&T) -> &K,
) -> EventError {
    let on_air: Vec<String> = list.iter().map(|entry| key(entry).to_string()).collect();
    EventError::NotOnAir {
        field: kind.field.to_owned(),
        what: kind.what,
        id: id.to_string(),
        on_air: on_air.join(", "),
    }
}
