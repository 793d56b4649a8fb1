//! The common form of errors: a stable code, a message, a place, and a hint.

use core::fmt::{self, Write as _};
use core::ops::Range;
use std::borrow::Cow;

use crate::hex;

/// The code, message, place, and hint of an error. All crates of the product share it.
///
/// Each crate's error wraps one. The code has type `C`: an enum if a crate has a closed list of codes, otherwise a
/// string. The hint has type `H`: `&'static str` if all hints are constants. The place consists of `file`, `line`,
/// `member`, and `at`, each if known.
///
/// `Display` writes `code: file: line 1: member "name": at byte 0: message`, omitting unknown parts. `Serialize`
/// (feature `verify`) writes an object with `code`, `message`, `hint`, `file`, `line`, `member`, and `at`, omitting
/// unknown fields.
///
/// ```
/// use countersign::Diagnostic;
///
/// let error = Diagnostic::<_, &str>::new("trust.invalid", "the trust file names no log");
/// let error = Diagnostic { line: Some(3), ..error };
/// assert_eq!(error.to_string(), "trust.invalid: line 3: the trust file names no log");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic<C = Cow<'static, str>, H = Cow<'static, str>> {
    /// The stable code.
    pub code: C,
    /// The human-readable problem. Never contains a secret.
    pub message: String,
    /// The file's name, as the caller gave it.
    pub file: Option<String>,
    /// The 1-based line of the input.
    pub line: Option<u64>,
    /// The name of the JSON field or the path to it; in a rule file, the rule.
    pub member: Option<String>,
    /// The byte range of the input.
    pub at: Option<Range<usize>>,
    /// The human-readable suggested action.
    pub hint: Option<H>,
}

impl<C, H> Diagnostic<C, H> {
    /// Creates a diagnostic without a place or a hint.
    #[cold]
    pub fn new(code: C, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message, file: None, line: None, member: None, at: None, hint: None }
    }

    /// Converts the code and the hint to text, so that the errors of several crates share a type.
    pub fn into_text(self) -> Diagnostic
    where
        C: Into<Cow<'static, str>>,
        H: Into<Cow<'static, str>>,
    {
        let Self { code, message, file, line, member, at, hint } = self;
        Diagnostic { code: code.into(), message, file, line, member, at, hint: hint.map(Into::into) }
    }
}

impl<C: AsRef<str>, H> fmt::Display for Diagnostic<C, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.code.as_ref())?;
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(member) = &self.member {
            write!(f, "member {}: ", Quoted(member))?;
        }
        if let Some(at) = &self.at {
            write!(f, "at byte {}: ", at.start)?;
        }
        f.write_str(&self.message)
    }
}

impl<C: AsRef<str> + fmt::Debug, H: fmt::Debug> core::error::Error for Diagnostic<C, H> {}

#[cfg(feature = "verify")]
impl<C: AsRef<str>, H: AsRef<str>> serde::Serialize for Diagnostic<C, H> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;

        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", self.code.as_ref())?;
        map.serialize_entry("message", &self.message)?;
        if let Some(hint) = &self.hint {
            map.serialize_entry("hint", hint.as_ref())?;
        }
        if let Some(file) = &self.file {
            map.serialize_entry("file", file)?;
        }
        if let Some(line) = self.line {
            map.serialize_entry("line", &line)?;
        }
        if let Some(member) = &self.member {
            map.serialize_entry("member", member)?;
        }
        if let Some(at) = &self.at {
            map.serialize_entry("at", &[at.start, at.end])?;
        }
        map.end()
    }
}

/// Untrusted text within a message: quoted, with escapes for characters that are invisible or change how the rest of
/// the message is displayed.
///
/// `Debug` does this for all of Unicode, but its tables would make artifacts too large.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for char in self.0.chars() {
            match char {
                '"' | '\\' => write!(f, "\\{char}")?,
                // Controls, the soft hyphen, and characters that join, separate, or reorder others.
                '\0'..='\x1f'
                | '\u{7f}'..='\u{a0}'
                | '\u{ad}'
                | '\u{61c}'
                | '\u{2000}'..='\u{200f}'
                | '\u{2028}'..='\u{202f}'
                | '\u{205f}'..='\u{206f}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{e0000}'..='\u{e0fff}' => {
                    let mut digits = String::new();
                    let code = u32::from(char);
                    for place in (0..8 - (code | 1).leading_zeros() / 4).rev() {
                        hex::push_digit(code >> (4 * place), &mut digits);
                    }
                    write!(f, "\\u{{{digits}}}")?;
                }
                _ => f.write_char(char)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn display_omits_unknown_parts() {
        let plain = Diagnostic::<_, &str>::new("a.b", "no value");
        assert_eq!(plain.to_string(), "a.b: no value");
        let full = Diagnostic {
            file: Some("f.txt".into()),
            line: Some(2),
            member: Some("m".into()),
            at: Some(3..5),
            hint: Some("give one"),
            ..plain
        };
        assert_eq!(full.to_string(), "a.b: f.txt: line 2: member \"m\": at byte 3: no value");
    }

    #[cfg(feature = "verify")]
    #[test]
    fn json_omits_unknown_fields() {
        let plain = Diagnostic::<_, &str>::new("a.b", "no value");
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"code":"a.b","message":"no value"}"#);
        let full = Diagnostic {
            file: Some("f.txt".into()),
            line: Some(2),
            member: Some("m".into()),
            at: Some(3..5),
            hint: Some("give one"),
            ..plain
        };
        let json = r#"{"code":"a.b","message":"no value","hint":"give one","file":"f.txt","line":2,"member":"m","at":[3,5]}"#;
        assert_eq!(serde_json::to_string(&full).unwrap(), json);
    }
}
