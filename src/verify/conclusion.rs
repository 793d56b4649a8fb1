//! The conclusion at the end of an export: check results, verdict, and report.

use super::finding::{Finding, Findings, Place, Severity};
use super::report::{Check, CheckState, Checks, Complete, Report, Verdict};
use super::sequence::Sequence;
use super::signatures::Signatures;
use super::verdict::{Requirements, UnknownKeys, decide};
use super::{FindingCode, Verification, closure, expected, range};
use crate::expectation::Expectation;
use crate::phrases::say;
use crate::pin::Pin;

impl Sequence {
    /// Concludes verification. Also returns the findings not reported yet.
    pub(super) fn finish(mut self) -> (Verification, Vec<Finding>) {
        let (mut verification, fresh) = self.conclude();
        // Free the chains first: there can be very many chains and very many signers.
        self.forget_chains();
        verification.report.signers = self.authority.signers();
        (verification, fresh)
    }

    /// Returns the verification as if a growing export ended here.
    pub(super) fn so_far(&self) -> Verification {
        let (mut verification, _) = self.conclude();
        verification.report.signers = self.authority.signers();
        verification
    }

    /// Returns everything except the signers.
    fn conclude(&self) -> (Verification, Vec<Finding>) {
        let mut findings = self.findings.clone();
        let position = self.tree.position();
        let signatures = self.close_threads(&mut findings);
        if self.tree.skipped > 0 && !self.unseen.is_empty() {
            findings.append(&self.unseen);
        }
        let tree = self.tree.check(&mut findings);
        let claimed = self.claimed.as_ref();
        let anchors = self.heads.compare(&mut findings);
        let unnamed = self.unnamed();
        let checks = Checks {
            format: Check::new(self.counts.lines, self.malformed, None),
            payloads: self.payloads.check(),
            chains: self.chains.check(),
            signatures: signatures.check(self.time.links),
            log: self.log_check.check(unnamed, &mut findings),
            range: range::check(claimed, position, self.last, tree.passes(), &mut findings),
            append_only: self.pins.check(anchors, self.last_checkpoint, self.last, &mut findings),
            witnesses: self.witnesses.check(&self.options.trust, &mut findings),
            time: self.time.check(),
            closure: closure::check(self.threads.iter().map(|thread| &thread.end), &mut findings),
            expected: expected::check(self, tree.passes(), &mut findings),
            tree,
        };
        let is_empty = self.is_proven_empty(&checks);
        let requirements = Requirements {
            events: !self.options.tiles && !is_empty,
            links: !is_empty && (!self.options.tiles || self.time.links > 0),
            log: self.options.tiles || unnamed.is_some() || self.options.trust.logs().len() > 0,
            skip: self.tree.skipped > 0,
            quorum: self.quorum,
            range: self.claimed.is_some(),
            pin: !self.pins.is_empty() || anchors.items > 0 || anchors.are_missing,
            expectation: !self.options.expect.is_empty() || !self.options.trust.origins().is_empty(),
        };
        let unknown = UnknownKeys {
            signatures: signatures.only_unknown_keys(),
            log: unnamed.is_some() || self.log_check.is_unknown(),
        };
        let nothing = is_empty.then_some(Complete::Range { range: [0, 0] });
        let complete = nothing.or_else(|| self.complete(&checks));
        let errors =
            findings.counts().map(|(code, _)| code).filter(|code| code.severity() == Severity::Error);
        let verdict = decide(errors, &checks, requirements, unknown, complete.is_some());
        let no_failure = checks.iter().all(|(_, check)| check.state != CheckState::Fail);
        let may_pin = checks.tree.passes() && checks.log.passes() && no_failure;
        let only_grew = verdict == Verdict::Verified && self.only_grew();
        let fresh = findings.take_fresh();
        let report = Report {
            complete: complete.filter(|_| verdict == Verdict::Verified),
            origin: Some(self.header.origin.clone()),
            log: self.log,
            root_log: self.heads.root_log().cloned(),
            history: self.heads.history(),
            only_grew,
            ..Report::new(verdict, checks, self.counts(), findings)
        };
        let (pin, newer_pin) = self.new_pin();
        (Verification { report, pin: pin.filter(|_| may_pin), newer_pin }, fresh)
    }

