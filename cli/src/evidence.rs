//! `countersign evidence`: what a log shows for the controls of a framework.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use countersign::link::ChainId;
use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign::verify::report::Report;
use countersign::verify::{Options, PickedEvent, SummarizedEvent, Update, Verdict};
use countersign_analyze::{Analysis, Analyzer, Detected, Fault, Pack};
use countersign_controls::{
    Catalogue, Ended, Evidence, Found, Gathering, Known, Looked, Looking, Period, Record, Source, Wanted,
    What,
};
use countersign_log::retention::Age;
use countersign_query::moment::Moment;
use countersign_query::value::Document;
use countersign_query::{Entry, Readings};
use sha2::{Digest as _, Sha256};

use crate::errors::{Failure, shown};
use crate::export_command::stream;
use crate::http::Prefix;
use crate::input::{self, Input};
use crate::output::Output;
use crate::report::selected::{Asked, Given, select};
use crate::report::written::Words;
use crate::spill::Runs;
use crate::{readings, report, rules, slice, style, token, verdict, verify};

/// Show what a log has for the controls of a framework, and what it cannot show
///
/// Verifies the export first: only events that verify and are signed by trusted keys count, and of an altered export there
/// is no evidence. A catalogue leads from each control to questions: events that a query finds, with a sample drawn by the
/// log's root; findings of rules, and who answered them; keys, coverage, reads, erasures, retention of the log itself.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign evidence audit.ndjson --trust trust.txt --framework soc2 --period 2026-01..2026-06 -o soc2.md
  countersign evidence audit.ndjson --trust trust.txt --framework nis2 -o nis2.html
  countersign evidence audit.ndjson --trust trust.txt --framework iso27001 --seed 'agreed on 5 January' -o iso27001/
  countersign evidence https://log.example/audit --token-file token.txt --trust trust.txt --framework pci --policy 1y --format csv
  countersign evidence audit.ndjson --trust trust.txt --framework gdpr --subject u_1 -o access-of-u_1/
  countersign evidence audit.ndjson --trust trust.txt --framework hipaa --record chart-42 --policy 6y -o hipaa.md
  countersign evidence --catalogue ours.yml --lint

docs/evidence-by-control.md has the catalogue's format. Where -o ends with .html it is an evidence file with the sampled events, which verifies
itself; where it ends with / it is a folder, which gets all formats, a slice of the
sampled events that verifies on its own, and with --subject one of the person's events.

Exit status: as `countersign verify`. Of an export that is altered or broken there is no evidence.")]
pub(crate) struct Args {
    /// The export, perhaps compressed with gzip or zstd, or the address of the collector that has it; - is the standard input
    #[arg(value_name = "EXPORT|URL", required_unless_present = "lint")]
    export: Option<PathBuf>,
    /// Whom to trust
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Whose controls
    #[arg(long, value_name = "FRAMEWORK", value_parser = clap::builder::PossibleValuesParser::new(Catalogue::names()))]
    #[arg(required_unless_present = "catalogue")]
    framework: Option<String>,
    /// A catalogue of your own, instead of one that comes with the program
    #[arg(long, value_name = "FILE", conflicts_with = "framework")]
    catalogue: Option<PathBuf>,
    /// Only check the catalogue
    #[arg(long, requires = "catalogue", conflicts_with = "export")]
    lint: bool,
    /// What happened from FROM to TO, both within: days, months, years or times, as in 2026-01..2026-06
    #[arg(long, value_name = "FROM..TO", value_parser = period)]
    period: Option<Period>,
    /// How many events are drawn as a sample for each question
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(0..=1000))]
    sample: u16,
    /// What you state so that nobody can choose the sample: agree on it before the log is at its checkpoint
    #[arg(long, value_name = "TEXT", default_value = "countersign")]
    seed: String,
    /// How long events are to be kept, to hold the log against it: 1y, 6y, 400d
    #[arg(long, value_name = "AGE", value_parser = clap::value_parser!(Age))]
    policy: Option<Age>,
    /// List what was done to this record, by its identifier
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// List what this person did and what was done to them, by their identifier
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// The rules whose findings count: a pack, or files or directories of Sigma rules. May be given more than once [default:
    /// the rules that come with the program]
    #[arg(long, value_name = "FILE|DIR")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    own: readings::Own,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    format: Format,
    /// Where to write it; a folder where it ends with / or is one [default: standard output]
    #[arg(short, value_name = "FILE|DIR")]
    output: Option<PathBuf>,
    /// The auditor's page that an evidence file begins with [default: the one that came with this program]
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// The file with the reader's token, for a collector [default: what `COUNTERSIGN_TOKEN` says]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// On how many threads to verify [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

