//! `POST /submit`.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use countersign::log::Submission;
use serde_json::{Map, Value, json};

use super::answer::outcome;
use super::{AppState, Problem, body};
use crate::collector::{Collector, Committed, SubmitError};
use crate::metrics::Outcome;

/// A body of at least so many bytes is read on a thread that may be busy for a while.
const LARGE: usize = 64 << 10;

pub(super) async fn submit(
    State(AppState { collector, budget, .. }): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    // Held until the answer.
    let mut share = budget.share();
    let bytes = body::read(&headers, body, collector.limits(), &mut share).await?;
    let answered = take(&collector, bytes).await;
    collector.metrics().submission(match &answered {
        Ok(_) => Outcome::Taken,
        Err(error) => outcome(error),
    });
    let committed = answered.map_err(|error| Problem::of_submission(&error, collector.limits()))?;
    Ok(Json(answer(&collector, &committed)?))
}

async fn take(collector: &Collector, bytes: Vec<u8>) -> Result<Committed, SubmitError> {
    let submission = read(collector, bytes).await?;
    collector.submit(submission).await
}

async fn read(collector: &Collector, bytes: Vec<u8>) -> Result<Submission, SubmitError> {
    if bytes.len() < LARGE {
        return collector.read(&bytes);
    }
    let collector = collector.clone();
    let read = tokio::task::spawn_blocking(move || collector.read(&bytes)).await;
    read.map_err(|error| SubmitError::Unavailable(error.to_string()))?
}

fn answer(collector: &Collector, committed: &Committed) -> Result<Value, Problem> {
    let mut chains = Map::new();
    for (chain, tip) in &committed.taken.chains {
        let proof = collector.prove(committed, tip.index)?.to_string();
        let tip = json!({ "seq": tip.seq, "index": tip.index, "proof": proof });
        chains.insert(chain.to_string(), tip);
    }
    let mut notes = Vec::new();
    for held in &committed.taken.notes {
        let proof = collector.prove(committed, held.index)?.to_string();
        notes.push(json!({ "index": held.index, "proof": proof }));
    }
    Ok(json!({
        "checkpoint": committed.published.note,
        "chains": chains,
        "notes": notes,
        "added": committed.taken.added,
        "repeated": committed.taken.repeated,
    }))
}
