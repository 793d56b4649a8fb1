//! A source file as tokens, with its functions and the expressions that its names stand for.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use crate::language::lexer::{self, Kind, Language, Token};

/// A source file.
pub(super) struct Source {
    /// The path from the project's root.
    pub(super) path: String,
    pub(super) tokens: Vec<Token>,
    /// The doc comments, by the positions of the tokens after them.
    docs: BTreeMap<usize, String>,
    /// For each opening bracket, the position of its closing bracket; for other tokens, their own.
    closes: Vec<usize>,
    /// For each token, the position of the innermost opening bracket around it.
    parents: Vec<Option<usize>>,
    functions: Vec<Function>,
    /// The bodies of `impl` blocks, with the names of their types.
    impls: Vec<(Range<usize>, String)>,
}

/// A function, or a closure that has a name.
pub(super) struct Function {
    pub(super) name: String,
    pub(super) params: Vec<String>,
    pub(super) visibility: Visibility,
    is_closure: bool,
    /// The positions of its tokens, from the parameters to the end of the body.
    range: Range<usize>,
}

/// The callers that a function may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Visibility {
    File,
    /// `pub(super)`
    Folder,
    /// `pub(crate)`
    Crate,
    /// `pub`, `export`
    All,
}

/// An arm of a `match`.
pub(super) struct Arm {
    /// The enums and the variants of the pattern.
    pub(super) variants: Vec<(String, String)>,
    /// The function that contains it.
    pub(super) function: String,
    pub(super) value: Range<usize>,
}

/// A call: `name(…)`, `name!(…)`, or a struct or object literal with a field `code`, whose name is empty.
pub(super) struct Call {
    pub(super) name: String,
    /// The type or module before the name.
    pub(super) owner: Option<String>,
    pub(super) is_method: bool,
    /// The position of the opening bracket.
    pub(super) open: usize,
}

