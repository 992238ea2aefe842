use super::*;

fn full(id: u8, timestamp: u32, length: u32, kind: u8) -> Vec<u8> {
    let mut bytes = vec![id];
    bytes.extend_from_slice(&timestamp.min(EXTENDED).to_be_bytes()[1..]);
    bytes.extend_from_slice(&length.to_be_bytes()[1..]);
    bytes.extend_from_slice(&[kind, 1, 0, 0, 0]);
    if timestamp >= EXTENDED {
        bytes.extend_from_slice(&timestamp.to_be_bytes());
    }
    bytes
}

fn read_all(reader: &mut ChunkReader, bytes: &[u8]) -> Result<Vec<Message>, ChunkError> {
    let mut input = BytesMut::from(bytes);
    let mut messages = Vec::new();
    while let Some(message) = reader.read(&mut input)? {
        messages.push(message);
    }
    Ok(messages)
}

fn stamps(bytes: &[u8]) -> Vec<u32> {
    let messages = read_all(&mut ChunkReader::default(), bytes).unwrap();
    messages.iter().map(|message| message.timestamp).collect()
}

#[test]
fn timestamps_follow_the_four_header_types() {
    let one = |header: &[u8]| [header, &[0xAA]].concat();
    let start = one(&full(4, 1000, 1, 9));
    let table: [(&str, Vec<u8>, &[u32]); 6] = [
        (
            "type 1 and 2 are deltas",
            [
                start.clone(),
                one(&[0x44, 0, 0, 40, 0, 0, 1, 8]),
                one(&[0x84, 0, 0, 33]),
            ]
            .concat(),
            &[1000, 1040, 1073],
        ),
        (
            "type 3 repeats the delta",
            [start.clone(), one(&[0x84, 0, 0, 33]), one(&[0xC4])].concat(),
            &[1000, 1033, 1066],
        ),
        (
            "type 3 after type 0 repeats its timestamp",
            [start, one(&[0xC4])].concat(),
            &[1000, 2000],
        ),
        (
            "the clock wraps",
            [one(&full(4, u32::MAX, 1, 9)), one(&[0x84, 0, 0, 40])].concat(),
            &[u32::MAX, 39],
        ),
        (
            "an extended delta",
            [one(&full(4, 5, 1, 9)), one(&[0x84, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0])].concat(),
            &[5, 0x0100_0005],
        ),
        (
            "an extended timestamp",
            one(&full(4, EXTENDED, 1, 9)),
            &[EXTENDED],
        ),
    ];
    for (name, bytes, expected) in table {
        assert_eq!(stamps(&bytes), expected, "{name}");
    }
}

#[test]
fn a_message_is_joined_from_its_chunks_whatever_the_cuts() {
    let payload: Vec<u8> = (0..300_u16).map(|i| i as u8).collect();
    let mut bytes = full(4, 7, 300, 9);
    bytes.extend_from_slice(&payload[..128]);
    // Another chunk stream in between.
    bytes.extend_from_slice(&full(3, 7, 2, 8));
    bytes.extend_from_slice(&[1, 2]);
    bytes.push(0xC4);
    bytes.extend_from_slice(&payload[128..256]);
    bytes.push(0xC4);
    bytes.extend_from_slice(&payload[256..]);
    let whole = read_all(&mut ChunkReader::default(), &bytes).unwrap();
    assert_eq!(
        whole.iter().map(|message| message.kind).collect::<Vec<_>>(),
        [8, 9]
    );
    assert_eq!(whole[1].payload, payload);

    let mut reader = ChunkReader::default();
    let mut input = BytesMut::new();
    let mut byte_by_byte = Vec::new();
    for byte in bytes {
        input.extend_from_slice(&[byte]);
        byte_by_byte.extend(reader.read(&mut input).unwrap());
    }
    assert_eq!(byte_by_byte, whole);
    assert_eq!(reader.held(), 0);
}

#[test]
fn a_type_3_header_may_repeat_or_leave_out_the_extended_timestamp() {
    let mut start = full(4, 0x0200_0000, 130, 9);
    start.extend_from_slice(&[0xAA; 128]);
    for extended in [&[2, 0, 0, 0][..], &[]] {
        let bytes = [
            &start[..],
            &[0xC4],
            extended,
            &[0xBB, 0xCC],
            &full(3, 1, 1, 8),
            &[1],
        ]
        .concat();
        let messages = read_all(&mut ChunkReader::default(), &bytes).unwrap();
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].payload[128..], [0xBB, 0xCC]);
    }
}

#[test]
fn hostile_chunks_are_errors_and_hold_little() {
    let many: Vec<u8> = (0..=255)
        .flat_map(|id| [&[0x00, id][..], &full(0, 0, 5, 9)[1..], &[1; 5]].concat())
        .collect();
    let inside = [full(4, 0, 200, 9), vec![0; 128], full(4, 0, 1, 9), vec![0]].concat();
    let table = [
        (vec![0xC4], ChunkError::NoPreviousHeader(4)),
        (vec![0x44, 0, 0], ChunkError::NoPreviousHeader(4)),
        (many, ChunkError::TooManyChunkStreams),
        (inside, ChunkError::Interrupted(4)),
    ];
    for (bytes, expected) in table {
        assert_eq!(read_all(&mut ChunkReader::default(), &bytes), Err(expected));
    }
    // A length is not an allocation, and an unfinished message is not more than what came.
    let mut reader = ChunkReader::default();
    assert_eq!(read_all(&mut reader, &full(4, 0, 0x00FF_FFFF, 9)).unwrap(), []);
    assert_eq!(reader.held(), 0);
}

#[test]
fn unfinished_messages_have_a_bound_together() {
    let mut reader = ChunkReader::default();
    reader.set_chunk_size(0x7FFF_FFFF).unwrap();
    let mut last = Ok(Vec::new());
    // Interleaving needs small chunks: each stream gets one chunk of 8 MiB of a message of 16 MiB.
    reader.set_chunk_size(8 * 1024 * 1024).unwrap();
    for id in 3..8 {
        last = read_all(
            &mut reader,
            &[full(id, 0, 0x00FF_FFFF, 9), vec![0; 8 * 1024 * 1024]].concat(),
        );
        assert!(reader.held() <= MAX_PARTIAL);
    }
    assert_eq!(last, Err(ChunkError::TooMuchPartial));
}

#[test]
fn chunk_sizes_and_aborts_are_obeyed() {
    let mut reader = ChunkReader::default();
    for size in [0, 0x8000_0000, u32::MAX] {
        assert_eq!(reader.set_chunk_size(size), Err(ChunkError::BadChunkSize(size)));
    }
    assert!(
        read_all(&mut reader, &[full(4, 0, 200, 9), vec![0; 128]].concat())
            .unwrap()
            .is_empty()
    );
    assert_eq!(reader.held(), 128);
    reader.abort(4);
    assert_eq!(reader.held(), 0);
    assert_eq!(
        read_all(&mut reader, &[full(4, 0, 1, 9), vec![0]].concat())
            .unwrap()
            .len(),
        1
    );
}
