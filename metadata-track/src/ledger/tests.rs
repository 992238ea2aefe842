use super::*;
use crate::text::DateTime;

const NOW: WallTime = WallTime(1_795_530_987_654);

fn hide(id: &str) -> Arc<ShowEvent> {
    let json = format!(r#"{{"type":"product.hide","product":{{"id":"{id}"}}}}"#);
    Arc::new(ShowEvent::from_json(json.as_bytes()).unwrap())
}

fn asked(seconds: i64) -> Asked {
    Asked {
        at: ShowTime::from(NOW).plus_millis(seconds * 1_000),
        soon: false,
    }
}

pub(super) fn command(id: &str, at_s: i64, action: Action) -> Arc<Command> {
    Arc::new(Command {
        id: id.into(),
        at: DateTime(NOW.plus_millis(at_s * 1_000)),
        node: "n1".into(),
        by: "shop".into(),
        key: None,
        action,
    })
}

pub(super) fn post(ids: &[&str]) -> Action {
    let posted = |id: &&str| PostedEvent {
        id: (*id).into(),
        asked: asked(10),
        event: hide(id),
    };
    Action::Post {
        events: ids.iter().map(posted).collect(),
    }
}

fn statuses(ledger: &Ledger) -> Vec<(String, Status)> {
    let records = ledger.records(None);
    records
        .map(|(_, record)| (record.id.to_string(), record.status))
        .collect()
}

#[test]
fn what_is_written_down_is_read_back_the_same() {
    let keyed = Command {
        key: Some(RequestKey {
            key: "k".into(),
            body: "b".into(),
        }),
        ..command("c1", 0, post(&["a", "b"])).as_ref().clone()
    };
    let commands = [
        keyed,
        command("c2", 1, Action::Cancel { event: "a".into() })
            .as_ref()
            .clone(),
        command(
            "c3",
            1,
            Action::SessionStarted {
                session: "s".into(),
                new_show: true,
            },
        )
        .as_ref()
        .clone(),
        command("c4", 1, Action::SessionEnded { session: "s".into() })
            .as_ref()
            .clone(),
        command(
            "c5",
            1,
            Action::Change {
                event: "a".into(),
                to: Some(hide("z")),
                asked: Some(asked(3)),
            },
        )
        .as_ref()
        .clone(),
    ];
    for command in commands {
        let json = serde_json::to_string(&command).unwrap();
        assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), command, "{json}");
    }
}

