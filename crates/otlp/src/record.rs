//! Log records.

use crate::value::Value;

/// The prefix of the attributes that say how a record was verified (SPEC section 19.2). Only a recorder adds them.
pub const RESERVED_ATTRIBUTES: &str = "countersign.integrity.";

/// A log record with the parts of its resource and scope that events contain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogRecord<'s> {
    /// The resource and scope, shared by the records of a list.
    pub source: &'s Source,
    /// When it happened, in nanoseconds since 1970; 0 if unknown.
    pub time_unix_nano: u64,
    /// When it was observed, in nanoseconds since 1970; 0 if unknown.
    pub observed_time_unix_nano: u64,
    /// The severity, 0 to 24; 0 if unknown.
    pub severity_number: u64,
    /// The severity as text; empty if unknown.
    pub severity_text: String,
    /// The name of the event; empty if the record isn't an event.
    pub event_name: String,
    /// The body.
    pub body: Option<Value>,
    /// The attributes, in the order of the record.
    pub attributes: Vec<(String, Value)>,
    /// The number of attributes that the sender dropped.
    pub dropped_attributes_count: u64,
    /// The trace's ID: 16 bytes, or none.
    pub trace_id: Vec<u8>,
    /// The span's ID: 8 bytes, or none.
    pub span_id: Vec<u8>,
}

/// The resource and scope of log records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// The attribute `service.name` of the resource.
    pub service: Option<String>,
    /// The attribute `service.version` of the resource.
    pub version: Option<String>,
    /// The name of the scope; empty if unknown.
    pub scope: String,
    /// True if the resource has a reserved attribute ([`RESERVED_ATTRIBUTES`]).
    pub has_reserved: bool,
}

impl Default for &Source {
    fn default() -> Self {
        static NONE: Source =
            Source { service: None, version: None, scope: String::new(), has_reserved: false };
        &NONE
    }
}

impl Source {
    /// Takes the service from the attributes of a resource.
    pub(crate) fn from_resource(attributes: Vec<(String, Value)>) -> Self {
        let mut source = Self::default();
        for (name, value) in attributes {
            match (name.as_str(), value) {
                ("service.name", Value::String(text)) if !text.is_empty() => source.service = Some(text),
                ("service.version", Value::String(text)) if !text.is_empty() => source.version = Some(text),
                (name, _) if name.starts_with(RESERVED_ATTRIBUTES) => source.has_reserved = true,
                _ => {}
            }
        }
        source
    }
}
