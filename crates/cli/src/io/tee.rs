//! A reader that passes its bytes to a second consumer, such as a hash.

use std::io::{self, Read};

/// A reader that also calls `tap` with each chunk.
pub(crate) struct TeeReader<R, T> {
    pub(crate) reader: R,
    pub(crate) tap: T,
}

impl<R: Read, T: FnMut(&[u8])> Read for TeeReader<R, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        (self.tap)(&buffer[..length]);
        Ok(length)
    }
}