#[test]
fn a_batch_is_planned_in_its_order_and_a_repeated_command_is_not() {
    let mut ledger = Ledger::default();
    let batch = command("c1", 0, post(&["a", "b"]));
    let effects = ledger.apply(7, &batch);
    let orders: Vec<Order> = effects
        .iter()
        .map(|effect| match effect {
            Effect::Plan(planned) => planned.order,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(orders, [Order(7, 0), Order(7, 1)]);
    assert!(
        ledger.apply(8, &batch).is_empty(),
        "sent twice by a bus that was away"
    );
    assert_eq!(ledger.records(None).count(), 2);
}

#[test]
fn an_event_is_changed_and_cancelled_until_it_is_on_air() {
    let mut ledger = Ledger::default();
    ledger.apply(1, &command("c1", 0, post(&["a", "b"])));
    let change = Action::Change {
        event: "a".into(),
        to: None,
        asked: Some(asked(20)),
    };
    let effects = ledger.apply(2, &command("c2", 1, change.clone()));
    assert!(
        matches!(&effects[..], [Effect::Replan(planned)] if planned.asked == asked(20) && planned.order == Order(1, 0))
    );
    ledger.on_air(&Aired {
        id: "a".into(),
        seq: 1,
        placed: Placed {
            media_time: None,
            pdt: NOW,
            late: false,
        },
        without_effect: false,
    });
    assert!(ledger.apply(3, &command("c3", 2, change)).is_empty(), "on air");
    assert!(
        ledger
            .apply(4, &command("c4", 2, Action::Cancel { event: "a".into() }))
            .is_empty(),
        "on air"
    );
    let cancel = command("c5", 2, Action::Cancel { event: "b".into() });
    assert_eq!(ledger.apply(5, &cancel), [Effect::Take("b".into())]);
    assert!(ledger.apply(6, &cancel).is_empty(), "once");
    let found = statuses(&ledger);
    assert!(matches!(found[0].1, Status::OnAir { seq: 1, .. }));
    assert_eq!(found[1].1, Status::Cancelled);
    assert_eq!(
        ledger
            .commands(3)
            .map(|(position, _)| *position)
            .collect::<Vec<_>>(),
        [4, 5, 6]
    );
}

#[test]
fn a_request_is_known_by_its_key_for_a_day() {
    let key = |body: &str| RequestKey {
        key: "k".into(),
        body: body.into(),
    };
    let mut ledger = Ledger::default();
    let keyed = Command {
        key: Some(key("b")),
        ..command("c1", 0, post(&["a"])).as_ref().clone()
    };
    assert_eq!(ledger.known(&key("b"), NOW), Known::New);
    ledger.apply(1, &Arc::new(keyed));
    let hour = 3_600_000;
    assert_eq!(
        ledger.known(&key("b"), NOW.plus_millis(23 * hour)),
        Known::Repeat(vec!["a".into()])
    );
    assert_eq!(ledger.known(&key("c"), NOW), Known::OtherBody);
    assert_eq!(ledger.known(&key("b"), NOW.plus_millis(25 * hour)), Known::New);
}

#[test]
fn a_show_goes_on_while_an_origin_is_on_air_and_for_a_while_after() {
    let start = |node: &str, at_s, new_show| {
        let action = Action::SessionStarted {
            session: "s".into(),
            new_show,
        };
        let command = command("x", at_s, action);
        Arc::new(Command {
            node: node.into(),
            ..command.as_ref().clone()
        })
    };
    let now = |seconds: i64| NOW.plus_millis(seconds * 1_000);
    let window_ms = 300_000;
    let mut ledger = Ledger::default();
    assert!(!ledger.show_goes_on("n1", NOW, None, window_ms), "there was none");
    assert_eq!(
        ledger.apply(1, &start("n1", 0, true)),
        [Effect::BeginShow(NOW.into())]
    );
    assert!(
        ledger.apply(2, &start("n2", 1, true)).is_empty(),
        "two origins start together"
    );
    assert!(
        ledger.show_goes_on("n2", now(9_000), None, window_ms),
        "another origin is on air"
    );
    let end = |node: &str| {
        let action = Action::SessionEnded { session: "s".into() };
        let ended = command("y", 10_000, action);
        Arc::new(Command {
            node: node.into(),
            ..ended.as_ref().clone()
        })
    };
    ledger.apply(3, &end("n1"));
    assert!(ledger.is_on_air());
    ledger.apply(4, &end("n2"));
    assert!(!ledger.is_on_air());
    assert!(ledger.show_goes_on("n1", now(10_299), None, window_ms));
    assert!(!ledger.show_goes_on("n1", now(10_301), None, window_ms));
    let alive = Some(now(11_000));
    assert!(
        ledger.show_goes_on("n1", now(11_200), alive, window_ms),
        "it was alive without a command"
    );
    assert_eq!(ledger.apply(5, &start("n1", 20_000, true)).len(), 1);
}

#[test]
fn what_is_remembered_is_bounded_and_what_waits_is_kept() {
    let mut ledger = Ledger::default();
    ledger.apply(1, &command("c1", 0, post(&["waits"])));
    for n in 2..20_000u64 {
        let id = format!("e{n}");
        ledger.apply(n, &command(&id, 0, post(&[&id])));
        ledger.missed(&[id.as_str().into()]);
    }
    assert_eq!(ledger.records(None).count(), MAX_RECORDS);
    assert_eq!(ledger.record("waits").unwrap().1.status, Status::Scheduled);
    assert!(ledger.record("e2").is_none());
    assert_eq!(ledger.commands(0).count(), MAX_AUDIT);
}

#[test]
fn history_is_read_on_from_a_cursor() {
    let mut ledger = Ledger::default();
    ledger.apply(3, &command("c1", 0, post(&["a", "b"])));
    ledger.apply(9, &command("c2", 0, post(&["c"])));
    let ids = |after| {
        let records = ledger.records(after);
        records
            .map(|(_, record)| record.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(None), ["a", "b", "c"]);
    assert_eq!(ids(Some(Order(3, 0))), ["b", "c"]);
    assert_eq!(ids(Some(Order(9, 0))), Vec::<String>::new());
}
