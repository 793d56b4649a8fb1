//! Substring search that finds candidate values before they are tested.

use countersign_query::matcher::{Pattern, words};

use crate::values::{Kind, Unpacked, Values};

/// Substrings that a string must contain to match one of the patterns.
pub(crate) struct Needles {
    /// The needle of each pattern.
    each: Vec<(Needle, Option<Position>)>,
    /// True if some pattern has no ASCII needle, so that any non-ASCII text may match it.
    beyond: bool,
}

/// The position of a needle that is sufficient for a match: anywhere, at the start, at the end, or both.
#[derive(Clone, Copy)]
struct Position {
    begins: bool,
    ends: bool,
}

impl Position {
    /// Returns `None` if the needle alone is not sufficient.
    fn from_pattern(pattern: &Pattern) -> Option<Self> {
        let is_needle = |piece: &str| !piece.is_empty() && piece.is_ascii() && !pattern.is_cased();
        let (piece, begins, ends) = match pattern.pieces() {
            [whole] => (whole, true, true),
            [first, last] if last.is_empty() => (first, true, false),
            [first, last] if first.is_empty() => (last, false, true),
            [first, piece, last] if first.is_empty() && last.is_empty() => (piece, false, false),
            _ => return None,
        };
        is_needle(piece).then_some(Self { begins, ends })
    }

    /// Given the position of a needle's first occurrence, returns whether the text certainly matches, or `None` if it
    /// can't.
    const fn fits(self, at_begin: bool, at_end: bool) -> Option<bool> {
        match self {
            Self { begins: true, .. } if !at_begin => None,
            Self { begins: true, ends: true } if !at_end => None,
            // A later occurrence may be at the end.
            Self { ends, .. } => Some(at_end || !ends),
        }
    }
}

impl Needles {
    /// Returns `None` if every value must be tested.
    pub(crate) fn new<'p>(patterns: &[&'p Pattern], values: &Values) -> Option<Self> {
        let of = |pattern: &&'p Pattern| {
            (pattern.pieces().iter().map(String::as_str).collect(), Position::from_pattern(pattern))
        };
        Self::build(values, patterns.iter().map(of))
    }

    /// Like [`Needles::new`], for texts that match by words in any order: every word must occur.
    pub(crate) fn for_words<'p>(patterns: &[&'p Pattern], values: &Values) -> Option<Self> {
        let of =
            |pattern: &&'p Pattern| (pattern.pieces().iter().flat_map(|piece| words(piece)).collect(), None);
        Self::build(values, patterns.iter().map(of))
    }

    fn build<'p>(
        values: &Values,
        wanted: impl Iterator<Item = (Vec<&'p str>, Option<Position>)>,
    ) -> Option<Self> {
        // Except for the Kelvin sign, only ASCII lowercases to ASCII.
        if values.len() < 4 || values.has_kelvin() {
            return None;
        }
        let mut needles = Vec::new();
        let mut beyond = false;
        for (pieces, place) in wanted {
            if pieces.iter().all(|piece| piece.is_empty()) {
                return None;
            }
            let runs = pieces.iter().flat_map(|piece| piece.split(|char: char| !char.is_ascii()));
            let run = runs.fold("", |one, other| if other.len() > one.len() { other } else { one });
            if run.is_empty() {
                beyond = true;
            } else {
                needles.push((Needle::new(run), place));
            }
        }
        Some(Self { each: needles, beyond })
    }

    /// Calls `take` with the values that may match, possibly repeatedly: those with a needle, non-ASCII ones if some
    /// pattern has no ASCII needle, and those that are cut or not stored. The last argument is true if a string or
    /// number certainly matches.
    pub(crate) fn candidates<'u>(
        &self,
        unpacked: &'u Unpacked<'_>,
        take: &mut dyn FnMut(usize, Kind, &'u str, bool),
    ) {
        let is_kept = |kind: Kind| matches!(kind, Kind::Text | Kind::Number | Kind::Word);
        let values = unpacked.values;
        let beyond = self.beyond && !values.is_ascii();
        if beyond || !values.only_kind().is_some_and(is_kept) {
            for (code, (kind, text)) in unpacked.iter().enumerate() {
                if !is_kept(kind) || beyond && !text.is_ascii() {
                    take(code, kind, text, false);
                }
            }
        }
        let text = unpacked.text();
        for (needle, place) in &self.each {
            let mut from = 0;
            let mut ends = Ends::new(values);
            while let Some(found) = needle.find(text.as_bytes(), from) {
                let Some(code) = ends.advance_to(found) else { break };
                from = found + 1;
                if found + needle.len() <= ends.end {
                    from = ends.end;
                    let kind = values.kind(code);
                    let fits = place.map_or(Some(false), |place| {
                        place.fits(found == ends.begin, found + needle.len() == ends.end)
                    });
                    if let Some(fits) = fits.or(matches!(kind, Kind::Word).then_some(false))
                        && is_kept(kind)
                    {
                        take(code, kind, &text[ends.begin..ends.end], fits);
                    }
                }
            }
        }
    }
}

/// A cursor over the ends of values.
struct Ends<'v> {
    values: &'v Values,
    begin: usize,
    end: usize,
    next: usize,
}

impl<'v> Ends<'v> {
    const fn new(values: &'v Values) -> Self {
        Self { values, begin: 0, end: 0, next: 0 }
    }

