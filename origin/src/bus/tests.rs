use std::path::Path;

use serde_json::json;
use vitrine_metadata_track::{Action, Ledger, Placed};

use super::*;

fn command(id: &str) -> Arc<Command> {
    let action = Action::Cancel { event: id.into() };
    let action = serde_json::to_value(&action).unwrap();
    let mut fields = json!({ "id": id, "at": "2026-11-24T14:36:27.654Z", "node": "n", "by": "shop" });
    fields
        .as_object_mut()
        .unwrap()
        .extend(action.as_object().unwrap().clone());
    serde_json::from_value(fields).unwrap()
}

fn aired(id: &str) -> Aired {
    Aired {
        id: id.into(),
        seq: 7,
        placed: Placed {
            media_time: None,
            pdt: WallTime(1_795_530_987_654),
            late: true,
        },
        without_effect: false,
    }
}

fn open(folder: &Path) -> (Link, Replay) {
    let folder = Some(folder.to_owned());
    Journal { folder, nats: None }.open().unwrap()
}

/// Appends a command, and waits until it is written.
async fn append(link: &mut Link, id: &str) -> u64 {
    link.requests.send(Request::Append(command(id))).await.unwrap();
    match link.deliveries.recv().await.unwrap() {
        Delivery::Written {
            position, command, ..
        } => {
            assert_eq!(command.id.as_ref(), id);
            position
        }
        Delivery::Failed { problem, .. } => panic!("{problem}"),
    }
}

/// Lets go of a journal, and waits until nobody writes to it any more.
async fn close(link: Link) {
    let Link {
        requests,
        mut deliveries,
        notes,
    } = link;
    drop((requests, notes));
    assert!(deliveries.recv().await.is_none());
}

fn ids(replay: &Replay) -> Vec<String> {
    let entries = replay.entries.iter().map(|entry| match entry {
        Entry::Command(position, command) => format!("{position} {}", command.id),
        Entry::Aired(aired) => format!("aired {}", aired.id),
    });
    entries.collect()
}

fn file(folder: &Path, name: &str) -> std::path::PathBuf {
    folder.join(name)
}

#[tokio::test]
async fn what_is_told_to_be_written_is_read_back_in_its_order_with_what_went_on_air() {
    let folder = tempfile::tempdir().unwrap();
    let (mut link, replay) = open(folder.path());
    assert!(replay.entries.is_empty());
    assert_eq!(append(&mut link, "a").await, 1);
    assert_eq!(append(&mut link, "b").await, 2);
    link.notes.note(Note::Aired(2, vec![aired("a")]));
    assert_eq!(append(&mut link, "c").await, 3);
    close(link).await;
    let (mut link, replay) = open(folder.path());
    assert_eq!(ids(&replay), ["1 a", "2 b", "aired a", "3 c"]);
    let Entry::Aired(found) = &replay.entries[2] else {
        panic!("{:?}", replay.entries)
    };
    assert_eq!(found, &aired("a"));
    assert_eq!(append(&mut link, "d").await, 4, "positions go on");
    close(link).await;
    assert_eq!(open(folder.path()).1.entries.len(), 5);
}

#[tokio::test]
async fn half_a_line_at_the_end_is_cut_off_and_what_follows_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (mut link, _) = open(folder.path());
    append(&mut link, "a").await;
    close(link).await;
    for name in ["00000000.commands", "00000000.aired"] {
        let path = file(folder.path(), name);
        let mut text = std::fs::read(&path).unwrap();
        text.extend(br#"{"position":2,"id":"b","at":"20"#);
        std::fs::write(&path, text).unwrap();
    }
    let (mut link, replay) = open(folder.path());
    assert_eq!(ids(&replay), ["1 a"]);
    assert_eq!(append(&mut link, "c").await, 2);
    close(link).await;
    assert_eq!(ids(&open(folder.path()).1), ["1 a", "2 c"]);
}

#[tokio::test]
async fn a_folder_is_used_by_one_program_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (link, _) = open(folder.path());
    let again = Journal {
        folder: Some(folder.path().to_owned()),
        nats: None,
    };
    assert!(matches!(again.open(), Err(JournalError::InUse(_))));
    close(link).await;
    again.open().unwrap();
}

#[tokio::test]
async fn files_are_followed_by_new_ones_and_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let (mut link, _) = open(folder.path());
    let mut ledger = Ledger::default();
    for generation in 1..=6u64 {
        let position = append(&mut link, &format!("e{generation}")).await;
        ledger.apply(position, &command(&format!("e{generation}")));
        let before_last = ledger.checkpoint(position - 1, Arc::default());
        // The channel's task may not have heard of the last one when it asks.
        let rotation = Request::Rotate(Box::new(before_last));
        link.requests.send(rotation).await.unwrap();
        link.notes.note(Note::Rotate);
        link.notes
            .note(Note::Aired(position, vec![aired(&format!("e{generation}"))]));
    }
    append(&mut link, "last").await;
    close(link).await;
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with("commands"))
        .collect();
    names.sort();
    let expected: Vec<String> = (3..=6)
        .map(|generation| format!("{generation:08}.commands"))
        .collect();
    assert_eq!(names, expected);
    let (link, replay) = open(folder.path());
    assert_eq!(replay.checkpoint.as_ref().unwrap().position, 2);
    let expected = [
        "3 e3", "aired e3", "4 e4", "aired e4", "5 e5", "aired e5", "6 e6", "aired e6", "7 last",
    ];
    assert_eq!(ids(&replay), expected);
    close(link).await;
    // A crash while a file began: it holds nothing, and the one before is gone on with.
    std::fs::write(file(folder.path(), "00000007.commands"), b"{\"checkpoint\":{").unwrap();
    let (mut link, replay) = open(folder.path());
    assert_eq!(ids(&replay).last().unwrap(), "7 last");
    assert_eq!(append(&mut link, "more").await, 8);
}

#[tokio::test]
async fn without_a_folder_commands_have_their_order_too() {
    let (mut link, _) = Journal {
        folder: None,
        nats: None,
    }
    .open()
    .unwrap();
    assert_eq!(append(&mut link, "a").await, 1);
    assert_eq!(append(&mut link, "b").await, 2);
    close(link).await;
}
