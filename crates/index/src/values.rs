//! Distinct values of a column.

use core::ops::Range;
use std::borrow::Cow;

use foldhash::fast::FixedState;
use std::hash::{BuildHasher as _, Hasher as _};

use countersign_query::value;

use crate::codes::Codes;
use crate::packed::Packed;
use crate::texts::Texts;

/// Maximum length of a value that is always kept, in bytes. Longer ones may be cut to their beginning.
pub(crate) const MAX_STORED_BYTES: usize = 1024;
/// Length of that beginning, in bytes.
const CUT_BYTES: usize = 200;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A string. In columns of short names, a string that is compared as a whole.
    Text,
    /// A number as written.
    Number,
    True,
    False,
    Null,
    /// An empty object.
    Object,
    /// An empty array.
    Array,
    /// The beginning of a longer string.
    Cut,
    /// One of our own words, such as an outcome.
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

    /// Returns the text to store for a value.
    pub(crate) const fn stored_text(self, text: &str) -> &str {
        match self {
            Self::True | Self::False | Self::Null => "",
            _ => text,
        }
    }

    /// Returns the type in the event, or `None` for objects and arrays.
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

/// Returns the text of a value, from its stored text.
const fn full_text(kind: Kind, kept: &str) -> &str {
    match kind {
        Kind::True => "true",
        Kind::False => "false",
        Kind::Null => "null",
        _ => kept,
    }
}

/// Distinct values, with their lengths packed separately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Values {
    texts: Texts,
    lengths: Packed,
    /// End of each block of texts; empty if all texts have the same length.
    ends: Vec<u32>,
    /// The common length of the texts, if they have one.
    same: Option<u32>,
    count: usize,
    kinds: Result<Kind, Vec<u8>>,
    ascii: bool,
    kelvin: bool,
}

/// The Kelvin sign lowercases to `k`.
const KELVIN: char = '\u{212a}';
/// Number of texts in a block.
const BLOCK: usize = 32;

/// Returns the end of each block of texts with these lengths.
fn ends_of_blocks(lengths: &[u32]) -> impl Iterator<Item = usize> + Clone {
    lengths.chunks(BLOCK).scan(0, |end, block| {
        *end += block.iter().map(|length| *length as usize).sum::<usize>();
        Some(*end)
    })
}

/// Returns whether the text is ASCII, and whether it contains a Kelvin sign.
fn letters(text: &str) -> (bool, bool) {
    let ascii = text.is_ascii();
    (ascii, !ascii && text.contains(KELVIN))
}

impl Values {
    /// Checks decoded texts. Returns `None` if they don't have these lengths.
    pub(crate) fn from_untrusted(texts: Texts, lengths: &[u32], kinds: &[Kind]) -> Option<Self> {
        let whole = texts.checked_whole(ends_of_blocks(lengths))?;
        let mut at = 0_u32;
        for length in lengths {
            if !whole.is_char_boundary(at as usize) {
                return None;
            }
            at = at.checked_add(*length)?;
        }
        if at as usize != whole.len() || lengths.len() != kinds.len() {
            return None;
        }
        let (ascii, kelvin) = letters(&whole);
        drop(whole);
        Some(Self::new(texts, lengths, kinds, ascii, kelvin))
    }

    fn new(texts: Texts, lengths: &[u32], kinds: &[Kind], ascii: bool, kelvin: bool) -> Self {
        let first = lengths.first().copied().unwrap_or(0);
        let same = lengths.iter().all(|length| *length == first).then_some(first);
        let ends = || ends_of_blocks(lengths).map(|end| end as u32);
        let kind = kinds.first().copied().unwrap_or(Kind::Text);
        let uniform = kinds.iter().all(|other| *other == kind);
        Self {
            lengths: if same.is_some() {
                Packed::Zeros(lengths.len())
            } else {
                Packed::from_numbers(lengths.iter().map(|length| u64::from(*length)))
            },
            ends: if same.is_some() { Vec::new() } else { ends().collect() },
            same,
            count: lengths.len(),
            kinds: if uniform { Ok(kind) } else { Err(kinds.iter().map(|kind| *kind as u8).collect()) },
            ascii,
            kelvin,
            texts,
        }
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

    /// Returns the common type of all values, if they have one.
    pub(crate) fn only_kind(&self) -> Option<Kind> {
        self.kinds.as_ref().ok().copied()
    }

    /// True if all texts are ASCII.
    pub(crate) const fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// True if any text contains a Kelvin sign, the only non-ASCII character with an ASCII lowercase form.
    pub(crate) const fn has_kelvin(&self) -> bool {
        self.kelvin
    }

    /// Returns the concatenated texts.
    pub(crate) const fn texts(&self) -> &Texts {
        &self.texts
    }

    pub(crate) fn length(&self, code: usize) -> usize {
        self.same.map_or_else(|| self.lengths.get(code) as usize, |same| same as usize)
    }

    /// If a block starts at this code, returns the code after the block and the block's end.
    pub(crate) fn block_from(&self, code: usize) -> Option<(usize, usize)> {
        code.is_multiple_of(BLOCK).then(|| (self.count.min(code + BLOCK), self.end(code / BLOCK)))
    }

    /// Returns the end of a block.
    fn end(&self, block: usize) -> usize {
        match self.same {
            Some(same) => same as usize * self.count.min((block + 1) * BLOCK),
            None => self.ends.get(block).copied().unwrap_or(0) as usize,
        }
    }

    /// Returns the stored text of a value.
    fn stored(&self, code: usize) -> Cow<'_, str> {
        let block = code / BLOCK;
        let begin = block.checked_sub(1).map_or(0, |before| self.end(before));
        let from: usize = (block * BLOCK..code).map(|code| self.length(code)).sum();
        let range = from..from + self.length(code);
        match self.texts.block(block, begin, self.end(block)) {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
            Cow::Owned(text) => Cow::Owned(text.get(range).unwrap_or_default().to_owned()),
        }
    }

