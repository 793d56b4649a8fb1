//! Checks of events against their links, and of erasures against events.

use std::collections::HashMap;
use std::sync::Arc;

use countersign::link::{ChainId, Link, commit};
use roaring::RoaringTreemap;

use super::batch::{BATCH_ENTRIES, format_ranges, read};
use super::report::{Repair, Report};
use countersign_log::erase::record::{Record, is_erasure};
use countersign_log::store::{EntryReader, Reader, StoredEvent, StoredLeaf};

/// The kind of store that entries are read from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreKind {
    /// A database, which indexes links and records which erasures are complete.
    Tables,
    /// Objects, without such tables: a recorded erasure whose events remain counts as incomplete.
    Objects,
}

pub(super) struct Erasures {
    reader: Arc<dyn Reader>,
    origin: String,
    from: StoreKind,
    own: HashMap<ChainId, bool>,
    /// Entries with an event, except the log's own.
    here: RoaringTreemap,
    erased: RoaringTreemap,
    records: Vec<u64>,
}

impl Erasures {
    pub(super) fn new(reader: &Arc<dyn Reader>, origin: String, from: StoreKind) -> Self {
        let (own, here, erased, records) = Default::default();
        Self { reader: reader.clone(), origin, from, own, here, erased, records }
    }

    pub(super) fn check(&mut self, index: u64, leaf: &StoredLeaf, report: &mut Report) {
        let Some(link) = leaf.link() else { return };
        let place = || format!("entry {index}");
        let (chain, seq) = (link.chain(), link.seq());
        if self.from == StoreKind::Tables && self.reader.index_of(&chain, seq).ok().flatten() != Some(index) {
            let why = format!("the link {chain}/{seq} isn't found by its chain and position");
            report.add("fsck.place", place(), why, Repair::Not);
        }
        match (&leaf.event, &link) {
            (StoredEvent::Here(event), Link::Event(committed)) => {
                report.events += 1;
                if commit(&event.salt, event.text.as_bytes()) != committed.commit {
                    let why = "the salt and event don't match the link's commitment";
                    report.add("fsck.event", place(), why, Repair::Not);
                }
                if !self.is_own(&chain) {
                    self.here.insert(index);
                } else if is_erasure(&event.text) {
                    self.records.push(index);
                }
            }
            (StoredEvent::Here(_), _) => {
                report.add(
                    "fsck.event",
                    place(),
                    "the entry has an event, but its link isn't an event link",
                    Repair::Not,
                );
            }
            (StoredEvent::Erased, _) => {
                report.erased += 1;
                self.erased.insert(index);
            }
            (StoredEvent::None, _) => {}
        }
    }

    fn is_own(&mut self, chain: &ChainId) -> bool {
        *self.own.entry(*chain).or_insert_with(|| {
            let key = self.reader.key_of(chain).ok().flatten();
            key.is_some_and(|key| key.name() == self.origin)
        })
    }

    /// Completes the check of the first `size` entries. Records after them only explain events erased during the
    /// check. `remembered` are the entries that the folder remembers as erased: the log may not be able to record them.
    pub(super) fn finish(mut self, size: u64, remembered: &RoaringTreemap, report: &mut Report) {
        let since = self.records_since(size);
        let unfinished = self.reader.unfinished_erasures().unwrap_or_default();
        // The server erases them again at its next start, if a restored backup has them.
        if unfinished.is_empty() && remaining(&*self.reader, &(remembered & &self.here)).is_some() {
            report.unfinished += 1;
        }
        let mut unrecorded = self.erased - remembered;
        for record in since {
            if let Ok(record) = Record::read(&*self.reader, record) {
                unrecorded -= record.leaves;
            }
        }
        for record in self.records {
            let place = format!("entry {record}");
            let leaves = match Record::read(&*self.reader, record) {
                Ok(record) => record.leaves,
                Err(error) => {
                    report.add("fsck.erasure", place, error.to_string(), Repair::Not);
                    continue;
                }
            };
            if unfinished.contains(&record) {
                report.unfinished += 1;
            } else if let Some(left) = remaining(&*self.reader, &(&leaves & &self.here)) {
                if self.from == StoreKind::Objects {
                    report.unfinished += 1;
                    unrecorded -= leaves;
                    continue;
                }
                let left = format_ranges(&left);
                let why = format!("the entry records the erasure of {left}, but their events remain");
                report.add("fsck.erasure", place, why, Repair::Erasure);
            }
            unrecorded -= leaves;
        }
        if !unrecorded.is_empty() {
            let why = "the event was erased without a record on the log's own chain";
            report.add("fsck.unrecorded", format_ranges(&unrecorded), why, Repair::Not);
        }
    }

    /// Returns the erasures recorded from entry `size` on.
    fn records_since(&mut self, size: u64) -> Vec<u64> {
        let now = self.reader.size().unwrap_or(size);
        let mut records = Vec::new();
        let mut first = size;
        while first < now {
            let end = now.min(first + BATCH_ENTRIES);
            for (leaf, index) in read(&*self.reader, first..end).iter().zip(first..) {
                let Some((leaf, link)) = leaf.as_ref().and_then(|leaf| Some((leaf, leaf.link()?))) else {
                    continue;
                };
                let is_record = matches!(&leaf.event, StoredEvent::Here(event) if is_erasure(&event.text));
                if is_record && self.is_own(&link.chain()) {
                    records.push(index);
                }
            }
            first = end;
        }
        records
    }
}

/// Returns which of these events remain; some may have been erased during the check.
fn remaining(reader: &dyn EntryReader, leaves: &RoaringTreemap) -> Option<RoaringTreemap> {
    let is_here = |index: &u64| {
        let read = reader.leaves_with_events(*index..*index + 1);
        read.is_ok_and(|leaf| leaf.iter().any(|leaf| matches!(leaf.event, StoredEvent::Here(_))))
    };
    let left: RoaringTreemap = leaves.iter().filter(is_here).collect();
    (!left.is_empty()).then_some(left)
}
