//! Which sites' pages may play (the Fetch standard's CORS protocol).

use http::header::{self, HeaderMap, HeaderValue};

use crate::answer::Answer;

/// Why a list of sites is of no use.
#[derive(Debug, thiserror::Error)]
#[error(
    "access.cors_origins: \"{0}\": give \"*\" alone, or sites as browsers name them: https://shop.example"
)]
pub struct CorsError(String);

/// The sites.
#[derive(Debug, Clone)]
pub struct Cors {
    /// `None`: all of them; the origin's `*` stays as it is.
    sites: Option<Vec<HeaderValue>>,
}

impl Cors {
    /// Reads `access.cors_origins`.
    pub fn new(sites: &[String]) -> Result<Self, CorsError> {
        if sites == ["*"] {
            return Ok(Self { sites: None });
        }
        let read = |site: &String| {
            let host = site
                .strip_prefix("https://")
                .or_else(|| site.strip_prefix("http://"));
            let is_site = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', '?']));
            HeaderValue::from_str(site)
                .ok()
                .filter(|_| is_site)
                .ok_or_else(|| CorsError(site.clone()))
        };
        Ok(Self {
            sites: Some(sites.iter().map(read).collect::<Result<_, _>>()?),
        })
    }

    /// Tells the browser whether its page may read the answer. With sites named, cookies may be sent as well.
    pub fn dress(&self, request: &HeaderMap, answer: &mut Answer) {
        let Some(sites) = &self.sites else {
            return;
        };
        let fields = answer.headers_mut();
        fields.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        // Another site's answer is another one: browsers keep them apart by this.
        fields.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(site) = request.get(header::ORIGIN).filter(|site| sites.contains(site)) {
            fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, site.clone());
            let yes = HeaderValue::from_static("true");
            fields.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer;

    fn dressed(sites: &[&str], from: Option<&'static str>) -> (Option<String>, bool, bool) {
        let sites: Vec<_> = sites.iter().map(|site| (*site).to_owned()).collect();
        let request = from.map(|from| (header::ORIGIN, HeaderValue::from_static(from)));
        let mut answer = answer::preflight();
        Cors::new(&sites)
            .unwrap()
            .dress(&request.into_iter().collect(), &mut answer);
        let fields = answer.headers();
        let allowed = fields.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        (
            allowed.map(|site| site.to_str().unwrap().to_owned()),
            fields.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS),
            fields.contains_key(header::VARY),
        )
    }

    #[test]
    fn named_sites_and_no_others_may_read() {
        let shop = ["https://shop.example", "https://m.shop.example:8443"];
        let own = |site: &str| Some(site.to_owned());
        let table: [(&[&str], Option<&'static str>, _); 6] = [
            (&["*"], Some("https://any.example"), (own("*"), false, false)),
            (
                &shop,
                Some("https://shop.example"),
                (own("https://shop.example"), true, true),
            ),
            (
                &shop,
                Some("https://m.shop.example:8443"),
                (own("https://m.shop.example:8443"), true, true),
            ),
            (
                &shop,
                Some("https://shop.example.evil.example"),
                (None, false, true),
            ),
            (&shop, Some("null"), (None, false, true)),
            (&shop, None, (None, false, true)),
        ];
        for (sites, from, expected) in table {
            assert_eq!(dressed(sites, from), expected, "{sites:?} {from:?}");
        }
        for wrong in [
            "shop.example",
            "https://shop.example/",
            "https://*.shop.example",
            "",
            "*",
        ] {
            let sites = ["https://shop.example".to_owned(), wrong.to_owned()];
            assert!(Cors::new(&sites).is_err(), "{wrong}");
        }
    }
}
