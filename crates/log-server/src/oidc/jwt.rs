//! A token as the issuer signed it.

use countersign::time::Time;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::keys::Key;
use countersign_log::tokens::Right;

/// The most bytes that a token has.
const MAX_TOKEN: usize = 16 << 10;
/// The most bytes that a key's name has.
const MAX_ID: usize = 256;
/// So many milliseconds the issuer's clock and the log's may differ.
const LEEWAY: i64 = 60_000;
/// Signatures by keys of which everybody may have the public half, and no others.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// What a token says that it is, where it says so: an access token (RFC 9068) or an ID token.
const TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];

/// An error in a token of the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerTokenError {
    /// It is no signed token, or lacks what each has.
    #[error("it is not a signed token with issuer, audience, subject and end")]
    Malformed,
    /// Its algorithm is none that an issuer's public key verifies.
    #[error("its algorithm is not one that this log takes")]
    Algorithm,
    /// The issuer has no key of its name.
    #[error("the issuer has no key of that name")]
    Key,
    /// The issuer's key did not sign it.
    #[error("the issuer's key did not sign it")]
    Signature,
    /// Another issuer's name is in it.
    #[error("it is of another issuer")]
    Issuer,
    /// It is for another service.
    #[error("it is for another audience")]
    Audience,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    Early,
    /// Its claims fulfill no rule.
    #[error("no rule of this log is for such claims")]
    NoRule,
    /// The rules that its claims fulfill give others.
    #[error("no rule of this log gives such claims the right {}", .0.name())]
    Lacks(Right),
}

/// What a token says of its signature. Nothing of it is believed: it tells which key to try.
pub(super) struct Head {
    pub(super) algorithm: Algorithm,
    pub(super) id: Option<String>,
}

impl Head {
    pub(super) fn read(token: &str) -> Result<Self, IssuerTokenError> {
        if token.len() > MAX_TOKEN {
            return Err(IssuerTokenError::Malformed);
        }
        // An algorithm that the crate does not know, `none` before all, is an error here.
        let header = decode_header(token).map_err(|_| IssuerTokenError::Malformed)?;
        let is_of_type = |typ: &String| TYPES.contains(&typ.to_ascii_lowercase().as_str());
        if header.crit.is_some() || !header.typ.as_ref().is_none_or(is_of_type) {
            return Err(IssuerTokenError::Malformed);
        }
        if !ALGORITHMS.contains(&header.alg) {
            return Err(IssuerTokenError::Algorithm);
        }
        if header.kid.as_ref().is_some_and(|id| id.len() > MAX_ID) {
            return Err(IssuerTokenError::Key);
        }
        Ok(Self { algorithm: header.alg, id: header.kid })
    }

    /// The claims, when that key signed them, for one of the audiences.
    pub(super) fn verify(
        &self,
        token: &str,
        key: &Key,
        issuer: &str,
        audiences: &[String],
    ) -> Result<Map<String, Value>, IssuerTokenError> {
        let mut validation = Validation::new(self.algorithm);
        validation.set_issuer(&[issuer]);
        validation.set_audience(audiences);
        validation.set_required_spec_claims(&["iss", "aud"]);
        // The crate would ask the system's clock, and not the log's.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        let decoded = decode(token, &key.verifies, &validation);
        decoded.map(|data| data.claims).map_err(|error| match error.kind() {
            ErrorKind::InvalidIssuer => IssuerTokenError::Issuer,
            ErrorKind::InvalidAudience => IssuerTokenError::Audience,
            ErrorKind::InvalidSignature => IssuerTokenError::Signature,
            ErrorKind::InvalidAlgorithm => IssuerTokenError::Algorithm,
            _ => IssuerTokenError::Malformed,
        })
    }
}

/// Until when a token of these claims is good, if it is good now.
pub(super) fn until(claims: &Map<String, Value>, now: Time) -> Result<Time, IssuerTokenError> {
    let end = millis(claims.get("exp").ok_or(IssuerTokenError::Malformed)?)?;
    let end = end.saturating_add(LEEWAY);
    if end <= now.millis() {
        return Err(IssuerTokenError::Expired);
    }
    let until = Time::from_millis(end).unwrap_or(Time::MAX);
    match claims.get("nbf").map(millis).transpose()? {
        Some(begin) if begin.saturating_sub(LEEWAY) > now.millis() => Err(IssuerTokenError::Early),
        _ => Ok(until),
    }
}

/// Seconds since 1970, perhaps with a fraction, as milliseconds.
fn millis(claim: &Value) -> Result<i64, IssuerTokenError> {
    let seconds = claim.as_f64().filter(|seconds| seconds.is_finite()).ok_or(IssuerTokenError::Malformed)?;
    // What is beyond all numbers becomes the last of them.
    Ok((seconds * 1000.0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(seconds: i64, claims: &Value) -> Result<Time, IssuerTokenError> {
        until(claims.as_object().unwrap(), Time::from_millis(seconds * 1000).unwrap())
    }

    #[test]
    fn a_token_is_good_between_its_times_and_a_minute_around() {
        let claims = json!({ "exp": 1000, "nbf": 500 });
        for (now, good) in [(439, false), (440, true), (1059, true), (1060, false)] {
            assert_eq!(at(now, &claims).is_ok(), good, "{now}");
        }
        assert_eq!(at(439, &claims), Err(IssuerTokenError::Early));
        assert_eq!(at(1060, &claims), Err(IssuerTokenError::Expired));
        assert_eq!(at(0, &json!({ "exp": 1.5 })).unwrap().millis(), 61_500);
        assert_eq!(at(0, &json!({ "exp": 1e300 })), Ok(Time::MAX));
        assert_eq!(at(0, &json!({ "exp": -1e300 })), Err(IssuerTokenError::Expired));
        for claims in
            [json!({}), json!({ "exp": "1000" }), json!({ "exp": null }), json!({ "exp": 1000, "nbf": "" })]
        {
            assert_eq!(at(0, &claims), Err(IssuerTokenError::Malformed), "{claims}");
        }
    }
}
