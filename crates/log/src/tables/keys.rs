//! The keys of a log's rows, in a database of its own or in one with many logs.

use std::borrow::Cow;
use std::ops::Range;

use super::database::{Value, integer, tile_key};
use crate::store::StoreError;
use crate::tenants::store::{self, MAX_ENTRIES};
use crate::tenants::tenant::TenantNumber;

const INDEX_BITS: u32 = MAX_ENTRIES.ilog2();
const TILE_BITS: u32 = 28;
const MAX_LEVEL: u8 = 15;

/// A key that no row has, for entries and tiles beyond the maximum.
const NO_ROW: i64 = -1;

/// Maps the entries, tiles, hashes, and public keys of one log to the keys of its rows.
///
/// A log that has its database for itself uses them as they are. In a database with many logs, each log has a number:
///
/// | column | key |
/// | --- | --- |
/// | index of an entry | number * 2^32 + index |
/// | tile | number * 2^32 + level * 2^28 + index |
/// | ID of a chain, hash of a key note | the number, 4 big-endian bytes, and then the ID or hash |
/// | public key | the number, 8 hex digits, then `:` and the public key |
///
/// The rows of a log are therefore next to each other. Numbers are below 2^21, so integers are below 2^53: a Durable
/// Object binds them as floating-point numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogKeys {
    /// The log's number. `None` if it has its database for itself.
    number: Option<u32>,
}

impl LogKeys {
    /// Returns the keys of a log that has its database for itself.
    pub const fn single() -> Self {
        Self { number: None }
    }

    /// Returns the keys of the root log in a database with many logs, whose number is 0.
    pub const fn root() -> Self {
        Self { number: Some(0) }
    }

    /// Returns the keys of a tenant log.
    pub const fn tenant(number: TenantNumber) -> Self {
        Self { number: Some(number.get()) }
    }

    /// True if the log has its database for itself.
    pub(super) const fn is_single(self) -> bool {
        self.number.is_none()
    }

    /// True for a tenant log, which has no checkpoints.
    pub(super) fn is_tenant(self) -> bool {
        self.number.is_some_and(|number| number > 0)
    }

    /// Checks that a log can have this many entries.
    pub(super) fn check_size(self, size: u64) -> Result<(), StoreError> {
        if self.is_single() { Ok(()) } else { store::check_size(size) }
    }

    /// Returns the key of an entry.
    pub fn entry(self, index: u64) -> i64 {
        match self.number {
            None => integer(index),
            Some(number) if index < MAX_ENTRIES => first_key(number) | integer(index),
            Some(_) => NO_ROW,
        }
    }

    /// Returns the bounds of the keys of these entries: the first key, and the one after the last.
    pub fn entries(self, indexes: Range<u64>) -> [Value<'static>; 2] {
        [indexes.start, indexes.end]
            .map(|index| match self.number {
                None => integer(index),
                Some(number) => first_key(number) + integer(index.min(MAX_ENTRIES)),
            })
            .map(Value::Integer)
    }

    /// Returns the index of the entry with a key.
    pub fn index(self, key: u64) -> u64 {
        if self.is_single() { key } else { key % MAX_ENTRIES }
    }

    /// Returns the key of a tile.
    pub fn tile(self, level: u8, index: u64) -> i64 {
        match self.number {
            None => tile_key(level, index),
            Some(number) if level <= MAX_LEVEL && index < 1 << TILE_BITS => {
                first_key(number) | i64::from(level) << TILE_BITS | integer(index)
            }
            Some(_) => NO_ROW,
        }
    }

    /// Returns the key for the ID of a chain or the hash of a key note.
    pub fn bytes(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        match self.number {
            None => Cow::Borrowed(bytes),
            Some(number) => Cow::Owned([&number.to_be_bytes()[..], bytes].concat()),
        }
    }

    /// Returns the bounds of all keys that [`bytes`](Self::bytes) makes: one that is not above the first, and one above
    /// the last.
    pub(super) fn all_bytes(self) -> [Vec<u8>; 2] {
        match self.number {
            None => [Vec::new(), vec![0xff; 33]],
            Some(number) => [number, number + 1].map(|number| number.to_be_bytes().to_vec()),
        }
    }

    /// Returns the ID or hash of a key that [`bytes`](Self::bytes) made. `None` if the key isn't of this log.
    pub(super) fn original_bytes<const N: usize>(self, key: &[u8]) -> Option<[u8; N]> {
        let bytes = match self.number {
            None => key,
            Some(number) => key.strip_prefix(&number.to_be_bytes())?,
        };
        bytes.try_into().ok()
    }

    /// Returns the key for a public key.
    pub fn text(self, text: &str) -> Cow<'_, str> {
        match self.number {
            None => Cow::Borrowed(text),
            Some(number) => Cow::Owned(format!("{number:08x}:{text}")),
        }
    }
}

