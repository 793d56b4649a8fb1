//! Effective revocations of a key, and the chains that they make suspect (SPEC section 5).

use super::attested::Attested;
use super::finding::Place;
use crate::time::Time;

/// The revocations of one key.
#[derive(Debug, Default)]
pub(super) struct Revocations {
    /// The effective revocations in the log, in order. Each `since` is earlier than those before it; `None` is the
    /// earliest.
    in_log: Vec<(Option<Time>, Place)>,
    /// The effective revocations in the trust file, in the same order. They take effect after the last entry.
    in_trust_file: Vec<(Option<Time>, Place)>,
}

/// A chain's last links before revocations of its key.
///
/// Recorded lazily, when the chain's next link comes, once for all revocations since the previous link. The work is
/// therefore proportional to links plus revocations, not to their product.
#[derive(Debug, Default)]
pub(super) struct RevocationHistory {
    /// The number of revocations before the last link.
    seen: usize,
    /// Earlier last links, each with the number of the first revocation for which it was the last one.
    before: Vec<(usize, LastLink)>,
}

/// A chain's last link before a revocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastLink {
    pub(super) time: Time,
    pub(super) index: u64,
}

impl Revocations {
    pub(super) fn by_note(&mut self, since: Option<Time>, place: Place) {
        if self.in_log.last().is_none_or(|(least, _)| since < *least) {
            self.in_log.push((since, place));
        }
    }

    pub(super) fn by_trust_file(&mut self, since: Option<Time>) {
        if self.in_trust_file.last().is_none_or(|(least, _)| since < *least) {
            self.in_trust_file.push((since, Place::default()));
        }
    }

    pub(super) fn are_in_log(&self) -> bool {
        !self.in_log.is_empty()
    }

    pub(super) fn are_in_trust_file(&self) -> bool {
        !self.in_trust_file.is_empty()
    }

    /// Starts a chain.
    pub(super) fn begin(&self) -> RevocationHistory {
        RevocationHistory { seen: self.in_log.len(), before: Vec::new() }
    }

    /// Continues a chain whose last link so far is `last`.
    pub(super) fn extend(&self, chain: &mut RevocationHistory, last: LastLink) {
        if chain.seen < self.in_log.len() {
            chain.before.push((chain.seen, last));
            chain.seen = self.in_log.len();
        }
    }

    /// Returns the place of the first revocation that makes a chain with this last link suspect. `end` is the last
    /// line.
    pub(super) fn suspect(
        &self,
        chain: &RevocationHistory,
        last: LastLink,
        end: Place,
        quorum: Option<&Attested>,
    ) -> Option<Place> {
        let mut history = chain.before.iter().copied().chain([(chain.seen, last)]).peekable();
        while let Some((from, last)) = history.next() {
            let to = history.peek().map_or(self.in_log.len(), |(next, _)| *next);
            if let Some(place) = first_suspecting(&self.in_log[from..to], last, quorum) {
                return Some(place);
            }
        }
        let least = self.in_log.last().map(|(since, _)| *since);
        let counts = |since: Option<Time>| least.is_none_or(|least| since < least);
        let before = self.in_trust_file.partition_point(|(since, _)| !counts(*since));
        first_suspecting(&self.in_trust_file[before..], last, quorum).map(|_| end)
    }
}

