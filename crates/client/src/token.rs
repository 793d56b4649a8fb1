//! Bearer tokens.

use countersign_errors::EngineError;
use zeroize::Zeroizing;

/// A secret that lets its bearer read a log, or send to a destination.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Parses a token, ignoring surrounding white space. `name` names its file or other origin in messages.
    ///
    /// # Errors
    /// If it is not one word of visible ASCII.
    pub fn parse(text: &str, name: &str) -> Result<Self, EngineError> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(Zeroizing::new(text.to_owned())));
        }
        let hint = "use the token from the log operator; it is a single word";
        Err(EngineError::new("token.invalid", "there is no token", hint).within(name))
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
    fn parse_accepts_only_one_word() {
        assert_eq!(Token::parse(" abc-123._~+/=\n", "x").unwrap().as_str(), "abc-123._~+/=");
        for text in ["", "\n", "a b", "a\nb", "ä"] {
            assert!(Token::parse(text, "x").is_err(), "{text:?}");
        }
    }
}
