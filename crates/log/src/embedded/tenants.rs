//! A root log and its tenant logs in one object. Each open tenant log is an [`EmbeddedLogServer`] of its own, which shares
//! the root log's sequencer, tokens, quotas, and metrics.
//!
//! The object decides when ticks are due: [`EmbeddedTenants::next_tick`] and [`EmbeddedTenants::tick`]. The first one is
//! due at once, but the host makes it only after it checked that its storage was not restored.
//!
//! # Memory of heads
//!
//! All logs are in one storage, which is restored as a whole, so a tenant log can't be set back alone. There is therefore
//! no memory of heads apart from the storage: each head begins as the one that is stored. A restore sets back the root
//! log too, which witnesses notice, and copies of its tiles.

mod endings;
mod growth;
mod keys;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use countersign::hash::Hash;
use countersign::note::VerifierKey;
use countersign::tenant::TenantOrigin;
use countersign::time::Time;
use countersign::trust::Trust;
use http::header::{ALLOW, CACHE_CONTROL};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use tokio::sync::watch;

use super::content::Content;
use super::engine::{Engine, SharedSequencer};
use super::host::{NoCopies, TenantHost};
use super::log_server::{Config, EmbeddedError, EmbeddedLogServer, LIMITS, OwnConfig, Shared, TenantView};
use super::pending::{Awaited, JobAnswer, Pending};
use super::reads::Reads;
use crate::api::AcceptedRequests;
use crate::api::tenants::{self, ListRequest};
use crate::api::{self, Answer, ApiError};
use crate::clock::MAX_STEP_MS;
use crate::condition::ErasureCondition;
use crate::export::Exporter;
use crate::hashes::root_at;
use crate::own_chain::secure_random;
use crate::quota::LogQuotas;
use crate::quota::tenants::TenantQuotas;
use crate::reads;
use crate::self_check;
use crate::sequencer::rules;
use crate::signed_memory::InStore;
use crate::store::{Reader, StoreError};
use crate::submission::SubmitError;
use crate::tenants::growth::GrowthTicks;
use crate::tenants::growth_wire::MAX_PROOFS_BYTES;
use crate::tenants::guard::{HeadGuard, has_entries, stop_of};
use crate::tenants::heads::SlotHead;
use crate::tenants::memory::{HeadsInMemory, RememberedHead};
use crate::tenants::published::{PublishedTick, TenantTicks};
use crate::tenants::reader::TenantReader;
use crate::tenants::rules::tenant_rules;
use crate::tenants::sequencer::TenantSequencer;
use crate::tenants::stops::TenantStops;
use crate::tenants::store::{TenantReaders, TenantStore};
use crate::tenants::tenant::{Tenant, TenantId, TenantNumber};
use crate::tokens::{Access, Right};
use crate::tree_signer::TreeSigner;

/// The maximum number of tenant logs that are kept open for the next request.
const MAX_OPEN: usize = 128;
/// The maximum number of changes that are kept for growth witnesses: they use 4 MB.
const MAX_GROWTH_CHANGES: usize = 32_768;
/// The maximum number of tenant logs whose reads are recorded at a tick, and whose erasures are continued in a turn.
const MAX_LOGS_PER_TURN: usize = 32;
/// The minimum time between two ticks.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// The maximum time between two ticks that depend on growth (SPEC section 16.3).
pub const MAX_INTERVAL: Duration = Duration::from_mins(10);

/// The rule for when a tick is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickRule {
    /// Something waits for the next tick, or the last one was [`MAX_INTERVAL`] ago. Ticks then reveal when a log grew.
    Changes,
    /// The last tick was this long ago.
    Every(Duration),
}

/// A root log and its tenant logs.
pub struct EmbeddedTenants {
    root: EmbeddedLogServer,
    sequencer: SharedSequencer,
    readers: Arc<dyn TenantReaders>,
    host: Box<dyn TenantHost>,
    /// Announces the newest published tick.
    ticks: watch::Receiver<Option<Arc<PublishedTick>>>,
    stops: TenantStops,
    /// The newest ticks, for growth witnesses.
    growth: GrowthTicks,
    /// The trust file, with the root log's key as an emitter.
    trust: Arc<Trust>,
    /// The root log's key, if the trust file itself has no `emitter` line for it.
    unnamed_key: Option<VerifierKey>,
    quotas: Arc<TenantQuotas>,
    /// The signed requests that were accepted, which aren't accepted again.
    accepted_requests: AcceptedRequests,
    rule: TickRule,
    /// The time of the last attempt to make a tick.
    attempted: Option<Time>,
    /// True if a request needs a tick, but has no entry that waits for it.
    is_wanted: bool,
    open: HashMap<TenantId, OpenLog>,
    /// The number of uses of open logs so far.
    uses: u64,
    /// The times at which reads of tenant logs must be recorded.
    reads: BTreeMap<TenantId, Time>,
}

