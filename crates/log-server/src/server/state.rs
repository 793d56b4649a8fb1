//! The state that routes share.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_query::Parsers;
use tokio::sync::Semaphore;

use super::bounds::Bounds;
use super::budget::Budget;
use super::page::Page;
use crate::fsck::Found;
use crate::log_server::LogServer;
use crate::reading::Reading;
use countersign_log::reads::ReadRules;

/// The state that routes share.
#[derive(Clone)]
pub struct AppState {
    /// The log.
    pub log_server: LogServer,
    /// The log's folder.
    pub folder: Arc<PathBuf>,
    /// The page at `/`.
    pub page: Option<Page>,
    /// What readers are served from.
    pub reading: Arc<Reading>,
    /// The result of the log's check of itself.
    pub found: Found,
    pub(super) bounds: Bounds,
    pub(super) budget: Budget,
    /// Who may read bodies that take a while.
    pub(super) readers: Arc<Semaphore>,
    /// Who may read what everybody may.
    pub(super) looking: Arc<Semaphore>,
    /// Who may ask how the log is.
    pub(super) asking: Arc<Semaphore>,
}

/// So many look at the store at one time for those without a token; others wait. Each has a connection with its cache and
/// a thread, which a flood would otherwise have as many of as there may be.
const LOOKING: usize = 8;
/// So many ask how the log is.
const ASKING: usize = 2;

impl AppState {
    /// Of a log with that folder, which grants its clients so much.
    pub fn new(log_server: LogServer, folder: PathBuf, bounds: Bounds) -> Self {
        let reading = Arc::new(Reading::new(
            log_server.clone(),
            &folder,
            Parsers::built_in(),
            None,
            ReadRules::default(),
        ));
        let budget = Budget::new(bounds.memory);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let readers = Arc::new(Semaphore::new(cores));
        Self {
            log_server,
            folder: Arc::new(folder),
            page: None,
            reading,
            found: Found::default(),
            bounds,
            budget,
            readers,
            looking: Arc::new(Semaphore::new(LOOKING)),
            asking: Arc::new(Semaphore::new(ASKING)),
        }
    }
}
