//! Splits a byte stream into the header and chunks of whole lines, and decompresses it if necessary.

use std::collections::VecDeque;

#[cfg(feature = "compress")]
use crate::export::{Compression, DecompressError, Decompressor};
use crate::export::{Header, LineBuffer, MAX_LINE};

use super::InputError;

/// Approximate size of a chunk, in bytes.
pub(super) const CHUNK_BYTES: usize = 256 << 10;
/// Number of ready chunks above which no more input is accepted.
const MAX_READY: usize = 4;
/// Maximum bytes of plain input processed at once.
const PIECE: usize = 64 << 10;
/// Maximum bytes of compressed input processed at once; it may expand ten-thousandfold and more.
#[cfg(feature = "compress")]
const COMPRESSED_PIECE: usize = 256;

/// Splits the bytes of an export into its header and chunks of whole lines.
pub struct Splitter {
    source: Source,
    body: Body,
    at: Option<u64>,
}

enum Source {
    /// Too few bytes to detect compression.
    Unknown(Vec<u8>),
    Plain,
    #[cfg(feature = "compress")]
    Compressed(Box<Decompressor>),
    #[cfg(feature = "compress")]
    Failed(DecompressError),
}

/// The decompressed stream.
struct Body {
    /// The number of lines that ended so far, up to the header.
    line: u64,
    length: usize,
    first: Vec<u8>,
    header: Option<Result<Header, crate::Error>>,
    lines: LineBuffer,
    ready: VecDeque<(Option<u64>, Vec<u8>)>,
    /// The number of bytes received.
    received: u64,
    /// The number of received bytes that are already in the header or in a chunk.
    done: u64,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new()
    }
}

impl Splitter {
    /// Creates a splitter for an export that starts with the next bytes.
    pub fn new() -> Self {
        Self {
            source: Source::Unknown(Vec::new()),
            body: Body {
                line: 0,
                length: 0,
                first: Vec::new(),
                header: None,
                lines: LineBuffer::new(CHUNK_BYTES),
                ready: VecDeque::new(),
                received: 0,
                done: 0,
            },
            at: None,
        }
    }

    /// Accepts bytes from the front of `input` and returns how many. Accepts fewer than all if enough chunks are
    /// ready: then call [`next_chunk`](Self::next_chunk) until it returns `None`, and push the rest.
    pub fn push(&mut self, input: &[u8]) -> usize {
        let mut taken = 0;
        while taken < input.len() && self.body.ready.len() < MAX_READY {
            let rest = &input[taken..];
            match &mut self.source {
                Source::Unknown(first) => {
                    first.push(rest[0]);
                    taken += 1;
                    if first.len() == 4 {
                        self.decide();
                    }
                }
                Source::Plain => {
                    let piece = &rest[..rest.len().min(PIECE)];
                    taken += piece.len();
                    self.body.push(piece);
                }
                #[cfg(feature = "compress")]
                Source::Compressed(decompressor) => {
                    let piece = &rest[..rest.len().min(COMPRESSED_PIECE)];
                    taken += piece.len();
                    let body = &mut self.body;
                    if let Err(error) = decompressor.push(piece, &mut |bytes| body.push(bytes)) {
                        self.source = Source::Failed(error);
                    }
                }
                #[cfg(feature = "compress")]
                Source::Failed(_) => taken = input.len(),
            }
        }
        taken
    }

    fn decide(&mut self) {
        let Source::Unknown(first) = &mut self.source else { return };
        let first = std::mem::take(first);
        self.source = Source::Plain;
        #[cfg(feature = "compress")]
        if let Some(compression) = Compression::detect(&first) {
            self.source = Source::Compressed(Box::new(Decompressor::new(compression)));
        }
        // At most four bytes, so all of them are accepted.
        self.push(&first);
    }

    /// Returns the next chunk of whole lines, if one is ready.
    pub fn next_chunk(&mut self) -> Option<Vec<u8>> {
        let (at, chunk) = self.body.ready.pop_front()?;
        self.at = at;
        Some(chunk)
    }

    /// Makes a chunk of the whole lines received so far that are not in one yet.
    pub fn settle(&mut self) {
        if let Some(Ok(_)) = &self.body.header
            && let Some(chunk) = self.body.lines.whole_lines()
        {
            self.body.emit(chunk);
        }
    }

    /// Takes a chunk back after use, so that its memory can be reused.
    pub fn recycle(&mut self, chunk: Vec<u8>) {
        self.body.lines.recycle(chunk);
    }

    /// Returns the header and its line, once it was read.
    pub fn header(&self) -> Option<(&Header, u64)> {
        self.body.header.as_ref()?.as_ref().ok().map(|header| (header, self.body.line))
    }

    /// Returns the byte position in the input of the chunk returned last. `None` if the input is compressed, or if
    /// the chunk contains only the beginning of an overlong line.
    pub fn at(&self) -> Option<u64> {
        self.at.filter(|_| matches!(self.source, Source::Plain))
    }

    /// Ends the input. More chunks may be ready afterwards; the last may lack a line end.
    ///
    /// # Errors
    /// [`InputError`] if there is no header, or if a compressed stream is invalid or incomplete.
    pub fn finish(&mut self) -> Result<(), InputError> {
        if matches!(self.source, Source::Unknown(_)) {
            self.decide();
        }
        #[cfg(feature = "compress")]
        if let Source::Compressed(decompressor) = &mut self.source
            && let Err(error) = decompressor.finish()
        {
            self.body.ready.clear();
            self.source = Source::Failed(error);
        }
        #[cfg(feature = "compress")]
        if let Source::Failed(error) = self.source {
            return Err(InputError::stream(error));
        }
        self.body.finish()
    }
}

