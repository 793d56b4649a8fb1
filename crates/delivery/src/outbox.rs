//! The outbox: links that are not yet proven to be in the log.
//!
//! Each flush becomes a [segment](segment), an export in a separate file, which is durable before any of it
//! is sent. The file `position.json` records which segments were proven, and the states of the chain and the
//! followed file after them. The file is replaced before proven segments are removed. So whenever a process
//! ends, the next one finds every link that was sent, continues after the last one, and never signs a second
//! link for the same position of the chain.

mod head;
mod segment;
mod store;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;

use countersign::tenant::HeadProof;
use serde::{Deserialize, Serialize};

pub use head::{FollowPosition, Head, InputPosition, LinkPlace};
pub use segment::Segment;
pub use store::{Directory, Memory, Store};

use self::head::StoredHead;
use crate::error::DeliveryError;

const POSITION: &str = "position.json";
const CONTRADICTION: &str = "contradiction.json";
const UNPROVEN: &str = "unproven.json";
const VERSION: &str = "outbox/v1";

/// The proof that the log contains a link, with that link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The link.
    pub link: String,
    /// A tlog-proof; for a tenant log, a [receipt](countersign::tenant::Receipt).
    pub proof: String,
}

/// A tenant log's answer that was not accepted, with the head that it was compared with. In `contradiction.json`, it is
/// the evidence that the log server has shown two histories. In `unproven.json`, it is the newest answer with a signed head
/// that wasn't proven to extend the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedAnswer {
    /// The reason, for people.
    pub message: String,
    /// The head proof that the outbox had, if it had one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub head: Option<String>,
    /// The log server's answer.
    pub answer: String,
}

/// The content of the position file: what was proven.
#[derive(Serialize, Deserialize)]
struct Position {
    countersign: String,
    origin: String,
    /// The number of the last proven segment; 0 if there is none.
    through: u64,
    head: Option<StoredHead>,
    followed: Option<FollowPosition>,
    receipt: Option<Receipt>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    newest_head: Option<String>,
}

/// Links that were recorded but are not yet proven, in the chain's order.
pub struct Outbox {
    store: Box<dyn Store>,
    name: String,
    origin: String,
    pending: VecDeque<Segment>,
    /// The number of the last proven segment.
    through: u64,
    /// The head and the position in the followed file after it.
    proven: (Option<Head>, Option<FollowPosition>),
    receipt: Option<Receipt>,
    /// The proof of a tenant log's newest head.
    newest_head: Option<HeadProof>,
    contradiction: Option<RefusedAnswer>,
    /// True if there is an answer that could not be used.
    has_unproven: bool,
    /// True if a write failed, so that only opening the outbox again shows what is durable.
    unknown: bool,
}

