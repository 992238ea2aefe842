//! Signatures as CloudFront takes them: made by OpenSSL, `openssl dgst -sha1 -sign`, with the letters for URLs changed.

use http::Request;

use super::*;

const PATH: &str = "/live/demo/index.m3u8";
const PART: &str = "/live/demo/s1/video/part-7.m4s";
const KEY: &str = "K2JCJMDEHXQW5F";
const ADDRESS: &str = "192.0.2.7";
/// Of the canned policy for the multivariant playlist, until 1800000000.
const CANNED: &str = "DeAJ5NMfvyuDBAtoENtXcuDvFneJod5H2YNn15pDAWFyKwRZ7NCCLRTlBkqdIxoTEjUbRgt9jVFKxSaYz~be49ZFzJBUL85JUvam57RFywNozFpYw98kdPxLrAXev-PhtjYUKJVJcc2hiuyafIItQ8u8j3JDHURJhnQuNHu8aOrsoJEiJwPoMhtpC1ENNL6TyKqQ8pK46kk9t7wFvJyDOMQgwSQ9EAb7rfyBoFT~f5b2YXrNzDhIqGTLrwiJV8hgVq~5mHzNdtfNc1OtL5~s5EnbFGiWG46RDOlqdJMWhVrgvsOPd5MbY6xJNZgUPu235onUfAultzVyULr6mZQPFg__";
/// The same by another key.
const CANNED_OTHER_KEY: &str = "VTQEssUbnogwabv0E43iD0dgnYLxFDTbcCKUSqZpGhH3P47-uQzTlfbbeV-ZhZpkFTJZ6hKCLx8PUw~bkT~o21zvlAyWWOL2FaQe5JB7D9kq9wC8m2aAL8Nu9ZIqGcy7WYXtJZLXsCahWSgzLA-~5hbP5cqHlubqXfM3ItWaHfmm4mzPbUK0SjJZt4I2n0rZplODnNjb~Z867dy0xqmvrEhzztTDZfEVDr4rdYnjvgLOFtrCKgEGLTuvFR6e7wfrxzkfBNvVVf6BQHbWoYggWTkhs9KQW89KL-yD7jRXB7Ncv3jpkxdLxd62KHqFLvYaGWmeQcWeo9-MisEfYKvM5A__";
/// The same by another digest.
const CANNED_SHA256: &str = "jRduV3QllpVgjmpAl8RRuUkFNrekOlqMfJ3Ytx9i-jqfrBP-XHhSr4Ce8LzfEIdQTKFV8KV6NqQqJ~hzzD2avMyZn~GYEx2Y35LFUNyHAQ-sTiDke99Jei7x~DdWznR1HOgxg2lNf72lg8Nto~ChXWiCD1qLAxvWvjgMxiAMyXbaOkYbmdqE1ZWKZA~LVhfTP3clJ~B9TQsCWhtXMn91tqkI~Nhcf722DhoLBbQEBd9tqFyfeglFoxyGIYqJhl50O1pMCa97iiiXG5mzf8V~zrTXX34MLCFrP3cS-dYqQugo1YtfYxW1egtJ-DXOcIU7Ofka-y-zVuLihGY5L7FYGQ__";
/// `{"Resource":"https://live.example/live/demo/*","Condition":{"DateLessThan":{"AWS:EpochTime":1800000000}}}`: the policy and its signature.
const SHOW: [&str; 2] = [
    "eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cHM6Ly9saXZlLmV4YW1wbGUvbGl2ZS9kZW1vLyoiLCJDb25kaXRpb24iOnsiRGF0ZUxlc3NUaGFuIjp7IkFXUzpFcG9jaFRpbWUiOjE4MDAwMDAwMDB9fX1dfQ__",
    "l3Md-hZd5PnbzjzB5rINwpmVHXpScxwAx~1t0xVj13n5iwZ0bxA-axTM65VDl53cSnbznC1KvWaqpNhxyyTgidG0bhrbXC0gm5x~M-nH24uSDgEUYUgX0MuPg4mX4A0KSRVm73t5Hncci3GCmM8JMmyqPs9sC5WyR~Q4vdR6zGLBV6-qBPTQmn7CeJ2VAmHebW3nJ8fFnl013V0kbJ0elAVYnaYZgT9MFuaXij9JgMm-WerBuWXXqPs42G~q8S1aPhVT3uIaMZBcLdhu-nNlYbo0AVSuhtzUMCsaM23NGC77ftMbqON6EANWWPDxnsr6qQwdfJlKZj6GUffj4DWm8A__",
];
/// `{"Resource":"http*://*/live/demo/s?/*","Condition":{"DateLessThan":{"AWS:EpochTime":1800000000},"DateGreaterThan":{"AWS:EpochTime":1700000000},"IpAddress":{"AWS:SourceIp":"192.0.2.0/24"}}}`: the policy and its signature.
const BOUND: [&str; 2] = [
    "eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cCo6Ly8qL2xpdmUvZGVtby9zPy8qIiwiQ29uZGl0aW9uIjp7IkRhdGVMZXNzVGhhbiI6eyJBV1M6RXBvY2hUaW1lIjoxODAwMDAwMDAwfSwiRGF0ZUdyZWF0ZXJUaGFuIjp7IkFXUzpFcG9jaFRpbWUiOjE3MDAwMDAwMDB9LCJJcEFkZHJlc3MiOnsiQVdTOlNvdXJjZUlwIjoiMTkyLjAuMi4wLzI0In19fV19",
    "UOynytEbcEfTrrQc0tktZ4qdSDQVRDG2gSUXpOOz6pPnIyaW3eZnphvxfGTwlFbo811gOI2om4Y~NxJJK27eJ9435V26gwTb1Nyu6heb8V7wfrzsoqYyguplj1w1iO9bv8Vl0Rnr2RgBx8-JP1Y0nPe5sQpfuUcAczJJldpkELcUqtVAp~UQ2LVyjFt5ays-GEYR6jouwh9cwOu76by9-~yBrenIlh2CYZ80xctSsHxzRaR5~1IZi704Ycx1819dmr7bJK2OCnfTGnkF838~fb8MxIxzzo5QRy1CHuXx9LEL-L8vM9eLf2-M8dkW7X585i~iUlEwvnqexxFpC7R2CA__",
];
/// `{"Resource":"https://live.example/live/demo/*","Condition":{"DateLessThan":{"AWS:EpochTime":1800000000},"Weekday":{"AWS:Day":1}}}`: the policy and its signature.
const STRANGE: [&str; 2] = [
    "eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cHM6Ly9saXZlLmV4YW1wbGUvbGl2ZS9kZW1vLyoiLCJDb25kaXRpb24iOnsiRGF0ZUxlc3NUaGFuIjp7IkFXUzpFcG9jaFRpbWUiOjE4MDAwMDAwMDB9LCJXZWVrZGF5Ijp7IkFXUzpEYXkiOjF9fX1dfQ__",
    "QSo20rz4LAedBz2YlqZT4wRf0mdLvJ1XCMZtSjQ-sNEGRoGZ0FmJLTJmphiXUwoYjGBs6JFvLZdhNB7mnMKS7mnU7tvX9uZjp0oZkH4XQhCNwneatswWzTT33JCp5-3XPu9wJxjF69~iR41KLyAYo0kuwsGkrdtSJaAvKo8~DBUlejebCAk5QmUSQ8HxfmX7BQp8Q-9pa1orNkXrEGDk1U4XZsMZCSvnuI3A-xjgGhJQCKI~DyteVoMZVDvadf8hrEIg~rPSH-wVD8FPjY8bScRKKSArL5bMoeG0hrezduMEhNtsO3~v5kWVuVK1zbILv1HO5pv46K~-y1AeR~NJKA__",
];
/// `{"Resource":"https://live.example/live/demo/*","Condition":{}}`: the policy and its signature.
const ENDLESS: [&str; 2] = [
    "eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cHM6Ly9saXZlLmV4YW1wbGUvbGl2ZS9kZW1vLyoiLCJDb25kaXRpb24iOnt9fV19",
    "s3sRk1Y7RXDvqAuOLocFF0NiQMz1ZkKiBYUtNUxX90-RtFOUSFLiRIzGvRJvlv06kp-Z7XvpyhbXMnjfm2XkSX17iTqk6l69CYu1amkrPjYApubz5ovBZsLyTOSQrzUvAQcWVq9I-Gcu6l7jRBS8GETRt8QMEYvOYElYTJrFa1x4F5h1ux-5CITMgstqgzVmNGCN~Lv2blLpxn3Y0PxGHSWqJNvzZWUzpK9hnwIZ7c1DJhWH9QkV8N70H3YTScVdNY74-heflhWn4dg~LWTclOHZwi5xNsOCU3jCY9QAvQy58FOetMIJo7fgiH~LJFs2xwRETiVhCTg6kqJ1iU2rqA__",
];
fn cloudfront() -> Cloudfront {
    let key = read(include_str!("test-public-key.pem")).unwrap();
    Cloudfront {
        keys: HashMap::from([(KEY.to_owned(), key)]),
        base: "https://live.example".to_owned(),
        remembered: Cache::new(REMEMBERED),
    }
}

