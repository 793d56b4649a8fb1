//! Reading YAML 1.2, by its core schema.

use std::collections::HashSet;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::fault::Fault;
use crate::tree::{MAX_DEPTH, Member, Node, Value, too_deep, twice};

/// What is being read: a list, or a map with the name that waits for its value.
struct Open {
    node: Node,
    name: Option<(String, u32)>,
    /// Those that the map has.
    names: HashSet<String>,
}

/// The documents of a file.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, Box<Fault>> {
    let mut open: Vec<Open> = Vec::new();
    let mut documents = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| unreadable("rule.yaml", &error, text))?;
        let line = span.start.line() as u32;
        let value = match event {
            Event::Scalar(text, style, _, tag) => {
                if tag.is_some() {
                    return Err(tagged(line));
                }
                if style == ScalarStyle::Plain { plain(&text) } else { Value::Text(text.into_owned()) }
            }
            Event::SequenceStart(_, None) => {
                start(&mut open, line, Value::List(Vec::new()))?;
                continue;
            }
            Event::MappingStart(_, None) => {
                start(&mut open, line, Value::Map(Vec::new()))?;
                continue;
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => return Err(tagged(line)),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(closed) = open.pop() else { continue };
                place(&mut open, &mut documents, closed.node)?;
                continue;
            }
            Event::Alias(_) => {
                let hint = "write out what it stands for";
                return Err(Fault::new("rule.alias", line, "aliases are not read", hint));
            }
            _ => continue,
        };
        place(&mut open, &mut documents, Node { line, value })?;
    }
    Ok(documents)
}

/// What the parser says of a text that it cannot read, with that code.
pub(crate) fn unreadable(code: &'static str, error: &ScanError, text: &str) -> Box<Fault> {
    let mut line = error.marker().line();
    // Of a tab that indents a line the parser names where what is before it began.
    if error.info().contains("tab") {
        let is_indented = |line: &str| line.trim_start_matches(' ').starts_with('\t');
        line += text.lines().skip(line.saturating_sub(1)).position(is_indented).unwrap_or(0);
    }
    Fault::new(code, line as u32, error.info(), "mend the YAML: a linter such as yamllint shows more")
}

fn tagged(line: u32) -> Box<Fault> {
    Fault::new("rule.tag", line, "YAML tags are not read", "remove it; quotes make a text")
}

fn start(open: &mut Vec<Open>, line: u32, value: Value) -> Result<(), Box<Fault>> {
    if open.len() >= MAX_DEPTH {
        return Err(too_deep(line));
    }
    open.push(Open { node: Node { line, value }, name: None, names: HashSet::new() });
    Ok(())
}

fn place(open: &mut [Open], documents: &mut Vec<Node>, node: Node) -> Result<(), Box<Fault>> {
    let Some(Open { node: outer, name, names }) = open.last_mut() else {
        documents.push(node);
        return Ok(());
    };
    match (&mut outer.value, name.take()) {
        (Value::Map(members), Some((name, line))) => {
            if !names.insert(name.clone()) {
                return Err(twice(line, &name));
            }
            members.push(Member { name, line, node });
        }
        (Value::Map(_), None) => {
            let key = match node.value {
                Value::Text(text) | Value::Number(text) => text,
                Value::Bool(yes) => yes.to_string(),
                _ => {
                    let hint = "a key is a text";
                    return Err(Fault::new("rule.key", node.line, "a key is not text", hint));
                }
            };
            *name = Some((key, node.line));
        }
        (Value::List(items), _) => items.push(node),
        _ => {}
    }
    Ok(())
}

/// A scalar without quotes.
pub(crate) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::Text(text.into()), Value::Number),
    }
}

/// A number in JSON's grammar, of what YAML takes for one.
fn number(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Some(digits) = unsigned.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().map(|number| number.to_string());
    }
    if let Some(digits) = unsigned.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8).ok().map(|number| number.to_string());
    }
    countersign::canonical::double(text).map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_rules_are_written_in() {
        let text = "# a comment\na: 1\n\"b\":\n  - x y\n  - '2'\n  - null\n  - 1.5e3\n  - on\nc:\n  d: |\n    two\n    lines\n---\n- 0x10\n";
        let mut json = Vec::new();
        for document in parse(text).unwrap() {
            document.write_json(&mut json);
            json.push(b'\n');
        }
        assert_eq!(
            String::from_utf8(json).unwrap(),
            "{\"a\":1,\"b\":[\"x y\",\"2\",null,1.5e3,\"on\"],\"c\":{\"d\":\"two\\nlines\\n\"}}\n[16]\n"
        );
    }

    #[test]
    fn says_where_it_cannot_be_read() {
        for (text, code, line) in [
            ("a: 1\na: 2\n", "rule.duplicate_key", 2),
            ("a: &x 1\nb: *x\n", "rule.alias", 2),
            ("a: !!str 1\n", "rule.tag", 1),
            ("a: [1\n", "rule.yaml", 2),
            ("? [a]\n: 1\n", "rule.key", 1),
            ("a: x\n\tb: y\n", "rule.yaml", 2),
            ("a: x\n\n\n \tb: y\n", "rule.yaml", 4),
            ("a:\n  - b\n\t- c\n", "rule.yaml", 3),
            ("a:\n\tb: c\n", "rule.yaml", 2),
            ("a: |\n\tb\n", "rule.yaml", 2),
            ("a: {\n\tb: 1\n}\n", "rule.yaml", 2),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!((fault.code, fault.line), (code, line), "{text:?} {fault}");
        }
        assert_eq!(parse(&"[".repeat(100)).unwrap_err().code, "rule.deep");
    }
}
