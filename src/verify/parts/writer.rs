//! Writes a summary file.

use std::io;

use sha2::{Digest as _, Sha256};

use super::format::{END, MAX_FRAME, Tail};
use super::{Part, PartsError};

/// A writer of a summary file, which passes the bytes to `out` piece by piece.
pub(super) struct Writer<O> {
    out: O,
    whole: Sha256,
}

impl<O, E: From<PartsError>> Writer<O>
where
    O: FnMut(&[u8]) -> Result<(), E>,
{
    /// Starts a file with its first line and its head.
    pub(super) fn begin(line: &[u8], part: &Part, out: O) -> Result<Self, E> {
        let mut writer = Self { out, whole: Sha256::new() };
        writer.write(line)?;
        writer.write(&encode(part)?)?;
        Ok(writer)
    }

    pub(super) fn frame(&mut self, bytes: &[u8]) -> Result<(), E> {
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= MAX_FRAME);
        let length = length.ok_or_else(|| PartsError::Io(io::ErrorKind::FileTooLarge.into()))?;
        self.write(&length.to_le_bytes())?;
        self.write(bytes)
    }

    /// Ends the file after the last frame.
    pub(super) fn finish(mut self, tail: &Tail) -> Result<(), E> {
        let tail = encode(tail)?;
        self.write(&0_u32.to_le_bytes())?;
        self.write(&tail)?;
        self.write(&(tail.len() as u64).to_le_bytes())?;
        let hash: [u8; 32] = self.whole.finalize().into();
        (self.out)(&[&hash[..], END].concat())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), E> {
        self.whole.update(bytes);
        (self.out)(bytes)
    }
}

fn encode(value: &impl serde::Serialize) -> Result<Vec<u8>, PartsError> {
    postcard::to_stdvec(value).map_err(|error| PartsError::Io(io::Error::other(error)))
}
