//! The issuer's keys (JWKS), located by its metadata. They are fetched again when they are old or when one is missing.

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

/// Age at which keys are fetched again in the background.
const REFRESH_AGE: Duration = Duration::from_mins(5);
/// Minimum interval between two requests to the issuer, regardless of the tokens that arrive.
const MIN_REQUEST_INTERVAL: Duration = Duration::from_secs(10);
/// Age up to which keys are used while the issuer doesn't respond.
const MAX_KEY_AGE: Duration = Duration::from_hours(24);
/// Maximum size of the issuer's responses, in bytes.
const MAX_RESPONSE_BYTES: usize = 256 << 10;
/// Maximum number of keys that are read.
const MAX_KEYS: usize = 100;

/// A public key of the issuer.
#[derive(Clone)]
pub(super) struct Key {
    /// The key ID, if it has one.
    id: Option<String>,
    /// The hash of the key ID and the key. An issuer may reuse a key ID for another key.
    pub(super) fingerprint: Hash,
    algorithms: &'static [Algorithm],
    pub(super) verifies: DecodingKey,
}

impl Key {
    /// Parses a JWK. Returns `None` unless it is a public key that verifies signatures.
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
        let fingerprint = Hash::digest(&[&serde_json::to_vec(&(&id, &jwk.algorithm)).ok()?]);
        Some(Self { id, fingerprint, algorithms, verifies })
    }
}

/// The keys last fetched from the issuer.
#[derive(Default)]
struct FetchedKeys {
    keys: Vec<Key>,
    /// When they were fetched.
    at: Option<Duration>,
    /// When the issuer was last requested, with or without success.
    requested: Option<Duration>,
    /// Set when keys have disappeared since the last check.
    lost: bool,
}

impl FetchedKeys {
    fn find(&self, head: &Head) -> Option<Key> {
        let mut matching = self.keys.iter().filter(|key| {
            key.algorithms.contains(&head.algorithm) && (head.id.is_none() || key.id == head.id)
        });
        // Picking one of several matching keys would be a guess.
        matching.next().filter(|_| matching.next().is_none()).cloned()
    }

    fn is_older(&self, age: Duration, now: Duration) -> bool {
        self.at.is_none_or(|at| now.saturating_sub(at) >= age)
    }

    fn may_request(&self, now: Duration) -> bool {
        self.requested.is_none_or(|requested| now.saturating_sub(requested) >= MIN_REQUEST_INTERVAL)
    }
}

/// The keys of an issuer.
pub(super) struct Keys {
    issuer: String,
    url: Url,
    client: Client,
    steady: Steady,
    known: Mutex<FetchedKeys>,
    /// Serializes requests to the issuer.
    fetching: tokio::sync::Mutex<()>,
}

