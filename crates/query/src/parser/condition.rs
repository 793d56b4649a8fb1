//! When a parser, or a part of it, holds: what must stand where in an event.

use super::path::{Begins, Path, Scope};
use crate::value::{Kind, Value};

/// One of several lists of tests, all of which must hold; none at all always holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    pub(super) any: Vec<Vec<(Path, Vec<Test>)>>,
}

/// What must be so of a value.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// It is there, and not `null`; or it is not.
    There(bool),
    /// It is of this kind.
    Kind(Kind),
    /// It says one of these, whether as a string, a number or a truth value.
    Is(Vec<String>),
    /// Its string begins with one of these.
    Begins(Vec<String>),
    /// Its string ends with one of these.
    Ends(Vec<String>),
    /// One of these is in its string.
    Contains(Vec<String>),
    /// Its number is not less.
    From(f64),
    /// Its number is not more.
    To(f64),
    /// Its members have these names alone.
    Only(Vec<String>),
    /// These do not all hold.
    Not(Vec<Test>),
}

impl Condition {
    pub(super) fn holds(&self, scope: &Scope<'_, '_>) -> bool {
        self.any.is_empty()
            || self.any.iter().any(|all| all.iter().all(|(path, tests)| hold(path, tests, scope)))
    }

    pub(super) fn number(&mut self, begins: &mut Begins) {
        self.any.iter_mut().flatten().for_each(|(path, _)| path.number(begins));
    }
}

/// Whether the tests hold of a value that stands there, or are satisfied by there being none.
fn hold(path: &Path, tests: &[Test], scope: &Scope<'_, '_>) -> bool {
    if tests.iter().any(Test::wants_none) {
        // What must not be so must be so of no value that stands there.
        return tests.iter().all(|test| match test {
            Test::There(false) => !path.find(scope, &mut |value| value.kind() != Kind::Null),
            Test::Not(inner) => !path.find(scope, &mut |value| inner.iter().all(|test| test.of(value))),
            other => path.find(scope, &mut |value| other.of(value)),
        });
    }
    path.find(scope, &mut |value| tests.iter().all(|test| test.of(value)))
}

impl Test {
    /// Whether it can hold without a value.
    pub(super) fn wants_none(&self) -> bool {
        matches!(self, Self::There(false) | Self::Not(_))
    }

    fn of(&self, value: Value<'_>) -> bool {
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
            Self::Not(tests) => !tests.iter().all(|test| test.of(value)),
        }
    }
}
