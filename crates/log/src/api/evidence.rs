//! `GET /evidence`.

use http::header::CONTENT_TYPE;

use super::Answer;
use super::response::{NO_STORE, success};
use crate::evidence;
use crate::stop::Signing;
use crate::store::{ForkReader, StoreError};

/// Returns all evidence that the log keeps, one JSON object per line.
///
/// # Errors
/// [`StoreError`].
pub fn lines(signing: &Signing, reader: &dyn ForkReader) -> Result<Answer, StoreError> {
    let lines = evidence::lines(signing.lines()?, reader.evidence()?);
    Ok(success(&[(CONTENT_TYPE, "application/x-ndjson"), NO_STORE], lines.into_bytes()))
}
