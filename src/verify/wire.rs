//! Summaries as bytes, to be passed between workers that share no memory.
//!
//! The form is private to one build of this crate: it is never stored.

use std::borrow::Cow;

use super::FindingCode;
use super::summary::{
    CheckpointEntry, Entry, Kind, LineFinding, LinkEntry, Role, Shown, Signed, Summary, Unresolved,
};
use crate::export::Withheld;
use crate::hash::Hash;
use crate::keys::KeyNote;
use crate::link::{ChainId, OpenLink};
use crate::time::Time;

impl Summary {
    /// The summary as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(64 + self.entries.len() * 128));
        out.number(self.bytes);
        out.number(self.lines);
        out.number(self.filled);
        out.number(self.last_filled);
        out.list(&self.chains, |out, chain| out.bytes(&chain.0));
        out.list(&self.leaves, |out, leaf| out.bytes(&leaf.0));
        out.list(&self.entries, Writer::entry);
        out.list(&self.findings, Writer::finding);
        out.list(&self.canonical, |out, (entry, text)| {
            out.number(*entry as u64);
            out.text(text.as_bytes());
        });
        out.list(&self.unresolved, |out, unresolved| {
            out.number(unresolved.entry as u64);
            out.text(&unresolved.message);
            out.bytes(&unresolved.signature);
        });
        out.0
    }

    /// The summary that [`encode`](Self::encode) made these bytes of, or `None` where it did not.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        let summary = Self {
            bytes: from.number()?,
            lines: from.number()?,
            filled: from.number()?,
            last_filled: from.number()?,
            chains: from.list(|from| from.bytes().map(ChainId))?,
            leaves: from.list(|from| from.bytes().map(Hash))?,
            entries: from.list(Reader::entry)?,
            findings: from.list(Reader::finding)?,
            canonical: from.list(|from| Some((from.index()?, from.string()?.into())))?,
            unresolved: from.list(|from| {
                Some(Unresolved {
                    entry: from.index()?,
                    message: from.text()?.to_vec(),
                    signature: from.bytes()?,
                })
            })?,
        };
        let links = summary.entries.iter().filter_map(|entry| match &entry.kind {
            Kind::Link(link) => Some(link.chain as usize),
            _ => None,
        });
        let leaves = summary
            .entries
            .iter()
            .filter(|entry| !matches!(entry.kind, Kind::Skip(..) | Kind::Checkpoint(_)));
        let entries = summary.entries.len();
        let whole = from.0.is_empty()
            && leaves.count() == summary.leaves.len()
            && links.into_iter().all(|chain| chain < summary.chains.len())
            && summary.unresolved.iter().all(|unresolved| unresolved.entry < entries);
        whole.then_some(summary)
    }
}

/// Open links as bytes, for [`Summarizer::learn`](super::Summarizer::learn) elsewhere.
pub fn encode_opened(opened: impl IntoIterator<Item = (ChainId, [u8; 32])>) -> Vec<u8> {
    let mut out = Writer(Vec::new());
    for (chain, public) in opened {
        out.bytes(&chain.0);
        out.bytes(&public);
    }
    out.0
}

