//! Readers' tokens: from a file or the environment, never from an argument, and never in a URL.

use std::path::Path;

use reqwest::Url;
use zeroize::Zeroizing;

use crate::errors::{CliError, shown};
use crate::io::{input, key, style};

/// Where a token is looked for when no file is given.
const VARIABLE: &str = "COUNTERSIGN_TOKEN";

/// A secret that lets its bearer read.
pub(crate) struct Token(Zeroizing<String>);

impl Token {
    /// The token's text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(text: &str, name: &str) -> Result<Self, CliError> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(Zeroizing::new(text.to_owned())));
        }
        let hint = "a token is one word, as the log's operator gave it to you";
        Err(CliError::unusable("token.invalid", "there is no token in it", hint).within(name))
    }
}

/// Says so when a token would be sent where others can read it.
pub(crate) fn warn_if_seen(url: &Url) {
    warn_if_plain(url, "the token is sent");
}

/// The same of anything else that others had better not read.
pub(crate) fn warn_if_plain(url: &Url, what_is_sent: &str) {
    if url.scheme() == "http" && !is_loopback(url) {
        style::warn(&format!("{what_is_sent} without encryption: give an https:// address"));
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// The token in that file.
pub(crate) fn read(path: &Path) -> Result<Token, CliError> {
    let text = Zeroizing::new(input::small_text(path)?);
    key::warn_if_readable(path, "token");
    Token::parse(&text, &shown(path))
}

/// The token in that file, or else in the environment, if there is one.
pub(crate) fn load(file: Option<&Path>) -> Result<Option<Token>, CliError> {
    if let Some(path) = file {
        return read(path).map(Some);
    }
    match std::env::var(VARIABLE) {
        Ok(text) => Token::parse(&Zeroizing::new(text), VARIABLE).map(Some),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Token::parse("", VARIABLE).map(Some),
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

    #[test]
    fn loopback_is_not_overheard() {
        for (url, seen) in [
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("http://10.0.0.1/", false),
            ("http://localhost.example/", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), seen, "{url}");
        }
    }
}
