//! Verifies an export, and selects the events of a report.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::note::VerifierKey;
use countersign::pin::Pin;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{
    EventVisitor, Mark, Options, PendingItem, Report, SelectedItem, SignerTrust, SignerTrusts,
    SummarizedEvent, Verification, VerifiedItem,
};
use countersign_analyze::Pack;
use countersign_evidence::{
    Described, Draw, Examined, File, MAX_DETECTIONS, SampleRoot, Sampled, SelectedEntries, UNRECOGNIZED,
};
use countersign_query::{Parsers, Query};

use super::detections::FiledDetections;
use crate::commands::analyze::FindingsVisitor;
use crate::errors::CliError;
use crate::io::contents::{file_name, open_named_export};
use crate::io::hashing::FileDigest;
use crate::io::input::{self, Input};
use crate::io::pin::warn_if_of_another_log;
use crate::io::query::{EventQuery, MetConditions, parse_event};
use crate::io::study::{Both, Consumer, Examiner, Optional, study};

/// The trust file and the pins, as bytes, with file names.
pub(crate) struct VerifyInput {
    pub(super) trust: Option<(String, Vec<u8>)>,
    pub(super) pins: Vec<(String, Vec<u8>)>,
}

/// The events to select.
pub(crate) struct ReportSelection {
    pub(crate) query: Option<String>,
    pub(crate) range: Option<(u64, u64)>,
    /// The sample's size, and its seed.
    pub(crate) sample: Option<(u64, String)>,
    pub(crate) now: Time,
    pub(crate) parsers: Parsers,
    /// True if `parsers` has more than the built-in ones, so that others can't repeat the search without them.
    pub(crate) has_own_parsers: bool,
    pub(crate) threads: usize,
}

/// A verified export with its selected events.
pub(crate) struct SelectedEvents {
    pub(crate) file: Described,
    pub(crate) verification: Verification,
    /// The entries of the selected events that verify, in order.
    pub(crate) leaves: Vec<u64>,
    /// The search that selected them; `None` without a query.
    pub(crate) examined: Option<Examined>,
    pub(crate) sample: Option<Sampled>,
}

impl VerifyInput {
    /// Reads the files.
    pub(crate) fn load(trust: Option<&Path>, pins: &[PathBuf]) -> Result<Self, CliError> {
        let trust =
            trust.map(|path| Ok::<_, CliError>((file_name(path), input::small(path)?))).transpose()?;
        let pins = pins.iter().map(|path| Ok((file_name(path), input::small(path)?)));
        Ok(Self { trust, pins: pins.collect::<Result<_, CliError>>()? })
    }

    /// Warns about each pin of another log.
    pub(super) fn warn_of_other_logs(&self, pins: &[Pin], origin: Option<&str>) {
        for ((name, _), pin) in self.pins.iter().zip(pins) {
            warn_if_of_another_log(name, &pin.origin, origin);
        }
    }

    pub(super) fn options(&self) -> Result<Options, CliError> {
        let trust = self
            .trust
            .as_ref()
            .map(|(name, bytes)| Trust::parse(bytes).map_err(|error| CliError::from(error).within(name)));
        let pins = self.pins.iter().map(|(name, bytes)| {
            let text = std::str::from_utf8(bytes).map_err(|_| {
                CliError::unusable(
                    "io.not_text",
                    "the file is not UTF-8 text",
                    "check that this is the right file",
                )
            });
            let pin = text.and_then(|text| Ok(Pin::parse(text)?));
            pin.map_err(|failure| {
                failure
                    .within(name)
                    .or_hint("a pin is a signed checkpoint or a head proof, written by --save-pin")
            })
        });
        Ok(Options {
            trust: trust.transpose()?.unwrap_or_default(),
            pins: pins.collect::<Result<_, _>>()?,
            ..Options::default()
        })
    }
}

/// Opens the export of a report.
pub(crate) fn open(export: &Path) -> Result<ReportInput, CliError> {
    if export == Path::new("-") {
        let hint = "save it to a file: a report contains the name and hash of its export";
        return Err(CliError::unusable(
            "arguments.invalid",
            "a report can't be made from standard input",
            hint,
        ));
    }
    let (input, name) = open_named_export(export)?;
    Ok(ReportInput { name, input: input.rereadable()? })
}

/// The export of a report, named and opened once.
pub(crate) struct ReportInput {
    /// The file's name without its directory, which a report does not reveal.
    pub(crate) name: String,
    pub(crate) input: Input,
}

impl ReportInput {
    /// Returns the file's name, size and SHA-256.
    pub(crate) fn described(&mut self) -> Result<Described, CliError> {
        let FileDigest { sha256, bytes } = self.input.digest()?;
        Ok(Described { name: self.name.clone(), sha256, size: bytes })
    }
}

