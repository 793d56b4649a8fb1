//! What is replaced while a value is written in canonical form (SPEC section 12).

use super::names::{Class, classify, is_about, is_key_id};
use super::numbers::is_numbered;
use super::{texts, values};

/// Decides what is taken out of an event before it is committed to.
///
/// By default a value is redacted if its field's name says that it is a secret, and its look doesn't say otherwise:
///
/// - The words of the name say it, which case and separators part: `password`, `access_token`, `x-api-key`,
///   `clientSecret`, `Set-Cookie`. The last word can say that the value is about a secret: `token_count`, `secretName`,
///   `tokenId`, `passwordChanged`. So can a word for a digest, except of passwords and secrets: `hashed_token`.
/// - `true`, `false`, and `null` stay. So do states and settings (`disabled`, `not set`), names of resources (`arn:…`),
///   and a number under a name in the plural (`tokens: 512`).
/// - An identifier of a session stays. So do `secretId` and `clientToken`, unless they look random. In `requestParameters`,
///   as AWS logs them, they always stay, and Vault's `secret_id`, a UUID, is a secret.
/// - An object isn't replaced: its members are, except those whose names are about the secret or its owner (`id`, `name`,
///   `scopes`, `user`). An array of secrets is replaced as one.
///
/// In any string, the parts that look like a secret are redacted: see [`mask`](super::mask).
#[derive(Clone, Debug)]
pub struct Redaction {
    rules: Option<Rules>,
    paths: Vec<String>,
    kept: Vec<String>,
    /// What the paths of requests are replaced by, where that is asked for.
    shape: Option<fn(&str) -> String>,
}

/// The rules that hold where nothing else is said. Artifacts that redact nothing are without them.
#[derive(Clone, Copy, Debug)]
struct Rules {
    classify: fn(&[u8]) -> Class,
    is_about: fn(&[u8], bool) -> bool,
    is_key_id: fn(&[u8]) -> bool,
    is_numbered: fn(&[u8]) -> bool,
    hides: fn(Secrecy, &[u8]) -> bool,
    mask: fn(&mut Vec<u8>, usize, Secrecy) -> usize,
}

/// What becomes of a member's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrecy {
    /// It stays, but for secrets in its texts.
    #[default]
    Open,
    /// It is redacted, unless it looks like no secret.
    Secret,
    /// As `Secret`, but a number stays: it is how many there are.
    Secrets,
    /// As `Secret`, and so are its members, whatever their names are.
    Cookies,
    /// It is redacted if it is made of digits.
    Digits,
    /// It is redacted if it looks random.
    SecretId,
    /// It is redacted if it is an address or has a password.
    Source,
    /// It is redacted on request.
    Named,
    /// It stays on request.
    Kept,
    /// It is a request's path, of which the shape is kept.
    Path,
    /// It tells which key of AWS was used, and stays if it is such an identifier.
    KeyId,
    /// It identifies something: a number in it is no payment card's.
    Id,
}

impl Secrecy {
    /// What becomes of the elements of an array.
    #[must_use]
    pub const fn of_element(self) -> Self {
        match self {
            Self::Secrets => Self::Secret,
            Self::Path | Self::KeyId => Self::Open,
            _ => self,
        }
    }

    /// True if an array of which nothing stays is replaced as one.
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Secret | Self::Secrets | Self::Cookies | Self::Named)
    }
}

impl Default for Redaction {
    fn default() -> Self {
        let rules = Rules { classify, is_about, is_key_id, is_numbered, hides, mask: texts::mask_value };
        Self { rules: Some(rules), ..Self::none() }
    }
}

impl Redaction {
    /// Takes out nothing.
    pub const fn none() -> Self {
        Self { rules: None, paths: Vec::new(), kept: Vec::new(), shape: None }
    }

    /// The same with one more member: its name, or a path of names separated by dots (`card.number`), which is the end of
    /// a member's path. Arrays are passed through. Names are compared unescaped and without regard to ASCII case.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// Redacts by look alone, whatever the names of members are.
    #[must_use]
    pub fn by_look() -> Self {
        let mut redaction = Self::default();
        if let Some(rules) = &mut redaction.rules {
            rules.classify = |_| Class::Open;
        }
        redaction
    }