/// What evidence is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Markdown,
    /// A line for each question of each control
    Csv,
    /// OSCAL assessment results
    Oscal,
    /// All of it, as canonical JSON
    Json,
}

/// How many events of a record or a person are listed.
const ROWS: usize = 10_000;
/// The most bytes of a catalogue, in MiB.
const MAX_CATALOGUE: u64 = 1;

fn period(text: &str) -> Result<Period, String> {
    let refuse = || "write it as 2026-01-01..2026-06-30, 2026-01..2026-06 or 2026".to_owned();
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let moment = |text: &str| {
        // A length of time would be counted from now, and the same command would not make the same document.
        let is_length = text.starts_with(['+', '-']);
        Moment::parse_for(text, Time::MIN).filter(|_| !is_length).ok_or_else(refuse)
    };
    let (from, to) = (moment(from)?.begin, moment(to)?.end);
    if from < to { Ok(Period { from, to }) } else { Err("it ends before it begins".into()) }
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let catalogue = catalogue(args)?;
    let pack = rules::load(&args.rules)?;
    for (question, word) in catalogue.unanswered(&pack) {
        let said =
            format!("no rule of the pack {} is {word}, which the question {question} asks for", pack.name);
        style::warn(&said);
    }
    let Some(export) = &args.export else {
        let of = verdict::count(catalogue.controls.len() as u64, "control");
        style::done(&format!("{of} of {}, catalogue {}", style::plain(&catalogue.framework), catalogue.hash));
        return Ok(0);
    };
    let folder = folder(args)?;
    if args.subject.is_some() && folder.is_none() {
        let hint = "give a new folder, as in -o access/";
        return Err(Failure::unusable(
            "arguments.invalid",
            "--subject writes an export of the person's events too",
            hint,
        ));
    }
    let as_file = args.output.as_deref().filter(|path| folder.is_none() && report::is_page(path));
    if as_file.is_some() && export.to_str().is_some_and(|place| place == "-" || Prefix::is_meant(place)) {
        let hint = "save it first, with `countersign export` where it is a collector's";
        return Err(Failure::unusable("arguments.invalid", "an evidence file is made of a file", hint));
    }
    let mut input = match export.to_str().filter(|place| Prefix::is_meant(place)) {
        None => Input::open(export)?,
        Some(url) => stream(url, token::load(args.token_file.as_deref())?.as_ref())?,
    };
    if folder.is_some() {
        // Slices are cut from it.
        input = input.rereadable()?;
    }
    let looking = Look { pack: &pack, readings: args.own.load()?, catalogue: &catalogue, args };
    let found = looking.gather(&mut input)?;
    let status = found.report.verdict.exit_status();
    let Some(evidence) = found.evidence else {
        verdict::print(&(verdict::headline(&found.report) + "\n"))?;
        style::warn("There is no evidence in it: `countersign verify` says what is wrong");
        return Ok(status);
    };
    if let Some(file) = &as_file {
        looking.file(export, file, &evidence)?;
        style::done(&verdict::headline(&found.report));
        return Ok(status);
    }
    match &folder {
        None => write(args.output.as_deref(), &written(&evidence, args.format))?,
        Some(folder) => looking.fill(folder, input, &evidence)?,
    }
    if args.output.is_some() {
        style::done(&verdict::headline(&found.report));
    }
    Ok(status)
}

fn catalogue(args: &Args) -> Result<Catalogue, Failure> {
    let Some(path) = &args.catalogue else {
        let name = args.framework.as_deref().unwrap_or_default();
        return Catalogue::built_in(name).ok_or_else(|| {
            Failure::unusable(
                "arguments.invalid",
                "there is no such framework",
                "see `countersign evidence --help`",
            )
        });
    };
    let name = shown(path);
    let bytes = Input::open(path)?.all(MAX_CATALOGUE)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::unusable("io.not_text", "it is not UTF-8 text", "a catalogue is YAML in UTF-8").within(&name)
    })?;
    Catalogue::parse(&text).map_err(|faults| {
        let failure = |fault: &Fault| {
            let place = if fault.rule.is_empty() { String::new() } else { format!("{}: ", fault.rule) };
            let failure = Failure::unusable(fault.code, format!("{place}{}", fault.problem), &fault.hint);
            let failure = if fault.line > 0 { failure.at_line(fault.line.into()) } else { failure };
            failure.within(&name)
        };
        let Some((last, before)) = faults.split_last() else {
            return Failure::unusable("catalogue.empty", "it cannot be used", "mend it").within(&name);
        };
        before.iter().take(20).for_each(|fault| failure(fault).report());
        failure(last)
    })
}