/// Verifies an export, selects the requested events, and runs the rules of a pack, if given.
pub(crate) fn select(
    export: &mut ReportInput,
    given: &VerifyInput,
    request: &ReportSelection,
    pack: Option<&Pack>,
) -> Result<(SelectedEvents, Option<FiledDetections>), CliError> {
    let search = request.query.as_deref().map(|text| Search::parse(text, request.now)).transpose()?;
    let options = given.options()?;
    let pins = options.pins.clone();
    let rules = pack.map(|pack| Rules { pack, max_findings: MAX_DETECTIONS, range: request.range });
    let question =
        Question { search: search.as_ref(), range: request.range, rules, parsers: &request.parsers };
    let Answers { verification, found, detections } =
        question.ask(&mut export.input, options, request.threads)?;
    let FoundEvents { all, matching: leaves, unrecognized, roots, .. } = found;
    let origin = verification.report.origin.as_deref();
    given.warn_of_other_logs(&pins, origin);
    let sample = request.sample.as_ref().map(|(wanted, seed)| roots.draw(origin, *wanted, seed, &leaves));
    let examined =
        search.map(|_| Examined { events: all.len() as u64, unrecognized: unrecognized.len() as u64 });
    let sample = sample.transpose()?;
    let file = export.described()?;
    Ok((SelectedEvents { file, verification, leaves, examined, sample }, detections))
}

/// A query, and the one that selects the events that state no actor, no action, or no time.
pub(super) struct Search {
    query: Query,
    unrecognized: Query,
}

impl Search {
    /// Parses the query of a report. Relative times in it are relative to `now`.
    pub(super) fn parse(text: &str, now: Time) -> Result<Self, CliError> {
        let parse = |text| crate::io::query::parse_at(text, now);
        Ok(Self { query: parse(text)?, unrecognized: parse(UNRECOGNIZED)? })
    }
}

/// The events of a range, as entries in order.
#[derive(Default)]
pub(super) struct FoundEvents {
    /// All events that verify.
    pub(super) all: Vec<u64>,
    /// Those that the query selects; all without a query.
    pub(super) matching: Vec<u64>,
    /// Those that state no actor, no action, or no time; none without a query.
    pub(super) unrecognized: Vec<u64>,
    /// Those whose signer is not trusted.
    pub(super) untrusted: Vec<u64>,
    pub(super) roots: Roots,
}

impl FoundEvents {
    /// Returns the result of the search for comparison with a frame.
    pub(super) fn selected(&self) -> SelectedEntries {
        SelectedEntries { leaves: self.matching.clone(), unrecognized: self.unrecognized.clone() }
    }
}

/// The search and the rules of a report, for an export's verified events.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) search: Option<&'a Search>,
    /// The range of entries that is searched; all of them without one.
    pub(super) range: Option<(u64, u64)>,
    pub(super) rules: Option<Rules<'a>>,
    pub(super) parsers: &'a Parsers,
}

/// The rules to run over an export's verified events.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) pack: &'a Pack,
    /// The number of findings above which the run fails.
    pub(super) max_findings: u64,
    /// The range of entries that is examined; all of them without one.
    pub(super) range: Option<(u64, u64)>,
}

/// The answers to a [`Question`].
pub(super) struct Answers {
    pub(super) verification: Verification,
    pub(super) found: FoundEvents,
    /// The result of the rules, if some were run.
    pub(super) detections: Option<FiledDetections>,
}

impl Question<'_> {
    /// Verifies an export once, and answers from its events.
    pub(super) fn ask(
        self,
        input: &mut Input,
        options: Options,
        threads: usize,
    ) -> Result<Answers, CliError> {
        let Self { search, range, rules, parsers } = self;
        let options = Options { marks: true, ..options };
        let query = search.map(|search| EventQuery::new(&search.query));
        let examiner = SelectionExaminer { search, query: query.as_ref(), parsers };
        let selection =
            SelectionVisitor { examiner, range, found: FoundEvents::default(), by_signer: BTreeMap::new() };
        let findings = rules.map(|Rules { pack, max_findings, range }| {
            FindingsVisitor::new(pack, parsers).within(range).with_max_findings(max_findings)
        });
        let mut consumers = Both(selection, Optional(findings));
        let verification = study(input, options, threads, &mut consumers)?;
        let Both(selection, Optional(findings)) = consumers;
        let analyzed = findings.map(|findings| findings.finish(verification.report.clone())).transpose()?;
        let detections = analyzed.map(|analyzed| FiledDetections::new(&analyzed)).transpose()?;
        Ok(Answers { found: selection.finish(&verification.report), verification, detections })
    }
}

/// The result of the search for an event whose signer is not known yet.
#[derive(Clone, Copy, Debug)]
struct ExaminedEvent {
    /// `None` if it can't match with any signer.
    met: Option<MetConditions>,
    is_unrecognized: bool,
}

impl PendingItem for ExaminedEvent {
    fn bytes(&self) -> usize {
        0
    }
}

/// Searches events, in any thread.
#[derive(Clone, Copy)]
struct SelectionExaminer<'q> {
    search: Option<&'q Search>,
    query: Option<&'q EventQuery<'q>>,
    parsers: &'q Parsers,
}

