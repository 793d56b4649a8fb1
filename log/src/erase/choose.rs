//! Which events are erased that are chosen by what they say.
//!
//! All of them are looked at as the store has them. The search index is not asked: what it does not know would stay.

use roaring::RoaringTreemap;

use crate::export::{ExportError, PAGE, shows};
use crate::filter::{Filter, parse};
use crate::store::{Reader, StoredEvent};
use crate::tokens::Scope;

/// The leaves below that size within the scope whose event fulfils all conditions. `cancelled` is asked from time to time whether anybody
/// still waits.
///
/// # Errors
/// [`ExportError::Cancelled`], and the store's own.
pub(crate) fn choose(
    reader: &dyn Reader,
    filter: &Filter,
    scope: &Scope,
    size: u64,
    cancelled: &dyn Fn() -> bool,
) -> Result<RoaringTreemap, ExportError> {
    let mut chosen = RoaringTreemap::new();
    let mut first = 0;
    while first < size {
        if cancelled() {
            return Err(ExportError::Cancelled);
        }
        let end = size.min(first + PAGE);
        for (leaf, index) in reader.leaves_with_events(first..end)?.iter().zip(first..) {
            let StoredEvent::Here(event) = &leaf.event else { continue };
            let matches = leaf
                .link()
                .is_some_and(|link| filter.matches_link(&link) && shows(scope, &link, &leaf.event));
            if matches && filter.matches_event(&parse(&event.text)) {
                chosen.insert(index);
            }
        }
        first = end;
    }
    Ok(chosen)
}
