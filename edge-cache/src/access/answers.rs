//! What a viewer is told at the gate, and what answers behind it look like.

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};

use super::Refused;
use crate::answer::{Answer, problem};
use crate::body::AnswerBody;
use crate::object;

/// An error for one viewer alone: it is kept nowhere.
pub fn refused(refused: Refused, request: &Parts) -> Answer {
    let mut answer = problem(refused.status(), &refused.to_string(), request);
    let fields = answer.headers_mut();
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match refused.status() {
        StatusCode::UNAUTHORIZED => {
            fields.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::TOO_MANY_REQUESTS => {
            fields.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    answer
}

/// The same thing is under another name, for this viewer.
pub fn redirect(location: &str) -> Answer {
    let mut answer = Response::new(AnswerBody::empty());
    *answer.status_mut() = StatusCode::FOUND;
    let fields = answer.headers_mut();
    fields.extend(object::cors());
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(location) = HeaderValue::from_str(location) {
        fields.insert(header::LOCATION, location);
    }
    answer
}

/// What a token opened: no shared cache may show it to those who have none.
pub fn make_personal(answer: &mut Answer) {
    let directives = answer.headers().get(header::CACHE_CONTROL);
    let Some(text) = directives.and_then(|value| value.to_str().ok()) else {
        return;
    };
    let kept = text
        .split(',')
        .map(str::trim)
        .filter(|directive| *directive != "public" && !directive.starts_with("s-maxage"));
    let personal = std::iter::once("private")
        .chain(kept)
        .collect::<Vec<_>>()
        .join(", ");
    if !text.contains("no-store")
        && let Ok(value) = HeaderValue::from_str(&personal)
    {
        answer.headers_mut().insert(header::CACHE_CONTROL, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::preflight;

    #[test]
    fn what_a_token_opened_is_for_one_viewer() {
        let table = [
            (
                "public, max-age=31536000, immutable",
                "private, max-age=31536000, immutable",
            ),
            ("max-age=1, s-maxage=5", "private, max-age=1"),
            ("no-store", "no-store"),
        ];
        for (shared, personal) in table {
            let mut answer = preflight();
            let value = HeaderValue::from_static(shared);
            answer.headers_mut().insert(header::CACHE_CONTROL, value);
            make_personal(&mut answer);
            assert_eq!(answer.headers()[header::CACHE_CONTROL], personal);
        }
    }
}
