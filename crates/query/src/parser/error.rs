//! Errors in parser files.

#[cfg(feature = "explain")]
use countersign::Diagnostic;

/// An error in a parser file, with the file and the path of the field.
#[cfg(feature = "explain")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParserError(Box<Diagnostic<&'static str>>);

/// Parsers built into this crate are tested, so builds without `explain` can't fail to parse them and contain no
/// messages.
#[cfg(not(feature = "explain"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ParserError {}

/// True if parser files are validated.
pub(super) const CHECKS: bool = cfg!(feature = "explain");

/// Returns the error if the condition is false and parser files are validated.
pub(super) fn ensure(is_so: bool, why: impl FnOnce() -> ParserError) -> ParseResult<()> {
    if CHECKS && !is_so { Err(why()) } else { Ok(()) }
}

/// Formats a message, or returns an empty string in builds without messages.
macro_rules! message {
    ($($part:tt)*) => {
        if cfg!(feature = "explain") { format!($($part)*) } else { String::new() }
    };
}

pub(super) use message;

#[cfg(feature = "explain")]
impl ParserError {
    pub(super) fn new(member: &str, problem: impl Into<String>, repair: impl Into<String>) -> Self {
        let member = (!member.is_empty()).then(|| member.to_owned());
        let hint = Some(repair.into().into());
        Self(Box::new(Diagnostic { member, hint, ..Diagnostic::new("parsers.invalid", problem) }))
    }

    pub(super) fn within(mut self, file: &str) -> Self {
        self.0.file = Some(file.into());
        self
    }

    pub(super) fn at(mut self, member: &str) -> Self {
        let inner = self.0.member.take().unwrap_or_default();
        let parting = if inner.is_empty() || inner.starts_with('[') { "" } else { "." };
        self.0.member = Some(format!("{member}{parting}{inner}")).filter(|path| !path.is_empty());
        self
    }
}

#[cfg(feature = "explain")]
impl core::ops::Deref for ParserError {
    type Target = Diagnostic<&'static str>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[cfg(feature = "explain")]
impl From<ParserError> for Diagnostic<&'static str> {
    fn from(ParserError(diagnostic): ParserError) -> Self {
        *diagnostic
    }
}

#[cfg(not(feature = "explain"))]
impl ParserError {
    pub(super) fn new<P, M>(_: &str, _: P, _: M) -> Self {
        unreachable!()
    }

    pub(super) fn within(self, _: &str) -> Self {
        self
    }

    pub(super) fn at(self, _: &str) -> Self {
        self
    }
}

#[cfg(feature = "explain")]
impl core::fmt::Display for ParserError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Diagnostic { file, member, message, hint, .. } = &*self.0;
        for place in [file, member].into_iter().flatten().filter(|place| !place.is_empty()) {
            write!(f, "{place}: ")?;
        }
        write!(f, "{message}; {}", hint.as_deref().unwrap_or_default())
    }
}

#[cfg(feature = "explain")]
impl std::error::Error for ParserError {}

pub(super) type ParseResult<T> = Result<T, ParserError>;
