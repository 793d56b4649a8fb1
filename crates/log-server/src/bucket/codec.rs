//! Encoding of objects: four bytes for the type, the body, and the SHA-256 of both.
//!
//! Numbers are big-endian.

use std::collections::BTreeMap;

use countersign::hash::Hash;
use countersign::log::{PendingBatch, SaltedEvent};
use countersign::merkle::MAX_SIZE;
use countersign::time::Time;

use countersign_log::store::{Published, StoreError};

const COMMIT: &[u8; 4] = b"csc\x01";
const COMMIT_STUB: &[u8; 4] = b"css\x01";
const EVENTS: &[u8; 4] = b"cse\x01";
/// Replaces a generation of events once a newer one exists.
pub(super) const EVENTS_STUB: &[u8; 4] = b"csx\x01";
const ERASURE: &[u8; 4] = b"csr\x01";
const ERASURE_DONE: &[u8; 4] = b"csd\x01";
const CHECKPOINT: &[u8; 4] = b"csk\x01";
/// The commit of a tick, with the entries of tenant logs.
pub(super) const TICK: &[u8; 4] = b"cst\x01";
/// The commit of a tick whose events are in a separate generation.
pub(super) const TICK_STUB: &[u8; 4] = b"csu\x01";
/// The commits of several ticks.
pub(super) const WINDOW: &[u8; 4] = b"csw\x01";
/// The secret of an anchor.
pub(super) const SECRET: &[u8; 4] = b"csn\x01";

/// Length of an object's type, in bytes.
pub(super) const KIND_BYTES: u64 = 4;

/// A commit's events, by the indexes of their entries.
pub(super) type Events = BTreeMap<u64, SaltedEvent>;

/// The entries that one server added to the log at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// Number of entries before this commit.
    pub(super) base: u64,
    pub(super) leaves: Vec<String>,
    /// `None` in a stub, whose events are in a separate generation.
    pub(super) events: Option<Events>,
}

/// A commit's object, split for an erasure.
pub(crate) struct SplitCommit {
    /// The object without its events.
    pub(super) stub: Vec<u8>,
    /// The events; `None` if the object was a stub.
    pub(super) events: Option<Events>,
}

/// A generation of events.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Generation {
    Here(Events),
    /// A newer generation exists.
    Stub,
}

/// Entries whose events are erased.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Erasure {
    /// Indexes of the erased entries, in ascending order.
    pub(super) leaves: Vec<u64>,
    /// True if no object contains the events anymore.
    pub(super) done: bool,
}

impl Commit {
    /// Returns the size of the log including this commit.
    pub(super) fn size(&self) -> u64 {
        self.base + self.leaves.len() as u64
    }

    /// Splits a commit's object for an erasure.
    pub(super) fn split(bytes: &[u8]) -> Result<SplitCommit, StoreError> {
        let mut commit = Self::decode(bytes)?;
        let events = commit.events.take();
        Ok(SplitCommit { stub: commit.encode()?, events })
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let kind = if self.events.is_some() { COMMIT } else { COMMIT_STUB };
        let mut out = begin_commit(*kind, self.base, self.leaves.iter().map(String::as_str))?;
        if let Some(events) = &self.events {
            write_events(&mut out, events.iter().map(|(index, event)| (*index, event)))?;
        }
        Ok(seal(out))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let (kind, mut rest) = open(bytes)?;
        if kind != COMMIT && kind != COMMIT_STUB {
            return Err(damaged("the object isn't a commit"));
        }
        let base = rest.number()?;
        let count = rest.length()?;
        let leaves: Vec<String> = (0..count).map(|_| rest.text()).collect::<Result<_, _>>()?;
        let size = base.checked_add(leaves.len() as u64).filter(|size| *size <= MAX_SIZE);
        let size = size
            .filter(|_| !leaves.is_empty())
            .ok_or_else(|| damaged("the commit's size is out of bounds"))?;
        let events = if kind == COMMIT { Some(rest.events(base..size)?) } else { None };
        rest.end(Self { base, leaves, events })
    }
}

/// Encodes a pending batch as a commit.
pub(super) fn encode_growth(growth: &PendingBatch) -> Result<Vec<u8>, StoreError> {
    let leaves = growth.leaves();
    let mut out = begin_commit(*COMMIT, growth.base(), leaves.iter().map(|leaf| leaf.text.as_str()))?;
    let events = leaves.iter().zip(growth.base()..);
    write_events(&mut out, events.filter_map(|(leaf, index)| Some((index, leaf.event()?))))?;
    Ok(seal(out))
}

fn begin_commit<'l>(
    kind: [u8; 4],
    base: u64,
    leaves: impl Iterator<Item = &'l str> + Clone,
) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::from(kind);
    out.extend_from_slice(&base.to_be_bytes());
    write_length(&mut out, leaves.clone().count())?;
    for leaf in leaves {
        write_bytes(&mut out, leaf.as_bytes())?;
    }
    Ok(out)
}

