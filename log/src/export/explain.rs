//! What a search found, looked at event by event: an export cannot say why there is nothing in it.

use countersign_query::{Findings, Tally};

use super::{ExportError, Exporter, PAGE, Request, range, shows, text};
use crate::asked::Looking;

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

impl Exporter {
    /// Looks at each event of the range within the scope, and tells what a search of them finds; with `fields_alone` it
    /// ends once some event had each field that is asked about. Places, limit and boundary are not looked at. `cancelled` is asked from time to time whether anybody still waits.
    ///
    /// # Errors
    /// [`ExportError`], as for [`Exporter::plan`].
    pub fn explain(
        &self,
        request: &Request,
        fields_alone: bool,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Explained, ExportError> {
        let published = self.reader.published()?;
        let published =
            published.ok_or_else(|| ExportError::NotFound("the log has published nothing yet".into()))?;
        let range = range(request, &published)?;
        let (query, reader) = (request.asked.query(), &*self.reader);
        let mut tally = Tally::new(query);
        let mut looking = Looking::new(&self.readings);
        let mut first = range.start;
        while first < range.end && !(fields_alone && tally.lacking() == 0) {
            if cancelled() {
                return Err(ExportError::Cancelled);
            }
            let end = range.end.min((first / PAGE + 1) * PAGE);
            for leaf in reader.leaves_with_events(first..end)? {
                let (Some(link), Some(event)) = (leaf.link(), text(&leaf.event)) else { continue };
                // Of others nobody is told, not even how many there are.
                if shows(&mut looking, reader, &request.scope, &link, &leaf.event)? {
                    looking.look(reader, query, &link, Some(event), |entry| tally.look(entry))?;
                }
            }
            first = end;
        }
        Ok(Explained { size: published.size, query: query.to_string(), findings: tally.finish() })
    }
}
