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
    /// The name, or the path of a field in `attestation_list`, with dots.
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
    /// A 32-bit integer.
    Integer32,
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

/// The version of a file's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The columns up to `event`.
    V1,
    /// All columns.
    V2,
}

impl Version {
    /// The version that the writer writes.
    pub const CURRENT: Self = Self::V2;

    /// Returns the name of the version.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    /// Returns the columns of the version.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::V1 => &COLUMNS[..24],
            Self::V2 => &COLUMNS,
        }
    }
}

/// The columns in their order.
pub const COLUMNS: [Column; 51] = [
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
    required("prev", Kind::Bytes(32)),
    optional("signature", Kind::Bytes(64)),
    required("attestation_list.uid", Kind::Text),
    required("attestation_list.authority_uid", Kind::Word),
    required("attestation_list.chain_uid", Kind::Word),
    required("attestation_list.fingerprint.algorithm", Kind::Word),
    required("attestation_list.fingerprint.algorithm_id", Kind::Integer32),
    required("attestation_list.fingerprint.encoding", Kind::Word),
    required("attestation_list.fingerprint.encoding_id", Kind::Integer32),
    required("attestation_list.fingerprint.serialization", Kind::Word),
    required("attestation_list.fingerprint.serialization_id", Kind::Integer32),
    required("attestation_list.fingerprint.value", Kind::Text),
    optional("attestation_list.prev_event.uid", Kind::Text),
    optional("attestation_list.prev_event.fingerprint.algorithm", Kind::Word),
    optional("attestation_list.prev_event.fingerprint.algorithm_id", Kind::Integer32),
    optional("attestation_list.prev_event.fingerprint.encoding", Kind::Word),
    optional("attestation_list.prev_event.fingerprint.encoding_id", Kind::Integer32),
    optional("attestation_list.prev_event.fingerprint.serialization", Kind::Word),
    optional("attestation_list.prev_event.fingerprint.serialization_id", Kind::Integer32),
    optional("attestation_list.prev_event.fingerprint.value", Kind::Text),
    optional("attestation_list.signatures.algorithm", Kind::Word),
    optional("attestation_list.signatures.algorithm_id", Kind::Integer32),
    optional("attestation_list.signatures.created_time", Kind::Integer),
    optional("attestation_list.signatures.serialization", Kind::Word),
    optional("attestation_list.signatures.serialization_id", Kind::Integer32),
    optional("attestation_list.signatures.state", Kind::Word),
    optional("attestation_list.signatures.state_id", Kind::Integer32),
];

impl Column {
    /// Returns the definition level of a row without a value. The one element of `attestation_list` is always there.
    pub(crate) fn null_level(&self) -> i16 {
        i16::from(self.name.contains('.'))
    }

    /// Returns the path in the schema. The elements of a list are two groups below it.
    fn path(&self) -> ColumnPath {
        let parts = self.name.split('.').flat_map(|part| match part {
            "attestation_list" | "signatures" => vec![part, "list", "element"],
            _ => vec![part],
        });
        ColumnPath::new(parts.map(str::to_owned).collect())
    }
}

/// Returns a version's columns as a Parquet schema.
pub(crate) fn schema(version: Version) -> Result<TypePtr> {
    let columns = fields("");
    let text = match version {
        Version::V1 => columns.split_inclusive(';').take(Version::V1.columns().len()).collect(),
        Version::V2 => columns + &attestations(),
    };
    parse_message_type(&format!("message countersign {{{text} }}")).map(Arc::new)
}

/// Returns the schema of a list of OCSF's object `attestation`.
fn attestations() -> String {
    let list =
        |fields: &str| format!("(LIST) {{ repeated group list {{ required group element {{{fields} }} }} }}");
    let attestation = fields("attestation_list.");
    let fingerprint = fields("attestation_list.fingerprint.");
    let uid = fields("attestation_list.prev_event.");
    let previous = fields("attestation_list.prev_event.fingerprint.");
    let signatures = list(&fields("attestation_list.signatures."));
    let element = format!(
        "{attestation} required group fingerprint {{{fingerprint} }} optional group prev_event {{{uid} required group \
         fingerprint {{{previous} }} }} optional group signatures {signatures}"
    );
    format!(" required group attestation_list {}", list(&element))
}

/// Returns the columns directly within a group. A column without a value has no group, or no list, around it.
fn fields(group: &str) -> String {
    let mut text = String::new();
    for Column { name, kind, required } in &COLUMNS {
        let Some(name) = name.strip_prefix(group).filter(|name| !name.contains('.')) else { continue };
        let repetition = if *required || !group.is_empty() { "required" } else { "optional" };
        let (physical, logical) = match kind {
            Kind::Integer => ("int64".to_owned(), ""),
            Kind::Integer32 => ("int32".to_owned(), ""),
            Kind::Time => ("int64".to_owned(), " (TIMESTAMP(MILLIS,true))"),
            Kind::Word | Kind::Text => ("binary".to_owned(), " (STRING)"),
            Kind::Bytes(length) => (format!("fixed_len_byte_array({length})"), ""),
        };
        let _ = write!(text, " {repetition} {physical} {name}{logical};");
    }
    text
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
        let path = column.path();
        properties = match column.kind {
            Kind::Word | Kind::Integer32 => properties,
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