    /// Keeps one more member, given like that of [`Redaction::with`], which comes first: its value isn't redacted, and if it
    /// is a string, not by its look either. The members of an object are still judged by their own names.
    #[must_use]
    pub fn keeping(mut self, path: impl Into<String>) -> Self {
        self.kept.push(path.into());
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
        let is_of = |paths: &[String]| paths.iter().any(|end| ends_with(end.as_bytes(), path()));
        if object == Secrecy::Named || is_of(&self.paths) {
            return Secrecy::Named;
        }
        if is_of(&self.kept) {
            return Secrecy::Kept;
        }
        if let Some(rules) = self.rules {
            let name = name.as_bytes();
            let secrecy =
                match object {
                    Secrecy::Secret | Secrecy::Secrets | Secrecy::Cookies
                        if !(rules.is_about)(name, object == Secrecy::Cookies) =>
                    {
                        if object == Secrecy::Cookies { object } else { Secrecy::Secret }
                    }
                    _ => match (rules.classify)(name) {
                        Class::Secret => Secrecy::Secret,
                        Class::Secrets => Secrecy::Secrets,
                        Class::Cookies => Secrecy::Cookies,
                        Class::Digits => Secrecy::Digits,
                        // CloudTrail's is the name of the secret that was asked for, or tells requests apart.
                        Class::SecretId if !is_within(path(), "requestParameters") => Secrecy::SecretId,
                        Class::Source => Secrecy::Source,
                        _ if (rules.is_key_id)(name) => Secrecy::KeyId,
                        _ if (rules.is_numbered)(name) => Secrecy::Id,
                        _ => Secrecy::Open,
                    },
                };
            if secrecy != Secrecy::Open {
                return secrecy;
            }
        }
        if self.shape.is_some() && is_request_path(path()) { Secrecy::Path } else { Secrecy::Open }
    }

    /// True if a value, which is a JSON string or number, is replaced as a whole.
    pub fn hides(&self, secrecy: Secrecy, value: &[u8]) -> bool {
        secrecy == Secrecy::Named || self.rules.is_some_and(|rules| (rules.hides)(secrecy, value))
    }

    /// Masks what looks like a secret in the JSON string that stands at the end of `out`, from `start` on, and is the value
    /// of a member with this secrecy. Gives how many parts were.
    pub fn mask(&self, out: &mut Vec<u8>, start: usize, secrecy: Secrecy) -> usize {
        if secrecy == Secrecy::Kept {
            return 0;
        }
        self.rules.map_or(0, |rules| (rules.mask)(out, start, secrecy))
    }

    /// What an array's element says of the one after it, as lists of headers and arguments have names before their values.
    /// `is_header` if the array is one of headers, and the element an even one of it.
    pub fn of_next(&self, element: &[u8], is_header: bool) -> Secrecy {
        let text = unquoted(element);
        let is_flag = text.starts_with(b"-");
        match self.rules {
            Some(rules) if (is_header || is_flag) && text.len() < 64 && !text.contains(&b' ') => {
                match (rules.classify)(text) {
                    Class::Secret | Class::Secrets | Class::Cookies => Secrecy::Secret,
                    _ => Secrecy::Open,
                }
            }
            _ => Secrecy::Open,
        }
    }
}

/// True if a value is redacted for its name, which says this much.
fn hides(secrecy: Secrecy, value: &[u8]) -> bool {
    let is_number = !value.starts_with(b"\"");
    let text = unquoted(value);
    match secrecy {
        Secrecy::Secret | Secrecy::Cookies | Secrecy::Secrets => {
            !(is_number && secrecy == Secrecy::Secrets
                || values::is_state(text)
                || values::is_reference(text))
        }
        Secrecy::Digits => values::is_digits(text),
        Secrecy::SecretId => values::is_random(text),
        Secrecy::Source => text.iter().any(|byte| matches!(byte, b'@' | b'=')),
        _ => false,
    }
}

/// Returns the text between the quotes of a JSON string.
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(value)
}

/// True if the second of some names, the innermost first, is this one.
fn is_within(mut names: impl Iterator<Item = impl AsRef<str>>, object: &str) -> bool {
    names.nth(1).is_some_and(|name| name.as_ref() == object)
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
