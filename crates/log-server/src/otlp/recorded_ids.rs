//! The IDs of recorded events, read from the log.

use std::collections::{HashMap, VecDeque};

use countersign::event::Event;
use countersign::hash::Hash;
use countersign::link::Link;
use countersign_otlp::EventId;

use countersign_log::own_chain::OwnChains;
use countersign_log::store::{Reader, StoreError, StoredEvent};

/// The number of the log's newest entries among which events are recognized.
pub const REMEMBERED_ENTRIES: u64 = 1 << 18;

/// Number of entries read at once.
const BATCH: u64 = 1_024;

/// A recorded event: its entry, and a hash of its content.
#[derive(Clone, Copy)]
pub(super) struct RecordedEvent {
    pub(super) index: u64,
    content: [u8; 16],
}

impl RecordedEvent {
    pub(super) fn new(index: u64, event: &[u8]) -> Self {
        let content = Hash::digest(&[event]).0.first_chunk::<16>().copied().unwrap_or_default();
        Self { index, content }
    }

    /// True if it is this event, not only one with the same ID.
    pub(super) fn is(&self, event: &Event) -> bool {
        self.content == Self::new(0, event.as_bytes()).content
    }
}

/// The IDs of the events that a key signed, among the newest entries.
#[derive(Default)]
pub(super) struct RecordedIds {
    by_id: HashMap<EventId, RecordedEvent>,
    by_age: VecDeque<(u64, EventId)>,
    /// The number of entries that have been read.
    read: u64,
}

impl RecordedIds {
    /// Reads the entries that were added, and forgets those that are too old. The key is recognized by its name, so
    /// that its successors know its events.
    pub(super) fn catch_up(&mut self, reader: &dyn Reader, key_name: &str) -> Result<(), StoreError> {
        let size = reader.size()?;
        let oldest = size.saturating_sub(REMEMBERED_ENTRIES);
        let mut chains = OwnChains::new(reader, key_name);
        let mut next = self.read.max(oldest);
        while next < size {
            let end = size.min(next + BATCH);
            for (index, leaf) in (next..end).zip(reader.leaves_with_events(next..end)?) {
                let Some(Link::Event(link)) = leaf.link() else { continue };
                let StoredEvent::Here(salted) = &leaf.event else { continue };
                if !chains.has(&link.chain)? {
                    continue;
                }
                if let Some(id) = EventId::in_event(salted.text.as_bytes()) {
                    self.by_id.entry(id).or_insert(RecordedEvent::new(index, salted.text.as_bytes()));
                    self.by_age.push_back((index, id));
                }
            }
            next = end;
            self.read = end;
        }
        while let Some((index, id)) = self.by_age.pop_front_if(|(index, _)| *index < oldest) {
            if self.by_id.get(&id).is_some_and(|event| event.index == index) {
                self.by_id.remove(&id);
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, id: &EventId) -> Option<&RecordedEvent> {
        self.by_id.get(id)
    }
}