/// The folder to be written, made where it is not there.
fn folder(args: &Args) -> Result<Option<PathBuf>, Failure> {
    let Some(path) = &args.output else { return Ok(None) };
    let is_meant = path.to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]) || path.is_dir();
    if !is_meant {
        return Ok(None);
    }
    fs::create_dir_all(path).map_err(|error| Failure::io("make", &shown(path), &error))?;
    Ok(Some(path.clone()))
}

fn written(evidence: &Evidence, format: Format) -> String {
    match format {
        Format::Markdown => countersign_controls::markdown(evidence),
        Format::Csv => countersign_controls::csv(evidence),
        Format::Oscal => countersign_controls::oscal(evidence) + "\n",
        Format::Json => countersign_controls::json(evidence) + "\n",
    }
}

fn write(path: Option<&Path>, text: &str) -> Result<(), Failure> {
    let mut output = Output::create(path)?;
    output.write(text.as_bytes())?;
    output.finish()
}

/// What was read, and what came of it.
struct Gathered {
    report: Report,
    /// None of an export that is altered, broken or none.
    evidence: Option<Evidence>,
}

/// What events are looked at by.
struct Look<'a> {
    pack: &'a Pack,
    readings: Readings,
    catalogue: &'a Catalogue,
    args: &'a Args,
}

/// What was seen of an event of which it is not known yet whether it verifies.
type Seen = (Looked, Detected);

