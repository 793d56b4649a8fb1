//! The check `signatures`: a valid signature of an authorized key covers every link.

use std::num::NonZeroU64;

use super::FindingCode as Code;
use super::attested::Attested;
use super::authority::{Key, Right};
use super::finding::{Findings, Place};
use super::report::Check;
use super::summary::SignatureState;
use super::void::{Moments, VoidedWindows};
use crate::keys::Validity;
use crate::link::ChainId;
use crate::phrases::{self, Sentence, say};
use crate::time::Time;
use crate::tolerance::LATE;

/// Signature coverage of a chain so far, from its open link on. There can be as many chains as lines, so this
/// type is kept small.
#[derive(Debug)]
pub(super) struct Coverage {
    /// True if no key or grant that the reader trusts allows the chain's key to sign it.
    pub(super) unknown: bool,
    /// True if some links before a break in the chain are not covered by a signature.
    tail: bool,
    /// State that only chains authorized by grants need.
    granted: Option<Box<Granted>>,
    /// The number of links that wait for a signature.
    pending: u64,
    /// The number of links that valid signatures cover.
    covered: u64,
    /// The last link that did not fail.
    last_good: Option<Spot>,
}

#[derive(Debug, Default)]
struct Granted {
    /// The number of grants before the open link.
    count: usize,
    late: Late,
    moments: Moments,
}

/// Links that were not attested in time: how many wait for a signature, how many are covered by valid ones, and the
/// first of all that did not fail.
#[derive(Clone, Copy, Debug, Default)]
struct Late {
    pending: u64,
    covered: u64,
    first: Option<Spot>,
}

/// The place of a link whose chain is known. Lines are 1-based.
#[derive(Clone, Copy, Debug)]
struct Spot {
    line: NonZeroU64,
    index: u64,
    seq: u64,
}

impl Spot {
    fn from_place(place: Place) -> Self {
        let seq = place.link.and_then(|(_, seq)| seq);
        let line = NonZeroU64::new(place.line).unwrap_or(NonZeroU64::MIN);
        Self { line, index: place.index.unwrap_or_default(), seq: seq.unwrap_or_default() }
    }

    fn in_chain(self, chain: ChainId) -> Place {
        Place::link(self.line.get(), self.index, chain, self.seq)
    }
}

/// The coverage of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkCoverage {
    /// Its own signature covers it and the pending links before it.
    Covered,
    /// The link waits for a signature.
    Pending,
    /// The link failed.
    Failed,
}

/// A link of a chain that is not a fork.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signable {
    pub(super) signed: SignatureState,
    pub(super) time: Time,
    pub(super) place: Place,
}

impl Granted {
    /// Returns the moment by which the chain's links must be attested, in milliseconds since the epoch, if there is
    /// one.
    fn deadline(&self, key: &Key) -> Option<i64> {
        key.stated()?.windows.last_end(self.count).map(|end| end.saturating_add(LATE))
    }

    /// Returns the late links, considering the checkpoints since the last link.
    fn late(&self, deadline: i64, last_good: Option<Spot>, attested: &Attested) -> Late {
        // A checkpoint covers all late links or none: if it covered only some, it would have been processed before
        // the next link.
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

    /// Breaks the chain: the links so far do not lead to the next one.
    pub(super) fn break_off(&mut self, chain: ChainId, findings: &mut Findings) {
        self.tail |= self.find_tail(chain, findings);
        self.pending = 0;
        if let Some(granted) = &mut self.granted {
            granted.late.pending = 0;
        }
    }

    /// True if no signature covers the last links.
    fn find_tail(&self, chain: ChainId, findings: &mut Findings) -> bool {
        let last = self.last_good.filter(|_| self.pending > 0);
        if let Some(last) = last {
            let message = say!("signature.unsigned_tail", "no signature covers the links up to here");
            findings.add(Code::SignatureUnsignedTail, last.in_chain(chain), message);
        }
        last.is_some()
    }

    /// Processes a link that is not a fork.
    #[inline]
    pub(super) fn link(
        &mut self,
        link: Signable,
        key: &Key,
        attested: Option<&Attested>,
        findings: &mut Findings,
    ) -> LinkCoverage {
        let Signable { signed, time, place } = link;
        let mut failed = signed == SignatureState::Invalid;
        if failed {
            let message = say!("signature.invalid", "the signature is not valid under the chain's key");
            findings.add(Code::SignatureInvalid, place, message);
        }
        if let Some(stated) = key.stated() {
            let validity = match &self.granted {
                Some(granted) => stated.windows.validity(granted.count, time),
                None => Validity::Within,
            };
            let mut refuse = |code, message: Sentence<'_>| {
                failed = true;
                findings.add(code, place, message);
            };
            match validity {
                _ if stated.revocations.are_in_log() => {
                    refuse(
                        Code::KeyRevoked,
                        say!("key.revoked", "the key was revoked at an earlier position of the log"),
                    );
                }
                Validity::Expired => {
                    refuse(
                        Code::KeyExpired,
                        say!("key.expired", "the key's grant had already ended at {time}", time),
                    );
                }
                Validity::NotYetValid => {
                    refuse(
                        Code::KeyNotYetValid,
                        say!("key.not_yet_valid", "the key's grant had not yet begun at {time}", time),
                    );
                }
                Validity::Within => {}
            }
        }
        if failed {
            return LinkCoverage::Failed;
        }
        if let (Some(granted), Some(stated)) = (&mut self.granted, key.stated()) {
            if let Some((attested, deadline)) = attested.zip(granted.deadline(key)) {
                granted.late = granted.late(deadline, self.last_good, attested);
                granted.late.pending += 1;
                granted.late.first.get_or_insert(Spot::from_place(place));
            }
            if stated.voidable.are_among(granted.count) {
                stated.voidable.note(time, &mut granted.moments);
            }
        }
        self.last_good = Some(Spot::from_place(place));
        self.pending += 1;
        if signed != SignatureState::Valid {
            return LinkCoverage::Pending;
        }
        self.covered += std::mem::take(&mut self.pending);
        if let Some(granted) = &mut self.granted {
            granted.late.covered += std::mem::take(&mut granted.late.pending);
        }
        LinkCoverage::Covered
    }

    /// True if void grants of the key make the chain suspect.
    pub(super) fn suspect(&self, void: &VoidedWindows, quorum: Option<&Attested>) -> bool {
        self.granted
            .as_ref()
            .zip(self.last_good)
            .is_some_and(|(granted, last)| void.suspect(granted.count, &granted.moments, last.index, quorum))
    }
}

/// The check's result: failed links, and at the end the chains one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct Signatures {
    passed: u64,
    pub(super) failed: u64,
    unknown: bool,
    other: Option<&'static str>,
}

impl Signatures {
    /// Records links of a chain without an open link.
    pub(super) fn unauthenticated(&mut self) {
        self.other.get_or_insert(phrases::REASON_NO_CHAIN_KEY);
    }

    /// Evaluates a chain at the end of the export.
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
            let message = say!("key.late", "no witnessed checkpoint shows that the link existed in time");
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

    /// True if only unknown keys keep the check from passing.
    pub(super) fn only_unknown_keys(&self) -> bool {
        self.unknown && self.other.is_none()
    }

    pub(super) fn check(&self, links: u64) -> Check {
        let unknown = self.unknown.then_some(phrases::REASON_UNKNOWN_KEYS);
        let none = (links == 0).then_some(phrases::REASON_NO_LINK);
        Check::new(self.passed + self.failed, self.failed, self.other.or(unknown).or(none))
    }
}
