//! `GET /stream`: a live view as server-sent events, each with one line of an export as its data.
//!
//! The event of an entry has the entry's index as its `id`. A client that reconnects with the last one as
//! `Last-Event-ID` gets what follows it, without a header, and once more the checkpoint of this size if there is one.
//! Lines before the first entry have no `id`: a client that lost the connection there starts again, with a header.
//!
//! The conditions are those of an export. The events that they don't select are withheld. Only `since` alone, which in an
//! export begins a range, withholds nothing once that time has passed.
//!
//! In the stream of a tenant log, a slash and a tick follow the index once there was a head: the tick of the last one.
//! A head has the `id` of the entry before it, with its own tick. A client that reconnects gets only later heads,
//! because no head may be followed by one that is older.
//!
//! An anchor's hashes lead to the checkpoint of the next head, so only that head can follow it. From an anchor up to that
//! head, an `id` ends with a slash and the tick of the head. A client that lost the connection there starts again, with a
//! header, unless that head is still the newest one.

use std::sync::Arc;
use std::time::Duration;

use countersign::export::writer::Writer;
use countersign::export::{Item, Line as ExportLine, Withheld};
use countersign::time::Time;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Response};
use tokio::sync::watch;

use super::response::{NO_STORE, NOSNIFF, success};
use super::{ApiError, query};
use crate::event_filter::{CONDITIONS, EventFilter};
use crate::export::{ExportError, Exporter, Line, Lines, LiveState, Plan, Planning};
use crate::store::{Published, StoreError};
use crate::tenants::published::TenantTicks;
use crate::tokens::{Access, Scope};

/// The number of bytes after which a piece is complete.
const PIECE: usize = 64 << 10;

/// The time without events after which a comment shows that the connection is alive.
pub const QUIET: Duration = Duration::from_secs(15);
/// The comment for [`QUIET`].
pub const QUIET_TEXT: &[u8] = b": no new entries\n\n";

/// The comment at the beginning of a tenant log's live view.
pub const BEGINNING: &[u8] = b": following\n\n";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The time without entries after which the live view of a tenant log shows a later head.
pub const IDLE_HEAD: Duration = Duration::from_secs(10);

/// Returns the parameters of a live view: where it begins, and the conditions of an export.
fn parameters() -> Vec<&'static str> {
    [&["from"][..], &CONDITIONS[..]].concat()
}

/// Returns the parameters of a request that was already parsed.
pub fn pairs(query: Option<&str>) -> Vec<(String, String)> {
    query::parsed(query, &parameters())
}

/// The start of a live view: its plan, or the search for it.
pub enum LiveStart {
    /// The plan is complete.
    Whole(Plan),
    /// The search for the plan is not finished.
    Planning(Planning),
}

impl LiveStart {
    /// Finishes the search.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn finish(self, canceled: &dyn Fn() -> bool) -> Result<Plan, ExportError> {
        match self {
            Self::Whole(plan) => Ok(plan),
            Self::Planning(planning) => planning.finish(canceled),
        }
    }
}

/// The announcements that continue the live views of a log.
#[derive(Clone)]
pub enum Announcements {
    /// The checkpoints of an ordinary log.
    Checkpoints(watch::Receiver<Option<Arc<Published>>>),
    /// The ticks of a tenant log's root log.
    Ticks(TenantTicks),
}

impl Announcements {
    /// Returns the newest state, if there is one.
    pub fn newest(&self) -> Option<LiveState> {
        match self {
            Self::Checkpoints(published) => {
                published.borrow().as_ref().map(|published| LiveState::from(published.size))
            }
            Self::Ticks(ticks) => ticks.live_state(),
        }
    }

    /// Waits until the log has entries that a view in this state lacks.
    ///
    /// # Errors
    /// If there will be no more announcements.
    pub async fn wait_for_entries(&mut self, view: LiveState) -> Result<(), watch::error::RecvError> {
        match self {
            Self::Checkpoints(published) => {
                let has_entries = |published: &Option<Arc<Published>>| {
                    let newest = published.as_ref().map(|published| LiveState::from(published.size));
                    newest.is_some_and(|newest| view.lacks_entries(newest))
                };
                published.wait_for(has_entries).await.map(|_| ())
            }
            Self::Ticks(ticks) => ticks.wait_for_entries(view).await,
        }
    }

    /// Returns how long a view waits for entries. After that it [shows a later head](Self::has_head_for), or else a
    /// [comment](QUIET_TEXT).
    pub const fn patience(&self) -> Duration {
        match self {
            Self::Checkpoints(_) => QUIET,
            Self::Ticks(_) => IDLE_HEAD,
        }
    }

    /// True if a view in this state can show a later head.
    pub fn has_head_for(&self, view: LiveState) -> bool {
        self.newest().is_some_and(|newest| view.lacks_head(newest))
    }
}

