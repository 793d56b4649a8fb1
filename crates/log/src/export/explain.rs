//! What a search found, looked at event by event: an export cannot say why there is nothing in it.

use std::ops::Range;
use std::sync::Arc;

use countersign_query::{Findings, Query, Tally};

use super::candidates::Candidates;
use super::exporter::Exporter;
use super::request::{ExportError, PAGE, Request, range, text};
use crate::looking::Looking;
use crate::store::{EntryReader, StoreError};
use crate::tokens::Scope;

/// What there is to say of a search.
#[derive(Clone, Debug)]
pub struct Explained {
    /// How many leaves the log had published.
    pub size: u64,
    /// The query that was asked, as it can be parsed again.
    pub query: String,
    /// What was found.
    pub findings: Findings,
}

/// A search while it is looked at what it finds, a page of leaves at a time.
pub struct Explaining {
    reader: Arc<dyn EntryReader>,
    scope: Arc<Scope>,
    size: u64,
    /// The leaves that were not looked at.
    left: Range<u64>,
    /// The pages that may have events within the scope.
    candidates: Candidates,
    fields_alone: bool,
    query: Arc<Query>,
    looking: Looking,
    tally: Tally<Arc<Query>>,
}

impl Exporter {
    /// Begins to look at each event of the range within the scope, to tell what a search of them finds; with `fields_alone` it
    /// ends once some event had each field that is asked about. Places, limit and boundary are not looked at.
    ///
    /// # Errors
    /// [`ExportError`], as for [`Exporter::plan`].
    pub fn begin_explaining(&self, request: &Request, fields_alone: bool) -> Result<Explaining, ExportError> {
        let published = self.published()?;
        let query = Arc::new(request.asked.query().clone());
        Ok(Explaining {
            reader: self.reader.clone(),
            scope: request.scope.clone(),
            size: published.size,
            left: range(request, &published)?,
            // An explanation counts events that are not as asked, too.
            candidates: self.candidates(&request.scope, &Query::default())?,
            fields_alone,
            tally: Tally::new(query.clone()),
            query,
            looking: Looking::for_scope(&self.parsers, &request.scope),
        })
    }

    /// The same to its end. `canceled` is asked from time to time whether anybody still waits.
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

impl Explaining {
    /// Looks at the next page that may have events of the scope. Says whether there is more.
    ///
    /// # Errors
    /// The store's own.
    pub fn step(&mut self) -> Result<bool, StoreError> {
        let Self { reader, scope, left, candidates, fields_alone, query, looking, tally, .. } = self;
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
                // The events of others are not even counted.
                looking
                    .look_within(&**reader, scope, query, &link, Some(event), |entry| tally.look(entry))?;
            }
        }
        left.start = left.end.min((page + 1) * PAGE);
        Ok(true)
    }

    /// Whether unknown fields alone are to be told.
    pub(crate) fn fields_alone(&self) -> bool {
        self.fields_alone
    }

    /// What was found, when there was no more to look at.
    pub fn end(self) -> Explained {
        let Self { size, query, tally, .. } = self;
        Explained { size, query: query.to_string(), findings: tally.finish() }
    }
}
