//! The second pass of an export, which writes its lines.

use std::iter::Peekable;

use countersign::export::Withheld;
use countersign::export::writer::Writer;
use countersign::link::Link;

use super::live_state::LiveState;
use super::plan::{Boundary, Plan, Stop};
use super::request::{PAGE, shows};
use super::skips::Skips;
use crate::entry_matcher::EntryMatcher;
use crate::store::{ProvenState, StoreError, StoredEvent, StoredLeaf};

/// The size at which a piece is sent, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// The first line of a key note.
const KEY_NOTE_HEADER: &[u8] = b"countersign/v1 keys\n";

/// A line of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The index of the entry; `None` for a header, a skip, a checkpoint, a head, or an anchor.
    pub index: Option<u64>,
    /// The state in which a live view can be resumed after this line: after an entry, or a head or an anchor
    /// that has entries.
    pub state: Option<LiveState>,
    /// The line with its line end.
    pub text: &'a [u8],
}

/// An export in progress.
pub struct Lines {
    plan: Plan,
    kept: Peekable<roaring::treemap::IntoIter>,
    skips: Skips,
    /// The number of entries that were written or skipped.
    at: u64,
    /// The tick of the last head or anchor that the reader has.
    tick: Option<u64>,
    /// The tick of the head for which anchors wait: see [`LiveState::awaited`].
    awaited: Option<u64>,
    writer: Writer,
    matcher: EntryMatcher,
    ended: bool,
    events: u64,
}

impl Lines {
    pub(super) fn new(mut plan: Plan) -> Self {
        let kept = std::mem::take(&mut plan.kept).into_iter().peekable();
        let skips = Skips::new(plan.reader.clone(), plan.published.size);
        Self {
            kept,
            skips,
            at: plan.begin.size,
            tick: plan.begin.tick,
            awaited: plan.begin.awaited,
            writer: Writer::new(),
            matcher: EntryMatcher::new(&plan.parsers),
            ended: false,
            events: 0,
            plan,
        }
    }

    /// Returns the next piece of the export, which consists of whole lines. `None` at the end.
    ///
    /// # Errors
    /// [`StoreError`] if the entries can't be read. The export then lacks its end.
    pub fn next_piece(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        self.piece_before(u64::MAX)
    }

    /// Returns the next piece before the checkpoint of size `end`; `None` when that is reached.
    ///
    /// Only the last piece ends with a checkpoint, so after any other piece the checkpoint of its size, if any, is
    /// still to come.
    ///
    /// # Errors
    /// [`StoreError`], like [`Self::next_piece`].
    pub fn piece_before(&mut self, end: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let (mut more, mut after_leaves) = (true, true);
        while more
            && (piece.len() < PIECE_BYTES || !after_leaves)
            && (self.plan.header.is_some() || self.at < end)
        {
            let at = self.at;
            more = self.step_before(end, &mut |line| piece.extend_from_slice(line.text))?;
            after_leaves = self.at > at;
        }
        Ok(if piece.is_empty() { None } else { Some(piece) })
    }

    /// Skips everything before the checkpoint of this size, which the caller sends from elsewhere.
    pub fn pass_over(&mut self, size: u64) {
        self.at = self.at.max(size).min(self.plan.published.size);
        self.plan.stops.retain(|stop| stop.size >= self.at);
    }

    /// Returns the number of entries if this is an export of the whole log, which is the same for every reader; `None`
    /// if it is a slice.
    pub fn whole_log(&self) -> Option<u64> {
        let size = self.plan.published.size;
        (size > 0 && self.plan.whole == (0..size)).then_some(size)
    }

