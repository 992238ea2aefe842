//! What is said and answered about events: the schemas of the code that reads and writes them, and those of lists and problems.

use serde_json::{Map, Value, json};
use vitrine_metadata_track::{MAX_BATCH, event_schema, message_schema};

use super::channels::{channel_schema, health_schema, key_schema, link_schema, publication_schema};
use super::schema;

pub(super) fn schemas() -> Value {
    let mut schemas = Map::new();
    let mut event = event_schema();
    let mut message = message_schema();
    for document in [&mut event, &mut message] {
        if let Some(Value::Object(definitions)) = document.get_mut("$defs").map(Value::take) {
            schemas.extend(definitions);
        }
        if let Some(document) = document.as_object_mut() {
            document.retain(|name, _| !name.starts_with('$'));
        }
    }
    let mut state = schemas.remove("StateMessage").unwrap_or_default();
    for name in ["EventMessage", "EventKind", "StateKind"] {
        schemas.remove(name);
    }
    if let Some(fields) = state["properties"].as_object_mut() {
        fields.retain(|name, _| name != "v" && name != "kind");
    }
    state["required"] = json!(["hash", "seq", "products"]);
    state["description"] = json!("The show's state.");
    schemas.insert("State".to_owned(), state);
    schemas.insert("EventRequest".to_owned(), event);
    if let Value::Object(own) = own_schemas() {
        schemas.extend(own);
    }
    // Definitions are components here.
    let text = Value::Object(schemas).to_string();
    serde_json::from_str(&text.replace("#/$defs/", "#/components/schemas/")).unwrap_or_default()
}

fn own_schemas() -> Value {
    let time = || json!({ "type": "string", "format": "date-time" });
    let page = |name: &str, items: Value, next: Value| {
        json!({
            "type": "object", "required": [name, "next"], "additionalProperties": false,
            "properties": { name: { "type": "array", "items": items }, "next": next },
        })
    };
    json!({
        "Problem": {
            "type": "object", "description": "RFC 9457", "required": ["status", "title", "detail"], "additionalProperties": false,
            "properties": {
                "status": { "type": "integer" }, "title": { "type": "string" }, "detail": { "type": "string" },
                "field": { "type": "string", "description": "Path of the field, or name of the parameter or header, that is at fault" },
            },
        },
        "EventStatus": { "enum": ["scheduled", "on_air", "cancelled", "missed"] },
        "EventRecord": {
            "type": "object", "additionalProperties": false,
            "required": ["id", "status", "asked_for", "late", "by", "taken_at", "cursor", "event"],
            "properties": {
                "id": { "type": "string", "description": "Unique for ever; the same in the media" },
                "status": schema("EventStatus"),
                "seq": { "type": "integer", "minimum": 1, "description": "Its number in the show, once it is on air" },
                "asked_for": time(),
                "pdt": time(),
                "media_time": { "type": "number", "description": "Seconds of the session's media time" },
                "late": { "type": "boolean", "description": "Later than was asked for" },
                "without_effect": { "const": true, "description": "It did not fit the show any more when its time came" },
                "by": { "type": "string", "description": "Name of the token" },
                "taken_at": time(),
                "cursor": { "type": "string", "description": "Its place in the history" },
                "event": schema("EventRequest"),
            },
        },
        "Batch": { "type": "array", "items": schema("EventRequest"), "minItems": 1, "maxItems": MAX_BATCH },
        "Taken": {
            "type": "object", "required": ["events"], "additionalProperties": false,
            "properties": { "events": { "type": "array", "items": schema("EventRecord") } },
        },
        "ChangeRequest": {
            "anyOf": [
                schema("EventRequest"),
                { "type": "object", "required": ["at"], "additionalProperties": false, "properties": { "at": schema("At") } },
            ],
        },
        "EventPage": page("events", schema("EventRecord"), json!({ "type": ["string", "null"] })),
        "AuditPage": page("commands", schema("AuditRecord"), json!({ "type": ["integer", "null"] })),
        "AuditRecord": {
            "type": "object", "required": ["position", "at", "by", "node", "do"],
            "properties": {
                "position": { "type": "integer", "minimum": 1 }, "at": time(), "by": { "type": "string" }, "node": { "type": "string" },
                "do": { "enum": ["post", "change", "cancel", "session_started", "session_ended"] },
            },
        },
        "Input": { "enum": ["primary", "backup"] },
        "Switched": {
            "type": "object", "required": ["on_air", "switching_to"], "additionalProperties": false,
            "properties": {
                "on_air": { "anyOf": [schema("Input"), { "type": "null" }] },
                "switching_to": { "anyOf": [schema("Input"), { "type": "null" }] },
            },
        },
        "Key": key_schema(false),
        "CreatedKey": key_schema(true),
        "KeyList": {
            "type": "object", "required": ["keys"], "additionalProperties": false,
            "properties": { "keys": { "type": "array", "items": schema("Key") } },
        },
        "Publication": publication_schema(),
        "Health": health_schema(),
        "SrtLink": link_schema(),
        "ChannelList": { "type": "array", "items": schema("ChannelStatus") },
        "ChannelStatus": channel_schema(),
    })
}