    /// Returns the type and text of a value.
    pub(crate) fn get(&self, code: usize) -> (Kind, Cow<'_, str>) {
        let kind = self.kind(code);
        (
            kind,
            if kind.stored_text("x").is_empty() {
                Cow::Borrowed(full_text(kind, ""))
            } else {
                self.stored(code)
            },
        )
    }

    /// Unpacks all texts for sequential access.
    pub(crate) fn unpacked(&self) -> Unpacked<'_> {
        Unpacked { text: self.texts.whole(), values: self }
    }

    pub(crate) fn lengths(&self) -> impl Iterator<Item = u32> {
        (0..self.count).map(|code| self.length(code) as u32)
    }

    pub(crate) fn bytes(&self) -> usize {
        let kinds = self.kinds.as_ref().err().map_or(0, Vec::len);
        self.texts.bytes() + self.lengths.bytes() + self.ends.len() * 4 + kinds
    }
}

/// Values with unpacked texts.
pub(crate) struct Unpacked<'v> {
    text: Cow<'v, str>,
    pub(crate) values: &'v Values,
}

impl Unpacked<'_> {
    /// Returns the concatenated texts.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Iterates over the types and texts in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Kind, &str)> {
        let mut begin = 0;
        (0..self.values.count).map(move |code| {
            let end = begin + self.values.length(code);
            let kept = self.text.get(begin..end).unwrap_or_default();
            begin = end;
            let kind = self.values.kind(code);
            (kind, full_text(kind, kept))
        })
    }
}

/// Values under construction, each with a code. Equal values get the same code, except with [`ValueBuilder::code_loosely`] once
/// most values turned out to be distinct.
#[derive(Debug, Default)]
pub(crate) struct ValueBuilder {
    text: String,
    /// Start of each text, and end of the last one.
    bounds: Vec<u32>,
    /// Type of the first value. `kinds` is used once another type occurs.
    kind: Option<Kind>,
    kinds: Vec<Kind>,
    codes: Codes,
    last: u32,
    /// Number of values passed to [`ValueBuilder::code_loosely`].
    lookups: u32,
    /// True once lookups are disabled because nearly all values are distinct.
    is_loose: bool,
}

/// After `TRIAL_VALUES` values, lookups are disabled if at least `MIN_DISTINCT` of them are distinct.
const TRIAL_VALUES: u32 = 2048;
const MIN_DISTINCT: usize = 2028;

/// Compares values and their order.
impl PartialEq for ValueBuilder {
    fn eq(&self, other: &Self) -> bool {
        self.bounds == other.bounds
            && self.text == other.text
            && self.kind == other.kind
            && self.kinds == other.kinds
    }
}

