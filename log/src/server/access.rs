//! Who may read: `Authorization: Bearer TOKEN`, and nowhere else.

use axum::http::{HeaderMap, StatusCode, header};

use super::Problem;
use crate::reading::Reading;
use crate::tokens::{Denied, Right};

/// The name of the reader whose token a request brings, if it has the right.
pub(super) fn admit(reading: &Reading, headers: &HeaderMap, right: Right) -> Result<String, Problem> {
    reading.tokens().admit(token(headers), right, reading.collector().now()).map_err(|denied| match denied {
        Denied::Unauthenticated => {
            let message = "this is for readers with a token that is good";
            Problem::new(StatusCode::UNAUTHORIZED, "request.unauthenticated", message)
                .with_hint("send it as Authorization: Bearer TOKEN; `countersign token add` makes one")
        }
        Denied::Forbidden => {
            let message = "this token does not have the right to erase";
            Problem::new(StatusCode::FORBIDDEN, "request.forbidden", message)
                .with_hint("`countersign token add NAME --may read,erase` makes one that has")
        }
        Denied::Unavailable => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "server.unavailable", "nobody can be let in now")
                .with_hint("the log's operator finds out why in its logs")
        }
    })
}

/// The token of a request that has one, once.
fn token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}
