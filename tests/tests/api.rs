//! The control API against its own OpenAPI document; tokens and their roles; events as they happen.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vitrine_tests::client::Answer;
use vitrine_tests::harness::{ChannelSetup, Publisher, Source, Vitrine, VitrineSetup, until};

const PATIENCE: Duration = Duration::from_secs(60);
const EVENTS: &str = "/v1/channels/demo/events";

fn passthrough(name: &str) -> VitrineSetup {
    Vitrine::named(name).channel(ChannelSetup::new("demo").ladder("\"passthrough\""))
}

fn small_picture() -> Source {
    Source::picture().size(320, 180).bitrate_kbps(300)
}

fn show(id: &str) -> Value {
    json!({"type": "product.show", "product": {"id": id, "name": "N", "price": {"amount": 100, "currency": "EUR"}}})
}

/// A file of tokens that nobody else writes to.
fn tokens_file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("out");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{name}.tokens.toml"))
}

/// Puts a file in the place of another at once, as operators should: half of it is never read.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, file).unwrap();
}

fn entry(token: &str, role: &str, more: &str) -> String {
    let digest: String = Sha256::digest(token)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("[[token]]\nname = \"{token}\"\nsha256 = \"{digest}\"\nrole = \"{role}\"\n{more}\n")
}

async fn ask(vitrine: &Vitrine, method: &Method, path: &str, fields: &[(&str, &str)], body: &str) -> Answer {
    let body = Bytes::from(body.to_owned());
    vitrine
        .client()
        .ask(method.clone(), &vitrine.url(path), fields, body)
        .await
        .unwrap()
}

/// The template of a path in the document.
fn template(path: &str) -> String {
    let path = path.split('?').next().unwrap();
    let segments: Vec<&str> = path.split('/').collect();
    let named = segments.iter().enumerate().map(|(index, segment)| match index {
        3 => "{channel}",
        5 if segments[4] == "keys" => "{key}",
        5 => "{event}",
        _ => segment,
    });
    named.collect::<Vec<_>>().join("/")
}

/// Whether the document knows this answer to this request, and its body is what the document says.
fn hold_against(document: &Value, method: &Method, path: &str, answer: &Answer) {
    let operation = &document["paths"][template(path)][method.as_str().to_lowercase()];
    assert!(operation.is_object(), "{method} {path} is not in the document");
    let response = &operation["responses"][answer.status.as_str()];
    assert!(
        response.is_object(),
        "{method} {path}: {} is not in the document: {}",
        answer.status,
        answer.text()
    );
    let Some(content) = response["content"].as_object() else {
        assert!(
            answer.body.is_empty(),
            "{method} {path}: a body that is not in the document"
        );
        return;
    };
    let kind = answer.header("content-type");
    let schema = &content
        .get(kind)
        .unwrap_or_else(|| panic!("{method} {path}: {kind}"))["schema"];
    let whole = json!({ "allOf": [schema], "components": document["components"] });
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&whole)
        .unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&answer.json())
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{method} {path}: {errors:?} in {}",
        answer.text()
    );
}

/// A wish for an input.
fn on_air(input: &str) -> String {
    json!({ "on_air": input }).to_string()
}

/// A wish for a stream key.
fn key(name: &str, input: &str) -> String {
    json!({ "name": name, "input": input }).to_string()
}

