//! Patterns in rules: `*` stands for any characters and `?` for one. A backslash before either, or before a
//! backslash, makes it literal.

use countersign_query::matcher::{Pattern, fold, lower};

use crate::bigrams::Bigrams;

/// A pattern.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wildcard {
    /// A pattern without `?`, as also used in queries.
    Pattern(Pattern),
    /// A pattern with `?`: the parts between the stars.
    Units { parts: Vec<Vec<Unit>>, cased: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Char(char),
    One,
}

impl Wildcard {
    /// Parses a pattern. `open` is true for each end where any characters may precede or follow.
    pub(crate) fn parse(text: &str, cased: bool, open: (bool, bool)) -> Self {
        let mut parts = vec![Vec::new(); 1 + usize::from(open.0)];
        let mut has_one = false;
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            let unit = match char {
                '*' => {
                    parts.push(Vec::new());
                    continue;
                }
                '?' => Unit::One,
                '\\' => Unit::Char(chars.next_if(|next| matches!(next, '*' | '?' | '\\')).unwrap_or('\\')),
                char => Unit::Char(char),
            };
            has_one |= unit == Unit::One;
            if let Some(part) = parts.last_mut() {
                part.push(unit);
            }
        }
        if open.1 {
            parts.push(Vec::new());
        }
        if has_one {
            for unit in parts.iter_mut().flatten() {
                if let Unit::Char(char) = unit
                    && !cased
                {
                    *char = lower(*char);
                }
            }
            return Self::Units { parts, cased };
        }
        let texts = parts.iter().map(|part| text_of(part));
        Self::Pattern(if cased { Pattern::from_cased_pieces(texts) } else { Pattern::from_pieces(texts) })
    }

    /// True if the text matches. `folded` is the text in lower case.
    pub(crate) fn matches(&self, text: &str, folded: &str) -> bool {
        match self {
            Self::Pattern(pattern) if pattern.is_cased() => pattern.matches(text),
            Self::Pattern(pattern) => pattern.matches_folded(folded),
            Self::Units { parts, cased } => units(parts, if *cased { text } else { folded }),
        }
    }

    /// Returns bigrams that every match contains.
    pub(crate) fn bigrams(&self) -> Bigrams {
        let part = |all: Bigrams, text: &str| all.union(Bigrams::of_part(text));
        match self {
            Self::Pattern(pattern) => {
                pattern.pieces().iter().fold(Bigrams::default(), |all, piece| part(all, piece))
            }
            Self::Units { parts, .. } => parts
                .iter()
                .flat_map(|units| units.split(|unit| *unit == Unit::One))
                .fold(Bigrams::default(), |all, units| part(all, &text_of(units))),
        }
    }

    /// Returns the text in lower case if the pattern matches only one text, ignoring case.
    pub(crate) fn exact(&self) -> Option<&str> {
        match self {
            Self::Pattern(pattern) if !pattern.is_cased() => match pattern.pieces() {
                [whole] => Some(whole),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the longest text, in lower case, that every match contains.
    pub(crate) fn needle(&self) -> Option<String> {
        let Self::Pattern(pattern) = self else { return None };
        let longest = pattern.pieces().iter().max_by_key(|piece| piece.len())?;
        Some(fold(longest).into_owned())
    }
}

/// Returns the characters of these units.
fn text_of(units: &[Unit]) -> String {
    let mut text = String::new();
    for unit in units {
        if let Unit::Char(char) = unit {
            text.push(*char);
        }
    }
    text
}

/// True if a string consists of the parts in order, with any characters between them.
fn units(parts: &[Vec<Unit>], text: &str) -> bool {
    // Each character takes at least one byte.
    if text.len() < parts.iter().map(Vec::len).sum() {
        return false;
    }
    let chars: Vec<char> = text.chars().collect();
    let fits = |part: &[Unit], at: usize| {
        chars.get(at..at + part.len()).is_some_and(|chars| {
            part.iter().zip(chars).all(|(unit, char)| *unit == Unit::One || *unit == Unit::Char(*char))
        })
    };
    let [first, rest @ ..] = parts else { return chars.is_empty() };
    if !fits(first, 0) {
        return false;
    }
    let Some((last, between)) = rest.split_last() else { return chars.len() == first.len() };
    let mut at = first.len();
    for part in between {
        let Some(found) = (at..=chars.len()).find(|at| fits(part, *at)) else { return false };
        at = found + part.len();
    }
    chars.len().checked_sub(last.len()).is_some_and(|end| end >= at && fits(last, end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn like(pattern: &str, text: &str) -> bool {
        Wildcard::parse(pattern, false, (false, false)).matches(text, &fold(text))
    }

    #[test]
    fn stars_question_marks_and_backslashes() {
        for (pattern, text, is) in [
            ("Job.*", "job.Update", true),
            ("a?c", "aBC", true),
            ("a?c", "ac", false),
            ("?*?", "ab", true),
            ("?*?", "a", false),
            ("*å?", "xÅß", true),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            (r"a\?b", "a?b", true),
            (r"C:\dir\*", r"c:\dir*", true),
            (r"C:\\*", r"c:\x", true),
            (r"\\\\host", r"\\host", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(like(pattern, text), is, "{pattern} {text}");
        }
    }

    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
            [first, rest @ ..] => {
                text.first().is_some_and(|char| *first == '?' || first == char) && naive(rest, &text[1..])
            }
        }
    }

    proptest! {
        #[test]
                fn matches_like_a_naive_implementation(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(like(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
        }
    }
}