impl Look<'_> {
    fn at(&self, looking: &Looking<'_>, text: &str, of: (Time, ChainId, Option<&str>), leaf: u64) -> Seen {
        let (recorded, chain, signer) = of;
        let document = Document::parse(text);
        let event = document.as_ref().map(Document::root);
        let read = event.as_ref().and_then(|event| self.readings.read(event));
        let chain = chain.to_string();
        let entry = Entry { event, read: read.as_ref(), recorded, chain: &chain, signer };
        (looking.look(&entry, text), self.pack.detect(leaf, &entry))
    }

    /// Reads the export once. What it says of each entry waits, in the order of the log, until it is known whose word counts.
    fn gather(&self, input: &mut Input) -> Result<Gathered, Failure> {
        let args = self.args;
        let trust_bytes = args.trust.as_deref().map(input::small).transpose()?;
        let trust = args.trust.as_deref().map(input::trust).transpose()?.unwrap_or_default();
        let logs = trust.logs().map(|key| key.as_str().to_owned()).collect();
        let has_quorum = trust.has_quorum();
        let options = Options { trust, marks: true, ..Options::default() };
        let looking = Looking::new(self.catalogue, args.subject.as_deref(), args.record.as_deref());
        let needs_signer = self.pack.reads_signer() || self.catalogue.asks_signer();
        let look = || {
            |event: &SummarizedEvent<'_>| {
                if needs_signer {
                    return Some(event.pick(None, true));
                }
                let text = std::str::from_utf8(event.text).ok()?;
                let seen = self.at(&looking, text, (event.time, event.chain, None), 0);
                Some(event.pick(Some(postcard::to_stdvec(&seen).ok()?.into()), false))
            }
        };
        let mut taken = Taken::default();
        let mut failed = Ok(());
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let tap = |read: &[u8]| {
            hash.update(read);
            bytes += read.len() as u64;
        };
        let threads = verify::threads(args.threads);
        let report = verify::look_tapped(input, tap, options, threads, look, |told| {
            if failed.is_err() {
                return;
            }
            failed = taken.take(told, |picked| {
                if let Some(note) = &picked.note {
                    return postcard::from_bytes(note).map_err(|error| faulty(&error.to_string()));
                }
                let of = (picked.link.time, picked.link.chain, Some(picked.link.vkey.name()));
                Ok(self.at(&looking, picked.event.as_deref().unwrap_or_default(), of, picked.link.index))
            });
        })?
        .report;
        failed?;
        let is_none = report.origin.is_none() || matches!(report.verdict, Verdict::Altered | Verdict::Broken);
        if is_none {
            return Ok(Gathered { report, evidence: None });
        }
        let hex = |hash: &[u8]| countersign::hex::encode(hash);
        let source = Source {
            name: input.name().to_owned(),
            sha256: hex(&hash.finalize()),
            bytes,
            trust: trust_bytes.map(|bytes| hex(&Sha256::digest(&bytes))),
            tool: concat!("countersign ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let Taken { mut kept, chains, ended, .. } = taken;
        let known = Known { source, report: &report, logs, has_quorum, chains: &chains, ended };
        let wanted = Wanted {
            period: args.period,
            sample: args.sample.into(),
            seed: args.seed.clone(),
            policy: args.policy.map(|age| (age.to_string(), age.millis())),
            record: args.record.clone(),
            subject: args.subject.clone(),
            rows: ROWS,
        };
        let mut gathering = Gathering::new(self.catalogue, known, wanted);
        let mut analyzer = Analyzer::new(self.pack);
        kept.for_each(|bytes| {
            let (record, detected) = read(bytes)?;
            gathering.take(&record);
            match detected {
                Some(detected) => analyzer.take(detected).map_err(|error| faulty(&error.to_string())),
                None => Ok(()),
            }
        })?;
        let analysis: Analysis = analyzer.finish();
        gathering.again(&analysis);
        kept.for_each(|bytes| {
            gathering.show(&read(bytes)?.0);
            Ok(())
        })?;
        let evidence = gathering.finish(self.pack, &analysis);
        Ok(Gathered { report, evidence: Some(evidence) })
    }

    /// Writes an evidence file with the sampled events.
    fn file(&self, export: &Path, destination: &Path, evidence: &Evidence) -> Result<(), Failure> {
        let mut sections = report::of_markdown(&written(evidence, Format::Markdown), &shown(export))?;
        if let Some(first) = sections.first_mut() {
            first.data = Some(written(evidence, Format::Json));
        }
        let mut leaves = HashSet::new();
        for answer in &evidence.answers {
            if let Found::Events(events) = &answer.found {
                leaves.extend(events.sample.iter().map(|shown| shown.leaf));
            }
        }
        let asked = Asked {
            query: None,
            range: None,
            sample: None,
            now: verify::now()?,
            readings: self.args.own.load()?,
            threads: verify::threads(self.args.threads),
        };
        let given = Given::load(self.args.trust.as_deref(), &[])?;
        let mut found = select(export, &given, &asked)?;
        let words = Words { reference: "", examiner: "", sections, named: Some(leaves) };
        report::written::write(
            &mut found,
            &given,
            &asked,
            words,
            Some(report::page::load(self.args.page.as_deref())?),
            Some(destination),
        )?;
        Ok(())
    }

    /// Writes all formats, and slices.
    fn fill(&self, folder: &Path, input: Input, evidence: &Evidence) -> Result<(), Failure> {
        let formats = [
            ("evidence.md", Format::Markdown),
            ("evidence.csv", Format::Csv),
            ("evidence.json", Format::Json),
            ("evidence.oscal.json", Format::Oscal),
        ];
        for (name, format) in formats {
            write(Some(&folder.join(name)), &written(evidence, format))?;
        }
        if evidence.log.checkpoint.is_none() {
            style::warn("no slices are written: without a checkpoint there is no tree to cut them from");
            return Ok(());
        }
        let mut input = input;
        let trust = self.args.trust.as_deref();
        let mut sampled: HashSet<(ChainId, u64)> = HashSet::new();
        for answer in &evidence.answers {
            let Found::Events(events) = &answer.found else { continue };
            sampled.extend(events.sample.iter().map(|shown| (shown.chain, shown.seq)));
        }
        if !sampled.is_empty() {
            let is_sampled = |chain, seq, _: &str| sampled.contains(&(chain, seq));
            slice::matching(&mut input, trust, &is_sampled, &folder.join("samples.ndjson"))?;
        }
        if let Some(subject) = evidence.subject.as_ref().filter(|subject| subject.extent.events > 0) {
            let looking = Looking::new(self.catalogue, Some(&subject.id), None);
            let is_about = |chain, _, text: &str| {
                self.at(&looking, text, (Time::MIN, chain, None), 0).0.is_about_subject()
            };
            slice::matching(&mut input, trust, &is_about, &folder.join("subject.ndjson"))?;
            write(Some(&folder.join("subject.csv")), &countersign_controls::rows(&subject.events.listed))?;
        }
        if let Some(record) = &evidence.record {
            write(Some(&folder.join("record.csv")), &countersign_controls::rows(&record.events.listed))?;
        }
        Ok(())
    }
}

