//! Records items in the watched log itself, with the watch's own key.
//!
//! The outbox stores each record together with its item's number, in one step, so a crash never records an item
//! twice.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex};

use countersign::event::{Event, Redaction};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::trust::Trust;
use countersign_client::DestinationError;
use countersign_delivery::{Delivery, Directory, FollowPosition, LogServer, Outbox, Step};
use countersign_errors::{EngineError, now, shown};
use serde_json::{Value, json};

use crate::handoff::Destination;
use crate::item::{Item, ItemKind};
use crate::notice::{WatchNotice, WatchObserver};
use crate::random::random;

/// The maximum number of entry indexes of a finding that are recorded. The finding's id is computed from all
/// of them.
const MAX_RECORDED_LEAVES: usize = 256;
/// The maximum number of consecutive submissions, so that other work is not delayed.
const MAX_SUBMISSIONS: u32 = 64;

/// A destination that records items in the watched log.
pub struct RecordDestination {
    key: SignerKey,
    trust: Trust,
    origin: String,
    outbox: Mutex<Outbox>,
    server: Box<dyn LogServer<Error = EngineError> + Send>,
    observer: Arc<dyn WatchObserver>,
    reported: Option<String>,
}

impl RecordDestination {
    /// Creates a destination that keeps its outbox in `folder`, signs with `key`, and submits to `server`.
    /// Proofs of the log `origin` are verified against `trust`.
    ///
    /// # Errors
    /// If the outbox can't be used, or its chain belongs to another key.
    pub fn new(
        folder: &Path,
        key: SignerKey,
        trust: &Trust,
        origin: &str,
        server: Box<dyn LogServer<Error = EngineError> + Send>,
        observer: Arc<dyn WatchObserver>,
    ) -> Result<Self, EngineError> {
        let outbox = Outbox::open(Box::new(Directory::open(folder)?), origin, &shown(folder))?;
        if outbox.head().is_some_and(|head| !head.closed && head.key != *key.verifier_key()) {
            let message = "the chain in the outbox belongs to another key";
            let hint = "use that key, or another directory, where a new chain begins";
            return Err(EngineError::new("outbox.other_key", message, hint).within(outbox.name()));
        }
        Ok(Self {
            key,
            trust: trust.clone(),
            origin: origin.to_owned(),
            outbox: Mutex::new(outbox),
            server,
            observer,
            reported: None,
        })
    }

    fn outbox(&mut self) -> &mut Outbox {
        self.outbox.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Saves the record of an item in the outbox, unless it is there already.
    fn record(&mut self, item: &Item) -> Result<(), EngineError> {
        if self.outbox().followed().is_some_and(|followed| followed.offset >= item.serial) {
            return Ok(());
        }
        let event = Event::parse(
            event(item, self.key.verifier_key().name()).to_string().as_bytes(),
            &Redaction::none(),
        )?;
        let head = self.outbox().head().filter(|head| !head.closed).map(|head| head.position.clone());
        let mut time = now()?;
        let recorder = if let Some(position) = head {
            time = time.max(position.time);
            Recorder::resume(self.key.verifier_key().clone(), &position)?
        } else {
            Recorder::open(&self.origin, self.key.verifier_key().clone(), time, &random()?)?
        };
        let mut recorder = recorder.sign_every(NonZeroU32::MIN);
        recorder.sign_with(&self.key)?;
        recorder.record(&event, time, &random()?)?;
        recorder.flush();
        recorder.sign_with(&self.key)?;
        let lines = recorder.drain();
        let through = FollowPosition { offset: item.serial, ..FollowPosition::default() };
        Ok(self.outbox().append(&lines, Some(&through))?)
    }

    /// Submits the outbox to the log. Returns true if it is empty afterwards.
    fn deliver(&mut self) -> bool {
        let mut delivery = Delivery::new(&self.outbox, &self.trust, &self.origin);
        for _ in 0..MAX_SUBMISSIONS {
            let why = match delivery.step(&mut *self.server) {
                Step::Empty => {
                    self.reported = None;
                    return true;
                }
                Step::Delivered { .. } | Step::Again => continue,
                Step::Early { why, .. } | Step::Later { why, .. } | Step::Refused(why) | Step::Dead(why) => {
                    why
                }
            };
            let text = why.to_string();
            if self.reported.as_ref() != Some(&text) {
                self.observer.notice(&WatchNotice::RecordsWaiting(why));
                self.reported = Some(text);
            }
            return false;
        }
        false
    }
}

impl Destination for RecordDestination {
    fn name(&self) -> &'static str {
        "record"
    }

    fn wants(&self, _: &Item) -> bool {
        true
    }

    fn accept(&mut self, item: &Item) -> Result<(), DestinationError> {
        self.record(item).map_err(|error| DestinationError::later(error.to_string()))?;
        self.deliver();
        Ok(())
    }

    fn idle(&mut self) -> bool {
        self.deliver()
    }
}

/// Returns the event that is recorded for an item (SPEC section 13).
fn event(item: &Item, actor: &str) -> Value {
    let mut data = item.data();
    // A copy of the event would remain if the event is erased.
    if let Some(data) = data.as_object_mut() {
        data.remove("event");
    }
    if let Some(leaves) =
        data["finding"]["entries"].as_array_mut().filter(|leaves| leaves.len() > MAX_RECORDED_LEAVES)
    {
        let more = leaves.len() - MAX_RECORDED_LEAVES;
        leaves.truncate(MAX_RECORDED_LEAVES);
        data["finding"]["more_entries"] = json!(more);
    }
    let kind = match item.kind {
        ItemKind::Alert | ItemKind::Retract => "finding",
        ItemKind::Unverified => "unverified",
        ItemKind::Scan => "scan",
    };
    json!({
        "action": item.kind.action(),
        "actor": { "id": actor, "type": "service" },
        "metadata": data,
        "outcome": "success",
        "target": { "id": item.id, "type": kind },
    })
}
