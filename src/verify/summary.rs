//! Summaries: everything that verification needs to know about a chunk of lines (SPEC section 10).
//!
//! A [`Summarizer`] does the work that is worth running in parallel: it parses and hashes a chunk and verifies its
//! signatures, without knowing what came before except for some chains' keys. Summaries are small, and
//! [`Progress::absorb`](super::Progress::absorb) processes them in the order of the lines. The report does not depend
//! on where chunks were cut or which thread or machine summarized them.

use std::borrow::Cow;
use std::collections::HashMap;

use memchr::memchr;

use super::FindingCode;
use super::chain_keys::ChainKeys;
use super::leaves::Leaves;
use crate::checkpoint::SignedCheckpoint;
use crate::ed25519::PublicKey;
use crate::error::Quoted;
use crate::export::line::{LineErrorKind, into_bytes, strip};
use crate::export::{Item, Line, LineError, MAX_LINE, Matched, Payload, PayloadError, Withheld};
use crate::hash::{Hash, Message, hash_many};
use crate::keys::KeyNote;
use crate::link::{ChainId, Link, Signature, commit_prefix, signed_part};
use crate::merkle::leaf_hash;
use crate::note::VerifierKey;
use crate::phrases;
use crate::tenant::{Anchor, Head, HeadError, HeadProof, State, TenantOrigin};
use crate::time::Time;
use crate::trust::Trust;

/// The content of a chunk of lines, with hashes computed and signatures verified.
#[derive(Debug, Default)]
pub struct Summary {
    /// The chunk's length in bytes.
    pub(super) bytes: u64,
    /// The number of lines, including blank ones.
    pub(super) lines: u64,
    /// The number of lines that are not blank.
    pub(super) filled: u64,
    /// The last line that is not blank, 1-based within the chunk; 0 if all are blank.
    pub(super) last_filled: u64,
    pub(super) chains: Vec<ChainId>,
    pub(super) leaves: Leaves,
    pub(super) entries: Vec<Entry>,
    pub(super) findings: Vec<LineFinding>,
    /// Canonical forms of events that match only in that form, with their entries in ascending order.
    pub(super) canonical: Vec<(usize, Box<str>)>,
    pub(super) unresolved: Vec<Unresolved>,
}

/// A line that is a leaf, a skip, a checkpoint, a head, or an anchor.
#[derive(Debug)]
pub(super) struct Entry {
    /// The line, 1-based within the chunk.
    pub(super) line: u64,
    pub(super) kind: EntryKind,
}

#[derive(Debug)]
pub(super) enum EntryKind {
    Link(LinkEntry),
    Note(Box<KeyNote>),
    /// A leaf that is neither a link nor a key note, or a leaf on a malformed line. If it is a link there, its chain
    /// and seq.
    Opaque(Option<(ChainId, u64)>),
    Skip(u8, Hash),
    /// A checkpoint, or a head in its place.
    Checkpoint(Box<CheckpointEntry>),
    Anchor(Box<AnchorEntry>),
}

impl EntryKind {
    /// True if the line is a leaf.
    pub(super) const fn is_leaf(&self) -> bool {
        !matches!(self, Self::Skip(..) | Self::Checkpoint(_) | Self::Anchor(_))
    }
}

#[derive(Debug)]
pub(super) struct LinkEntry {
    /// An index into the summary's chains.
    pub(super) chain: u32,
    pub(super) role: Role,
    pub(super) signature: SignatureState,
    pub(super) payload: PayloadState,
    pub(super) seq: u64,
    pub(super) time: Time,
    pub(super) prev: Previous,
    /// The byte range of the event in the chunk.
    pub(super) event: (usize, usize),
    pub(super) signature_bytes: Option<Box<Signature>>,
}

#[derive(Debug)]
pub(super) enum Role {
    Open(Box<Opening>),
    Event,
    Close,
}

/// The facts that only an open link states.
#[derive(Debug)]
pub(super) struct Opening {
    /// The origin of the chain's log.
    pub(super) origin: String,
    /// The emitter's key.
    pub(super) key: VerifierKey,
}

