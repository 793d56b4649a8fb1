//! Serialization of summaries, to pass them between workers without shared memory and between machines.
//!
//! The format is private to one version of this crate. Store the version with it.

use std::borrow::Cow;

use super::FindingCode;
use super::leaves::{Leaves, MergedLeaves};
use super::summary::{
    AnchorEntry, CheckpointEntry, Entry, EntryKind, HeadFacts, LineFinding, LinkEntry, Opening, PayloadState,
    Previous, Role, SignatureState, Summary, Unresolved,
};
use crate::export::{MAX_SKIP_LEVEL, Withheld};
use crate::hash::Hash;
use crate::integer;
use crate::keys::{KeyNote, Statement};
use crate::link::ChainId;
use crate::note::{Note, SignatureLine, VerifierKey};
use crate::tenant::{HeadError, State};
use crate::time::Time;

/// Upper bound for the lines of a chunk, well above the real maximum.
const MAX_LINES: u64 = 1 << 24;

impl Summary {
    /// Serializes the summary.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.entries.len() * 128);
        self.write(&mut out);
        out
    }

    /// Parses the bytes of [`encode`](Self::encode). `None` if they are malformed or inconsistent.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        Self::read(&mut bytes).filter(|summary| bytes.is_empty() && summary.is_sound())
    }

    /// True if the numbers are consistent: consumers index and count with them.
    pub(super) fn is_sound(&self) -> bool {
        let lines = 1..=self.lines;
        let entry = |entry: &Entry| {
            lines.contains(&entry.line)
                && match &entry.kind {
                    EntryKind::Link(link) => {
                        link.seq <= integer::MAX && (link.chain as usize) < self.chains.len()
                    }
                    EntryKind::Opaque(place) => place.is_none_or(|(_, seq)| seq <= integer::MAX),
                    EntryKind::Skip(level, _) => *level <= MAX_SKIP_LEVEL,
                    EntryKind::Note(_) | EntryKind::Checkpoint(_) | EntryKind::Anchor(_) => true,
                }
        };
        self.entries.iter().all(entry)
            && self.leaves.are_sound(&self.entries)
            && self.entries.is_sorted_by_key(|entry| entry.line)
            && self.unresolved.iter().all(|unresolved| unresolved.entry < self.entries.len())
            && self.findings.iter().all(|finding| lines.contains(&finding.line))
            && self.lines <= MAX_LINES
            && self.filled <= self.lines
            && self.last_filled <= self.lines
    }
}

/// Serializes open links, for [`Summarizer::learn`](super::Summarizer::learn) elsewhere.
pub fn encode_opened(opened: impl IntoIterator<Item = (ChainId, [u8; 32])>) -> Vec<u8> {
    let mut out = Vec::new();
    opened.into_iter().for_each(|link| link.write(&mut out));
    out
}

/// Parses the open links serialized by [`encode_opened`].
pub fn decode_opened(mut bytes: &[u8]) -> impl Iterator<Item = (ChainId, [u8; 32])> {
    core::iter::from_fn(move || Wire::read(&mut bytes))
}

/// A type that can be serialized.
pub(super) trait Wire: Sized {
    /// Appends the value.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads the value from the front, if it is complete and valid.
    fn read(from: &mut &[u8]) -> Option<Self>;
}

/// Implements [`Wire`] by a type's fields in order; for an enum, after a tag byte for the variant.
macro_rules! wire {
    (struct $type:ident { $($field:tt),+ }) => {
        impl Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)+
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: Wire::read(from)?),+ })
            }
        }
    };
    (enum $type:ident { $($tag:literal $variant:ident { $($field:tt: $name:ident),* }),+ }) => {
        impl Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant { $($field: $name),* } => {
                        out.push($tag);
                        $($name.write(out);)*
                    })+
                }
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                match u8::read(from)? {
                    $($tag => {
                        $(let $name = Wire::read(from)?;)*
                        Some(Self::$variant { $($field: $name),* })
                    })+
                    _ => None,
                }
            }
        }
    };
}

