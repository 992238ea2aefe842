//! CMAF as the checker reads it: boxes by hand, `moov` and `moof` by the `mp4` crate, `colr` and the like by `mp4-atom`.
//!
//! ```text
//! init section ──► InitSection ─┐
//! part ──► Chunk ───────────────┴─► Track (continuity, parts against their segment) ──► findings
//!             └─ emsg ──► Messages (one log for all renditions)
//! ```

pub mod chunk;
pub mod init;
pub mod messages;
pub mod track;

/// A box: its type and what is behind its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoxSpan<'a> {
    /// Four characters.
    pub kind: [u8; 4],
    /// Without the header.
    pub body: &'a [u8],
    /// With the header.
    pub whole: &'a [u8],
}

impl BoxSpan<'_> {
    /// The type as text.
    pub fn name(&self) -> String {
        self.kind.iter().copied().map(char::from).collect()
    }
}

/// The boxes that `bytes` is made of, or what is wrong with them.
pub fn boxes(mut bytes: &[u8]) -> Result<Vec<BoxSpan<'_>>, String> {
    let mut found = Vec::new();
    while let Some((header, _)) = bytes.split_first_chunk::<8>() {
        let [a, b, c, d, kind @ ..] = *header;
        let size = u32::from_be_bytes([a, b, c, d]) as usize;
        let Some((whole, rest)) = bytes.split_at_checked(size).filter(|_| size >= 8) else {
            return Err(format!(
                "a box {:?} of {size} bytes where {} are left",
                String::from_utf8_lossy(&kind),
                bytes.len()
            ));
        };
        found.push(BoxSpan {
            kind,
            body: whole.get(8..).unwrap_or_default(),
            whole,
        });
        bytes = rest;
    }
    if bytes.is_empty() {
        Ok(found)
    } else {
        Err(format!("{} bytes behind the last box", bytes.len()))
    }
}

/// The first box of a type among the children of a container, whose own fields take `fields` bytes.
pub fn child<'a>(container: &BoxSpan<'a>, fields: usize, kind: &[u8; 4]) -> Option<BoxSpan<'a>> {
    let children = boxes(container.body.get(fields..)?).ok()?;
    children.into_iter().find(|child| child.kind == *kind)
}

/// Reads big-endian numbers and strings one after the other; `None` at the end.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// The next `N` bytes.
    pub fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    /// A 32-bit number.
    pub fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_be_bytes)
    }

    /// A 64-bit number.
    pub fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_be_bytes)
    }

    /// A zero-terminated UTF-8 string.
    pub fn text(&mut self) -> Option<&'a str> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests;
