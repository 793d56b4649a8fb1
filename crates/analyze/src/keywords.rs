//! Which of many texts stand somewhere in an event, found in one pass over it.

use std::borrow::Cow;

use countersign_query::matcher::fold;

use crate::sorted::Lists;

/// So many bytes of a text are looked for first.
pub(crate) const GRAM: usize = 3;
/// One place of so many is looked at for those that are long enough.
const STEP: usize = 3;
/// Of so many bytes a gram stands at one of the places that are looked at.
const LONG: usize = GRAM + STEP - 1;

/// Texts that are looked for, each with the numbers of those who look for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keywords {
    all: Vec<Keyword>,
    long: Grams,
    short: Grams,
    /// Each of the short ones has one of these bytes; none where that takes too many.
    marks: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Keyword {
    text: Box<[u8]>,
    owner: u32,
}

/// Parts of texts: of each which text has it, and where in that.
#[derive(Clone, Debug, Default)]
struct Grams {
    /// A bit for each hash of a gram: a power of two of them.
    filter: Box<[u64]>,
    texts: Lists<u32, (u32, u32)>,
}

/// The three bytes that stand there, as a number that is the same for letters of either case.
fn gram(bytes: &[u8], place: usize) -> Option<u32> {
    let [a, b, c] = bytes.get(place..)?.first_chunk()?;
    Some((u32::from(*a) << 16 | u32::from(*b) << 8 | u32::from(*c)) | 0x0020_2020)
}

impl Grams {
    /// The word of a filter of so many in which a gram has its bit, and that bit.
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
        // Of the grams of other texts one in thirty passes, or fewer.
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
    /// Adds a text in lower case, of three bytes at least.
    pub(crate) fn add(&mut self, text: &str, owner: u32) {
        self.all.push(Keyword { text: text.as_bytes().into(), owner });
    }

    /// Ends the adding.
    pub(crate) fn sort(&mut self) {
        self.all.sort_unstable();
        self.all.dedup();
        let mut marks = Some(Vec::new());
        for (nth, keyword) in (0..).zip(&self.all) {
            let text = &keyword.text;
            let (grams, span) =
                if text.len() < LONG { (&mut self.short, GRAM) } else { (&mut self.long, LONG) };
            // Letters are everywhere, other marks are rare.
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
                marks = marks.and_then(|marks| marked(marks, text));
            }
        }
        self.marks = marks.unwrap_or_default();
        self.short.sort();
        self.long.sort();
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Those who look for them.
    pub(crate) fn owners(&self) -> impl Iterator<Item = u32> {
        self.all.iter().map(|keyword| keyword.owner)
    }

    /// Whether nobody looks for anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Tells whose texts stand in this one; perhaps more than once.
    pub(crate) fn find(&self, text: &str, tell: &mut dyn FnMut(u32)) {
        if self.is_empty() {
            return;
        }
        // In lower case a text is made where some gram of it is looked for, and where that takes more than bytes.
        let whole = if text.is_ascii() { Cow::Borrowed(text) } else { fold(text) };
        let bytes = whole.as_bytes();
        self.find_by(&self.long, STEP, bytes, text, tell);
        if self.marks.is_empty() || self.marks.iter().any(|mark| bytes.contains(mark)) {
            self.find_by(&self.short, 1, bytes, text, tell);
        }
    }

    fn find_by(&self, grams: &Grams, step: usize, bytes: &[u8], text: &str, tell: &mut dyn FnMut(u32)) {
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
            for (nth, at) in grams.texts.of(&gram) {
                let keyword = &self.all[*nth as usize];
                let begin = place.checked_sub(*at as usize);
                if begin.is_some_and(|begin| folded[begin..].starts_with(&keyword.text)) {
                    tell(keyword.owner);
                }
            }
        }
    }
}

/// So many bytes are looked for at most, and no letters, which have two cases.
const MARKS: usize = 4;

/// These bytes, and one that this text has if it has none of them.
fn marked(mut marks: Vec<u8>, text: &[u8]) -> Option<Vec<u8>> {
    if !text.iter().any(|byte| marks.contains(byte)) {
        let is_rare = |byte: &u8| !b"./:-_,; ".contains(byte);
        let others = text.iter().copied().filter(|byte| !byte.is_ascii_alphabetic());
        marks.push(others.rev().max_by_key(is_rare)?);
    }
    (marks.len() <= MARKS).then_some(marks)
}
