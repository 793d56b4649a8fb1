//! What a rule is written in: YAML, or JSON, which is YAML too.

use countersign::canonical::{Raw, Token, Tokens, double, number, write_string};

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

    /// Reads JSON.
    pub(crate) fn parse_json(text: &str) -> Result<Self, Fault> {
        let broken =
            || Fault::new("pack.json", 0, "it is no JSON", "build it with `countersign rules build`");
        let mut open: Vec<(Node, Option<String>)> = Vec::new();
        let mut name: Option<String> = None;
        let mut done: Option<Self> = None;
        for token in Tokens::of(text) {
            let value = match token.map_err(|_| broken())? {
                Token::Object => {
                    open.push((Self { line: 0, value: Value::Map(Vec::new()) }, name.take()));
                    if open.len() > MAX_DEPTH {
                        return Err(too_deep(0));
                    }
                    continue;
                }
                Token::Array => {
                    open.push((Self { line: 0, value: Value::List(Vec::new()) }, name.take()));
                    if open.len() > MAX_DEPTH {
                        return Err(too_deep(0));
                    }
                    continue;
                }
                Token::End => {
                    let Some((node, of)) = open.pop() else { return Err(broken()) };
                    name = of;
                    node.value
                }
                Token::Name(raw) => {
                    name = Some(raw.text().into_owned());
                    continue;
                }
                Token::Text(raw) => Value::Text(Raw::text(raw).into_owned()),
                Token::Number(number) => Value::Number(number.into()),
                Token::Bool(yes) => Value::Bool(yes),
                Token::Null => Value::Null,
            };
            let node = Self { line: 0, value };
            match open.last_mut().map(|(node, _)| &mut node.value) {
                Some(Value::Map(members)) => {
                    let Some(name) = name.take() else { return Err(broken()) };
                    if members.iter().any(|member| member.name == name) {
                        return Err(twice(0, &name));
                    }
                    members.push(Member { name, line: 0, node });
                }
                Some(Value::List(items)) => items.push(node),
                _ => done = Some(node),
            }
        }
        done.ok_or_else(broken)
    }

    /// Whether its canonical text is this one (RFC 8785).
    pub(crate) fn is_canonical(&self, json: &str) -> bool {
        let mut text = Vec::with_capacity(json.len());
        self.write_json(&mut text);
        text == json.as_bytes() && self.is_in_order()
    }

    /// Whether names and numbers are as in canonical JSON.
    fn is_in_order(&self) -> bool {
        match &self.value {
            Value::Number(text) => double(text).and_then(number).is_some_and(|number| number == *text),
            Value::List(items) => items.iter().all(Self::is_in_order),
            Value::Map(members) => {
                let ascends = |pair: &[Member]| pair[0].name.encode_utf16().lt(pair[1].name.encode_utf16());
                members.windows(2).all(ascends) && members.iter().all(|member| member.node.is_in_order())
            }
            _ => true,
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

pub(crate) fn too_deep(line: u32) -> Fault {
    Fault::new("rule.deep", line, "it nests too deep", "32 levels are the most")
}

pub(crate) fn twice(line: u32, name: &str) -> Fault {
    Fault::new("rule.duplicate_key", line, told!("the key `{name}` is there twice"), "remove one of them")
}
