//! Recorders: programs that record events, and deliver them by the product's own outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign::event::{Event, Redaction};
use countersign::export::{Item, Line};
use countersign::note::SignerKey;
use countersign::recorder::Recorder as Chain;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_delivery::{Clock, DeliveryError, Early, Outbox, Receipt, redate};

use crate::delivery::{DeliveryThread, Report};
use crate::outbox_files::OutboxFiles;
use crate::random::Random;

/// How far an event got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventState {
    /// The recorder failed while it recorded the event, which may be lost.
    Attempted,
    /// The event is durable in the outbox.
    Durable,
    /// The log proved that it contains the event.
    Proven,
}

/// An event that was recorded.
#[derive(Clone, Debug)]
pub struct RecordedEvent {
    /// The recorder.
    pub recorder: usize,
    /// The event as JSON.
    pub text: String,
    /// How far it got.
    pub state: EventState,
}

/// The program of a recorder, and the machine that it runs on.
pub struct Recorder {
    /// The number of the recorder.
    pub number: usize,
    /// The log that it writes to.
    pub log: usize,
    key: SignerKey,
    origin: String,
    trust: Trust,
    random: Random,
    /// The disk.
    pub files: OutboxFiles,
    /// The milliseconds by which the clock is ahead.
    pub ahead: i64,
    /// The running process.
    process: Option<Process>,
    /// The number of processes so far.
    pub processes: u64,
    /// The reason why its chain can't continue, as the recorder reported it.
    pub contradiction: Option<String>,
    /// The numbers of the events in each segment.
    segments: BTreeMap<u64, Vec<u64>>,
}

/// The running process of a recorder.
struct Process {
    outbox: Arc<Mutex<Outbox>>,
    delivery: DeliveryThread,
    chain: Option<Chain>,
    /// True while a step of the delivery is under way.
    busy: bool,
}

impl Process {
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the number in an event's metadata.
pub fn event_number(event: &str) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_str(event).ok()?;
    value.get("metadata")?.get("number")?.as_u64()
}

impl Recorder {
    /// Creates a recorder for the log with this number and origin.
    pub fn new(
        number: usize,
        log: usize,
        origin: &str,
        key: SignerKey,
        trust: Trust,
        files: OutboxFiles,
        random: Random,
    ) -> Self {
        Self {
            number,
            log,
            key,
            origin: origin.to_owned(),
            trust,
            random,
            files,
            ahead: 0,
            process: None,
            processes: 0,
            contradiction: None,
            segments: BTreeMap::new(),
        }
    }

    /// Returns true if a process runs.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Returns true if a step of the delivery is under way.
    pub fn is_busy(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.busy)
    }

    /// Returns true if everything is delivered.
    pub fn is_done(&self) -> bool {
        self.process.as_ref().is_some_and(|process| !process.busy && process.outbox().pending().is_empty())
    }

    /// Returns the newest proof.
    pub fn receipt(&self) -> Option<Receipt> {
        self.process.as_ref()?.outbox().receipt().cloned()
    }

    /// Kills the process.
    pub fn kill(&mut self) {
        self.files.kill();
        self.process = None;
    }

    /// Starts a process.
    ///
    /// # Errors
    /// If the outbox can't be opened.
    pub fn start(&mut self) -> Result<(), DeliveryError> {
        self.files.revive();
        self.segments.clear();
        let name = format!("outbox {}", self.number);
        let outbox = Outbox::open(Box::new(self.files.clone()), &self.origin, &name)?;
        let head = outbox.head().filter(|head| !head.closed && head.key == *self.key.verifier_key());
        let chain = head.and_then(|head| Chain::resume(head.key.clone(), &head.position).ok());
        let outbox = Arc::new(Mutex::new(outbox));
        let delivery = DeliveryThread::start(outbox.clone(), self.trust.clone(), self.origin.clone());
        self.process = Some(Process { outbox, delivery, chain, busy: false });
        self.processes += 1;
        Ok(())
    }

    /// Records events in one segment. With `close`, closes the chain after them.
    ///
    /// # Errors
    /// If the outbox fails. The process has to start again then.
    pub fn record(&mut self, events: &[String], now: Time, close: bool) -> Result<(), DeliveryError> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let failed = |error: countersign::Error| DeliveryError::Unproven { error, hint: "" };
        let position = process.chain.as_ref().and_then(Chain::position);
        if position.is_some_and(|last| Clock::is_too_far_ahead(last.time, now)) {
            process.chain = None;
        }
        let chain = match &mut process.chain {
            Some(chain) => chain,
            none => {
                let nonce = self.random.bytes();
                none.insert(
                    Chain::open(&self.origin, self.key.verifier_key().clone(), now, &nonce)
                        .map_err(failed)?,
                )
            }
        };
        chain.sign_with(&self.key).map_err(failed)?;
        for event in events {
            let event = Event::parse(event.as_bytes(), &Redaction::none()).map_err(failed)?;
            chain.record(&event, now, &self.random.bytes()).map_err(failed)?;
            if self.random.chance(0.3) {
                chain.flush();
                chain.sign_with(&self.key).map_err(failed)?;
            }
        }
        if close {
            chain.close(now).map_err(failed)?;
        }
        chain.flush();
        chain.sign_with(&self.key).map_err(failed)?;
        let lines = chain.drain();
        if close {
            process.chain = None;
        }
        process.outbox().append(&lines, None)
    }

    /// Starts a step of the delivery.
    pub fn step(&mut self) -> Option<Report> {
        let process = self.process.as_mut()?;
        let report = process.delivery.step();
        process.busy = matches!(report, Report::Submits(_));
        Some(report)
    }

    /// Continues the step with the log server's answer.
    pub fn answer(&mut self, answer: Option<countersign_delivery::Answer>) -> Option<Report> {
        let process = self.process.as_mut()?;
        let report = process.delivery.answer(answer);
        process.busy = matches!(report, Report::Submits(_));
        Some(report)
    }

    /// Gives refused links new times. Returns false if that doesn't help.
    ///
    /// # Errors
    /// If the outbox fails. The process has to start again then.
    pub fn redate(&mut self, early: Early, now: Time) -> Result<bool, String> {
        let Some(process) = &mut self.process else { return Ok(false) };
        let Some(difference) = Clock::default().learn(now, early.now) else { return Ok(false) };
        let nonce = self.random.bytes();
        let redated = {
            let mut outbox = process.outbox();
            redate(&mut outbox, &early, &difference, &self.key, &self.origin, &nonce, |chain| chain)
        };
        let Some(chain) = redated.map_err(|error| error.to_string())? else { return Ok(false) };
        process.chain = Some(chain).filter(|chain| !chain.is_closed());
        Ok(true)
    }

    /// Returns the numbers of the events that wait in the outbox.
    pub fn pending(&mut self) -> BTreeSet<u64> {
        let Some(process) = &self.process else { return BTreeSet::new() };
        let numbers: Vec<u64> = process.outbox().pending().iter().map(|segment| segment.number).collect();
        self.segments.retain(|number, _| numbers.contains(number));
        for number in numbers {
            self.segments.entry(number).or_insert_with(|| events_in(&self.files.segment(number)));
        }
        self.segments.values().flatten().copied().collect()
    }
}

/// Returns the numbers of the events in a segment.
fn events_in(segment: &str) -> Vec<u64> {
    let event = |line: &str| match Line::parse(line).ok()?.item {
        Item::Link { payload: Some(payload), .. } => event_number(payload.event),
        _ => None,
    };
    segment.lines().filter_map(event).collect()
}
