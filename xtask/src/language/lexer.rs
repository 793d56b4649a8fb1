//! Splits Rust and TypeScript into comments, string literals, names, and marks.

use std::path::Path;

/// A language whose files are checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    TypeScript,
}

impl Language {
    /// Returns the language of a file by its extension.
    pub(crate) fn from_path(path: &Path) -> Self {
        if path.extension().is_some_and(|extension| extension == "rs") {
            Self::Rust
        } else {
            Self::TypeScript
        }
    }
}

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Consecutive lines of a doc comment, without their marks.
    Doc,
    /// Consecutive lines of any other comment, without their marks.
    Comment,
    /// The content of a string literal, escapes as written.
    String,
    /// An identifier, with the word before it if that declares it (`fn`, `struct`, `class`, …).
    Name,
    /// Any other character except white space and digits.
    Mark,
}

/// A part of a file that a rule may concern.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// The line it starts at, from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// Returns the tokens of a file.
pub(crate) fn tokens(text: &str, language: Language) -> Vec<Token> {
    let mut lexer = Lexer { rest: text, line: 1, language, tokens: Vec::new(), declares: None };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    lexer.tokens
}

struct Lexer<'t> {
    rest: &'t str,
    line: usize,
    language: Language,
    tokens: Vec<Token>,
    /// The keyword before, if it declares the next name.
    declares: Option<&'t str>,
}

const DECLARING: [&str; 10] =
    ["fn", "struct", "enum", "trait", "type", "class", "interface", "function", "const", "static"];

impl<'t> Lexer<'t> {
    fn step(&mut self) {
        let rest = self.rest;
        if let Some(comment) = rest.strip_prefix("//") {
            let end = comment.find('\n').unwrap_or(comment.len());
            let kind = if comment.starts_with(['/', '!']) { Kind::Doc } else { Kind::Comment };
            self.comment_line(kind, comment[..end].trim_start_matches(['/', '!']).trim());
            self.advance(2 + end);
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
            let inner = rest[..end].trim_start_matches(['/', '*']).trim_end_matches(['/', '*']);
            let lines = inner.lines().map(|line| line.trim().trim_start_matches('*').trim());
            let text = lines.collect::<Vec<_>>().join("\n").trim().to_owned();
            self.push(if rest.starts_with("/**") { Kind::Doc } else { Kind::Comment }, text);
            self.advance(end);
        } else if let Some((hashes, begin)) = self.raw_string() {
            let close = format!("\"{}", "#".repeat(hashes));
            let length = rest[begin..].find(&close).unwrap_or(rest.len() - begin);
            self.push(Kind::String, rest[begin..begin + length].to_owned());
            self.advance((begin + length + close.len()).min(rest.len()));
        } else if let Some(quote) = rest.chars().next().filter(|&char| self.is_quote(char)) {
            // A quote in a regular expression of TypeScript opens nothing.
            let is_line = self.language == Language::TypeScript && quote != '`';
            let inner = if is_line { rest[1..].split('\n').next().unwrap_or_default() } else { &rest[1..] };
            let length = closing(inner, quote);
            self.push(Kind::String, rest[1..=length].to_owned());
            self.advance((length + 2).min(rest.len()));
        } else if rest.starts_with('\'') {
            // A character or a lifetime of Rust.
            let length = char_literal(rest).unwrap_or(1);
            self.advance(length);
        } else if rest.starts_with(|char: char| char.is_alphabetic() || char == '_') {
            let end = rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(rest.len());
            self.word(&rest[..end]);
            self.advance(end);
        } else {
            let end = rest.chars().next().map_or(1, char::len_utf8);
            if !rest.starts_with(|char: char| char.is_whitespace() || char.is_ascii_digit()) {
                self.push(Kind::Mark, rest[..end].to_owned());
            }
            self.advance(end);
        }
    }

    fn word(&mut self, word: &'t str) {
        if DECLARING.contains(&word) {
            self.declares = Some(word);
            return;
        }
        let text = match self.declares.take() {
            Some(keyword) => format!("{keyword} {word}"),
            None => word.to_owned(),
        };
        self.push(Kind::Name, text);
    }

    fn is_quote(&self, char: char) -> bool {
        char == '"' || self.language == Language::TypeScript && matches!(char, '`' | '\'')
    }

