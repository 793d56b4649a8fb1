//! Trees of values parsed from YAML, or from JSON, which is also YAML.

use core::cmp::Ordering;
use std::borrow::Cow;

use countersign::canonical::{Part, TokenKind, Tokens, compare_names, decimal, write_string};

use crate::error::{AnalyzeError, explain};

/// The maximum nesting of a rule file.
pub(crate) const MAX_DEPTH: usize = 32;

/// A value, and the line where it starts; 0 if it was parsed from JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// The number as written.
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

    /// Returns a list's items, or the node itself as the only item.
    pub(crate) fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { core::slice::from_ref(self) }
    }

    /// Returns the kind of value, for error messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Parses JSON. Members are sorted as in canonical JSON. Numbers are in canonical form as well, except
    /// for those that canonical JSON can't represent, which stay as written.
    ///
    /// The second result is true if [`Self::write_json`] would reproduce the text.
    pub(crate) fn parse_json(text: &str) -> Result<(Self, bool), AnalyzeError> {
        let mut reader = Reader { text, tokens: Tokens::new(text), is_canonical: true, length: 0 };
        let first = reader.next()?;
        let node = reader.node(first, 0)?;
        match reader.tokens.next_part() {
            Some(None) => Ok((node, reader.is_canonical && reader.length == text.len())),
            _ => Err(broken()),
        }
    }

    /// Appends the value as JSON.
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
    /// True if all strings and numbers are in canonical form, and all members in canonical order.
    is_canonical: bool,
    /// The number of bytes so far, excluding white space.
    length: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<Part, AnalyzeError> {
        let part = self.tokens.next_part().flatten().ok_or_else(broken)?;
        self.length += part.end - part.start;
        Ok(part)
    }

    /// Parses the value that starts with a part, at this nesting.
    fn node(&mut self, part: Part, depth: usize) -> Result<Node, AnalyzeError> {
        if depth == MAX_DEPTH && matches!(part.kind, TokenKind::Object | TokenKind::Array) {
            return Err(too_deep(0));
        }
        let value = match part.kind {
            TokenKind::Object => Value::Map(self.members(depth)?),
            TokenKind::Array => {
                let mut items = Vec::new();
                loop {
                    let part = self.next()?;
                    if part.kind == TokenKind::End {
                        break Value::List(items);
                    }
                    self.length += usize::from(!items.is_empty());
                    items.push(self.node(part, depth + 1)?);
                }
            }
            TokenKind::Text | TokenKind::EscapedText => Value::Text(self.string(part)),
            TokenKind::Number => {
                let written = part.raw(self.text).as_written();
                let number = decimal(written).unwrap_or(Cow::Borrowed(written));
                self.is_canonical &= number == written;
                Value::Number(number.into_owned())
            }
            TokenKind::True => Value::Bool(true),
            TokenKind::False => Value::Bool(false),
            TokenKind::Null => Value::Null,
            TokenKind::End | TokenKind::Name | TokenKind::EscapedName => return Err(broken()),
        };
        Ok(Node { line: 0, value })
    }

    /// Parses the members of an object after its opening brace.
    fn members(&mut self, depth: usize) -> Result<Vec<Member>, AnalyzeError> {
        let mut members: Vec<Member> = Vec::new();
        let mut ascend = true;
        loop {
            let part = self.next()?;
            if part.kind == TokenKind::End {
                break;
            }
            self.length += 1 + usize::from(!members.is_empty());
            let name = self.string(part);
            let value = self.next()?;
            let member = Member { name, line: 0, node: self.node(value, depth + 1)? };
            ascend &= members.last().is_none_or(|last| canonically(last, &member).is_lt());
            members.push(member);
        }
        if !ascend {
            self.is_canonical = false;
            sort(&mut members)?;
        }
        Ok(members)
    }

    /// Returns the text of a name or string.
    fn string(&mut self, part: Part) -> String {
        self.length += 2;
        let raw = part.raw(self.text);
        self.is_canonical &= escapes_canonically(raw.as_written().as_bytes());
        raw.text().into_owned()
    }
}

/// Sorts members. Built packs are already sorted, so runtimes needn't compile this function to parse one.
#[cold]
#[inline(never)]
fn sort(members: &mut [Member]) -> Result<(), AnalyzeError> {
    members.sort_unstable_by(canonically);
    match members.array_windows().find(|[one, other]| one.name == other.name) {
        Some([member, _]) => Err(twice(0, &member.name)),
        None => Ok(()),
    }
}

