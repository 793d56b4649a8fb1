//! `/healthz` and `/metrics`.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::Answer;
use super::response::{NO_STORE, success, with_headers};
use crate::clock::Standing;
use crate::metrics::Metrics;
use crate::stop::Stop;
use crate::store::{Published, Reader};

/// What is so about erasures.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Erasing {
    /// How many are recorded and not done; none where that cannot be told.
    pub(crate) unfinished: Option<usize>,
    /// Whether one of them cannot be carried out.
    pub(crate) failing: bool,
}

impl Erasing {
    /// As a store has them.
    pub(crate) fn of(reader: &dyn Reader, failing: bool) -> Self {
        Self { unfinished: reader.unfinished_erasures().ok().map(|records| records.len()), failing }
    }
}

/// What else may be wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Condition {
    /// The log takes nothing more, for it ends.
    pub(crate) stopping: bool,
    /// What is so about erasures.
    pub(crate) erasing: Erasing,
    /// The newest commit failed.
    pub(crate) commits_failing: bool,
    /// There is hardly any room left where the log is stored.
    pub(crate) disk_full: bool,
    /// What a check of the whole log found damaged: code, place, what is wrong and what to do.
    pub(crate) damaged: Option<[String; 4]>,
}

/// Whether the log can be read and written: 200 or 503, and what is so.
pub(crate) fn health(
    origin: &str,
    size: Option<u64>,
    published: Option<&Published>,
    clock: &Standing,
    condition: Condition,
    stopped: Option<&Stop>,
) -> Answer {
    let Condition { stopping, erasing, commits_failing, disk_full, damaged } = condition;
    let works = size.is_some() && published.is_some() && !stopping && !erasing.failing && stopped.is_none();
    let sound = !commits_failing && !disk_full && damaged.is_none();
    let healthy = works && sound && clock.outside.is_none();
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "healthy": healthy,
        "origin": origin,
        "size": size,
        "published": published.map(|published| json!({
            "size": published.size,
            "at": published.at.to_string(),
            "witnessed": published.witnessed,
        })),
        "erasures": { "unfinished": erasing.unfinished, "failing": erasing.failing },
        "storage": { "failing": commits_failing, "full": disk_full },
        "damaged": damaged.map(|[code, place, message, hint]| json!({
            "code": code,
            "place": place,
            "message": message,
            "hint": hint,
        })),
        "stopped": stopped.map(|stop| json!({
            "code": stop.cause.code(),
            "at": stop.at.to_string(),
            "message": stop.message,
            "hint": stop.cause.hint(),
        })),
        "clock": json!({
            "now": clock.now.to_string(),
            "state": clock.state(),
            "skew": clock.skew().map(|skew| skew / 1000),
            "witnesses": clock.skews.iter().map(|(name, skew)| (name.clone(), (skew / 1000).into())).collect::<Map<String, Value>>(),
        }),
    });
    with_headers(status, &[NO_STORE, (CONTENT_TYPE, "application/json")], body.to_string().into_bytes())
}

/// What is counted.
pub(crate) fn metrics(metrics: &Metrics, clock: &Standing) -> Answer {
    metrics.clock(clock);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    success(&[(CONTENT_TYPE, kind)], metrics.encode().into_bytes())
}
