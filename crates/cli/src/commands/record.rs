//! `countersign record`: records events as a signed chain.

mod deliver;
mod delivery_args;
#[cfg(feature = "native")]
mod inputs;
mod integrity;
#[cfg(feature = "native")]
pub(crate) mod note;
pub(crate) mod note_args;
mod proofs;
pub(crate) mod redactions;
pub(crate) mod resume;
#[cfg(not(feature = "native"))]
mod single_threaded;
#[cfg(feature = "native")]
mod threaded;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use countersign::event::{Event, Redaction};
use countersign::link::ChainId;
use countersign::note::SignerKey;
use countersign::recorder::{Recorder, header};
use countersign::{Code, Error};
use countersign_errors::now;
use countersign_ingest::encoding::{BYTE_ORDER_MARK, byte_order_mark_hint};
use countersign_ingest::{SourceEvent, UnwrapSummary, has_reserved_attribute};
use delivery_args::DeliveryArgs;
use redactions::{Redactions, Rules};
use serde_json::json;

use crate::arg_groups::FormatArgs;
use crate::args;
use crate::commands::keygen::random;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::import::{ImportArgs, options_for};
use crate::io::input::{self, Input, is_export_line};
use crate::io::output::Output;
use crate::io::verdict::count;
use crate::io::{key, style, verdict};

#[cfg(not(feature = "native"))]
use single_threaded as platform;
#[cfg(feature = "native")]
use threaded as platform;