/// Returns the time that is this much later.
fn after(time: Time, interval: Duration) -> Time {
    Time::from_millis(time.millis() + interval.as_millis() as i64).unwrap_or(Time::MAX)
}

/// An open tenant log.
struct OpenLog {
    log: EmbeddedLogServer,
    /// The number of its last use.
    last: u64,
}

impl EmbeddedTenants {
    /// Opens the root log of a store, or starts a new one.
    ///
    /// # Errors
    /// [`EmbeddedError`].
    pub fn open(
        TenantStore { writer, readers }: TenantStore,
        config: Config,
        rule: TickRule,
        host: Box<dyn TenantHost>,
    ) -> Result<Self, EmbeddedError> {
        let (shared, own) = Shared::new(config, true)?;
        let OwnConfig { key, ml_dsa_key, trust, copies, unrecorded, quota, tenant_quota, waiting } = own;
        let root_log = readers.root();
        self_check::check(&*root_log)?;
        let key = Arc::new(key);
        let origin = key.verifier_key().name().to_owned();
        let exporter = Exporter::new(root_log.clone(), origin.clone(), Some(trust.clone()));
        let rules = Arc::new(RwLock::new(Arc::new(rules(&*root_log, key.verifier_key(), trust.clone())?)));
        let own = key.verifier_key();
        let unnamed_key = (!trust.emitters().contains(own)).then(|| own.clone());
        let trust = Arc::new(trust.with_emitter(key.verifier_key().clone())?);
        let (announce, published) = watch::channel(root_log.published()?.map(Arc::new));
        let (witnesses, unwitnessed) = watch::channel(None);
        let (announce_tick, ticks) = watch::channel(None);
        let (heads, stops) = (readers.heads()?, TenantStops::default());
        let growth = GrowthTicks::with_max_changes(MAX_GROWTH_CHANGES);
        let reads = {
            let unrecorded = host.with_unrecorded()?;
            let now = shared.now();
            heads.iter().filter(|head| unrecorded.contains(&head.number)).map(|head| (head.id, now)).collect()
        };
        let memory: HeadsInMemory = heads.into_iter().map(|head| RememberedHead { tick: 0, head }).collect();
        let sequencer = TenantSequencer {
            writer,
            readers: readers.clone(),
            memory: Box::new(InStore::default()),
            guard: HeadGuard::new(Box::new(memory), stops.clone()),
            signing: shared.signing.clone(),
            key: Arc::clone(&key),
            ml_dsa_key,
            published: announce,
            witnesses,
            rules,
            timekeeper: shared.timekeeper.clone(),
            metrics: shared.metrics.clone(),
            ticks: announce_tick,
            growth: growth.clone(),
            waiting,
            random: Box::new(secure_random),
            // The platform restores the storage as a whole.
            root_entries: None,
        };
        let sequencer = Rc::new(RefCell::new(sequencer.begin_without_tick()?));
        let (sizes, proofs) = Default::default();
        let root = EmbeddedLogServer {
            engine: Engine::Root(sequencer.clone()),
            reader: root_log,
            exporter,
            origin,
            tree_signer: Some(TreeSigner::new(key)),
            tenant: None,
            copies,
            published,
            unwitnessed,
            sizes,
            proofs,
            reads: Reads::open(shared.record_reads, unrecorded)?,
            quotas: None,
            shared,
        };
        let accepted_requests = AcceptedRequests::since(root.now());
        Ok(Self {
            root,
            sequencer,
            readers,
            host,
            ticks,
            stops,
            growth,
            trust,
            unnamed_key,
            accepted_requests,
            quotas: Arc::new(TenantQuotas::new(quota, tenant_quota)),
            rule,
            attempted: None,
            is_wanted: true,
            open: HashMap::new(),
            uses: 0,
            reads,
        })
    }

