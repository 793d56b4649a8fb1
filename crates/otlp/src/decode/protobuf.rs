//! Exports as Protobuf. Unknown fields are skipped.

use super::decoder::{Branch, Decoder, Fault};
use crate::limits::MAX_DEPTH;
use crate::record::LogRecord;
use crate::value::Value;

pub(super) struct Protobuf;

/// The content of a field.
#[derive(Clone, Copy)]
enum Content<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'a [u8]),
}

/// The fields of a message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Fault::Malformed)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Fault::Malformed)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(length).map_err(|_| Fault::Malformed)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Fault::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn next(&mut self) -> Result<Option<(u64, Content<'a>)>, Fault> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let content = match key & 7 {
            0 => Content::Varint(self.varint()?),
            1 => {
                let bytes = self.take(8)?.try_into().map_err(|_| Fault::Malformed)?;
                Content::Fixed64(u64::from_le_bytes(bytes))
            }
            2 => {
                let length = self.varint()?;
                Content::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Content::Fixed32
            }
            // Groups, which OTLP doesn't use.
            _ => return Err(Fault::Malformed),
        };
        if key >> 3 == 0 { Err(Fault::Malformed) } else { Ok(Some((key >> 3, content))) }
    }
}

/// Returns a message's field that occurs once, and one that is a list.
fn branch(message: &[u8], head_tag: u64, list_tag: u64) -> Result<Branch<&[u8]>, Fault> {
    let (mut fields, mut found) = (Fields(message), Branch { head: None, list: Vec::new() });
    while let Some((tag, content)) = fields.next()? {
        match content {
            Content::Bytes(bytes) if tag == head_tag => found.head = Some(bytes),
            Content::Bytes(bytes) if tag == list_tag => found.list.push(bytes),
            _ => {}
        }
    }
    Ok(found)
}

/// Returns a message's list with tag 1.
fn list(message: &[u8]) -> Result<Vec<&[u8]>, Fault> {
    branch(message, 0, 1).map(|found| found.list)
}

/// Replaces what is not UTF-8. Some senders don't check strings that their users chose, and one such string must not get
/// an export with the records of others refused.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Parses an `AnyValue`. Of several values, the last one counts.
fn value(message: &[u8], levels: usize) -> Result<Value, Fault> {
    let levels = levels.checked_sub(1).ok_or(Fault::Deep)?;
    let (mut fields, mut found) = (Fields(message), Value::Empty);
    while let Some((tag, content)) = fields.next()? {
        found = match (tag, content) {
            (1, Content::Bytes(bytes)) => Value::String(text(bytes)),
            (2, Content::Varint(value)) => Value::Bool(value != 0),
            (3, Content::Varint(value)) => Value::Int(value.cast_signed()),
            (4, Content::Fixed64(bits)) => Value::Double(f64::from_bits(bits)),
            (5, Content::Bytes(bytes)) => {
                let values = list(bytes)?;
                Value::Array(values.into_iter().map(|one| value(one, levels)).collect::<Result<_, _>>()?)
            }
            (6, Content::Bytes(bytes)) => {
                let members = list(bytes)?;
                Value::Map(members.into_iter().map(|one| member(one, levels)).collect::<Result<_, _>>()?)
            }
            (7, Content::Bytes(bytes)) => Value::Bytes(bytes.to_vec()),
            _ => found,
        };
    }
    Ok(found)
}

/// Parses a `KeyValue`.
fn member(message: &[u8], levels: usize) -> Result<(String, Value), Fault> {
    let (mut fields, mut name, mut found) = (Fields(message), String::new(), Value::Empty);
    while let Some((tag, content)) = fields.next()? {
        match (tag, content) {
            (1, Content::Bytes(bytes)) => name = text(bytes),
            (2, Content::Bytes(bytes)) => found = value(bytes, levels)?,
            _ => {}
        }
    }
    Ok((name, found))
}

impl<'a> Decoder<'a> for Protobuf {
    type Part = &'a [u8];

    fn resources(&self, body: &'a [u8]) -> Result<Vec<&'a [u8]>, Fault> {
        list(body)
    }

    fn scopes(&self, resource: &'a [u8]) -> Result<Branch<&'a [u8]>, Fault> {
        branch(resource, 1, 2)
    }

    fn records(&self, scope: &'a [u8]) -> Result<Branch<&'a [u8]>, Fault> {
        branch(scope, 1, 2)
    }

    fn resource(&self, part: &'a [u8]) -> Result<Vec<(String, Value)>, Fault> {
        list(part)?.into_iter().map(|attribute| member(attribute, MAX_DEPTH)).collect()
    }

    fn scope(&self, part: &'a [u8]) -> Result<String, Fault> {
        Ok(branch(part, 1, 0)?.head.map(text).unwrap_or_default())
    }

    fn record(&self, part: &'a [u8]) -> Result<LogRecord<'static>, Fault> {
        let (mut fields, mut record) = (Fields(part), LogRecord::default());
        while let Some((tag, content)) = fields.next()? {
            match (tag, content) {
                (1, Content::Fixed64(nanos)) => record.time_unix_nano = nanos,
                (2, Content::Varint(number)) => record.severity_number = number,
                (3, Content::Bytes(bytes)) => record.severity_text = text(bytes),
                (5, Content::Bytes(bytes)) => record.body = Some(value(bytes, MAX_DEPTH)?),
                (6, Content::Bytes(bytes)) => record.attributes.push(member(bytes, MAX_DEPTH)?),
                (7, Content::Varint(count)) => record.dropped_attributes_count = count,
                (9, Content::Bytes(bytes)) => record.trace_id = bytes.to_vec(),
                (10, Content::Bytes(bytes)) => record.span_id = bytes.to_vec(),
                (11, Content::Fixed64(nanos)) => record.observed_time_unix_nano = nanos,
                (12, Content::Bytes(bytes)) => record.event_name = text(bytes),
                _ => {}
            }
        }
        Ok(record)
    }

    fn bytes(&self, part: &'a [u8]) -> usize {
        part.len()
    }
}
