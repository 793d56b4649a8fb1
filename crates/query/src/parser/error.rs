//! Errors in files with parsers.

#[cfg(feature = "explain")]
use countersign::Diagnostic;

/// An error in a file with a parser, with its file and the path of its member.
#[cfg(feature = "explain")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParserError(Box<Diagnostic<&'static str>>);

/// A build whose parsers were all tested has no room for what could be wrong with them.
#[cfg(not(feature = "explain"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ParserError {}

/// Whether what a file says is checked.
pub(super) const CHECKS: bool = cfg!(feature = "explain");

/// Refuses what is not so, where files are checked.
pub(super) fn ensure(is_so: bool, why: impl FnOnce() -> ParserError) -> Parsed<()> {
    if CHECKS && !is_so { Err(why()) } else { Ok(()) }
}

/// A text for people, made where there is room for it.
macro_rules! told {
    ($($part:tt)*) => {
        if cfg!(feature = "explain") { format!($($part)*) } else { String::new() }
    };
}

pub(super) use told;

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

pub(super) type Parsed<T> = Result<T, ParserError>;