    /// Advances to the value at a position, which must not precede the current one. Returns its code.
    fn advance_to(&mut self, place: usize) -> Option<usize> {
        while self.end <= place && self.next < self.values.len() {
            if let Some((next, end)) = self.values.block_from(self.next).filter(|(_, end)| *end <= place) {
                (self.next, self.end) = (next, end);
            } else {
                self.begin = self.end;
                self.end += self.values.length(self.next);
                self.next += 1;
            }
        }
        (self.end > place).then(|| self.next - 1)
    }
}

/// A lowercase string to find, ignoring case.
struct Needle {
    text: Vec<u8>,
    /// Two positions with rare bytes; each with the byte and its case bit, repeated across a word.
    rare: [(usize, u64, u64); 2],
}

/// Number of bytes compared at once, and a word with a one in each byte.
const BLOCK: usize = size_of::<u64>();
const ONES: u64 = u64::from_ne_bytes([1; BLOCK]);

/// Sets the highest bit of each zero byte, and possibly of bytes above it.
const fn zeros(bytes: u64) -> u64 {
    bytes.wrapping_sub(ONES) & !bytes & (ONES << 7)
}

impl Needle {
    fn new(text: &str) -> Self {
        let text = text.to_ascii_lowercase().into_bytes();
        let mut places: Vec<usize> = (0..text.len()).collect();
        places.sort_by_key(|place| frequency(text[*place]));
        let case = |byte: u8| if byte.is_ascii_lowercase() { 0x20_u8 } else { 0 };
        let rare = |nth: usize| {
            let place = places.get(nth).or(places.first()).copied().unwrap_or(0);
            let byte = text.get(place).copied().unwrap_or(0);
            (place, u64::from(byte) * ONES, u64::from(case(byte)) * ONES)
        };
        Self { rare: [rare(0), rare(1)], text }
    }

    fn len(&self) -> usize {
        self.text.len()
    }

    /// Returns the first occurrence at or after `from`.
    fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let last = bytes.len().checked_sub(self.text.len())?;
        let [(first, one, one_case), (second, other, other_case)] = self.rare;
        let is = |at: usize| bytes[at..at + self.text.len()].eq_ignore_ascii_case(&self.text);
        let word = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let mut at = from;
        while at <= last {
            let (Some(ones), Some(others)) = (word(at + first), word(at + second)) else {
                return (at..=last).find(|at| is(*at));
            };
            let mut hits = zeros((ones | one_case) ^ one) & zeros((others | other_case) ^ other);
            while hits != 0 {
                let place = at + hits.trailing_zeros() as usize / 8;
                if place <= last && is(place) {
                    return Some(place);
                }
                hits &= hits - 1;
            }
            at += BLOCK;
        }
        None
    }
}

/// Estimates how frequent a byte is in texts.
const fn frequency(byte: u8) -> u8 {
    match byte {
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 9,
        b' ' | b'.' | b'-' | b'0' | b'1' => 8,
        b'h' | b'l' | b'd' | b'c' | b'u' | b'm' => 7,
        b'2'..=b'9' => 6,
        b'a'..=b'z' => 5,
        b'/' | b':' | b'_' => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use foldhash::fast::FixedState;
    use proptest::prelude::*;

    use super::*;
    use crate::values::ValueBuilder;

    #[test]
    fn only_the_kelvin_sign_lowercases_to_ascii() {
        let folded = |char: char| countersign_query::matcher::fold(&char.to_string()).is_ascii();
        let beyond: Vec<char> = ('\u{80}'..=char::MAX).filter(|char| folded(*char)).collect();
        assert_eq!(beyond, ['\u{212a}']);
    }

    proptest! {
        #[test]
        fn agrees_with_a_naive_search(text in "[abcK ]{0,200}", needle in "[abck]{1,4}", from in 0_usize..80) {
            let lower = text.to_ascii_lowercase();
            let wanted = lower.get(from..).and_then(|rest| rest.find(&needle)).map(|at| at + from);
            prop_assert_eq!(Needle::new(&needle).find(text.as_bytes(), from), wanted);
        }

        #[test]
        fn candidates_include_every_match(
            texts in prop::collection::vec(("[abKké\u{212a}]{0,5}", 0_u8..4), 0..9),
            globs in prop::collection::vec("[abké*]{1,4}", 1..3),
        ) {
            let kinds = [Kind::Text, Kind::Text, Kind::Number, Kind::True];
            let mut gathered = ValueBuilder::default();
            for (text, kind) in &texts {
                let kind = kinds[usize::from(*kind)];
                gathered.code(&FixedState::with_seed(1), kind, kind.stored_text(text));
            }
            let values = gathered.finish();
            let globs: Vec<Pattern> = globs.iter().map(|glob| Pattern::glob(glob)).collect();
            let fits = |text: &str| globs.iter().any(|pattern| pattern.matches(text));
            let Some(needles) = Needles::new(&globs.iter().collect::<Vec<_>>(), &values) else { return Ok(()) };
            let mut taken = Vec::new();
            let unpacked = values.unpacked();
            needles.candidates(&unpacked, &mut |code, kind, text, is_sure| {
                assert_eq!((kind, text.into()), values.get(code));
                assert!(!(is_sure && matches!(kind, Kind::Text | Kind::Number)) || fits(text), "{text}");
                taken.push(code);
            });
            for (code, (_, text)) in values.unpacked().iter().enumerate() {
                prop_assert!(!fits(text) || taken.contains(&code), "{}", text);
            }
        }
    }
}
