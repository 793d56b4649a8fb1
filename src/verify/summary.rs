//! Summaries: all that verifying needs to know of a stretch of lines (SPEC section 10).
//!
//! A [`Summarizer`] does the work that is worth sharing out: it parses, hashes and checks the signatures of a
//! stretch, knowing nothing of what came before it but some chains' keys. Summaries are small, and
//! [`Progress::absorb`](super::Progress::absorb) takes them in the order of the lines. The report does not depend on
//! where the stretches were cut or on who summarized them.

use std::borrow::Cow;
use std::collections::HashMap;

use memchr::memchr;

use super::FindingCode;
use super::chain_keys::ChainKeys;
use crate::ed25519::PublicKey;
use crate::error::Quoted;
use crate::export::line::{LineErrorKind, into_bytes, strip};
use crate::export::{Item, Line, LineError, MAX_LINE, Matched, Payload, PayloadError, Withheld};
use crate::hash::{Hash, Message, hash_many};
use crate::keys::KeyNote;
use crate::link::{ChainId, Link, OpenLink, Signature, commit_prefix, signed_part};
use crate::phrases;
use crate::time::Time;
use crate::trust::Trust;

/// What a stretch of lines holds, with all hashes computed and signatures checked.
#[derive(Debug, Default)]
pub struct Summary {
    /// Bytes of the text.
    pub(super) bytes: u64,
    /// Lines, blank ones counted.
    pub(super) lines: u64,
    /// Lines that are not blank.
    pub(super) filled: u64,
    /// The last line that is not blank, counted from the stretch's first, 1-based; 0 for none.
    pub(super) last_filled: u64,
    pub(super) chains: Vec<ChainId>,
    /// The leaves' hashes, in their order.
    pub(super) leaves: Vec<Hash>,
    pub(super) entries: Vec<Entry>,
    pub(super) findings: Vec<LineFinding>,
    /// The canonical forms of events that match by theirs alone, with their entries, which ascend.
    pub(super) canonical: Vec<(usize, Box<str>)>,
    pub(super) unresolved: Vec<Unresolved>,
}

/// A line that is a leaf, a skip or a checkpoint.
#[derive(Debug)]
pub(super) struct Entry {
    /// Counted from the stretch's first line, 1-based.
    pub(super) line: u64,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Link(LinkEntry),
    Note(Box<KeyNote>),
    /// A leaf that is neither link nor key note, or one on a malformed line; of a link there, chain and seq.
    Opaque(Option<(ChainId, u64)>),
    Skip(u8, Hash),
    Checkpoint(Box<CheckpointEntry>),
}

#[derive(Debug)]
pub(super) struct LinkEntry {
    /// Which of the summary's chains.
    pub(super) chain: u32,
    pub(super) role: Role,
    pub(super) signature: Signed,
    pub(super) payload: Shown,
    pub(super) seq: u64,
    pub(super) time: Time,
    pub(super) prev: Hash,
    /// Where the event stands in the stretch.
    pub(super) event: (usize, usize),
}

#[derive(Debug)]
pub(super) enum Role {
    Open(Box<OpenLink>),
    Event,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    No,
    Valid,
    Invalid,
    /// The chain's key was not known here; see [`Summary::unresolved`].
    Unresolved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Not an event link.
    NoEvent,
    Withheld(Option<Withheld>),
    Matches,
    Fails,
}

/// A signature to be checked by who knows the chain's key.
#[derive(Debug)]
pub(super) struct Unresolved {
    pub(super) entry: usize,
    pub(super) message: String,
    pub(super) signature: Signature,
}

/// A checkpoint with its signatures checked.
#[derive(Debug)]
pub(super) struct CheckpointEntry {
    pub(super) size: u64,
    pub(super) root: Hash,
    /// The signed note as it stood.
    pub(super) note: String,
    /// The checkpoint's origin, where it is not the header's; then no signature was looked at.
    pub(super) other_origin: Option<String>,
    /// Whether the signatures of trusted log keys are valid; none where there is no such signature.
    pub(super) log: Option<bool>,
    /// Which trusted witnesses cosigned it, and when.
    pub(super) cosignatures: Vec<(usize, Time)>,
    pub(super) bad_cosignature: bool,
}

/// A finding that can be told from the line alone.
#[derive(Debug)]
pub(super) struct LineFinding {
    pub(super) line: u64,
    /// The entry that the line is, where it has a place in the tree.
    pub(super) entry: Option<usize>,
    pub(super) code: FindingCode,
    /// What is wrong; of a name that is there twice, the name.
    pub(super) detail: Cow<'static, str>,
}

impl Summary {
    /// The line of the last checkpoint within.
    pub(super) fn last_checkpoint(&self) -> Option<u64> {
        let mut entries = self.entries.iter().rev();
        entries.find(|entry| matches!(entry.kind, Kind::Checkpoint(_))).map(|entry| entry.line)
    }

