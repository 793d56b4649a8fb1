//! The queue of a sequencer's jobs, as one log sees it.

use std::sync::{Arc, PoisonError};

use countersign::log::Rules;
use countersign_log::sequencer::{Job, SharedRules};
use countersign_log::tenants::job::TenantJob;
use countersign_log::tenants::tenant::TenantNumber;
use tokio::sync::mpsc;

/// The queue of a sequencer's jobs, as one log sees it.
#[derive(Clone)]
pub(crate) enum Jobs {
    /// The queue of an ordinary log's sequencer.
    Log(mpsc::Sender<Job>),
    /// The queue of a root log's sequencer, as the root log sees it.
    Root(mpsc::Sender<TenantJob>),
    /// The queue of a root log's sequencer, as a tenant log with these acceptance rules sees it.
    Tenant(mpsc::Sender<TenantJob>, TenantNumber, SharedRules),
    /// The queue of a root log's sequencer, as a tenant log sees it that doesn't exist.
    Unknown(mpsc::Sender<TenantJob>),
}

/// The reason why a job was not queued.
pub(crate) enum QueueError {
    /// Too many jobs are waiting.
    Full,
    /// The sequencer is stopping.
    Closed,
    /// The tenant log doesn't exist.
    UnknownTenant,
}

impl<J> From<mpsc::error::TrySendError<J>> for QueueError {
    fn from(error: mpsc::error::TrySendError<J>) -> Self {
        match error {
            mpsc::error::TrySendError::Full(_) => Self::Full,
            mpsc::error::TrySendError::Closed(_) => Self::Closed,
        }
    }
}

impl Jobs {
    /// Queues a job. Waits while too many are waiting.
    ///
    /// # Errors
    /// [`QueueError::Closed`] and [`QueueError::UnknownTenant`].
    pub(crate) async fn send(&self, job: Job) -> Result<(), QueueError> {
        let sent = match self {
            Self::Log(sender) => sender.send(job).await.is_ok(),
            Self::Root(sender) => sender.send(TenantJob::Root(job)).await.is_ok(),
            // All tenant logs follow other servers together, so that an unknown one looks like others.
            Self::Tenant(sender, ..) | Self::Unknown(sender) if matches!(job, Job::Follow { .. }) => {
                sender.send(TenantJob::Root(job)).await.is_ok()
            }
            Self::Tenant(sender, number, rules) => sender.send(tenant_job(*number, rules, job)).await.is_ok(),
            Self::Unknown(_) => return Err(QueueError::UnknownTenant),
        };
        if sent { Ok(()) } else { Err(QueueError::Closed) }
    }

    /// Queues a job, if there is room for it.
    ///
    /// # Errors
    /// [`QueueError`].
    pub(crate) fn try_send(&self, job: Job) -> Result<(), QueueError> {
        match self {
            Self::Log(sender) => sender.try_send(job)?,
            Self::Root(sender) => sender.try_send(TenantJob::Root(job))?,
            Self::Tenant(sender, number, rules) => sender.try_send(tenant_job(*number, rules, job))?,
            Self::Unknown(_) => return Err(QueueError::UnknownTenant),
        }
        Ok(())
    }

    /// True if the sequencer accepts no more jobs.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Log(sender) => sender.is_closed(),
            Self::Root(sender) | Self::Tenant(sender, ..) | Self::Unknown(sender) => sender.is_closed(),
        }
    }
}

fn tenant_job(number: TenantNumber, rules: &SharedRules, job: Job) -> TenantJob {
    let rules: Arc<Rules> = rules.read().unwrap_or_else(PoisonError::into_inner).clone();
    TenantJob::Log { number, rules, job }
}
