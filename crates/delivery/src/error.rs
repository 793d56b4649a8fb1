//! The errors of this crate.

use std::fmt;
use std::io;

use countersign::Error;
use countersign_errors::{EngineError, plain_lines};

/// An error while storing or delivering links.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeliveryError {
    /// A file or folder of the outbox could not be read or written.
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
        /// The stable code, such as `outbox.damaged`.
        code: &'static str,
        /// The message, without the place.
        message: String,
        /// The hint, in the imperative.
        hint: &'static str,
        /// The outbox, or the file in it.
        place: String,
    },
    /// The links between two signed ones exceed what the log server accepts per submission.
    TooLarge {
        /// The message, without the place.
        message: String,
        /// The hint, in the imperative.
        hint: &'static str,
    },
    /// The log contradicts the outbox, so the chain can't continue.
    Contradiction {
        /// The stable code, such as `log.fork`.
        code: &'static str,
        /// The message, without the place.
        message: String,
        /// The hint, in the imperative.
        hint: String,
        /// The name of the outbox.
        place: String,
    },
    /// The log server responded with an error. The texts are its own, truncated: sanitize them before you print them to
    /// a terminal.
    Answer {
        /// The code in the response, or `http.` and the status.
        code: String,
        /// The message in the response.
        message: String,
        /// The hint in the response, or one for the status.
        hint: String,
    },
    /// The log server accepted a submission but did not prove that the log contains it.
    Unproven {
        /// The error in the proof.
        error: Error,
        /// The hint, in the imperative.
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
            Self::Answer { message, .. } => write!(f, "the log server reports: {message:?}"),
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

/// Sanitizes texts that come from a log server or from file names.
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
                let message = format!("the log server reports: {}", plain_lines(&message));
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
    fn text_of_a_log_server_is_sanitized() {
        let answer = EngineError::from(DeliveryError::Answer {
            code: "a\u{1b}[2J".into(),
            message: "b\u{202e}".into(),
            hint: "c\u{7}".into(),
        });
        assert_eq!(answer.code(), "a\\u{1b}[2J");
        assert_eq!(answer.message(), "the log server reports: b\\u{202e}");
        assert_eq!(answer.hint(), Some("c\\u{7}"));
        assert!(answer.is_broken());
    }
}
