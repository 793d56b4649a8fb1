//! `/growth`: each tick's changes, for growth witnesses.

use http::{HeaderMap, Method, Request, Response};

use super::EmbeddedTenants;
use crate::api::response::success;
use crate::api::{self, ApiError};
use crate::embedded::content::Content;
use crate::tenants::growth_serving::GrowthLines;
use crate::tenants::growth_wire::MAX_PROOFS_BYTES;
use crate::tokens::Right;

impl EmbeddedTenants {
    pub(super) fn answer_growth(
        &mut self,
        request: &Request<Vec<u8>>,
    ) -> Result<Response<Content>, ApiError> {
        let (headers, query) = (request.headers(), request.uri().query());
        self.admit_growth(headers)?;
        let answer = if request.method() == Method::POST {
            api::query::read(query, &[])?;
            let body = request.body();
            if body.len() > MAX_PROOFS_BYTES || api::body::is_larger(headers, MAX_PROOFS_BYTES) {
                return Err(api::growth::too_large());
            }
            api::growth::proofs(body, &self.growth, &*self.readers)?.map(Content::Whole)
        } else {
            let lines = api::growth::ticks(query, &self.root.origin, &self.growth)?;
            success(&api::growth::HEADERS, Content::Growth(Box::new(lines)))
        };
        Ok(self.root.finish(headers, Ok(answer)))
    }

    /// Checks that a token is for the heads of all tenant logs.
    pub(super) fn admit_growth(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let access = self.root.admit(headers, Right::Growth)?;
        if access.logs().is_all() { Ok(()) } else { Err(ApiError::not_found()) }
    }

    /// Returns the next piece of an answer to a growth witness; `None` at its end.
    pub fn growth_piece(&self, lines: &mut GrowthLines) -> Option<Vec<u8>> {
        lines.next_piece(&*self.readers).map(String::into_bytes)
    }
}
