//! The crate's error.

use std::fmt;
use std::io;

use countersign::Error;
use countersign_errors::{EngineError, plain_lines};

/// An error of keeping or delivering links.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeliveryError {
    /// A file of the outbox, or its folder, could not be read or written.
    Io {
        /// The operation that failed: `read the outbox`.
        doing: &'static str,
        /// The file or folder.
        place: String,
        /// The error of the system.
        error: io::Error,
    },
    /// The outbox can't be used as it is.
    Outbox {
        /// The stable code.
        code: &'static str,
        /// The message for people.
        message: String,
        /// The hint for people.
        hint: &'static str,
        /// The outbox, or the file in it.
        place: String,
    },
    /// There is more between two signed links than the log server accepts at a time.
    TooLarge {
        /// The message for people.
        message: String,
        /// The hint for people.
        hint: &'static str,
    },
    /// The log contradicts what is in the outbox: the chain can't go on.
    Contradiction {
        /// The stable code.
        code: &'static str,
        /// The message for people.
        message: String,
        /// The hint for people.
        hint: String,
        /// The outbox.
        place: String,
    },
    /// The log server answered with an error. These are its own words, shortened: sanitize them before a terminal gets them.
    Answer {
        /// The code that it gave, or `http.` and the status.
        code: String,
        /// The message that it gave.
        message: String,
        /// The hint that it gave, or one for the status.
        hint: String,
    },
    /// The log server accepted a submission and did not prove that the log holds it.
    Unproven {
        /// The error in the proof.
        error: Error,
        /// The hint for people.
        hint: &'static str,
    },
}

impl DeliveryError {
    /// Returns the stable code; `io.failed` for any error of the system.
    pub fn code(&self) -> &str {
        match self {
            Self::Io { .. } => "io.failed",
            Self::Outbox { code, .. } | Self::Contradiction { code, .. } => code,
            Self::TooLarge { .. } => "submit.too_large",
            Self::Answer { code, .. } => code,
            Self::Unproven { error, .. } => error.code.as_str(),
        }
    }

    pub(crate) fn io(doing: &'static str, place: &str, error: io::Error) -> Self {
        Self::Io { doing, place: place.into(), error }
    }

    pub(crate) fn outbox(
        code: &'static str,
        message: impl Into<String>,
        hint: &'static str,
        place: &str,
    ) -> Self {
        Self::Outbox { code, message: message.into(), hint, place: place.into() }
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, place, error } => write!(f, "{place}: cannot {doing}: {error}"),
            Self::Outbox { message, place, .. } | Self::Contradiction { message, place, .. } => {
                write!(f, "{place}: {message}")
            }
            Self::TooLarge { message, .. } => f.write_str(message),
            Self::Answer { message, .. } => write!(f, "the log server says: {message:?}"),
            Self::Unproven { error, .. } => error.fmt(f),
        }
    }
}

impl std::error::Error for DeliveryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// The texts of others are sanitized.
impl From<DeliveryError> for EngineError {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::Io { doing, place, error } => Self::io(doing, &plain_lines(&place), &error),
            DeliveryError::Outbox { code, message, hint, place } => {
                Self::new(code, message, hint).within(&plain_lines(&place))
            }
            DeliveryError::TooLarge { message, hint } => Self::new("submit.too_large", message, hint),
            DeliveryError::Contradiction { code, message, hint, place } => {
                Self::new(code, message, hint).into_broken().within(&plain_lines(&place))
            }
            DeliveryError::Answer { code, message, hint } => {
                let message = format!("the log server says: {}", plain_lines(&message));
                Self::new(&plain_lines(&code), message, plain_lines(&hint)).into_broken()
            }
            DeliveryError::Unproven { error, hint } => Self::from(error).into_broken().with_hint(hint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_log_server_are_fit_for_a_terminal() {
        let answer = EngineError::from(DeliveryError::Answer {
            code: "a\u{1b}[2J".into(),
            message: "b\u{202e}".into(),
            hint: "c\u{7}".into(),
        });
        assert_eq!(answer.code(), "a\\u{1b}[2J");
        assert_eq!(answer.message(), "the log server says: b\\u{202e}");
        assert_eq!(answer.hint(), Some("c\\u{7}"));
        assert!(answer.is_broken());
    }
}
