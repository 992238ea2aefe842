//! Who is asked, outside, about keys that are not known here.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::Input;

/// See [`Questions`].
const QUESTIONS: usize = 64;

/// May the holder of a key publish?
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// `"rtmp"` or `"srt"`.
    pub protocol: &'static str,
    /// The encoder's address.
    pub from: IpAddr,
    /// The channel, if the encoder named one.
    pub channel: Option<String>,
    /// The key. Never printed.
    pub key: String,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("protocol", &self.protocol)
            .field("from", &self.from)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

/// A yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorised {
    /// The channel to publish on.
    pub channel: String,
    /// Which of its inputs.
    pub input: Input,
}

/// Questions, each with where its answer goes; `None`: no. Bounded: 64. Full: the asker waits, and is refused when its time is
/// over.
pub type Questions = mpsc::Receiver<(Question, oneshot::Sender<Option<Authorised>>)>;

/// Puts questions, and waits for their answers.
#[derive(Debug)]
pub struct Authoriser {
    questions: mpsc::Sender<(Question, oneshot::Sender<Option<Authorised>>)>,
    patience: Duration,
}

impl Authoriser {
    /// One whose questions come out of the receiver. No answer within `patience` is a no.
    pub fn new(patience: Duration) -> (Self, Questions) {
        let (questions, receiver) = mpsc::channel(QUESTIONS);
        (Self { questions, patience }, receiver)
    }

    pub(super) async fn ask(&self, question: Question) -> Option<Authorised> {
        let named = question.channel.clone();
        let asking = async {
            let (reply, answer) = oneshot::channel();
            self.questions.send((question, reply)).await.ok()?;
            answer.await.ok()?
        };
        let Ok(answer) = timeout(self.patience, asking).await else {
            tracing::error!("the authoriser does not answer: the encoder is refused");
            return None;
        };
        answer.filter(|answer| named.is_none_or(|named| named == answer.channel))
    }
}
