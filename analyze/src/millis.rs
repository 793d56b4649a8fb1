//! Times as milliseconds, in what is kept or handed to another thread.

use countersign::time::Time;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it on so")]
pub(crate) fn serialize<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i64(time.millis())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
    Time::from_millis(i64::deserialize(from)?).ok_or_else(|| D::Error::custom("this is no time"))
}