    /// Returns the root log.
    pub fn root(&self) -> &EmbeddedLogServer {
        &self.root
    }

    /// Returns the root log.
    pub fn root_mut(&mut self) -> &mut EmbeddedLogServer {
        &mut self.root
    }

    /// True if no tick was published since the object was started. Nothing about tenant logs can be proven before.
    pub fn needs_tick(&self) -> bool {
        self.ticks.borrow().is_none()
    }

    /// Returns the time at which the next tick is due.
    pub fn next_tick(&self) -> Time {
        let sequencer = self.sequencer.borrow();
        // A tick that is dated ahead, because the clock was, delays none.
        let latest = self.root.now().millis().saturating_add(MAX_STEP_MS);
        let times = [sequencer.last_tick(), self.attempted].into_iter().flatten();
        let last = times.filter(|time| time.millis() <= latest).max();
        let after_last = |interval| last.map_or(Time::MIN, |last| after(last, interval));
        let soonest = after_last(MIN_INTERVAL);
        let regular = match self.rule {
            TickRule::Every(interval) => after_last(interval.max(MIN_INTERVAL)),
            TickRule::Changes if sequencer.has_waiting() => soonest,
            TickRule::Changes => {
                let reads = self.reads.values().min().copied();
                after_last(MAX_INTERVAL).min(reads.unwrap_or(Time::MAX).max(soonest))
            }
        };
        // The first tick proves what is stored, and a request in `Changes` waits for nothing else.
        let is_first = self.attempted.is_none();
        if self.is_wanted && (is_first || self.rule == TickRule::Changes) { soonest } else { regular }
    }

    /// Makes a tick if it is due. Returns true if it tried to: requests may have an answer now.
    pub fn tick(&mut self) -> bool {
        let now = self.root.now();
        if now < self.next_tick() {
            return false;
        }
        (self.attempted, self.is_wanted) = (Some(now), false);
        let records = self.submit_reads(now);
        let made = self.sequencer.borrow_mut().make_tick();
        if let Err(error) = made
            && !matches!(error, StoreError::Stopped(_))
        {
            tracing::error!(%error, "a tick failed");
        }
        // Also those whose clients disconnected.
        self.root.shared.unsettled.settle(&self.root.shared.metrics, now);
        for (id, mut answer) in records {
            let Some(OpenLog { log, .. }) = self.open.get_mut(&id) else { continue };
            // Nothing can be recorded after the last event of a tenant log.
            let is_done = matches!(answer.get(), Some(Ok(_) | Err(SubmitError::Ended { .. })));
            log.end_record(is_done);
            if is_done { self.note_reads(id) } else { self.retry_reads(id, now) }
        }
        true
    }

