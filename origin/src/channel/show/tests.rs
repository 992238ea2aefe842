mod nats;

use std::path::Path;

use tokio::sync::oneshot;
use vitrine_metadata_track::{ChangeRequest, EventRequest, Order};
use vitrine_packager::cmaf::emsg::{EventMessage, PartSpan};

use super::*;
use crate::bus::{Journal, JournalError};
use crate::control::command::{ChannelCommand, ChannelQuery, Page};

const PATIENCE: Duration = Duration::from_secs(60);

struct Stage {
    show: Show,
    edge: MediaTime,
}

/// The show of a program that has just started; the one before may still be letting go of its folder.
async fn open(folder: &Path, resume_window: Duration) -> Stage {
    let settings = ShowSettings {
        encoder_delay: Duration::ZERO,
        resume_window,
    };
    let journal = Journal {
        folder: Some(folder.to_owned()),
        nats: None,
    };
    let deadline = Instant::now() + PATIENCE;
    let show = loop {
        match Show::open("demo", settings, &journal) {
            Ok(show) => break show,
            Err(JournalError::InUse(_)) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{error}"),
        }
    };
    Stage {
        show,
        edge: MediaTime::from_millis(0),
    }
}

impl Stage {
    fn begin(&mut self, session: &str) {
        // The parts come faster than real ones, and are of the past all the same.
        self.show
            .begin_session(session, wall_clock().plus_millis(-60_000));
        self.edge = MediaTime::from_millis(0);
    }

    /// A part of a second.
    fn part(&mut self, opens_segment: bool) -> Vec<String> {
        let end = MediaTime::from_millis(self.edge.millis() + 1_000);
        let span = PartSpan {
            start: self.edge,
            end,
            opens_segment,
        };
        let messages = self.show.track().carry(&span);
        self.edge = end;
        self.show.settle();
        self.show.publish_state(Some(end));
        messages.iter().map(name).collect()
    }

    async fn ask(
        &mut self,
        command: impl FnOnce(oneshot::Sender<Result<Taken, Refusal>>) -> ChannelCommand,
    ) -> Result<Taken, Refusal> {
        let (reply, mut answer) = oneshot::channel();
        let now = self.show.now(Some(self.edge));
        self.show.ask(command(reply), now, true);
        loop {
            match answer.try_recv() {
                Ok(answer) => return answer,
                Err(oneshot::error::TryRecvError::Closed) => panic!("no answer"),
                Err(oneshot::error::TryRecvError::Empty) => {
                    let delivery = self.show.next_delivery();
                    let delivery = tokio::time::timeout(PATIENCE, delivery).await.unwrap();
                    self.show.deliver(delivery);
                }
            }
        }
    }

    async fn post_as(&mut self, json: &str, key: Option<RequestKey>) -> Result<Taken, Refusal> {
        let requests = EventRequest::all_from_json(json.as_bytes()).unwrap();
        let by = "shop".into();
        self.ask(|reply| ChannelCommand::Post {
            requests,
            by,
            key,
            reply,
        })
        .await
    }

    async fn post(&mut self, json: &str) -> Vec<EventRecord> {
        self.post_as(json, None).await.unwrap().records
    }

    fn statuses(&self) -> Vec<(EventStatus, Option<u32>)> {
        let (reply, mut answer) = oneshot::channel();
        let page = Page {
            after: None,
            limit: 100,
            status: None,
        };
        self.show.answer(ChannelQuery::Events { page, reply });
        let records = answer.try_recv().unwrap();
        records.iter().map(|record| (record.status, record.seq)).collect()
    }

    fn on_air(&self) -> Vec<String> {
        let state = self.show.state.borrow().state.clone();
        state
            .products
            .iter()
            .map(|product| product.id.to_string())
            .collect()
    }
}

/// The event's id, or `state N`.
fn name(message: &EventMessage) -> String {
    let text = String::from_utf8_lossy(&message.payload);
    let json = &text[text.find('{').unwrap()..];
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    match value["id"].as_str() {
        Some(id) => id.to_owned(),
        None => format!("state {}", value["seq"]),
    }
}

