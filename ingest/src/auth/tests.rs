use super::*;

fn reception() -> (Reception, mpsc::Receiver<Publication>) {
    let (publications, receiver) = mpsc::channel(1);
    let door = |channel: &str, keys: &[&str]| Door {
        channel: channel.into(),
        keys: keys.iter().map(StreamKey::new).collect(),
        backup_keys: vec![StreamKey::new(format!("backup-of-{channel}"))],
        on_busy: OnBusy::Refuse,
        publications: publications.clone(),
    };
    let doors = vec![
        door("demo", &["one", "two"]),
        door("shop", &["three"]),
        door("shut", &[]),
    ];
    (Reception::new("live", doors), receiver)
}

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn admit(reception: &Reception, app: &str, key: &str) -> Result<Admission, Refusal> {
    admitted(reception.admit(HERE, app, key))
}

fn admitted(entry: Result<Entry, Refusal>) -> Result<Admission, Refusal> {
    entry.map(|entry| match entry {
        Entry::Admitted(admission) => admission,
        Entry::Vacating | Entry::ToBeAsked => panic!("nobody is replaced or asked here"),
    })
}

#[test]
fn a_key_opens_the_channel_that_it_belongs_to() {
    let (reception, _publications) = reception();
    let unknown = Refusal::UnknownApp { app: "live".into() };
    let table = [
        ("live", "one", Ok("demo")),
        ("live", "two", Ok("demo")),
        ("live/", "three", Ok("shop")),
        ("live?a=b", "three?bandwidthtest=true", Ok("shop")),
        ("live", "four", Err(Refusal::WrongKey)),
        ("live", "on", Err(Refusal::WrongKey)),
        ("live", "", Err(Refusal::WrongKey)),
        ("live", "?one", Err(Refusal::WrongKey)),
        ("vod", "one", Err(unknown.clone())),
        ("", "one", Err(unknown)),
    ];
    for (app, key, expected) in table {
        let admitted = admit(&reception, app, key).map(|admission| admission.channel.clone());
        assert_eq!(admitted, expected.map(String::from), "{app} {key}");
    }
}

#[test]
fn a_channel_that_is_named_must_be_that_of_the_key() {
    let (reception, _publications) = reception();
    let table = [
        (Some("demo"), "one", true),
        (None, "one", true),
        (Some("shop"), "one", false),
        (Some("nowhere"), "one", false),
        (Some("demo"), "four", false),
    ];
    for (channel, key, expected) in table {
        let admitted = admitted(reception.admit_to(HERE, channel, key));
        assert_eq!(admitted.is_ok(), expected, "{channel:?} {key}");
        assert!(expected || admitted.unwrap_err() == Refusal::WrongKey);
    }
}

#[test]
fn a_channel_is_busy_until_its_admission_is_dropped() {
    let (reception, _publications) = reception();
    let first = admit(&reception, "live", "one").unwrap();
    assert_eq!(
        admit(&reception, "live", "two").unwrap_err(),
        Refusal::ChannelBusy {
            channel: "demo".into()
        }
    );
    assert!(
        admit(&reception, "live", "three").is_ok(),
        "another channel is not disturbed"
    );
    let id = first.publication_id;
    drop(first);
    assert_ne!(admit(&reception, "live", "two").unwrap().publication_id, id);
}

#[test]
fn the_backup_encoder_has_a_key_and_a_place_of_its_own() {
    let (reception, _publications) = reception();
    let primary = admit(&reception, "live", "one").unwrap();
    let backup = admit(&reception, "live", "backup-of-demo").unwrap();
    assert_eq!((backup.channel.as_str(), backup.input), ("demo", Input::Backup));
    assert_eq!(primary.input, Input::Primary);
    assert!(matches!(
        admit(&reception, "live", "backup-of-demo"),
        Err(Refusal::ChannelBusy { .. })
    ));
    drop(primary);
    assert!(
        admit(&reception, "live", "two").is_ok(),
        "the backup does not hold the primary's place"
    );
}

