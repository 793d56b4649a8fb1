//! What was found goes into the log itself, by a key of its own.
//!
//! The outbox has with each record the number of its item, durable in one step: an item is recorded once, whenever this
//! process ends.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Mutex;

use countersign::event::{Event, Redaction};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::trust::Trust;
use serde_json::{Value, json};

use super::handing::{DestinationError, Receiver};
use super::item::{Item, Kind};
use crate::commands::keygen::random;
use crate::commands::verify::now;
use crate::errors::{CliError, shown};
use crate::io::style;
use countersign_delivery::{Delivery, LogServer, Step};
use countersign_delivery::{Directory, FollowPosition, Outbox};

/// Of a finding that was made of more leaves, so many are recorded. Its id holds for all.
const LEAVES: usize = 256;
/// So many submissions at most before something else is looked at.
const AT_ONCE: u32 = 64;

/// Records items in the log that is watched.
pub(crate) struct Recording {
    key: SignerKey,
    trust: Trust,
    origin: String,
    outbox: Mutex<Outbox>,
    collector: Box<dyn LogServer<Error = CliError> + Send>,
    told: Option<String>,
}

impl Recording {
    pub(crate) fn new(
        folder: &Path,
        key: SignerKey,
        (trust, origin): (&Trust, &str),
        collector: Box<dyn LogServer<Error = CliError> + Send>,
    ) -> Result<Self, CliError> {
        let outbox = Outbox::open(Box::new(Directory::open(folder)?), origin, &shown(folder))?;
        if outbox.head().is_some_and(|head| !head.closed && head.key != *key.verifier_key()) {
            let message = "the chain in the outbox was begun with another key";
            let hint = "give that key; or give another directory, where a new chain begins";
            return Err(CliError::unusable("outbox.other_key", message, hint).within(outbox.name()));
        }
        Ok(Self {
            key,
            trust: trust.clone(),
            origin: origin.to_owned(),
            outbox: Mutex::new(outbox),
            collector,
            told: None,
        })
    }

    fn outbox(&mut self) -> &mut Outbox {
        self.outbox.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Makes the record of an item durable here, once.
    fn record(&mut self, item: &Item) -> Result<(), CliError> {
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
            let mut nonce = [0; 16];
            random(&mut nonce)?;
            Recorder::open(&self.origin, self.key.verifier_key().clone(), time, &nonce)?
        };
        let mut recorder = recorder.sign_every(NonZeroU32::MIN);
        recorder.sign_with(&self.key)?;
        let mut salt = [0; 16];
        random(&mut salt)?;
        recorder.record(&event, time, &salt)?;
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
            let why = match delivery.step(&mut *self.collector) {
                Step::Empty => {
                    self.told = None;
                    return true;
                }
                Step::Delivered { .. } | Step::Again => continue,
                Step::Early { why, .. } | Step::Later { why, .. } | Step::Refused(why) | Step::Dead(why) => {
                    why.brief()
                }
            };
            if self.told.as_ref() != Some(&why) {
                style::warn(&format!("records wait for the log: {why}"));
                self.told = Some(why);
            }
            return false;
        }
        false
    }
}

impl Receiver for Recording {
    fn name(&self) -> &'static str {
        "record"
    }

    fn wants(&self, _: &Item) -> bool {
        true
    }

    fn take(&mut self, item: &Item) -> Result<(), DestinationError> {
        self.record(item).map_err(|failure| DestinationError::later(failure.brief()))?;
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
    if let Some(leaves) = data["finding"]["leaves"].as_array_mut().filter(|leaves| leaves.len() > LEAVES) {
        let more = leaves.len() - LEAVES;
        leaves.truncate(LEAVES);
        data["finding"]["more_leaves"] = json!(more);
    }
    let kind = match item.kind {
        Kind::Alert | Kind::Retract => "finding",
        Kind::Unverified => "unverified",
        Kind::Scan => "scan",
    };
    json!({
        "action": item.kind.action(),
        "actor": { "id": by, "type": "service" },
        "metadata": data,
        "outcome": "success",
        "target": { "id": item.id, "type": kind },
    })
}
