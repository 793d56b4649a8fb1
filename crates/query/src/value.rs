//! Parsed events: fields and values in order, borrowed from the text.
//!
//! ```
//! use countersign_query::value::Document;
//!
//! let document = Document::parse(r#"{"actor":{"id":"u_1"},"n":7,"tags":["a","b"]}"#).unwrap();
//! let event = document.root();
//! assert_eq!(event.at("actor.id").and_then(|id| id.text()).as_deref(), Some("u_1"));
//! assert_eq!(event.get("n").and_then(|n| n.number()), Some("7"));
//! assert_eq!(event.get("tags").map_or(0, |tags| tags.elements().count()), 2);
//! ```

use std::borrow::Cow;

use countersign::canonical::{Part, Raw, Token, TokenKind, Tokens};

/// The maximum length of a parsed text, in bytes: the maximum event size (SPEC section 2).
pub const MAX_BYTES: usize = countersign::event::MAX_BYTES;

/// A parsed JSON text. Stores the positions of values, not their contents.
#[derive(Clone, Debug, Default)]
pub struct Document<'a> {
    text: &'a str,
    nodes: Vec<Node>,
}

/// A name, or a value with everything in it.
#[derive(Clone, Copy, Debug)]
struct Node {
    kind: TokenKind,
    /// Byte range of the content in the text.
    start: u32,
    end: u32,
    /// The index of the first node after this one and its contents.
    after: u32,
}

impl Node {
    const fn new(part: Part, after: u32) -> Self {
        Self { kind: part.kind, start: part.start as u32, end: part.end as u32, after }
    }

    const fn part(&self) -> Part {
        Part { kind: self.kind, start: self.start as usize, end: self.end as usize }
    }

    /// The content as written.
    fn raw<'a>(&self, text: &'a str) -> Raw<'a> {
        self.part().raw(text)
    }

    /// True if the node is this name.
    fn is_name(&self, text: &str, name: &str) -> bool {
        match self.kind {
            TokenKind::Name => {
                (self.end - self.start) as usize == name.len() && self.raw(text).as_written() == name
            }
            TokenKind::EscapedName => self.raw(text).text() == name,
            _ => false,
        }
    }
}

impl<'a> Document<'a> {
    /// Parses one JSON value. Returns `None` if the text isn't one, nests deeper than 64 levels, or is longer than
    /// [`MAX_BYTES`].
    pub fn parse(text: &'a str) -> Option<Self> {
        // Events average at least 12 bytes per name or value.
        let likely = text.len().min(MAX_BYTES) / 12;
        Self { text, nodes: Vec::with_capacity(likely + 1) }.reread(text)
    }

    /// Clears the document, keeping its memory for [`Document::reread`].
    #[must_use]
    pub fn emptied(self) -> Document<'static> {
        let mut nodes = self.nodes;
        nodes.clear();
        Document { text: "", nodes }
    }

    /// Like [`Document::parse`], but reuses this document's memory.
    pub fn reread(self, text: &str) -> Option<Document<'_>> {
        let Document { mut nodes, .. } = self.emptied();
        if text.len() > MAX_BYTES {
            return None;
        }
        // While a container is open, its `after` holds the index of its parent.
        let mut open = 0;
        let mut tokens = Tokens::new(text);
        #[cfg_attr(
            target_arch = "wasm32",
            expect(clippy::while_let_loop, reason = "other targets add a fast path")
        )]
        loop {
            // On WebAssembly a single code path keeps the code small.
            #[cfg(not(target_arch = "wasm32"))]
            while let Some([name, value]) = tokens.next_plain_member() {
                let after = nodes.len() as u32 + 1;
                nodes.extend([Node::new(name, after), Node::new(value, after + 1)]);
            }
            let Some(part) = tokens.next_part()? else { break };
            let place = nodes.len() as u32;
            let after = match part.kind {
                TokenKind::End => {
                    let opened = nodes.get_mut(open as usize)?;
                    open = core::mem::replace(&mut opened.after, place);
                    continue;
                }
                TokenKind::Object | TokenKind::Array => core::mem::replace(&mut open, place),
                _ => place + 1,
            };
            nodes.push(Node::new(part, after));
        }
        (!nodes.is_empty()).then_some(Document { text, nodes })
    }

    /// Returns the top-level value.
    pub fn root(&self) -> Value<'_> {
        Value { document: self, at: 0 }
    }

    fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An object.
    Object,
    /// An array.
    Array,
    /// A string.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
}