#[test]
fn who_tries_too_many_keys_is_not_heard_even_with_a_right_one() {
    let (reception, _publications) = reception();
    let [guesser, other] = ["203.0.113.9", "203.0.113.10"].map(|text| text.parse::<IpAddr>().unwrap());
    let mut answers = (0..100).map(|_| reception.admit(guesser, "live", "guess").unwrap_err());
    assert_eq!(answers.next(), Some(Refusal::WrongKey));
    assert!(matches!(answers.last(), Some(Refusal::TooManyAttempts { .. })));
    assert!(matches!(
        reception.admit(guesser, "live", "one"),
        Err(Refusal::TooManyAttempts { .. })
    ));
    assert!(reception.admit(other, "live", "one").is_ok());
}

/// Asks a reception whose authoriser says `answer`, or nothing at all.
async fn ask(answer: Option<Option<Authorised>>) -> Result<Authorised, Refusal> {
    let (reception, _publications) = reception();
    let (authoriser, mut questions) = Authoriser::new(std::time::Duration::from_secs(2));
    let reception = reception.with_authoriser(authoriser);
    let entry = reception.admit_to(HERE, None, "unknown?x=y").unwrap();
    assert!(matches!(entry, Entry::ToBeAsked));
    let question = Question {
        protocol: "rtmp",
        from: HERE,
        channel: None,
        key: "unknown".into(),
    };
    let says = async {
        let (asked, reply) = questions.recv().await.unwrap();
        assert_eq!(asked.key, "unknown");
        match answer {
            Some(answer) => reply.send(answer).unwrap(),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        answer = reception.ask(question) => answer,
        () = async { says.await; std::future::pending().await } => unreachable!(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_asked_for_and_silence_is_a_no() {
    let shop = |input| Authorised {
        channel: "shop".into(),
        input,
    };
    for input in [Input::Primary, Input::Backup] {
        assert_eq!(ask(Some(Some(shop(input)))).await, Ok(shop(input)));
    }
    assert_eq!(ask(Some(None)).await, Err(Refusal::WrongKey));
    assert_eq!(ask(None).await, Err(Refusal::WrongKey));
    let (reception, _publications) = reception();
    let taken = admitted(reception.admit_as(&shop(Input::Backup), "unknown")).unwrap();
    assert_eq!((taken.channel.as_str(), taken.input), ("shop", Input::Backup));
    let nowhere = Authorised {
        channel: "nowhere".into(),
        input: Input::Primary,
    };
    assert!(matches!(
        reception.admit_as(&nowhere, "unknown"),
        Err(Refusal::ChannelUnavailable { .. })
    ));
}

#[test]
fn a_channel_whose_task_is_gone_takes_nothing() {
    let (reception, publications) = reception();
    drop(publications);
    assert!(matches!(
        admit(&reception, "live", "one"),
        Err(Refusal::ChannelUnavailable { .. })
    ));
}

#[test]
fn an_issued_key_opens_its_input_until_it_is_not_issued_any_more() {
    let (reception, _publications) = reception();
    let issued = |keys: &[(&str, Input)]| {
        let keys = keys.iter().map(|(key, input)| (StreamKey::new(key), *input));
        reception.set_issued("demo", keys.collect());
    };
    assert!(admit(&reception, "live", "van").is_err());
    issued(&[("van", Input::Backup), ("hall", Input::Primary)]);
    let van = admit(&reception, "live", "van").unwrap();
    let hall = admit(&reception, "live", "hall").unwrap();
    assert_eq!((van.channel.as_str(), van.input), ("demo", Input::Backup));
    assert_eq!((hall.channel.as_str(), hall.input), ("demo", Input::Primary));
    issued(&[("hall", Input::Primary)]);
    assert_eq!(*van.sent_away.borrow(), Some(EndReason::KeyRevoked));
    assert_eq!(*hall.sent_away.borrow(), None);
    drop((van, hall));
    assert!(matches!(admit(&reception, "live", "van"), Err(Refusal::WrongKey)));
    assert!(admit(&reception, "live", "hall").is_ok());
    assert!(
        admit(&reception, "live", "one").is_ok(),
        "the configuration's stay"
    );
    reception.set_issued("nobody", vec![(StreamKey::new("x"), Input::Primary)]);
    assert!(admit(&reception, "live", "x").is_err());
}
