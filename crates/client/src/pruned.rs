//! Finds out where a log that may have been pruned begins.

use std::num::NonZeroUsize;
use std::thread;

use countersign::check::Resource;
use countersign::merkle::{Bundle, TILE_WIDTH, skips, tiles_for};
use countersign_errors::EngineError;

use crate::source::Source;

/// Returns the index of the first full entry bundle that a log of `size` entries has, if the log can have been pruned
/// up to there: it has no earlier one, and it has the tiles with the hashes that stand for them. Returns 0 otherwise,
/// and `size / 256` if it has no full bundle.
///
/// The number of requests is limited by the number of bundles that are gone. If the tiles are missing as well, a few
/// requests suffice, whatever size the log claims.
///
/// # Errors
/// If the log can't be read.
pub fn first_bundle(source: &dyn Source, size: u64) -> Result<u64, EngineError> {
    let full = size / TILE_WIDTH;
    let has = |index| Ok::<bool, EngineError>(source.get(bundle(index))?.is_some());
    if full == 0 || has(0)? {
        return Ok(0);
    }
    // Doubles the distance, then bisects. There may be holes before the result.
    let mut gone = 0;
    let mut next = 1;
    while next < full && !has(next)? {
        gone = next;
        next *= 2;
    }
    let mut found = next.min(full);
    while found - gone > 1 {
        let middle = gone + (found - gone) / 2;
        *(if has(middle)? { &mut found } else { &mut gone }) = middle;
    }
    let before: Vec<_> = skips(0, found * TILE_WIDTH).collect();
    for tile in tiles_for(&before, size) {
        if source.get(Resource::Tile(tile))?.is_none() {
            return Ok(0);
        }
    }
    Ok(first_of(source, 1..found)?.unwrap_or(found))
}

fn bundle(index: u64) -> Resource {
    Resource::Bundle(Bundle { index, width: TILE_WIDTH as u16 })
}

/// Returns the first of the full bundles that the log has.
fn first_of(source: &dyn Source, bundles: std::ops::Range<u64>) -> Result<Option<u64>, EngineError> {
    let readers = NonZeroUsize::new(source.readers()).unwrap_or(NonZeroUsize::MIN);
    let mut begin = bundles.start;
    while begin < bundles.end {
        let end = bundles.end.min(begin + readers.get() as u64);
        let reads: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> =
                (begin..end).map(|index| scope.spawn(move || source.get(bundle(index)))).collect();
            running
                .into_iter()
                .map(|read| read.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        for (index, read) in (begin..end).zip(reads) {
            if read?.is_some() {
                return Ok(Some(index));
            }
        }
        begin = end;
    }
    Ok(None)
}
