//! The files that an operator changes while a log runs: whether each can be used as it is now.

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
    /// Legal holds.
    Holds,
    /// Who may write, and which witnesses see checkpoints.
    Trust,
}

impl ControlFile {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The label in metrics.
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

    /// The stable code of a file that can't be used.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Readers => "readers.file",
            Self::Holds => "holds.file",
            Self::Trust => "trust.file",
        }
    }

    const fn consequence(self) -> &'static str {
        match self {
            Self::Readers => "no reader with a token of the log is let in",
            Self::Holds => "nothing is erased",
            Self::Trust => "the previous trust file stays in force, so a revocation in this one doesn't",
        }
    }
}

/// The metrics of a log server, in which all of them can be used.
pub(crate) fn server_metrics() -> Metrics {
    Metrics::for_server(ControlFile::ALL.iter().copied().map(ControlFile::label))
}

/// An error in a control file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlFileError {
    /// The kind of error, for everyone: it contains nothing of the file.
    pub kind: ControlFileErrorKind,
    /// The reason in full, for the server's log.
    pub detail: String,
}

/// The kinds of error in a control file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlFileErrorKind {
    /// The system doesn't let the server read it.
    Unreadable(io::ErrorKind),
    /// A line of it is malformed, or all of it.
    Malformed {
        /// The 1-based line.
        line: Option<u64>,
    },
}

impl fmt::Display for ControlFileErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(kind) => write!(f, "it can't be read ({kind})"),
            Self::Malformed { line: Some(line) } => write!(f, "line {line} is malformed"),
            Self::Malformed { line: None } => f.write_str("it is malformed"),
        }
    }
}

/// The state of all control files.
#[derive(Default)]
pub struct ControlFiles {
    faults: Mutex<[Option<ControlFileError>; 3]>,
    metrics: Arc<Metrics>,
}

impl ControlFiles {
    /// Files that are in order, counted in these metrics.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { faults: Mutex::default(), metrics }
    }

    /// Sets whether a file can be used as it is now, and logs a change.
    pub fn set(&self, file: ControlFile, state: Result<(), ControlFileError>) {
        self.metrics.control_file(file.label(), state.is_ok());
        let state = state.err();
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let known = &mut faults[file as usize];
        if *known == state {
            return;
        }
        if let Some(fault) = &state {
            tracing::error!(
                code = file.code(),
                file = file.name(),
                error = fault.detail,
                "a control file can't be used: {}",
                file.consequence()
            );
        } else {
            tracing::warn!(file = file.name(), "a control file can be used again");
        }
        *known = state;
    }

    /// Returns what is wrong, for `/healthz`: an object for each file that can't be used.
    pub(crate) fn faults(&self) -> Vec<Value> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let faults = ControlFile::ALL.iter().copied().zip(faults.iter());
        faults
            .filter_map(|(file, fault)| {
                let fault = fault.as_ref()?;
                Some(json!({
                    "file": file.name(),
                    "code": file.code(),
                    "message": format!("{}: {}", fault.kind, file.consequence()),
                    "hint": "correct the file: the server reads it again when it changes; its log has the reason in full",
                }))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_reported_without_what_is_in_the_file_until_it_is_gone() {
        let metrics = Arc::new(server_metrics());
        let files = ControlFiles::new(Arc::clone(&metrics));
        let gauge = |file: &str, value: u8| {
            let line = format!("countersign_control_file_ok{{file=\"{file}\"}} {value}");
            assert!(metrics.encode().lines().any(|known| known == line), "{line}: {}", metrics.encode());
        };
        for file in ["readers", "holds", "trust"] {
            gauge(file, 1);
        }
        let malformed = ControlFileErrorKind::Malformed { line: Some(7) };
        files
            .set(ControlFile::Holds, Err(ControlFileError { kind: malformed, detail: "tenant=acme".into() }));
        gauge("holds", 0);
        let faults = files.faults();
        let [fault] = &faults[..] else { panic!("{faults:?}") };
        assert_eq!((&fault["file"], &fault["code"]), (&json!("holds.txt"), &json!("holds.file")));
        let message = fault["message"].as_str().expect("a message");
        assert!(message.contains("line 7") && !message.contains("acme"), "{message}");
        files.set(ControlFile::Holds, Ok(()));
        gauge("holds", 1);
        assert!(files.faults().is_empty());
    }
}
