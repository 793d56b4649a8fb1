//! The error of a destination that did not accept something.

use std::time::Duration;

use countersign_delivery::is_transient;

use crate::http::Answer;

/// The reason why a destination did not accept something.
#[derive(Debug)]
pub enum DestinationError {
    /// The destination may accept it later.
    Later {
        /// The human-readable reason.
        why: String,
        /// The delay before a retry that it asked for, if any.
        after: Option<Duration>,
    },
    /// The destination permanently rejects it, with a human-readable reason.
    Refused(String),
}

impl DestinationError {
    /// Creates an error of a destination that may accept it later, without a known delay.
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later { why: why.into(), after: None }
    }

    /// Creates the error for an HTTP response that is not a success.
    pub fn from_answer(host: &str, answer: &Answer) -> Self {
        let why = format!("{host} answered with status {}", answer.status);
        if is_transient(answer.status) {
            Self::Later { why, after: answer.retry_after }
        } else {
            Self::Refused(why)
        }
    }
}
