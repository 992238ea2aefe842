//! Two origins and a real nats-server between them.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tokio::net::TcpSocket;

use super::*;
use crate::bus::Nats;

/// A nats-server of this test's own. Dropped, it is killed.
struct Server {
    child: Child,
    port: Port,
    store: PathBuf,
}

/// Bound, and never listened on: the system gives it to nobody else, and nats-server, which sets SO_REUSEADDR as this does,
/// listens beside it.
struct Port(TcpSocket);

impl Port {
    fn free() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self(socket)
    }

    fn number(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }
}

impl Server {
    fn start(store: &Path, port: Port) -> Self {
        let child = Command::new("nats-server")
            .args(["-a", "127.0.0.1", "-p", &port.number().to_string(), "-js", "-sd"])
            .arg(store)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nats-server is needed: apt-get install nats-server");
        Self {
            child,
            port,
            store: store.to_owned(),
        }
    }

    /// Kills it, and starts another one in its place.
    fn replace(&mut self) {
        let store = self.store.clone();
        let port = std::mem::replace(&mut self.port, Port::free());
        *self = Self::start(&store, port);
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn origin(node: &str, folder: &Path, port: u16) -> Stage {
    let client = Nats::connect(&format!("nats://127.0.0.1:{port}"), node)
        .await
        .unwrap();
    let journal = Journal {
        folder: Some(folder.join(node)),
        nats: Some(Nats::new(client, node, "demo")),
    };
    let settings = ShowSettings {
        encoder_delay: Duration::ZERO,
        resume_window: HOUR,
    };
    Stage {
        show: Show::open("demo", settings, &journal).unwrap(),
        edge: MediaTime::from_millis(0),
    }
}

impl Stage {
    /// Takes what the order says until there are so many events.
    async fn hear(&mut self, events: usize) {
        while self.ids().len() < events {
            let delivery = tokio::time::timeout(PATIENCE, self.show.next_delivery()).await;
            self.show.deliver(delivery.expect("the order says nothing more"));
        }
    }

    fn ids(&self) -> Vec<Arc<str>> {
        let records = self.show.ledger.records(None);
        records.map(|(_, record)| record.id.clone()).collect()
    }

    /// Posts without waiting for the answer.
    fn begin_post(&mut self, json: &str) -> oneshot::Receiver<Result<Taken, Refusal>> {
        let (reply, answer) = oneshot::channel();
        let requests = EventRequest::all_from_json(json.as_bytes()).unwrap();
        let (now, by) = (self.show.now(Some(self.edge)), "shop".into());
        let command = ChannelCommand::Post {
            requests,
            by,
            key: None,
            reply,
        };
        self.show.ask(command, now, true);
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_posted_to_any_origin_reaches_all_in_one_order_also_when_nats_was_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("nats"), Port::free());
    let port = server.port.number();
    let mut a = origin("a", folder.path(), port).await;
    let mut b = origin("b", folder.path(), port).await;
    let anchor = wall_clock().plus_millis(-60_000);
    a.show.begin_session("sa", anchor);
    b.show.begin_session("sb", anchor);
    for n in 0..10 {
        a.post(&show(&format!("a{n}"), "")).await;
        b.post(&show(&format!("b{n}"), "")).await;
    }
    a.hear(20).await;
    b.hear(20).await;
    assert_eq!(a.ids(), b.ids());
    let carried = a.part(true);
    assert_eq!(carried.len(), 20);
    assert_eq!(carried, b.part(true), "the media say the same");
    let hash = |stage: &Stage| stage.show.state.borrow().etag.clone();
    assert_eq!(hash(&a), hash(&b));

    server.stop();
    let mut answers = Vec::new();
    for n in 0..5 {
        answers.push(a.begin_post(&show(&format!("c{n}"), "")));
    }
    for answer in &mut answers {
        assert!(
            matches!(answer.try_recv(), Err(oneshot::error::TryRecvError::Empty)),
            "answered before it is in the order"
        );
    }
    server.replace();
    a.hear(25).await;
    b.hear(25).await;
    assert_eq!(a.ids(), b.ids());
    let mut posted = Vec::new();
    for answer in &mut answers {
        posted.push(answer.try_recv().unwrap().unwrap().records[0].id.clone());
    }
    assert_eq!(a.ids()[20..], posted, "in the order of asking, none twice");
    assert_eq!(a.part(false), b.part(false));
    assert_eq!(hash(&a), hash(&b));

    // An origin that comes later reads everything, and one that was away what it missed.
    let mut c = origin("c", folder.path(), port).await;
    c.hear(25).await;
    assert_eq!(c.ids(), a.ids());
    b.show.close(PATIENCE).await;
    a.post(&show("d", "")).await;
    let mut b = origin("b", folder.path(), port).await;
    assert_eq!(b.ids().len(), 25, "its own copy");
    b.hear(26).await;
    assert_eq!(b.ids(), {
        a.hear(26).await;
        a.ids()
    });
}
