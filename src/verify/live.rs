//! Verifying an export that goes on: after each checkpoint, the report as if it ended there.

use super::{Options, Verification, Verifier};
use crate::time::Time;

impl Verifier {
    /// For an export that goes on, such as a log's live view.
    ///
    /// ```
    /// use countersign::verify::{Options, Verifier};
    ///
    /// let mut verifier = Verifier::live(Options::default());
    /// verifier.push(b"{\"countersign\":\"export/v1\",\"origin\":\"log.example/audit\"}\n");
    /// verifier.settle();
    /// assert!(verifier.report().is_none()); // there was no checkpoint
    /// ```
    pub fn live(options: Options) -> Self {
        Self { live: true, ..Self::new(options) }
    }

    /// Verifies every whole line that was pushed so far, without waiting for more.
    pub fn settle(&mut self) {
        self.splitter.settle();
        self.drain();
    }

    /// The age of the log's time is measured at this moment from now on.
    pub fn measure_at(&mut self, now: Time) {
        self.progress.measure_at(now);
    }

    /// What [`finish`](Self::finish) would give if the export had ended right after the last checkpoint so far. None
    /// where there was none since the last call, or where this is no [live](Self::live) verifier.
    pub fn report(&mut self) -> Option<Verification> {
        self.at_checkpoint.take()
    }

    /// Takes whole lines, and reports on what ends with the last checkpoint among them.
    pub(super) fn absorb_live(&mut self, stretch: &[u8]) {
        let Some(summarizer) = &mut self.summarizer else { return };
        let summary = summarizer.summarize(stretch);
        let last = summary.last_checkpoint();
        match last {
            // What stands after it is not to be reported on.
            Some(line) if line < summary.last_filled => {
                let (before, after) = stretch.split_at(end_of_line(stretch, line));
                self.absorb_live(before);
                self.absorb_live(after);
            }
            _ => {
                self.progress.absorb(summary, stretch);
                if let (Some(_), Some(sequence)) = (last, &self.progress.sequence) {
                    self.at_checkpoint = Some(sequence.so_far());
                }
            }
        }
    }
}

/// Where a line of some text ends, the first being 1.
fn end_of_line(text: &[u8], line: u64) -> usize {
    let ends = memchr::memchr_iter(b'\n', text);
    ends.zip(1..).find(|(_, number)| *number == line).map_or(text.len(), |(end, _)| end + 1)
}
