//! Visits the verified events of an export, with items that were computed when each event was hashed.
//!
//! An event passes through three stages:
//!
//! 1. A thread that hashes it calls the *examiner*, a function of that thread. It gets the event as a
//!    [`SummarizedEvent`], which matches its commit but which no signature may cover yet. Here the event is parsed, and
//!    nowhere else: the examiner returns an item of its own type, or nothing for an event that is not needed.
//! 2. The item waits, in memory, for the signature that covers its event. At most 64 MiB wait. Items beyond
//!    that are counted, and the run fails with [`Code::LeftOut`](crate::Code::LeftOut) when they would have
//!    been delivered. When 8 MiB wait, items are asked to [compact](PendingItem::compact) themselves: only
//!    then is anything serialized. An item is dropped if its chain breaks or is never signed.
//! 3. The calling thread hands the item, with the link that the signature covers, to an [`EventVisitor`].
//!    Events arrive in the order in which they become verified, regardless of the number of threads: those of
//!    one chain in the order of the log, those of different chains interleaved by their signatures. After
//!    each batch the visitor learns up to which leaf no more events come, so that it can put them into the
//!    order of the log. An error of the visitor ends the run.
//!
//! The driver is `parallel::visit`. Items cross the verifier without their type, so that it is compiled once and not
//! for each visitor.

use core::any::Any;
use core::fmt::Debug;

use super::Mark;
use super::events::CoveredLink;
use super::summary::{EntryKind, PayloadState, Summary};
use crate::link::ChainId;
use crate::time::Time;

/// An item that waits for the signature that covers its event.
pub trait PendingItem: Any + Debug + Send {
    /// Returns the approximate number of bytes of memory that it owns in addition to its own size, such as its strings.
    fn bytes(&self) -> usize;

    /// Reduces its memory, if possible. Called when many items wait.
    fn compact(&mut self) {}
}

impl<A: PendingItem, B: PendingItem> PendingItem for (A, B) {
    fn bytes(&self) -> usize {
        self.0.bytes() + self.1.bytes()
    }

    fn compact(&mut self) {
        self.0.compact();
        self.1.compact();
    }
}

impl PendingItem for () {
    fn bytes(&self) -> usize {
        0
    }
}

impl<T: PendingItem> PendingItem for Option<T> {
    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, T::bytes)
    }

    fn compact(&mut self) {
        self.iter_mut().for_each(T::compact);
    }
}

/// An event that matches the commit of its link. A valid signature may not cover the link yet.
#[derive(Clone, Copy, Debug)]
pub struct SummarizedEvent<'a> {
    entry: usize,
    /// The chain of the event's link.
    pub chain: ChainId,
    /// The link's `seq` in the chain.
    pub seq: u64,
    /// The link's time, by the emitter's clock.
    pub time: Time,
    /// The text that the link commits to, in UTF-8: as in [`VerifiedEvent`](super::VerifiedEvent).
    pub text: &'a [u8],
}

impl SummarizedEvent<'_> {
    /// Selects the event: once it is verified, the visitor gets this item.
    pub const fn select<T>(&self, item: T) -> SelectedItem<T> {
        SelectedItem { entry: self.entry, item, with_text: false }
    }

    /// Selects the event: once it is verified, the visitor gets this item and the event's text.
    pub const fn select_with_text<T>(&self, item: T) -> SelectedItem<T> {
        SelectedItem { entry: self.entry, item, with_text: true }
    }
}

/// The item that an examiner returns for a selected event.
#[derive(Debug)]
pub struct SelectedItem<T> {
    pub(super) entry: usize,
    pub(super) item: T,
    pub(super) with_text: bool,
}

impl<T> SelectedItem<T> {
    /// Returns the item, and whether the visitor gets the event's text too.
    pub fn into_parts(self) -> (T, bool) {
        (self.item, self.with_text)
    }
}

/// An item whose type only the visitor knows.
pub(super) type AnyItem = Box<dyn PendingItem>;

