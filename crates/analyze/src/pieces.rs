//! What workers detected, on its way to the one that takes it in order.
//!
//! Verified events come in batches, in an order that depends on signatures and threads. Workers detect in them side by
//! side, and hand on pieces: what they detected, sorted, as bytes. [`Merged`] takes these in the order of the leaves,
//! so that what is found depends on neither. There is one for each event where rules ask for baselines: so it holds
//! those pieces alone that overlap, and asks for the others when it is their turn.

use core::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use countersign_query::batch::{self, Line};
use serde::{Deserialize, Serialize};

use crate::analyzer::{Analyzer, Detected};
use crate::pack::Pack;
use crate::signers::Signers;

/// Whose signature covers an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signed {
    /// The chain: 32 hex digits.
    pub chain: String,
    /// The key.
    pub vkey: String,
    /// Whether it was authorized, as far as was known when the event was handed out.
    pub authorized: bool,
}

/// An error in bytes that are no verified events, or no piece, of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceError;

impl core::fmt::Display for PieceError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "these bytes were not made by this version")
    }
}

impl std::error::Error for PieceError {}

/// Detects in batches of verified events.
#[derive(Debug)]
pub struct Detector {
    pack: Pack,
    events: u64,
    unread: u64,
    found: Vec<(Detected, u32)>,
    signers: Vec<Signed>,
}

impl Detector {
    /// By the rules of a pack.
    pub fn new(pack: Pack) -> Self {
        Self { pack, events: 0, unread: 0, found: Vec::new(), signers: Vec::new() }
    }

    /// Takes the whole lines that bytes begin with, and says how many bytes these are.
    ///
    /// # Errors
    ///
    /// Where a line is no verified event with what a parser makes of it, as [`batch`] writes them.
    pub fn detect(&mut self, bytes: &[u8]) -> Result<usize, PieceError> {
        let mut are_read = true;
        let taken = batch::each(bytes, |line| are_read &= self.line(line).is_some());
        taken.filter(|_| are_read).ok_or(PieceError)
    }

    /// None where nobody has read the event.
    fn line(&mut self, line: &Line<'_>) -> Option<()> {
        let leaf = line.index.unsigned_abs();
        let detected = line.look_as_read(|entry| {
            self.unread += u64::from(entry.read.is_none());
            self.pack.detect(leaf, entry)
        })?;
        self.events += 1;
        let is_same = |signed: &Signed| {
            signed.chain == line.chain && signed.vkey == line.vkey && signed.authorized == line.authorized
        };
        // Neighbors are of one chain most often.
        let number = self.signers.iter().rposition(is_same).unwrap_or_else(|| {
            let (chain, vkey) = (line.chain.into(), line.vkey.clone().into());
            self.signers.push(Signed { chain, vkey, authorized: line.authorized });
            self.signers.len() - 1
        }) as u32;
        self.found.push((detected, number));
        Some(())
    }

    /// What was detected since the last piece.
    pub fn finish(&mut self) -> Vec<u8> {
        self.found.sort_by_key(|(detected, _)| detected.leaf());
        let leaf = |found: Option<&(Detected, u32)>| found.map_or(0, |(detected, _)| detected.leaf());
        let outline = Outline {
            events: core::mem::take(&mut self.events),
            unread: core::mem::take(&mut self.unread),
            found: self.found.len() as u64,
            first: leaf(self.found.first()),
        };
        let mut bytes = written(&outline, Vec::new());
        bytes = written(&core::mem::take(&mut self.signers), bytes);
        for found in self.found.drain(..) {
            bytes = written(&found, bytes);
        }
        bytes
    }
}

fn written(value: &impl Serialize, bytes: Vec<u8>) -> Vec<u8> {
    // Writing into memory can't fail.
    postcard::to_extend(value, bytes).unwrap_or_default()
}

impl Detected {
    /// As bytes, for another thread or worker with the same pack.
    pub fn to_bytes(&self) -> Vec<u8> {
        written(self, Vec::new())
    }

    /// What was written for this pack.
    ///
    /// # Errors
    ///
    /// Where these bytes are no such thing.
    pub fn from_bytes(bytes: &[u8], pack: &Pack) -> Result<Self, PieceError> {
        let detected = postcard::from_bytes::<Self>(bytes).map_err(|_| PieceError)?;
        if detected.is_of(pack) { Ok(detected) } else { Err(PieceError) }
    }
}

/// How a piece begins: at most [`OUTLINE`] bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Outline {
    events: u64,
    unread: u64,
    found: u64,
    first: u64,
}

/// So many bytes tell what a piece is about.
pub const OUTLINE: usize = 40;

/// A piece that is being taken.
#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    /// The numbers of its signers.
    signers: Vec<u32>,
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
    /// The first leaf of each piece that was told of; none where nothing was detected.
    firsts: Vec<Option<u64>>,
    events: u64,
    unread: u64,
    /// Those whose turn has not come, the one that begins last first.
    waiting: Vec<usize>,
    loaded: HashMap<usize, Piece>,
    /// The leaves that the loaded pieces have next.
    heads: BinaryHeap<Next>,
    last: Option<u64>,
    signers: Signers<Signed>,
}

