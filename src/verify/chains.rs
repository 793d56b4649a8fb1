//! The check `chains`: every link follows the one before it.

use super::FindingCode::{ChainAfterClose, ChainFork, ChainGap, ChainJump, ChainNoOpen, ChainPrev};
use super::finding::{Findings, Place};
use super::report::Check;
use super::revocations::LastLink;
use super::summary::{LinkEntry, Role};
use crate::hash::Hash;
use crate::link::ChainId;
use crate::phrases::{self, say};
use crate::time::Time;

/// The state of a chain after its last link that is not a fork.
#[derive(Debug)]
pub(super) struct ChainEnd {
    pub(super) id: ChainId,
    pub(super) seq: u64,
    pub(super) time: Time,
    pub(super) index: u64,
    /// The last link's line.
    pub(super) line: u64,
    /// The last link's hash; [`UNKNOWN`](super::leaves::UNKNOWN) in a merged summary, until its end states it.
    pub(super) hash: Hash,
    /// The number of entries skipped before the last link.
    skipped: u64,
    pub(super) closed: bool,
    /// True if all links from the open link on are shown.
    pub(super) whole: bool,
}

impl ChainEnd {
    /// Returns the place of the last link.
    pub(super) fn place(&self) -> Place {
        Place::link(self.line, self.index, self.id, self.seq)
    }

    pub(super) fn last_link(&self) -> LastLink {
        LastLink { time: self.time, index: self.index }
    }
}

/// The relation of a link to its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A fork: the chain already has a link at this position.
    Fork,
    /// The link follows, or begins the chain.
    Follows,
    /// The links before it do not lead to it, so coverage starts over.
    Broken,
}

/// Counts of links so far.
#[derive(Debug, Default)]
pub(super) struct Chains {
    links: u64,
    failed: u64,
    /// The number of links missing in all jumps and gaps so far.
    missing: u64,
}

impl Chains {
    /// Starts a chain with its first link in the export.
    pub(super) fn first(
        &mut self,
        id: ChainId,
        link: &LinkEntry,
        hash: &Hash,
        place: Place,
        skipped: u64,
        findings: &mut Findings,
    ) -> ChainEnd {
        self.links += 1;
        let opens = matches!(link.role, Role::Open(_));
        if !opens {
            findings.add(
                ChainNoOpen,
                place,
                say!("chain.no_open", "the chain's open link does not come before this link"),
            );
        }
        ChainEnd {
            id,
            seq: link.seq,
            time: link.time,
            index: place.index.unwrap_or_default(),
            line: place.line,
            hash: *hash,
            skipped,
            closed: matches!(link.role, Role::Close),
            whole: opens,
        }
    }

    /// Processes another link of a chain.
    #[inline]
    pub(super) fn next(
        &mut self,
        chain: &mut ChainEnd,
        link: &LinkEntry,
        hash: &Hash,
        place: Place,
        skipped: u64,
        findings: &mut Findings,
    ) -> Step {
        self.links += 1;
        if link.seq <= chain.seq {
            self.failed += 1;
            let (this, last) = (link.seq, chain.seq);
            let message = say!("chain.fork", "link {this} comes after link {last} of its chain", this, last);
            findings.add(ChainFork, place, message);
            return Step::Fork;
        }
        let mut failed = chain.closed;
        if chain.closed {
            findings.add(
                ChainAfterClose,
                place,
                say!("chain.after_close", "the chain was closed before this link"),
            );
        }
        let mut step = Step::Follows;
        let missing = link.seq - chain.seq - 1;
        if missing > 0 {
            step = Step::Broken;
            self.missing = self.missing.saturating_add(missing);
            let explained = missing <= skipped - chain.skipped && self.missing <= skipped;
            failed |= !explained;
            chain.whole = false;
            let (from, to) = (chain.seq + 1, link.seq - 1);
            let message = match (explained, from == to) {
                (true, true) => {
                    say!("chain.jump.one", "link {from} of the chain is among the omitted entries", from)
                }
                (true, false) => say!(
                    "chain.jump.many",
                    "links {from} to {to} of the chain are among the omitted entries",
                    from,
                    to
                ),
                (false, true) => say!("chain.gap.one", "link {from} of the chain is missing", from),
                (false, false) => {
                    say!("chain.gap.many", "links {from} to {to} of the chain are missing", from, to)
                }
            };
            findings.add(if explained { ChainJump } else { ChainGap }, place, message);
        } else if !link.prev.is(&chain.hash) {
            step = Step::Broken;
            failed = true;
            let message = say!("chain.prev", "the link does not follow from the link before it");
            findings.add(ChainPrev, place, message);
        }
        self.failed += u64::from(failed);
        chain.seq = link.seq;
        chain.time = link.time;
        chain.index = place.index.unwrap_or_default();
        chain.line = place.line;
        chain.hash = *hash;
        chain.skipped = skipped;
        chain.closed |= matches!(link.role, Role::Close);
        step
    }

