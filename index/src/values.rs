//! Different values, each once.

use core::ops::Range;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::{BuildHasher as _, Hasher as _};

use countersign_query::value;

use crate::packed::Packed;

/// The most bytes of a value that are kept in any case; of a longer one its begin is where there is no room for it.
pub(crate) const LONGEST: usize = 1024;
/// How much of the begin.
const BEGIN: usize = 200;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A string; of what a short name stands for, a text that is compared whole.
    Text,
    /// A number, as it stands.
    Number,
    True,
    False,
    Null,
    /// An object without members.
    Object,
    /// An array without elements.
    Array,
    /// The begin of a text that is longer.
    Cut,
    /// One of our own words.
    Word,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Text,
        Self::Number,
        Self::True,
        Self::False,
        Self::Null,
        Self::Object,
        Self::Array,
        Self::Cut,
        Self::Word,
    ];

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }

    /// What is kept of a value that says this.
    pub(crate) const fn kept(self, said: &str) -> &str {
        match self {
            Self::True | Self::False | Self::Null => "",
            _ => said,
        }
    }

    /// What the event has there. None for what is no value: objects and arrays.
    pub(crate) const fn of_event(self) -> Option<value::Kind> {
        match self {
            Self::Text | Self::Cut | Self::Word => Some(value::Kind::Text),
            Self::Number => Some(value::Kind::Number),
            Self::True | Self::False => Some(value::Kind::Bool),
            Self::Null => Some(value::Kind::Null),
            Self::Object | Self::Array => None,
        }
    }
}

/// What a value says, by its kind and what is kept of it.
const fn said(kind: Kind, kept: &str) -> &str {
    match kind {
        Kind::True => "true",
        Kind::False => "false",
        Kind::Null => "null",
        _ => kept,
    }
}

/// The texts with a few bytes each that say how long they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Values {
    text: String,
    lengths: Packed,
    /// Where each block of texts begins; nothing where all are as long.
    begins: Vec<u32>,
    /// The length of each text where it is the same.
    same: Option<u32>,
    count: usize,
    kinds: Result<Kind, Vec<u8>>,
    ascii: bool,
    kelvin: bool,
}

/// The Kelvin sign, which is a k in lower case.
const KELVIN: char = '\u{212a}';
/// How many texts a block has.
const BLOCK: usize = 32;

impl Values {
    pub(crate) fn new(text: String, lengths: &[u32], kinds: &[Kind]) -> Option<Self> {
        let total: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
        if total != text.len() as u64 || lengths.len() != kinds.len() {
            return None;
        }
        let first = lengths.first().copied().unwrap_or(0);
        let same = lengths.iter().all(|length| *length == first).then_some(first);
        let mut begins = Vec::new();
        let mut at = 0_u32;
        for (nth, length) in lengths.iter().enumerate() {
            if same.is_none() && nth.is_multiple_of(BLOCK) {
                begins.push(at);
            }
            if !text.is_char_boundary(at as usize) {
                return None;
            }
            at = at.checked_add(*length)?;
        }
        let kind = kinds.first().copied().unwrap_or(Kind::Text);
        let uniform = kinds.iter().all(|other| *other == kind);
        let ascii = text.is_ascii();
        Some(Self {
            lengths: if same.is_some() {
                Packed::Zeros(lengths.len())
            } else {
                Packed::of(lengths.iter().map(|length| u64::from(*length)))
            },
            begins,
            same,
            count: lengths.len(),
            kinds: if uniform { Ok(kind) } else { Err(kinds.iter().map(|kind| *kind as u8).collect()) },
            ascii,
            kelvin: !ascii && text.contains(KELVIN),
            text,
        })
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn kind(&self, code: usize) -> Kind {
        match &self.kinds {
            Ok(kind) => *kind,
            Err(kinds) => kinds.get(code).and_then(|kind| Kind::from_byte(*kind)).unwrap_or(Kind::Null),
        }
    }

    /// The kind of all, where they have the same.
    pub(crate) fn only_kind(&self) -> Option<Kind> {
        self.kinds.as_ref().ok().copied()
    }

    /// Whether no text has anything but ASCII.
    pub(crate) const fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// Whether any text has a Kelvin sign: of all that is not ASCII it alone is in lower case.
    pub(crate) const fn has_kelvin(&self) -> bool {
        self.kelvin
    }

    /// All that is kept, one after the other.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn length(&self, code: usize) -> usize {
        self.same.map_or_else(|| self.lengths.get(code) as usize, |same| same as usize)
    }

