//! Reads files and standard input, compressed or not, line by line in bounded memory.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use countersign::export::{Compression, DecompressError, Header};
use countersign::trust::Trust;
use countersign::{Code, Error};
use countersign_ingest::lines::{LineSplitter, is_space};
use countersign_ingest::{Cutter, SourceEvent, UnwrapSummary};

use crate::errors::{CliError, shown};
use crate::io::hashing::{FileDigest, Hashing};
use crate::io::progress;
use crate::io::seekable::{Opened, SeekableFile};
use crate::io::stage::{DETECTION_BYTES, Stage};
use crate::io::tee::TeeReader;

const CHUNK_BYTES: usize = 1 << 17;
const MIB: u64 = 1 << 20;
/// The size limit for small files, in MiB: more than any trust file, pin, or key needs.
const MAX_SMALL_MIB: u64 = 1;
/// The size limit for a page, in MiB: more than a page with all its code in one file needs.
const MAX_PAGE_MIB: u64 = 8;

/// The input of a command.
pub(crate) struct Input {
    name: String,
    bytes: Hashing<Source>,
    size: Option<u64>,
}

enum Source {
    /// A file that can be read again from its beginning.
    File(SeekableFile),
    Stream(Box<dyn Read + Send>),
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Stream(stream) => stream.read(buffer),
        }
    }
}

/// A line without its line feed.
pub(crate) struct RawLine<'a> {
    /// The 1-based number, counting blank lines.
    pub(crate) number: u64,
    pub(crate) bytes: &'a [u8],
    /// True if a line feed follows.
    pub(crate) ended: bool,
}

impl RawLine<'_> {
    /// True if the line contains only white space, as exports may between their lines.
    pub(crate) fn is_blank(&self) -> bool {
        self.bytes.iter().all(|byte| is_space(*byte))
    }
}

