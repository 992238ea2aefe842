//! Notices on their way: one at a time, in their order, tried again a few times.

use std::time::Duration;

use http::{HeaderName, StatusCode};

use super::{Notice, Notices, Signer};
use crate::outbound::{CallError, Service};
use vitrine_ingest::wall_clock;

/// Before the second, third and fourth attempt. After that a notice is given up, so that the ones behind it are not old news.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(8),
];

/// Why a notice did not arrive.
#[derive(Debug, thiserror::Error)]
enum NotDelivered {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("no answer within {} ms", .0.as_millis())]
    TooLate(Duration),
    #[error("it answers {0}")]
    Refused(StatusCode),
}

impl NotDelivered {
    /// Whether another attempt may fare better: what is refused as it is will be refused again.
    fn may_pass(&self) -> bool {
        match self {
            Self::Call(_) | Self::TooLate(_) => true,
            Self::Refused(status) => {
                !status.is_client_error()
                    || matches!(
                        *status,
                        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
                    )
            }
        }
    }
}

/// Delivers notices until nobody tells any more. Each attempt is answered within `patience`, or has failed.
pub async fn deliver(mut notices: Notices, service: Service, signer: Option<Signer>, patience: Duration) {
    while let Some(notice) = notices.recv().await {
        let mut pauses = PAUSES.iter();
        while let Err(error) = attempt(&notice, &service, signer.as_ref(), patience).await {
            match pauses.next().filter(|_| error.may_pass()) {
                Some(pause) => {
                    tracing::debug!(%error, notice = notice.id, "a webhook is tried again");
                    tokio::time::sleep(*pause).await;
                }
                None => {
                    metrics::counter!("vitrine_webhooks_lost_total").increment(1);
                    tracing::warn!(%error, notice = notice.id, "a webhook is given up");
                    break;
                }
            }
        }
    }
}

async fn attempt(
    notice: &Notice,
    service: &Service,
    signer: Option<&Signer>,
    patience: Duration,
) -> Result<(), NotDelivered> {
    let (body, sent_s) = (notice.body(), wall_clock().0.div_euclid(1000));
    let mut fields = vec![
        (HeaderName::from_static("webhook-id"), notice.id.clone()),
        (HeaderName::from_static("webhook-timestamp"), sent_s.to_string()),
    ];
    if let Some(signer) = signer {
        let signature = signer.sign(&notice.id, sent_s, &body);
        fields.push((HeaderName::from_static("webhook-signature"), signature));
    }
    let posted = tokio::time::timeout(patience, service.post(&fields, body.into())).await;
    let (status, _) = posted.map_err(|_| NotDelivered::TooLate(patience))??;
    if status.is_success() {
        Ok(())
    } else {
        Err(NotDelivered::Refused(status))
    }
}
