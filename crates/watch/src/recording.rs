//! What was found goes into the log itself, by a key of its own.
//!
//! The outbox has with each record the number of its item, durable in one step: an item is recorded once, whenever this
//! process ends.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex};

use countersign::event::{Event, Redaction};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::trust::Trust;
use countersign_client::{DestinationError, now};
use countersign_delivery::{Delivery, Directory, FollowPosition, LogServer, Outbox, Step};
use countersign_errors::{EngineError, shown};
use serde_json::{Value, json};

use crate::handoff::Receiver;
use crate::item::{Item, ItemKind};
use crate::notice::{Notice, Observer};
use crate::random::random;

/// Of a finding that was made of more leaves, so many are recorded. Its id holds for all.
const LEAVES: usize = 256;
/// So many submissions at most before something else is looked at.
const AT_ONCE: u32 = 64;

/// A receiver that records items in the log that is watched.
pub struct RecordDestination {
    key: SignerKey,
    trust: Trust,
    origin: String,
    outbox: Mutex<Outbox>,
    server: Box<dyn LogServer<Error = EngineError> + Send>,
    observer: Arc<dyn Observer>,
    told: Option<String>,
}

impl RecordDestination {
    /// Creates one that keeps an outbox in `folder`, signs with `key`, and submits to `server`. What the log with that origin
    /// proves is verified against `trust`.
    ///
    /// # Errors
    /// If the outbox can't be used, or its chain was begun with another key.
    pub fn new(
        folder: &Path,
        key: SignerKey,
        trust: &Trust,
        origin: &str,
        server: Box<dyn LogServer<Error = EngineError> + Send>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, EngineError> {
        let outbox = Outbox::open(Box::new(Directory::open(folder)?), origin, &shown(folder))?;
        if outbox.head().is_some_and(|head| !head.closed && head.key != *key.verifier_key()) {
            let message = "the chain in the outbox was begun with another key";
            let hint = "give that key; or give another directory, where a new chain begins";
            return Err(EngineError::new("outbox.other_key", message, hint).within(outbox.name()));
        }
        Ok(Self {
            key,
            trust: trust.clone(),
            origin: origin.to_owned(),
            outbox: Mutex::new(outbox),
            server,
            observer,
            told: None,
        })
    }

    fn outbox(&mut self) -> &mut Outbox {
        self.outbox.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Makes the record of an item durable here, once.
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

    /// Delivers what is recorded. Whether all is in the log.
    fn deliver(&mut self) -> bool {
        let mut delivery = Delivery::new(&self.outbox, &self.trust, &self.origin);
        for _ in 0..AT_ONCE {
            let why = match delivery.step(&mut *self.server) {
                Step::Empty => {
                    self.told = None;
                    return true;
                }
                Step::Delivered { .. } | Step::Again => continue,
                Step::Early { why, .. } | Step::Later { why, .. } | Step::Refused(why) | Step::Dead(why) => {
                    why
                }
            };
            let text = why.to_string();
            if self.told.as_ref() != Some(&text) {
                self.observer.notice(&Notice::RecordsWaiting(why));
                self.told = Some(text);
            }
            return false;
        }
        false
    }
}

impl Receiver for RecordDestination {
    fn name(&self) -> &'static str {
        "record"
    }

    fn wants(&self, _: &Item) -> bool {
        true
    }

    fn take(&mut self, item: &Item) -> Result<(), DestinationError> {
        self.record(item).map_err(|error| DestinationError::later(error.to_string()))?;
        self.deliver();
        Ok(())
    }

    fn idle(&mut self) -> bool {
        self.deliver()
    }
}

/// What is recorded of an item (SPEC section 13).
fn event(item: &Item, by: &str) -> Value {
    let mut data = item.data();
    if let Some(leaves) = data["finding"]["entries"].as_array_mut().filter(|leaves| leaves.len() > LEAVES) {
        let more = leaves.len() - LEAVES;
        leaves.truncate(LEAVES);
        data["finding"]["more_entries"] = json!(more);
    }
    let kind = match item.kind {
        ItemKind::Alert | ItemKind::Retract => "finding",
        ItemKind::Unverified => "unverified",
        ItemKind::Scan => "scan",
    };
    json!({
        "action": item.kind.action(),
        "actor": { "id": by, "type": "service" },
        "metadata": data,
        "outcome": "success",
        "target": { "id": item.id, "type": kind },
    })
}
