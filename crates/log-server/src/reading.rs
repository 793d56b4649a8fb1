//! The reading side for those allowed to: exports, streams, and erasing.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use countersign::time::Time;
use countersign_query::Parsers;
use roaring::RoaringTreemap;
use tokio::sync::{Mutex, Notify, watch};

use crate::control_files::ControlFile;
use crate::findings::Findings;
use crate::log_server::LogServer;
use crate::oidc::{AdmitError, Issuer};
use crate::reads::Reads;
use crate::retention::due::Due;
use crate::retention::holds::Holds;
use crate::search::Search;
use crate::tokens::Tokens;
use crate::turns::Turns;
use countersign_log::erase::Choosing;
use countersign_log::event_filter::Asked;
use countersign_log::export::{Explained, ExportError, Exporter, Had, Plan, Request};
use countersign_log::own_chain::OwnChains;
use countersign_log::reads::ReadRules;
use countersign_log::store::StoreError;
use countersign_log::submitting::SubmitError;
use countersign_log::tokens::{Access, AccessError, Right, Scope};

/// How often it is looked whether tokens are still good, so that a live view in which nothing happens ends too.
const LOOK: Duration = Duration::from_secs(1);

/// What routes for readers have in hand.
pub struct Reading {
    log_server: LogServer,
    exporter: Exporter,
    search: Option<Arc<Search>>,
    tokens: Tokens,
    issuer: Option<Issuer>,
    reads: Arc<Reads>,
    holds: Holds,
    findings: Findings,
    turns: Turns,
    stopping: watch::Sender<bool>,
    /// Who erases, one at a time.
    pub(crate) erasing: Mutex<()>,
    /// When events are old enough.
    pub(crate) due: std::sync::Mutex<Due>,
    /// Told when an erasure was begun and is not done.
    pub(crate) erasing_again: Notify,
}

