//! Who may read.

use axum::http::HeaderMap;

use super::Problem;
use crate::interface::token;
use crate::reading::Reading;
use crate::tokens::Right;

/// The name of the reader whose token a request brings, if it has the right.
pub(super) fn admit(reading: &Reading, headers: &HeaderMap, right: Right) -> Result<String, Problem> {
    Ok(reading.tokens().admit(token(headers), right, reading.collector().now())?)
}
