//! Collects an export's answers to a catalog's questions in one pass.

use std::collections::HashMap;
use std::path::Path;

use countersign::hash::Hash;
use countersign::hex;
use countersign::link::ChainId;
use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign::verify::{
    EventVisitor, Mark, Options, SelectedItem, SummarizedEvent, Verdict, Verification, VerifiedItem,
};
use countersign_analyze::{Analysis, Analyzer, Detected, Pack};
use countersign_controls::{
    Catalog, EventEvaluator, EventFacts, Evidence, EvidenceBuilder, EvidenceOptions, ExportFacts,
    ExportMarks, Record, RecordContent, Source,
};
use countersign_evidence::Described;
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Args;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::contents::file_name;
use crate::io::hashing::FileDigest;
use crate::io::input::{self, Input};
use crate::io::pieces;
use crate::io::spill_queue::{PendingValue, Spill, SpillQueue};
use crate::io::visit::visit;

/// The maximum number of listed events of a record or a person.
const MAX_ROWS: usize = 10_000;
/// The number of bytes of records that are kept in memory.
const MEMORY_BYTES: usize = 16 << 20;

/// The result of reading an export.
pub(super) struct GatherResult {
    pub(super) verification: Verification,
    pub(super) file: Described,
    /// The indexes of the verified events in order, if requested.
    pub(super) leaves: Vec<u64>,
    /// The evidence; `None` if the export is altered, broken, or not an export.
    pub(super) evidence: Option<Evidence>,
}

/// The rules, parsers, and questions that events are examined with.
pub(super) struct Gatherer<'a> {
    pub(super) pack: &'a Pack,
    pub(super) parsers: Parsers,
    pub(super) catalog: &'a Catalog,
    pub(super) args: &'a Args,
}

/// An event's answers to the questions, and the detections of the rules in it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Examination {
    pub(super) looked: EventFacts,
    pub(super) detected: Detected,
}

impl Spill for Examination {
    fn memory_bytes(&self) -> usize {
        self.looked.memory_bytes() + self.detected.memory_bytes()
    }

    fn write(&self, out: &mut Vec<u8>) {
        write(self, out);
    }
}

/// An entry of the log, and the detections of the rules in its event.
#[derive(Debug, Serialize, Deserialize)]
struct LogRecord {
    record: Record,
    detected: Option<Box<Detected>>,
}

impl Spill for LogRecord {
    fn memory_bytes(&self) -> usize {
        let looked = match &self.record.what {
            RecordContent::Event(looked) => looked.memory_bytes(),
            RecordContent::Withheld(_) => 0,
        };
        looked + self.detected.as_ref().map_or(0, |detected| detected.memory_bytes())
    }

    fn write(&self, out: &mut Vec<u8>) {
        write(self, out);
    }
}

