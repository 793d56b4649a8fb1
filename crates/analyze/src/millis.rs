//! Serialization of times as milliseconds.

use countersign::time::Time;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

#[allow(clippy::trivially_copy_pass_by_ref, reason = "required by serde")]
pub(crate) fn serialize<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i64(time.millis())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
    Time::from_millis(i64::deserialize(from)?).ok_or_else(|| D::Error::custom("the time is out of range"))
}

/// Serialization of optional times.
pub(crate) mod perhaps {
    use countersign::time::Time;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    #[allow(clippy::ref_option, reason = "required by serde")]
    pub(crate) fn serialize<S: Serializer>(time: &Option<Time>, to: S) -> Result<S::Ok, S::Error> {
        time.map(Time::millis).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Time>, D::Error> {
        let read =
            |millis| Time::from_millis(millis).ok_or_else(|| D::Error::custom("the time is out of range"));
        Option::<i64>::deserialize(from)?.map(read).transpose()
    }
}
