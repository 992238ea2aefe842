//! JSON Schemas (draft 2020-12) of what is sent and of what players receive.

use serde_json::{Value, json};

use super::ShowEvent;
use crate::payload::{EventJson, FORM, StateJson};
use crate::time::At;

/// The JSON Schema of an event as it is sent: with the time that it may name.
pub fn event_schema() -> Value {
    let mut schema = schemars::schema_for!(ShowEvent).to_value();
    let mut at = schemars::schema_for!(At).to_value();
    if let Some(at) = at.as_object_mut() {
        at.retain(|name, _| !name.starts_with('$') && name != "title");
    }
    if let Some(types) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        for event in types {
            event["properties"]["at"] = json!({
                "$ref": "#/$defs/At",
                "description": "When it takes effect. Without it: with what the camera sees now.",
            });
        }
    }
    schema["$defs"]["At"] = at;
    identify(&mut schema, "events", "Show event");
    schema
}

/// The JSON Schema of the messages that travel in the media: events and states.
pub fn message_schema() -> Value {
    let mut generator = schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let event = generator.subschema_for::<EventJson<'_>>();
    let state = generator.subschema_for::<StateJson<'_>>();
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "oneOf": [event, state],
        "$defs": generator.take_definitions(true),
    });
    identify(&mut schema, "messages", "Show message");
    schema
}

fn identify(schema: &mut Value, name: &str, title: &str) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$id".to_owned(), json!(format!("/schemas/{name}/{FORM}.json")));
        schema.insert("title".to_owned(), json!(title));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::EventRequest;

    /// The published schemas are read in a review like any other contract. `ACCEPT_SCHEMAS=1 cargo test` writes them anew.
    #[test]
    fn the_schemas_are_the_documented_ones() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas");
        for (name, schema) in [
            ("events-2.json", event_schema()),
            ("messages-2.json", message_schema()),
        ] {
            let (path, text) = (folder.join(name), format!("{schema:#}\n"));
            if std::env::var_os("ACCEPT_SCHEMAS").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let documented = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                documented == text,
                "docs/schemas/{name} is not what the code says"
            );
        }
    }

    /// What the reader takes and refuses, an independent validator of the schema takes and refuses.
    #[test]
    fn the_schema_agrees_with_the_reader() {
        let validator = jsonschema::validator_for(&event_schema()).unwrap();
        let table = [
            (r#"{"type":"product.hide","product":{"id":"a"}}"#, true),
            (
                r#"{"type":"product.show","product":{"id":"a","name":"A","price":{"amount":1,"currency":"EUR"}}}"#,
                true,
            ),
            (
                r#"{"type":"product.show","product":{"id":"a","name":"A","price":{"amount":1,"currency":"EUX"}}}"#,
                false,
            ),
            (
                r#"{"type":"product.show","product":{"id":"a","name":"A"}}"#,
                false,
            ),
            (
                r#"{"type":"product.update","product":{"id":"a","stock":null,"url":null}}"#,
                true,
            ),
            (
                r#"{"type":"product.update","product":{"id":"a","price":null}}"#,
                false,
            ),
            (
                r#"{"type":"product.hide","product":{"id":"a","name":"A"}}"#,
                false,
            ),
            (r#"{"type":"product.hide","product":{"id":"a"},"x":1}"#, false),
            (r#"{"type":"product.hide","product":{"id":""}}"#, false),
            (
                r#"{"type":"custom","name":"com.example.wheel","body":[[{"a":1}]]}"#,
                true,
            ),
            (r#"{"type":"custom","name":"wheel"}"#, false),
            (
                r#"{"type":"reaction.burst","reactions":[{"kind":"❤️","count":4}]}"#,
                true,
            ),
            (r#"{"type":"reaction.burst","reactions":[]}"#, false),
            (
                r#"{"type":"poll.open","poll":{"id":"q","question":"Q?","options":[{"id":"a","text":"A"},{"id":"b","text":"B"}]}}"#,
                true,
            ),
            (
                r#"{"type":"poll.open","poll":{"id":"q","question":"Q?","options":[]}}"#,
                false,
            ),
            (r#"{"type":"show.clear"}"#, true),
            (r#"{"type":"show.clear","at":{"offset":1.5}}"#, true),
            (r#"{"type":"show.clear","at":{"media_time":0}}"#, true),
            (
                r#"{"type":"show.clear","at":{"pdt":"2026-11-24T14:36:27.654Z"}}"#,
                true,
            ),
            (r#"{"type":"show.clear","at":{"offset":-1}}"#, false),
            (r#"{"type":"show.clear","at":{"offset":1,"media_time":1}}"#, false),
            (r#"{"type":"show.clear","at":"now"}"#, false),
            (r#"{"type":"show.open"}"#, false),
        ];
        for (json, valid) in table {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(validator.is_valid(&value), valid, "the schema: {json}");
            assert_eq!(
                EventRequest::from_json(json.as_bytes()).is_ok(),
                valid,
                "the reader: {json}"
            );
        }
    }
}
