//! The program put together: encoders' server, channels' tasks, viewers' server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use vitrine_ingest::ladder::{LadderError, check_encoders};
use vitrine_ingest::rtmp::RtmpSettings;
use vitrine_ingest::srt::Links;
use vitrine_ingest::{Authoriser, Door, Reception};

use crate::authoriser;
use crate::bus::{Journal, JournalError, Nats, NatsError};
use crate::certificate::{Renewed, TlsError};
use crate::channel::{self, ChannelSettings};
use crate::config::{AuthoriserConfig, Config, ConfigError, EventsConfig, WebhooksConfig};
use crate::control::{self, Control, ControlledChannel, TokensError};
use crate::issued_keys::{IssuedKeys, IssuedKeysError};
use crate::link_metrics;
use crate::outbound::{OutboundError, Service};
use crate::playback::serve::Playback;
use crate::server::{self, Site};
use crate::webhooks::{self, Webhooks};

/// Seconds: where a part that is late begins to cost latency is a tenth.
const PART_READY_BUCKETS_S: [f64; 10] = [0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0];
const FOLD_METRICS_EVERY: Duration = Duration::from_secs(5);
/// Bounded: publications that a channel's task has not taken up yet. Full: ingest answers that the channel is unavailable.
const PUBLICATION_QUEUE: usize = 2;

/// Where events are kept if nothing else is said.
const DEFAULT_EVENTS_DIRECTORY: &str = "vitrine-data";

/// How long the last webhooks may take when the program stops.
const LAST_NEWS: Duration = Duration::from_secs(3);

