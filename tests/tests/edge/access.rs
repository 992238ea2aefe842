//! Playback tokens at the edge: who is let in, and that nothing of a token goes any further.

use http::StatusCode;
use jsonwebtoken::Algorithm::{self, ES256, EdDSA, HS256};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use vitrine_tests::client::{Answer, Client};
use vitrine_tests::harness::{Edge, EdgeSetup, until};

use crate::issuer::{
    EC_PUBLIC, EC_X, Publication, SECRET, claims, ec_jwk, ed_jwk, seconds_from_now, secret_file, sign, token,
};
use crate::origin::{Origin, Reply};
use crate::viewer::{Crowd, PATIENCE, noise};

const MULTIVARIANT: &str = "/live/demo/index.m3u8";
const PART: &str = "/live/demo/s1/video-720p/part-7.m4s";

async fn media() -> Origin {
    Origin::start(|asked| async move {
        match asked.target.ends_with("m4s") {
            true => Reply::media(&noise(10_000)),
            false => Reply::text(200, "public, max-age=60", "text"),
        }
    })
    .await
}

fn guarded(name: &str, origin: &Origin) -> EdgeSetup {
    Edge::named(name)
        .origin(&origin.url())
        .line("access", &secret_file(name))
}

async fn ask(edge: &Edge, path: &str) -> Answer {
    edge.client().get(&edge.url(path)).await.unwrap()
}

