//! Whether an origin is up: told by checks of its own, and by what its connections do.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::watch;

/// What is known of an origin. It is taken for up until it fails.
#[derive(Debug)]
pub struct Health {
    up: watch::Sender<bool>,
    failures: AtomicU32,
    /// So many failures in a row make it down; one success makes it up.
    tolerated: u32,
}

impl Health {
    /// Down after so many failures in a row.
    pub fn new(down_after: u32) -> Self {
        Self {
            up: watch::Sender::new(true),
            failures: AtomicU32::new(0),
            tolerated: down_after,
        }
    }

    /// Whether it is up.
    pub fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// A check, or an answer, that came or did not. Returns the new state if that changed it.
    pub fn report(&self, success: bool) -> Option<bool> {
        let failures = if success {
            self.failures.store(0, Ordering::Relaxed);
            0
        } else {
            self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1)
        };
        let up = match (success, failures >= self.tolerated) {
            (true, _) => true,
            (false, true) => false,
            (false, false) => return None,
        };
        let changed = self
            .up
            .send_if_modified(|known| std::mem::replace(known, up) != up);
        changed.then_some(up)
    }

    /// Waits until it is down.
    pub async fn down(&self) {
        // The sender is ours: the wait cannot fail.
        let _ = self.up.subscribe().wait_for(|up| !up).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_failures_in_a_row_make_it_down_and_one_success_makes_it_up() {
        let health = Health::new(3);
        let table = [
            // (report, change, up)
            (false, None, true),
            (false, None, true),
            (true, None, true),
            (false, None, true),
            (false, None, true),
            (false, Some(false), false),
            (false, None, false),
            (true, Some(true), true),
            (false, None, true),
        ];
        for (step, (success, change, up)) in table.into_iter().enumerate() {
            assert_eq!(health.report(success), change, "step {step}");
            assert_eq!(health.is_up(), up, "step {step}");
        }
    }

    #[tokio::test]
    async fn those_who_wait_for_it_are_told_when_it_goes_down() {
        let health = std::sync::Arc::new(Health::new(1));
        let waiting = {
            let health = health.clone();
            tokio::spawn(async move { health.down().await })
        };
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        health.report(false);
        waiting.await.unwrap();
    }
}
