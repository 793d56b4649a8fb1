//! `/healthz` and `/metrics`.

use countersign::time::Time;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use strum::IntoStaticStr;

use super::Answer;
use super::response::{NO_STORE, success, with_headers};
use crate::clock::Standing;
use crate::metrics::Metrics;
use crate::stop::Stop;
use crate::store::{Published, Reader};

/// What is so about erasures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Erasing {
    /// How many are recorded and not done; none where that cannot be told.
    pub(crate) unfinished: Option<usize>,
    /// Whether one of them cannot be carried out.
    pub(crate) failing: bool,
}

impl Erasing {
    /// As a store has them.
    pub fn of(reader: &dyn Reader, failing: bool) -> Self {
        Self { unfinished: reader.unfinished_erasures().ok().map(|records| records.len()), failing }
    }
}

/// With less room than this the disk is full, before a commit finds it so: 64 MiB.
pub const LEAST: u64 = 64 << 20;

/// How many bytes there are where the log is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Free bytes.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

impl Room {
    /// True if less than [`LEAST`] is free, which `/healthz` reports. Nothing is refused because of it.
    pub fn is_full(self) -> bool {
        self.free < LEAST
    }
}

/// In what the log is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    /// A folder of its own.
    Folder,
    /// A bucket, of which the folder has an index.
    Bucket,
    /// A storage that the platform looks after.
    #[default]
    Object,
}

impl Kind {
    fn word(self) -> &'static str {
        self.into()
    }
}

/// Where the log is stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Storage {
    /// The kind of storage.
    pub kind: Kind,
    /// The newest commit failed.
    pub failing: bool,
    /// None where that cannot be told.
    pub room: Option<Room>,
}

/// The log's check of itself.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// In how many seconds it reads everything.
    pub within: u64,
    /// How much of it the one that is under way has read, in hundredths.
    pub percent: u64,
    /// When the newest one ended, and how many damages it found.
    pub newest: Option<(Time, u64)>,
}

/// The search index.
#[derive(Clone, Copy, Debug)]
pub struct Index {
    /// How many leaves it has; the others are looked at one by one.
    pub indexed: u64,
    /// Whether nothing of it is known to be damaged.
    pub whole: bool,
}

/// What else may be wrong, and what is known beside.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    /// The log takes nothing more, for it ends.
    pub stopping: bool,
    /// What is so about erasures.
    pub erasing: Erasing,
    /// Where the log is stored.
    pub storage: Storage,
    /// What a check of the whole log found damaged: code, place, what is wrong and what to do.
    pub damaged: Option<[String; 4]>,
    /// The control files that can't be used.
    pub control_files: Vec<Value>,
    /// The log's check of itself, where it checks itself.
    pub check: Option<Check>,
    /// The search index, where there is one.
    pub index: Option<Index>,
    /// When the newest backup was made that is known of, and of how many leaves.
    pub backup: Option<(Time, u64)>,
}

/// Whether the log can be read and written: 200 or 503, and what is so.
pub fn health(
    origin: &str,
    size: Option<u64>,
    published: Option<&Published>,
    clock: &Standing,
    condition: Condition,
    stopped: Option<&Stop>,
) -> Answer {
    let Condition { stopping, erasing, storage, damaged, control_files, check, index, backup } = condition;
    let full = storage.room.is_some_and(Room::is_full);
    let works = size.is_some() && published.is_some() && !stopping && !erasing.failing && stopped.is_none();
    let sound = !storage.failing && !full && damaged.is_none();
    let healthy = works && sound && control_files.is_empty() && clock.outside.is_none();
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
        "storage": {
            "kind": storage.kind.word(),
            "failing": storage.failing,
            "full": full,
            "free": storage.room.map(|room| room.free),
            "total": storage.room.map(|room| room.total),
        },
        "check": check.map(|Check { within, percent, newest }| json!({
            "within": within,
            "percent": percent,
            "at": newest.map(|(at, _)| at.to_string()),
            "damages": newest.map(|(_, damages)| damages),
        })),
        "index": index.map(|Index { indexed, whole }| json!({ "indexed": indexed, "whole": whole })),
        "backup": backup.map(|(at, size)| json!({ "at": at.to_string(), "size": size })),
        "damaged": damaged.map(|[code, place, message, hint]| json!({
            "code": code,
            "place": place,
            "message": message,
            "hint": hint,
        })),
        "control_files": control_files,
        "stopped": stopped.map(|stop| json!({
            "code": stop.cause.code(),
            "at": stop.at.to_string(),
            "message": stop.message,
            "hint": stop.hint(),
            "proven": !stop.is_claim(),
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
pub fn metrics(metrics: &Metrics, clock: &Standing) -> Answer {
    metrics.clock(clock);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    success(&[(CONTENT_TYPE, kind)], metrics.encode().into_bytes())
}
