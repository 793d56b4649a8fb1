//! `GET /stream`: a live view as server-sent events, each with one line of an export as its data.
//!
//! A leaf's event has the leaf's index as its `id`. Who comes back with the last one as `Last-Event-ID` gets what
//! follows it, without a header, and once more the checkpoint of this size where there is one. What comes before the
//! first leaf has no `id`: who lost the connection there begins anew, with a header.

use std::sync::Arc;
use std::time::Duration;

use countersign::export::writer::Writer;
use countersign::export::{Item, Line as ExportLine, Withheld};
use countersign::time::Time;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Response};

use super::response::{NO_STORE, NOSNIFF, success};
use super::{ApiError, query};
use crate::event_filter::Asked;
use crate::export::{ExportError, Exporter, Line, Lines, Plan, Planning};
use crate::store::StoreError;
use crate::tokens::{Access, Scope};

/// How many bytes are gathered before they are handed on.
const PIECE: usize = 64 << 10;

/// When nothing happens for so long, a comment tells that the connection is alive.
pub const QUIET: Duration = Duration::from_secs(15);
/// That comment.
pub const QUIET_TEXT: &[u8] = b": all is quiet\n\n";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The parameters of a live view.
pub const PARAMETERS: [&str; 2] = ["from", "query"];

/// What a live view begins with.
pub enum Begun {
    /// This.
    Whole(Plan),
    /// That is still to be found out.
    Planning(Planning),
}

impl Begun {
    /// Finds it out.
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

/// Where a live view begins.
#[derive(Clone, Debug)]
pub struct Opening {
    scope: Arc<Scope>,
    from: Option<u64>,
    /// The last leaf of a view that was cut off.
    last: Option<u64>,
}

impl Opening {
    /// Reads a request, at that moment.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn read(
        query: Option<&str>,
        headers: &HeaderMap,
        access: &Access,
        now: Time,
    ) -> Result<Self, ApiError> {
        let (mut from, mut asked) = (None, Asked::default());
        for (name, value) in query::read(query, &PARAMETERS)? {
            match &*name {
                "from" => from = Some(query::integer(&name, &value)?),
                _ => asked.set(&name, &value, now).map_err(|error| query::unusable(&name, error))?,
            }
        }
        let scope = access.scope();
        let scope = if asked.is_empty() { scope.clone() } else { Arc::new(scope.narrowed(asked.query())) };
        Ok(Self { scope, from, last: last_event(headers)? })
    }

    /// Whose events are shown.
    pub fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    /// Begins to find out what it begins with.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn begin(&self, exporter: &Exporter) -> Result<Begun, ExportError> {
        Ok(match self.last {
            Some(last) => Begun::Whole(exporter.plan_further(last + 1, &self.scope, true)?),
            None => Begun::Planning(exporter.begin_live(self.from, &self.scope)?),
        })
    }

    /// The answer where that failed.
    pub fn problem(&self, error: ExportError) -> ApiError {
        match error {
            ExportError::Invalid { message, .. } if self.last.is_some() => {
                query::invalid("Last-Event-ID", &message)
            }
            error => error.into(),
        }
    }

    /// The first leaf of the view itself.
    pub fn first(&self, plan: &Plan) -> u64 {
        self.last.map_or(plan.first(), |last| last + 1)
    }
}

fn last_event(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let mut values = headers.get_all(LAST_EVENT_ID).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| values.next().is_none()).unwrap_or_default();
    let last = query::integer("Last-Event-ID", text)?;
    if last == countersign::integer::MAX {
        return Err(query::invalid("Last-Event-ID", "no log has so many entries"));
    }
    Ok(Some(last))
}

/// What comes before the events.
pub fn head() -> Response<()> {
    let kind = "text/event-stream; charset=utf-8";
    let buffering = (HeaderName::from_static("x-accel-buffering"), "no");
    success(&[(CONTENT_TYPE, kind), NO_STORE, NOSNIFF, buffering], ())
}

/// Some lines as server-sent events.
pub struct Piece {
    /// The text of the events.
    pub bytes: Vec<u8>,
    /// How many events are in it.
    pub events: u64,
    /// The size to which it comes.
    pub at: u64,
    /// What is left.
    pub lines: Option<Lines>,
}

/// The next lines as server-sent events.
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
    let (at, events) = (lines.at(), lines.events() - before);
    Ok(Piece { bytes: piece, events, at, lines: more.then_some(lines) })
}

fn write(line: Line<'_>, first: u64, out: &mut Vec<u8>) {
    if let Some(index) = line.index.filter(|index| *index >= first) {
        out.extend_from_slice(format!("id: {index}\n").as_bytes());
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

/// A carriage return, which may stand between the tokens of an event that is not canonical, would end the line here
/// and cannot be changed: the event is then withheld. An export has it.
fn without_event(line: &[u8]) -> String {
    let mut writer = Writer::new();
    if let Some(Item::Link { text, .. }) =
        str::from_utf8(line).ok().and_then(|line| ExportLine::parse(line).ok()).map(|line| line.item)
    {
        writer.withheld(&text, Some(Withheld::Filtered));
    }
    writer.as_str().trim_end().to_owned()
}
