//! Reasons why single records aren't recorded.

use std::collections::BTreeMap;
use std::fmt;

use crate::limits::{MAX_DEPTH, MAX_NAME_BYTES, MAX_RECORD_BYTES};
use crate::record::RESERVED_ATTRIBUTES;

/// The reason why a record is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// It has no event name.
    Nameless,
    /// It has more than [`MAX_RECORD_BYTES`].
    Large,
    /// It nests deeper than [`MAX_DEPTH`].
    Deep,
    /// The service's name or version, or the scope's name, has more than [`MAX_NAME_BYTES`].
    LongName,
    /// It or its resource has an attribute that only a recorder may add ([`RESERVED_ATTRIBUTES`](crate::RESERVED_ATTRIBUTES)).
    Reserved,
    /// Its ID was used for another record.
    Conflict,
    /// It can't be converted to an event.
    Invalid,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nameless => f.write_str("no event name"),
            Self::Large => write!(f, "more than {MAX_RECORD_BYTES} bytes"),
            Self::Deep => write!(f, "more than {MAX_DEPTH} levels"),
            Self::LongName => write!(f, "a service or scope name of more than {MAX_NAME_BYTES} bytes"),
            Self::Reserved => write!(f, "an attribute {RESERVED_ATTRIBUTES}*, which only a recorder may add"),
            Self::Conflict => f.write_str("the log.record.uid or Idempotency-Key of another record"),
            Self::Invalid => f.write_str("no form as an event"),
        }
    }
}

/// The number of records of a request that were not recorded, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(BTreeMap<Problem, u64>);

impl Problems {
    /// Counts one more record.
    pub fn add(&mut self, problem: Problem) {
        *self.0.entry(problem).or_default() += 1;
    }

    /// Returns the number of records.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "records were not recorded: ";
        for (problem, count) in &self.0 {
            write!(f, "{separator}{count} with {problem}")?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_counted_by_reason() {
        let mut problems = Problems::default();
        assert_eq!((problems.total(), problems.to_string()), (0, String::new()));
        for problem in [Problem::Conflict, Problem::Nameless, Problem::Nameless] {
            problems.add(problem);
        }
        let text = "records were not recorded: 2 with no event name, 1 with the log.record.uid or Idempotency-Key of another record";
        assert_eq!((problems.total(), problems.to_string().as_str()), (3, text));
    }
}