/// A parsed request for a live view.
#[derive(Clone, Debug)]
pub struct LiveRequest {
    scope: Arc<Scope>,
    from: Option<u64>,
    /// The state that an interrupted view reached.
    reached: Option<LiveState>,
}

impl LiveRequest {
    /// Parses a request. Relative times count from `now`.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn parse(
        query: Option<&str>,
        headers: &HeaderMap,
        access: &Access,
        now: Time,
    ) -> Result<Self, ApiError> {
        let (mut from, mut filter) = (None, EventFilter::default());
        for (name, value) in query::read(query, &parameters())? {
            match &*name {
                "from" => from = Some(query::integer(&name, &value)?),
                _ => filter.set(&name, &value, now).map_err(|error| query::unusable(&name, error))?,
            }
        }
        let scope = access.scope();
        let shows_all = filter.is_empty() || (scope.is_everything() && filter.is_range_at(now));
        let scope = if shows_all { scope.clone() } else { Arc::new(scope.narrowed(filter.query())) };
        Ok(Self { scope, from, reached: last_event(headers)? })
    }

    /// Returns the scope of the events to show.
    pub fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    /// Begins the search for the start of the view.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn begin(&self, exporter: &Exporter) -> Result<LiveStart, ExportError> {
        Ok(match self.reached {
            Some(reached) => match exporter.plan_continuation(reached, &self.scope, true) {
                Err(ExportError::Restart) => {
                    LiveStart::Planning(exporter.begin_live(self.from, &self.scope)?)
                }
                plan => LiveStart::Whole(plan?),
            },
            None => LiveStart::Planning(exporter.begin_live(self.from, &self.scope)?),
        })
    }

    /// Returns the error for a search that failed.
    pub fn problem(&self, error: ExportError) -> ApiError {
        match error {
            ExportError::Invalid { message, .. } if self.reached.is_some() => {
                query::invalid("Last-Event-ID", &message)
            }
            error => error.into(),
        }
    }

    /// Returns the first entry that the view shows as new, rather than as a proof.
    pub fn first(&self, plan: &Plan) -> u64 {
        self.reached.filter(|_| !plan.has_header()).map_or(plan.first(), |reached| reached.size)
    }
}

fn last_event(headers: &HeaderMap) -> Result<Option<LiveState>, ApiError> {
    let mut values = headers.get_all(LAST_EVENT_ID).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| values.next().is_none()).unwrap_or_default();
    let invalid = || query::invalid("Last-Event-ID", "must be the ID of an event");
    LiveState::parse(text).map(Some).ok_or_else(invalid)
}

/// Returns the response head of a live view.
pub fn head() -> Response<()> {
    let kind = "text/event-stream; charset=utf-8";
    let buffering = (HeaderName::from_static("x-accel-buffering"), "no");
    success(&[(CONTENT_TYPE, kind), NO_STORE, NOSNIFF, buffering], ())
}

/// Several lines as server-sent events.
pub struct Piece {
    /// The text of the events.
    pub bytes: Vec<u8>,
    /// The number of events in `bytes`.
    pub events: u64,
    /// The state of the log that the events reach.
    pub at: LiveState,
    /// The remaining lines, if there are any.
    pub lines: Option<Lines>,
}

/// Returns the next lines as server-sent events.
///
/// # Errors
/// [`StoreError`].
pub fn piece(mut lines: Lines, first: u64) -> Result<Piece, StoreError> {
    let before = lines.events();
    let mut piece = Vec::with_capacity(PIECE);
    let mut more = true;
    while more && piece.len() < PIECE {
        more = lines.step(&mut |line| write(line, first, &mut piece))?;
    }
    let (at, events) = (lines.state(), lines.events() - before);
    Ok(Piece { bytes: piece, events, at, lines: more.then_some(lines) })
}

fn write(line: Line<'_>, first: u64, out: &mut Vec<u8>) {
    // Proofs before the view's first entry have no ID: a view can't be resumed there.
    let is_before = line.index.is_some_and(|index| index < first);
    if let Some(state) = line.state.filter(|state| !is_before && state.size >= first) {
        out.extend_from_slice(format!("id: {state}\n").as_bytes());
    }
    out.extend_from_slice(b"data: ");
    let text = line.text.strip_suffix(b"\n").unwrap_or(line.text);
    if text.contains(&b'\r') {
        out.extend_from_slice(without_event(text).as_bytes());
    } else {
        out.extend_from_slice(text);
    }
    out.extend_from_slice(b"\n\n");
}

/// Returns a line with its event withheld. An event that isn't canonical may have a carriage return between its tokens,
/// which would end the line in a stream and can't be replaced. Exports contain such events.
fn without_event(line: &[u8]) -> String {
    let mut writer = Writer::new();
    if let Some(Item::Link { text, .. }) =
        str::from_utf8(line).ok().and_then(|line| ExportLine::parse(line).ok()).map(|line| line.item)
    {
        writer.withheld(&text, Some(Withheld::Filtered));
    }
    writer.as_str().trim_end().to_owned()
}
