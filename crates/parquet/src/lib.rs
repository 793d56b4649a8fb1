//! Events of an audit log as rows of Parquet: one schema, a writer and a reader of it in bounded memory.
//!
//! This crate knows neither logs nor exports. What a row means is for who writes it; here is how it is stored, so that
//! what reads Parquet reads it by the types of its columns.
//!
//! ```
//! use countersign_parquet::{COLUMNS, Reader, Row, Value, Writer};
//!
//! let row = Row::new(|column| match column.name {
//!     "leaf" | "seq" => Some(Value::Integer(1)),
//!     "link_time" => Some(Value::Integer(1_795_000_000_000)),
//!     "salt" => Some(Value::Bytes(vec![7; 16])),
//!     "commit" => Some(Value::Bytes(vec![7; 32])),
//!     _ => column.required.then(|| Value::Bytes(b"text".to_vec())),
//! });
//! let mut file = Vec::new();
//! let mut writer = Writer::new(&mut file, vec![("by".into(), "an example".into())])?;
//! writer.push(&row)?;
//! writer.finish()?;
//!
//! let mut reader = Reader::open(bytes::Bytes::from(file))?;
//! assert_eq!(reader.metadata().collect::<Vec<_>>(), [("by", Some("an example"))]);
//! assert_eq!(reader.next_row()?, Some(row));
//! assert_eq!(reader.next_row()?, None);
//! assert_eq!(COLUMNS.len(), 21);
//! # Ok::<(), countersign_parquet::Error>(())
//! ```

mod described;
mod footer;
mod pages;
mod reader;
mod schema;
mod writer;

pub use parquet::errors::ParquetError as Error;
pub use reader::Reader;
pub use schema::{COLUMNS, Column, Kind};
pub use writer::Writer;

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
pub struct Row(Vec<Option<Value>>);

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
    fn bytes(&self) -> usize {
        let bytes = |value: &Option<Value>| match value {
            Some(Value::Bytes(bytes)) => bytes.len() + 32,
            Some(Value::Integer(_)) | None => 16,
        };
        self.0.iter().map(bytes).sum()
    }
}
