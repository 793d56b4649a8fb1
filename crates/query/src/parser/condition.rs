//! Conditions on an event in a parser file.

use super::path::{Path, Prefixes, Scope};
use crate::value::{Kind, Value};

/// A disjunction of test lists. In a list, all tests must hold. An empty disjunction always holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    pub(super) any: Vec<Vec<(Path, Vec<Test>)>>,
}

/// A test of a single value.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// The value exists and is not `null`, or with `false`, it doesn't.
    There(bool),
    /// The value has this type.
    Kind(Kind),
    /// The value equals one of these. Numbers and booleans compare by their text.
    Is(Vec<String>),
    /// The string starts with one of these.
    Begins(Vec<String>),
    /// The string ends with one of these.
    Ends(Vec<String>),
    /// The string contains one of these.
    Contains(Vec<String>),
    /// The number is at least this.
    From(f64),
    /// The number is at most this.
    To(f64),
    /// The object has no other fields than these.
    Only(Vec<String>),
    /// At least one of these tests fails.
    Not(Vec<Test>),
}

impl Condition {
    pub(super) fn holds(&self, scope: &Scope<'_, '_>) -> bool {
        self.any.is_empty()
            || self.any.iter().any(|all| all.iter().all(|(path, tests)| tests_hold(path, tests, scope)))
    }

    pub(super) fn assign_numbers(&mut self, prefixes: &mut Prefixes) {
        self.any.iter_mut().flatten().for_each(|(path, _)| path.assign_numbers(prefixes));
    }
}

/// True if the tests hold for a value at the path, or are met by its absence.
pub(super) fn tests_hold(path: &Path, tests: &[Test], scope: &Scope<'_, '_>) -> bool {
    if tests.iter().any(Test::allows_absence) {
        // A negated test must hold for every value at the path.
        return tests.iter().all(|test| match test {
            Test::There(false) => !path.find(scope, &mut |value| value.kind() != Kind::Null),
            Test::Not(inner) => {
                !path.find(scope, &mut |value| inner.iter().all(|test| test.holds_for(value)))
            }
            other => path.find(scope, &mut |value| other.holds_for(value)),
        });
    }
    path.find(scope, &mut |value| tests.iter().all(|test| test.holds_for(value)))
}

impl Test {
    /// True if the test can hold without a value.
    pub(super) fn allows_absence(&self) -> bool {
        matches!(self, Self::There(false) | Self::Not(_))
    }

    fn holds_for(&self, value: Value<'_>) -> bool {
        let string = |words: &[String], fits: fn(&str, &str) -> bool| {
            value.string().is_some_and(|text| words.iter().any(|word| fits(&text, word)))
        };
        let number = || value.text().and_then(|text| countersign::canonical::double(&text));
        match self {
            Self::There(there) => (value.kind() != Kind::Null) == *there,
            Self::Kind(kind) => value.kind() == *kind,
            Self::Is(words) => {
                value.kind() != Kind::Null
                    && value.text().is_some_and(|text| words.iter().any(|word| *word == text))
            }
            Self::Begins(words) => string(words, |text, word| text.starts_with(word)),
            Self::Ends(words) => string(words, |text, word| text.ends_with(word)),
            Self::Contains(words) => string(words, |text, word| text.contains(word)),
            Self::From(least) => number().is_some_and(|number| number >= *least),
            Self::To(most) => number().is_some_and(|number| number <= *most),
            Self::Only(names) => {
                value.kind() == Kind::Object
                    && value.members().all(|(name, _)| names.iter().any(|known| *known == name.text()))
            }
            Self::Not(tests) => !tests.iter().all(|test| test.holds_for(value)),
        }
    }
}
