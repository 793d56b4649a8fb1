//! Who may read: `Authorization: Bearer TOKEN`, and nowhere else.

use http::{HeaderMap, StatusCode, header};

use super::Problem;
#[cfg(feature = "server")]
use crate::oidc::Refused;
use crate::tokens::Denied;

/// The token of a request that has one, once.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthenticated => {
                let message = "only readers with a valid token may ask for this";
                Self::new(StatusCode::UNAUTHORIZED, "request.unauthenticated", message)
                    .with_hint("send it as Authorization: Bearer TOKEN; `countersign token add` makes one")
            }
            Denied::Forbidden(right) => {
                let right = right.name();
                let message = format!("this token does not have the right {right}");
                Self::new(StatusCode::FORBIDDEN, "request.forbidden", message)
                    .with_hint(format!("`countersign token add NAME --right {right}` makes one that has"))
            }
            #[cfg(feature = "server")]
            Denied::Refused(why @ (Refused::NoRule | Refused::Lacks(_))) => {
                let message = match why {
                    Refused::Lacks(right) => {
                        format!("the issuer's token does not give the right {}", right.name())
                    }
                    _ => "the issuer's token is good, and allows nothing here".to_owned(),
                };
                Self::new(StatusCode::FORBIDDEN, "request.forbidden", message)
                    .with_hint("the log's operator says with --oidc-allow which claims allow what")
            }
            #[cfg(feature = "server")]
            Denied::Refused(why) => {
                let message = format!("the issuer's token is not good: {why}");
                Self::new(StatusCode::UNAUTHORIZED, "request.unauthenticated", message)
                    .with_hint("get a new token of the issuer, for this log's audience")
            }
            #[cfg(feature = "server")]
            Denied::IssuerUnavailable => {
                let message =
                    "the issuer's keys cannot be had now: tokens of the log's own are good all the same";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "server.issuer", message)
                    .with_hint("send it again later; the log's operator finds out why in its logs")
            }
            Denied::Unavailable => {
                let message = "nobody can be let in now";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "server.unavailable", message)
                    .with_hint("the log's operator finds out why in its logs")
            }
        }
    }
}
