//! The redaction policy, applied while an event is canonicalized (SPEC section 12).

use super::names::{Class, classify, is_about, is_key_id};
use super::numbers::is_numbered;
use super::{texts, values};

/// A redaction policy: decides what is removed from an event before it is committed to.
///
/// By default, a value is redacted if its field's name says that it is a secret and the value doesn't look
/// like something else:
///
/// - Names are split into words by case and separators: `password`, `access_token`, `x-api-key`, `clientSecret`,
///   `Set-Cookie`. The last word can say that the value is only about a secret: `token_count`, `secretName`, `tokenId`,
///   `passwordChanged`. So can a word for a digest, except of passwords and secrets: `hashed_token`.
/// - `true`, `false`, and `null` are kept. So are states and settings (`disabled`, `not set`), names of resources
///   (`arn:…`), and numbers under plural names (`tokens: 512`).
/// - Session identifiers are kept. So are `secretId` and `clientToken`, unless they look random. In
///   `requestParameters`, as AWS logs them, they are always kept. Vault's `secret_id`, a UUID, is redacted.
/// - In an object, the fields are redacted, except those whose names describe the secret or its owner (`id`, `name`,
///   `scopes`, `user`). An array of secrets is replaced as a whole.
///
/// In any string, the parts that look like a secret are redacted: see [`mask`](super::mask).
#[derive(Clone, Debug)]
pub struct Redaction {
    rules: Option<Rules>,
    paths: Vec<String>,
    kept: Vec<String>,
    /// The function that replaces request paths, if requested.
    shape: Option<fn(&str) -> String>,
}

/// The default rules as function pointers, so that artifacts that redact nothing don't contain them.
#[derive(Clone, Copy, Debug)]
struct Rules {
    classify: fn(&[u8]) -> Class,
    is_about: fn(&[u8], bool) -> bool,
    is_key_id: fn(&[u8]) -> bool,
    is_numbered: fn(&[u8]) -> bool,
    hides: fn(Secrecy, &[u8]) -> bool,
    mask: fn(&mut Vec<u8>, usize, Secrecy) -> usize,
}

/// The treatment of a field's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrecy {
    /// Keep it, but redact secrets within strings.
    #[default]
    Open,
    /// Redact it, unless it does not look like a secret.
    Secret,
    /// Like `Secret`, but keep numbers, which are counts.
    Secrets,
    /// Like `Secret`, also for all its fields, regardless of their names.
    Cookies,
    /// Redact it if it consists of digits.
    Digits,
    /// Redact it if it looks random.
    SecretId,
    /// Redact it if it is a URL or has a password.
    Source,
    /// Redact it on request.
    Named,
    /// Keep it on request.
    Kept,
    /// Replace it by its shape: it is a request's path.
    Path,
    /// Keep it if it is the identifier of an AWS key.
    KeyId,
    /// Keep numbers that look like payment cards: the value identifies something.
    Id,
}

impl Secrecy {
    /// Returns how the elements of an array with this secrecy are redacted.
    #[must_use]
    pub const fn of_element(self) -> Self {
        match self {
            Self::Secrets => Self::Secret,
            Self::Path | Self::KeyId => Self::Open,
            _ => self,
        }
    }

    /// True if an array is replaced as a whole when none of its elements is kept.
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
    /// Creates a policy that redacts nothing.
    pub const fn none() -> Self {
        Self { rules: None, paths: Vec::new(), kept: Vec::new(), shape: None }
    }

    /// Redacts one more field, given by its name or by a path of names separated by dots (`card.number`) that
    /// matches the end of a field's path. Arrays don't count as levels. Compares unescaped names and ignores
    /// ASCII case.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// Creates a policy that redacts only what looks like a secret, regardless of field names.
    #[must_use]
    pub fn by_look() -> Self {
        let mut redaction = Self::default();
        if let Some(rules) = &mut redaction.rules {
            rules.classify = |_| Class::Open;
        }
        redaction
    }

    /// Keeps one more field, given as in [`Redaction::with`], which takes precedence. Its value isn't
    /// redacted because of its name, and if it is a string, parts that look like secrets aren't masked
    /// either. The fields of an object are still judged by their own names.
    #[must_use]
    pub fn keeping(mut self, path: impl Into<String>) -> Self {
        self.kept.push(path.into());
        self
    }

    /// Replaces the fields `http.path` and `http.url` by their [shapes](crate::path::shape).
    #[must_use]
    pub fn with_path_shapes(mut self) -> Self {
        self.shape = Some(crate::path::shape);
        self
    }

    /// Returns the shape of a request's path, if shapes are enabled, and otherwise the path.
    pub fn shape(&self, path: &str) -> String {
        self.shape.map_or_else(|| path.into(), |shape| shape(path))
    }

    /// Returns how a field's value is redacted, given its object's secrecy, its name, and its path, the innermost
    /// name first.
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
                        // CloudTrail uses it to name the requested secret or to tell requests apart.
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

    /// True if a value, a JSON string or number, is replaced as a whole.
    pub fn hides(&self, secrecy: Secrecy, value: &[u8]) -> bool {
        secrecy == Secrecy::Named || self.rules.is_some_and(|rules| (rules.hides)(secrecy, value))
    }

    /// Masks parts that look like secrets in the JSON string at the end of `out`, from `start` on. Returns the number
    /// of masked parts.
    pub fn mask(&self, out: &mut Vec<u8>, start: usize, secrecy: Secrecy) -> usize {
        if secrecy == Secrecy::Kept {
            return 0;
        }
        self.rules.map_or(0, |rules| (rules.mask)(out, start, secrecy))
    }

    /// Returns how to redact the array element after `element`, for lists of headers and of arguments that
    /// alternate names and values. `is_header` is true for an element with an even index in a list of
    /// headers.
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

/// True if a value is redacted because of its field's name.
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

/// True if the second of some names, the innermost first, is `object`.
fn is_within(mut names: impl Iterator<Item = impl AsRef<str>>, object: &str) -> bool {
    names.nth(1).is_some_and(|name| name.as_ref() == object)
}

/// True if names, the innermost first, are those of a request's path.
fn is_request_path(names: impl Iterator<Item = impl AsRef<str>>) -> bool {
    let mut names = names.take(3);
    let mut next = |known: &[&str]| names.next().is_some_and(|name| known.contains(&name.as_ref()));
    next(&["path", "url"]) && next(&["http"]) && names.next().is_none()
}

/// True if names, the innermost first, end with this path.
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
