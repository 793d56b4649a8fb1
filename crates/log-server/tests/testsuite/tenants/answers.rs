//! Comparison of answers that must reveal nothing.

use reqwest::header::HeaderMap;

use crate::common::server::Answer;

/// The status, headers, and body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparable {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Comparable {
    /// Returns the answer without its date.
    pub fn new(answer: &Answer) -> Self {
        let mut headers = answer.headers.clone();
        headers.remove("date");
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        Self { status: answer.status, headers, body }
    }
}

/// Replaces each hash, signature, and salt by `#` for each of its characters, so that texts with other ones and the same
/// lengths are equal.
pub fn masked(text: &str) -> String {
    let is_base64 = |char: char| char.is_ascii_alphanumeric() || "+/=".contains(char);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let word = &rest[..rest.find(|char| !is_base64(char)).unwrap_or(rest.len())];
        if word.is_empty() {
            masked.push(char);
            rest = &rest[char.len_utf8()..];
        } else {
            // A salt has 24 characters, a hash 44. A line end in JSON is `\n`, whose `n` may precede them.
            let is_random = word.trim_end_matches('=').len() >= 22;
            masked.push_str(&if is_random { "#".repeat(word.len()) } else { word.to_owned() });
            rest = &rest[word.len()..];
        }
    }
    masked
}
