//! One request, whose records become events with IDs that a retry repeats.

use std::fmt;

use countersign::event::Event;
use countersign::hash::Hash;
use countersign::hex;
use serde::Deserialize;

use crate::event::{self, Provenance, attribute};
use crate::problem::Problem;
use crate::record::LogRecord;
use crate::value::Value;

/// The attribute that identifies a record (OpenTelemetry's semantic conventions).
const UID: &str = "log.record.uid";
/// The beginning of what is hashed for an ID.
const CONTEXT: &str = "countersign/v1 otlp";

/// The ID of a record's event: the same for the same sender and record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId([u8; 16]);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl EventId {
    /// Hashes an ID. No part but the last contains a zero byte.
    fn derive(sender: &str, parts: &[&[u8]]) -> Self {
        let mut hashed: Vec<&[u8]> = vec![CONTEXT.as_bytes(), &[0], sender.as_bytes()];
        for part in parts {
            hashed.extend([&[0][..], part]);
        }
        Self(Hash::digest(&hashed).0.first_chunk().copied().unwrap_or_default())
    }

    /// Returns the ID in an event that a log server recorded for a sender of log records; `None` for other events.
    pub fn in_event(event: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Recorded {
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        struct Metadata {
            event_id: String,
            recorded_by: RecordedBy,
        }
        #[derive(Deserialize)]
        struct RecordedBy {
            protocol: String,
        }
        let Recorded { metadata } = serde_json::from_slice(event).ok()?;
        let is_otlp = metadata.recorded_by.protocol == "otlp";
        is_otlp.then(|| hex::decode(metadata.event_id.as_bytes()).map(Self)).flatten()
    }
}

/// A request of an authenticated sender.
pub struct Intake<'r> {
    sender: &'r str,
    key: Option<&'r str>,
    body: Hash,
}

impl<'r> Intake<'r> {
    /// Creates the intake of a request with this `Idempotency-Key`, if it has one, and this body, decompressed.
    pub fn new(sender: &'r str, key: Option<&'r str>, body: &[u8]) -> Self {
        Self { sender, key, body: Hash::digest(&[body]) }
    }

    /// Returns the ID of the record at this position in the request: of its `log.record.uid`, the request's
    /// `Idempotency-Key`, or the body, whichever is present first.
    pub fn id(&self, position: usize, record: &LogRecord<'_>) -> EventId {
        let place = position.to_string();
        match (attribute(record, UID), self.key) {
            (Some(Value::String(uid)), _) if !uid.is_empty() => {
                EventId::derive(self.sender, &[b"uid", uid.as_bytes()])
            }
            (_, Some(key)) => EventId::derive(self.sender, &[b"key", place.as_bytes(), key.as_bytes()]),
            (_, None) => EventId::derive(self.sender, &[b"body", place.as_bytes(), &self.body.0]),
        }
    }

    /// Converts the record at this position in the request to an event.
    ///
    /// # Errors
    /// The reason why the record can't be recorded.
    pub fn event(&self, position: usize, record: &LogRecord<'_>) -> Result<Event, Problem> {
        if record.event_name.is_empty() {
            return Err(Problem::Nameless);
        }
        let event_id = self.id(position, record).to_string();
        event::event(record, &Provenance { event_id, sender: self.sender })
    }
}
