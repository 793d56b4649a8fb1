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

    pub(super) fn check(&self) -> Check {
        Check::new(self.links, self.failed, (self.links == 0).then_some(phrases::REASON_NO_LINK))
    }
}
