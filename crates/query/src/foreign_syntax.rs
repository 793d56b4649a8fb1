//! Syntax of other query languages: Lucene and KQL (Kibana), Splunk, Datadog, GitHub, and SQL. As text it would match
//! nothing, or everything. It is refused, with the form that works here as the hint.

use core::ops::Range;

use crate::error::{Code, QueryError};
use crate::lex::{Piece, Word};
use crate::matcher::address;

pub(crate) const JOIN: &str = "write AND, OR or NOT, without pipes, or put it in quotes";
pub(crate) const COMPARE: &str = "write field:value, -field:value or field:*part*, or put it in quotes";
pub(crate) const RANGE: &str = "write two numbers or two times, or * for no end: 400..499, 2026-11-01..*";
const STARS: &str = "write * for any characters, as in adm*, or put it in quotes";
const LISTED: &str = "write several values as field:a,b, join conditions by OR, or put it in quotes";
const PLAIN: &str = "write the plain character, or put it in quotes";

const NO_OPERATOR: &str = "there is no such operator";

/// Names that begin with `@` in events of Elastic, Logstash, and `CloudWatch`. Elsewhere `@` marks a field (Datadog).
const AT_NAMES: [&str; 4] = ["@timestamp", "@version", "@message", "@metadata"];

/// Refuses the character at `at` outside quotes, in a word that begins at `start`, if it means something elsewhere.
pub(crate) fn refuse_char(text: &str, start: usize, at: usize) -> Result<(), QueryError> {
    let rest = text.get(at..).unwrap_or_default();
    let Some(char) = rest.chars().next() else { return Ok(()) };
    let before = text.get(start..at).unwrap_or_default();
    let (code, message, hint) = match char {
        '?' => (Code::Value, "a question mark isn't a wildcard", STARS),
        '|' => (Code::Operator, NO_OPERATOR, if before.is_empty() { JOIN } else { LISTED }),
        '&' if rest.starts_with("&&") => (Code::Operator, NO_OPERATOR, JOIN),
        // In paths a tilde is a home folder.
        '~' if !before.is_empty() && !before.ends_with('/') => (Code::Operator, NO_OPERATOR, STARS),
        '^' => (Code::Operator, NO_OPERATOR, STARS),
        '\u{2260}' | '\u{2264}' | '\u{2265}' | '\u{ac}' | '\u{2227}' | '\u{2228}' => (
            Code::Operator,
            NO_OPERATOR,
            "write -field:value, field>=5, field<=5, AND, OR or NOT, or put it in quotes",
        ),
        '\\' if escapes(rest) => (
            Code::Quote,
            "a backslash has a meaning only in quotes",
            "put the text in quotes, and write \\\\ for a backslash",
        ),
        '\u{ff01}'..='\u{ff5e}' if !char.is_alphanumeric() => (Code::Value, "a full-width character", PLAIN),
        '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}' | '\u{feff}' => {
            (Code::Value, "an invisible character", "delete it, or put it in quotes")
        }
        '\u{2013}' | '\u{2014}' | '\u{2212}' if before.is_empty() => {
            (Code::Operator, "this dash isn't a hyphen", "write - before what is denied, or put it in quotes")
        }
        _ => return Ok(()),
    };
    let length = if rest.starts_with("&&") || rest.starts_with("||") { 2 } else { char.len_utf8() };
    Err(QueryError::new(code, at..at + length, message, hint))
}

/// True if the backslash that a text begins with takes the meaning from what follows elsewhere, or stands for a class of
/// characters: paths of Windows and names such as `CORP\\ada` are left alone.
fn escapes(rest: &str) -> bool {
    let mut following = rest.chars().skip(1).skip_while(|char| *char == '\\');
    let ends = |next: Option<char>| next.is_none_or(|next| !next.is_alphanumeric() && next != '_');
    let first = following.next();
    ends(first) || matches!(first, Some('d' | 'w' | 's')) && ends(following.next())
}

