//! The issuer's keys (JWKS), found by its metadata, and asked for again when they are old or one is missing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign::hash::Hash;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::Value;

use super::AdmitError;
use super::is_safe;
use super::jwt::{Head, IssuerTokenError};
use countersign_errors::reason::of_request;
use countersign_log::clock::Steady;

/// When keys are so old they are asked for again, in the background.
const FRESH: Duration = Duration::from_mins(5);
/// The issuer is asked at most so often, whatever tokens come.
const PAUSE: Duration = Duration::from_secs(10);
/// An issuer that does not answer is taken at its last word for so long.
const KEPT: Duration = Duration::from_hours(24);
/// The most bytes of an answer of the issuer's.
const MAX_ANSWER: usize = 256 << 10;
/// The most keys that are looked at.
const MAX_KEYS: usize = 100;

/// One of the issuer's keys.
#[derive(Clone)]
pub(super) struct Key {
    /// Its name, if it has one.
    id: Option<String>,
    /// Of its name and the key itself: an issuer may have another one by the same name.
    pub(super) print: Hash,
    algorithms: &'static [Algorithm],
    pub(super) verifies: DecodingKey,
}

impl Key {
    /// A key that verifies signatures, if it is one.
    fn read(jwk: &Value) -> Option<Self> {
        let jwk = Jwk::deserialize(jwk).ok()?;
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let algorithms: &[Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms(),
            AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => &[Algorithm::ES256],
            AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P384 => &[Algorithm::ES384],
            AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
                &[Algorithm::EdDSA]
            }
            _ => return None,
        };
        let algorithms = match jwk.common.key_algorithm {
            None => algorithms,
            Some(named) => {
                let place = algorithms
                    .iter()
                    .position(|algorithm| Algorithm::try_from(named).ok() == Some(*algorithm))?;
                &algorithms[place..=place]
            }
        };
        let verifies = DecodingKey::from_jwk(&jwk).ok()?;
        let id = jwk.common.key_id;
        let print = Hash::of(&[&serde_json::to_vec(&(&id, &jwk.algorithm)).ok()?]);
        Some(Self { id, print, algorithms, verifies })
    }
}

/// What the issuer said last.
#[derive(Default)]
struct Known {
    keys: Vec<Key>,
    /// When it said so.
    at: Option<Duration>,
    /// When it was asked last, answered or not.
    asked: Option<Duration>,
    /// Keys went since somebody looked.
    lost: bool,
}

impl Known {
    fn find(&self, head: &Head) -> Option<Key> {
        let mut fit = self.keys.iter().filter(|key| {
            key.algorithms.contains(&head.algorithm) && (head.id.is_none() || key.id == head.id)
        });
        // Which of several keys it is would be a guess.
        fit.next().filter(|_| fit.next().is_none()).cloned()
    }

    fn is_older(&self, age: Duration, now: Duration) -> bool {
        self.at.is_none_or(|at| now.saturating_sub(at) >= age)
    }

    fn may_ask(&self, now: Duration) -> bool {
        self.asked.is_none_or(|asked| now.saturating_sub(asked) >= PAUSE)
    }
}

/// The keys of an issuer.
pub(super) struct Keys {
    issuer: String,
    url: Url,
    client: Client,
    steady: Steady,
    known: Mutex<Known>,
    /// Who asks holds this.
    asking: tokio::sync::Mutex<()>,
}

