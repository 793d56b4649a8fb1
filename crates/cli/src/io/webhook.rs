//! Webhooks, signed as [Standard Webhooks](https://www.standardwebhooks.com) has it.
//!
//! An address may hold a secret, so that of it the host alone is ever shown.

use std::path::Path;

use countersign::base64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::commands::verify::now;
use crate::errors::{CliError, shown};
use crate::io::http::{Body, Client};
use crate::io::retry::DestinationError;
use crate::io::{input, key, token};

/// What a secret's text begins with.
const PREFIX: &str = "whsec_";
/// How long a secret may be, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that a receiver and this program share.
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Reads `whsec_` and base64.
    pub(crate) fn load(path: &Path) -> Result<Self, CliError> {
        let name = shown(path);
        let text = Zeroizing::new(input::small_text(path)?);
        key::warn_if_readable(path, "secret");
        let bytes = text.trim().strip_prefix(PREFIX).and_then(base64::decode).map(Zeroizing::new);
        bytes.filter(|bytes| LENGTHS.contains(&bytes.len())).map(Self).ok_or_else(|| {
            let hint = "it is whsec_ and the base64 of 24 to 64 random bytes: printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\"";
            CliError::unusable("webhook.key", "it holds no secret of a webhook", hint).within(&name)
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
pub(crate) struct Hook {
    client: Client,
    url: reqwest::Url,
    secret: Secret,
}

impl Hook {
    pub(crate) fn new(url: &str, secret: Secret, client: Client) -> Result<Self, CliError> {
        let url = address(url)?;
        token::warn_if_plain(&url, "what the webhook gets is sent");
        Ok(Self { client, url, secret })
    }

    /// Posts a message, which the receiver knows by its id when it comes again.
    pub(crate) fn post(&self, id: &str, text: &str) -> Result<(), DestinationError> {
        let seconds = now().map_err(|failure| DestinationError::later(failure.said()))?.millis() / 1_000;
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
            Ok(answer) => Err(DestinationError::of_answer(host, &answer)),
            // The failure's place is the address.
            Err(failure) => Err(DestinationError::later(format!("{host}: {}", failure.said()))),
        }
    }
}

/// An address of HTTP, which may hold a secret and is in no error.
pub(crate) fn address(url: &str) -> Result<reqwest::Url, CliError> {
    let refuse = || {
        let hint = "it begins with https:// or http://";
        CliError::unusable("arguments.invalid", "the address to post to is no URL", hint)
    };
    let url: reqwest::Url = url.parse().map_err(|_| refuse())?;
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
        let secret = Secret(Zeroizing::new(secret));
        assert_eq!(
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