/// True if an object of this type has no events.
pub(super) fn is_stub(kind: &[u8]) -> bool {
    kind == COMMIT_STUB || kind == EVENTS_STUB || kind == TICK_STUB
}

impl Generation {
    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Here(events) => {
                let mut out = Vec::from(EVENTS);
                write_events(&mut out, events.iter().map(|(index, event)| (*index, event)))?;
                Ok(seal(out))
            }
            Self::Stub => Ok(Vec::from(EVENTS_STUB)),
        }
    }

    /// Decodes the events of a commit with these entries.
    pub(super) fn decode(bytes: &[u8], leaves: std::ops::Range<u64>) -> Result<Self, StoreError> {
        if bytes == EVENTS_STUB {
            return Ok(Self::Stub);
        }
        let (kind, mut rest) = open(bytes)?;
        if kind != EVENTS {
            return Err(damaged("the object isn't a generation of events"));
        }
        let events = rest.events(leaves)?;
        rest.end(Self::Here(events))
    }
}

impl Erasure {
    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let mut out = Vec::from(if self.done { ERASURE_DONE } else { ERASURE });
        write_length(&mut out, self.leaves.len())?;
        out.extend(self.leaves.iter().flat_map(|leaf| leaf.to_be_bytes()));
        Ok(seal(out))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let (kind, mut rest) = open(bytes)?;
        if kind != ERASURE && kind != ERASURE_DONE {
            return Err(damaged("the object isn't an erasure"));
        }
        let count = rest.length()?;
        let leaves: Vec<u64> = (0..count).map(|_| rest.number()).collect::<Result<_, _>>()?;
        if leaves.is_empty() || !leaves.is_sorted_by(|one, next| one < next) {
            return Err(damaged("the erasure's entries aren't in ascending order"));
        }
        rest.end(Self { leaves, done: kind == ERASURE_DONE })
    }
}

pub(super) fn encode_checkpoint(published: &Published) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::from(CHECKPOINT);
    out.extend_from_slice(&published.size.to_be_bytes());
    out.extend_from_slice(&published.at.millis().to_be_bytes());
    out.push(published.witnessed.into());
    write_bytes(&mut out, published.note.as_bytes())?;
    Ok(seal(out))
}

pub(super) fn decode_checkpoint(bytes: &[u8]) -> Result<Published, StoreError> {
    let (kind, mut rest) = open(bytes)?;
    if kind != CHECKPOINT {
        return Err(damaged("the object isn't a checkpoint"));
    }
    let size = rest.number()?;
    let at = Time::from_millis(i64::from_be_bytes(rest.array()?));
    let at = at.ok_or_else(|| damaged("the checkpoint's time is out of bounds"))?;
    let witnessed = match rest.array::<1>()? {
        [0] => false,
        [1] => true,
        _ => return Err(damaged("the checkpoint's flag is neither 0 nor 1")),
    };
    let note = rest.text()?;
    rest.end(Published { size, note, at, witnessed })
}

pub(super) fn damaged(why: &str) -> StoreError {
    StoreError::Damaged(why.to_owned())
}

pub(super) fn write_length(out: &mut Vec<u8>, length: usize) -> Result<(), StoreError> {
    let length = u32::try_from(length).map_err(|_| damaged("the content is too large for one object"))?;
    out.extend_from_slice(&length.to_be_bytes());
    Ok(())
}

