//! A reader whose bytes somebody else gets too, such as a hash.

use std::io::{self, Read};

/// Hands each piece that is read to `tap`.
pub(crate) struct Tapped<R, T> {
    pub(crate) reader: R,
    pub(crate) tap: T,
}

impl<R: Read, T: FnMut(&[u8])> Read for Tapped<R, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        (self.tap)(&buffer[..length]);
        Ok(length)
    }
}
