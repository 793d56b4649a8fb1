//! One verified pass over an export, for any number of consumers.

use countersign::verify::{
    EventVisitor, Mark, Options, PendingItem, SelectedItem, SummarizedEvent, Verification, VerifiedItem,
};

use crate::errors::CliError;
use crate::io::input::Input;
use crate::io::visit::visit;

/// A consumer of an export's verified events, such as the search with rules, or the inventory.
///
/// Each thread that hashes events examines them with a copy of the [examiner](Self::examiner). The consumer is a
/// visitor: it accepts the examined events once they are verified.
pub(crate) trait Consumer: EventVisitor<Error = CliError> {
    type Examiner: Examiner<Item = Self::Item>;

    /// Returns what a thread needs to examine events.
    fn examiner(&self) -> Self::Examiner;
}

/// The part of a consumer that examines events before they are verified.
pub(crate) trait Examiner: Copy + Sync {
    type Item: PendingItem;

    /// Returns the item for an event; `None` if the consumer only counts it.
    fn examine(&self, event: &SummarizedEvent<'_>) -> Option<SelectedItem<Self::Item>>;
}

/// Verifies an export once, and passes its events to a consumer: one, a pair of them, or an optional one.
pub(crate) fn study(
    input: &mut Input,
    options: Options,
    threads: usize,
    consumer: &mut impl Consumer,
) -> Result<Verification, CliError> {
    let examiner = consumer.examiner();
    let examiner = || move |event: &SummarizedEvent<'_>| examiner.examine(event);
    visit(input, options, threads, examiner, consumer)
}

/// An item of one of several consumers, and whether this consumer asked for the event's text.
#[derive(Debug)]
pub(crate) struct Share<T> {
    item: T,
    with_text: bool,
}

impl<T> Share<T> {
    fn new(selected: SelectedItem<T>) -> Self {
        let (item, with_text) = selected.into_parts();
        Self { item, with_text }
    }
}

impl<T: PendingItem> PendingItem for Share<T> {
    fn bytes(&self) -> usize {
        self.item.bytes()
    }

    fn compact(&mut self) {
        self.item.compact();
    }
}

impl<A: Examiner, B: Examiner> Examiner for (A, B) {
    type Item = (Option<Share<A::Item>>, Option<Share<B::Item>>);

    fn examine(&self, event: &SummarizedEvent<'_>) -> Option<SelectedItem<Self::Item>> {
        let first = self.0.examine(event).map(Share::new);
        let second = self.1.examine(event).map(Share::new);
        if first.is_none() && second.is_none() {
            return None;
        }
        let with_text = first.as_ref().is_some_and(|first| first.with_text)
            || second.as_ref().is_some_and(|second| second.with_text);
        let items = (first, second);
        Some(if with_text { event.select_with_text(items) } else { event.select(items) })
    }
}

/// Two consumers of the same pass.
pub(crate) struct Both<A, B>(pub(crate) A, pub(crate) B);

impl<A: Consumer, B: Consumer> Consumer for Both<A, B> {
    type Examiner = (A::Examiner, B::Examiner);

    fn examiner(&self) -> Self::Examiner {
        (self.0.examiner(), self.1.examiner())
    }
}

impl<A: Consumer, B: Consumer> EventVisitor for Both<A, B> {
    type Item = <(A::Examiner, B::Examiner) as Examiner>::Item;
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<Self::Item>) -> Result<(), CliError> {
        let VerifiedItem { link, item: (first, second), text } = event;
        match first {
            Some(Share { item, with_text }) => {
                let text = text.clone().filter(|_| with_text);
                self.0.visit(VerifiedItem { link: link.clone(), item, text })?;
            }
            None => self.0.count_others(1),
        }
        let Some(Share { item, with_text }) = second else {
            self.1.count_others(1);
            return Ok(());
        };
        self.1.visit(VerifiedItem { link, item, text: text.filter(|_| with_text) })
    }

    fn count_others(&mut self, events: u64) {
        self.0.count_others(events);
        self.1.count_others(events);
    }

    fn mark(&mut self, mark: Mark) -> Result<(), CliError> {
        self.0.mark(mark.clone())?;
        self.1.mark(mark)
    }

    fn settle(&mut self, settled: u64) -> Result<(), CliError> {
        self.0.settle(settled)?;
        self.1.settle(settled)
    }
}

impl<X: Examiner> Examiner for Option<X> {
    type Item = X::Item;

    fn examine(&self, event: &SummarizedEvent<'_>) -> Option<SelectedItem<Self::Item>> {
        self.as_ref()?.examine(event)
    }
}

/// A consumer that a command may not need.
pub(crate) struct Optional<C>(pub(crate) Option<C>);

impl<C: Consumer> Consumer for Optional<C> {
    type Examiner = Option<C::Examiner>;

    fn examiner(&self) -> Self::Examiner {
        self.0.as_ref().map(C::examiner)
    }
}

impl<C: Consumer> EventVisitor for Optional<C> {
    type Item = C::Item;
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<Self::Item>) -> Result<(), CliError> {
        self.0.as_mut().map_or(Ok(()), |consumer| consumer.visit(event))
    }

    fn count_others(&mut self, events: u64) {
        self.0.iter_mut().for_each(|consumer| consumer.count_others(events));
    }

    fn mark(&mut self, mark: Mark) -> Result<(), CliError> {
        self.0.as_mut().map_or(Ok(()), |consumer| consumer.mark(mark))
    }

    fn settle(&mut self, settled: u64) -> Result<(), CliError> {
        self.0.as_mut().map_or(Ok(()), |consumer| consumer.settle(settled))
    }
}
