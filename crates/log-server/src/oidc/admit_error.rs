//! Why a request isn't allowed, by the log's own tokens or by its issuer's.

use countersign_log::api::Problem;
use countersign_log::tokens::Denied;
use http::StatusCode;

use super::Refused;

/// Why a request isn't allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdmitError {
    /// The log's own tokens don't allow it.
    Denied(Denied),
    /// The issuer's token is refused.
    Issuer(Refused),
    /// The issuer's keys aren't known, so none of its tokens is accepted.
    IssuerUnavailable,
}

impl From<Denied> for AdmitError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Refused> for AdmitError {
    fn from(refused: Refused) -> Self {
        Self::Issuer(refused)
    }
}

impl From<AdmitError> for Problem {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Denied(denied) => denied.into(),
            AdmitError::Issuer(why @ (Refused::NoRule | Refused::Lacks(_))) => {
                let message = match why {
                    Refused::Lacks(right) => {
                        format!("the issuer's token does not give the right {}", right.name())
                    }
                    _ => "the issuer's token is good, and allows nothing here".to_owned(),
                };
                Self::new(StatusCode::FORBIDDEN, "request.forbidden", message)
                    .with_hint("the log's operator says with --oidc-allow which claims allow what")
            }
            AdmitError::Issuer(why) => {
                let message = format!("the issuer's token is not good: {why}");
                Self::new(StatusCode::UNAUTHORIZED, "request.unauthenticated", message)
                    .with_hint("get a new token of the issuer, for this log's audience")
            }
            AdmitError::IssuerUnavailable => {
                let message =
                    "the issuer's keys cannot be had now: tokens of the log's own are good all the same";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "server.issuer", message)
                    .with_hint("send it again later; the log's operator finds out why in its logs")
            }
        }
    }
}
