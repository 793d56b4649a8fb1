//! Human-readable reasons of library errors.

use std::error::Error;

/// Returns the text of the innermost error, such as that a connection was refused. The outer ones only say that
/// something failed.
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// Returns the text of a request's error without its URL, which may contain a secret.
#[cfg(feature = "http")]
pub fn of_request(error: &reqwest::Error) -> String {
    match (error.source(), error.url()) {
        (Some(source), _) => innermost(source),
        (None, Some(url)) => error.to_string().replace(&format!(" for url ({url})"), ""),
        (None, None) => error.to_string(),
    }
}