impl Input {
    /// Opens a file; `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        if path == Path::new("-") {
            return Ok(Self::stream(&name(path), Box::new(io::stdin())));
        }
        let name = name(path);
        let (source, size) = match SeekableFile::open(path)? {
            Opened::Seekable(file) => {
                let size = file.size().map_err(|error| CliError::io("read", &name, &error))?;
                (Source::File(file), Some(size))
            }
            Opened::Stream(file) => (Source::Stream(Box::new(file)), None),
        };
        Ok(Self { name, bytes: Hashing::new(source), size })
    }

    /// Checks that all paths can be read, one after the other.
    pub(crate) fn check(paths: &[PathBuf]) -> Result<(), CliError> {
        if paths.len() > 1 && paths.iter().any(|path| path == Path::new("-")) {
            let message = "standard input can't be one of several inputs";
            return Err(CliError::unusable("arguments.invalid", message, "use only files, or only `-`"));
        }
        // Opening a pipe here would consume it.
        let is_pipe = |path: &Path| path.metadata().is_ok_and(|file| !file.is_file() && !file.is_dir());
        paths.iter().filter(|path| !is_pipe(path)).try_for_each(|path| Self::open(path).map(drop))
    }

    /// Creates an input from a stream.
    pub(crate) fn stream(name: &str, stream: Box<dyn Read + Send>) -> Self {
        Self { name: name.into(), bytes: Hashing::new(Source::Stream(stream)), size: None }
    }

    /// Hashes the bytes as they are read. Reading fails with `io.changed` at the end of the file if its bytes differ from
    /// those that were read first, so that all answers are about the same bytes.
    pub(crate) fn hashed(mut self) -> Self {
        self.bytes.start();
        self
    }

    /// True if the bytes are [hashed](Self::hashed).
    pub(crate) fn is_hashed(&self) -> bool {
        self.bytes.is_started()
    }

    /// Makes the input readable more than once: a stream is copied to a temporary file. The bytes are
    /// [hashed](Self::hashed).
    pub(crate) fn rereadable(mut self) -> Result<Self, CliError> {
        if let Source::Stream(stream) = self.bytes.source_mut() {
            let failed = |error: io::Error| CliError::io("keep", &self.name, &error);
            let mut file = tempfile::tempfile().map_err(failed)?;
            self.size = Some(io::copy(stream, &mut file).map_err(failed)?);
            self.bytes = Hashing::new(Source::File(SeekableFile::Local(file)));
        }
        Ok(self.hashed())
    }

    /// Reads what a pass left of a hashed input, so that it is compared too.
    pub(crate) fn finish(&mut self) -> Result<(), CliError> {
        if self.is_hashed() {
            let rest = io::copy(&mut self.bytes, &mut io::sink());
            rest.map_err(|error| CliError::io("read", &self.name, &error))?;
        }
        Ok(())
    }

    /// Returns the hash and size of the bytes of a file, or of a stream that was [hashed](Self::hashed) from its beginning.
    /// Reads the input if it wasn't read to its end before.
    pub(crate) fn digest(&mut self) -> Result<FileDigest, CliError> {
        if let Some(digest) = self.bytes.digest() {
            return Ok(digest);
        }
        if !self.is_hashed() && self.file().is_none() {
            return Err(CliError::io("hash", &self.name, &io::ErrorKind::Unsupported.into()));
        }
        self.bytes.start();
        let name = self.name.clone();
        let bar = progress::bar("hashing", self.size);
        let mut reader = TeeReader { reader: self.reader()?, tap: |read: &[u8]| bar.inc(read.len() as u64) };
        let copied = io::copy(&mut reader, &mut io::sink());
        bar.finish_and_clear();
        let digest = copied.and_then(|_| self.bytes.digest().ok_or(io::ErrorKind::UnexpectedEof.into()));
        digest.map_err(|error| CliError::io("read", &name, &error))
    }

    /// Returns the name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the size in bytes, before decompression, if it is known.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Returns the file, unless the input is a stream or an object in a bucket.
    pub(crate) fn local_file(&self) -> Option<&File> {
        self.file().and_then(SeekableFile::local)
    }

    /// Returns the file, unless the input is a stream.
    pub(crate) fn file(&self) -> Option<&SeekableFile> {
        match self.bytes.source() {
            Source::File(file) => Some(file),
            Source::Stream(_) => None,
        }
    }

    /// Returns the file, unless the input is a stream. Its position is undefined, and what is read isn't hashed.
    pub(crate) fn file_mut(&mut self) -> Option<&mut SeekableFile> {
        match self.bytes.source_mut() {
            Source::File(file) => Some(file),
            Source::Stream(_) => None,
        }
    }

    /// True if the input is a compressed file.
    pub(crate) fn is_compressed(&mut self) -> Result<bool, CliError> {
        self.starts_with(DETECTION_BYTES, |first| Compression::detect(first).is_some())
    }

    /// True if `test` accepts the first `length` bytes of a file. Always false for a stream, which can't be read
    /// again.
    pub(crate) fn starts_with(
        &mut self,
        length: usize,
        test: impl Fn(&[u8]) -> bool,
    ) -> Result<bool, CliError> {
        if self.file().is_none() {
            return Ok(false);
        }
        let name = self.name.clone();
        let mut first = Vec::new();
        let read = self.reader()?.take(length as u64).read_to_end(&mut first);
        read.map_err(|error| CliError::io("read", &name, &error))?;
        Ok(test(&first))
    }

    /// Returns the raw bytes, from the beginning if it is a file.
    pub(crate) fn reader(&mut self) -> Result<&mut (dyn Read + Send), CliError> {
        if let Source::File(file) = self.bytes.source_mut() {
            file.rewind().map_err(|error| CliError::io("read", &self.name, &error))?;
            self.bytes.restart();
        }
        Ok(&mut self.bytes)
    }

    /// Calls `line` with each line.
    pub(crate) fn lines(
        &mut self,
        doing: &'static str,
        mut line: impl FnMut(RawLine<'_>) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let name = self.name.clone();
        let mut number = 0;
        let mut each = |bytes: &[u8], ended: bool| {
            number += 1;
            line(RawLine { number, bytes, ended }).map_err(|failure| failure.at_line(number).within(&name))
        };
        let mut splitter = LineSplitter::default();
        self.chunks(doing, &mut || Ok(()), &mut |chunk| splitter.push(chunk, &mut each))?;
        splitter.finish(&mut each)
    }

    /// Calls `event` with each event of a delivery. Returns the lists that events were taken from.
    pub(crate) fn events(
        &mut self,
        doing: &'static str,
        event: impl FnMut(SourceEvent<'_>) -> Result<(), CliError>,
    ) -> Result<UnwrapSummary, CliError> {
        self.events_between(doing, event, || Ok(()))
    }

    /// Like [`Self::events`], and calls `before_reading` before each read, which may take any time for a stream.
    pub(crate) fn events_between(
        &mut self,
        doing: &'static str,
        mut event: impl FnMut(SourceEvent<'_>) -> Result<(), CliError>,
        mut before_reading: impl FnMut() -> Result<(), CliError>,
    ) -> Result<UnwrapSummary, CliError> {
        let name = self.name.clone();
        let mut cutter = Cutter::for_name(&name);
        let mut each = |event_source: SourceEvent<'_>| {
            let (line, place) = (event_source.line, event_source.place.clone());
            event(event_source).map_err(|failure| match place {
                Some(place) => failure.because(&place).at_line(line),
                None => failure.at_line(line),
            })
        };
        let read = self.chunks(doing, &mut before_reading, &mut |chunk| {
            cutter.push(chunk, &mut each).map_err(|failure| failure.within(&name))
        });
        read.and_then(|()| cutter.finish(&mut each)).map_err(|failure| failure.within(&name))?;
        Ok(cutter.summary())
    }

    /// Calls `chunk` with all bytes, decompressed.
    fn chunks(
        &mut self,
        doing: &'static str,
        before_reading: &mut dyn FnMut() -> Result<(), CliError>,
        on_chunk: &mut dyn FnMut(&[u8]) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let name = self.name.clone();
        let bar = progress::bar(doing, self.size);
        let reader = self.reader()?;
        let mut stage = Stage::default();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            before_reading()?;
            let read = match reader.read(&mut chunk) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(CliError::io("read", &name, &error)),
            };
            bar.inc(read as u64);
            let mut done = Ok(());
            let mut pass = |bytes: &[u8]| {
                if done.is_ok() {
                    done = on_chunk(bytes);
                }
            };
            let whole =
                if read == 0 { stage.finish(&mut pass) } else { stage.push(&chunk[..read], &mut pass) };
            done?;
            whole.map_err(|why| decompress_failed(&name, why))?;
            if read == 0 {
                bar.finish_and_clear();
                return Ok(());
            }
        }
    }

    /// Returns the whole input, if it has at most `max_mib` MiB.
    pub(crate) fn all(&mut self, max_mib: u64) -> Result<Vec<u8>, CliError> {
        let name = self.name.clone();
        let mut bytes = Vec::new();
        self.reader()?
            .take(max_mib * MIB + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| CliError::io("read", &name, &error))?;
        if bytes.len() as u64 > max_mib * MIB {
            let message = format!("the file is larger than {max_mib} MiB");
            return Err(CliError::unusable("io.too_large", message, "check that this is the right file")
                .within(&name));
        }
        Ok(bytes)
    }
}

