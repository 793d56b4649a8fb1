//! Rejects the syntax of other query languages: Lucene and KQL (Kibana), Splunk, Datadog, GitHub, and SQL. Searched for
//! as text, it would match nothing, or everything. The hint names the form that works here.

use core::ops::Range;

use crate::error::{Code, QueryError};
use crate::lex::{Piece, Word};
use crate::matcher::address;
use crate::phrases;

/// Names that start with `@` in events of Elastic, Logstash, and `CloudWatch`. In Datadog, `@` marks a field.
const AT_NAMES: [&str; 4] = ["@timestamp", "@version", "@message", "@metadata"];

/// Rejects the character at `at`, outside quotes in a word that starts at `start`, if it has a meaning in other
/// languages.
pub(crate) fn refuse_char(text: &str, start: usize, at: usize) -> Result<(), QueryError> {
    let rest = text.get(at..).unwrap_or_default();
    let Some(char) = rest.chars().next() else { return Ok(()) };
    let before = text.get(start..at).unwrap_or_default();
    let (code, message, hint) = match char {
        '?' => (Code::Value, phrases::QUESTION_MARK, phrases::HINT_STARS),
        '|' => (
            Code::Operator,
            phrases::OPERATOR,
            if before.is_empty() { phrases::HINT_JOIN } else { phrases::HINT_LISTED },
        ),
        '&' if rest.starts_with("&&") => (Code::Operator, phrases::OPERATOR, phrases::HINT_JOIN),
        // In paths a tilde is a home folder.
        '~' if !before.is_empty() && !before.ends_with('/') => {
            (Code::Operator, phrases::OPERATOR, phrases::HINT_STARS)
        }
        '^' => (Code::Operator, phrases::OPERATOR, phrases::HINT_STARS),
        '\u{2260}' | '\u{2264}' | '\u{2265}' | '\u{ac}' | '\u{2227}' | '\u{2228}' => {
            (Code::Operator, phrases::OPERATOR, phrases::HINT_SIGNS)
        }
        '\\' if escapes(rest) => (Code::Quote, phrases::BACKSLASH, phrases::HINT_BACKSLASH),
        '\u{ff01}'..='\u{ff5e}' if !char.is_alphanumeric() => {
            (Code::Value, phrases::FULL_WIDTH, phrases::HINT_PLAIN)
        }
        '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}' | '\u{feff}' => {
            (Code::Value, phrases::INVISIBLE, phrases::HINT_INVISIBLE)
        }
        '\u{2013}' | '\u{2014}' | '\u{2212}' if before.is_empty() => {
            (Code::Operator, phrases::DASH, phrases::HINT_DASH)
        }
        _ => return Ok(()),
    };
    let length = if rest.starts_with("&&") || rest.starts_with("||") { 2 } else { char.len_utf8() };
    Err(QueryError::new(code, at..at + length, message, hint))
}

/// True if the backslash at the start of a string would escape the next character or denote a character class in other
/// languages. Windows paths and names such as `CORP\\ada` are accepted.
fn escapes(rest: &str) -> bool {
    let mut following = rest.chars().skip(1).skip_while(|char| *char == '\\');
    let ends = |next: Option<char>| next.is_none_or(|next| !next.is_alphanumeric() && next != '_');
    let first = following.next();
    ends(first) || matches!(first, Some('d' | 'w' | 's')) && ends(following.next())
}

/// Rejects a value, or a string to search for, that has another meaning in other languages.
pub(crate) fn refuse_word(word: &Word, written: &str) -> Result<(), QueryError> {
    if is_regex(written) || has_class(word) {
        return refuse(Code::Operator, word, phrases::OPERATOR, phrases::HINT_COMPARE);
    }
    let closes = |open, close| written.starts_with(open) && !written.ends_with(close);
    if (closes('[', ']') || closes('{', '}')) && address(written).is_none() {
        return refuse(Code::Range, word, phrases::BRACKETS, phrases::HINT_RANGE);
    }
    Ok(())
}

