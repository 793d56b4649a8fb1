//! The time of a retention pass: the server's clock, limited by what other parties attest.
//!
//! - If witnesses cosign, it is at most a day after the time of the newest checkpoint that they saw: by the trust
//!   file's quorum, or by the earliest cosignature if there is no quorum.
//! - Otherwise, it is at most a day after the time reached by half of the emitters that wrote the newest 256 links.
//!   The log's own links don't count. In tenant logs, it is half of the emitters that wrote the newest links since the
//!   last pass.
//! - A log without new entries still ages: the time measured by a monotonic clock while the server runs counts too.
//! - From one pass to the next, it advances by at most a week more than the measured time. If all clocks are wrong at
//!   once, or if a machine was off for months, there is time to notice: passes are an hour apart, and each is logged.
//!
//! The moment of the last pass is stored in `retention.txt` in the log's folder.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use countersign::link::ChainId;
use countersign::note::VerifierKey;
use countersign::time::Time;

use super::pass_error::PassError;
use super::rules::DAY;
use crate::reading::Reading;
use countersign_files::replace;
use countersign_log::store::{Reader, StoreError, link};

/// The file's name within the log's folder.
pub const FILE: &str = "retention.txt";

/// Maximum lead over the attested time, in milliseconds.
const MAX_AHEAD_MS: i64 = DAY;
/// Maximum advance from one pass to the next, in milliseconds, besides the measured time.
const MAX_STEP_MS: i64 = 7 * DAY;
/// Number of newest links whose emitters attest the time.
const ATTESTING_LINKS: u64 = 256;

/// The moment of the last pass.
#[derive(Clone, Debug)]
pub struct Moment {
    file: PathBuf,
}

impl Moment {
    /// Opens the moment stored in a folder.
    pub fn open(folder: &Path) -> Self {
        Self { file: folder.join(FILE) }
    }

    /// Returns the moment of the next pass, `elapsed` after the last one of this run. Returns `None` if no other party
    /// attests a time.
    pub(super) async fn advance(
        &mut self,
        reading: &Arc<Reading>,
        elapsed: Duration,
    ) -> Result<Option<Time>, PassError> {
        let (clock, reading) = (reading.log_server().now(), reading.clone());
        self.advance_by(clock, elapsed, move || attested_time(&reading)).await
    }

    /// Returns the moment of the next pass, as [`advance`](Self::advance) does. `attested` returns the time that other
    /// parties attest.
    pub(super) async fn advance_by(
        &mut self,
        clock: Time,
        elapsed: Duration,
        attested: impl FnOnce() -> Result<Option<Time>, StoreError> + Send + 'static,
    ) -> Result<Option<Time>, PassError> {
        let file = self.file.clone();
        let work = tokio::task::spawn_blocking(move || {
            let last = load(&file).map_err(PassError::File)?;
            let now = now(clock, attested()?, last, elapsed);
            match now {
                Some(now) if clock.millis() - now.millis() > DAY => {
                    tracing::warn!(%clock, %now, "the clock is ahead of the attested time; retention waits");
                }
                None => tracing::debug!("no witness or emitter attests a time; retention waits"),
                _ => {}
            }
            if let Some(now) = now.filter(|now| Some(*now) != last) {
                save(&file, now).map_err(|error| PassError::File(format!("{}: {error}", file.display())))?;
            }
            Ok(now)
        });
        work.await.map_err(|error| StoreError::unavailable("determining the retention time", error))?
    }
}

/// Computes the moment from the server's clock, the attested time, the moment of the last pass, and the time elapsed
/// since.
pub fn now(clock: Time, attested: Option<Time>, last: Option<Time>, elapsed: Duration) -> Option<Time> {
    let elapsed = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
    let measured = last.map(|last| last.millis().saturating_add(elapsed));
    let mut latest = attested.map(|attested| attested.millis().saturating_add(MAX_AHEAD_MS)).max(measured)?;
    if let Some(measured) = measured {
        latest = latest.min(measured.saturating_add(MAX_STEP_MS));
    }
    Time::from_millis(latest.min(clock.millis()))
}

