//! `countersign inventory`: lists the API endpoints that the verified events of an export called.

mod pieces;
mod text;

use std::path::{Path, PathBuf};

use countersign::time::Time;
use countersign::verify::report::Report as Verified;
use countersign::verify::{
    EventVisitor, Options, PendingItem, SelectedItem, SummarizedEvent, Verdict, VerifiedItem,
};
use countersign_analyze::document::ExportFacts;
use countersign_analyze::inventory::{
    ApiCall, Description, Flag, Inventory, InventoryOptions, MAX_DESCRIPTION, Report,
};
use countersign_query::{Parsers, Query, Unparsed};
use pieces::{CallCodec, settings};

use crate::arg_groups::{AccessArgs, FormatArgs, ThreadArgs, TrustArgs};
use crate::args;
use crate::commands::export::{log_url, stream};
use crate::commands::rules;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::input::Input;
use crate::io::pieces::{PieceArgs, PieceOutputArgs};
use crate::io::query::{EventQuery, MetConditions, parse_event};
use crate::io::study::{Consumer, Examiner, study};
use crate::io::verdict::count;
use crate::io::{self, parsers, query, style, verdict};

/// List the API endpoints that are actually called
///
/// Verifies the export first, and counts only verified events that a signature covers: HTTP requests with a method
/// and a path, and operations of services without a path, such as those in `CloudTrail`. Path templates are inferred.
/// With a description of the API, it shows what is called but not described, deprecated but still called, and
/// described but never called. Each number comes with log entries that show it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign inventory audit.ndjson --trust trust.txt
  countersign inventory audit.ndjson --trust trust.txt --openapi openapi.yaml --fail-on shadow,zombie
  countersign inventory audit.ndjson --trust trust.txt --since 2026-11-01 --query 'signer:example.com/api' --format json
  countersign inventory audit.ndjson --part 3/8 -o part-3.piece
  countersign inventory --pieces part-*.piece --trust trust.txt
  countersign inventory https://log.example --token-file token.txt --trust trust.txt --openapi openapi.json

Exit status: as for `countersign verify`, and 6 if --fail-on says so.")]
pub(crate) struct Args {
    /// Export, plain or compressed with gzip or zstd, or - for standard input, or the URL of a log server
    #[arg(value_name = "EXPORT|URL", required_unless_present = "pieces")]
    export: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Description of the API: OpenAPI 3.0 or 3.1, or Swagger 2, as JSON or YAML
    #[arg(long, value_name = "FILE", conflicts_with = "part")]
    openapi: Option<PathBuf>,
    /// Report what is new since this time: endpoints, and first calls by a caller
    #[arg(long, value_name = "T", value_parser = args::time, conflicts_with = "part")]
    since: Option<Time>,
    /// Count only events that match this query, such as `signer:example.com/api http.host:api.example.com` (see
    /// docs/query.md)
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    query: Option<String>,
    #[command(flatten)]
    own: parsers::ParserArgs,
    #[command(flatten)]
    format: FormatArgs,
    /// Exit with status 6 if any endpoint has one of these flags
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = args::words(FailOn::names(), FailOn::parse))]
    #[arg(conflicts_with = "part")]
    fail_on: Vec<FailOn>,
    #[command(flatten)]
    pieces: PieceArgs,
    #[command(flatten)]
    output: PieceOutputArgs,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// A condition for `--fail-on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FailOn {
    /// An endpoint has this flag.
    Flag(Flag),
    /// The description has operations that were never called.
    Unused,
}

impl FailOn {
    fn all() -> impl Iterator<Item = Self> {
        Flag::ALL.iter().copied().map(Self::Flag).chain([Self::Unused])
    }

