//! Why a file is no reading.

/// Why a file is no reading, and where.
#[cfg(feature = "explain")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The file, as it was named.
    pub file: String,
    /// The member in question, as a path: `actor.id`. Empty for the whole.
    pub member: String,
    /// What is wrong.
    pub problem: String,
    /// What would mend it.
    pub mend: String,
}

/// A build whose readings were all tested has no room for what could be wrong with them.
#[cfg(not(feature = "explain"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unusable {}

/// Whether what a file says is checked.
pub(super) const CHECKS: bool = cfg!(feature = "explain");

/// Refuses what is not so, where files are checked.
pub(super) fn ensure(is_so: bool, why: impl FnOnce() -> Unusable) -> Parsed<()> {
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
impl Unusable {
    pub(super) fn new(member: &str, problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { file: String::new(), member: member.into(), problem: problem.into(), mend: mend.into() }
    }

    pub(super) fn within(mut self, file: &str) -> Self {
        self.file = file.into();
        self
    }

    pub(super) fn at(mut self, member: &str) -> Self {
        let parting = if self.member.is_empty() || self.member.starts_with('[') { "" } else { "." };
        self.member = format!("{member}{parting}{}", self.member);
        self
    }
}

#[cfg(not(feature = "explain"))]
impl Unusable {
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
impl core::fmt::Display for Unusable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { file, member, problem, mend } = self;
        if !file.is_empty() {
            write!(f, "{file}: ")?;
        }
        if !member.is_empty() {
            write!(f, "{member}: ")?;
        }
        write!(f, "{problem}; {mend}")
    }
}

#[cfg(feature = "explain")]
impl std::error::Error for Unusable {}

pub(super) type Parsed<T> = Result<T, Unusable>;
