//! Readers' tokens, from a file or the environment: never from an argument, and never in a URL.

use std::path::Path;

use countersign_client::{Token, Url};
use zeroize::Zeroizing;

use crate::errors::{CliError, shown};
use crate::io::{input, key, style};

/// The environment variable with the token, if no file is given.
const VARIABLE: &str = "COUNTERSIGN_TOKEN";

/// Warns if the token would be sent unencrypted.
pub(crate) fn warn_if_token_unencrypted(url: &Url) {
    warn_if_unencrypted(url, "the token is sent");
}

/// Warns if something would be sent unencrypted to another machine. `what_is_sent` is a phrase such as "the token is
/// sent".
pub(crate) fn warn_if_unencrypted(url: &Url, what_is_sent: &str) {
    if url.scheme() == "http" && !is_loopback(url) {
        style::warn(&format!("{what_is_sent} without encryption; use an https:// address"));
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Reads the token from a file.
pub(crate) fn read(path: &Path) -> Result<Token, CliError> {
    let text = Zeroizing::new(input::small_text(path)?);
    key::warn_if_readable(path, "token");
    Ok(Token::parse(&text, &shown(path))?)
}

/// Reads the token from a file, or without one from the environment, if it is set.
pub(crate) fn load(file: Option<&Path>) -> Result<Option<Token>, CliError> {
    if let Some(path) = file {
        return read(path).map(Some);
    }
    match std::env::var(VARIABLE) {
        Ok(text) => Ok(Some(Token::parse(&Zeroizing::new(text), VARIABLE)?)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Ok(Some(Token::parse("", VARIABLE)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_need_no_encryption() {
        for (url, expected) in [
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("http://10.0.0.1/", false),
            ("http://localhost.example/", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
