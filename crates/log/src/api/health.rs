//! Handlers for `/healthz` and `/metrics`.

mod problems;

use countersign::hex;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use self::problems::HealthProblem;
use super::Answer;
use super::response::{NO_STORE, success, with_headers};
use crate::clock::ClockComparison;
use crate::condition::{Check, Condition, Index, JournalCondition, Room, TenantCondition};
use crate::metrics::Metrics;
use crate::part::Part;
use crate::stop::SigningStop;
use crate::store::Published;
use crate::tenants::counts::TenantCounts;
use crate::tenants::stops::TenantStop;

/// Returns the health report: 200 if the log can be read and written, and 503 otherwise. A root log's server is healthy
/// unless all of its tenant logs are stopped.
pub fn health(
    origin: &str,
    size: Option<u64>,
    published: Option<&Published>,
    clock: &ClockComparison,
    condition: &Condition,
    stopped: Option<&SigningStop>,
) -> Answer {
    let Condition {
        stopping: _,
        erasing,
        storage,
        journal,
        damaged,
        control_files,
        check,
        index,
        backup,
        tenants,
    } = condition;
    let full = storage.room.is_some_and(Room::is_full);
    let is_storage = |part| matches!(part, Part::Disk | Part::Data | Part::Bucket);
    let problems = problems::find(size, published, clock, condition, stopped);
    let healthy = !problems.iter().any(|problem| problem.is_critical);
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = json!({
        "healthy": healthy,
        "problems": problems.iter().map(HealthProblem::to_json).collect::<Vec<_>>(),
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
            "failing": storage.failing.is_some_and(is_storage),
            "full": full,
            "free": storage.room.map(|room| room.free),
            "total": storage.room.map(|room| room.total),
        },
        "check": check.as_ref().map(|Check { within, percent, newest }| json!({
            "within": within,
            "percent": percent,
            "at": newest.map(|(at, _)| at.to_string()),
            "problems": newest.map(|(_, problems)| problems),
        })),
        "index": index.as_ref().map(|Index { indexed, whole }| json!({ "indexed": indexed, "whole": whole })),
        "backup": backup.as_ref().map(|(at, size)| json!({ "at": at.to_string(), "size": size })),
        "journal": journal.map(|JournalCondition { begin, behind, is_failing, delays_answers }| json!({
            "begin": begin,
            "behind": behind,
            "state": match (is_failing, delays_answers) {
                (false, _) => "current",
                (true, true) => "failing",
                (true, false) => "degraded",
            },
        })),
        "damaged": damaged.as_ref().map(|[code, place, message, hint]| json!({
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
            "state": <&str>::from(clock.state()),
            "machine": clock.machine.to_string(),
            "skew": clock.skew().map(|skew| skew / 1000),
            "witnesses": clock.skews.iter().map(|(name, skew)| (name.clone(), (skew / 1000).into())).collect::<Map<String, Value>>(),
        }),
    });
    if let Some(TenantCondition { counts, stopped }) = tenants {
        body["tenants"] = json!({
            "counts": { "live": counts.live, "ended": counts.ended, "stopped": counts.stopped },
            "stopped": stopped.iter().map(stopped_tenant).collect::<Vec<_>>(),
        });
    }
    with_headers(status, &[NO_STORE, (CONTENT_TYPE, "application/json")], body.to_string().into_bytes())
}

/// Describes the stop of a tenant log.
fn stopped_tenant(TenantStop { head, reason, .. }: &TenantStop) -> Value {
    json!({
        "number": head.number.get(),
        "id": hex::encode(&head.id),
        "size": head.size,
        "code": reason.cause.code(),
        "at": reason.at.to_string(),
        "message": reason.message,
    })
}

/// Returns the health report of a root log's server for everyone: only the status.
pub fn status_only(status: StatusCode) -> Answer {
    let word = if status.is_success() { "healthy" } else { "unhealthy" };
    let body = json!({ "status": word }).to_string().into_bytes();
    with_headers(status, &[NO_STORE, (CONTENT_TYPE, "application/json")], body)
}

/// Returns the metrics in `OpenMetrics` format. `tenants` are the numbers of a root log's tenant logs.
pub fn metrics(
    metrics: &Metrics,
    clock: &ClockComparison,
    stopped: Option<&SigningStop>,
    tenants: Option<TenantCounts>,
) -> Answer {
    metrics.clock(clock);
    metrics.stopped(stopped);
    if let Some(counts) = tenants {
        metrics.tenants(counts);
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    success(&[(CONTENT_TYPE, kind)], metrics.encode().into_bytes())
}
