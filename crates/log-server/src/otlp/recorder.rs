//! Records requests on a chain, each event once.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::StatusCode;
use countersign::event::Event;
use countersign::log::{RefusalKind, Submission};
use countersign::note::SignerKey;
use countersign_otlp::EventId;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::recorded_ids::{RecordedEvent, RecordedIds};
use super::{IntakeOutcome, IntakeRequest};
use crate::log_server::{LogServer, SubmitError};
use countersign_log::api::ApiError;
use countersign_log::own_chain::{OwnRecorder, Random, secure_random};
use countersign_log::store::StoreError;

/// Maximum number of events in a submission.
const MAX_BATCH_EVENTS: usize = 16_000;
/// Maximum size of a submission in bytes.
const MAX_BATCH_BYTES: usize = 15 << 20;
/// The size of an event's line in a submission, without the event.
const LINE_BYTES: usize = 512;
/// Time to wait until the entries of repeated events are published.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(30);

/// Requests whose events are submitted together.
pub(super) struct Batch {
    requests: Vec<IntakeRequest>,
    events: usize,
    bytes: usize,
}

impl Batch {
    pub(super) fn new(first: IntakeRequest) -> Self {
        let (events, bytes) = size(&first);
        Self { requests: vec![first], events, bytes }
    }

    /// Adds a request. Returns it if there is no room.
    pub(super) fn add(&mut self, request: IntakeRequest) -> Option<IntakeRequest> {
        let (events, bytes) = size(&request);
        if self.events + events > MAX_BATCH_EVENTS || self.bytes + bytes > MAX_BATCH_BYTES {
            return Some(request);
        }
        self.events += events;
        self.bytes += bytes;
        self.requests.push(request);
        None
    }
}

fn size(request: &IntakeRequest) -> (usize, usize) {
    let bytes = request.events.iter().map(|event| event.event.as_bytes().len() + LINE_BYTES).sum();
    (request.events.len(), bytes)
}

/// The events that a batch adds to the log, and the outcome of each request.
#[derive(Default)]
struct Judgment<'b> {
    fresh: Vec<&'b Event>,
    outcomes: Vec<IntakeOutcome>,
    /// The number of entries that contain all repeated events.
    repeated_size: u64,
}

/// Records requests on a chain of its own key.
pub(super) struct IntakeRecorder {
    log_server: LogServer,
    key: SignerKey,
    handle: Handle,
    recorder: OwnRecorder,
    random: Random,
    recorded: RecordedIds,
    /// The links whose result is unknown.
    unresolved: Option<Submission>,
}

impl IntakeRecorder {
    pub(super) fn new(log_server: LogServer, key: SignerKey, handle: Handle) -> Self {
        let (recorder, recorded) = (OwnRecorder::default(), RecordedIds::default());
        Self {
            log_server,
            key,
            handle,
            recorder,
            random: Box::new(secure_random),
            recorded,
            unresolved: None,
        }
    }

    /// Records the events of a batch that the log doesn't have, and answers its requests.
    pub(super) fn record(&mut self, batch: Batch) {
        match self.try_record(&batch) {
            Ok(outcomes) => {
                for (request, outcome) in batch.requests.into_iter().zip(outcomes) {
                    let _ = request.reply.send(Ok(outcome));
                }
            }
            Err(error) => {
                let error = self.explain(&error);
                for request in batch.requests {
                    let _ = request.reply.send(Err(error.clone()));
                }
            }
        }
    }

    fn try_record(&mut self, batch: &Batch) -> Result<Vec<IntakeOutcome>, SubmitError> {
        self.resolve()?;
        self.handle.block_on(self.log_server.catch_up())?;
        self.recorded.catch_up(&**self.log_server.reader(), self.key.verifier_key().name())?;
        let Judgment { fresh, outcomes, repeated_size } = self.judge(batch);
        if fresh.is_empty() {
            self.handle.block_on(published(&self.log_server, repeated_size))?;
            return Ok(outcomes);
        }
        let (origin, now) = (self.log_server.origin(), self.log_server.now());
        let submission = self.recorder.record_all(origin, fresh, &self.key, now, &mut self.random);
        let submission = submission.inspect_err(|_| self.recorder.abandon())?;
        self.submit(submission)?;
        Ok(outcomes)
    }

