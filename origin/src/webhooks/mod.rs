//! Tells a service of the operator's own what becomes of publications.
//!
//! ```text
//! channels' tasks ─► Webhooks (a bounded queue) ─► deliver (one at a time, tried again) ─► POST, signed
//! ```
//!
//! Form and signature are those of Standard Webhooks 1.0.0, so that receivers have libraries for them.

mod deliver;
mod signature;

use serde::Serialize;
use tokio::sync::mpsc;
use vitrine_ingest::Input;
use vitrine_packager::media::WallTime;

pub use deliver::deliver;
pub use signature::{BadSecret, Signer};

use crate::channel::unique_id;
use vitrine_ingest::wall_clock;

/// Notices that wait for the ones before them.
const QUEUE: usize = 256;

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "lowercase")]
pub enum News {
    /// An encoder publishes.
    Publish(Subject),
    /// It does not any more.
    Unpublish {
        /// Which one.
        #[serde(flatten)]
        subject: Subject,
        /// Why, in words.
        reason: String,
    },
    /// Its media come in badly.
    Degraded {
        /// Which one.
        #[serde(flatten)]
        subject: Subject,
        /// What is wrong, and what to do about it.
        reasons: Vec<String>,
    },
    /// They come in well again.
    Recovered(Subject),
    /// Another input is on air.
    Failover {
        /// The channel.
        channel: String,
        /// What was on air.
        from: Input,
        /// What is.
        to: Input,
        /// Why, in words.
        reason: String,
    },
}

/// The publication that news is about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subject {
    /// The channel.
    pub channel: String,
    /// Its number since the program started.
    pub publication: u64,
    /// Which of the channel's inputs.
    pub input: Input,
    /// `rtmp` or `srt`.
    pub protocol: &'static str,
    /// As the encoder names itself.
    pub encoder: Option<String>,
}

/// News, when it happened, and its name.
#[derive(Debug, Clone)]
pub struct Notice {
    id: String,
    at: WallTime,
    news: News,
}

/// Bounded: 256 notices. Full (the service does not answer): the newest is left out, counted and logged.
pub type Notices = mpsc::Receiver<Notice>;

/// Takes news, and never waits.
#[derive(Debug, Clone, Default)]
pub struct Webhooks {
    queue: Option<mpsc::Sender<Notice>>,
}

impl Webhooks {
    /// One whose notices come out of the receiver. [`Webhooks::default`] is for nobody's ears.
    pub fn new() -> (Self, Notices) {
        let (queue, notices) = mpsc::channel(QUEUE);
        (Self { queue: Some(queue) }, notices)
    }

    /// Tells the service.
    pub fn tell(&self, news: News) {
        let Some(queue) = &self.queue else { return };
        let notice = Notice {
            id: format!("msg_{}", unique_id()),
            at: wall_clock(),
            news,
        };
        if let Err(error) = queue.try_send(notice) {
            metrics::counter!("vitrine_webhooks_lost_total").increment(1);
            tracing::warn!(%error, "a webhook is left out: its service does not take the ones before");
        }
    }
}

impl Notice {
    /// What is posted.
    fn body(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            timestamp: String,
            #[serde(flatten)]
            news: &'a News,
        }
        let body = Body {
            timestamp: self.at.to_string(),
            news: &self.news,
        };
        // Only texts, numbers and lists are in it.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn subject() -> Subject {
        Subject {
            channel: "demo".into(),
            publication: 7,
            input: Input::Backup,
            protocol: "srt",
            encoder: None,
        }
    }

    fn body(news: News) -> Value {
        let notice = Notice {
            id: "msg_1".into(),
            at: WallTime(1_795_530_987_654),
            news,
        };
        serde_json::from_slice(&notice.body()).unwrap()
    }

    #[test]
    fn news_has_a_type_a_time_and_data() {
        let data = json!({ "channel": "demo", "publication": 7, "input": "backup", "protocol": "srt", "encoder": null });
        let timestamp = WallTime(1_795_530_987_654).to_string();
        assert_eq!(
            body(News::Publish(subject())),
            json!({ "type": "publish", "timestamp": timestamp, "data": data })
        );
        let failover = body(News::Failover {
            channel: "demo".into(),
            from: Input::Primary,
            to: Input::Backup,
            reason: "lost".into(),
        });
        assert_eq!(
            failover["data"],
            json!({ "channel": "demo", "from": "primary", "to": "backup", "reason": "lost" })
        );
        let degraded = body(News::Degraded {
            subject: subject(),
            reasons: vec!["uneven".into()],
        });
        assert_eq!(degraded["type"], "degraded");
        assert_eq!(degraded["data"]["input"], "backup");
        assert_eq!(degraded["data"]["reasons"], json!(["uneven"]));
    }

    #[tokio::test]
    async fn a_full_queue_leaves_out_the_newest() {
        let (webhooks, mut notices) = Webhooks::new();
        for number in 0..=QUEUE as u64 {
            let subject = Subject {
                publication: number,
                ..subject()
            };
            webhooks.tell(News::Publish(subject));
        }
        drop(webhooks);
        let mut numbers = Vec::new();
        while let Some(notice) = notices.recv().await {
            match notice.news {
                News::Publish(subject) => numbers.push(subject.publication),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(numbers, (0..QUEUE as u64).collect::<Vec<_>>());
    }
}