/// Returns the time that other parties attest, at least.
fn attested_time(reading: &Reading) -> Result<Option<Time>, StoreError> {
    match reading.attested()? {
        Some(time) => Ok(Some(time)),
        None => attested_by_emitters(reading),
    }
}

/// Returns the time reached by half of the recently active emitters.
fn attested_by_emitters(reading: &Reading) -> Result<Option<Time>, StoreError> {
    let log_server = reading.log_server();
    let size = log_server.published().borrow().as_ref().map_or(0, |published| published.size);
    let mut emitters = EmitterTimes::new(log_server.key().name());
    emitters.add(&**log_server.reader(), size.saturating_sub(ATTESTING_LINKS)..size)?;
    Ok(emitters.attested())
}

/// The times that emitters have reached.
pub(super) struct EmitterTimes<'n> {
    /// The name of the log's own keys, which don't count.
    own: &'n str,
    newest: HashMap<VerifierKey, Time>,
}

impl<'n> EmitterTimes<'n> {
    /// Creates an empty collection for a log whose own keys have this name.
    pub(super) fn new(own: &'n str) -> Self {
        Self { own, newest: HashMap::new() }
    }

    /// Adds the times of the links in these entries of a log.
    pub(super) fn add(&mut self, reader: &dyn Reader, entries: Range<u64>) -> Result<(), StoreError> {
        let mut chains: HashMap<ChainId, Time> = HashMap::new();
        for leaf in reader.leaves(entries)? {
            if let Some(link) = link(&leaf) {
                chains.insert(link.chain(), link.time());
            }
        }
        for (chain, time) in chains {
            let key = reader.key_of(&chain)?;
            if let Some(key) = key.filter(|key| key.name() != self.own) {
                let newest = self.newest.entry(key).or_insert(time);
                *newest = time.max(*newest);
            }
        }
        Ok(())
    }

    /// Returns the time that half of the emitters have reached.
    pub(super) fn attested(self) -> Option<Time> {
        let mut times: Vec<Time> = self.newest.into_values().collect();
        times.sort_unstable();
        times.get(times.len().saturating_sub(1) / 2).copied()
    }
}

fn load(file: &Path) -> Result<Option<Time>, String> {
    match std::fs::read_to_string(file) {
        Ok(text) => match Time::parse(text.trim_end().as_bytes()) {
            Some(time) => Ok(Some(time)),
            None => Err(format!("{}: the file doesn't contain a time; remove it", file.display())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

fn save(file: &Path, time: Time) -> io::Result<()> {
    replace(file, format!("{time}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn time(day: i64) -> Time {
        Time::from_millis(day * DAY).unwrap()
    }

    #[test]
    fn clock_counts_up_to_the_attested_time() {
        assert_eq!(now(time(100), Some(time(100)), None, HOUR), Some(time(100)));
        assert_eq!(now(time(3_000), Some(time(100)), None, HOUR), Some(time(101)));
        assert_eq!(now(time(50), Some(time(100)), None, HOUR), Some(time(50)));
        assert_eq!(now(time(100), None, None, HOUR), None);
    }

    #[test]
    fn log_without_new_entries_ages() {
        let day = HOUR * 24;
        assert_eq!(now(time(130), Some(time(100)), Some(time(129)), day), Some(time(130)));
        assert_eq!(now(time(3_000), Some(time(100)), Some(time(129)), day), Some(time(130)));
        assert_eq!(now(time(130), None, Some(time(129)), day), Some(time(130)));
    }

    #[test]
    fn jump_of_all_clocks_advances_by_weeks() {
        let mut last = time(100);
        for pass in 1..=10 {
            last = now(time(3_000), Some(time(3_000)), Some(last), Duration::ZERO).unwrap();
            assert_eq!(last, time(100 + 7 * pass));
        }
        assert_eq!(
            now(time(105), Some(time(105)), Some(last), HOUR),
            Some(time(105)),
            "the clocks were corrected"
        );
    }
}
