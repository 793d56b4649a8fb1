//! The routes of an embedded log.

use http::{HeaderMap, HeaderValue, Method, Request, Response, header};

use super::content::Content;
use super::log_server::{EmbeddedLogServer, LIMITS};
use super::pending::{Awaited, Pending};
use crate::api::erase::ErasureRequest;
use crate::api::sse::LiveRequest;
use crate::api::{self, ApiError, ResponseFailure};
use crate::condition::{Condition, ErasureCondition, Storage, TenantCondition};
use crate::reads::{ReadKind, ReadRequest};
use crate::store::StoreError;
use crate::tokens::{Access, Right};

/// A route of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Root,
    Submit,
    Checkpoint,
    /// The checkpoint as COSE signs it.
    TreeSignature,
    /// The newest head of a tenant log.
    Head,
    Tile,
    Export,
    Explain,
    Proof,
    Stream,
    Evidence,
    Erase,
    Erasures,
    Health,
    Metrics,
}

impl Route {
    fn parse(path: &str) -> Option<Self> {
        let parts = |rest: &str, number| {
            rest.split('/').count() == number && rest.split('/').all(|part| !part.is_empty())
        };
        Some(match path {
            "/" => Self::Root,
            "/submit" => Self::Submit,
            "/checkpoint" => Self::Checkpoint,
            "/checkpoint.cose" => Self::TreeSignature,
            "/head" => Self::Head,
            "/export" => Self::Export,
            "/explain" => Self::Explain,
            "/stream" => Self::Stream,
            "/evidence" => Self::Evidence,
            "/erase" => Self::Erase,
            "/erasures" => Self::Erasures,
            "/healthz" => Self::Health,
            "/metrics" => Self::Metrics,
            _ if path.strip_prefix("/tile/").is_some_and(|rest| !rest.is_empty()) => Self::Tile,
            _ if path.strip_prefix("/erasures/").is_some_and(|rest| parts(rest, 1)) => Self::Erasures,
            _ if path.strip_prefix("/proof/").is_some_and(|rest| parts(rest, 2)) => Self::Proof,
            _ => return None,
        })
    }

    /// True if a log has this route: a tenant log, or any other one.
    fn is_in_log(self, is_tenant: bool) -> bool {
        match self {
            Self::Head => is_tenant,
            Self::Root | Self::Checkpoint | Self::TreeSignature | Self::Health | Self::Metrics => !is_tenant,
            _ => true,
        }
    }

    fn allowed_methods(self) -> &'static str {
        if matches!(self, Self::Submit | Self::Erase) { "POST" } else { "GET,HEAD" }
    }

    fn accepts(self, method: &Method) -> bool {
        self.allowed_methods().split(',').any(|allowed| method == allowed)
    }
}

impl EmbeddedLogServer {
    /// Returns the maximum size of a request's body in bytes; `None` if the request will be rejected without
    /// reading it.
    pub fn body_limit(&self, method: &str, path: &str, headers: &HeaderMap) -> Option<usize> {
        match Route::parse(path) {
            Some(Route::Submit) if method == "POST" => Some(LIMITS.bytes),
            Some(Route::Erase) if method == "POST" && self.admit(headers, Right::Erase).is_ok() => {
                Some(api::erase::MAX_BODY)
            }
            _ => None,
        }
    }

    /// Returns the response to a request if the beginning of its body is enough to reject it.
    pub fn glance(&self, path: &str, headers: &HeaderMap, beginning: &[u8]) -> Option<Response<Content>> {
        let refused =
            (Route::parse(path) == Some(Route::Submit)).then(|| self.check_beginning(beginning).err())??;
        self.shared.metrics.answered(Err(&refused));
        Some(self.finish(headers, Err(ApiError::of_submission(&refused, &LIMITS))))
    }

    /// Answers a request with its whole body, or with as much of a body that exceeds its limit.
    pub fn answer(&mut self, request: &Request<Vec<u8>>) -> Response<Content> {
        let origin = request.headers().get(header::ORIGIN);
        if request.method() == Method::OPTIONS {
            let mut response = Response::new(Content::Whole(Vec::new()));
            self.shared.cors.allow_preflight(origin, response.headers_mut());
            return response;
        }
        let answered = self.route(request);
        self.finish(request.headers(), answered)
    }

