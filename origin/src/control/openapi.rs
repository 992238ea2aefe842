//! The OpenAPI 3.1 document of the control API. Its schemas of events and states are those of the code that reads and writes
//! them; the rest is written here, and a test holds the real answers against it.

use serde_json::{Map, Value, json};
use vitrine_metadata_track::{MAX_BATCH, event_schema, message_schema};

/// The document, as `/openapi.json` serves it.
pub fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Vitrine control API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": "Status of channels, and the show events that change what viewers see beside the picture.",
        },
        "servers": [{ "url": "/" }],
        "paths": paths(),
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "parameters": parameters(),
            "schemas": schemas(),
        },
    })
}

fn paths() -> Value {
    json!({
        "/v1/channels": {
            "get": operation("listChannels", "Every channel's status", &[], json!({
                "200": answer("The channels", "ChannelList"),
            }), Who::Anybody),
        },
        "/v1/channels/{channel}": {
            "parameters": [parameter("channel")],
            "get": operation("readChannel", "A channel's status", &[], json!({
                "200": answer("The channel", "ChannelStatus"),
                "404": problem("There is no such channel"),
            }), Who::Anybody),
        },
        "/v1/channels/{channel}/input": input_path(),
        "/v1/channels/{channel}/keys": keys_path(),
        "/v1/channels/{channel}/keys/{key}": key_path(),
        "/v1/channels/{channel}/state": {
            "parameters": [parameter("channel")],
            "get": operation("readState", "The show's state now, or at a time; of one still to come for token holders only",
                &["at", "ifNoneMatch"], json!({
                "200": with_header(answer("The state", "State"), "ETag", "The state's hash, quoted"),
                "304": { "description": "The client has this state" },
                "400": problem("A parameter is wrong"),
                "404": problem("There is no such channel"),
            }), Who::Somebody),
        },
        "/v1/channels/{channel}/events": events_path(),
        "/v1/channels/{channel}/events/{event}": event_path(),
        "/v1/channels/{channel}/audit": {
            "parameters": [parameter("channel")],
            "get": operation("readAudit", "Who asked for what, in the order of taking; for operators", &["afterPosition", "limit"],
                json!({ "200": answer("A page", "AuditPage"), "400": problem("A parameter is wrong"),
                    "404": problem("There is no such channel") }), Who::Holders),
        },
    })
}

fn input_path() -> Value {
    let mut switch = operation(
        "switchInput",
        "Puts the primary or the backup encoder on air, from its next keyframe on; for operators",
        &[],
        json!({
            "200": answer("It is on air already", "Switched"),
            "202": answer("It will be", "Switched"),
            "400": problem("The body is not JSON"),
            "404": problem("There is no such channel"),
            "408": problem("The body did not come"),
            "409": problem("Nobody publishes to that input"),
            "413": problem("The body is too long"),
            "422": problem("There is no such input"),
        }),
        Who::Holders,
    );
    switch["requestBody"] = json!({
        "required": true,
        "content": { "application/json": { "schema": {
            "type": "object", "required": ["on_air"], "additionalProperties": false,
            "properties": { "on_air": schema("Input") },
        } } },
    });
    json!({ "parameters": [parameter("channel")], "post": switch })
}

fn keys_path() -> Value {
    let mut create = operation(
        "createKey",
        "Creates a stream key, which is shown this once; for operators",
        &[],
        json!({
            "201": answer("The key", "CreatedKey"),
            "400": problem("The body is not JSON"),
            "404": problem("There is no such channel"),
            "408": problem("The body did not come"),
            "409": problem("No file for keys is configured, or the channel has too many"),
            "413": problem("The body is too long"),
            "422": problem("A field is wrong"),
            "500": problem("The key cannot be kept"),
        }),
        Who::Holders,
    );
    create["requestBody"] = json!({
        "required": true,
        "content": { "application/json": { "schema": {
            "type": "object", "required": ["name"], "additionalProperties": false,
            "properties": {
                "name": { "type": "string", "minLength": 1, "maxLength": 64 },
                "input": { "$ref": "#/components/schemas/Input", "default": "primary" },
            },
        } } },
    });
    json!({
        "parameters": [parameter("channel")],
        "get": operation("listKeys", "The stream keys that were created here, those revoked last with them; for operators", &[], json!({
            "200": answer("The keys, without their secrets", "KeyList"),
            "404": problem("There is no such channel"),
        }), Who::Holders),
        "post": create,
    })
}