fn ask(target: &str, cookies: &str, address: &str, now_s: u64) -> Result<String, SignedError> {
    let request = Request::get(target).header("cookie", cookies).body(()).unwrap();
    let (parts, ()) = request.into_parts();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now_s);
    cloudfront()
        .check(&parts, parts.uri.path(), address.parse().unwrap(), now)
        .map(str::to_owned)
}

fn query(policy: &str, signature: &str) -> String {
    format!("{policy}&Signature={signature}&Key-Pair-Id={KEY}")
}

const NOW: u64 = 1_799_999_999;
const CANNED_UNTIL: &str = "Expires=1800000000";

#[test]
fn a_canned_policy_opens_one_url_until_its_time() {
    let good = query(CANNED_UNTIL, CANNED);
    let invalid = Err(SignedError::Invalid);
    let table = [
        (format!("{PATH}?{good}"), NOW, Ok(())),
        (format!("{PATH}?{good}"), NOW + 1, Err(SignedError::NotNow)),
        // Another URL is another text.
        (format!("{PART}?{good}"), NOW, invalid),
        (format!("{PATH}?x=1&{good}"), NOW, invalid),
        (
            format!("{PATH}?{}", good.replace("1800000000", "1900000000")),
            NOW,
            invalid,
        ),
        (
            format!("{PATH}?{}", good.replace("Expires=", "Until=")),
            NOW,
            invalid,
        ),
        (
            format!("{PATH}?{}", query(CANNED_UNTIL, CANNED_OTHER_KEY)),
            NOW,
            invalid,
        ),
        (
            format!("{PATH}?{}", query(CANNED_UNTIL, CANNED_SHA256)),
            NOW,
            invalid,
        ),
        (format!("{PATH}?{}", query(CANNED_UNTIL, "")), NOW, invalid),
        (
            format!("{PATH}?{}", good.replace(KEY, "K0")),
            NOW,
            Err(SignedError::UnknownKey),
        ),
        (
            format!("{PATH}?{}", good.replace("Signature", "Sign")),
            NOW,
            Err(SignedError::Missing),
        ),
        (PATH.to_owned(), NOW, Err(SignedError::Missing)),
    ];
    for (target, now, expected) in table {
        assert_eq!(ask(&target, "", ADDRESS, now).map(|_| ()), expected, "{target}");
    }
}

