//! Events that are looked at where they are summarized, so that few of them need be handed out.

use super::events::CoveredLink;
use super::summary::{Kind, Shown, Summary};
use crate::link::ChainId;
use crate::time::Time;

/// What whoever looked at an event keeps of it, perhaps in place of its text.
pub type Annotation = Option<Box<[u8]>>;

/// An event that matches the commit of its link. Whether a valid signature covers the link is not known yet.
#[derive(Clone, Copy, Debug)]
pub struct SummarizedEvent<'a> {
    entry: usize,
    /// Its link's chain.
    pub chain: ChainId,
    /// The link's place in it.
    pub seq: u64,
    /// The emitter's clock.
    pub time: Time,
    /// The text that the link commits to, in UTF-8: as in [`VerifiedEvent`](super::VerifiedEvent).
    pub text: &'a [u8],
}

impl SummarizedEvent<'_> {
    /// This event is to be told of once it is verified, with its text or without.
    pub fn pick(&self, annotation: Annotation, with_text: bool) -> Pick {
        Pick { entry: self.entry, annotation, with_text }
    }
}

/// An event of a stretch that is to be told of once it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    pub(super) entry: usize,
    pub(super) annotation: Annotation,
    pub(super) with_text: bool,
}

/// An event that was picked and became verified.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Deref)]
pub struct PickedEvent {
    /// Its link.
    #[deref]
    pub link: CoveredLink,
    /// What was kept of it when it was looked at.
    pub annotation: Annotation,
    /// Its text, where that was asked for: as in [`VerifiedEvent`](super::VerifiedEvent).
    pub event: Option<Box<str>>,
}

impl Summary {
    /// The events that match their links' commits, in the order of the lines. `stretch` is the text that was summarized.
    pub fn events<'s>(&'s self, stretch: &'s [u8]) -> impl Iterator<Item = SummarizedEvent<'s>> {
        let mut canonical = self.canonical.iter().peekable();
        self.entries.iter().enumerate().filter_map(move |(entry, found)| {
            let canonical = canonical.next_if(|(of, _)| *of == entry);
            let Kind::Link(link) = &found.kind else { return None };
            if link.payload != Shown::Matches {
                return None;
            }
            let text = match canonical {
                Some((_, text)) => text.as_bytes(),
                None => stretch.get(link.event.0..link.event.1)?,
            };
            let chain = *self.chains.get(link.chain as usize)?;
            Some(SummarizedEvent { entry, chain, seq: link.seq, time: link.time, text })
        })
    }
}
