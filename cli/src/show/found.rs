//! Events that wait for the verdict: in memory while they are few, and else in a temporary file.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use countersign::link::ChainId;
use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign::verify::{CoveredLink, VerifiedEvent};

use crate::errors::Failure;

/// How many bytes of events are kept in memory, about.
const IN_MEMORY: usize = 32 << 20;
/// How many bytes of each sorted run are read at a time.
const PIECE: usize = 64 << 10;

/// The events that are to be shown, of which there may be more than memory holds.
pub(super) struct Found {
    most: u64,
    in_memory: usize,
    /// How many there are.
    pub(super) total: u64,
    /// How many of them were kept.
    kept: u64,
    events: Vec<VerifiedEvent>,
    bytes: usize,
    spilled: Option<Spilled>,
}

/// Runs of events, each sorted by their leaves.
struct Spilled {
    file: File,
    runs: Vec<(u64, u64)>,
    keys: Vec<VerifierKey>,
    numbers: HashMap<String, u32>,
}

impl Found {
    /// Keeps the first `most` events that come.
    pub(super) fn new(most: u64) -> Self {
        Self { most, in_memory: IN_MEMORY, total: 0, kept: 0, events: Vec::new(), bytes: 0, spilled: None }
    }

    /// Whether no more are kept.
    pub(super) fn is_full(&self) -> bool {
        self.kept >= self.most
    }

    /// How many are kept.
    pub(super) fn kept(&self) -> u64 {
        self.kept
    }

    /// One more was found.
    pub(super) fn push(&mut self, link: CoveredLink, event: Option<Box<str>>) -> Result<(), Failure> {
        self.total += 1;
        let Some(event) = event.filter(|_| !self.is_full()) else { return Ok(()) };
        self.kept += 1;
        self.bytes += event.len() + link.vkey.as_str().len() + size_of::<VerifiedEvent>();
        self.events.push(VerifiedEvent { link, event });
        if self.bytes < self.in_memory {
            return Ok(());
        }
        self.events.sort_by_key(|event| event.index);
        let mut spilled = match self.spilled.take() {
            Some(spilled) => spilled,
            None => Spilled::new().map_err(|error| failed(&error))?,
        };
        spilled.add(&self.events).map_err(|error| failed(&error))?;
        self.spilled = Some(spilled);
        self.events.clear();
        self.bytes = 0;
        Ok(())
    }

    /// All that were kept, in the order of the log.
    pub(super) fn for_each(
        mut self,
        mut each: impl FnMut(VerifiedEvent) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.events.sort_by_key(|event| event.index);
        let Some(mut spilled) = self.spilled else { return self.events.into_iter().try_for_each(each) };
        spilled.add(&self.events).map_err(|error| failed(&error))?;
        drop(self.events);
        let mut runs: Vec<Run> = spilled.runs.iter().map(|(begin, end)| Run::new(*begin, *end)).collect();
        let mut first = BinaryHeap::new();
        let mut next = |nth: usize| -> Result<Option<(Reverse<u64>, VerifiedEvent)>, Failure> {
            let event = runs[nth].next(&mut spilled.file, &spilled.keys).map_err(|error| failed(&error))?;
            Ok(event.map(|event| (Reverse(event.index), event)))
        };
        let mut waiting: Vec<Option<VerifiedEvent>> = Vec::new();
        for nth in 0..spilled.runs.len() {
            waiting.push(next(nth)?.map(|(index, event)| {
                first.push((index, nth));
                event
            }));
        }
        while let Some((_, nth)) = first.pop() {
            let event = waiting[nth].take();
            if let Some((index, event)) = next(nth)? {
                first.push((index, nth));
                waiting[nth] = Some(event);
            }
            event.map_or(Ok(()), &mut each)?;
        }
        Ok(())
    }
}

fn failed(error: &io::Error) -> Failure {
    Failure::io("keep events in", "a temporary file", error)
        .with_hint("make room, or set TMPDIR to a folder that has it")
}

impl Spilled {
    fn new() -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, runs: Vec::new(), keys: Vec::new(), numbers: HashMap::new() })
    }

    /// A run of events that are sorted.
    fn add(&mut self, events: &[VerifiedEvent]) -> io::Result<()> {
        let begin = self.runs.last().map_or(0, |(_, end)| *end);
        let mut out = Vec::with_capacity(PIECE * 2);
        let mut end = begin;
        self.file.seek(SeekFrom::Start(begin))?;
        for event in events {
            let key = self.number(&event.vkey);
            write(event, key, &mut out);
            if out.len() >= PIECE {
                end += out.len() as u64;
                self.file.write_all(&out)?;
                out.clear();
            }
        }
        end += out.len() as u64;
        self.file.write_all(&out)?;
        self.runs.push((begin, end));
        Ok(())
    }

    fn number(&mut self, vkey: &VerifierKey) -> u32 {
        if let Some(number) = self.numbers.get(vkey.as_str()) {
            return *number;
        }
        let number = self.keys.len() as u32;
        self.keys.push(vkey.clone());
        self.numbers.insert(vkey.as_str().to_owned(), number);
        number
    }
}

