//! Show events as the control API takes them.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::EventError;
use crate::product::{Product, ProductRef, ProductUpdate};

/// The longest body of an event. A valid event is under 6 KB, since each of its fields is bounded.
pub const MAX_EVENT_BYTES: usize = 8 * 1024;

/// Something that happens in the show. `docs/events.md` describes each for those who send them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum ShowEvent {
    /// The product is on air from now on, in place of any other.
    #[serde(rename = "product.show")]
    ProductShow {
        /// The whole product card.
        product: Product,
    },
    /// The price or the stock of the product on air changes.
    #[serde(rename = "product.update")]
    ProductUpdate {
        /// What changes.
        product: ProductUpdate,
    },
    /// The product on air is taken off.
    #[serde(rename = "product.hide")]
    ProductHide {
        /// Which product.
        product: ProductRef,
    },
}

/// An event before it is known what its type asks of `product`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    r#type: EventType,
    product: Value,
}

// Named as the variants of ShowEvent.
#[allow(clippy::enum_variant_names)]
#[derive(Deserialize)]
enum EventType {
    #[serde(rename = "product.show")]
    ProductShow,
    #[serde(rename = "product.update")]
    ProductUpdate,
    #[serde(rename = "product.hide")]
    ProductHide,
}

impl ShowEvent {
    /// Reads one event. Unknown fields are refused, so that a misspelt one is not lost silently.
    pub fn from_json(body: &[u8]) -> Result<Self, EventError> {
        if body.len() > MAX_EVENT_BYTES {
            return Err(EventError::TooLarge {
                bytes: body.len(),
                limit: MAX_EVENT_BYTES,
            });
        }
        let json: Value = serde_json::from_slice(body).map_err(|error| EventError::NotJson {
            problem: error.to_string(),
        })?;
        refuse_lists("", &json)?;
        let envelope: Envelope = read("", json)?;
        Ok(match envelope.r#type {
            EventType::ProductShow => Self::ProductShow {
                product: read("product", envelope.product)?,
            },
            EventType::ProductHide => Self::ProductHide {
                product: read("product", envelope.product)?,
            },
            EventType::ProductUpdate => {
                let product: ProductUpdate = read("product", envelope.product)?;
                if product.price.is_none() && product.stock.is_none() {
                    return Err(EventError::Field {
                        field: "product".to_owned(),
                        problem: "nothing to update: give price, stock or both".to_owned(),
                    });
                }
                Self::ProductUpdate { product }
            }
        })
    }
}

/// No field of an event is a list; without this, serde would read one as an object's fields in order.
fn refuse_lists(path: &str, json: &Value) -> Result<(), EventError> {
    match json {
        Value::Array(_) => Err(EventError::Field {
            field: if path.is_empty() { "event" } else { path }.to_owned(),
            problem: "must be an object, not a list".to_owned(),
        }),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| match path {
            "" => refuse_lists(name, value),
            _ => refuse_lists(&format!("{path}.{name}"), value),
        }),
        _ => Ok(()),
    }
}

/// Reads `json`, which stands at `path` of the event; an error names the field by its whole path.
fn read<T: DeserializeOwned>(path: &str, json: Value) -> Result<T, EventError> {
    serde_path_to_error::deserialize(json).map_err(|error| {
        let inner = error.path().to_string();
        let field = match (path, inner.as_str()) {
            ("", ".") => "event".to_owned(),
            ("", inner) => inner.to_owned(),
            (path, ".") => path.to_owned(),
            (path, inner) => format!("{path}.{inner}"),
        };
        EventError::Field {
            field,
            problem: error.into_inner().to_string(),
        }
    })
}

/// The JSON Schema (draft 2020-12) of an event.
pub fn event_schema() -> Value {
    schemars::schema_for!(ShowEvent).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAMP: &str = r#""id":"sku-1","name":"Lamp","price":{"amount":4990,"currency":"EUR"}"#;

    fn show(product: &str) -> String {
        format!(r#"{{"type":"product.show","product":{{{product}}}}}"#)
    }

    #[test]
    fn a_full_event_is_read_and_written_back_the_same() {
        let json = show(&format!(
            r#"{LAMP},"image":"/media/lamp.jpg","stock":12,"url":"https://shop.example/lamp?a=1""#
        ));
        let event = ShowEvent::from_json(json.as_bytes()).unwrap();
        let expected: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_value(event).unwrap(), expected);
    }

    #[test]
    fn refusals_name_the_field_and_what_to_do() {
        let table = [
            (
                r#"{"type":"product.show"}"#.into(),
                "event",
                "missing field `product`",
            ),
            (r#"[]"#.into(), "event", "not a list"),
            (r#"{}"#.into(), "event", "missing field `type`"),
            (
                r#"{"type":"product.hide","product":["a"]}"#.into(),
                "product",
                "not a list",
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
                r#"{"type":"product.hide","product":{"id":"a"},"at":3}"#.into(),
                "at",
                "unknown field `at`",
            ),
            (
                r#"{"type":"product.hide","product":{"id":"a","name":"b"}}"#.into(),
                "product.name",
                "unknown field `name`",
            ),
            (
                r#"{"type":"product.update","product":{"id":"a"}}"#.into(),
                "product",
                "give price, stock or both",
            ),
            (
                r#"{"type":"product.update","product":{"id":"a","stock":-1}}"#.into(),
                "product.stock",
                "invalid value",
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
        ];
        for (body, field, problem) in table {
            match ShowEvent::from_json(body.as_bytes()) {
                Err(EventError::Field { field: f, problem: p }) => {
                    assert_eq!(f, field, "{body}: {p}");
                    assert!(p.contains(problem), "{body}: {p}");
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

    #[test]
    fn the_schema_is_the_documented_one() {
        insta::assert_snapshot!(format!("{:#}", event_schema()));
    }

    /// Every ```json block of the manual that begins with `{"type"` is an event that the API takes.
    #[test]
    fn the_examples_in_the_manual_are_events() {
        let manual = include_str!("../../docs/events.md");
        let examples: Vec<&str> = manual
            .split("```json\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .filter(|block| block.trim_start().starts_with("{\"type\""))
            .collect();
        assert!(examples.len() >= 4, "{}", examples.len());
        for example in examples {
            let event = ShowEvent::from_json(example.as_bytes());
            assert!(event.is_ok(), "{example}: {event:?}");
        }
    }
}
