//! Random access to an export on disk: its hash, computed on all cores, and its lines by number.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use blake3::Hash;
use countersign::export::{Item, Line, Matched};
use countersign::link::Link;

use crate::errors::CliError;
use crate::io::input::Input;

/// The number of bytes that are hashed at once.
const CHUNK_BYTES: u64 = 1 << 20;
/// The longest line that is read, in bytes.
const MAX_LINE_BYTES: u64 = 4 << 20;
const TAG: &[u8] = b"countersign/export-in-chunks/v2\0";

/// A file, and where its lines begin.
pub(super) struct Export<'f> {
    file: &'f File,
    name: &'f str,
    /// The hash of the whole file.
    pub(super) hash: Hash,
    /// The length of the file.
    pub(super) bytes: u64,
    /// The number of lines that end before each chunk.
    lines: Vec<u64>,
}

impl<'f> Export<'f> {
    /// Reads the whole file, and hashes it with BLAKE3 over the BLAKE3 of each mebibyte, so that all cores can share
    /// the work. No other program checks this hash, and BLAKE3 is much faster than SHA-256.
    pub(super) fn read(input: &'f Input, threads: usize) -> Result<Self, CliError> {
        let (Some(file), Some(bytes)) = (input.local_file(), input.size()) else {
            let hint = "save the export to a file first";
            return Err(CliError::unusable("index.stream", "an index requires an export in a file", hint));
        };
        let failed = |error: io::Error| match error.kind() {
            // The file became shorter.
            io::ErrorKind::UnexpectedEof => changed(input.name()),
            _ => CliError::io("read", input.name(), &error),
        };
        let chunks = bytes.div_ceil(CHUNK_BYTES);
        let next = AtomicU64::new(0);
        let work = || -> io::Result<Vec<(u64, Hash, u64)>> {
            let mut hashed: Vec<(u64, Hash, u64)> = Vec::new();
            let mut chunk = vec![0; CHUNK_BYTES as usize];
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                if nth >= chunks {
                    return Ok(hashed);
                }
                let begin = nth * CHUNK_BYTES;
                let part = &mut chunk[..CHUNK_BYTES.min(bytes - begin) as usize];
                read_at(file, part, begin)?;
                let ended = memchr::memchr_iter(b'\n', part).count() as u64;
                hashed.push((nth, blake3::hash(part), ended));
            }
        };
        let mut all = thread::scope(|scope| {
            let others: Vec<_> = (1..threads.max(1)).map(|_| scope.spawn(work)).collect();
            let mut all = work()?;
            for other in others {
                all.extend(other.join().map_err(|_| io::Error::other("a hashing thread ended"))??);
            }
            Ok(all)
        })
        .map_err(failed)?;
        all.sort_unstable_by_key(|(nth, ..)| *nth);
        let mut whole = TAG.to_vec();
        whole.extend(bytes.to_be_bytes());
        let mut lines = Vec::with_capacity(all.len());
        let mut ended = 0;
        for (_, hash, more) in all {
            whole.extend(hash.as_bytes());
            lines.push(ended);
            ended += more;
        }
        Ok(Self { file, name: input.name(), hash: blake3::hash(&whole), bytes, lines })
    }

    /// Returns the event on a line, as its link commits to it.
    pub(super) fn event(&self, line: u64) -> Result<Box<str>, CliError> {
        let bytes = self.line(line).map_err(|error| CliError::io("read", self.name, &error))?;
        let event = str::from_utf8(&bytes).ok().and_then(|text| match Line::parse(text).ok()?.item {
            Item::Link { link: Link::Event(link), payload: Some(payload), .. } => {
                let matched = payload.check(&payload.commit(), &link.commit).ok()?;
                Some(match matched {
                    Matched::Verbatim => payload.event.into(),
                    Matched::Canonical(text) => text,
                })
            }
            _ => None,
        });
        event.ok_or_else(|| changed(self.name))
    }

    /// Returns the line with that 1-based number.
    fn line(&self, number: u64) -> io::Result<Vec<u8>> {
        let before = number.saturating_sub(1);
        // The chunk in which the previous line ends may also contain the beginning of this one.
        let nth = self.lines.partition_point(|ended| *ended < before).saturating_sub(1) as u64;
        let mut skip = before - self.lines.get(nth as usize).copied().unwrap_or(0);
        let mut line = Vec::new();
        let mut at = nth * CHUNK_BYTES;
        let mut chunk = vec![0; CHUNK_BYTES as usize];
        while at < self.bytes && line.len() as u64 <= MAX_LINE_BYTES {
            let part = &mut chunk[..CHUNK_BYTES.min(self.bytes - at) as usize];
            read_at(self.file, part, at)?;
            at += part.len() as u64;
            let mut rest = &*part;
            while skip > 0 {
                let Some(end) = memchr::memchr(b'\n', rest) else { break };
                rest = &rest[end + 1..];
                skip -= 1;
            }
            if skip > 0 {
                continue;
            }
            let end = memchr::memchr(b'\n', rest);
            line.extend(&rest[..end.unwrap_or(rest.len())]);
            if end.is_some() {
                break;
            }
        }
        Ok(line)
    }
}

/// Returns the error for an export that changed after it was verified.
pub(super) fn changed(name: &str) -> CliError {
    let hint = "make sure that no other program writes to it, and run the command again";
    CliError::unusable("io.changed", "the export changed while it was read", hint).within(name)
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[read..];
        at += read as u64;
    }
    Ok(())
}
