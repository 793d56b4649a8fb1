//! Signers of the entries behind findings.

use core::hash::Hash;
use std::collections::HashMap;

use crate::analyzer::Analyzer;

/// The number of ranges kept before unneeded ones are removed.
const MIN_RANGES: usize = 4096;

/// The signers of entries that are part of a finding or may still become one. Its size is bounded by what an
/// [`Analyzer`] remembers.
#[derive(Clone, Debug)]
pub struct Signers<S> {
    all: Vec<S>,
    numbers: HashMap<S, u32>,
    /// The first entry index of each range of entries with one signer, and the signer's number.
    from: Vec<(u64, u32)>,
    /// The number of ranges after the last cleanup.
    tidy: usize,
}

impl<S> Default for Signers<S> {
    fn default() -> Self {
        Self { all: Vec::new(), numbers: HashMap::new(), from: Vec::new(), tidy: 0 }
    }
}

impl<S: Clone + Eq + Hash> Signers<S> {
    /// Returns the number of a signer, adding it if it is new.
    pub fn number(&mut self, signer: S) -> u32 {
        let Self { all, numbers, .. } = self;
        *numbers.entry(signer).or_insert_with_key(|signer| {
            all.push(signer.clone());
            all.len() as u32 - 1
        })
    }

    /// Records the signer of an entry that the analyzer is about to accept. Entries come in order.
    pub fn note(&mut self, leaf: u64, number: u32, analyzer: &Analyzer<'_>) {
        if self.from.last().is_some_and(|(_, before)| *before == number) {
            return;
        }
        if self.from.len() > MIN_RANGES + 2 * self.tidy {
            self.forget(analyzer);
        }
        self.from.push((leaf, number));
    }

    /// Returns the signer of an entry that the analyzer remembers, or that a finding names.
    pub fn get(&self, leaf: u64) -> Option<&S> {
        let after = self.from.partition_point(|(from, _)| *from <= leaf);
        let (_, number) = self.from.get(after.checked_sub(1)?)?;
        self.all.get(*number as usize)
    }

    fn forget(&mut self, analyzer: &Analyzer<'_>) {
        let mut needed: Vec<u64> = analyzer.leaves().collect();
        needed.sort_unstable();
        let mut needed = needed.into_iter().peekable();
        let mut ends = self.from.iter().skip(1).map(|(from, _)| *from).collect::<Vec<_>>().into_iter();
        self.from.retain(|(from, _)| {
            let end = ends.next().unwrap_or(u64::MAX);
            while needed.next_if(|leaf| leaf < from).is_some() {}
            let is_needed = needed.peek().is_some_and(|leaf| *leaf < end);
            is_needed || end == u64::MAX
        });
        self.tidy = self.from.len();
    }
}