    /// Decides for each event whether the log has it.
    fn judge<'b>(&self, batch: &'b Batch) -> Judgment<'b> {
        let mut judgment = Judgment::default();
        let mut in_batch: HashMap<EventId, RecordedEvent> = HashMap::new();
        for request in &batch.requests {
            let mut outcome = IntakeOutcome::default();
            for event in &request.events {
                match self.recorded.get(&event.id).or_else(|| in_batch.get(&event.id)) {
                    None => {
                        outcome.recorded += 1;
                        // It has no index yet. Nothing waits for it but the submission.
                        in_batch.insert(event.id, RecordedEvent::new(0, event.event.as_bytes()));
                        judgment.fresh.push(&event.event);
                    }
                    Some(known) if known.is(&event.event) => {
                        outcome.repeated += 1;
                        judgment.repeated_size = judgment.repeated_size.max(known.index + 1);
                    }
                    Some(_) => outcome.conflicting += 1,
                }
            }
            judgment.outcomes.push(outcome);
        }
        judgment
    }

    /// Submits links. If the result is unknown, keeps them; if they were refused, the next ones open a new chain.
    fn submit(&mut self, submission: Submission) -> Result<(), SubmitError> {
        let submitted = self.handle.block_on(self.log_server.submit(submission.clone(), ()));
        match submitted {
            Ok(_) => {
                self.unresolved = None;
                Ok(())
            }
            Err(error) => {
                self.recorder.abandon();
                let is_unknown = matches!(error, SubmitError::Unavailable(_) | SubmitError::Stopped(_));
                self.unresolved = is_unknown.then_some(submission);
                Err(error)
            }
        }
    }

    /// Submits links whose result is unknown once more. The log has them after that, or never will.
    fn resolve(&mut self) -> Result<(), SubmitError> {
        let Some(submission) = self.unresolved.take() else { return Ok(()) };
        match self.submit(submission.clone()) {
            // The log never had them, and the events are judged again.
            Err(SubmitError::Refused(_) | SubmitError::UnknownSigner(_)) | Ok(()) => Ok(()),
            Err(error) => {
                self.unresolved = Some(submission);
                Err(error)
            }
        }
    }

    /// Closes the chain.
    pub(super) fn close(&mut self) {
        let closed =
            self.resolve().and_then(|()| match self.recorder.close(&self.key, self.log_server.now())? {
                Some(submission) => self.submit(submission),
                None => Ok(()),
            });
        if let Err(error) = closed {
            tracing::warn!(%error, "closing the chain of events received over OTLP failed");
        }
    }

    /// Returns the response to a request that was not recorded.
    fn explain(&self, error: &SubmitError) -> ApiError {
        match error {
            SubmitError::Refused(refusal) | SubmitError::UnknownSigner(refusal) => {
                let key = self.key.verifier_key();
                if !matches!(refusal.kind, RefusalKind::Unauthorized) {
                    return ApiError::unavailable(refusal);
                }
                tracing::error!(%refusal, %key, "the key of --otlp may not write to the log");
                let message = "the log server's key for these events may not write to the log";
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "otlp.unauthorized", message).with_hint(
                    "keep the records and send them again later; the log operator must authorize the key of --otlp first",
                )
            }
            error => ApiError::of_submission(error, self.log_server.limits()),
        }
    }
}

/// Waits until a published checkpoint contains this many entries.
async fn published(log_server: &LogServer, size: u64) -> Result<(), SubmitError> {
    let mut published = log_server.published();
    let newest = published.wait_for(|newest| newest.as_ref().map_or(0, |newest| newest.size) >= size);
    match timeout(PUBLISH_TIMEOUT, newest).await {
        Ok(Ok(_)) => Ok(()),
        _ => {
            Err(StoreError::unavailable("publishing", "the entries of repeated events aren't published")
                .into())
        }
    }
}