    /// What is kept of a value.
    fn kept(&self, code: usize) -> &str {
        let begin = if let Some(same) = self.same {
            same as usize * code
        } else {
            let first = code / BLOCK * BLOCK;
            let block = self.begins.get(code / BLOCK).copied().unwrap_or(0) as usize;
            block + (first..code).map(|code| self.length(code)).sum::<usize>()
        };
        self.text.get(begin..begin + self.length(code)).unwrap_or_default()
    }

    /// What a value is, and what it says.
    pub(crate) fn get(&self, code: usize) -> (Kind, &str) {
        let kind = self.kind(code);
        (kind, said(kind, self.kept(code)))
    }

    /// All in their order: what each is, and says.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Kind, &str)> {
        let mut begin = 0;
        (0..self.count).map(move |code| {
            let end = begin + self.length(code);
            let kept = self.text.get(begin..end).unwrap_or_default();
            begin = end;
            let kind = self.kind(code);
            (kind, said(kind, kept))
        })
    }

    pub(crate) fn lengths(&self) -> impl Iterator<Item = u32> {
        (0..self.count).map(|code| self.length(code) as u32)
    }

    pub(crate) fn bytes(&self) -> usize {
        let kinds = self.kinds.as_ref().err().map_or(0, Vec::len);
        self.text.len() + self.lengths.bytes() + self.begins.len() * 4 + kinds
    }
}

/// Values as they are gathered: each gets a code, the same one whenever it comes; with [`Gathered::loosely`] the same one
/// only while most values come again.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    text: String,
    ends: Vec<u32>,
    /// The first one's; of all their own once there are others.
    kind: Option<Kind>,
    kinds: Vec<Kind>,
    table: HashTable<Slot>,
    last: u32,
    /// How many values came that were looked for.
    asked: u32,
    /// Whether values are not looked for any more: nearly each was another one.
    is_loose: bool,
}

/// A value in the table, with what of its hash need not be computed again.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    code: u32,
}

impl Slot {
    /// The table looks at the highest bits and at the lowest.
    const fn spread(hash: u32) -> u64 {
        (hash as u64) << 32 | hash as u64
    }
}

/// After so many values it is known whether most come again, and so many of them are others at least where they do not.
const KNOWN: u32 = 2048;
const OTHERS: usize = 2028;

impl Gathered {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn range(&self, code: u32) -> Option<Range<usize>> {
        let end = *self.ends.get(code as usize)? as usize;
        Some(code.checked_sub(1).map_or(0, |before| self.ends[before as usize] as usize)..end)
    }

    /// Whether a code stands for this.
    pub(crate) fn is(&self, code: u32, kind: Kind, text: &str) -> bool {
        self.range(code).is_some_and(|range| {
            range.len() == text.len()
                && self.kinds.get(code as usize).copied().or(self.kind) == Some(kind)
                && self.text.as_bytes().get(range) == Some(text.as_bytes())
        })
    }

    fn find(&self, hash: u32, kind: Kind, text: &str) -> Option<u32> {
        let is = |slot: &Slot| slot.hash == hash && self.is(slot.code, kind, text);
        self.table.find(Slot::spread(hash), is).map(|slot| slot.code)
    }

    fn push(&mut self, kind: Kind, text: &str) -> u32 {
        let first = *self.kind.get_or_insert(kind);
        if kind != first && self.kinds.is_empty() {
            self.kinds = vec![first; self.len()];
        }
        if kind != first || !self.kinds.is_empty() {
            self.kinds.push(kind);
        }
        self.text.push_str(text);
        self.ends.push(self.text.len() as u32);
        self.len() as u32 - 1
    }

