//! A file that can be read from any position: a local one, or an object in a bucket.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::errors::{CliError, shown};
#[cfg(feature = "native")]
use crate::io::object::{ObjectFile, object_url};

pub(crate) enum SeekableFile {
    Local(File),
    #[cfg(feature = "native")]
    Object(Box<ObjectFile>),
}

/// An opened path.
pub(crate) enum Opened {
    Seekable(SeekableFile),
    /// A pipe or a device, which can be read only once.
    Stream(File),
}

impl SeekableFile {
    /// Opens a file, or the object at a bucket's URL.
    pub(crate) fn open(path: &Path) -> Result<Opened, CliError> {
        #[cfg(feature = "native")]
        if let Some(url) = object_url(path) {
            return Ok(Opened::Seekable(Self::Object(Box::new(ObjectFile::open(url)?))));
        }
        let name = shown(path);
        let failed = |error: io::Error| CliError::io("read", &name, &error);
        let file = File::open(path).map_err(|error| {
            let is_url = path.to_str().is_some_and(|path| path.contains("://"));
            let hint = "download the log's export with `countersign export --dir URL -o FILE`; this command reads a file";
            if is_url { failed(error).with_hint(hint) } else { failed(error) }
        })?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        Ok(if metadata.is_file() { Opened::Seekable(Self::Local(file)) } else { Opened::Stream(file) })
    }

    /// Returns the size in bytes.
    pub(crate) fn size(&self) -> io::Result<u64> {
        match self {
            Self::Local(file) => Ok(file.metadata()?.len()),
            #[cfg(feature = "native")]
            Self::Object(object) => Ok(object.size()),
        }
    }

    /// Returns the file, unless it is an object.
    #[cfg_attr(
        not(feature = "native"),
        allow(clippy::unnecessary_wraps, reason = "the native program reads objects")
    )]
    pub(crate) fn local(&self) -> Option<&File> {
        match self {
            Self::Local(file) => Some(file),
            #[cfg(feature = "native")]
            Self::Object(_) => None,
        }
    }

    /// Returns another reader of the file, at its beginning. It may share its position with this one.
    #[cfg(feature = "native")]
    pub(crate) fn reopen(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Local(file) => {
                let mut file = file.try_clone()?;
                file.rewind()?;
                Self::Local(file)
            }
            Self::Object(object) => Self::Object(Box::new(object.reopen())),
        })
    }
}

impl Read for SeekableFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Local(file) => file.read(buffer),
            #[cfg(feature = "native")]
            Self::Object(object) => object.read(buffer),
        }
    }
}

impl Seek for SeekableFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Local(file) => file.seek(to),
            #[cfg(feature = "native")]
            Self::Object(object) => object.seek(to),
        }
    }
}
