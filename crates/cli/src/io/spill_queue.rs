//! Values extracted from events, on their way to the visitor, which takes them in the order of the log.
//!
//! They are serialized only when they are written to a temporary file, or when the verifier asks for compact ones
//! because too many wait for a signature.

use std::fmt::Debug;

use countersign::verify::PendingItem;
use countersign_spill::Runs;

use crate::errors::CliError;

/// A value that can be serialized if it doesn't fit in memory.
pub(crate) trait Spill: Debug + Send + 'static {
    /// Returns its approximate size in memory, in bytes.
    fn memory_bytes(&self) -> usize;

    /// Appends its serialized form.
    fn write(&self, out: &mut Vec<u8>);
}

/// A value that an examiner extracted from an event, until the event is visited.
#[derive(Debug)]
pub(crate) enum PendingValue<T> {
    /// The value itself.
    Value(Box<T>),
    /// Its serialized form.
    Bytes(Box<[u8]>),
}

impl<T> PendingValue<T> {
    pub(crate) fn new(value: T) -> Self {
        Self::Value(Box::new(value))
    }

    /// Returns the value, unless it is serialized.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Bytes(_) => None,
        }
    }

    /// Returns the value; `read` parses its serialized form.
    pub(crate) fn into_value(
        self,
        read: impl FnOnce(&[u8]) -> Result<T, CliError>,
    ) -> Result<Box<T>, CliError> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Bytes(bytes) => read(&bytes).map(Box::new),
        }
    }
}

impl<T: Spill> PendingItem for PendingValue<T> {
    fn bytes(&self) -> usize {
        match self {
            Self::Value(value) => value.memory_bytes(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    fn compact(&mut self) {
        if let Self::Value(value) = self {
            let mut bytes = Vec::new();
            value.write(&mut bytes);
            *self = Self::Bytes(bytes.into());
        }
    }
}

/// A queue of values, sorted by key: in memory while they are few, otherwise in a temporary file.
pub(crate) struct SpillQueue<T> {
    max_bytes: usize,
    values: Vec<(u64, T)>,
    bytes: usize,
    runs: Option<Runs>,
}

impl<T: Spill> SpillQueue<T> {
    /// Creates a queue that keeps about `max_bytes` bytes of values in memory.
    pub(crate) const fn new(max_bytes: usize) -> Self {
        Self { max_bytes, values: Vec::new(), bytes: 0, runs: None }
    }

    /// Adds a value.
    pub(crate) fn push(&mut self, key: u64, value: T) {
        self.bytes += value.memory_bytes() + size_of::<(u64, T)>();
        self.values.push((key, value));
    }

    /// Removes the values with keys below `key`, and returns them in order. Returns no values once some are in the file.
    pub(crate) fn take_below(&mut self, key: u64) -> impl Iterator<Item = (u64, T)> {
        self.values.sort_by_key(|(key, _)| *key);
        let end = if self.runs.is_some() { 0 } else { self.values.partition_point(|(of, _)| *of < key) };
        let bytes = &mut self.bytes;
        self.values.drain(..end).inspect(|(_, value)| *bytes -= value.memory_bytes() + size_of::<(u64, T)>())
    }

    /// Writes all values to the file if they exceed the memory limit.
    pub(crate) fn spill_if_full(&mut self) -> Result<(), CliError> {
        if self.bytes < self.max_bytes { Ok(()) } else { self.spill() }
    }

    fn spill(&mut self) -> Result<(), CliError> {
        self.values.sort_by_key(|(key, _)| *key);
        let runs = match &mut self.runs {
            Some(runs) => runs,
            None => self.runs.insert(Runs::new()?),
        };
        self.bytes = 0;
        Ok(runs.add(self.values.drain(..), |(key, value), out| {
            value.write(out);
            key
        })?)
    }

    /// Calls `each` with all values in the order of their keys; `read` parses those in the file. Can be repeated.
    pub(crate) fn for_each(
        &mut self,
        read: impl Fn(&[u8]) -> Result<T, CliError>,
        mut each: impl FnMut(u64, &mut T) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        if self.runs.is_some() && !self.values.is_empty() {
            self.spill()?;
        }
        if let Some(runs) = &mut self.runs {
            return runs.for_each(|key, record| each(key, &mut read(record)?));
        }
        self.values.sort_by_key(|(key, _)| *key);
        self.values.iter_mut().try_for_each(|(key, value)| each(*key, value))
    }

    #[cfg(test)]
    pub(crate) const fn is_spilled(&self) -> bool {
        self.runs.is_some()
    }
}
