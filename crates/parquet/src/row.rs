//! Rows and their values.

use crate::schema::{COLUMNS, Column};

/// The value of a row in a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A number, or a time in milliseconds since 1970.
    Integer(i64),
    /// Bytes, which are UTF-8 in a string column.
    Bytes(Vec<u8>),
}

/// The row of an event: the value for each of [`COLUMNS`], if it has one. A row from a file of an earlier version has
/// fewer columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub(crate) Vec<Option<Value>>);

impl Row {
    /// Creates a row from the result of `value` for each column.
    pub fn new(value: impl FnMut(&Column) -> Option<Value>) -> Self {
        Self(COLUMNS.iter().map(value).collect())
    }

    /// Returns the value in the column with this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let place = COLUMNS.iter().position(|column| column.name == name)?;
        self.0.get(place)?.as_ref()
    }

    /// Returns the number in the column with this name.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Integer(number) => Some(*number),
            Value::Bytes(_) => None,
        }
    }

    /// Returns the columns in which another row has a different value, of those that both rows have.
    pub fn differences(&self, other: &Self) -> impl Iterator<Item = &'static Column> {
        let pairs = self.0.iter().zip(&other.0).zip(&COLUMNS);
        let different: Vec<_> =
            pairs.filter(|((one, other), _)| one != other).map(|(_, column)| column).collect();
        different.into_iter()
    }

    /// Returns the approximate memory that the row takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = |value: &Option<Value>| match value {
            Some(Value::Bytes(bytes)) => bytes.len() + 32,
            Some(Value::Integer(_)) | None => 16,
        };
        self.0.iter().map(bytes).sum()
    }
}
