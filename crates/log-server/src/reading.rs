//! The service for authorized readers: exports, streams, and erasure.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use countersign::hex;
use countersign::tenant::TenantOrigin;
use countersign::time::Time;
use countersign_query::Parsers;
use roaring::RoaringTreemap;
use tokio::sync::{Mutex, Notify, watch};

use crate::control_files::ControlFile;
use crate::erasure_memory::ErasureMemory;
use crate::findings::Findings;
use crate::log_server::LogServer;
use crate::oidc::{AdmitError, Issuer};
use crate::reads::Reads;
use crate::retention::due::DueTimes;
use crate::retention::holds::Holds;
use crate::search::Search;
use crate::search::tenants::{FOLDER, TenantIndex, TenantIndexes};
use crate::search_shares::{SearchShares, SlicedSearch};
use crate::tokens::Tokens;
use countersign_log::erase::ErasureSearch;
use countersign_log::event_filter::EventFilter;
use countersign_log::export::{Explained, ExportError, Exporter, Had, Plan, Request};
use countersign_log::own_chain::OwnChains;
use countersign_log::reads::ReadRules;
use countersign_log::store::StoreError;
use countersign_log::submission::SubmitError;
use countersign_log::tenants::tenant::TenantId;
use countersign_log::tokens::{Access, AccessError, Right, Scope};

/// The interval between checks whether tokens are still valid, which also end live views without new events.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The service behind all routes for readers.
pub struct Reading {
    log_server: LogServer,
    exporter: Exporter,
    search: Option<Arc<Search>>,
    /// The search indexes of tenant logs, if this is a root log or a tenant log of a server that has some.
    tenant_indexes: Option<Arc<TenantIndexes>>,
    /// The ID of the tenant log.
    tenant: Option<TenantId>,
    tokens: Arc<Tokens>,
    issuer: Option<Arc<Issuer>>,
    reads: Arc<Reads>,
    holds: Arc<Holds>,
    findings: Findings,
    search_shares: Arc<SearchShares>,
    stopping: watch::Sender<bool>,
    /// The record of erasures in all logs of this server, apart from the database.
    pub(crate) erasures: Arc<ErasureMemory>,
    /// Serializes erasures.
    pub(crate) erasing: Arc<Mutex<()>>,
    /// Serializes the batches of erasures in all logs of this server.
    pub(crate) erasing_batches: Arc<Mutex<()>>,
    /// The schedule of events that retention rules will erase.
    pub(crate) due: std::sync::Mutex<DueTimes>,
    /// Notified when an erasure was started but not completed, in any log of this server.
    pub(crate) erasing_again: Arc<Notify>,
}

impl Reading {
    /// Creates the service of a log in `folder`. Without `search`, every search reads all events.
    pub fn new(
        log_server: LogServer,
        folder: &Path,
        parsers: Parsers,
        search: Option<Arc<Search>>,
        reads: ReadRules,
        erasures: Arc<ErasureMemory>,
    ) -> Self {
        let exporter = Exporter::new(log_server.reader().clone(), log_server.origin(), None);
        let exporter = exporter.with_parsers(parsers).with_announced(log_server.published());
        let exporter = match &search {
            Some(search) => exporter.with_search(search.clone()),
            None => exporter,
        };
        Self {
            reads: Reads::new(reads, log_server.clone()),
            log_server,
            exporter,
            search,
            tenant_indexes: None,
            tenant: None,
            tokens: Arc::new(Tokens::new(folder)),
            issuer: None,
            holds: Arc::new(Holds::new(folder)),
            findings: Findings::new(folder),
            search_shares: Arc::default(),
            stopping: watch::Sender::new(false),
            erasures,
            erasing: Arc::default(),
            erasing_batches: Arc::default(),
            due: std::sync::Mutex::default(),
            erasing_again: Arc::default(),
        }
    }

    /// Admits readers with tokens of that issuer too.
    #[must_use]
    pub(crate) fn with_issuer(mut self, issuer: Option<Issuer>) -> Self {
        self.issuer = issuer.map(Arc::new);
        self
    }

    /// Admits tokens that name tenant logs. The caller must check [`Access::logs`]. Without `indexes`, every search in a
    /// tenant log reads all of its events.
    #[must_use]
    pub(crate) fn with_tenants(mut self, folder: &Path, indexes: Option<Arc<TenantIndexes>>) -> Self {
        self.tokens = Arc::new(Tokens::for_tenants(folder));
        self.tenant_indexes = indexes;
        self
    }

