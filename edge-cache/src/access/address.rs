//! Whose request it is, when proxies are in between.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The viewer's address: the connection's other end, or what the proxies named in the configuration say of it.
///
/// `X-Forwarded-For` is read from its end, where the nearest proxy wrote; the first address that is no trusted proxy is the
/// viewer's. What stands before it, the viewer may have invented.
pub fn client_address(peer: IpAddr, fields: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = peer.to_canonical();
    let lines: Vec<_> = fields.get_all(FORWARDED_FOR).iter().collect();
    let mut named = lines
        .iter()
        .rev()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.rsplit(','));
    while is_trusted(&address) {
        match named.next().map(|text| text.trim().parse::<IpAddr>()) {
            Some(Ok(before)) => address = before.to_canonical(),
            // Nothing, or nothing that can be read: the last proxy that is known answers for it.
            Some(Err(_)) | None => break,
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed_and_only_as_far_as_they_go() {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "2001:db8::/32"]
            .map(|text| text.parse().unwrap())
            .into();
        let table: [(&str, &[&str], &str); 9] = [
            ("192.0.2.1", &[], "192.0.2.1"),
            // Who is no proxy of ours cannot be somebody else.
            ("192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            (
                "10.0.0.1",
                &["203.0.113.9, 198.51.100.7, 10.0.0.2"],
                "198.51.100.7",
            ),
            ("10.0.0.1", &["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
        ];
        for (peer, lines, expected) in table {
            let mut all = HeaderMap::new();
            for line in lines {
                all.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
            }
            let found = client_address(peer.parse().unwrap(), &all, &trusted);
            assert_eq!(found.to_string(), expected, "{peer} {lines:?}");
        }
    }
}
