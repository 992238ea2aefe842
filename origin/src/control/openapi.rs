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
        "Publication": publication_schema(),
        "ChannelList": { "type": "array", "items": schema("ChannelStatus") },
        "ChannelStatus": {
            "type": "object", "required": ["channel", "status", "session", "playback", "viewers", "renditions", "advice"],
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
                "viewers": {
                    "type": "integer", "minimum": 0,
                    "description": "Playlist requests that waited at this origin for one of the newest parts: of all video renditions or of all audio renditions, whichever are more. A low-latency player has one waiting. So has an edge or a CDN, whatever its viewers: behind them this counts caches, and viewers are counted there (vitrine_edge_waiting_viewers of each edge, or the CDN's own statistics)",
                },
                "renditions": {
                    "type": "array",
                    "items": { "type": "object", "properties": {
                        "viewers": { "type": "integer", "minimum": 0, "description": "Its part of the channel's viewers" },
                    } },
                },
                "advice": { "type": "array", "items": { "type": "string" } },
            },
        },
    })
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
            "video": { "type": ["object", "null"] },
            "audio": { "type": ["object", "null"] },
        },
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
