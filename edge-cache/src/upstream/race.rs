//! Asking one origin after the other, and two at once when the first is in trouble.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::StatusCode;

use super::{Demand, Origin, OriginAnswer, UpstreamError};
use crate::target::Target;

/// The first good answer, with its origin's index; else the first answer; else the last error.
///
/// The next origin is asked when the last one has failed, or has not what is asked for, or went down while it was
/// expected to answer, or (`hedge_after`) is silent for so long. A request to an origin that went down is not given
/// up: it may have been frozen only, and be the one that has the session.
pub(super) async fn race(
    candidates: &[(usize, Arc<Origin>)],
    target: &Target,
    demand: &Demand,
    hedge_after: Option<Duration>,
) -> Result<(usize, OriginAnswer), UpstreamError> {
    let mut waiting = candidates.iter();
    let mut asked = FuturesUnordered::new();
    let mut newest: Option<&Arc<Origin>> = None;
    let (mut second_best, mut error) = (None, UpstreamError::NobodyHasIt);
    loop {
        let overdue = overdue(newest, !waiting.as_slice().is_empty(), hedge_after);
        tokio::select! {
            Some((index, answer)) = asked.next() => match answer {
                Ok(answer) if is_good(&answer) => return Ok((index, answer)),
                Ok(answer) => { second_best.get_or_insert((index, answer)); }
                Err(failure) => error = failure,
            },
            () = overdue => {}
        }
        match waiting.next() {
            Some((index, origin)) => {
                newest = Some(origin);
                asked.push(async move { (*index, origin.ask(target, demand).await) });
            }
            None if asked.is_empty() => return second_best.ok_or(error),
            None => {}
        }
    }
}

/// Whether another origin could not do better: it may have the session that this one does not have.
fn is_good(answer: &OriginAnswer) -> bool {
    let status = answer.status();
    status != StatusCode::NOT_FOUND && status != StatusCode::GONE && !status.is_server_error()
}

/// Ends when the next origin should be asked beside the newest one.
fn overdue(
    newest: Option<&Arc<Origin>>,
    others: bool,
    hedge_after: Option<Duration>,
) -> impl Future<Output = ()> {
    let newest = newest.cloned();
    async move {
        let Some(newest) = newest else {
            return;
        };
        if !others {
            std::future::pending::<()>().await;
        }
        let hedge = async {
            match hedge_after {
                Some(after) => tokio::time::sleep(after).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = newest.health().down() => {}
            () = hedge => {}
        }
    }
}
