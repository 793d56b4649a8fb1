//! Events, or data extracted from them, that wait for the verdict: in memory while they are few, otherwise in a
//! temporary file.

use std::collections::HashMap;

use countersign::hash::Hash;
use countersign::link::{ChainId, LinkAttestation};
use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign::verify::{CoveredLink, VerifiedEvent};
use countersign_errors::EngineError;

use crate::runs::Runs;

/// The approximate number of bytes that are kept in memory.
const MEMORY_BYTES: usize = 32 << 20;

/// Data of an event that can be written to a file and read back.
pub trait Spillable: Sized {
    /// Returns the bytes to write.
    fn as_bytes(&self) -> &[u8];
    /// Restores the value from its bytes; `None` if they are invalid.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Spillable for Box<str> {
    fn as_bytes(&self) -> &[u8] {
        str::as_bytes(self)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        str::from_utf8(bytes).ok().map(Self::from)
    }
}

impl Spillable for Box<[u8]> {
    fn as_bytes(&self) -> &[u8] {
        self
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(bytes.into())
    }
}

/// Events that wait, each with its text or other data.
///
/// There may be more than fit in memory. The first ones up to a limit are kept, and all are counted.
pub struct PendingEvents<K = Box<str>> {
    max_events: u64,
    in_memory: usize,
    total: u64,
    kept: u64,
    events: Vec<(CoveredLink, K)>,
    bytes: usize,
    spilled: Option<Spilled>,
}

/// Events in a temporary file, and the keys that signed them.
struct Spilled {
    runs: Runs,
    keys: Vec<VerifierKey>,
    numbers: HashMap<String, u32>,
}

/// Keeps all events.
impl<K: Spillable> Default for PendingEvents<K> {
    fn default() -> Self {
        Self::new(u64::MAX)
    }
}

impl PendingEvents {
    /// Calls `each` with the kept events, in the order of the log.
    ///
    /// # Errors
    /// If `each` fails, or the temporary file can't be read.
    pub fn for_each<E: From<EngineError>>(
        self,
        mut each: impl FnMut(VerifiedEvent) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each_kept(|link, event| each(VerifiedEvent { link, event, at: None }))
    }
}

impl<K: Spillable> PendingEvents<K> {
    /// Creates a buffer that keeps the first `max_events` events.
    pub fn new(max_events: u64) -> Self {
        Self {
            max_events,
            in_memory: MEMORY_BYTES,
            total: 0,
            kept: 0,
            events: Vec::new(),
            bytes: 0,
            spilled: None,
        }
    }

    /// True if no more events will be kept.
    pub fn is_full(&self) -> bool {
        self.kept >= self.max_events
    }

    /// Returns the number of events that were pushed or counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Counts events that are not kept.
    pub fn count(&mut self, events: u64) {
        self.total += events;
    }

    /// Returns the number of kept events.
    pub fn kept_count(&self) -> u64 {
        self.kept
    }

    /// Adds an event. Without `event`, it is only counted.
    ///
    /// # Errors
    /// If the temporary file can't be written.
    pub fn push(&mut self, link: CoveredLink, event: Option<K>) -> Result<(), EngineError> {
        self.total += 1;
        let Some(event) = event.filter(|_| !self.is_full()) else { return Ok(()) };
        self.kept += 1;
        self.bytes += event.as_bytes().len() + link.vkey.as_str().len() + size_of::<(CoveredLink, K)>();
        self.events.push((link, event));
        if self.bytes < self.in_memory {
            return Ok(());
        }
        self.events.sort_by_key(|(link, _)| link.index);
        let mut spilled = match self.spilled.take() {
            Some(spilled) => spilled,
            None => Spilled::new()?,
        };
        spilled.add(&self.events)?;
        self.spilled = Some(spilled);
        self.events.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Calls `each` with the data of the kept events, in the order of the log.
    ///
    /// # Errors
    /// If `each` fails, or the temporary file can't be read.
    pub fn for_each_kept<E: From<EngineError>>(
        mut self,
        mut each: impl FnMut(CoveredLink, K) -> Result<(), E>,
    ) -> Result<(), E> {
        self.events.sort_by_key(|(link, _)| link.index);
        let Some(mut spilled) = self.spilled else {
            return self.events.into_iter().try_for_each(|(link, event)| each(link, event));
        };
        spilled.add(&self.events)?;
        drop(self.events);
        let Spilled { mut runs, keys, .. } = spilled;
        runs.for_each(|_, bytes| {
            let (link, event) = decode(bytes, &keys).ok_or_else(|| {
                let hint =
                    "make sure that no other program writes to the temporary folder, and run the command again";
                EngineError::new("io.changed", "a temporary file was changed", hint)
            })?;
            each(link, event)
        })
    }
}

impl Spilled {
    fn new() -> Result<Self, EngineError> {
        Ok(Self { runs: Runs::new()?, keys: Vec::new(), numbers: HashMap::new() })
    }

