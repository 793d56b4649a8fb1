//! The outbox: links that are not yet proven to be in the log.
//!
//! Each flush becomes a [segment](segment), an export in a file of its own, durable before anything of it is sent. The
//! file `position.json` says which segments were proven, and where chain and followed file stood after them; it is
//! replaced before they are removed. So whatever moment a process ends at, the next one finds each link that was
//! ever sent, goes on from the last one, and can never give a place in its chain to a second link.

mod head;
mod segment;
mod store;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

pub use head::{FollowPosition, Head, InputPosition, LinkPlace};
pub use segment::Segment;
pub use store::{Directory, Memory, Store};

use self::head::StoredHead;
use crate::error::DeliveryError;

const POSITION: &str = "position.json";
const VERSION: &str = "outbox/v1";

/// The proof that the log holds a link, with that link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The link.
    pub link: String,
    /// A tlog-proof.
    pub proof: String,
}

/// What was proven, as the position file has it.
#[derive(Serialize, Deserialize)]
struct Position {
    countersign: String,
    origin: String,
    /// The last segment that was proven, 0 for none.
    through: u64,
    head: Option<StoredHead>,
    followed: Option<FollowPosition>,
    receipt: Option<Receipt>,
}

/// What was recorded and not yet proven, in the chain's order.
pub struct Outbox {
    store: Box<dyn Store>,
    name: String,
    origin: String,
    pending: VecDeque<Segment>,
    /// The last segment that was proven.
    through: u64,
    /// The head and the followed file after it.
    proven: (Option<Head>, Option<FollowPosition>),
    receipt: Option<Receipt>,
    /// Whether it is not known what is durable: only opening it again tells.
    unknown: bool,
}

impl Outbox {
    /// Opens an outbox for the log of that origin; a new one if the store is empty. `name` is for people.
    ///
    /// # Errors
    /// If the store can't be read, or its files are damaged or for another log.
    pub fn open(store: Box<dyn Store>, origin: &str, name: &str) -> Result<Self, DeliveryError> {
        let failed = |error| DeliveryError::io("read the outbox", name, error);
        // Nothing may be sent that a power cut could take back.
        store.sync().map_err(failed)?;
        let names = store.names().map_err(failed)?;
        let mut outbox = Self {
            store,
            name: name.to_owned(),
            origin: origin.to_owned(),
            pending: VecDeque::new(),
            through: 0,
            proven: (None, None),
            receipt: None,
            unknown: false,
        };
        if names.iter().any(|name| name == POSITION) {
            outbox.read_position()?;
        }
        for number in names.iter().filter_map(|name| segment::number(name)) {
            if number <= outbox.through {
                let _ = outbox.store.remove(&segment::name(number));
            } else {
                outbox.read_segment(number)?;
            }
        }
        Ok(outbox)
    }

    fn read_position(&mut self) -> Result<(), DeliveryError> {
        let bytes = self.read(POSITION)?;
        let position: Option<Position> = serde_json::from_slice(&bytes).ok();
        let Some(position) = position.filter(|position| position.countersign == VERSION) else {
            return Err(self.damaged(POSITION, "it is malformed"));
        };
        self.check_origin(&position.origin)?;
        let head = match position.head.as_ref().map(StoredHead::read) {
            Some(None) => return Err(self.damaged(POSITION, "it is malformed")),
            Some(head) => head,
            None => None,
        };
        (self.through, self.proven, self.receipt) =
            (position.through, (head, position.followed), position.receipt);
        Ok(())
    }

    fn read_segment(&mut self, number: u64) -> Result<(), DeliveryError> {
        let name = segment::name(number);
        if number != self.last_number() + 1 {
            return Err(self.damaged(&name, "the one before it is missing"));
        }
        let bytes = self.read(&name)?;
        let text = str::from_utf8(&bytes).map_err(|_| self.damaged(&name, "it is not UTF-8"))?;
        let segment = segment::read(number, text, &self.origin, self.head(), self.followed())
            .map_err(|why| self.damaged(&name, why))?;
        self.put_last(segment);
        Ok(())
    }

    /// What a segment is in the place of is pending no more. Its files stay until the segment is proven.
    fn put_last(&mut self, segment: Segment) {
        if let Some(first) = segment.replaces {
            self.pending.retain(|replaced| replaced.number < first);
        }
        self.pending.push_back(segment);
    }

    fn check_origin(&self, origin: &str) -> Result<(), DeliveryError> {
        if origin == self.origin {
            return Ok(());
        }
        let message = format!("the outbox is for the log {origin:?}, not {:?}", self.origin);
        let hint = "give each log an outbox of its own";
        Err(DeliveryError::outbox("outbox.other_log", message, hint, &self.name))
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, DeliveryError> {
        self.store.read(file).map_err(|error| DeliveryError::io("read the outbox", &self.place(file), error))
    }

    fn place(&self, file: &str) -> String {
        format!("{}/{file}", self.name)
    }

    fn damaged(&self, file: &str, why: &str) -> DeliveryError {
        let hint = "put the file back as it was; or keep this outbox for inspection, and give another directory: \
                    a new chain begins there";
        let message = format!("the outbox cannot be gone on with: {why}");
        DeliveryError::outbox("outbox.damaged", message, hint, &self.place(file))
    }

    fn last_number(&self) -> u64 {
        self.pending.back().map_or(self.through, |segment| segment.number)
    }

    /// Returns the name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the head of the newest chain, its links here included.
    pub fn head(&self) -> Option<&Head> {
        self.pending.back().map_or(self.proven.0.as_ref(), |segment| Some(&segment.end))
    }

    /// Returns how far the events of the followed file are here.
    pub fn followed(&self) -> Option<&FollowPosition> {
        self.pending.back().map_or(self.proven.1.as_ref(), |segment| segment.followed.as_ref())
    }

    /// Returns the proof of the newest link that was proven.
    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_ref()
    }

