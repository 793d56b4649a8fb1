//! Finding texts within many, before each is looked at closely.

use countersign_query::matcher::{Pattern, words};

use crate::values::{Kind, Values};

/// What must stand in a text of ASCII so that one of some patterns can fit it.
pub(crate) struct Needles(Vec<Needle>);

impl Needles {
    /// None where everything has to be looked at.
    pub(crate) fn of(patterns: &[&Pattern], values: &Values) -> Option<Self> {
        Self::by(values, patterns.iter().map(|pattern| pattern.pieces().iter().map(String::as_str)))
    }

    /// As [`Needles::of`], for texts that stand in parts, or in another order: each word must be there.
    pub(crate) fn of_words(patterns: &[&Pattern], values: &Values) -> Option<Self> {
        Self::by(
            values,
            patterns.iter().map(|pattern| pattern.pieces().iter().flat_map(|piece| words(piece))),
        )
    }

    fn by<'p>(values: &Values, texts: impl Iterator<Item = impl Iterator<Item = &'p str>>) -> Option<Self> {
        if values.len() < 4 {
            return None;
        }
        let mut needles = Vec::new();
        for mut pieces in texts.map(|pieces| pieces.filter(|piece| !piece.is_empty())) {
            let first = pieces.next()?;
            let piece = pieces.fold(first, |one, other| if other.len() > one.len() { other } else { one });
            // A text of ASCII in lower case is one of ASCII.
            if piece.is_ascii() {
                needles.push(Needle::of(piece));
            }
        }
        Some(Self(needles))
    }

    /// Hands out the values that may fit: those that have a needle, all that have more than ASCII, and those of which
    /// the begin alone is kept.
    pub(crate) fn candidates(&self, values: &Values, mut take: impl FnMut(usize, Kind, &str)) {
        let one_kind = values.only_kind();
        let text = values.text();
        if !values.is_ascii() || !matches!(one_kind, Some(Kind::Text | Kind::Number)) {
            for (code, (kind, text)) in values.iter().enumerate() {
                if kind == Kind::Cut
                    || !text.is_ascii()
                    || self.0.iter().any(|needle| needle.find(text.as_bytes(), 0).is_some())
                {
                    take(code, kind, text);
                }
            }
            return;
        }
        let kind = one_kind.unwrap_or(Kind::Text);
        for needle in &self.0 {
            let mut from = 0;
            let mut ends = Ends { lengths: values.lengths(), begin: 0, end: 0, next: 0 };
            while let Some(found) = needle.find(text.as_bytes(), from) {
                let Some(code) = ends.reach(found) else { break };
                if found + needle.len() <= ends.end {
                    take(code, kind, &text[ends.begin..ends.end]);
                    from = ends.end;
                } else {
                    from = found + 1;
                }
            }
        }
    }
}

/// Where the values end.
struct Ends<L> {
    lengths: L,
    begin: usize,
    end: usize,
    next: usize,
}

impl<L: Iterator<Item = u32>> Ends<L> {
    /// Goes to the value that has a place; gives its code.
    fn reach(&mut self, place: usize) -> Option<usize> {
        while self.end <= place {
            self.begin = self.end;
            self.end += self.lengths.next()? as usize;
            self.next += 1;
        }
        Some(self.next - 1)
    }
}

/// A text in lower case that is looked for in any case.
struct Needle {
    text: Vec<u8>,
    /// Two places of it with the bytes there that are seldom, and what makes a letter lower case.
    rare: [(usize, u8, u8); 2],
}

/// How many bytes are looked at together.
const BLOCK: usize = 64;

impl Needle {
    fn of(text: &str) -> Self {
        let text = text.to_ascii_lowercase().into_bytes();
        let mut places: Vec<usize> = (0..text.len()).collect();
        places.sort_by_key(|place| frequency(text[*place]));
        let case = |byte: u8| if byte.is_ascii_lowercase() { 0x20 } else { 0 };
        let rare = |nth: usize| {
            let place = places.get(nth).or(places.first()).copied().unwrap_or(0);
            let byte = text.get(place).copied().unwrap_or(0);
            (place, byte, case(byte))
        };
        Self { rare: [rare(0), rare(1)], text }
    }

    fn len(&self) -> usize {
        self.text.len()
    }

    /// Where it stands first from here on.
    fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let last = bytes.len().checked_sub(self.text.len())?;
        let [(first, one, one_case), (second, other, other_case)] = self.rare;
        let is = |at: usize| bytes[at..at + self.text.len()].eq_ignore_ascii_case(&self.text);
        let mut at = from;
        while at <= last {
            let (Some(ones), Some(others)) =
                (bytes.get(at + first..at + first + BLOCK), bytes.get(at + second..at + second + BLOCK))
            else {
                return (at..=last).find(|at| is(*at));
            };
            // Compilers make vectors of this.
            let mut hits = 0_u8;
            for (a, b) in ones.iter().zip(others) {
                hits |= u8::from(a | one_case == one) & u8::from(b | other_case == other);
            }
            if hits != 0 {
                let place = (at..(at + BLOCK).min(last + 1)).find(|at| {
                    bytes[at + first] | one_case == one && bytes[at + second] | other_case == other && is(*at)
                });
                if place.is_some() {
                    return place;
                }
            }
            at += BLOCK;
        }
        None
    }
}

/// How often a byte is met, about: what is in words is frequent.
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_naive_search_finds(text in "[abK ]{0,200}", needle in "[abk]{1,4}", from in 0_usize..80) {
            let lower = text.to_ascii_lowercase();
            let wanted = lower.get(from..).and_then(|rest| rest.find(&needle)).map(|at| at + from);
            prop_assert_eq!(Needle::of(&needle).find(text.as_bytes(), from), wanted);
        }
    }
}
