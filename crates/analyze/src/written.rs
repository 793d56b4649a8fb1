//! Hand-written YAML files, parsed with the position of each value, so that errors can name it.
//!
//! ```
//! use countersign_analyze::written::Document;
//!
//! let document = Document::parse("limits:\n  most: 3\n")?;
//! let limits = document.root().need("limits", "write limits")?;
//! limits.only(&["most"])?;
//! assert_eq!(limits.need("most", "write a number")?.number()?, 3.0);
//! assert_eq!(limits.only(&["least"]).unwrap_err().to_string(), "limits.most: the field `most` is unknown [file.unknown_key]; use one of: least");
//! # Ok::<(), countersign_analyze::AnalyzeError>(())
//! ```

use countersign::canonical::{canonicalize, double};

use crate::error::AnalyzeError;
use crate::tree::{Node, Value};
use crate::yaml;

/// The maximum size of a file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// A file with one document.
#[derive(Clone, Debug)]
pub struct Document(Node);

impl Document {
    /// Parses YAML 1.2, or JSON, which is also YAML. Rejects aliases and tags.
    ///
    /// # Errors
    /// Returns `file.long`, `file.yaml`, `file.alias`, `file.tag`, `file.number`, `file.key`,
    /// `file.duplicate_key`, `file.deep`, or `file.documents` if there isn't exactly one document.
    pub fn parse(text: &str) -> Result<Self, AnalyzeError> {
        if text.len() > MAX_BYTES {
            return Err(AnalyzeError::new("file.long", 0, "the file is larger than 1 MiB", "shorten it"));
        }
        let mut documents = yaml::parse(text)
            .map_err(|mut fault| {
                fault.code = general(fault.code);
                fault
            })?
            .into_iter();
        match (documents.next(), documents.next()) {
            (Some(node), None) => Ok(Self(node)),
            (None, _) => {
                Err(AnalyzeError::new("file.documents", 1, "the file is empty", "write one document"))
            }
            (_, Some(second)) => {
                let hint = "write one document per file";
                Err(AnalyzeError::new(
                    "file.documents",
                    second.line,
                    "the file contains a second document",
                    hint,
                ))
            }
        }
    }

    /// Returns the document's root value.
    pub fn root(&self) -> Written<'_> {
        Written { path: String::new(), node: &self.0 }
    }

    /// Returns the document as canonical JSON (RFC 8785), which is independent of comments, order, and
    /// layout. `None` if canonical JSON can't represent it, such as a number beyond 2^53.
    pub fn canonical(&self) -> Option<Vec<u8>> {
        let mut json = Vec::new();
        self.0.write_json(&mut json);
        canonicalize(&json).ok()
    }
}

/// Returns the code of an error in a file that isn't a rule.
fn general(code: &'static str) -> &'static str {
    match code {
        "rule.alias" => "file.alias",
        "rule.tag" => "file.tag",
        "rule.number" => "file.number",
        "rule.key" => "file.key",
        "rule.deep" => "file.deep",
        "rule.duplicate_key" => "file.duplicate_key",
        _ => "file.yaml",
    }
}

/// A value and its position in the file.
#[derive(Clone, Debug)]
pub struct Written<'a> {
    path: String,
    node: &'a Node,
}

impl<'a> Written<'a> {
    /// Returns the line on which the value starts, counted from 1.
    pub const fn line(&self) -> u32 {
        self.node.line
    }

    /// Returns the path to the value, such as `loss.high`; empty for the root.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns an error about this value.
    pub fn fault(
        &self,
        code: &'static str,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> AnalyzeError {
        AnalyzeError::new(code, self.node.line, problem, hint).of_rule(&self.path)
    }

    /// True if the value is null or missing.
    pub const fn is_empty(&self) -> bool {
        matches!(self.node.value, Value::Null)
    }

