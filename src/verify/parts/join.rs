//! Merges the summaries of adjacent parts into one.

use std::io::{Read, Seek};

use super::arrange::{Extent, arrange};
use super::error::at;
use super::format::Tail;
use super::writer::Writer;
use super::{Part, PartsError, Stored, SummaryError};

/// Merges the summaries of adjacent parts, in any order, into one summary, and returns the parts that it covers.
///
/// Calls `out` with the bytes of the summary, piece by piece, and `progress` with the number of bytes read so far.
///
/// # Errors
/// [`SummaryError`] if the summaries are not those of adjacent parts of one file, or if one is incomplete; or an error
/// of `out`.
pub fn merge<R: Read + Seek, E: From<SummaryError> + From<PartsError>>(
    summaries: Vec<Stored<R>>,
    out: impl FnMut(&[u8]) -> Result<(), E>,
    mut progress: impl FnMut(u64),
) -> Result<Part, E> {
    let mut parts = arrange(summaries, Extent::Adjacent)?;
    let part = covered(&parts);
    let mut tail = Tail { texts: Vec::new(), opened: Vec::new() };
    let mut writer = Writer::begin(&part, out)?;
    let mut read = 0;
    for (nth, (place, stored)) in parts.iter_mut().enumerate() {
        let prefix = stored.frame().map_err(at(*place))?;
        if nth == 0 {
            writer.frame(&prefix)?;
        } else if !prefix.is_empty() {
            return Err(at(*place)(PartsError::Altered).into());
        }
        loop {
            let frame = stored.frame().map_err(at(*place))?;
            if frame.is_empty() {
                break;
            }
            read += frame.len() as u64;
            progress(read);
            writer.frame(&frame)?;
        }
        stored.finish().map_err(at(*place))?;
        tail.texts.append(&mut stored.tail.texts);
        tail.opened.append(&mut stored.tail.opened);
    }
    writer.finish(&tail)?;
    Ok(part)
}

/// Returns what sorted parts cover together.
fn covered<R>(parts: &[(usize, Stored<R>)]) -> Part {
    let (first, last) = (&parts[0].1.part, &parts[parts.len() - 1].1.part);
    Part { last: last.last, end: last.end, ..first.clone() }
}
