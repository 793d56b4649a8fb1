//! Errors in queries, with their places.

use core::fmt;
use core::ops::{Deref, Range};

use countersign::Diagnostic;

use strum::IntoStaticStr;

use countersign::phrases::Phrase;

use crate::phrases::code_of;

/// What was not understood, as a word that programs may compare. Codes are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(prefix = "query.", serialize_all = "lowercase")]
#[non_exhaustive]
pub enum Code {
    /// The text, a value or a name is too long, or there are too many of them.
    Long,
    /// Parentheses and negations nest too deep.
    Deep,
    /// A quote is not closed.
    Quote,
    /// A parenthesis is not closed, not opened, or has nothing in it.
    Parenthesis,
    /// A value is missing, or cannot be one here.
    Value,
    /// A field's name is missing, or cannot be one.
    Field,
    /// AND, OR, NOT or `-` has nothing to join, or is written as another language has it.
    Operator,
    /// Neither a day, a time nor a length of time such as `-7d`.
    Time,
    /// Neither a number nor a time, where there is more or less of them alone.
    Comparison,
    /// A range without ends that fit.
    Range,
    /// A range of addresses that there cannot be.
    Network,
}

impl Code {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl AsRef<str> for Code {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// A part of a query that was not understood. Nothing of such a query is asked. It is as small as a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError(Box<Diagnostic<Code, &'static str>>);

/// As much is shown of a long query before and after what is marked, and of that, in characters.
const AROUND: usize = 100;

impl QueryError {
    #[cold]
    #[inline(never)]
    pub(crate) fn new(code: Code, at: Range<usize>, message: &'static str, hint: &'static str) -> Self {
        Self(Box::new(Diagnostic { at: Some(at), hint: Some(hint), ..Diagnostic::new(code, message) }))
    }

    /// Returns the part of the query's text that was not understood, in bytes.
    pub fn at(&self) -> Range<usize> {
        self.0.at.clone().unwrap_or_default()
    }

    /// Returns what to do about it, for people.
    pub fn hint(&self) -> &'static str {
        self.0.hint.unwrap_or_default()
    }

    /// Returns the sentences of the error with their codes, each with its English text.
    pub fn phrases(&self) -> impl Iterator<Item = (&str, Phrase)> {
        let said = [self.0.message.as_str(), self.hint()].into_iter();
        said.filter_map(|english| Some((english, Phrase::new(code_of(english)?))))
    }

    /// The query with a line below it that marks the place, for a terminal. Of a long query it is what is around the
    /// place.
    pub fn marked(&self, query: &str) -> String {
        let chars: Vec<char> = query.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
        let at = self.at();
        let start = query.get(..at.start).map_or(chars.len(), |before| before.chars().count());
        let width = query.get(at).map_or(0, |marked| marked.chars().count());
        let first = start.saturating_sub(AROUND);
        let last = (start + width.min(AROUND) + AROUND).min(chars.len());
        let shown: String = chars[first..last].iter().collect();
        let (begin, end) = (if first > 0 { "…" } else { "" }, if last < chars.len() { "…" } else { "" });
        let gap = " ".repeat(start - first + begin.chars().count());
        format!("{begin}{shown}{end}\n{gap}{}", "^".repeat(width.min(last - start).max(1)))
    }
}

impl Deref for QueryError {
    type Target = Diagnostic<Code, &'static str>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<QueryError> for Diagnostic<Code, &'static str> {
    fn from(QueryError(diagnostic): QueryError) -> Self {
        *diagnostic
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for QueryError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_stable() {
        for (code, text) in [
            (Code::Long, "query.long"),
            (Code::Deep, "query.deep"),
            (Code::Quote, "query.quote"),
            (Code::Parenthesis, "query.parenthesis"),
            (Code::Value, "query.value"),
            (Code::Field, "query.field"),
            (Code::Operator, "query.operator"),
            (Code::Time, "query.time"),
            (Code::Comparison, "query.comparison"),
            (Code::Range, "query.range"),
            (Code::Network, "query.network"),
        ] {
            assert_eq!(code.as_str(), text);
        }
    }
}
