//! API errors for requests that authentication or authorization rejects.

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
                        format!("the OpenID Connect token doesn't grant the right {:?}", right.name())
                    }
                    _ => "the OpenID Connect token is valid but grants no access to this log".to_owned(),
                };
                Self::new(StatusCode::FORBIDDEN, "request.forbidden", message)
                    .with_hint("ask the log operator to grant access with `countersign serve --oidc-allow`")
            }
            AdmitError::Issuer(why) => {
                let message = format!("invalid OpenID Connect token: {why}");
                Self::new(StatusCode::UNAUTHORIZED, "request.unauthenticated", message)
                    .with_hint("request a new token from the issuer, with this log as its audience")
            }
            AdmitError::IssuerUnavailable => {
                let message =
                    "the issuer's keys are temporarily unavailable, so its tokens can't be verified";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "server.issuer", message)
                    .with_hint("send the request again later, or use one of the log's own tokens; find the cause in the server's logs")
            }
        }
    }
}
