//! Delivery of events and marks. Links and their events wait until a signature covers them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::Update;
use super::events::{CoveredLink, VerifiedEvent};
use super::finding::Place;
use super::marks::{LinkKind, LinkMark, Mark};
use super::summary::{LinkEntry, PayloadState, Role, SignatureState};
use super::visitor::{AnyItem, VerifiedItem};
use crate::hash::Hash;
use crate::link::{ChainId, LinkAttestation};
use crate::note::VerifierKey;
use crate::time::Time;

/// Maximum bytes that may wait for a signature. Anything more is counted but not delivered.
const MAX_WAITING_BYTES: usize = 64 << 20;
/// Number of waiting bytes above which items are compacted.
const COMPACT_ABOVE_BYTES: usize = 8 << 20;

/// Updates ready for delivery, and links that wait for a signature.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    events_wanted: bool,
    marks_wanted: bool,
    bytes: usize,
    /// True after more than [`COMPACT_ABOVE_BYTES`] waited, until less than half of that waits.
    is_crowded: bool,
    chains: HashMap<usize, ChainQueue>,
    /// The first waiting leaf of each chain, with the chain's number. May contain stale entries.
    firsts: BinaryHeap<Reverse<(u64, usize)>>,
    ready: Update,
}

/// An event as `sequence` offers it.
#[derive(Debug)]
pub(super) enum OfferedEvent<'e> {
    /// The text, delivered if events are wanted, and its byte position in the export.
    Text(&'e [u8], Option<u64>),
    /// The item of an examiner that selected the event, with or without the event's text.
    Item(AnyItem, Option<&'e [u8]>),
    /// The examiner did not select the event.
    Count,
}

/// The waiting links of a chain.
#[derive(Debug, Default)]
struct ChainQueue {
    waiting: Vec<WaitingLink>,
    /// The number of events that the examiner did not select.
    others: u64,
    /// The number of links and events for which there was no room.
    left_out: u64,
}

/// A waiting link, without what all links of its chain share.
#[derive(Debug)]
struct WaitingLink {
    line: u64,
    index: u64,
    seq: u64,
    time: Time,
    /// `None` for a link of a merged summary.
    attestation: Option<LinkAttestation>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Event(Box<str>, Option<u64>),
    Item(AnyItem, Option<Box<str>>),
    Mark(LinkKind),
}

impl WaitingLink {
    /// Returns the memory used, including the spare capacity of lists and tables.
    fn bytes(&self) -> usize {
        let held = match &self.content {
            Content::Event(text, _) => text.len(),
            Content::Item(item, text) => {
                size_of_val(&**item) + item.bytes() + text.as_deref().map_or(0, str::len)
            }
            Content::Mark(_) => 0,
        };
        2 * size_of::<Self>()
            + self.attestation.as_ref().and_then(|known| known.signature.as_deref()).map_or(0, size_of_val)
            + held
    }

    fn compact(&mut self) {
        if let Content::Item(item, _) = &mut self.content {
            item.compact();
        }
    }
}

impl Delivery {
    pub(super) fn new(events_wanted: bool, marks_wanted: bool) -> Self {
        Self { events_wanted, marks_wanted, ..Self::default() }
    }

    /// Queues a link that did not fail, with its event.
    pub(super) fn enqueue(
        &mut self,
        chain: usize,
        link: &LinkEntry,
        hash: &Hash,
        place: Place,
        event: OfferedEvent<'_>,
    ) {
        let kind = match (&link.role, link.payload) {
            (Role::Open(_), _) => LinkKind::Open,
            (Role::Close, _) => LinkKind::Close,
            (Role::Event, PayloadState::Withheld(why)) => LinkKind::Withheld(why),
            (Role::Event, PayloadState::Matches) => {
                let text = |text| core::str::from_utf8(text).ok().map(Box::from);
                match event {
                    OfferedEvent::Text(event, at) => {
                        if self.events_wanted
                            && let Some(event) = text(event)
                        {
                            self.push(chain, place, link, hash, Content::Event(event, at));
                        }
                    }
                    OfferedEvent::Item(item, event) => {
                        self.push(chain, place, link, hash, Content::Item(item, event.and_then(text)));
                    }
                    OfferedEvent::Count => self.chains.entry(chain).or_default().others += 1,
                }
                return;
            }
            (Role::Event, PayloadState::Fails | PayloadState::NoEvent) => return,
        };
        if self.marks_wanted {
            self.push(chain, place, link, hash, Content::Mark(kind));
        }
    }

    fn push(&mut self, chain: usize, place: Place, link: &LinkEntry, hash: &Hash, content: Content) {
        let (Some((_, Some(seq))), Some(index)) = (place.link, place.index) else { return };
        let is_valid = link.signature == SignatureState::Valid;
        let signature = link.signature_bytes.clone().filter(|_| is_valid);
        let attestation =
            link.prev.hash().map(|prev| LinkAttestation { hash: *hash, prev: *prev, signature });
        let mut waiting = WaitingLink { line: place.line, index, seq, time: link.time, attestation, content };
        if self.is_crowded {
            waiting.compact();
        }
        let bytes = waiting.bytes();
        let queue = self.chains.entry(chain).or_default();
        if self.bytes + bytes > MAX_WAITING_BYTES {
            queue.left_out += 1;
            return;
        }
        self.bytes += bytes;
        queue.waiting.push(waiting);
        if queue.waiting.len() == 1 {
            self.firsts.push(Reverse((index, chain)));
            // Remove stale entries: if one chain waits for long, they would otherwise grow with the events.
            if self.firsts.len() > 2 * self.chains.len() + 64 {
                let chains = &self.chains;
                self.firsts.retain(|Reverse((first, chain))| waits(chains, *first, *chain));
            }
        }
        if !self.is_crowded && self.bytes > COMPACT_ABOVE_BYTES {
            self.is_crowded = true;
            for waiting in self.chains.values_mut().flat_map(|chain| &mut chain.waiting) {
                self.bytes -= waiting.bytes();
                waiting.compact();
                self.bytes += waiting.bytes();
            }
        }
    }

    /// Delivers what waits in a chain: a valid signature covers it.
    pub(super) fn release(
        &mut self,
        number: usize,
        chain: ChainId,
        vkey: impl Fn() -> VerifierKey,
        authorized: bool,
    ) {
        let Some(ChainQueue { waiting, others, left_out }) = self.chains.remove(&number) else { return };
        self.ready.others += others;
        self.ready.left_out += left_out;
        if waiting.is_empty() {
            return;
        }
        let vkey = vkey();
        for waiting in waiting {
            self.bytes -= waiting.bytes();
            let WaitingLink { line, index, seq, time, attestation, content } = waiting;
            let vkey = vkey.clone();
            let link = CoveredLink { line, index, chain, seq, time, vkey, authorized, attestation };
            let ready = &mut self.ready;
            match content {
                Content::Event(event, at) => ready.events.push(VerifiedEvent { link, event, at }),
                Content::Item(item, text) => ready.selected.push(VerifiedItem { link, item, text }),
                Content::Mark(kind) => ready.marks.push(Mark::Link(LinkMark { kind, link })),
            }
        }
        self.is_crowded &= self.bytes > COMPACT_ABOVE_BYTES / 2;
    }

    /// Drops what waits in a chain: no signature will cover it.
    pub(super) fn drop_chain(&mut self, number: usize) {
        let dropped = self.chains.remove(&number).unwrap_or_default().waiting;
        self.bytes -= dropped.iter().map(WaitingLink::bytes).sum::<usize>();
        self.is_crowded &= self.bytes > COMPACT_ABOVE_BYTES / 2;
    }

    /// Delivers a mark that is not a link and so need not wait.
    pub(super) fn mark(&mut self, mark: impl FnOnce() -> Mark) {
        if self.marks_wanted {
            self.ready.marks.push(mark());
        }
    }

    /// Returns the results since the last call. Anything that is delivered later is waiting now, or is at
    /// `position` or after it.
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

/// True if that leaf is the first that waits in a chain.
fn waits(chains: &HashMap<usize, ChainQueue>, first: u64, chain: usize) -> bool {
    chains.get(&chain).and_then(|chain| chain.waiting.first()).is_some_and(|waiting| waiting.index == first)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::error::Code;
    use crate::verify::PendingItem;
    use crate::verify::summary::Previous;

    const HASH: Hash = Hash([9; 32]);
    const CHAIN: ChainId = ChainId([7; 16]);

    fn place(seq: u64) -> Place {
        Place::link(seq + 1, seq, CHAIN, seq)
    }

    fn vkey() -> VerifierKey {
        "example.com/dashboard/a+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5".parse().unwrap()
    }

    fn link(role: Role, payload: PayloadState) -> LinkEntry {
        LinkEntry {
            chain: 0,
            role,
            signature: SignatureState::No,
            payload,
            seq: 1,
            time: Time::MAX,
            prev: Previous::Hash(Hash([0; 32])),
            event: (0, 0),
            signature_bytes: None,
        }
    }

    #[test]
    fn waiting_memory_is_bounded_and_released() {
        let text = vec![b' '; 8 << 20];
        let (event, close) =
            (link(Role::Event, PayloadState::Matches), link(Role::Close, PayloadState::NoEvent));
        let mut delivery = Delivery::new(true, true);
        for _ in 0..2 {
            for seq in 0..10 {
                delivery.enqueue(1, &event, &HASH, place(seq), OfferedEvent::Text(&text, None));
            }
            delivery.enqueue(1, &close, &HASH, place(10), OfferedEvent::Text(b"", None));
            assert!(delivery.bytes <= MAX_WAITING_BYTES);
            delivery.release(1, CHAIN, vkey, true);
            let update = delivery.take(20);
            // The eighth does not fit, but the small link after it does.
            assert_eq!((update.events.len(), update.marks.len(), delivery.bytes), (7, 1, 0));
            assert_eq!((update.left_out, update.whole().unwrap_err().code), (3, Code::LeftOut));
            for seq in 0..10 {
                delivery.enqueue(1, &event, &HASH, place(seq), OfferedEvent::Text(&text, None));
            }
            delivery.drop_chain(1);
            assert!(delivery.take(20).whole().unwrap().is_empty());
        }
        delivery.enqueue(0, &event, &HASH, place(1), OfferedEvent::Text(b"{}", None));
        delivery.drop_chain(0);
        delivery.release(0, CHAIN, vkey, true);
        assert_eq!((delivery.take(0).events.len(), delivery.bytes, delivery.chains.len()), (0, 0, 0));
    }

    #[test]
    fn the_oldest_waiting_link_limits_what_is_settled() {
        let event = link(Role::Event, PayloadState::Matches);
        let mut delivery = Delivery::new(true, false);
        let enqueue = |delivery: &mut Delivery, chain, index| {
            delivery.enqueue(chain, &event, &HASH, place(index), OfferedEvent::Text(b"{}", None));
            delivery.take(index + 1).settled
        };
        assert_eq!(
            [(0, 3), (1, 4), (0, 5)].map(|(chain, index)| enqueue(&mut delivery, chain, index)),
            [3, 3, 3]
        );
        delivery.release(0, CHAIN, vkey, true);
        assert_eq!(delivery.take(6).settled, 4);
        assert_eq!(enqueue(&mut delivery, 0, 6), 4);
        delivery.drop_chain(1);
        assert_eq!(delivery.take(7).settled, 6);
        delivery.release(0, CHAIN, vkey, true);
        assert_eq!(delivery.take(7).settled, 7);
    }

    #[test]
    fn stale_first_leaves_are_bounded_while_one_chain_waits() {
        let event = link(Role::Event, PayloadState::Matches);
        let mut delivery = Delivery::new(true, false);
        let mut enqueue = |chain, index| {
            delivery.enqueue(chain, &event, &HASH, place(index), OfferedEvent::Text(b"{}", None));
            if chain == 3 {
                delivery.release(chain, CHAIN, vkey, true);
            }
            delivery.firsts.len()
        };
        (0..3).for_each(|chain| assert_eq!(enqueue(chain, chain as u64), chain + 1));
        assert_eq!((3..1000).map(|index| enqueue(3, index)).max(), Some(2 * 4 + 64));
        assert_eq!(delivery.take(1000).settled, 0);
    }

    #[test]
    fn delivers_selected_items_and_counts_other_events() {
        let (signature, signature_bytes) = (SignatureState::Valid, Some(Box::new([8; 64])));
        let event = LinkEntry { signature, signature_bytes, ..link(Role::Event, PayloadState::Matches) };
        let mut delivery = Delivery::new(false, false);
        for chain in 1..=2 {
            let item = Box::new(Item { bytes: 4, is_compact: false });
            delivery.enqueue(chain, &event, &HASH, place(1), OfferedEvent::Item(item, Some(b"{\"of\":1}")));
            delivery.enqueue(chain, &event, &HASH, place(2), OfferedEvent::Count);
            delivery.enqueue(chain, &event, &HASH, place(3), OfferedEvent::Count);
        }
        let held = 64 + size_of::<Item>() + 4 + r#"{"of":1}"#.len();
        assert_eq!(delivery.bytes, 2 * (2 * size_of::<WaitingLink>() + held));
        for chain in 1..=2 {
            delivery.release(chain, CHAIN, vkey, true);
        }
        let update = delivery.take(4);
        assert_eq!((update.selected.len(), update.others, delivery.bytes), (2, 4, 0));
        let selected = update.selected.into_iter().next().unwrap();
        assert_eq!((is_compact(&selected), selected.text.as_deref()), (false, Some(r#"{"of":1}"#)));
    }

    /// An item with this many bytes, or one byte once compacted.
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
    fn items_are_compacted_while_many_bytes_wait() {
        let event = link(Role::Event, PayloadState::Matches);
        let mut delivery = Delivery::new(false, false);
        let enqueue = |delivery: &mut Delivery, chain, bytes| {
            let item = Box::new(Item { bytes, is_compact: false });
            delivery.enqueue(chain, &event, &HASH, place(1), OfferedEvent::Item(item, None));
        };
        let compact = |delivery: &mut Delivery, chain| {
            delivery.release(chain, CHAIN, vkey, true);
            delivery.take(2).selected.iter().map(is_compact).collect::<Vec<_>>()
        };
        enqueue(&mut delivery, 1, COMPACT_ABOVE_BYTES / 2);
        assert!(!delivery.is_crowded);
        enqueue(&mut delivery, 2, COMPACT_ABOVE_BYTES / 2);
        // Both were compacted, and so are new items until little waits.
        let held = size_of::<Item>() + 1;
        assert_eq!((delivery.is_crowded, delivery.bytes), (true, 2 * (2 * size_of::<WaitingLink>() + held)));
        enqueue(&mut delivery, 2, COMPACT_ABOVE_BYTES);
        assert_eq!(compact(&mut delivery, 2), [true, true]);
        assert_eq!(compact(&mut delivery, 1), [true]);
        enqueue(&mut delivery, 1, 5);
        assert_eq!((compact(&mut delivery, 1), delivery.bytes), (vec![false], 0));
    }

    #[test]
    fn unwanted_events_and_marks_are_not_kept() {
        let mut delivery = Delivery::new(false, false);
        delivery.enqueue(
            0,
            &link(Role::Event, PayloadState::Matches),
            &HASH,
            place(1),
            OfferedEvent::Text(b"{}", None),
        );
        delivery.enqueue(
            0,
            &link(Role::Close, PayloadState::NoEvent),
            &HASH,
            place(2),
            OfferedEvent::Text(b"", None),
        );
        delivery.mark(|| unreachable!("no mark is wanted"));
        assert!(delivery.chains.is_empty() && delivery.bytes == 0);
    }
}