/// Refuses a value, or a text to search for, that is something else in other languages.
pub(crate) fn refuse_word(word: &Word, written: &str) -> Result<(), QueryError> {
    if is_regex(written) {
        return refuse(Code::Operator, word, NO_OPERATOR, COMPARE);
    }
    let closes = |open, close| written.starts_with(open) && !written.ends_with(close);
    if (closes('[', ']') || closes('{', '}')) && address(written).is_none() {
        return refuse(Code::Range, word, "ranges have no brackets", RANGE);
    }
    Ok(())
}

/// True if a text has marks of regular expressions: between slashes, those that paths don't have.
fn is_regex(written: &str) -> bool {
    let has_class = || written.as_bytes().windows(4).any(|four| matches!(four, [b'[', _, b'-', _]));
    if written.starts_with(".*") || written.starts_with(".+") || has_class() {
        return true;
    }
    let inner = written.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    inner.is_some_and(|inner| {
        let has = |marks: &[&str]| marks.iter().any(|mark| inner.contains(mark));
        has(&[".*", ".+", "[", "{", "+", "$"])
    })
}

/// Refuses a value that is something else in other languages.
pub(crate) fn refuse_value(word: &Word, written: &str) -> Result<(), QueryError> {
    let Some(Piece::Bare(first)) = word.pieces.first() else { return Ok(()) };
    match first.chars().next() {
        Some('!' | '<' | '>' | '=') => {
            let hint = "write -field:value for what a field is not, field>=5 to compare, or put it in quotes";
            return refuse(Code::Operator, word, NO_OPERATOR, hint);
        }
        Some(':') if address(written).is_none() && !written.contains('/') => {
            return refuse(Code::Operator, word, NO_OPERATOR, COMPARE);
        }
        Some('{') if written.ends_with('}') => {
            return refuse(Code::Value, word, "an object isn't a value", "name the member: actor.id:u_1");
        }
        Some('@') => {
            let hint = "name the person, write *@example.com for what ends so, or put it in quotes";
            return refuse(Code::Value, word, "@ has no meaning here", hint);
        }
        _ => {}
    }
    if written.len() > 1 && (written.starts_with('%') || written.ends_with('%')) {
        return refuse(Code::Value, word, "a percent sign isn't a wildcard", STARS);
    }
    if is_class(written) {
        let hint = "write 500..599 or 5*, or put it in quotes";
        return refuse(Code::Range, word, "a class of numbers isn't a value", hint);
    }
    Ok(())
}

/// True for a class of status codes: `5xx`.
pub(crate) fn is_class(text: &str) -> bool {
    matches!(text.as_bytes(), [b'1'..=b'9', b'x' | b'X', b'x' | b'X'])
}

/// Refuses a field's name that is something else in other languages.
pub(crate) fn refuse_name(word: &Word, written: &str) -> Result<(), QueryError> {
    if word.bare().is_some_and(is_no_name) {
        return refuse(Code::Field, word, "there is no such condition", "write has:field, or -has:field");
    }
    if is_marked(written) {
        let hint = "leave out the @, or put a name that begins with it in quotes";
        return refuse(Code::Field, word, "a field's name has no @ in front", hint);
    }
    if let [Piece::Star] = word.pieces[..] {
        return refuse(
            Code::Field,
            word,
            "a star in a field's name",
            "leave the query empty to find everything",
        );
    }
    let brackets: &[char] = &['[', ']', '{', '}'];
    if word.pieces.iter().any(|piece| matches!(piece, Piece::Bare(text) if text.contains(brackets))) {
        let hint = "leave them out, as a name stands for each element of an array, or put the name in quotes";
        return refuse(Code::Field, word, "brackets in a field's name", hint);
    }
    Ok(())
}

/// True for what stands in the place of a field's name elsewhere.
pub(crate) fn is_no_name(name: &str) -> bool {
    matches!(name, "_exists_" | "_missing_")
}

/// True for a name that begins with `@`, if that isn't one that many events have.
pub(crate) fn is_marked(name: &str) -> bool {
    name.starts_with('@') && !AT_NAMES.iter().any(|known| name.split('.').next() == Some(known))
}

fn refuse(code: Code, word: &Word, message: &'static str, hint: &'static str) -> Result<(), QueryError> {
    let at: Range<usize> = word.at.clone();
    Err(QueryError::new(code, at, message, hint))
}
