//! The pages, embedded when the program is built.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use rust_embed::RustEmbed;

use crate::playback::response::{self, Answer, SharedBody};

/// What `npm run build` makes of `origin/web`; empty in a build without it.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/web/dist"]
#[allow_missing = true]
struct Dist;

/// What the pages may load: themselves, and pictures of products from anywhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' https: http: data:; \
     media-src 'self' blob: data:; connect-src 'self'; worker-src 'self' blob:; style-src 'self'; \
     object-src 'none'; base-uri 'none'; frame-ancestors 'self'";

/// The page of `/watch/{channel}`.
pub fn watch_page() -> Answer {
    page("watch.html")
}

/// The page of `/studio/{channel}`. It holds nothing that is not for everybody: who works there brings a token.
pub fn studio_page() -> Answer {
    page("studio.html")
}

fn page(name: &str) -> Answer {
    match Dist::get(name) {
        Some(page) => file(name, shared(page.data), false),
        None => response::error(
            StatusCode::NOT_FOUND,
            "this build has no pages: run `make web`, then build again",
        ),
    }
}

/// A file of `/assets/…`.
pub fn asset(path: &str) -> Answer {
    match Dist::get(path) {
        // The build puts a digest into the names of scripts and styles.
        Some(asset) => file(path, shared(asset.data), path.contains('-')),
        None => response::error(StatusCode::NOT_FOUND, "no such asset"),
    }
}

/// The program's own bytes, not a copy of them.
fn shared(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    }
}

/// The page of `/`: the channels' names, each with links to its pages.
pub fn index<'a>(channels: impl Iterator<Item = &'a str>) -> Answer {
    let links: String = channels
        .map(|name| {
            format!("<li><a href=\"/watch/{name}\">{name}</a> (<a href=\"/studio/{name}\">studio</a>)</li>")
        })
        .collect();
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Vitrine</title><h1>Channels</h1><ul>{links}</ul>"
    );
    file("index.html", page.into_bytes().into(), false)
}

fn file(name: &str, body: Bytes, immutable: bool) -> Answer {
    let content_type = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json" | "map") => "application/json",
        _ => "application/octet-stream",
    };
    let mut answer = Response::new(SharedBody::whole(body));
    let life = if immutable {
        "public, max-age=31536000, immutable"
    } else {
        "public, max-age=60"
    };
    let fields = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, life),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
    ];
    answer
        .headers_mut()
        .extend(fields.map(|(name, value)| (name, HeaderValue::from_static(value))));
    answer
}
