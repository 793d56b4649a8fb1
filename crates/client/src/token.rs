//! Tokens of readers.

use countersign_errors::EngineError;
use zeroize::Zeroizing;

/// A secret that lets its bearer read a log, or send to a receiver.
pub struct Token(Zeroizing<String>);

impl Token {
    /// Reads a token, around which there may be white space. `name` is the file's, or another place that it is from.
    ///
    /// # Errors
    /// If it is not one word of visible ASCII.
    pub fn parse(text: &str, name: &str) -> Result<Self, EngineError> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(Zeroizing::new(text.to_owned())));
        }
        let hint = "a token is one word, as the log's operator gave it to you";
        Err(EngineError::new("token.invalid", "there is no token in it", hint).within(name))
    }

    /// Returns the token's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word() {
        assert_eq!(Token::parse(" abc-123._~+/=\n", "x").unwrap().as_str(), "abc-123._~+/=");
        for text in ["", "\n", "a b", "a\nb", "ä"] {
            assert!(Token::parse(text, "x").is_err(), "{text:?}");
        }
    }
}
