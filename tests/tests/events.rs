//! Show events on a real server: each way to say a time, changes, repeats, and a server that is killed.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use vitrine_tests::client::{Answer, Client};
use vitrine_tests::conformance::cmaf::messages::SeenMessage;
use vitrine_tests::harness::{ChannelSetup, Publisher, Source, Vitrine, VitrineSetup, Witness, until};

const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: (&str, &str) = ("authorization", "Bearer token-of-demo");
/// A frame, and what a clock of milliseconds rounds.
const FRAME_MS: i64 = 34;

fn small_picture() -> Source {
    Source::picture().size(320, 180).bitrate_kbps(300)
}

/// Whose one token may ask as often as it likes.
fn passthrough(name: &str) -> VitrineSetup {
    Vitrine::named(name)
        .line("access", "requests_per_second = 1000000")
        .channel(ChannelSetup::new("demo").ladder("\"passthrough\""))
}

fn show(id: &str) -> Value {
    json!({"type": "product.show", "product": {"id": id, "name": "N", "price": {"amount": 100, "currency": "EUR"}}})
}

fn at(mut event: Value, at: Value) -> Value {
    event["at"] = at;
    event
}

/// A server's events, as the control API serves them.
struct Events<'a>(&'a Vitrine);

impl Events<'_> {
    async fn ask(&self, method: Method, path: &str, fields: &[(&str, &str)], body: &Value) -> Answer {
        let url = self.0.url(&format!("/v1/channels/demo{path}"));
        let body = match body {
            Value::Null => Bytes::new(),
            body => Bytes::from(body.to_string()),
        };
        let fields: Vec<_> = [TOKEN].into_iter().chain(fields.iter().copied()).collect();
        self.0.client().ask(method, &url, &fields, body).await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, &[], &Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer.json()
    }

    async fn post(&self, event: &Value) -> Value {
        let answer = self.ask(Method::POST, "/events", &[], event).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{event}: {}", answer.text());
        answer.json()
    }

    /// Every event of the history, page by page.
    async fn all(&self) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/events?limit=50{after}")).await;
            all.extend(page["events"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }

    async fn status(&self, id: &str) -> String {
        let event = self.get(&format!("/events/{id}")).await;
        event["status"].as_str().unwrap().to_owned()
    }
}

fn millis(text: &Value) -> i64 {
    let text = text.as_str().unwrap_or_else(|| panic!("no time: {text}"));
    chrono::DateTime::parse_from_rfc3339(text)
        .unwrap()
        .timestamp_millis()
}

