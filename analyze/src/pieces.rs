//! What workers detected, on its way to the one that takes it in order.
//!
//! Verified events come in batches, in an order that depends on signatures and threads. Workers detect in them side by
//! side, and hand on pieces: what they detected, sorted, as bytes. [`Merged`] takes these in the order of the leaves,
//! so that what is found depends on neither.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use countersign_query::batch::{self, Line};
use countersign_query::value::Document;
use countersign_query::{Entry, Readings};
use serde::{Deserialize, Serialize};

use crate::analyzer::{Analyzer, Detected};
use crate::pack::Pack;

/// Whose signature covers an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The chain: 32 hex digits.
    pub chain: String,
    /// The key.
    pub vkey: String,
    /// Whether it was authorised, as far as was known when the event was handed out.
    pub authorised: bool,
}

/// These bytes are no verified events, or no piece, of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl core::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "these bytes were not made by this version")
    }
}

impl std::error::Error for Unreadable {}

/// Detects in batches of verified events.
#[derive(Debug)]
pub struct Detector {
    pack: Pack,
    readings: Readings,
    events: u64,
    found: Vec<(Detected, u32)>,
    signers: Vec<Signed>,
}

impl Detector {
    /// By the rules of a pack.
    pub fn new(pack: Pack, readings: Readings) -> Self {
        Self { pack, readings, events: 0, found: Vec::new(), signers: Vec::new() }
    }

    /// Takes the whole lines that bytes begin with, and says how many bytes these are.
    ///
    /// # Errors
    ///
    /// Where a line is no verified event as the verifier writes them.
    pub fn detect(&mut self, bytes: &[u8]) -> Result<usize, Unreadable> {
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { return Ok(0) };
        let lines = core::str::from_utf8(&bytes[..end]).map_err(|_| Unreadable)?;
        for line in lines.split('\n') {
            self.line(&batch::read(line).ok_or(Unreadable)?);
        }
        Ok(end + 1)
    }

    fn line(&mut self, line: &Line<'_>) {
        self.events += 1;
        let document = Document::parse(line.event);
        let event = document.as_ref().map(Document::root);
        let read = event.as_ref().and_then(|event| self.readings.read(event));
        let signer = line.vkey.split('+').next();
        let entry = Entry { event, read: read.as_ref(), recorded: line.time, chain: line.chain, signer };
        let detected = self.pack.detect(line.index.unsigned_abs(), &entry);
        if detected.is_empty() {
            return;
        }
        let is_same = |signed: &Signed| {
            signed.chain == line.chain && signed.vkey == line.vkey && signed.authorised == line.authorised
        };
        // Neighbours are of one chain most often.
        let number = self.signers.iter().rposition(is_same).unwrap_or_else(|| {
            let (chain, vkey) = (line.chain.into(), line.vkey.clone().into());
            self.signers.push(Signed { chain, vkey, authorised: line.authorised });
            self.signers.len() - 1
        }) as u32;
        self.found.push((detected, number));
    }

    /// What was detected since the last piece.
    pub fn finish(&mut self) -> Vec<u8> {
        self.found.sort_by_key(|(detected, _)| detected.leaf());
        let leaf = |found: Option<&(Detected, u32)>| found.map_or(0, |(detected, _)| detected.leaf());
        let head = Head {
            events: core::mem::take(&mut self.events),
            first: leaf(self.found.first()),
            last: leaf(self.found.last()),
            found: self.found.len() as u64,
            signers: core::mem::take(&mut self.signers),
        };
        let mut bytes = written(&head, Vec::new());
        for found in self.found.drain(..) {
            bytes = written(&found, bytes);
        }
        bytes
    }
}

fn written(value: &impl Serialize, bytes: Vec<u8>) -> Vec<u8> {
    // What is written into memory has no way to fail.
    postcard::to_extend(value, bytes).unwrap_or_default()
}

/// How a piece begins.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    events: u64,
    first: u64,
    last: u64,
    found: u64,
    signers: Vec<Signed>,
}

#[derive(Debug)]
struct Piece {
    head: Head,
    bytes: Vec<u8>,
    /// Where what was found begins.
    at: usize,
    /// The number of the first of its signers among all.
    signers: usize,
    /// What it has next, and where that ends.
    next: Option<(Detected, u32, usize)>,
}

/// How far a piece was read: its next is by leaf, then by piece.
type Next = Reverse<(u64, usize)>;

/// Pieces, taken in the order of the leaves, whatever the order in which they come.
#[derive(Debug)]
pub struct Merged<'p> {
    pack: &'p Pack,
    analyzer: Analyzer<'p>,
    pieces: Vec<Piece>,
    events: u64,
    signers: Vec<Signed>,
    /// Pieces that were not begun, the one that begins last first.
    waiting: Vec<usize>,
    /// The leaves that the pieces that were begun have next.
    heads: BinaryHeap<Next>,
    last: Option<u64>,
    /// From which leaf on whose signature covers what was detected.
    signed: Vec<(u64, u32)>,
    is_stale: bool,
}

