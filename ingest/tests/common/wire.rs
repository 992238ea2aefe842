//! RTMP byte streams made by hand, as an encoder would send them. Shares no code with the server.
#![allow(dead_code)] // each test file uses its part

/// The bytes of C0 and C1, and of C2, for the simple handshake.
pub fn handshake() -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend((0..1528 + 1536).map(|i: usize| (i % 251) as u8));
    bytes
}

/// An AMF0 string.
pub fn text(value: &str) -> Vec<u8> {
    let mut bytes = vec![2];
    bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
    bytes.extend_from_slice(value.as_bytes());
    bytes
}

/// An AMF0 number.
pub fn number(value: f64) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&value.to_be_bytes());
    bytes
}

/// AMF0 null.
pub fn null() -> Vec<u8> {
    vec![5]
}

/// An AMF0 ECMA array, whose count is a hint.
pub fn array(properties: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![8];
    bytes.extend_from_slice(&(properties.len() as u32).to_be_bytes());
    bytes.extend(
        properties
            .iter()
            .flat_map(|(name, value)| [&text(name)[1..], value].concat()),
    );
    bytes.extend_from_slice(&[0, 0, 9]);
    bytes
}

/// An AMF0 object.
pub fn object(properties: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = array(properties);
    bytes.splice(..5, [3]);
    bytes
}

/// An encoder's side of a connection, being written.
pub struct Script {
    /// What has been written.
    pub bytes: Vec<u8>,
    chunk_size: usize,
}

impl Script {
    /// Begins with the handshake.
    pub fn new() -> Self {
        Self {
            bytes: handshake(),
            chunk_size: 128,
        }
    }

    /// A message with a full header, in chunks.
    pub fn message(mut self, chunk_stream: u8, timestamp: u32, kind: u8, payload: &[u8]) -> Self {
        self.bytes.push(chunk_stream);
        self.bytes
            .extend_from_slice(&timestamp.min(0x00FF_FFFF).to_be_bytes()[1..]);
        self.bytes
            .extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
        self.bytes
            .extend_from_slice(&[kind, u8::from(chunk_stream > 3), 0, 0, 0]);
        if timestamp >= 0x00FF_FFFF {
            self.bytes.extend_from_slice(&timestamp.to_be_bytes());
        }
        for (index, chunk) in payload.chunks(self.chunk_size).enumerate() {
            if index > 0 {
                self.bytes.push(0xC0 | chunk_stream);
                if timestamp >= 0x00FF_FFFF {
                    self.bytes.extend_from_slice(&timestamp.to_be_bytes());
                }
            }
            self.bytes.extend_from_slice(chunk);
        }
        self
    }

    /// Set Chunk Size.
    pub fn chunk_size(self, size: u32) -> Self {
        let mut script = self.message(2, 0, 1, &size.to_be_bytes());
        script.chunk_size = size as usize;
        script
    }

    /// A command.
    pub fn command(self, name: &str, transaction: f64, arguments: &[Vec<u8>]) -> Self {
        self.message(
            3,
            0,
            20,
            &[text(name), number(transaction), arguments.concat()].concat(),
        )
    }

    /// Everything up to `publish`, as OBS sends it.
    pub fn publish(self, app: &str, key: &str) -> Self {
        let connect = object(&[
            ("app", text(app)),
            ("type", text("nonprivate")),
            ("tcUrl", text("rtmp://127.0.0.1/live")),
        ]);
        self.chunk_size(4096)
            .command("connect", 1.0, &[connect])
            .command("releaseStream", 2.0, &[null(), text(key)])
            .command("FCPublish", 3.0, &[null(), text(key)])
            .command("createStream", 4.0, &[null()])
            .command("publish", 5.0, &[null(), text(key), text("live")])
    }

    /// onMetaData with both tracks.
    pub fn metadata(self) -> Self {
        let properties = array(&[
            ("framerate", number(30.0)),
            ("videocodecid", number(7.0)),
            ("videodatarate", number(2500.0)),
            ("audiocodecid", number(10.0)),
            ("audiodatarate", number(128.0)),
            ("encoder", text("by hand")),
        ]);
        self.message(
            4,
            0,
            18,
            &[text("@setDataFrame"), text("onMetaData"), properties].concat(),
        )
    }

    /// A video message.
    pub fn video(self, timestamp: u32, body: &[u8]) -> Self {
        self.message(6, timestamp, 9, body)
    }

    /// An audio message.
    pub fn audio(self, timestamp: u32, body: &[u8]) -> Self {
        self.message(4, timestamp, 8, body)
    }

    /// Both sequence headers.
    pub fn headers(self) -> Self {
        self.video(0, AVC_HEADER).audio(0, AAC_HEADER)
    }

    /// `count` frames at 30 a second, an IDR each ten, each with an audio frame.
    pub fn frames(mut self, count: u32) -> Self {
        for index in 0..count {
            let idr = index % 10 == 0;
            let nal = vec![if idr { 0x65 } else { 0x41 }; if idr { 5000 } else { 300 }];
            let length = (nal.len() as u32).to_be_bytes();
            let body = [&[if idr { 0x17 } else { 0x27 }, 1, 0, 0, 33][..], &length, &nal].concat();
            self = self
                .video(index * 33, &body)
                .audio(index * 33, &[0xAF, 1, 0x21, 0x10, 4]);
        }
        self
    }
}

/// A video sequence header: AVCC with one SPS and one PPS.
pub const AVC_HEADER: &[u8] = &[
    0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0, 5, 0x67, 0x64, 0, 0x1F, 0xAC, 1, 0, 3, 0x68, 0xEE,
    0x3C,
];

/// An audio sequence header: AAC-LC, 48 kHz, stereo.
pub const AAC_HEADER: &[u8] = &[0xAF, 0, 0x11, 0x90];
