//! Events of services that send logs over OTLP, signed with an emitter key of the log server.
//!
//! One thread signs the events of all requests on one chain, and submits the events of all waiting requests together.
//! A request is answered once its events are durable and published.
//!
//! # Exactly once
//!
//! Each event has an ID ([`EventId`]) that a retry repeats. The log itself remembers the IDs: before the thread judges
//! requests, it reads the entries that were added since, so that it also knows what it recorded before a restart, and
//! what other servers of the log recorded. It remembers the IDs of events among the log's newest [`REMEMBERED_ENTRIES`].
//!
//! | crash or failure | afterward |
//! | --- | --- |
//! | before the commit | the log doesn't have the events; a retry records them |
//! | after the commit, before the answer | the thread reads the events, and a retry is answered without recording them again |
//! | the result of a commit is unknown | the thread submits the same links until it knows, before anything else; meanwhile, requests get 503 |
//!
//! Two servers on one bucket can both record a request that reaches them at the same time.

mod recorded_ids;
mod recorder;

use std::io;
use std::thread::JoinHandle;

use countersign::event::Event;
use countersign::note::SignerKey;
use countersign_otlp::EventId;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::log_server::{LogServer, SubmitError, stopping};
use countersign_log::api::ApiError;
use recorder::IntakeRecorder;

pub use recorded_ids::REMEMBERED_ENTRIES;

/// Maximum number of requests that wait to be recorded. Further ones get `server.busy`.
const MAX_WAITING: usize = 256;
/// Maximum size of the events of a request in bytes, which leaves room for their links in a submission.
pub(crate) const MAX_EVENT_BYTES: usize = 9 << 20;

/// An event to record, unless the log has it.
pub(crate) struct IntakeEvent {
    pub(crate) id: EventId,
    pub(crate) event: Event,
}

/// The events of one request.
pub(crate) struct IntakeRequest {
    pub(crate) events: Vec<IntakeEvent>,
    reply: oneshot::Sender<Result<IntakeOutcome, ApiError>>,
    /// The memory of the request, released with the reply.
    _held: Box<dyn Send>,
}

/// The numbers of events of a request by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IntakeOutcome {
    pub(crate) recorded: u64,
    /// Events that the log has already.
    pub(crate) repeated: u64,
    /// Events with the ID of another event.
    pub(crate) conflicting: u64,
}

enum Message {
    Record(IntakeRequest),
    Close,
}

/// The thread that records events.
pub(crate) struct OtlpIntake {
    sender: OtlpSender,
    thread: JoinHandle<()>,
}

/// Sends requests to the thread that records their events.
#[derive(Clone)]
pub struct OtlpSender(mpsc::Sender<Message>);

impl OtlpIntake {
    /// Starts the thread, which signs with this key.
    pub(crate) fn start(log_server: LogServer, key: SignerKey) -> io::Result<Self> {
        let (sender, queue) = mpsc::channel(MAX_WAITING);
        let handle = Handle::current();
        let thread = std::thread::Builder::new().name("otlp".into());
        let thread = thread.spawn(move || run(IntakeRecorder::new(log_server, key, handle), queue))?;
        Ok(Self { sender: OtlpSender(sender), thread })
    }

    pub(crate) fn sender(&self) -> &OtlpSender {
        &self.sender
    }

    /// Records what is waiting, and closes the chain.
    pub(crate) async fn stop(self) {
        let Self { sender, thread } = self;
        if sender.0.send(Message::Close).await.is_ok() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl OtlpSender {
    /// Records events, except those that the log has. `held` is dropped with the outcome, which doesn't depend on
    /// whether this future is polled again.
    ///
    /// # Errors
    /// [`ApiError`]. A retry of the same events records each once.
    pub(crate) async fn record(
        &self,
        events: Vec<IntakeEvent>,
        held: impl Send + 'static,
    ) -> Result<IntakeOutcome, SendError> {
        let (reply, answer) = oneshot::channel();
        let request = IntakeRequest { events, reply, _held: Box::new(held) };
        self.0.try_send(Message::Record(request)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SendError::Queue(SubmitError::Busy),
            mpsc::error::TrySendError::Closed(_) => SendError::Queue(stopping()),
        })?;
        answer.await.map_err(|_| SendError::Queue(stopping()))?.map_err(SendError::Answer)
    }
}

/// The reason why events were not recorded, or may not have been.
pub(crate) enum SendError {
    Queue(SubmitError),
    Answer(ApiError),
}

/// Records until the queue closes.
fn run(mut recorder: IntakeRecorder, mut queue: mpsc::Receiver<Message>) {
    let mut next = queue.blocking_recv();
    while let Some(Message::Record(first)) = next.take() {
        let mut batch = recorder::Batch::new(first);
        next = loop {
            match queue.try_recv() {
                Ok(Message::Record(request)) => {
                    if let Some(request) = batch.add(request) {
                        break Some(Message::Record(request));
                    }
                }
                Ok(Message::Close) => break Some(Message::Close),
                Err(_) => break None,
            }
        };
        recorder.record(batch);
        if next.is_none() {
            next = queue.blocking_recv();
        }
    }
    recorder.close();
}
