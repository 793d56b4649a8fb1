//! Literals in regular expressions: a string without the literal can't match, so most texts need no matching.

use countersign_query::matcher::fold;

/// Returns the longest literal, in lower case, that every match of the expression contains. `None` if there
/// is none, or finding it needs more than one pass over the outermost level.
pub(crate) fn longest_literal(regex: &str) -> Option<String> {
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
                            // White space may be insignificant, and names of groups aren't parsed.
                            'x' | 'P' | '<' => return None,
                            ')' => {
                                depth -= 1;
                                // A repetition after flags applies to what comes before them.
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
                // A leading `]` and nested brackets aren't parsed.
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

/// Runs of literal characters.
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

    use super::longest_literal;

    #[test]
    fn finds_the_longest_literal() {
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
            assert_eq!(longest_literal(regex).as_deref(), literal, "{regex}");
        }
    }

    proptest! {
        #[test]
                fn every_match_contains_the_literal(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["a", "b", "B", "ab", ".", "[ab]", "[^a]", "(a|b)", "(?i)", "(?:ab)", r"\.", r"\w", "^", "$"]),
                1..7,
            ),
            marks in prop::collection::vec(prop::sample::select(vec!["", "", "", "+", "*", "?", "{2}", "+?"]), 7),
            text in "[abAB.]{0,9}",
        ) {
            let regex: String = pieces.iter().zip(&marks).flat_map(|(piece, mark)| [*piece, *mark]).collect();
            let Ok(compiled) = Regex::new(&regex) else { return Ok(()) };
                        if let Some(literal) = longest_literal(&regex) {
                prop_assert!(!compiled.is_match(&text) || text.to_lowercase().contains(&literal), "{regex} {text} {literal}");
            }
        }
    }
}