/// The open links that [`encode_opened`] made these bytes of.
pub fn decode_opened(bytes: &[u8]) -> impl Iterator<Item = (ChainId, [u8; 32])> {
    bytes.chunks_exact(48).filter_map(|both| {
        let mut from = Reader(both);
        Some((ChainId(from.bytes()?), from.bytes()?))
    })
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.bytes(text);
    }

    fn time(&mut self, time: Time) {
        self.bytes(&time.millis().to_le_bytes());
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.number(items.len() as u64);
        for item in items {
            write(self, item);
        }
    }

    fn option<T>(&mut self, item: Option<T>, write: impl Fn(&mut Self, T)) {
        self.byte(u8::from(item.is_some()));
        if let Some(item) = item {
            write(self, item);
        }
    }

    fn entry(&mut self, entry: &Entry) {
        self.number(entry.line);
        match &entry.kind {
            Kind::Link(link) => {
                self.byte(0);
                self.link(link);
            }
            Kind::Note(note) => {
                self.byte(1);
                self.text(note.note.to_string().as_bytes());
            }
            Kind::Opaque(link) => {
                self.byte(2);
                self.option(*link, |out, (chain, seq)| {
                    out.bytes(&chain.0);
                    out.number(seq);
                });
            }
            Kind::Skip(level, hash) => {
                self.bytes(&[3, *level]);
                self.bytes(&hash.0);
            }
            Kind::Checkpoint(checkpoint) => {
                self.byte(4);
                self.checkpoint(checkpoint);
            }
        }
    }

    #[inline]
    fn link(&mut self, link: &LinkEntry) {
        let signature = match link.signature {
            Signed::No => 0,
            Signed::Valid => 1,
            Signed::Invalid => 2,
            Signed::Unresolved => 3,
        };
        let payload = match link.payload {
            Shown::NoEvent => 0,
            Shown::Matches => 1,
            Shown::Fails => 2,
            Shown::Withheld(None) => 3,
            Shown::Withheld(Some(Withheld::Erased)) => 4,
            Shown::Withheld(Some(Withheld::Redacted)) => 5,
            Shown::Withheld(Some(Withheld::Filtered)) => 6,
        };
        self.bytes(&[signature, payload]);
        self.bytes(&link.chain.to_le_bytes());
        self.number(link.seq);
        self.time(link.time);
        self.bytes(&link.prev.0);
        self.number(link.event.0);
        self.number(link.event.1);
        match &link.role {
            Role::Open(open) => {
                self.byte(0);
                self.open(open);
            }
            Role::Event => self.byte(1),
            Role::Close => self.byte(2),
        }
    }

    fn open(&mut self, open: &OpenLink) {
        self.bytes(&open.chain.0);
        self.text(open.origin.as_bytes());
        self.text(open.key.as_str().as_bytes());
        self.time(open.time);
        self.bytes(&open.nonce);
        self.bytes(&open.signature);
    }

    fn checkpoint(&mut self, checkpoint: &CheckpointEntry) {
        self.number(checkpoint.size);
        self.bytes(&checkpoint.root.0);
        self.text(checkpoint.note.as_bytes());
        self.option(checkpoint.other_origin.as_deref(), |out, origin| out.text(origin.as_bytes()));
        self.option(checkpoint.log, |out, valid| out.byte(u8::from(valid)));
        self.list(&checkpoint.cosignatures, |out, (witness, time)| {
            out.number(*witness as u64);
            out.time(*time);
        });
        self.byte(u8::from(checkpoint.bad_cosignature));
    }

    fn finding(&mut self, finding: &LineFinding) {
        self.number(finding.line);
        self.option(finding.entry, |out, entry| out.number(entry as u64));
        self.byte(finding.code as u8);
        self.text(finding.detail.as_bytes());
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(slice)
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.slice(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes().map(|[byte]| byte)
    }

    fn number(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn index(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn short(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.index()?;
        self.slice(length)
    }

    fn string(&mut self) -> Option<&'a str> {
        core::str::from_utf8(self.text()?).ok()
    }

    fn time(&mut self) -> Option<Time> {
        Time::from_millis(i64::from_le_bytes(self.bytes()?))
    }

    fn list<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.index()?;
        // Every item takes a byte at least, so a false length cannot ask for much.
        let mut items = Vec::with_capacity(length.min(self.0.len()));
        for _ in 0..length {
            items.push(read(self)?);
        }
        Some(items)
    }

    fn option<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Some(None) }
    }

    fn entry(&mut self) -> Option<Entry> {
        let line = self.number()?;
        let kind = match self.byte()? {
            0 => Kind::Link(self.link()?),
            1 => Kind::Note(Box::new(KeyNote::parse(self.string()?).ok()?)),
            2 => Kind::Opaque(self.option(|from| Some((ChainId(from.bytes()?), from.number()?)))?),
            3 => Kind::Skip(self.byte()?, Hash(self.bytes()?)),
            4 => Kind::Checkpoint(Box::new(self.checkpoint()?)),
            _ => return None,
        };
        Some(Entry { line, kind })
    }

    #[inline]
    fn link(&mut self) -> Option<LinkEntry> {
        let signature = match self.byte()? {
            0 => Signed::No,
            1 => Signed::Valid,
            2 => Signed::Invalid,
            3 => Signed::Unresolved,
            _ => return None,
        };
        let payload = match self.byte()? {
            0 => Shown::NoEvent,
            1 => Shown::Matches,
            2 => Shown::Fails,
            3 => Shown::Withheld(None),
            4 => Shown::Withheld(Some(Withheld::Erased)),
            5 => Shown::Withheld(Some(Withheld::Redacted)),
            6 => Shown::Withheld(Some(Withheld::Filtered)),
            _ => return None,
        };
        Some(LinkEntry {
            chain: self.short()?,
            signature,
            payload,
            seq: self.number()?,
            time: self.time()?,
            prev: Hash(self.bytes()?),
            event: (self.number()?, self.number()?),
            role: match self.byte()? {
                0 => Role::Open(self.open()?),
                1 => Role::Event,
                2 => Role::Close,
                _ => return None,
            },
        })
    }

    fn open(&mut self) -> Option<Box<OpenLink>> {
        Some(Box::new(OpenLink {
            chain: ChainId(self.bytes()?),
            origin: self.string()?.to_owned(),
            key: self.string()?.parse().ok()?,
            time: self.time()?,
            nonce: self.bytes()?,
            signature: self.bytes()?,
        }))
    }

    fn checkpoint(&mut self) -> Option<CheckpointEntry> {
        Some(CheckpointEntry {
            size: self.number()?,
            root: Hash(self.bytes()?),
            note: self.string()?.to_owned(),
            other_origin: self.option(|from| from.string().map(str::to_owned))?,
            log: self.option(Self::flag)?,
            cosignatures: self.list(|from| Some((from.index()?, from.time()?)))?,
            bad_cosignature: self.flag()?,
        })
    }

    fn finding(&mut self) -> Option<LineFinding> {
        Some(LineFinding {
            line: self.number()?,
            entry: self.option(Self::index)?,
            code: *FindingCode::ALL.get(usize::from(self.byte()?))?,
            detail: Cow::Owned(self.string()?.to_owned()),
        })
    }
}
