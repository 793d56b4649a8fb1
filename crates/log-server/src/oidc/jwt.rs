//! Parsing and verification of the issuer's tokens.

use countersign::time::Time;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::keys::Key;
use super::signature;
use countersign_log::tokens::Right;

/// Maximum length of a token, in bytes.
const MAX_TOKEN_BYTES: usize = 16 << 10;
/// Maximum length of a key ID, in bytes.
const MAX_KEY_ID_BYTES: usize = 256;
/// Tolerated difference between the issuer's clock and the log's, in milliseconds.
const LEEWAY_MS: i64 = 60_000;
/// Accepted signature algorithms, all with public keys.
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
/// Accepted `typ` headers, for access tokens (RFC 9068) and ID tokens.
const TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];

/// The reason why an issuer's token is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerTokenError {
    /// The token isn't signed, or it lacks a required claim.
    #[error("the token isn't a signed JWT with the claims iss, aud, sub, and exp")]
    Malformed,
    /// The token's algorithm isn't one that a public key verifies.
    #[error("the token's signature algorithm isn't supported")]
    Algorithm,
    /// The issuer has no key with the token's key ID.
    #[error("the issuer has no key with the token's key ID")]
    Key,
    /// The issuer's key doesn't verify the token's signature.
    #[error("the token's signature isn't valid")]
    Signature,
    /// The token names another issuer.
    #[error("the token is from another issuer")]
    Issuer,
    /// The token is for another audience.
    #[error("the token is for another audience")]
    Audience,
    /// The token has expired.
    #[error("the token has expired")]
    Expired,
    /// The token isn't valid yet.
    #[error("the token isn't valid yet")]
    Early,
    /// No rule matches the token's claims.
    #[error("no rule of this log matches the token's claims")]
    NoRule,
    /// The rules that match the token's claims don't grant the right.
    #[error("no rule of this log that matches the token's claims grants the right {}", .0.name())]
    Lacks(Right),
}

/// The token's header. It is untrusted and only selects the key to try.
pub(super) struct Head {
    pub(super) algorithm: Algorithm,
    pub(super) id: Option<String>,
}

impl Head {
    pub(super) fn read(token: &str) -> Result<Self, IssuerTokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(IssuerTokenError::Malformed);
        }
        // Unknown algorithms, including `none`, are an error here.
        let header = decode_header(token).map_err(|_| IssuerTokenError::Malformed)?;
        let is_of_type = |typ: &String| TYPES.contains(&typ.to_ascii_lowercase().as_str());
        if header.crit.is_some() || !header.typ.as_ref().is_none_or(is_of_type) {
            return Err(IssuerTokenError::Malformed);
        }
        if !ALGORITHMS.contains(&header.alg) {
            return Err(IssuerTokenError::Algorithm);
        }
        if header.kid.as_ref().is_some_and(|id| id.len() > MAX_KEY_ID_BYTES) {
            return Err(IssuerTokenError::Key);
        }
        Ok(Self { algorithm: header.alg, id: header.kid })
    }

    /// Verifies the signature, issuer, and audience, and returns the claims.
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
        // The crate would use the system's clock instead of the log's.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        signature::install();
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

/// Returns when a token with these claims expires, if it is valid at `now`.
pub(super) fn until(claims: &Map<String, Value>, now: Time) -> Result<Time, IssuerTokenError> {
    let end = millis(claims.get("exp").ok_or(IssuerTokenError::Malformed)?)?;
    let end = end.saturating_add(LEEWAY_MS);
    if end <= now.millis() {
        return Err(IssuerTokenError::Expired);
    }
    let until = Time::from_millis(end).unwrap_or(Time::MAX);
    match claims.get("nbf").map(millis).transpose()? {
        Some(begin) if begin.saturating_sub(LEEWAY_MS) > now.millis() => Err(IssuerTokenError::Early),
        _ => Ok(until),
    }
}

/// Converts seconds since 1970, possibly with a fraction, to milliseconds.
fn millis(claim: &Value) -> Result<i64, IssuerTokenError> {
    let seconds = claim.as_f64().filter(|seconds| seconds.is_finite()).ok_or(IssuerTokenError::Malformed)?;
    // The cast saturates.
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
    fn tokens_are_valid_between_nbf_and_exp_with_a_minute_of_leeway() {
        let claims = json!({ "exp": 1000, "nbf": 500 });
        for (now, is_valid) in [(439, false), (440, true), (1059, true), (1060, false)] {
            assert_eq!(at(now, &claims).is_ok(), is_valid, "{now}");
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