fn faulty(what: &str) -> Failure {
    Failure::unusable("evidence.order", what.to_owned(), "this is a fault of the program: report it")
}

/// Reads a record back.
fn read(bytes: &[u8]) -> Result<(Record, Option<Detected>), Failure> {
    postcard::from_bytes(bytes).map_err(|error| faulty(&error.to_string()))
}

/// How many bytes of records are kept in memory.
const IN_MEMORY: usize = 16 << 20;

/// Records that wait for the end of the export, in memory while they are few.
#[derive(Default)]
struct Kept {
    records: Vec<(u64, Box<[u8]>)>,
    bytes: usize,
    runs: Option<Runs>,
}

impl Kept {
    fn push(&mut self, leaf: u64, record: Box<[u8]>) -> Result<(), Failure> {
        self.bytes += record.len() + size_of::<(u64, Box<[u8]>)>();
        self.records.push((leaf, record));
        if self.bytes < IN_MEMORY { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), Failure> {
        self.records.sort_by_key(|(leaf, _)| *leaf);
        let runs = match &mut self.runs {
            Some(runs) => runs,
            None => self.runs.insert(Runs::new()?),
        };
        self.bytes = 0;
        runs.add(self.records.drain(..), |(leaf, record), out| {
            out.extend(record);
            leaf
        })
    }

    /// All of them, in the order of the log.
    fn for_each(&mut self, mut each: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
        if self.runs.is_some() && !self.records.is_empty() {
            self.write()?;
        }
        if let Some(runs) = &mut self.runs {
            return runs.for_each(|_, record| each(record));
        }
        self.records.sort_by_key(|(leaf, _)| *leaf);
        self.records.iter().try_for_each(|(_, record)| each(record))
    }
}

/// What was told of an export so far.
#[derive(Default)]
struct Taken {
    kept: Kept,
    chains: Vec<(ChainId, VerifierKey)>,
    numbers: HashMap<ChainId, u32>,
    ended: Ended,
}

impl Taken {
    fn take(
        &mut self,
        told: Update,
        mut seen: impl FnMut(&PickedEvent) -> Result<Seen, Failure>,
    ) -> Result<(), Failure> {
        for picked in told.picked {
            let (looked, detected) = seen(&picked)?;
            let link = &picked.link;
            let record = Record {
                leaf: link.index,
                chain: self.number(link.chain, &link.vkey),
                seq: link.seq,
                recorded: link.time.millis(),
                authorised: link.authorised,
                what: What::Event(Box::new(looked)),
            };
            let detected = (!detected.is_empty()).then(|| detected.at(link.index));
            self.keep(&record, detected)?;
        }
        for mark in told.marks {
            let Self { chains, numbers, ended, .. } = self;
            let record = ended.take(mark, |chain, vkey| number(chains, numbers, chain, vkey));
            if let Some(record) = record {
                self.keep(&record, None)?;
            }
        }
        Ok(())
    }

    fn number(&mut self, chain: ChainId, vkey: &VerifierKey) -> u32 {
        number(&mut self.chains, &mut self.numbers, chain, vkey)
    }

    fn keep(&mut self, record: &Record, detected: Option<Detected>) -> Result<(), Failure> {
        let bytes = postcard::to_stdvec(&(record, detected)).map_err(|error| faulty(&error.to_string()))?;
        self.kept.push(record.leaf, bytes.into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_holds_its_last_day_month_or_year() {
        for (text, from, to) in [
            ("2026-01-01..2026-06-30", "2026-01-01", "2026-07-01"),
            ("2026-01..2026-06", "2026-01-01", "2026-07-01"),
            ("2026", "2026-01-01", "2027-01-01"),
            ("2024-02-29", "2024-02-29", "2024-03-01"),
        ] {
            let time = |day: &str| format!("{day}T00:00:00.000Z").parse::<Time>().unwrap();
            assert_eq!(period(text), Ok(Period { from: time(from), to: time(to) }), "{text}");
        }
        assert!(period("2026-06..2026-01").is_err() && period("last week").is_err());
        assert!(period("-7d..2026").is_err() && period("").is_err());
    }
}