fn write(value: &impl Serialize, out: &mut Vec<u8>) {
    // Writing into memory can't fail.
    out.extend(postcard::to_stdvec(value).unwrap_or_default());
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CliError> {
    postcard::from_bytes(bytes).map_err(|error| faulty(&error.to_string()))
}

impl Gatherer<'_> {
    pub(super) fn examine(
        &self,
        looking: &EventEvaluator<'_>,
        text: &str,
        of: (Time, ChainId, Option<&str>),
        leaf: u64,
    ) -> Examination {
        let (recorded, chain, signer) = of;
        let document = Document::parse(text);
        let event = document.as_ref().map(Document::root);
        let read = event.as_ref().and_then(|event| self.parsers.parse(event));
        let chain = chain.to_string();
        let entry = Entry { event, roots: &[], read: read.as_ref(), recorded, chain: &chain, signer };
        entry.within(|entry| {
            let detected = self.pack.detect(leaf, entry);
            Examination { looked: looking.evaluate(entry, text, &detected), detected }
        })
    }

    /// True if events can be examined only when their signers are known.
    pub(super) fn needs_signer(&self) -> bool {
        self.pack.reads_signer() || self.catalog.asks_signer()
    }

    /// Returns the options that reproduce the document. Files have no folders, which differ between machines.
    fn options(&self) -> Result<Vec<(&'static str, String)>, CliError> {
        let Args { framework, catalog, sample, seed, policy, record, subject, rules, own, .. } = self.args;
        let mut options = Vec::new();
        options.extend(framework.clone().map(|name| ("--framework", name)));
        options.extend(catalog.as_deref().map(|path| ("--catalog", file_name(path))));
        options.push(("--sample", sample.to_string()));
        options.push(("--seed", seed.clone()));
        options.extend(policy.map(|age| ("--policy", age.to_string())));
        options.extend(record.clone().map(|id| ("--record", id)));
        options.extend(subject.clone().map(|id| ("--subject", id)));
        options.extend(rules.iter().map(|path| ("--rules", file_name(path))));
        options.extend(own.sources()?.into_iter().map(|file| ("--parsers", file.name)));
        Ok(options)
    }

    fn evaluator(&self) -> EventEvaluator<'_> {
        let (subject, record) = (self.args.subject.as_deref(), self.args.record.as_deref());
        EventEvaluator::new(self.catalog, &self.parsers, self.pack, subject, record)
    }

    /// Examines an event, unless its signer must be known, who is known only when it is visited.
    fn select(
        &self,
        looking: &EventEvaluator<'_>,
        event: &SummarizedEvent<'_>,
    ) -> Option<SelectedItem<Option<PendingValue<Examination>>>> {
        if self.needs_signer() {
            return Some(event.select_with_text(None));
        }
        let text = std::str::from_utf8(event.text).ok()?;
        let examination = self.examine(looking, text, (event.time, event.chain, None), 0);
        Some(event.select(Some(PendingValue::new(examination))))
    }

    /// Examines a part of the export, and writes its piece.
    pub(super) fn write_piece(&self, export: &Path, part: (u64, u64)) -> Result<ExitStatus, CliError> {
        let evaluator = self.evaluator();
        let examiner = || |event: &SummarizedEvent<'_>| self.select(&evaluator, event);
        let (output, threads) = (self.args.output.as_deref(), self.args.threads.count());
        pieces::write(export, part, output, &self.settings(), threads, examiner, &self.codec())
    }

    /// Reads the export once, or the pieces of its parts. Buffers data about each entry, in log order, until the
    /// trusted signers are known.
    pub(super) fn gather(&self, input: &mut Input, wants_leaves: bool) -> Result<GatherResult, CliError> {
        let args = self.args;
        let (trust, trust_bytes) = args.trust.path().map(input::trust_with_bytes).transpose()?.unzip();
        let trust = trust.unwrap_or_default();
        let logs = trust.logs().map(|key| key.as_str().to_owned()).collect();
        let has_quorum = trust.has_quorum();
        let options = Options { trust, marks: true, ..Options::default() };
        let looking = self.evaluator();
        let mut visitor = RecordVisitor {
            gatherer: self,
            looking: &looking,
            records: SpillQueue::new(MEMORY_BYTES),
            chains: Vec::new(),
            numbers: HashMap::new(),
            ended: ExportMarks::default(),
            leaves: wants_leaves.then(Vec::new),
        };
        let threads = args.threads.count();
        let verification = if let files @ [_, ..] = args.pieces.files() {
            let (settings, codec) = (self.settings(), self.codec());
            pieces::visit(files, Some(input), &settings, options, threads, &codec, &mut visitor)?
        } else {
            let examiner = || |event: &SummarizedEvent<'_>| self.select(&looking, event);
            visit(input, options, threads, examiner, &mut visitor)?
        };
        let FileDigest { sha256, bytes } = input.digest()?;
        let report = &verification.report;
        let RecordVisitor { mut records, chains, ended, leaves, .. } = visitor;
        let mut leaves = leaves.unwrap_or_default();
        leaves.sort_unstable();
        leaves.dedup();
        let name = args.export.as_deref().map_or_else(String::new, file_name);
        let file = Described { name, sha256, size: bytes };
        let is_none = report.origin.is_none() || matches!(report.verdict, Verdict::Altered | Verdict::Broken);
        if is_none {
            return Ok(GatherResult { verification, file, leaves, evidence: None });
        }
        let source = Source {
            name: input.name().to_owned(),
            sha256: hex::encode(&sha256.0),
            bytes,
            trust: trust_bytes.map(|bytes| hex::encode(&Hash::digest(&[&bytes]).0)),
            tool: concat!("countersign ", env!("CARGO_PKG_VERSION")).to_owned(),
            parsers: args.own.sources()?,
            options: self.options()?,
        };
        let known = ExportFacts { source, report, logs, has_quorum, chains: &chains, ended };
        let wanted = EvidenceOptions {
            period: args.period,
            sample: args.sample.into(),
            seed: args.seed.clone(),
            policy: args.policy.map(|age| (age.to_string(), age.millis())),
            record: args.record.clone(),
            subject: args.subject.clone(),
            rows: MAX_ROWS,
        };
        let mut gathering = EvidenceBuilder::new(self.catalog, known, wanted);
        let mut analyzer = Analyzer::new(self.pack);
        records.for_each(read, |_, LogRecord { record, detected }| {
            gathering.take(record);
            match detected.take() {
                Some(detected) => analyzer.accept(*detected).map_err(|error| faulty(&error.to_string())),
                None => Ok(()),
            }
        })?;
        let analysis: Analysis = analyzer.finish();
        gathering.start_second_pass(&analysis);
        records.for_each(read, |_, LogRecord { record, .. }| {
            gathering.show(record);
            Ok(())
        })?;
        let evidence = gathering.finish(self.pack, &analysis);
        Ok(GatherResult { verification, file, leaves, evidence: Some(evidence) })
    }
}

