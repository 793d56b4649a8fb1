//! From a stream of bytes to stretches of lines: decompression, the header, and where to cut.

use std::collections::VecDeque;

#[cfg(feature = "compress")]
use crate::export::{Compression, DecompressError, Decompressor};
use crate::export::{Header, LineBuffer, MAX_LINE};

use super::InputError;

/// How many bytes a stretch has, about.
pub(super) const STRETCH: usize = 256 << 10;
/// How many stretches may be ready before no more input is taken.
const READY: usize = 4;
/// How much plain input is looked at in one go.
const PIECE: usize = 64 << 10;
/// The same for compressed input, which may grow ten-thousandfold and more.
#[cfg(feature = "compress")]
const COMPRESSED_PIECE: usize = 256;

/// Takes the bytes of an export and gives its header and stretches of whole lines.
pub struct Splitter {
    source: Source,
    body: Body,
    at: Option<u64>,
}

enum Source {
    /// Too few bytes to tell.
    Unknown(Vec<u8>),
    Plain,
    #[cfg(feature = "compress")]
    Compressed(Box<Decompressor>),
    #[cfg(feature = "compress")]
    Failed(DecompressError),
}

/// What is decompressed.
struct Body {
    /// Lines that ended so far, up to the header.
    line: u64,
    length: usize,
    first: Vec<u8>,
    header: Option<Result<Header, crate::Error>>,
    lines: LineBuffer,
    ready: VecDeque<(Option<u64>, Vec<u8>)>,
    /// How many bytes came.
    came: u64,
    /// How many of them came before what is in no stretch yet.
    done: u64,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new()
    }
}

impl Splitter {
    /// For an export that begins with the next bytes.
    pub fn new() -> Self {
        Self {
            source: Source::Unknown(Vec::new()),
            body: Body {
                line: 0,
                length: 0,
                first: Vec::new(),
                header: None,
                lines: LineBuffer::new(STRETCH),
                ready: VecDeque::new(),
                came: 0,
                done: 0,
            },
            at: None,
        }
    }

    /// Takes bytes from the front of `input`, and tells how many. Fewer than all are taken when enough stretches
    /// are ready: call [`next_chunk`](Self::next_chunk) until there is none, and push the rest.
    pub fn push(&mut self, input: &[u8]) -> usize {
        let mut taken = 0;
        while taken < input.len() && self.body.ready.len() < READY {
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
        // Not more than it was called with, so it is all taken.
        self.push(&first);
    }

    /// A stretch of whole lines that is ready.
    pub fn next_chunk(&mut self) -> Option<Vec<u8>> {
        let (at, stretch) = self.body.ready.pop_front()?;
        self.at = at;
        Some(stretch)
    }

    /// Makes a stretch of the whole lines that were taken and are not in one yet.
    pub fn settle(&mut self) {
        if let Some(Ok(_)) = &self.body.header
            && let Some(stretch) = self.body.lines.whole_lines()
        {
            self.body.give(stretch);
        }
    }

    /// Gives a stretch back when it is done with, so that its memory serves again.
    pub fn recycle(&mut self, stretch: Vec<u8>) {
        self.body.lines.recycle(stretch);
    }

    /// The header and its line, once it was read.
    pub fn header(&self) -> Option<(&Header, u64)> {
        self.body.header.as_ref()?.as_ref().ok().map(|header| (header, self.body.line))
    }

    /// Where the stretch that was given last begins in the input, in bytes. None where the input is compressed, or the
    /// stretch has only the begin of a line that is too long.
    pub fn at(&self) -> Option<u64> {
        self.at.filter(|_| matches!(self.source, Source::Plain))
    }

    /// The input ends here. More stretches may be ready then, the last of which may lack its line end.
    ///
    /// # Errors
    /// [`InputError`] when there is no header, or when a compressed stream cannot be read to its end.
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
        self.came += bytes.len() as u64;
        while self.header.is_none() {
            let end = memchr::memchr(b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            self.length += part.len();
            let part = if self.first.is_empty() { skip_blank(part) } else { part };
            let room = (MAX_LINE + 1).saturating_sub(self.first.len());
            self.first.extend_from_slice(&part[..part.len().min(room)]);
            let Some(end) = end else { return };
            bytes = &bytes[end + 1..];
            self.done = self.came - bytes.len() as u64;
            self.end_first();
        }
        if let Some(Ok(_)) = &self.header {
            let mut stretches = Vec::new();
            self.lines.push(bytes, &mut |stretch| stretches.push(stretch));
            for stretch in stretches {
                self.give(stretch);
            }
        }
    }

    /// A stretch is ready: all that came, but for what is held back. Of what was cut it has fewer bytes than came, and so
    /// it is where several become ready at once, as they do of compressed input alone.
    fn give(&mut self, stretch: Vec<u8>) {
        let begin = self.done;
        self.done = self.came - self.lines.held() as u64;
        let is_whole = begin + stretch.len() as u64 == self.done;
        self.ready.push_back((is_whole.then_some(begin), stretch));
    }

    /// A line ends, and the header was not read before.
    fn end_first(&mut self) {
        self.line += 1;
        if !self.first.is_empty() {
            // The white space before the header counts for the length of its line.
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
                    self.give(rest);
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

    /// Whether a header is read from this, however it is cut, and the hint where none is.
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
    fn a_headers_line_is_at_most_1_mib_with_the_white_space_around_it() {
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
        // What is too long is called so.
        let long = vec![b'a'; MAX_LINE + 10];
        assert!(read(&long).unwrap_err().unwrap().contains("longer than 1 MiB"));
    }

    #[test]
    fn a_stretch_stands_where_it_says() {
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
            let (mut placed, mut stretches) = (0, 0);
            let mut look = |splitter: &mut Splitter| {
                while let Some(stretch) = splitter.next_chunk() {
                    stretches += 1;
                    if let Some(at) = splitter.at() {
                        placed += stretch.len();
                        assert!(export[at as usize..].starts_with(&stretch), "{size} {at}");
                    }
                }
            };
            for mut piece in export.chunks(size) {
                while !piece.is_empty() {
                    piece = &piece[splitter.push(piece)..];
                    look(&mut splitter);
                }
            }
            splitter.finish().unwrap();
            look(&mut splitter);
            // All but what is with the line of which there is only the begin.
            assert!(
                stretches > 5 && placed > export.len() - (3 << 20),
                "{size}: {placed} of {}",
                export.len()
            );
            assert!(placed < export.len(), "{size}");
        }
    }
}
