//! Which events and findings become records.

use std::sync::Arc;

use countersign::base64;
use countersign::hash::Hash;
use countersign::time::Time;
use countersign::verify::{SignerTrust, SignerTrusts, VerifiedEvent};
use countersign_client::now;
use countersign_delivery::Directory;
use countersign_errors::EngineError;
use countersign_feeds::{Event, Finding, Format, Kind, Log, Record};
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers, Query};
use countersign_watch::{Follower, Item, ItemKind, Watcher};

use crate::dispatch::Dispatch;
use crate::notice::Notice;

/// Selects the events and findings that become records, and their format.
pub struct Feed {
    /// The format of the records.
    pub format: Format,
    /// The parsers for events of other products.
    pub parsers: Parsers,
    /// Which events are wanted; without it, all.
    pub query: Option<Query>,
    /// True if events become records.
    pub events: bool,
    /// True if findings become records.
    pub findings: bool,
}

impl Feed {
    /// True if an event is wanted.
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

    /// Returns the record of an event that `log` contains, by a signer of this signer trust.
    pub fn record(&self, log: &Log<'_>, event: &VerifiedEvent, signer_trust: SignerTrust) -> Record {
        let event = Event {
            leaf: event.index,
            chain: event.chain,
            seq: event.seq,
            recorded: event.time,
            signer: event.vkey.as_str(),
            signer_trust: signer_trust.as_str(),
            text: &event.event,
        };
        self.format.event(log, &event, &self.parsers)
    }
}

/// Feeds a log as it grows: what a checkpoint that counts contains is sent, and then it is kept how far that is.
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
    /// Feeds what `watcher` finds in the log with that origin, until the log has the size `end`. `store` keeps the watcher's state,
    /// and `name` is the store's, for people.
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

    /// Ends in good order. Returns the number of records that were sent.
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

    fn settle(&mut self) -> Result<Option<bool>, EngineError> {
        let step = self.watcher.settle(now()?, None)?;
        if let Some(attested) = step.events {
            let log = Log { origin: &self.origin, size: attested.size, root: attested.root };
            let signer_trusts = SignerTrusts::of(&attested.report);
            let (feed, dispatch) = (self.feed, &mut self.dispatch);
            attested.events.for_each(|event| {
                if !feed.wants(&event) {
                    return Ok(());
                }
                dispatch.push(Some(event.index), feed.record(&log, &event, signer_trusts.of_link(&event)))
            })?;
        }
        for item in &step.items {
            self.finding(item)?;
        }
        if step.has_grown || !step.items.is_empty() {
            // The receiver has it all before it is kept that this was looked at: a kill in between sends it again, under
            // the same ids.
            self.dispatch.flush()?;
            let state = self.watcher.keep(None);
            let (position, pin) = (state.position, state.pin.clone());
            state.save(&self.store, &self.name)?;
            self.dispatch.progress_mut().through(position, pin.as_deref());
            self.dispatch.progress_mut().forget_findings();
            self.dispatch.keep()?;
        }
        match step.fatal {
            Some(error) => Err(error),
            None => Ok((!step.anew).then_some(step.has_grown)),
        }
    }
}

impl LogFeed<'_> {
    fn finding(&mut self, item: &Item) -> Result<(), EngineError> {
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
            self.dispatch.notice(&Notice::NoCheckpoint { id: item.id.clone() });
            return Ok(());
        };
        let log = Log { origin: &self.origin, size, root };
        let last = data["finding"]["last"].as_str().and_then(|time| time.parse::<Time>().ok());
        let time = last.map_or_else(now, Ok)?;
        let text = data.to_string();
        let told = Finding { kind, id: &item.id, title: &item.title, time, text: &text };
        let record = self.feed.format.finding(&log, &told);
        self.dispatch.push(None, record)
    }
}