/// A value of a [`Document`].
#[derive(Clone, Copy)]
pub struct Value<'a> {
    document: &'a Document<'a>,
    at: usize,
}

impl core::fmt::Debug for Value<'_> {
    /// Prints only the kind: event content doesn't belong in program logs.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Value({:?})", self.kind())
    }
}

impl<'a> Value<'a> {
    /// Returns the value's index among the document's nodes.
    pub(crate) const fn place(self) -> u32 {
        self.at as u32
    }

    /// Returns the value at another index of the same document.
    pub(crate) const fn placed(self, place: u32) -> Self {
        Self { document: self.document, at: place as usize }
    }

    fn token_kind(self) -> TokenKind {
        self.document.node(self.at).map_or(TokenKind::Null, |node| node.kind)
    }

    fn token(self) -> Token<'a> {
        self.document.node(self.at).map_or(Token::Null, |node| node.part().token(self.document.text))
    }

    /// Returns the value as written, unless it is an object or array.
    fn raw(self) -> Option<Raw<'a>> {
        self.document.node(self.at).map(|node| node.raw(self.document.text))
    }

    fn after(self) -> usize {
        self.document.node(self.at).map_or(self.at + 1, |node| node.after as usize)
    }

    /// Returns the value's type.
    pub fn kind(self) -> Kind {
        match self.token_kind() {
            TokenKind::Object => Kind::Object,
            TokenKind::Array => Kind::Array,
            TokenKind::Text | TokenKind::EscapedText => Kind::Text,
            TokenKind::Number => Kind::Number,
            TokenKind::True | TokenKind::False => Kind::Bool,
            TokenKind::Null | TokenKind::Name | TokenKind::EscapedName | TokenKind::End => Kind::Null,
        }
    }

    /// Returns the text of a string, number, `true`, `false`, or `null`. Numbers are as written, which in an event is
    /// their canonical form. `None` for an object or array.
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self.kind() {
            Kind::Text => Some(self.raw()?.text()),
            Kind::Number | Kind::Bool | Kind::Null => Some(self.raw()?.as_written().into()),
            Kind::Object | Kind::Array => None,
        }
    }

    /// Like [`Value::text`], but also `None` for `null` and the empty string.
    pub fn non_empty_text(self) -> Option<Cow<'a, str>> {
        if self.kind() == Kind::Null { None } else { self.text().filter(|text| !text.is_empty()) }
    }

    /// True if this says something: it is neither null nor an empty string.
    pub(crate) fn is_stated(self) -> bool {
        matches!(self.kind(), Kind::Object | Kind::Array) || self.non_empty_text().is_some()
    }

    /// Returns the content of a string, and `None` for anything else.
    pub fn string(self) -> Option<Cow<'a, str>> {
        if self.kind() == Kind::Text { Some(self.raw()?.text()) } else { None }
    }

    /// Returns a number as written, and `None` for anything else.
    pub fn number(self) -> Option<&'a str> {
        if self.kind() == Kind::Number { Some(self.raw()?.as_written()) } else { None }
    }

    /// Returns a boolean, and `None` for anything else.
    pub fn bool(self) -> Option<bool> {
        match self.token_kind() {
            TokenKind::True => Some(true),
            TokenKind::False => Some(false),
            _ => None,
        }
    }

    /// Returns an object's fields in order; empty for anything else.
    pub fn members(self) -> Members<'a> {
        let end = if self.kind() == Kind::Object { self.after() } else { 0 };
        Members { document: self.document, at: self.at + 1, end }
    }

    /// Returns an array's elements in order; empty for anything else.
    pub fn elements(self) -> Elements<'a> {
        let end = if self.kind() == Kind::Array { self.after() } else { 0 };
        Elements { document: self.document, at: self.at + 1, end }
    }

    /// Returns the object's field with this name; the first if there are several.
    pub fn get(self, name: &str) -> Option<Self> {
        self.placed_members()
            .find(|(found, _)| found.is_name(self.document.text, name))
            .map(|(_, value)| value)
    }

    /// Iterates over an object's fields without decoding their names, which comparisons rarely need.
    fn placed_members(self) -> impl Iterator<Item = (&'a Node, Self)> {
        let end = if self.kind() == Kind::Object { self.after() } else { 0 };
        let mut at = self.at + 1;
        core::iter::from_fn(move || {
            let [name, value] = self.document.nodes.get(at..end)?.first_chunk()?;
            let value_at = at + 1;
            at = value.after as usize;
            Some((name, Self { at: value_at, ..self }))
        })
    }

    /// Returns the fields with these names in one pass; the first of each name.
    pub fn several<const N: usize>(self, names: [&str; N]) -> [Option<Self>; N] {
        let mut several = [None; N];
        for (found, value) in self.placed_members() {
            if let Some(nth) = names.iter().position(|name| found.is_name(self.document.text, name)) {
                several[nth] = several[nth].or(Some(value));
            }
        }
        several
    }

    /// Returns the value at a dot-separated path through objects. Arrays are not traversed.
    pub fn at(self, path: &str) -> Option<Self> {
        path.split('.').try_fold(self, Self::get)
    }

    /// True if both values are equal, including the order of their fields.
    pub fn same(self, other: Self) -> bool {
        let (ours, theirs) = (self.at..self.after(), other.at..other.after());
        ours.len() == theirs.len()
            && ours.zip(theirs).all(|(our, their)| {
                let (our, their) = (Self { at: our, ..self }, Self { at: their, ..other });
                our.token() == their.token() && our.after() - self.at == their.after() - other.at
            })
    }

    /// Iterates over all strings, numbers, booleans, and nulls within the value, in order. A scalar yields itself.
    pub fn leaves(self) -> impl Iterator<Item = Self> + 'a {
        let is_leaf = |value: &Self| {
            !matches!(
                value.token_kind(),
                TokenKind::Object
                    | TokenKind::Array
                    | TokenKind::Name
                    | TokenKind::EscapedName
                    | TokenKind::End
            )
        };
        (self.at..self.after()).map(move |at| Value { at, ..self }).filter(is_leaf)
    }
}

