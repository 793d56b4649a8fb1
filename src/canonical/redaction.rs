//! What is replaced while a value is written in canonical form (SPEC section 12).

mod names;
mod texts;

/// What each value is replaced by, or the part of a text that is a secret.
pub(super) const REDACTED: &[u8] = b"[redacted]";

/// What is taken out of an event before it is committed to, wherever it stands.
///
/// By default that is what a name says to be a secret: `password`, `access_token`, `x-api-key`, `clientSecret`,
/// `Set-Cookie`, `session_id` and the like, told by their words, which case and separators part. A string, number or
/// array under such a name becomes `"[redacted]"`, and so do those of an object under it; `true`, `false` and `null`
/// stay. In any text it is also what looks like a secret: a JWT, a private key as PEM, a token with a documented
/// prefix (`AKIA…`, `ghp_…`), the credentials after `Bearer` or `Basic`, a password in a URL, and the value of a
/// parameter that such a name has (`?token=…`). Of a text only that part is replaced.
#[derive(Clone, Debug)]
pub struct Redaction {
    rules: Option<Rules>,
    paths: Vec<String>,
}

/// The rules that hold where nothing else is said. Artefacts that redact nothing are without them.
#[derive(Clone, Copy, Debug)]
struct Rules {
    is_secret: fn(&[u8]) -> bool,
    mask: fn(&mut Vec<u8>, usize) -> usize,
}

impl Default for Redaction {
    fn default() -> Self {
        Self { rules: Some(Rules { is_secret: names::is_secret, mask: texts::mask }), paths: Vec::new() }
    }
}

impl Redaction {
    /// Takes out nothing.
    pub const fn none() -> Self {
        Self { rules: None, paths: Vec::new() }
    }

    /// The same with one more member: its name, or a path of names parted by dots (`card.number`), which is the end of
    /// a member's path. Arrays are passed through. Names are compared unescaped and without regard to ASCII case.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// Whether the value of a member is taken out, whose name and whose objects' names these are, the innermost first.
    pub(super) fn names<P, N>(&self, name: &str, path: impl Fn() -> P) -> bool
    where
        P: Iterator<Item = N>,
        N: AsRef<str>,
    {
        self.rules.is_some_and(|rules| (rules.is_secret)(name.as_bytes()))
            || self.paths.iter().any(|end| ends_with(end.as_bytes(), path()))
    }

    /// Masks what looks like a secret in the JSON string that stands at the end of `out`, from `start` on. Gives how
    /// many parts were.
    pub(super) fn mask(&self, out: &mut Vec<u8>, start: usize) -> usize {
        self.rules.map_or(0, |rules| (rules.mask)(out, start))
    }
}

/// Whether names, the innermost first, end with this path.
fn ends_with(mut end: &[u8], names: impl Iterator<Item = impl AsRef<str>>) -> bool {
    for name in names {
        let name = name.as_ref().as_bytes();
        let Some((rest, last)) = end.len().checked_sub(name.len()).map(|at| end.split_at(at)) else {
            return false;
        };
        if !last.eq_ignore_ascii_case(name) {
            return false;
        }
        match rest {
            [] => return true,
            [before @ .., b'.'] => end = before,
            _ => return false,
        }
    }
    false
}