#[test]
fn a_custom_policy_opens_what_it_names() {
    let [show, show_signature] = SHOW;
    let [bound, bound_signature] = BOUND;
    let (early, late) = (1_700_000_000, 1_800_000_000);
    let show = (show, show_signature);
    let bound = (bound, bound_signature);
    let elsewhere = |what| Err(SignedError::Elsewhere(what));
    let table = [
        (show, PATH, ADDRESS, NOW, Ok(())),
        (show, PART, ADDRESS, NOW, Ok(())),
        (show, "/live/other/index.m3u8", ADDRESS, NOW, elsewhere("URL")),
        (show, PART, ADDRESS, late, Err(SignedError::NotNow)),
        (bound, PART, ADDRESS, NOW, Ok(())),
        (bound, PATH, ADDRESS, NOW, elsewhere("URL")),
        (bound, PART, "192.0.3.7", NOW, elsewhere("address")),
        (bound, PART, ADDRESS, early, Err(SignedError::NotNow)),
        ((show.0, bound.1), PART, ADDRESS, NOW, Err(SignedError::Invalid)),
        // Signed well, and not understood.
        (
            (STRANGE[0], STRANGE[1]),
            PART,
            ADDRESS,
            NOW,
            Err(SignedError::Invalid),
        ),
        (
            (ENDLESS[0], ENDLESS[1]),
            PART,
            ADDRESS,
            NOW,
            Err(SignedError::Invalid),
        ),
    ];
    for ((policy, signature), path, address, now, expected) in table {
        let cookies = format!(
            "a=b; CloudFront-Policy={policy}; CloudFront-Signature={signature}; CloudFront-Key-Pair-Id={KEY}"
        );
        let by_cookie = ask(&format!("{path}?_HLS_msn=7"), &cookies, address, now);
        assert_eq!(by_cookie.map(|_| ()), expected, "{path} {address} {now}");
        let target = format!("{path}?{}", query(&format!("Policy={policy}"), signature));
        assert_eq!(
            ask(&target, "", address, now).map(|_| ()),
            expected,
            "{target} {address}"
        );
    }
}

#[test]
fn one_signature_is_verified_once_and_its_time_is_looked_at_each_time() {
    let cloudfront = cloudfront();
    let target = format!("{PATH}?{}", query(CANNED_UNTIL, CANNED));
    let (parts, ()) = Request::get(target).body(()).unwrap().into_parts();
    let check = |now_s| {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now_s);
        cloudfront.check(&parts, PATH, ADDRESS.parse().unwrap(), now)
    };
    assert_eq!(check(NOW), Ok(CANNED));
    cloudfront.remembered.run_pending_tasks();
    assert_eq!(cloudfront.remembered.entry_count(), 1);
    assert_eq!(check(NOW + 1), Err(SignedError::NotNow));
}