    /// Passes the next lines to `each`: at most a page of entries. Returns true if there are more.
    ///
    /// # Errors
    /// [`StoreError`] if the entries can't be read.
    pub fn step(&mut self, each: &mut dyn FnMut(Line<'_>)) -> Result<bool, StoreError> {
        self.step_before(u64::MAX, each)
    }

    /// Like [`Self::step`], but without entries from index `limit` on.
    fn step_before(&mut self, limit: u64, each: &mut dyn FnMut(Line<'_>)) -> Result<bool, StoreError> {
        if self.ended {
            return Ok(false);
        }
        if let Some(header) = self.plan.header.take() {
            self.writer.header(&header);
            self.flush(None, None, each);
            return Ok(true);
        }
        let Some(size) = self.plan.stops.front().map(|stop| stop.size) else {
            self.ended = true;
            return Ok(false);
        };
        if size <= self.at
            && let Some(stop) = self.plan.stops.pop_front()
        {
            self.checkpoint(&stop, each)?;
            return Ok(!self.ended);
        }
        let size = size.min(limit);
        let run = self.next_run().min(size);
        if run > self.at {
            self.skips.write(self.at..run, &mut self.writer)?;
            self.flush(None, None, each);
            self.at = run;
            return Ok(true);
        }
        let end = self.end_of_run(size);
        for (leaf, index) in self.plan.reader.leaves_with_events(self.at..end)?.iter().zip(self.at..) {
            self.leaf(index, leaf)?;
            self.flush(Some(index), Some(LiveState { size: index + 1, ..self.state() }), each);
        }
        self.at = end;
        Ok(true)
    }

    /// Returns the number of entries that were written or skipped.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Returns the state of the log that the lines so far show.
    pub fn state(&self) -> LiveState {
        LiveState { size: self.at, tick: self.tick, awaited: self.awaited }
    }

    /// Returns the number of events that were written.
    pub fn events(&self) -> u64 {
        self.events
    }

    fn flush(&mut self, index: Option<u64>, state: Option<LiveState>, each: &mut dyn FnMut(Line<'_>)) {
        for text in self.writer.as_bytes().split_inclusive(|byte| *byte == b'\n') {
            each(Line { index, state, text });
        }
        self.writer.clear();
    }

    fn checkpoint(&mut self, stop: &Stop, each: &mut dyn FnMut(Line<'_>)) -> Result<(), StoreError> {
        let Stop { size, kind } = stop;
        let kept = || self.plan.reader.checkpoints(*size..size + 1);
        let kept = match kind {
            Boundary::Newest => None,
            // Another one at the same size would be out of order.
            Boundary::Kept if matches!(self.plan.published.state(), ProvenState::Head(_)) => return Ok(()),
            Boundary::Kept => {
                let Some(kept) = kept()?.into_iter().next() else { return Ok(()) };
                Some(kept)
            }
            // The anchors before it have no other proof, so it can't be omitted.
            Boundary::Head(tick) => {
                let mut kept = kept()?.into_iter();
                let found = kept.find(|kept| kept.state().tick().ok() == Some(Some(*tick)));
                let missing = || StoreError::Damaged(format!("the kept head of tick {tick} is missing"));
                Some(found.ok_or_else(missing)?)
            }
            Boundary::Anchor(anchor) => {
                self.writer.anchor(&anchor.to_string());
                (self.tick, self.awaited) = (Some(anchor.tick), self.next_head()?);
                self.flush(None, Some(self.state()).filter(|_| *size > 0), each);
                return Ok(());
            }
        };
        let published = kept.as_ref().unwrap_or(&self.plan.published);
        let proven = published.state();
        proven.write_to(&mut self.writer);
        let tick = proven.tick()?;
        self.ended = *kind == Boundary::Newest;
        self.tick = tick.or(self.tick);
        self.awaited = self.awaited.and(tick).filter(|_| !published.witnessed);
        self.flush(None, Some(self.state()).filter(|_| tick.is_some() && *size > 0), each);
        Ok(())
    }

    /// Returns the tick of the next head.
    fn next_head(&self) -> Result<Option<u64>, StoreError> {
        let kept = self.plan.stops.iter().find_map(|stop| match stop.kind {
            Boundary::Head(tick) => Some(tick),
            _ => None,
        });
        kept.map_or_else(|| self.plan.published.state().tick(), |tick| Ok(Some(tick)))
    }

    /// Returns the index of the next kept entry.
    fn next_run(&mut self) -> u64 {
        let whole = &self.plan.whole;
        let kept = self.kept.peek().copied().unwrap_or(u64::MAX);
        if whole.contains(&self.at) {
            self.at
        } else if self.at < whole.start && !whole.is_empty() {
            kept.min(whole.start)
        } else {
            kept
        }
    }

    /// Returns the index after the kept entries that follow, at most a page of them.
    fn end_of_run(&mut self, stop: u64) -> u64 {
        let max_end = stop.min(self.at + PAGE);
        let whole = &self.plan.whole;
        if whole.contains(&self.at) {
            return whole.end.min(max_end);
        }
        let mut end = self.at;
        while end < max_end && self.kept.next_if_eq(&end).is_some() {
            end += 1;
        }
        end
    }

    fn leaf(&mut self, index: u64, stored: &StoredLeaf) -> Result<(), StoreError> {
        let text = str::from_utf8(&stored.leaf).ok();
        if let Some(text) = text.filter(|_| stored.leaf.starts_with(KEY_NOTE_HEADER)) {
            self.writer.note(text);
            return Ok(());
        }
        let (Some(text), Some(link)) = (text, stored.link()) else {
            self.writer.leaf(&stored.leaf);
            return Ok(());
        };
        // Events leave the log here, so the scope is checked again, regardless of the plan.
        if !shows(&mut self.matcher, &*self.plan.reader, &self.plan.scope, &link, &stored.event)? {
            let reason = matches!(link, Link::Event(_)).then_some(Withheld::Filtered);
            self.writer.withheld(text, reason);
            return Ok(());
        }
        let shown = self.plan.whole.contains(&index) || self.plan.shown.contains(index);
        match &stored.event {
            StoredEvent::Here(event) if event.text.contains('\n') => {
                return Err(StoreError::Damaged(format!(
                    "the event of entry {index} has more than one line"
                )));
            }
            StoredEvent::Here(event) if shown => {
                self.events += 1;
                self.writer.event(text, &event.salt, &event.text);
            }
            StoredEvent::Here(_) => self.writer.withheld(text, Some(Withheld::Filtered)),
            StoredEvent::Erased => self.writer.withheld(text, Some(Withheld::Erased)),
            StoredEvent::None => self.writer.withheld(text, None),
        }
        Ok(())
    }
}