/// Why the program stops before it began.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A port cannot be had.
    #[error("{key} = {address}: {source}: choose another port, or stop what uses it")]
    Bind {
        /// The key of the configuration.
        key: &'static str,
        /// Address and port.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A channel's ladder names an encoder that this machine does not have.
    #[error("channel {channel}: {source}")]
    Ladder {
        /// The channel.
        channel: String,
        /// What is missing.
        source: LadderError,
    },
    /// Events cannot be kept.
    #[error("channel {channel}: {source}")]
    Journal {
        /// The channel.
        channel: String,
        /// What is wrong with its folder.
        source: JournalError,
    },
    /// The bus cannot be had.
    #[error(transparent)]
    Bus(#[from] NatsError),
    /// The file of tokens is of no use.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// The file of keys is of no use.
    #[error(transparent)]
    Keys(#[from] IssuedKeysError),
    /// The configuration was not checked.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// TLS is configured and cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A service of the operator's own cannot be called.
    #[error(transparent)]
    Service(#[from] OutboundError),
    /// The metrics cannot be set up.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// Runs until `shutdown` turns true, then ends every session and every answer cleanly.
pub async fn run(config: Config, shutdown: watch::Receiver<bool>) -> Result<(), RunError> {
    let metrics = install_metrics()?;
    let tls = match (&config.http.tls_cert, &config.http.tls_key) {
        (Some(cert), Some(key)) => Some(server::tls(cert, key)?),
        _ => None,
    };
    let http = bind("http.listen", config.http.listen).await?;
    let rtmp = bind("rtmp.listen", config.rtmp.listen).await?;
    let rtmps = match config.rtmps() {
        Some((address, cert, key)) => {
            let certificate = Renewed::load(cert, key)?;
            Some((bind("rtmps.listen", address).await?, certificate))
        }
        None => None,
    };
    let srt = match config.srt.listen {
        Some(address) => Some(bind_udp("srt.listen", address).await?),
        None => None,
    };

    let (mut doors, mut controlled, mut feeds, mut tasks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let directory = events_directory(&config.events);
    let bus = match (&config.bus.nats, &config.bus.node) {
        (Some(servers), Some(node)) => Some((Nats::connect(servers, node).await?, node.as_str())),
        _ => None,
    };
    let (webhooks, telling) = webhooks(&config)?;
    let links = Links::default();
    let tokens = control::follow_tokens(config.access.tokens_file.as_deref())?;
    // Channels end after the encoders' server, so that they hear of its farewell.
    let (channels_stop, channels_stopped) = watch::channel(false);
    let public = config.is_public();
    for channel in &config.channels {
        check_encoders(&channel.ladder()).map_err(|source| RunError::Ladder {
            channel: channel.name.clone(),
            source,
        })?;
        let (publications, queue) = mpsc::channel(PUBLICATION_QUEUE);
        let settings = ChannelSettings {
            name: channel.name.clone(),
            packaging: config.packaging.settings(),
            ladder: channel.ladder(),
            reconnect_window: config.packaging.reconnect_window(),
            show: config.events.settings(channel),
            failover: channel.failover(),
            webhooks: webhooks.clone(),
            links: links.clone(),
            journal: Journal {
                folder: directory.as_ref().map(|directory| directory.join(&channel.name)),
                nats: bus
                    .as_ref()
                    .map(|(client, node)| Nats::new(client.clone(), node, &channel.name)),
            },
        };
        let started = channel::spawn(settings, queue, channels_stopped.clone());
        let (handle, task) = started.map_err(|source| RunError::Journal {
            channel: channel.name.clone(),
            source,
        })?;
        if public && channel.has_plain_keys() {
            tracing::warn!(
                channel = channel.name,
                "a stream key stands in the configuration as it is: put its hash there (vitrine key hash)"
            );
        }
        doors.push(Door {
            channel: channel.name.clone(),
            keys: channel.keys()?,
            backup_keys: channel.backup_keys()?,
            on_busy: channel.on_busy,
            publications,
        });
        feeds.push(handle.feed.clone());
        controlled.push(ControlledChannel::new(
            handle,
            &channel.event_tokens,
            tokens.clone(),
            config.access.requests_per_second,
        ));
        tasks.push(task);
    }

    let reception = Arc::new(reception(&config, doors)?);
    let keys = IssuedKeys::open(config.access.keys_file.clone(), Arc::clone(&reception))?;
    let site = Site {
        playback: Playback::new(feeds, config.http.max_waiting),
        control: Control::new(controlled, keys),
        metrics,
    };
    let settings = RtmpSettings {
        silence: std::time::Duration::from_secs(config.rtmp.silence_timeout_seconds),
        ..RtmpSettings::default()
    };
    let mut stop_rtmp = shutdown.clone();
    let srt = srt.map(|socket| tokio::spawn(serve_srt(socket, &config, &reception, links, shutdown.clone())));
    let rtmps = rtmps.map(|(listener, certificate)| {
        let (reception, settings) = (Arc::clone(&reception), settings.clone());
        tokio::spawn(serve_rtmps(
            listener,
            certificate,
            reception,
            settings,
            shutdown.clone(),
        ))
    });
    let encoders = tokio::spawn(vitrine_ingest::rtmp::serve(
        rtmp,
        reception,
        settings,
        async move {
            let _ = stop_rtmp.wait_for(|stop| *stop).await;
        },
    ));
    let viewers = tokio::spawn(server::serve(
        http,
        tls,
        site,
        config.http.max_connections,
        shutdown,
    ));
    let _ = encoders.await;
    for others in [rtmps, srt].into_iter().flatten() {
        let _ = others.await;
    }
    // The sessions' ENDLIST answers every waiting viewer.
    channels_stop.send_replace(true);
    for task in tasks {
        let _ = task.await;
    }
    let _ = viewers.await;
    // The last news is on its way for a moment.
    drop(webhooks);
    if let Some(telling) = telling {
        let _ = tokio::time::timeout(LAST_NEWS, telling).await;
    }
    Ok(())
}

/// The registry of all metrics. What histograms gather is folded again and again, whether or not anybody reads it.
fn install_metrics() -> Result<PrometheusHandle, RunError> {
    let buckets = Matcher::Full(channel::PART_READY.to_owned());
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(buckets, &PART_READY_BUCKETS_S)?
        .install_recorder()?;
    let folded = metrics.clone();
    tokio::spawn(async move {
        let mut due = tokio::time::interval(FOLD_METRICS_EVERY);
        loop {
            due.tick().await;
            folded.run_upkeep();
        }
    });
    Ok(metrics)
}

/// Who may publish: the holders of the doors' keys, and whom the authoriser lets in.
fn reception(config: &Config, doors: Vec<Door>) -> Result<Reception, RunError> {
    let reception = Reception::new("live", doors);
    let AuthoriserConfig { url: Some(url), .. } = &config.authoriser else {
        return Ok(reception);
    };
    let patience = config.authoriser.patience();
    let service = Service::at(AuthoriserConfig::URL, url)?;
    let (authoriser, questions) = Authoriser::new(patience);
    tokio::spawn(authoriser::answer(questions, service, patience));
    Ok(reception.with_authoriser(authoriser))
}

/// Where news goes, and the task that delivers it.
fn webhooks(config: &Config) -> Result<(Webhooks, Option<JoinHandle<()>>), RunError> {
    let Some(url) = &config.webhooks.url else {
        return Ok((Webhooks::default(), None));
    };
    let service = Service::at(WebhooksConfig::URL, url)?;
    let (webhooks, notices) = Webhooks::new();
    let delivery = webhooks::deliver(
        notices,
        service,
        config.webhooks.signer()?,
        config.webhooks.patience(),
    );
    Ok((webhooks, Some(tokio::spawn(delivery))))
}

/// Where events are kept; `None`: in memory.
fn events_directory(config: &EventsConfig) -> Option<PathBuf> {
    match &config.directory {
        Some(directory) => (!directory.as_os_str().is_empty()).then(|| directory.clone()),
        None => match std::fs::create_dir_all(DEFAULT_EVENTS_DIRECTORY) {
            Ok(()) => Some(DEFAULT_EVENTS_DIRECTORY.into()),
            Err(error) => {
                tracing::warn!(
                    "{DEFAULT_EVENTS_DIRECTORY}: {error}: events are kept in memory, and are gone with the program; \
                     give a folder in events.directory"
                );
                None
            }
        },
    }
}

async fn bind(key: &'static str, address: std::net::SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| RunError::Bind { key, address, source })
}

async fn bind_udp(key: &'static str, address: std::net::SocketAddr) -> Result<UdpSocket, RunError> {
    UdpSocket::bind(address)
        .await
        .map_err(|source| RunError::Bind { key, address, source })
}

/// The RTMPS server, and its certificate.
async fn serve_rtmps(
    listener: TcpListener,
    certificate: Renewed,
    reception: Arc<Reception>,
    settings: RtmpSettings,
    mut shutdown: watch::Receiver<bool>,
) {
    let current = certificate.current();
    let serving = vitrine_ingest::rtmp::serve_tls(listener, current, reception, settings, async move {
        let _ = shutdown.wait_for(|stop| *stop).await;
    });
    tokio::select! {
        () = serving => {}
        () = certificate.keep() => {}
    }
}

/// The SRT server, and the figures of its connections.
fn serve_srt(
    socket: UdpSocket,
    config: &Config,
    reception: &Arc<Reception>,
    links: Links,
    mut shutdown: watch::Receiver<bool>,
) -> impl Future<Output = ()> + use<> {
    let (reception, settings) = (Arc::clone(reception), config.srt.settings());
    async move {
        let serving = vitrine_ingest::srt::serve(socket, reception, settings, links.clone(), async move {
            let _ = shutdown.wait_for(|stop| *stop).await;
        });
        tokio::select! {
            () = serving => {}
            () = link_metrics::publish(links) => {}
        }
    }
}