/// Iterator over the fields of an object, as name and value.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    document: &'a Document<'a>,
    at: usize,
    end: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Raw<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let [name, value] = self.document.nodes.get(self.at..)?.first_chunk()?;
        let at = self.at + 1;
        self.at = value.after as usize;
        Some((name.raw(self.document.text), Value { document: self.document, at }))
    }
}

/// Iterator over the elements of an array.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    document: &'a Document<'a>,
    at: usize,
    end: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let value = Value { document: self.document, at: self.at };
        self.at = value.after();
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn navigates_values() {
        let document = Document::parse(r#"{"a":{"b":[1,{"c":"x"}],"\"":true},"d":[],"e":null}"#).unwrap();
        let root = document.root();
        let text = |value: Option<Value<'_>>| value.and_then(Value::text).map(Cow::into_owned);
        assert_eq!(
            text(root.at("a.b").and_then(|b| b.elements().nth(1)).and_then(|o| o.get("c"))).as_deref(),
            Some("x")
        );
        assert_eq!(root.get("a").and_then(|a| a.get("\"")).and_then(Value::bool), Some(true));
        assert_eq!(root.get("d").map(Value::kind), Some(Kind::Array));
        assert_eq!(root.get("d").unwrap().elements().count() + root.get("e").unwrap().members().count(), 0);
        let leaves: Vec<_> = root.leaves().filter_map(Value::text).collect();
        assert_eq!(leaves, ["1", "x", "true", "null"]);
        let several = root.several(["e", "none", "a"]).map(|value| value.map(Value::kind));
        assert_eq!(several, [Some(Kind::Null), None, Some(Kind::Object)]);
        assert!(root.get("b").is_none() && root.at("a.b.c").is_none() && root.at("").is_none());
    }

    #[test]
    fn uses_the_first_of_duplicate_names() {
        let document = Document::parse(r#"{"\u0061":1,"b":2,"a":3}"#).unwrap();
        let root = document.root();
        let [b, a] = root.several(["b", "a"]);
        assert_eq!(a.and_then(Value::number), Some("1"));
        assert_eq!(
            (b.and_then(Value::number), root.get("a").and_then(Value::number)),
            (Some("2"), Some("1"))
        );
        assert_eq!(a.unwrap().several(["a"]).map(|value| value.is_some()), [false]);
    }

    #[test]
    fn reparses_and_rejects_invalid_json() {
        let first = Document::parse(r#"{"a":1}"#).unwrap();
        let again = first.reread("[2]").unwrap();
        assert_eq!(again.root().leaves().filter_map(Value::number).collect::<Vec<_>>(), ["2"]);
        assert!(Document::parse("").is_none() && Document::parse("{").is_none());
        assert!(Document::parse(&format!("\"{}\"", "x".repeat(MAX_BYTES))).is_none());
    }
}
