//! Errors in queries, with their position.

use core::fmt;
use core::ops::{Deref, Range};

use countersign::Diagnostic;

use strum::IntoStaticStr;

use countersign::phrases::Phrase;

use crate::phrases::code_of;

/// The kind of error. Codes are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(prefix = "query.", serialize_all = "lowercase")]
#[non_exhaustive]
pub enum Code {
    /// The query, a value, or a name is too long, or there are too many of them.
    Long,
    /// Parentheses and negations are nested too deep.
    Deep,
    /// A quote is not closed or not supported.
    Quote,
    /// A parenthesis is not closed, not opened, or empty.
    Parenthesis,
    /// A value is missing or invalid here.
    Value,
    /// A field name is missing or invalid.
    Field,
    /// `AND`, `OR`, `NOT`, or `-` has no operand, or the operator belongs to another language.
    Operator,
    /// The value is not a day, a time, or a duration such as `-7d`.
    Time,
    /// A comparison with something other than a number or a time.
    Comparison,
    /// The ends of a range don't fit together.
    Range,
    /// The network is invalid.
    Network,
}

impl Code {
    /// Returns the code, such as `query.long`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl AsRef<str> for Code {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// The first invalid part of a query. As small as a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError(Box<Diagnostic<Code, &'static str>>);

/// Number of characters shown before, within, and after the marked part of a long query.
const AROUND: usize = 100;

impl QueryError {
    #[cold]
    #[inline(never)]
    pub(crate) fn new(code: Code, at: Range<usize>, message: &'static str, hint: &'static str) -> Self {
        Self(Box::new(Diagnostic { at: Some(at), hint: Some(hint), ..Diagnostic::new(code, message) }))
    }

    /// Returns the byte range of the invalid part.
    pub fn at(&self) -> Range<usize> {
        self.0.at.clone().unwrap_or_default()
    }

    /// Returns a hint on how to fix the query.
    pub fn hint(&self) -> &'static str {
        self.0.hint.unwrap_or_default()
    }

    /// Returns the message and the hint, each with its English text and its code.
    pub fn phrases(&self) -> impl Iterator<Item = (&str, Phrase)> {
        let texts = [self.0.message.as_str(), self.hint()].into_iter();
        texts.filter_map(|english| Some((english, Phrase::new(code_of(english)?))))
    }

    /// Returns the query with a line of `^` below it that marks the part, for a terminal. A long query is cut to the
    /// part's surroundings.
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