/// Returns the first revocation that a chain with this last link is not shown to precede. Since each `since` is
/// earlier than those before it, the chain is not shown to precede later ones either.
fn first_suspecting(
    revocations: &[(Option<Time>, Place)],
    last: LastLink,
    quorum: Option<&Attested>,
) -> Option<Place> {
    let existed_by = quorum.map(|attested| attested.existed_by(last.index));
    let precedes = |since: Option<Time>| {
        let attested = |since| existed_by.is_none_or(|by| by.is_some_and(|by| by < since));
        since.is_some_and(|since| last.time < since && attested(since))
    };
    revocations.get(revocations.partition_point(|(since, _)| precedes(*since))).map(|(_, place)| *place)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::trust::Times;

    #[derive(Clone, Debug)]
    enum Step {
        Link { chain: usize, time: i64 },
        Revoke { since: Option<i64> },
        Checkpoint { existed_by: i64 },
    }

    fn steps() -> impl Strategy<Value = (Vec<Step>, Vec<Option<i64>>)> {
        let since = || proptest::option::weighted(0.9, 0..40_i64);
        let step = prop_oneof![
            4 => (0..4_usize, 0..40_i64).prop_map(|(chain, time)| Step::Link { chain, time }),
            2 => since().prop_map(|since| Step::Revoke { since }),
            2 => (0..40_i64).prop_map(|existed_by| Step::Checkpoint { existed_by }),
        ];
        (proptest::collection::vec(step, 0..30), proptest::collection::vec(since(), 0..4))
    }

    fn time(millis: i64) -> Time {
        Time::from_millis(millis).unwrap()
    }

    /// The rule of SPEC section 5, implemented literally: each effective revocation is applied to each chain before
    /// it.
    #[derive(Default)]
    struct Reference {
        least: Option<Option<Time>>,
        suspicions: Vec<(usize, LastLink, Option<Time>, Place)>,
    }

    impl Reference {
        fn revoke(&mut self, since: Option<Time>, place: Place, chains: &BTreeMap<usize, LastLink>) {
            if self.least.is_none_or(|least| since < least) {
                self.least = Some(since);
                self.suspicions.extend(chains.iter().map(|(chain, last)| (*chain, *last, since, place)));
            }
        }

        fn suspect(&self, chain: usize, quorum: Option<&Attested>) -> Option<Place> {
            let holds = |last: &LastLink, since: Option<Time>| {
                let Some(since) = since else { return true };
                let attested = |quorum: &Attested| quorum.existed_by(last.index).is_some_and(|by| by < since);
                last.time >= since || quorum.is_some_and(|quorum| !attested(quorum))
            };
            let mut of_chain = self.suspicions.iter().filter(|(about, ..)| *about == chain);
            of_chain.find(|(_, last, since, _)| holds(last, *since)).map(|(.., place)| *place)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn chains_are_suspect_from_the_first_revocation_that_they_do_not_precede(
            (steps, in_trust_file) in steps(),
            quorum in any::<bool>(),
        ) {
            let (mut revocations, mut reference) = (Revocations::default(), Reference::default());
            let (mut attested, mut chains) = (Attested::default(), BTreeMap::new());
            let mut history: [RevocationHistory; 4] = Default::default();
            for since in &in_trust_file {
                revocations.by_trust_file(since.map(time));
            }
            for (index, step) in (0_u64..).zip(&steps) {
                let place = Place::leaf(index + 2, index);
                match *step {
                    Step::Link { chain, time: at } => {
                        let last = LastLink { time: time(at), index };
                        match chains.insert(chain, last) {
                            Some(before) => revocations.extend(&mut history[chain], before),
                            None => history[chain] = revocations.begin(),
                        }
                    }
                    Step::Revoke { since } => {
                        revocations.by_note(since.map(time), place);
                        reference.revoke(since.map(time), place, &chains);
                    }
                    Step::Checkpoint { existed_by } => {
                        let existed_by = time(existed_by);
                        attested.add(index, Times { existed_by, seen_at: existed_by });
                    }
                }
            }
            let end = Place::line(steps.len() as u64 + 1);
            for since in &in_trust_file {
                reference.revoke(since.map(time), end, &chains);
            }
            let quorum = quorum.then_some(&attested);
            for (chain, last) in chains {
                let found = revocations.suspect(&history[chain], last, end, quorum);
                prop_assert_eq!(found, reference.suspect(chain, quorum), "{}", chain);
            }
        }
    }
}
