//! State shared by all routes.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_log::api::AcceptedRequests;
use tokio::sync::Semaphore;

use super::bounds::Bounds;
use super::budget::Budget;
use super::page::Page;
use crate::bucket::JournalState;
use crate::fsck::CheckResults;
use crate::log_server::LogServer;
use crate::otlp::OtlpSender;
use crate::reading::Reading;
use crate::tenants::TenantLogs;

/// State shared by all routes.
#[derive(Clone)]
pub struct AppState {
    /// The log.
    pub log_server: LogServer,
    /// The log's folder.
    pub folder: Arc<PathBuf>,
    /// The page at `/`.
    pub page: Option<Page>,
    /// The auditor's page at `/auditor.html`, with which the console begins evidence files.
    pub auditors_page: Option<Page>,
    /// Serves readers.
    pub reading: Arc<Reading>,
    /// The tenant logs, if this is the server of a root log.
    pub tenants: Option<Arc<TenantLogs>>,
    /// Records what services send over OTLP, if this server accepts it.
    pub otlp: Option<OtlpSender>,
    /// The state of the journal, if the log has one.
    pub journal: Option<Arc<JournalState>>,
    /// The newest result of the log's self-check.
    pub self_check: CheckResults,
    /// The signed requests that were accepted, which aren't accepted again.
    pub(super) accepted_requests: Arc<AcceptedRequests>,
    pub(super) bounds: Bounds,
    pub(super) budget: Budget,
    /// Limits concurrent parsing of large bodies.
    pub(super) body_parsers: Arc<Semaphore>,
    /// Limits concurrent unauthenticated reads of the store.
    pub(super) public_reads: Arc<Semaphore>,
    /// Limits concurrent health checks.
    pub(super) health_checks: Arc<Semaphore>,
}

/// Maximum number of concurrent unauthenticated reads; others wait. Each uses a thread and a database connection with
/// its cache, so a flood of requests must not open more.
const MAX_PUBLIC_READS: usize = 8;
/// Maximum number of concurrent health checks.
const MAX_HEALTH_CHECKS: usize = 2;

impl AppState {
    /// Creates the state of a log in `folder`.
    pub fn new(reading: Arc<Reading>, folder: PathBuf, bounds: Bounds) -> Self {
        let budget = Budget::new(bounds.memory);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let body_parsers = Arc::new(Semaphore::new(cores));
        Self {
            log_server: reading.log_server().clone(),
            folder: Arc::new(folder),
            page: None,
            auditors_page: None,
            tenants: None,
            otlp: None,
            journal: None,
            self_check: CheckResults::default(),
            accepted_requests: Arc::new(AcceptedRequests::since(reading.log_server().now())),
            bounds,
            budget,
            body_parsers,
            public_reads: Arc::new(Semaphore::new(MAX_PUBLIC_READS)),
            health_checks: Arc::new(Semaphore::new(MAX_HEALTH_CHECKS)),
            reading,
        }
    }

    /// Returns the memory of signed requests. Those from before this server took over aren't accepted.
    pub(super) fn remembered_requests(&self) -> &AcceptedRequests {
        self.accepted_requests.not_before(self.log_server.shared_timekeeper().standby_until())
    }
}