/// An error in getting the issuer's keys.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error("{}", of_request(.0))]
    Http(#[from] reqwest::Error),
    #[error("it answered {0}")]
    Status(reqwest::StatusCode),
    #[error("it answered with more than {MAX_ANSWER} bytes")]
    Long,
    #[error("what it answered is not {0}")]
    Malformed(&'static str),
    #[error("it calls itself {0:?}")]
    Issuer(String),
    #[error("its keys are to be had without encryption")]
    Unsafe,
}

/// What is read of an issuer's metadata (OpenID Connect Discovery 1.0, section 3).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl Keys {
    /// `patience` is how long the issuer may take for an answer.
    pub(super) fn new(issuer: String, url: Url, patience: Duration, steady: Steady) -> reqwest::Result<Self> {
        let client = Client::builder().timeout(patience).redirect(Policy::none()).build()?;
        Ok(Self {
            issuer,
            url,
            client,
            steady,
            known: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that a token names. Where it is not known, and the issuer was not asked just now, it is asked.
    pub(super) async fn find(&self, head: &Head) -> Result<Key, AdmitError> {
        if let Some(found) = self.recall(head) {
            return Ok(found);
        }
        self.ask(|known, now| known.find(head).is_none() || known.is_older(KEPT, now)).await;
        let now = (self.steady)();
        let found = self.recall(head);
        let are_there = !self.known().is_older(KEPT, now);
        found.ok_or(if are_there { IssuerTokenError::Key.into() } else { AdmitError::IssuerUnavailable })
    }

    fn recall(&self, head: &Head) -> Option<Key> {
        let (now, known) = ((self.steady)(), self.known());
        known.find(head).filter(|_| !known.is_older(KEPT, now))
    }

    /// Whether the issuer still has that key.
    pub(super) fn has(&self, print: &Hash) -> bool {
        let (now, known) = ((self.steady)(), self.known());
        !known.is_older(KEPT, now) && known.keys.iter().any(|key| key.print == *print)
    }

    /// Whether keys went since this was asked last.
    pub(super) fn lost_any(&self) -> bool {
        std::mem::take(&mut self.known().lost)
    }

    /// Asks in the background when the keys are old.
    pub(super) fn keep_fresh(this: &Arc<Self>) {
        let is_due = {
            let (now, known) = ((this.steady)(), this.known());
            known.is_older(FRESH, now) && known.may_ask(now)
        };
        if is_due && this.asking.try_lock().is_ok() {
            let this = this.clone();
            tokio::spawn(async move { this.ask(|known, now| known.is_older(FRESH, now)).await });
        }
    }

    /// Asks the issuer, one at a time, if that is still needed when it is one's turn.
    async fn ask(&self, is_needed: impl Fn(&Known, Duration) -> bool) {
        let _asking = self.asking.lock().await;
        {
            let (now, mut known) = ((self.steady)(), self.known());
            if !is_needed(&known, now) || !known.may_ask(now) {
                return;
            }
            known.asked = Some(now);
        }
        match self.fetch().await {
            Ok(keys) => {
                let (now, mut known) = ((self.steady)(), self.known());
                known.lost |= known.keys.iter().any(|old| keys.iter().all(|new| new.print != old.print));
                (known.keys, known.at) = (keys, Some(now));
            }
            Err(error) => tracing::warn!(issuer = self.issuer, %error, "the issuer's keys cannot be had"),
        }
    }

    async fn fetch(&self) -> Result<Vec<Key>, KeysError> {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/.well-known/openid-configuration", url.path().trim_end_matches('/')));
        let metadata: Metadata = self.get(url).await?.ok_or(KeysError::Malformed("an issuer's metadata"))?;
        if metadata.issuer != self.issuer {
            return Err(KeysError::Issuer(metadata.issuer));
        }
        let url = Url::parse(&metadata.jwks_uri).map_err(|_| KeysError::Malformed("an issuer's metadata"))?;
        // Where the issuer itself is on this machine, so may be its keys.
        if !is_safe(&url) || (url.scheme() == "http" && self.url.scheme() == "https") {
            return Err(KeysError::Unsafe);
        }
        let set: KeySet = self.get(url).await?.ok_or(KeysError::Malformed("a set of keys"))?;
        // Keys of kinds that are not known here are for others. With none left, the issuer has taken back all.
        let keys: Vec<Key> = set.keys.iter().take(MAX_KEYS).filter_map(Key::read).collect();
        if keys.is_empty() {
            tracing::warn!(issuer = self.issuer, "the issuer has no key that verifies signatures");
        }
        Ok(keys)
    }

    async fn get<T: for<'a> Deserialize<'a>>(&self, url: Url) -> Result<Option<T>, KeysError> {
        let mut answer = self.client.get(url).send().await?;
        if !answer.status().is_success() {
            return Err(KeysError::Status(answer.status()));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            if piece.len() > MAX_ANSWER - bytes.len() {
                return Err(KeysError::Long);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(serde_json::from_slice(&bytes).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_is_for_its_own_algorithms() {
        let x = "11qYAyGi8mMCrBdPAGTeUBZ6hL1AVJwpGIHYpHBX0Jo";
        let of = |jwk: &Value| Key::read(jwk).map(|key| key.algorithms.to_vec());
        let okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "iat": 1_700_000_000, "ext": true });
        assert_eq!(of(&okp), Some(vec![Algorithm::EdDSA]));
        let rsa = json!({ "kty": "RSA", "n": x, "e": "AQAB", "alg": "PS256", "use": "sig" });
        assert_eq!(of(&rsa), Some(vec![Algorithm::PS256]));
        for jwk in [
            json!({ "kty": "oct", "k": x }),
            json!({ "kty": "oct", "k": x, "alg": "HS256" }),
            json!({ "kty": "RSA", "n": x, "e": "AQAB", "use": "enc" }),
            json!({ "kty": "RSA", "n": x, "e": "AQAB", "alg": "HS256" }),
            json!({ "kty": "RSA", "n": x, "e": "AQAB", "alg": "RSA-OAEP" }),
            json!({ "kty": "EC", "crv": "P-521", "x": x, "y": x }),
            json!({ "kty": "EC", "crv": "P-256", "x": x, "y": x, "alg": "ES384" }),
            json!({ "kty": "EC", "crv": "P-256", "x": x }),
            json!({ "kty": "RSA", "n": "!", "e": "AQAB" }),
            json!({}),
            json!(null),
        ] {
            assert_eq!(of(&jwk), None, "{jwk}");
        }
    }
}
