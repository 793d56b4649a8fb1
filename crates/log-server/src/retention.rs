//! Retention: erases events, but never links, once they are old enough.
//!
//! A [`Rule`] says how long events are kept: all events (`7y`) or those of one tenant (`tenant=acme:30d`). An event's
//! age counts from the first checkpoint that includes it. Its link's time isn't used, because an emitter could
//! backdate it to have its evidence erased at once. A [`pass`] runs periodically and calls [`erase`], which records
//! each erasure first. Events under a [hold](holds::Hold), and the log's own events, are never erased.
//!
//! A clock that has jumped ahead must not erase a log. The time of a pass is therefore never later than the [moment]
//! that other parties attest.

pub(crate) mod due;
pub mod holds;
pub mod moment;
mod pass_error;
mod rules;
pub mod tenants;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use countersign::time::Time;
use serde_json::{Map, json};
use tokio::time::{Instant, sleep};

use crate::erase::erase;
use crate::reading::Reading;
use countersign_log::erase::{Cause, Erased};
use countersign_log::store::StoreError;
use due::{DueTimes, ExpiredEvents, Sources};
use moment::Moment;

pub use pass_error::PassError;
pub use rules::{Age, Rule, Rules};

/// Interval between the starts of two passes.
const INTERVAL: Duration = Duration::from_hours(1);
/// Delay of the first pass after the start.
const START_DELAY: Duration = Duration::from_mins(1);
/// Pause after a failed pass.
const FAILURE_PAUSE: Duration = Duration::from_mins(5);
/// Pause between passes while more events are to be checked.
const BACKLOG_PAUSE: Duration = Duration::from_secs(5);

/// The result of a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassResult {
    /// The time of the pass, or `None` if no other party attests one and nothing was erased.
    pub now: Option<Time>,
    /// The erased events.
    pub erased: Erased,
    /// True if more events are to be checked.
    pub more: bool,
}

/// Runs one pass: erases expired events, up to a limit per pass.
///
/// # Errors
/// [`PassError`].
pub async fn pass(
    reading: &Arc<Reading>,
    rules: &Rules,
    moment: &mut Moment,
    elapsed: Duration,
) -> Result<PassResult, PassError> {
    let now = moment.advance(reading, elapsed).await?;
    let Some(now) = now.filter(|_| !rules.is_empty()) else { return Ok(PassResult::default()) };
    let expired = tokio::task::spawn_blocking({
        let (reading, rules) = (reading.clone(), rules.clone());
        move || {
            let mut due = reading.due.lock().unwrap_or_else(PoisonError::into_inner);
            find_expired(&reading, &mut due, &rules, now)
        }
    });
    let expired = expired.await.map_err(|error| StoreError::unavailable("finding expired events", error));
    let ExpiredEvents { leaves, more, .. } = expired??;
    if leaves.is_empty() {
        return Ok(PassResult { now: Some(now), more, ..PassResult::default() });
    }
    let erased = erase(reading, leaves, &cause(rules, now)).await?;
    Ok(PassResult { now: Some(now), erased, more })
}

/// Finds events of a log that have expired at `now`, up to the limit per pass.
fn find_expired(
    reading: &Reading,
    due: &mut DueTimes,
    rules: &Rules,
    now: Time,
) -> Result<ExpiredEvents, StoreError> {
    let holds = reading.holds().read();
    let holds = holds.map_err(|error| StoreError::disk("reading the holds", error))?;
    let log_server = reading.log_server();
    let (reader, own) = (&**log_server.reader(), reading.own_chains());
    // An entry that no checkpoint includes has no age yet.
    let size = reader.size()?;
    due.expired(Sources { reader, size, had: reading.had()?, own, holds }, rules, now)
}

/// Returns the cause of the erasures of a pass.
fn cause(rules: &Rules, now: Time) -> Cause {
    let mut metadata = Map::new();
    metadata.insert("chosen_by".into(), "age".into());
    metadata.insert("rules".into(), rules.texts().into());
    metadata.insert("at".into(), json!(now.to_string()));
    Cause {
        actor_type: "service",
        actor: "retention".into(),
        reason: "older than the log's retention period".into(),
        metadata,
    }
}

/// Runs passes periodically until the log stops. The moment of the last pass is stored in the log's `folder`.
pub async fn run(reading: Arc<Reading>, rules: Rules, folder: PathBuf) {
    let mut moment = Moment::open(&folder);
    let mut since = Instant::now();
    sleep(START_DELAY).await;
    while !reading.log_server().is_stopping() {
        let elapsed = since.elapsed();
        since = Instant::now();
        let delay = match pass(&reading, &rules, &mut moment, elapsed).await {
            Ok(result) => {
                if result.erased.erased > 0 {
                    tracing::info!(events = result.erased.erased, "erased expired events");
                }
                if result.more { BACKLOG_PAUSE } else { INTERVAL }
            }
            Err(error) => {
                tracing::warn!(%error, "a retention pass failed");
                FAILURE_PAUSE
            }
        };
        sleep(delay).await;
    }
}
