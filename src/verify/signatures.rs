//! The check `signatures`: is every link covered by a valid signature of an authorized key?

use std::num::NonZeroU64;

use super::FindingCode as Code;
use super::attested::Attested;
use super::authority::{Key, Right};
use super::finding::{Findings, Place};
use super::report::Check;
use super::summary::Signed;
use super::void::{Moments, VoidedWindows};
use crate::keys::Validity;
use crate::link::ChainId;
use crate::phrases::{self, Saying, say};
use crate::time::Time;
use crate::tolerance::LATE;

/// What a chain's signatures cover so far. It begins with the open link. There can be as many as lines, so it is
/// kept small.
#[derive(Debug)]
pub(super) struct Coverage {
    /// Nobody whom the reader trusts lets the chain's key sign it.
    pub(super) unknown: bool,
    /// No signature covers some links before what came next did not follow.
    tail: bool,
    /// What is asked of the chain where grants let its key sign it.
    granted: Option<Box<Granted>>,
    /// Links that wait for a signature.
    pending: u64,
    /// Links covered by valid signatures.
    covered: u64,
    /// The last link that did not fail.
    last_good: Option<Spot>,
}

#[derive(Debug, Default)]
struct Granted {
    /// How many grants came before the open link.
    count: usize,
    late: Late,
    moments: Moments,
}

/// Links that are not attested in time: how many wait for a signature, how many valid signatures cover, and the
/// first of all that did not fail.
#[derive(Clone, Copy, Debug, Default)]
struct Late {
    pending: u64,
    covered: u64,
    first: Option<Spot>,
}

/// The place of a link of a chain that is known. Lines are counted from 1.
#[derive(Clone, Copy, Debug)]
struct Spot {
    line: NonZeroU64,
    index: u64,
    seq: u64,
}

impl Spot {
    fn of(place: Place) -> Self {
        let seq = place.link.and_then(|(_, seq)| seq);
        let line = NonZeroU64::new(place.line).unwrap_or(NonZeroU64::MIN);
        Self { line, index: place.index.unwrap_or_default(), seq: seq.unwrap_or_default() }
    }

    fn in_chain(self, chain: ChainId) -> Place {
        Place::link(self.line.get(), self.index, chain, self.seq)
    }
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

/// A link of a chain, no fork.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signable {
    pub(super) signed: Signed,
    pub(super) time: Time,
    pub(super) place: Place,
}

impl Granted {
    /// The moment by which the chain's links must be attested, where there is one.
    fn deadline(&self, key: &Key) -> Option<i64> {
        key.stated()?.windows.last_end(self.count).map(|end| end.saturating_add(LATE))
    }

    /// What is late, with the checkpoints that came since the last link.
    fn late(&self, deadline: i64, last_good: Option<Spot>, attested: &Attested) -> Late {
        // No checkpoint holds a part of what is late: it would have been taken note of at the link before it.
        let holds = |last: Spot| attested.size_by(deadline) > last.index;
        if last_good.is_some_and(holds) { Late::default() } else { self.late }
    }
}

impl Coverage {
    pub(super) fn new(right: Right) -> Self {
        let granted = match right {
            Right::Unknown | Right::TrustFile => None,
            Right::Granted(count) => Some(Box::new(Granted { count, ..Granted::default() })),
        };
        let unknown = right == Right::Unknown;
        Self { unknown, tail: false, granted, pending: 0, covered: 0, last_good: None }
    }

    /// What came before does not lead to what comes now.
    pub(super) fn break_off(&mut self, chain: ChainId, findings: &mut Findings) {
        self.tail |= self.find_tail(chain, findings);
        self.pending = 0;
        if let Some(granted) = &mut self.granted {
            granted.late.pending = 0;
        }
    }

    /// Whether no signature covers the last links.
    fn find_tail(&self, chain: ChainId, findings: &mut Findings) -> bool {
        let last = self.last_good.filter(|_| self.pending > 0);
        if let Some(last) = last {
            let message = say!("signature.unsigned_tail", "no signature covers the links up to here");
            findings.add(Code::SignatureUnsignedTail, last.in_chain(chain), message);
        }
        last.is_some()
    }

