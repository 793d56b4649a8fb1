//! The log server of an object: with one log, or with a log for each tenant.

use countersign::time::Time;
use countersign_log::embedded::{Content, EmbeddedLogServer, EmbeddedTenants};
use countersign_log::store::StoreError;
use countersign_log::tenants::tenant::TenantId;
use http::{HeaderMap, Request};

use super::answer::Answer;

/// The log server of an object.
pub(super) enum Server {
    /// One log.
    Log(Box<EmbeddedLogServer>),
    /// A root log and its tenant logs.
    Tenants(Box<EmbeddedTenants>),
}

impl Server {
    /// Returns the log, or the root log.
    pub(super) fn main(&self) -> &EmbeddedLogServer {
        match self {
            Self::Log(log) => log,
            Self::Tenants(tenants) => tenants.root(),
        }
    }

    /// Returns the log, or the root log.
    pub(super) fn main_mut(&mut self) -> &mut EmbeddedLogServer {
        match self {
            Self::Log(log) => log,
            Self::Tenants(tenants) => tenants.root_mut(),
        }
    }

    /// Sets the time, which all logs share.
    fn set_time(&self, now: Time) {
        self.main().set_time(now);
    }

    /// Returns the log, or the root log, at this time.
    pub(super) fn main_at(&mut self, now: Time) -> &mut EmbeddedLogServer {
        self.set_time(now);
        self.main_mut()
    }

    /// Returns the tenant logs, at this time.
    pub(super) fn tenants_at(&mut self, now: Time) -> Option<&mut EmbeddedTenants> {
        self.set_time(now);
        match self {
            Self::Log(_) => None,
            Self::Tenants(tenants) => Some(tenants),
        }
    }

    /// Returns the log of a response, at this time.
    pub(super) fn log_at(
        &mut self,
        tenant: Option<TenantId>,
        now: Time,
    ) -> Result<&mut EmbeddedLogServer, StoreError> {
        self.set_time(now);
        match self {
            Self::Log(log) => Ok(log),
            Self::Tenants(tenants) => tenants.log(tenant),
        }
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, request: Request<Vec<u8>>, headers: HeaderMap) -> Answer {
        match self {
            Self::Log(log) => Answer::new(log.answer(&request), headers),
            Self::Tenants(tenants) => {
                let (tenant, response) = tenants.answer(request);
                Answer::of_tenant(tenant, response, headers)
            }
        }
    }

    /// Returns the response to a waiting request, if there is one by now, or in any case with `late`.
    pub(super) fn resume(&mut self, waiting: &mut Answer, late: bool, now: Time) -> Option<Answer> {
        self.set_time(now);
        let (tenant, headers) = (waiting.tenant, waiting.request_headers.clone());
        let Content::Waiting(pending) = &mut waiting.content else { return None };
        let response = match self {
            Self::Log(log) => match log.resume(&headers, pending) {
                None if late => log.give_up(&headers),
                response => response?,
            },
            Self::Tenants(tenants) => tenants.resume(tenant, &headers, pending, late)?,
        };
        Some(Answer::of_tenant(tenant, response, headers))
    }
}
