//! What is handed out: events and marks, links among them once a signature covers them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::Update;
use super::events::{CoveredLink, VerifiedEvent};
use super::finding::Place;
use super::marks::{LinkKind, LinkMark, Mark};
use super::summary::{LinkEntry, Role, Shown};
use super::visitor::{AnyItem, VerifiedItem};
use crate::link::ChainId;
use crate::note::VerifierKey;
use crate::time::Time;

/// How many bytes of links may wait for a signature. What is more is counted and not handed out.
const MAX_HELD: usize = 64 << 20;
/// The number of bytes that may wait before items are made compact.
const CROWDED: usize = 8 << 20;

/// What is ready to be handed out, and links that wait for a signature.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    events_wanted: bool,
    marks_wanted: bool,
    bytes: usize,
    /// Set when more than [`CROWDED`] bytes wait, until less than half of them do.
    is_crowded: bool,
    chains: HashMap<usize, OfChain>,
    /// The first leaf of each chain in which something waits, with the chain; and some that no longer do.
    firsts: BinaryHeap<Reverse<(u64, usize)>>,
    ready: Update,
}

/// An event as it is offered.
#[derive(Debug)]
pub(super) enum Offered<'e> {
    /// Its text, which is handed out where events are wanted, and where that begins in the export.
    Text(&'e [u8], Option<u64>),
    /// An examiner selected it, with this text or without.
    Item(AnyItem, Option<&'e [u8]>),
    /// An examiner did not select it.
    Count,
}

/// What waits in a chain.
#[derive(Debug, Default)]
struct OfChain {
    waiting: Vec<Waiting>,
    /// The number of events that were not selected.
    others: u64,
    /// How much there was no room for.
    left_out: u64,
}

/// Something that waits, with what not all of its chain's links share.
#[derive(Debug)]
struct Waiting {
    line: u64,
    index: u64,
    seq: u64,
    time: Time,
    what: What,
}

#[derive(Debug)]
enum What {
    Event(Box<str>, Option<u64>),
    Item(AnyItem, Option<Box<str>>),
    Mark(LinkKind),
}

impl Waiting {
    /// Its memory, with the room that lists and tables keep.
    fn bytes(&self) -> usize {
        let held = match &self.what {
            What::Event(text, _) => text.len(),
            What::Item(item, text) => {
                size_of_val(&**item) + item.bytes() + text.as_deref().map_or(0, str::len)
            }
            What::Mark(_) => 0,
        };
        2 * size_of::<Self>() + held
    }

    fn compact(&mut self) {
        if let What::Item(item, _) = &mut self.what {
            item.compact();
        }
    }
}

impl Delivery {
    pub(super) fn new(events_wanted: bool, marks_wanted: bool) -> Self {
        Self { events_wanted, marks_wanted, ..Self::default() }
    }

    /// A link that did not fail, with its event.
    pub(super) fn hold(&mut self, chain: usize, link: &LinkEntry, place: Place, event: Offered<'_>) {
        let kind = match (&link.role, link.payload) {
            (Role::Open(_), _) => LinkKind::Open,
            (Role::Close, _) => LinkKind::Close,
            (Role::Event, Shown::Withheld(why)) => LinkKind::Withheld(why),
            (Role::Event, Shown::Matches) => {
                let text = |text| core::str::from_utf8(text).ok().map(Box::from);
                match event {
                    Offered::Text(event, at) => {
                        if self.events_wanted
                            && let Some(event) = text(event)
                        {
                            self.wait(chain, place, link.time, What::Event(event, at));
                        }
                    }
                    Offered::Item(item, event) => {
                        self.wait(chain, place, link.time, What::Item(item, event.and_then(text)));
                    }
                    Offered::Count => self.chains.entry(chain).or_default().others += 1,
                }
                return;
            }
            (Role::Event, Shown::Fails | Shown::NoEvent) => return,
        };
        if self.marks_wanted {
            self.wait(chain, place, link.time, What::Mark(kind));
        }
    }

    fn wait(&mut self, chain: usize, place: Place, time: Time, what: What) {
        let (Some((_, Some(seq))), Some(index)) = (place.link, place.index) else { return };
        let mut waiting = Waiting { line: place.line, index, seq, time, what };
        if self.is_crowded {
            waiting.compact();
        }
        let bytes = waiting.bytes();
        let of_chain = self.chains.entry(chain).or_default();
        if self.bytes + bytes > MAX_HELD {
            of_chain.left_out += 1;
            return;
        }
        self.bytes += bytes;
        of_chain.waiting.push(waiting);
        if of_chain.waiting.len() == 1 {
            self.firsts.push(Reverse((index, chain)));
            // What no longer waits would grow with the events where one chain waits for long.
            if self.firsts.len() > 2 * self.chains.len() + 64 {
                let chains = &self.chains;
                self.firsts.retain(|Reverse((first, chain))| waits(chains, *first, *chain));
            }
        }
        if !self.is_crowded && self.bytes > CROWDED {
            self.is_crowded = true;
            for waiting in self.chains.values_mut().flat_map(|chain| &mut chain.waiting) {
                self.bytes -= waiting.bytes();
                waiting.compact();
                self.bytes += waiting.bytes();
            }
        }
    }

    /// A signature of this key covers what waits in a chain.
    pub(super) fn release(
        &mut self,
        number: usize,
        chain: ChainId,
        vkey: impl Fn() -> VerifierKey,
        authorized: bool,
    ) {
        let Some(OfChain { waiting, others, left_out }) = self.chains.remove(&number) else { return };
        self.ready.others += others;
        self.ready.left_out += left_out;
        if waiting.is_empty() {
            return;
        }
        let vkey = vkey();
        for waiting in waiting {
            self.bytes -= waiting.bytes();
            let Waiting { line, index, seq, time, what } = waiting;
            let link = CoveredLink { line, index, chain, seq, time, vkey: vkey.clone(), authorized };
            let ready = &mut self.ready;
            match what {
                What::Event(event, at) => ready.events.push(VerifiedEvent { link, event, at }),
                What::Item(item, text) => ready.selected.push(VerifiedItem { link, item, text }),
                What::Mark(kind) => ready.marks.push(Mark::Link(LinkMark { kind, link })),
            }
        }
        self.is_crowded &= self.bytes > CROWDED / 2;
    }

    /// No signature will cover what waits in a chain.
    pub(super) fn drop_chain(&mut self, number: usize) {
        let dropped = self.chains.remove(&number).unwrap_or_default().waiting;
        self.bytes -= dropped.iter().map(Waiting::bytes).sum::<usize>();
        self.is_crowded &= self.bytes > CROWDED / 2;
    }

    /// Anything but a link, which need not wait.
    pub(super) fn mark(&mut self, mark: impl FnOnce() -> Mark) {
        if self.marks_wanted {
            self.ready.marks.push(mark());
        }
    }

    /// What became known. What is handed out later lies at this position or after it, or waits now.
    pub(super) fn take(&mut self, position: u64) -> Update {
        while let Some(Reverse((first, chain))) = self.firsts.peek().copied() {
            if waits(&self.chains, first, chain) {
                return Update { settled: first.min(position), ..std::mem::take(&mut self.ready) };
            }
            self.firsts.pop();
        }
        Update { settled: position, ..std::mem::take(&mut self.ready) }
    }
}

/// Whether that leaf is the first that waits in a chain.
fn waits(chains: &HashMap<usize, OfChain>, first: u64, chain: usize) -> bool {
    chains.get(&chain).and_then(|chain| chain.waiting.first()).is_some_and(|waiting| waiting.index == first)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::error::Code;
    use crate::hash::Hash;
    use crate::verify::PendingItem;
    use crate::verify::summary::Signed;

    const CHAIN: ChainId = ChainId([7; 16]);

    fn place(seq: u64) -> Place {
        Place::link(seq + 1, seq, CHAIN, seq)
    }

    fn vkey() -> VerifierKey {
        "example.com/dashboard/a+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5".parse().unwrap()
    }

    fn link(role: Role, payload: Shown) -> LinkEntry {
        LinkEntry {
            chain: 0,
            role,
            signature: Signed::No,
            payload,
            seq: 1,
            time: Time::MAX,
            prev: Hash([0; 32]),
            event: (0, 0),
        }
    }

    #[test]
    fn what_waits_is_bounded_and_room_comes_back() {
        let text = vec![b' '; 8 << 20];
        let (event, close) = (link(Role::Event, Shown::Matches), link(Role::Close, Shown::NoEvent));
        let mut delivery = Delivery::new(true, true);
        for _ in 0..2 {
            for seq in 0..10 {
                delivery.hold(1, &event, place(seq), Offered::Text(&text, None));
            }
            delivery.hold(1, &close, place(10), Offered::Text(b"", None));
            assert!(delivery.bytes <= MAX_HELD);
            delivery.release(1, CHAIN, vkey, true);
            let told = delivery.take(20);
            // The eighth does not fit, and what comes after it is small.
            assert_eq!((told.events.len(), told.marks.len(), delivery.bytes), (7, 1, 0));
            assert_eq!((told.left_out, told.whole().unwrap_err().code), (3, Code::LeftOut));
            for seq in 0..10 {
                delivery.hold(1, &event, place(seq), Offered::Text(&text, None));
            }
            delivery.drop_chain(1);
            assert!(delivery.take(20).whole().unwrap().is_empty());
        }
        delivery.hold(0, &event, place(1), Offered::Text(b"{}", None));
        delivery.drop_chain(0);
        delivery.release(0, CHAIN, vkey, true);
        assert_eq!((delivery.take(0).events.len(), delivery.bytes, delivery.chains.len()), (0, 0, 0));
    }

    #[test]
    fn what_waits_longest_says_how_far_all_is_settled() {
        let event = link(Role::Event, Shown::Matches);
        let mut delivery = Delivery::new(true, false);
        let hold = |delivery: &mut Delivery, chain, index| {
            delivery.hold(chain, &event, place(index), Offered::Text(b"{}", None));
            delivery.take(index + 1).settled
        };
        assert_eq!(
            [(0, 3), (1, 4), (0, 5)].map(|(chain, index)| hold(&mut delivery, chain, index)),
            [3, 3, 3]
        );
        delivery.release(0, CHAIN, vkey, true);
        assert_eq!(delivery.take(6).settled, 4);
        assert_eq!(hold(&mut delivery, 0, 6), 4);
        delivery.drop_chain(1);
        assert_eq!(delivery.take(7).settled, 6);
        delivery.release(0, CHAIN, vkey, true);
        assert_eq!(delivery.take(7).settled, 7);
    }

    #[test]
    fn while_one_chain_waits_what_others_no_longer_wait_for_is_forgotten() {
        let event = link(Role::Event, Shown::Matches);
        let mut delivery = Delivery::new(true, false);
        let mut hold = |chain, index| {
            delivery.hold(chain, &event, place(index), Offered::Text(b"{}", None));
            if chain == 3 {
                delivery.release(chain, CHAIN, vkey, true);
            }
            delivery.firsts.len()
        };
        (0..3).for_each(|chain| assert_eq!(hold(chain, chain as u64), chain + 1));
        assert_eq!((3..1000).map(|index| hold(3, index)).max(), Some(2 * 4 + 64));
        assert_eq!(delivery.take(1000).settled, 0);
    }

    #[test]
    fn an_event_is_told_as_it_was_selected_and_others_are_counted() {
        let event = link(Role::Event, Shown::Matches);
        let mut delivery = Delivery::new(false, false);
        for chain in 1..=2 {
            let item = Box::new(Item { bytes: 4, is_compact: false });
            delivery.hold(chain, &event, place(1), Offered::Item(item, Some(b"{\"of\":1}")));
            delivery.hold(chain, &event, place(2), Offered::Count);
            delivery.hold(chain, &event, place(3), Offered::Count);
        }
        let held = size_of::<Item>() + 4 + r#"{"of":1}"#.len();
        assert_eq!(delivery.bytes, 2 * (2 * size_of::<Waiting>() + held));
        for chain in 1..=2 {
            delivery.release(chain, CHAIN, vkey, true);
        }
        let told = delivery.take(4);
        assert_eq!((told.selected.len(), told.others, delivery.bytes), (2, 4, 0));
        let selected = told.selected.into_iter().next().unwrap();
        assert_eq!((is_compact(&selected), selected.text.as_deref()), (false, Some(r#"{"of":1}"#)));
    }

    /// An item that holds this many bytes, and one when it is compact.
    #[derive(Debug)]
    struct Item {
        bytes: usize,
        is_compact: bool,
    }

    impl PendingItem for Item {
        fn bytes(&self) -> usize {
            if self.is_compact { 1 } else { self.bytes }
        }

        fn compact(&mut self) {
            self.is_compact = true;
        }
    }

    fn is_compact(event: &VerifiedItem<AnyItem>) -> bool {
        let item: &dyn core::any::Any = &*event.item;
        item.downcast_ref::<Item>().unwrap().is_compact
    }

    #[test]
    fn items_are_compact_while_many_wait() {
        let event = link(Role::Event, Shown::Matches);
        let mut delivery = Delivery::new(false, false);
        let hold = |delivery: &mut Delivery, chain, bytes| {
            let item = Box::new(Item { bytes, is_compact: false });
            delivery.hold(chain, &event, place(1), Offered::Item(item, None));
        };
        let compact = |delivery: &mut Delivery, chain| {
            delivery.release(chain, CHAIN, vkey, true);
            delivery.take(2).selected.iter().map(is_compact).collect::<Vec<_>>()
        };
        hold(&mut delivery, 1, CROWDED / 2);
        assert!(!delivery.is_crowded);
        hold(&mut delivery, 2, CROWDED / 2);
        // Both were, and what comes is, until little waits.
        let held = size_of::<Item>() + 1;
        assert_eq!((delivery.is_crowded, delivery.bytes), (true, 2 * (2 * size_of::<Waiting>() + held)));
        hold(&mut delivery, 2, CROWDED);
        assert_eq!(compact(&mut delivery, 2), [true, true]);
        assert_eq!(compact(&mut delivery, 1), [true]);
        hold(&mut delivery, 1, 5);
        assert_eq!((compact(&mut delivery, 1), delivery.bytes), (vec![false], 0));
    }

    #[test]
    fn nothing_is_kept_that_nobody_asked_for() {
        let mut delivery = Delivery::new(false, false);
        delivery.hold(0, &link(Role::Event, Shown::Matches), place(1), Offered::Text(b"{}", None));
        delivery.hold(0, &link(Role::Close, Shown::NoEvent), place(2), Offered::Text(b"", None));
        delivery.mark(|| unreachable!("no mark is wanted"));
        assert!(delivery.chains.is_empty() && delivery.bytes == 0);
    }
}