/// Returns the name of an input, for messages.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".into() } else { shown(path) }
}

fn decompress_failed(name: &str, why: DecompressError) -> CliError {
    let error = Error::new(Code::Export, why.to_string()).with_hint(why.hint());
    match why {
        DecompressError::Window | DecompressError::Dictionary => error.into(),
        _ => CliError::broken(error),
    }
    .within(name)
}

/// Reads a small file, such as a key or a pin.
pub(crate) fn small(path: &Path) -> Result<Vec<u8>, CliError> {
    Input::open(path)?.all(MAX_SMALL_MIB)
}

/// Reads a page that is to be served.
pub(crate) fn page(path: &Path) -> Result<Vec<u8>, CliError> {
    Input::open(path)?.all(MAX_PAGE_MIB)
}

/// Reads a small text file.
pub(crate) fn small_text(path: &Path) -> Result<String, CliError> {
    let not_text = |_| {
        CliError::unusable("io.not_text", "the file is not UTF-8 text", "check that this is the right file")
    };
    String::from_utf8(small(path)?).map_err(not_text).map_err(|failure| failure.within(&shown(path)))
}

/// True if this is the first line of an export, or of a stream of its lines without a header.
pub(crate) fn is_export_line(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"export/v1").is_some() && Header::parse(line).is_ok()
        || [&br#"{"link":"countersign/v1 "#[..], br#"{"note":"countersign/v1 "#]
            .iter()
            .any(|start| line.starts_with(start))
}

/// Reads a document such as a policy. Fails if the file is an export.
pub(crate) fn document(path: &Path, what: &str) -> Result<String, CliError> {
    let text = small_text(path)?;
    if text.lines().next().is_some_and(|line| is_export_line(line.as_bytes())) {
        let hint = "check the order of the arguments with --help";
        let message = format!("this is an export, not {what}");
        return Err(CliError::unusable("arguments.invalid", message, hint).within(&shown(path)));
    }
    Ok(text)
}

/// Reads a trust file.
pub(crate) fn trust(path: &Path) -> Result<Trust, CliError> {
    trust_with_bytes(path).map(|(trust, _)| trust)
}

/// Reads a trust file, and returns its bytes, too.
pub(crate) fn trust_with_bytes(path: &Path) -> Result<(Trust, Vec<u8>), CliError> {
    let bytes = small(path)?;
    let trust = Trust::parse(&bytes).map_err(|error| {
        CliError::from(error)
            .within(&shown(path))
            .or_hint("use lines such as: emitter NAME+HASH+KEY, issuer …, log …, witness …, quorum …")
    })?;
    Ok((trust, bytes))
}

/// Reads a trust file; without a path, returns one that trusts no key.
pub(crate) fn trust_or_empty(path: Option<&Path>) -> Result<Trust, CliError> {
    Ok(path.map(trust).transpose()?.unwrap_or_default())
}
