//! `POST /tenants/end`: ends a tenant's log.

use http::{Request, Response};

use super::EmbeddedTenants;
use crate::api::tenants::{self, EndRequest};
use crate::api::{self, Answer, ApiError};
use crate::embedded::content::Content;
use crate::embedded::pending::{Awaited, Pending};
use crate::tenants::tenant::Tenant;

impl EmbeddedTenants {
    pub(super) fn answer_end(&mut self, request: &Request<Vec<u8>>) -> Result<Response<Content>, ApiError> {
        let (headers, body) = (request.headers(), request.body());
        api::query::read(request.uri().query(), &[])?;
        self.admit_to_all(headers)?;
        if body.len() > tenants::MAX_BODY_BYTES || api::body::is_larger(headers, tenants::MAX_BODY_BYTES) {
            return Err(tenants::too_large());
        }
        let EndRequest { name, ending } = EndRequest::read(body, &self.root.origin)?;
        if let Some(key) = &self.unnamed_key {
            return Err(tenants::own_key_unnamed(key));
        }
        self.require_tick()?;
        let tenant = self.host.end(&name, &ending).map_err(|error| tenants::not_ended(&error))?;
        let Some(answer) = self.ended_response(&tenant, false) else {
            self.is_wanted = true;
            return Ok(Response::new(Content::Waiting(Pending(Awaited::End(tenant)))));
        };
        Ok(self.root.finish(headers, answer.map(|answer| answer.map(Content::Whole))))
    }

    /// Returns the response to a request to end a tenant's log, once a published tick contains its end. With `late`, the
    /// request waited too long, and there is a response in any case.
    pub(super) fn ended_response(&self, tenant: &Tenant, late: bool) -> Option<Result<Answer, ApiError>> {
        let head = self.head(&tenant.id);
        let state = head.map(|head| head.state).filter(|state| *state != countersign::tenant::State::Live);
        if state.is_none() && !late {
            return None;
        }
        Some(self.origin_of(tenant).map(|origin| tenants::ended(tenant, &origin, state)))
    }
}