impl ValueBuilder {
    pub(crate) fn len(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// Creates `count` empty values, for when only the codes matter.
    pub(crate) fn blank(count: usize) -> Self {
        Self { bounds: vec![0; count + 1], kind: Some(Kind::Text), ..Self::default() }
    }

    fn range(&self, code: u32) -> Option<Range<usize>> {
        let [begin, end] = self.bounds.get(code as usize..)?.first_chunk()?;
        Some(*begin as usize..*end as usize)
    }

    /// True if the code stands for this value.
    #[inline]
    pub(crate) fn is(&self, code: u32, kind: Kind, text: &str) -> bool {
        self.range(code).is_some_and(|range| {
            range.len() == text.len()
                && self.kinds.get(code as usize).copied().or(self.kind) == Some(kind)
                && self.text.as_bytes().get(range).is_some_and(|kept| is_same(kept, text.as_bytes()))
        })
    }

    fn find(&self, hash: u32, kind: Kind, text: &str) -> Option<u32> {
        self.codes.find(hash, |code| self.is(code, kind, text))
    }

    fn push(&mut self, kind: Kind, text: &str) -> u32 {
        let first = *self.kind.get_or_insert(kind);
        if kind != first && self.kinds.is_empty() {
            self.kinds = vec![first; self.len()];
        }
        if kind != first || !self.kinds.is_empty() {
            self.kinds.push(kind);
        }
        if self.bounds.is_empty() {
            self.bounds.push(0);
        }
        self.text.push_str(text);
        self.bounds.push(self.text.len() as u32);
        self.len() as u32 - 1
    }

    /// Returns the code of a value, adding it if it is new.
    pub(crate) fn code(&mut self, hasher: &FixedState, kind: Kind, text: &str) -> u32 {
        if !self.is(self.last, kind, text) {
            self.last = if self.is_loose {
                self.push(kind, text)
            } else {
                let hash = hash(hasher, text, kind as u32);
                self.find(hash, kind, text).unwrap_or_else(|| {
                    let code = self.push(kind, text);
                    self.codes.insert(hash, code);
                    code
                })
            };
        }
        self.last
    }

    /// Like [`ValueBuilder::code`], for columns in which a value may have several codes.
    pub(crate) fn code_loosely(&mut self, hasher: &FixedState, kind: Kind, text: &str) -> u32 {
        self.lookups += 1;
        if self.lookups == TRIAL_VALUES && self.len() >= MIN_DISTINCT {
            self.is_loose = true;
            self.codes = Codes::default();
        }
        self.code(hasher, kind, text)
    }

    /// Returns the code of a value that is known or no longer than `most` bytes.
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
        self.find(hash(hasher, text, kind as u32), kind, text)
    }

    /// Returns the text of a code.
    pub(crate) fn text(&self, code: u32) -> Option<&str> {
        self.text.get(self.range(code)?)
    }

    pub(crate) fn finish(mut self) -> Values {
        if self.kinds.is_empty() {
            self.kinds = vec![self.kind.unwrap_or(Kind::Text); self.len()];
        }
        let lengths: Vec<u32> = self.bounds.windows(2).map(|bounds| bounds[1] - bounds[0]).collect();
        let (ascii, kelvin) = letters(&self.text);
        let texts = Texts::new(self.text, ends_of_blocks(&lengths));
        Values::new(texts, &lengths, &self.kinds, ascii, kelvin)
    }

    /// Returns the total size of the texts in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }
}

/// Returns the text, cut to its beginning if it is longer than `most` bytes.
pub(crate) fn cut(text: &str, most: usize) -> (Kind, &str) {
    if text.len() <= most {
        (Kind::Text, text)
    } else {
        (Kind::Cut, &text[..text.floor_char_boundary(CUT_BYTES.min(most))])
    }
}

/// Compares slices of equal length, eight bytes at a time: the built-in comparison is bytewise on WebAssembly.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let (ones, one_rest) = one.as_chunks::<8>();
    let (others, other_rest) = other.as_chunks::<8>();
    ones.iter().zip(others).all(|(one, other)| u64::from_le_bytes(*one) == u64::from_le_bytes(*other))
        && one_rest.iter().zip(other_rest).all(|(one, other)| one == other)
}

/// Hashes a string of a type, or a name below a node.
pub(crate) fn hash(hasher: &FixedState, text: &str, of: u32) -> u32 {
    let mut hasher = hasher.build_hasher();
    hasher.write(text.as_bytes());
    hasher.write_u32(of);
    let hash = hasher.finish();
    (hash ^ hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_the_added_values_with_and_without_lookups() {
        let hasher = FixedState::with_seed(1);
        for different in [1, 3, 900, 5000] {
            let mut gathered = ValueBuilder::default();
            let mut given: Vec<(Kind, String)> = Vec::new();
            for nth in 0..3 * TRIAL_VALUES {
                let kind = if nth == 3000 { Kind::Number } else { Kind::Text };
                given.push((kind, (nth % different).to_string()));
            }
            let codes: Vec<u32> =
                given.iter().map(|(kind, text)| gathered.code_loosely(&hasher, *kind, text)).collect();
            let often = different < TRIAL_VALUES;
            assert_eq!(gathered.len() as u32, if often { different + 1 } else { 3 * TRIAL_VALUES });
            let values = gathered.finish();
            for ((kind, text), code) in given.iter().zip(codes) {
                assert_eq!(values.get(code as usize), (*kind, text.as_str().into()), "{different}");
            }
        }
    }
}
