//! Erasing events when they are old enough, and never links.
//!
//! A [`Rule`] says how long events are kept: all of them (`7y`) or a tenant's (`tenant=acme:30d`). An event grows old from
//! when the log has it, as the first checkpoint that holds it says: by its link's time an emitter could have its evidence
//! erased the next minute. From time to time a [`pass`] erases what is older, by [`erase`], which records it first. What a [hold](holds::Hold) names is kept whatever its age, and so is what the log itself did.
//!
//! A clock that has jumped ahead must not erase a log. So the time that a pass goes by is never later than the
//! [moment] that others vouch for.

pub(crate) mod due;
pub mod holds;
pub mod moment;
mod pass_error;
mod rules;

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
use due::{Expired, Sources};
use moment::Moment;

pub use pass_error::PassError;
pub use rules::{Age, Rule, Rules};

/// How often it is looked what is old enough.
const INTERVAL: Duration = Duration::from_hours(1);
/// How long after the start it is looked for the first time.
const FIRST: Duration = Duration::from_mins(1);
/// After a failure.
const PAUSE: Duration = Duration::from_mins(5);
/// Between two passes while there is more to look at.
const REST: Duration = Duration::from_secs(5);

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// The time that it went by; none where nobody vouches for any, and nothing was erased.
    pub now: Option<Time>,
    /// What was erased.
    pub erased: Erased,
    /// Whether there is more to look at, of which some may be old enough.
    pub more: bool,
}

/// Erases what is old enough by now, so many events at a time.
///
/// # Errors
/// [`PassError`].
pub async fn pass(
    reading: &Arc<Reading>,
    rules: &Rules,
    moment: &mut Moment,
    elapsed: Duration,
) -> Result<Passed, PassError> {
    let now = moment.advance(reading, elapsed).await?;
    let Some(now) = now.filter(|_| !rules.is_empty()) else { return Ok(Passed::default()) };
    let looked = tokio::task::spawn_blocking({
        let (reading, rules) = (reading.clone(), rules.clone());
        move || {
            let holds = reading.holds().read();
            let holds = holds.map_err(|error| StoreError::unavailable("reading the holds", error))?;
            let log_server = reading.log_server();
            let size = log_server.published().borrow().as_ref().map_or(0, |published| published.size);
            let (reader, own) = (&**log_server.reader(), reading.own_chains());
            let sources = Sources { reader, size, had: reading.had()?, own, holds };
            reading.due.lock().unwrap_or_else(PoisonError::into_inner).expired(sources, &rules, now)
        }
    });
    let looked = looked.await.map_err(|error| StoreError::unavailable("looking for old events", error));
    let Expired { leaves, more } = looked??;
    if leaves.is_empty() {
        return Ok(Passed { now: Some(now), more, ..Passed::default() });
    }
    let mut metadata = Map::new();
    metadata.insert("chosen_by".into(), "age".into());
    metadata.insert("rules".into(), rules.texts().into());
    metadata.insert("at".into(), json!(now.to_string()));
    let cause = Cause {
        actor_type: "service",
        actor: "retention".into(),
        reason: "older than this log keeps events".into(),
        metadata,
    };
    let erased = erase(reading, leaves, &cause).await?;
    Ok(Passed { now: Some(now), erased, more })
}

/// Passes from time to time until the log stops. `folder` is the log's: the moment of the last pass is kept there.
pub async fn keep(reading: Arc<Reading>, rules: Rules, folder: PathBuf) {
    let mut moment = Moment::of(&folder);
    let mut since = Instant::now();
    sleep(FIRST).await;
    while !reading.log_server().is_stopping() {
        let elapsed = since.elapsed();
        since = Instant::now();
        let rest = match pass(&reading, &rules, &mut moment, elapsed).await {
            Ok(passed) => {
                if passed.erased.erased > 0 {
                    tracing::info!(events = passed.erased.erased, "events were erased that were old enough");
                }
                if passed.more { REST } else { INTERVAL }
            }
            Err(error) => {
                tracing::warn!(%error, "old events were not erased");
                PAUSE
            }
        };
        sleep(rest).await;
    }
}
