//! What of a query was not understood, and where it stands.

use core::fmt;
use core::ops::Range;

use countersign::phrases::Phrase;

use crate::phrases::code_of;

/// What was not understood, as a word that programs may compare. Codes are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Long => "query.long",
            Self::Deep => "query.deep",
            Self::Quote => "query.quote",
            Self::Parenthesis => "query.parenthesis",
            Self::Value => "query.value",
            Self::Field => "query.field",
            Self::Operator => "query.operator",
            Self::Time => "query.time",
            Self::Comparison => "query.comparison",
            Self::Range => "query.range",
            Self::Network => "query.network",
        }
    }
}

/// A part of a query that was not understood. Nothing of such a query is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The stable code.
    pub code: Code,
    /// Where it stands in the query's text, in bytes.
    pub at: Range<usize>,
    /// What is wrong, for people.
    pub message: &'static str,
    /// What to do about it, for people.
    pub hint: &'static str,
}

/// As much is shown of a long query before and after what is marked, and of that, in characters.
const AROUND: usize = 100;

impl Error {
    pub(crate) const fn new(code: Code, at: Range<usize>, message: &'static str, hint: &'static str) -> Self {
        Self { code, at, message, hint }
    }

    /// What it says to people as data, each sentence with its English text.
    pub fn phrases(&self) -> impl Iterator<Item = (&'static str, Phrase)> {
        let said = [self.message, self.hint].into_iter();
        said.filter_map(|english| Some((english, Phrase::new(code_of(english)?))))
    }

    /// The query with a line below it that marks the place, for a terminal. Of a long query it is what is around the
    /// place.
    pub fn marked(&self, query: &str) -> String {
        let chars: Vec<char> = query.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
        let start = query.get(..self.at.start).map_or(chars.len(), |before| before.chars().count());
        let width = query.get(self.at.clone()).map_or(0, |marked| marked.chars().count());
        let first = start.saturating_sub(AROUND);
        let last = (start + width.min(AROUND) + AROUND).min(chars.len());
        let shown: String = chars[first..last].iter().collect();
        let (begin, end) = (if first > 0 { "…" } else { "" }, if last < chars.len() { "…" } else { "" });
        let gap = " ".repeat(start - first + begin.chars().count());
        format!("{begin}{shown}{end}\n{gap}{}", "^".repeat(width.min(last - start).max(1)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: at byte {}: {}", self.code.as_str(), self.at.start, self.message)
    }
}

impl core::error::Error for Error {}
