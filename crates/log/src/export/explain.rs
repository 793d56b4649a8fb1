//! Explains a search by examining each event, because an export can't say why it contains nothing.

use std::ops::Range;
use std::sync::Arc;

use countersign_query::{Findings, Query, Tally};

use super::candidates::Candidates;
use super::exporter::Exporter;
use super::request::{ExportError, PAGE, Request, range, text};
use crate::entry_matcher::EntryMatcher;
use crate::store::{EntryReader, StoreError};
use crate::tokens::Scope;

/// The maximum number of conditions that an explanation examines: those in the query times the entries in the range.
pub const MAX_EXAMINED_CONDITIONS: u64 = 100_000_000;

/// The explanation of a search.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The number of published entries.
    pub size: u64,
    /// The query, in a form that can be parsed again.
    pub query: String,
    /// The counts of what the search found.
    pub findings: Findings,
}

/// An explanation in progress, which examines a page of entries at a time.
pub struct Explaining {
    reader: Arc<dyn EntryReader>,
    scope: Arc<Scope>,
    size: u64,
    /// The entries that were not examined yet.
    left: Range<u64>,
    /// The pages that may have events within the scope.
    candidates: Candidates,
    fields_alone: bool,
    query: Arc<Query>,
    matcher: EntryMatcher,
    tally: Tally<Arc<Query>>,
}

impl Exporter {
    /// Starts to examine each event in the range and the scope. With `fields_alone`, it ends once every field in the
    /// query occurred in some event. Places, limit, and boundary are ignored.
    ///
    /// # Errors
    /// [`ExportError`], as for [`Exporter::plan`]. [`ExportError::Invalid`] also if the number of entries,
    /// times that of the query's conditions, is above 100 million.
    pub fn begin_explaining(&self, request: &Request, fields_alone: bool) -> Result<Explaining, ExportError> {
        let published = self.published()?;
        let query = Arc::new(request.filter.query().clone());
        let left = range(request, &published)?;
        check_amount(left.end - left.start, query.conditions().len() as u64)?;
        Ok(Explaining {
            reader: self.reader.clone(),
            scope: request.scope.clone(),
            size: published.size,
            left,
            // An explanation also counts events that don't match.
            candidates: self.candidates(&request.scope, &Query::default())?,
            fields_alone,
            tally: Tally::new(query.clone()),
            query,
            matcher: EntryMatcher::for_scope(&self.parsers, &request.scope),
        })
    }

    /// Explains a search. `canceled` is called periodically, and returns true if the client disconnected.
    ///
    /// # Errors
    /// [`ExportError`], as for [`Exporter::plan`].
    pub fn explain(
        &self,
        request: &Request,
        fields_alone: bool,
        canceled: &dyn Fn() -> bool,
    ) -> Result<Explained, ExportError> {
        let mut explaining = self.begin_explaining(request, fields_alone)?;
        while !canceled() {
            if !explaining.step()? {
                return Ok(explaining.end());
            }
        }
        Err(ExportError::Canceled)
    }
}

/// Fails if so many conditions on so many entries are too much for one explanation.
fn check_amount(entries: u64, conditions: u64) -> Result<(), ExportError> {
    if entries.saturating_mul(conditions.max(1)) <= MAX_EXAMINED_CONDITIONS {
        return Ok(());
    }
    let message = format!(
        "{conditions} conditions on {entries} entries are more than {MAX_EXAMINED_CONDITIONS} in all; ask about fewer entries with `from` and `to`, or with fewer conditions"
    );
    Err(ExportError::Invalid { parameter: "query", message })
}

impl Explaining {
    /// Examines the next page that may have events within the scope. Returns true if there are more.
    ///
    /// # Errors
    /// [`StoreError`] if the entries can't be read.
    pub fn step(&mut self) -> Result<bool, StoreError> {
        let Self { reader, scope, left, candidates, fields_alone, query, matcher, tally, .. } = self;
        while !left.is_empty() && !candidates.has(left.start / PAGE) {
            left.start = left.end.min((left.start / PAGE + 1) * PAGE);
        }
        if left.is_empty() || *fields_alone && tally.lacking() == 0 {
            return Ok(false);
        }
        let page = left.start / PAGE;
        for run in candidates.runs(page, left.clone()) {
            for leaf in reader.leaves_with_events(run)? {
                let (Some(link), Some(event)) = (leaf.link(), text(&leaf.event)) else { continue };
                // Events outside the scope are not even counted.
                matcher.examine_within(&**reader, scope, query, &link, Some(event), |entry| {
                    tally.examine(entry)
                })?;
            }
        }
        left.start = left.end.min((page + 1) * PAGE);
        Ok(true)
    }

    /// True if the request is only for unknown fields.
    pub(crate) fn fields_alone(&self) -> bool {
        self.fields_alone
    }

    /// Returns the explanation, once [`Self::step`] has returned false.
    pub fn end(self) -> Explained {
        let Self { size, query, tally, .. } = self;
        Explained { size, query: query.to_string(), findings: tally.finish() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_has_a_maximum_amount_of_work() {
        for (entries, conditions) in [(0, 128), (100_000_000, 0), (100_000_000, 1), (781_250, 128)] {
            assert!(check_amount(entries, conditions).is_ok(), "{entries} {conditions}");
        }
        for (entries, conditions) in [(100_000_001, 0), (781_251, 128), (u64::MAX, 128)] {
            let refused = check_amount(entries, conditions);
            assert!(
                matches!(refused, Err(ExportError::Invalid { parameter: "query", .. })),
                "{entries} {conditions}"
            );
        }
    }
}
