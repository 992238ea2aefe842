//! What may be asked, by whom, and how it is answered.

use serde_json::{Value, json};

use super::{answer, parameter, problem, schema, with_header};

pub(super) fn paths() -> Value {
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

pub(super) fn parameters() -> Value {
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
