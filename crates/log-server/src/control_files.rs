//! Control files, which an operator may change while a log runs: tracks whether each of them is valid.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use countersign_log::metrics::Metrics;
use strum::{IntoStaticStr, VariantArray};

/// A file that controls a running log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum ControlFile {
    /// The hashes of readers' tokens.
    Readers,
    /// The legal holds, which keep events from being erased.
    Holds,
    /// The trusted issuers, emitters, and witnesses.
    Trust,
}

impl ControlFile {
    /// All control files.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns the label in metrics.
    pub(crate) fn label(self) -> &'static str {
        self.into()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Readers => "readers.txt",
            Self::Holds => "holds.txt",
            Self::Trust => "trust.txt",
        }
    }

    /// Returns the stable error code for this file.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Readers => "readers.file",
            Self::Holds => "holds.file",
            Self::Trust => "trust.file",
        }
    }

    const fn consequence(self) -> &'static str {
        match self {
            Self::Readers => "readers with the log's own tokens are rejected",
            Self::Holds => "nothing is erased",
            Self::Trust => {
                "the previous trust file stays in force, so revocations in this one have no effect"
            }
        }
    }
}

/// Creates the metrics of a log server, with all control files marked as valid.
pub(crate) fn server_metrics() -> Metrics {
    Metrics::for_server(ControlFile::ALL.iter().copied().map(ControlFile::label))
}

/// An error in a control file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlFileError {
    /// The kind of error. It reveals nothing about the file's content.
    pub kind: ControlFileErrorKind,
    /// The full reason, for the server's log.
    pub detail: String,
}

/// The kinds of error in a control file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlFileErrorKind {
    /// The file can't be read.
    Unreadable(io::ErrorKind),
    /// A line of the file, or the whole file, is malformed.
    Malformed {
        /// The 1-based line.
        line: Option<u64>,
    },
}

impl fmt::Display for ControlFileErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(kind) => write!(f, "the file can't be read ({kind})"),
            Self::Malformed { line: Some(line) } => write!(f, "line {line} is malformed"),
            Self::Malformed { line: None } => f.write_str("the file is malformed"),
        }
    }
}

/// The state of all control files.
#[derive(Default)]
pub struct ControlFiles {
    errors: Mutex<[Option<ControlFileError>; 3]>,
    metrics: Arc<Metrics>,
}

impl ControlFiles {
    /// Creates the state with all files valid, reported in these metrics.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { errors: Mutex::default(), metrics }
    }

    /// Sets whether a file is valid, and logs a change.
    pub fn set(&self, file: ControlFile, state: Result<(), ControlFileError>) {
        self.metrics.control_file(file.label(), state.is_ok());
        let state = state.err();
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let current = &mut errors[file as usize];
        if *current == state {
            return;
        }
        if let Some(error) = &state {
            tracing::error!(
                code = file.code(),
                file = file.name(),
                error = error.detail,
                "a control file can't be used: {}",
                file.consequence()
            );
        } else {
            tracing::warn!(file = file.name(), "a control file can be used again");
        }
        *current = state;
    }

    /// Returns the errors for `/healthz`: an object for each invalid file.
    pub(crate) fn errors(&self) -> Vec<Value> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let errors = ControlFile::ALL.iter().copied().zip(errors.iter());
        errors
            .filter_map(|(file, error)| {
                let error = error.as_ref()?;
                Some(json!({
                    "file": file.name(),
                    "code": file.code(),
                    "message": format!("{}: {}", error.kind, file.consequence()),
                    "hint": "correct the file; the server reloads it when it changes, and logs the full reason",
                }))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_an_error_without_file_content_until_it_is_corrected() {
        let metrics = Arc::new(server_metrics());
        let files = ControlFiles::new(Arc::clone(&metrics));
        let gauge = |file: &str, value: u8| {
            let line = format!("countersign_control_file_ok{{file=\"{file}\"}} {value}");
            assert!(metrics.encode().lines().any(|current| current == line), "{line}: {}", metrics.encode());
        };
        for file in ["readers", "holds", "trust"] {
            gauge(file, 1);
        }
        let malformed = ControlFileErrorKind::Malformed { line: Some(7) };
        files
            .set(ControlFile::Holds, Err(ControlFileError { kind: malformed, detail: "tenant=acme".into() }));
        gauge("holds", 0);
        let errors = files.errors();
        let [error] = &errors[..] else { panic!("{errors:?}") };
        assert_eq!((&error["file"], &error["code"]), (&json!("holds.txt"), &json!("holds.file")));
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains("line 7") && !message.contains("acme"), "{message}");
        files.set(ControlFile::Holds, Ok(()));
        gauge("holds", 1);
        assert!(files.errors().is_empty());
    }
}
