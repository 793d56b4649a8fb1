//! Formats of exports: how to get from a message to its parts.

use crate::record::LogRecord;
use crate::value::Value;

/// The reason why a message can't be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Malformed,
    Deep,
}

/// A message with a list, and the message that applies to all of the list.
pub(super) struct Branch<P> {
    pub(super) head: Option<P>,
    pub(super) list: Vec<P>,
}

/// Decodes the parts of an export in one format.
pub(super) trait Decoder<'a> {
    type Part: Copy;
    /// Returns the resources with their scopes.
    fn resources(&self, body: &'a [u8]) -> Result<Vec<Self::Part>, Fault>;
    /// Returns the resource, and its scopes with their records.
    fn scopes(&self, resource: Self::Part) -> Result<Branch<Self::Part>, Fault>;
    /// Returns the scope, and its records.
    fn records(&self, scope: Self::Part) -> Result<Branch<Self::Part>, Fault>;
    fn resource(&self, part: Self::Part) -> Result<Vec<(String, Value)>, Fault>;
    fn scope(&self, part: Self::Part) -> Result<String, Fault>;
    fn record(&self, part: Self::Part) -> Result<LogRecord<'static>, Fault>;
    fn bytes(&self, part: Self::Part) -> usize;
}