    /// Returns the last checkpoint, unless it is older than one of the pins, and otherwise that pin, if it is a head: the
    /// check of the pins reports sizes that the export doesn't reach.
    fn new_pin(&self) -> (Option<String>, Option<Pin>) {
        let new = self.matched.as_ref().and_then(|text| Pin::parse(text).ok());
        let kept = self.options.pins.iter().filter(|pin| pin.origin == self.header.origin);
        let newer = kept.filter(|pin| new.as_ref().is_some_and(|new| !new.may_replace(pin))).cloned();
        let newer = newer.max_by_key(|pin| (pin.head.map(|head| head.tick), pin.size));
        let pin = self.matched.clone().filter(|_| newer.is_none());
        (pin, newer.filter(|pin| pin.head.is_some()))
    }

    /// Returns the place of the last head, or else of the header, if this is a tenant log but the reader didn't say of
    /// which tenant.
    fn unnamed(&self) -> Option<Place> {
        let options = &self.options;
        let is_named = !Expectation::new(options.expect.origin.as_deref(), &options.trust).is_empty();
        let place = self.last_head.unwrap_or(Place::line(self.first_line));
        (self.tenant.is_some() && !is_named).then_some(place)
    }

    /// True if a trusted log key and the quorum signed that the log has no entries.
    fn is_proven_empty(&self, checks: &Checks) -> bool {
        let is_empty = self.last_checkpoint.is_some_and(|(size, _)| size == 0) && self.tree.position() == 0;
        is_empty && [&checks.tree, &checks.log, &checks.witnesses].iter().all(|check| check.passes())
    }

    /// True if the last checkpoint is a trusted head whose quorum requires a growth witness.
    fn only_grew(&self) -> bool {
        let trust = &self.options.trust;
        self.last_checkpoint.is_some_and(|(_, place)| self.heads.only_grew(place, trust))
    }

    fn close_threads(&self, findings: &mut Findings) -> Signatures {
        let quorum = self.quorum.then_some(&self.attested);
        let void_grants = self.authority.void_grants(&self.attested);
        let mut signatures = self.signatures.clone();
        for thread in &self.threads {
            let Some(signer) = &thread.signer else {
                signatures.unauthenticated();
                continue;
            };
            let (end, coverage) = (&thread.end, &signer.coverage);
            let key = self.authority.key(signer.key);
            let revoked = key.stated().and_then(|stated| {
                stated.revocations.suspect(&signer.history, end.last_link(), self.last, quorum)
            });
            let void = void_grants.binary_search_by_key(&signer.key, |(key, _)| *key);
            let void = void.is_ok_and(|place| coverage.suspect(&void_grants[place].1, quorum));
            if let Some(place) = revoked {
                let message = say!(
                    "key.suspect",
                    "the chain is not shown to precede the time since which its key is revoked"
                );
                findings.add(FindingCode::KeySuspect, place.about(end.id), message);
            } else if void {
                let message = say!(
                    "key.void_grant",
                    "the grant that lets its key sign is void, because its issuer's key is revoked"
                );
                findings.add(FindingCode::KeySuspect, self.last.about(end.id), message);
            }
            let suspect = revoked.is_some() || void;
            signatures.chain(end.id, coverage, key, suspect, quorum, findings);
        }
        signatures
    }

    fn complete(&self, checks: &Checks) -> Option<Complete> {
        let passes = |checks: &[&Check]| checks.iter().all(|check| check.passes());
        if let Some(claimed) = &self.claimed
            && let Some(range) = claimed.up_to(self.tree.position())
            && passes(&[&checks.range, &checks.tree, &checks.log])
            && claimed.is_what_is_shown()
            && !(self.tree.skipped > 0 && claimed.may_be_revoked())
        {
            return Some(Complete::Range { range });
        }
        let whole = self.tree.skipped == 0 && self.payloads.withheld == 0 && checks.closure.passes();
        whole.then_some(Complete::Closure)
    }
}