impl Source {
    /// Reads a file without its tests.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let language = Language::from_path(Path::new(path));
        let text = without_tests(text);
        let (mut tokens, mut docs) = (Vec::new(), BTreeMap::new());
        for token in lexer::tokens(text, language) {
            match token.kind {
                Kind::Doc => drop(docs.insert(tokens.len(), token.text)),
                Kind::Comment => {}
                _ => tokens.push(token),
            }
        }
        let closes = closes(&tokens);
        let parents = parents(&closes);
        let path = path.to_owned();
        let mut source =
            Self { path, tokens, docs, closes, parents, functions: Vec::new(), impls: Vec::new() };
        source.functions = (0..source.tokens.len()).filter_map(|at| source.function(at)).collect();
        source.impls = (0..source.tokens.len()).filter_map(|at| source.implementation(at)).collect();
        source
    }

    /// True if this is TypeScript.
    pub(super) fn is_js(&self) -> bool {
        self.path.starts_with("js/")
    }

    /// Returns the crate's folder, empty for the core.
    pub(super) fn folder(&self) -> &str {
        self.path.split("src/").next().unwrap_or_default()
    }

    /// Returns the codes of the enum `Code` in this file, by their variants.
    pub(super) fn variants(&self) -> Vec<(String, String)> {
        let Some(start) = (0..self.tokens.len()).find(|&at| self.text(at) == "enum Code") else {
            return Vec::new();
        };
        // `#[strum(prefix = "query.", serialize_all = "lowercase")]`
        let prefix = (0..start).find(|&at| self.text(at) == "prefix").and_then(|at| self.string(at + 2));
        let variants = self.parts(start + 1).into_iter().filter_map(|variant| {
            let name = self.text(variant.start).to_owned();
            let code = match prefix {
                Some(prefix) => prefix.to_owned() + &name.to_lowercase(),
                None => self.string(variant.start + 2)?.to_owned(),
            };
            Some((name, code))
        });
        variants.collect()
    }

    /// Returns the doc comment before a token.
    pub(super) fn doc(&self, at: usize) -> Option<&str> {
        self.docs.get(&at).map(String::as_str)
    }

    /// Returns the string at a position, with its escapes.
    pub(super) fn string(&self, at: usize) -> Option<&str> {
        self.tokens.get(at).filter(|token| token.kind == Kind::String).map(|token| token.text.as_str())
    }

    /// Returns the arms of all `match` expressions whose patterns are variants.
    pub(super) fn arms(&self) -> impl Iterator<Item = Arm> {
        (0..self.tokens.len()).filter(|&at| self.text(at) == "=" && self.text(at + 1) == ">").map(|at| {
            let inner = self.parents[at];
            let start = (0..at).rev().find(|&before| {
                let is_end = self.text(before) == "," || self.text(before) == "}" && before + 1 < at;
                self.parents[before] == inner && is_end || Some(before) == inner
            });
            let names = (start.map_or(0, |start| start + 1)..at).filter(|&at| self.parents[at] == inner);
            let is_variant =
                |&at: &usize| self.is_name(at) && self.text(at + 1) == ":" && self.is_name(at + 3);
            let variants =
                names.filter(is_variant).map(|at| (self.owner(at).to_owned(), self.text(at + 3).to_owned()));
            let mut end = at + 2;
            while end < self.tokens.len() && !matches!(self.text(end), "," | "}") {
                end = self.after(end).max(end + 1);
                if self.text(at + 2) == "{" {
                    break;
                }
            }
            let function = self.enclosing(at).find(|function| !function.is_closure);
            Arm {
                variants: variants.collect(),
                function: function.map_or(String::new(), |function| function.name.clone()),
                value: at + 2..end,
            }
        })
    }

    /// Returns the variants of the enums with `#[display("…")]` or `#[error("…")]`, and the positions of their texts.
    pub(super) fn displays(&self) -> Vec<((String, String), usize)> {
        let enums = (0..self.tokens.len()).filter_map(|at| Some((self.text(at).strip_prefix("enum ")?, at)));
        let mut displays = Vec::new();
        for (name, at) in enums {
            let Some(open) = (at..self.tokens.len()).find(|&open| self.text(open) == "{") else { continue };
            for variant in self.parts(open) {
                let Some(text) = variant.clone().find(|&at| matches!(self.text(at), "display" | "error"))
                else {
                    continue;
                };
                let mut at = variant.start;
                while self.text(at) == "#" {
                    at = self.after(at + 1);
                }
                displays.push(((name.to_owned(), self.text(at).to_owned()), text + 2));
            }
        }
        displays
    }

    /// Returns the variants in `NAME = "code"` that have a doc comment: the name, the code, and the comment.
    pub(super) fn words(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let docs = self.docs.iter().filter(|&(&at, _)| self.text(at + 1) == "=");
        docs.filter_map(|(&at, doc)| Some((self.text(at), self.string(at + 2)?, doc.as_str())))
    }

    /// Returns the codes in `NAME = "code"` and, in TypeScript, `| "code"` that have a doc comment, with it.
    pub(super) fn meanings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.docs.iter().filter_map(|(&at, doc)| {
            let string = if self.text(at + 1) == "=" { self.string(at + 2) } else { self.string(at + 1) };
            Some((string?, doc.as_str()))
        })
    }

    /// Returns a token's text, but not that of a string; empty past the end.
    pub(super) fn text(&self, at: usize) -> &str {
        self.tokens.get(at).filter(|token| token.kind != Kind::String).map_or("", |token| &token.text)
    }

    /// True if a string may have slots: in TypeScript, and in the arguments of a macro.
    pub(super) fn is_template(&self, at: usize) -> bool {
        let is_of_macro = |open: usize| open > 0 && self.text(open) == "(" && self.text(open - 1) == "!";
        self.is_js() || self.parents[at].is_some_and(is_of_macro)
    }

    pub(super) fn is_name(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == Kind::Name)
    }

    /// Returns the position after the bracket that closes the one at this position.
    pub(super) fn after(&self, open: usize) -> usize {
        self.closes.get(open).map_or(open, |close| close + 1)
    }

    /// Splits what is between two brackets at its commas.
    pub(super) fn parts(&self, open: usize) -> Vec<Range<usize>> {
        let close = self.closes[open];
        let (mut parts, mut start, mut at) = (Vec::new(), open + 1, open + 1);
        while at < close {
            if self.text(at) == "," {
                parts.push(start..at);
                start = at + 1;
            }
            at = self.closes[at].max(at) + 1;
        }
        if start < close {
            parts.push(start..close);
        }
        parts
    }

    /// Returns the call whose opening bracket is at this position.
    pub(super) fn call(&self, open: usize) -> Option<Call> {
        match self.text(open) {
            "{" => {
                let is_code = |part: &Range<usize>| self.text(part.start) == "code";
                self.parts(open).iter().any(is_code).then(|| Call {
                    name: String::new(),
                    owner: None,
                    is_method: false,
                    open,
                })
            }
            "(" if open > 0 => {
                let name = if self.text(open - 1) == "!" { open.checked_sub(2)? } else { open - 1 };
                if !self.is_name(name) {
                    return None;
                }
                let is_path = name > 2 && self.text(name - 1) == ":" && self.is_name(name - 3);
                let owner = is_path.then(|| self.owner(name - 3).to_owned());
                let is_method = name > 0 && self.text(name - 1) == ".";
                Some(Call { name: self.text(name).to_owned(), owner, is_method, open })
            }
            _ => None,
        }
    }

    /// Returns the name of a type or module at a position; for `Self`, that of the type.
    pub(super) fn owner(&self, at: usize) -> &str {
        match self.text(at) {
            "Self" => self.implemented(at).unwrap_or("Self"),
            owner => owner,
        }
    }

    /// Returns the type whose `impl` block contains a position.
    pub(super) fn implemented(&self, at: usize) -> Option<&str> {
        self.impls.iter().find(|(range, _)| range.contains(&at)).map(|(_, name)| name.as_str())
    }

    /// Returns the expression that a name stands for at a position: that of the nearest `let` or `const` before it in
    /// the same function and in a block around it, and the place of the name in its pattern if that is a tuple.
    pub(super) fn binding(
        &self,
        name: &str,
        within: &Function,
        at: usize,
    ) -> Option<(Range<usize>, Option<usize>)> {
        let is_seen = |start: &usize| self.parents[*start].is_none_or(|open| self.closes[open] > at);
        (within.range.start..at.min(within.range.end)).rev().filter(is_seen).find_map(|start| {
            match self.text(start) {
                "let" => {
                    let pattern = if self.text(start + 1) == "mut" { start + 2 } else { start + 1 };
                    // `let (a, b) = …` and `let Some((a, b)) = …`
                    let pattern = if self.text(pattern) == "Some" { pattern + 2 } else { pattern };
                    if self.text(pattern) == "(" {
                        let parts = self.parts(pattern);
                        let place = parts.iter().position(|part| self.text(part.start) == name)?;
                        return Some((
                            self.expression(self.after(
                                self.parents[pattern].filter(|&open| open > start).unwrap_or(pattern),
                            )),
                            Some(place),
                        ));
                    }
                    (self.text(pattern) == name).then(|| (self.expression(pattern + 1), None))
                }
                // `const [a, b] = …`
                "[" if (start + 1..start + 4).any(|at| self.text(at).starts_with("const ")) => {
                    let names = self
                        .parts(start)
                        .into_iter()
                        .map(|part| if part.is_empty() { "" } else { self.text(part.start) });
                    let place =
                        names.map(|text| text.trim_start_matches("const ")).position(|part| part == name)?;
                    Some((self.expression(self.after(start)), Some(place)))
                }
                text if text.strip_prefix("const ") == Some(name)
                    && !matches!(self.text(start + 1), "," | "]") =>
                {
                    Some((self.expression(start + 1), None))
                }
                _ => None,
            }
        })
    }

    /// Returns the constants, by name: `const NAME: &str = …;`, or `NAME "code" …;` in a table of phrases.
    pub(super) fn constants(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        (0..self.tokens.len()).filter_map(move |at| {
            if self.is_name(at) && self.string(at + 1).is_some() && self.string(at + 2).is_some() {
                return Some((self.text(at), at + 2..at + 3));
            }
            let name = self.text(at).strip_prefix("const ")?;
            is_constant(name).then(|| (name, self.expression(at + 1)))
        })
    }

    /// True if the file has a function with this name.
    pub(super) fn declares(&self, name: &str) -> bool {
        self.functions.iter().any(|function| function.name == name)
    }

    /// Returns the range of the function around a closure.
    pub(super) fn around(&self, closure: &Function) -> Option<(usize, usize)> {
        let outer = self.enclosing(closure.range.start).find(|function| !function.is_closure)?;
        closure.is_closure.then_some((outer.range.start, outer.range.end))
    }

    /// Returns the functions that contain a position, the innermost first.
    pub(super) fn enclosing(&self, at: usize) -> impl Iterator<Item = &Function> {
        self.functions.iter().rev().filter(move |function| function.range.contains(&at))
    }

    /// Returns the tokens from here to the next semicolon, or, in TypeScript, to the next declaration.
    fn expression(&self, start: usize) -> Range<usize> {
        let mut at = start;
        while at < self.tokens.len() && !matches!(self.text(at), ";" | "}" | ")") {
            at = self.after(at);
        }
        start..at
    }

    fn function(&self, at: usize) -> Option<Function> {
        let text = self.text(at);
        let (name, open) = if let Some(name) = text.strip_prefix("fn ").or(text.strip_prefix("function ")) {
            (name, (at..at + 80).find(|&open| self.text(open) == "(")?)
        } else if let Some(name) = text.strip_prefix("const ").filter(|_| self.text(at + 2) == "(") {
            (name, at + 2)
        } else if text == "let" && matches!(self.text(at + 3), "|" | "move") {
            (self.text(at + 1), at + if self.text(at + 3) == "|" { 3 } else { 4 })
        } else {
            return None;
        };
        let (params, after) = if self.text(open) == "(" {
            (self.parts(open), self.after(open))
        } else {
            let close = (open + 1..self.tokens.len()).find(|&close| self.text(close) == "|")?;
            let starts = (open + 1..close).filter(|&at| at == open + 1 || self.text(at - 1) == ",");
            (starts.map(|at| at..close).collect(), close + 1)
        };
        if text.starts_with("const ")
            && !(after..after + 12).any(|at| self.text(at) == "=" && self.text(at + 1) == ">")
        {
            return None;
        }
        let name_of = |part: Range<usize>| {
            part.clone()
                .find(|&at| self.is_name(at) && self.text(at) != "mut")
                .map_or("", |at| self.text(at))
                .to_owned()
        };
        let params = params.into_iter().map(name_of).filter(|name| name != "self").collect();
        let body = (after..self.tokens.len()).find(|&at| matches!(self.text(at), "{" | ";")).unwrap_or(after);
        let end = if text == "let" || text.starts_with("const ") {
            self.expression(after).end
        } else {
            self.after(body)
        };
        let mark = (at.saturating_sub(5)..at).rev().find(|&mark| {
            matches!(self.text(mark), "pub" | "export") && self.parents[mark] == self.parents[at]
        });
        let visibility = match mark.map(|mark| (self.text(mark + 1), self.text(mark + 2))) {
            Some(("(", "super" | "in")) => Visibility::Folder,
            Some(("(", "crate")) => Visibility::Crate,
            Some(_) => Visibility::All,
            None => Visibility::File,
        };
        let is_closure = text == "let";
        Some(Function { name: name.to_owned(), params, visibility, is_closure, range: open..end })
    }

    fn implementation(&self, at: usize) -> Option<(Range<usize>, String)> {
        let is_item = at == 0 || matches!(self.text(at - 1), "}" | ";" | "]" | "{");
        if self.text(at) != "impl" || !is_item {
            return None;
        }
        let open = (at..self.tokens.len()).find(|&open| matches!(self.text(open), "{" | ";" | "("))?;
        let (mut depth, mut name) = (0, "");
        for at in at + 1..open {
            match self.text(at) {
                "<" => depth += 1,
                ">" => depth -= 1,
                "where" => break,
                text if depth == 0 && self.is_name(at) => name = text,
                _ => {}
            }
        }
        Some((open..self.after(open), name.to_owned()))
    }
}

