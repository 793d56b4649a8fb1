//! Admission of readers with tokens of an OpenID Connect issuer.
//!
//! Instead of a token from `readers.txt`, a reader sends a token that the issuer signed (a JWT). It is admitted if the
//! issuer's own key signed it, if it is for this log's audience, if it is valid by the log's clock, and if a rule
//! matches its claims. Nothing else in the token is trusted: neither its algorithm, which must match the key, nor any
//! URL for its key.

mod admit_error;
mod jwt;
mod keys;
mod rule;
mod signature;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::hash::Hash;
use countersign::time::Time;
use reqwest::Url;
use serde_json::{Value, json};

use countersign_log::clock::Steady;
use countersign_log::tokens::{Access, Right, TokenValidity};
use keys::Keys;

pub(crate) use admit_error::AdmitError;
pub use jwt::IssuerTokenError;
pub use rule::Rule;

/// Maximum number of remembered expiry times.
const MAX_EXPIRY_TIMES: usize = 1 << 16;
/// Maximum length of a reader's name, in bytes.
const MAX_NAME_BYTES: usize = 100;

/// Default time limit for a response of the issuer.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(5);

/// An issuer and the access that its tokens grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    issuer: String,
    url: Url,
    audiences: Vec<String>,
    rules: Vec<Rule>,
    name: String,
    patience: Duration,
}

impl Config {
    /// Creates the configuration for the issuer at that URL. Tokens must be for one of `audiences`. The first rule
    /// that matches a token's claims and grants the requested right decides. `name` is the claim that identifies the
    /// reader to people.
    ///
    /// # Errors
    /// A human-readable description of the error. A rule with `log=` is one, because an ordinary log has no tenants.
    pub fn new(
        issuer: &str,
        audiences: Vec<String>,
        rules: Vec<Rule>,
        name: String,
    ) -> Result<Self, &'static str> {
        if rules.iter().any(Rule::has_logs) {
            return Err("this log has no tenants, so a rule must not have log=");
        }
        Self::for_tenants(issuer, audiences, rules, name)
    }

    /// Creates the configuration for a log with tenants, whose rules may have `log=`. The caller must check
    /// [`Access::logs`].
    ///
    /// # Errors
    /// A human-readable description of the error.
    pub fn for_tenants(
        issuer: &str,
        audiences: Vec<String>,
        rules: Vec<Rule>,
        name: String,
    ) -> Result<Self, &'static str> {
        let url = Url::parse(issuer).ok().filter(|url| url.query().is_none() && url.fragment().is_none());
        let url =
            url.ok_or("the issuer must be a URL without query and fragment, such as https://login.example")?;
        if !is_safe(&url) {
            return Err(
                "the issuer's URL must start with https://, or with http:// if it is on this machine",
            );
        }
        if audiences.is_empty() || audiences.iter().any(String::is_empty) {
            return Err("an audience is required; without one, tokens for other services would be accepted");
        }
        if rules.is_empty() {
            return Err("a rule is required; without one, no token would be accepted");
        }
        Ok(Self { issuer: issuer.to_owned(), url, audiences, rules, name, patience: DEFAULT_PATIENCE })
    }

    /// Sets the time limit for a response of the issuer. The default is 5 seconds.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Returns how a page signs readers in with the public OAuth client `client`. If `client` is one of the log's
    /// audiences, the page sends the ID token to the log. Otherwise it requests an access token for the first
    /// audience, with `scope` or, without a scope, by naming the audience as a resource (RFC 8707).
    pub fn sign_in(&self, client: &str, scope: Option<&str>) -> SignIn {
        let uses_id_token = self.audiences.iter().any(|audience| audience == client);
        let resource = self.audiences.first().filter(|_| !uses_id_token && scope.is_none());
        SignIn {
            issuer: self.issuer.clone(),
            origin: self.url.origin().ascii_serialization(),
            client: client.to_owned(),
            scope: scope.unwrap_or("openid").to_owned(),
            resource: resource.cloned(),
            uses_id_token,
        }
    }
}

/// The settings with which a page signs readers in; see [`Config::sign_in`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    issuer: String,
    origin: String,
    client: String,
    scope: String,
    resource: Option<String>,
    uses_id_token: bool,
}

impl SignIn {
    /// Returns the issuer's origin, which the page must be allowed to connect to.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the settings as JSON.
    pub(crate) fn to_json(&self) -> String {
        let Self { issuer, client, scope, resource, uses_id_token, .. } = self;
        let token = if *uses_id_token { "id" } else { "access" };
        json!({ "issuer": issuer, "client": client, "scope": scope, "resource": resource, "token": token })
            .to_string()
    }
}

