//! Events of an audit log as rows of Parquet: a schema, with a writer and a reader that use bounded memory.
//!
//! This crate knows nothing of logs or exports. The caller defines the meaning of a row; the types of the columns make
//! it readable for other programs.
//!
//! ```
//! use countersign_parquet::{COLUMNS, Kind, Reader, Row, Value, Writer};
//!
//! let row = Row::new(|column| match column.name {
//!     "entry" | "seq" => Some(Value::Integer(1)),
//!     "link_time" => Some(Value::Integer(1_795_000_000_000)),
//!     "salt" => Some(Value::Bytes(vec![7; 16])),
//!     "commit" | "prev" => Some(Value::Bytes(vec![7; 32])),
//!     _ if column.kind == Kind::Integer32 => column.required.then_some(Value::Integer(3)),
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
//! assert_eq!(COLUMNS.len(), 51);
//! # Ok::<(), countersign_parquet::Error>(())
//! ```

mod footer;
mod pages;
mod reader;
mod row;
mod schema;
mod statistics;
mod writer;

pub use parquet::errors::ParquetError as Error;
pub use reader::Reader;
pub use row::{Row, Value};
pub use schema::{COLUMNS, Column, Kind, Version};
pub use writer::Writer;
