//! Parsing of JSON or YAML that skips everything irrelevant to operations, because most of a description is
//! schemas and examples.

use std::collections::HashMap;

use countersign::canonical::{Raw, Token, Tokens};
#[cfg(feature = "yaml")]
use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::error::AnalyzeError;
use crate::tree::{Member, Node, Value};
#[cfg(feature = "yaml")]
use crate::yaml::{plain, unreadable};

/// The maximum nesting of a description.
const MAX_DEPTH: usize = 64;
/// The maximum number of values kept.
const MAX_NODES: usize = 2_000_000;

/// Members that are skipped with their values.
const SKIPPED: [&str; 14] = [
    "responses",
    "requestBody",
    "requestBodies",
    "description",
    "summary",
    "example",
    "examples",
    "properties",
    "callbacks",
    "content",
    "tags",
    "externalDocs",
    "definitions",
    "securitySchemes",
];

pub(super) fn parse(text: &str) -> Result<Node, AnalyzeError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::default();
    if text.trim_start().starts_with('{') {
        json(text, &mut builder)?;
    } else {
        yaml(text, &mut builder)?;
    }
    builder.done.ok_or_else(|| {
        let hint = "pass an OpenAPI 3 or Swagger 2 description, as JSON or YAML";
        AnalyzeError::new("openapi.empty", 0, "the description is empty", hint)
    })
}

fn json(text: &str, builder: &mut Builder) -> Result<(), AnalyzeError> {
    let broken = || {
        AnalyzeError::new(
            "openapi.json",
            0,
            "the description is not valid JSON, or nests too deeply",
            "run `jq . FILE` to find the error",
        )
    };
    for token in Tokens::new(text) {
        match token.map_err(|_| broken())? {
            Token::Object => builder.start(0, Value::Map(Vec::new()), 0)?,
            Token::Array => builder.start(0, Value::List(Vec::new()), 0)?,
            Token::End => builder.end()?,
            Token::Name(raw) | Token::Text(raw) => {
                builder.scalar(0, 0, || Value::Text(Raw::text(raw).into_owned()))?;
            }
            Token::Number(number) => builder.scalar(0, 0, || Value::Number(number.into()))?,
            Token::Bool(yes) => builder.scalar(0, 0, || Value::Bool(yes))?,
            Token::Null => builder.scalar(0, 0, || Value::Null)?,
        }
    }
    Ok(())
}

#[cfg(not(feature = "yaml"))]
fn yaml(_: &str, _: &mut Builder) -> Result<(), AnalyzeError> {
    Err(AnalyzeError::new(
        "openapi.json",
        0,
        "the description is not a JSON object",
        "convert it to JSON: this build doesn't support YAML",
    ))
}

#[cfg(feature = "yaml")]
fn yaml(text: &str, builder: &mut Builder) -> Result<(), AnalyzeError> {
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| unreadable("openapi.yaml", &error, text))?;
        let line = span.start.line() as u32;
        match event {
            Event::Scalar(text, style, anchor, _) => builder.scalar(line, anchor, || {
                // A number that can't be represented is kept as a string, since no decision depends on it.
                let value = if style == ScalarStyle::Plain { plain(&text).ok() } else { None };
                value.unwrap_or_else(|| Value::Text(text.into_owned()))
            })?,
            Event::SequenceStart(anchor, _) => builder.start(line, Value::List(Vec::new()), anchor)?,
            Event::MappingStart(anchor, _) => builder.start(line, Value::Map(Vec::new()), anchor)?,
            Event::SequenceEnd | Event::MappingEnd => builder.end()?,
            Event::Alias(anchor) => builder.alias(line, anchor)?,
            Event::DocumentEnd if builder.done.is_some() => break,
            _ => {}
        }
    }
    Ok(())
}

