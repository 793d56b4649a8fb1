//! What is replaced while a value is written in canonical form (SPEC section 3).

/// The members whose values are taken out of an event before it is committed to, wherever they stand.
///
/// A string, number or array under such a name becomes `"[redacted]"`, an object is gone into, and `true`, `false`
/// and `null` stay. Names are compared unescaped and without regard to ASCII case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    names: Vec<String>,
}

impl Default for Redaction {
    /// `password`, `secret`, `token`, `authorization`, `cookie` and `set-cookie`.
    fn default() -> Self {
        let names = ["password", "secret", "token", "authorization", "cookie", "set-cookie"];
        Self { names: names.map(String::from).into() }
    }
}

impl Redaction {
    /// Takes out nothing.
    pub const fn none() -> Self {
        Self { names: Vec::new() }
    }

    /// The same with one more name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    pub(super) fn names(&self, name: &str) -> bool {
        self.names.iter().any(|redacted| redacted.eq_ignore_ascii_case(name))
    }
}