    /// Submits the records of reads that are due, so that the next tick contains them.
    fn submit_reads(&mut self, now: Time) -> Vec<(TenantId, JobAnswer)> {
        let due = self.reads.iter().filter(|(_, due)| **due <= now).map(|(id, _)| *id);
        let due: Vec<TenantId> = due.take(MAX_LOGS_PER_TURN).collect();
        let mut records = Vec::new();
        for id in due {
            match self.open_with_id(id) {
                Ok(Some(log)) => match log.submit_record() {
                    Some(answer) => records.push((id, answer)),
                    None => self.note_reads(id),
                },
                // Before the first tick, no log can be opened.
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "the reads of a tenant log can't be recorded");
                    self.retry_reads(id, now);
                }
            }
        }
        records
    }

    /// Notes when the reads of an open tenant log must be recorded.
    fn note_reads(&mut self, id: TenantId) {
        match self.open.get(&id).and_then(|open| open.log.reads_due()) {
            Some(due) => _ = self.reads.insert(id, due),
            None => _ = self.reads.remove(&id),
        }
    }

    /// Notes that reads must be recorded later, because it failed now. A log that can't record them, such as a stopped one,
    /// must not cause a tick every second.
    fn retry_reads(&mut self, id: TenantId, now: Time) {
        self.reads.insert(id, after(now, reads::EVERY));
    }

    /// Returns the log of a response: the root log, or the tenant log with this ID.
    ///
    /// # Errors
    /// [`StoreError`] if the tenant log can't be opened.
    pub fn log(&mut self, id: Option<TenantId>) -> Result<&mut EmbeddedLogServer, StoreError> {
        let Some(id) = id else { return Ok(&mut self.root) };
        let missing = || StoreError::unavailable("opening a tenant log", "no published tick has it");
        self.open_with_id(id)?.ok_or_else(missing)
    }

    /// Counts the end of a response that the client stopped reading.
    ///
    /// # Errors
    /// [`StoreError`] if the tenant log can't be opened.
    pub fn ended(&mut self, id: Option<TenantId>, content: &mut Content) -> Result<(), StoreError> {
        self.log(id)?.ended(content);
        if let Some(id) = id {
            self.note_reads(id);
        }
        Ok(())
    }

    fn open_with_id(&mut self, id: TenantId) -> Result<Option<&mut EmbeddedLogServer>, StoreError> {
        let Some(origin) = TenantOrigin::new(&self.root.origin, id) else { return Ok(None) };
        self.open_log(&origin)
    }

    /// Opens the tenant log with this origin. Returns `None` if the newest published tick doesn't have it.
    fn open_log(&mut self, origin: &TenantOrigin) -> Result<Option<&mut EmbeddedLogServer>, StoreError> {
        let id = origin.id();
        if !self.open.contains_key(&id) {
            let Some(head) = self.head(&id) else { return Ok(None) };
            let log = self.begin(origin, &head)?;
            if self.open.len() >= MAX_OPEN
                && let Some(oldest) = self.open.iter().min_by_key(|(_, open)| open.last).map(|(id, _)| *id)
            {
                self.open.remove(&oldest);
            }
            self.open.insert(id, OpenLog { log, last: 0 });
        }
        self.uses += 1;
        let last = self.uses;
        Ok(self.open.get_mut(&id).map(|open| {
            open.last = last;
            &mut open.log
        }))
    }

    fn begin(&self, origin: &TenantOrigin, head: &SlotHead) -> Result<EmbeddedLogServer, StoreError> {
        self.check(head)?;
        let ticks = TenantTicks::new(self.ticks.clone(), origin.id());
        let heads = Arc::new(TenantReader::new(
            self.readers.log(head.number),
            self.root.reader.clone(),
            ticks.clone(),
            self.readers.history(head.number, &origin.id()),
        ));
        let rules = Arc::new(tenant_rules(&*heads, origin, self.trust.clone())?);
        let engine = Engine::Tenant(self.sequencer.clone(), head.number, rules);
        let exporter = Exporter::new(heads.clone(), origin.as_str(), Some((*self.trust).clone()));
        let exporter = exporter.with_newest(heads.clone());
        let tenant = Some(TenantView { ticks, heads: heads.clone() });
        self.log_server(origin, engine, heads, exporter, tenant, head.number)
    }

    /// Compares the stored entries of a tenant log with a head, and stops the log if they don't begin with the head's.
    fn check(&self, head: &SlotHead) -> Result<(), StoreError> {
        let entries = self.readers.log(head.number);
        if self.stops.get(head.number).is_some() || has_entries(&*entries, head)? {
            return Ok(());
        }
        let size = entries.size()?.min(head.size);
        // The tree of these entries is not that of the head, or can't be read.
        let root = root_at(&*entries, size).unwrap_or(Hash([0; 32]));
        self.stops.stop(stop_of(head, size, root, false, self.root.now()));
        Ok(())
    }

    /// Returns what a sender sees of a tenant log that doesn't exist: an empty log that accepts nothing.
    fn unknown(&self, origin: &TenantOrigin) -> Result<EmbeddedLogServer, StoreError> {
        let reader = self.readers.log(TenantNumber::MAX);
        let rules = Arc::new(tenant_rules(&*reader, origin, self.trust.clone())?);
        let exporter = Exporter::new(reader.clone(), origin.as_str(), None);
        self.log_server(origin, Engine::Unknown(rules), reader, exporter, None, TenantNumber::MAX)
    }

    fn log_server(
        &self,
        origin: &TenantOrigin,
        engine: Engine,
        reader: Arc<dyn Reader>,
        exporter: Exporter,
        tenant: Option<TenantView>,
        number: TenantNumber,
    ) -> Result<EmbeddedLogServer, StoreError> {
        let shared = self.root.shared.clone();
        let (sizes, proofs) = Default::default();
        Ok(EmbeddedLogServer {
            engine,
            reader,
            exporter,
            origin: origin.as_str().to_owned(),
            tree_signer: None,
            tenant,
            copies: Box::new(NoCopies),
            published: watch::channel(None).1,
            unwitnessed: watch::channel(None).1,
            sizes,
            proofs,
            reads: Reads::open(shared.record_reads, self.host.unrecorded(number))?,
            quotas: LogQuotas::of_tenant(&self.quotas, number).map(Rc::new),
            shared,
        })
    }

    /// Returns the head of a tenant log in the newest published tick.
    fn head(&self, id: &TenantId) -> Option<SlotHead> {
        self.ticks.borrow().as_ref().and_then(|tick| tick.directory.heads().find(id).copied())
    }

    /// Returns the origin of the tenant log with this ID, which must be 32 lowercase hex digits.
    fn origin(&self, id: &str) -> Option<TenantOrigin> {
        TenantOrigin::parse(&format!("{}/t/{id}", self.root.origin))
    }

    /// True if recorded erasures are not complete.
    ///
    /// # Errors
    /// [`StoreError`] if they can't be read.
    pub fn is_erasing(&self) -> Result<bool, StoreError> {
        Ok(self.readers.unfinished_erasures()? > 0)
    }

    /// Continues recorded erasures for one turn. Returns true if some remain.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails, no tick is published yet, or a tenant log is stopped. In this case, call it
    /// again. An error in one tenant log doesn't affect the others.
    pub fn erase_some(&mut self) -> Result<bool, StoreError> {
        let tenants = self.readers.with_unfinished_erasures()?;
        let mut failed = None;
        for tenant in tenants.iter().take(MAX_LOGS_PER_TURN) {
            match self.log(Some(tenant.id)).and_then(EmbeddedLogServer::erase_some) {
                Ok(false) => {}
                Ok(true) => return Ok(true),
                Err(error) => _ = failed.get_or_insert(error),
            }
        }
        failed.map_or(Ok(tenants.len() > MAX_LOGS_PER_TURN), Err)
    }

    /// Returns the maximum size of a request's body in bytes; `None` if the request will be rejected without reading it.
    pub fn body_limit(&self, method: &str, path: &str, headers: &HeaderMap) -> Option<usize> {
        if method != "POST" {
            return None;
        }
        match tenants::split_path(path) {
            Some((id, "submit")) => self.origin(id).map(|_| LIMITS.bytes),
            Some((id, "erase")) => {
                let origin = self.origin(id)?;
                let access = self.root.admit(headers, Right::Erase).ok()?;
                access.logs().permits(&origin.id()).then_some(api::erase::MAX_BODY)
            }
            None if path == "/tenants" => Some(tenants::MAX_BODY_BYTES),
            None if path == "/keys" => Some(api::root_notes::MAX_BODY_BYTES),
            None if path == "/tenants/end" => {
                self.admit_to_all(headers).is_ok().then_some(tenants::MAX_BODY_BYTES)
            }
            None if path == "/growth" => self.admit_growth(headers).is_ok().then_some(MAX_PROOFS_BYTES),
            _ => None,
        }
    }

    /// Returns the response to a request if the beginning of its body is enough to reject it.
    pub fn glance(&mut self, path: &str, headers: &HeaderMap, beginning: &[u8]) -> Option<Response<Content>> {
        let (id, rest) = tenants::split_path(path)?;
        let origin = self.origin(id).filter(|_| rest == "submit" && !self.needs_tick())?;
        // Errors are reported once the whole body has arrived.
        match self.open_log(&origin).ok()? {
            Some(log) => log.glance("/submit", headers, beginning),
            None => self.unknown(&origin).ok()?.glance("/submit", headers, beginning),
        }
    }

    /// Answers a request with its whole body, or with as much of a body that exceeds its limit. With the answer of a
    /// tenant log, also returns the tenant's ID.
    pub fn answer(&mut self, request: Request<Vec<u8>>) -> (Option<TenantId>, Response<Content>) {
        if request.method() == Method::OPTIONS {
            return (None, self.root.answer(&request));
        }
        let headers = request.headers().clone();
        let path = request.uri().path().to_owned();
        let (is_private, answered) = if let Some((id, path)) = tenants::split_path(&path) {
            (true, self.answer_for_tenant(id, path, request))
        } else {
            let is_private =
                matches!(&*path, "/tenants" | "/tenants/end" | "/keys" | "/growth" | "/evidence");
            (is_private, self.answer_for_root(&path, &request).map(|answer| (None, answer)))
        };
        let (id, mut response) =
            answered.unwrap_or_else(|problem| (None, self.root.finish(&headers, Err(problem))));
        if is_private {
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        }
        (id, response)
    }

    fn answer_for_tenant(
        &mut self,
        id: &str,
        path: &str,
        mut request: Request<Vec<u8>>,
    ) -> Result<(Option<TenantId>, Response<Content>), ApiError> {
        let origin = self.origin(id).ok_or_else(ApiError::not_found)?;
        let id = origin.id();
        if path.is_empty() {
            return Err(ApiError::unsupported("a log in a Durable Object serves no console"));
        }
        let is_submission = path == "submit" && request.method() == Method::POST;
        if !is_submission {
            let right = tenants::required_right(path).ok_or_else(ApiError::not_found)?;
            if !self.root.admit(request.headers(), right)?.logs().permits(&id) {
                return Err(ApiError::not_found());
            }
        }
        if path == "findings" {
            return Err(ApiError::unsupported("a log in a Durable Object doesn't watch itself"));
        }
        self.require_tick()?;
        let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
        let inner = format!("/{path}{query}").parse::<PathAndQuery>().map_err(|_| ApiError::not_found())?;
        *request.uri_mut() = inner.into();
        if !is_submission
            && path != "head"
            && let Some(stop) = self.head(&id).and_then(|head| self.stops.get(head.number))
            && !stop.is_readable
        {
            return Err(StoreError::Stopped(stop.reason).into());
        }
        let Some(log) = self.open_log(&origin)? else {
            if is_submission {
                return Ok((None, self.unknown(&origin)?.answer(&request)));
            }
            return Err(ApiError::not_found());
        };
        let answer = log.answer(&request);
        self.note_reads(id);
        Ok((Some(id), answer))
    }

    /// Fails if no tick was published since the object was started, and has one made.
    fn require_tick(&mut self) -> Result<(), ApiError> {
        if !self.needs_tick() {
            return Ok(());
        }
        self.is_wanted = true;
        self.root.shared.signing.check()?;
        Err(tenants::no_tick())
    }

    fn answer_for_root(
        &mut self,
        path: &str,
        request: &Request<Vec<u8>>,
    ) -> Result<Response<Content>, ApiError> {
        let answer: Answer = match path {
            "/tenants" => return self.answer_tenants(request),
            "/tenants/end" | "/keys" if request.method() != Method::POST => not_allowed("POST"),
            "/tenants/end" => return self.answer_end(request),
            "/keys" => return self.answer_keys(request),
            "/growth" if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) => {
                not_allowed("GET,HEAD,POST")
            }
            "/growth" => return self.answer_growth(request),
            "/healthz" => {
                let may_see_details = self.admit_to_all(request.headers()).is_ok();
                let report = self.health()?;
                if may_see_details { report } else { api::health::status_only(report.status()) }
            }
            "/metrics" | "/evidence" => {
                self.admit_to_all(request.headers())?;
                return Ok(self.root.answer(request));
            }
            "/" => api::root::text_with_tenants(&self.root.origin),
            "/submit" | "/head" | "/export" | "/explain" | "/findings" | "/stream" | "/erase"
            | "/erasures" => return Err(tenants::tenant_required(path)),
            _ if path.starts_with("/proof/") || path.starts_with("/erasures/") => {
                return Err(tenants::tenant_required(path));
            }
            _ => return Ok(self.root.answer(request)),
        };
        Ok(self.root.finish(request.headers(), Ok(answer.map(Content::Whole))))
    }

    fn health(&self) -> Result<Answer, ApiError> {
        let erasing = ErasureCondition::new(self.readers.unfinished_erasures().ok(), false);
        self.root.health(erasing, Some((&self.stops).into()))
    }

    /// Returns the authorization of an administrator of all tenant logs.
    fn admit_to_all(&self, headers: &HeaderMap) -> Result<Access, ApiError> {
        let access = self.root.admit(headers, Right::Admin)?;
        if access.logs().is_all() { Ok(access) } else { Err(ApiError::not_found()) }
    }

    fn answer_tenants(&mut self, request: &Request<Vec<u8>>) -> Result<Response<Content>, ApiError> {
        let (headers, query) = (request.headers(), request.uri().query());
        let answer = match *request.method() {
            Method::GET | Method::HEAD => {
                self.admit_to_all(headers)?;
                let list = ListRequest::read(query, &self.root.origin)?;
                list.answer(&*self.readers, &self.root.origin, &self.stops, |id| self.head(id))?
            }
            Method::POST => {
                api::query::read(query, &[])?;
                let tenant = self.create(request)?;
                let Some(answer) = self.created(&tenant)? else {
                    self.is_wanted = true;
                    return Ok(Response::new(Content::Waiting(Pending(Awaited::Tenant(tenant)))));
                };
                answer
            }
            _ => not_allowed("GET,HEAD,POST"),
        };
        Ok(self.root.finish(headers, Ok(answer.map(Content::Whole))))
    }

    fn create(&self, request: &Request<Vec<u8>>) -> Result<Tenant, ApiError> {
        let (headers, body) = (request.headers(), request.body());
        if body.len() > tenants::MAX_BODY_BYTES || api::body::is_larger(headers, tenants::MAX_BODY_BYTES) {
            return Err(tenants::too_large());
        }
        let name = if tenants::is_signed(body) {
            let (accepted, now) = (&self.accepted_requests, self.root.now());
            tenants::signed_name(body, &self.root.origin, &self.trust, accepted, now)?
        } else {
            tenants::named(body, &self.root.admit(headers, Right::Admin)?)?
        };
        self.host.create(&name, self.root.now()).map_err(|error| tenants::not_created(&error))
    }

    /// Returns the response for a tenant, once a published tick has its log's head.
    fn created(&self, tenant: &Tenant) -> Result<Option<Answer>, ApiError> {
        if self.head(&tenant.id).is_none() {
            return Ok(None);
        }
        let tenant = tenants::with_first_tick(tenant.clone(), &*self.readers)?;
        self.creation_response(&tenant).map(Some)
    }

    fn creation_response(&self, tenant: &Tenant) -> Result<Answer, ApiError> {
        Ok(tenants::created(tenant, &self.origin_of(tenant)?))
    }

    fn origin_of(&self, tenant: &Tenant) -> Result<TenantOrigin, ApiError> {
        let origin = TenantOrigin::new(&self.root.origin, tenant.id);
        origin.ok_or_else(|| ApiError::unavailable(&"the tenant log's origin is too long"))
    }

    /// Returns the response to a request that was waiting, if there is one by now. With `late`, the request waited too
    /// long, and there is one in any case.
    pub fn resume(
        &mut self,
        id: Option<TenantId>,
        headers: &HeaderMap,
        pending: &mut Pending,
        late: bool,
    ) -> Option<Response<Content>> {
        let mut response = match &mut pending.0 {
            Awaited::End(tenant) => {
                let answered = self.ended_response(tenant, late)?;
                self.root.finish(headers, answered.map(|answer| answer.map(Content::Whole)))
            }
            Awaited::Note(note) => {
                let answered = match self.note_response(note) {
                    None if late => Ok(api::root_notes::accepted()),
                    answered => answered?,
                };
                self.root.finish(headers, answered.map(|answer| answer.map(Content::Whole)))
            }
            Awaited::Tenant(tenant) => {
                let answered = match self.created(tenant) {
                    Ok(None) if late => self.creation_response(&Tenant { since: None, ..tenant.clone() }),
                    created => created.transpose()?,
                };
                self.root.finish(headers, answered.map(|answer| answer.map(Content::Whole)))
            }
            Awaited::Submission(_) | Awaited::Erasure(_) => match self.log(id) {
                Ok(log) => match log.resume(headers, pending) {
                    None if late => log.give_up(headers),
                    response => response?,
                },
                Err(error) => self.root.finish(headers, Err(error.into())),
            },
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        Some(response)
    }
}

/// Returns the response to a request whose method the path doesn't support.
fn not_allowed(methods: &'static str) -> Answer {
    let mut answer: Answer = ApiError::method_not_allowed().into();
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}
