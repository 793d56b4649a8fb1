//! Webhooks, signed as specified by [Standard Webhooks](https://www.standardwebhooks.com).
//!
//! An address may contain a secret, so only its host is ever shown.

use countersign::base64;
use countersign_errors::{EngineError, now};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Url;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::destination_error::DestinationError;
use crate::http::{Body, Client};

/// The prefix of a secret's text.
const PREFIX: &str = "whsec_";
/// The allowed length of a secret, in bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The secret that the sender and the destination share.
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

impl WebhookSecret {
    /// Parses `whsec_` and base64. `name` names the file in messages.
    ///
    /// # Errors
    /// If the text has another form, or the secret does not have 24 to 64 bytes.
    pub fn parse(text: &str, name: &str) -> Result<Self, EngineError> {
        let bytes = text.trim().strip_prefix(PREFIX).and_then(base64::decode).map(Zeroizing::new);
        bytes.filter(|bytes| SECRET_BYTES.contains(&bytes.len())).map(Self).ok_or_else(|| {
            let hint =
                "create one of 24 to 64 random bytes: printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\"";
            EngineError::new("webhook.key", "the file contains no webhook secret (whsec_ and base64)", hint)
                .within(name)
        })
    }

    /// Returns the signature of a message.
    fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        // HMAC accepts keys of any length.
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
    /// Creates a webhook that posts to `url`. The redirects of `client` must be
    /// [`SameHostWithBody`](crate::Redirects::SameHostWithBody).
    pub fn new(url: Url, secret: WebhookSecret, client: Client) -> Self {
        Self { client, url, secret }
    }

    /// Posts a message. A destination recognizes a repeated message by its id.
    ///
    /// # Errors
    /// If the destination doesn't accept it.
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
            // The error's place would show the address.
            Err(error) => Err(DestinationError::later(format!("{host}: {}", error.without_place()))),
        }
    }
}

/// Parses an address to post to. It may contain a secret, so errors don't quote it.
///
/// # Errors
/// If it is not an HTTP URL.
pub fn webhook_url(url: &str) -> Result<Url, EngineError> {
    let refuse = || {
        let hint = "use a URL that starts with https:// or http://";
        EngineError::new("arguments.invalid", "the address to post to is not an HTTP URL", hint)
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

    /// The example from the Standard Webhooks specification.
    #[test]
    fn signs_like_the_specification_example() {
        let secret = base64::decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let secret = WebhookSecret(Zeroizing::new(secret));
        assert_eq!(
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
