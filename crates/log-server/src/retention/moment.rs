//! The time that a pass goes by: the server's clock, as far as others vouch for it.
//!
//! - Where witnesses cosign, it is at most a day after the time of the newest checkpoint that they saw: by the trust
//!   file's quorum, or the earliest of its cosignatures where there is none.
//! - Where none do, it is at most a day after the time that half of the emitters came to who wrote the newest 256
//!   links, by clocks of their own. The log's own links do not count.
//! - A log to which nothing comes still grows older: time passes too as it is measured while the server runs, by a
//!   clock that does not jump.
//! - It never advances by more than a week from one pass to the next, beside the time that was measured. So when all
//!   clocks are wrong at once, or a machine was off for months, there is time to notice: passes are an hour apart, and
//!   each says so in the logs.
//!
//! The moment of the last pass is kept in `retention.txt` in the log's folder.

use std::collections::HashMap;
use std::io;
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
use countersign_log::store::{StoreError, link};

/// The file's name within the log's folder.
pub const FILE: &str = "retention.txt";

/// How much later than what others vouch for it may be, in milliseconds.
const AHEAD: i64 = DAY;
/// How far it may advance from one pass to the next, beside the time that was measured.
const STEP: i64 = 7 * DAY;
/// Of how many links the emitters vouch for the time together.
const LINKS: u64 = 256;

/// The moment of the last pass.
#[derive(Clone, Debug)]
pub struct Moment {
    file: PathBuf,
}

impl Moment {
    /// As it is kept in that folder.
    pub fn of(folder: &Path) -> Self {
        Self { file: folder.join(FILE) }
    }

    /// The moment of the next pass, `elapsed` after the last one as measured in this run. None when nobody vouches for
    /// any time.
    pub(super) async fn advance(
        &mut self,
        reading: &Arc<Reading>,
        elapsed: Duration,
    ) -> Result<Option<Time>, PassError> {
        let (file, reading) = (self.file.clone(), reading.clone());
        let work = tokio::task::spawn_blocking(move || {
            let last = load(&file).map_err(PassError::File)?;
            let clock = reading.log_server().now();
            let now = now(clock, vouched(&reading)?, last, elapsed);
            match now {
                Some(now) if clock.millis() - now.millis() > DAY => {
                    tracing::warn!(%clock, %now, "the clock is ahead of what others vouch for: retention waits");
                }
                None => tracing::debug!("nobody vouches for the time: retention waits"),
                _ => {}
            }
            if let Some(now) = now.filter(|now| Some(*now) != last) {
                save(&file, now).map_err(|error| PassError::File(format!("{}: {error}", file.display())))?;
            }
            Ok(now)
        });
        work.await.map_err(|error| StoreError::unavailable("telling the time", error))?
    }
}

/// The time to go by, of the server's clock, what others vouch for, and the last pass with the time since.
pub fn now(clock: Time, vouched: Option<Time>, last: Option<Time>, elapsed: Duration) -> Option<Time> {
    let elapsed = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
    let measured = last.map(|last| last.millis().saturating_add(elapsed));
    let mut most = vouched.map(|vouched| vouched.millis().saturating_add(AHEAD)).max(measured)?;
    if let Some(measured) = measured {
        most = most.min(measured.saturating_add(STEP));
    }
    Time::from_millis(most.min(clock.millis()))
}

/// What others say that it is, at least.
fn vouched(reading: &Reading) -> Result<Option<Time>, StoreError> {
    match reading.attested()? {
        Some(time) => Ok(Some(time)),
        None => by_emitters(reading),
    }
}

/// The time that half of the lately active emitters came to.
fn by_emitters(reading: &Reading) -> Result<Option<Time>, StoreError> {
    let log_server = reading.log_server();
    let size = log_server.published().borrow().as_ref().map_or(0, |published| published.size);
    let mut chains: HashMap<ChainId, Time> = HashMap::new();
    for leaf in log_server.reader().leaves(size.saturating_sub(LINKS)..size)? {
        let link = link(&leaf);
        if let Some(link) = link {
            chains.insert(link.chain(), link.time());
        }
    }
    let mut emitters: HashMap<VerifierKey, Time> = HashMap::new();
    for (chain, time) in chains {
        let key = log_server.reader().key_of(&chain)?;
        if let Some(key) = key.filter(|key| key.name() != log_server.origin()) {
            let newest = emitters.entry(key).or_insert(time);
            *newest = time.max(*newest);
        }
    }
    let mut times: Vec<Time> = emitters.into_values().collect();
    times.sort_unstable();
    Ok(times.get(times.len().saturating_sub(1) / 2).copied())
}

fn load(file: &Path) -> Result<Option<Time>, String> {
    match std::fs::read_to_string(file) {
        Ok(text) => match Time::parse(text.trim_end().as_bytes()) {
            Some(time) => Ok(Some(time)),
            None => Err(format!("{}: this is not a time; remove the file", file.display())),
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
    fn the_clock_counts_as_far_as_others_vouch_for_it() {
        assert_eq!(now(time(100), Some(time(100)), None, HOUR), Some(time(100)));
        assert_eq!(now(time(3_000), Some(time(100)), None, HOUR), Some(time(101)));
        assert_eq!(now(time(50), Some(time(100)), None, HOUR), Some(time(50)));
        assert_eq!(now(time(100), None, None, HOUR), None);
    }

    #[test]
    fn a_log_to_which_nothing_comes_grows_older() {
        let day = HOUR * 24;
        assert_eq!(now(time(130), Some(time(100)), Some(time(129)), day), Some(time(130)));
        assert_eq!(now(time(3_000), Some(time(100)), Some(time(129)), day), Some(time(130)));
        assert_eq!(now(time(130), None, Some(time(129)), day), Some(time(130)));
    }

    #[test]
    fn when_all_clocks_jump_there_is_time_to_notice() {
        let mut last = time(100);
        for pass in 1..=10 {
            last = now(time(3_000), Some(time(3_000)), Some(last), Duration::ZERO).unwrap();
            assert_eq!(last, time(100 + 7 * pass));
        }
        assert_eq!(now(time(105), Some(time(105)), Some(last), HOUR), Some(time(105)), "they were set right");
    }
}
