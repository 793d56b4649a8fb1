//! The columns of the schema.

use std::fmt::Write as _;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, TypePtr};

/// A column of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name.
    pub name: &'static str,
    /// The type of the values.
    pub kind: Kind,
    /// True if every row has a value.
    pub required: bool,
}

/// The type of the values in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A 64-bit integer.
    Integer,
    /// A time in milliseconds since 1970, UTC.
    Time,
    /// UTF-8 with few different values.
    Word,
    /// UTF-8 with many different values.
    Text,
    /// A fixed number of bytes.
    Bytes(usize),
}

const fn required(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, required: false }
}

/// The columns in their order.
pub const COLUMNS: [Column; 24] = [
    required("entry", Kind::Integer),
    required("chain", Kind::Word),
    required("seq", Kind::Integer),
    required("link_time", Kind::Time),
    required("salt", Kind::Bytes(16)),
    required("commit", Kind::Bytes(32)),
    required("signer", Kind::Word),
    required("signer_trust", Kind::Word),
    optional("parsed_as", Kind::Word),
    optional("time", Kind::Time),
    optional("action", Kind::Word),
    optional("actor_id", Kind::Word),
    optional("actor_name", Kind::Word),
    optional("actor_type", Kind::Word),
    optional("on_behalf_of_id", Kind::Word),
    optional("on_behalf_of_name", Kind::Word),
    optional("on_behalf_of_type", Kind::Word),
    optional("target_id", Kind::Word),
    optional("target_name", Kind::Word),
    optional("target_type", Kind::Word),
    optional("address", Kind::Word),
    optional("outcome", Kind::Word),
    optional("reason", Kind::Word),
    required("event", Kind::Text),
];

/// Returns the columns as a Parquet schema.
pub(crate) fn schema() -> Result<TypePtr> {
    let mut text = "message countersign {".to_owned();
    for Column { name, kind, required } in &COLUMNS {
        let repetition = if *required { "required" } else { "optional" };
        let (physical, logical) = match kind {
            Kind::Integer => ("int64".to_owned(), ""),
            Kind::Time => ("int64".to_owned(), " (TIMESTAMP(MILLIS,true))"),
            Kind::Word | Kind::Text => ("binary".to_owned(), " (STRING)"),
            Kind::Bytes(length) => (format!("fixed_len_byte_array({length})"), ""),
        };
        let _ = write!(text, " {repetition} {physical} {name}{logical};");
    }
    parse_message_type(&(text + " }")).map(Arc::new)
}

/// Returns the properties of a file, with the encodings of its columns.
pub(crate) fn properties(metadata: Vec<(String, String)>) -> WriterPropertiesPtr {
    let metadata = metadata.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("countersign ", env!("CARGO_PKG_VERSION")).into())
        .set_compression(Compression::SNAPPY)
        // Row groups are small, and an index of their pages would be one more statement about the rows that can be
        // false.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(metadata))
        .set_max_row_group_row_count(None);
    for column in &COLUMNS {
        let path = ColumnPath::from(column.name);
        properties = match column.kind {
            Kind::Word => properties,
            Kind::Integer | Kind::Time => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            // No query selects a range of these.
            Kind::Text | Kind::Bytes(_) => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_statistics_enabled(path, EnabledStatistics::None),
        };
    }
    Arc::new(properties.build())
}