pub(super) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), StoreError> {
    write_length(out, bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

pub(super) fn write_events<'e>(
    out: &mut Vec<u8>,
    events: impl Iterator<Item = (u64, &'e SaltedEvent)> + Clone,
) -> Result<(), StoreError> {
    write_length(out, events.clone().count())?;
    for (index, SaltedEvent { salt, text }) in events {
        out.extend_from_slice(&index.to_be_bytes());
        out.extend_from_slice(salt);
        write_bytes(out, text.as_bytes())?;
    }
    Ok(())
}

pub(super) fn seal(mut out: Vec<u8>) -> Vec<u8> {
    let Hash(sum) = Hash::digest(&[&out]);
    out.extend_from_slice(&sum);
    out
}

/// Verifies the checksum, and returns the object's type and body.
pub(super) fn open(bytes: &[u8]) -> Result<(&[u8; 4], Body<'_>), StoreError> {
    let (content, sum) = bytes.split_last_chunk::<32>().ok_or_else(|| damaged("the object is truncated"))?;
    if Hash::digest(&[content]) != Hash(*sum) {
        return Err(damaged("the object's checksum doesn't match"));
    }
    let (kind, body) = content.split_first_chunk().ok_or_else(|| damaged("the object is truncated"))?;
    Ok((kind, Body(body)))
}

/// The rest of an object that is being decoded.
pub(super) struct Body<'b>(&'b [u8]);

impl Body<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (array, rest) = self.0.split_first_chunk().ok_or_else(|| damaged("the object is truncated"))?;
        self.0 = rest;
        Ok(*array)
    }

    pub(super) fn number(&mut self) -> Result<u64, StoreError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(super) fn length(&mut self) -> Result<usize, StoreError> {
        let length = u32::from_be_bytes(self.array()?) as usize;
        // Every counted item takes at least one byte.
        if length > self.0.len() {
            return Err(damaged("the object is truncated"));
        }
        Ok(length)
    }

    pub(super) fn bytes(&mut self) -> Result<&[u8], StoreError> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        str::from_utf8(self.bytes()?)
            .map(str::to_owned)
            .map_err(|_| damaged("a string in the object isn't UTF-8"))
    }

    pub(super) fn events(&mut self, leaves: std::ops::Range<u64>) -> Result<Events, StoreError> {
        let mut events = Events::new();
        for _ in 0..self.length()? {
            let index = self.number()?;
            let event = SaltedEvent { salt: self.array()?, text: self.text()? };
            if !leaves.contains(&index) || events.insert(index, event).is_some() {
                return Err(damaged("the object has an event that belongs to none of its entries"));
            }
        }
        Ok(events)
    }

    pub(super) fn end<T>(self, value: T) -> Result<T, StoreError> {
        if self.0.is_empty() { Ok(value) } else { Err(damaged("the object has extra bytes at its end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Events {
        let event = |text: &str| SaltedEvent { salt: [7; 16], text: text.to_owned() };
        Events::from([(4, event("{}")), (5, event(r#"{"a":"é"}"#))])
    }

    /// A decoder's verdict: true if it accepts the bytes.
    type Accepts = fn(&[u8]) -> bool;

    /// Returns one object of each type with its decoder.
    fn objects() -> Vec<(Vec<u8>, Accepts)> {
        let commit =
            Commit { base: 3, leaves: vec!["a".into(), "é".into(), "c".into()], events: Some(events()) };
        let published =
            Published { size: 6, note: "note".into(), at: Time::from_millis(5).unwrap(), witnessed: true };
        vec![
            (commit.encode().unwrap(), |bytes| Commit::decode(bytes).is_ok()),
            (Commit { events: None, ..commit }.encode().unwrap(), |bytes| Commit::decode(bytes).is_ok()),
            (Generation::Here(events()).encode().unwrap(), |bytes| Generation::decode(bytes, 3..6).is_ok()),
            (Generation::Stub.encode().unwrap(), |bytes| Generation::decode(bytes, 3..6).is_ok()),
            (Erasure { leaves: vec![3, 5], done: false }.encode().unwrap(), |bytes| {
                Erasure::decode(bytes).is_ok()
            }),
            (encode_checkpoint(&published).unwrap(), |bytes| decode_checkpoint(bytes).is_ok()),
        ]
    }

    #[test]
    fn decodes_what_it_encodes() {
        let commit =
            Commit { base: 3, leaves: vec!["a".into(), "é".into(), "c".into()], events: Some(events()) };
        assert_eq!(Commit::decode(&commit.encode().unwrap()).unwrap(), commit);
        let stub = Commit { events: None, leaves: commit.leaves.clone(), ..commit };
        assert_eq!(Commit::decode(&stub.encode().unwrap()).unwrap(), stub);
        let generation = Generation::Here(events());
        assert_eq!(Generation::decode(&generation.encode().unwrap(), 3..6).unwrap(), generation);
        let erasure = Erasure { leaves: vec![3, 5], done: true };
        assert_eq!(Erasure::decode(&erasure.encode().unwrap()).unwrap(), erasure);
        for witnessed in [true, false] {
            let at = Time::from_millis(5).unwrap();
            let published = Published { size: 6, note: "note".into(), at, witnessed };
            assert_eq!(decode_checkpoint(&encode_checkpoint(&published).unwrap()).unwrap(), published);
        }
    }

    #[test]
    fn rejects_truncated_and_changed_objects() {
        for (kind, (bytes, accepts)) in objects().into_iter().enumerate() {
            assert!(accepts(&bytes), "{kind}");
            for end in 0..bytes.len() {
                assert!(!accepts(&bytes[..end]), "{kind} cut at {end}");
            }
            for place in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[place] ^= 1;
                assert!(!accepts(&changed), "{kind} changed at {place}");
            }
        }
    }

    #[test]
    fn rejects_invalid_content_with_a_valid_checksum() {
        assert!(Generation::decode(&Generation::Here(events()).encode().unwrap(), 3..5).is_err());
        for leaves in [vec![], vec![5, 3], vec![3, 3]] {
            assert!(Erasure::decode(&Erasure { leaves, done: false }.encode().unwrap()).is_err());
        }
        let empty = Commit { base: 3, leaves: Vec::new(), events: None };
        assert!(Commit::decode(&empty.encode().unwrap()).is_err());
        let outside = Commit { base: 9, leaves: vec!["a".into()], events: Some(events()) };
        assert!(Commit::decode(&outside.encode().unwrap()).is_err());
        let mut many = Vec::from(COMMIT);
        many.extend_from_slice(&3_u64.to_be_bytes());
        many.extend_from_slice(&u32::MAX.to_be_bytes());
        assert!(Commit::decode(&seal(many)).is_err());
    }
}
