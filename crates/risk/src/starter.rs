//! Scenarios to begin with: without a single amount, which only those who stand for it can fill in.

/// A scenario to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Starter {
    /// Its name.
    pub name: &'static str,
    /// Its text, which is refused until it is filled in.
    pub text: &'static str,
}

macro_rules! starters {
    ($($name:literal),*) => {
        /// All of them.
        pub const ALL: &[Starter] = &[$(Starter { name: $name, text: include_str!(concat!("../starters/", $name, ".yml")) }),*];
    };
}

starters!("churn", "credential-misuse", "downtime", "exposed-endpoint", "fines", "log-loss");

/// The one of that name.
pub fn named(name: &str) -> Option<&'static Starter> {
    ALL.iter().find(|starter| starter.name == name)
}
