//! The answer to a request that isn't allowed.

use axum::http::StatusCode;

use crate::oidc::{AdmitError, IssuerTokenError};
use countersign_log::api::ApiError;

impl From<AdmitError> for ApiError {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Denied(denied) => denied.into(),
            AdmitError::Issuer(why @ (IssuerTokenError::NoRule | IssuerTokenError::Lacks(_))) => {
                let message = match why {
                    IssuerTokenError::Lacks(right) => {
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
