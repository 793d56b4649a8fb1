//! Failures: one clear error with a code, a place and a hint, and the status to exit with.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use countersign::Error;

use crate::style;

/// The input or the arguments could not be used at all (FORMAT section 9).
pub(crate) const UNUSABLE: u8 = 2;
/// The input was read, and is broken.
pub(crate) const BROKEN: u8 = 1;

/// Why a command ends without having done its work.
#[derive(Debug)]
pub(crate) struct Failure {
    /// A stable code, for example `io.not_found`.
    pub(crate) code: String,
    /// The file, the line and the member.
    pub(crate) place: Vec<String>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// The status to exit with.
    pub(crate) status: u8,
    /// Nobody listens any more.
    silent: bool,
}

impl Failure {
    /// An argument, or a file beside the input, is of no use.
    pub(crate) fn unusable(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            place: Vec::new(),
            message: message.into(),
            hint: Some(hint.into()),
            status: UNUSABLE,
            silent: false,
        }
    }

    /// Something about this file could not be read or written.
    pub(crate) fn io(doing: &str, name: &str, error: &io::Error) -> Self {
        let (code, hint) = explain(error);
        Self {
            code: code.into(),
            place: vec![name.into()],
            message: format!("cannot {doing}: {error}"),
            hint: Some(hint.into()),
            status: UNUSABLE,
            silent: error.kind() == io::ErrorKind::BrokenPipe,
        }
    }

    /// The input was read, and this is wrong with it.
    pub(crate) fn broken(error: Error) -> Self {
        Self { status: BROKEN, ..Self::from(error) }
    }

    /// The same within this file.
    pub(crate) fn within(mut self, name: &str) -> Self {
        self.place.insert(0, name.into());
        self
    }

    /// The same at this line, unless a line is known.
    pub(crate) fn at_line(mut self, line: u64) -> Self {
        if !self.place.iter().any(|place| place.starts_with("line ")) {
            self.place.insert(0, format!("line {line}"));
        }
        self
    }

    /// Tells the person at the terminal.
    pub(crate) fn report(&self) {
        if self.silent {
            return;
        }
        let mut text = format!("{} ", style::bad(format_args!("✗ error[{}]:", self.code)));
        for place in &self.place {
            let _ = write!(text, "{place}: ");
        }
        text.push_str(&style::plain(&self.message));
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\n  {} {hint}", style::label("hint:"));
        }
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }
}

use std::io::Write as _;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut place = Vec::new();
        place.extend(error.line.map(|line| format!("line {line}")));
        place.extend(error.member.as_ref().map(|member| format!("member {member:?}")));
        Self {
            code: error.code.as_str().into(),
            place,
            message: error.message,
            hint: error.hint.map(Into::into),
            status: UNUSABLE,
            silent: false,
        }
    }
}

fn explain(error: &io::Error) -> (&'static str, &'static str) {
    match error.kind() {
        io::ErrorKind::NotFound => ("io.not_found", "check the path"),
        io::ErrorKind::PermissionDenied => ("io.permission", "check who may read or write it"),
        io::ErrorKind::IsADirectory => ("io.is_directory", "give a file, not a directory"),
        io::ErrorKind::NotADirectory => ("io.not_directory", "check the path: a part of it is no directory"),
        io::ErrorKind::AlreadyExists => ("io.exists", "choose another name, or remove it first"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ("io.full", "make room, then run it again: nothing was left behind")
        }
        io::ErrorKind::FileTooLarge => {
            ("io.too_large", "files of this size are not allowed here: nothing was left behind")
        }
        _ => ("io.failed", "the system gave no more reason than this"),
    }
}

/// A path as it is shown to people.
pub(crate) fn shown(path: &Path) -> String {
    style::plain(&path.display().to_string())
}
