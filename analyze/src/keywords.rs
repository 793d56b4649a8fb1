//! Which of many texts stand somewhere in an event, found in one pass over it.

use crate::sorted::Lists;

/// So many bytes of a text are looked for first.
const GRAM: usize = 3;
const BITS: u32 = 16;

/// Texts that are looked for, each with the numbers of those who look for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keywords {
    /// A bit for each hash of a gram that some text has.
    filter: Vec<u64>,
    grams: Lists<[u8; GRAM], Keyword>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Keyword {
    text: Box<[u8]>,
    /// Where in it the gram stands.
    at: usize,
    owner: u32,
}

fn hash(gram: [u8; GRAM]) -> usize {
    let [a, b, c] = gram.map(u32::from);
    ((a << 16 | b << 8 | c).wrapping_mul(0x9e37_79b1) >> (32 - BITS)) as usize
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
        if self.filter.is_empty() {
            self.filter = vec![0; (1 << BITS) / 64];
        }
        let bit = hash(gram);
        self.filter[bit / 64] |= 1 << (bit % 64);
        self.grams.push(gram, Keyword { text: text.as_bytes().into(), at, owner });
        true
    }

    /// Ends the adding.
    pub(crate) fn sort(&mut self) {
        self.grams.sort();
    }

    /// Tells whose texts stand in this one, which is in lower case; perhaps more than once.
    pub(crate) fn find(&self, text: &str, tell: &mut dyn FnMut(u32)) {
        if self.filter.is_empty() {
            return;
        }
        let bytes = text.as_bytes();
        for (place, gram) in bytes.windows(GRAM).enumerate() {
            let gram = [gram[0], gram[1], gram[2]];
            let bit = hash(gram);
            if self.filter[bit / 64] & 1 << (bit % 64) == 0 {
                continue;
            }
            for keyword in self.grams.of(&gram) {
                let begin = place.checked_sub(keyword.at);
                let stands = |begin: usize| bytes[begin..].starts_with(&keyword.text);
                if begin.is_some_and(stands) {
                    tell(keyword.owner);
                }
            }
        }
    }
}
