//! Stream keys by the control API: created, used, revoked, without a restart, and still there after one.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use vitrine_tests::harness::{ChannelSetup, Publisher, Source, Vitrine, until};

const PATIENCE: Duration = Duration::from_secs(30);
const KEYS: &str = "/v1/channels/demo/keys";

async fn ask(vitrine: &Vitrine, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
    let token = format!("Bearer {}", vitrine.channel("demo").event_token);
    let fields = [("authorization", token.as_str())];
    let body = Bytes::from(body.to_string());
    let answer = vitrine
        .client()
        .ask(method, &vitrine.url(path), &fields, body)
        .await
        .unwrap();
    (answer.status, answer.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_lets_an_encoder_in_until_it_is_revoked() {
    let folder = std::env::temp_dir().join(format!("vitrine-keys-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("keys.json");
    let setup = Vitrine::named("keys")
        .line("access", &format!("keys_file = {file:?}"))
        .channel(ChannelSetup::new("demo").ladder("\"passthrough\""));
    let vitrine = setup.clone().start().await;
    let (status, created) = ask(&vitrine, Method::POST, KEYS, &json!({ "name": "van 2" })).await;
    assert_eq!(status, StatusCode::CREATED, "{created}");
    let key = created["key"].as_str().unwrap().to_owned();
    assert!(vitrine.stop().await.success());

    let vitrine = setup.start().await;
    let url = format!("rtmp://{}/live/{key}", vitrine.rtmp());
    let picture = Source::picture().size(320, 180).bitrate_kbps(300);
    let mut publisher = Publisher::start_at(&picture, &vitrine, &url, "van");
    vitrine.live("demo").await;
    let path = format!("{KEYS}/{}", created["id"].as_str().unwrap());
    let (status, revoked) = ask(&vitrine, Method::DELETE, &path, &Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{revoked}");
    publisher.ended(PATIENCE).await;
    until("nobody publishes", PATIENCE, async || {
        vitrine.status("demo").await["publication"]
            .is_null()
            .then_some(())
    })
    .await;
    let mut again = Publisher::start_at(&picture, &vitrine, &url, "van");
    assert!(!again.ended(PATIENCE).await.success(), "it is not let in again");

    let (_, list) = ask(&vitrine, Method::GET, KEYS, &Value::Null).await;
    assert_eq!(list["keys"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(list["keys"][0]["revoked_by"], "event_tokens[0]");
    let log = vitrine.log();
    assert!(log.contains("the stream key was revoked"), "{log}");
    assert!(
        !log.contains(&key) && !list.to_string().contains(&key),
        "the key is shown once"
    );
    assert!(vitrine.stop().await.success());
    std::fs::remove_dir_all(&folder).unwrap();
}
