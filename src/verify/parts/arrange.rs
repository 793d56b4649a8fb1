//! Sorts summaries by their parts.

use super::error::at;
use super::{PartsError, Stored, SummaryError};

/// The parts that summaries must cover.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All parts of the file.
    Whole,
    /// Any parts, without a gap between them.
    Adjacent,
}

/// Sorts the summaries by their parts, each with its index among those passed, and checks that they cover the extent.
pub(super) fn arrange<R>(
    summaries: Vec<Stored<R>>,
    extent: Extent,
) -> Result<Vec<(usize, Stored<R>)>, SummaryError> {
    let mut parts: Vec<_> = summaries.into_iter().enumerate().collect();
    let Some((_, one)) = parts.first() else {
        return Err(SummaryError { place: None, why: PartsError::Missing(vec![1..=1]) });
    };
    let one = one.part.clone();
    for (place, stored) in &parts {
        let part = &stored.part;
        if (part.size, part.ends) != (one.size, one.ends) {
            return Err(at(*place)(PartsError::OtherFile));
        }
        if part.of != one.of {
            return Err(at(*place)(PartsError::OtherCut(part.of)));
        }
    }
    // If there are two summaries of one part, report the later one.
    parts.sort_by_key(|(place, stored)| (stored.part.first, *place));
    let (mut number, mut end) = match (extent, parts.first()) {
        (Extent::Adjacent, Some((_, first))) => (first.part.first - 1, first.part.begin),
        _ => (0, 0),
    };
    let mut missing = Vec::new();
    for (place, stored) in &parts {
        let part = &stored.part;
        if part.first <= number {
            return Err(at(*place)(PartsError::Twice(part.first)));
        }
        if part.first > number + 1 {
            missing.push(number + 1..=part.first - 1);
        } else if part.begin != end {
            return Err(at(*place)(PartsError::Apart));
        }
        (number, end) = (part.last, part.end);
    }
    if extent == Extent::Whole && number < one.of {
        missing.push(number + 1..=one.of);
    }
    if missing.is_empty() {
        Ok(parts)
    } else {
        Err(SummaryError { place: None, why: PartsError::Missing(missing) })
    }
}
