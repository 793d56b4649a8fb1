//! Verifying an export: one streaming pass, one report, one verdict (SPEC section 9).
//!
//! A [`Verifier`] takes the export's bytes in any pieces and keeps the right edge of the tree, a few numbers for
//! each chain, the keys and the checkpoints' times: its memory grows with chains, never with events.
//!
//! ```
//! use countersign::verify::{Options, Verifier};
//!
//! let export = b"{\"countersign\":\"export/v1\",\"origin\":\"log.example/audit\"}\n";
//! let mut verifier = Verifier::new(Options::default());
//! for piece in export.chunks(7) {
//!     verifier.push(piece);
//! }
//! let verification = verifier.finish();
//! assert_eq!(verification.report.verdict.as_str(), "not_checked"); // there is nothing in it
//! assert_eq!(verification.report.counts.lines, 1);
//! ```
//!
//! What a reader wants to know on the way is [`Update`]: events that verify, what there is beside them, findings as they
//! are met. An export that goes on is verified by [`Verifier::live`].
//!
//! Every check of SPEC's table has a file here by its name. What can be told from a stretch of lines alone is
//! worked out in `summary`, perhaps on another core; `sequence` takes the summaries in order.

mod append_only;
mod attested;
mod authority;
mod chain_keys;
mod chains;
mod closure;
mod conclusion;
mod delivery;
mod events;
mod expected;
mod finding;
mod format;
mod input_error;
mod live;
mod log;
mod marks;
mod meaning;
mod numbers;
#[cfg(not(target_arch = "wasm32"))]
pub mod parallel;
#[cfg(all(feature = "parts", not(target_arch = "wasm32")))]
pub mod parts;
mod payloads;
#[cfg(not(target_arch = "wasm32"))]
mod pipeline;
mod range;
pub mod report;
mod revocations;
mod sequence;
mod signatures;
mod signer_trust;
mod signer_trusts;
mod splitter;
mod summary;
mod time;
mod tree;
mod update;
mod verdict;
mod visitor;
mod void;
pub mod wire;
mod witnesses;

pub use events::{CoveredLink, VerifiedEvent};
pub use finding::{Finding, FindingCode, LISTED, Severity};
pub use input_error::InputError;
pub use marks::{CheckpointMark, LinkKind, LinkMark, Mark, NoteMark, SignatureMark, SignedBy};
pub use meaning::{Doubts, Why};
pub use report::{CheckState, Report, TrustBasis, Verdict};
pub use signer_trust::SignerTrust;
pub use signer_trusts::SignerTrusts;
pub use splitter::Splitter;
pub use summary::{Summarizer, Summary};
pub use update::Update;
pub use visitor::{EventVisitor, PendingItem, SelectedItem, SummarizedEvent, VerifiedItem, VisitError};

use report::Counts;
use sequence::Sequence;
use visitor::Selected;

use crate::checkpoint::SignedCheckpoint;
use crate::export::Header;
use crate::time::Time;
use crate::trust::Trust;

/// What a reader brings to an export.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Options {
    /// What the reader trusts.
    pub trust: Trust,
    /// Checkpoints that were verified before, perhaps with extension lines; their signatures are not looked at
    /// again (SPEC section 8).
    pub pins: Vec<SignedCheckpoint>,
    /// What the reader expects of the export.
    pub expect: Expectations,
    /// Whether to hand out [`VerifiedEvent`]s.
    pub events: bool,
    /// Whether to hand out [`Mark`]s.
    pub marks: bool,
    /// Whether to hand out [`Finding`]s as they are met. The report has the last word.
    pub findings: bool,
    /// Whether this is no export but what `check` makes of a log's tiles. No event is in them, and perhaps no link:
    /// what a log need not hold is then no required check, `tree` and `log` always are, and checkpoints may have
    /// extension lines, as other people's logs sign them.
    pub tiles: bool,
}

/// What a reader expects of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    /// The log.
    pub origin: Option<String>,
    /// The leaves from the first index up to, and not including, the second.
    pub range: Option<(u64, u64)>,
    /// How old the log's time may be.
    pub max_age: Option<MaxAge>,
}

/// The greatest age of the log's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxAge {
    /// The age, in seconds.
    pub seconds: i64,
    /// The moment that it is measured at.
    pub now: Time,
}

impl Expectations {
    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What verifying produced.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The report.
    pub report: Report,
    /// The checkpoint to pin for next time, a signed note: there unless `tree` or `log` does not pass or any check
    /// fails.
    pub pin: Option<String>,
}

/// Verifies one export.
pub struct Verifier {
    splitter: Splitter,
    summarizer: Option<Summarizer>,
    progress: Progress,
    /// Whether the export goes on.
    live: bool,
    /// Whether events are to say where they stand.
    locates: bool,
    /// What there is to tell of an export that goes on and ends after the last checkpoint so far.
    at_checkpoint: Option<Verification>,
}

/// How far an export was taken in; for those who have stretches summarized elsewhere.
pub struct Progress {
    options: Option<Options>,
    sequence: Option<Box<Sequence>>,
    findings: bool,
}

