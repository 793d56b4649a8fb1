//! Retention in the tenant logs of a root log.
//!
//! The rules apply to each tenant log as to an ordinary log, and `tenant=acme` in a rule is compared with the tenant in
//! each event. There is one moment for all tenant logs. A pass opens a tenant log only if it grew since the last pass or
//! if one of its events has expired.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::time::Time;
use countersign_log::erase::Erased;
use countersign_log::store::StoreError;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::tenant::TenantNumber;
use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, sleep};

use super::due::{DueTimes, ExpiredEvents, is_over};
use super::moment::{EmitterTimes, Moment};
use super::{FAILURE_PAUSE, INTERVAL, PassError, PassResult, Rules, START_DELAY, cause, find_expired};
use crate::erase::erase;
use crate::reading::Reading;
use crate::tenants::TenantLogs;

/// Maximum number of tenant logs that are open for retention at the same time.
const MAX_OPEN: usize = 16;
/// Maximum number of tenant logs whose emitters attest the time.
const MAX_ATTESTING_LOGS: usize = 256;
/// Number of newest links in each of them whose emitters attest the time.
const ATTESTING_LINKS: u64 = 16;

/// The retention of all tenant logs of a server.
pub struct TenantRetention {
    root: Arc<Reading>,
    tenants: Arc<TenantLogs>,
    rules: Rules,
    moment: Moment,
    schedules: Mutex<HashMap<TenantNumber, Schedule>>,
    /// The sizes of all tenant logs at the last pass, or at the start.
    sizes: HashMap<TenantNumber, u64>,
}

/// The schedule of a tenant log's events.
#[derive(Default)]
struct Schedule {
    due: DueTimes,
    /// The size of the tenant log when `next` was determined.
    size: u64,
    /// When the first of its events expires; `None` for never.
    next: Option<i64>,
}

impl Schedule {
    /// True if events of a tenant log with this size may have expired.
    fn is_due(&self, size: u64, now: Time) -> bool {
        self.size != size || self.next.is_some_and(|next| is_over(next, now))
    }
}

impl TenantRetention {
    /// Creates the retention with these rules. `root` is the service of the root log. The moment of the last pass is
    /// stored in `folder`.
    pub fn new(root: Arc<Reading>, tenants: Arc<TenantLogs>, rules: Rules, folder: &Path) -> Self {
        let mut retention = Self {
            root,
            tenants,
            rules,
            moment: Moment::open(folder),
            schedules: Mutex::default(),
            sizes: HashMap::new(),
        };
        retention.sizes = retention.heads().into_iter().map(|head| (head.number, head.size)).collect();
        retention
    }

    /// Runs passes periodically until the server stops.
    pub async fn run(mut self) {
        let mut since = Instant::now();
        sleep(START_DELAY).await;
        while !self.root.is_stopping() {
            let elapsed = since.elapsed();
            since = Instant::now();
            let delay = match self.pass(elapsed).await {
                Ok(result) => {
                    if result.erased.erased > 0 {
                        tracing::info!(events = result.erased.erased, "erased expired events of tenants");
                    }
                    // Starts the next pass soon if a tenant log failed, or if no party has attested the time since the start.
                    if result.now.is_none() || result.more { FAILURE_PAUSE } else { INTERVAL }
                }
                Err(error) => {
                    tracing::warn!(%error, "a retention pass failed");
                    FAILURE_PAUSE
                }
            };
            sleep(delay).await;
        }
    }

