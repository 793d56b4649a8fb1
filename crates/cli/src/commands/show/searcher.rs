//! Searches the text of an event for any of several substrings, ignoring case.

use aho_corasick::AhoCorasick;
use aho_corasick::packed::{Config, Searcher as Packed};

/// The maximum number of patterns for the vectorized search.
const MAX_PATTERNS: usize = 64;
/// The number of bytes of a needle that the vectorized search compares.
const WINDOW_BYTES: usize = 4;
/// The start of an escape sequence, which can encode any character.
const ESCAPE: &str = "\\u";

/// Finds strings that may contain any of several needles.
pub(super) enum Searcher {
    /// Parts of the needles, in each combination of cases.
    Packed {
        searcher: Packed,
        needles: Vec<(String, usize)>,
    },
    Whole(AhoCorasick),
}

impl Searcher {
    /// Creates a searcher for lowercase needles. None if there are too many.
    pub(super) fn new<'n>(needles: impl Iterator<Item = &'n str> + Clone) -> Option<Self> {
        let mut patterns = vec![(ESCAPE.to_owned(), ESCAPE.to_owned(), 0)];
        for needle in needles.clone() {
            let (offset, window) = window(needle);
            patterns.extend(cases(window).into_iter().map(|case| (case, needle.to_owned(), offset)));
            if patterns.len() > MAX_PATTERNS {
                break;
            }
        }
        if patterns.len() <= MAX_PATTERNS
            && let Some(searcher) =
                Config::new().builder().extend(patterns.iter().map(|(case, ..)| case)).build()
        {
            let needles = patterns.into_iter().map(|(_, needle, offset)| (needle, offset)).collect();
            return Some(Self::Packed { searcher, needles });
        }
        let all = needles.chain([ESCAPE]);
        AhoCorasick::builder().ascii_case_insensitive(true).build(all).ok().map(Self::Whole)
    }

    /// True if the text contains, or may contain, a needle.
    pub(super) fn finds(&self, text: &[u8]) -> bool {
        let (searcher, needles) = match self {
            Self::Packed { searcher, needles } => (searcher, needles),
            Self::Whole(searcher) => return searcher.is_match(text),
        };
        let mut from = 0;
        while let Some(found) = searcher.find_in(text, (from..text.len()).into()) {
            let (needle, offset) = &needles[found.pattern().as_usize()];
            let begin = found.start().checked_sub(*offset);
            let whole = begin.and_then(|begin| text.get(begin..begin + needle.len()));
            if whole.is_some_and(|whole| whole.eq_ignore_ascii_case(needle.as_bytes())) {
                return true;
            }
            from = found.start() + 1;
        }
        false
    }
}

/// Returns the part of a needle that has the fewest case variants, and its offset.
fn window(needle: &str) -> (usize, &str) {
    let length = needle.len().min(WINDOW_BYTES);
    let letters = |window: &str| window.bytes().filter(u8::is_ascii_alphabetic).count();
    let windows = (0..=needle.len() - length).map(|from| (from, &needle[from..from + length]));
    // On a tie, prefers the end: the end of an identifier is more specific than its beginning.
    windows.rev().min_by_key(|(_, window)| letters(window)).unwrap_or((0, needle))
}

/// Returns the text with each letter in lower and upper case.
fn cases(text: &str) -> Vec<String> {
    text.chars().fold(vec![String::new()], |all, char| {
        let mut each = vec![char];
        each.extend(char.is_ascii_lowercase().then_some(char.to_ascii_uppercase()));
        all.iter().flat_map(|begun| each.iter().map(move |char| format!("{begun}{char}"))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_needles_in_any_case_and_possibly_escaped() {
        let many: Vec<String> = (0..100).map(|nth| format!("needle {nth}")).collect();
        let many = many.iter().map(String::as_str);
        for (needles, text, found) in [
            (&["u_17"][..], r#"{"id":"u_17"}"#, true),
            (&["u_17"], r#"{"id":"U_17"}"#, true),
            (&["u_17"], r#"{"id":"u_1"}"#, false),
            (&["aab"], "aaab", true),
            (&["aaaab"], "aaaaaAB", true),
            (&["night", "a"], "NIGh, no", false),
            (&["night", "a"], "xNIGht", true),
            (&["night"], r"\n\\ ", false),
            (&["night"], r"\u006eight", true),
            (&["a"], "A", true),
            (&[], "a", false),
        ] {
            let found_by =
                |needles: &[&str]| Searcher::new(needles.iter().copied()).unwrap().finds(text.as_bytes());
            assert_eq!(found_by(needles), found, "{text}");
            let whole: Vec<&str> = needles.iter().copied().chain(many.clone()).collect();
            assert_eq!(found_by(&whole), found, "{text}");
        }
        assert!(matches!(Searcher::new(many), Some(Searcher::Whole(_))));
    }
}