    /// Creates the service of a tenant log of the same server. It shares tokens, issuer, holds, limits, and the rules
    /// for recording reads. `erasing` serializes erasures in the tenant log.
    pub(crate) fn for_tenant(
        &self,
        log_server: LogServer,
        origin: &TenantOrigin,
        folder: &Path,
        erasing: Arc<Mutex<()>>,
    ) -> Self {
        // Its reader proves the head of the newest tick: what was acknowledged can be read at once.
        let exporter = Exporter::new(log_server.reader().clone(), origin.as_str(), None);
        let exporter = exporter.with_parsers(self.exporter.parsers().clone());
        let id = origin.id();
        let exporter = match self.tenant_indexes.clone() {
            Some(indexes) => {
                exporter.with_search(Arc::new(TenantIndex { indexes, id, log_server: log_server.clone() }))
            }
            None => exporter,
        };
        Self {
            reads: self.reads.for_tenant(log_server.clone()),
            exporter,
            log_server,
            search: None,
            tenant_indexes: self.tenant_indexes.clone(),
            tenant: Some(id),
            tokens: self.tokens.clone(),
            issuer: self.issuer.clone(),
            holds: self.holds.clone(),
            findings: Findings::new(&folder.join(FOLDER).join(hex::encode(&id))),
            search_shares: self.search_shares.clone(),
            stopping: self.stopping.clone(),
            erasures: self.erasures.clone(),
            erasing,
            erasing_batches: self.erasing_batches.clone(),
            due: std::sync::Mutex::default(),
            erasing_again: self.erasing_again.clone(),
        }
    }

    /// Returns the log.
    pub fn log_server(&self) -> &LogServer {
        &self.log_server
    }

    /// Returns the search index of an ordinary log, if there is one.
    pub fn search(&self) -> Option<&Arc<Search>> {
        self.search.as_ref()
    }

    /// Returns the search indexes of tenant logs, if there are some.
    pub fn tenant_indexes(&self) -> Option<&Arc<TenantIndexes>> {
        self.tenant_indexes.as_ref()
    }

    /// Removes events that are erased, or about to be, from the search index of this log. With `settle`, returns once they
    /// are removed. Call it on a thread that may block.
    ///
    /// # Errors
    /// If SQLite or the store fails.
    pub(crate) fn remove_from_index(
        &self,
        leaves: impl IntoIterator<Item = u64>,
        settle: bool,
    ) -> Result<(), StoreError> {
        if let (Some(indexes), Some(id)) = (&self.tenant_indexes, &self.tenant) {
            return indexes.forget(id, leaves, settle);
        }
        let Some(search) = &self.search else { return Ok(()) };
        let reader = &**self.log_server.reader();
        search.forget(reader, leaves)?;
        if settle { search.settle(reader) } else { Ok(()) }
    }

    /// Returns the tokens of readers.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Admits a token if it grants `right`. The issuer is asked only about tokens that aren't the log's own.
    ///
    /// # Errors
    /// [`AdmitError`].
    pub(crate) async fn admit(&self, token: Option<&str>, right: Right) -> Result<Access, AdmitError> {
        let now = self.log_server.now();
        match (self.tokens.admit(token, right, now), token, &self.issuer) {
            (Err(AccessError::Unauthenticated), Some(token), Some(issuer)) => {
                // A signed JWT has three parts.
                let is_signed = token.split('.').count() == 3;
                if is_signed {
                    issuer.admit(token, right, now).await
                } else {
                    Err(AccessError::Unauthenticated.into())
                }
            }
            (admitted, _, _) => Ok(admitted?),
        }
    }

    /// True if a token admitted earlier would still be admitted.
    pub(crate) fn still_admits(&self, access: &Access) -> bool {
        let now = self.log_server.now();
        match (access.issued(), &self.issuer) {
            (Some(issued), issuer) => issuer.as_ref().is_some_and(|issuer| issuer.still_admits(issued, now)),
            (None, _) => self.tokens.still_admits(access, now),
        }
    }

