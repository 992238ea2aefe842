//! Who signs playback tokens: three kinds of keys, and the URL where the public ones are published.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

// Keys of this test alone.
pub const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const SECRET_JWK: &str = r#"{"kty":"oct","kid":"s","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}"#;
const EC_KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgi73FbsAMDnSTfT05
Po/mRDgK4Gie5X3BF3rl64cV1CmhRANCAATq2P40f+1pkCv/RFNqE3O0qcfZNn6R
sJAwthHNDmyRyUfADyHci//eK9RQs/7exjiektA4Q5YvmTVKOZ3ih3tY
-----END PRIVATE KEY-----
";
/// The public half of the EC key, as it is published elsewhere.
pub const EC_PUBLIC: &[u8] = b"-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE6tj+NH/taZAr/0RTahNztKnH2TZ+
kbCQMLYRzQ5skclHwA8h3Iv/3ivUULP+3sY4npLQOEOWL5k1Sjmd4od7WA==
-----END PUBLIC KEY-----
";
/// Its x coordinate, as it is in the JWK Set.
pub const EC_X: &str = "6tj-NH_taZAr_0RTahNztKnH2TZ-kbCQMLYRzQ5skck";
const ED_KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIHmVtaenEmr91CiPbhC7S0kRFcHbP5uP3meDzou4xXT8
-----END PRIVATE KEY-----
";

pub fn ec_jwk() -> Value {
    json!({"kty": "EC", "crv": "P-256", "kid": "e", "alg": "ES256", "use": "sig",
        "x": EC_X, "y": "R8APIdyL_94r1FCz_t7GOJ6S0DhDli-ZNUo5neKHe1g"})
}

pub fn ed_jwk() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": "d", "x": "1ll4YW3NBx0wp27OThDHd5lxZvLr3vtXAxagZUXm_eE"})
}

/// Seconds since 1970, and so many more.
pub fn seconds_from_now(more: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() as i64 + more
}

/// For the channel `demo` and ten minutes, unless `claims` say otherwise.
pub fn claims(claims: &Value) -> Value {
    let mut all = json!({"exp": seconds_from_now(600), "channel": "demo"});
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

/// A token by the key of that algorithm.
pub fn sign(algorithm: Algorithm, all: &Value) -> String {
    let (key, id) = match algorithm {
        Algorithm::ES256 => (EncodingKey::from_ec_pem(EC_KEY).unwrap(), "e"),
        Algorithm::EdDSA => (EncodingKey::from_ed_pem(ED_KEY).unwrap(), "d"),
        _ => (EncodingKey::from_secret(SECRET), "s"),
    };
    let mut header = Header::new(algorithm);
    header.kid = Some(id.to_owned());
    encode(&header, all, &key).unwrap()
}

/// A good token by the secret, with further claims.
pub fn token(further: &Value) -> String {
    sign(Algorithm::HS256, &claims(further))
}

/// A file with the secret, as a line of configuration.
pub fn secret_file(name: &str) -> String {
    let path: PathBuf = std::env::temp_dir().join(format!("vitrine-{}-{name}.json", std::process::id()));
    std::fs::write(&path, format!("{{\"keys\":[{SECRET_JWK}]}}")).unwrap();
    format!("jwks_file = \"{}\"", path.display())
}

/// Publishes a JWK Set by HTTP/1.1.
pub struct Publication {
    address: String,
    keys: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicU64>,
}

impl Publication {
    pub async fn start(keys: &[Value]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let keys = Arc::new(Mutex::new(keys.to_vec()));
        let asked = Arc::new(AtomicU64::new(0));
        let (shown, count) = (keys.clone(), asked.clone());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let body = json!({ "keys": *shown.lock().unwrap() }).to_string();
                count.fetch_add(1, Ordering::Relaxed);
                let _ = stream.read(&mut [0; 4096]).await;
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { address, keys, asked }
    }

    /// As a line of configuration.
    pub fn line(&self) -> String {
        format!("jwks_url = \"http://{}/jwks.json\"", self.address)
    }

    pub fn publish(&self, keys: &[Value]) {
        *self.keys.lock().unwrap() = keys.to_vec();
    }

    /// How often it was read.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}