fn text_of(millis: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(millis).unwrap();
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// What the media say of each event: by id, once for each time it was seen.
fn carried(messages: &[SeenMessage]) -> BTreeMap<String, Vec<Value>> {
    let mut carried: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for message in messages {
        let text: Value = serde_json::from_str(&message.text).unwrap();
        if text["kind"] == "event" {
            let id = text["id"].as_str().unwrap().to_owned();
            carried.entry(id).or_default().push(text);
        }
    }
    carried
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_takes_effect_at_the_time_that_it_names_and_may_be_changed_until_then() {
    let vitrine = passthrough("events-time").start().await;
    let publisher = Publisher::start(&small_picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let events = Events(&vitrine);
    let witness = Witness::of(&vitrine, "demo").await;

    let now = events.post(&show("now")).await;
    assert_eq!(now["late"], false, "{now}");
    let (media_time, pdt) = (now["media_time"].as_f64().unwrap(), millis(&now["pdt"]));
    let by_pdt = at(show("pdt"), json!({"pdt": text_of(pdt + 9_000)}));
    let by_media = at(show("media"), json!({"media_time": media_time + 9.5}));
    let by_pdt = events.post(&by_pdt).await;
    let by_media = events.post(&by_media).await;
    let by_offset = events.post(&at(show("offset"), json!({"offset": 4.5}))).await;
    let late = events.post(&at(show("late"), json!({"media_time": 0}))).await;
    assert_eq!(millis(&by_pdt["pdt"]), pdt + 9_000);
    assert!((by_media["media_time"].as_f64().unwrap() - media_time - 9.5).abs() < 0.002);
    assert!(millis(&by_offset["pdt"]) >= pdt + 4_500);
    assert_eq!(late["late"], true, "{late}");
    let open_part_ms = 400;
    assert!(
        millis(&late["pdt"]) > pdt - open_part_ms,
        "{late}: not in what is written"
    );

    // Changed, and cancelled, before their time.
    let moved = events.post(&at(show("moved"), json!({"offset": 600}))).await;
    let gone = events.post(&at(show("gone"), json!({"offset": 600}))).await;
    let scheduled = events.get("/events?status=scheduled").await;
    let listed: Vec<&Value> = scheduled["events"].as_array().unwrap().iter().collect();
    for event in [&by_pdt, &by_media, &moved, &gone] {
        assert!(listed.iter().any(|known| known["id"] == event["id"]), "{event}");
    }
    let path = |event: &Value| format!("/events/{}", event["id"].as_str().unwrap());
    let change = json!({"at": {"pdt": text_of(pdt + 10_000)}});
    let moved = events.ask(Method::PATCH, &path(&moved), &[], &change).await;
    assert_eq!(moved.status, StatusCode::OK, "{}", moved.text());
    let moved = moved.json();
    assert_eq!(millis(&moved["pdt"]), pdt + 10_000);
    let cancelled = events.ask(Method::DELETE, &path(&gone), &[], &Value::Null).await;
    assert_eq!(cancelled.json()["status"], "cancelled", "{}", cancelled.text());

    until("the last one is on air", PATIENCE, async || {
        (events.status(moved["id"].as_str().unwrap()).await == "on_air").then_some(())
    })
    .await;
    let refused = events.ask(Method::PATCH, &path(&moved), &[], &change).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text());
    let unknown = events
        .ask(Method::DELETE, "/events/nothing", &[], &Value::Null)
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{}", unknown.text());

    // The state of any time is known: by the events that stand before it.
    let on_air_at = async |millis: i64| -> Vec<String> {
        let state = events.get(&format!("/state?at={}", text_of(millis))).await;
        let products = state["products"].as_array().unwrap().iter();
        products
            .map(|product| product["id"].as_str().unwrap().to_owned())
            .collect()
    };
    for (event, name) in [
        (&now, "now"),
        (&by_pdt, "pdt"),
        (&by_media, "media"),
        (&moved, "moved"),
    ] {
        let stands = millis(&event["pdt"]);
        assert!(
            !on_air_at(stands - FRAME_MS).await.contains(&name.to_owned()),
            "{name}"
        );
        assert!(on_air_at(stands + 1).await.contains(&name.to_owned()), "{name}");
    }

    // What went on air is in the media where the answer said, once, and says itself whether it is late.
    vitrine.lists("demo", millis(&moved["pdt"]) + 100).await;
    let report = witness.undisturbed().await;
    let carried = carried(&report.messages);
    for event in [&now, &by_pdt, &by_media, &by_offset, &late, &moved] {
        let found = &carried[event["id"].as_str().unwrap()];
        assert_eq!(found.len(), 1, "{event}: {found:?}");
        let off = millis(&found[0]["pdt"]) - millis(&event["pdt"]);
        assert!(off.abs() <= FRAME_MS, "{event}: {}", found[0]);
        assert_eq!(found[0].get("late").is_some(), event["late"] == true, "{event}");
    }
    assert!(!carried.contains_key(gone["id"].as_str().unwrap()));
    assert!(report.is_clean(), "{report}");
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_taken_whole_or_not_at_all_and_a_repeat_once() {
    let vitrine = passthrough("events-batch").start().await;
    let publisher = Publisher::start(&small_picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let events = Events(&vitrine);
    let batch: Vec<Value> = (0..20).map(|n| show(&format!("p{n}"))).collect();
    let mut wrong = batch.clone();
    wrong[13] = json!({"type": "product.hide", "product": {"id": "nobody"}});
    let refused = events.ask(Method::POST, "/events", &[], &json!(wrong)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text());
    assert_eq!(refused.json()["field"], "[13].product.id");
    assert_eq!(events.all().await.len(), 0);

    let key = ("idempotency-key", "batch-1");
    let first = events.ask(Method::POST, "/events", &[key], &json!(batch)).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    let again = events.ask(Method::POST, "/events", &[key], &json!(batch)).await;
    assert_eq!(again.status, StatusCode::CREATED, "{}", again.text());
    assert_eq!(again.header("idempotency-replayed"), "true");
    let ids = |answer: &Answer| -> Vec<String> {
        let events = answer.json()["events"].as_array().unwrap().clone();
        events
            .iter()
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&first), ids(&again));
    let other = events.ask(Method::POST, "/events", &[key], &show("other")).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", other.text());
    assert_eq!(other.json()["field"], "Idempotency-Key");

    let all = until("the batch is on air", PATIENCE, async || {
        let all = events.all().await;
        all.iter().all(|event| event["status"] == "on_air").then_some(all)
    })
    .await;
    let seqs: Vec<u64> = all.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=20).collect::<Vec<_>>(), "in the batch's order");

    // The state says which it is, and is not sent to who has it.
    let state = events.ask(Method::GET, "/state", &[], &Value::Null).await;
    assert_eq!(state.json()["seq"], 20);
    let etag = state.header("etag").to_owned();
    assert_eq!(etag, format!("\"{}\"", state.json()["hash"].as_str().unwrap()));
    let known = events
        .ask(Method::GET, "/state", &[("if-none-match", &etag)], &Value::Null)
        .await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}

/// Looks at the state until told to stop; counts how often it is answered.
async fn look(client: Client, url: String, answered: Arc<AtomicU64>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let answer = client.get(&url).await.unwrap();
        answered.fetch_add(u64::from(answer.status == StatusCode::OK), Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_look_at_the_state_events_are_taken() {
    let vitrine = passthrough("events-looked-at").start().await;
    let publisher = Publisher::start(&small_picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let events = Events(&vitrine);
    events.post(&show("a")).await;
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut lookers = JoinSet::new();
    for n in 0..100 {
        let path = match n % 2 {
            0 => "/v1/channels/demo/state",
            _ => "/v1/channels/demo/state?at=2026-01-01T00:00:00Z",
        };
        let (answered, stop) = (answered.clone(), stop.clone());
        lookers.spawn(look(Client::http1(), vitrine.url(path), answered, stop));
    }
    until("all of them look", PATIENCE, async || {
        (answered.load(Ordering::Relaxed) > 100).then_some(())
    })
    .await;
    for n in 0..40 {
        let stock = json!({"type": "product.update", "product": {"id": "a", "stock": n}});
        events.post(&stock).await;
    }
    let before = answered.load(Ordering::Relaxed);
    until("they look on", PATIENCE, async || {
        (answered.load(Ordering::Relaxed) > before).then_some(())
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    lookers.join_all().await;
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}

/// Posts until the server is gone; gives the ids that were answered.
async fn post_on(client: Client, url: String, poster: usize) -> Vec<String> {
    let mut answered = Vec::new();
    for n in 0.. {
        let body =
            Bytes::from(json!({"type": "custom", "name": "com.example.n", "body": [poster, n]}).to_string());
        match client.ask(Method::POST, &url, &[TOKEN], body).await {
            Ok(answer) if answer.status == StatusCode::CREATED => {
                answered.push(answer.json()["id"].as_str().unwrap().to_owned());
            }
            // Over its limits it says so; that is no loss.
            Ok(answer) => assert!(
                matches!(
                    answer.status,
                    StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE
                ),
                "{}",
                answer.text()
            ),
            Err(_) => break,
        }
    }
    answered
}

async fn on_air(events: &Events<'_>) -> BTreeSet<String> {
    let all = events.all().await;
    let on_air = all.iter().filter(|event| event["status"] == "on_air");
    on_air
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect()
}

/// What a channel's folder says of what went on air: it is noted on the side, after it is shown.
fn noted(folder: &Path) -> String {
    let mut noted = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "aired") {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            // Half a line is nothing.
            let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
            noted.push_str(whole);
        }
    }
    noted
}

/// Starts a server with these events, floods it and kills it. Gives what was answered, and what was certainly on air.
async fn one_life(name: &str, folder: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let setup = passthrough(name).line("events", &format!("directory = {folder:?}"));
    let mut vitrine = setup.start().await;
    let publisher = Publisher::start(&small_picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let url = vitrine.url("/v1/channels/demo/events");
    let mut posters = JoinSet::new();
    for poster in 0..4 {
        posters.spawn(post_on(Client::http1(), url.clone(), poster));
    }
    let events = Events(&vitrine);
    let before = on_air(&events).await;
    let seen = until("some went on air", PATIENCE, async || {
        let seen = on_air(&events).await;
        (seen.len() > before.len() + 20).then_some(seen)
    })
    .await;
    until("that is noted", PATIENCE, async || {
        let noted = noted(&folder.join("demo"));
        let mut fresh = seen.difference(&before);
        fresh.all(|id| noted.contains(id.as_str())).then_some(())
    })
    .await;
    vitrine.signal(Signal::KILL);
    vitrine.ended(PATIENCE).await;
    let answered = posters.join_all().await.into_iter().flatten().collect();
    publisher.kill();
    (answered, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_a_burst_has_lost_no_answered_event_and_sends_none_twice() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("out/events-killed-journal");
    let _ = std::fs::remove_dir_all(&folder);
    let (mut answered, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for life in 1..=3 {
        let (of_life, seen_in_life) = one_life(&format!("events-killed-{life}"), &folder).await;
        assert!(of_life.len() > 20, "life {life}: {} events", of_life.len());
        answered.extend(of_life);
        seen.extend(seen_in_life);
    }
    let setup = passthrough("events-killed-last").line("events", &format!("directory = {folder:?}"));
    let vitrine = setup.start().await;
    let events = Events(&vitrine);
    let waiting: BTreeSet<String> = events
        .all()
        .await
        .iter()
        .filter(|event| event["status"] == "scheduled")
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        waiting.is_disjoint(&seen),
        "what was on air is not to be sent again"
    );
    let publisher = Publisher::start(&small_picture(), &vitrine, "demo");
    vitrine.live("demo").await;
    let all = until("everything is on air", PATIENCE, async || {
        let all = events.all().await;
        all.iter().all(|event| event["status"] == "on_air").then_some(all)
    })
    .await;
    let ids: Vec<&str> = all.iter().map(|event| event["id"].as_str().unwrap()).collect();
    let distinct: BTreeSet<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    assert_eq!(distinct.len(), ids.len(), "an event is in the history twice");
    let lost: Vec<&String> = answered.difference(&distinct).collect();
    assert!(lost.is_empty(), "answered and lost: {lost:?}");
    let seqs: BTreeSet<u64> = all.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(
        seqs,
        (1..=all.len() as u64).collect(),
        "one show, numbered without a gap"
    );
    println!(
        "{} events answered in three lives, {} written down; {} of them went on air in the fourth",
        answered.len(),
        all.len(),
        waiting.len()
    );
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}