/// The hash of the link before, as a link states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Previous {
    Hash(Hash),
    /// The hash of the chain's last link that is not a fork. Merging compared and dropped it.
    Follows,
    /// Another hash. Merging compared and dropped it.
    Differs,
}

impl Previous {
    /// Returns the hash, if it was not dropped.
    pub(super) const fn hash(&self) -> Option<&Hash> {
        match self {
            Self::Hash(hash) => Some(hash),
            Self::Follows | Self::Differs => None,
        }
    }

    /// True if the hash is that of the chain's last link.
    pub(super) fn is(&self, last: &Hash) -> bool {
        match self {
            Self::Hash(hash) => hash == last,
            Self::Follows => true,
            Self::Differs => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignatureState {
    No,
    Valid,
    Invalid,
    /// The chain's key was not known; see [`Summary::unresolved`].
    Unresolved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PayloadState {
    /// Not an event link.
    NoEvent,
    Withheld(Option<Withheld>),
    Matches,
    Fails,
}

/// A signature that must be verified where the chain's key is known.
#[derive(Debug)]
pub(super) struct Unresolved {
    pub(super) entry: usize,
    pub(super) message: String,
    pub(super) signature: Signature,
}

/// A checkpoint with its signatures verified, or a head with those of its root log's checkpoint.
#[derive(Debug)]
pub(super) struct CheckpointEntry {
    pub(super) size: u64,
    pub(super) root: Hash,
    /// The signed note or the head proof as received.
    pub(super) note: String,
    /// The facts that only a head states.
    pub(super) head: Option<HeadFacts>,
    /// The checkpoint's origin, if it differs from the header's. No signature was verified then.
    pub(super) other_origin: Option<String>,
    /// True if the signatures of trusted log keys are valid; `None` if there is no such signature.
    pub(super) log: Option<bool>,
    /// The trusted witnesses that cosigned, by index, and when.
    pub(super) cosignatures: Vec<(usize, Time)>,
    pub(super) bad_cosignature: bool,
}

/// The facts of a head that a checkpoint doesn't state.
#[derive(Debug)]
pub(super) struct HeadFacts {
    pub(super) tick: u64,
    pub(super) time: Time,
    pub(super) state: State,
    pub(super) root_origin: String,
    pub(super) root_size: u64,
    /// The root hash of the root log.
    pub(super) root: Hash,
    /// The reason why the head is invalid, if it is.
    pub(super) error: Option<HeadError>,
}

/// An anchor of a tenant log.
#[derive(Debug)]
pub(super) struct AnchorEntry {
    pub(super) origin: String,
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) state: State,
    pub(super) time: Time,
    pub(super) tick: u64,
    /// The leaf hash of the root log's entry that the anchor proves.
    pub(super) leaf: Hash,
    /// The inclusion proof of that entry.
    pub(super) hashes: Vec<Hash>,
}

impl From<Anchor> for AnchorEntry {
    fn from(anchor: Anchor) -> Self {
        let leaf = leaf_hash(anchor.entry().to_string().as_bytes());
        let Anchor { head, time, tick, hashes, .. } = anchor;
        let (size, root, state) = (head.size, head.root, head.state);
        Self { origin: head.origin.to_string(), size, root, state, time, tick, leaf, hashes }
    }
}

/// A finding that follows from the line alone.
#[derive(Debug)]
pub(super) struct LineFinding {
    pub(super) line: u64,
    /// The entry on this line, if it has a position in the tree.
    pub(super) entry: Option<usize>,
    pub(super) code: FindingCode,
    /// The problem, or the name of a duplicate field.
    pub(super) detail: Cow<'static, str>,
}

impl Summary {
    /// Returns the line of the last checkpoint.
    pub(super) fn last_checkpoint(&self) -> Option<u64> {
        let mut entries = self.entries.iter().rev();
        entries.find(|entry| matches!(entry.kind, EntryKind::Checkpoint(_))).map(|entry| entry.line)
    }

    /// Returns the open links, for other summarizers to [learn](Summarizer::learn).
    pub fn opened(&self) -> impl Iterator<Item = (ChainId, [u8; 32])> {
        self.entries.iter().filter_map(|entry| match &entry.kind {
            EntryKind::Link(LinkEntry { role: Role::Open(open), chain, .. }) => {
                Some((self.chains[*chain as usize], open.key.signer_public()))
            }
            _ => None,
        })
    }
}

/// Maximum number of parsed public keys in the cache.
const MAX_CACHED_KEYS: usize = 1024;

/// Summarizes chunks of one export. Clones share the chains' keys that any of them learns.
#[derive(Clone, Default)]
pub struct Summarizer {
    origin: String,
    trust: Trust,
    /// True if the origin is that of a tenant log.
    is_tenant: bool,
    tiles: bool,
    keys: ChainKeys,
    /// A cache of parsed public keys.
    points: HashMap<[u8; 32], Option<PublicKey>>,
    scratch: Vec<Hash>,
    /// The number of entries in the previous chunk, used to size the next summary.
    expected: usize,
}

/// An event whose commit still has to be compared.
struct PendingCommit<'a> {
    entry: usize,
    line: u64,
    payload: Payload<'a>,
    commit: Hash,
}

#[derive(Default)]
struct ChunkState<'a> {
    summary: Summary,
    places: HashMap<ChainId, u32>,
    texts: Vec<Cow<'a, [u8]>>,
    payloads: Vec<PendingCommit<'a>>,
    /// The entry, the leaf, and the signature of each signed link.
    signed: Vec<(usize, usize, Signature)>,
}

impl Summarizer {
    /// Creates a summarizer for an export with this header origin and a reader with this trust.
    pub fn new(origin: &str, trust: &Trust) -> Self {
        let is_tenant = TenantOrigin::for_reader(origin, trust).is_some();
        Self { origin: origin.into(), trust: trust.clone(), is_tenant, ..Self::default() }
    }