impl<'p> Merged<'p> {
    /// None yet.
    pub fn new(pack: &'p Pack) -> Self {
        Self {
            pack,
            analyzer: Analyzer::new(pack),
            firsts: Vec::new(),
            events: 0,
            unread: 0,
            waiting: Vec::new(),
            loaded: HashMap::new(),
            heads: BinaryHeap::new(),
            last: None,
            signers: Signers::default(),
        }
    }

    /// There is one more piece, which begins with these bytes, of which [`OUTLINE`] are enough. The first has the number 0.
    /// Where it should have been taken before others that were, all begin anew.
    ///
    /// # Errors
    ///
    /// Where it is none.
    pub fn hear(&mut self, begin: &[u8]) -> Result<(), PieceError> {
        let (Outline { events, unread, found, first }, _) =
            postcard::take_from_bytes(begin).map_err(|_| PieceError)?;
        self.events += events;
        self.unread += unread;
        self.firsts.push((found > 0).then_some(first));
        if found == 0 {
            return Ok(());
        }
        if self.last.is_some_and(|last| first <= last) {
            self.begin();
        } else {
            let place = self.waiting.partition_point(|other| self.firsts[*other] > Some(first));
            self.waiting.insert(place, self.firsts.len() - 1);
        }
        Ok(())
    }

    /// The number of the piece without which nothing more can be taken.
    pub fn wants(&self) -> Option<usize> {
        let number = self.waiting.last().copied()?;
        let first = self.firsts[number]?;
        self.heads.peek().is_none_or(|Reverse((leaf, _))| *leaf >= first).then_some(number)
    }

    /// Takes the piece that it [wants](Self::wants).
    ///
    /// # Errors
    ///
    /// Where it is another one, or none.
    pub fn load(&mut self, number: usize, bytes: Vec<u8>) -> Result<(), PieceError> {
        if self.wants() != Some(number) {
            return Err(PieceError);
        }
        let ((outline, signers), rest) =
            postcard::take_from_bytes::<(Outline, Vec<Signed>)>(&bytes).map_err(|_| PieceError)?;
        if self.firsts[number] != Some(outline.first) {
            return Err(PieceError);
        }
        let at = bytes.len() - rest.len();
        let signers = signers.into_iter().map(|signed| self.signers.number(signed)).collect();
        self.waiting.pop();
        self.loaded.insert(number, Piece { bytes, signers, next: None });
        self.read(number, at)
    }

    /// Takes so much of what was detected, and says whether there is more that can be taken.
    ///
    /// # Errors
    ///
    /// Where a piece is none.
    pub fn step(&mut self, most: usize) -> Result<bool, PieceError> {
        for _ in 0..most {
            if self.wants().is_some() {
                return Ok(false);
            }
            let Some((detected, signer)) = self.next()? else { return Ok(false) };
            let leaf = detected.leaf();
            // A leaf that is shown twice counts once.
            if self.last.is_some_and(|last| leaf <= last) {
                continue;
            }
            self.last = Some(leaf);
            self.signers.note(leaf, signer, &self.analyzer);
            self.analyzer.take(detected).map_err(|_| PieceError)?;
        }
        Ok(true)
    }

    fn begin(&mut self) {
        self.analyzer = Analyzer::new(self.pack);
        self.signers = Signers::default();
        self.heads.clear();
        self.loaded.clear();
        self.last = None;
        let firsts = &self.firsts;
        self.waiting = (0..firsts.len()).filter(|number| firsts[*number].is_some()).collect();
        self.waiting.sort_by_key(|number| Reverse((firsts[*number], *number)));
    }

    fn next(&mut self) -> Result<Option<(Detected, u32)>, PieceError> {
        let Some(Reverse((_, number))) = self.heads.pop() else { return Ok(None) };
        let next = self.loaded.get_mut(&number).and_then(|piece| piece.next.take());
        let Some((detected, signer, at)) = next else { return Ok(None) };
        self.read(number, at)?;
        Ok(Some((detected, signer)))
    }

    /// Reads what a piece has at a place, and lets go of it at its end.
    fn read(&mut self, number: usize, at: usize) -> Result<(), PieceError> {
        let Some(piece) = self.loaded.get_mut(&number) else { return Err(PieceError) };
        let bytes = &piece.bytes[at..];
        if bytes.is_empty() {
            self.loaded.remove(&number);
            return Ok(());
        }
        let ((detected, signer), rest) =
            postcard::take_from_bytes::<(Detected, u32)>(bytes).map_err(|_| PieceError)?;
        let signer = piece.signers.get(signer as usize).copied().ok_or(PieceError)?;
        if !detected.is_of(self.pack) {
            return Err(PieceError);
        }
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

    /// Of how many of them no parser knew the shape.
    pub const fn unread(&self) -> u64 {
        self.unread
    }

    /// Whose signature covers a leaf that a finding names.
    pub fn signed(&self, leaf: u64) -> Option<&Signed> {
        self.signers.of(leaf)
    }
}