fn first_key(number: u32) -> i64 {
    i64::from(number) << INDEX_BITS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(number: u32) -> LogKeys {
        TenantNumber::new(number).map_or(LogKeys::root(), LogKeys::tenant)
    }

    /// Returns numbers that are often equal, adjacent, or at a bound.
    fn numbers() -> impl Strategy<Value = u32> {
        let max = TenantNumber::MAX.get();
        prop_oneof![0_u32..3, max - 2..=max, 0..=max]
    }

    fn indexes(end: u64) -> impl Strategy<Value = u64> {
        prop_oneof![0_u64..3, end - 3..end, 0..end]
    }

    fn bounds(keys: LogKeys, range: Range<u64>) -> [i64; 2] {
        keys.entries(range).map(|value| match value {
            Value::Integer(key) => key,
            other => panic!("{other:?} is not an integer"),
        })
    }

    proptest! {
        #[test]
        fn two_entries_never_share_a_key(
            a in (numbers(), indexes(MAX_ENTRIES)), b in (numbers(), indexes(MAX_ENTRIES)),
        ) {
            let key = |(number, index): (u32, u64)| numbered(number).entry(index);
            prop_assert_eq!(a == b, key(a) == key(b));
            prop_assert!((0..1 << 53).contains(&key(a)));
            prop_assert_eq!(numbered(a.0).index(key(a).cast_unsigned()), a.1);
            let [first, end] = bounds(numbered(b.0), 0..u64::MAX);
            prop_assert_eq!(a.0 == b.0, (first..end).contains(&key(a)));
        }

        #[test]
        fn two_tiles_never_share_a_key(
            a in (numbers(), 0..=MAX_LEVEL, indexes(1 << TILE_BITS)),
            b in (numbers(), 0..=MAX_LEVEL, indexes(1 << TILE_BITS)),
        ) {
            let key = |(number, level, index): (u32, u8, u64)| numbered(number).tile(level, index);
            prop_assert_eq!(a == b, key(a) == key(b));
            prop_assert!((0..1 << 53).contains(&key(a)));
        }

        #[test]
        fn two_logs_never_share_a_hash_or_a_public_key(
            a in (numbers(), any::<[u8; 32]>(), ".{0,9}"), b in (numbers(), any::<[u8; 32]>(), ".{0,9}"),
        ) {
            let (keys, other) = (numbered(a.0), numbered(b.0));
            for (bytes, text) in [(&a.1, &a.2), (&b.1, &b.2)] {
                let key = keys.bytes(&a.1);
                prop_assert_eq!(keys == other && a.1 == *bytes, key == other.bytes(bytes));
                prop_assert_eq!(other.original_bytes(&key), (keys == other).then_some(a.1));
                let [first, end] = other.all_bytes();
                prop_assert_eq!(keys == other, (&first[..]..&end[..]).contains(&&key[..]));
                prop_assert_eq!(keys == other && a.2 == *text, keys.text(&a.2) == other.text(text));
            }
        }

        #[test]
        fn a_log_with_its_own_database_has_keys_without_a_number(
            index: u64, level in 0_u8..7, bytes: [u8; 32], text: String,
        ) {
            let keys = LogKeys::single();
            let index = index >> 11;
            prop_assert_eq!(keys.entry(index), index.cast_signed());
            prop_assert_eq!(keys.index(index), index);
            prop_assert_eq!(bounds(keys, 0..index), [0, index.cast_signed()]);
            prop_assert_eq!(keys.tile(level, index / 256), tile_key(level, index / 256));
            prop_assert_eq!(&*keys.bytes(&bytes), &bytes[..]);
            prop_assert_eq!(&keys.text(&text), &text);
            let [first, end] = keys.all_bytes();
            prop_assert!((&first[..]..&end[..]).contains(&&bytes[..]));
        }
    }

    #[test]
    fn nothing_beyond_the_maximum_has_a_row() {
        let keys = LogKeys::tenant(TenantNumber::MAX);
        assert_eq!(keys.entry(MAX_ENTRIES - 1), (1 << 53) - 1);
        for index in [MAX_ENTRIES, u64::MAX] {
            assert_eq!(keys.entry(index), NO_ROW);
        }
        assert_eq!(bounds(keys, MAX_ENTRIES..u64::MAX), [1 << 53; 2]);
        for (level, index) in [(MAX_LEVEL + 1, 0), (0, 1 << TILE_BITS), (0, u64::MAX), (u8::MAX, 0)] {
            assert_eq!(keys.tile(level, index), NO_ROW);
        }
        assert!(keys.check_size(MAX_ENTRIES).is_ok() && keys.check_size(MAX_ENTRIES + 1).is_err());
        assert!(LogKeys::single().check_size(u64::MAX).is_ok());
    }
}