    /// Runs one pass over all tenant logs, `elapsed` after the last one: erases all expired events.
    ///
    /// # Errors
    /// [`PassError`] if the time can't be determined. If a tenant log fails, the pass continues with the others.
    pub async fn pass(&mut self, elapsed: Duration) -> Result<PassResult, PassError> {
        if self.tenants.check_active().await.is_err() {
            // The server that makes the ticks erases.
            return Ok(PassResult::default());
        }
        let heads = self.heads();
        let grown = self.grown(&heads);
        let attested = {
            let (root, tenants) = (self.root.clone(), self.tenants.clone());
            move || attested_time(&root, &tenants, &grown)
        };
        let now = self.moment.advance_by(self.root.log_server().now(), elapsed, attested).await?;
        self.sizes = heads.iter().map(|head| (head.number, head.size)).collect();
        let Some(now) = now.filter(|_| !self.rules.is_empty()) else { return Ok(PassResult::default()) };
        let due: Vec<SlotHead> = {
            let schedules = self.schedules.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = |head: &SlotHead| {
                schedules.get(&head.number).is_none_or(|schedule| schedule.is_due(head.size, now))
            };
            heads.into_iter().filter(|head| head.size > 0 && is_due(head)).collect()
        };
        let this = &*self;
        let mut passes = stream::iter(due).map(|head| this.visit(head, now)).buffer_unordered(MAX_OPEN);
        let (mut erased, mut more) = (Erased::default(), false);
        while let Some(visited) = passes.next().await {
            match visited {
                Ok(result) => {
                    erased.erased += result.erased;
                    erased.left += result.left;
                    erased.held += result.held;
                    erased.unrecorded += result.unrecorded;
                }
                Err(error) => {
                    tracing::warn!(%error, "a retention pass over a tenant log failed");
                    more = true;
                }
            }
        }
        Ok(PassResult { now: Some(now), erased, more })
    }

    /// Erases the expired events of one tenant log.
    async fn visit(&self, head: SlotHead, now: Time) -> Result<Erased, PassError> {
        let mut erased = Erased::default();
        let Some(log) = self.tenants.open_to_erase_in_background(head.id).await? else { return Ok(erased) };
        let mut schedule = {
            let mut schedules = self.schedules.lock().unwrap_or_else(PoisonError::into_inner);
            schedules.remove(&head.number).unwrap_or_default()
        };
        loop {
            let (reading, rules) = (log.reading.clone(), self.rules.clone());
            let found = tokio::task::spawn_blocking(move || {
                let found = find_expired(&reading, &mut schedule.due, &rules, now);
                found.map(|found| (found, schedule))
            });
            let found = found.await.map_err(|error| StoreError::unavailable("finding expired events", error));
            let (ExpiredEvents { leaves, more, next }, found_in) = found??;
            schedule = found_in;
            let is_empty = leaves.is_empty();
            if !is_empty {
                let result = erase(&log.reading, leaves, &cause(&self.rules, now)).await?;
                erased.erased += result.erased;
                erased.left += result.left;
                erased.held += result.held;
                erased.unrecorded += result.unrecorded;
            }
            if !more || self.root.is_stopping() {
                if is_empty && !more {
                    (schedule.size, schedule.next) = (head.size, next);
                }
                break;
            }
        }
        let mut schedules = self.schedules.lock().unwrap_or_else(PoisonError::into_inner);
        schedules.insert(head.number, schedule);
        Ok(erased)
    }

    /// Returns the heads in the newest published tick; without one, as when the root log is stopped, the stored ones.
    fn heads(&self) -> Vec<SlotHead> {
        let newest = self.tenants.ticks().borrow().clone();
        newest.map_or_else(
            || self.tenants.readers().heads().unwrap_or_default(),
            |newest| newest.directory.heads().iter().copied().collect(),
        )
    }

    /// Returns some of the tenant logs that grew since the last pass, spread evenly, with their sizes before and now.
    fn grown(&self, heads: &[SlotHead]) -> Vec<(TenantNumber, u64, u64)> {
        let growth = heads.iter().filter_map(|head| {
            let before = self.sizes.get(&head.number).copied().unwrap_or(0);
            (head.size > before).then_some((head.number, before, head.size))
        });
        let grown: Vec<_> = growth.collect();
        let step = grown.len().div_ceil(MAX_ATTESTING_LOGS).max(1);
        grown.into_iter().step_by(step).collect()
    }
}

/// Returns the time that other parties attest, at least: witnesses, or the emitters of the tenant logs that grew.
fn attested_time(
    root: &Reading,
    tenants: &TenantLogs,
    grown: &[(TenantNumber, u64, u64)],
) -> Result<Option<Time>, StoreError> {
    if let Some(time) = root.attested()? {
        return Ok(Some(time));
    }
    let mut emitters = EmitterTimes::new(root.log_server().key().name());
    for (number, before, size) in grown {
        let first = size.saturating_sub(ATTESTING_LINKS).max(*before);
        emitters.add(&*tenants.readers().log(*number), first..*size)?;
    }
    Ok(emitters.attested())
}
