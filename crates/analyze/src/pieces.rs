//! Merging of matches that several workers detect, in the order of the log.
//!
//! Verified events come in batches, in an order that depends on signatures and threads. Workers detect in
//! parallel and return pieces: sorted matches, as bytes. [`Merged`] accepts these in the order of the log,
//! so that findings depend on neither. If rules use baselines there is a match for every event, so `Merged`
//! keeps only pieces that overlap, and requests the others when they are due.

use core::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use countersign_query::batch::{self, Line};
use serde::{Deserialize, Serialize};

use crate::analyzer::{Analyzer, Detected};
use crate::pack::Pack;
use crate::signers::Signers;

/// The signer of an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signed {
    /// The chain: 32 hex digits.
    pub chain: String,
    /// The signer's public key.
    pub vkey: String,
    /// True if the signer was authorized according to what was known when the event was passed on.
    pub authorized: bool,
}

/// The error for bytes that are neither verified events nor a piece in this version's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceError;

impl core::fmt::Display for PieceError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the bytes were written by another version, or are corrupted")
    }
}

impl std::error::Error for PieceError {}

/// Detects in batches of verified events.
#[derive(Debug)]
pub struct Detector {
    pack: Pack,
    /// The range of entries to examine; all of them without one.
    range: Option<(u64, u64)>,
    events: u64,
    unparsed: u64,
    found: Vec<(Detected, u32)>,
    signers: Vec<Signed>,
}

impl Detector {
    /// Creates a detector for the rules of a pack.
    pub fn new(pack: Pack) -> Self {
        Self { pack, range: None, events: 0, unparsed: 0, found: Vec::new(), signers: Vec::new() }
    }

    /// Examines only events at entries from the first up to but not including the second.
    #[must_use]
    pub fn within(self, range: (u64, u64)) -> Self {
        Self { range: Some(range), ..self }
    }

    /// Detects in the complete lines at the start of `bytes`, and returns their length in bytes.
    ///
    /// # Errors
    ///
    /// Returns an error if a line isn't a verified event with its parse result, as [`batch`] writes them.
    pub fn detect(&mut self, bytes: &[u8]) -> Result<usize, PieceError> {
        let mut all_parsed = true;
        let length = batch::each(bytes, |line| all_parsed &= self.line(line).is_some());
        length.filter(|_| all_parsed).ok_or(PieceError)
    }

    /// Returns `None` if the line has no parse result.
    fn line(&mut self, line: &Line<'_>) -> Option<()> {
        let leaf = line.index.unsigned_abs();
        if !self.range.is_none_or(|(first, end)| (first..end).contains(&leaf)) {
            return Some(());
        }
        let detected = line.with_parsed_fields(|entry| {
            self.unparsed += u64::from(entry.read.is_none());
            self.pack.detect(leaf, entry)
        })?;
        self.events += 1;
        let is_same = |signed: &Signed| {
            signed.chain == line.chain && signed.vkey == line.vkey && signed.authorized == line.authorized
        };
        // Adjacent lines usually belong to one chain.
        let number = self.signers.iter().rposition(is_same).unwrap_or_else(|| {
            let (chain, vkey) = (line.chain.into(), line.vkey.clone().into());
            self.signers.push(Signed { chain, vkey, authorized: line.authorized });
            self.signers.len() - 1
        }) as u32;
        self.found.push((detected, number));
        Some(())
    }

    /// Returns the matches since the last piece as bytes.
    pub fn finish(&mut self) -> Vec<u8> {
        self.found.sort_by_key(|(detected, _)| detected.leaf());
        let leaf = |found: Option<&(Detected, u32)>| found.map_or(0, |(detected, _)| detected.leaf());
        let outline = Outline {
            events: core::mem::take(&mut self.events),
            unparsed: core::mem::take(&mut self.unparsed),
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
    /// Serializes it for another thread or worker with the same pack.
    pub fn to_bytes(&self) -> Vec<u8> {
        written(self, Vec::new())
    }

    /// Deserializes matches for this pack.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes don't contain matches for this pack.
    pub fn from_bytes(bytes: &[u8], pack: &Pack) -> Result<Self, PieceError> {
        let detected = postcard::from_bytes::<Self>(bytes).map_err(|_| PieceError)?;
        if detected.is_of(pack) { Ok(detected) } else { Err(PieceError) }
    }
}

/// The start of a piece: at most [`MAX_OUTLINE_BYTES`] bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Outline {
    events: u64,
    unparsed: u64,
    found: u64,
    first: u64,
}

/// The number of bytes of a piece that are enough for [`Merged::announce`].
pub const MAX_OUTLINE_BYTES: usize = 40;

/// A piece that is being read.
#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    /// The numbers of its signers in [`Merged::signers`].
    signers: Vec<u32>,
    /// Its next match, that match's signer, and the offset after it.
    next: Option<(Detected, u32, usize)>,
}

