//! The check `closure`: is every chain closed, with none of its links missing?

use super::FindingCode::ChainOpen;
use super::chains::ChainEnd;
use super::finding::Findings;
use super::report::Check;

pub(super) fn check<'a>(chains: impl Iterator<Item = &'a ChainEnd>, findings: &mut Findings) -> Check {
    let (mut count, mut answered) = (0, 0);
    let (mut open, mut partly) = (false, false);
    for chain in chains {
        count += 1;
        if !chain.closed {
            open = true;
            findings.add(ChainOpen, chain.place(), format_args!("the chain is not closed"));
        }
        partly |= !chain.whole;
        answered += u64::from(chain.closed && chain.whole);
    }
    let none = (count == 0).then_some("there is no chain");
    let open = open.then_some("a chain is not closed, so more events of it may exist");
    let partly = partly.then_some("not all links of a chain are shown");
    Check::of(answered, 0, none.or(open).or(partly))
}
