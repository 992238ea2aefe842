//! One order for several origins: a NATS JetStream stream for each channel, of which each origin keeps a copy.
//!
//! ```text
//! Command ─► publish, until it is acknowledged ─► stream ─► ordered consumer ─► own file ─► Delivery
//! ```
//!
//! While NATS is away, commands wait in their queue; when it is back, they are published in their order. A command whose
//! acknowledgement was lost is published again, and known by its id.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions, HeaderMap, header};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use vitrine_metadata_track::Command;

use super::{IN_FLIGHT, Request};

/// After a failed attempt.
const RETRY: Duration = Duration::from_millis(250);
/// An acknowledgement that does not come within this time is not waited for any longer.
const ACK_TIMEOUT: Duration = Duration::from_secs(3);
/// Of a channel's stream. Full: the oldest commands are forgotten; the origins' own copies have them for longer.
const STREAM_BYTES: i64 = 64 << 20;
const STREAM_AGE: Duration = Duration::from_secs(30 * 24 * 3_600);
/// A command that is published again within this time is known.
const KNOWN_FOR: Duration = Duration::from_secs(600);

/// Why there is no bus.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// The address is no address.
    #[error("bus.nats: {0}: give an address such as nats://10.0.0.5:4222, or several with commas between")]
    Connect(#[from] async_nats::ConnectError),
}

/// A channel's stream.
#[derive(Debug, Clone)]
pub struct Nats {
    client: Client,
    node: Arc<str>,
    channel: Arc<str>,
}

impl Nats {
    /// Connects to one of `servers`, now or as soon as it is there. `node` is this origin's name, like no other's.
    pub async fn connect(servers: &str, node: &str) -> Result<Client, NatsError> {
        let servers: Vec<&str> = servers.split(',').map(str::trim).collect();
        let client = ConnectOptions::new()
            .name(format!("vitrine {node}"))
            .retry_on_initial_connect()
            .event_callback(|event| async move { tracing::warn!("NATS: {event}") })
            .connect(servers)
            .await?;
        Ok(client)
    }

    /// The stream of a channel.
    pub fn new(client: Client, node: &str, channel: &str) -> Self {
        Self {
            client,
            node: node.into(),
            channel: channel.into(),
        }
    }

    /// This origin's name.
    pub fn node(&self) -> Arc<str> {
        self.node.clone()
    }

    /// Takes commands for the stream, and tells the writer of all that come from it behind the position `last`.
    pub(super) fn order(&self, last: u64, writer: mpsc::Sender<Request>) -> mpsc::Sender<Request> {
        let (requests, queue) = mpsc::channel(IN_FLIGHT);
        tokio::spawn(self.clone().run(last, queue, writer));
        requests
    }

    async fn run(self, last: u64, queue: mpsc::Receiver<Request>, writer: mpsc::Sender<Request>) {
        let context = jetstream::new(self.client.clone());
        // The consumer ends with the queue: then nobody asks any more.
        tokio::select! {
            () = self.publish_all(&context, queue, &writer) => {}
            () = self.consume(&context, last, &writer) => {}
        }
    }

    fn subject(&self) -> String {
        format!("vitrine.{}.commands", self.channel)
    }

    fn config(&self) -> Config {
        Config {
            name: format!("vitrine-{}", self.channel),
            subjects: vec![self.subject()],
            storage: StorageType::File,
            discard: DiscardPolicy::Old,
            max_bytes: STREAM_BYTES,
            max_age: STREAM_AGE,
            duplicate_window: KNOWN_FOR,
            ..Config::default()
        }
    }

    async fn publish_all(
        &self,
        context: &Context,
        mut queue: mpsc::Receiver<Request>,
        writer: &mpsc::Sender<Request>,
    ) {
        while let Some(request) = queue.recv().await {
            let Request::Append(command) = request else {
                if writer.send(request).await.is_err() {
                    return;
                }
                continue;
            };
            self.publish(context, &command).await;
        }
    }

    /// One after the other, so that the order is that of asking.
    async fn publish(&self, context: &Context, command: &Command) {
        let Ok(body) = serde_json::to_vec(command) else {
            return;
        };
        let body = Bytes::from(body);
        let mut said = false;
        loop {
            let mut fields = HeaderMap::new();
            fields.insert(header::NATS_MESSAGE_ID, command.id.as_ref());
            let publish = async {
                let published = context.publish_with_headers(self.subject(), fields, body.clone());
                published.await?.await
            };
            match tokio::time::timeout(ACK_TIMEOUT, publish).await {
                Ok(Ok(_)) => return,
                failed if !said => {
                    said = true;
                    let error = match failed {
                        Ok(Err(error)) => error.to_string(),
                        _ => "no acknowledgement".to_owned(),
                    };
                    metrics::counter!("vitrine_bus_errors_total").increment(1);
                    tracing::warn!(channel = self.channel.as_ref(), error, "events wait for NATS");
                }
                _ => {}
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn consume(&self, context: &Context, mut last: u64, writer: &mpsc::Sender<Request>) {
        loop {
            if let Err(error) = self.consume_from(context, &mut last, writer).await {
                tracing::debug!(channel = self.channel.as_ref(), %error, "the stream is looked for again");
            }
            if writer.is_closed() {
                return;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn consume_from(
        &self,
        context: &Context,
        last: &mut u64,
        writer: &mpsc::Sender<Request>,
    ) -> Result<(), async_nats::Error> {
        let stream = context.get_or_create_stream(self.config()).await?;
        if stream.cached_info().state.last_sequence < *last {
            tracing::error!(
                channel = self.channel.as_ref(),
                "the journal is not of this stream: give a new events.directory"
            );
            return Err("another order".into());
        }
        let consumer = stream.create_consumer(OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: *last + 1,
            },
            ..OrderedConfig::default()
        });
        let mut messages = consumer.await?.messages().await?;
        while let Some(message) = messages.next().await {
            let message = message?;
            let position = message.info()?.stream_sequence;
            match serde_json::from_slice::<Command>(&message.payload) {
                Ok(command) => {
                    let copy = Request::Copy(position, Arc::new(command));
                    if writer.send(copy).await.is_err() {
                        return Ok(());
                    }
                }
                Err(error) => {
                    let channel = self.channel.as_ref();
                    tracing::error!(channel, position, %error, "a command of the stream is skipped");
                }
            }
            *last = position;
        }
        Ok(())
    }
}
