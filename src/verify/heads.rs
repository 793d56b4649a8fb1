//! Heads and anchors of a tenant log: their order, and their agreement with each other (SPEC section 16).

use super::FindingCode::{
    AppendOnlyAnchor, AppendOnlyRewritten, AppendOnlyRollback, HeadLast, HeadOrder, HeadOrigin, HeadPath,
    HeadSplit,
};
use super::finding::{Findings, Place};
use super::report::{History, RootLog};
use super::summary::{AnchorEntry, CheckpointEntry, HeadFacts};
use crate::error::Quoted;
use crate::hash::Hash;
use crate::merkle::verify_inclusion;
use crate::phrases::say;
use crate::pin::Pin;
use crate::tenant::{Contradiction, HeadError, Statement, required_anchors};
use crate::trust::Trust;

/// Maximum number of anchors that wait for the head that proves them.
const MAX_WAITING_ANCHORS: usize = 512;

/// The heads and anchors so far.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// The last head or anchor.
    last: Option<Statement>,
    last_anchor: Option<u64>,
    /// The reader's pins of this log.
    pinned: Vec<Statement>,
    /// The anchors since the last head. The next head proves them.
    waiting: Vec<WaitingAnchor>,
    /// The ticks of the anchors that agree with the entries, in ascending order.
    shown: Vec<u64>,
    /// The lowest tick in the trust file's `origin` lines for this log.
    named_since: Option<u64>,
    /// The lowest tick of a trusted or pinned head.
    first_head: Option<u64>,
    /// The tick and place of the last head that proves its anchors, if that head is trusted.
    last_trusted: Option<(u64, Place)>,
    root_log: Option<RootLog>,
    history: Option<History>,
    /// The number of anchors examined with a trusted head.
    anchors: u64,
    /// The number of these that failed.
    failed: u64,
}

#[derive(Debug)]
struct WaitingAnchor {
    place: Place,
    step: Statement,
    /// The leaf hash of the root log's entry that the anchor proves.
    leaf: Hash,
    hashes: Vec<Hash>,
    /// True if the entries before the anchor have its root.
    agrees: bool,
}

/// The result of the comparison with the anchors.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Comparison {
    /// The number of items: anchors, and a tick of the trust file that the last head hasn't reached.
    pub(super) items: u64,
    pub(super) failed: u64,
    /// True if required anchors are missing.
    pub(super) are_missing: bool,
}

impl Heads {
    /// Starts with the pins and the trust file's `origin` lines of this log.
    pub(super) fn new(origin: &str, trust: &Trust, pins: &[Pin]) -> Self {
        let pinned: Vec<_> =
            pins.iter().filter(|pin| pin.origin == origin).filter_map(Pin::statement).collect();
        let lines = trust.origins().iter().filter(|line| line.origin == origin);
        Self {
            named_since: lines.filter_map(|line| line.since).min(),
            first_head: pinned.iter().map(|pin| pin.tick).min(),
            pinned,
            ..Self::default()
        }
    }

    /// Processes a head. `is_trusted` is true if a trusted log key signed the root log's checkpoint, and the quorum is
    /// met. Returns false if the head is invalid or contradicts another one.
    pub(super) fn head(
        &mut self,
        checkpoint: &CheckpointEntry,
        facts: &HeadFacts,
        is_trusted: bool,
        place: Place,
        findings: &mut Findings,
    ) -> bool {
        match (&checkpoint.other_origin, facts.error) {
            (Some(origin), _) => {
                let log = Quoted(origin);
                findings.add(HeadOrigin, place, say!("head.origin", "the head is for the log {log}", log));
                return false;
            }
            (None, Some(HeadError::NotLast)) => {
                let message = say!("head.last", "the head is not in the last directory of its checkpoint");
                findings.add(HeadLast, place, message);
                return false;
            }
            (None, Some(HeadError::Path | HeadError::Origin)) => {
                let message = say!("head.path", "the head's hashes do not lead to its checkpoint");
                findings.add(HeadPath, place, message);
                return false;
            }
            (None, None) => {}
        }
        let HeadFacts { tick, time, state, root_size, root: root_hash, .. } = *facts;
        let waiting = std::mem::take(&mut self.waiting);
        self.last_trusted = None;
        if is_trusted {
            self.examine(waiting, root_size, &root_hash, findings);
            self.last_trusted = Some((tick, place));
            self.first_head = Some(self.first_head.map_or(tick, |first| first.min(tick)));
        }
        let origin = facts.root_origin.clone();
        self.root_log = Some(RootLog { origin, size: root_size, root: root_hash, time });
        let (size, root, root_log) = (checkpoint.size, checkpoint.root, Some(root_hash));
        self.follows(Statement { tick, size, root, time, state, root_log }, place, findings)
    }

