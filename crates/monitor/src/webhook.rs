//! Sends findings to a webhook. Its address may hold a secret, so that it is never shown.

use std::fmt;

use countersign_client::{Body, Client, Redirects, Url};
use countersign_errors::EngineError;
use serde_json::Value;

use crate::state::{MonitorState, WAITING};

/// A receiver of findings.
pub struct Webhook {
    client: Client,
    url: Url,
    /// True if it was reported that it does not accept findings.
    is_reported: bool,
}

/// Something that people should know of a webhook; as text, a sentence without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The webhook does not accept findings, so they wait.
    Waiting {
        /// The host.
        host: String,
        /// The reason.
        why: String,
    },
    /// The number of findings that waited too long and are not sent.
    Dropped(usize),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { host, why } => {
                write!(f, "the webhook at {host} doesn't accept findings, so they wait: {why}")
            }
            Self::Dropped(dropped) => {
                write!(f, "{dropped} findings were never taken by the webhook and are dropped for it")
            }
        }
    }
}

impl Webhook {
    /// Creates a webhook at that address.
    ///
    /// # Errors
    /// If the address is no URL of HTTP, or the system's certificates or proxy settings can't be used.
    pub fn new(url: &str) -> Result<Self, EngineError> {
        let refuse = || {
            let hint = "it begins with https:// or http://";
            EngineError::new("arguments.invalid", "the webhook's address is no URL", hint)
        };
        let url: Url = url.parse().map_err(|_| refuse())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse());
        }
        Ok(Self { client: Client::new(Redirects::SameHostWithBody)?, url, is_reported: false })
    }

    /// Sends the findings that wait, in their order, as far as they are accepted.
    pub fn send(&mut self, memory: &mut MonitorState) -> Vec<Notice> {
        let mut notices = Vec::new();
        while let Some(finding) = memory.unsent.first() {
            match self.post(finding) {
                Ok(()) => _ = memory.unsent.remove(0),
                Err(why) => {
                    if !std::mem::replace(&mut self.is_reported, true) {
                        let host = self.url.host_str().unwrap_or_default().to_owned();
                        notices.push(Notice::Waiting { host, why });
                    }
                    break;
                }
            }
        }
        if memory.unsent.len() > WAITING {
            let dropped = memory.unsent.len() - WAITING;
            memory.unsent.drain(..dropped);
            notices.push(Notice::Dropped(dropped));
        }
        self.is_reported &= !memory.unsent.is_empty();
        notices
    }

    fn post(&self, finding: &Value) -> Result<(), String> {
        let body = Body { content_type: "application/json", bytes: finding.to_string().into_bytes() };
        match self.client.post(&self.url, body, None, 1 << 16) {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("it answers with status {}", answer.status)),
            // The error's place is the address.
            Err(error) => Err(error.without_place()),
        }
    }
}
