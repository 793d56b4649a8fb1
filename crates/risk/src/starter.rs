//! Starter scenarios. They contain no amounts, which only the people responsible can fill in.

/// A starter scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Starter {
    /// The starter's name.
    pub name: &'static str,
    /// The scenario's text, which is rejected until it is filled in.
    pub text: &'static str,
}

macro_rules! starters {
    ($($name:literal),*) => {
        /// All starters.
        pub const ALL: &[Starter] = &[$(Starter { name: $name, text: include_str!(concat!("../starters/", $name, ".yml")) }),*];
    };
}

starters!("churn", "credential-misuse", "downtime", "exposed-endpoint", "fines", "log-loss");

/// Returns the starter with this name.
pub fn find(name: &str) -> Option<&'static Starter> {
    ALL.iter().find(|starter| starter.name == name)
}