/// Replaces the escapes of quotes, backslashes, characters by number, and line ends in a string.
pub(super) fn unescaped(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        rest = escape;
        let number = escape.strip_prefix("u{").and_then(|number| number.split_once('}'));
        let char = number.and_then(|(digits, after)| {
            Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, after))
        });
        if let Some((char, after)) = char {
            out.push(char);
            rest = after;
        } else if let Some(line) = escape.strip_prefix('\n') {
            rest = line.trim_start();
        } else if escape.starts_with(['"', '\'', '`', '\\']) {
            out.push_str(&escape[..1]);
            rest = &escape[1..];
        } else {
            out.push('\\');
        }
    }
    out + rest
}

/// Cuts off the module of tests.
pub(crate) fn without_tests(text: &str) -> &str {
    let is_module = |&(at, _): &(usize, &str)| {
        let first = text[at..].lines().skip(1).find(|line| !line.starts_with("#["));
        first.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    let end = text.match_indices("#[cfg(test)]\n").find(is_module).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

/// True if the name is that of a constant.
pub(super) fn is_constant(name: &str) -> bool {
    name.len() > 1
        && name.chars().all(|char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_')
}

/// Returns the innermost opening bracket around each token.
fn parents(closes: &[usize]) -> Vec<Option<usize>> {
    let mut open: Vec<usize> = Vec::new();
    let of_token = |at: usize| {
        while open.pop_if(|last| closes[*last] <= at).is_some() {}
        let parent = open.last().copied();
        if closes[at] > at {
            open.push(at);
        }
        parent
    };
    (0..closes.len()).map(of_token).collect()
}

/// Pairs the brackets. One that is closed by another kind of bracket, as in a regular expression, ends there.
fn closes(tokens: &[Token]) -> Vec<usize> {
    let mut closes: Vec<usize> = (0..tokens.len()).collect();
    let mut open: Vec<(usize, &str)> = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Mark) {
        match token.text.as_str() {
            "(" => open.push((at, ")")),
            "[" => open.push((at, "]")),
            "{" => open.push((at, "}")),
            close @ (")" | "]" | "}") => {
                while let Some((start, wanted)) = open.pop_if(|(_, wanted)| *wanted == close || close == "}")
                {
                    closes[start] = at;
                    if wanted == close {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    closes
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn escapes_are_replaced() {
        assert_eq!(
            unescaped(r#"\"a\" \`b\` \\n \n \u{201c}c\u{201d} \"#),
            "\"a\" `b` \\n \\n \u{201c}c\u{201d} \\"
        );
        assert_eq!(unescaped("a \\\n    b"), "a b");
    }
}
