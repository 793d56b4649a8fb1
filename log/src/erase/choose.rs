//! Which events are erased that are chosen by what they say.
//!
//! All of them are looked at as the store has them. The search index is not asked: what it does not know would stay.

use countersign_query::{Query, Readings};
use roaring::RoaringTreemap;

use crate::asked::Looking;
use crate::export::{ExportError, PAGE, shows};
use crate::store::{Reader, StoredEvent};
use crate::tokens::Scope;

/// The leaves below that size within the scope whose event fulfils all conditions. `cancelled` is asked from time to time whether anybody
/// still waits.
///
/// # Errors
/// [`ExportError::Cancelled`], and the store's own.
pub(crate) fn choose(
    reader: &dyn Reader,
    readings: &Readings,
    query: &Query,
    scope: &Scope,
    size: u64,
    cancelled: &dyn Fn() -> bool,
) -> Result<RoaringTreemap, ExportError> {
    let mut chosen = RoaringTreemap::new();
    let mut looking = Looking::new(readings);
    let mut first = 0;
    while first < size {
        if cancelled() {
            return Err(ExportError::Cancelled);
        }
        let end = size.min(first + PAGE);
        for (leaf, index) in reader.leaves_with_events(first..end)?.iter().zip(first..) {
            let StoredEvent::Here(event) = &leaf.event else { continue };
            let Some(link) = leaf.link() else { continue };
            if looking.matches(reader, query, &link, Some(&event.text))?
                && shows(&mut looking, reader, scope, &link, &leaf.event)?
            {
                chosen.insert(index);
            }
        }
        first = end;
    }
    Ok(chosen)
}
