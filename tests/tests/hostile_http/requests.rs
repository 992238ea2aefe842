//! Single requests, each with the status it must get.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;
use vitrine_tests::harness::{Vitrine, Witness};

use crate::Stage;
use crate::raw::{End, exchange};

/// The end of a head; the server closes the connection behind its answer.
const HOST: &str = "Host: localhost\r\nConnection: close\r\n\r\n";

/// GET requests by their target.
const TARGETS: [(&str, u16); 22] = [
    ("/healthz", 200),
    ("/live/show/index.m3u8", 200),
    ("/live/quiet/index.m3u8", 404),
    ("/live/nobody/index.m3u8", 404),
    ("/live/SHOW/index.m3u8", 404),
    ("/live/%73how/index.m3u8", 404),
    ("/live/show/index.m3u8/", 404),
    ("/live//index.m3u8", 404),
    ("/live/", 404),
    ("/live/show/..", 404),
    ("/live/show/../../v1/channels", 404),
    ("/live/../../../../etc/passwd", 404),
    ("/live/show/%00", 404),
    ("/live/show/%2e%2e/%2e%2e/etc/passwd", 404),
    ("/assets/../../Cargo.toml", 404),
    ("/assets/%2e%2e/%2e%2e/Cargo.toml", 404),
    ("/assets//etc/passwd", 404),
    ("/assets/", 404),
    ("//etc/passwd", 404),
    ("/v1/../healthz", 404),
    ("/v1/channels/nobody", 404),
    ("*", 404),
];

