//! AMF0 values (Action Message Format, AMF 0): read from strangers within bounds, written for replies.

use bytes::{Buf, BufMut};

/// Objects in objects. Encoders send one level, Enhanced RTMP two.
const MAX_DEPTH: usize = 8;

/// Values of one message. OBS's onMetaData has twenty.
const MAX_VALUES: usize = 1024;

/// What an encoder says in commands and metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A double; dates too, in milliseconds.
    Number(f64),
    /// A boolean.
    Boolean(bool),
    /// A string, long string or XML document.
    String(String),
    /// An object, typed object or ECMA array, in the order sent.
    Object(Vec<(String, Value)>),
    /// A strict array.
    Array(Vec<Value>),
    /// Null, undefined, unsupported or a reference: nothing that we could use.
    Null,
}

/// Why a message is not AMF0 that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmfError {
    /// It ends inside a value.
    #[error("AMF0 data ends inside a value")]
    Truncated,
    /// A type marker that AMF0 does not have.
    #[error("AMF0 has no type {0}")]
    UnknownType(u8),
    /// Nested over [`MAX_DEPTH`].
    #[error("AMF0 data is nested over {MAX_DEPTH} deep")]
    TooDeep,
    /// More than [`MAX_VALUES`].
    #[error("AMF0 data has over {MAX_VALUES} values")]
    TooMany,
}