fn key_path() -> Value {
    json!({
        "parameters": [parameter("channel"), parameter("key")],
        "delete": operation("revokeKey", "Revokes a stream key; who publishes with it is sent away; for operators", &[], json!({
            "200": answer("The key", "Key"),
            "404": problem("There is no such channel, or no such key in force"),
            "409": problem("No file for keys is configured"),
            "500": problem("The change cannot be kept: the key is still in force"),
        }), Who::Holders),
    })
}

fn events_path() -> Value {
    let one_or_many = json!({
        "required": true,
        "content": { "application/json": { "schema": { "oneOf": [schema("EventRequest"), schema("Batch")] } } },
    });
    let mut post = operation(
        "postEvents",
        "Plans an event, or a batch, whole or not at all; answered when it is on the disk",
        &["idempotencyKey"],
        json!({
            "201": {
                "description": "Planned: the event, or the batch's",
                "headers": { "Idempotency-Replayed": { "schema": { "const": "true" } } },
                "content": { "application/json": { "schema": { "oneOf": [schema("EventRecord"), schema("Taken")] } } },
            },
            "400": problem("The body is not JSON"),
            "404": problem("There is no such channel"),
            "408": problem("The body did not come"),
            "409": problem("It does not fit the show, or nothing is on air"),
            "413": problem("The body is too long"),
            "422": problem("A field is wrong, or the Idempotency-Key was used with another body"),
        }),
        Who::Holders,
    );
    post["requestBody"] = one_or_many;
    let mut list = operation(
        "listEvents",
        "The history in the order of posting; or, as text/event-stream, what happens to events from now on",
        &["afterCursor", "limit", "status"],
        json!({
            "200": answer("A page", "EventPage"),
            "400": problem("A parameter is wrong"),
            "404": problem("There is no such channel"),
        }),
        Who::Holders,
    );
    list["responses"]["200"]["content"]["text/event-stream"] = json!({
        "schema": {
            "type": "string",
            "description": "Events named scheduled, changed, cancelled, on_air and missed, whose data is an EventRecord. A listener that falls behind is told `left_behind` and left.",
        }
    });
    json!({ "parameters": [parameter("channel")], "get": list, "post": post })
}

fn event_path() -> Value {
    let none = || problem("There is no such channel, or no such event");
    let mut change = operation(
        "changeEvent",
        "Another time, another event in its place, or both, until it is on air",
        &[],
        json!({
            "200": answer("The event since", "EventRecord"),
            "400": problem("The body is not JSON"),
            "404": none(),
            "408": problem("The body did not come"),
            "409": problem("It is not waiting any more, or does not fit the show then"),
            "413": problem("The body is too long"),
            "422": problem("A field is wrong"),
        }),
        Who::Holders,
    );
    change["requestBody"] = json!({
        "required": true,
        "content": { "application/json": { "schema": schema("ChangeRequest") } },
    });
    json!({
        "parameters": [parameter("channel"), parameter("event")],
        "get": operation("readEvent", "An event, and what became of it", &[], json!({
            "200": answer("The event", "EventRecord"), "404": none(),
        }), Who::Holders),
        "patch": change,
        "delete": operation("cancelEvent", "Takes an event back, until it is on air", &[], json!({
            "200": answer("The event since", "EventRecord"),
            "404": none(),
            "409": problem("It is not waiting any more"),
        }), Who::Holders),
    })
}

/// Who may make a request.
#[derive(PartialEq)]
enum Who {
    Anybody,
    /// Anybody, and token holders more.
    Somebody,
    Holders,
}