impl Reading {
    /// Of a log with that folder, whose events are read by these. Without an index every search looks at all events.
    pub fn new(
        log_server: LogServer,
        folder: &Path,
        parsers: Parsers,
        search: Option<Arc<Search>>,
        reads: ReadRules,
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
            tokens: Tokens::new(folder),
            issuer: None,
            holds: Holds::new(folder),
            findings: Findings::new(folder),
            turns: Turns::new(),
            stopping: watch::Sender::new(false),
            erasing: Mutex::default(),
            due: std::sync::Mutex::default(),
            erasing_again: Notify::new(),
        }
    }

    /// Lets in whom that issuer vouches for, too.
    #[must_use]
    pub(crate) fn with_issuer(mut self, issuer: Option<Issuer>) -> Self {
        self.issuer = issuer;
        self
    }

    /// The log.
    pub fn log_server(&self) -> &LogServer {
        &self.log_server
    }

    /// The index, if there is one.
    pub fn search(&self) -> Option<&Arc<Search>> {
        self.search.as_ref()
    }

    /// Readers' tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Lets a token in, if it has the right. The issuer is asked for nothing about a token of the log's own.
    ///
    /// # Errors
    /// [`AdmitError`].
    pub(crate) async fn admit(&self, token: Option<&str>, right: Right) -> Result<Access, AdmitError> {
        let now = self.log_server.now();
        match (self.tokens.admit(token, right, now), token, &self.issuer) {
            (Err(AccessError::Unauthenticated), Some(token), Some(issuer)) => {
                // A token that no issuer signed is one of the log's own, or none.
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

    /// Whether a token that was let in before would be let in now.
    pub(crate) fn still_admits(&self, access: &Access) -> bool {
        let now = self.log_server.now();
        match (access.issued(), &self.issuer) {
            (Some(lent), issuer) => issuer.as_ref().is_some_and(|issuer| issuer.still_admits(lent, now)),
            (None, _) => self.tokens.still_admits(access, now),
        }
    }

    /// Looks from time to time whether tokens are good no more, for as long as it is there: whoever reads by one of them
    /// is told. Notes whether the files of tokens and holds can be used.
    pub(crate) async fn watch_tokens(this: Weak<Self>) {
        while let Some(reading) = this.upgrade() {
            let now = reading.log_server.now();
            let files = reading.log_server.control_files();
            files.set(ControlFile::Readers, reading.tokens.look(now).map_err(|error| (&error).into()));
            files.set(ControlFile::Holds, reading.holds.check().map_err(|error| (&error).into()));
            if reading.issuer.as_ref().is_some_and(|issuer| issuer.look(now)) {
                reading.tokens.tell();
            }
            drop(reading);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Who reads what.
    pub(crate) fn reads(&self) -> &Arc<Reads> {
        &self.reads
    }

    /// Records now who read what so far, where it is to be recorded.
    ///
    /// # Errors
    /// When not all of it is known to be recorded. It is tried again within a minute.
    pub async fn record_reads(&self) -> Result<(), SubmitError> {
        self.reads.record().await
    }

    /// What a log server that watches itself found.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Keeps a finding, for those who may read all events.
    ///
    /// # Errors
    /// The store's own, or what the system says: it is not kept then.
    pub fn add_finding(&self, finding: String) -> Result<(), StoreError> {
        self.findings.add(finding, &**self.log_server.reader())
    }

    /// What is not to be erased.
    pub fn holds(&self) -> &Holds {
        &self.holds
    }

    /// Tells which chains are the log's own: what they say is never erased.
    pub(crate) fn own_chains(&self) -> OwnChains<'_> {
        OwnChains::new(&**self.log_server.reader(), self.log_server.origin())
    }

    /// When the newest checkpoint existed that witnesses saw, if any did.
    pub(crate) fn attested(&self) -> Result<Option<Time>, StoreError> {
        self.exporter.set_trust(self.log_server.rules().trust());
        self.exporter.attested_time()
    }

    /// Since when the log has its leaves.
    pub(crate) fn had(&self) -> Result<Had, StoreError> {
        self.exporter.set_trust(self.log_server.rules().trust());
        self.exporter.had()
    }

    /// Ends all streams: the server is about to stop.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether the server is about to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow() || self.log_server.is_stopping()
    }

    /// Waits until it is.
    pub(crate) async fn is_stopped(&self) {
        let _ = self.stopping().wait_for(|stopping| *stopping).await;
    }

    /// Whether streams shall end.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Plans an export. When nobody waits for it any more the work is given up.
    ///
    /// # Errors
    /// [`ExportError`].
    pub(crate) async fn plan(
        self: &Arc<Self>,
        access: &Access,
        request: Request,
    ) -> Result<Plan, ExportError> {
        self.look(Some(access), move |exporter, canceled| exporter.plan(&request, canceled)).await
    }

    /// Looks at all events that an export can have, and tells what was found: see [`Exporter::begin_explaining`].
    ///
    /// # Errors
    /// [`ExportError`].
    pub(crate) async fn explain(
        self: &Arc<Self>,
        access: &Access,
        request: Request,
        fields_alone: bool,
    ) -> Result<Explained, ExportError> {
        self.look(Some(access), move |exporter, canceled| exporter.explain(&request, fields_alone, canceled))
            .await
    }

    /// The events that fulfill all of these conditions, by looking at each: see [`Choosing`].
    pub(crate) async fn choose(
        self: &Arc<Self>,
        access: &Access,
        asked: Asked,
        scope: Arc<Scope>,
    ) -> Result<RoaringTreemap, ExportError> {
        let reader = self.log_server.reader().clone();
        self.look(Some(access), move |exporter, canceled| {
            let size = exporter.published_size()?;
            let choosing = Choosing::new(reader, exporter.parsers(), asked.query().clone(), scope, size);
            choosing.finish(canceled)
        })
        .await
    }

    /// Does what takes a while with the exporter, for a reader or for the log itself.
    pub(crate) async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        access: Option<&Access>,
        look: impl FnOnce(&Exporter, &dyn Fn() -> bool) -> Result<T, ExportError> + Send + 'static,
    ) -> Result<T, ExportError> {
        let turn = self.turns.next(access.map(Access::credential)).await;
        let guard = CancelOnDrop::default();
        let canceled = guard.0.clone();
        let looked = self.glance(move |exporter| look(exporter, &|| canceled.load(Ordering::Relaxed))).await;
        drop(turn);
        looked
    }

    /// Does what takes little with the exporter.
    pub(crate) async fn glance<T: Send + 'static>(
        self: &Arc<Self>,
        look: impl FnOnce(&Exporter) -> Result<T, ExportError> + Send + 'static,
    ) -> Result<T, ExportError> {
        let this = self.clone();
        let looked = tokio::task::spawn_blocking(move || {
            this.exporter.set_trust(this.log_server.rules().trust());
            look(&this.exporter)
        });
        looked.await.map_err(|error| StoreError::unavailable("looking for events", error))?
    }
}

/// Tells when it is dropped that nobody waits any more.
#[derive(Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