/// True if responses from this URL can't be forged on the way: HTTPS, or HTTP on this machine.
fn is_safe(url: &Url) -> bool {
    match url.host() {
        _ if url.scheme() == "https" => true,
        Some(url::Host::Domain(name)) => url.scheme() == "http" && name == "localhost",
        Some(url::Host::Ipv4(address)) => url.scheme() == "http" && address.is_loopback(),
        Some(url::Host::Ipv6(address)) => url.scheme() == "http" && address.is_loopback(),
        None => false,
    }
}

/// The admission of readers with an issuer's tokens.
pub struct Issuer {
    config: Config,
    keys: Arc<Keys>,
    /// Expiry times of admitted tokens.
    expiry_times: Mutex<BTreeSet<Time>>,
}

impl Issuer {
    /// Creates the admission without contacting the issuer.
    ///
    /// # Errors
    /// If the HTTP client can't be created.
    pub(crate) fn new(config: Config, steady: Steady) -> reqwest::Result<Self> {
        let keys = Keys::new(config.issuer.clone(), config.url.clone(), config.patience, steady)?;
        Ok(Self { config, keys: Arc::new(keys), expiry_times: Mutex::default() })
    }

    /// Admits a token if its claims allow `right`.
    ///
    /// # Errors
    /// [`AdmitError`].
    pub(crate) async fn admit(&self, token: &str, right: Right, now: Time) -> Result<Access, AdmitError> {
        let admitted = self.verify(token, right, now).await;
        if let Err(AdmitError::Issuer(why)) = &admitted {
            tracing::debug!(%why, "a token of the issuer was rejected");
        }
        admitted
    }

    async fn verify(&self, token: &str, right: Right, now: Time) -> Result<Access, AdmitError> {
        let Config { issuer, audiences, rules, name, .. } = &self.config;
        let head = jwt::Head::read(token)?;
        let key = self.keys.find(&head).await?;
        let claims = head.verify(token, &key, issuer, audiences)?;
        let until = jwt::until(&claims, now)?;
        let subject = claims.get("sub").and_then(Value::as_str).filter(|subject| !subject.is_empty());
        let subject = subject.ok_or(IssuerTokenError::Malformed)?;
        let mut allowed = rules.iter().filter_map(|rule| rule.apply(&claims)).peekable();
        if allowed.peek().is_none() {
            return Err(IssuerTokenError::NoRule.into());
        }
        let grant = allowed.find(|grant| grant.rights.allow(right)).ok_or(IssuerTokenError::Lacks(right))?;
        let credential = Hash::digest(&[issuer.as_bytes(), b"\n", subject.as_bytes()]).0;
        let name = display_name(claims.get(name).and_then(Value::as_str).unwrap_or(subject));
        self.remember_expiry(until);
        let validity = TokenValidity { until, key: key.fingerprint };
        Ok(Access::from_issuer(credential, right, name, Arc::new(grant.scope), grant.logs, validity))
    }

    /// True if a token admitted earlier would still be admitted.
    pub(crate) fn still_admits(&self, validity: &TokenValidity, now: Time) -> bool {
        now < validity.until && self.keys.has(&validity.key)
    }

    fn remember_expiry(&self, time: Time) {
        let mut expiry_times = self.expiry_times.lock().unwrap_or_else(PoisonError::into_inner);
        if expiry_times.len() < MAX_EXPIRY_TIMES {
            expiry_times.insert(time);
        }
    }

    /// Refreshes the issuer's keys if they are old. Returns true if tokens may have become invalid since the last
    /// call.
    pub(crate) fn refresh(&self, now: Time) -> bool {
        Keys::keep_fresh(&self.keys);
        let mut expiry_times = self.expiry_times.lock().unwrap_or_else(PoisonError::into_inner);
        let later = expiry_times.split_off(&now);
        // `split_off` leaves a token that expires exactly now in `later`.
        let ended = !std::mem::replace(&mut *expiry_times, later).is_empty() | expiry_times.remove(&now);
        self.keys.take_lost() || ended
    }
}

/// Returns a reader's name from a claim. It can't equal a name in `readers.txt`.
fn display_name(claim: &str) -> String {
    let name = format!("oidc:{claim}");
    let is_plain = !name.chars().any(|char| char.is_whitespace() || char.is_control());
    if is_plain && name.len() <= MAX_NAME_BYTES {
        name
    } else {
        format!("oidc:sha256:{}", Hash::digest(&[claim.as_bytes()]))
    }
}