wire!(struct Summary {
    bytes, lines, filled, last_filled, chains, leaves, entries, findings, canonical, unresolved
});
wire!(struct Entry { line, kind });
wire!(enum EntryKind {
    0 Link { 0: link },
    1 Note { 0: note },
    2 Opaque { 0: link },
    3 Skip { 0: level, 1: hash },
    4 Checkpoint { 0: checkpoint },
    5 Anchor { 0: anchor }
});
wire!(struct LinkEntry { signature, payload, chain, seq, time, prev, event, role, signature_bytes });
wire!(enum SignatureState { 0 No {}, 1 Valid {}, 2 Invalid {}, 3 Unresolved {} });
wire!(enum PayloadState { 0 NoEvent {}, 1 Matches {}, 2 Fails {}, 3 Withheld { 0: why } });
wire!(enum Withheld { 0 Erased {}, 1 Redacted {}, 2 Filtered {} });
wire!(enum Role { 0 Open { 0: open }, 1 Event {}, 2 Close {} });
wire!(struct Opening { origin, key });
wire!(enum Previous { 0 Hash { 0: hash }, 1 Follows {}, 2 Differs {} });
wire!(enum Leaves { 0 Hashes { 0: hashes }, 1 Merged { 0: merged } });
wire!(struct MergedLeaves { first, kept, hashes });
wire!(struct KeyNote { origin, statements, note });
wire!(enum Statement { 0 Grant { key: key, from: from, until: until }, 1 Revoke { key: key, since: since } });
wire!(struct Note { text, signatures });
wire!(struct SignatureLine { name, id, signature });
wire!(struct CheckpointEntry { size, root, note, head, other_origin, log, cosignatures, bad_cosignature });
wire!(struct HeadFacts { tick, time, state, root_origin, root_size, root, error });
wire!(struct AnchorEntry { origin, size, root, state, time, tick, leaf, hashes });
wire!(enum State { 0 Live {}, 1 Ended {}, 2 Moved {} });
wire!(enum HeadError { 0 Origin {}, 1 Path {}, 2 NotLast {} });
wire!(struct LineFinding { line, entry, code, detail });
wire!(struct Unresolved { entry, message, signature });
wire!(struct ChainId { 0 });
wire!(struct Hash { 0 });

/// Implements [`Wire`] for types with a text form.
macro_rules! wire_text {
    ($($type:ty: $own:ident => $to:expr, $text:ident => $of:expr;)+) => {$(
        impl Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                let $own = self;
                let text: &str = $to;
                text.len().write(out);
                out.extend_from_slice(text.as_bytes());
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                let length = usize::read(from)?;
                let (text, rest) = from.split_at_checked(length)?;
                *from = rest;
                let $text = core::str::from_utf8(text).ok()?;
                $of
            }
        }
    )+};
}

wire_text! {
    String: own => own, text => Some(text.to_owned());
    Box<str>: own => own, text => Some(text.into());
    Cow<'static, str>: own => own, text => Some(Self::Owned(text.to_owned()));
    VerifierKey: own => own.as_str(), text => text.parse().ok();
}

/// Implements [`Wire`] by conversion to another type.
macro_rules! wire_as {
    ($($type:ty as $other:ty: $own:ident => $to:expr, $of:expr;)+) => {$(
        impl Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                let $own = *self;
                let other: $other = $to;
                other.write(out);
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                <$other>::read(from).and_then($of)
            }
        }
    )+};
}

wire_as! {
    u8 as [u8; 1]: own => [own], |[byte]| Some(byte);
    u32 as [u8; 4]: own => own.to_le_bytes(), |bytes| Some(Self::from_le_bytes(bytes));
    u64 as [u8; 8]: own => own.to_le_bytes(), |bytes| Some(Self::from_le_bytes(bytes));
    usize as u64: own => own as u64, |number| number.try_into().ok();
    bool as u8: own => own.into(), |byte| (byte < 2).then_some(byte == 1);
    Time as u64: own => own.millis().cast_unsigned(), |millis| Self::from_millis(millis.cast_signed());
    FindingCode as u8: own => own as u8, |byte| Self::ALL.get(usize::from(byte)).copied();
}

