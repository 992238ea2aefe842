//! CloudFront's signatures at the edge: who is let in, and that nothing of them goes any further.

use http::StatusCode;
use vitrine_tests::harness::Edge;

use crate::origin::{Origin, Reply};
use crate::viewer::noise;

const KEY: &str = "K2JCJMDEHXQW5F";
const PUBLIC_KEY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../edge-cache/src/access/cloudfront/test-public-key.pem"
);
/// `https://live.example/live/demo/*` until 2100, signed by OpenSSL.
const POLICY: &str = "eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cHM6Ly9saXZlLmV4YW1wbGUvbGl2ZS9kZW1vLyoiLCJDb25kaXRpb24iOnsiRGF0ZUxlc3NUaGFuIjp7IkFXUzpFcG9jaFRpbWUiOjQxMDI0NDQ4MDB9fX1dfQ__";
const SIGNATURE: &str = "QSv~D7lVUG-CIYrTe7GfClVD~vgbqE3kDaneiOHqZjD8yM75PrGXv3FR28ubHDikKOZjgFUg3IFolmLWnVMXYgzILxQR~LIRXBLo1Tq8W9GQ~6gwKpu2mAsz4QIIG7wuyk7qpMidO3b8eSTUI3mcTlZzZv~04tYCfTuXYj1vHpWru4CpjBr5wj6Mm5UAfNr60v65gCbl41kG9gSU8PH7XeLKH9Rye9E75TALfbypw05y3IV95TQEtAJ95SZSx5zakJQZm-5l1JF2LbojyUe9kheArC4AJz-o-T9vxiO6BuN2VnQnb5DM4CLk2axyihFnKsRJnQLg3aIL6kKbfWYsWg__";

#[tokio::test(flavor = "multi_thread")]
async fn cloudfronts_cookies_and_urls_open_what_they_name_and_go_no_further() {
    let origin = Origin::start(|_| async { Reply::media(&noise(1000)) }).await;
    let edge = Edge::named("edge-signed")
        .origin(&origin.url())
        .line("access", "cloudfront_url = \"https://live.example\"")
        .table(
            "access.cloudfront_key",
            &[
                &format!("id = \"{KEY}\""),
                &format!("public_key = \"{PUBLIC_KEY}\""),
            ],
        )
        .start()
        .await;
    let cookie = |signature: &str| {
        format!("CloudFront-Policy={POLICY}; CloudFront-Signature={signature}; CloudFront-Key-Pair-Id={KEY}")
    };
    let part = "/live/demo/s1/video/part-7.m4s";
    let by_query = format!("{part}?Policy={POLICY}&Signature={SIGNATURE}&Key-Pair-Id={KEY}");
    let forged = SIGNATURE.replace("QSv~", "QSv-");
    let table = [
        (part, cookie(SIGNATURE), 200),
        (&by_query, String::new(), 200),
        (part, String::new(), 403),
        (part, cookie(&forged), 403),
        ("/live/other/s1/video/part-7.m4s", cookie(SIGNATURE), 403),
        // Nothing but playlists and media needs one.
        ("/watch/demo", String::new(), 200),
    ];
    for (path, cookies, status) in table {
        let fields = [("cookie", cookies.as_str())];
        let answer = edge.client().get_with(&edge.url(path), &fields).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{path} {cookies}");
        let cache_control = answer.header("cache-control");
        match answer.status {
            StatusCode::FORBIDDEN => assert_eq!(cache_control, "no-store", "{path}"),
            _ if path == "/watch/demo" => assert!(cache_control.starts_with("public"), "{cache_control}"),
            _ => assert!(cache_control.starts_with("private"), "{cache_control}"),
        }
    }
    // One object, whoever asks; and the origin learns nothing of who it is.
    assert_eq!(origin.targets(), [part, "/watch/demo"]);
    let [asked] = origin.asked(part).try_into().unwrap();
    assert_eq!(asked.field("cookie"), "");
}
