//! Events in envelopes: the place in a record where a parser found the event, and the values in which paths are looked
//! up.
//!
//! Amazon `EventBridge`, Wazuh, Elastic, and others put an envelope around an event: a field of the record holds the event
//! as an object, or as a string that contains JSON. Rules, baselines, the inventory, and queries name the fields
//! of the event itself, so their paths start where the parser found it. A path whose first name the event doesn't have
//! is looked up one object further out, up to the whole record: fields of the envelope stay reachable.

use std::borrow::Cow;

use crate::value::Value;

/// The place of an event inside its envelope, as found by a parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The path from the top of the record to the value that was parsed, as written in the parser's file:
    /// `data.aws`. Empty for the top.
    pub path: Cow<'a, str>,
    /// The path of that value in the source's own records: `protoPayload` in Google Cloud's log entries.
    /// Empty for the top, as in most sources.
    pub place: Cow<'a, str>,
}

/// A value in which paths are looked up.
#[derive(Clone, Copy, Debug)]
pub struct Root<'a> {
    /// The value.
    pub value: Value<'a>,
    /// The path that leads to the value. Only paths that start with it are looked up in the value. If it is empty, all
    /// paths are.
    pub place: &'a str,
}

impl Root<'_> {
    /// Returns the rest of a path that starts with the root's place, or `None` if it doesn't.
    pub(crate) fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        if self.place.is_empty() { Some(path) } else { path.strip_prefix(self.place)?.strip_prefix('.') }
    }

    /// True if a path starting with this name must be looked up here.
    pub fn has(&self, name: &str) -> bool {
        if self.place.is_empty() {
            self.value.get(name).is_some()
        } else {
            self.place.split('.').next() == Some(name)
        }
    }
}
