//! A log that recorders write to and readers read: an ordinary log, or a tenant log of a root log.

use std::sync::{Arc, PoisonError};

use countersign::log::{Rules, SubmissionOutcome};
use countersign::tenant::{Since, TenantOrigin};
use countersign::trust::Trust;
use countersign_log::api::{self, Answer, ApiError};
use countersign_log::export::{Exporter, LiveState};
use countersign_log::sequencer::{Job, SharedRules};
use countersign_log::store::{Published, Reader};
use countersign_log::tenants::growth_proof::GrowthProof;
use countersign_log::tenants::job::TenantJob;
use countersign_log::tenants::published::TenantTicks;
use countersign_log::tenants::reader::TenantReader;
use countersign_log::tenants::tenant::TenantNumber;
use tokio::sync::watch;

/// A log as its recorders and readers use it.
pub(super) struct OpenLog {
    pub(super) reader: Arc<dyn Reader>,
    pub(super) exporter: Exporter,
    rules: SharedRules,
    newest: Newest,
}

/// The newest state of a log.
enum Newest {
    /// The newest state of an ordinary log.
    Checkpoint(watch::Receiver<Option<Arc<Published>>>),
    /// The newest state of a tenant log.
    Head { number: TenantNumber, ticks: TenantTicks, root_log: Arc<dyn Reader> },
}

impl OpenLog {
    /// Opens an ordinary log.
    pub(super) fn ordinary(
        reader: Arc<dyn Reader>,
        origin: &str,
        trust: Trust,
        rules: SharedRules,
        published: watch::Receiver<Option<Arc<Published>>>,
    ) -> Self {
        let exporter = Exporter::new(reader.clone(), origin, Some(trust)).with_announced(published.clone());
        Self { reader, exporter, rules, newest: Newest::Checkpoint(published) }
    }

    /// Opens a tenant log.
    pub(super) fn tenant(
        reader: Arc<TenantReader>,
        root_log: Arc<dyn Reader>,
        origin: &TenantOrigin,
        number: TenantNumber,
        trust: Trust,
        rules: SharedRules,
    ) -> Self {
        let ticks = reader.ticks().clone();
        let exporter =
            Exporter::new(reader.clone(), origin.as_str(), Some(trust)).with_newest(reader.clone());
        Self { reader, exporter, rules, newest: Newest::Head { number, ticks, root_log } }
    }

    /// True if it is a tenant log.
    pub(super) const fn is_tenant(&self) -> bool {
        matches!(self.newest, Newest::Head { .. })
    }

    pub(super) fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the newest state that readers get.
    pub(super) fn newest(&self) -> Option<LiveState> {
        match &self.newest {
            Newest::Checkpoint(published) => {
                published.borrow().as_ref().map(|published| LiveState::from(published.size))
            }
            Newest::Head { ticks, .. } => ticks.live_state(),
        }
    }

    /// Returns a job for the root log's sequencer, if this is a tenant log.
    pub(super) fn tenant_job(&self, job: Job) -> Option<TenantJob> {
        match &self.newest {
            Newest::Checkpoint(_) => None,
            Newest::Head { number, .. } => Some(TenantJob::Log { number: *number, rules: self.rules(), job }),
        }
    }

    /// Returns the response to a submission to a tenant log, once the newest published head has this size. `since` is the
    /// head that the submission states.
    pub(super) fn tenant_response(
        &self,
        taken: &SubmissionOutcome,
        size: u64,
        since: Option<Since>,
    ) -> Option<Result<Answer, ApiError>> {
        let Newest::Head { ticks, root_log, .. } = &self.newest else { return None };
        let tick = ticks.newest()?;
        if tick.live_state(ticks.id())?.size < size {
            return None;
        }
        let proof = match tick.head_proof(ticks.id(), &**root_log) {
            Ok(proof) => proof?,
            Err(error) => return Some(Err(error.into())),
        };
        let growth = since.map(|since| GrowthProof::prove(since, &proof, &*self.reader)).transpose();
        let answer = |growth: Option<GrowthProof>| {
            api::submit::tenant_response(taken, &proof, growth.as_ref(), &*self.reader)
        };
        Some(growth.map_err(Into::into).and_then(answer))
    }
}