/// A list or map being built. In a map, `name` is the last name, whose value hasn't been parsed yet.
struct Open {
    node: Node,
    name: Option<(String, u32)>,
    anchor: usize,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    done: Option<Node>,
    /// The nesting within a skipped value; 0 outside.
    skip_depth: usize,
    nodes: usize,
    /// The YAML anchors: their values, and the number of nodes in each.
    anchors: HashMap<usize, (Node, usize)>,
}

impl Builder {
    /// True if the next value belongs to a skipped member.
    fn is_skipped(&self) -> bool {
        let name = self.open.last().and_then(|open| open.name.as_ref());
        let is_named = |(name, _): &(String, u32)| {
            SKIPPED.contains(&&**name) || name.starts_with("x-") && name != "x-path-items"
        };
        name.is_some_and(is_named)
    }

    fn start(&mut self, line: u32, value: Value, anchor: usize) -> Result<(), AnalyzeError> {
        if self.skip_depth > 0 || self.is_skipped() {
            self.skip_depth += 1;
            return Ok(());
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(AnalyzeError::new(
                "openapi.deep",
                line,
                "the description nests more than 64 levels deep",
                "flatten it, or split it",
            ));
        }
        self.open.push(Open { node: Node { line, value }, name: None, anchor });
        Ok(())
    }

    fn end(&mut self) -> Result<(), AnalyzeError> {
        if self.skip_depth > 0 {
            self.skip_depth -= 1;
            if self.skip_depth == 0
                && let Some(open) = self.open.last_mut()
            {
                open.name = None;
            }
            return Ok(());
        }
        let Some(closed) = self.open.pop() else { return Ok(()) };
        self.place(closed.node, closed.anchor)
    }

    fn scalar(
        &mut self,
        line: u32,
        anchor: usize,
        value: impl FnOnce() -> Value,
    ) -> Result<(), AnalyzeError> {
        if self.skip_depth > 0 {
            return Ok(());
        }
        let is_name = matches!(
            self.open.last(),
            Some(Open { node: Node { value: Value::Map(_), .. }, name: None, .. })
        );
        if !is_name && self.is_skipped() {
            if let Some(open) = self.open.last_mut() {
                open.name = None;
            }
            return Ok(());
        }
        self.place(Node { line, value: value() }, anchor)
    }

    #[cfg(feature = "yaml")]
    fn alias(&mut self, line: u32, anchor: usize) -> Result<(), AnalyzeError> {
        if self.skip_depth > 0 {
            return Ok(());
        }
        let (node, size) =
            self.anchors.get(&anchor).cloned().unwrap_or((Node { line, value: Value::Null }, 1));
        self.count(line, size)?;
        self.place(node, 0)
    }

    fn count(&mut self, line: u32, nodes: usize) -> Result<(), AnalyzeError> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let hint = "split the description";
            return Err(AnalyzeError::new(
                "openapi.large",
                line,
                "the description has more than 2,000,000 values, not counting schemas and examples",
                hint,
            ));
        }
        Ok(())
    }

    fn place(&mut self, node: Node, anchor: usize) -> Result<(), AnalyzeError> {
        self.count(node.line, 1)?;
        if anchor > 0 {
            let size = size(&node);
            self.count(node.line, size)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(Open { node: outer, name, .. }) = self.open.last_mut() else {
            self.done.get_or_insert(node);
            return Ok(());
        };
        match (&mut outer.value, name.take()) {
            (Value::Map(members), Some((name, _))) if name == "<<" => {
                members.extend(node.items().iter().flat_map(Node::members).cloned());
            }
            (Value::Map(members), Some((name, line))) => members.push(Member { name, line, node }),
            (Value::Map(_), None) => {
                let key = match node.value {
                    Value::Text(text) | Value::Number(text) => text,
                    Value::Bool(yes) => yes.to_string(),
                    _ => String::new(),
                };
                *name = Some((key, node.line));
            }
            (Value::List(items), _) => items.push(node),
            _ => {}
        }
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(members) => members.iter().map(|member| size(&member.node)).sum(),
        _ => 0,
    }
}