    /// Processes an anchor after `size` entries with this root. `is_own` is true if it belongs to the export's log.
    /// Returns false if it belongs to another log, is out of place, or contradicts a head or another anchor.
    pub(super) fn anchor(
        &mut self,
        anchor: &AnchorEntry,
        is_own: bool,
        (size, root): (u64, Option<Hash>),
        place: Place,
        findings: &mut Findings,
    ) -> bool {
        if !is_own {
            let log = Quoted(&anchor.origin);
            findings.add(
                HeadOrigin,
                place,
                say!("head.origin.anchor", "the anchor is for the log {log}", log),
            );
            return false;
        }
        let AnchorEntry { tick, time, state, root: stated, .. } = *anchor;
        let is_repeated = self.last_anchor.is_some_and(|last| tick <= last);
        if anchor.size != size || is_repeated || self.waiting.len() >= MAX_WAITING_ANCHORS {
            let stated = anchor.size;
            let message = say!(
                "head.order.place",
                "the anchor of tick {tick}, which states {stated} entries, is out of place after {size} entries",
                tick,
                stated,
                size
            );
            findings.add(HeadOrder, place, message);
            return false;
        }
        let step = Statement { tick, size, root: stated, time, state, root_log: None };
        self.last_anchor = Some(tick);
        if !self.follows(step, place, findings) {
            return false;
        }
        let (leaf, hashes) = (anchor.leaf, anchor.hashes.clone());
        self.waiting.push(WaitingAnchor { place, step, leaf, hashes, agrees: root == Some(stated) });
        true
    }

    /// Compares a head or an anchor with the previous one and with the pins. Returns true if they agree.
    fn follows(&mut self, step: Statement, place: Place, findings: &mut Findings) -> bool {
        let last = self.last.replace(step).map(|last| last.contradiction(&step));
        let pins = self.pinned.iter().map(|pin| {
            if pin.tick <= step.tick { pin.contradiction(&step) } else { step.contradiction(pin) }
        });
        let found: Vec<_> = last.into_iter().chain(pins).flatten().collect();
        let tick = step.tick;
        if found.contains(&Contradiction::Split) {
            let message = say!(
                "head.split",
                "the log operator also signed another state of the log at tick {tick}",
                tick
            );
            findings.add(HeadSplit, place, message);
        } else if !found.is_empty() {
            let message = say!(
                "head.order",
                "the state at tick {tick} contradicts the head or anchor before it, or a pin",
                tick
            );
            findings.add(HeadOrder, place, message);
        }
        found.is_empty()
    }

    /// Examines the waiting anchors with the root log of a trusted head.
    fn examine(&mut self, waiting: Vec<WaitingAnchor>, size: u64, root: &Hash, findings: &mut Findings) {
        for WaitingAnchor { place, step, leaf, hashes, agrees } in waiting {
            self.anchors += 1;
            let Statement { tick, time, size: entries, .. } = step;
            if verify_inclusion(tick, size, &leaf, &hashes, root).is_err() {
                self.failed += 1;
                let message =
                    say!("head.path.anchor", "the anchor's hashes do not lead to the next head's checkpoint");
                findings.add(HeadPath, place, message);
            } else if agrees {
                self.shown.push(tick);
                let history = self.history.get_or_insert(History { since: time, anchors: 0, to: time });
                (history.anchors, history.to) = (history.anchors + 1, time);
            } else {
                self.failed += 1;
                let message = say!(
                    "append_only.rewritten",
                    "the log's first {entries} entries differ from those that it had at {time}",
                    entries,
                    time
                );
                findings.add(AppendOnlyRewritten, place, message);
            }
        }
    }

    /// Returns the root log, as of the last head whose hashes lead to the last entry of its checkpoint.
    pub(super) fn root_log(&self) -> Option<&RootLog> {
        self.root_log.as_ref()
    }

    /// Returns the number of anchors that agree with the entries, and their times.
    pub(super) const fn history(&self) -> Option<History> {
        self.history
    }

    /// True if the line at `place` is a trusted head, and the quorum requires a growth witness that began no later than
    /// the log.
    pub(super) fn only_grew(&self, place: Place, trust: &Trust) -> bool {
        self.last_trusted.is_some_and(|(_, head)| head.line == place.line)
            && trust.requires_growth(self.named_since.unwrap_or_default())
    }

    /// Concludes the comparison. The last head decides which anchors are required.
    pub(super) fn compare(&self, findings: &mut Findings) -> Comparison {
        let mut comparison = Comparison { items: self.anchors, failed: self.failed, are_missing: false };
        let Some((tick, place)) = self.last_trusted else { return comparison };
        if let Some(since) = self.named_since.filter(|since| *since > tick) {
            comparison.items += 1;
            comparison.failed += 1;
            let message = say!(
                "append_only.rollback.tick",
                "the last head is of tick {tick}, before tick {since} in the trust file",
                tick,
                since
            );
            findings.add(AppendOnlyRollback, place, message);
        }
        let since = [self.named_since, self.first_head, self.shown.first().copied()];
        let since = since.into_iter().flatten().min().unwrap_or_default();
        let is_missing = |anchor: &u64| *anchor >= since && self.shown.binary_search(anchor).is_err();
        let mut missing = required_anchors(tick).into_iter().filter(is_missing);
        if let Some(first) = missing.next() {
            comparison.are_missing = true;
            let number = 1 + missing.count() as u64;
            let message = say!(
                "append_only.anchor",
                "required anchors are missing ({number}), the first at tick {first}: an earlier rewrite of the log would not be noticed",
                number,
                first
            );
            findings.add(AppendOnlyAnchor, place, message);
        }
        comparison
    }
}
