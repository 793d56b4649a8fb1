//! `GET /stream`: a live view as server-sent events, each with one line of an export as its data.
//!
//! A leaf's event has the leaf's index as its `id`. Who comes back with the last one as `Last-Event-ID` gets what
//! follows it, without a header, and once more the checkpoint of this size where there is one. What comes before the
//! first leaf has no `id`: who lost the connection there begins anew, with a header.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign::export::writer::Writer;
use countersign::export::{Item, Line as ExportLine, Withheld};
use countersign::link::MAX_INTEGER;
use futures_util::stream;
use tokio::sync::watch;

use super::{AppState, Problem, access, query};
use crate::export::{ExportError, Line, Lines};
use crate::reading::Reading;
use crate::store::{Published, StoreError};
use crate::tokens::Right;

/// How many bytes are gathered before they are handed on.
const PIECE: usize = 64 << 10;

/// When nothing happens for so long, a comment tells that the connection is alive.
const QUIET: Duration = Duration::from_secs(15);

/// Where checkpoints follow each other fast, they are told of together this often.
const GATHER: Duration = Duration::from_millis(50);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(super) async fn stream(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let reader = access::admit(&state.reading, &headers, Right::Read)?;
    let mut from = None;
    for (name, value) in query::read(uri.query(), &["from"])? {
        from = Some(query::integer(&name, &value)?);
    }
    let last = last_event(&headers)?;
    let published = state.collector.published();
    let plan = state.reading.look(move |exporter, cancelled| match last {
        Some(last) => exporter.plan_further(last + 1, true),
        None => exporter.plan_live(from, cancelled),
    });
    let plan = plan.await.map_err(|error| match error {
        ExportError::Invalid { message, .. } if last.is_some() => query::invalid("Last-Event-ID", &message),
        error => error.into(),
    })?;
    let first = last.map_or(plan.first(), |last| last + 1);
    let live = Live {
        reading: state.reading.clone(),
        reader,
        stopping: state.reading.stopping(),
        published,
        first,
        at: first,
        lines: Some(plan.lines()),
    };
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    let pieces = stream::try_unfold(live, Live::next);
    Ok((StatusCode::OK, headers, Body::from_stream(pieces)).into_response())
}

fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let mut values = headers.get_all(LAST_EVENT_ID).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| values.next().is_none()).unwrap_or_default();
    let last = query::integer("Last-Event-ID", text)?;
    if last == MAX_INTEGER {
        return Err(query::invalid("Last-Event-ID", "no log has so many leaves"));
    }
    Ok(Some(last))
}

/// A live view.
struct Live {
    reading: Arc<Reading>,
    /// Whose it is.
    reader: String,
    stopping: watch::Receiver<bool>,
    published: watch::Receiver<Option<Arc<Published>>>,
    /// The first leaf of the view itself.
    first: u64,
    /// The size to which it has come.
    at: u64,
    /// What is being written, up to the checkpoint that was the newest when it was begun.
    lines: Option<Lines>,
}

/// Why a live view went on.
enum Woken {
    Further,
    Quiet,
    End,
}

impl Live {
    /// The next piece: made when the one before was taken, or when there is something to tell.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, ExportError> {
        loop {
            if let Some(lines) = self.lines.take() {
                let first = self.first;
                let made = tokio::task::spawn_blocking(move || piece(lines, first)).await;
                let made = made.map_err(|error| StoreError::unavailable("writing a stream", error)).flatten();
                let (piece, at, lines) =
                    made.inspect_err(|error| tracing::error!(%error, "a stream ended early"))?;
                (self.at, self.lines) = (at, lines);
                if !piece.is_empty() {
                    return Ok(Some((piece.into(), self)));
                }
                continue;
            }
            let at = self.at;
            let beyond = |published: &Option<Arc<Published>>| {
                published.as_ref().is_some_and(|published| published.size > at)
            };
            let woken = tokio::select! {
                published = self.published.wait_for(beyond) => published.map_or(Woken::End, |_| Woken::Further),
                _ = self.stopping.wait_for(|stopping| *stopping) => Woken::End,
                () = tokio::time::sleep(QUIET) => Woken::Quiet,
            };
            let now = self.reading.collector().now();
            if !self.reading.tokens().still_admits(&self.reader, Right::Read, now) {
                return Ok(None);
            }
            match woken {
                Woken::Further => tokio::time::sleep(GATHER).await,
                Woken::End => return Ok(None),
                Woken::Quiet => return Ok(Some((Bytes::from_static(b": all is quiet\n\n"), self))),
            }
            let plan = self.reading.glance(move |exporter| exporter.plan_further(at, false)).await;
            self.lines =
                Some(plan.inspect_err(|error| tracing::error!(%error, "a stream ended early"))?.lines());
        }
    }
}

/// The next lines as server-sent events, the size to which they come, and what is left.
fn piece(mut lines: Lines, first: u64) -> Result<(Vec<u8>, u64, Option<Lines>), StoreError> {
    let mut piece = Vec::with_capacity(PIECE);
    let mut more = true;
    while more && piece.len() < PIECE {
        more = lines.step(&mut |line| write(line, first, &mut piece))?;
    }
    let at = lines.at();
    Ok((piece, at, more.then_some(lines)))
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
