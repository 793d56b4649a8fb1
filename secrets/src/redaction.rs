//! What is replaced while a value is written in canonical form (SPEC section 12).

use crate::texts;
use crate::{is_about, is_key_id, is_secret, mask};

/// What is taken out of an event before it is committed to, wherever it stands.
///
/// By default that is what a name says to be a secret: `password`, `access_token`, `x-api-key`, `clientSecret`,
/// `Set-Cookie`, `session_id` and the like, told by their words, which case and separators part. A string, number or
/// array under such a name becomes `"[redacted]"`, and so do those of an object under it, but for members whose own names
/// say that they are about the secret: `expiration`, `secretName`. `true`, `false` and `null` stay, and so does an Amazon
/// resource name. In any text it is also what looks like a secret: a JWT, a private key as PEM, a token with a documented
/// prefix (`AKIA…`, `ghp_…`), the credentials after `Bearer` or `Basic`, a password in a URL, and the value of a
/// parameter that such a name has (`?token=…`). Of a text only that part is replaced. `accessKeyId` names which key of AWS
/// was used: an identifier under that name stays.
#[derive(Clone, Debug)]
pub struct Redaction {
    rules: Option<Rules>,
    paths: Vec<String>,
    /// What the paths of requests are replaced by, where that is asked for.
    shape: Option<fn(&str) -> String>,
}

/// The rules that hold where nothing else is said. Artefacts that redact nothing are without them.
#[derive(Clone, Copy, Debug)]
struct Rules {
    is_secret: fn(&[u8]) -> bool,
    is_about: fn(&[u8]) -> bool,
    is_key_id: fn(&[u8]) -> bool,
    mask: fn(&mut Vec<u8>, usize) -> usize,
}

/// What becomes of a member's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrecy {
    /// It stays, but for secrets in its texts.
    #[default]
    Open,
    /// It is taken out, as far as the rules know no better.
    Secret,
    /// It was asked for that it is taken out.
    Named,
    /// It is a request's path, of which the shape is kept.
    Path,
    /// It tells which key of AWS was used, and stays if it is such an identifier.
    KeyId,
}

impl Default for Redaction {
    fn default() -> Self {
        Self { rules: Some(Rules { is_secret, is_about, is_key_id, mask }), paths: Vec::new(), shape: None }
    }
}

impl Redaction {
    /// Takes out nothing.
    pub const fn none() -> Self {
        Self { rules: None, paths: Vec::new(), shape: None }
    }

    /// The same with one more member: its name, or a path of names separated by dots (`card.number`), which is the end of
    /// a member's path. Arrays are passed through. Names are compared unescaped and without regard to ASCII case.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// The same with the members `http.path` and `http.url` replaced by their [shapes](crate::path::shape).
    #[must_use]
    pub fn with_path_shapes(mut self) -> Self {
        self.shape = Some(crate::path::shape);
        self
    }

    /// The shape of a request's path.
    pub fn shape(&self, path: &str) -> String {
        self.shape.map_or_else(|| path.into(), |shape| shape(path))
    }

    /// What becomes of the value of a member of an object, by that object's secrecy, the member's name and its objects'
    /// names, the innermost first.
    pub fn of_member<P, N>(&self, object: Secrecy, name: &str, path: impl Fn() -> P) -> Secrecy
    where
        P: Iterator<Item = N>,
        N: AsRef<str>,
    {
        if object == Secrecy::Named || self.paths.iter().any(|end| ends_with(end.as_bytes(), path())) {
            return Secrecy::Named;
        }
        let is_secret = self.rules.is_some_and(|rules| match object {
            Secrecy::Secret => !(rules.is_about)(name.as_bytes()),
            _ => (rules.is_secret)(name.as_bytes()),
        });
        if is_secret {
            Secrecy::Secret
        } else if self.rules.is_some_and(|rules| (rules.is_key_id)(name.as_bytes())) {
            Secrecy::KeyId
        } else if self.shape.is_some() && is_request_path(path()) {
            Secrecy::Path
        } else {
            Secrecy::Open
        }
    }

    /// Masks what looks like a secret in the JSON string that stands at the end of `out`, from `start` on, and is the value
    /// of a member with this secrecy. Gives how many parts were.
    pub fn mask(&self, out: &mut Vec<u8>, start: usize, secrecy: Secrecy) -> usize {
        if secrecy == Secrecy::KeyId && out.get(start..).is_some_and(texts::is_key_id) {
            return 0;
        }
        self.rules.map_or(0, |rules| (rules.mask)(out, start))
    }
}

/// Whether names, the innermost first, are those of a request's path.
fn is_request_path(names: impl Iterator<Item = impl AsRef<str>>) -> bool {
    let mut names = names.take(3);
    let mut next = |known: &[&str]| names.next().is_some_and(|name| known.contains(&name.as_ref()));
    next(&["path", "url"]) && next(&["http"]) && names.next().is_none()
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