fn operation(id: &str, summary: &str, parameters: &[&str], mut responses: Value, who: Who) -> Value {
    if who != Who::Anybody {
        responses["401"] = problem("A token is needed, or this one has expired");
        responses["403"] = problem("The token is not one of this channel's, or its role does not allow this");
        responses["429"] = with_header(
            problem("This token asks too often, or the show has too many events at that time"),
            "Retry-After",
            "Seconds",
        );
        responses["503"] = with_header(
            problem("There is no room at the moment, or the server stops"),
            "Retry-After",
            "Seconds",
        );
    }
    let mut operation = json!({
        "operationId": id,
        "summary": summary,
        "parameters": parameters.iter().map(|name| parameter(name)).collect::<Vec<_>>(),
        "responses": responses,
    });
    operation["security"] = match who {
        Who::Anybody => json!([]),
        Who::Somebody => json!([{}, { "token": [] }]),
        Who::Holders => json!([{ "token": [] }]),
    };
    operation
}

fn parameters() -> Value {
    let query = |name: &str, schema: Value, description: &str| json!({ "name": name, "in": "query", "schema": schema, "description": description });
    let field = |name: &str, schema: Value, description: &str| json!({ "name": name, "in": "header", "schema": schema, "description": description });
    let path = |name: &str, pattern: &str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "pattern": pattern } });
    json!({
        "channel": path("channel", "^[a-z0-9-]{1,40}$"),
        "event": path("event", "^[a-z0-9-]{1,64}$"),
        "key": path("key", "^[a-z0-9]{1,64}$"),
        "at": query("at", json!({ "type": "string", "format": "date-time" }), "An instant on the show's clock (EXT-X-PROGRAM-DATE-TIME)"),
        "limit": query("limit", json!({ "type": "integer", "minimum": 0, "maximum": 1000, "default": 100 }), "At most so many"),
        "afterCursor": query("after", json!({ "type": "string", "pattern": "^[0-9]+-[0-9]+$" }), "The `next` of the page before"),
        "afterPosition": query("after", json!({ "type": "integer", "minimum": 0 }), "The `next` of the page before"),
        "status": query("status", schema("EventStatus"), "Only these"),
        "ifNoneMatch": field("If-None-Match", json!({ "type": "string" }), "The ETag of a state that the client has"),
        "idempotencyKey": field("Idempotency-Key", json!({ "type": "string", "minLength": 1, "maxLength": 255 }),
            "A name of the client's own: a request of the same name is obeyed once"),
    })
}

fn schemas() -> Value {
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
        "ChannelStatus": {
            "type": "object", "required": ["channel", "status", "session", "playback", "renditions", "advice"],
            "properties": {
                "channel": { "type": "string" },
                "status": { "enum": ["idle", "starting", "live", "away", "ended"] },
                "session": { "type": ["string", "null"] },
                "playback": { "type": "string", "description": "Path of the multivariant playlist" },
                "started_at": { "type": ["string", "null"] },
                "ends_at": { "type": ["string", "null"] },
                "publication": { "anyOf": [schema("Publication"), { "type": "null" }], "description": "On air" },
                "standby": { "anyOf": [schema("Publication"), { "type": "null" }], "description": "Waits to take its place" },
                "switching_to": { "anyOf": [schema("Input"), { "type": "null" }], "description": "On air from its next keyframe on" },
                "renditions": { "type": "array", "items": { "type": "object" } },
                "advice": { "type": "array", "items": { "type": "string" } },
            },
        },
    })
}

/// A stream key, and what became of it; `created`: with its secret.
fn key_schema(created: bool) -> Value {
    let time = || json!({ "type": "string", "format": "date-time" });
    let text = |description: &str| json!({ "type": "string", "description": description });
    let mut key = json!({
        "type": "object", "required": ["id", "name", "input", "created_at", "created_by"], "additionalProperties": false,
        "properties": {
            "id": { "type": "string" },
            "name": { "type": "string" },
            "input": schema("Input"),
            "created_at": time(),
            "created_by": text("Name of the token"),
            "revoked_at": time(),
            "revoked_by": text("Name of the token"),
        },
    });
    if created {
        key["properties"]["key"] = text("What the encoder is given. It is not shown again");
        key["required"] = json!(["id", "name", "input", "created_at", "created_by", "key"]);
    }
    key
}

