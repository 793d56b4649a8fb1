//! Which of many texts stand somewhere in an event, found in one pass over it.

use crate::fields::Leaf;
use crate::sorted::Lists;

/// So many bytes of a text are looked for first.
pub(crate) const GRAM: usize = 3;

/// Texts that are looked for, each with the numbers of those who look for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keywords {
    /// A bit for each hash of a gram that some text has: a power of two of them.
    filter: Box<[u64]>,
    grams: Lists<[u8; GRAM], Keyword>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Keyword {
    text: Box<[u8]>,
    /// Where in it the gram stands.
    at: usize,
    owner: u32,
}

fn number([a, b, c]: [u8; GRAM]) -> u32 {
    u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c)
}

/// The word of a filter of so many in which a gram has its bit, and that bit.
fn place(gram: u32, words: usize) -> (usize, u64) {
    let mixed = gram.wrapping_mul(0x9e37_79b1);
    ((mixed >> 8) as usize & (words - 1), 1 << (mixed >> 26))
}

impl Keywords {
    /// Adds a text in lower case. False where it is too short to be looked for so.
    pub(crate) fn add(&mut self, text: &str, owner: u32) -> bool {
        // Letters are everywhere, other marks are rare.
        let rarity = |gram: &[u8]| gram.iter().filter(|byte| !byte.is_ascii_alphanumeric()).count();
        let grams = text.as_bytes().windows(GRAM).enumerate();
        let Some((at, gram)) = grams.max_by_key(|(at, gram)| (rarity(gram), std::cmp::Reverse(*at))) else {
            return false;
        };
        let gram = [gram[0], gram[1], gram[2]];
        self.grams.push(gram, Keyword { text: text.as_bytes().into(), at, owner });
        true
    }

    /// Ends the adding.
    pub(crate) fn sort(&mut self) {
        self.grams.sort();
        let grams = self.grams.keys();
        if grams.len() == 0 {
            return;
        }
        // Of the grams of other texts one in thirty passes, or fewer.
        let mut filter = vec![0; (grams.len() / 2 + 1).next_power_of_two()];
        for gram in grams {
            let (word, bit) = place(number(gram), filter.len());
            filter[word] |= bit;
        }
        self.filter = filter.into();
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.grams.keys().len()
    }

    /// Those who look for them.
    pub(crate) fn owners(&self) -> impl Iterator<Item = u32> {
        self.grams.values().map(|keyword| keyword.owner)
    }

    /// Whether nobody looks for anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.filter.is_empty()
    }

    /// Tells whose texts stand in this one; perhaps more than once.
    pub(crate) fn find(&self, leaf: &Leaf<'_>, tell: &mut dyn FnMut(u32)) {
        if self.filter.is_empty() {
            return;
        }
        // In lower case a text is made where some gram of it is looked for, and where that takes more than bytes.
        let is_plain = leaf.text.is_ascii();
        let bytes = if is_plain { leaf.text.as_bytes() } else { leaf.folded().as_bytes() };
        let mut gram = 0;
        for (end, byte) in (1..).zip(bytes) {
            gram = (gram << 8 | u32::from(byte.to_ascii_lowercase())) & 0x00ff_ffff;
            let (word, bit) = place(gram, self.filter.len());
            if self.filter[word] & bit == 0 || end < GRAM {
                continue;
            }
            let folded = leaf.folded().as_bytes();
            let place = end - GRAM;
            let Some(&[a, b, c]) = folded.get(place..end) else { continue };
            for keyword in self.grams.of(&[a, b, c]) {
                let begin = place.checked_sub(keyword.at);
                let stands = |begin: usize| folded[begin..].starts_with(&keyword.text);
                if begin.is_some_and(stands) {
                    tell(keyword.owner);
                }
            }
        }
    }
}