    /// Checks repeatedly whether tokens have become invalid, and notifies their readers. Also records whether the
    /// files of tokens and holds are valid. Ends when the service is dropped.
    pub(crate) async fn watch_tokens(this: Weak<Self>) {
        while let Some(reading) = this.upgrade() {
            let now = reading.log_server.now();
            let files = reading.log_server.control_files();
            files
                .set(ControlFile::Readers, reading.tokens.check_expiry(now).map_err(|error| (&error).into()));
            files.set(ControlFile::Holds, reading.holds.check().map_err(|error| (&error).into()));
            if reading.issuer.as_ref().is_some_and(|issuer| issuer.refresh(now)) {
                reading.tokens.notify_change();
            }
            drop(reading);
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    /// Returns the record of reads.
    pub(crate) fn reads(&self) -> &Arc<Reads> {
        &self.reads
    }

    /// Records all reads that aren't recorded yet, if reads are to be recorded; for a root log, those of its tenant logs.
    ///
    /// # Errors
    /// If not all of them are known to be recorded. They are retried within a minute.
    pub async fn record_reads(&self) -> Result<(), SubmitError> {
        self.reads.record().await
    }

    /// Returns the findings of a log that watches itself.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Stores a finding for readers who may read all events.
    ///
    /// # Errors
    /// If the store or the system fails. In this case, the finding isn't stored.
    pub fn add_finding(&self, finding: String) -> Result<(), StoreError> {
        self.findings.add(finding, &**self.log_server.reader())
    }

    /// Returns the holds, which protect events from erasure.
    pub fn holds(&self) -> &Holds {
        &self.holds
    }

    /// Returns the log's own chains, whose events are never erased.
    pub(crate) fn own_chains(&self) -> OwnChains<'_> {
        OwnChains::new(&**self.log_server.reader(), self.log_server.key().name())
    }

    /// Returns the time of the newest witnessed checkpoint, if any.
    pub(crate) fn attested(&self) -> Result<Option<Time>, StoreError> {
        self.exporter.set_trust(self.log_server.rules().trust());
        self.exporter.attested_time()
    }

    /// Returns since when the log has had its entries.
    pub(crate) fn had(&self) -> Result<Had, StoreError> {
        self.exporter.set_trust(self.log_server.rules().trust());
        self.exporter.had()
    }

    /// Ends all streams, before the server stops.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// True if the server is about to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow() || self.log_server.is_stopping()
    }

    /// Waits until the server is about to stop.
    pub(crate) async fn stopped(&self) {
        let _ = self.stopping().wait_for(|stopping| *stopping).await;
    }

    /// Returns a watch on whether the server is about to stop.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Plans an export. Canceled when the future is dropped.
    ///
    /// # Errors
    /// [`ExportError`].
    pub(crate) async fn plan(
        self: &Arc<Self>,
        access: &Access,
        request: Request,
    ) -> Result<Plan, ExportError> {
        self.run_search(Some(access), move |exporter, canceled| exporter.plan(&request, canceled)).await
    }

    /// Explains what a request matches, by reading all events that it may export: see [`Exporter::begin_explaining`].
    ///
    /// # Errors
    /// [`ExportError`].
    pub(crate) async fn explain(
        self: &Arc<Self>,
        access: &Access,
        request: Request,
        fields_alone: bool,
    ) -> Result<Explained, ExportError> {
        self.run_search(Some(access), move |exporter, canceled| {
            exporter.explain(&request, fields_alone, canceled)
        })
        .await
    }

    /// Returns the events that match all of these conditions, by reading each: see [`ErasureSearch`].
    pub(crate) async fn choose(
        self: &Arc<Self>,
        access: &Access,
        asked: EventFilter,
        scope: Arc<Scope>,
    ) -> Result<RoaringTreemap, ExportError> {
        let reader = self.log_server.reader().clone();
        self.run_search(Some(access), move |exporter, canceled| {
            // The stored entries, which may be more or fewer than those of the newest head.
            let size = reader.size()?;
            let choosing = ErasureSearch::new(reader, exporter.parsers(), asked.query().clone(), scope, size);
            choosing.finish(canceled)
        })
        .await
    }

    /// Runs a long operation on the exporter, for a reader or for the log itself. Waits for a slot first, and whenever the
    /// operation asks whether it is canceled, other logs' searches may go first.
    pub(crate) async fn run_search<T: Send + 'static>(
        self: &Arc<Self>,
        access: Option<&Access>,
        operation: impl FnOnce(&Exporter, &dyn Fn() -> bool) -> Result<T, ExportError> + Send + 'static,
    ) -> Result<T, ExportError> {
        let slot = self.search_shares.acquire(self.log_server.origin(), access.map(Access::credential)).await;
        let guard = CancelOnDrop::default();
        let canceled = guard.0.clone();
        self.run_lookup(move |exporter| {
            let search = SlicedSearch::new(slot);
            operation(exporter, &|| {
                search.pause();
                canceled.load(Ordering::Relaxed)
            })
        })
        .await
    }

    /// Runs a short operation on the exporter.
    pub(crate) async fn run_lookup<T: Send + 'static>(
        self: &Arc<Self>,
        operation: impl FnOnce(&Exporter) -> Result<T, ExportError> + Send + 'static,
    ) -> Result<T, ExportError> {
        let this = self.clone();
        let result = tokio::task::spawn_blocking(move || {
            this.exporter.set_trust(this.log_server.rules().trust());
            operation(&this.exporter)
        });
        result.await.map_err(|error| StoreError::unavailable("reading events", error))?
    }
}

/// Sets a flag when dropped, which cancels the operation that checks it.
#[derive(Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