    /// True if the value is a map.
    pub const fn is_map(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    fn within(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Returns the members with their names, in the order of the file.
    ///
    /// # Errors
    /// Returns `file.type` if the value isn't a map.
    pub fn members(&self) -> Result<Vec<(&'a str, Self)>, AnalyzeError> {
        let Value::Map(members) = &self.node.value else { return Err(self.wrong_type("a map")) };
        let named = members.iter().map(|member| {
            (member.name.as_str(), Self { path: self.within(&member.name), node: &member.node })
        });
        Ok(named.collect())
    }

    /// Rejects members with other names than these.
    ///
    /// # Errors
    /// Returns `file.unknown_key`, or `file.type` if the value isn't a map.
    pub fn only(&self, names: &[&str]) -> Result<(), AnalyzeError> {
        let Value::Map(members) = &self.node.value else { return Err(self.wrong_type("a map")) };
        match members.iter().find(|member| !names.contains(&member.name.as_str())) {
            None => Ok(()),
            Some(member) => {
                let hint = format!("use one of: {}", names.join(", "));
                let problem = format!("the field `{}` is unknown", member.name);
                Err(AnalyzeError::new("file.unknown_key", member.line, problem, hint)
                    .of_rule(&self.within(&member.name)))
            }
        }
    }

    /// Returns a member, if it exists and isn't null.
    pub fn get(&self, name: &str) -> Option<Self> {
        let node = self.node.get(name).filter(|node| node.value != Value::Null)?;
        Some(Self { path: self.within(name), node })
    }

    /// Returns a required member.
    ///
    /// # Errors
    /// Returns `file.missing` if it doesn't exist or is null.
    pub fn need(&self, name: &str, hint: &str) -> Result<Self, AnalyzeError> {
        self.get(name).ok_or_else(|| {
            let line = self.node.members().iter().find(|member| member.name == name);
            let line = line.map_or(self.node.line, |member| member.line);
            let problem = format!("the field `{name}` is missing");
            AnalyzeError::new("file.missing", line, problem, hint).of_rule(&self.within(name))
        })
    }

    /// Returns the value as a string.
    ///
    /// # Errors
    /// Returns `file.type` if it isn't one.
    pub fn text(&self) -> Result<&'a str, AnalyzeError> {
        self.node.text().ok_or_else(|| self.wrong_type("a string"))
    }

    /// Returns the value as a finite number.
    ///
    /// # Errors
    /// Returns `file.type` if it isn't one.
    pub fn number(&self) -> Result<f64, AnalyzeError> {
        let number = if let Value::Number(number) = &self.node.value { double(number) } else { None };
        number.ok_or_else(|| self.wrong_type("a finite number"))
    }

    /// Returns the value as a boolean.
    ///
    /// # Errors
    /// Returns `file.type` if it isn't one.
    pub fn flag(&self) -> Result<bool, AnalyzeError> {
        if let Value::Bool(yes) = self.node.value { Ok(yes) } else { Err(self.wrong_type("true or false")) }
    }

    /// Returns the items of a list.
    ///
    /// # Errors
    /// Returns `file.type` if the value isn't a list.
    pub fn items(&self) -> Result<Vec<Self>, AnalyzeError> {
        let Value::List(items) = &self.node.value else { return Err(self.wrong_type("a list")) };
        let placed = items.iter().enumerate();
        Ok(placed.map(|(nth, node)| Self { path: format!("{}[{nth}]", self.path), node }).collect())
    }

    fn wrong_type(&self, expected: &str) -> AnalyzeError {
        let problem = format!("the value must be {expected}, not {}", self.node.kind());
        self.fault("file.type", problem, format!("write {expected}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_position() {
        for (text, code, line, path) in [
            ("", "file.documents", 1, ""),
            ("a: 1\n---\nb: 1\n", "file.documents", 3, ""),
            ("a: &x 1\nb: *x\n", "file.alias", 2, ""),
            ("a: [1\n", "file.yaml", 2, ""),
            ("a:\n  b: x\n  c: 1\n", "file.unknown_key", 3, "a.c"),
            ("a: {}\n", "file.missing", 1, "a.b"),
            ("a:\n  b:\n", "file.missing", 2, "a.b"),
            ("a:\n  b: .nan\n", "file.number", 2, ""),
            ("a:\n  b: x\n", "file.type", 2, "a.b"),
            ("a: [1]\n", "file.type", 1, "a"),
        ] {
            let error = Document::parse(text).and_then(|document| {
                let a = document.root().need("a", "")?;
                a.only(&["b"])?;
                a.need("b", "")?.number()
            });
            let error = error.unwrap_err();
            assert_eq!(
                (error.code, error.line, error.member.as_deref().unwrap_or_default()),
                (code, Some(line), path),
                "{text:?}"
            );
        }
    }

    #[test]
    fn layout_makes_no_difference_to_the_canonical_text() {
        let texts = ["a: 1.0\nb: [x]\n", "# a comment\nb:\n  - 'x'\na: 1\n", r#"{"b":["x"],"a":1}"#];
        for text in texts {
            let canonical = Document::parse(text).unwrap().canonical().unwrap();
            assert_eq!(canonical, br#"{"a":1,"b":["x"]}"#, "{text:?}");
        }
    }
}
