//! Why something failed, as people are told.

use std::error::Error;

/// The innermost reason, such as that a connection was refused: what is around it says no more than that something
/// failed.
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// The same of a request, without its address, in which there may be a secret.
pub fn of_request(error: &reqwest::Error) -> String {
    match (error.source(), error.url()) {
        (Some(source), _) => innermost(source),
        (None, Some(url)) => error.to_string().replace(&format!(" for url ({url})"), ""),
        (None, None) => error.to_string(),
    }
}
