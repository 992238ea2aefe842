//! What is said of channels, their encoders, and their stream keys.

use serde_json::{Map, Value, json};

use super::schema;

pub(super) fn channel_schema() -> Value {
    json!({
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
    })
}

/// A stream key, and what became of it; `created`: with its secret.
pub(super) fn key_schema(created: bool) -> Value {
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

pub(super) fn publication_schema() -> Value {
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

pub(super) fn health_schema() -> Value {
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

pub(super) fn link_schema() -> Value {
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