impl Progress {
    /// Before the header was read.
    pub fn new(options: Options) -> Self {
        Self { findings: options.findings, options: Some(options), sequence: None }
    }

    /// The header was read, at this line. Gives a summarizer for the stretches; there can be more, by
    /// [`Summarizer::new`].
    ///
    /// A second call does nothing and gives none.
    pub fn begin(&mut self, header: &Header, line: u64) -> Option<Summarizer> {
        let options = self.options.take()?;
        let summarizer = Summarizer::new(&header.origin, &options.trust).of_tiles(options.tiles);
        self.sequence = Some(Box::new(Sequence::new(header.clone(), line, options)));
        Some(summarizer)
    }

    /// The next stretch begins at this byte of the export, by [`Splitter::at`]: its events say where they stand.
    pub fn locate(&mut self, at: Option<u64>) {
        if let Some(sequence) = &mut self.sequence {
            sequence.at = at;
        }
    }

    /// Takes the summary of the next stretch. `stretch` is the text that was summarized, from which events are
    /// handed out; it may be empty where none are wanted.
    pub fn absorb(&mut self, summary: Summary, stretch: &[u8]) {
        self.absorb_selected(summary, stretch, None);
    }

    /// Takes the summary of the next stretch, of whose [events](Summary::events) these were selected, in their order.
    /// None if there was no examiner.
    fn absorb_selected(&mut self, summary: Summary, stretch: &[u8], selected: Option<Vec<Selected>>) {
        if let Some(sequence) = &mut self.sequence {
            sequence.absorb(summary, stretch, selected);
        }
    }

    /// What became known since the last call.
    pub fn take(&mut self) -> Update {
        self.sequence.as_mut().map(|sequence| sequence.take()).unwrap_or_default()
    }

    fn measure_at(&mut self, now: Time) {
        let options =
            self.options.as_mut().or_else(|| self.sequence.as_mut().map(|sequence| &mut sequence.options));
        if let Some(age) = options.and_then(|options| options.expect.max_age.as_mut()) {
            age.now = now;
        }
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.sequence.as_ref().map(|sequence| sequence.counts()).unwrap_or_default()
    }

    /// The origin that the header names, once it was read.
    pub fn origin(&self) -> Option<&str> {
        self.sequence.as_ref().map(|sequence| &*sequence.header.origin)
    }

    /// All summaries were taken, and so ended the splitter. Gives what became known since the last call of
    /// [`take`](Self::take) too.
    pub fn finish_telling(mut self, end: Result<(), InputError>) -> (Verification, Update) {
        let mut told = self.take();
        let unread = match (end, self.sequence) {
            (Ok(()), Some(sequence)) => {
                let (verification, mut last) = sequence.finish();
                told.findings.append(&mut last);
                return (verification, told);
            }
            (Err(unread), _) => unread,
            (Ok(()), None) => InputError::empty(),
        };
        let report = unread.report();
        if self.findings {
            told.findings.extend_from_slice(&report.findings);
        }
        (Verification { report, pin: None }, told)
    }
}

impl Verifier {
    /// For one export.
    pub fn new(options: Options) -> Self {
        let (splitter, progress) = (Splitter::new(), Progress::new(options));
        Self { splitter, summarizer: None, progress, live: false, locates: false, at_checkpoint: None }
    }

    /// Has verified events say where in the export they [stand](VerifiedEvent::at). It is called before anything is
    /// pushed.
    #[must_use]
    pub fn locate(self) -> Self {
        Self { locates: true, ..self }
    }

    /// Takes the next bytes of the export, compressed or not.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = &bytes[self.push_some(bytes)..];
        }
    }

    /// Takes bytes from the front of `input`, and tells how many: of compressed ones fewer than all where they
    /// decompress to much, so that the work of one call and the events of it are bounded.
    pub fn push_some(&mut self, input: &[u8]) -> usize {
        let taken = self.splitter.push(input);
        self.drain();
        taken
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.progress.counts()
    }

    fn drain(&mut self) {
        while let Some(stretch) = self.splitter.next_stretch() {
            self.begin();
            if self.live {
                self.absorb_live(&stretch);
            } else if let Some(summarizer) = &mut self.summarizer {
                let summary = summarizer.summarize(&stretch);
                self.progress.locate(self.splitter.at().filter(|_| self.locates));
                self.progress.absorb(summary, &stretch);
            }
            self.splitter.recycle(stretch);
        }
    }

    fn begin(&mut self) {
        if let (None, Some((header, line))) = (&self.summarizer, self.splitter.header()) {
            self.summarizer = self.progress.begin(header, line);
        }
    }

    /// What became known since the last call.
    pub fn take(&mut self) -> Update {
        self.progress.take()
    }

    /// The export ends here.
    pub fn finish(self) -> Verification {
        self.finish_telling().0
    }

    /// The export ends here; gives what became known since the last call of [`take`](Self::take) too.
    pub fn finish_telling(mut self) -> (Verification, Update) {
        let end = self.splitter.finish();
        self.drain();
        self.begin();
        self.progress.finish_telling(end)
    }
}
