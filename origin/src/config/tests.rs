use vitrine_ingest::StreamKey;

use super::*;

fn load(text: &str) -> Result<Config, ConfigError> {
    let mut config = Config::parse(Path::new("v.toml"), text)?;
    config.check()?;
    Ok(config)
}

#[test]
fn mistakes_are_named_with_their_line_and_remedy() {
    let key = "stream_keys = [\"k\"]";
    let table = [
        (
            "[http]\nlisten = \"127.0.0.1:1\"\nport = 2".to_owned(),
            "v.toml:3: unknown field `port`",
        ),
        (
            "[packaging]\ntarget_duration_seconds = \"two\"".to_owned(),
            "v.toml:2: invalid type",
        ),
        ("[http]\nlisten = \"nowhere\"".to_owned(), "v.toml:2:"),
        ("[http]\nlisten = \"0.0.0.0:80\"".to_owned(), "channels need keys"),
        (format!("[[channel]]\nname = \"My Shop\"\n{key}"), "a-z, 0-9"),
        (
            format!("[[channel]]\nname = \"a\"\n{key}\n[[channel]]\nname = \"a\"\n{key}"),
            "two of that name",
        ),
        (
            "[[channel]]\nname = \"a\"\nstream_keys = []".to_owned(),
            "at least one key",
        ),
        (
            "[http]\nlisten = \"0.0.0.0:80\"\n[[channel]]\nname = \"a\"\nstream_keys = [\"demo\"]".to_owned(),
            "loopback only",
        ),
        (
            format!(
                "[srt]\nlisten = \"0.0.0.0:90\"\n[[channel]]\nname = \"a\"\nstream_keys = [\"{}\"]",
                StreamKey::new("demo").hash()
            ),
            "loopback only",
        ),
        (
            format!("[[channel]]\nname = \"a\"\n{key}\nfailover_after_ms = 50"),
            "200 to 10000",
        ),
        (
            format!("[[channel]]\nname = \"a\"\n{key}\nfailback_after_seconds = 7200"),
            "0 to 3600",
        ),
        (
            format!("[[channel]]\nname = \"a\"\n{key}\nbackup_{}", &key[7..]),
            "keys of their own",
        ),
        (
            "[[channel]]\nname = \"a\"\nstream_keys = [\"sha256:00\"]".to_owned(),
            "vitrine key hash",
        ),
        (
            format!("[[channel]]\nname = \"a\"\n{key}\non_busy = \"fight\""),
            "v.toml:4: unknown variant `fight`",
        ),
        (
            "[rtmps]\nlisten = \"127.0.0.1:1\"".to_owned(),
            "rtmps.listen needs",
        ),
        ("[rtmps]\ntls_cert = \"a.pem\"".to_owned(), "rtmps.listen needs"),
        (
            "[authoriser]\nurl = \"ftp://a/\"".to_owned(),
            "authoriser.url must",
        ),
        ("[authoriser]\ntimeout_ms = 5".to_owned(), "100 to 10000"),
        ("[webhooks]\nurl = \"/here\"".to_owned(), "webhooks.url must"),
        (
            "[webhooks]\nsecret = \"s\"".to_owned(),
            "webhooks.secret must be whsec_",
        ),
        ("[webhooks]\ntimeout_ms = 5".to_owned(), "100 to 30000"),
        ("[srt]\nlatency_ms = 10".to_owned(), "20 to 8000"),
        ("[srt]\npassphrase = \"short\"".to_owned(), "10 to 79 bytes"),
        ("[packaging]\npart_target_seconds = 0.01".to_owned(), "0.1 to 1.0"),
        (
            "[packaging]\nwindow_seconds = 3".to_owned(),
            "six target durations",
        ),
        ("[http]\ntls_cert = \"a.pem\"".to_owned(), "go together"),
        (
            "[bus]\nnats = \"nats://10.0.0.5\"".to_owned(),
            "a name of its own",
        ),
        (
            format!("[[channel]]\nname = \"a\"\n{key}\nladder = \"best\""),
            "v.toml:4: unknown ladder `best`",
        ),
        (
            format!("[[channel]]\nname = \"a\"\n{key}\nladder = [{{ hight = 480 }}]"),
            "v.toml:4: unknown field `hight`",
        ),
        (
            format!("[[channel]]\nname = \"a\"\n{key}\nladder = [{{ height = 20 }}]"),
            "64 to 4320",
        ),
    ];
    for (text, expected) in table {
        let message = load(&text).unwrap_err().to_string();
        assert!(message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn variables_win_over_the_file_and_name_themselves_when_wrong() {
    let found = |name: &str| (name == "VITRINE_PART_TARGET_SECONDS").then(|| "0.2".to_owned());
    assert_eq!(
        Config::load(None, found).unwrap().packaging.part_target_seconds,
        0.2
    );
    let wrong = |name: &str| (name == "VITRINE_HTTP_LISTEN").then(|| "8080".to_owned());
    assert!(
        Config::load(None, wrong)
            .unwrap_err()
            .to_string()
            .starts_with("VITRINE_HTTP_LISTEN=8080: ")
    );
}

#[test]
fn a_key_may_be_hashed_and_several_are_good_at_once() {
    let hash = StreamKey::new("a-long-and-random-key").hash();
    let config = load(&format!(
        "[[channel]]\nname = \"a\"\nstream_keys = [\"plain\", \"{hash}\"]"
    ));
    let channel = &config.unwrap().channels[0];
    let expected = ["plain", "a-long-and-random-key"].map(StreamKey::new);
    assert_eq!(channel.keys().unwrap(), expected);
    assert!(channel.has_plain_keys());
}

#[test]
fn the_manual_states_the_defaults() {
    let manual = include_str!("../../../vitrine.toml");
    let config = load(manual).unwrap();
    let default = load("").unwrap();
    assert_eq!(format!("{config:?}"), format!("{default:?}"));
}

#[test]
fn secrets_are_not_printed() {
    let config = load(
        "[authoriser]\nurl = \"http://a/hidden\"\n[webhooks]\nurl = \"http://a/hidden\"\n\
         [[channel]]\nname = \"a\"\nstream_keys = [\"hidden\"]\nbackup_keys = [\"hidden-too\"]",
    )
    .unwrap();
    assert!(!format!("{config:?}").contains("hidden"));
}
