//! Events that verify, handed out when a signature covers them.

use crate::link::ChainId;
use crate::note::VerifierKey;
use crate::time::Time;

use super::finding::Place;

/// How many bytes of events may wait for a signature.
const MAX_HELD: usize = 64 << 20;

/// An event that matches its link's commit, on a link that did not fail and that a valid signature of its
/// chain's key covers.
///
/// What the report says of the whole is not known yet when it is handed out: its chain may turn out to be suspect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEvent {
    /// The 1-based line.
    pub line: u64,
    /// The leaf's index.
    pub index: u64,
    /// The chain.
    pub chain: ChainId,
    /// The link's place in it.
    pub seq: u64,
    /// The emitter's clock.
    pub time: Time,
    /// The emitter's key.
    pub vkey: VerifierKey,
    /// Whether the key was authorised, as far as was known.
    pub authorised: bool,
    /// The event's bytes as they stand in the export: one JSON object, no member name twice.
    pub event: Box<str>,
}

/// Events that wait for a signature, and those that are ready.
#[derive(Debug)]
pub(super) struct Held {
    wanted: bool,
    bytes: usize,
    waiting: Vec<Vec<VerifiedEvent>>,
    ready: Vec<VerifiedEvent>,
}

impl Held {
    pub(super) fn new(wanted: bool) -> Self {
        Self { wanted, bytes: 0, waiting: Vec::new(), ready: Vec::new() }
    }

    pub(super) fn wanted(&self) -> bool {
        self.wanted
    }

    pub(super) fn hold(
        &mut self,
        chain: usize,
        place: Place,
        time: Time,
        vkey: &VerifierKey,
        authorised: bool,
        event: &[u8],
    ) {
        let (Ok(text), Some((id, Some(seq))), Some(index)) =
            (core::str::from_utf8(event), place.link, place.index)
        else {
            return;
        };
        if self.bytes + text.len() > MAX_HELD {
            return;
        }
        self.bytes += text.len();
        if self.waiting.len() <= chain {
            self.waiting.resize_with(chain + 1, Vec::new);
        }
        self.waiting[chain].push(VerifiedEvent {
            line: place.line,
            index,
            chain: id,
            seq,
            time,
            vkey: vkey.clone(),
            authorised,
            event: text.into(),
        });
    }

    /// A signature covers what waits in a chain.
    pub(super) fn release(&mut self, chain: usize) {
        if let Some(waiting) = self.waiting.get_mut(chain) {
            self.bytes -= waiting.iter().map(|event| event.event.len()).sum::<usize>();
            self.ready.append(waiting);
        }
    }

    /// No signature will cover what waits in a chain.
    pub(super) fn drop_chain(&mut self, chain: usize) {
        if let Some(waiting) = self.waiting.get_mut(chain) {
            self.bytes -= waiting.iter().map(|event| event.event.len()).sum::<usize>();
            waiting.clear();
        }
    }

    pub(super) fn take(&mut self) -> Vec<VerifiedEvent> {
        std::mem::take(&mut self.ready)
    }
}
