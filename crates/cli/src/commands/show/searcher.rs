//! Finding needles in an event's text, in any case.

use aho_corasick::AhoCorasick;
use aho_corasick::packed::{Config, Searcher as Packed};

/// How many texts are looked for at once with vectors.
const MOST: usize = 64;
/// How many bytes of a needle are looked for with vectors.
const WINDOW: usize = 4;
/// What any character can be written with.
const ESCAPE: &str = "\\u";

/// Tells texts that may hold one of some needles.
pub(super) enum Searcher {
    /// Parts of the needles, in each case.
    Packed {
        searcher: Packed,
        needles: Vec<(String, usize)>,
    },
    Whole(AhoCorasick),
}

impl Searcher {
    /// For needles in lower case. None where there are too many.
    pub(super) fn new<'n>(needles: impl Iterator<Item = &'n str> + Clone) -> Option<Self> {
        let mut patterns = vec![(ESCAPE.to_owned(), ESCAPE.to_owned(), 0)];
        for needle in needles.clone() {
            let (offset, window) = window(needle);
            patterns.extend(cases(window).into_iter().map(|case| (case, needle.to_owned(), offset)));
            if patterns.len() > MOST {
                break;
            }
        }
        if patterns.len() <= MOST
            && let Some(searcher) =
                Config::new().builder().extend(patterns.iter().map(|(case, ..)| case)).build()
        {
            let needles = patterns.into_iter().map(|(_, needle, offset)| (needle, offset)).collect();
            return Some(Self::Packed { searcher, needles });
        }
        let all = needles.chain([ESCAPE]);
        AhoCorasick::builder().ascii_case_insensitive(true).build(all).ok().map(Self::Whole)
    }

    /// Whether a text has a needle, or may have one.
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

/// The part of a needle that can be written in the fewest cases, and where it begins.
fn window(needle: &str) -> (usize, &str) {
    let length = needle.len().min(WINDOW);
    let letters = |window: &str| window.bytes().filter(u8::is_ascii_alphabetic).count();
    let windows = (0..=needle.len() - length).map(|from| (from, &needle[from..from + length]));
    // The end of an identifier tells more than its beginning.
    windows.rev().min_by_key(|(_, window)| letters(window)).unwrap_or((0, needle))
}

/// A text with each letter in lower and in upper case.
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
    fn needles_are_found_in_any_case_and_where_they_may_be_escaped() {
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