/// Keeps the data of each entry until the end of the export.
struct RecordVisitor<'a> {
    gatherer: &'a Gatherer<'a>,
    looking: &'a EventEvaluator<'a>,
    records: SpillQueue<LogRecord>,
    chains: Vec<(ChainId, VerifierKey)>,
    numbers: HashMap<ChainId, u32>,
    ended: ExportMarks,
    leaves: Option<Vec<u64>>,
}

impl RecordVisitor<'_> {
    fn keep(&mut self, record: Record, detected: Option<Box<Detected>>) -> Result<(), CliError> {
        self.records.push(record.leaf, LogRecord { record, detected });
        self.records.spill_if_full()
    }
}

impl EventVisitor for RecordVisitor<'_> {
    /// None for an event that is examined when it is visited.
    type Item = Option<PendingValue<Examination>>;
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<Self::Item>) -> Result<(), CliError> {
        let VerifiedItem { link, item, text } = event;
        let Examination { looked, detected } = if let Some(item) = item {
            *item.into_value(read)?
        } else {
            let of = (link.time, link.chain, Some(link.vkey.name()));
            self.gatherer.examine(self.looking, text.as_deref().unwrap_or_default(), of, link.index)
        };
        self.leaves.iter_mut().for_each(|leaves| leaves.push(link.index));
        let record = Record {
            leaf: link.index,
            chain: number(&mut self.chains, &mut self.numbers, link.chain, &link.vkey),
            seq: link.seq,
            recorded: link.time.millis(),
            authorized: link.authorized,
            what: RecordContent::Event(Box::new(looked)),
        };
        self.keep(record, Some(Box::new(detected.at(link.index))))
    }

    fn mark(&mut self, mark: Mark) -> Result<(), CliError> {
        let Self { chains, numbers, ended, .. } = self;
        match ended.take(mark, |chain, vkey| number(chains, numbers, chain, vkey)) {
            Some(record) => self.keep(record, None),
            None => Ok(()),
        }
    }
}

fn number(
    chains: &mut Vec<(ChainId, VerifierKey)>,
    numbers: &mut HashMap<ChainId, u32>,
    chain: ChainId,
    vkey: &VerifierKey,
) -> u32 {
    *numbers.entry(chain).or_insert_with(|| {
        chains.push((chain, vkey.clone()));
        chains.len() as u32 - 1
    })
}

fn faulty(what: &str) -> CliError {
    CliError::unusable("evidence.order", what.to_owned(), "report this as a bug")
}