/// Record events as one signed chain
///
/// Reads JSON objects: one per line, indented, in an array, or in the lists that AWS, Azure, Kubernetes, and others
/// deliver ({"Records": […]}). If the file's name ends in .csv, each of its rows is an event. Each event is converted
/// to canonical form, salted, linked to the previous one, and signed.
///
/// First, secrets are replaced with "[redacted]": values of fields whose names suggest a secret (password,
/// api-key, client-secret, cookie, and similar names in any notation), and in any string the parts that look
/// like a secret: JWTs, private keys, tokens with a documented prefix, credentials, passwords in URLs, card
/// numbers, and values assigned to such a name (?token=…, "password: …"). Identifiers, counts, states, and
/// settings are kept. Try --redact-preview before the first run.
///
/// At the end of the input the chain is closed, which proves that nothing after it was cut off.
#[derive(clap::Args)]
#[command(mut_arg("format", |format| format.help("How to print the summary")))]
#[command(after_help = "\
Examples:
  countersign record --key app.key --origin log.example/audit events.ndjson -o app.ndjson
  my-app | countersign record --key app.key --origin log.example/audit --sign-every 1 > app.ndjson
  countersign record --key app.key --origin log.example/audit cloudtrail.json.gz --open -o app.ndjson
  countersign record --key app.key --origin log.example/audit 2026/03/*.json.gz -o march.ndjson
  countersign record --key app.key --resume app.ndjson more.ndjson
  countersign record --key app.key --to https://log.example --log \"$LOG_VKEY\" --outbox ./outbox events.ndjson
  countersign record --key app.key --to https://log.example --trust trust.txt --outbox ./outbox --follow app.log

Exit status with --to: 0 every event is proven to be in the log, 1 the log refused them or didn't prove that it has them, \
2 the log could not be reached, or an argument or a file could not be used.")]
#[allow(clippy::struct_excessive_bools, reason = "independent options")]
pub(crate) struct Args {
    /// Events, as JSON or CSV, plain or compressed with gzip or zstd. Several files are recorded in the given order
    /// [default: standard input]
    #[arg(value_name = "EVENTS", default_value = "-", hide_default_value = true)]
    pub(crate) events: Vec<PathBuf>,
    /// File with the emitter's private key
    #[arg(long, value_name = "FILE", required_unless_present = "redact_preview", help_heading = "The chain")]
    key: Option<PathBuf>,
    /// Origin of the log that the chain is for
    #[arg(long, value_name = "O", required_unless_present_any = ["resume", "to", "redact_preview"], help_heading = "The chain")]
    pub(crate) origin: Option<String>,
    /// File for the export [default: standard output, or with --resume the same file]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Sign every Nth event, and the last one
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=65_536), help_heading = "The chain")]
    pub(crate) sign_every: u32,
    /// Also redact fields with this name or path, such as ssn or card.number. Can be repeated
    #[arg(long, value_name = "NAME", help_heading = "Redaction")]
    redact: Vec<String>,
    /// Don't redact fields with this name or path, such as apiKey.id. Can be repeated; --redact takes precedence
    ///
    /// Strings, numbers, and arrays in these fields are recorded even if they look like secrets. Fields of an object
    /// are still checked by their own names and values.
    #[arg(long, value_name = "FIELD", conflicts_with = "no_redact", help_heading = "Redaction")]
    keep: Vec<String>,
    /// Redact only the fields named by --redact
    #[arg(long, help_heading = "Redaction")]
    no_redact: bool,
    /// List the fields that would be redacted, with counts and reasons; record and send nothing
    ///
    /// The reason is `name` if the field's name suggests a secret, `look` if the value looks like one or contains
    /// one, and `--redact` if you asked for it.
    #[arg(long, conflicts_with_all = ["follow", "resume", "output"], help_heading = "Redaction")]
    redact_preview: bool,
    /// Record only the shape of http.path and http.url: /jobs/{number} for /jobs/42, without the query
    #[arg(long, value_name = "HOW", value_enum, help_heading = "Redaction")]
    path: Option<PathForm>,
    #[command(flatten)]
    pub(crate) import: ImportArgs,
    /// Leave the chain open, so that --resume or the next run with the same --outbox can continue it
    #[arg(long, help_heading = "The chain")]
    pub(crate) open: bool,
    /// Continue the open chain in this export, and append to it
    ///
    /// The export is written to a new file and replaced atomically, so a crash leaves it as it was. It is locked
    /// in the meantime, so two runs can't fork its chain.
    #[arg(long, value_name = "FILE", help_heading = "The chain")]
    resume: Option<PathBuf>,
    /// Chain to continue, if this key has several open ones
    #[arg(long, value_name = "C", value_parser = args::chain, requires = "resume", help_heading = "The chain")]
    chain: Option<ChainId>,
    #[command(flatten)]
    integrity: integrity::IntegrityArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    to: DeliveryArgs,
}

/// The form in which paths are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PathForm {
    Shape,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    if args.redact_preview {
        return preview(args);
    }
    if args.to.url().is_none() {
        args.to.refuse_without_url()?;
        if args.format.is_json() && args.output.is_none() && args.resume.is_none() {
            let message = "--json and the export both go to standard output";
            return Err(CliError::unusable(
                "arguments.invalid",
                message,
                "write the export to a file with -o FILE",
            ));
        }
    }
    Input::check(&args.events)?;
    args.integrity.load()?;
    let key = key::load(args.key.as_deref().unwrap_or(Path::new("")))?;
    match (args.to.url(), &args.resume) {
        (Some(url), _) => platform::run(args, &args.to, url, &key),
        (None, Some(export)) => resume_export(args, &key, export),
        (None, None) => start_export(args, &key),
    }
}

fn start_export(args: &Args, key: &SignerKey) -> Result<ExitStatus, CliError> {
    let origin = args.origin.as_deref().unwrap_or_default();
    let mut nonce = [0; 16];
    random(&mut nonce)?;
    let recorder = Recorder::open(origin, key.verifier_key().clone(), now()?, &nonce)?;
    let mut output = Output::create(args.output.as_deref())?;
    output.write(header(origin).as_bytes())?;
    let total = record(args, key, recorder, &mut output)?;
    if total.events == 0 {
        return Err(no_event(args));
    }
    output.finish()?;
    report_total(args, &total, args.output.as_deref())
}

/// Returns the error for an empty input.
pub(crate) fn no_event(args: &Args) -> CliError {
    let error = Error::new(Code::Event, "there is no event to record").with_hint(
        "check that this is the right file, and that the program writing to the pipe didn't fail; events are JSON objects, one per line",
    );
    let failure = CliError::broken(error);
    match &args.events[..] {
        [one] => failure.within(&input::name(one)),
        _ => failure,
    }
}

fn resume_export(args: &Args, key: &SignerKey, export: &Path) -> Result<ExitStatus, CliError> {
    let mut locked = resume::LockedExport::open(export, args.output.is_none())?;
    let destination = args.output.as_deref().unwrap_or(export);
    let mut output = Output::create(Some(destination))?;
    let selection =
        resume::ChainSelection { key: key.verifier_key(), origin: args.origin.as_deref(), chain: args.chain };
    let position = locked.copy(&selection, &mut output)?;
    let recorder = Recorder::resume(key.verifier_key().clone(), &position)?;
    let total = record(args, key, recorder, &mut output)?;
    output.finish()?;
    report_total(args, &total, Some(destination))
}

/// The totals of a run.
#[derive(Default)]
struct Total {
    events: u64,
    /// Redacted values, or parts of strings.
    redacted: u64,
    redactions: Redactions,
    unwrapped: UnwrapSummary,
}

/// Lists the fields that would be redacted.
fn preview(args: &Args) -> Result<ExitStatus, CliError> {
    Input::check(&args.events)?;
    args.integrity.load()?;
    let rules = rules(args);
    let mut total = Total::default();
    let mut each = |source: SourceEvent<'_>| {
        let event = event(args, source.bytes, &rules.all).map_err(|error| explain(error, source.bytes))?;
        total.events += 1;
        total.redacted += event.redacted() as u64;
        total
            .redactions
            .add_with_reasons(&event, &rules, |redaction| self::event(args, source.bytes, redaction).ok());
        Ok(())
    };
    for path in &args.events {
        Input::open(path)?.events("reading", &mut each)?;
    }
    if total.events == 0 {
        return Err(no_event(args));
    }
    if args.format.is_json() {
        let fields = total.redactions.as_json();
        let preview =
            json!({ "events": total.events, "redacted": total.redacted, "redacted_fields": fields });
        verdict::print(&format!("{preview}\n"))?;
    } else {
        verdict::print(&total.redactions.table(total.events, total.redacted))?;
    }
    Ok(ExitStatus::Success)
}

fn report_total(args: &Args, total: &Total, destination: Option<&Path>) -> Result<ExitStatus, CliError> {
    if args.format.is_json() {
        let summary = json!({
            "recorded": total.events,
            "closed": !args.open,
            "redacted": total.redacted,
            "redacted_fields": total.redactions.as_json(),
        });
        verdict::print(&format!("{summary}\n"))?;
    }
    let redacted = format!("{}{}", total.redactions.summary(total.redacted), total.unwrapped);
    if let Some(path) = destination {
        let end = if args.open { "the chain is open" } else { "the chain is closed" };
        let recorded = count(total.events, "event");
        style::done(&format!("{recorded} recorded in {}; {end}{redacted}", crate::errors::shown(path)));
    } else if !redacted.is_empty() {
        style::done(&format!("{} recorded{redacted}", count(total.events, "event")));
    }
    Ok(ExitStatus::Success)
}

/// Records every event of the inputs.
fn record(args: &Args, key: &SignerKey, recorder: Recorder, output: &mut Output) -> Result<Total, CliError> {
    let rules = rules(args);
    let mut recorder = recorder.sign_every(NonZeroU32::new(args.sign_every).unwrap_or(NonZeroU32::MIN));
    recorder.sign_with(key)?;
    let mut total = Total::default();
    let mut each = |source: SourceEvent<'_>| {
        let event = event(args, source.bytes, &rules.all).map_err(|error| explain(error, source.bytes))?;
        let mut salt = [0; 16];
        random(&mut salt)?;
        recorder.record(&event, now()?, &salt)?;
        total.events += 1;
        total.redacted += event.redacted() as u64;
        total.redactions.add(&event, || self::event(args, source.bytes, &rules.none).ok());
        recorder.sign_with(key)?;
        let ready = recorder.drain();
        if !ready.is_empty() {
            output.write(ready.as_bytes())?;
            output.flush()?;
        }
        Ok(())
    };
    let mut unwrapped = UnwrapSummary::default();
    for path in &args.events {
        unwrapped.add(&Input::open(path)?.events("recording", &mut each)?);
    }
    total.unwrapped = unwrapped;
    if !args.open {
        recorder.close(now()?)?;
    }
    recorder.flush();
    recorder.sign_with(key)?;
    output.write(recorder.drain().as_bytes())?;
    Ok(total)
}

/// Returns the redaction rules.
pub(crate) fn rules(args: &Args) -> Rules {
    Rules::new(args.no_redact, &args.redact, &args.keep, args.path == Some(PathForm::Shape))
}

/// Parses an event, with the conversions that the options ask for.
pub(crate) fn event(args: &Args, bytes: &[u8], redaction: &Redaction) -> Result<Event, Error> {
    // A followed file is read line by line, and after a rotation its first line may have a byte order mark.
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if is_export_line(bytes) {
        return Err(Error::new(Code::Event, "this is a line of a countersign export, not an event")
            .with_hint("use `countersign verify FILE` to check the export, `countersign seal` to put it into a log, or `countersign show FILE --json` to print its events"));
    }
    let bytes = args.import.convert(bytes);
    let bytes = args.integrity.verify(bytes)?;
    let event = Event::parse(&bytes, redaction)?;
    if args.integrity.verifies() {
        return Ok(event);
    }
    args.integrity.warn_if_verifiable(&event);
    if str::from_utf8(event.as_bytes()).is_ok_and(has_reserved_attribute) {
        let message = "the log record has a reserved attribute countersign.integrity.*";
        return Err(Error::new(Code::Integrity, message).with_hint(
            "remove the attribute: only `countersign record` may add it, when it verified the record",
        ));
    }
    Ok(event)
}

const UTF_16_WITHOUT_MARK: &str =
    "convert the input from UTF-16, which it seems to be, with `iconv -f UTF-16LE -t UTF-8 FILE`";
const COMPRESSED: &str =
    "decompress the input, which seems to be compressed with bzip2 or xz, or use gzip or zstd instead";

/// The first bytes of inputs that are not events, with hints.
static NON_EVENT_PREFIXES: [(&[u8], &str); 10] = [
    (b"{\0", UTF_16_WITHOUT_MARK),
    (b"[\0", UTF_16_WITHOUT_MARK),
    (b"BZh", COMPRESSED),
    (b"\xfd7zXZ", COMPRESSED),
    (b"PAR1", "this seems to be a Parquet file: write its rows as JSON, one object per line"),
    (
        b"Obj\x01",
        "this seems to be an Avro file, as Azure Event Hubs Capture writes: write its records as JSON, one object per line",
    ),
    (b"%PDF", "this seems to be a PDF document: get the events as JSON or CSV"),
    (b"<", "this seems to be a web page or XML, perhaps a login or error page in place of the download"),
    (b"[", "this seems to be an array of arrays: events are objects"),
    (b",", "there is a comma after an object: remove it, or put all objects between [ and ]"),
];

/// Creates the error for a line that is not an event, with a hint about what it seems to be.
pub(crate) fn explain(error: Error, line: &[u8]) -> CliError {
    if is_export_line(line) || error.code == Code::Integrity {
        return CliError::broken(error);
    }
    let start = line.trim_ascii();
    // A syslog line starts with a number in angle brackets, and is not XML.
    let is_tag = start.get(1).is_some_and(|second| !second.is_ascii_digit());
    let begins = NON_EVENT_PREFIXES
        .iter()
        .find(|(beginning, _)| start.starts_with(beginning) && (*beginning != b"<" || is_tag))
        .map(|(_, hint)| *hint);
    let seems = if let Some(hint) = byte_order_mark_hint(start).or(begins) {
        Some(hint)
    } else if line.get(257..262) == Some(b"ustar") {
        Some("this seems to be a tar archive: unpack it, and record the files inside")
    } else if line.contains(&0) {
        Some("this seems to be a binary file: events are JSON objects, one per line")
    } else if matches!(start, b"{" | b"}" | b"},") {
        Some("this seems to be indented JSON: `jq -c . FILE` puts each object on one line")
    } else if let Some(hint) = options_for(line) {
        Some(hint)
    } else if matches!(start, [b'{', b'\'' | b'a'..=b'z' | b'A'..=b'Z' | b'_', ..]) {
        Some(
            "in JSON, names and strings are in double quotes, as Python's json.dumps and JavaScript's JSON.stringify write them",
        )
    } else if start.starts_with(b"{") {
        None
    } else if start.contains(&b'{') {
        Some("remove the text before the object: `sed 's/^[^{]*//' FILE` keeps only the object of each line")
    } else if start.iter().any(|byte| matches!(byte, b',' | b';' | b'\t')) {
        Some("events are one JSON object a line; a table is read from a file whose name ends in .csv or .tsv")
    } else {
        Some("events are one JSON object a line")
    };
    let failure = CliError::broken(error);
    match seems {
        Some(hint) => failure.with_hint(hint),
        None => failure.or_hint("correct or remove this line; nothing was recorded"),
    }
}
