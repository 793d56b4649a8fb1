//! The sequencer of an embedded log, as the log sees it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use countersign::log::Rules;

use crate::sequencer::{Job, RunningSequencer};
use crate::store::StoreError;
use crate::tenants::job::TenantJob;
use crate::tenants::sequencer::RunningTenantSequencer;
use crate::tenants::tenant::TenantNumber;

/// The sequencer of a root log, which all its tenant logs share.
pub(super) type SharedSequencer = Rc<RefCell<RunningTenantSequencer>>;

/// The sequencer of an embedded log, as the log sees it.
pub(super) enum Engine {
    /// The sequencer of an ordinary log. It commits at once.
    Log(Box<RunningSequencer>),
    /// The sequencer of a root log, as the root log sees it.
    Root(SharedSequencer),
    /// The sequencer of a root log, as a tenant log with these acceptance rules sees it. It commits at ticks.
    Tenant(SharedSequencer, TenantNumber, Arc<Rules>),
    /// No sequencer: no tenant has a log with this ID. An emitter that the rules don't admit gets the same refusal as
    /// from any tenant log.
    Unknown(Arc<Rules>),
}

impl Engine {
    /// Runs a job. Its result may have to wait for the next tick.
    pub(super) fn work(&mut self, job: Job) {
        match self {
            Self::Log(sequencer) => _ = sequencer.work(job, &mut || None),
            Self::Root(shared) => _ = shared.borrow_mut().work(TenantJob::Root(job)),
            Self::Tenant(shared, number, rules) => {
                let job = TenantJob::Log { number: *number, rules: rules.clone(), job };
                shared.borrow_mut().work(job);
            }
            Self::Unknown(_) => {}
        }
    }

    /// Returns the acceptance rules in force.
    pub(super) fn rules(&self) -> Arc<Rules> {
        match self {
            Self::Log(sequencer) => sequencer.rules(),
            Self::Root(shared) => shared.borrow().rules(),
            Self::Tenant(_, _, rules) | Self::Unknown(rules) => rules.clone(),
        }
    }

    /// Signs the newest checkpoint and sends it to witnesses, even if they have seen it.
    pub(super) fn show_witnesses(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Log(sequencer) => sequencer.show_witnesses(),
            Self::Root(shared) => shared.borrow_mut().show_witnesses(),
            Self::Tenant(..) | Self::Unknown(_) => Ok(()),
        }
    }
}
