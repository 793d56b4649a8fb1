//! Splits a query into words.

use core::ops::Range;

use crate::error::{Code, QueryError};
use crate::foreign_syntax;
use crate::phrases;

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Unquoted text.
    Bare(String),
    /// The content of quotes, unescaped.
    Quoted(String),
    /// A `*`: any characters.
    Star,
}

/// A name, a value or a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) at: Range<usize>,
}

impl Word {
    /// Returns the text if nothing is quoted and there is no star.
    pub(crate) fn bare(&self) -> Option<&str> {
        match &self.pieces[..] {
            [] => Some(""),
            [Piece::Bare(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns the texts between the stars.
    pub(crate) fn between_stars(&self) -> Vec<String> {
        let mut texts = vec![String::new()];
        for piece in &self.pieces {
            match (piece, texts.last_mut()) {
                (Piece::Bare(text) | Piece::Quoted(text), Some(last)) => last.push_str(text),
                _ => texts.push(String::new()),
            }
        }
        texts
    }

    /// True if the word has no pieces. Empty quotes are a piece.
    pub(crate) const fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

/// A cursor over a query's text.
pub(crate) struct Lexer<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
}

/// The characters that end a word, besides white space and parentheses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Terminator {
    /// Operators, which separate a name from its value.
    Operator,
    /// Commas, which separate values, and white space.
    Comma,
}

impl<'a> Lexer<'a> {
    pub(crate) fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Consumes this text if it comes next.
    pub(crate) fn take(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        self.at += if is_next { text.len() } else { 0 };
        is_next
    }

    /// Parses the word at the cursor, which may be empty.
    pub(crate) fn word(&mut self, until: Terminator) -> Result<Word, QueryError> {
        let start = self.at;
        let mut pieces = Vec::new();
        while let Some(char) = self.peek() {
            let ends = match char {
                '(' | ')' => true,
                ',' => until == Terminator::Comma,
                ':' | '=' | '<' | '>' => until == Terminator::Operator,
                '!' => until == Terminator::Operator && self.rest().starts_with("!="),
                _ => char.is_whitespace(),
            };
            if ends {
                break;
            }
            foreign_syntax::refuse_char(self.text, start, self.at)?;
            match char {
                '"' => pieces.push(Piece::Quoted(self.quoted()?)),
                '*' => {
                    self.at += 1;
                    pieces.push(Piece::Star);
                }
                _ => {
                    self.at += char.len_utf8();
                    if let Some(Piece::Bare(text)) = pieces.last_mut() {
                        text.push(char);
                    } else {
                        pieces.push(Piece::Bare(char.into()));
                    }
                }
            }
        }
        Ok(Word { pieces, at: start..self.at })
    }

    /// Parses a quoted text. A backslash escapes a quote, a star, or itself. A bare star is rejected: in some languages
    /// it is a wildcard inside quotes, in others it isn't.
    fn quoted(&mut self) -> Result<String, QueryError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((index, char)) = chars.next() {
            match (char, chars.peek()) {
                ('"', _) => {
                    self.at = start + index + 1;
                    return Ok(text);
                }
                ('\\', Some(&(_, next @ ('"' | '\\' | '*')))) => {
                    text.push(next);
                    chars.next();
                }
                ('*', _) => {
                    let hint = phrases::HINT_QUOTED_STAR;
                    let at = start + index..start + index + 1;
                    return Err(QueryError::new(Code::Quote, at, phrases::QUOTED_STAR, hint));
                }
                _ => text.push(char),
            }
        }
        let hint = phrases::HINT_OPEN_QUOTE;
        Err(QueryError::new(Code::Quote, start..self.text.len(), phrases::OPEN_QUOTE, hint))
    }
}
