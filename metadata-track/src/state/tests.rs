use super::*;

fn event(json: &str) -> ShowEvent {
    ShowEvent::from_json(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn show(id: &str) -> ShowEvent {
    event(&format!(
        r#"{{"type":"product.show","product":{{"id":"{id}","name":"N","price":{{"amount":100,"currency":"EUR"}},"stock":9}}}}"#
    ))
}

/// The state after these events.
fn after(events: &[&str]) -> ShowState {
    let mut state = ShowState::default();
    for (seq, json) in (1..).zip(events) {
        let named = match json.strip_prefix("show ") {
            Some(id) => show(id),
            None => event(json),
        };
        state = state
            .after(&named, seq)
            .unwrap_or_else(|error| panic!("{json}: {error}"));
    }
    state
}

fn on_air(state: &ShowState) -> String {
    let ids: Vec<&str> = state.products.iter().map(|product| product.id.as_str()).collect();
    let featured = state.featured.as_ref().map_or("-", |id| id.as_str());
    format!("{}/{featured}", ids.join(","))
}

#[test]
fn products_stand_side_by_side_and_one_is_featured() {
    let hide = |id: &str| format!(r#"{{"type":"product.hide","product":{{"id":"{id}"}}}}"#);
    let feature = |id: &str| format!(r#"{{"type":"product.feature","product":{{"id":"{id}"}}}}"#);
    let beside = r#"{"type":"product.show","product":{"id":"c","name":"N","price":{"amount":1,"currency":"EUR"}},"featured":false}"#;
    let alone = r#"{"type":"product.show","product":{"id":"b","name":"N","price":{"amount":1,"currency":"EUR"}},"replace":true}"#;
    let order = r#"{"type":"product.reorder","order":["c","a"]}"#;
    let (hide_a, hide_b, feature_a) = (hide("a"), hide("b"), feature("a"));
    let table: [(&[&str], &str); 9] = [
        (&[], "/-"),
        (&["show a"], "a/a"),
        (&["show a", "show b"], "a,b/b"),
        (&["show a", "show b", "show a"], "a,b/a"),
        (&["show a", "show b", beside], "a,b,c/b"),
        (&["show a", "show b", &hide_b], "a/-"),
        (&["show a", "show b", &hide_a, "show a"], "b,a/a"),
        (&["show a", "show b", beside, order, &feature_a], "c,a,b/a"),
        (&["show a", beside, alone], "b/b"),
    ];
    for (events, expected) in table {
        assert_eq!(on_air(&after(events)), expected, "{events:?}");
    }
}

#[test]
fn an_update_changes_only_what_it_names() {
    let cheaper = r#"{"type":"product.update","product":{"id":"a","price":{"amount":90,"currency":"EUR"},"compare_at":{"amount":100,"currency":"EUR"}}}"#;
    let state = after(&["show a", cheaper]);
    assert_eq!(
        serde_json::to_string(&state).unwrap(),
        r#"{"seq":2,"products":[{"id":"a","name":"N","price":{"amount":90,"currency":"EUR"},"compare_at":{"amount":100,"currency":"EUR"},"stock":9}],"featured":"a"}"#
    );
    let untold = r#"{"type":"product.update","product":{"id":"a","stock":null,"compare_at":null}}"#;
    let state = after(&["show a", cheaper, untold]);
    let product = state.featured_product().unwrap();
    assert_eq!((product.stock, product.compare_at), (None, None));
    assert_eq!(product.price.amount.minor_units(), 90);
}

#[test]
fn an_update_reaches_the_variants_that_it_names() {
    let lamp = r#"{"type":"product.show","product":{"id":"a","name":"N","price":{"amount":100,"currency":"EUR"},
        "variants":[{"id":"red","name":"Red","stock":5},{"id":"blue","name":"Blue","stock":5}]}}"#;
    let sold = r#"{"type":"product.update","product":{"id":"a","variants":[{"id":"blue","stock":0}]}}"#;
    let state = after(&[lamp, sold]);
    let stocks: Vec<_> = state.products[0]
        .variants
        .iter()
        .map(|variant| variant.stock)
        .collect();
    assert_eq!(stocks, [Some(5), Some(0)]);
    let green =
        event(r#"{"type":"product.update","product":{"id":"a","variants":[{"id":"green","stock":0}]}}"#);
    assert_eq!(
        state.after(&green, 3).unwrap_err().to_string(),
        "variant green is not on air then (on air: red, blue)"
    );
}

#[test]
fn a_price_above_the_one_it_is_compared_with_is_refused_when_it_would_go_on_air() {
    let lamp = r#"{"type":"product.show","product":{"id":"a","name":"N","price":{"amount":100,"currency":"EUR"},"compare_at":{"amount":120,"currency":"EUR"}}}"#;
    let dearer =
        event(r#"{"type":"product.update","product":{"id":"a","price":{"amount":130,"currency":"EUR"}}}"#);
    let error = after(&[lamp]).after(&dearer, 2).unwrap_err();
    assert!(
        error.to_string().contains("product.compare_at: must be higher"),
        "{error}"
    );
}

#[test]
fn a_poll_is_opened_counted_closed_and_removed() {
    let open = r#"{"type":"poll.open","poll":{"id":"q","question":"Which?","options":[{"id":"a","text":"A"},{"id":"b","text":"B"}]}}"#;
    let tally = r#"{"type":"poll.tally","poll":{"id":"q","votes":[{"option":"b","count":7}]}}"#;
    let close = r#"{"type":"poll.close","poll":{"id":"q","votes":[{"option":"a","count":2}]}}"#;
    let remove = r#"{"type":"poll.remove","poll":{"id":"q"}}"#;
    let closed = after(&[open, tally, close]);
    assert_eq!(
        serde_json::to_value(&closed.polls[0]).unwrap(),
        serde_json::json!({"id":"q","question":"Which?","options":[{"id":"a","text":"A"},{"id":"b","text":"B"}],"votes":[2,7],"closed":true})
    );
    let error = closed.after(&event(tally), 4).unwrap_err();
    assert_eq!(error.to_string(), "poll q is closed: open it anew with poll.open");
    assert_eq!(after(&[open, tally, close, open]).polls[0].votes, [0, 0]);
    assert!(after(&[open, remove]).polls.is_empty());
    let other = event(r#"{"type":"poll.tally","poll":{"id":"q","votes":[{"option":"c","count":7}]}}"#);
    let error = after(&[open]).after(&other, 2).unwrap_err();
    assert_eq!(error.to_string(), "option c is not on air then (on air: a, b)");
}

#[test]
fn drops_messages_coupons_and_kept_bodies_come_and_go() {
    let table = [
        (
            r#"{"type":"drop.announce","drop":{"id":"d","title":"T","opens_at":"2026-11-24T14:36:27.654Z"}}"#,
            r#"{"type":"drop.withdraw","drop":{"id":"d"}}"#,
            "drops",
        ),
        (
            r#"{"type":"message.pin","message":{"id":"m","text":"Hi"}}"#,
            r#"{"type":"message.unpin","message":{"id":"m"}}"#,
            "messages",
        ),
        (
            r#"{"type":"coupon.offer","coupon":{"code":"C","text":"T"}}"#,
            r#"{"type":"coupon.withdraw","coupon":{"code":"C"}}"#,
            "coupons",
        ),
        (
            r#"{"type":"custom","name":"com.example.wheel","body":{"spin":3},"keep":true}"#,
            r#"{"type":"custom","name":"com.example.wheel","body":null,"keep":true}"#,
            "custom",
        ),
    ];
    for (on, off, list) in table {
        let shown = serde_json::to_value(after(&[on, on])).unwrap();
        assert_eq!(shown[list].as_array().map(Vec::len), Some(1), "{on}");
        let hidden = serde_json::to_value(after(&[on, off])).unwrap();
        assert!(hidden.get(list).is_none(), "{off}");
        if list != "custom" {
            let error = after(&[]).after(&event(off), 1).unwrap_err();
            assert!(error.to_string().contains("is not on air then (no"), "{error}");
        }
    }
}

#[test]
fn moments_leave_no_trace_and_clear_takes_all_off() {
    let burst = r#"{"type":"reaction.burst","reactions":[{"kind":"❤️","count":40}]}"#;
    let bell = r#"{"type":"custom","name":"com.example.bell","body":1}"#;
    assert_eq!(
        ShowState {
            seq: 0,
            ..after(&[burst, bell])
        },
        ShowState::default()
    );
    let clear = r#"{"type":"show.clear"}"#;
    let cleared = after(&[
        "show a",
        r#"{"type":"coupon.offer","coupon":{"code":"C","text":"T"}}"#,
        clear,
    ]);
    assert_eq!(
        cleared,
        ShowState {
            seq: 3,
            ..ShowState::default()
        }
    );
}

#[test]
fn what_speaks_of_something_not_on_air_is_refused_naming_what_is() {
    let hide = event(r#"{"type":"product.hide","product":{"id":"b"}}"#);
    let error = ShowState::default().after(&hide, 1).unwrap_err();
    assert_eq!(error.to_string(), "product b is not on air then (no product is)");
    let update = event(r#"{"type":"product.update","product":{"id":"b","stock":1}}"#);
    let error = after(&["show a"]).after(&update, 2).unwrap_err();
    assert!(error.to_string().contains("(on air: a)"), "{error}");
    let order = event(r#"{"type":"product.reorder","order":["a","z"]}"#);
    let error = after(&["show a"]).after(&order, 2).unwrap_err();
    assert!(
        matches!(error, EventError::NotOnAir { ref field, .. } if field == "order[1]"),
        "{error:?}"
    );
}

#[test]
fn a_refused_event_folds_to_the_same_state_with_its_number() {
    let state = after(&["show a"]);
    let hide = event(r#"{"type":"product.hide","product":{"id":"b"}}"#);
    assert_eq!(state.fold(&hide, 2), ShowState { seq: 2, ..state });
}

#[test]
fn lists_are_bounded_and_say_how_to_make_room() {
    let shows: Vec<String> = (0..32).map(|n| format!("show p{n}")).collect();
    let shows: Vec<&str> = shows.iter().map(String::as_str).collect();
    let full = after(&shows);
    let error = full.after(&show("p32"), 33).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there are 32 products on air, the most that are taken: make room with product.hide"
    );
    assert!(
        full.after(&show("p31"), 33).is_ok(),
        "one that is on air is replaced"
    );
}

#[test]
fn the_state_is_bounded_in_bytes_and_what_takes_away_always_passes() {
    let mut state = ShowState::default();
    let mut refused = None;
    for n in 0..16 {
        let address = format!("/{}", "a".repeat(2_000));
        let large = event(&format!(
            r#"{{"type":"product.show","product":{{"id":"p{n}","name":"A","price":{{"amount":1,"currency":"EUR"}},"url":"{address}"}}}}"#
        ));
        match state.after(&large, n + 1) {
            Ok(next) => state = next,
            Err(error) => {
                refused = Some((n, error));
                break;
            }
        }
    }
    let (n, error) = refused.unwrap();
    assert_eq!(n, 5);
    assert!(
        matches!(
            error,
            EventError::StateTooLarge {
                limit: MAX_STATE_BYTES,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(state.json().len() <= MAX_STATE_BYTES);
    let hide = event(r#"{"type":"product.hide","product":{"id":"p0"}}"#);
    assert_eq!(state.after(&hide, 9).unwrap().products.len(), 4);
}

#[test]
fn equal_states_have_equal_hashes_and_others_do_not() {
    assert_eq!(after(&["show a"]).hash(), after(&["show a"]).hash());
    assert_ne!(after(&["show a"]).hash(), after(&["show b"]).hash());
    assert_ne!(
        after(&["show a"]).hash(),
        after(&["show a", "show a"]).hash(),
        "the number counts"
    );
    assert_eq!(ShowState::default().hash().to_string().len(), 16);
}