    /// The open links within, to be [learned](Summarizer::learn) by other summarizers.
    pub fn opened(&self) -> impl Iterator<Item = (ChainId, [u8; 32])> {
        self.entries.iter().filter_map(|entry| match &entry.kind {
            Kind::Link(LinkEntry { role: Role::Open(open), .. }) => Some((open.chain, *open.key.public())),
            _ => None,
        })
    }
}

/// How many keys are kept ready to verify with.
const POINTS: usize = 1024;

/// Makes summaries of stretches of one export. What one learns of chains' keys its clones know too.
#[derive(Clone, Default)]
pub struct Summarizer {
    origin: String,
    trust: Trust,
    tiles: bool,
    keys: ChainKeys,
    /// Keys that were used of late, ready to verify with.
    points: HashMap<[u8; 32], Option<PublicKey>>,
    scratch: Vec<Hash>,
    /// How many entries the stretch before had: the next one has about as many.
    expected: usize,
}

/// An event whose commit is still to be compared.
struct Uncompared<'a> {
    entry: usize,
    line: u64,
    payload: Payload<'a>,
    commit: Hash,
}

#[derive(Default)]
struct Stretch<'a> {
    summary: Summary,
    places: HashMap<ChainId, u32>,
    texts: Vec<Cow<'a, [u8]>>,
    payloads: Vec<Uncompared<'a>>,
    /// Entry, leaf and signature of each signed link.
    signed: Vec<(usize, usize, Signature)>,
}

impl Summarizer {
    /// For the stretches of an export with this header origin, by a reader who trusts so much.
    pub fn new(origin: &str, trust: &Trust) -> Self {
        Self { origin: origin.into(), trust: trust.clone(), ..Self::default() }
    }

    /// The same, for the lines of an export or for what a log's [`tiles`](super::Options::tiles) make.
    #[must_use]
    pub fn of_tiles(self, tiles: bool) -> Self {
        Self { tiles, ..self }
    }

    /// Takes chains' keys that others met, so that signatures can be checked here.
    pub fn learn(&mut self, opened: impl IntoIterator<Item = (ChainId, [u8; 32])>) {
        self.keys.learn(opened);
    }

    /// Summarizes whole lines, the header not among them. Only at the end of the export may the last line lack
    /// its line end.
    pub fn summarize(&mut self, stretch: &[u8]) -> Summary {
        let expected = self.expected;
        let entries = Vec::with_capacity(expected);
        let summary = Summary { bytes: stretch.len() as u64, entries, ..Summary::default() };
        let (texts, payloads) = (Vec::with_capacity(expected), Vec::with_capacity(expected));
        let mut state = Stretch { summary, texts, payloads, ..Stretch::default() };
        let text = core::str::from_utf8(stretch).ok();
        let mut start = 0;
        while start < stretch.len() {
            let end = memchr(b'\n', &stretch[start..]).map(|length| start + length);
            let bytes = &stretch[start..end.unwrap_or(stretch.len())];
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
            start = end.map_or(stretch.len(), |end| end + 1);
        }
        self.hash(&mut state);
        self.check_signatures(&mut state);
        state.summary.findings.sort_by_key(|finding| finding.line);
        self.expected = state.summary.entries.len();
        state.summary
    }

