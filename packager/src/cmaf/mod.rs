//! From samples to bytes: the CMAF boxes (ISO/IEC 23000-19), written with `mp4-atom`.

pub mod chunk;
pub mod emsg;
pub mod init;

/// Every rendition is a file of one track.
const TRACK_ID: u32 = 1;

/// Boxes that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum BoxError {
    /// A value does not fit its box.
    #[error("a box cannot be written: {0}")]
    Encode(#[from] mp4_atom::Error),
    /// More media than one chunk may hold.
    #[error("a part of {0} bytes is over 4 GiB: lower the encoder's bitrate")]
    TooLarge(usize),
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fmt::Write;

    use mp4_atom::{Any, Decode, DecodeMaybe, Header};

    /// The tree of boxes, leaves printed with their fields, for golden files.
    pub(crate) fn box_tree(mut bytes: &[u8]) -> String {
        let mut text = String::new();
        walk(&mut bytes, 0, &mut text);
        text
    }

    fn walk(bytes: &mut &[u8], depth: usize, text: &mut String) {
        const CONTAINERS: [&[u8; 4]; 9] = [
            b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"mvex", b"moof", b"traf",
        ];
        while !bytes.is_empty() {
            let whole = *bytes;
            let header = Header::decode(bytes).unwrap();
            let size = header.size.unwrap();
            let name = header.kind.to_string();
            let mut body = &bytes[..size];
            *bytes = &bytes[size..];
            let indent = "  ".repeat(depth);
            if CONTAINERS.contains(&header.kind.as_ref()) {
                writeln!(text, "{indent}{name}").unwrap();
                walk(&mut body, depth + 1, text);
            } else {
                let mut one = &whole[..size + 8];
                let decoded = Any::decode_maybe(&mut one).unwrap().unwrap();
                writeln!(text, "{indent}{name} {decoded:?}").unwrap();
            }
        }
    }
}