    /// Sets whether the lines were reconstructed from a log's [`tiles`](super::Options::tiles).
    #[must_use]
    pub fn of_tiles(self, tiles: bool) -> Self {
        Self { tiles, ..self }
    }

    /// Adds chains' keys that other summarizers found, so that signatures can be verified here.
    pub fn learn(&mut self, opened: impl IntoIterator<Item = (ChainId, [u8; 32])>) {
        self.keys.learn(opened);
    }

    /// Summarizes whole lines, without the header. Only the last line of the export may lack its line end.
    pub fn summarize(&mut self, chunk: &[u8]) -> Summary {
        let expected = self.expected;
        let entries = Vec::with_capacity(expected);
        let summary = Summary { bytes: chunk.len() as u64, entries, ..Summary::default() };
        let (texts, payloads) = (Vec::with_capacity(expected), Vec::with_capacity(expected));
        let mut state = ChunkState { summary, texts, payloads, ..ChunkState::default() };
        let text = core::str::from_utf8(chunk).ok();
        let mut start = 0;
        while start < chunk.len() {
            let end = memchr(b'\n', &chunk[start..]).map(|length| start + length);
            let bytes = &chunk[start..end.unwrap_or(chunk.len())];
            state.summary.lines += 1;
            if !strip(bytes).is_empty() {
                state.summary.filled += 1;
                state.summary.last_filled = state.summary.lines;
                let line = match text {
                    Some(text) => text.get(start..start + bytes.len()),
                    None => core::str::from_utf8(bytes).ok(),
                };
                self.line(&mut state, line, bytes.len(), end.is_some(), start);
            }
            start = end.map_or(chunk.len(), |end| end + 1);
        }
        self.hash(&mut state);
        self.check_signatures(&mut state);
        state.summary.findings.sort_by_key(|finding| finding.line);
        self.expected = state.summary.entries.len();
        state.summary
    }

    fn line<'a>(
        &self,
        state: &mut ChunkState<'a>,
        line: Option<&'a str>,
        length: usize,
        ended: bool,
        start: usize,
    ) {
        let number = state.summary.lines;
        let parsed = match line {
            Some(text) => Line::read(text, self.tiles),
            None => Err(LineError {
                fault: LineErrorKind::Line,
                detail: if length > MAX_LINE { phrases::LINE_TOO_LONG } else { phrases::LINE_NOT_UTF8 },
                leaf: None,
                place: None,
            }),
        };
        match parsed {
            Ok(parsed) => {
                for _ in 0..parsed.unknown_members {
                    let detail = phrases::LINE_UNKNOWN_MEMBER;
                    let next = state.summary.entries.len();
                    state.finding(next, number, FindingCode::FormatUnknownMember, detail.into());
                }
                let base = line.map_or(0, |text| text.as_ptr() as usize);
                self.item(state, number, parsed.item, |event: &str| {
                    let first = start + (event.as_ptr() as usize - base);
                    (first, first + event.len())
                });
            }
            Err(malformed) => state.malformed(number, malformed, ended),
        }
    }