    /// Returns the response to a request that was waiting, if there is one by now.
    pub fn resume(&mut self, headers: &HeaderMap, pending: &mut Pending) -> Option<Response<Content>> {
        let answered = match &mut pending.0 {
            Awaited::Submission(submission) => self.submission_response(submission)?,
            Awaited::Erasure(erasure) => self.erasure_response(erasure)?,
            // `EmbeddedTenants` answers it.
            Awaited::Tenant(_) | Awaited::End(_) | Awaited::Note(_) => return None,
        };
        Some(self.finish(headers, answered.map(|answer| answer.map(Content::Whole))))
    }

    /// Returns the response to a request that waited too long.
    pub fn give_up(&self, headers: &HeaderMap) -> Response<Content> {
        self.finish(headers, Err(ApiError::unavailable(&"the checkpoint is not published yet")))
    }

    /// Returns a 404.
    pub fn not_found(&self, headers: &HeaderMap) -> Response<Content> {
        self.finish(headers, Err(ApiError::not_found()))
    }

    /// Returns the response to a request that the log can't process now. The error is for the log operator.
    pub fn unavailable(&self, headers: &HeaderMap, error: StoreError) -> Response<Content> {
        self.finish(headers, Err(error.into()))
    }

    /// Returns the response to a request whose body did not arrive.
    pub fn without_body(&self, headers: &HeaderMap) -> Response<Content> {
        self.finish(headers, Err(api::body::too_slow()))
    }

    /// Returns the response to a request for whose body there is no memory.
    pub fn busy(&self, headers: &HeaderMap) -> Response<Content> {
        self.finish(headers, Err(api::body::busy()))
    }

    pub(super) fn finish(
        &self,
        headers: &HeaderMap,
        answered: Result<Response<Content>, ApiError>,
    ) -> Response<Content> {
        let mut response = answered.unwrap_or_else(|problem| {
            let answer: api::Answer = problem.into();
            if let Some(ResponseFailure { code, failure }) = answer.extensions().get() {
                self.shared.metrics.failed("requests", code, failure);
            }
            answer.map(Content::Whole)
        });
        self.shared.cors.allow(headers.get(header::ORIGIN), response.headers_mut());
        response
    }

