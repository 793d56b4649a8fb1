//! The crate's error: why a rule, a pack, or another file is unusable, and where.

use core::fmt;
use core::ops::{Deref, DerefMut};

use countersign::Diagnostic;

/// An error in a rule, a pack, or another file that this crate reads.
///
/// Its `member` is the rule's title or id, if it has one; in other files, a field such as `loss.high`. A
/// built pack has no line numbers. The error is as small as a pointer, because most functions that read
/// rules return one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalyzeError(Box<Diagnostic<&'static str>>);

/// Formats an error text, or returns an empty string in builds without the `explain` feature.
macro_rules! explain {
    ($($part:tt)*) => {
        if cfg!(feature = "explain") { format!($($part)*) } else { String::new() }
    };
}

pub(crate) use explain;

impl AnalyzeError {
    #[cold]
    pub(crate) fn new(
        code: &'static str,
        line: u32,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        // Builds without texts have only the code.
        let (problem, hint) = if cfg!(feature = "explain") {
            (problem.into(), hint.into())
        } else {
            (String::new(), String::new())
        };
        let line = (line > 0).then_some(line.into());
        Self(Box::new(Diagnostic { line, hint: Some(hint.into()), ..Diagnostic::new(code, problem) }))
    }

    /// Returns what to do about the error; empty in builds without texts.
    pub fn hint(&self) -> &str {
        self.0.hint.as_deref().unwrap_or_default()
    }

    pub(crate) fn in_file(mut self, file: &str) -> Self {
        if self.file.is_none() && !file.is_empty() {
            self.file = Some(file.into());
        }
        self
    }

    pub(crate) fn of_rule(mut self, rule: &str) -> Self {
        if self.member.is_none() && !rule.is_empty() {
            self.member = Some(rule.into());
        }
        self
    }
}

impl Deref for AnalyzeError {
    type Target = Diagnostic<&'static str>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for AnalyzeError {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl From<AnalyzeError> for Diagnostic<&'static str> {
    fn from(AnalyzeError(diagnostic): AnalyzeError) -> Self {
        *diagnostic
    }
}

impl fmt::Display for AnalyzeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { code, message, file, line, member, .. } = &*self.0;
        if let Some(file) = file {
            write!(f, "{file}:")?;
            if let Some(line) = line {
                write!(f, "{line}:")?;
            }
            write!(f, " ")?;
        }
        if let Some(member) = member {
            write!(f, "{member}: ")?;
        }
        write!(f, "{message} [{code}]; {}", self.hint())
    }
}

impl std::error::Error for AnalyzeError {}