    #[inline]
    fn item<'a>(
        &self,
        state: &mut ChunkState<'a>,
        line: u64,
        item: Item<'a>,
        place: impl Fn(&str) -> (usize, usize),
    ) {
        let entry = state.summary.entries.len();
        let kind = match item {
            Item::Link { text, link, payload, withheld } => {
                let chain = state.chain(link.chain());
                let mut event = (0, 0);
                let shown = match (&link, payload) {
                    (Link::Event(link), Some(payload)) => {
                        event = place(payload.event);
                        state.payloads.push(PendingCommit { entry, line, payload, commit: link.commit });
                        PayloadState::Matches
                    }
                    (Link::Event(_), None) => {
                        // Tiles contain no events, so a missing event is not a finding.
                        if !self.tiles {
                            let detail = phrases::PAYLOAD_WITHHELD;
                            state.finding(entry, line, FindingCode::PayloadWithheld, detail.into());
                        }
                        PayloadState::Withheld(withheld)
                    }
                    _ => PayloadState::NoEvent,
                };
                let signature = match link.signature() {
                    Some(signature) => {
                        state.signed.push((entry, state.texts.len(), *signature));
                        SignatureState::Unresolved
                    }
                    None => SignatureState::No,
                };
                state.texts.push(into_bytes(text));
                let (seq, time) = (link.seq(), link.time());
                let prev = Previous::Hash(link.prev().copied().unwrap_or(Hash([0; 32])));
                let signature_bytes = link.signature().copied().map(Box::new);
                let role = match link {
                    Link::Open(open) => Role::Open(Box::new(Opening { origin: open.origin, key: open.key })),
                    Link::Event(_) => Role::Event,
                    Link::Close(_) => Role::Close,
                };
                EntryKind::Link(LinkEntry {
                    chain,
                    role,
                    signature,
                    payload: shown,
                    seq,
                    time,
                    prev,
                    event,
                    signature_bytes,
                })
            }
            Item::Note { text, note } => {
                state.texts.push(into_bytes(text));
                EntryKind::Note(note)
            }
            Item::Leaf(bytes) => {
                state.texts.push(Cow::Owned(bytes));
                EntryKind::Opaque(None)
            }
            Item::Skip { level, hash } => EntryKind::Skip(level, hash),
            Item::Checkpoint { text, signed } => {
                EntryKind::Checkpoint(Box::new(self.checkpoint(&text, &signed)))
            }
            Item::Head { text, proof } => EntryKind::Checkpoint(Box::new(self.head(&text, &proof))),
            Item::Anchor { anchor, .. } => EntryKind::Anchor(Box::new(AnchorEntry::from(*anchor))),
        };
        state.summary.entries.push(Entry { line, kind });
    }

    fn checkpoint(&self, note: &str, signed: &SignedCheckpoint) -> CheckpointEntry {
        let checkpoint = &signed.checkpoint;
        let mut entry = CheckpointEntry {
            size: checkpoint.size,
            root: checkpoint.root,
            note: note.into(),
            head: None,
            other_origin: None,
            log: None,
            cosignatures: Vec::new(),
            bad_cosignature: false,
        };
        if checkpoint.origin != self.origin {
            entry.other_origin = Some(checkpoint.origin.clone());
            return entry;
        }
        self.open(&mut entry, signed);
        entry
    }

    fn head(&self, text: &str, proof: &HeadProof) -> CheckpointEntry {
        let (head, checkpoint) = (proof.head(), &proof.checkpoint.checkpoint);
        let error = proof.check().err();
        let other_root = || (error == Some(HeadError::Origin)).then(|| checkpoint.origin.clone());
        let facts = HeadFacts {
            tick: proof.anchor.tick,
            time: proof.anchor.time,
            state: head.state,
            root_origin: checkpoint.origin.clone(),
            root_size: checkpoint.size,
            root: checkpoint.root,
            error,
        };
        let mut entry = CheckpointEntry {
            size: head.size,
            root: head.root,
            note: text.into(),
            head: Some(facts),
            other_origin: self.other_origin(head).or_else(other_root),
            log: None,
            cosignatures: Vec::new(),
            bad_cosignature: false,
        };
        if entry.other_origin.is_none() {
            self.open(&mut entry, &proof.checkpoint);
        }
        entry
    }

    /// Returns the origin of a head if it belongs to another log than the export's.
    fn other_origin(&self, head: &Head) -> Option<String> {
        let origin = head.origin.as_str();
        (!self.is_tenant || origin != self.origin).then(|| origin.to_owned())
    }

    /// Verifies the signatures of a checkpoint.
    fn open(&self, entry: &mut CheckpointEntry, signed: &SignedCheckpoint) {
        let log = signed.log_signatures(self.trust.logs());
        entry.log = match (&log.verified[..], &log.invalid[..]) {
            ([], []) => None,
            (_, invalid) => Some(invalid.is_empty()),
        };
        let cosignatures = signed.cosignatures(self.trust.witnesses());
        entry.cosignatures = cosignatures.times();
        entry.bad_cosignature = !cosignatures.invalid.is_empty();
    }

    /// Completes a summary that was made elsewhere: applies the reader's trust, and verifies signatures with the keys
    /// in `known`. Returns `None` if the summary is inconsistent.
    pub fn settle(&mut self, summary: &mut Summary, known: &HashMap<ChainId, [u8; 32]>) -> Option<()> {
        for entry in &mut summary.entries {
            if let EntryKind::Checkpoint(checkpoint) = &mut entry.kind {
                **checkpoint = if checkpoint.head.is_some() {
                    self.head(&checkpoint.note, &HeadProof::parse(&checkpoint.note).ok()?)
                } else {
                    self.checkpoint(&checkpoint.note, &SignedCheckpoint::parse(&checkpoint.note).ok()?)
                };
            }
        }
        self.resolve(summary, known)
    }

    /// Verifies the signatures of a summary that was made elsewhere, with the keys in `known`. Returns `None` if the
    /// summary is inconsistent.
    pub(super) fn resolve(
        &mut self,
        summary: &mut Summary,
        known: &HashMap<ChainId, [u8; 32]>,
    ) -> Option<()> {
        for unresolved in std::mem::take(&mut summary.unresolved) {
            let EntryKind::Link(link) = &mut summary.entries[unresolved.entry].kind else { return None };
            match known.get(&summary.chains[link.chain as usize]) {
                Some(public) => {
                    let message = unresolved.message.as_bytes();
                    link.signature = self.signed(public, message, &unresolved.signature);
                }
                None => summary.unresolved.push(unresolved),
            }
        }
        Some(())
    }

    fn hash(&mut self, state: &mut ChunkState<'_>) {
        let prefixes: Vec<[u8; 39]> =
            state.payloads.iter().map(|event| commit_prefix(&event.payload.salt)).collect();
        let leaves = state.texts.iter().map(|text| Message { prefix: &[0], body: text });
        let events = state.payloads.iter().zip(&prefixes);
        let events = events.map(|(event, prefix)| Message { prefix, body: event.payload.event.as_bytes() });
        let messages: Vec<_> = leaves.chain(events).collect();
        self.scratch.clear();
        hash_many(&messages, &mut self.scratch);
        let (leaves, commits) = self.scratch.split_at(state.texts.len());
        state.summary.leaves = Leaves::Hashes(leaves.to_vec());
        for (event, found) in std::mem::take(&mut state.payloads).into_iter().zip(commits) {
            state.compare(&event, found);
        }
    }

    fn check_signatures(&mut self, state: &mut ChunkState<'_>) {
        self.learn(state.summary.opened());
        if state.signed.is_empty() {
            return;
        }
        let keys = self.keys.get(&state.summary.chains);
        for (entry, leaf, signature) in &state.signed {
            let EntryKind::Link(link) = &mut state.summary.entries[*entry].kind else { continue };
            // Links are ASCII except for the names in an open link, which contain no space.
            let text = core::str::from_utf8(&state.texts[*leaf]).unwrap_or_default();
            let message = signed_part(text);
            match &keys[link.chain as usize] {
                Some(public) => link.signature = self.signed(public, message.as_bytes(), signature),
                None => state.summary.unresolved.push(Unresolved {
                    entry: *entry,
                    message: message.to_owned(),
                    signature: *signature,
                }),
            }
        }
    }

    fn signed(&mut self, public: &[u8; 32], message: &[u8], signature: &Signature) -> SignatureState {
        let valid = self.point(public).is_some_and(|key| key.verify(message, signature));
        if valid { SignatureState::Valid } else { SignatureState::Invalid }
    }

    fn point(&mut self, public: &[u8; 32]) -> Option<&PublicKey> {
        if self.points.len() >= MAX_CACHED_KEYS && !self.points.contains_key(public) {
            self.points.clear();
        }
        self.points.entry(*public).or_insert_with(|| PublicKey::new(public)).as_ref()
    }
}

