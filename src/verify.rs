//! Verification of an export: one streaming pass, one report, one verdict (SPEC section 9).
//!
//! A [`Verifier`] accepts the export's bytes in pieces of any size. It keeps the right edge of the tree, a
//! few numbers for each chain, the keys, and the checkpoints' times, so its memory grows with the number of
//! chains but not with the number of events.
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
//! [`Update`] reports progress: events as they become verified, marks for other lines, and findings as they occur.
//! [`Verifier::live`] verifies an export that is still growing.
//!
//! Each check in SPEC's table has a module with its name. `summary` does the work that needs only a chunk of
//! lines, possibly on another core; `sequence` absorbs the summaries in order.

mod append_only;
pub mod archive;
mod attested;
mod authority;
mod chain_keys;
mod chains;
mod closure;
mod compact;
mod conclusion;
mod delivery;
mod events;
mod expected;
mod finding;
mod format;
mod heads;
mod input_error;
mod leaves;
mod live;
mod log;
mod marks;
mod meaning;
mod numbers;
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub mod parallel;
#[cfg(all(feature = "parts", not(all(target_arch = "wasm32", target_os = "unknown"))))]
pub mod parts;
mod payloads;
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
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
#[cfg(all(feature = "parts", not(all(target_arch = "wasm32", target_os = "unknown"))))]
mod undecidable;
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

use archive::writer::ArchiveWriter;
use report::Counts;
use sequence::Sequence;
use visitor::Selected;

use crate::export::Header;
use crate::link::ChainId;
use crate::pin::Pin;
use crate::time::Time;
use crate::trust::Trust;

/// The reader's input to verification.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent options")]
pub struct Options {
    /// The keys, logs, and witnesses that the reader trusts.
    pub trust: Trust,
    /// States of logs that the reader verified before.
    pub pins: Vec<Pin>,
    /// The reader's expectations of the export.
    pub expect: Expectations,
    /// True to return [`VerifiedEvent`]s.
    pub events: bool,
    /// True to return [`Mark`]s.
    pub marks: bool,
    /// True to return [`Finding`]s as they occur. They are provisional; the report is final.
    pub findings: bool,
    /// True if the input was reconstructed by `check` from a log's tiles rather than exported.
    ///
    /// Such input has no events and perhaps no links. Checks that such a log need not satisfy are then not
    /// required, `tree` and `log` are always required, and checkpoints may have extension lines, as those of
    /// other logs do.
    pub tiles: bool,
}

/// A reader's expectations of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    /// The expected origin of the log.
    pub origin: Option<String>,
    /// The expected entries, from the first index up to but not including the second.
    pub range: Option<(u64, u64)>,
    /// The maximum age of the log's time.
    pub max_age: Option<MaxAge>,
}

/// The maximum age of the log's time, and when to measure it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxAge {
    /// The maximum age in seconds.
    pub seconds: i64,
    /// The time at which the age is measured.
    pub now: Time,
}

impl Expectations {
    /// True if nothing is expected.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The result of verification.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The report.
    pub report: Report,
    /// The checkpoint to pin for next time, as a signed note. `None` if `tree` or `log` does not pass, if any check
    /// fails, or if a pin is newer.
    pub pin: Option<String>,
    /// A pin of a later tick than the last head, which must not replace it ([`Pin::may_replace`]).
    pub newer_pin: Option<Pin>,
}

/// The end of verification.
#[derive(Debug)]
pub struct Conclusion {
    /// The result.
    pub verification: Verification,
    /// The results since the last call of `take`.
    pub update: Update,
    /// The bytes of the [`archive`] since the last call of `take_archive`, up to its end. `None` if none was
    /// wanted, if it would be too large, or if the input could not be read as an export.
    pub archive: Option<Vec<u8>>,
}

/// A verifier of one export.
pub struct Verifier {
    splitter: Splitter,
    summarizer: Option<Summarizer>,
    progress: Progress,
    /// True if the export is still growing.
    live: bool,
    /// True if events report their position in the export.
    locates: bool,
    /// The verification up to the last checkpoint so far, for an export that is still growing.
    at_checkpoint: Option<Verification>,
}

