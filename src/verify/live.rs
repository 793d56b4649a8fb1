//! Verification of an export that is still growing: after each checkpoint, the report as if the export ended there.

use super::{Options, Verification, Verifier};
use crate::time::Time;

impl Verifier {
    /// Creates a verifier for an export that is still growing, such as a log's live stream.
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

    /// Verifies every whole line pushed so far, without waiting for more.
    pub fn settle(&mut self) {
        self.splitter.settle();
        self.drain();
    }

    /// Sets the time against which the age of the log's time is measured from now on.
    pub fn measure_at(&mut self, now: Time) {
        self.progress.measure_at(now);
    }

    /// Returns what [`finish`](Self::finish) would return if the export had ended right after the last checkpoint.
    /// `None` if there was no checkpoint since the last call, or if this is not a [live](Self::live) verifier.
    pub fn report(&mut self) -> Option<Verification> {
        self.at_checkpoint.take()
    }

    /// Processes whole lines, and stores the verification as of the last checkpoint among them.
    pub(super) fn absorb_live(&mut self, chunk: &[u8]) {
        let Some(summarizer) = &mut self.summarizer else { return };
        let summary = summarizer.summarize(chunk);
        let last = summary.last_checkpoint();
        match last {
            // Exclude the lines after the checkpoint from its report.
            Some(line) if line < summary.last_filled => {
                let (before, after) = chunk.split_at(end_of_line(chunk, line));
                self.absorb_live(before);
                self.absorb_live(after);
            }
            _ => {
                self.progress.absorb(summary, chunk);
                if let (Some(_), Some(sequence)) = (last, &self.progress.sequence) {
                    self.at_checkpoint = Some(sequence.so_far());
                }
            }
        }
    }
}

/// Returns the position after a 1-based line of a text.
fn end_of_line(text: &[u8], line: u64) -> usize {
    let ends = memchr::memchr_iter(b'\n', text);
    ends.zip(1..).find(|(_, number)| *number == line).map_or(text.len(), |(end, _)| end + 1)
}