impl<'a> ChunkState<'a> {
    fn chain(&mut self, chain: ChainId) -> u32 {
        // Links of one chain mostly come in runs.
        if let Some(Entry { kind: EntryKind::Link(last), .. }) = self.summary.entries.last()
            && self.summary.chains[last.chain as usize] == chain
        {
            return last.chain;
        }
        *self.places.entry(chain).or_insert_with(|| {
            self.summary.chains.push(chain);
            self.summary.chains.len() as u32 - 1
        })
    }

    /// Adds a finding on the line of this entry.
    fn finding(&mut self, entry: usize, line: u64, code: FindingCode, detail: Cow<'static, str>) {
        self.summary.findings.push(LineFinding { line, entry: Some(entry), code, detail });
    }

    fn malformed(&mut self, line: u64, malformed: LineError<'a>, ended: bool) {
        let (code, detail) = match malformed.fault {
            _ if !ended => (FindingCode::FormatTruncated, phrases::LINE_CUT),
            LineErrorKind::Line => (FindingCode::FormatLine, malformed.detail),
            LineErrorKind::Link => (FindingCode::FormatLink, malformed.detail),
            LineErrorKind::Note => (FindingCode::FormatNote, malformed.detail),
            LineErrorKind::Checkpoint => (FindingCode::FormatCheckpoint, malformed.detail),
            LineErrorKind::Head => (FindingCode::FormatHead, malformed.detail),
            LineErrorKind::LeafSize => (FindingCode::FormatEntrySize, malformed.detail),
        };
        let entry = malformed.leaf.map(|leaf| {
            self.texts.push(leaf);
            self.summary.entries.push(Entry { line, kind: EntryKind::Opaque(malformed.place) });
            self.summary.entries.len() - 1
        });
        let detail = Cow::Borrowed(detail);
        self.summary.findings.push(LineFinding { line, entry, code, detail });
    }

    fn compare(&mut self, event: &PendingCommit<'_>, found: &Hash) {
        let PendingCommit { entry, line, payload, commit } = event;
        let (code, detail) = match payload.check(found, commit) {
            Ok(Matched::Verbatim) => return,
            Ok(Matched::Canonical(text)) => {
                self.summary.canonical.push((*entry, text));
                let detail = phrases::PAYLOAD_RESERIALIZED;
                (FindingCode::PayloadReserialized, Cow::Borrowed(detail))
            }
            Err(mismatch) => match mismatch {
                PayloadError::DuplicateMember(name) => {
                    (FindingCode::PayloadDuplicateMember, Cow::Owned(Quoted(&name).to_string()))
                }
                PayloadError::Differs => (FindingCode::PayloadMismatch, phrases::PAYLOAD_MISMATCH.into()),
            },
        };
        if code != FindingCode::PayloadReserialized
            && let EntryKind::Link(link) = &mut self.summary.entries[*entry].kind
        {
            link.payload = PayloadState::Fails;
        }
        self.finding(*entry, *line, code, detail);
    }
}
