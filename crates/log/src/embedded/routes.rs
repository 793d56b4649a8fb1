//! Which request is for what.

use http::{HeaderMap, HeaderValue, Method, Request, Response, header};

use super::content::Content;
use super::log_server::{EmbeddedLogServer, LIMITS, Pending};
use crate::api::erase::ErasureRequest;
use crate::api::sse::Opening;
use crate::api::{self, ApiError};
use crate::condition::{Condition, Erasing, Storage};
use crate::reads::{Way, What};
use crate::tokens::{Access, Right};

/// What is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Root,
    Submit,
    Checkpoint,
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
    fn of(path: &str) -> Option<Self> {
        let parts = |rest: &str, number| {
            rest.split('/').count() == number && rest.split('/').all(|part| !part.is_empty())
        };
        Some(match path {
            "/" => Self::Root,
            "/submit" => Self::Submit,
            "/checkpoint" => Self::Checkpoint,
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

    fn allows(self) -> &'static str {
        if matches!(self, Self::Submit | Self::Erase) { "POST" } else { "GET,HEAD" }
    }

    fn takes(self, method: &Method) -> bool {
        self.allows().split(',').any(|allowed| method == allowed)
    }
}

impl EmbeddedLogServer {
    /// How many bytes a request's body may have; none where no body is read, for it is refused without.
    pub fn body_limit(&self, method: &str, path: &str, headers: &HeaderMap) -> Option<usize> {
        match Route::of(path) {
            Some(Route::Submit) if method == "POST" => Some(LIMITS.bytes),
            Some(Route::Erase) if method == "POST" && self.admit(headers, Right::Erase).is_ok() => {
                Some(api::erase::MAX_BODY)
            }
            _ => None,
        }
    }

    /// The answer to a request whose body begins so, where no more of it is needed to refuse it.
    pub fn glance(&self, path: &str, headers: &HeaderMap, beginning: &[u8]) -> Option<Response<Content>> {
        let refused = (Route::of(path) == Some(Route::Submit)).then(|| self.glance_at(beginning).err())??;
        self.metrics.answered(Err(&refused));
        Some(self.finish(headers, Err(ApiError::of_submission(&refused, &LIMITS))))
    }

    /// Answers a request with its whole body, or as much of it as is more than its limit.
    pub fn answer(&mut self, request: &Request<Vec<u8>>) -> Response<Content> {
        let origin = request.headers().get(header::ORIGIN);
        if request.method() == Method::OPTIONS {
            let mut response = Response::new(Content::Whole(Vec::new()));
            self.cors.allow_asking(origin, response.headers_mut());
            return response;
        }
        let answered = self.route(request);
        self.finish(request.headers(), answered)
    }

    /// The answer to a submission that was waiting, if it is published by now.
    pub fn resume(&mut self, headers: &HeaderMap, pending: &Pending) -> Option<Response<Content>> {
        let answered = self.taken(pending)?.map(|answer| answer.map(Content::Whole));
        Some(self.finish(headers, answered))
    }

    /// The answer to a submission that waited for too long.
    pub fn give_up(&self, headers: &HeaderMap) -> Response<Content> {
        self.finish(headers, Err(ApiError::unavailable(&"the checkpoint is not published yet")))
    }

    /// The answer to a request that makes no sense.
    pub fn not_found(&self, headers: &HeaderMap) -> Response<Content> {
        self.finish(headers, Err(ApiError::not_found()))
    }

    /// The answer to a request whose body did not come.
    pub fn without_body(&self, headers: &HeaderMap) -> Response<Content> {
        self.finish(headers, Err(api::body::too_slow()))
    }

    /// The answer to a request for whose body there is no room now.
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
            answer.map(Content::Whole)
        });
        self.cors.allow(headers.get(header::ORIGIN), response.headers_mut());
        response
    }

    fn route(&mut self, request: &Request<Vec<u8>>) -> Result<Response<Content>, ApiError> {
        let (path, query) = (request.uri().path(), request.uri().query());
        let route = Route::of(path).ok_or_else(ApiError::not_found)?;
        if !route.takes(request.method()) {
            let answer: api::Answer = ApiError::method_not_allowed().into();
            let mut answer = answer.map(Content::Whole);
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(route.allows()));
            return Ok(answer);
        }
        let published = self.published();
        let whole = match route {
            Route::Submit => return self.post(request),
            Route::Export => {
                let access = self.admit(request.headers(), Right::Read)?;
                let asked = api::export::read(query, request.headers(), &access, self.now())?;
                return self.look_for_export(access, asked, What::new(Way::Export, api::query::pairs(query)));
            }
            Route::Explain => {
                let access = self.admit(request.headers(), Right::Read)?;
                let asked = api::explain::read(query, &access, self.now())?;
                let what = What::new(Way::Explain, api::query::given(query, &api::query::EXPLAINED));
                return self.look_for_findings(access, &asked, what);
            }
            Route::Proof => {
                let access = self.admit(request.headers(), Right::Read)?;
                let asked = api::export::read_proof(path, query, &access)?;
                return self.look_for_export(access, asked, What::of_proof(path));
            }
            Route::Stream => {
                let access = self.admit(request.headers(), Right::Read)?;
                let opening = Opening::read(query, request.headers(), &access, self.now())?;
                let what = What::new(Way::Stream, api::query::given(query, &api::sse::PARAMETERS));
                return self.look_for_stream(access, opening, what);
            }
            Route::Root => api::root::text(&self.origin),
            Route::Checkpoint => api::tiles::checkpoint(published.as_deref())?,
            Route::Tile => api::tiles::tile(&*self.reader, self.published_size(), path)?,
            Route::Evidence => {
                self.admit(request.headers(), Right::Admin)?;
                api::query::read(query, &[])?;
                api::evidence::lines(&self.signing, &*self.reader)?
            }
            Route::Erase => {
                let access = self.admit(request.headers(), Right::Erase)?;
                api::query::read(query, &[])?;
                let whole = !api::body::is_larger(request.headers(), api::erase::MAX_BODY);
                let asked = ErasureRequest::read(whole.then_some(request.body()), &access, self.now())?;
                return self.look_for_erasure(access, asked);
            }
            Route::Erasures => {
                api::erasures::check(&self.admit(request.headers(), Right::Erase)?)?;
                self.erasures(api::erasures::Asked::read(path, query)?)?
            }
            Route::Health => {
                let clock = self.timekeeper.standing(self.working.rules().trust());
                let erasing = Erasing::of(&*self.reader, false);
                let (size, stopped) = (self.reader.size().ok(), self.signing.stopped());
                let published = published.as_deref();
                let stopped = stopped.as_deref();
                let storage = Storage { failing: self.metrics.are_commits_failing(), ..Storage::default() };
                let condition = Condition { erasing, storage, ..Condition::default() };
                api::health::health(&self.origin, size, published, &clock, condition, stopped)
            }
            Route::Metrics => {
                let clock = self.timekeeper.standing(self.working.rules().trust());
                api::health::metrics(&self.metrics, &clock)
            }
        };
        Ok(whole.map(Content::Whole))
    }

    /// The token that a request brings, if it has the right.
    fn admit(&self, headers: &HeaderMap, right: Right) -> Result<Access, ApiError> {
        Ok(self.readers.admit(api::bearer::token(headers), right, self.now())?)
    }

    fn post(&mut self, request: &Request<Vec<u8>>) -> Result<Response<Content>, ApiError> {
        api::body::check(request.headers(), &LIMITS)?;
        if request.body().len() > LIMITS.bytes {
            return Err(ApiError::too_large(&LIMITS));
        }
        let read = self.read(request.body()).map_err(|error| ApiError::of_body(&error, &LIMITS))?;
        let answered = read.and_then(|submission| self.submit(submission));
        self.metrics.answered(answered.as_ref().map(drop));
        let pending = answered.map_err(|error| ApiError::of_submission(&error, &LIMITS))?;
        match self.taken(&pending) {
            Some(answer) => Ok(answer?.map(Content::Whole)),
            None => Ok(Response::new(Content::Waiting(pending))),
        }
    }
}
