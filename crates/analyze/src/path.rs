//! Field paths: names separated by dots, and selectors in brackets after a name (Sigma's proposal for
//! arrays, SEP #212, which rules opt into with `sigma-version: 3`).

use std::borrow::Cow;

use strum::EnumString;

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step<'p> {
    /// A step to the member of this name.
    Name(Cow<'p, str>),
    /// A step to one element of an array, counted from 0, or from the end with −1 as the last.
    Element(i64),
}

/// The number of elements for which a condition must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Quantifier {
    /// At least one.
    Any,
    /// All, and at least one.
    All,
    /// All, or there are none.
    AllOrEmpty,
    /// No element.
    None,
}

const QUOTE: &str = "close the quote at the end of the name, as in labels.\"app.example/name\"; put a name that starts with a quote in quotes of the other kind";
const VERSION: &str = "add `sigma-version: 3` to the rule to use [any], [all], [all_or_empty] and [none]; put a name that ends like this in quotes";
const SELECTOR: &str = "write any, all, all_or_empty, none or an index such as 0 or -1 in brackets; put a backslash before brackets of a name";
const PLACE: &str = "use [any], [all], [all_or_empty] and [none] only in selections, after a name: events[any]: {name: login}";

fn quantifier(word: &str) -> Option<Quantifier> {
    word.parse().ok()
}

/// A name with its selectors.
struct Segment<'p> {
    name: Cow<'p, str>,
    /// The text in the brackets, with the positions of both brackets.
    selectors: Vec<(&'p str, usize, usize)>,
    end: usize,
}

/// Parses the name that starts at a byte of the path.
fn segment(path: &str, begin: usize, has_selectors: bool) -> Result<Segment<'_>, &'static str> {
    let bytes = path.as_bytes();
    let mut selectors = Vec::new();
    let find = |from: usize, is_end: &dyn Fn(usize) -> bool| {
        (from..bytes.len()).find(|at| is_end(*at)).unwrap_or(bytes.len())
    };
    let quote = bytes.get(begin).copied().filter(|first| matches!(first, b'"' | b'\''));
    let (name, mut end) = if let Some(quote) = quote {
        let end = find(begin + 1, &|at| bytes[at] == quote);
        (Cow::Borrowed(path.get(begin + 1..end).unwrap_or_default()), end + 1)
    } else {
        let is_escaped = |at: usize| bytes.get(at.wrapping_sub(1)) == Some(&b'\\');
        let is_end = |at: usize| bytes[at] == b'.' || has_selectors && bytes[at] == b'[' && !is_escaped(at);
        let end = find(begin, &is_end);
        let name = path.get(begin..end).unwrap_or_default();
        if !has_selectors && ends_in_quantifier(name) {
            return Err(VERSION);
        }
        let has_escapes = has_selectors && name.bytes().any(|byte| byte == b'\\');
        (if has_escapes { unescaped(name).into() } else { Cow::Borrowed(name) }, end)
    };
    while has_selectors && bytes.get(end) == Some(&b'[') {
        let close = find(end, &|at| bytes[at] == b']');
        selectors.push((path.get(end + 1..close).unwrap_or_default(), end, close + 1));
        end = close + 1;
    }
    if end > bytes.len() || bytes.get(end).is_some_and(|next| *next != b'.') {
        return Err(if quote.is_some() { QUOTE } else { SELECTOR });
    }
    Ok(Segment { name, selectors, end })
}

/// True for a name such as `events[any]`.
fn ends_in_quantifier(name: &str) -> bool {
    let open = name.bytes().rposition(|byte| byte == b'[');
    let word = open.and_then(|open| name.get(open + 1..)?.strip_suffix(']'));
    word.is_some_and(|word| quantifier(word).is_some())
}

/// Removes the backslashes before brackets.
fn unescaped(name: &str) -> String {
    let mut plain = String::new();
    let mut chars = name.chars().peekable();
    while let Some(char) = chars.next() {
        plain.push(match char {
            '\\' => chars.next_if(|next| matches!(next, '[' | ']')).unwrap_or('\\'),
            char => char,
        });
    }
    plain
}

/// Parses a path into steps. A quoted name, in single or double quotes, may contain dots and brackets.
/// Without `has_selectors`, brackets are part of names.
///
/// # Errors
/// Returns a hint if a quote or bracket isn't closed, or a selector isn't allowed there.
pub(crate) fn steps(path: &str, has_selectors: bool) -> Result<Vec<Step<'_>>, &'static str> {
    let mut steps = Vec::new();
    let mut begin = 0;
    while begin <= path.len() {
        let Segment { name, selectors, end } = segment(path, begin, has_selectors)?;
        steps.push(Step::Name(name));
        for (selector, ..) in selectors {
            if quantifier(selector).is_some() {
                return Err(PLACE);
            }
            steps.push(Step::Element(selector.parse().map_err(|_| SELECTOR)?));
        }
        begin = end + 1;
    }
    Ok(steps)
}