    /// Returns the number of hashes of the raw string that begins here, and where its content begins.
    fn raw_string(&self) -> Option<(usize, usize)> {
        if self.language != Language::Rust {
            return None;
        }
        let after = self.rest.strip_prefix('b').unwrap_or(self.rest).strip_prefix('r')?;
        let hashes = after.bytes().take_while(|&byte| byte == b'#').count();
        let begin = self.rest.len() - after.len() + hashes + 1;
        after[hashes..].starts_with('"').then_some((hashes, begin))
    }

    /// Adds a line to the comment that ended on the line before, or begins a comment.
    fn comment_line(&mut self, kind: Kind, text: &str) {
        let line = self.line;
        if let Some(last) = self.tokens.last_mut()
            && last.kind == kind
            && last.line + last.text.lines().count().max(1) == line
        {
            last.text.push('\n');
            last.text.push_str(text);
            return;
        }
        self.push(kind, text.to_owned());
    }

    fn push(&mut self, kind: Kind, text: String) {
        self.tokens.push(Token { kind, line: self.line, text });
    }

    fn advance(&mut self, bytes: usize) {
        let (done, rest) = self.rest.split_at(bytes);
        self.line += done.bytes().filter(|&byte| byte == b'\n').count();
        self.rest = rest;
    }
}

/// Returns the number of bytes before the quote that closes a string.
fn closing(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    let mut at = 0;
    while let Some(char) = text[at..].chars().next() {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if char == quote => return at,
            '$' if quote == '`' && text[at + 1..].starts_with('{') => at += substitution(&text[at..]),
            _ => {}
        }
        at += text[at..].chars().next().map_or(0, char::len_utf8);
    }
    text.len()
}

/// Returns the number of bytes before the brace that closes a template's `${`.
fn substitution(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while let Some(char) = text[at..].chars().next() {
        match char {
            '{' => depth += 1,
            '}' if depth == 1 => return at,
            '}' => depth -= 1,
            '`' => at += 1 + closing(&text[at + 1..], '`'),
            _ => {}
        }
        at = (at + char.len_utf8()).min(text.len());
    }
    text.len()
}

/// Returns the length of the character literal that begins here; lifetimes have none.
fn char_literal(text: &str) -> Option<usize> {
    let inner = &text[1..];
    if inner.starts_with('\\') {
        return Some(closing(inner, '\'') + 2);
    }
    let char = inner.chars().next()?;
    inner[char.len_utf8()..].starts_with('\'').then(|| char.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(text: &str, language: Language) -> Vec<(Kind, usize, String)> {
        let tokens = tokens(text, language).into_iter().filter(|token| token.kind != Kind::Mark);
        tokens.map(|token| (token.kind, token.line, token.text)).collect()
    }

    #[test]
    fn splits_rust() {
        let text = "/// One.\n/// Two.\nfn of<'a>(c: &'a str) {\n    let x = \"a \\\" b\"; // three\n    r#\"raw\"#; '\"'; b'\\''\n}\n";
        let found = lex(text, Language::Rust);
        let expected = [
            (Kind::Doc, 1, "One.\nTwo."),
            (Kind::Name, 3, "fn of"),
            (Kind::Name, 3, "a"),
            (Kind::Name, 3, "c"),
            (Kind::Name, 3, "a"),
            (Kind::Name, 3, "str"),
            (Kind::Name, 4, "let"),
            (Kind::Name, 4, "x"),
            (Kind::String, 4, "a \\\" b"),
            (Kind::Comment, 4, "three"),
            (Kind::String, 5, "raw"),
            (Kind::Name, 5, "b"),
        ];
        assert_eq!(found, expected.map(|(kind, line, text)| (kind, line, text.to_owned())));
    }

    #[test]
    fn keeps_marks() {
        let marks =
            tokens("a(1, 'b') => {}", Language::Rust).into_iter().filter(|token| token.kind == Kind::Mark);
        assert_eq!(marks.map(|token| token.text).collect::<String>(), "(,)=>{}");
    }

    #[test]
    fn splits_typescript() {
        let text = "/**\n * One.\n * @default 1\n */\nexport class Found { a = 'x'; b = `y ${z} \"`; }\n";
        let found = lex(text, Language::TypeScript);
        let expected = [
            (Kind::Doc, 1, "One.\n@default 1"),
            (Kind::Name, 5, "export"),
            (Kind::Name, 5, "class Found"),
            (Kind::Name, 5, "a"),
            (Kind::String, 5, "x"),
            (Kind::Name, 5, "b"),
            (Kind::String, 5, "y ${z} \""),
        ];
        assert_eq!(found, expected.map(|(kind, line, text)| (kind, line, text.to_owned())));
    }
}