    /// Counts a chain's first link as failed for another reason.
    pub(super) fn fail_first(&mut self) {
        self.failed += 1;
    }

    pub(super) fn check(&self) -> Check {
        Check::new(self.links, self.failed, (self.links == 0).then_some(phrases::REASON_NO_LINK))
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    use crate::verify::summary::{PayloadState, Previous, SignatureState};
    use crate::verify::{Finding, FindingCode};

    /// Returns the findings at jumps. `links` are seqs, each with the number of entries skipped before it.
    fn jumps(links: &[(u64, u64)]) -> Vec<(FindingCode, u64)> {
        found(links).into_iter().map(|found| (found.code, found.line)).collect()
    }

    fn found(links: &[(u64, u64)]) -> Vec<Finding> {
        let (mut chains, mut findings) = (Chains::default(), Findings::default());
        let mut end: Option<ChainEnd> = None;
        for (line, &(seq, skipped)) in (2..).zip(links) {
            let link = LinkEntry {
                chain: 0,
                role: Role::Event,
                signature: SignatureState::No,
                payload: PayloadState::NoEvent,
                seq,
                time: Time::MIN,
                prev: Previous::Hash(Hash([7; 32])),
                event: (0, 0),
                signature_bytes: None,
            };
            let (id, hash) = (ChainId([7; 16]), Hash([7; 32]));
            let place = Place::link(line, line, id, seq);
            match &mut end {
                Some(end) => _ = chains.next(end, &link, &hash, place, skipped, &mut findings),
                None => end = Some(chains.first(id, &link, &hash, place, skipped, &mut findings)),
            }
        }
        findings.into_list().into_iter().filter(|found| found.code != ChainNoOpen).collect()
    }

    #[test]
    fn a_jump_is_explained_by_entries_skipped_between_its_links() {
        assert_eq!(jumps(&[(1, 0), (3, 1)]), [(ChainJump, 3)]);
        assert_eq!(jumps(&[(1, 0), (4, 1)]), [(ChainGap, 3)]);
        assert_eq!(jumps(&[(1, 5), (3, 5)]), [(ChainGap, 3)]);
        assert_eq!(jumps(&[(1, 5), (3, 6), (4, 6), (6, 7)]), [(ChainJump, 3), (ChainJump, 5)]);
        // Enough entries were skipped in total, but none since the previous link.
        assert_eq!(jumps(&[(1, 0), (3, 5), (5, 5)]), [(ChainJump, 3), (ChainGap, 4)]);
        // Skipped entries explain only one jump.
        assert_eq!(jumps(&[(1, 0), (3, 0), (5, 1)]), [(ChainGap, 3), (ChainGap, 4)]);
    }

    #[test]
    fn a_jump_names_the_missing_links() {
        let message = |links: &[(u64, u64)]| found(links).pop().expect("a finding").message;
        assert_eq!(message(&[(1, 0), (3, 0)]), "link 2 of the chain is missing");
        assert_eq!(message(&[(2, 0), (7, 0)]), "links 3 to 6 of the chain are missing");
        assert_eq!(message(&[(4, 0), (6, 1)]), "link 5 of the chain is among the omitted entries");
        assert_eq!(message(&[(4, 0), (8, 4)]), "links 5 to 7 of the chain are among the omitted entries");
    }
}
