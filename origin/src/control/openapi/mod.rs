//! The OpenAPI 3.1 document of the control API. Its schemas of events and states are those of the code that reads and writes
//! them; the rest is written here, and a test holds the real answers against it.

mod channels;
mod paths;
mod schemas;

use serde_json::{Value, json};

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
        "paths": paths::paths(),
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "parameters": paths::parameters(),
            "schemas": schemas::schemas(),
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
