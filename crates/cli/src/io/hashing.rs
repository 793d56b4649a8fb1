//! A reader that hashes its bytes, and notices if they change between two reads.

use std::fmt;
use std::io::{self, Read};

use countersign::hash::Hash;
use sha2::{Digest as _, Sha256};

/// The hash and the size of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileDigest {
    pub(crate) sha256: Hash,
    pub(crate) bytes: u64,
}

/// The bytes of a file differ from those that were read first.
#[derive(Debug)]
pub(crate) struct FileChanged;

impl fmt::Display for FileChanged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the file changed while it was read")
    }
}

impl std::error::Error for FileChanged {}

/// A reader that hashes its bytes once it was told to.
pub(crate) struct Hashing<R> {
    source: R,
    state: Option<State>,
}

#[derive(Default)]
struct State {
    /// The hash of the bytes since the beginning, and their number.
    hasher: Sha256,
    bytes: u64,
    /// The digest of the first read that reached the end.
    first: Option<FileDigest>,
}

impl<R> Hashing<R> {
    /// Creates a reader that doesn't hash yet.
    pub(crate) const fn new(source: R) -> Self {
        Self { source, state: None }
    }

    pub(crate) const fn source(&self) -> &R {
        &self.source
    }

    pub(crate) const fn source_mut(&mut self) -> &mut R {
        &mut self.source
    }

    /// Hashes from now on. The source must be at its beginning.
    pub(crate) fn start(&mut self) {
        self.state.get_or_insert_default();
    }

    /// True if the bytes are hashed.
    pub(crate) const fn is_started(&self) -> bool {
        self.state.is_some()
    }

    /// Starts the next read, after the source was rewound.
    pub(crate) fn restart(&mut self) {
        if let Some(state) = &mut self.state {
            (state.hasher, state.bytes) = (Sha256::new(), 0);
        }
    }

    /// Returns the digest of all bytes, once they were read to the end.
    pub(crate) fn digest(&self) -> Option<FileDigest> {
        self.state.as_ref()?.first
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        let Some(State { hasher, bytes, first }) = &mut self.state else { return Ok(length) };
        hasher.update(&buffer[..length]);
        *bytes += length as u64;
        if length == 0 && !buffer.is_empty() {
            let digest = FileDigest { sha256: Hash(hasher.clone().finalize().into()), bytes: *bytes };
            if *first.get_or_insert(digest) != digest {
                return Err(io::Error::other(FileChanged));
            }
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, copy, sink};

    use super::*;

    /// Reads so many bytes of a text, from its beginning, and then the rest if `to_end`.
    fn read(
        hashing: &mut Hashing<Cursor<&'static str>>,
        text: &'static str,
        bytes: u64,
        to_end: bool,
    ) -> bool {
        *hashing.source_mut() = Cursor::new(text);
        hashing.restart();
        copy(&mut hashing.take(bytes), &mut sink()).is_ok() && (!to_end || copy(hashing, &mut sink()).is_ok())
    }

    #[test]
    fn all_reads_have_the_same_bytes() {
        let mut hashing = Hashing::new(Cursor::new(""));
        hashing.start();
        assert!(read(&mut hashing, "one\ntwo\n", 2, false) && hashing.digest().is_none());
        assert!(read(&mut hashing, "one\ntwo\n", 100, true));
        let digest = hashing.digest();
        // Also what a pass leaves unread is compared.
        for (text, bytes) in [("one\nTwo\n", 100), ("one\nTwo\n", 0), ("one\ntwo\n\n", 3), ("one\n", 100)] {
            assert!(!read(&mut hashing, text, bytes, true), "{text}");
        }
        assert!(read(&mut hashing, "one\ntwo\n", 0, true) && hashing.digest() == digest);
    }
}
