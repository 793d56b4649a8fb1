//! A query's words, as they stand.

use core::ops::Range;

use crate::error::{Code, QueryError};
use crate::foreign_syntax;
use crate::phrases;

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// What stands for itself.
    Bare(String),
    /// What stood in quotes.
    Quoted(String),
    /// Any characters.
    Star,
}

/// A name, a value or a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) at: Range<usize>,
}

impl Word {
    /// The text, where nothing is quoted and there is no star.
    pub(crate) fn bare(&self) -> Option<&str> {
        match &self.pieces[..] {
            [] => Some(""),
            [Piece::Bare(text)] => Some(text),
            _ => None,
        }
    }

    /// What stands between the stars.
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

    /// Whether it says nothing at all, not even by quotes.
    pub(crate) const fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

/// Reads words off a text.
pub(crate) struct Lexer<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
}

/// What ends a word, besides white space and the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// What parts a name from its value.
    Operator,
    /// What parts values.
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

    /// Takes this text if it is next.
    pub(crate) fn take(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        self.at += if is_next { text.len() } else { 0 };
        is_next
    }

    /// The word that begins here, perhaps of nothing.
    pub(crate) fn word(&mut self, until: Until) -> Result<Word, QueryError> {
        let start = self.at;
        let mut pieces = Vec::new();
        while let Some(char) = self.peek() {
            let ends = match char {
                '(' | ')' => true,
                ',' => until == Until::Comma,
                ':' | '=' | '<' | '>' => until == Until::Operator,
                '!' => until == Until::Operator && self.rest().starts_with("!="),
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

    /// What stands in the quotes that begin here. A backslash takes the meaning from a quote, a star, and from itself. A
    /// star without one is refused: some languages take it for any characters, and others don't.
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
