//! Webhooks, signed as [Standard Webhooks](https://www.standardwebhooks.com) has it.
//!
//! An address may hold a secret, so that of it the host alone is ever shown.

use countersign::base64;
use countersign_errors::EngineError;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Url;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::clock::now;
use crate::destination_error::DestinationError;
use crate::http::{Body, Client};

/// The prefix of a secret's text.
const PREFIX: &str = "whsec_";
/// The allowed length of a secret, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that a receiver and the sender share.
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

impl WebhookSecret {
    /// Reads `whsec_` and base64. `name` is the file's.
    ///
    /// # Errors
    /// If it is not that, or not of 24 to 64 bytes.
    pub fn parse(text: &str, name: &str) -> Result<Self, EngineError> {
        let bytes = text.trim().strip_prefix(PREFIX).and_then(base64::decode).map(Zeroizing::new);
        bytes.filter(|bytes| LENGTHS.contains(&bytes.len())).map(Self).ok_or_else(|| {
            let hint = "it is whsec_ and the base64 of 24 to 64 random bytes: printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\"";
            EngineError::new("webhook.key", "it holds no secret of a webhook", hint).within(name)
        })
    }

    /// The signature of a message.
    fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        // A key of any length is one.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", base64::encode(mac.finalize().into_bytes()))
    }
}

/// An address that signed messages are posted to.
pub struct Webhook {
    client: Client,
    url: Url,
    secret: WebhookSecret,
}

impl Webhook {
    /// Creates one that posts to `url` by `client`, whose redirects are
    /// [`SameHostWithBody`](crate::Redirects::SameHostWithBody).
    pub fn new(url: Url, secret: WebhookSecret, client: Client) -> Self {
        Self { client, url, secret }
    }

    /// Posts a message. The receiver recognizes it by its id when it is posted again.
    ///
    /// # Errors
    /// If the receiver does not accept it.
    pub fn post(&self, id: &str, text: &str) -> Result<(), DestinationError> {
        let seconds = now().map_err(|error| DestinationError::later(error.without_place()))?.millis() / 1_000;
        let signature = self.secret.sign(id, seconds, text);
        let seconds = seconds.to_string();
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", seconds.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        let body = Body { content_type: "application/json", bytes: text.to_owned().into_bytes() };
        let host = self.url.host_str().unwrap_or_default();
        match self.client.post_with(&self.url, body, &headers, 1 << 16) {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(DestinationError::from_answer(host, &answer)),
            // The error's place is the address.
            Err(error) => Err(DestinationError::later(format!("{host}: {}", error.without_place()))),
        }
    }
}

/// Reads an address to post to. It may hold a secret, and is in no error.
///
/// # Errors
/// If it is no URL of HTTP.
pub fn webhook_url(url: &str) -> Result<Url, EngineError> {
    let refuse = || {
        let hint = "it begins with https:// or http://";
        EngineError::new("arguments.invalid", "the address to post to is no URL", hint)
    };
    let url: Url = url.parse().map_err(|_| refuse())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn signs_as_others_do() {
        let secret = base64::decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let secret = WebhookSecret(Zeroizing::new(secret));
        assert_eq!(
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
