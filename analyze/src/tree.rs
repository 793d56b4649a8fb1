//! What a rule is written in: YAML, or JSON, which is YAML too.

use core::cmp::Ordering;
use std::borrow::Cow;

use countersign::canonical::{Token, Tokens, compare_names, decimal, write_string};

use crate::fault::{Fault, told};

/// How deep a rule's file may nest.
pub(crate) const MAX_DEPTH: usize = 32;

/// A value, and the line on which it begins; 0 where the text was JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Member>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) line: u32,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) fn members(&self) -> &[Member] {
        if let Value::Map(members) = &self.value { members } else { &[] }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|member| member.name == name).map(|member| &member.node)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// A list's items, or this alone.
    pub(crate) fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { core::slice::from_ref(self) }
    }

    /// What it is, for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Reads JSON. The members of each map are in the order that canonical JSON has them in, and numbers as it has them,
    /// but for those that it does not carry: they stay as they stand.
    pub(crate) fn parse_json(text: &str) -> Result<Self, Box<Fault>> {
        let mut reader = Reader { text, tokens: Tokens::of(text) };
        let first = reader.next()?;
        let node = reader.node(first, 0)?;
        match reader.tokens.next_part() {
            Some(None) => Ok(node),
            _ => Err(broken()),
        }
    }

    /// Appends it as JSON.
    pub(crate) fn write_json(&self, out: &mut Vec<u8>) {
        match &self.value {
            Value::Null => out.extend(b"null"),
            Value::Bool(yes) => out.extend(if *yes { "true" } else { "false" }.bytes()),
            Value::Number(number) => out.extend(number.bytes()),
            Value::Text(text) => write_string(text, out),
            Value::List(items) => {
                for (nth, item) in items.iter().enumerate() {
                    out.push(if nth == 0 { b'[' } else { b',' });
                    item.write_json(out);
                }
                out.extend(if items.is_empty() { &b"[]"[..] } else { b"]" });
            }
            Value::Map(members) => {
                for (nth, member) in members.iter().enumerate() {
                    out.push(if nth == 0 { b'{' } else { b',' });
                    write_string(&member.name, out);
                    out.push(b':');
                    member.node.write_json(out);
                }
                out.extend(if members.is_empty() { &b"{}"[..] } else { b"}" });
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Token<'a>, Box<Fault>> {
        let part = self.tokens.next_part().flatten().ok_or_else(broken)?;
        Ok(part.of(self.text))
    }

    /// What begins with a token, so many levels deep.
    fn node(&mut self, token: Token<'a>, depth: usize) -> Result<Node, Box<Fault>> {
        if depth == MAX_DEPTH && matches!(token, Token::Object | Token::Array) {
            return Err(too_deep(0));
        }
        let value = match token {
            Token::Object => {
                let mut members: Vec<Member> = Vec::new();
                while let Token::Name(name) = self.next()? {
                    let name = name.text().into_owned();
                    let value = self.next()?;
                    let node = self.node(value, depth + 1)?;
                    members.push(Member { name, line: 0, node });
                }
                members.sort_unstable_by(canonically);
                if let Some([member, _]) = members.array_windows().find(|[one, other]| one.name == other.name)
                {
                    return Err(twice(0, &member.name));
                }
                Value::Map(members)
            }
            Token::Array => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Token::End => break Value::List(items),
                        token => items.push(self.node(token, depth + 1)?),
                    }
                }
            }
            Token::Text(raw) => Value::Text(raw.text().into_owned()),
            Token::Number(written) => {
                Value::Number(decimal(written).unwrap_or(Cow::Borrowed(written)).into_owned())
            }
            Token::Bool(yes) => Value::Bool(yes),
            Token::Null => Value::Null,
            Token::End | Token::Name(_) => return Err(broken()),
        };
        Ok(Node { line: 0, value })
    }
}

/// The order of members in canonical JSON (RFC 8785, section 3.2.3).
pub(crate) fn canonically(one: &Member, other: &Member) -> Ordering {
    compare_names(&one.name, &other.name)
}

fn broken() -> Box<Fault> {
    Fault::new("pack.json", 0, "it is no JSON", "build it with `countersign rules build`")
}

pub(crate) fn too_deep(line: u32) -> Box<Fault> {
    Fault::new("rule.deep", line, "it nests too deep", "32 levels are the most")
}

pub(crate) fn twice(line: u32, name: &str) -> Box<Fault> {
    Fault::new("rule.duplicate_key", line, told!("the key `{name}` is there twice"), "remove one of them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_in_canonical_order_and_no_number_becomes_another() {
        let node = Node::parse_json(r#"{"b":[1.50,9007199254740993],"a":-0}"#).unwrap();
        let mut json = Vec::new();
        node.write_json(&mut json);
        assert_eq!(String::from_utf8(json).unwrap(), r#"{"a":0,"b":[1.5,9007199254740993]}"#);
        assert_eq!(Node::parse_json(r#"{"b":1,"a":2,"b":3}"#).unwrap_err().code, "rule.duplicate_key");
    }
}
