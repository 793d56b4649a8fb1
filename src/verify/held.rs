//! Links that verify, held until a signature covers them.

use super::events::VerifiedEvent;
use super::finding::Place;
use super::marks::{LinkKind, LinkMark, Mark};
use crate::link::ChainId;
use crate::note::VerifierKey;
use crate::time::Time;

/// How many bytes of links may wait for a signature. What is more is not handed out.
const MAX_HELD: usize = 64 << 20;

/// For how many links a chain keeps room when none waits: there can be many chains.
const ROOM: usize = 64;

/// Links that wait for a signature, and what is ready to be handed out.
#[derive(Debug, Default)]
pub(super) struct Held {
    events_wanted: bool,
    marks_wanted: bool,
    bytes: usize,
    waiting: Vec<Vec<Waiting>>,
    events: Vec<VerifiedEvent>,
    marks: Vec<Mark>,
}

/// What waits in a chain, with what not all of the chain's links share.
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
    Event(Box<str>),
    Mark(LinkKind),
}

impl Waiting {
    fn bytes(&self) -> usize {
        let text = match &self.what {
            What::Event(text) => text.len(),
            What::Mark(_) => 0,
        };
        size_of::<Self>() + text
    }
}

impl Held {
    pub(super) fn new(events_wanted: bool, marks_wanted: bool) -> Self {
        Self { events_wanted, marks_wanted, ..Self::default() }
    }

    pub(super) fn wants_links(&self) -> bool {
        self.events_wanted || self.marks_wanted
    }

    /// A link whose event matches.
    pub(super) fn hold_event(&mut self, chain: usize, place: Place, time: Time, event: &[u8]) {
        if self.events_wanted
            && let Ok(text) = core::str::from_utf8(event)
        {
            self.hold(chain, place, time, What::Event(text.into()));
        }
    }

    /// A link that shows no event.
    pub(super) fn hold_mark(&mut self, chain: usize, place: Place, time: Time, kind: LinkKind) {
        if self.marks_wanted {
            self.hold(chain, place, time, What::Mark(kind));
        }
    }

    fn hold(&mut self, chain: usize, place: Place, time: Time, what: What) {
        let (Some((_, Some(seq))), Some(index)) = (place.link, place.index) else { return };
        let waiting = Waiting { line: place.line, index, seq, time, what };
        let bytes = waiting.bytes();
        if self.bytes + bytes > MAX_HELD {
            return;
        }
        self.bytes += bytes;
        if self.waiting.len() <= chain {
            self.waiting.resize_with(chain + 1, Vec::new);
        }
        self.waiting[chain].push(waiting);
    }

    /// A signature of this key covers what waits in a chain.
    pub(super) fn release(&mut self, number: usize, chain: ChainId, vkey: &VerifierKey, authorised: bool) {
        let Some(waiting) = self.waiting.get_mut(number) else { return };
        for waiting in waiting.drain(..) {
            self.bytes -= waiting.bytes();
            let Waiting { line, index, seq, time, what } = waiting;
            let vkey = vkey.clone();
            match what {
                What::Event(event) => {
                    self.events.push(VerifiedEvent {
                        line,
                        index,
                        chain,
                        seq,
                        time,
                        vkey,
                        authorised,
                        event,
                    });
                }
                What::Mark(kind) => {
                    let link = LinkMark { kind, line, index, chain, seq, time, vkey, authorised };
                    self.marks.push(Mark::Link(link));
                }
            }
        }
        waiting.shrink_to(ROOM);
    }

    /// No signature will cover what waits in a chain.
    pub(super) fn drop_chain(&mut self, number: usize) {
        if let Some(waiting) = self.waiting.get_mut(number) {
            self.bytes -= waiting.iter().map(Waiting::bytes).sum::<usize>();
            waiting.clear();
            waiting.shrink_to(ROOM);
        }
    }

    /// Anything but a link, which need not wait.
    pub(super) fn mark(&mut self, mark: impl FnOnce() -> Mark) {
        if self.marks_wanted {
            self.marks.push(mark());
        }
    }

    pub(super) fn take(&mut self) -> (Vec<VerifiedEvent>, Vec<Mark>) {
        (std::mem::take(&mut self.events), std::mem::take(&mut self.marks))
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const CHAIN: ChainId = ChainId([7; 16]);

    fn place(seq: u64) -> Place {
        Place::link(seq + 1, seq, CHAIN, seq)
    }

    #[test]
    fn what_waits_is_bounded_and_room_comes_back() {
        let vkey: VerifierKey =
            "example.com/dashboard/a+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5".parse().unwrap();
        let event = vec![b' '; 8 << 20];
        let mut held = Held::new(true, true);
        for _ in 0..2 {
            for seq in 0..10 {
                held.hold_event(1, place(seq), Time::MAX, &event);
            }
            held.hold_mark(1, place(10), Time::MAX, LinkKind::Close);
            assert!(held.bytes <= MAX_HELD);
            held.release(1, CHAIN, &vkey, true);
            let (events, marks) = held.take();
            // The eighth does not fit, and what comes after it is small.
            assert_eq!((events.len(), marks.len(), held.bytes), (7, 1, 0));
        }
        held.hold_event(0, place(1), Time::MAX, b"{}");
        held.drop_chain(0);
        held.release(0, CHAIN, &vkey, true);
        assert_eq!((held.take().0.len(), held.bytes), (0, 0));
    }

    #[test]
    fn no_chain_keeps_the_room_that_it_needed_once() {
        let vkey: VerifierKey =
            "example.com/dashboard/a+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5".parse().unwrap();
        let mut held = Held::new(true, true);
        for chain in 0..2 {
            for seq in 0..10_000 {
                held.hold_mark(chain, place(seq), Time::MAX, LinkKind::Withheld(None));
            }
        }
        held.release(0, CHAIN, &vkey, true);
        held.drop_chain(1);
        assert_eq!(held.take().1.len(), 10_000);
        assert!(held.waiting.iter().all(|waiting| waiting.capacity() <= ROOM));
    }

    #[test]
    fn nothing_is_kept_that_nobody_asked_for() {
        let mut held = Held::new(false, false);
        held.hold_event(0, place(1), Time::MAX, b"{}");
        held.hold_mark(0, place(2), Time::MAX, LinkKind::Open);
        held.mark(|| unreachable!("no mark is wanted"));
        assert!(!held.wants_links() && held.bytes == 0);
    }
}
