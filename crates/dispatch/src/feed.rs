//! Turns the events and findings of a log into feed records.

use std::sync::Arc;

use countersign::base64;
use countersign::hash::Hash;
use countersign::time::Time;
use countersign::verify::{SignerTrust, SignerTrusts, VerifiedEvent};
use countersign_delivery::Directory;
use countersign_errors::{EngineError, now};
use countersign_feeds::{Event, Finding, Format, Kind, Log, Record};
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers, Query};
use countersign_watch::{Follower, Item, ItemKind, Watcher};

use crate::dispatch::Dispatch;
use crate::notice::DispatchNotice;

/// The selection of events and findings that become records, and their format.
pub struct Feed {
    /// The format of the records.
    pub format: Format,
    /// The parsers for events of other products.
    pub parsers: Parsers,
    /// The query that events must match; without it, all events are wanted.
    pub query: Option<Query>,
    /// True if events become records.
    pub events: bool,
    /// True if findings become records.
    pub findings: bool,
}

impl Feed {
    /// True if the event matches the query.
    pub fn wants(&self, event: &VerifiedEvent) -> bool {
        let Some(query) = &self.query else { return true };
        let document = Document::parse(&event.event);
        let root = document.as_ref().map(Document::root);
        let read = root.as_ref().and_then(|event| self.parsers.parse(event));
        let chain = event.chain.to_string();
        let entry = Entry {
            event: root,
            roots: &[],
            read: read.as_ref(),
            recorded: event.time,
            chain: &chain,
            signer: Some(event.vkey.name()),
        };
        query.matches(&entry)
    }

    /// Returns the record of an event in `log`. `signer_trust` is the trust in its signer.
    pub fn record(&self, log: &Log<'_>, event: &VerifiedEvent, signer_trust: SignerTrust) -> Record {
        let event = Event {
            leaf: event.index,
            chain: event.chain,
            seq: event.seq,
            recorded: event.time,
            signer: event.vkey.as_str(),
            signer_trust: signer_trust.as_str(),
            attestation: event.attestation.as_ref(),
            text: &event.event,
        };
        self.format.event(log, &event, &self.parsers)
    }
}

/// Feeds a log as it grows: sends what a valid checkpoint covers, then saves the progress.
pub struct LogFeed<'p> {
    feed: &'p Feed,
    watcher: Watcher<'p>,
    dispatch: Dispatch,
    store: Arc<Directory>,
    name: String,
    origin: String,
    /// The size to stop at.
    end: Option<u64>,
}

impl<'p> LogFeed<'p> {
    /// Feeds what `watcher` finds in the log `origin`, until the log has the size `end`. The watcher's state is saved
    /// in `store`, which messages call `name`.
    pub fn new(
        feed: &'p Feed,
        watcher: Watcher<'p>,
        dispatch: Dispatch,
        store: Arc<Directory>,
        name: String,
        origin: String,
        end: Option<u64>,
    ) -> Self {
        Self { feed, watcher, dispatch, store, name, origin, end }
    }

    /// Shuts down cleanly. Returns the number of records that were sent.
    ///
    /// # Errors
    /// If not all records were sent.
    pub fn end(self) -> Result<u64, EngineError> {
        self.dispatch.end()
    }
}

impl<'p> Follower<'p> for LogFeed<'p> {
    type Error = EngineError;

    fn watcher(&mut self) -> &mut Watcher<'p> {
        &mut self.watcher
    }

    fn end(&self) -> Option<u64> {
        self.end
    }

    fn reports_gaps(&self) -> bool {
        self.feed.findings
    }

    fn settle(&mut self) -> Result<Option<bool>, EngineError> {
        let step = self.watcher.settle(now()?, None)?;
        if let Some(attested) = step.events {
            let log = Log { origin: &self.origin, size: attested.size, root: attested.root };
            let signer_trusts = SignerTrusts::from_report(&attested.report);
            let (feed, dispatch) = (self.feed, &mut self.dispatch);
            attested.events.for_each(|event| {
                if !feed.wants(&event) {
                    return Ok(());
                }
                dispatch.push(Some(event.index), feed.record(&log, &event, signer_trusts.of_link(&event)))
            })?;
        }
        for item in &step.items {
            self.push_finding(item)?;
        }
        if step.has_grown || !step.items.is_empty() {
            // The destination accepts everything before the position is saved: after a kill in between, the same
            // records are sent again, under the same ids.
            self.dispatch.flush()?;
            let state = self.watcher.state_to_save(None)?;
            let (position, pin) = (state.position, state.pin.clone());
            state.save(&self.store, &self.name)?;
            self.dispatch.progress_mut().advance(position, pin.as_deref());
            self.dispatch.progress_mut().clear_findings();
            self.dispatch.save()?;
        }
        match step.fatal {
            Some(error) => Err(error),
            None => Ok((!step.needs_new_view).then_some(step.has_grown)),
        }
    }
}

impl LogFeed<'_> {
    fn push_finding(&mut self, item: &Item) -> Result<(), EngineError> {
        let kind = match item.kind {
            ItemKind::Alert if self.feed.findings => Kind::Alert,
            ItemKind::Retract if self.feed.findings => Kind::Retract,
            ItemKind::Unverified => Kind::Unverified,
            _ => return Ok(()),
        };
        let data = item.data();
        let log = &data["log"];
        let root = log["root"].as_str().and_then(base64::decode);
        let root = root.and_then(|bytes| Some(Hash(bytes.try_into().ok()?)));
        let (Some(size), Some(root)) = (log["size"].as_u64(), root) else {
            self.dispatch.notice(&DispatchNotice::NoCheckpoint { id: item.id.clone() });
            return Ok(());
        };
        let log = Log { origin: &self.origin, size, root };
        let last = data["finding"]["last"].as_str().and_then(|time| time.parse::<Time>().ok());
        let time = last.map_or_else(now, Ok)?;
        let text = data.to_string();
        let finding = Finding { kind, id: &item.id, title: &item.title, time, text: &text };
        let record = self.feed.format.finding(&log, &finding);
        self.dispatch.push(None, record)
    }
}