    fn line<'a>(
        &self,
        state: &mut Stretch<'a>,
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
        state: &mut Stretch<'a>,
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
                        state.payloads.push(Uncompared { entry, line, payload, commit: link.commit });
                        Shown::Matches
                    }
                    (Link::Event(_), None) => {
                        // No tile could show it.
                        if !self.tiles {
                            let detail = phrases::PAYLOAD_WITHHELD;
                            state.finding(entry, line, FindingCode::PayloadWithheld, detail.into());
                        }
                        Shown::Withheld(withheld)
                    }
                    _ => Shown::NoEvent,
                };
                let signature = match link.signature() {
                    Some(signature) => {
                        state.signed.push((entry, state.texts.len(), *signature));
                        Signed::Unresolved
                    }
                    None => Signed::No,
                };
                state.texts.push(into_bytes(text));
                let (seq, time) = (link.seq(), link.time());
                let prev = link.prev().copied().unwrap_or(Hash([0; 32]));
                let role = match link {
                    Link::Open(open) => Role::Open(open),
                    Link::Event(_) => Role::Event,
                    Link::Close(_) => Role::Close,
                };
                Kind::Link(LinkEntry { chain, role, signature, payload: shown, seq, time, prev, event })
            }
            Item::Note { text, note } => {
                state.texts.push(into_bytes(text));
                Kind::Note(note)
            }
            Item::Leaf(bytes) => {
                state.texts.push(Cow::Owned(bytes));
                Kind::Opaque(None)
            }
            Item::Skip { level, hash } => Kind::Skip(level, hash),
            Item::Checkpoint { text, signed } => Kind::Checkpoint(Box::new(self.checkpoint(&text, &signed))),
        };
        state.summary.entries.push(Entry { line, kind });
    }

    fn checkpoint(&self, note: &str, signed: &crate::checkpoint::SignedCheckpoint) -> CheckpointEntry {
        let checkpoint = &signed.checkpoint;
        let mut entry = CheckpointEntry {
            size: checkpoint.size,
            root: checkpoint.root,
            note: note.into(),
            other_origin: None,
            log: None,
            cosignatures: Vec::new(),
            bad_cosignature: false,
        };
        if checkpoint.origin != self.origin {
            entry.other_origin = Some(checkpoint.origin.clone());
            return entry;
        }
        let log = signed.log_signatures(self.trust.logs());
        entry.log = match (&log.verified[..], &log.invalid[..]) {
            ([], []) => None,
            (_, invalid) => Some(invalid.is_empty()),
        };
        let cosignatures = signed.cosignatures(self.trust.witnesses());
        entry.cosignatures = cosignatures.times();
        entry.bad_cosignature = !cosignatures.invalid.is_empty();
        entry
    }

    /// Does for a summary that was made elsewhere what takes a reader's trust, or chains that others met. None where
    /// nothing could have been summarized so.
    pub fn settle(&mut self, summary: &mut Summary, known: &HashMap<ChainId, [u8; 32]>) -> Option<()> {
        for entry in &mut summary.entries {
            if let Kind::Checkpoint(checkpoint) = &mut entry.kind {
                let signed = crate::checkpoint::SignedCheckpoint::parse(&checkpoint.note).ok()?;
                **checkpoint = self.checkpoint(&checkpoint.note, &signed);
            }
        }
        for unresolved in std::mem::take(&mut summary.unresolved) {
            let Kind::Link(link) = &mut summary.entries[unresolved.entry].kind else { return None };
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

    fn hash(&mut self, state: &mut Stretch<'_>) {
        let prefixes: Vec<[u8; 39]> =
            state.payloads.iter().map(|event| commit_prefix(&event.payload.salt)).collect();
        let leaves = state.texts.iter().map(|text| Message { prefix: &[0], body: text });
        let events = state.payloads.iter().zip(&prefixes);
        let events = events.map(|(event, prefix)| Message { prefix, body: event.payload.event.as_bytes() });
        let messages: Vec<_> = leaves.chain(events).collect();
        self.scratch.clear();
        hash_many(&messages, &mut self.scratch);
        let (leaves, commits) = self.scratch.split_at(state.texts.len());
        state.summary.leaves.extend_from_slice(leaves);
        for (event, found) in std::mem::take(&mut state.payloads).into_iter().zip(commits) {
            state.compare(&event, found);
        }
    }

    fn check_signatures(&mut self, state: &mut Stretch<'_>) {
        self.learn(state.summary.opened());
        if state.signed.is_empty() {
            return;
        }
        let keys = self.keys.of(&state.summary.chains);
        for (entry, leaf, signature) in &state.signed {
            let Kind::Link(link) = &mut state.summary.entries[*entry].kind else { continue };
            // Links are ASCII but for the names in an open link, and those hold no space.
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

    fn signed(&mut self, public: &[u8; 32], message: &[u8], signature: &Signature) -> Signed {
        let valid = self.point(public).is_some_and(|key| key.verify(message, signature));
        if valid { Signed::Valid } else { Signed::Invalid }
    }

    fn point(&mut self, public: &[u8; 32]) -> Option<&PublicKey> {
        if self.points.len() >= POINTS && !self.points.contains_key(public) {
            self.points.clear();
        }
        self.points.entry(*public).or_insert_with(|| PublicKey::new(public)).as_ref()
    }
}

impl<'a> Stretch<'a> {
    fn chain(&mut self, chain: ChainId) -> u32 {
        // A chain's links mostly come in runs.
        if let Some(Entry { kind: Kind::Link(last), .. }) = self.summary.entries.last()
            && self.summary.chains[last.chain as usize] == chain
        {
            return last.chain;
        }
        *self.places.entry(chain).or_insert_with(|| {
            self.summary.chains.push(chain);
            self.summary.chains.len() as u32 - 1
        })
    }

    /// A finding on the line whose entry, if it has one, is the next.
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
            LineErrorKind::LeafSize => (FindingCode::FormatEntrySize, malformed.detail),
        };
        let entry = malformed.leaf.map(|leaf| {
            self.texts.push(leaf);
            self.summary.entries.push(Entry { line, kind: Kind::Opaque(malformed.place) });
            self.summary.entries.len() - 1
        });
        let detail = Cow::Borrowed(detail);
        self.summary.findings.push(LineFinding { line, entry, code, detail });
    }

    fn compare(&mut self, event: &Uncompared<'_>, found: &Hash) {
        let Uncompared { entry, line, payload, commit } = event;
        let (code, detail) = match payload.check(found, commit) {
            Ok(Matched::AsItStands) => return,
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
            && let Kind::Link(link) = &mut self.summary.entries[*entry].kind
        {
            link.payload = Shown::Fails;
        }
        self.finding(*entry, *line, code, detail);
    }
}
