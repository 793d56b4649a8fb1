//! What stands in whatever a regular expression matches, so that most texts need not be matched with it.

use countersign_query::matcher::fold;

/// The longest text, in lower case, that whatever this regular expression matches has somewhere; none where that takes
/// more than going once along its outermost level.
pub(crate) fn of(regex: &str) -> Option<String> {
    let mut runs = Runs::default();
    let mut chars = regex.chars().peekable();
    let mut depth = 0_usize;
    while let Some(char) = chars.next() {
        let mut literal = None;
        match char {
            '\\' => match chars.next()? {
                '<' | '>' => {}
                mark if mark.is_ascii_punctuation() => literal = Some(mark),
                'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'b' | 'B' => {}
                _ => return None,
            },
            '|' if depth == 0 => return None,
            '(' => {
                depth += 1;
                if chars.next_if_eq(&'?').is_some() {
                    loop {
                        match chars.next()? {
                            // White space may mean nothing, and a group's name says nothing.
                            'x' | 'P' | '<' => return None,
                            ')' => {
                                depth -= 1;
                                // What comes before flags is repeated by what comes after them.
                                if matches!(chars.peek(), Some('*' | '+' | '?' | '{')) {
                                    return None;
                                }
                                break;
                            }
                            ':' => break,
                            _ => {}
                        }
                    }
                }
            }
            ')' => depth = depth.checked_sub(1)?,
            '[' => {
                chars.next_if_eq(&'^');
                // What may stand in brackets first, or nests, is not looked into.
                if chars.peek() == Some(&']') {
                    return None;
                }
                loop {
                    match chars.next()? {
                        '[' => return None,
                        '\\' => drop(chars.next()?),
                        ']' => break,
                        _ => {}
                    }
                }
            }
            '{' => while chars.next()? != '}' {},
            '.' | '^' | '$' | '*' | '+' | '?' | '|' => {}
            plain => literal = Some(plain),
        }
        let literal = literal.filter(|_| depth == 0 && !matches!(chars.peek(), Some('*' | '?' | '{')));
        match literal {
            Some(char) => runs.run.push(char),
            None => runs.end(),
        }
        if chars.peek() == Some(&'+') {
            runs.end();
        }
    }
    runs.end();
    (!runs.longest.is_empty()).then(|| fold(&runs.longest).into_owned())
}

/// Characters that follow each other.
#[derive(Default)]
struct Runs {
    run: String,
    longest: String,
}

impl Runs {
    fn end(&mut self) {
        let run = core::mem::take(&mut self.run);
        if run.len() > self.longest.len() {
            self.longest = run;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_lite::Regex;

    use super::of;

    #[test]
    fn what_must_stand_there() {
        for (regex, literal) in [
            (".+:assumed-role/aws:.+", Some(":assumed-role/aws:")),
            (r"(?i)(ipfs\.io/|ipfs\.io\s).+\..+@.+\.[a-z]+", Some(".")),
            ("^Admin(istrator)?Access$", Some("access")),
            (r"a\.b\d+cde?", Some("a.b")),
            ("abc+de", Some("abc")),
            ("ab{2}c", Some("a")),
            ("x*", None),
            ("a|b", None),
            ("(a|bc)def", Some("def")),
            ("(?x) a b c", None),
            ("(?i:abc)de", Some("de")),
            ("a(?i)*", None),
            ("(?P<name>x)abc", None),
            (r"\x41bc", None),
            ("[]a]bc", None),
            ("[^x]bc", Some("bc")),
            (r"\<bc", Some("bc")),
            ("[[:alpha:]]bc", None),
            (r"[\]x]bc", Some("bc")),
        ] {
            assert_eq!(of(regex).as_deref(), literal, "{regex}");
        }
    }

    proptest! {
        #[test]
        fn whatever_matches_has_it(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["a", "b", "B", "ab", ".", "[ab]", "[^a]", "(a|b)", "(?i)", "(?:ab)", r"\.", r"\w", "^", "$"]),
                1..7,
            ),
            marks in prop::collection::vec(prop::sample::select(vec!["", "", "", "+", "*", "?", "{2}", "+?"]), 7),
            text in "[abAB.]{0,9}",
        ) {
            let regex: String = pieces.iter().zip(&marks).flat_map(|(piece, mark)| [*piece, *mark]).collect();
            let Ok(compiled) = Regex::new(&regex) else { return Ok(()) };
            if let Some(literal) = of(&regex) {
                prop_assert!(!compiled.is_match(&text) || text.to_lowercase().contains(&literal), "{regex} {text} {literal}");
            }
        }
    }
}