impl Examiner for SelectionExaminer<'_> {
    type Item = ExaminedEvent;

    fn examine(&self, event: &SummarizedEvent<'_>) -> Option<SelectedItem<ExaminedEvent>> {
        let examined = match (self.search, self.query) {
            (Some(search), Some(query)) => parse_event(event, self.parsers, |entry| ExaminedEvent {
                met: query.examine(entry),
                is_unrecognized: search.unrecognized.matches(entry),
            }),
            _ => ExaminedEvent { met: Some(MetConditions::default()), is_unrecognized: false },
        };
        Some(event.select(examined))
    }
}

/// Selects the events that match the query and are in the range, if given.
struct SelectionVisitor<'q> {
    examiner: SelectionExaminer<'q>,
    range: Option<(u64, u64)>,
    found: FoundEvents,
    /// All events, by chain and by whether the key was authorized when they became verified.
    by_signer: BTreeMap<(ChainId, bool), SignedEvents>,
}

/// The entries of events that one key signed.
struct SignedEvents {
    vkey: VerifierKey,
    leaves: Vec<u64>,
}

impl SelectionVisitor<'_> {
    /// Ends with the report on the export.
    fn finish(self, report: &Report) -> FoundEvents {
        let Self { mut found, by_signer, .. } = self;
        let signers = SignerTrusts::from_report(report);
        for ((chain, authorized), SignedEvents { vkey, leaves }) in by_signer {
            if signers.of_signer(&vkey, chain, authorized) != SignerTrust::Trusted {
                found.untrusted.extend(&leaves);
            }
            found.all.extend(leaves);
        }
        for leaves in [&mut found.all, &mut found.matching, &mut found.unrecognized, &mut found.untrusted] {
            leaves.sort_unstable();
            leaves.dedup();
        }
        found
    }
}

impl<'q> Consumer for SelectionVisitor<'q> {
    type Examiner = SelectionExaminer<'q>;

    fn examiner(&self) -> Self::Examiner {
        self.examiner
    }
}

impl EventVisitor for SelectionVisitor<'_> {
    type Item = ExaminedEvent;
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<ExaminedEvent>) -> Result<(), CliError> {
        let VerifiedItem { link, item: ExaminedEvent { met, is_unrecognized }, .. } = event;
        if !self.range.is_none_or(|(first, end)| (first..end).contains(&link.index)) {
            return Ok(());
        }
        self.by_signer
            .entry((link.chain, link.authorized))
            .or_insert_with(|| SignedEvents { vkey: link.vkey.clone(), leaves: Vec::new() })
            .leaves
            .push(link.index);
        let matches = |met| self.examiner.query.is_none_or(|query| query.matches(met, &link));
        if met.is_some_and(matches) {
            self.found.matching.push(link.index);
        }
        if is_unrecognized {
            self.found.unrecognized.push(link.index);
        }
        Ok(())
    }

    fn mark(&mut self, mark: Mark) -> Result<(), CliError> {
        self.found.roots.add(mark);
        Ok(())
    }
}

/// The roots from which samples are drawn: of each origin, the last matching checkpoint, and the last witnessed one.
#[derive(Default)]
pub(super) struct Roots {
    matching: Vec<(String, Hash)>,
    witnessed: Vec<(String, Hash)>,
}

impl Roots {
    fn add(&mut self, mark: Mark) {
        let Mark::Checkpoint(checkpoint) = mark else { return };
        if !checkpoint.matches {
            return;
        }
        let replace = |roots: &mut Vec<(String, Hash)>| {
            roots.retain(|(origin, _)| *origin != checkpoint.origin);
            roots.push((checkpoint.origin.clone(), checkpoint.root));
        };
        if checkpoint.times.is_some() {
            replace(&mut self.witnessed);
        }
        replace(&mut self.matching);
    }

    /// Returns the root from which samples of this log are drawn.
    pub(super) fn root(&self, origin: Option<&str>) -> Option<SampleRoot> {
        let of = |roots: &[(String, Hash)], witnessed| {
            let root = roots.iter().find(|(of, _)| Some(of.as_str()) == origin);
            root.map(|&(_, root)| SampleRoot { root, witnessed })
        };
        of(&self.witnessed, true).or_else(|| of(&self.matching, false))
    }

    fn draw(
        &self,
        origin: Option<&str>,
        wanted: u64,
        seed: &str,
        leaves: &[u64],
    ) -> Result<Sampled, CliError> {
        let SampleRoot { root, witnessed } = self.root(origin).ok_or_else(|| {
            let message = "no checkpoint in this export matches, so no sample can be drawn";
            CliError::unusable("sample.no_root", message, "seal the export first, or use an export of a log")
        })?;
        let mut draw = Draw::new(&root, seed, usize::try_from(wanted).unwrap_or(usize::MAX));
        for leaf in leaves {
            draw.offer(*leaf);
        }
        Ok(Sampled {
            wanted,
            seed: seed.into(),
            root,
            witnessed,
            candidates: leaves.len() as u64,
            leaves: draw.finish(),
        })
    }
}

/// Returns the export in an evidence file as an input.
pub(super) fn embedded_export(file: &File) -> Input {
    Input::stream("export", Box::new(Cursor::new(file.export.clone())))
}
