//! Who signed what findings are made of.

use core::hash::Hash;
use std::collections::HashMap;

use crate::analyzer::Analyzer;

/// So many leaves are noted before any is forgotten.
const FEW: usize = 4096;

/// Who signed leaves that findings are, or may yet be, made of. What an [`Analyzer`] remembers bounds it.
#[derive(Clone, Debug)]
pub struct Signers<S> {
    all: Vec<S>,
    numbers: HashMap<S, u32>,
    /// From which leaf on whose signature covers those that were taken.
    from: Vec<(u64, u32)>,
    /// How many there were when what nothing needs was last forgotten.
    tidy: usize,
}

impl<S> Default for Signers<S> {
    fn default() -> Self {
        Self { all: Vec::new(), numbers: HashMap::new(), from: Vec::new(), tidy: 0 }
    }
}

impl<S: Clone + Eq + Hash> Signers<S> {
    /// The number of a signer.
    pub fn number(&mut self, signer: S) -> u32 {
        let Self { all, numbers, .. } = self;
        *numbers.entry(signer).or_insert_with_key(|signer| {
            all.push(signer.clone());
            all.len() as u32 - 1
        })
    }

    /// Notes who signed a leaf that the analyzer takes, after all before it.
    pub fn note(&mut self, leaf: u64, number: u32, analyzer: &Analyzer<'_>) {
        if self.from.last().is_some_and(|(_, before)| *before == number) {
            return;
        }
        if self.from.len() > FEW + 2 * self.tidy {
            self.forget(analyzer);
        }
        self.from.push((leaf, number));
    }

    /// Who signed a leaf that the analyzer remembers, or that a finding names.
    pub fn of(&self, leaf: u64) -> Option<&S> {
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
