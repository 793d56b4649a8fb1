//! JSON as a tree, for small documents that are read by member.

use core::fmt::Write as _;

use countersign::canonical::{Token, Tokens, canonicalize, write_string};
use countersign::error::{Code, Error};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// A number in its original notation.
    Number(String),
    Text(String),
    Array(Vec<Json>),
    /// An object with its members in their order.
    Object(Vec<(String, Json)>),
}

/// The hint for a file that contradicts itself.
pub(crate) const ALTERED: &str = "ask the sender for the original; the file was altered after it was written";

pub(crate) fn invalid(member: &str, message: &str) -> Error {
    Error::new(Code::Evidence, message).in_member(member)
}

/// Returns the error of a field that is not as expected: `must be …`.
pub(crate) fn unexpected(expected: &str, member: &str) -> Error {
    invalid(member, &format!("the field `{member}` {expected}"))
}

/// Returns the value of a member that must be there.
pub(crate) fn required(value: Option<Json>, name: &str) -> Result<Json, Error> {
    value.ok_or_else(|| unexpected("is missing", name))
}

impl Json {
    /// Parses JSON via its canonical form. Repeated names are refused.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Error> {
        let canonical = canonicalize(text).map_err(|error| error.with_code(Code::Evidence))?;
        let text = core::str::from_utf8(&canonical)
            .map_err(|_| Error::new(Code::Evidence, "the text is not UTF-8"))?;
        let mut tokens = Tokens::new(text);
        let value = value(&mut tokens)?;
        Ok(value)
    }

    /// Parses JSON whose text is fixed by a hash. Numbers keep their notation, and of repeated names, the first counts.
    pub(crate) fn parse_as_is(text: &[u8]) -> Result<Self, Error> {
        let text =
            core::str::from_utf8(text).map_err(|_| Error::new(Code::Evidence, "the text is not UTF-8"))?;
        let mut tokens = Tokens::new(text);
        let value = value(&mut tokens)?;
        match tokens.next() {
            None => Ok(value),
            Some(_) => Err(Error::new(Code::Evidence, "the text is not JSON")),
        }
    }

    /// Returns the canonical form.
    pub(crate) fn canonical(&self) -> Result<Vec<u8>, Error> {
        canonicalize(self.text().as_bytes()).map_err(|error| error.with_code(Code::Evidence))
    }

    fn text(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => number.clone(),
            Self::Text(text) => quoted(text),
            Self::Array(values) => {
                let values: Vec<_> = values.iter().map(Self::text).collect();
                format!("[{}]", values.join(","))
            }
            Self::Object(members) => {
                let mut text = String::from("{");
                for (place, (name, value)) in members.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    let _ = write!(text, "{comma}{}:{}", quoted(name), value.text());
                }
                text + "}"
            }
        }
    }

    /// Returns the members of an object by name. Fails for other values, and for unknown members.
    pub(crate) fn members<const N: usize>(
        self,
        what: &str,
        names: [&str; N],
    ) -> Result<[Option<Self>; N], Error> {
        let found = self.collect_members(what, &names)?;
        found.try_into().map_err(|_| unexpected("must be an object", what))
    }

    fn collect_members(self, what: &str, names: &[&str]) -> Result<Vec<Option<Self>>, Error> {
        let Self::Object(members) = self else { return Err(unexpected("must be an object", what)) };
        let mut found: Vec<Option<Self>> = names.iter().map(|_| None).collect();
        for (name, value) in members {
            let Some(place) = names.iter().position(|known| **known == name) else {
                return Err(unexpected("is unknown to this version", &name)
                    .with_hint("use a newer version of the program or page"));
            };
            found[place] = Some(value);
        }
        Ok(found)
    }

    pub(crate) fn into_text(self, what: &str, max: usize) -> Result<String, Error> {
        match self {
            Self::Text(text) if text.len() <= max => Ok(text),
            Self::Text(text) => {
                Err(unexpected(&format!("must have at most {max} bytes, but has {}", text.len()), what))
            }
            _ => Err(unexpected("must be a string", what)),
        }
    }

    /// Returns the string, if it is one.
    pub(crate) fn text_of(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Returns the whole number, if it is one.
    pub(crate) fn number(&self) -> Option<u64> {
        if let Self::Number(number) = self { number.parse().ok() } else { None }
    }

    pub(crate) fn into_number(self, what: &str) -> Result<u64, Error> {
        self.number().ok_or_else(|| unexpected("must be a whole number", what))
    }

    pub(crate) fn into_bool(self, what: &str) -> Result<bool, Error> {
        if let Self::Bool(value) = self { Ok(value) } else { Err(unexpected("must be true or false", what)) }
    }

    pub(crate) fn into_array(self, what: &str, max: usize) -> Result<Vec<Self>, Error> {
        match self {
            Self::Array(values) if values.len() <= max => Ok(values),
            Self::Array(values) => {
                Err(unexpected(&format!("must have at most {max} elements, but has {}", values.len()), what))
            }
            _ => Err(unexpected("must be an array", what)),
        }
    }

    /// Returns `None` for `null`.
    pub(crate) fn some(self) -> Option<Self> {
        (self != Self::Null).then_some(self)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Returns the value without these members, at any depth.
    pub(crate) fn without(self, names: &[&str]) -> Self {
        match self {
            Self::Array(values) => {
                Self::Array(values.into_iter().map(|value| value.without(names)).collect())
            }
            Self::Object(members) => {
                let kept = members.into_iter().filter(|(name, _)| !names.contains(&name.as_str()));
                Self::Object(kept.map(|(name, value)| (name, value.without(names))).collect())
            }
            other => other,
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Self::Number(number.to_string())
    }
}

impl<T: Into<Self>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Creates an object.
pub(crate) fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn quoted(text: &str) -> String {
    let mut quoted = Vec::new();
    write_string(text, &mut quoted);
    String::from_utf8(quoted).unwrap_or_default()
}

fn value(tokens: &mut Tokens<'_>) -> Result<Json, Error> {
    let first = next(tokens)?;
    after(first, tokens)
}

fn next<'a>(tokens: &mut Tokens<'a>) -> Result<Token<'a>, Error> {
    tokens.next().unwrap_or_else(|| Err(Error::new(Code::Evidence, "the text is not JSON")))
}

/// Parses the value that starts with this token. [`Tokens`] limits the depth.
fn after(token: Token<'_>, tokens: &mut Tokens<'_>) -> Result<Json, Error> {
    Ok(match token {
        Token::Null => Json::Null,
        Token::Bool(value) => Json::Bool(value),
        Token::Number(number) => Json::Number(number.into()),
        Token::Text(text) => Json::Text(text.text().into_owned()),
        Token::Array => {
            let mut values = Vec::new();
            loop {
                match next(tokens)? {
                    Token::End => break Json::Array(values),
                    first => values.push(after(first, tokens)?),
                }
            }
        }
        Token::Object => {
            let mut members = Vec::new();
            loop {
                match next(tokens)? {
                    Token::End => break Json::Object(members),
                    Token::Name(name) => members.push((name.text().into_owned(), value(tokens)?)),
                    _ => return Err(Error::new(Code::Evidence, "the text is not JSON")),
                }
            }
        }
        Token::End | Token::Name(_) => return Err(Error::new(Code::Evidence, "the text is not JSON")),
    })
}