/// True if a string's raw text contains only the escapes of canonical JSON (RFC 8785, section 3.2.2.2):
/// `\u` only if there is nothing shorter.
fn escapes_canonically(mut raw: &[u8]) -> bool {
    while let [first, rest @ ..] = raw {
        raw = match rest {
            _ if *first != b'\\' => rest,
            [b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', rest @ ..]
            | [b'u', b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f', rest @ ..]
            | [b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', rest @ ..] => rest,
            _ => return false,
        };
    }
    true
}

/// Compares members by their order in canonical JSON (RFC 8785, section 3.2.3).
pub(crate) fn canonically(one: &Member, other: &Member) -> Ordering {
    compare_names(&one.name, &other.name)
}

fn broken() -> AnalyzeError {
    AnalyzeError::new(
        "pack.json",
        0,
        "the pack is not valid JSON",
        "build the pack with `countersign rules build`",
    )
}

pub(crate) fn too_deep(line: u32) -> AnalyzeError {
    AnalyzeError::new("rule.deep", line, "the file nests more than 32 levels deep", "flatten it")
}

/// Returns the error for an unknown key.
pub(crate) fn unknown_key(member: &Member, known: &[&str]) -> AnalyzeError {
    let problem = explain!("the key `{}` is unknown", member.name);
    let hint = match &*member.name {
        "filter" if cfg!(feature = "yaml") => {
            "move it to a separate document with `title:`, and `rules:` that name this rule".into()
        }
        "action" if cfg!(feature = "yaml") => {
            "copy the contents into each rule: Sigma's collections are not supported".into()
        }
        _ => explain!("use one of: {}", known.join(", ")),
    };
    AnalyzeError::new("rule.unknown_key", member.line, problem, hint)
}

pub(crate) fn twice(line: u32, name: &str) -> AnalyzeError {
    AnalyzeError::new(
        "rule.duplicate_key",
        line,
        explain!("the key `{name}` appears twice"),
        "remove one of them",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_is_sorted_and_numbers_keep_their_value() {
        let (node, _) = Node::parse_json(r#"{"b":[1.50,9007199254740993],"a":-0}"#).unwrap();
        let mut json = Vec::new();
        node.write_json(&mut json);
        assert_eq!(String::from_utf8(json).unwrap(), r#"{"a":0,"b":[1.5,9007199254740993]}"#);
        assert_eq!(Node::parse_json(r#"{"b":1,"a":2,"b":3}"#).unwrap_err().code, "rule.duplicate_key");
    }

    /// True if a string is canonical, according to the parser and according to writing it again.
    fn is_canonical(json: &str) -> Option<(bool, bool)> {
        let (node, is_canonical) = Node::parse_json(json).ok()?;
        let mut written = Vec::new();
        node.write_json(&mut written);
        Some((is_canonical, written == json.as_bytes()))
    }

    #[test]
    fn canonical_and_other_texts_are_distinguished() {
        for json in [
            "{}",
            "[[],{}]",
            r#"{"":0,"a":[1,-1.5,"\\\"\n\u0000\u001f"],"b":null,"é":true,"😀":"/\u007f","\ue000":false}"#
                .replace(r"\u007f", "\u{7f}")
                .replace(r"\ue000", "\u{e000}")
                .as_str(),
            "1e+21",
        ] {
            assert_eq!(is_canonical(json).map(|(read, _)| read), Some(true), "{json}");
        }
        for json in [
            r#"{"b":1,"a":2}"#,
            "{\"\u{e000}\":1,\"😀\":2}",
            r#"{"\u0061":1}"#,
            r#"["\/"]"#,
            r#"["\u0022"]"#,
            r#"["\u000a"]"#,
            r#"["\u001F"]"#,
            r#"["\u007f"]"#,
            r#"["\u00e9"]"#,
            r#"["\ud83d\ude00"]"#,
            "[1.0]",
            "[1e3]",
            "[-0]",
            "[0.10]",
            " 1",
            "1\n",
            "[ ]",
            "{ }",
            "[1, 2]",
            "[1 ,2]",
            r#"{"a" :1}"#,
            r#"{"a": 1}"#,
            r#"{"a":1 }"#,
        ] {
            assert_eq!(is_canonical(json), Some((false, false)), "{json}");
        }
    }

    /// Generates JSON that is canonical or nearly so.
    fn json() -> impl Strategy<Value = String> {
        let space = || prop::sample::select(vec!["", "", "", "", "", "", "", "", "", " ", "\n"]);
        let string = r#"(a|b|é|😀|\\ud83d\\ude00|\\u0061|\\/|\\\\|\\"|\\[bfnrt]|\\u00[0-2][0-9a-fA-F]){0,2}"#;
        let number = "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?";
        let leaf =
            prop_oneof![string.prop_map(|text| format!("\"{text}\"")), number, "0|7|-1|443|true|false|null",];
        leaf.prop_recursive(3, 12, 4, move |inner| {
            let spaced =
                (space(), inner, space()).prop_map(|(before, value, after)| [before, &value, after].concat());
            let name = "[ab\u{e000}😀]{0,2}|\\\\u0061".prop_map(|name| format!("\"{name}\""));
            let member = (space(), name, space(), spaced.clone())
                .prop_map(|(before, name, after, value)| [before, &name, after, ":", &value].concat());
            prop_oneof![
                prop::collection::vec(spaced, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
                fn a_text_is_canonical_if_writing_reproduces_it(json in json()) {
            if let Some((read, written)) = is_canonical(&json) {
                prop_assert_eq!(read, written, "{}", json);
            }
        }
    }
}