/// Verification progress of an export whose chunks are summarized elsewhere, for example on other threads.
pub struct Progress {
    options: Option<Options>,
    sequence: Option<Box<Sequence>>,
    findings: bool,
    /// `None` if no archive is wanted, or if it would be too large.
    archive: Option<ArchiveWriter>,
}

impl Progress {
    /// Starts before the header is read.
    pub fn new(options: Options) -> Self {
        Self { findings: options.findings, options: Some(options), sequence: None, archive: None }
    }

    /// Also creates an [`archive`], unless it would be larger than `max_bytes`. Call it before the header is
    /// read.
    #[must_use]
    pub fn with_archive(self, max_bytes: usize) -> Self {
        Self { archive: Some(ArchiveWriter::new(max_bytes)), ..self }
    }

    /// Starts with the parsed header on this line. Returns a summarizer for the chunks; create more with
    /// [`Summarizer::new`].
    ///
    /// Returns `None` if called again, without an effect.
    pub fn begin(&mut self, header: &Header, line: u64) -> Option<Summarizer> {
        let options = self.options.take()?;
        let summarizer = Summarizer::new(&header.origin, &options.trust).of_tiles(options.tiles);
        self.sequence = Some(Box::new(Sequence::new(header.clone(), line, options)));
        self.add_to_archive(|archive| archive.header(header, line));
        Some(summarizer)
    }

    /// Sets the position of the next chunk in the export, from [`Splitter::at`], so that its events report theirs.
    pub fn locate(&mut self, at: Option<u64>) {
        if let Some(sequence) = &mut self.sequence {
            sequence.at = at;
        }
    }

    /// Absorbs the summary of the next chunk. `chunk` is the summarized text, from which events are returned; it
    /// may be empty if none are wanted.
    pub fn absorb(&mut self, summary: Summary, chunk: &[u8]) {
        self.absorb_selected(summary, chunk, None);
    }

    /// Absorbs the summary of the next chunk together with the items that the examiner selected from its
    /// [events](Summary::events), in order. `None` if there was no examiner.
    fn absorb_selected(&mut self, summary: Summary, chunk: &[u8], selected: Option<Vec<Selected>>) {
        if let Some(sequence) = &mut self.sequence {
            let summary = sequence.absorb(summary, chunk, selected);
            self.add_to_archive(|archive| archive.chunk(&summary));
        }
    }

    /// Adds to the archive, or drops it if there is no room.
    fn add_to_archive(&mut self, add: impl FnOnce(&mut ArchiveWriter) -> Option<()>) {
        if let Some(archive) = &mut self.archive
            && add(archive).is_none()
        {
            self.archive = None;
        }
    }

    /// Returns the bytes of the archive since the last call. `None` if there is no archive; the bytes so far are useless
    /// then.
    pub fn take_archive(&mut self) -> Option<Vec<u8>> {
        self.archive.as_mut().map(ArchiveWriter::take)
    }

    fn authorized_chains(&self) -> Vec<ChainId> {
        self.sequence.as_ref().map(|sequence| sequence.authorized_chains()).unwrap_or_default()
    }

    /// Returns the index of the next entry.
    #[cfg(all(feature = "parts", not(all(target_arch = "wasm32", target_os = "unknown"))))]
    fn position(&self) -> u64 {
        self.sequence.as_ref().map_or(0, |sequence| sequence.tree.position())
    }

    /// Returns the results since the last call.
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

    /// Returns the counts so far.
    pub fn counts(&self) -> Counts {
        self.sequence.as_ref().map(|sequence| sequence.counts()).unwrap_or_default()
    }

    /// Returns the origin that the header names, once the header was read.
    pub fn origin(&self) -> Option<&str> {
        self.sequence.as_ref().map(|sequence| &*sequence.header.origin)
    }

