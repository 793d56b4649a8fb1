//! Sends findings to a webhook. Its address may contain a secret, so only the host is ever shown.

use std::fmt;

use countersign_client::{Body, Client, Redirects, Url};
use countersign_errors::EngineError;
use serde_json::Value;

use crate::state::{MAX_WAITING, MonitorState};

/// A webhook for findings.
pub struct MonitorWebhook {
    client: Client,
    url: Url,
    /// True if it was reported that it doesn't accept findings.
    is_reported: bool,
}

/// A notice about a webhook to the user. Its text is a sentence without the final period.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookNotice {
    /// The webhook doesn't accept findings, so they wait.
    Waiting {
        /// The host.
        host: String,
        /// The reason.
        why: String,
    },
    /// The number of findings that waited too long and are dropped.
    Dropped(usize),
}

impl fmt::Display for WebhookNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { host, why } => {
                write!(f, "the webhook at {host} doesn't accept findings, so they wait: {why}")
            }
            Self::Dropped(dropped) => {
                write!(f, "{dropped} findings were dropped, because too many wait for the webhook")
            }
        }
    }
}

impl MonitorWebhook {
    /// Creates a webhook with that address.
    ///
    /// # Errors
    /// If the address is not an HTTP URL, or the system's certificates or proxy settings can't be used.
    pub fn new(url: &str) -> Result<Self, EngineError> {
        let refuse = || {
            let hint = "use a URL that starts with https:// or http://";
            EngineError::new("arguments.invalid", "the webhook's address is not an HTTP URL", hint)
        };
        let url: Url = url.parse().map_err(|_| refuse())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse());
        }
        Ok(Self { client: Client::new(Redirects::SameHostWithBody)?, url, is_reported: false })
    }

    /// Sends the waiting findings in order, until one is not accepted.
    pub fn send(&mut self, memory: &mut MonitorState) -> Vec<WebhookNotice> {
        let mut notices = Vec::new();
        while let Some(finding) = memory.unsent.first() {
            match self.post(finding) {
                Ok(()) => _ = memory.unsent.remove(0),
                Err(why) => {
                    if !std::mem::replace(&mut self.is_reported, true) {
                        let host = self.url.host_str().unwrap_or_default().to_owned();
                        notices.push(WebhookNotice::Waiting { host, why });
                    }
                    break;
                }
            }
        }
        if memory.unsent.len() > MAX_WAITING {
            let dropped = memory.unsent.len() - MAX_WAITING;
            memory.unsent.drain(..dropped);
            notices.push(WebhookNotice::Dropped(dropped));
        }
        self.is_reported &= !memory.unsent.is_empty();
        notices
    }

    fn post(&self, finding: &Value) -> Result<(), String> {
        let body = Body { content_type: "application/json", bytes: finding.to_string().into_bytes() };
        match self.client.post(&self.url, body, None, 1 << 16) {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("it answered with status {}", answer.status)),
            // The error's place would show the address.
            Err(error) => Err(error.without_place()),
        }
    }
}
