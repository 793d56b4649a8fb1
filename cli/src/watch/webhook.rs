//! A webhook, signed as [Standard Webhooks](https://www.standardwebhooks.com) has it.
//!
//! Its address may hold a secret, so that of it the host alone is ever shown.

use std::path::Path;

use countersign::base64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::handing::{Receiver, Trouble};
use super::item::{Item, Kind};
use crate::errors::{Failure, shown};
use crate::http::{Body, Client, Redirects};
use crate::verify::now;
use crate::{input, key};

/// What a secret's text begins with.
const PREFIX: &str = "whsec_";
/// How long a secret may be, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that a receiver and this program share.
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Reads `whsec_` and base64.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let name = shown(path);
        let text = Zeroizing::new(input::small_text(path)?);
        key::warn_if_readable(path, "secret");
        let bytes = text.trim().strip_prefix(PREFIX).and_then(base64::decode).map(Zeroizing::new);
        bytes.filter(|bytes| LENGTHS.contains(&bytes.len())).map(Self).ok_or_else(|| {
            let hint = "it is whsec_ and the base64 of 24 to 64 random bytes: printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\"";
            Failure::unusable("webhook.key", "it holds no secret of a webhook", hint).within(&name)
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

/// The address that alerts are posted to.
pub(crate) struct Webhook {
    client: Client,
    url: reqwest::Url,
    secret: Secret,
}

impl Webhook {
    pub(crate) fn new(url: &str, secret: Secret) -> Result<Self, Failure> {
        let refuse = || {
            let hint = "it begins with https://, or with http:// on this machine";
            Failure::unusable("arguments.invalid", "the webhook's address is no URL", hint)
        };
        let url: reqwest::Url = url.parse().map_err(|_| refuse())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse());
        }
        Ok(Self { client: Client::new(Redirects::SameHost)?, url, secret })
    }

    fn post(&self, item: &Item) -> Result<(), Trouble> {
        let id = item.name();
        let seconds = now().map_err(|failure| Trouble::Later(failure.brief()))?.millis() / 1_000;
        let signature = self.secret.sign(&id, seconds, &item.text);
        let seconds = seconds.to_string();
        let headers = [
            ("webhook-id", id.as_str()),
            ("webhook-timestamp", seconds.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        let body = Body { content_type: "application/json", bytes: item.text.clone().into_bytes() };
        let host = self.url.host_str().unwrap_or_default();
        match self.client.post_with(&self.url, body, &headers, 1 << 16) {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => {
                let why = format!("{host} answers with status {}", answer.status);
                let passes = matches!(answer.status, 408 | 425 | 429) || answer.status >= 500;
                Err(if passes { Trouble::Later(why) } else { Trouble::Refused(why) })
            }
            // The failure itself names the address.
            Err(failure) => Err(Trouble::Later(format!("{host}: {}", failure.code()))),
        }
    }
}

impl Receiver for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn wants(&self, item: &Item) -> bool {
        item.kind != Kind::Scan
    }

    fn take(&mut self, item: &Item) -> Result<(), Trouble> {
        self.post(item)
    }
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
