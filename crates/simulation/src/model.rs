//! The events that recorders recorded, and how far each got.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use countersign_delivery::Receipt;

use crate::reader::{ExportEntry, receipt_index};
use crate::recorder::{EventState, RecordedEvent, event_number};

/// The number of users, whose events are mixed in each chain.
pub const USERS: u64 = 3;

/// The events of a run.
#[derive(Default)]
pub struct Model {
    /// The events, by their number.
    pub events: Vec<RecordedEvent>,
    /// The events whose erasure was requested.
    pub erasing: BTreeSet<u64>,
    /// The entry of each event that was seen in the log.
    places: BTreeMap<u64, u64>,
    /// The user of each secret.
    secrets: HashMap<String, u64>,
    /// The link that the log proved to have at an entry.
    receipts: BTreeMap<u64, String>,
}

impl Model {
    /// Adds an event of one of the users of a recorder, and returns its number and text.
    pub fn add(&mut self, recorder: usize, secret: u64) -> (u64, String) {
        let (number, user) = (self.events.len() as u64, secret % USERS);
        let text = format!(
            r#"{{"action":"job.update","actor":{{"id":"user{user}"}},"metadata":{{"number":{number},"text":"secret{secret:016x}"}}}}"#
        );
        self.secrets.extend(self::secret(&text).map(|secret| (secret.to_owned(), user)));
        self.events.push(RecordedEvent { recorder, text: text.clone(), state: EventState::Attempted });
        (number, text)
    }

    /// Moves an event on to a state, unless it is further already. Returns true if it wasn't.
    pub fn reach(&mut self, number: u64, state: EventState) -> bool {
        let Some(event) = self.events.get_mut(usize::try_from(number).unwrap_or(usize::MAX)) else {
            return false;
        };
        let moved = event.state < state;
        event.state = event.state.max(state);
        moved
    }

    /// Returns the numbers of a recorder's events in a state.
    pub fn numbers(&self, recorder: usize, state: EventState) -> Vec<u64> {
        let is_wanted = |event: &RecordedEvent| event.recorder == recorder && event.state == state;
        (0..).zip(&self.events).filter(|(_, event)| is_wanted(event)).map(|(number, _)| number).collect()
    }

    /// Returns the number of events that the log proved to contain.
    pub fn proven(&self) -> usize {
        self.events.iter().filter(|event| event.state == EventState::Proven).count()
    }

    /// Returns true if a secret is in an event of this log.
    pub fn has_secret(&self, secret: &str) -> bool {
        self.secrets.contains_key(secret)
    }

    /// Returns true if a secret is in an event of another user.
    pub fn is_of_another(&self, secret: &str, user: u64) -> bool {
        self.secrets.get(secret).is_some_and(|owner| *owner != user)
    }

    /// Adds a proof that a recorder accepted.
    ///
    /// # Errors
    /// If it contradicts another one.
    pub fn add_receipt(&mut self, receipt: &Receipt) -> Result<(), String> {
        let index = receipt_index(&receipt.proof)?;
        match self.receipts.insert(index, receipt.link.clone()) {
            Some(before) if before != receipt.link => {
                Err(format!("the log proved two links to be entry {index}"))
            }
            _ => Ok(()),
        }
    }

    /// Checks an export of the whole log: it has every event that the log proved to contain, once, at one place, and
    /// none that wasn't recorded.
    ///
    /// # Errors
    /// The violation, in words.
    pub fn check_export(&mut self, entries: &[ExportEntry]) -> Result<(), String> {
        let mut shown = BTreeSet::new();
        for entry in entries {
            let Some(text) = &entry.event else { continue };
            // The log's own events have no number.
            let Some(number) = event_number(text) else { continue };
            let recorded = self.events.get(usize::try_from(number).unwrap_or(usize::MAX));
            if recorded.is_none_or(|recorded| recorded.text != *text) {
                return Err(format!("entry {} is an event that was not recorded: {text}", entry.index));
            }
            if !shown.insert(number) {
                return Err(format!("event {number} is in the log twice"));
            }
            if *self.places.entry(number).or_insert(entry.index) != entry.index {
                return Err(format!("event {number} moved to entry {}", entry.index));
            }
        }
        for (number, event) in (0..).zip(&self.events) {
            if event.state != EventState::Proven || shown.contains(&number) {
                continue;
            }
            let place = self.places.get(&number).and_then(|place| entries.get(usize::try_from(*place).ok()?));
            if !self.erasing.contains(&number) || place.is_none_or(|entry| !entry.erased) {
                return Err(format!("event {number}, which the log proved to contain, is lost"));
            }
        }
        for (index, link) in &self.receipts {
            let entry = entries.get(usize::try_from(*index).unwrap_or(usize::MAX));
            if entry.is_none_or(|entry| entry.text != *link) {
                return Err(format!("entry {index} is not the link that the log proved to contain there"));
            }
        }
        Ok(())
    }

    /// Checks that every event that a recorder made durable reached the log.
    ///
    /// # Errors
    /// The violation, in words.
    pub fn check_delivered(&self) -> Result<(), String> {
        let waiting =
            (0..).zip(&self.events).find(|(_, event): &(u64, _)| event.state == EventState::Durable);
        waiting.map_or(Ok(()), |(number, event)| {
            Err(format!("event {number} of recorder {} was not delivered", event.recorder))
        })
    }

    /// Returns the secrets of the events that were seen at an entry.
    pub fn secrets_at(&self, index: u64) -> impl Iterator<Item = &str> {
        let numbers = self.places.iter().filter(move |(_, place)| **place == index);
        let text = |number: &u64| Some(self.events.get(usize::try_from(*number).ok()?)?.text.as_str());
        numbers.filter_map(move |(number, _)| text(number)).filter_map(secret)
    }
}

/// Returns the part of an event's text that is in no other event.
pub fn secret(event: &str) -> Option<&str> {
    let start = event.find("secret")?;
    event.get(start..start + 22)
}
