//! Parser for YAML 1.2 with the core schema.
//!
//! Parsing is done by `saphyr_parser`; the tree and the scalars are our own. Rules need numbers as written,
//! the line of each error, and limits that apply while parsing. Loaders such as `saphyr`'s convert numbers
//! to doubles, resolve aliases, and overflow the stack on deep nesting.

use std::collections::HashSet;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::error::AnalyzeError;
use crate::tree::{MAX_DEPTH, Member, Node, Value, too_deep, twice};

/// A list or map being built. In a map, `name` is the last name, whose value hasn't been parsed yet.
struct Open {
    node: Node,
    name: Option<(String, u32)>,
    /// The names in the map so far.
    names: HashSet<String>,
}

/// Parses all documents of a file.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, AnalyzeError> {
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
                if style == ScalarStyle::Plain {
                    plain(&text)
                        .map_err(|(problem, hint)| AnalyzeError::new("rule.number", line, problem, hint))?
                } else {
                    Value::Text(text.into_owned())
                }
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
                let hint = "write out the aliased value";
                return Err(AnalyzeError::new("rule.alias", line, "YAML aliases are not supported", hint));
            }
            _ => continue,
        };
        place(&mut open, &mut documents, Node { line, value })?;
    }
    Ok(documents)
}

/// Converts a parser error to an error with this code.
pub(crate) fn unreadable(code: &'static str, error: &ScanError, text: &str) -> AnalyzeError {
    let mut line = error.marker().line();
    // For a tab in the indentation, the parser names the line where the preceding value starts.
    if error.info().contains("tab") {
        let is_indented = |line: &str| line.trim_start_matches(' ').starts_with('\t');
        line += text.lines().skip(line.saturating_sub(1)).position(is_indented).unwrap_or(0);
    }
    AnalyzeError::new(
        code,
        line as u32,
        error.info(),
        "correct the YAML; a linter such as yamllint shows details",
    )
}

fn tagged(line: u32) -> AnalyzeError {
    AnalyzeError::new(
        "rule.tag",
        line,
        "YAML tags are not supported",
        "remove the tag; use quotes for a string",
    )
}

fn start(open: &mut Vec<Open>, line: u32, value: Value) -> Result<(), AnalyzeError> {
    if open.len() >= MAX_DEPTH {
        return Err(too_deep(line));
    }
    open.push(Open { node: Node { line, value }, name: None, names: HashSet::new() });
    Ok(())
}

fn place(open: &mut [Open], documents: &mut Vec<Node>, node: Node) -> Result<(), AnalyzeError> {
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
                    let hint = "write the key as a string";
                    return Err(AnalyzeError::new("rule.key", node.line, "a key must be a string", hint));
                }
            };
            *name = Some((key, node.line));
        }
        (Value::List(items), _) => items.push(node),
        _ => {}
    }
    Ok(())
}

/// Parses a plain scalar by the core schema (YAML 1.2.2, section 10.3.2). Numbers are converted to JSON's
/// grammar.
///
/// # Errors
/// Returns a problem and a hint for numbers that JSON can't represent, and for those that YAML 1.1 and 1.2
/// parse differently.
pub(crate) fn plain(text: &str) -> Result<Value, (&'static str, &'static str)> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text)?.map_or_else(|| Value::Text(text.into()), Value::Number),
    })
}

const QUOTES: &str = "put it in quotes, or write another number";

