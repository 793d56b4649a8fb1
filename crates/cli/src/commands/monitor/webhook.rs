//! Telling findings to a webhook. Its address may hold a secret, so that it is never shown.

use serde_json::Value;

use super::memory::{Memory, WAITING};
use crate::errors::CliError;
use crate::io::http::{Body, Client, Redirects};
use crate::io::style;

/// Who is told.
pub(super) struct Webhook {
    client: Client,
    url: reqwest::Url,
    /// Whether it was said that it does not answer.
    said: bool,
}

impl Webhook {
    pub(super) fn new(url: &str) -> Result<Self, CliError> {
        let refuse = || {
            let hint = "it begins with https:// or http://";
            CliError::unusable("arguments.invalid", "the webhook's address is no URL", hint)
        };
        let url: reqwest::Url = url.parse().map_err(|_| refuse())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse());
        }
        Ok(Self { client: Client::new(Redirects::SameHostWithBody)?, url, said: false })
    }

    /// Sends what waits, in its order, as far as it is taken.
    pub(super) fn send(&mut self, memory: &mut Memory) {
        while let Some(finding) = memory.unsent.first() {
            match self.post(finding) {
                Ok(()) => _ = memory.unsent.remove(0),
                Err(why) => {
                    if !std::mem::replace(&mut self.said, true) {
                        let host = self.url.host_str().unwrap_or_default().to_owned();
                        style::warn(&format!(
                            "the webhook at {host} doesn't accept findings, so they wait: {why}"
                        ));
                    }
                    break;
                }
            }
        }
        if memory.unsent.len() > WAITING {
            let dropped = memory.unsent.len() - WAITING;
            memory.unsent.drain(..dropped);
            style::warn(&format!(
                "{dropped} findings were never taken by the webhook and are dropped for it"
            ));
        }
        self.said &= !memory.unsent.is_empty();
    }

    fn post(&self, finding: &Value) -> Result<(), String> {
        let body = Body { content_type: "application/json", bytes: finding.to_string().into_bytes() };
        match self.client.post(&self.url, body, None, 1 << 16) {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("it answers with status {}", answer.status)),
            // The failure's place is the address.
            Err(failure) => Err(failure.said()),
        }
    }
}
