//! Accept-Encoding (RFC 9110 12.5.3): whether a client takes gzip.

use http::HeaderMap;
use http::header;

/// Whether the client takes gzip.
pub fn accepts_gzip(request: &HeaderMap) -> bool {
    let mut wildcard = false;
    let fields = request.get_all(header::ACCEPT_ENCODING);
    for item in fields
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
    {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or("");
        let taken = !parts.any(is_zero_weight);
        // What is said of gzip itself goes before what is said of all.
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            return taken;
        }
        wildcard |= name == "*" && taken;
    }
    wildcard
}

fn is_zero_weight(parameter: &str) -> bool {
    parameter
        .strip_prefix("q=")
        .is_some_and(|weight| weight.parse::<f32>() == Ok(0.0))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn gzip_is_taken_only_where_it_is_said() {
        let table = [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("*", true),
            ("*, gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("gzip; q=0.000", false),
            ("identity", false),
            ("", false),
        ];
        for (value, taken) in table {
            let request = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            assert_eq!(accepts_gzip(&request), taken, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