/// Waits for the published keys.
async fn keys_come(edge: &Edge, by: Algorithm) {
    let path = format!("/t/{}{PART}", sign(by, &claims(&json!({}))));
    until("the published keys are known", PATIENCE, async || {
        (ask(edge, &path).await.status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_but_a_good_one_opens_anything() {
    let origin = media().await;
    let publication = Publication::start(&[ec_jwk(), ed_jwk()]).await;
    let edge = guarded("edge-access", &origin)
        .line("access", &publication.line())
        .line("access", "streams_per_token = 2")
        .line("access", "stream_idle_seconds = 600")
        .start()
        .await;
    keys_come(&edge, ES256).await;
    let good = claims(&json!({}));
    let forged = |algorithm, key: &[u8], kid: Option<&str>| {
        let mut header = Header::new(algorithm);
        header.kid = kid.map(str::to_owned);
        encode(&header, &good, &EncodingKey::from_secret(key)).unwrap()
    };
    let altered = |by, others: &serde_json::Value| {
        let (mine, other) = (sign(by, &good), sign(by, others));
        let payload = other.split('.').nth(1).unwrap();
        let mut parts: Vec<_> = mine.split('.').collect();
        parts[1] = payload;
        parts.join(".")
    };
    let unsigned = |signature: &str| {
        let payload = token(&json!({})).split('.').nth(1).unwrap().to_owned();
        // {"alg":"none","typ":"JWT"}
        format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.{signature}")
    };
    let expired = json!({"exp": seconds_from_now(-60)});
    let other = json!({"channel": "other"});
    let table = [
        ("none at all", String::new(), 401),
        ("nonsense", "a.b.c".to_owned(), 401),
        ("forged: another secret", forged(HS256, &[7; 32], Some("s")), 401),
        (
            "forged: another secret, no kid",
            forged(HS256, &[7; 32], None),
            401,
        ),
        (
            "forged: claims altered, HS256",
            altered(HS256, &claims(&json!({"streams": 9}))),
            401,
        ),
        (
            "forged: claims altered, ES256",
            altered(ES256, &claims(&json!({"streams": 9}))),
            401,
        ),
        (
            "forged: claims altered, EdDSA",
            altered(EdDSA, &claims(&json!({"streams": 9}))),
            401,
        ),
        ("expired, HS256", sign(HS256, &claims(&expired)), 401),
        ("expired, ES256", sign(ES256, &claims(&expired)), 401),
        ("expired, EdDSA", sign(EdDSA, &claims(&expired)), 401),
        ("without an end", sign(HS256, &json!({"channel": "demo"})), 401),
        (
            "not yet begun",
            token(&json!({"nbf": seconds_from_now(500)})),
            401,
        ),
        ("another channel", token(&other), 403),
        ("another channel, ES256", sign(ES256, &claims(&other)), 403),
        ("another session", token(&json!({"session": "s2"})), 403),
        ("another address", token(&json!({"ip": "192.0.2.1"})), 403),
        ("alg=none", unsigned(""), 401),
        ("alg=none with a signature", unsigned("c2lnbmF0dXJl"), 401),
        // The public key taken for a secret, in each spelling that an attacker has.
        ("confusion: PEM", forged(HS256, EC_PUBLIC, None), 401),
        (
            "confusion: PEM and its kid",
            forged(HS256, EC_PUBLIC, Some("e")),
            401,
        ),
        ("confusion: x", forged(HS256, EC_X.as_bytes(), Some("e")), 401),
        (
            "an algorithm that no key is for",
            forged(Algorithm::HS512, SECRET, Some("s")),
            401,
        ),
        ("an unknown key", forged(HS256, SECRET, Some("nobody's")), 401),
    ];
    let before = origin.targets().len();
    for (what, token, status) in &table {
        for path in [
            format!("/t/{token}{MULTIVARIANT}"),
            format!("/t/{token}{PART}"),
            format!("{PART}?token={token}"),
        ] {
            // A multivariant playlist tells the session: a token of another one may read it.
            if *what == "another session" && path.contains(MULTIVARIANT) {
                continue;
            }
            let answer = ask(&edge, &path).await;
            assert_eq!(answer.status.as_u16(), *status, "{what}: {}", answer.text());
            assert_eq!(answer.header("cache-control"), "no-store", "{what}");
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{what}");
            assert!(
                token.is_empty() || !answer.text().contains(token),
                "{what}: repeated"
            );
        }
    }
    assert_eq!(
        origin.targets().len(),
        before,
        "the origin was asked: {:?}",
        origin.targets()
    );
    for by in [HS256, ES256, EdDSA] {
        let answer = ask(&edge, &format!("/t/{}{PART}", sign(by, &good))).await;
        assert_eq!(answer.status, StatusCode::OK, "{by:?}");
        assert_eq!(answer.body, noise(10_000));
    }
    // Replayed beyond its limit: two may use it.
    let shared = token(&json!({"jti": "shared"}));
    let path = edge.url(&format!("/t/{shared}{PART}"));
    let replay = async |agent: &str| {
        let answer = edge
            .client()
            .get_with(&path, &[("user-agent", agent)])
            .await
            .unwrap();
        answer.status.as_u16()
    };
    for (agent, status) in [("a", 200), ("b", 200), ("c", 429), ("a", 200), ("d", 429)] {
        assert_eq!(replay(agent).await, status, "{agent}");
    }
    assert!(
        edge.metric("vitrine_edge_refused_total", "reason=\"streams\"")
            .await
            >= 2.0
    );
    let log = edge.log();
    assert!(!log.contains(&shared), "a token is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tokens_are_one_object_and_none_goes_upstream() {
    let origin = media().await;
    let edge = guarded("edge-access-cache", &origin).start().await;
    let tokens: Vec<_> = (0..60)
        .map(|number| token(&json!({"jti": number.to_string()})))
        .collect();
    let crowd = Crowd::ask(60, &[], |number| match number % 2 {
        0 => edge.url(&format!("/t/{}{PART}", tokens[number])),
        _ => edge.url(&format!("{PART}?token={}", tokens[number])),
    });
    for answer in crowd.answers().await {
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(
            answer.header("cache-control"),
            "private, max-age=31536000, immutable"
        );
    }
    let cookie = format!("theme=dark; vitrine_token={}", tokens[0]);
    let by_cookie = edge
        .client()
        .get_with(&edge.url(PART), &[("cookie", &cookie)])
        .await
        .unwrap();
    assert_eq!(by_cookie.status, StatusCode::OK);
    assert_eq!(origin.targets(), [PART]);
    let asked = origin.asked(PART);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].field("cookie"), "");
    for (name, value) in &asked[0].fields {
        let value = value.to_str().unwrap();
        assert!(
            !tokens.iter().any(|token| value.contains(token)),
            "{name}: {value}"
        );
    }
    // Pages need none.
    assert_eq!(ask(&edge, "/watch/demo").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_becomes_a_path_that_relative_urls_keep() {
    let origin = media().await;
    let edge = guarded("edge-access-path", &origin).start().await;
    let token = token(&json!({}));
    let asked = url::Url::parse(&edge.url(&format!("{MULTIVARIANT}?token={token}"))).unwrap();
    let answer = edge.client().get(asked.as_str()).await.unwrap();
    assert_eq!(answer.status, StatusCode::FOUND);
    assert_eq!(answer.header("cache-control"), "no-store");
    let sent_on = asked.join(answer.header("location")).unwrap();
    // As a player does with what is in playlists: a rendition, then its part, then another rendition's report.
    let rendition = sent_on.join("s1/video-720p/index.m3u8").unwrap();
    let part = rendition.join("part-7.m4s").unwrap();
    let report = rendition.join("../audio/index.m3u8").unwrap();
    for url in [&sent_on, &rendition, &part, &report] {
        let answer = edge.client().get(url.as_str()).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", url.path());
    }
    assert_eq!(origin.count("/live/demo/s1/audio/index.m3u8"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_published_and_withdrawn_while_viewers_watch() {
    let origin = media().await;
    let publication = Publication::start(&[ec_jwk()]).await;
    let edge = Edge::named("edge-access-rotation")
        .origin(&origin.url())
        .line("access", &publication.line())
        .line("access", "jwks_refresh_seconds = 1")
        .start()
        .await;
    keys_come(&edge, ES256).await;
    let status = async |by| {
        let path = format!("/t/{}{PART}", sign(by, &claims(&json!({}))));
        ask(&edge, &path).await.status
    };
    assert_eq!(status(EdDSA).await, StatusCode::UNAUTHORIZED);
    publication.publish(&[ec_jwk(), ed_jwk()]);
    keys_come(&edge, EdDSA).await;
    assert_eq!(status(ES256).await, StatusCode::OK);
    publication.publish(&[ed_jwk()]);
    until("the old key is no longer believed", PATIENCE, async || {
        (status(ES256).await == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    assert_eq!(status(EdDSA).await, StatusCode::OK);
    // What is no set of keys changes nothing.
    publication.publish(&[json!({"kty": "oct", "k": "c2VjcmV0"})]);
    let asked = publication.asked();
    until("it is read again", PATIENCE, async || {
        (publication.asked() > asked + 1).then_some(())
    })
    .await;
    assert_eq!(status(EdDSA).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_too_often_is_told_so_and_another_one_is_served() {
    let origin = media().await;
    let edge = Edge::named("edge-access-rate")
        .origin(&origin.url())
        .line("access", "requests_per_second_per_address = 1")
        .line("access", "trusted_proxies = [\"127.0.0.0/8\"]")
        .line("access", "cors_origins = [\"https://shop.example\"]")
        .start()
        .await;
    let client = Client::http1();
    let from = async |address: &str, site: &str| {
        let fields = [("x-forwarded-for", address), ("origin", site)];
        client.get_with(&edge.url(PART), &fields).await.unwrap()
    };
    let shop = "https://shop.example";
    until("one asks too often", PATIENCE, async || {
        let answer = from("192.0.2.1", shop).await;
        (answer.status == StatusCode::TOO_MANY_REQUESTS).then(|| {
            assert_eq!(answer.header("retry-after"), "1");
            assert_eq!(answer.header("access-control-allow-origin"), shop);
        })
    })
    .await;
    let served = from("192.0.2.2", shop).await;
    assert_eq!(served.status, StatusCode::OK);
    assert_eq!(served.header("access-control-allow-origin"), shop);
    assert_eq!(served.header("access-control-allow-credentials"), "true");
    let elsewhere = from("192.0.2.3", "https://evil.example").await;
    assert_eq!(elsewhere.status, StatusCode::OK);
    assert_eq!(elsewhere.header("access-control-allow-origin"), "");
}