impl Body {
    fn push(&mut self, mut bytes: &[u8]) {
        self.received += bytes.len() as u64;
        while self.header.is_none() {
            let end = memchr::memchr(b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            self.length += part.len();
            let part = if self.first.is_empty() { skip_blank(part) } else { part };
            let room = (MAX_LINE + 1).saturating_sub(self.first.len());
            self.first.extend_from_slice(&part[..part.len().min(room)]);
            let Some(end) = end else { return };
            bytes = &bytes[end + 1..];
            self.done = self.received - bytes.len() as u64;
            self.end_first();
        }
        if let Some(Ok(_)) = &self.header {
            let mut chunks = Vec::new();
            self.lines.push(bytes, &mut |chunk| chunks.push(chunk));
            for chunk in chunks {
                self.emit(chunk);
            }
        }
    }

    /// Queues a chunk: everything received except what is held back. A chunk that was cut, or one of several that
    /// became ready at once (which only compressed input causes), has fewer bytes than were received; such a chunk
    /// has no position.
    fn emit(&mut self, chunk: Vec<u8>) {
        let begin = self.done;
        self.done = self.received - self.lines.held() as u64;
        let is_whole = begin + chunk.len() as u64 == self.done;
        self.ready.push_back((is_whole.then_some(begin), chunk));
    }

    /// Ends a line before or at the header.
    fn end_first(&mut self) {
        self.line += 1;
        if !self.first.is_empty() {
            // White space before the header counts towards its line's length.
            let header = if self.length > MAX_LINE {
                Err(Header::missing(&self.first))
            } else {
                Header::parse(&self.first)
            };
            self.header = Some(header);
            self.first = Vec::new();
        }
        self.length = 0;
    }

    fn finish(&mut self) -> Result<(), InputError> {
        if !self.first.is_empty() {
            self.end_first();
        }
        match &self.header {
            Some(Ok(_)) => {
                let rest = self.lines.finish();
                if !rest.is_empty() {
                    self.emit(rest);
                }
                Ok(())
            }
            Some(Err(error)) => Err(InputError::header(self.line, error.clone())),
            None => Err(InputError::empty()),
        }
    }
}

fn skip_blank(bytes: &[u8]) -> &[u8] {
    let text = bytes.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
    &bytes[text.unwrap_or(bytes.len())..]
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    /// Returns the result of parsing a header, which must not depend on how the input is cut: the hint on
    /// failure.
    fn read(export: &[u8]) -> Result<(), Option<&'static str>> {
        let results = [4096, MAX_LINE * 2].map(|size| {
            let mut splitter = Splitter::new();
            for mut piece in export.chunks(size) {
                while !piece.is_empty() {
                    piece = &piece[splitter.push(piece)..];
                    while splitter.next_chunk().is_some() {}
                }
            }
            match splitter.finish() {
                Ok(()) => Ok(()),
                Err(_) => Err(splitter.body.header.and_then(Result::err).and_then(|error| error.hint)),
            }
        });
        assert_eq!(results[0], results[1]);
        results[0]
    }

    #[test]
    fn a_header_line_is_at_most_1_mib_including_white_space() {
        let header = r#"{"countersign":"export/v1","origin":"log.example"}"#;
        let around = |before: usize, all: usize| {
            let after = all - before - header.len();
            format!("{}{header}{}\n", " ".repeat(before), " ".repeat(after)).into_bytes()
        };
        for before in [0, 10, MAX_LINE - header.len()] {
            assert_eq!(read(&around(before, MAX_LINE)), Ok(()));
        }
        for (before, all) in
            [(0, MAX_LINE + 1), (10, MAX_LINE + 1), (10, MAX_LINE + 2), (5000, MAX_LINE + 5000)]
        {
            assert!(read(&around(before, all)).is_err(), "{before} {all}");
        }
        // An overlong line is reported as such.
        let long = vec![b'a'; MAX_LINE + 10];
        assert!(read(&long).unwrap_err().unwrap().contains("longer than 1 MiB"));
    }

    #[test]
    fn chunks_report_their_position() {
        let mut export = b" \r\n{\"countersign\":\"export/v1\",\"origin\":\"log.example\"} \n".to_vec();
        let long = |byte: u8, more: usize| [vec![byte; MAX_LINE + more], vec![b'\n']].concat();
        let lines = |count: usize| (0..count).flat_map(|nth| format!("{nth} \n\n").into_bytes()).collect();
        for part in [
            lines(90_000),
            long(b' ', 1),
            long(b'a', 1),
            lines(9),
            long(b'b', 70_000),
            lines(90_000),
            vec![b'c'],
        ] {
            export.extend(part);
        }
        for size in [1000, 65_536, 300_000, 9 << 20] {
            let mut splitter = Splitter::new();
            let (mut placed, mut chunks) = (0, 0);
            let mut check = |splitter: &mut Splitter| {
                while let Some(chunk) = splitter.next_chunk() {
                    chunks += 1;
                    if let Some(at) = splitter.at() {
                        placed += chunk.len();
                        assert!(export[at as usize..].starts_with(&chunk), "{size} {at}");
                    }
                }
            };
            for mut piece in export.chunks(size) {
                while !piece.is_empty() {
                    piece = &piece[splitter.push(piece)..];
                    check(&mut splitter);
                }
            }
            splitter.finish().unwrap();
            check(&mut splitter);
            // All but what shares a chunk with the truncated line.
            assert!(chunks > 5 && placed > export.len() - (3 << 20), "{size}: {placed} of {}", export.len());
            assert!(placed < export.len(), "{size}");
        }
    }
}