    fn names() -> impl Iterator<Item = &'static str> {
        Self::all().map(Self::as_str)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Flag(flag) => flag.as_str(),
            Self::Unused => "unused",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::all().find(|what| what.as_str() == name)
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let trust = args.trust.load()?;
    let filter = EventFilter {
        parsers: args.own.load()?,
        query: args.query.as_deref().map(query::parse).transpose()?,
    };
    let description = args.openapi.as_deref().map(description).transpose()?;
    refuse_without(args, description.as_ref())?;
    let inventory_options = InventoryOptions { description, since: args.since };
    let (source, threads) = (args.export.as_deref(), args.threads.count());
    let search = InventorySearch::new(&filter);
    if let (Some(part), Some(source)) = (args.pieces.part(), source) {
        let examiner = || |event: &SummarizedEvent<'_>| (&search).examine(event);
        let (output, settings) = (args.output.path(), settings(&filter));
        return io::pieces::write(source, part, output, &settings, threads, examiner, &CallCodec);
    }
    let options = Options { trust, ..Options::default() };
    let mut visitor = InventoryVisitor::new(&search, inventory_options);
    let verification = match (args.pieces.files(), source) {
        ([], Some(source)) => study(&mut open(source, args)?, options, threads, &mut visitor)?,
        (files, source) => {
            let settings = settings(&filter);
            let mut input = source.map(Input::open).transpose()?;
            io::pieces::visit(files, input.as_mut(), &settings, options, threads, &CallCodec, &mut visitor)?
        }
    };
    let found = visitor.finish(verification.report);
    verdict::print(&if args.format.is_json() { found.json() + "\n" } else { found.text() })?;
    Ok(found.exit_status(&args.fail_on))
}

/// The search for calls in events.
pub(crate) struct InventorySearch<'f> {
    parsers: &'f Parsers,
    query: Option<EventQuery<'f>>,
}

impl<'f> InventorySearch<'f> {
    pub(crate) fn new(filter: &'f EventFilter) -> Self {
        Self { parsers: &filter.parsers, query: filter.query.as_ref().map(EventQuery::new) }
    }
}

impl Examiner for &InventorySearch<'_> {
    type Item = ExaminedEvent;

    /// Selects events that record a call, or that no parser recognizes.
    fn examine(&self, event: &SummarizedEvent<'_>) -> Option<SelectedItem<ExaminedEvent>> {
        parse_event(event, self.parsers, |entry| {
            let is_unparsed = entry.read.is_none();
            let call = ApiCall::from_entry(entry).and_then(|call| {
                // The signer is known only when the event is verified.
                let any = || Some(MetConditions::default());
                let met = self.query.as_ref().map_or_else(any, |query| query.examine(entry))?;
                Some(EventCall { call, met })
            });
            (call.is_some() || is_unparsed).then(|| event.select(ExaminedEvent { call, is_unparsed }))
        })
    }
}

/// The parsers for events, and the query that they must match.
pub(crate) struct EventFilter {
    pub(crate) parsers: Parsers,
    pub(crate) query: Option<Query>,
}

/// A call, and the conditions of the query that its event meets.
#[derive(Debug)]
struct EventCall {
    call: ApiCall,
    met: MetConditions,
}

/// An event that records a call, or that no parser recognizes.
#[derive(Debug)]
pub(crate) struct ExaminedEvent {
    call: Option<EventCall>,
    is_unparsed: bool,
}

impl PendingItem for ExaminedEvent {
    fn bytes(&self) -> usize {
        self.call.as_ref().map_or(0, |EventCall { call, met }| call.memory_bytes() + met.bytes())
    }
}

/// Collects the calls of verified events.
pub(crate) struct InventoryVisitor<'q> {
    search: &'q InventorySearch<'q>,
    inventory: Inventory,
    events: u64,
}

impl<'q> InventoryVisitor<'q> {
    pub(crate) fn new(search: &'q InventorySearch<'q>, options: InventoryOptions) -> Self {
        Self { search, inventory: Inventory::new(options), events: 0 }
    }

    /// Ends with the report on the export.
    pub(crate) fn finish(self, verified: Verified) -> ExportInventory {
        ExportInventory { verified, report: self.inventory.finish(), events: self.events }
    }
}

impl<'q> Consumer for InventoryVisitor<'q> {
    type Examiner = &'q InventorySearch<'q>;

    fn examiner(&self) -> Self::Examiner {
        self.search
    }
}

