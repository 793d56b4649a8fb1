//! Why a rule cannot be used, and where.

use core::fmt;

/// What is wrong with a rule or a pack: with a stable code, the place, and what would mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The stable code, such as `rule.unknown_key`.
    pub code: &'static str,
    /// The file, as it was named; empty where there is none.
    pub file: String,
    /// The line, the first being 1; 0 where it is not known, as in a pack that was built.
    pub line: u32,
    /// The rule's title or id, as far as it has one; in a file that is no rule the member, such as `loss.high`.
    pub rule: String,
    /// What is wrong.
    pub problem: String,
    /// What would mend it.
    pub hint: String,
}

/// A fault's words, which are put together only where there is room for them.
macro_rules! told {
    ($($part:tt)*) => {
        if cfg!(feature = "explain") { format!($($part)*) } else { String::new() }
    };
}

pub(crate) use told;

impl Fault {
    /// On the heap: most functions that read rules hand faults on, and a pointer takes less code there than all of it.
    #[cold]
    pub(crate) fn new(
        code: &'static str,
        line: u32,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Box<Self> {
        // Who has no room for words has the code.
        let (problem, hint) = if cfg!(feature = "explain") {
            (problem.into(), hint.into())
        } else {
            (String::new(), String::new())
        };
        Box::new(Self { code, file: String::new(), line, rule: String::new(), problem, hint })
    }

    pub(crate) fn in_file(mut self: Box<Self>, file: &str) -> Box<Self> {
        if self.file.is_empty() {
            self.file = file.into();
        }
        self
    }

    pub(crate) fn of_rule(mut self: Box<Self>, rule: &str) -> Box<Self> {
        if self.rule.is_empty() {
            self.rule = rule.into();
        }
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, file, line, rule, problem, hint } = self;
        if !file.is_empty() {
            write!(f, "{file}:")?;
            if *line > 0 {
                write!(f, "{line}:")?;
            }
            write!(f, " ")?;
        }
        if !rule.is_empty() {
            write!(f, "{rule}: ")?;
        }
        write!(f, "{problem} [{code}]; {hint}")
    }
}

impl std::error::Error for Fault {}
