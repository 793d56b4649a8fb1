//! The check `time`: times don't decrease and agree with what witnesses attest.

use super::FindingCode::{TimeFuture, TimeLate, TimeOrder};
use super::attested::Attested;
use super::finding::{Findings, Place};
use super::report::Check;
use crate::phrases::{self, say};
use crate::time::Time;
use crate::tolerance::{LATE, is_future};
use crate::trust::Times;

/// The links so far, without forks.
#[derive(Debug, Default)]
pub(super) struct TimeCheck {
    pub(super) links: u64,
    failed: u64,
    /// Heads and anchors whose time can't be right; each is a failed item.
    ticks: u64,
    /// The latest link.
    newest: Option<Time>,
    /// The latest link that no checkpoint with times covers yet, and true if it failed already.
    latest: Option<(Time, Place, bool)>,
}

impl TimeCheck {
    #[inline]
    pub(super) fn link(
        &mut self,
        time: Time,
        before: Option<Time>,
        place: Place,
        attested: Option<&Attested>,
        findings: &mut Findings,
    ) {
        self.links += 1;
        self.newest = self.newest.max(Some(time));
        let failed = before.is_some_and(|before| time < before);
        if let Some(before) = before.filter(|_| failed) {
            self.failed += 1;
            let message = say!(
                "time.order",
                "the link is dated {time}, but a link before it is dated {before}",
                time,
                before
            );
            findings.add(TimeOrder, place, message);
        }
        let seen = attested.and_then(|attested| attested.newest_seen);
        if let Some(seen) = seen.filter(|seen| seen.millis() - time.millis() > LATE) {
            let message = say!(
                "time.late",
                "the link is dated {time}, but the log was seen without it at {seen}",
                time,
                seen
            );
            findings.add(TimeLate, place, message);
        }
        if self.latest.is_none_or(|(latest, ..)| latest < time) {
            self.latest = Some((time, place, failed));
        }
    }

    /// Processes a matching checkpoint that has times.
    pub(super) fn checkpoint(&mut self, times: Times, findings: &mut Findings) {
        let Some((time, place, failed)) = self.latest.take() else { return };
        if is_future(time, times.existed_by) {
            self.failed += u64::from(!failed);
            let existed = times.existed_by;
            let message =
                say!("time.future", "the link is dated {time}, but it existed by {existed}", time, existed);
            findings.add(TimeFuture, place, message);
        }
    }

    /// Compares the time of a tick with the times of its checkpoint, if it has any, and with the links before it.
    pub(super) fn tick(&mut self, time: Time, times: Option<Times>, place: Place, findings: &mut Findings) {
        let existed = times.map(|times| times.existed_by).filter(|existed| is_future(time, *existed));
        let newest = self.newest.filter(|newest| is_future(*newest, time));
        if let Some(existed) = existed {
            let message = say!(
                "time.future.tick",
                "the head is dated {time}, but it existed by {existed}",
                time,
                existed
            );
            findings.add(TimeFuture, place, message);
        } else if let Some(newest) = newest {
            let message = say!(
                "time.future.link",
                "the head is dated {time}, but a link before it is dated {newest}",
                time,
                newest
            );
            findings.add(TimeFuture, place, message);
        }
        self.ticks += u64::from(existed.is_some() || newest.is_some());
    }

    pub(super) fn check(&self) -> Check {
        Check::new(
            self.links + self.ticks,
            self.failed + self.ticks,
            (self.links == 0).then_some(phrases::REASON_NO_LINK),
        )
    }
}
