//! The check `closure`: every chain is closed and has all its links.

use super::FindingCode::ChainOpen;
use super::chains::ChainEnd;
use super::finding::Findings;
use super::report::Check;
use crate::phrases::{self, say};

pub(super) fn check<'a>(chains: impl Iterator<Item = &'a ChainEnd>, findings: &mut Findings) -> Check {
    let (mut count, mut answered) = (0, 0);
    let (mut open, mut partly) = (false, false);
    for chain in chains {
        count += 1;
        if !chain.closed {
            open = true;
            findings.add(ChainOpen, chain.place(), say!("chain.open", "the chain is not closed"));
        }
        partly |= !chain.whole;
        answered += u64::from(chain.closed && chain.whole);
    }
    let none = (count == 0).then_some(phrases::REASON_NO_CHAIN);
    let open = open.then_some(phrases::REASON_OPEN_CHAIN);
    let partly = partly.then_some(phrases::REASON_PARTIAL_CHAIN);
    Check::new(answered, 0, none.or(open).or(partly))
}
