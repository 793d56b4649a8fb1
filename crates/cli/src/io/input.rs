//! Input: files and the standard input stream, compressed or not, line by line in bounded memory.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use countersign::export::{Compression, DecompressError, Header};
use countersign::trust::Trust;
use countersign::{Code, Error};
use countersign_client::Prefix;
use countersign_ingest::lines::{LineSplitter, is_space};
use countersign_ingest::{Cutter, SourceEvent, UnwrapSummary};

use crate::errors::{CliError, shown};
use crate::io::progress;
use crate::io::stage::{FIRST, Stage};

const CHUNK: usize = 1 << 17;
const MIB: u64 = 1 << 20;
/// More than any trust file, pin or key needs, in MiB.
const SMALL: u64 = 1;
/// More than a page needs that is one file with all that works in it.
const PAGE: u64 = 8;

/// What a command reads.
pub(crate) struct Input {
    name: String,
    source: Source,
    size: Option<u64>,
}

enum Source {
    /// Can be read again from its beginning.
    File(File),
    Stream(Box<dyn Read + Send>),
}

/// One line, without its end.
pub(crate) struct RawLine<'a> {
    /// 1-based, blank lines counted.
    pub(crate) number: u64,
    pub(crate) bytes: &'a [u8],
    /// Whether a line feed follows.
    pub(crate) ended: bool,
}

impl RawLine<'_> {
    /// Whether there is nothing but white space on it, as an export may have between its lines.
    pub(crate) fn is_blank(&self) -> bool {
        self.bytes.iter().all(|byte| is_space(*byte))
    }
}

impl Input {
    /// The file of that path; `-` is the standard input stream.
    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        if path == Path::new("-") {
            let source = Source::Stream(Box::new(io::stdin()));
            return Ok(Self { name: name(path), source, size: None });
        }
        let name = name(path);
        let failed = |error: io::Error| CliError::io("read", &name, &error);
        let file = File::open(path).map_err(|error| {
            let is_url = path.to_str().is_some_and(Prefix::is_meant);
            let hint = "this takes a file: get a log's export with `countersign export --dir URL -o FILE`";
            if is_url { failed(error).with_hint(hint) } else { failed(error) }
        })?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let size = metadata.is_file().then_some(metadata.len());
        let source = if metadata.is_file() { Source::File(file) } else { Source::Stream(Box::new(file)) };
        Ok(Self { name, source, size })
    }

    /// Whether all of these can be read, one after the other.
    pub(crate) fn check(paths: &[PathBuf]) -> Result<(), CliError> {
        if paths.len() > 1 && paths.iter().any(|path| path == Path::new("-")) {
            let message = "standard input can't be one of several inputs";
            return Err(CliError::unusable("arguments.invalid", message, "give files alone, or `-` alone"));
        }
        // A pipe can be opened only once.
        let is_pipe = |path: &Path| path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir());
        paths.iter().filter(|path| !is_pipe(path)).try_for_each(|path| Self::open(path).map(drop))
    }

    /// A stream of that name.
    pub(crate) fn stream(name: &str, stream: Box<dyn Read + Send>) -> Self {
        Self { name: name.into(), source: Source::Stream(stream), size: None }
    }

    /// The same, so that it can be read more than once: a stream is kept in a temporary file.
    pub(crate) fn rereadable(mut self) -> Result<Self, CliError> {
        if let Source::Stream(stream) = &mut self.source {
            let failed = |error: io::Error| CliError::io("keep", &self.name, &error);
            let mut file = tempfile::tempfile().map_err(failed)?;
            self.size = Some(io::copy(stream, &mut file).map_err(failed)?);
            self.source = Source::File(file);
        }
        Ok(self)
    }

    /// The name for people.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The size of what is read, compressed as it may be, where it is known.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// The file, where it is one.
    pub(crate) fn file(&self) -> Option<&File> {
        match &self.source {
            Source::File(file) => Some(file),
            Source::Stream(_) => None,
        }
    }

    /// Whether a file is compressed.
    pub(crate) fn is_compressed(&mut self) -> Result<bool, CliError> {
        self.begins(FIRST, |first| Compression::detect(first).is_some())
    }

    /// Whether the first bytes of a file, so many, are so; a stream, which cannot be read again, is not asked.
    pub(crate) fn begins(&mut self, many: usize, are: impl Fn(&[u8]) -> bool) -> Result<bool, CliError> {
        if self.file().is_none() {
            return Ok(false);
        }
        let name = self.name.clone();
        let mut first = Vec::new();
        let read = self.reader()?.take(many as u64).read_to_end(&mut first);
        read.map_err(|error| CliError::io("read", &name, &error))?;
        Ok(are(&first))
    }

    /// The bytes as they are, from the beginning where it is a file.
    pub(crate) fn reader(&mut self) -> Result<&mut (dyn Read + Send), CliError> {
        match &mut self.source {
            Source::File(file) => {
                file.rewind().map_err(|error| CliError::io("read", &self.name, &error))?;
                Ok(file)
            }
            Source::Stream(stream) => Ok(stream),
        }
    }

    /// Hands out each line, from the first on.
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
        self.pieces(doing, &mut |piece| splitter.push(piece, &mut each))?;
        splitter.finish(&mut each)
    }

    /// Hands out each event of what a source delivers. Gives from which lists they were taken.
    pub(crate) fn events(
        &mut self,
        doing: &'static str,
        mut event: impl FnMut(SourceEvent<'_>) -> Result<(), CliError>,
    ) -> Result<UnwrapSummary, CliError> {
        let name = self.name.clone();
        let mut cutter = Cutter::for_name(&name);
        let mut each = |found: SourceEvent<'_>| {
            let (line, place) = (found.line, found.place.clone());
            event(found).map_err(|failure| match place {
                Some(place) => failure.because(&place).at_line(line),
                None => failure.at_line(line),
            })
        };
        let read = self.pieces(doing, &mut |piece| {
            cutter.push(piece, &mut each).map_err(|failure| failure.within(&name))
        });
        read.and_then(|()| cutter.finish(&mut each)).map_err(|failure| failure.within(&name))?;
        Ok(cutter.summary())
    }

    /// Hands out all bytes, decompressed.
    fn pieces(
        &mut self,
        doing: &'static str,
        piece: &mut dyn FnMut(&[u8]) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let name = self.name.clone();
        let bar = progress::bar(doing, self.size);
        let reader = self.reader()?;
        let mut stage = Stage::default();
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = match reader.read(&mut chunk) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(CliError::io("read", &name, &error)),
            };
            bar.inc(read as u64);
            let mut done = Ok(());
            let mut take = |bytes: &[u8]| {
                if done.is_ok() {
                    done = piece(bytes);
                }
            };
            let whole =
                if read == 0 { stage.finish(&mut take) } else { stage.push(&chunk[..read], &mut take) };
            done?;
            whole.map_err(|why| unread(&name, why))?;
            if read == 0 {
                bar.finish_and_clear();
                return Ok(());
            }
        }
    }

    /// All of a file that is no longer than so many MiB.
    pub(crate) fn all(&mut self, most: u64) -> Result<Vec<u8>, CliError> {
        let name = self.name.clone();
        let mut bytes = Vec::new();
        self.reader()?
            .take(most * MIB + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| CliError::io("read", &name, &error))?;
        if bytes.len() as u64 > most * MIB {
            let message = format!("it is above {most} MiB");
            return Err(
                CliError::unusable("io.too_large", message, "was the right file given?").within(&name)
            );
        }
        Ok(bytes)
    }
}

