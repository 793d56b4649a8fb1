//! An external merge sort: sorted runs of records in a temporary file, read back in one order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use countersign_errors::EngineError;

/// The bytes of a run that are read at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// The number of bytes before a record: its key and its length.
const HEAD: usize = 8 + 4;

/// Runs of records in a temporary file, each sorted by its keys.
pub struct Runs {
    file: File,
    runs: Vec<(u64, u64)>,
}

impl Runs {
    /// Creates the temporary file.
    ///
    /// # Errors
    /// If the file can't be created.
    pub fn new() -> Result<Self, EngineError> {
        let file = tempfile::tempfile().map_err(|error| failed(&error))?;
        Ok(Self { file, runs: Vec::new() })
    }

    /// Adds a run of sorted records. `write` appends the bytes of a record, and returns its key.
    ///
    /// # Errors
    /// If the temporary file can't be written.
    pub fn add<T>(
        &mut self,
        sorted: impl IntoIterator<Item = T>,
        mut write: impl FnMut(T, &mut Vec<u8>) -> u64,
    ) -> Result<(), EngineError> {
        let begin = self.runs.last().map_or(0, |(_, end)| *end);
        let mut end = begin;
        let mut out = Vec::with_capacity(CHUNK_BYTES * 2);
        let file = &mut self.file;
        file.seek(SeekFrom::Start(begin)).map_err(|error| failed(&error))?;
        let mut put = |out: &mut Vec<u8>| {
            end += out.len() as u64;
            let written = file.write_all(out);
            out.clear();
            written.map_err(|error| failed(&error))
        };
        for record in sorted {
            let at = out.len();
            out.extend([0; HEAD]);
            let key = write(record, &mut out);
            // A record is at most as long as a line of an export, which has a few mebibytes.
            let length = (out.len() - at - HEAD) as u32;
            out[at..at + 8].copy_from_slice(&key.to_le_bytes());
            out[at + 8..at + HEAD].copy_from_slice(&length.to_le_bytes());
            if out.len() >= CHUNK_BYTES {
                put(&mut out)?;
            }
        }
        put(&mut out)?;
        self.runs.push((begin, end));
        Ok(())
    }

    /// Calls `each` with all records, in the order of their keys. Can be repeated.
    ///
    /// # Errors
    /// If `each` fails, or the temporary file can't be read.
    pub fn for_each<E: From<EngineError>>(
        &mut self,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut runs: Vec<Run> = self.runs.iter().map(|(begin, end)| Run::new(*begin, *end)).collect();
        let mut first = BinaryHeap::new();
        for (nth, run) in runs.iter_mut().enumerate() {
            first.extend(
                run.next(&mut self.file).map_err(|error| failed(&error))?.map(|key| Reverse((key, nth))),
            );
        }
        while let Some(Reverse((key, nth))) = first.pop() {
            each(key, runs[nth].record())?;
            let next = runs[nth].next(&mut self.file).map_err(|error| failed(&error))?;
            first.extend(next.map(|key| Reverse((key, nth))));
        }
        Ok(())
    }
}

fn failed(error: &io::Error) -> EngineError {
    EngineError::io("keep events in", "a temporary file", error)
        .with_hint("free disk space, or set TMPDIR to a folder with more space")
}

/// A run that is being read.
struct Run {
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    from: usize,
    /// The length of the record before `from`.
    length: usize,
}

impl Run {
    fn new(at: u64, end: u64) -> Self {
        Self { at, end, buffer: Vec::new(), from: 0, length: 0 }
    }

    /// Reads the next record, and returns its key.
    fn next(&mut self, file: &mut File) -> io::Result<Option<u64>> {
        if self.from == self.buffer.len() && self.at == self.end {
            return Ok(None);
        }
        let head = self.read(file, HEAD)?;
        let (mut key, mut length) = ([0; 8], [0; 4]);
        key.copy_from_slice(&head[..8]);
        length.copy_from_slice(&head[8..]);
        self.length = u32::from_le_bytes(length) as usize;
        self.read(file, self.length)?;
        Ok(Some(u64::from_le_bytes(key)))
    }

    /// Returns the record that was read last.
    fn record(&self) -> &[u8] {
        &self.buffer[self.from - self.length..self.from]
    }

    /// Reads the next `bytes` bytes, which must exist.
    fn read(&mut self, file: &mut File, bytes: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.from < bytes {
            self.buffer.drain(..self.from);
            self.from = 0;
            let before = self.buffer.len();
            let more = (bytes.max(CHUNK_BYTES) - before).min((self.end - self.at) as usize);
            self.buffer.resize(before + more, 0);
            file.seek(SeekFrom::Start(self.at))?;
            file.read_exact(&mut self.buffer[before..])?;
            self.at += more as u64;
        }
        let read = self.buffer.get(self.from..self.from + bytes).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.from += bytes;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_runs_in_key_order() {
        let record = |key: u64| vec![key as u8; (key * 977 % 40_000) as usize];
        let mut runs = Runs::new().unwrap();
        for run in 0..7 {
            let keys = (0..60).map(|nth| nth * 7 + run);
            let write = |key: u64, out: &mut Vec<u8>| {
                out.extend(record(key));
                key
            };
            runs.add(keys, write).unwrap();
        }
        runs.add(0..0, |key: u64, _: &mut Vec<u8>| key).unwrap();
        let mut next = 0;
        runs.for_each(|key, bytes| {
            assert_eq!((key, bytes), (next, &record(key)[..]));
            next += 1;
            Ok::<_, EngineError>(())
        })
        .unwrap();
        assert_eq!(next, 420);
    }
}