    /// A link of the chain, no fork.
    #[inline]
    pub(super) fn link(
        &mut self,
        link: Signable,
        key: &Key,
        attested: Option<&Attested>,
        findings: &mut Findings,
    ) -> Covers {
        let Signable { signed, time, place } = link;
        let mut failed = signed == Signed::Invalid;
        if failed {
            let message = say!("signature.invalid", "the signature is not valid under the chain's key");
            findings.add(Code::SignatureInvalid, place, message);
        }
        if let Some(stated) = key.stated() {
            let validity = match &self.granted {
                Some(granted) => stated.windows.validity(granted.count, time),
                None => Validity::Within,
            };
            let mut refuse = |code, message: Saying<'_>| {
                failed = true;
                findings.add(code, place, message);
            };
            match validity {
                _ if stated.revocations.are_in_log() => {
                    refuse(
                        Code::KeyRevoked,
                        say!("key.revoked", "the key was revoked at an earlier place of the log"),
                    );
                }
                Validity::Expired => {
                    refuse(
                        Code::KeyExpired,
                        say!("key.expired", "at {time} the key's grant had ended", time),
                    );
                }
                Validity::NotYetValid => {
                    refuse(
                        Code::KeyNotYetValid,
                        say!("key.not_yet_valid", "at {time} the key's grant had not begun", time),
                    );
                }
                Validity::Within => {}
            }
        }
        if failed {
            return Covers::Failed;
        }
        if let (Some(granted), Some(stated)) = (&mut self.granted, key.stated()) {
            if let Some((attested, deadline)) = attested.zip(granted.deadline(key)) {
                granted.late = granted.late(deadline, self.last_good, attested);
                granted.late.pending += 1;
                granted.late.first.get_or_insert(Spot::of(place));
            }
            if stated.voidable.are_among(granted.count) {
                stated.voidable.note(time, &mut granted.moments);
            }
        }
        self.last_good = Some(Spot::of(place));
        self.pending += 1;
        if signed != Signed::Valid {
            return Covers::Nothing;
        }
        self.covered += std::mem::take(&mut self.pending);
        if let Some(granted) = &mut self.granted {
            granted.late.covered += std::mem::take(&mut granted.late.pending);
        }
        Covers::Pending
    }

    /// Whether void grants of its key make the chain suspect.
    pub(super) fn suspect(&self, void: &VoidedWindows, quorum: Option<&Attested>) -> bool {
        self.granted
            .as_ref()
            .zip(self.last_good)
            .is_some_and(|(granted, last)| void.suspect(granted.count, &granted.moments, last.index, quorum))
    }
}

/// The check's result: links that failed, and at the end the chains one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct Signatures {
    passed: u64,
    pub(super) failed: u64,
    unknown: bool,
    other: Option<&'static str>,
}

impl Signatures {
    /// Links of a chain without open link.
    pub(super) fn unauthenticated(&mut self) {
        self.other.get_or_insert(phrases::REASON_NO_CHAIN_KEY);
    }

    /// A chain at the end of the export.
    pub(super) fn chain(
        &mut self,
        chain: ChainId,
        coverage: &Coverage,
        key: &Key,
        suspect: bool,
        attested: Option<&Attested>,
        findings: &mut Findings,
    ) {
        let late = coverage.granted.as_ref().and_then(|granted| {
            let (attested, deadline) = attested.zip(granted.deadline(key))?;
            Some(granted.late(deadline, coverage.last_good, attested))
        });
        let late = late.unwrap_or_default();
        let tail = coverage.find_tail(chain, findings) || coverage.tail;
        if let Some(first) = late.first {
            let message = say!("key.late", "no witnessed checkpoint shows that it existed in time");
            findings.add(Code::KeyLate, first.in_chain(chain), message);
            self.other.get_or_insert(phrases::REASON_LATE_LINKS);
        }
        if tail {
            self.other.get_or_insert(phrases::REASON_UNSIGNED_LINKS);
        }
        if suspect {
            self.other.get_or_insert(phrases::REASON_SUSPECT_CHAIN);
        } else if coverage.unknown {
            self.unknown |= coverage.covered > 0;
        } else {
            self.passed += coverage.covered - late.covered;
        }
    }

    /// Whether unknown keys alone keep the check from passing.
    pub(super) fn only_unknown_keys(&self) -> bool {
        self.unknown && self.other.is_none()
    }

    pub(super) fn check(&self, links: u64) -> Check {
        let unknown = self.unknown.then_some(phrases::REASON_UNKNOWN_KEYS);
        let none = (links == 0).then_some(phrases::REASON_NO_LINK);
        Check::of(self.passed + self.failed, self.failed, self.other.or(unknown).or(none))
    }
}