impl Outbox {
    /// Opens an outbox for the log with this origin; a new one if the store is empty. `name` is for messages.
    ///
    /// # Errors
    /// If the store can't be read, or its files are invalid or for another log.
    pub fn open(store: Box<dyn Store>, origin: &str, name: &str) -> Result<Self, DeliveryError> {
        let failed = |error| DeliveryError::io("read the outbox", name, error);
        // Don't send links that a power failure could still undo.
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
            newest_head: None,
            contradiction: None,
            has_unproven: names.iter().any(|name| name == UNPROVEN),
            unknown: false,
        };
        if names.iter().any(|name| name == POSITION) {
            outbox.read_position()?;
        }
        if names.iter().any(|name| name == CONTRADICTION) {
            let read = serde_json::from_slice(&outbox.read(CONTRADICTION)?);
            outbox.contradiction =
                Some(read.map_err(|_| outbox.damaged(CONTRADICTION, "the file is malformed"))?);
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
            return Err(self.damaged(POSITION, "the file is malformed"));
        };
        self.check_origin(&position.origin)?;
        let head = match position.head.as_ref().map(StoredHead::read) {
            Some(None) => return Err(self.damaged(POSITION, "the file is malformed")),
            Some(head) => head,
            None => None,
        };
        (self.through, self.proven, self.receipt) =
            (position.through, (head, position.followed), position.receipt);
        let newest_head = position.newest_head.map(|head| HeadProof::parse(&head)).transpose();
        self.newest_head = newest_head.map_err(|_| self.damaged(POSITION, "the newest head is malformed"))?;
        Ok(())
    }

    fn read_segment(&mut self, number: u64) -> Result<(), DeliveryError> {
        let name = segment::name(number);
        if number != self.last_number() + 1 {
            return Err(self.damaged(&name, "the previous segment is missing"));
        }
        let bytes = self.read(&name)?;
        let text = str::from_utf8(&bytes).map_err(|_| self.damaged(&name, "the file is not UTF-8"))?;
        let segment = segment::read(number, text, &self.origin, self.head(), self.followed())
            .map_err(|why| self.damaged(&name, why))?;
        self.put_last(segment);
        Ok(())
    }

    /// Adds a segment. Segments that it replaces are no longer pending, but their files stay until it is proven.
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
        let hint = "use a separate outbox for each log";
        Err(DeliveryError::outbox("outbox.other_log", message, hint, &self.name))
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, DeliveryError> {
        self.store.read(file).map_err(|error| DeliveryError::io("read the outbox", &self.place(file), error))
    }

    fn place(&self, file: &str) -> String {
        format!("{}/{file}", self.name)
    }

    fn damaged(&self, file: &str, why: &str) -> DeliveryError {
        let hint = "restore the file; or keep this outbox for inspection and use another directory, where \
                    a new chain starts";
        let message = format!("the outbox cannot be used: {why}");
        DeliveryError::outbox("outbox.damaged", message, hint, &self.place(file))
    }

    fn last_number(&self) -> u64 {
        self.pending.back().map_or(self.through, |segment| segment.number)
    }

    /// Returns the name for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the head of the newest chain, including its links in the outbox.
    pub fn head(&self) -> Option<&Head> {
        self.pending.back().map_or(self.proven.0.as_ref(), |segment| Some(&segment.end))
    }

    /// Returns the position in the followed file up to which its events are in the outbox.
    pub fn followed(&self) -> Option<&FollowPosition> {
        self.pending.back().map_or(self.proven.1.as_ref(), |segment| segment.followed.as_ref())
    }

    /// Returns the proof of the newest proven link.
    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_ref()
    }

    /// Returns the newest head proof of a tenant log, with which each answer is compared.
    pub fn newest_head(&self) -> Option<&HeadProof> {
        self.newest_head.as_ref()
    }

    /// Returns the evidence that the log server has shown two histories, if it has.
    pub fn contradiction(&self) -> Option<&RefusedAnswer> {
        self.contradiction.as_ref()
    }

    /// Returns the segments that are not yet proven.
    pub fn pending(&self) -> &VecDeque<Segment> {
        &self.pending
    }

    /// Returns the number of events that are not yet proven.
    pub fn events(&self) -> u64 {
        self.pending.iter().map(|segment| segment.events).sum()
    }

    /// Returns the number of bytes that are not yet proven.
    pub fn bytes(&self) -> usize {
        self.pending.iter().map(|segment| segment.bytes).sum()
    }

    /// Appends the output of a recorder: links of one chain that continue from [`Outbox::head`], the last one signed.
    /// They are durable when this returns.
    ///
    /// # Errors
    /// If the links don't continue the chain, or the store fails. They may or may not be durable then, and nothing more
    /// can be appended until the outbox is opened again.
    pub fn append(&mut self, lines: &str, followed: Option<&FollowPosition>) -> Result<(), DeliveryError> {
        self.keep(lines, followed, None)
    }

    /// Replaces the segments from number `first` on by a new chain with their events, in one step. It is durable when
    /// this returns.
    ///
    /// # Errors
    /// Those of [`Outbox::append`].
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
            let hint = "open the outbox again, for example by restarting the program";
            let message = "an earlier write to the outbox failed, so its state is unknown";
            return Err(DeliveryError::outbox("outbox.unknown", message, hint, &self.name));
        }
        let text = segment::write(&self.origin, followed, replaces, lines);
        let segment = segment::read(number, &text, &self.origin, self.head(), self.followed())
            .map_err(|why| self.damaged(&name, why))?;
        if number == 1 {
            // Lets a later process tell a new outbox from one that lost its files.
            self.write_position(0, (None, None), None, None)?;
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
            String::from_utf8(self.read(&name)?).map_err(|_| self.damaged(&name, "the file is not UTF-8"))?;
        Ok(segment::links(&text).to_owned())
    }

    /// Removes the segments up to `through`, which the receipt proves to be in the log. `head` is the newest head proof of
    /// a tenant log.
    ///
    /// # Errors
    /// If the store fails. In this case, the segments are kept.
    pub fn proven(
        &mut self,
        through: u64,
        receipt: Receipt,
        head: Option<HeadProof>,
    ) -> Result<(), DeliveryError> {
        let Some(last) = self.pending.iter().find(|segment| segment.number == through) else {
            return Ok(());
        };
        let proven = (Some(last.end.clone()), last.followed.clone());
        let head = head.or_else(|| self.newest_head.clone());
        self.write_position(through, proven.clone(), Some(&receipt), head.as_ref())?;
        let before = std::mem::replace(&mut self.through, through);
        (self.proven, self.receipt, self.newest_head) = (proven, Some(receipt), head);
        self.pending.retain(|segment| segment.number > through);
        for number in before + 1..=through {
            // If a file can't be removed, the next process knows that it is proven, and removes it.
            let _ = self.store.remove(&segment::name(number));
        }
        Ok(())
    }

    /// Keeps the newest head proof of a tenant log.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) fn keep_newest_head(&mut self, head: HeadProof) -> Result<(), DeliveryError> {
        self.write_position(self.through, self.proven.clone(), self.receipt.as_ref(), Some(&head))?;
        self.newest_head = Some(head);
        Ok(())
    }

    /// Keeps the evidence that this answer contradicts the newest head or itself. If the store fails, it is kept until the
    /// process ends. The next one sends the links again, and gets an answer to compare.
    pub(crate) fn keep_contradiction(&mut self, message: &str, answer: &[u8]) {
        self.contradiction = Some(self.keep_refused(CONTRADICTION, message, answer));
    }

    /// Keeps a tenant log's answer whose signed head can't be compared, until one is accepted. If the store fails, it isn't kept: the next
    /// attempt gets another one.
    pub(crate) fn keep_unproven(&mut self, message: &str, answer: &[u8]) {
        self.has_unproven = true;
        self.keep_refused(UNPROVEN, message, answer);
    }

    /// Deletes the answer that could not be used, after one was accepted.
    pub(crate) fn forget_unproven(&mut self) {
        // If the file can't be removed, that is tried again after the next answer.
        self.has_unproven = self.has_unproven && self.store.remove(UNPROVEN).is_err();
    }

    fn keep_refused(&self, file: &str, message: &str, answer: &[u8]) -> RefusedAnswer {
        let head = self.newest_head.as_ref().map(ToString::to_string);
        let answer = String::from_utf8_lossy(answer).into_owned();
        let refused = RefusedAnswer { message: message.into(), head, answer };
        // The refusal is reported, whether or not the answer can be kept.
        if let Ok(text) = serde_json::to_string(&refused) {
            let _ = self.store.put(file, format!("{text}\n").as_bytes());
        }
        refused
    }

    /// Deletes the record of an input's progress, if everything in the outbox is proven.
    ///
    /// # Errors
    /// If the store fails.
    pub fn forget(&mut self) -> Result<(), DeliveryError> {
        let (head, Some(followed)) = &self.proven else { return Ok(()) };
        if followed.begun.is_none() || !self.pending.is_empty() {
            return Ok(());
        }
        let proven = (head.clone(), Some(FollowPosition { begun: None, ..followed.clone() }));
        let (receipt, newest_head) = (self.receipt.as_ref(), self.newest_head.as_ref());
        self.write_position(self.through, proven.clone(), receipt, newest_head)?;
        self.proven = proven;
        Ok(())
    }

    fn write_position(
        &self,
        through: u64,
        (head, followed): (Option<Head>, Option<FollowPosition>),
        receipt: Option<&Receipt>,
        newest_head: Option<&HeadProof>,
    ) -> Result<(), DeliveryError> {
        let position = Position {
            countersign: VERSION.into(),
            origin: self.origin.clone(),
            through,
            head: head.as_ref().map(StoredHead::from),
            followed,
            receipt: receipt.cloned(),
            newest_head: newest_head.map(ToString::to_string),
        };
        let text = serde_json::to_string(&position).map_err(io::Error::from);
        let put = text.and_then(|text| self.store.put(POSITION, format!("{text}\n").as_bytes()));
        put.map_err(|error| DeliveryError::io("write to the outbox", &self.place(POSITION), error))
    }
}
