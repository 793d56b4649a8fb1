//! Files that people write, in YAML: read with the place of each value, so that a fault says where it is.
//!
//! ```
//! use countersign_analyze::written::Document;
//!
//! let document = Document::parse("limits:\n  most: 3\n")?;
//! let limits = document.root().need("limits", "write limits")?;
//! limits.only(&["most"])?;
//! assert_eq!(limits.need("most", "write a number")?.number()?, 3.0);
//! assert_eq!(limits.only(&["least"]).unwrap_err().to_string(), "limits.most: there is no such member [file.unknown_key]; it may have: least");
//! # Ok::<(), countersign_analyze::AnalyzeError>(())
//! ```

use countersign::canonical::{canonicalize, double};

use crate::error::AnalyzeError;
use crate::tree::{Node, Value};
use crate::yaml;

/// The most bytes of such a file.
pub const MAX_BYTES: usize = 1 << 20;

/// A file with one document.
#[derive(Clone, Debug)]
pub struct Document(Node);

impl Document {
    /// Reads YAML 1.2, or JSON, which is YAML too; without aliases and tags.
    ///
    /// # Errors
    /// `file.long`, `file.yaml`, `file.alias`, `file.tag`, `file.number`, `file.key`, `file.duplicate_key`, `file.deep` and, where there
    /// is not one document alone, `file.documents`.
    pub fn parse(text: &str) -> Result<Self, AnalyzeError> {
        if text.len() > MAX_BYTES {
            return Err(AnalyzeError::new("file.long", 0, "it is too long", "1 MiB is the most"));
        }
        let mut documents = yaml::parse(text)
            .map_err(|mut fault| {
                fault.code = general(fault.code);
                fault
            })?
            .into_iter();
        match (documents.next(), documents.next()) {
            (Some(node), None) => Ok(Self(node)),
            (None, _) => Err(AnalyzeError::new("file.documents", 1, "it is empty", "write one document")),
            (_, Some(second)) => {
                let hint = "write one document a file";
                Err(AnalyzeError::new("file.documents", second.line, "a second document begins", hint))
            }
        }
    }

    /// All of it.
    pub fn root(&self) -> Written<'_> {
        Written { path: String::new(), node: &self.0 }
    }

    /// The same as canonical JSON (RFC 8785): comments, order and layout make no difference to it. `None` for what no
    /// canonical JSON can carry, such as a number beyond 2^53.
    pub fn canonical(&self) -> Option<Vec<u8>> {
        let mut json = Vec::new();
        self.0.write_json(&mut json);
        canonicalize(&json).ok()
    }
}

/// The code of a fault in a file that is no rule.
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

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub struct Written<'a> {
    path: String,
    node: &'a Node,
}

impl<'a> Written<'a> {
    /// The line on which it begins, the first being 1.
    pub const fn line(&self) -> u32 {
        self.node.line
    }

    /// The members that lead to it: `loss.high`; empty for the whole.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Something is wrong with it.
    pub fn fault(
        &self,
        code: &'static str,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> AnalyzeError {
        AnalyzeError::new(code, self.node.line, problem, hint).of_rule(&self.path)
    }

    /// Whether nothing was written in its place.
    pub const fn is_empty(&self) -> bool {
        matches!(self.node.value, Value::Null)
    }

    /// Whether it is a map.
    pub const fn is_map(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    fn within(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Its members with their names, in the order in which they were written.
    ///
    /// # Errors
    /// `file.type` where it is no map.
    pub fn members(&self) -> Result<Vec<(&'a str, Self)>, AnalyzeError> {
        let Value::Map(members) = &self.node.value else { return Err(self.other("a map")) };
        let named = members.iter().map(|member| {
            (member.name.as_str(), Self { path: self.within(&member.name), node: &member.node })
        });
        Ok(named.collect())
    }

    /// Refuses members that are not among these.
    ///
    /// # Errors
    /// `file.unknown_key`, and `file.type` where it is no map.
    pub fn only(&self, names: &[&str]) -> Result<(), AnalyzeError> {
        let Value::Map(members) = &self.node.value else { return Err(self.other("a map")) };
        match members.iter().find(|member| !names.contains(&member.name.as_str())) {
            None => Ok(()),
            Some(member) => {
                let hint = format!("it may have: {}", names.join(", "));
                Err(AnalyzeError::new("file.unknown_key", member.line, "there is no such member", hint)
                    .of_rule(&self.within(&member.name)))
            }
        }
    }

    /// A member, where it is written and not empty.
    pub fn get(&self, name: &str) -> Option<Self> {
        let node = self.node.get(name).filter(|node| node.value != Value::Null)?;
        Some(Self { path: self.within(name), node })
    }

    /// A member that has to be there.
    ///
    /// # Errors
    /// `file.missing` where it is not, or is empty.
    pub fn need(&self, name: &str, hint: &str) -> Result<Self, AnalyzeError> {
        self.get(name).ok_or_else(|| {
            let line = self.node.members().iter().find(|member| member.name == name);
            let line = line.map_or(self.node.line, |member| member.line);
            AnalyzeError::new("file.missing", line, "it is missing", hint).of_rule(&self.within(name))
        })
    }

    /// A text.
    ///
    /// # Errors
    /// `file.type` where it is none.
    pub fn text(&self) -> Result<&'a str, AnalyzeError> {
        self.node.text().ok_or_else(|| self.other("a text"))
    }

    /// A finite number.
    ///
    /// # Errors
    /// `file.type` where it is none.
    pub fn number(&self) -> Result<f64, AnalyzeError> {
        let number = if let Value::Number(number) = &self.node.value { double(number) } else { None };
        number.ok_or_else(|| self.other("a finite number"))
    }

    /// Yes or no.
    ///
    /// # Errors
    /// `file.type` where it is neither.
    pub fn flag(&self) -> Result<bool, AnalyzeError> {
        if let Value::Bool(yes) = self.node.value { Ok(yes) } else { Err(self.other("true or false")) }
    }

    /// A list's items.
    ///
    /// # Errors
    /// `file.type` where it is no list.
    pub fn items(&self) -> Result<Vec<Self>, AnalyzeError> {
        let Value::List(items) = &self.node.value else { return Err(self.other("a list")) };
        let placed = items.iter().enumerate();
        Ok(placed.map(|(nth, node)| Self { path: format!("{}[{nth}]", self.path), node }).collect())
    }

    fn other(&self, wanted: &str) -> AnalyzeError {
        self.fault("file.type", format!("it is {}", self.node.kind()), format!("write {wanted}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_say_where() {
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
            let fault = Document::parse(text).and_then(|document| {
                let a = document.root().need("a", "")?;
                a.only(&["b"])?;
                a.need("b", "")?.number()
            });
            let fault = fault.unwrap_err();
            assert_eq!(
                (fault.code, fault.line, fault.member.as_deref().unwrap_or_default()),
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