/// Splits a path at its first quantifier: the part before it, the quantifier, and the rest. `None` without a quantifier.
///
/// # Errors
/// Returns the errors of [`steps`].
pub(crate) fn quantified(path: &str) -> Result<Option<(&str, Quantifier, &str)>, &'static str> {
    let mut begin = 0;
    while begin <= path.len() {
        let Segment { name, selectors, end } = segment(path, begin, true)?;
        for (selector, open, close) in selectors {
            let Some(quantifier) = quantifier(selector) else { continue };
            if close != end || name.is_empty() {
                return Err(PLACE);
            }
            return Ok(Some((&path[..open], quantifier, path.get(end + 1..).unwrap_or_default())));
        }
        begin = end + 1;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Step<'_> {
        Step::Name(name.into())
    }

    #[test]
    fn dots_separate_names_except_in_quotes() {
        for (path, expected) in [
            ("a", &["a"][..]),
            ("a.b.c", &["a", "b", "c"]),
            ("a.\"b.c\".d", &["a", "b.c", "d"]),
            ("a.'b.c'", &["a", "b.c"]),
            ("'b.c'.d", &["b.c", "d"]),
            ("\"'b'\"", &["'b'"]),
            ("it's.b", &["it's", "b"]),
            ("''", &[""]),
            ("a..b", &["a", "", "b"]),
            (".a.", &["", "a", ""]),
            ("", &[""]),
            ("é.'ü.ö'", &["é", "ü.ö"]),
        ] {
            let expected: Vec<_> = expected.iter().copied().map(name).collect();
            for has_selectors in [false, true] {
                assert_eq!(steps(path, has_selectors).as_ref(), Ok(&expected), "{path}");
            }
        }
        for path in ["'", "\"a", "a.'b.c", "'a'b", "'a'b.c", "\"a\"\"b\""] {
            assert_eq!(steps(path, true), Err(QUOTE), "{path}");
            assert_eq!(steps(path, false), Err(QUOTE), "{path}");
        }
    }

    #[test]
    fn brackets_select_elements_in_rules_that_opt_in() {
        assert_eq!(steps("a[0].b[-1]", false), Ok(vec![name("a[0]"), name("b[-1]")]));
        assert_eq!(
            steps("a[0].b[-1][2]", true),
            Ok(vec![name("a"), Step::Element(0), name("b"), Step::Element(-1), Step::Element(2)])
        );
        assert_eq!(steps(r"a\[0\].b", true), Ok(vec![name("a[0]"), name("b")]));
        assert_eq!(steps(r"a\b", true), Ok(vec![name(r"a\b")]));
        assert_eq!(steps("'a[0]'[1]", true), Ok(vec![name("a[0]"), Step::Element(1)]));
        assert_eq!(steps(r"a\[0\]", false), Ok(vec![name(r"a\[0\]")]));
        for path in ["a[", "a[0", "a[x]", "a[]", "a[0]b", "a[1.5]", "a[ 0 ]", "a[99999999999999999999]"] {
            assert_eq!(steps(path, true), Err(SELECTOR), "{path}");
        }
        for path in ["a[any]", "a.b[none].c", "a[all_or_empty]"] {
            assert_eq!(steps(path, true), Err(PLACE), "{path}");
            assert_eq!(steps(path, false), Err(VERSION), "{path}");
        }
    }

    #[test]
    fn the_first_quantifier_splits_a_path() {
        for (path, expected) in [
            ("a.b", None),
            ("a[0]", None),
            ("a[any]", Some(("a", Quantifier::Any, ""))),
            ("a.b[all].c[none]", Some(("a.b", Quantifier::All, "c[none]"))),
            ("a[-1].b[all_or_empty].c.d", Some(("a[-1].b", Quantifier::AllOrEmpty, "c.d"))),
            ("a[0][none]", Some(("a[0]", Quantifier::None, ""))),
            ("'a[any]'.b", None),
            (r"a\[any\]", None),
        ] {
            assert_eq!(quantified(path), Ok(expected), "{path}");
        }
        assert_eq!(quantified("a[any][0]"), Err(PLACE));
        assert_eq!(quantified("[any]"), Err(PLACE));
    }
}
