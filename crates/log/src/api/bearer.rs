//! Who may read: `Authorization: Bearer TOKEN`, and nowhere else.

use http::{HeaderMap, StatusCode, header};

use super::ApiError;
use crate::tokens::AccessError;

/// The token of a request that has one, once.
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
                let message = "only readers with a valid token may ask for this";
                Self::new(StatusCode::UNAUTHORIZED, "request.unauthenticated", message)
                    .with_hint("send it as Authorization: Bearer TOKEN; `countersign token add` makes one")
            }
            AccessError::Forbidden(right) => {
                let right = right.name();
                let message = format!("this token does not have the right {right}");
                Self::new(StatusCode::FORBIDDEN, "request.forbidden", message)
                    .with_hint(format!("`countersign token add NAME --right {right}` makes one that has"))
            }
            AccessError::Unavailable => {
                let message = "nobody can be let in now";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "server.unavailable", message)
                    .with_hint("the log's operator finds out why in its logs")
            }
        }
    }
}