    fn route(&mut self, request: &Request<Vec<u8>>) -> Result<Response<Content>, ApiError> {
        let (path, query) = (request.uri().path(), request.uri().query());
        let is_tenant = self.tenant.is_some();
        let route = Route::parse(path).filter(|route| route.is_in_log(is_tenant));
        let route = route.ok_or_else(ApiError::not_found)?;
        if !route.accepts(request.method()) {
            let answer: api::Answer = ApiError::method_not_allowed().into();
            let mut answer = answer.map(Content::Whole);
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(route.allowed_methods()));
            return Ok(answer);
        }
        let whole = match route {
            Route::Submit => return self.post(request),
            Route::Export => {
                let access = self.admit(request.headers(), Right::Read)?;
                let request = api::export::read(query, request.headers(), &access, self.now())?;
                return self.search_export(
                    access,
                    request,
                    ReadRequest::new(ReadKind::Export, api::query::pairs(query)),
                );
            }
            Route::Explain => {
                let access = self.admit(request.headers(), Right::Read)?;
                let request = api::explain::read(query, &access, self.now())?;
                let read =
                    ReadRequest::new(ReadKind::Explain, api::query::parsed(query, &api::query::EXPLAINED));
                return self.search_findings(access, &request, read);
            }
            Route::Proof => {
                let access = self.admit(request.headers(), Right::Read)?;
                let request = api::export::read_proof(path, query, &access)?;
                return self.search_export(access, request, ReadRequest::for_proof(path));
            }
            Route::Stream => {
                let access = self.admit(request.headers(), Right::Read)?;
                let opening = LiveRequest::parse(query, request.headers(), &access, self.now())?;
                let read = ReadRequest::new(ReadKind::Stream, api::sse::pairs(query));
                return self.search_stream(access, opening, read);
            }
            Route::Root => api::root::text(&self.origin),
            Route::Checkpoint => api::tiles::checkpoint(self.published()?.as_deref())?,
            Route::TreeSignature => {
                let signer = self.tree_signer.as_ref().ok_or_else(ApiError::not_found)?;
                api::tiles::tree_signature(signer, self.published()?.as_ref())?
            }
            Route::Head => {
                self.admit(request.headers(), Right::Read)?;
                let since = api::submit::since(query)?;
                api::head::head(self.published()?.as_deref(), since, &*self.reader)?
            }
            Route::Tile if is_tenant => {
                self.admit(request.headers(), Right::Read)?;
                api::tiles::tenant_tile(&*self.reader, self.published_size(), path)?
            }
            Route::Tile => api::tiles::tile(&*self.reader, self.published_size(), 0, path)?,
            Route::Evidence => {
                self.admit(request.headers(), Right::Admin)?;
                api::query::read(query, &[])?;
                api::evidence::lines(&self.shared.signing, &*self.reader)?
            }
            Route::Erase => {
                let access = self.admit(request.headers(), Right::Erase)?;
                api::query::read(query, &[])?;
                let whole = !api::body::is_larger(request.headers(), api::erase::MAX_BODY);
                let request = ErasureRequest::read(whole.then_some(request.body()), &access, self.now())?;
                return self.search_erasure(access, request);
            }
            Route::Erasures => {
                api::erasures::check(&self.admit(request.headers(), Right::Erase)?)?;
                self.erasures(api::erasures::ErasuresRequest::read(path, query)?)?
            }
            Route::Health => self.health(ErasureCondition::read(&*self.reader, false), None)?,
            Route::Metrics => {
                let clock = self.shared.timekeeper.compare(self.engine.rules().trust());
                let stopped = self.shared.signing.stopped();
                api::health::metrics(&self.shared.metrics, &clock, stopped.as_deref(), None)
            }
        };
        Ok(whole.map(Content::Whole))
    }

    /// Returns the health report.
    pub(super) fn health(
        &self,
        erasing: ErasureCondition,
        tenants: Option<TenantCondition>,
    ) -> Result<api::Answer, ApiError> {
        let clock = self.shared.timekeeper.compare(self.engine.rules().trust());
        let (size, stopped) = (self.reader.size().ok(), self.shared.signing.stopped());
        let (published, stopped) = (self.published()?, stopped.as_deref());
        let storage = Storage { failing: self.shared.metrics.failing_part(), ..Storage::default() };
        let condition = Condition { erasing, storage, tenants, ..Condition::default() };
        Ok(api::health::health(&self.origin, size, published.as_deref(), &clock, &condition, stopped))
    }

    /// Returns the authorization of a request, if its token has the right.
    pub(super) fn admit(&self, headers: &HeaderMap, right: Right) -> Result<Access, ApiError> {
        Ok(self.shared.readers.admit(api::bearer::token(headers), right, self.now())?)
    }

    fn post(&mut self, request: &Request<Vec<u8>>) -> Result<Response<Content>, ApiError> {
        let since = self.tenant.as_ref().map_or(Ok(None), |_| api::submit::since(request.uri().query()))?;
        api::body::check(request.headers(), &LIMITS)?;
        if request.body().len() > LIMITS.bytes {
            return Err(ApiError::too_large(&LIMITS));
        }
        let read = self.read(request.body()).map_err(|error| ApiError::from_body(&error, &LIMITS))?;
        let pending = read.and_then(|submission| self.submit(submission, since)).map_err(|error| {
            self.shared.metrics.answered(Err(&error));
            ApiError::of_submission(&error, &LIMITS)
        })?;
        match self.submission_response(&pending) {
            Some(answer) => Ok(answer?.map(Content::Whole)),
            None => Ok(Response::new(Content::Waiting(Pending(Awaited::Submission(Box::new(pending)))))),
        }
    }
}