fn publication_schema() -> Value {
    json!({
        "type": "object", "required": ["id", "input", "protocol", "since"],
        "properties": {
            "id": { "type": "integer", "description": "Its number since the program started" },
            "input": schema("Input"),
            "protocol": { "enum": ["rtmp", "srt"] },
            "encoder": { "type": ["string", "null"] },
            "since": { "type": "string", "format": "date-time" },
            "ready": { "type": "boolean", "description": "Of one that stands by: whether it can be on air at once" },
            "health": schema("Health"),
            "video": { "type": ["object", "null"] },
            "audio": { "type": ["object", "null"] },
        },
    })
}

fn health_schema() -> Value {
    let count = |description: &str| json!({ "type": "integer", "minimum": 0, "description": description });
    json!({
        "type": "object", "additionalProperties": false,
        "description": "How well an encoder's media come in: of the last five seconds, where nothing else is said. Pictures and sound \
            themselves are not looked at.",
        "required": ["condition", "complaints", "video_bitrate_bps", "audio_bitrate_bps", "frame_rate", "keyframe_interval_ms",
            "missing_frames", "missing_frames_total", "jitter_ms", "clock_drift_ms", "pause_ms"],
        "properties": {
            "condition": { "enum": ["sound", "degraded"], "description": "Degraded after 2 s of complaints, sound after 10 s without" },
            "complaints": { "type": "array", "items": { "type": "string" }, "description": "What is wrong now, and what to do about it" },
            "video_bitrate_bps": count("Of the video's access units"),
            "audio_bitrate_bps": count("Of the audio's"),
            "frame_rate": { "type": "number", "description": "Video frames a second, as they came" },
            "keyframe_interval_ms": { "type": ["integer", "null"], "description": "Between the last two keyframes" },
            "missing_frames": count("Frames that the encoder left out: its stamps have a hole for them"),
            "missing_frames_total": count("The same since it began"),
            "jitter_ms": { "type": "number", "description": "How unevenly frames come, against their stamps, smoothed" },
            "clock_drift_ms": { "type": ["integer", "null"],
                "description": "What the encoder's clock has gained on this machine's since it began; null in the first half minute" },
            "pause_ms": count("Since its last frame"),
            "srt": schema("SrtLink"),
        },
    })
}

fn link_schema() -> Value {
    let mut properties = Map::new();
    for (name, description) in [
        ("latency_ms", "Agreed on"),
        ("packets", "Data packets received, those sent again with them"),
        ("missing_packets", "Found missing when a later one came"),
        ("retransmitted_packets", "Came marked as sent again"),
        ("lost_packets", "Given up: not there when their time came"),
        ("useless_packets", "Had come before, or came too late"),
        (
            "undecryptable_packets",
            "Could not be decrypted, or should have been encrypted",
        ),
        ("overflowed_packets", "There was no room for them"),
        ("buffered_packets", "In the buffer, received or waited for"),
        ("stream_gaps", "Gaps in the transport stream itself"),
    ] {
        let count = json!({ "type": "integer", "minimum": 0, "description": description });
        properties.insert(name.to_owned(), count);
    }
    for (name, description) in [
        ("rtt_ms", "Round trip, smoothed"),
        ("rtt_variation_ms", "Its variation"),
    ] {
        properties.insert(
            name.to_owned(),
            json!({ "type": "number", "description": description }),
        );
    }
    let required: Vec<&String> = properties.keys().collect();
    json!({
        "type": "object", "additionalProperties": false, "description": "Of an SRT connection, since it was opened",
        "required": required, "properties": properties,
    })
}

fn parameter(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn answer(description: &str, of: &str) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schema(of) } } })
}

fn problem(description: &str) -> Value {
    json!({ "description": description, "content": { "application/problem+json": { "schema": schema("Problem") } } })
}

fn with_header(mut answer: Value, name: &str, description: &str) -> Value {
    answer["headers"] = json!({ name: { "schema": { "type": "string" }, "description": description } });
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published document is read in a review like any other contract. `ACCEPT_SCHEMAS=1 cargo test` writes it anew.
    #[test]
    fn the_document_is_the_published_one() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api/openapi.json");
        let text = format!("{:#}\n", document());
        if std::env::var_os("ACCEPT_SCHEMAS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            published == text,
            "docs/api/openapi.json is not what the code says"
        );
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let text = document.to_string();
        assert!(!text.contains("$defs"));
        let mut count = 0;
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
            count += 1;
        }
        assert!(count > 50, "{count} references");
    }
}
