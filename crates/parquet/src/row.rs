//! Rows and their values.

use crate::schema::{COLUMNS, Column};

/// What a row has in a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A number, or a time in milliseconds from 1970.
    Integer(i64),
    /// Bytes, which are UTF-8 in a column of texts.
    Bytes(Vec<u8>),
}

/// One event: for each of [`COLUMNS`] its value, where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub(crate) Vec<Option<Value>>);

impl Row {
    /// With what `value` gives for each column.
    pub fn new(value: impl FnMut(&Column) -> Option<Value>) -> Self {
        Self(COLUMNS.iter().map(value).collect())
    }

    /// What it has in the column of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let place = COLUMNS.iter().position(|column| column.name == name)?;
        self.0[place].as_ref()
    }

    /// The number in the column of this name.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Integer(number) => Some(*number),
            Value::Bytes(_) => None,
        }
    }

    /// The columns in which another row has something else.
    pub fn differences(&self, other: &Self) -> impl Iterator<Item = &'static Column> {
        let pairs = self.0.iter().zip(&other.0).zip(&COLUMNS);
        let different: Vec<_> =
            pairs.filter(|((one, other), _)| one != other).map(|(_, column)| column).collect();
        different.into_iter()
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = |value: &Option<Value>| match value {
            Some(Value::Bytes(bytes)) => bytes.len() + 32,
            Some(Value::Integer(_)) | None => 16,
        };
        self.0.iter().map(bytes).sum()
    }
}