impl Value {
    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// A property of an object.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(properties) => properties
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Writes the value. Strings are cut at 65,535 bytes; ours are far shorter.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => {
                out.put_u8(0);
                out.put_f64(*number);
            }
            Self::Boolean(boolean) => out.extend_from_slice(&[1, u8::from(*boolean)]),
            Self::String(text) => {
                out.put_u8(2);
                write_text(text, out);
            }
            Self::Object(properties) => {
                out.put_u8(3);
                for (name, value) in properties {
                    write_text(name, out);
                    value.write(out);
                }
                out.extend_from_slice(&[0, 0, 9]);
            }
            Self::Array(values) => {
                out.put_u8(10);
                out.put_u32(u32::try_from(values.len()).unwrap_or(u32::MAX));
                values.iter().for_each(|value| value.write(out));
            }
            Self::Null => out.put_u8(5),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// An object from its properties.
pub fn object<const N: usize>(properties: [(&str, Value); N]) -> Value {
    Value::Object(
        properties
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.put_u16(length);
    out.extend_from_slice(&text.as_bytes()[..usize::from(length)]);
}

/// Reads all values of a message.
///
/// # Errors
/// See [`AmfError`].
pub fn read_all(bytes: &[u8]) -> Result<Vec<Value>, AmfError> {
    let mut reader = Reader {
        rest: bytes,
        values: 0,
    };
    let mut values = Vec::new();
    while reader.rest.has_remaining() {
        values.push(reader.value(0)?);
    }
    Ok(values)
}

struct Reader<'a> {
    rest: &'a [u8],
    values: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, AmfError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(AmfError::TooMany);
        }
        if depth > MAX_DEPTH {
            return Err(AmfError::TooDeep);
        }
        let kind = self.rest.try_get_u8().map_err(|_| AmfError::Truncated)?;
        match kind {
            0 => self.number().map(Value::Number),
            1 => self
                .rest
                .try_get_u8()
                .map(|byte| Value::Boolean(byte != 0))
                .map_err(|_| AmfError::Truncated),
            2 => self.short_text().map(Value::String),
            3 => self.properties(depth),
            // null, undefined, unsupported
            5 | 6 | 13 => Ok(Value::Null),
            // reference: two bytes of index
            7 => self.bytes(2).map(|_| Value::Null),
            8 => {
                // The count of an ECMA array is a hint (2.10): encoders write 0 or a wrong one. The end marker counts.
                self.bytes(4)?;
                self.properties(depth)
            }
            10 => self.array(depth),
            // date: milliseconds and a time zone that is always zero
            11 => {
                let millis = self.number()?;
                self.bytes(2)?;
                Ok(Value::Number(millis))
            }
            12 | 15 => {
                let length = self.rest.try_get_u32().map_err(|_| AmfError::Truncated)?;
                self.text(usize::try_from(length).map_err(|_| AmfError::Truncated)?)
                    .map(Value::String)
            }
            16 => {
                self.short_text()?;
                self.properties(depth)
            }
            unknown => Err(AmfError::UnknownType(unknown)),
        }
    }

    /// Properties up to the end marker. The end of the message ends them too: some encoders forget the marker.
    fn properties(&mut self, depth: usize) -> Result<Value, AmfError> {
        let mut properties = Vec::new();
        while self.rest.has_remaining() {
            let name = self.short_text()?;
            if name.is_empty() && matches!(self.rest.first(), None | Some(9)) {
                self.rest = self.rest.get(1..).unwrap_or_default();
                break;
            }
            properties.push((name, self.value(depth + 1)?));
        }
        Ok(Value::Object(properties))
    }

    fn array(&mut self, depth: usize) -> Result<Value, AmfError> {
        // The count allocates nothing: it is only believed as far as values follow.
        let count = self.rest.try_get_u32().map_err(|_| AmfError::Truncated)?;
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(self.value(depth + 1)?);
        }
        Ok(Value::Array(values))
    }

    fn number(&mut self) -> Result<f64, AmfError> {
        self.rest.try_get_f64().map_err(|_| AmfError::Truncated)
    }

    fn short_text(&mut self) -> Result<String, AmfError> {
        let length = self.rest.try_get_u16().map_err(|_| AmfError::Truncated)?;
        self.text(usize::from(length))
    }

    fn text(&mut self, length: usize) -> Result<String, AmfError> {
        self.bytes(length)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    fn bytes(&mut self, length: usize) -> Result<&[u8], AmfError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(AmfError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(values: &[Value]) -> Vec<u8> {
        let mut out = Vec::new();
        values.iter().for_each(|value| value.write(&mut out));
        out
    }

    #[test]
    fn what_is_written_is_read_again() {
        let values = vec![
            Value::from("connect"),
            Value::from(1.0),
            object([
                ("app", "live".into()),
                ("fpad", Value::Boolean(false)),
                ("fourCcList", Value::Array(vec!["avc1".into(), Value::Null])),
                ("info", object([("code", "é".into())])),
            ]),
            Value::Null,
        ];
        assert_eq!(read_all(&written(&values)).unwrap(), values);
    }

    #[test]
    fn other_types_are_read_as_what_they_mean() {
        let entry = [0, 1, b'a', 1, 1];
        let one = Value::Object(vec![("a".into(), Value::Boolean(true))]);
        let table: [(&str, Vec<u8>, Value); 8] = [
            (
                "an ECMA array whose count is too small",
                [&[8, 0, 0, 0, 0][..], &entry, &[0, 0, 9]].concat(),
                one.clone(),
            ),
            (
                "an ECMA array whose count is too large",
                [&[8, 0, 0, 0, 9][..], &entry, &[0, 0, 9]].concat(),
                one.clone(),
            ),
            (
                "an object without an end marker",
                [&[3][..], &entry].concat(),
                one.clone(),
            ),
            (
                "a typed object",
                [&[16, 0, 1, b't'][..], &entry, &[0, 0, 9]].concat(),
                one,
            ),
            (
                "a date",
                [&[11][..], &5_f64.to_be_bytes(), &[0, 0]].concat(),
                Value::Number(5.0),
            ),
            ("a long string", vec![12, 0, 0, 0, 1, b'x'], "x".into()),
            ("a reference", vec![7, 0, 1], Value::Null),
            ("text that is not UTF-8", vec![2, 0, 1, 0xFF], "\u{FFFD}".into()),
        ];
        for (name, bytes, expected) in table {
            assert_eq!(read_all(&bytes), Ok(vec![expected]), "{name}");
        }
    }

    #[test]
    fn hostile_data_is_an_error_and_costs_nothing() {
        let table: [(&str, Vec<u8>, AmfError); 7] = [
            (
                "four billion elements",
                vec![10, 0xFF, 0xFF, 0xFF, 0xFF],
                AmfError::Truncated,
            ),
            (
                "four billion nulls",
                [&[10, 0xFF, 0xFF, 0xFF, 0xFF][..], &[5; 5000]].concat(),
                AmfError::TooMany,
            ),
            (
                "a string longer than the message",
                vec![12, 0xFF, 0xFF, 0xFF, 0xFF, b'x'],
                AmfError::Truncated,
            ),
            (
                "arrays in arrays",
                [10, 0, 0, 0, 1].repeat(100_000),
                AmfError::TooDeep,
            ),
            (
                "objects in objects",
                [3, 0, 1, b'a'].repeat(100_000),
                AmfError::TooDeep,
            ),
            ("half a number", vec![0, 1, 2], AmfError::Truncated),
            ("no such type", vec![0x77], AmfError::UnknownType(0x77)),
        ];
        for (name, bytes, expected) in table {
            assert_eq!(read_all(&bytes), Err(expected), "{name}");
        }
    }
}