/// What an input is called before people.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".into() } else { shown(path) }
}

fn unread(name: &str, why: DecompressError) -> CliError {
    let error = Error::new(Code::Export, why.to_string()).with_hint(why.hint());
    match why {
        DecompressError::Window | DecompressError::Dictionary => error.into(),
        _ => CliError::broken(error),
    }
    .within(name)
}

/// All of a small file, such as a key or a pin.
pub(crate) fn small(path: &Path) -> Result<Vec<u8>, CliError> {
    Input::open(path)?.all(SMALL)
}

/// All of a page to be served.
pub(crate) fn page(path: &Path) -> Result<Vec<u8>, CliError> {
    Input::open(path)?.all(PAGE)
}

/// The same as text.
pub(crate) fn small_text(path: &Path) -> Result<String, CliError> {
    let not_text = |_| CliError::unusable("io.not_text", "it is not UTF-8 text", "was the right file given?");
    String::from_utf8(small(path)?).map_err(not_text).map_err(|failure| failure.within(&shown(path)))
}

/// Whether this is the first line of an export, or begins as one of a stream of its lines, which has no header.
pub(crate) fn is_of_an_export(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"export/v1").is_some() && Header::parse(line).is_ok()
        || [&br#"{"link":"countersign/v1 "#[..], br#"{"note":"countersign/v1 "#]
            .iter()
            .any(|start| line.starts_with(start))
}

/// The text of a document that somebody writes, such as a policy, unless an export was given in its place.
pub(crate) fn document(path: &Path, what: &str) -> Result<String, CliError> {
    let text = small_text(path)?;
    if text.lines().next().is_some_and(|line| is_of_an_export(line.as_bytes())) {
        let hint = "are the arguments in the wrong order? See --help";
        let message = format!("this is an export, and not {what}");
        return Err(CliError::unusable("arguments.invalid", message, hint).within(&shown(path)));
    }
    Ok(text)
}

/// A trust file.
pub(crate) fn trust(path: &Path) -> Result<Trust, CliError> {
    trust_with_bytes(path).map(|(trust, _)| trust)
}

/// A trust file, and its bytes as they stand.
pub(crate) fn trust_with_bytes(path: &Path) -> Result<(Trust, Vec<u8>), CliError> {
    let bytes = small(path)?;
    let trust = Trust::parse(&bytes).map_err(|error| {
        CliError::from(error).within(&shown(path)).or_hint(
            "a trust file has lines such as: emitter NAME+HASH+KEY, issuer …, log …, witness …, quorum …",
        )
    })?;
    Ok((trust, bytes))
}

/// The trust file's, or nobody.
pub(crate) fn trust_or_nobody(path: Option<&Path>) -> Result<Trust, CliError> {
    Ok(path.map(trust).transpose()?.unwrap_or_default())
}
