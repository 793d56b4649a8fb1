//! Authentication by the header `Authorization: Bearer TOKEN`, the only place for a token.

use http::{HeaderMap, StatusCode, header};

use super::ApiError;
use crate::tokens::AccessError;

/// Returns the token of a request, if it has exactly one.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

impl From<AccessError> for ApiError {
    fn from(denied: AccessError) -> Self {
        match denied {
            AccessError::Unauthenticated => {
                let message = "this request requires a valid token";
                Self::new(StatusCode::UNAUTHORIZED, "request.unauthenticated", message).with_hint(
                    "send `Authorization: Bearer TOKEN`; create a token with `countersign token add`",
                )
            }
            AccessError::Forbidden(right) => {
                let right = right.name();
                let message = format!("this token lacks the right `{right}`");
                Self::new(StatusCode::FORBIDDEN, "request.forbidden", message).with_hint(format!(
                    "create a token that has it with `countersign token add NAME --right {right}`"
                ))
            }
            AccessError::Unavailable => {
                let message = "the log cannot check tokens right now";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "server.unavailable", message)
                    .with_hint("try again later; the log operator can find the cause in the server's logs")
            }
        }
    }
}
