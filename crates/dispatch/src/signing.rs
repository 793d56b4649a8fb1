//! A destination that gets records signed with `audit.integrity.*` attributes.

use countersign_client::DestinationError;
use countersign_errors::EngineError;
use countersign_feeds::Record;
use countersign_otel_integrity::Signer;

use crate::destination::{BatchAnswer, Destination};

/// Signs each OTLP record before it is sent. The signature of a record is the same on every attempt.
pub struct SigningDestination {
    /// The destination.
    pub inner: Box<dyn Destination>,
    /// The key.
    pub signer: Signer,
}

impl Destination for SigningDestination {
    fn send(&mut self, records: &[&Record]) -> Result<BatchAnswer, DestinationError> {
        let mut signed = Vec::with_capacity(records.len());
        for record in records {
            let text = self.signer.sign(&record.text);
            let text = text.map_err(|error| DestinationError::Refused(error.to_string()))?;
            signed.push(Record { text, ..(*record).clone() });
        }
        self.inner.send(&signed.iter().collect::<Vec<_>>())
    }

    fn max_records(&self) -> usize {
        self.inner.max_records()
    }

    fn resume(&mut self, written: Option<u64>) -> Result<(), EngineError> {
        self.inner.resume(written)
    }

    fn written(&self) -> Option<u64> {
        self.inner.written()
    }
}
