//! Facts about an endpoint, in bounded memory. Facts collected in parallel can be merged.

use std::collections::HashMap;

use countersign::time::Time;

use super::call::Call;
use super::report::Status;

/// The number of entries kept as evidence for a fact.
pub(super) const LEAVES: usize = 16;

/// The lowest entry indexes added so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Leaves(pub(super) Vec<u64>);

impl Leaves {
    pub(super) fn add(&mut self, leaf: u64) {
        if let Err(at) = self.0.binary_search(&leaf)
            && at < LEAVES
        {
            self.0.insert(at, leaf);
            self.0.truncate(LEAVES);
        }
    }

    fn merge(&mut self, other: &Self) {
        for leaf in &other.0 {
            self.add(*leaf);
        }
    }
}

/// A time, and the entry that proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    pub(super) time: Time,
    pub(super) leaf: u64,
}

/// The calls of one caller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) calls: u64,
    pub(super) first: At,
}

#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) calls: u64,
    pub(super) answered: u64,
    pub(super) first: At,
    pub(super) last: At,
    pub(super) leaves: Leaves,
    /// The numbers of calls by response, sorted.
    pub(super) statuses: Vec<Status>,
    pub(super) callers: HashMap<u32, Caller>,
    /// Calls of callers that exceeded the limit.
    pub(super) others: u64,
    pub(super) latency: Option<Box<Latency>>,
    /// Successful calls without authentication.
    pub(super) open: u64,
    pub(super) open_leaves: Leaves,
}

impl Facts {
    /// Creates facts from the first call. `caller` is the caller's number, unless the limit is reached.
    pub(super) fn new(call: &Call<'_>, caller: Option<u32>) -> Self {
        let at = At { time: call.time, leaf: call.leaf };
        let mut facts = Self {
            calls: 0,
            answered: 0,
            first: at,
            last: at,
            leaves: Leaves::default(),
            statuses: Vec::new(),
            callers: HashMap::new(),
            others: 0,
            latency: None,
            open: 0,
            open_leaves: Leaves::default(),
        };
        facts.add(call, caller);
        facts
    }

    pub(super) fn add(&mut self, call: &Call<'_>, caller: Option<u32>) {
        let at = At { time: call.time, leaf: call.leaf };
        self.calls += 1;
        self.answered += u64::from(call.is_answered());
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        self.leaves.add(call.leaf);
        self.status(Status { answer: call.answer(), calls: 1, leaf: call.leaf });
        match (&call.caller, caller) {
            (Some(_), Some(number)) => self.caller(number, Caller { calls: 1, first: at }),
            (Some(_), None) => self.others += 1,
            (None, _) if call.is_unauthenticated && call.is_success() => {
                self.open += 1;
                self.open_leaves.add(call.leaf);
            }
            (None, _) => {}
        }
        if let Some(millis) = call.latency {
            self.latency.get_or_insert_default().add(millis);
        }
    }

    fn status(&mut self, status: Status) {
        match self.statuses.binary_search_by_key(&status.answer, |known| known.answer) {
            Ok(at) => {
                self.statuses[at].calls += status.calls;
                self.statuses[at].leaf = self.statuses[at].leaf.min(status.leaf);
            }
            Err(at) => self.statuses.insert(at, status),
        }
    }

    fn caller(&mut self, number: u32, caller: Caller) {
        let known = self.callers.entry(number).or_insert(Caller { calls: 0, ..caller });
        known.calls += caller.calls;
        known.first = known.first.min(caller.first);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.calls += other.calls;
        self.answered += other.answered;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.leaves.merge(&other.leaves);
        for status in other.statuses {
            self.status(status);
        }
        for (number, caller) in other.callers {
            self.caller(number, caller);
        }
        self.others += other.others;
        self.latency = match (self.latency.take(), other.latency) {
            (Some(mut mine), Some(theirs)) => {
                mine.merge(&theirs);
                Some(mine)
            }
            (mine, theirs) => mine.or(theirs),
        };
        self.open += other.open;
        self.open_leaves.merge(&other.open_leaves);
    }
}

/// A histogram of durations. Each bucket is a sixteenth of a power of two, so percentiles are off by 3 % at
/// most.
#[derive(Clone, Debug, Default)]
pub(super) struct Latency {
    /// The buckets and their numbers of calls, ascending.
    steps: Vec<(u16, u64)>,
    pub(super) calls: u64,
    pub(super) max: f64,
}

impl Latency {
    fn add(&mut self, millis: f64) {
        self.count(step(millis), 1);
        self.calls += 1;
        self.max = self.max.max(millis);
    }

    fn count(&mut self, step: u16, calls: u64) {
        match self.steps.binary_search_by_key(&step, |(known, _)| *known) {
            Ok(at) => self.steps[at].1 += calls,
            Err(at) => self.steps.insert(at, (step, calls)),
        }
    }

    fn merge(&mut self, other: &Self) {
        for (step, calls) in &other.steps {
            self.count(*step, *calls);
        }
        self.calls += other.calls;
        self.max = self.max.max(other.max);
    }

    /// Returns a percentile in milliseconds; whole milliseconds from 16 on.
    pub(super) fn percentile(&self, percent: u64) -> f64 {
        let wanted = (self.calls * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let step = self.steps.iter().find(|(_, calls)| {
            seen += calls;
            seen >= wanted
        });
        let millis = step.map_or(0.0, |(step, _)| middle(*step).min(self.max));
        if millis < 16.0 { millis } else { millis.round() }
    }
}

/// Returns the bucket of a duration. Durations below 0.32 ms have buckets of 0.01 ms.
#[expect(clippy::cast_sign_loss, reason = "a duration is never negative")]
fn step(millis: f64) -> u16 {
    let hundredths = (millis * 100.0).round().min(f64::from(1_u32 << 31)) as u64;
    if hundredths < 16 {
        return hundredths as u16;
    }
    let power = hundredths.ilog2();
    (power as u16 - 3) * 16 + (hundredths >> (power - 4) & 15) as u16
}

/// Returns the middle of a bucket, in milliseconds.
fn middle(step: u16) -> f64 {
    let (power, part) = (step / 16 + 3, u64::from(step % 16));
    let hundredths = match power.checked_sub(4) {
        None => part as f64,
        Some(shift) => (((16 + part) << shift) + ((17 + part) << shift) - 1) as f64 / 2.0,
    };
    hundredths / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_off_by_three_percent_at_most() {
        for nth in 0..4_000_u32 {
            let millis = f64::from(nth) * f64::from(nth) / 16.0;
            let estimate = middle(step(millis));
            assert!((estimate - millis).abs() <= millis * 0.032 + 0.005, "{millis} {estimate}");
        }
        let mut latency = Latency::default();
        for millis in 1..=1000_u32 {
            latency.add(f64::from(millis));
        }
        let near = |estimate: f64, expected: f64| (estimate - expected).abs() <= expected * 0.032;
        assert!(near(latency.percentile(50), 500.0) && near(latency.percentile(95), 950.0));
        assert_eq!(step(f64::MAX), step(1e9));
    }
}