    /// Finishes after all summaries were absorbed. `end` is the splitter's result. Also returns the results
    /// since the last call of [`take`](Self::take).
    pub fn finish_with_update(self, end: Result<(), InputError>) -> (Verification, Update) {
        let Conclusion { verification, update, .. } = self.finish_with_archive(end);
        (verification, update)
    }

    /// Finishes as [`finish_with_update`](Self::finish_with_update) does. Also returns the rest of the archive.
    pub fn finish_with_archive(mut self, end: Result<(), InputError>) -> Conclusion {
        let mut update = self.take();
        let failure = match (end, self.sequence) {
            (Ok(()), Some(sequence)) => {
                let (verification, mut last) = sequence.finish();
                update.findings.append(&mut last);
                let archive = self.archive.and_then(ArchiveWriter::finish);
                return Conclusion { verification, update, archive };
            }
            (Err(failure), _) => failure,
            (Ok(()), None) => InputError::empty(),
        };
        let report = failure.report();
        if self.findings {
            update.findings.extend_from_slice(&report.findings);
        }
        Conclusion {
            verification: Verification { report, pin: None, newer_pin: None },
            update,
            archive: None,
        }
    }
}

impl Verifier {
    /// Creates a verifier.
    pub fn new(options: Options) -> Self {
        let (splitter, progress) = (Splitter::new(), Progress::new(options));
        Self { splitter, summarizer: None, progress, live: false, locates: false, at_checkpoint: None }
    }

    /// Makes verified events report their [position](VerifiedEvent::at) in the export. Call it before the first push.
    #[must_use]
    pub fn locate(self) -> Self {
        Self { locates: true, ..self }
    }

    /// Also creates an [`archive`], unless it would be larger than `max_bytes`. Call it before the first push.
    #[must_use]
    pub fn with_archive(self, max_bytes: usize) -> Self {
        Self { progress: self.progress.with_archive(max_bytes), ..self }
    }

    /// Processes the next bytes of the export, compressed or not.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = &bytes[self.push_some(bytes)..];
        }
    }

    /// Processes bytes from the front of `input` and returns how many. Stops early on compressed input that expands a
    /// lot, so that the work and the events of one call are bounded.
    pub fn push_some(&mut self, input: &[u8]) -> usize {
        let taken = self.splitter.push(input);
        self.drain();
        taken
    }

    /// Returns the counts so far.
    pub fn counts(&self) -> Counts {
        self.progress.counts()
    }

    fn drain(&mut self) {
        while let Some(chunk) = self.splitter.next_chunk() {
            self.begin();
            if self.live {
                self.absorb_live(&chunk);
            } else if let Some(summarizer) = &mut self.summarizer {
                let summary = summarizer.summarize(&chunk);
                self.progress.locate(self.splitter.at().filter(|_| self.locates));
                self.progress.absorb(summary, &chunk);
            }
            self.splitter.recycle(chunk);
        }
    }

    fn begin(&mut self) {
        if let (None, Some((header, line))) = (&self.summarizer, self.splitter.header()) {
            self.summarizer = self.progress.begin(header, line);
        }
    }

    /// Returns the results since the last call.
    pub fn take(&mut self) -> Update {
        self.progress.take()
    }

    /// Finishes at the end of the export.
    pub fn finish(self) -> Verification {
        self.finish_with_update().0
    }

    /// Finishes at the end of the export. Also returns the results since the last call of
    /// [`take`](Self::take).
    pub fn finish_with_update(self) -> (Verification, Update) {
        let Conclusion { verification, update, .. } = self.finish_with_archive();
        (verification, update)
    }

    /// Finishes as [`finish_with_update`](Self::finish_with_update) does. Also returns the rest of the archive.
    pub fn finish_with_archive(mut self) -> Conclusion {
        let end = self.splitter.finish();
        self.drain();
        self.begin();
        self.progress.finish_with_archive(end)
    }

    /// Returns the bytes of the archive since the last call. `None` if there is no archive; the bytes so far are useless
    /// then.
    pub fn take_archive(&mut self) -> Option<Vec<u8>> {
        self.progress.take_archive()
    }
}
