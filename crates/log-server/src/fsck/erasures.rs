//! Events against their links, and erasures against events.

use std::collections::HashMap;
use std::sync::Arc;

use countersign::link::{ChainId, Link, commit};
use roaring::RoaringTreemap;

use super::portion::{PORTION, read, stretches};
use super::report::{Repair, Report};
use countersign_log::erase::record::{Record, is_erasure};
use countersign_log::store::{EntryReader, Reader, StoredEvent, StoredLeaf};

/// Where leaves are read from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// A database, which knows where each link is, and which recorded erasures are done.
    Tables,
    /// Objects, which know neither: what is recorded and still here is not done yet.
    Objects,
}

pub(super) struct Erasures {
    reader: Arc<dyn Reader>,
    origin: String,
    from: From,
    own: HashMap<ChainId, bool>,
    /// Events that are here, and are not the log's own.
    here: RoaringTreemap,
    erased: RoaringTreemap,
    records: Vec<u64>,
}

impl Erasures {
    pub(super) fn new(reader: &Arc<dyn Reader>, origin: String, from: From) -> Self {
        let (own, here, erased, records) = Default::default();
        Self { reader: reader.clone(), origin, from, own, here, erased, records }
    }

    pub(super) fn take(&mut self, index: u64, leaf: &StoredLeaf, report: &mut Report) {
        let Some(link) = leaf.link() else { return };
        let place = || format!("leaf {index}");
        let (chain, seq) = (link.chain(), link.seq());
        if self.from == From::Tables && self.reader.index_of(&chain, seq).ok().flatten() != Some(index) {
            let why = format!("the link {chain}/{seq} is not found by its chain and place");
            report.tell("fsck.place", place(), why, Repair::Not);
        }
        match (&leaf.event, &link) {
            (StoredEvent::Here(event), Link::Event(said)) => {
                report.events += 1;
                if commit(&event.salt, event.text.as_bytes()) != said.commit {
                    let why = "salt and event are not those that the link commits to";
                    report.tell("fsck.event", place(), why, Repair::Not);
                }
                if !self.is_own(&chain) {
                    self.here.insert(index);
                } else if is_erasure(&event.text) {
                    self.records.push(index);
                }
            }
            (StoredEvent::Here(_), _) => {
                report.tell("fsck.event", place(), "there is an event, and no link of one", Repair::Not);
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

    /// Ends with the leaf of that index. What was recorded since is looked at only to tell what was erased meanwhile.
    pub(super) fn end(mut self, size: u64, report: &mut Report) {
        let since = self.records_since(size);
        let unfinished = self.reader.unfinished_erasures().unwrap_or_default();
        let mut unrecorded = self.erased;
        for record in since {
            if let Ok(record) = Record::read(&*self.reader, record) {
                unrecorded -= record.leaves;
            }
        }
        for record in self.records {
            let place = format!("leaf {record}");
            let leaves = match Record::read(&*self.reader, record) {
                Ok(record) => record.leaves,
                Err(error) => {
                    report.tell("fsck.erasure", place, error.to_string(), Repair::Not);
                    continue;
                }
            };
            if unfinished.contains(&record) {
                report.unfinished += 1;
            } else if let Some(left) = still_here(&*self.reader, &(&leaves & &self.here)) {
                if self.from == From::Objects {
                    report.unfinished += 1;
                    unrecorded -= leaves;
                    continue;
                }
                let left = stretches(&left);
                let why = format!("it records that the events of {left} are erased, and they are here");
                report.tell("fsck.erasure", place, why, Repair::Erasure);
            }
            unrecorded -= leaves;
        }
        if !unrecorded.is_empty() {
            let why = "an event was erased, and the log's own chain does not say so";
            report.tell("fsck.unrecorded", stretches(&unrecorded), why, Repair::Not);
        }
    }

    /// The erasures that were recorded from that leaf on.
    fn records_since(&mut self, size: u64) -> Vec<u64> {
        let now = self.reader.size().unwrap_or(size);
        let mut records = Vec::new();
        let mut first = size;
        while first < now {
            let end = now.min(first + PORTION);
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

/// Which of these events are still here: they may have been erased since they were seen.
fn still_here(reader: &dyn EntryReader, leaves: &RoaringTreemap) -> Option<RoaringTreemap> {
    let is_here = |index: &u64| {
        let read = reader.leaves_with_events(*index..*index + 1);
        read.is_ok_and(|leaf| leaf.iter().any(|leaf| matches!(leaf.event, StoredEvent::Here(_))))
    };
    let left: RoaringTreemap = leaves.iter().filter(is_here).collect();
    (!left.is_empty()).then_some(left)
}