impl<const N: usize> Wire for [u8; N] {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let (bytes, rest) = from.split_first_chunk()?;
        *from = rest;
        Some(*bytes)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some((A::read(from)?, B::read(from)?))
    }
}

impl<T: Wire> Wire for Box<T> {
    fn write(&self, out: &mut Vec<u8>) {
        T::write(self, out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        T::read(from).map(Self::new)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(item) = self {
            item.write(out);
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        if bool::read(from)? { T::read(from).map(Some) } else { Some(None) }
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        for item in self {
            item.write(out);
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let length = usize::read(from)?;
        // A forged length cannot reserve more than there are bytes.
        let mut items = Self::with_capacity(length.min(from.len() / size_of::<T>().max(1)));
        for _ in 0..length {
            items.push(T::read(from)?);
        }
        Some(items)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::merkle::MAX_SIZE;

    fn link() -> Entry {
        let kind = EntryKind::Link(LinkEntry {
            chain: 0,
            role: Role::Event,
            signature: SignatureState::No,
            payload: PayloadState::NoEvent,
            seq: 1,
            time: Time::MIN,
            prev: Previous::Hash(Hash([1; 32])),
            event: (0, 0),
            signature_bytes: None,
        });
        Entry { line: 1, kind }
    }

    /// Returns a summary of one link whose signature is still to be verified.
    fn summary() -> Summary {
        let signature = Unresolved { entry: 0, message: "signed".into(), signature: [2; 64] };
        Summary {
            lines: 1,
            filled: 1,
            last_filled: 1,
            entries: vec![link()],
            leaves: Leaves::Hashes(vec![Hash([3; 32])]),
            chains: vec![ChainId([4; 16])],
            unresolved: vec![signature],
            ..Summary::default()
        }
    }

    fn decodes(change: impl Fn(&mut Summary)) -> bool {
        let mut summary = summary();
        change(&mut summary);
        Summary::decode(&summary.encode()).is_some()
    }

    #[test]
    fn inconsistent_summaries_are_not_decoded() {
        assert!(decodes(|_| ()));
        assert!(!decodes(|summary| summary.leaves = Leaves::Hashes(vec![Hash([5; 32]); 2])));
        assert!(!decodes(|summary| summary.leaves = Leaves::default()));
        let merged = |first, kept: &[u64], hashes| {
            let leaves = MergedLeaves { first, kept: kept.into(), hashes: vec![Hash([5; 32]); hashes] };
            decodes(|summary| summary.leaves = Leaves::Merged(leaves.clone()))
        };
        assert!(merged(7, &[], 1) && merged(7, &[8], 1));
        assert!(!merged(7, &[], 0) && !merged(7, &[], 2));
        assert!(!merged(7, &[9], 1) && !merged(7, &[7], 1) && !merged(MAX_SIZE + 1, &[], 1));
        assert!(!decodes(|summary| summary.chains.clear()));
        assert!(!decodes(|summary| summary.unresolved[0].entry = 1));
        assert!(!decodes(|summary| summary.lines = 0));
        assert!(!decodes(|summary| summary.filled = 2));
        assert!(!decodes(|summary| summary.last_filled = 2));
        assert!(!decodes(|summary| summary.entries[0].line = 0));
        assert!(!decodes(|summary| summary.entries[0].kind = EntryKind::Skip(53, Hash([0; 32]))));
        let mut bytes = summary().encode();
        bytes.push(0);
        assert!(Summary::decode(&bytes).is_none());
    }

    #[test]
    fn open_links_round_trip() {
        let opened = [(ChainId([6; 16]), [7; 32]), (ChainId([8; 16]), [9; 32])];
        let bytes = encode_opened(opened);
        assert_eq!(decode_opened(&bytes).collect::<Vec<_>>(), opened);
    }
}
