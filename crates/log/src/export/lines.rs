//! The second pass: writing an export.

use std::iter::Peekable;

use countersign::export::Withheld;
use countersign::export::writer::Writer;
use countersign::link::Link;

use super::plan::{Boundary, Plan};
use super::request::{PAGE, shows};
use super::skips::Skips;
use crate::looking::Looking;
use crate::store::{StoreError, StoredEvent, StoredLeaf};

/// How many bytes are gathered before they are handed on.
const PIECE: usize = 64 << 10;

/// Where key notes begin.
const KEYS: &[u8] = b"countersign/v1 keys\n";

/// One line of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The leaf's index; none for a header, a skip or a checkpoint.
    pub index: Option<u64>,
    /// The line with its line end.
    pub text: &'a [u8],
}

/// An export while it is written.
pub struct Lines {
    plan: Plan,
    kept: Peekable<roaring::treemap::IntoIter>,
    skips: Skips,
    /// How many leaves were written or skipped.
    at: u64,
    writer: Writer,
    looking: Looking,
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
            at: plan.begin,
            writer: Writer::new(),
            looking: Looking::new(&plan.parsers),
            ended: false,
            events: 0,
            plan,
        }
    }

    /// The next piece of the export: some lines, of which the last one ends with the piece. None at the end.
    ///
    /// # Errors
    /// The store's own. The export stays without its end then.
    pub fn next_piece(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        self.piece_before(u64::MAX)
    }

    /// The same of what comes before the checkpoint of that size: none when it has come to there.
    ///
    /// No piece but the last ends with a checkpoint, so that where one ends the checkpoint of that size is still to come.
    ///
    /// # Errors
    /// As for [`Self::next_piece`].
    pub fn piece_before(&mut self, end: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let mut piece = Vec::with_capacity(PIECE);
        let (mut more, mut after_leaves) = (true, true);
        while more && (piece.len() < PIECE || !after_leaves) && (self.plan.header.is_some() || self.at < end)
        {
            let at = self.at;
            more = self.step_before(end, &mut |line| piece.extend_from_slice(line.text))?;
            after_leaves = self.at > at;
        }
        Ok(if piece.is_empty() { None } else { Some(piece) })
    }

    /// Leaves what comes before the checkpoint of that size to somebody who has it.
    pub fn pass_over(&mut self, size: u64) {
        self.at = self.at.max(size).min(self.plan.published.size);
        self.plan.stops = self.plan.stops.split_off(&self.at);
    }

    /// Of how many leaves this is the whole log, which is the same for everybody; none where it is a part.
    pub fn whole_log(&self) -> Option<u64> {
        let size = self.plan.published.size;
        (size > 0 && self.plan.whole == (0..size)).then_some(size)
    }

    /// Goes a step further, and gives the lines that it comes to: at most a page of leaves. Says whether there is more.
    ///
    /// # Errors
    /// The store's own.
    pub fn step(&mut self, each: &mut dyn FnMut(Line<'_>)) -> Result<bool, StoreError> {
        self.step_before(u64::MAX, each)
    }

    /// The same, and to no leaf of that index or after it.
    fn step_before(&mut self, limit: u64, each: &mut dyn FnMut(Line<'_>)) -> Result<bool, StoreError> {
        if self.ended {
            return Ok(false);
        }
        if let Some(header) = self.plan.header.take() {
            self.writer.header(&header);
            self.hand_on(None, each);
            return Ok(true);
        }
        let Some((&size, &stop)) = self.plan.stops.first_key_value() else {
            self.ended = true;
            return Ok(false);
        };
        if size <= self.at {
            self.plan.stops.pop_first();
            self.checkpoint(size, stop, each)?;
            return Ok(!self.ended);
        }
        let size = size.min(limit);
        let run = self.next_run().min(size);
        if run > self.at {
            self.skips.write(self.at..run, &mut self.writer)?;
            self.hand_on(None, each);
            self.at = run;
            return Ok(true);
        }
        let end = self.end_of_run(size);
        for (leaf, index) in self.plan.reader.leaves_with_events(self.at..end)?.iter().zip(self.at..) {
            self.leaf(index, leaf)?;
            self.hand_on(Some(index), each);
        }
        self.at = end;
        Ok(true)
    }

    /// How many leaves were written or skipped so far.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// How many events were written so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    fn hand_on(&mut self, index: Option<u64>, each: &mut dyn FnMut(Line<'_>)) {
        for text in self.writer.as_bytes().split_inclusive(|byte| *byte == b'\n') {
            each(Line { index, text });
        }
        self.writer.clear();
    }

    fn checkpoint(
        &mut self,
        size: u64,
        stop: Boundary,
        each: &mut dyn FnMut(Line<'_>),
    ) -> Result<(), StoreError> {
        match stop {
            Boundary::Newest => {
                self.writer.checkpoint(&self.plan.published.note);
                self.ended = true;
            }
            Boundary::Kept => {
                if let Some(kept) = self.plan.reader.checkpoints(size..size + 1)?.first() {
                    self.writer.checkpoint(&kept.note);
                }
            }
        }
        self.hand_on(None, each);
        Ok(())
    }

    /// The next leaf that is here.
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

    /// The index after the leaves that follow, all here, as many as are read at a time.
    fn end_of_run(&mut self, stop: u64) -> u64 {
        let most = stop.min(self.at + PAGE);
        let whole = &self.plan.whole;
        if whole.contains(&self.at) {
            return whole.end.min(most);
        }
        let mut end = self.at;
        while end < most && self.kept.next_if_eq(&end).is_some() {
            end += 1;
        }
        end
    }

    fn leaf(&mut self, index: u64, stored: &StoredLeaf) -> Result<(), StoreError> {
        let text = str::from_utf8(&stored.leaf).ok();
        if let Some(text) = text.filter(|_| stored.leaf.starts_with(KEYS)) {
            self.writer.note(text);
            return Ok(());
        }
        let (Some(text), Some(link)) = (text, stored.link()) else {
            self.writer.leaf(&stored.leaf);
            return Ok(());
        };
        // Whatever was planned: here is where events are handed out.
        if !shows(&mut self.looking, &*self.plan.reader, &self.plan.scope, &link, &stored.event)? {
            let reason = matches!(link, Link::Event(_)).then_some(Withheld::Filtered);
            self.writer.withheld(text, reason);
            return Ok(());
        }
        let shown = self.plan.whole.contains(&index) || self.plan.shown.contains(index);
        match &stored.event {
            StoredEvent::Here(event) if event.text.contains('\n') => {
                return Err(StoreError::Damaged(format!("the event of leaf {index} has more than one line")));
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