/// An event that an examiner selected.
pub(super) type Selected = SelectedItem<AnyItem>;

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
impl<T: PendingItem> SelectedItem<T> {
    /// Forgets the item's type.
    pub(super) fn erase(self) -> Selected {
        SelectedItem { entry: self.entry, item: Box::new(self.item), with_text: self.with_text }
    }
}

/// An event that was selected and became verified.
#[derive(Debug, derive_more::Deref)]
pub struct VerifiedItem<T> {
    /// The event's link.
    #[deref]
    pub link: CoveredLink,
    /// The examiner's item.
    pub item: T,
    /// Its text, if the examiner [asked for it](SummarizedEvent::select_with_text): as in
    /// [`VerifiedEvent`](super::VerifiedEvent).
    pub text: Option<Box<str>>,
}

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
impl VerifiedItem<AnyItem> {
    /// Restores the item's type.
    pub(super) fn downcast<T: PendingItem>(self) -> VerifiedItem<T> {
        let Self { link, item, text } = self;
        let item: Box<dyn Any> = item;
        let Ok(item) = item.downcast() else { unreachable!("one run has items of one type") };
        VerifiedItem { link, item: *item, text }
    }
}

/// A visitor of an export's selected events, called as they become verified.
pub trait EventVisitor {
    /// The item that the examiner makes of an event.
    type Item: PendingItem;
    /// The error with which the visitor ends the run.
    type Error;

    /// Takes an event that became verified.
    ///
    /// # Errors
    /// Ends the run: no more events are visited.
    fn visit(&mut self, event: VerifiedItem<Self::Item>) -> Result<(), Self::Error>;

    /// Counts events that became verified and that the examiner did not select. Called before those of the same batch
    /// are visited.
    fn count_others(&mut self, events: u64) {
        let _ = events;
    }

    /// Visits a line other than an event, if [`Options::marks`](super::Options::marks) is set. Called after the
    /// events of the same batch were visited.
    ///
    /// # Errors
    /// Ends the run.
    fn mark(&mut self, mark: Mark) -> Result<(), Self::Error> {
        let _ = mark;
        Ok(())
    }

    /// Ends a batch: events that are visited later have the index `settled` or a greater one.
    ///
    /// # Errors
    /// Ends the run.
    fn settle(&mut self, settled: u64) -> Result<(), Self::Error> {
        let _ = settled;
        Ok(())
    }
}

/// The error that ended a run with a visitor early.
#[derive(Debug, derive_more::Display)]
pub enum VisitError<E> {
    /// The export could not be read, or [too much waited](crate::Code::LeftOut) for a signature.
    #[display("{_0}")]
    Read(std::io::Error),
    /// The visitor's own error.
    #[display("{_0}")]
    Visitor(E),
}

impl<E: core::error::Error + 'static> core::error::Error for VisitError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Read(error) => error.source(),
            Self::Visitor(error) => error.source(),
        }
    }
}

impl<E> From<std::io::Error> for VisitError<E> {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error)
    }
}

impl Summary {
    /// The events that match their links' commits, in the order of the lines. `chunk` is the text that was summarized.
    pub fn events<'s>(&'s self, chunk: &'s [u8]) -> impl Iterator<Item = SummarizedEvent<'s>> {
        let mut canonical = self.canonical.iter().peekable();
        self.entries.iter().enumerate().filter_map(move |(entry, found)| {
            let canonical = canonical.next_if(|(of, _)| *of == entry);
            let EntryKind::Link(link) = &found.kind else { return None };
            if link.payload != PayloadState::Matches {
                return None;
            }
            let text = match canonical {
                Some((_, text)) => text.as_bytes(),
                None => chunk.get(link.event.0..link.event.1)?,
            };
            let chain = *self.chains.get(link.chain as usize)?;
            Some(SummarizedEvent { entry, chain, seq: link.seq, time: link.time, text })
        })
    }
}