/// The next entry of a piece, and the piece's number.
type Next = Reverse<(u64, usize)>;

/// An analyzer that accepts pieces, which may come in any order, in the order of the log.
#[derive(Debug)]
pub struct Merged<'p> {
    pack: &'p Pack,
    analyzer: Analyzer<'p>,
    /// The first entry of each announced piece; `None` if nothing was detected.
    firsts: Vec<Option<u64>>,
    events: u64,
    unparsed: u64,
    /// The pieces that aren't due yet, sorted by first entry, the latest first.
    waiting: Vec<usize>,
    loaded: HashMap<usize, Piece>,
    /// The next entry of each loaded piece.
    heads: BinaryHeap<Next>,
    last: Option<u64>,
    signers: Signers<Signed>,
}

impl<'p> Merged<'p> {
    /// Creates an analyzer without pieces.
    pub fn new(pack: &'p Pack) -> Self {
        Self {
            pack,
            analyzer: Analyzer::new(pack),
            firsts: Vec::new(),
            events: 0,
            unparsed: 0,
            waiting: Vec::new(),
            loaded: HashMap::new(),
            heads: BinaryHeap::new(),
            last: None,
            signers: Signers::default(),
        }
    }

    /// Announces a piece by its first [`MAX_OUTLINE_BYTES`] bytes. Pieces are numbered from 0 in the order
    /// of these calls. If a piece should have come before entries that were already accepted, the analysis
    /// starts over.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes aren't a piece.
    pub fn announce(&mut self, begin: &[u8]) -> Result<(), PieceError> {
        let (Outline { events, unparsed, found, first }, _) =
            postcard::take_from_bytes(begin).map_err(|_| PieceError)?;
        self.events += events;
        self.unparsed += unparsed;
        self.firsts.push((found > 0).then_some(first));
        if found == 0 {
            return Ok(());
        }
        if self.last.is_some_and(|last| first <= last) {
            self.restart();
        } else {
            let place = self.waiting.partition_point(|other| self.firsts[*other] > Some(first));
            self.waiting.insert(place, self.firsts.len() - 1);
        }
        Ok(())
    }

    /// Returns the number of the piece to load next; `None` if more can be accepted without one.
    pub fn next_piece(&self) -> Option<usize> {
        let number = self.waiting.last().copied()?;
        let first = self.firsts[number]?;
        self.heads.peek().is_none_or(|Reverse((leaf, _))| *leaf >= first).then_some(number)
    }

    /// Loads the piece that [`Self::next_piece`] asks for.
    ///
    /// # Errors
    ///
    /// Returns an error if it is another piece, or isn't one.
    pub fn load(&mut self, number: usize, bytes: Vec<u8>) -> Result<(), PieceError> {
        if self.next_piece() != Some(number) {
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

    /// Accepts up to `max_matches` matches, and returns true if more can be accepted.
    ///
    /// # Errors
    ///
    /// Returns an error if a piece is malformed.
    pub fn step(&mut self, max_matches: usize) -> Result<bool, PieceError> {
        for _ in 0..max_matches {
            if self.next_piece().is_some() {
                return Ok(false);
            }
            let Some((detected, signer)) = self.next()? else { return Ok(false) };
            let leaf = detected.leaf();
            // An entry that occurs twice counts once.
            if self.last.is_some_and(|last| leaf <= last) {
                continue;
            }
            self.last = Some(leaf);
            self.signers.note(leaf, signer, &self.analyzer);
            self.analyzer.accept(detected).map_err(|_| PieceError)?;
        }
        Ok(true)
    }

    fn restart(&mut self) {
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

    /// Reads the next match of a piece at an offset, or drops the piece at its end.
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

    /// Returns the analyzer that accepts the pieces.
    pub const fn analyzer(&self) -> &Analyzer<'p> {
        &self.analyzer
    }

    /// Returns the number of events analyzed.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Returns the number of events that no parser recognized.
    pub const fn unparsed(&self) -> u64 {
        self.unparsed
    }

    /// Returns the signer of an entry that a finding names.
    pub fn signed(&self, leaf: u64) -> Option<&Signed> {
        self.signers.get(leaf)
    }
}
