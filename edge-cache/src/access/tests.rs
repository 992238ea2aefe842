//! Tokens that are good, on requests that they are for, and how many of those.

use std::net::IpAddr;
use std::time::Duration;

use http::Request;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::keys::Trust;
use super::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const SECRET_JWK: &str = r#"{"kty":"oct","kid":"s","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}"#;
const LIVE: &str = "/live/demo/s1/video/index.m3u8";

fn keys() -> Arc<Keys> {
    let set = format!("{{\"keys\":[{SECRET_JWK}]}}");
    Arc::new(Keys::read(set.as_bytes(), Trust::File).unwrap())
}

fn since_1970() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap().as_secs()
}

fn token(claims: &Value) -> String {
    let mut all = json!({"exp": since_1970() + 600, "channel": "demo"});
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    encode(
        &Header::new(Algorithm::HS256),
        &all,
        &EncodingKey::from_secret(SECRET),
    )
    .unwrap()
}

fn tokens(config: &AccessConfig) -> Access {
    let folder = std::env::temp_dir().join(format!("vitrine-keys-{}-{:p}", std::process::id(), config));
    std::fs::write(&folder, format!("{{\"keys\":[{SECRET_JWK}]}}")).unwrap();
    let config = AccessConfig {
        jwks_file: Some(folder.clone()),
        ..config.clone()
    };
    let keys = Rotation::new(&config).unwrap().map(Arc::new);
    std::fs::remove_file(folder).unwrap();
    Access::new(&config, keys, None)
}

fn ask(access: &Access, target: &str, address: &str, agent: &str) -> Result<String, Refused> {
    let request = Request::get(target).header("user-agent", agent).body(()).unwrap();
    let (parts, ()) = request.into_parts();
    let peer: IpAddr = address.parse().unwrap();
    access
        .admit(&parts, peer)
        .map(|admitted| admitted.path.to_owned())
}

#[test]
fn what_a_token_is_for_and_what_not() {
    let access = tokens(&AccessConfig::default());
    let elsewhere = |what| Err(Refused::Elsewhere(what));
    let ok = || Ok(LIVE.to_owned());
    let table = [
        (json!({}), ok()),
        (json!({"channel": ["other", "demo"]}), ok()),
        (json!({"channel": "other"}), elsewhere("channel")),
        (json!({"channel": []}), elsewhere("channel")),
        (json!({"session": "s1"}), ok()),
        (json!({"session": "s2"}), elsewhere("session")),
        (json!({"ip": "192.0.2.1"}), ok()),
        (json!({"ip": "::ffff:192.0.2.1"}), ok()),
        (json!({"ip": "192.0.2.2"}), elsewhere("address")),
        (json!({"exp": since_1970() - 60}), Err(TokenError::NotNow.into())),
        (json!({"nbf": since_1970() + 60}), Err(TokenError::NotNow.into())),
        (json!({"exp": "tomorrow"}), Err(TokenError::Invalid.into())),
        (json!({"exp": null}), Err(TokenError::Invalid.into())),
        (json!({"channel": null}), Err(TokenError::Invalid.into())),
        (json!({"ip": "everywhere"}), Err(TokenError::Invalid.into())),
    ];
    for (number, (claims, expected)) in table.into_iter().enumerate() {
        let target = format!("/t/{}{LIVE}", token(&claims));
        let found = ask(&access, &target, "192.0.2.1", &number.to_string());
        assert_eq!(found, expected, "{claims}");
    }
    let bound = token(&json!({"session": "s2"}));
    let multivariant = format!("/t/{bound}/live/demo/index.m3u8");
    assert!(
        ask(&access, &multivariant, "192.0.2.1", "").is_ok(),
        "it names the session"
    );
    assert_eq!(ask(&access, LIVE, "192.0.2.1", ""), Err(Refused::NoToken));
    // Nothing but playlists and media needs one.
    assert_eq!(
        ask(&access, "/watch/demo", "192.0.2.1", ""),
        Ok("/watch/demo".to_owned())
    );
}

#[test]
fn a_token_has_so_many_viewers_and_one_who_left_makes_room() {
    let config = AccessConfig {
        streams_per_token: 2,
        ..AccessConfig::default()
    };
    let access = tokens(&config);
    let uses = &access.uses;
    let verifier = Verifier::new();
    let grant = |claims| {
        verifier
            .verify(&token(&claims), &keys(), SystemTime::now())
            .unwrap()
    };
    let (mine, again) = (grant(json!({"jti": "a"})), grant(json!({"jti": "a", "nbf": 0})));
    let zero = Instant::now();
    let at = |s: u64| zero + Duration::from_secs(s);
    let viewer = |last: u8| -> (IpAddr, &[u8]) { (IpAddr::from([192, 0, 2, last]), b"player") };
    let full = Err(Refused::TooManyStreams);
    let table = [
        (&mine, 1, 0, Ok(())),
        (&mine, 2, 1, Ok(())),
        (&mine, 3, 2, full),
        // The same person with another token of the same identity.
        (&again, 3, 2, full),
        (&mine, 1, 10, Ok(())),
        (&mine, 3, 15, full),
        // The second one has not asked for 15 s.
        (&mine, 3, 16, Ok(())),
        (&mine, 2, 17, full),
        (&mine, 1, 18, Ok(())),
    ];
    for (grant, last, second, expected) in table {
        assert_eq!(
            uses.admit(&grant.identity, grant.streams, viewer(last), at(second)),
            expected,
            "{last} at {second} s"
        );
    }
    // A token may say itself how many.
    let one = grant(json!({"jti": "b", "streams": 1}));
    let admit = |last| uses.admit(&one.identity, one.streams, viewer(last), zero);
    assert_eq!(admit(1), Ok(()));
    assert_eq!(admit(2), full);
}

#[test]
fn addresses_and_tokens_have_a_rate_each() {
    let config = AccessConfig {
        requests_per_second_per_address: 10,
        requests_per_second_per_token: 10,
        streams_per_token: 0,
        ..AccessConfig::default()
    };
    let access = tokens(&config);
    let refused = |target: &str, address: fn(u32) -> String| {
        let mut refused = None;
        for number in 0..100 {
            refused = refused.or(ask(&access, target, &address(number), "").err());
        }
        refused
    };
    assert_eq!(
        refused("/watch/demo", |_| "192.0.2.1".to_owned()),
        Some(Refused::TooOften("address"))
    );
    // One IPv6 network is one viewer.
    assert_eq!(
        refused("/watch/demo", |n| format!("2001:db8::{n}")),
        Some(Refused::TooOften("address"))
    );
    assert_eq!(refused("/watch/demo", |n| format!("198.51.100.{n}")), None);
    let target = format!("/t/{}{LIVE}", token(&json!({})));
    assert_eq!(
        refused(&target, |n| format!("203.0.113.{n}")),
        Some(Refused::TooOften("token"))
    );
}

#[test]
fn a_remembered_token_is_forgotten_when_its_key_is_withdrawn() {
    let verifier = Verifier::new();
    let (token, now) = (token(&json!({})), SystemTime::now());
    let first = keys();
    assert!(verifier.verify(&token, &first, now).is_ok());
    let other = SECRET_JWK.replace("MDEy", "MDEz");
    let set = format!("{{\"keys\":[{other}]}}");
    let next = Arc::new(Keys::read(set.as_bytes(), Trust::File).unwrap());
    assert_eq!(verifier.verify(&token, &next, now), Err(TokenError::Invalid));
    let later = now + Duration::from_secs(700);
    assert_eq!(verifier.verify(&token, &first, later), Err(TokenError::NotNow));
}