/// A run that is read from its beginning.
struct Run {
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    from: usize,
}

impl Run {
    fn new(at: u64, end: u64) -> Self {
        Self { at, end, buffer: Vec::new(), from: 0 }
    }

    fn next(&mut self, file: &mut File, keys: &[VerifierKey]) -> io::Result<Option<VerifiedEvent>> {
        if self.from == self.buffer.len() && self.at == self.end {
            return Ok(None);
        }
        let head = self.take(file, HEAD)?;
        let length = read_head(head).length;
        self.from -= HEAD;
        let bytes = self.take(file, HEAD + length)?;
        event(bytes, keys).map(Some).ok_or_else(|| io::Error::other("a temporary file was changed"))
    }

    /// So many bytes, which are there.
    fn take(&mut self, file: &mut File, bytes: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.from < bytes {
            self.buffer.drain(..self.from);
            self.from = 0;
            let before = self.buffer.len();
            let more = (bytes.max(PIECE) - before).min((self.end - self.at) as usize);
            self.buffer.resize(before + more, 0);
            file.seek(SeekFrom::Start(self.at))?;
            file.read_exact(&mut self.buffer[before..])?;
            self.at += more as u64;
        }
        let taken = self.buffer.get(self.from..self.from + bytes).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.from += bytes;
        Ok(taken)
    }
}

/// The bytes of an event but for its text.
const HEAD: usize = 8 * 4 + 16 + 4 + 4 + 1;

/// What comes before an event's text.
struct Head {
    link: [u64; 4],
    chain: [u8; 16],
    key: u32,
    authorised: bool,
    length: usize,
}

fn write(event: &VerifiedEvent, key: u32, out: &mut Vec<u8>) {
    let VerifiedEvent { link, event } = event;
    let numbers = [link.line, link.index, link.seq, link.time.millis().cast_unsigned()];
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    out.extend(link.chain.0);
    out.extend(key.to_le_bytes());
    // No event has more bytes than a line, which has at most a mebibyte.
    out.extend((event.len() as u32).to_le_bytes());
    out.push(u8::from(link.authorised));
    out.extend(event.as_bytes());
}

fn read_head(bytes: &[u8]) -> Head {
    let number = |at: usize| {
        let mut number = [0; 8];
        number.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(number)
    };
    let mut chain = [0; 16];
    chain.copy_from_slice(&bytes[32..48]);
    let both = number(48);
    Head {
        link: [number(0), number(8), number(16), number(24)],
        chain,
        key: both as u32,
        authorised: bytes[56] == 1,
        length: (both >> 32) as usize,
    }
}

fn event(bytes: &[u8], keys: &[VerifierKey]) -> Option<VerifiedEvent> {
    let Head { link: [line, index, seq, time], chain, key, authorised, .. } = read_head(bytes);
    let link = CoveredLink {
        line,
        index,
        chain: ChainId(chain),
        seq,
        time: Time::from_millis(time.cast_signed())?,
        vkey: keys.get(key as usize)?.clone(),
        authorised,
    };
    Some(VerifiedEvent { link, event: str::from_utf8(&bytes[HEAD..]).ok()?.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(index: u64) -> (CoveredLink, Box<str>) {
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
            authorised: index.is_multiple_of(5),
        };
        (link, format!("{{\"n\":{index},\"text\":\"{}\"}}", "é".repeat(index as usize)).into())
    }

    fn shown(most: u64, in_memory: usize) -> (u64, bool, Vec<VerifiedEvent>) {
        let mut all = Found { in_memory, ..Found::new(most) };
        // As they become verified: chain by chain.
        for index in (0..500).step_by(2).chain((1..500).step_by(2)) {
            let (link, event) = found(index);
            all.push(link, Some(event)).unwrap();
        }
        let (total, spilled) = (all.total, all.spilled.is_some());
        let mut events = Vec::new();
        all.for_each(|event| {
            events.push(event);
            Ok(())
        })
        .unwrap();
        (total, spilled, events)
    }

    #[test]
    fn they_come_in_the_order_of_the_log_wherever_they_waited() {
        let expected: Vec<_> = (0..500).map(|index| found(index).1).collect();
        let (total, spilled, events) = shown(u64::MAX, usize::MAX);
        assert_eq!((total, spilled), (500, false));
        assert!(events.iter().map(|event| &event.event).eq(&expected));
        for in_memory in [1, 5_000, 100_000] {
            assert_eq!(shown(u64::MAX, in_memory), (500, true, events.clone()), "{in_memory}");
        }
    }

    #[test]
    fn no_more_are_kept_than_are_shown() {
        for in_memory in [1_000, usize::MAX] {
            let (total, _, events) = shown(300, in_memory);
            // The first that came: all of even index, and the first fifty of the others.
            let indexes: Vec<_> = events.iter().map(|event| event.index).collect();
            assert_eq!((total, indexes.len(), &indexes[98..102]), (500, 300, &[98, 99, 100, 102][..]));
        }
    }
}
