//! Readers whom an issuer of OpenID Connect vouches for.
//!
//! A reader brings a token that the issuer signed (a JWT) where others bring one of `readers.txt`. It lets its bearer in
//! when the issuer's own keys signed it, it is for this log's audience, it is of now by the log's clock, and a rule says
//! what claims such as the token's allow. Nothing else that a token says is believed: not its algorithm, which is to be
//! one that its key is for, and not where its key might be had.

mod admit_error;
mod jwt;
mod keys;
mod rule;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::hash::Hash;
use countersign::time::Time;
use reqwest::Url;
use serde_json::{Value, json};

use countersign_log::clock::Steady;
use countersign_log::tokens::{Access, Lent, Right};
use keys::Keys;

pub(crate) use admit_error::AdmitError;
pub use jwt::IssuerTokenError;
pub use rule::Rule;

/// How many moments are remembered at which tokens end.
const MOMENTS: usize = 1 << 16;
/// The most bytes that the name of a reader has.
const MAX_NAME: usize = 100;

/// How long an issuer may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// An issuer, and what its tokens allow.
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
    /// Of the issuer with that URL. A token is for one of the audiences. The first rule that its claims fulfill and that
    /// gives what is asked for decides. `name` is the claim that tells people who reads.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn new(
        issuer: &str,
        audiences: Vec<String>,
        rules: Vec<Rule>,
        name: String,
    ) -> Result<Self, &'static str> {
        let url = Url::parse(issuer).ok().filter(|url| url.query().is_none() && url.fragment().is_none());
        let url =
            url.ok_or("an issuer is a URL such as https://login.example, without query and fragment")?;
        if !is_safe(&url) {
            return Err("an issuer is asked by https://, or on this machine by http://");
        }
        if audiences.is_empty() || audiences.iter().any(String::is_empty) {
            return Err(
                "there is to be an audience: without one a token for any other service would do here",
            );
        }
        if rules.is_empty() {
            return Err("without a rule nobody is let in");
        }
        Ok(Self { issuer: issuer.to_owned(), url, audiences, rules, name, patience: PATIENCE })
    }

    /// With another time that the issuer may take for an answer: 5 seconds otherwise.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How a page signs readers in, as that client of the issuer's, which has no secret. The ID token is for the client: where
    /// this is an audience of the log's, the page sends that. Otherwise it asks for an access token for the first
    /// audience: by `scope`, or without one by naming the audience (RFC 8707).
    pub fn sign_in(&self, client: &str, scope: Option<&str>) -> SignIn {
        let by_id = self.audiences.iter().any(|audience| audience == client);
        let resource = self.audiences.first().filter(|_| !by_id && scope.is_none());
        SignIn {
            issuer: self.issuer.clone(),
            origin: self.url.origin().ascii_serialization(),
            client: client.to_owned(),
            scope: scope.unwrap_or("openid").to_owned(),
            resource: resource.cloned(),
            by_id,
        }
    }
}

/// How a page signs readers in: [`Config::sign_in`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    issuer: String,
    origin: String,
    client: String,
    scope: String,
    resource: Option<String>,
    by_id: bool,
}

impl SignIn {
    /// The origin that a page has to ask.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// What a page has to know, as JSON.
    pub(crate) fn told(&self) -> String {
        let Self { issuer, client, scope, resource, by_id, .. } = self;
        let token = if *by_id { "id" } else { "access" };
        json!({ "issuer": issuer, "client": client, "scope": scope, "resource": resource, "token": token })
            .to_string()
    }
}

/// Whether what comes from there is from whom it says, and nobody on the way.
fn is_safe(url: &Url) -> bool {
    match url.host() {
        _ if url.scheme() == "https" => true,
        Some(url::Host::Domain(name)) => url.scheme() == "http" && name == "localhost",
        Some(url::Host::Ipv4(address)) => url.scheme() == "http" && address.is_loopback(),
        Some(url::Host::Ipv6(address)) => url.scheme() == "http" && address.is_loopback(),
        None => false,
    }
}

/// The readers of an issuer.
pub struct Issuer {
    config: Config,
    keys: Arc<Keys>,
    /// When tokens end that were let in.
    ends: Mutex<BTreeSet<Time>>,
}

impl Issuer {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// When there can be no client that asks.
    pub(crate) fn new(config: Config, steady: Steady) -> reqwest::Result<Self> {
        let keys = Keys::new(config.issuer.clone(), config.url.clone(), config.patience, steady)?;
        Ok(Self { config, keys: Arc::new(keys), ends: Mutex::default() })
    }

    /// Lets the bearer of a token in, if the claims allow what is asked for.
    ///
    /// # Errors
    /// [`AdmitError`].
    pub(crate) async fn admit(&self, token: &str, right: Right, now: Time) -> Result<Access, AdmitError> {
        let admitted = self.judge(token, right, now).await;
        if let Err(AdmitError::Issuer(why)) = &admitted {
            tracing::debug!(%why, "a token of the issuer is refused");
        }
        admitted
    }

    async fn judge(&self, token: &str, right: Right, now: Time) -> Result<Access, AdmitError> {
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
        let scope = allowed.find_map(|(rights, scope)| rights.allow(right).then_some(scope));
        let scope = scope.ok_or(IssuerTokenError::Lacks(right))?;
        let credential = Hash::of(&[issuer.as_bytes(), b"\n", subject.as_bytes()]).0;
        let name = shown(claims.get(name).and_then(Value::as_str).unwrap_or(subject));
        self.ends_at(until);
        let lent = Lent { until, key: key.print };
        Ok(Access::lent(credential, right, name, Arc::new(scope), lent))
    }

    /// Whether a token that was let in before would be let in now.
    pub(crate) fn still_admits(&self, lent: &Lent, now: Time) -> bool {
        now < lent.until && self.keys.has(&lent.key)
    }

    fn ends_at(&self, time: Time) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.len() < MOMENTS {
            ends.insert(time);
        }
    }

    /// Sees to it that the keys are those of now, and tells whether tokens may have ended since it looked last.
    pub(crate) fn look(&self, now: Time) -> bool {
        Keys::keep_fresh(&self.keys);
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let later = ends.split_off(&now);
        // What ends now is in `later` as its first.
        let ended = !std::mem::replace(&mut *ends, later).is_empty() | ends.remove(&now);
        self.keys.lost_any() || ended
    }
}

/// A claim as a reader's name, which no token of `readers.txt` has.
fn shown(claim: &str) -> String {
    let name = format!("oidc:{claim}");
    let is_plain = !name.chars().any(|char| char.is_whitespace() || char.is_control());
    if is_plain && name.len() <= MAX_NAME {
        name
    } else {
        format!("oidc:sha256:{}", Hash::of(&[claim.as_bytes()]))
    }
}
