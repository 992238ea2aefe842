use super::*;
use crate::request::EventRequest;

const LAMP: &str = r#""id":"sku-1","name":"Lamp","price":{"amount":4990,"currency":"EUR"}"#;

fn show(product: &str) -> String {
    format!(r#"{{"type":"product.show","product":{{{product}}}}}"#)
}

fn update(fields: &str) -> String {
    format!(r#"{{"type":"product.update","product":{{"id":"sku-1"{fields}}}}}"#)
}

fn poll(options: &str) -> String {
    format!(r#"{{"type":"poll.open","poll":{{"id":"q","question":"Which?","options":[{options}]}}}}"#)
}

#[test]
fn full_events_are_read_and_written_back_the_same() {
    let table = [
        show(&format!(
            r#"{LAMP},"image":"/media/lamp.jpg","compare_at":{{"amount":5990,"currency":"EUR"}},"stock":12,"low_stock_at":3,"availability":"in_stock","variants":[{{"id":"red","name":"Red","image":"/r.jpg","price":{{"amount":5990,"currency":"EUR"}},"compare_at":{{"amount":6990,"currency":"EUR"}},"stock":1,"availability":"low_stock"}}],"url":"https://shop.example/lamp?a=1""#
        )),
        update(r#","name":"L","image":null,"price":{"amount":1,"currency":"EUR"},"compare_at":null,"stock":0,"low_stock_at":null,"availability":"sold_out","variants":[{"id":"red","stock":null}],"url":null"#),
        r#"{"type":"product.show","product":{"id":"a","name":"A","price":{"amount":1,"currency":"EUR"}},"featured":false,"replace":true}"#.into(),
        r#"{"type":"product.feature","product":{"id":"a"}}"#.into(),
        r#"{"type":"product.reorder","order":["b","a"]}"#.into(),
        r#"{"type":"drop.announce","drop":{"id":"d","title":"Sneaker","opens_at":"2026-11-24T14:36:27.654Z","product":"a","image":"/d.jpg"}}"#.into(),
        r#"{"type":"drop.withdraw","drop":{"id":"d"}}"#.into(),
        r#"{"type":"poll.open","poll":{"id":"q","question":"Which?","options":[{"id":"a","text":"A"},{"id":"b","text":"B"}],"closes_at":"2026-11-24T14:36:27.000Z"}}"#.into(),
        r#"{"type":"poll.tally","poll":{"id":"q","votes":[{"option":"a","count":3}]}}"#.into(),
        r#"{"type":"poll.close","poll":{"id":"q"}}"#.into(),
        r#"{"type":"poll.remove","poll":{"id":"q"}}"#.into(),
        r#"{"type":"message.pin","message":{"id":"m","text":"Hello\nall","author":"Ann"}}"#.into(),
        r#"{"type":"message.unpin","message":{"id":"m"}}"#.into(),
        r#"{"type":"reaction.burst","reactions":[{"kind":"❤️","count":40}]}"#.into(),
        r#"{"type":"coupon.offer","coupon":{"code":"SAVE10","text":"10 % off","percent_off":10,"product":"a","expires_at":"2026-11-24T15:00:00.000Z"}}"#.into(),
        r#"{"type":"coupon.offer","coupon":{"code":"FIVE","text":"5 € off","amount_off":{"amount":500,"currency":"EUR"}}}"#.into(),
        r#"{"type":"coupon.withdraw","coupon":{"code":"FIVE"}}"#.into(),
        r#"{"type":"custom","name":"com.example.wheel","body":{"spin":[[1,2],{"x":null}]},"keep":true}"#.into(),
        r#"{"type":"custom","name":"com.example.bell"}"#.into(),
        r#"{"type":"show.clear"}"#.into(),
    ];
    let mut types = std::collections::BTreeSet::new();
    for json in table {
        let event = ShowEvent::from_json(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
        let expected: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_value(&event).unwrap(), expected);
        let logged: ShowEvent = serde_json::from_value(expected).unwrap();
        assert_eq!(logged, event, "what the log reads is what was sent");
        types.insert(event.type_name());
    }
    types.extend(["product.hide"]);
    assert_eq!(
        types.len(),
        ShowEvent::TYPES.len(),
        "every type is in the table: {types:?}"
    );
}

#[test]
fn refusals_name_the_field_and_what_to_do() {
    let eur = r#"{"amount":1,"currency":"EUR"}"#;
    let table: [(String, &str, &str); 37] = [
        (
            r#"{"type":"product.show"}"#.into(),
            "product",
            "missing field `product`",
        ),
        (r#"[]"#.into(), "event", "must be an object"),
        (r#"{}"#.into(), "type", "missing field `type`"),
        (r#"{"type":3}"#.into(), "type", "must be a string"),
        (
            r#"{"type":"product.hide","product":["a"]}"#.into(),
            "product",
            "not be a list",
        ),
        (
            r#"{"type":"product.sell","product":{}}"#.into(),
            "type",
            "unknown variant `product.sell`, expected one of",
        ),
        (
            r#"{"type":"product.hide","product":"sku-1"}"#.into(),
            "product",
            "invalid type",
        ),
        (
            r#"{"type":"product.hide","product":{"id":"a"},"ta":3}"#.into(),
            "ta",
            "unknown field `ta`",
        ),
        (
            r#"{"type":"product.hide","product":{"id":"a","name":"b"}}"#.into(),
            "product.name",
            "unknown field `name`",
        ),
        (update(""), "product", "at least one field beside id"),
        (update(r#","stock":-1"#), "product.stock", "invalid value"),
        (update(r#","price":null"#), "product.price", "invalid type: null"),
        (
            update(r#","variants":[{"stock":1}]"#),
            "product.variants[0].id",
            "missing field `id`",
        ),
        (
            update(r#","variants":[["a"]]"#),
            "product.variants[0]",
            "not be a list",
        ),
        (
            update(r#","variants":[{"id":"a","price":[1]}]"#),
            "product.variants[0].price",
            "not be a list",
        ),
        (
            show(&LAMP.replace("Lamp", "")),
            "product.name",
            "1 to 200 characters",
        ),
        (
            show(&LAMP.replace("sku-1", "sku 1")),
            "product.id",
            "1 to 64 characters",
        ),
        (
            show(&LAMP.replace("4990", "-1")),
            "product.price.amount",
            "minor units",
        ),
        (
            show(&LAMP.replace("4990", "49.9")),
            "product.price.amount",
            "expected i64",
        ),
        (
            show(&LAMP.replace("EUR", "EUX")),
            "product.price.currency",
            "ISO 4217",
        ),
        (
            show(&LAMP.replace("EUR", "eur")),
            "product.price.currency",
            "ISO 4217",
        ),
        (
            show(&format!(r#"{LAMP},"url":"javascript:alert(1)""#)),
            "product.url",
            "http://",
        ),
        (
            show(&format!(r#"{LAMP},"compare_at":{eur}"#)),
            "product.compare_at",
            "higher than the price",
        ),
        (
            show(&format!(
                r#"{LAMP},"compare_at":{{"amount":9999,"currency":"USD"}}"#
            )),
            "product.compare_at",
            "in its currency",
        ),
        (
            show(&format!(r#"{LAMP},"availability":"maybe""#)),
            "product.availability",
            "unknown variant",
        ),
        (
            show(&format!(
                r#"{LAMP},"variants":[{{"id":"a","name":"A"}},{{"id":"a","name":"B"}}]"#
            )),
            "product.variants[1].id",
            "another variant too",
        ),
        (poll(r#"{"id":"a","text":"A"}"#), "poll.options", "from 2 to 10"),
        (
            poll(r#"{"id":"a","text":"A"},{"id":"a","text":"B"}"#),
            "poll.options[1].id",
            "another option too",
        ),
        (
            poll(r#"{"id":"a","text":"A"},{"id":"b"}"#),
            "poll.options[1].text",
            "missing field `text`",
        ),
        (
            r#"{"type":"poll.tally","poll":{"id":"q","votes":[]}}"#.into(),
            "poll.votes",
            "at least one option",
        ),
        (
            r#"{"type":"product.reorder","order":["a","b","a"]}"#.into(),
            "order[2]",
            "named twice",
        ),
        (
            r#"{"type":"product.reorder","order":[]}"#.into(),
            "order",
            "at least one product",
        ),
        (
            r#"{"type":"reaction.burst","reactions":[{"kind":"x","count":0}]}"#.into(),
            "reactions[0].count",
            "at least 1",
        ),
        (
            r#"{"type":"drop.announce","drop":{"id":"d","title":"T","opens_at":"soon"}}"#.into(),
            "drop.opens_at",
            "RFC 3339",
        ),
        (
            format!(
                r#"{{"type":"coupon.offer","coupon":{{"code":"A","text":"T","percent_off":1,"amount_off":{eur}}}}}"#
            ),
            "coupon.percent_off",
            "not both",
        ),
        (
            r#"{"type":"custom","name":"wheel","body":1}"#.into(),
            "name",
            "com.example.wheel",
        ),
        (
            r#"{"type":"show.clear","really":true}"#.into(),
            "really",
            "unknown field `really`",
        ),
    ];
    for (body, field, problem) in table {
        match ShowEvent::from_json(body.as_bytes()) {
            Err(EventError::Field { field: f, problem: p }) => {
                assert!(p.contains(problem), "{body}: {f}: {p}");
                assert_eq!(f, field, "{body}: {p}");
            }
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn a_body_that_is_not_json_or_too_long_is_refused() {
    assert!(matches!(
        ShowEvent::from_json(b"{"),
        Err(EventError::NotJson { .. })
    ));
    let long = show(&format!("{LAMP}{}", " ".repeat(MAX_EVENT_BYTES)));
    assert!(matches!(
        ShowEvent::from_json(long.as_bytes()),
        Err(EventError::TooLarge {
            limit: MAX_EVENT_BYTES,
            ..
        })
    ));
}

/// Every ```json block of the manual that begins with `{"type"` is an event that the API takes, and every type is shown.
#[test]
fn the_examples_in_the_manual_are_events() {
    let manual = include_str!("../../../../docs/events.md");
    let examples: Vec<&str> = manual
        .split("```json\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| block.trim_start().starts_with("{\"type\""))
        .collect();
    let mut types = std::collections::BTreeSet::new();
    for example in examples {
        match EventRequest::from_json(example.as_bytes()) {
            Ok(request) => types.insert(request.event.type_name()),
            Err(error) => panic!("{example}: {error}"),
        };
    }
    let missing: Vec<_> = ShowEvent::TYPES
        .iter()
        .filter(|name| !types.contains(*name))
        .collect();
    assert!(missing.is_empty(), "the manual has no example of {missing:?}");
}