    /// The code of a text as it is kept, which is not too long.
    pub(crate) fn code(&mut self, hasher: &FixedState, kind: Kind, text: &str) -> u32 {
        if !self.is(self.last, kind, text) {
            self.last = if self.is_loose {
                self.push(kind, text)
            } else {
                let hash = hash(hasher, kind, text);
                self.find(hash, kind, text).unwrap_or_else(|| {
                    let code = self.push(kind, text);
                    self.table.insert_unique(Slot::spread(hash), Slot { hash, code }, |slot| {
                        Slot::spread(slot.hash)
                    });
                    code
                })
            };
        }
        self.last
    }

    /// As [`Gathered::code`], for whom it does no harm that a value has several codes.
    pub(crate) fn loosely(&mut self, hasher: &FixedState, kind: Kind, text: &str) -> u32 {
        self.asked += 1;
        if self.asked == KNOWN && self.len() >= OTHERS {
            self.is_loose = true;
            self.table = HashTable::new();
        }
        self.code(hasher, kind, text)
    }

    /// The code of a text that is known, or that has at most so many bytes.
    pub(crate) fn code_within(
        &mut self,
        hasher: &FixedState,
        kind: Kind,
        text: &str,
        most: usize,
    ) -> Option<u32> {
        if text.len() <= most {
            return Some(self.code(hasher, kind, text));
        }
        self.find(hash(hasher, kind, text), kind, text)
    }

    /// The text of a code.
    pub(crate) fn text(&self, code: u32) -> Option<&str> {
        self.text.get(self.range(code)?)
    }

    pub(crate) fn finish(mut self) -> Values {
        if self.kinds.is_empty() {
            self.kinds = vec![self.kind.unwrap_or(Kind::Text); self.len()];
        }
        let mut begin = 0;
        let lengths: Vec<u32> = self
            .ends
            .iter()
            .map(|end| {
                let length = end - begin;
                begin = *end;
                length
            })
            .collect();
        let mut text = self.text;
        text.shrink_to_fit();
        Values::new(text, &lengths, &self.kinds).unwrap_or_else(Values::empty)
    }

    /// How many bytes of texts it has.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }
}

/// What is kept of a text: its begin, where it is longer than so much.
pub(crate) fn cut(text: &str, most: usize) -> (Kind, &str) {
    if text.len() <= most {
        (Kind::Text, text)
    } else {
        (Kind::Cut, &text[..text.floor_char_boundary(BEGIN.min(most))])
    }
}

impl Values {
    pub(crate) const fn empty() -> Self {
        Self {
            text: String::new(),
            lengths: Packed::Zeros(0),
            begins: Vec::new(),
            same: Some(0),
            count: 0,
            kinds: Ok(Kind::Text),
            ascii: true,
            kelvin: false,
        }
    }
}

fn hash(hasher: &FixedState, kind: Kind, text: &str) -> u32 {
    let mut hasher = hasher.build_hasher();
    hasher.write(text.as_bytes());
    hasher.write_u8(kind as u8);
    let hash = hasher.finish();
    (hash ^ hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_what_it_was_given_whether_values_are_looked_for_or_not() {
        let hasher = FixedState::with_seed(1);
        for different in [1, 3, 900, 5000] {
            let mut gathered = Gathered::default();
            let mut given: Vec<(Kind, String)> = Vec::new();
            for nth in 0..3 * KNOWN {
                let kind = if nth == 3000 { Kind::Number } else { Kind::Text };
                given.push((kind, (nth % different).to_string()));
            }
            let codes: Vec<u32> =
                given.iter().map(|(kind, text)| gathered.loosely(&hasher, *kind, text)).collect();
            let often = different < KNOWN;
            assert_eq!(gathered.len() as u32, if often { different + 1 } else { 3 * KNOWN });
            let values = gathered.finish();
            for ((kind, text), code) in given.iter().zip(codes) {
                assert_eq!(values.get(code as usize), (*kind, text.as_str()), "{different}");
            }
        }
    }
}
