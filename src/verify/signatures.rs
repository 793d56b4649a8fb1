//! The check `signatures`: is every link covered by a valid signature of an authorised key?

use super::FindingCode as Code;
use super::attested::Attested;
use super::authority::Right;
use super::finding::{Findings, Place};
use super::report::Check;
use super::summary::Signed;
use super::windows::Standing;
use crate::time::Time;

/// What a chain's signatures cover so far. It begins with the open link.
#[derive(Clone, Debug)]
pub(super) struct Coverage {
    right: Right,
    /// Links that wait for a signature, and those of them that are not attested in time.
    pending: u64,
    pending_late: u64,
    last_pending: Place,
    /// Links covered by valid signatures, and those of them that are not attested in time.
    covered: u64,
    covered_late: u64,
    failed: u64,
    tail: bool,
    /// The first link that did not fail and is not attested in time.
    first_late: Option<Place>,
    /// The last link that did not fail.
    last_good: Option<u64>,
    /// The cells of time that links which did not fail fall into, where grants may be void.
    cells: Vec<usize>,
}

/// What became of a link's coverage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Covers {
    /// Its signature covers it and the pending ones before it.
    Pending,
    /// It waits for a signature.
    Nothing,
    /// It failed.
    Failed,
}

impl Coverage {
    pub(super) fn new(right: Right) -> Self {
        Self {
            right,
            pending: 0,
            pending_late: 0,
            last_pending: Place::default(),
            covered: 0,
            covered_late: 0,
            failed: 0,
            tail: false,
            first_late: None,
            last_good: None,
            cells: Vec::new(),
        }
    }

    /// The moment by which its links must be attested, where there is one.
    fn deadline(&self, quorum: bool) -> Option<i64> {
        match &self.right {
            Right::Granted(windows) if quorum => windows.deadline(),
            _ => None,
        }
    }

    /// What came before does not lead to what comes now.
    pub(super) fn break_off(&mut self, findings: &mut Findings) {
        if self.pending > 0 {
            self.tail = true;
            findings.add(Code::SignatureUnsignedTail, self.last_pending, || {
                "no signature covers the links up to here".into()
            });
        }
        (self.pending, self.pending_late) = (0, 0);
    }

    /// A link of the chain, no fork.
    #[inline]
    pub(super) fn link(
        &mut self,
        signed: Signed,
        time: Time,
        place: Place,
        revoked: bool,
        attested: Option<&Attested>,
        findings: &mut Findings,
    ) -> Covers {
        let mut failed = signed == Signed::Invalid;
        if failed {
            findings.add(Code::SignatureInvalid, place, || {
                "the signature is not valid under the chain's key".into()
            });
        }
        let standing = match &self.right {
            Right::Granted(windows) => windows.standing(time),
            _ => Standing::Within,
        };
        if revoked {
            failed = true;
            findings
                .add(Code::KeyRevoked, place, || "the key was revoked at an earlier place of the log".into());
        } else if standing == Standing::Expired {
            failed = true;
            findings.add(Code::KeyExpired, place, || format!("at {time} the key's grant had ended"));
        } else if standing == Standing::NotYetValid {
            failed = true;
            findings.add(Code::KeyNotYetValid, place, || format!("at {time} the key's grant had not begun"));
        }
        if failed {
            self.failed += 1;
            return Covers::Failed;
        }
        if let Some(deadline) = self.deadline(attested.is_some()) {
            self.attest(deadline, attested);
            self.pending_late += 1;
            self.first_late.get_or_insert(place);
        }
        if let Right::Granted(windows) = &self.right
            && let Some(cell) = windows.cell(time)
            && !self.cells.contains(&cell)
        {
            self.cells.push(cell);
        }
        self.last_good = place.index;
        self.pending += 1;
        self.last_pending = place;
        if signed == Signed::Valid {
            self.covered += self.pending;
            self.covered_late += self.pending_late;
            (self.pending, self.pending_late) = (0, 0);
            return Covers::Pending;
        }
        Covers::Nothing
    }

    /// Takes note of checkpoints that came since the last link.
    fn attest(&mut self, deadline: i64, attested: Option<&Attested>) {
        // No checkpoint holds a part of what is late: it would have been taken note of at the link before it.
        let holds = |last| attested.is_some_and(|attested| attested.size_by(deadline) > last);
        if self.last_good.is_some_and(holds) {
            (self.pending_late, self.covered_late, self.first_late) = (0, 0, None);
        }
    }

    /// Whether valid signatures cover links whose key is unknown.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.right, Right::Unknown)
    }

    pub(super) fn was_granted(&self) -> bool {
        matches!(self.right, Right::Granted(_))
    }

    /// Whether void grants make the chain suspect.
    pub(super) fn void_grants_matter(&self, quorum: bool, attested: &Attested) -> bool {
        match (&self.right, self.last_good) {
            (Right::Granted(windows), Some(last)) => windows.suspect(&self.cells, last, quorum, attested),
            _ => false,
        }
    }
}

/// The check's result, chain by chain.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    passed: u64,
    failed: u64,
    unknown: bool,
    other: Option<&'static str>,
}

impl Signatures {
    /// Links of a chain without open link.
    pub(super) fn unauthenticated(&mut self) {
        self.other.get_or_insert("a chain's open link is not here, so its key is not known");
    }

    /// A chain at the end of the export.
    pub(super) fn chain(
        &mut self,
        mut coverage: Coverage,
        suspect: bool,
        attested: Option<&Attested>,
        findings: &mut Findings,
    ) {
        if let Some(deadline) = coverage.deadline(attested.is_some()) {
            coverage.attest(deadline, attested);
        }
        coverage.break_off(findings);
        if let Some(place) = coverage.first_late {
            findings
                .add(Code::KeyLate, place, || "no witnessed checkpoint shows that it existed in time".into());
            self.other.get_or_insert(
                "no witnessed checkpoint shows that some links existed before their key expired",
            );
        }
        self.failed += coverage.failed;
        if coverage.tail {
            self.other.get_or_insert("some links are covered by no signature");
        }
        if suspect {
            self.other.get_or_insert("a chain is suspect since a key was revoked");
        } else if coverage.is_unknown() {
            self.unknown |= coverage.covered > 0;
        } else {
            self.passed += coverage.covered - coverage.covered_late;
        }
    }

    /// Whether unknown keys alone keep the check from passing.
    pub(super) fn only_unknown_keys(&self) -> bool {
        self.unknown && self.other.is_none()
    }

    pub(super) fn check(&self, links: u64) -> Check {
        let unknown =
            self.unknown.then_some("links are signed by keys that the trust file does not vouch for");
        let none = (links == 0).then_some("there is no link");
        Check::of(self.passed + self.failed, self.failed, self.other.or(unknown).or(none))
    }
}
