//! The windows of time that grants open to an emitter (SPEC section 5).

use super::attested::Attested;
use crate::time::Time;

/// How long after its last window a key's links may be attested: 24 hours.
const GRACE: i64 = 24 * 3_600_000;

/// A grant that acts.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) from: Option<Time>,
    pub(super) until: Option<Time>,
    pub(super) voidable: Option<Voidable>,
}

/// A grant all of whose signers the trust file revokes: it is void unless a checkpoint that holds it existed
/// before the latest of their `since`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voidable {
    pub(super) index: u64,
    pub(super) since: Option<Time>,
}

impl Grant {
    fn is_void(&self, attested: &Attested) -> bool {
        self.voidable.is_some_and(|Voidable { index, since }| {
            let before =
                attested.existed_by(index).zip(since).is_some_and(|(existed_by, since)| existed_by < since);
            !before
        })
    }
}

/// Where a time stands to some windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Within,
    Expired,
    NotYetValid,
}

/// The windows that a key was granted before one of its open links.
#[derive(Debug)]
pub(super) struct Windows {
    grants: Vec<Grant>,
    /// Touching ones joined, in order; bounds in milliseconds from the epoch.
    joined: Vec<(i64, i64)>,
    /// Every bound, in order, where a grant may be void: they part time into cells that no window divides.
    bounds: Vec<i64>,
}

fn span(grant: &Grant) -> (i64, i64) {
    (grant.from.map_or(i64::MIN, Time::millis), grant.until.map_or(i64::MAX, Time::millis))
}

fn join(spans: impl Iterator<Item = (i64, i64)>) -> Vec<(i64, i64)> {
    let mut spans: Vec<_> = spans.collect();
    spans.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (from, until) in spans {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => joined.push((from, until)),
        }
    }
    joined
}

/// By when what a key signed must be attested: a day after the last window; none where one does not end.
fn deadline(joined: &[(i64, i64)]) -> Option<i64> {
    joined.last().filter(|(_, until)| *until != i64::MAX).map(|(_, until)| until + GRACE)
}

impl Windows {
    pub(super) fn new(grants: Vec<Grant>) -> Self {
        let joined = join(grants.iter().map(span));
        let mut bounds = Vec::new();
        if grants.iter().any(|grant| grant.voidable.is_some()) {
            bounds = grants.iter().map(span).flat_map(|(from, until)| [from, until]).collect();
            bounds.sort_unstable();
            bounds.dedup();
        }
        Self { grants, joined, bounds }
    }

    pub(super) fn standing(&self, time: Time) -> Standing {
        let millis = time.millis();
        if self.joined.iter().any(|(from, until)| (*from..*until).contains(&millis)) {
            Standing::Within
        } else if self.joined.iter().any(|(_, until)| *until <= millis) {
            Standing::Expired
        } else {
            Standing::NotYetValid
        }
    }

    pub(super) fn deadline(&self) -> Option<i64> {
        deadline(&self.joined)
    }

    /// Which of the cells that the windows' bounds part time into a time is in; none where no grant may be void.
    pub(super) fn cell(&self, time: Time) -> Option<usize> {
        let cell = |bounds: &[i64]| bounds.partition_point(|bound| *bound <= time.millis());
        (!self.bounds.is_empty()).then(|| cell(&self.bounds))
    }

    /// Whether void grants make a chain suspect whose links' times are in these cells, the last good link at
    /// this index.
    pub(super) fn suspect(&self, cells: &[usize], last: u64, quorum: bool, attested: &Attested) -> bool {
        if !self.grants.iter().any(|grant| grant.is_void(attested)) {
            return false;
        }
        let joined = join(self.grants.iter().filter(|grant| !grant.is_void(attested)).map(span));
        let covers = |cell: usize| {
            let begin = cell.checked_sub(1).map_or(i64::MIN, |before| self.bounds[before]);
            joined.iter().any(|(from, until)| *from <= begin && begin < *until)
        };
        let late = || deadline(&joined).is_some_and(|deadline| attested.size_by(deadline) <= last);
        !cells.iter().all(|cell| covers(*cell)) || (quorum && late())
    }
}