/// Requests and the status that each gets; `ID` stands for an event, and `KEY` for a stream key.
fn requests() -> Vec<(Method, String, &'static str, String, u16)> {
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let on = |path: &str| format!("/v1/channels/demo{path}");
    let batch = json!([show("a"), {"type": "product.update", "at": {"offset": 1}, "product": {"id": "a", "stock": 3}}]);
    let poll = json!({"type": "poll.open", "poll": {"id": "q", "question": "Q?", "options": [{"id": "a", "text": "A"}, {"id": "b", "text": "B"}]}});
    let custom = json!({"type": "custom", "name": "com.example.x", "body": {"a": [1]}, "keep": true});
    let later = json!({"at": {"offset": 900}}).to_string();
    let none = String::new;
    vec![
        (get.clone(), "/v1/channels".into(), "", none(), 200),
        (get.clone(), on(""), "", none(), 200),
        (get.clone(), "/v1/channels/nobody".into(), "", none(), 404),
        (get.clone(), on("/state"), "", none(), 200),
        (get.clone(), on("/state?at=2026-01-01T00:00:00Z"), "", none(), 200),
        (get.clone(), on("/state?at=2099-01-01T00:00:00Z"), "", none(), 401),
        (
            get.clone(),
            on("/state?at=2099-01-01T00:00:00Z"),
            "viewer",
            none(),
            200,
        ),
        (get.clone(), on("/state?at=now"), "", none(), 400),
        (post.clone(), on("/events"), "", show("a").to_string(), 401),
        (post.clone(), on("/events"), "old", show("a").to_string(), 401),
        (post.clone(), on("/events"), "viewer", show("a").to_string(), 403),
        (post.clone(), on("/events"), "nobody", show("a").to_string(), 403),
        (post.clone(), on("/events"), "shop", show("a").to_string(), 201),
        (post.clone(), on("/events"), "shop", batch.to_string(), 201),
        (post.clone(), on("/events"), "shop", poll.to_string(), 201),
        (post.clone(), on("/events"), "shop", custom.to_string(), 201),
        (post.clone(), on("/events"), "shop", "{".into(), 400),
        (post.clone(), on("/events"), "shop", "{}".into(), 422),
        (post.clone(), on("/events"), "shop", "[]".into(), 422),
        (post.clone(), on("/events"), "shop", " ".repeat(9_000), 413),
        (
            post.clone(),
            on("/events"),
            "shop",
            show("a").to_string().replace("show", "hide").replace("100", "-1"),
            422,
        ),
        (post.clone(), on("/input"), "", on_air("primary"), 401),
        (post.clone(), on("/input"), "shop", on_air("primary"), 403),
        (post.clone(), on("/input"), "boss", on_air("primary"), 200),
        (post.clone(), on("/input"), "boss", on_air("backup"), 409),
        (post.clone(), on("/input"), "boss", on_air("third"), 422),
        (post.clone(), on("/input"), "boss", "{".into(), 400),
        (post.clone(), on("/input"), "boss", " ".repeat(300), 413),
        (post.clone(), on("/keys"), "shop", key("van 2", "backup"), 403),
        (post.clone(), on("/keys"), "boss", key("van 2", "backup"), 201),
        (post.clone(), on("/keys"), "boss", key("", "backup"), 422),
        (post.clone(), on("/keys"), "boss", key("van 2", "third"), 422),
        (post.clone(), on("/keys"), "boss", "{".into(), 400),
        (post.clone(), on("/keys"), "boss", " ".repeat(2_000), 413),
        (get.clone(), on("/keys"), "shop", none(), 403),
        (get.clone(), on("/keys"), "boss", none(), 200),
        (delete.clone(), on("/keys/KEY"), "shop", none(), 403),
        (delete.clone(), on("/keys/KEY"), "boss", none(), 200),
        (delete.clone(), on("/keys/KEY"), "boss", none(), 404),
        (get.clone(), on("/keys"), "boss", none(), 200),
        (get.clone(), on("/events"), "", none(), 401),
        (get.clone(), on("/events"), "viewer", none(), 200),
        (
            get.clone(),
            on("/events?limit=2&status=scheduled"),
            "viewer",
            none(),
            200,
        ),
        (
            get.clone(),
            on("/events?limit=2&after=0-0"),
            "viewer",
            none(),
            200,
        ),
        (get.clone(), on("/events?limit=many"), "viewer", none(), 400),
        (get.clone(), on("/events?status=lost"), "viewer", none(), 400),
        (get.clone(), on("/events/ID"), "viewer", none(), 200),
        (get.clone(), on("/events/nothing"), "viewer", none(), 404),
        (patch.clone(), on("/events/ID"), "viewer", later.clone(), 403),
        (patch.clone(), on("/events/ID"), "shop", later.clone(), 200),
        (
            patch.clone(),
            on("/events/ID"),
            "shop",
            show("z").to_string(),
            200,
        ),
        (patch.clone(), on("/events/ID"), "shop", "{}".into(), 422),
        (patch.clone(), on("/events/nothing"), "shop", later.clone(), 404),
        (delete.clone(), on("/events/ID"), "viewer", none(), 403),
        (delete.clone(), on("/events/ID"), "shop", none(), 200),
        (delete, on("/events/ID"), "shop", none(), 409),
        (patch, on("/events/ID"), "shop", later, 409),
        (get.clone(), on("/audit"), "shop", none(), 403),
        (get.clone(), on("/audit?limit=3"), "boss", none(), 200),
        (get, on("/audit?after=2"), "boss", none(), 200),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_the_one_of_the_openapi_document() {
    let tokens = tokens_file("api");
    let file = [
        entry("viewer", "read-only", ""),
        entry("shop", "merchandiser", "channels = [\"demo\"]"),
        entry("boss", "operator", ""),
        entry("old", "operator", "expires = \"2020-01-01T00:00:00Z\""),
    ];
    std::fs::write(&tokens, file.concat()).unwrap();
    let keys = tokens.with_file_name("keys-api.json");
    // Of a former run.
    let _ = std::fs::remove_file(&keys);
    let setup = passthrough("api")
        .line("access", &format!("tokens_file = {tokens:?}"))
        .line("access", &format!("keys_file = {keys:?}"));
    let vitrine = setup.start().await;
    let publisher = Publisher::start(&small_picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let document = ask(&vitrine, &Method::GET, "/openapi.json", &[], "").await.json();
    assert_eq!(document["openapi"], "3.1.0");

    let mut later = show("later");
    later["at"] = json!({"offset": 600});
    let shop = [("authorization", "Bearer shop")];
    let scheduled = ask(&vitrine, &Method::POST, EVENTS, &shop, &later.to_string()).await;
    let id = scheduled.json()["id"].as_str().unwrap().to_owned();
    let boss = [("authorization", "Bearer boss")];
    let created = ask(
        &vitrine,
        &Method::POST,
        "/v1/channels/demo/keys",
        &boss,
        &key("a", "primary"),
    )
    .await;
    let key = created.json()["id"].as_str().unwrap().to_owned();
    let mut asked = std::collections::BTreeSet::new();
    for (method, path, token, body, status) in requests() {
        let path = path.replace("ID", &id).replace("KEY", &key);
        let token = format!("Bearer {token}");
        let fields: &[(&str, &str)] = match token.as_str() {
            "Bearer " => &[],
            token => &[("authorization", token)],
        };
        let answer = ask(&vitrine, &method, &path, fields, &body).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{method} {path} {body}: {}",
            answer.text()
        );
        hold_against(&document, &method, &path, &answer);
        asked.insert((template(&path), method.as_str().to_lowercase()));
    }
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| *name != "parameters")
        {
            assert!(
                asked.contains(&(path.clone(), method.clone())),
                "{method} {path} was not asked"
            );
        }
    }
    // Who did what is known, by the token's name.
    let audit = ask(&vitrine, &Method::GET, "/v1/channels/demo/audit", &boss, "")
        .await
        .json();
    let cancelled = audit["commands"]
        .as_array()
        .unwrap()
        .iter()
        .find(|command| command["do"] == "cancel");
    assert_eq!(cancelled.unwrap()["by"], "shop");
    assert_eq!(cancelled.unwrap()["event"], id.as_str());
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_given_and_taken_without_a_restart() {
    let tokens = tokens_file("api-rotation");
    std::fs::write(&tokens, entry("first", "read-only", "")).unwrap();
    let setup = passthrough("api-rotation").line("access", &format!("tokens_file = {tokens:?}"));
    let vitrine = setup.start().await;
    let status = async |token: &str| {
        let token = format!("Bearer {token}");
        let fields = [("authorization", token.as_str())];
        ask(&vitrine, &Method::GET, EVENTS, &fields, "").await.status
    };
    assert_eq!(status("first").await, StatusCode::OK);
    assert_eq!(status("second").await, StatusCode::FORBIDDEN);
    replace(&tokens, &entry("second", "read-only", ""));
    until("the new token is known", PATIENCE, async || {
        (status("second").await == StatusCode::OK).then_some(())
    })
    .await;
    assert_eq!(status("first").await, StatusCode::FORBIDDEN);
    // A mistake changes nothing, and is in the log without a token in it.
    replace(&tokens, "[[token]]\nname = 7");
    until("the mistake is in the log", PATIENCE, async || {
        vitrine
            .log()
            .contains("the tokens stay as they were")
            .then_some(())
    })
    .await;
    assert_eq!(status("second").await, StatusCode::OK);
    assert!(vitrine.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_asks_too_often_is_told_when_to_ask_again() {
    let setup = passthrough("api-rate").line("access", "requests_per_second = 1");
    let vitrine = setup.start().await;
    let fields = [("authorization", "Bearer token-of-demo")];
    let refused = until("one is refused", PATIENCE, async || {
        let answer = ask(&vitrine, &Method::GET, EVENTS, &fields, "").await;
        (answer.status == StatusCode::TOO_MANY_REQUESTS).then_some(answer)
    });
    let refused = refused.await;
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=5).contains(&seconds), "{seconds}");
    // Who looks at the state is not counted.
    let state = ask(&vitrine, &Method::GET, "/v1/channels/demo/state", &[], "").await;
    assert_eq!(state.status, StatusCode::OK);
    until("it is let in again", PATIENCE, async || {
        let answer = ask(&vitrine, &Method::GET, EVENTS, &fields, "").await;
        (answer.status == StatusCode::OK).then_some(())
    })
    .await;
    assert!(vitrine.stop().await.success());
}

/// A listener's connection, and what came by it.
struct Listener {
    stream: TcpStream,
    heard: String,
}

impl Listener {
    async fn of(vitrine: &Vitrine) -> Self {
        let mut stream = TcpStream::connect(vitrine.http()).await.unwrap();
        let request = format!(
            "GET {EVENTS} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nAuthorization: Bearer token-of-demo\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut listener = Self {
            stream,
            heard: String::new(),
        };
        listener.until(": listening").await;
        assert!(listener.heard.contains("text/event-stream"), "{}", listener.heard);
        listener
    }

    async fn until(&mut self, text: &str) {
        let hear = async {
            while !self.heard.contains(text) {
                self.more().await;
            }
        };
        let heard = tokio::time::timeout(PATIENCE, hear).await;
        assert!(heard.is_ok(), "{text} was not heard: {}", self.heard);
    }

    async fn more(&mut self) {
        let mut bytes = [0; 4096];
        let count = self.stream.read(&mut bytes).await.unwrap();
        assert!(count > 0, "the stream ended: {}", self.heard);
        self.heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }

    /// The names and ids of what was heard, in its order.
    fn notices(&self) -> Vec<(String, String)> {
        let events = self.heard.split("event: ").skip(1);
        events
            .map(|event| {
                let (name, rest) = event.split_once('\n').unwrap();
                let data = rest.strip_prefix("data: ").unwrap().lines().next().unwrap();
                let record: Value = serde_json::from_str(data).unwrap();
                (name.to_owned(), record["id"].as_str().unwrap().to_owned())
            })
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_hears_what_happens_to_events() {
    let vitrine = passthrough("api-listeners").start().await;
    let publisher = Publisher::start(&small_picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let mut listeners = Vec::new();
    for _ in 0..64 {
        listeners.push(Listener::of(&vitrine).await);
    }
    let fields = [
        ("authorization", "Bearer token-of-demo"),
        ("accept", "text/event-stream"),
    ];
    let refused = ask(&vitrine, &Method::GET, EVENTS, &fields, "").await;
    assert_eq!(
        refused.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        refused.text()
    );
    let posted = vitrine.post_event("demo", &show("a")).await.json();
    let id = posted["id"].as_str().unwrap().to_owned();
    for listener in &mut listeners {
        listener.until("event: on_air").await;
        // The end of its data.
        listener.until("\"status\":\"on_air\"").await;
        while !listener.heard.ends_with("\n\n\r\n") {
            let heard = listener.heard.len();
            listener.more().await;
            assert!(listener.heard.len() > heard);
        }
        let expected = ["scheduled", "on_air"].map(|name| (name.to_owned(), id.clone()));
        assert_eq!(listener.notices(), expected);
    }
    // Who leaves makes room.
    listeners.pop();
    until("there is room for another", PATIENCE, async || {
        let mut stream = TcpStream::connect(vitrine.http()).await.unwrap();
        let request = format!(
            "GET {EVENTS} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nAuthorization: Bearer token-of-demo\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        head.ends_with(b"200").then_some(())
    })
    .await;
    // They do not keep the server from stopping.
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}