/// An error in fetching the issuer's keys.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error("{}", of_request(.0))]
    Http(#[from] reqwest::Error),
    #[error("the issuer responded with status {0}")]
    Status(reqwest::StatusCode),
    #[error("the issuer's response is larger than {MAX_RESPONSE_BYTES} bytes")]
    TooLarge,
    #[error("the issuer's response isn't {0}")]
    Malformed(&'static str),
    #[error("the issuer's metadata names another issuer: {0:?}")]
    Issuer(String),
    #[error("the issuer's key URL isn't HTTPS")]
    NotHttps,
}

/// The fields used of an issuer's metadata (OpenID Connect Discovery 1.0, section 3).
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
    /// Creates an empty set of keys. `patience` is the time limit for a response.
    pub(super) fn new(issuer: String, url: Url, patience: Duration, steady: Steady) -> reqwest::Result<Self> {
        let client = countersign_tls::http_client().timeout(patience).redirect(Policy::none()).build()?;
        Ok(Self {
            issuer,
            url,
            client,
            steady,
            known: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        })
    }

    fn known(&self) -> MutexGuard<'_, FetchedKeys> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the key for a token. If it isn't known, asks the issuer, unless it was requested just before.
    pub(super) async fn find(&self, head: &Head) -> Result<Key, AdmitError> {
        if let Some(found) = self.recall(head) {
            return Ok(found);
        }
        self.refresh(|known, now| known.find(head).is_none() || known.is_older(MAX_KEY_AGE, now)).await;
        let now = (self.steady)();
        let found = self.recall(head);
        let are_fresh = !self.known().is_older(MAX_KEY_AGE, now);
        found.ok_or(if are_fresh { IssuerTokenError::Key.into() } else { AdmitError::IssuerUnavailable })
    }

    fn recall(&self, head: &Head) -> Option<Key> {
        let (now, known) = ((self.steady)(), self.known());
        known.find(head).filter(|_| !known.is_older(MAX_KEY_AGE, now))
    }

    /// True if the issuer still has the key with that hash.
    pub(super) fn has(&self, fingerprint: &Hash) -> bool {
        let (now, known) = ((self.steady)(), self.known());
        !known.is_older(MAX_KEY_AGE, now) && known.keys.iter().any(|key| key.fingerprint == *fingerprint)
    }

    /// Returns true if keys have disappeared since the last call.
    pub(super) fn take_lost(&self) -> bool {
        std::mem::take(&mut self.known().lost)
    }

    /// Fetches the keys in the background if they are old.
    pub(super) fn keep_fresh(this: &Arc<Self>) {
        let is_due = {
            let (now, known) = ((this.steady)(), this.known());
            known.is_older(REFRESH_AGE, now) && known.may_request(now)
        };
        if is_due && this.fetching.try_lock().is_ok() {
            let this = this.clone();
            tokio::spawn(async move { this.refresh(|known, now| known.is_older(REFRESH_AGE, now)).await });
        }
    }

    /// Fetches the keys. Requests are serialized, and `is_needed` is checked again once it is this one's turn.
    async fn refresh(&self, is_needed: impl Fn(&FetchedKeys, Duration) -> bool) {
        let _guard = self.fetching.lock().await;
        {
            let (now, mut known) = ((self.steady)(), self.known());
            if !is_needed(&known, now) || !known.may_request(now) {
                return;
            }
            known.requested = Some(now);
        }
        match self.fetch().await {
            Ok(keys) => {
                let (now, mut known) = ((self.steady)(), self.known());
                known.lost |=
                    known.keys.iter().any(|old| keys.iter().all(|new| new.fingerprint != old.fingerprint));
                (known.keys, known.at) = (keys, Some(now));
            }
            Err(error) => tracing::warn!(issuer = self.issuer, %error, "fetching the issuer's keys failed"),
        }
    }

    async fn fetch(&self) -> Result<Vec<Key>, KeysError> {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/.well-known/openid-configuration", url.path().trim_end_matches('/')));
        let metadata: Metadata =
            self.get(url).await?.ok_or(KeysError::Malformed("OpenID provider metadata"))?;
        if metadata.issuer != self.issuer {
            return Err(KeysError::Issuer(metadata.issuer));
        }
        let url =
            Url::parse(&metadata.jwks_uri).map_err(|_| KeysError::Malformed("OpenID provider metadata"))?;
        // If the issuer is on this machine, its keys may be too.
        if !is_safe(&url) || (url.scheme() == "http" && self.url.scheme() == "https") {
            return Err(KeysError::NotHttps);
        }
        let set: KeySet = self.get(url).await?.ok_or(KeysError::Malformed("a JWK set"))?;
        // Skip keys of unsupported types. If none is left, the issuer has revoked all of them.
        let keys: Vec<Key> = set.keys.iter().take(MAX_KEYS).filter_map(Key::read).collect();
        if keys.is_empty() {
            tracing::warn!(issuer = self.issuer, "the issuer has no supported key that verifies signatures");
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
            if piece.len() > MAX_RESPONSE_BYTES - bytes.len() {
                return Err(KeysError::TooLarge);
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
    fn keys_verify_only_their_own_algorithms() {
        let x = "11qYAyGi8mMCrBdPAGTeUBZ6hL1AVJwpGIHYpHBX0Jo";
        let algorithms = |jwk: &Value| Key::read(jwk).map(|key| key.algorithms.to_vec());
        let okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "iat": 1_700_000_000, "ext": true });
        assert_eq!(algorithms(&okp), Some(vec![Algorithm::EdDSA]));
        let rsa = json!({ "kty": "RSA", "n": x, "e": "AQAB", "alg": "PS256", "use": "sig" });
        assert_eq!(algorithms(&rsa), Some(vec![Algorithm::PS256]));
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
            assert_eq!(algorithms(&jwk), None, "{jwk}");
        }
    }
}
