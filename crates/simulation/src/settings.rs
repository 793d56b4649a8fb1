//! The settings of a run, which the seed decides.

use crate::faults::FaultRates;
use crate::random::Random;

/// One minute, in milliseconds.
pub const MINUTE: u64 = 60_000;

/// A misdeed of the log operator while the log runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misdeed {
    /// Nothing.
    None,
    /// Restores the tables from an old backup, but not the memory of signed trees, and puts the tables back later.
    RestoresTables,
    /// Restores the whole machine from an old backup, and continues from there.
    RestoresMachine,
}

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The number of witnesses, of which more than half make a quorum; 0 for a log without any.
    pub witnesses: usize,
    /// The number of recorders.
    pub recorders: usize,
    /// The number of readers.
    pub readers: usize,
    /// The length of the run in milliseconds, before everything is healed.
    pub length: u64,
    /// The faults of the log server's disk.
    pub server_faults: FaultRates,
    /// The faults of the recorders' disks.
    pub recorder_faults: FaultRates,
    /// The probability that a message is lost.
    pub loss: f64,
    /// The probability that a request arrives twice.
    pub duplication: f64,
    /// The longest delay of a message in milliseconds.
    pub delay: u64,
    /// The longest time of a commit in milliseconds.
    pub commit: u64,
    /// The mean time between two kills of a process in milliseconds; `None` for no kills.
    pub kills: Option<u64>,
    /// True if clocks are set.
    pub clocks: bool,
    /// True if witnesses fail, lie, and restore old states.
    pub witness_faults: bool,
    /// True if events are erased.
    pub erasures: bool,
    /// The misdeed of the operator.
    pub misdeed: Misdeed,
    /// The number of tenant logs; 0 for an ordinary log.
    pub tenants: usize,
    /// The time between two ticks of a root log in milliseconds.
    pub tick: u64,
}

/// The kind of log that a run simulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// An ordinary log.
    Ordinary,
    /// A root log with tenant logs.
    Tenants,
}

/// The difference between a run's seed and the one that decides about tenants. The other settings of a seed don't
/// depend on that.
const TENANT_SEED: u64 = 0x7465_6e61_6e74;

impl Settings {
    /// Draws the settings of a run, of this kind of log unless it is `None`.
    pub fn draw(random: &mut Random, seed: u64, kind: Option<LogKind>) -> Self {
        let settings = Self::draw_ordinary(random);
        let mut random = Random::new(seed ^ TENANT_SEED);
        let has_tenants = random.chance(0.5);
        if !kind.map_or(has_tenants, |kind| kind == LogKind::Tenants) {
            return settings;
        }
        let tenants = 2 + random.index(4);
        Self {
            tenants,
            tick: if random.chance(0.3) { 1_000 } else { random.between(1, 10) * 1_000 },
            recorders: tenants + random.index(3),
            readers: tenants,
            // A tenant log has no events of the log server yet, so nothing records an erasure.
            erasures: false,
            // A tick has more steps that can fail than another commit, and there are ticks all the time.
            server_faults: settings.server_faults.scaled(0.25),
            ..settings
        }
    }

    fn draw_ordinary(random: &mut Random) -> Self {
        let misdeed = match random.index(6) {
            0 => Misdeed::RestoresTables,
            1 => Misdeed::RestoresMachine,
            _ => Misdeed::None,
        };
        Self {
            witnesses: if random.chance(0.5) { 3 } else { 0 },
            recorders: 1 + random.index(4),
            readers: 1 + random.index(3),
            length: random.between(4, 24) * MINUTE,
            server_faults: FaultRates::draw(random),
            recorder_faults: FaultRates::draw(random),
            loss: if random.chance(0.5) { 0.1 } else { 0.0 },
            duplication: if random.chance(0.5) { 0.1 } else { 0.0 },
            delay: if random.chance(0.5) { 5_000 } else { 50 },
            commit: if random.chance(0.3) { 10_000 } else { 50 },
            kills: random.chance(0.5).then_some(random.between(1, 10) * MINUTE),
            clocks: random.chance(0.4),
            witness_faults: random.chance(0.5),
            erasures: random.chance(0.3),
            misdeed,
            tenants: 0,
            tick: 0,
        }
    }
}
