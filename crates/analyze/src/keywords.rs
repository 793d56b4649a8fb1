//! Search for many keywords in an event in one pass.

use std::borrow::Cow;

use countersign_query::matcher::fold;

use crate::sorted::Lists;

/// The length of the parts (grams) of keywords that are searched first, in bytes.
pub(crate) const GRAM: usize = 3;
/// For long keywords, only every third position is searched.
const STEP: usize = 3;
/// The minimum length of long keywords: one of their grams is always at a searched position.
const MIN_LONG: usize = GRAM + STEP - 1;

/// A set of keywords, each with the number of its owner.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keywords {
    all: Vec<Keyword>,
    long: Grams,
    short: Grams,
    /// Bytes such that every short keyword contains at least one of them; empty if there would be too many.
    marks: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Keyword {
    text: Box<[u8]>,
    owner: u32,
}

/// An index of grams: the keywords that contain each, and its offset in them.
#[derive(Clone, Debug, Default)]
struct Grams {
    /// A Bloom filter with one bit per gram. Its length is a power of two.
    filter: Box<[u64]>,
    texts: Lists<u32, (u32, u32)>,
}

/// Returns the three bytes at an offset as a number that ignores the case of letters.
fn gram(bytes: &[u8], place: usize) -> Option<u32> {
    let [a, b, c] = bytes.get(place..)?.first_chunk()?;
    Some((u32::from(*a) << 16 | u32::from(*b) << 8 | u32::from(*c)) | 0x0020_2020)
}

impl Grams {
    /// Returns the word and bit of a gram in a filter of `words` words.
    fn place(gram: u32, words: usize) -> (usize, u64) {
        let mixed = gram.wrapping_mul(0x9e37_79b1);
        ((mixed >> 8) as usize & (words - 1), 1 << (mixed >> 26))
    }

    fn sort(&mut self) {
        self.texts.sort();
        let grams = self.texts.keys();
        if grams.len() == 0 {
            return;
        }
        // At most one in thirty grams of other texts passes this filter.
        let mut filter = vec![0; (grams.len() / 2 + 1).next_power_of_two()];
        for gram in grams {
            let (word, bit) = Self::place(gram, filter.len());
            filter[word] |= bit;
        }
        self.filter = filter.into();
    }

    fn may_have(&self, gram: u32) -> bool {
        let (word, bit) = Self::place(gram, self.filter.len());
        self.filter[word] & bit != 0
    }
}

impl Keywords {
    /// Adds a keyword in lower case, of at least three bytes.
    pub(crate) fn add(&mut self, text: &str, owner: u32) {
        self.all.push(Keyword { text: text.as_bytes().into(), owner });
    }

    /// Builds the index after all keywords were added.
    pub(crate) fn sort(&mut self) {
        self.all.sort_unstable();
        self.all.dedup();
        let mut marks = Some(Vec::new());
        for (nth, keyword) in (0..).zip(&self.all) {
            let text = &keyword.text;
            let (grams, span) =
                if text.len() < MIN_LONG { (&mut self.short, GRAM) } else { (&mut self.long, MIN_LONG) };
            // Letters and digits are common, other characters are rare.
            let rarity = |part: &[u8]| part.iter().filter(|byte| !byte.is_ascii_alphanumeric()).count();
            let rarest =
                (0..).zip(text.windows(span)).max_by_key(|(at, part)| (rarity(part), std::cmp::Reverse(*at)));
            let Some((from, _)) = rarest else { continue };
            for at in from..=from + span - GRAM {
                if let Some(gram) = gram(text, at) {
                    grams.texts.push(gram, (nth, at as u32));
                }
            }
            if span == GRAM {
                marks = marks.and_then(|marks| add_mark(marks, text));
            }
        }
        self.marks = marks.unwrap_or_default();
        self.short.sort();
        self.long.sort();
    }

    /// Returns the number of keywords.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns the owners of all keywords.
    pub(crate) fn owners(&self) -> impl Iterator<Item = u32> {
        self.all.iter().map(|keyword| keyword.owner)
    }

    /// True if there are no keywords.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Passes the owners of keywords in the text to `visit`, possibly more than once.
    pub(crate) fn find(&self, text: &str, visit: &mut dyn FnMut(u32)) {
        if self.is_empty() {
            return;
        }
        // ASCII is converted to lower case only once a gram matches.
        let whole = if text.is_ascii() { Cow::Borrowed(text) } else { fold(text) };
        let bytes = whole.as_bytes();
        self.find_by(&self.long, STEP, bytes, text, visit);
        if self.marks.is_empty() || self.marks.iter().any(|mark| bytes.contains(mark)) {
            self.find_by(&self.short, 1, bytes, text, visit);
        }
    }

    fn find_by(&self, grams: &Grams, step: usize, bytes: &[u8], text: &str, visit: &mut dyn FnMut(u32)) {
        if grams.filter.is_empty() {
            return;
        }
        let mut folded = None;
        let mut next = 0;
        while let Some(gram) = gram(bytes, next) {
            let place = next;
            next += step;
            if !grams.may_have(gram) {
                continue;
            }
            let folded = folded.get_or_insert_with(|| fold(text)).as_bytes();
            for (nth, at) in grams.texts.get(&gram) {
                let keyword = &self.all[*nth as usize];
                let begin = place.checked_sub(*at as usize);
                if begin.is_some_and(|begin| folded[begin..].starts_with(&keyword.text)) {
                    visit(keyword.owner);
                }
            }
        }
    }
}

/// The maximum number of marks. Letters are excluded, because they have two cases.
const MAX_MARKS: usize = 4;

/// Adds a byte of the text to the marks if it contains none of them; `None` if there would be too many.
fn add_mark(mut marks: Vec<u8>, text: &[u8]) -> Option<Vec<u8>> {
    if !text.iter().any(|byte| marks.contains(byte)) {
        let is_rare = |byte: &u8| !b"./:-_,; ".contains(byte);
        let others = text.iter().copied().filter(|byte| !byte.is_ascii_alphabetic());
        marks.push(others.rev().max_by_key(is_rare)?);
    }
    (marks.len() <= MAX_MARKS).then_some(marks)
}
