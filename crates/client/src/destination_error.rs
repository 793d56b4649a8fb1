//! Why a receiver did not accept something.

use std::time::Duration;

use countersign_delivery::is_transient;

use crate::http::Answer;

/// The reason why a receiver did not accept something.
#[derive(Debug)]
pub enum DestinationError {
    /// It may accept it later.
    Later {
        /// The reason, for people.
        why: String,
        /// The wait that it asked for, if any.
        after: Option<Duration>,
    },
    /// It answered, and does not want it. The reason is for people.
    Refused(String),
}

impl DestinationError {
    /// Creates one of a receiver that may accept it later, and does not say when.
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later { why: why.into(), after: None }
    }

    /// Creates one of an answer over HTTP that is no success.
    pub fn from_answer(host: &str, answer: &Answer) -> Self {
        let why = format!("{host} answers with status {}", answer.status);
        if is_transient(answer.status) {
            Self::Later { why, after: answer.retry_after }
        } else {
            Self::Refused(why)
        }
    }
}