/// Converts a number to JSON's grammar; `None` if the text isn't a number.
fn number(text: &str) -> Result<Option<String>, (&'static str, &'static str)> {
    let too_large = ("the number is too large", QUOTES);
    for (begin, radix) in [("0x", 16), ("0o", 8)] {
        let digits = text.strip_prefix(begin).unwrap_or_default();
        if !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix)) {
            let number = u64::from_str_radix(digits, radix).map_err(|_| too_large)?;
            return Ok(Some(number.to_string()));
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(("infinity and NaN are not supported", QUOTES));
    }
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = unsigned.split_at(digits(unsigned));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    let is_exponent = rest.strip_prefix(['e', 'E']).map_or(rest.is_empty(), |exponent| {
        let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !unsigned.is_empty() && digits(unsigned) == unsigned.len()
    });
    if whole.is_empty() && fraction.is_empty() || !is_exponent {
        return Ok(None);
    }
    if whole.len() > 1 && whole.starts_with('0') {
        let hint = "put it in quotes if it is a string, or remove the zeros";
        return Err(("numbers with leading zeros are ambiguous: YAML versions parse them differently", hint));
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    let json = [sign, whole, point, fraction, rest].concat();
    countersign::canonical::double(&json).ok_or(too_large)?;
    Ok(Some(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_documents_of_rules() {
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
    fn scalars_follow_the_core_schema() {
        let text = |text: &str| Value::Text(text.into());
        for (written, value) in [
            // Null and booleans, only in the spellings of section 10.3.2.
            ("null", Value::Null),
            ("Null", Value::Null),
            ("NULL", Value::Null),
            ("~", Value::Null),
            ("", Value::Null),
            ("nULL", text("nULL")),
            ("true", Value::Bool(true)),
            ("True", Value::Bool(true)),
            ("TRUE", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("False", Value::Bool(false)),
            ("FALSE", Value::Bool(false)),
            ("tRUE", text("tRUE")),
            ("yes", text("yes")),
            ("on", text("on")),
            ("y", text("y")),
        ] {
            assert_eq!(plain(written), Ok(value), "{written}");
        }
        for (written, number) in [
            ("0", "0"),
            ("7", "7"),
            ("-19", "-19"),
            ("+12", "12"),
            ("-0", "-0"),
            ("12345678901234567890", "12345678901234567890"),
            // Octal and hexadecimal.
            ("0o7", "7"),
            ("0o14", "12"),
            ("0x3A", "58"),
            ("0xff", "255"),
            ("0x0010", "16"),
            ("0xffffffffffffffff", "18446744073709551615"),
            // Floats, with digits on at least one side of the point.
            ("0.", "0"),
            ("-0.0", "-0.0"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("+.5", "0.5"),
            ("12.", "12"),
            ("1.50", "1.50"),
            ("+12e03", "12e03"),
            ("-2E+05", "-2E+05"),
            ("12.e-1", "12e-1"),
            (".5e1", "0.5e1"),
        ] {
            assert_eq!(plain(written), Ok(Value::Number(number.into())), "{written}");
        }
        // Octal and hexadecimal numbers have no sign, and no number has underscores, colons, or capital
        // prefixes.
        for written in "-0x10 +0x10 -0o7 0X10 0O7 0x 0o 0xG 0o8 0x+1 0x-1 0b1 1_000 1:30 190:20:30 . - + -. e5 .e5 1e 1e+ \
                        1.5.2 1e5.0 --1 +-1 0x1.8 10.0.0.1 2026-11-20 inf nan -.nan +.NaN .iNF Infinity \u{661}"
            .split(' ')
        {
            assert_eq!(plain(written), Ok(text(written)), "{written}");
        }
        // Rejected: numbers that JSON can't represent, and those that YAML 1.1 parses as octal.
        for written in
            ".inf -.Inf +.INF .nan .NaN .NAN 1e999 -1e999 0x10000000000000000 012 -07 +00 01.5 007e1"
                .split(' ')
        {
            assert!(plain(written).is_err(), "{written}");
        }
    }

    #[test]
    fn errors_name_the_line() {
        for (text, code, line) in [
            ("a: 1\na: 2\n", "rule.duplicate_key", 2),
            ("1: x\n\"1\": y\n", "rule.duplicate_key", 2),
            ("a: &x 1\nb: *x\n", "rule.alias", 2),
            ("a: !!str 1\n", "rule.tag", 1),
            ("a: x\nb: 012\n", "rule.number", 2),
            ("a: [x,\n  .inf]\n", "rule.number", 2),
            ("a: [1\n", "rule.yaml", 2),
            ("? [a]\n: 1\n", "rule.key", 1),
            ("a: x\n\tb: y\n", "rule.yaml", 2),
            ("a: x\n\n\n \tb: y\n", "rule.yaml", 4),
            ("a:\n  - b\n\t- c\n", "rule.yaml", 3),
            ("a:\n\tb: c\n", "rule.yaml", 2),
            ("a: |\n\tb\n", "rule.yaml", 2),
            ("a: {\n\tb: 1\n}\n", "rule.yaml", 2),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((error.code, error.line), (code, Some(line)), "{text:?} {error}");
        }
        // The parser itself rejects more than 255 levels of brackets.
        for (nested, levels) in [("[", 100), ("{a: ", 100), ("- ", 100_000), ("? ", 100_000)] {
            assert_eq!(parse(&nested.repeat(levels)).unwrap_err().code, "rule.deep", "{nested}");
        }
        assert_eq!(parse(&"[".repeat(100_000)).unwrap_err().code, "rule.yaml");
    }
}