impl EventVisitor for InventoryVisitor<'_> {
    type Item = ExaminedEvent;
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<ExaminedEvent>) -> Result<(), CliError> {
        self.events += 1;
        let VerifiedItem { link, item: ExaminedEvent { call, is_unparsed }, .. } = event;
        if is_unparsed {
            self.inventory.add_unparsed();
        }
        if let Some(EventCall { call, met }) = call
            && self.search.query.as_ref().is_none_or(|query| query.matches(met, &link))
        {
            self.inventory.add_call(link.index, call);
        }
        Ok(())
    }

    fn count_others(&mut self, events: u64) {
        self.events += events;
    }
}

fn open(export: &Path, args: &Args) -> Result<Input, CliError> {
    match log_url(export) {
        None => Input::open(export),
        Some(url) => stream(url, args.access.token()?.as_ref()),
    }
}

/// Reads a description of an API.
pub(crate) fn description(path: &Path) -> Result<Description, CliError> {
    let name = shown(path);
    let bytes = Input::open(path)?.all(MAX_DESCRIPTION as u64 >> 20)?;
    let hint = "use JSON or YAML in UTF-8";
    let text = String::from_utf8(bytes).map_err(|_| {
        CliError::unusable("io.not_text", "the description is not UTF-8 text", hint).within(&name)
    })?;
    let description = Description::parse(&text).map_err(|fault| rules::failure(&fault).within(&name))?;
    if description.elsewhere > 0 {
        let paths = count(description.elsewhere as u64, "path");
        style::warn(&format!(
            "{name}: the $ref of {paths} can't be resolved in this file, so their methods are unknown; bundle a description of several files first"
        ));
    }
    if description.alike > 0 {
        let operations = count(description.alike as u64, "operation");
        style::warn(&format!(
            "{name}: {operations} have the same method and path as another (they differ in a query, a fragment, or parameter names), so their calls are counted together"
        ));
    }
    Ok(description)
}

/// Fails if --fail-on names a flag that needs missing options: without them it would never apply.
fn refuse_without(args: &Args, description: Option<&Description>) -> Result<(), CliError> {
    let flag_of = |of: &[&str]| args.fail_on.iter().map(|what| what.as_str()).find(|what| of.contains(what));
    let (what, needed) = if description.is_none()
        && let Some(what) = flag_of(&["shadow", "zombie", "undocumented-method", "unused"])
    {
        (what, "--openapi")
    } else if args.since.is_none()
        && let Some(what) = flag_of(&["new", "new-caller"])
    {
        (what, "--since")
    } else {
        return Ok(());
    };
    let message = format!("--fail-on {what} needs {needed}");
    Err(CliError::unusable("arguments.invalid", message, "add that option, which is required to check this"))
}

/// The endpoints that an export shows, and the verification report.
pub(crate) struct ExportInventory {
    pub(crate) verified: Verified,
    pub(crate) report: Report,
    events: u64,
}

impl ExportInventory {
    /// Returns the share of events without a parser.
    pub(crate) const fn unparsed(&self) -> Unparsed {
        Unparsed { unparsed: self.report.unparsed, events: self.events }
    }

    fn exit_status(&self, fail_on: &[FailOn]) -> ExitStatus {
        let is_there = |what: &FailOn| match what {
            FailOn::Unused => !self.report.unused.is_empty(),
            FailOn::Flag(flag) => self.report.endpoints.iter().any(|endpoint| endpoint.flags.contains(flag)),
        };
        let is_unusable = matches!(self.verified.verdict, Verdict::Altered | Verdict::Broken);
        if !is_unusable && fail_on.iter().any(is_there) {
            ExitStatus::Forbidden
        } else {
            self.verified.verdict.into()
        }
    }

    fn json(&self) -> String {
        let Self { verified, report, events } = self;
        report.json(&ExportFacts {
            origin: verified.origin.clone(),
            log: verified.log.as_ref().map(|log| (log.size, log.root.to_string())),
            verdict: verified.verdict.as_str().into(),
            complete: verified.complete_range(),
            events: *events,
        })
    }
}