impl<'p> Merged<'p> {
    /// None yet.
    pub fn new(pack: &'p Pack) -> Self {
        Self {
            pack,
            analyzer: Analyzer::new(pack),
            pieces: Vec::new(),
            events: 0,
            signers: Vec::new(),
            waiting: Vec::new(),
            heads: BinaryHeap::new(),
            last: None,
            signed: Vec::new(),
            is_stale: false,
        }
    }

    /// Takes a piece.
    ///
    /// # Errors
    ///
    /// Where it is none.
    pub fn add(&mut self, bytes: Vec<u8>) -> Result<(), Unreadable> {
        let (head, rest) = postcard::take_from_bytes::<Head>(&bytes).map_err(|_| Unreadable)?;
        let at = bytes.len() - rest.len();
        self.events += head.events;
        if head.found == 0 {
            return Ok(());
        }
        if self.last.is_some_and(|last| head.first <= last) {
            self.is_stale = true;
        }
        let signers = self.signers.len();
        self.signers.extend(head.signers.iter().cloned());
        let first = head.first;
        let number = self.pieces.len();
        self.pieces.push(Piece { head, bytes, at, signers, next: None });
        let place = self.waiting.partition_point(|other| self.pieces[*other].head.first > first);
        self.waiting.insert(place, number);
        Ok(())
    }

    /// Takes so much of what was detected, and says whether there is more. Where a piece came late, it begins anew.
    ///
    /// # Errors
    ///
    /// Where a piece is none.
    pub fn step(&mut self, most: usize) -> Result<bool, Unreadable> {
        if self.is_stale {
            self.begin();
        }
        for _ in 0..most {
            let Some((detected, signer)) = self.next()? else { return Ok(false) };
            let leaf = detected.leaf();
            // A leaf that is shown twice counts once.
            if self.last.is_some_and(|last| leaf <= last) {
                continue;
            }
            self.last = Some(leaf);
            if self.signed.last().is_none_or(|(_, before)| *before != signer) {
                self.signed.push((leaf, signer));
            }
            self.analyzer.take(detected).map_err(|_| Unreadable)?;
        }
        Ok(true)
    }

    fn begin(&mut self) {
        self.analyzer = Analyzer::new(self.pack);
        self.heads.clear();
        self.signed.clear();
        self.last = None;
        self.is_stale = false;
        self.waiting = (0..self.pieces.len()).collect();
        let pieces = &self.pieces;
        self.waiting.sort_by_key(|number| Reverse((pieces[*number].head.first, *number)));
    }

    fn next(&mut self) -> Result<Option<(Detected, u32)>, Unreadable> {
        while let Some(number) = self.waiting.last().copied() {
            let first = self.pieces[number].head.first;
            if self.heads.peek().is_some_and(|Reverse((leaf, _))| *leaf < first) {
                break;
            }
            self.waiting.pop();
            self.read(number, self.pieces[number].at)?;
        }
        let Some(Reverse((_, number))) = self.heads.pop() else { return Ok(None) };
        let Some((detected, signer, at)) = self.pieces[number].next.take() else { return Ok(None) };
        self.read(number, at)?;
        Ok(Some((detected, signer)))
    }

    /// Reads what a piece has at a place.
    fn read(&mut self, number: usize, at: usize) -> Result<(), Unreadable> {
        let piece = &mut self.pieces[number];
        let bytes = &piece.bytes[at..];
        if bytes.is_empty() {
            return Ok(());
        }
        let ((detected, signer), rest) =
            postcard::take_from_bytes::<(Detected, u32)>(bytes).map_err(|_| Unreadable)?;
        if !detected.is_of(self.pack) || signer as usize >= piece.head.signers.len() {
            return Err(Unreadable);
        }
        let signer = (piece.signers + signer as usize) as u32;
        let end = piece.bytes.len() - rest.len();
        self.heads.push(Reverse((detected.leaf(), number)));
        piece.next = Some((detected, signer, end));
        Ok(())
    }

    /// What takes them.
    pub const fn analyzer(&self) -> &Analyzer<'p> {
        &self.analyzer
    }

    /// How many events were looked at.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Whose signature covers a leaf of which something was detected.
    pub fn signed(&self, leaf: u64) -> Option<&Signed> {
        let after = self.signed.partition_point(|(from, _)| *from <= leaf);
        let (_, number) = self.signed.get(after.checked_sub(1)?)?;
        self.signers.get(*number as usize)
    }
}