    /// Adds sorted events as a run.
    fn add<K: Spillable>(&mut self, events: &[(CoveredLink, K)]) -> Result<(), EngineError> {
        let Self { runs, keys, numbers } = self;
        runs.add(events, |(link, event), out| {
            encode(link, event.as_bytes(), number(&link.vkey, keys, numbers), out);
            link.index
        })
    }
}

fn number(vkey: &VerifierKey, keys: &mut Vec<VerifierKey>, numbers: &mut HashMap<String, u32>) -> u32 {
    if let Some(number) = numbers.get(vkey.as_str()) {
        return *number;
    }
    let number = keys.len() as u32;
    keys.push(vkey.clone());
    numbers.insert(vkey.as_str().to_owned(), number);
    number
}

/// The number of bytes of an encoded link without its attestation.
const HEAD: usize = 8 * 4 + 16 + 4 + 1;
/// The bits of the last of these bytes.
const AUTHORIZED: u8 = 1;
const ATTESTED: u8 = 2;
const SIGNED: u8 = 4;

fn encode(link: &CoveredLink, event: &[u8], key: u32, out: &mut Vec<u8>) {
    let numbers = [link.line, link.index, link.seq, link.time.millis().cast_unsigned()];
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    out.extend(link.chain.0);
    out.extend(key.to_le_bytes());
    let attestation = link.attestation.as_ref();
    let signature = attestation.and_then(|attestation| attestation.signature.as_deref());
    let bits =
        [(link.authorized, AUTHORIZED), (attestation.is_some(), ATTESTED), (signature.is_some(), SIGNED)];
    out.push(bits.iter().filter(|(is_set, _)| *is_set).map(|(_, bit)| bit).sum());
    if let Some(LinkAttestation { hash, prev, .. }) = attestation {
        out.extend(hash.0);
        out.extend(prev.0);
    }
    out.extend(signature.into_iter().flatten());
    out.extend(event);
}

fn decode<K: Spillable>(bytes: &[u8], keys: &[VerifierKey]) -> Option<(CoveredLink, K)> {
    let (head, mut rest) = bytes.split_at_checked(HEAD)?;
    let number = |at: usize| head[at..].first_chunk().copied().map(u64::from_le_bytes);
    let link = CoveredLink {
        line: number(0)?,
        index: number(8)?,
        chain: ChainId(head[32..].first_chunk().copied()?),
        seq: number(16)?,
        time: Time::from_millis(number(24)?.cast_signed())?,
        vkey: keys.get(u32::from_le_bytes(head[48..].first_chunk().copied()?) as usize)?.clone(),
        authorized: head[52] & AUTHORIZED != 0,
        attestation: if head[52] & ATTESTED == 0 {
            None
        } else {
            let (hash, prev) = (Hash(take(&mut rest)?), Hash(take(&mut rest)?));
            let is_signed = head[52] & SIGNED != 0;
            let signature = if is_signed { Some(Box::new(take(&mut rest)?)) } else { None };
            Some(LinkAttestation { hash, prev, signature })
        },
    };
    Some((link, K::from_bytes(rest)?))
}

/// Takes bytes from the front.
fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(index: u64) -> (CoveredLink, Box<str>) {
        let keys = [
            "example.com/dashboard/a+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5",
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ];
        let link = CoveredLink {
            line: index + 2,
            index,
            chain: ChainId([index as u8; 16]),
            seq: index / 3,
            time: Time::from_millis(index.cast_signed() - 50).unwrap(),
            vkey: keys[(index % 2) as usize].parse().unwrap(),
            authorized: index.is_multiple_of(5),
            attestation: (!index.is_multiple_of(3)).then(|| LinkAttestation {
                hash: Hash([index as u8; 32]),
                prev: Hash([!index as u8; 32]),
                signature: (index % 3 > 1).then(|| Box::new([index as u8; 64])),
            }),
        };
        (link, format!("{{\"n\":{index},\"text\":\"{}\"}}", "é".repeat(index as usize)).into())
    }

    fn push_all(max_events: u64, in_memory: usize) -> (u64, bool, Vec<VerifiedEvent>) {
        let mut all = PendingEvents { in_memory, ..PendingEvents::new(max_events) };
        // In the order of verification: chain by chain.
        for index in (0..500).step_by(2).chain((1..500).step_by(2)) {
            let (link, event) = sample(index);
            all.push(link, Some(event)).unwrap();
        }
        let (total, spilled) = (all.total, all.spilled.is_some());
        let mut events = Vec::new();
        all.for_each(|event| {
            events.push(event);
            Ok::<_, EngineError>(())
        })
        .unwrap();
        (total, spilled, events)
    }

    #[test]
    fn events_are_returned_in_log_order() {
        let expected: Vec<_> = (0..500).map(|index| sample(index).1).collect();
        let (total, spilled, events) = push_all(u64::MAX, usize::MAX);
        assert_eq!((total, spilled), (500, false));
        assert!(events.iter().map(|event| &event.event).eq(&expected));
        for in_memory in [1, 5_000, 100_000] {
            assert_eq!(push_all(u64::MAX, in_memory), (500, true, events.clone()), "{in_memory}");
        }
    }

    #[test]
    fn binary_data_is_kept() {
        for in_memory in [1, usize::MAX] {
            let mut all = PendingEvents { in_memory, ..PendingEvents::new(u64::MAX) };
            for index in [3, 1, 2] {
                all.push(sample(index).0, Some(Box::from([255, index as u8]))).unwrap();
            }
            let mut kept = Vec::new();
            all.for_each_kept(|link, bytes: Box<[u8]>| {
                kept.push((link, bytes));
                Ok::<_, EngineError>(())
            })
            .unwrap();
            let expected = [1, 2, 3].map(|index| (sample(index).0, Box::from([255, index as u8])));
            assert_eq!(kept, expected);
        }
    }

    #[test]
    fn limit_keeps_the_first_events() {
        for in_memory in [1_000, usize::MAX] {
            let (total, _, events) = push_all(300, in_memory);
            // The first events pushed: all with even indexes, and fifty of the others.
            let indexes: Vec<_> = events.iter().map(|event| event.index).collect();
            assert_eq!((total, indexes.len(), &indexes[98..102]), (500, 300, &[98, 99, 100, 102][..]));
        }
    }
}