    /// Returns the segments that are not yet proven.
    pub fn pending(&self) -> &VecDeque<Segment> {
        &self.pending
    }

    /// Returns how many events are not yet proven.
    pub fn events(&self) -> u64 {
        self.pending.iter().map(|segment| segment.events).sum()
    }

    /// Returns how many bytes are not yet proven.
    pub fn bytes(&self) -> usize {
        self.pending.iter().map(|segment| segment.bytes).sum()
    }

    /// Keeps what a recorder handed on: links of one chain that go on from [`Outbox::head`], the last one signed.
    /// They are durable when this returns.
    ///
    /// # Errors
    /// If the links don't follow, or the store fails. It is not known then whether they are durable: nothing more can be
    /// kept until the outbox is opened again.
    pub fn append(&mut self, lines: &str, followed: Option<&FollowPosition>) -> Result<(), DeliveryError> {
        self.keep(lines, followed, None)
    }

    /// Keeps a chain of its own in the place of the segments from that number on, in one step: it holds their events.
    /// Durable as of [`Outbox::append`].
    ///
    /// # Errors
    /// As of [`Outbox::append`].
    pub fn replace(
        &mut self,
        first: u64,
        lines: &str,
        followed: Option<&FollowPosition>,
    ) -> Result<(), DeliveryError> {
        self.keep(lines, followed, Some(first))
    }

    fn keep(
        &mut self,
        lines: &str,
        followed: Option<&FollowPosition>,
        replaces: Option<u64>,
    ) -> Result<(), DeliveryError> {
        let number = self.last_number() + 1;
        let name = segment::name(number);
        if self.unknown {
            let hint = "run it again";
            let message = "an earlier write to the outbox failed";
            return Err(DeliveryError::outbox("outbox.unknown", message, hint, &self.name));
        }
        let text = segment::write(&self.origin, followed, replaces, lines);
        let segment = segment::read(number, &text, &self.origin, self.head(), self.followed())
            .map_err(|why| self.damaged(&name, why))?;
        if number == 1 {
            // What a later process needs to tell a new outbox from one that lost its files.
            self.write_position(0, (None, None), None)?;
        }
        if let Err(error) = self.store.put(&name, text.as_bytes()) {
            self.unknown = true;
            return Err(DeliveryError::io("write to the outbox", &self.place(&name), error));
        }
        self.put_last(segment);
        Ok(())
    }

    /// Returns the links of a segment, as a log accepts them.
    ///
    /// # Errors
    /// If its file can't be read.
    pub fn links(&self, number: u64) -> Result<String, DeliveryError> {
        let name = segment::name(number);
        let text =
            String::from_utf8(self.read(&name)?).map_err(|_| self.damaged(&name, "it is not UTF-8"))?;
        Ok(segment::links(&text).to_owned())
    }

    /// Removes the segments up to this one: the log holds them, as the receipt proves.
    ///
    /// # Errors
    /// If the store fails. The segments stay then.
    pub fn proven(&mut self, through: u64, receipt: Receipt) -> Result<(), DeliveryError> {
        let Some(last) = self.pending.iter().find(|segment| segment.number == through) else {
            return Ok(());
        };
        let proven = (Some(last.end.clone()), last.followed.clone());
        self.write_position(through, proven.clone(), Some(&receipt))?;
        let before = std::mem::replace(&mut self.through, through);
        (self.proven, self.receipt) = (proven, Some(receipt));
        self.pending.retain(|segment| segment.number > through);
        for number in before + 1..=through {
            // What stays behind is known to be proven: the next process removes it.
            let _ = self.store.remove(&segment::name(number));
        }
        Ok(())
    }

    /// Forgets how much of an input is here, if all of it is proven.
    ///
    /// # Errors
    /// If the store fails.
    pub fn forget(&mut self) -> Result<(), DeliveryError> {
        let (head, Some(followed)) = &self.proven else { return Ok(()) };
        if followed.begun.is_none() || !self.pending.is_empty() {
            return Ok(());
        }
        let proven = (head.clone(), Some(FollowPosition { begun: None, ..followed.clone() }));
        self.write_position(self.through, proven.clone(), self.receipt.as_ref())?;
        self.proven = proven;
        Ok(())
    }

    fn write_position(
        &self,
        through: u64,
        (head, followed): (Option<Head>, Option<FollowPosition>),
        receipt: Option<&Receipt>,
    ) -> Result<(), DeliveryError> {
        let position = Position {
            countersign: VERSION.into(),
            origin: self.origin.clone(),
            through,
            head: head.as_ref().map(StoredHead::from),
            followed,
            receipt: receipt.cloned(),
        };
        let text = serde_json::to_string(&position).unwrap_or_default() + "\n";
        let put = self.store.put(POSITION, text.as_bytes());
        put.map_err(|error| DeliveryError::io("write to the outbox", &self.place(POSITION), error))
    }
}
