//! The identity of a file, which a copy doesn't share, regardless of its name and content.

use std::fmt;
use std::fs::Metadata;
use std::time::UNIX_EPOCH;

/// The file system's number for the file and its creation time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    number: Option<u64>,
    /// Nanoseconds since 1970.
    created: Option<u128>,
}

impl Identity {
    pub(crate) fn from_metadata(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let number = Some(std::os::unix::fs::MetadataExt::ino(metadata));
        #[cfg(not(unix))]
        let number = None;
        let created = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self { number, created: created.map(|since| since.as_nanos()) }
    }

    pub(super) fn parse(number: &str, created: &str) -> Option<Self> {
        fn parse_part<T: std::str::FromStr>(word: &str) -> Option<Option<T>> {
            if word == "-" { Some(None) } else { word.parse().ok().map(Some) }
        }
        Some(Self { number: parse_part(number)?, created: parse_part(created)? })
    }

    /// True if both may be the same file, according to the file systems.
    pub(crate) fn may_be(self, other: Self) -> bool {
        fn same<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
            one.zip(other).is_none_or(|(one, other)| one == other)
        }
        same(self.number, other.number) && same(self.created, other.created)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(f, "{number} ")?,
            None => f.write_str("- ")?,
        }
        match self.created {
            Some(created) => write!(f, "{created}"),
            None => f.write_str("-"),
        }
    }
}