/// Whole requests in HTTP/1.1; what is repeated is written `PATTERN×COUNT`.
fn whole_requests() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let event = "POST /v1/channels/show/events HTTP/1.1\r\nAuthorization: Bearer token-of-show\r\n";
    let long = |count: usize| "a".repeat(count);
    let many: String = (0..300).map(|number| format!("X-{number}: 1\r\n")).collect();
    let text = |text: String| text.into_bytes();
    vec![
        (
            "a field of 70 KB",
            text(format!("GET /healthz HTTP/1.1\r\nX: {}\r\n{HOST}", long(70_000))),
            &[431],
        ),
        (
            "300 fields",
            text(format!("GET /healthz HTTP/1.1\r\n{many}{HOST}")),
            &[431],
        ),
        (
            "a path of 4 KB",
            text(format!("GET /live/show/{} HTTP/1.1\r\n{HOST}", long(4_000))),
            &[414],
        ),
        (
            "a path of 70 KB",
            text(format!("GET /live/show/{} HTTP/1.1\r\n{HOST}", long(70_000))),
            &[431],
        ),
        (
            "a query of 4 KB",
            text(format!(
                "GET /live/show/index.m3u8?{} HTTP/1.1\r\n{HOST}",
                long(4_000)
            )),
            &[414],
        ),
        ("HTTP/0.9", b"GET /\r\n".to_vec(), &[400]),
        ("HTTP/3.0", text(format!("GET / HTTP/3.0\r\n{HOST}")), &[400]),
        ("no method", text(format!(" / HTTP/1.1\r\n{HOST}")), &[400]),
        ("binary", b"\x00\x01\x02\x03\xff\r\n\r\n".to_vec(), &[400]),
        (
            "a TLS greeting",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaa".to_vec(),
            &[400],
        ),
        (
            "a zero in a field's name",
            b"GET /healthz HTTP/1.1\r\nX\x00Y: 1\r\n\r\n".to_vec(),
            &[400],
        ),
        (
            "a space before the colon",
            b"GET /healthz HTTP/1.1\r\nX : 1\r\n\r\n".to_vec(),
            &[400],
        ),
        (
            "two lengths",
            text(format!(
                "{event}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"
            )),
            &[400],
        ),
        (
            "a negative length",
            text(format!("{event}Content-Length: -5\r\n\r\n")),
            &[400],
        ),
        (
            "a length over 64 bits",
            text(format!("{event}Content-Length: 99999999999999999999\r\n\r\n")),
            &[400],
        ),
        (
            "a chunk of no size",
            text(format!("{event}Transfer-Encoding: chunked\r\n\r\nzz\r\n")),
            &[400],
        ),
        (
            "a chunk that does not end",
            text(format!(
                "{event}Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n{}",
                long(20_000)
            )),
            &[413],
        ),
        (
            "garbage behind a request",
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n\x01\x02\x03\r\n\r\n".to_vec(),
            &[200, 400],
        ),
        (
            "half of HTTP/2's preface and garbage",
            b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec(),
            &[400],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_no_client_sends_are_refused() {
    let stage = Stage::set(Vitrine::named("hostile-requests")).await;
    let (vitrine, address) = (&stage.vitrine, stage.vitrine.http());
    let witness = Witness::of(vitrine, "show").await;
    for (target, status) in TARGETS {
        let request = format!("GET {target} HTTP/1.1\r\n{HOST}");
        let found = exchange(&address, request.as_bytes(), End::Closed).await;
        assert_eq!(found.statuses, [status], "{target}: {}", found.text);
        assert!(
            status == 200 || found.text.contains("application/problem+json"),
            "{target}: {}",
            found.text
        );
    }
    for (what, request, statuses) in whole_requests() {
        let closes = statuses.contains(&400) || request.ends_with(HOST.as_bytes());
        let end = match closes {
            true => End::Closed,
            false => End::Answers(statuses.len()),
        };
        let found = exchange(&address, &request, end).await;
        assert_eq!(found.statuses, statuses, "{what}: {}", found.text);
        if statuses.contains(&400) {
            assert!(found.closed, "{what}: the connection stays open");
        }
    }
    let unknown_methods = ["BREW", "TRACE", "get", "PROPFIND", "POST", "CONNECT"];
    for (path, allowed) in [
        ("/live/show/index.m3u8", "GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD"),
    ] {
        for method in unknown_methods {
            let request = format!("{method} {path} HTTP/1.1\r\n{HOST}");
            let found = exchange(&address, request.as_bytes(), End::Closed).await;
            assert_eq!(found.statuses, [405], "{method} {path}: {}", found.text);
            let allow = format!("allow: {allowed}\r\n");
            assert!(found.text.contains(&allow), "{method} {path}: {}", found.text);
        }
    }
    let pipelined = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(50);
    let found = exchange(&address, pipelined.as_bytes(), End::Answers(50)).await;
    assert_eq!(found.statuses, [200; 50], "{}", found.text);
    witness.undisturbed().await;
    stage.strike().await;
}

/// Bodies of events, by whom they are sent, and the status that they get.
fn bodies() -> Vec<(&'static str, Option<&'static str>, String, u16)> {
    let token = Some("Bearer token-of-show");
    let valid = json!({"type": "product.hide", "product": {"id": "nothing"}}).to_string();
    let show = |more: &str| {
        format!(
            "{{\"type\":\"product.show\",\"product\":{{\"id\":\"a\",\"name\":\"b\",\"price\":{{\"amount\":1,\"currency\":\"EUR\"}}{more}}}}}"
        )
    };
    vec![
        ("no token", None, valid.clone(), 401),
        ("another scheme", Some("Basic dG9rZW4="), valid.clone(), 401),
        ("a wrong token", Some("Bearer wrong"), valid.clone(), 403),
        ("an empty token", Some("Bearer "), valid.clone(), 401),
        (
            "another channel's token",
            Some("Bearer token-of-quiet"),
            valid.clone(),
            403,
        ),
        ("the stream key", Some("Bearer key-of-show"), valid.clone(), 403),
        ("nothing on air", token, valid, 409),
        ("nothing", token, String::new(), 400),
        ("no JSON", token, "{".into(), 400),
        ("deep JSON", token, "[".repeat(8_000), 400),
        ("too large", token, format!("\"{}\"", "a".repeat(9_000)), 413),
        ("a list", token, "[]".into(), 422),
        ("a number", token, "7".into(), 422),
        (
            "an unknown type",
            token,
            "{\"type\":\"product.eat\",\"product\":{}}".into(),
            422,
        ),
        ("an unknown field", token, show(",\"colour\":\"red\""), 422),
        ("a negative stock", token, show(",\"stock\":-1"), 422),
        (
            "a script for an address",
            token,
            show(",\"url\":\"javascript:alert(1)\""),
            422,
        ),
        ("an unknown currency", token, show("").replace("EUR", "XXX"), 422),
        (
            "a line break in a name",
            token,
            show("").replace("\"b\"", "\"b\\nc\""),
            422,
        ),
        ("what is right", token, show(""), 201),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_api_answers_every_body_with_its_problem() {
    let stage = Stage::set(Vitrine::named("hostile-bodies")).await;
    let vitrine = &stage.vitrine;
    let witness = Witness::of(vitrine, "show").await;
    let url = vitrine.url("/v1/channels/show/events");
    for (what, token, body, status) in bodies() {
        let token = token.map(|token| ("authorization", token));
        let fields: Vec<(&str, &str)> = token.into_iter().collect();
        let body = Bytes::from(body);
        let answer = vitrine
            .client()
            .ask(Method::POST, &url, &fields, body)
            .await
            .unwrap();
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
        if status == 201 {
            continue;
        }
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{what}"
        );
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{what}: {problem}");
        assert!(
            problem["detail"].as_str().is_some_and(|detail| detail.len() > 10),
            "{what}: {problem}"
        );
        assert_eq!(
            problem["field"].is_string(),
            status == 422 || status == 409,
            "{what}: {problem}"
        );
        assert_eq!(
            answer.header("www-authenticate") == "Bearer",
            status == 401,
            "{what}"
        );
        let echoed = answer.text().contains("token-of") || answer.text().contains("key-of");
        assert!(!echoed, "{what}: a secret in {problem}");
    }
    // Where nobody publishes nothing can be shown.
    let show = json!({"type": "product.show", "product": {"id": "a", "name": "b", "price": {"amount": 1, "currency": "EUR"}}});
    let answer = vitrine.post_event("quiet", &show).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text());
    for (method, path, status) in [
        (Method::PUT, "/v1/channels/show/events", 405),
        (Method::GET, "/v1/channels/show/events", 401),
        (Method::GET, "/v1/channels/show/events/a", 401),
        (Method::DELETE, "/v1/channels/show/events/a", 401),
        (Method::GET, "/v1/channels/show/audit", 401),
        (Method::GET, "/v1/channels/show/state?at=now", 400),
        (Method::GET, "/v1/channels/show/state?At=x", 400),
        (
            Method::GET,
            "/v1/channels/show/state?at=2099-01-01T00:00:00Z",
            401,
        ),
        (Method::POST, "/v1/channels/show", 405),
        (Method::POST, "/v1/channels/nobody/events", 404),
        (Method::GET, "/v1/channels/show/secrets", 404),
        (Method::GET, "/v1/", 404),
    ] {
        let url = vitrine.url(path);
        let answer = vitrine
            .client()
            .ask(method, &url, &[], Bytes::new())
            .await
            .unwrap();
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text());
        assert_eq!(answer.json()["status"], status, "{path}");
    }
    witness.undisturbed().await;
    stage.strike().await;
}