/// True if a word has a class of characters outside of quotes, as regular expressions have: `[a-z]`.
fn has_class(word: &Word) -> bool {
    let unquoted = word.pieces.iter().map(|piece| match piece {
        Piece::Bare(text) => text.as_str(),
        Piece::Star => "*",
        Piece::Quoted(_) => "\n",
    });
    let unquoted: String = unquoted.collect();
    unquoted.as_bytes().windows(4).any(|four| matches!(four, [b'[', _, b'-', last] if *last != b'\n'))
}

/// True if a string otherwise looks like a regular expression. Between slashes, only characters that are rare
/// in paths count.
fn is_regex(written: &str) -> bool {
    if written.starts_with(".*") || written.starts_with(".+") {
        return true;
    }
    let inner = written.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    inner.is_some_and(|inner| {
        let has = |marks: &[&str]| marks.iter().any(|mark| inner.contains(mark));
        has(&[".*", ".+", "[", "{", "+", "$"])
    })
}

/// Rejects a value that has another meaning in other languages. If it names a field, as after `has:`, it may start with
/// `@` like a field name.
pub(crate) fn refuse_value(word: &Word, written: &str, names_field: bool) -> Result<(), QueryError> {
    let Some(Piece::Bare(first)) = word.pieces.first() else { return Ok(()) };
    match first.chars().next() {
        Some('!' | '<' | '>' | '=') => {
            let hint = phrases::HINT_DENIED;
            return refuse(Code::Operator, word, phrases::OPERATOR, hint);
        }
        Some(':') if address(written).is_none() && !written.contains('/') => {
            return refuse(Code::Operator, word, phrases::OPERATOR, phrases::HINT_COMPARE);
        }
        Some('{') if written.ends_with('}') => {
            return refuse(Code::Value, word, phrases::OBJECT, phrases::HINT_OBJECT);
        }
        Some('@') if !names_field || is_marked(first) => {
            let hint = phrases::HINT_AT_SIGN;
            return refuse(Code::Value, word, phrases::AT_SIGN, hint);
        }
        _ => {}
    }
    if written.len() > 1 && (written.starts_with('%') || written.ends_with('%')) {
        return refuse(Code::Value, word, phrases::PERCENT, phrases::HINT_STARS);
    }
    if is_class(written) {
        let hint = phrases::HINT_CLASS;
        return refuse(Code::Range, word, phrases::CLASS, hint);
    }
    Ok(())
}

/// True for a class of status codes: `5xx`.
pub(crate) fn is_class(text: &str) -> bool {
    matches!(text.as_bytes(), [b'1'..=b'9', b'x' | b'X', b'x' | b'X'])
}

/// Rejects a field name that has another meaning in other languages.
pub(crate) fn refuse_name(word: &Word, written: &str) -> Result<(), QueryError> {
    if word.bare().is_some_and(is_no_name) {
        return refuse(Code::Field, word, phrases::NO_CONDITION, phrases::HINT_NO_CONDITION);
    }
    if is_marked(written) {
        let hint = phrases::HINT_AT_FIELD;
        return refuse(Code::Field, word, phrases::AT_FIELD, hint);
    }
    if let [Piece::Star] = word.pieces[..] {
        return refuse(Code::Field, word, phrases::FIELD_STAR, phrases::HINT_EVERYTHING);
    }
    let brackets: &[char] = &['[', ']', '{', '}'];
    if word.pieces.iter().any(|piece| matches!(piece, Piece::Bare(text) if text.contains(brackets))) {
        let hint = phrases::HINT_ARRAY;
        return refuse(Code::Field, word, phrases::ARRAY, hint);
    }
    Ok(())
}

/// True for pseudo fields of other languages.
pub(crate) fn is_no_name(name: &str) -> bool {
    matches!(name, "_exists_" | "_missing_")
}

/// True for a name that starts with `@` and isn't a common field.
pub(crate) fn is_marked(name: &str) -> bool {
    name.starts_with('@') && !AT_NAMES.iter().any(|known| name.split('.').next() == Some(known))
}

fn refuse(code: Code, word: &Word, message: &'static str, hint: &'static str) -> Result<(), QueryError> {
    let at: Range<usize> = word.at.clone();
    Err(QueryError::new(code, at, message, hint))
}
