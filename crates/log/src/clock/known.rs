//! The newest time that a log's entries and checkpoints show.

use countersign::checkpoint::claimed_time;
use countersign::time::Time;

use crate::store::{Reader, StoreError};
use crate::tenants::anchors::time_of_last_tick;

/// Returns the newest time that the newest published checkpoint shows: of its publication, of its cosignatures, and of the
/// last tick of a root log. No entry is newer by more than a commit takes. `None` if nothing is published.
///
/// # Errors
/// [`StoreError`] if the store fails.
pub fn newest_stored_time(reader: &dyn Reader, is_root_log: bool) -> Result<Option<Time>, StoreError> {
    let tick = if is_root_log { time_of_last_tick(reader, reader.size()?)? } else { None };
    let Some(published) = reader.published()? else { return Ok(tick) };
    let checkpoint = published.state().checkpoint()?;
    let cosigned = checkpoint.note.signatures.iter().filter_map(claimed_time);
    Ok(cosigned.chain(tick).chain([published.at]).max())
}