fn show(id: &str, at: &str) -> String {
    format!(
        r#"{{"type":"product.show",{at}"product":{{"id":"{id}","name":"N","price":{{"amount":1,"currency":"EUR"}}}}}}"#
    )
}

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn after_a_crash_every_answered_event_is_on_the_timeline_and_none_is_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = open(folder.path(), HOUR).await;
    before.begin("s1");
    let first = before.post(&show("a", "")).await.remove(0);
    assert_eq!(first.status, EventStatus::Scheduled);
    assert_eq!(before.part(true), [first.id.to_string()]);
    let second = before.post(&show("b", "")).await.remove(0);
    let later = before.post(&show("c", r#""at":{"offset":5},"#)).await.remove(0);
    // Killed: neither is the session ended, nor the journal closed.
    drop(before);

    let mut after = open(folder.path(), HOUR).await;
    assert_eq!(after.on_air(), ["a"]);
    after.begin("s2");
    assert_eq!(after.part(true), ["state 1".to_owned(), second.id.to_string()]);
    let mut carried = Vec::new();
    for _ in 0..6 {
        carried.extend(after.part(false));
    }
    assert_eq!(carried, [later.id.to_string()]);
    assert_eq!(after.on_air(), ["a", "b", "c"]);
    let on_air = |seq| (EventStatus::OnAir, Some(seq));
    assert_eq!(after.statuses(), [on_air(1), on_air(2), on_air(3)]);
    // What went on air in the second life is known in the third.
    drop(after);
    let mut third = open(folder.path(), HOUR).await;
    third.begin("s3");
    assert_eq!(third.part(true), ["state 3"]);
}

#[tokio::test]
async fn after_a_long_time_a_new_show_begins_and_says_what_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = open(folder.path(), Duration::ZERO).await;
    before.begin("s1");
    before.post(&show("a", "")).await;
    before.part(true);
    before.post(&show("b", "")).await;
    before.post(&show("c", r#""at":{"offset":500},"#)).await;
    let session = "s1";
    before.show.end_session(session);
    before.show.close(PATIENCE).await;
    let mut after = open(folder.path(), Duration::ZERO).await;
    // The sign of life must be older than no time at all.
    let written = wall_clock();
    while wall_clock() <= written {
        tokio::task::yield_now().await;
    }
    after.begin("s2");
    assert_eq!(after.part(true), Vec::<String>::new());
    assert_eq!(
        after.statuses(),
        [
            (EventStatus::OnAir, Some(1)),
            (EventStatus::Missed, None),
            (EventStatus::Scheduled, None)
        ]
    );
    let record = after.post(&show("d", "")).await.remove(0);
    assert_eq!(after.part(true), [record.id.to_string()], "numbers begin anew");
    assert_eq!(after.statuses()[3], (EventStatus::OnAir, Some(1)));
    // The order says once more that a show began: it changes nothing.
    assert_eq!(after.on_air(), ["d"]);
}

#[tokio::test]
async fn a_request_is_obeyed_once_also_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let key = |body: &str| {
        Some(RequestKey {
            key: "k".into(),
            body: body.into(),
        })
    };
    let mut before = open(folder.path(), HOUR).await;
    before.begin("s1");
    let batch = format!("[{},{}]", show("a", ""), show("b", ""));
    let first = before.post_as(&batch, key("x")).await.unwrap();
    assert!(!first.repeated);
    let ids = |taken: &Taken| -> Vec<_> { taken.records.iter().map(|record| record.id.clone()).collect() };
    assert_eq!(first.records.len(), 2);
    let again = before.post_as(&batch, key("x")).await.unwrap();
    assert!(again.repeated);
    assert_eq!(ids(&again), ids(&first));
    assert!(matches!(
        before.post_as(&batch, key("y")).await,
        Err(Refusal::OtherBody)
    ));
    drop(before);
    let mut after = open(folder.path(), HOUR).await;
    after.begin("s2");
    let again = after.post_as(&batch, key("x")).await.unwrap();
    assert_eq!((again.repeated, ids(&again)), (true, ids(&first)));
    assert_eq!(after.part(true).len(), 2);
}

#[tokio::test]
async fn a_scheduled_event_is_changed_and_cancelled_until_it_is_on_air() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = open(folder.path(), HOUR).await;
    stage.begin("s1");
    let a = stage
        .post(&show("a", r#""at":{"media_time":50},"#))
        .await
        .remove(0);
    let b = stage
        .post(&show("b", r#""at":{"media_time":60},"#))
        .await
        .remove(0);
    assert_eq!(a.media_time, Some(50.0));
    let change = |id: &Arc<str>, json: &str| {
        let change = Box::new(ChangeRequest::from_json(json.as_bytes()).unwrap());
        let (id, by) = (id.clone(), "shop".into());
        move |reply| ChannelCommand::Change {
            id,
            change,
            by,
            reply,
        }
    };
    let cancel = |id: &Arc<str>| {
        let (id, by) = (id.clone(), "shop".into());
        move |reply| ChannelCommand::Cancel { id, by, reply }
    };
    let changed = stage
        .ask(change(&a.id, r#"{"at":{"media_time":0.5}}"#))
        .await
        .unwrap();
    assert_eq!(changed.records[0].media_time, Some(0.5));
    let cancelled = stage.ask(cancel(&b.id)).await.unwrap();
    assert_eq!(cancelled.records[0].status, EventStatus::Cancelled);
    assert_eq!(stage.part(true), [a.id.to_string()]);
    for outcome in [
        stage.ask(cancel(&a.id)).await,
        stage.ask(cancel(&b.id)).await,
        stage.ask(change(&a.id, &show("z", ""))).await,
    ] {
        assert!(matches!(outcome, Err(Refusal::NotWaiting(_))), "{outcome:?}");
    }
    assert!(matches!(
        stage.ask(cancel(&"nothing".into())).await,
        Err(Refusal::NoEvent)
    ));
    // What does not fit at its new time is refused, and stays as it was.
    let hide = r#"{"type":"product.hide","at":{"media_time":30},"product":{"id":"a"}}"#;
    let hide = stage.post(hide).await.remove(0);
    let misfit = r#"{"type":"product.hide","product":{"id":"q"}}"#;
    assert!(matches!(
        stage.ask(change(&hide.id, misfit)).await,
        Err(Refusal::Event(_))
    ));
    drop(stage);
    let stage = open(folder.path(), HOUR).await;
    assert_eq!(
        stage.statuses(),
        [
            (EventStatus::OnAir, Some(1)),
            (EventStatus::Cancelled, None),
            (EventStatus::Scheduled, None)
        ]
    );
    assert!(stage.show.ledger.records(Some(Order(0, 0))).count() == 3);
}

#[tokio::test]
async fn an_event_that_names_no_time_waits_for_what_the_camera_sees_now() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = open(folder.path(), HOUR).await;
    stage.show.settings.encoder_delay = Duration::from_millis(1_500);
    stage.begin("s1");
    let record = stage.post(&show("a", "")).await.remove(0);
    assert_eq!(record.media_time, Some(1.5));
    assert!(!record.late);
    assert_eq!(stage.part(true), Vec::<String>::new());
    assert_eq!(stage.on_air(), Vec::<String>::new());
    assert_eq!(stage.part(false), [record.id.to_string()]);
    let late = stage
        .post(&show("b", r#""at":{"media_time":0.2},"#))
        .await
        .remove(0);
    assert_eq!((late.late, late.media_time), (true, Some(2.0)));
    // While the encoder is away nothing can be in time.
    stage.show.set_away(true);
    assert!(
        stage
            .post(&show("c", r#""at":{"pdt":"2020-01-01T00:00:00Z"},"#))
            .await[0]
            .late
    );
}

#[tokio::test]
async fn listeners_hear_of_events_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = open(folder.path(), HOUR).await;
    let mut notices = stage.show.feed().notices.subscribe();
    stage.begin("s1");
    let a = stage.post(&show("a", "")).await.remove(0);
    stage.part(true);
    for what in ["scheduled", "on_air"] {
        let notice = notices.try_recv().unwrap();
        assert_eq!((notice.what, &notice.record.id), (what, &a.id));
    }
}
