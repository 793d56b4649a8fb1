//! `countersign export`: exports a log from its log server or its folder.

mod explained;
mod folder;
mod parquet;
mod parts;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use countersign::Code;
use countersign::Error;
use countersign::link::ChainId;
use countersign::time::Time;
use countersign_client::{Answer, Client, Prefix, Redirects, Stream, Token};
use countersign_query::Query;

use crate::arg_groups::{AccessArgs, OutputArgs};
use crate::args;
use crate::commands::slice::{self, SelectionOptions};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::input::Input;
use crate::io::log_folder::damaged_hint;
use crate::io::object::object_url;
use crate::io::output::Output;
use crate::io::parquet::Partition;
use crate::io::stage::Stage;
use crate::io::token;
use crate::io::{export, progress, style};

const CHUNK_BYTES: usize = 1 << 17;

const LOST_HINT: &str = "run the command again; the connection was lost";

/// Export a log or a part of it
///
/// Reads from the URL of a log server, or from the folder of a log server on this machine. The log server selects
/// what it can; --withhold, and several chains or events, are applied here. Either way, the export can be verified on
/// its own with `countersign verify`.
///
/// With --format parquet, the export is verified here and becomes one row per verified event (see docs/parquet.md).
/// Rows are for query engines and prove nothing. `countersign verify EXPORT --parquet FILE` compares them with the
/// export they were made from.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign export --dir https://log.example --token-file token.txt -o audit.ndjson
  countersign export --dir https://log.example --query 'action:job.* outcome:failure since:-7d' --limit 100 -o jobs.ndjson
  countersign export --dir https://log.example --event da7f84a510cb84b8cbb5b74a63c306ec/3 | countersign verify - --trust trust.txt
  countersign export --format parquet audit.ndjson --trust trust.txt --partition day -o audit
  countersign export --format parquet audit.ndjson --trust trust.txt --summaries part-*.summary --part 3/8 -o rows
  countersign export --format parquet audit.ndjson --trust trust.txt --summaries part-*.summary --manifest -o rows
  COUNTERSIGN_TOKEN=$(pass audit) countersign export --dir https://log.example --q \"night shift\" -o found.ndjson")]
pub(crate) struct Args {
    /// Existing export to convert with --format parquet
    #[arg(value_name = "EXPORT", conflicts_with = "log")]
    export: Option<PathBuf>,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// Write one file per day, or per part and day, in folders such as day=2026-11-20 below -o
    #[arg(long, value_enum, requires = "output")]
    partition: Option<Partition>,
    /// Folder or URL of the log server
    #[arg(long = "dir", value_name = "DIR|URL", default_value = "countersign-log")]
    log: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    parts: parts::PartsArgs,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    server_selection: ServerSelection,
    #[command(flatten, next_help_heading = "Which events")]
    selection: SelectionOptions,
}

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// An export, which can be verified
    Ndjson,
    /// One Parquet row per verified event
    Parquet,
}

/// The options that the log server selects by.
#[derive(clap::Args)]
#[command(next_help_heading = "Which events")]
struct ServerSelection {
    /// Only events recorded at this time or later
    #[arg(long, value_name = "T", value_parser = args::time)]
    since: Option<Time>,
    /// Only events recorded before this time
    #[arg(long, value_name = "T", value_parser = args::time)]
    until: Option<Time>,
    /// Only events by this actor (`actor.id`)
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Only events with this action, or with `job.*` all actions that start with job.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only events on this target: `target.id`, or TYPE:ID
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// Only events with this outcome: success, failure, or denied
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only events of this tenant
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Only events that contain all of these words, anywhere
    #[arg(long, value_name = "WORDS")]
    q: Option<String>,
    /// Only the newest N events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["event"])]
    limit: Option<u64>,
    /// Break the export at this size of the log, so that a pin of that size can be compared
    #[arg(long, value_name = "SIZE")]
    boundary: Option<u64>,
}

pub(crate) fn run(args: &Args, matches: &ArgMatches) -> Result<ExitStatus, CliError> {
    if args.server_selection.limit.is_some() && args.selection.chain.len() > 1 {
        let message = "--limit can't be combined with several chains";
        return Err(CliError::unusable(
            "arguments.invalid",
            message,
            "omit --limit, or export chain by chain",
        ));
    }
    if args.format == Format::Parquet {
        return parquet::run(args);
    }
    if args.export.is_some() || args.partition.is_some() || args.parts.is_used() {
        let is_log = |place: &PathBuf| place.is_dir() || place.to_str().is_some_and(Prefix::is_url);
        let hint = if args.export.as_ref().is_some_and(is_log) {
            "name the log with --dir: `countersign export --dir URL -o FILE`"
        } else {
            "add --format parquet, or use `countersign slice` for a smaller export"
        };
        return Err(CliError::unusable(
            "arguments.invalid",
            "EXPORT, --partition, and --summaries require --format parquet",
            hint,
        ));
    }
    if Prefix::is_url(&args.log) { from_log_server(args, matches) } else { from_folder(args, matches) }
}

fn from_log_server(args: &Args, matches: &ArgMatches) -> Result<ExitStatus, CliError> {
    let prefix = prefix(&args.log)?;
    if !args.selection.own.is_none() {
        let hint = "omit --parsers; to use your parsers, the log server needs `countersign serve --parsers`";
        let message = "a log server parses events only with its own parsers";
        return Err(CliError::unusable("arguments.invalid", message, hint));
    }
    let token = args.access.token()?;
    let request = Request::from_args(args)?;
    let mut stream = fetch(&prefix, &request, token.as_ref())?;
    let name = stream.name().to_owned();
    let nothing = stream.header("countersign-matched") == Some("0");
    let status = if request.whole {
        save(&mut stream, &name, LOST_HINT, args.output.path())
    } else {
        let open = || Ok(Input::stream(&name, Box::new(stream)));
        slice::slice(&args.selection, matches, open, args.output.path())
    };
    if let (Ok(_), Some(fields_alone)) | (Err(_), Some(fields_alone @ false)) =
        (&status, request.explains(nothing))
    {
        explained::print(explained::from_log_server(&prefix, &request, fields_alone, token.as_ref()));
    }
    status
}

/// Parses the log server's address.
fn prefix(url: &str) -> Result<Prefix, CliError> {
    Prefix::parse(url).map_err(|why| {
        let hint = "use the log server's address, such as https://log.example";
        CliError::unusable("arguments.invalid", why, hint).within("the URL")
    })
}

/// Exports from a folder, with the same result as from its log server.
fn from_folder(args: &Args, matches: &ArgMatches) -> Result<ExitStatus, CliError> {
    let request = Request::from_args(args)?;
    let log = folder::open(Path::new(&args.log), &args.selection, &request.query)?;
    let mut made = log.export()?;
    let nothing = made.matched == 0;
    let status = if request.whole {
        save(&mut made, &args.log, damaged_hint(Path::new(&args.log)), args.output.path())
    } else {
        let open = || Ok(Input::stream(&args.log, Box::new(made)));
        slice::slice(&args.selection, matches, open, args.output.path())
    };
    if let (Ok(_), Some(fields_alone)) | (Err(_), Some(fields_alone @ false)) =
        (&status, request.explains(nothing))
    {
        explained::print(
            log.explain(fields_alone).map(|found| explained::SearchExplanation::new(found, fields_alone)),
        );
    }
    status
}

/// A request to the log server.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    path: String,
    query: Vec<(&'static str, String)>,
    /// True if the response needs no further selection here.
    whole: bool,
}

impl Request {
    fn from_args(args: &Args) -> Result<Self, CliError> {
        let (asked, selection) = (&args.server_selection, &args.selection);
        let mut query = Vec::new();
        let mut ask = |name, value: Option<String>| query.extend(value.map(|value| (name, value)));
        ask("from", selection.range.map(|(first, _)| first.to_string()));
        ask("to", selection.range.map(|(_, end)| end.to_string()));
        ask("since", asked.since.map(|time| time.to_string()));
        ask("until", asked.until.map(|time| time.to_string()));
        ask("actor", asked.actor.clone());
        ask("action", asked.action.clone());
        ask("target", asked.target.clone());
        ask("outcome", asked.outcome.clone());
        ask("tenant", asked.tenant.clone());
        ask("q", asked.q.clone());
        // Relative times are relative to now, as on the log server.
        let written = selection.query.as_deref().map(crate::io::query::parse).transpose()?;
        ask("query", written.map(|query| query.to_string()));
        ask("limit", asked.limit.map(|limit| limit.to_string()));
        ask("boundary", asked.boundary.map(|size| size.to_string()));
        let mut chains: Vec<ChainId> = selection.chain.clone();
        chains.extend(selection.event.iter().map(|(chain, _)| *chain));
        chains.sort_unstable();
        chains.dedup();
        let local = !selection.withhold.is_empty();
        if let ([(chain, seq)], [], [], false) =
            (&selection.event[..], &selection.chain[..], &query[..], local)
        {
            return Ok(Self { path: format!("proof/{chain}/{seq}"), query, whole: true });
        }
        if let [chain] = chains[..] {
            query.push(("chain", chain.to_string()));
        }
        let whole = !local && selection.event.is_empty() && chains.len() <= 1;
        Ok(Self { path: "export".into(), query, whole })
    }
}

impl Request {
    /// Returns the conditions and bounds of a search.
    fn searched(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let conditions = self.query.iter().map(|(name, value)| (*name, value.as_str()));
        conditions.filter(|(name, _)| !matches!(*name, "limit" | "boundary"))
    }

    /// Returns `None` if the search needs no explanation, true if it is enough to name fields that no event has, and
    /// false otherwise.
    fn explains(&self, nothing: bool) -> Option<bool> {
        let written = self.query.iter().find(|(name, _)| *name == "query").map(|(_, text)| text);
        let conditions = self.searched().any(|(name, _)| !matches!(name, "from" | "to"));
        if self.path != "export" || !conditions {
            return None;
        }
        let asks_when = written.is_some_and(|text| {
            let query = Query::parse(text, Time::MIN).unwrap_or_default();
            query.conditions().iter().any(|asked| asked.condition.asks_when())
        });
        Some(!nothing && !asks_when)
    }
}

fn fetch(prefix: &Prefix, request: &Request, token: Option<&Token>) -> Result<Stream, CliError> {
    let query: Vec<(&str, &str)> =
        request.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let url = prefix.join(&request.path, &query);
    if token.is_some() {
        token::warn_if_token_unencrypted(&url);
    }
    let client = Client::new(Redirects::SameHost)?;
    let answer = client.stream(&url, token.map(Token::as_str))?;
    answer
        .map(Stream::paced)
        .map_err(|refused| explain(&refused, token.is_some()).within(&prefix.to_string()))
}

/// Returns the path if it is the URL of a log server, as opposed to that of an export in a bucket.
pub(crate) fn log_url(path: &Path) -> Option<&str> {
    path.to_str().filter(|place| Prefix::is_url(place) && object_url(path).is_none())
}

/// Requests everything that the bearer of the token may read from the log server at `url`.
pub(crate) fn stream(url: &str, token: Option<&Token>) -> Result<Input, CliError> {
    let request = Request { path: "export".into(), query: Vec::new(), whole: true };
    let stream = fetch(&prefix(url)?, &request, token)?;
    let name = stream.name().to_owned();
    Ok(Input::stream(&name, Box::new(stream)))
}

/// Converts the log server's error response.
fn explain(answer: &Answer, with_token: bool) -> CliError {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |member: &str| {
        let text = body["error"][member].as_str()?;
        Some(style::plain(&text.chars().take(300).collect::<String>()))
    };
    let code = text("code").unwrap_or_else(|| format!("http.{}", answer.status));
    let message =
        text("message").unwrap_or_else(|| format!("the server answered with status {}", answer.status));
    let hint = match (answer.status, with_token) {
        (401, false) => {
            "use the token of a reader: --token-file FILE, or the variable COUNTERSIGN_TOKEN".into()
        }
        (401 | 403, true) => "ask the log operator whether this token still has access".into(),
        _ => text("hint").unwrap_or_else(|| "check that this is the log server's address".into()),
    };
    CliError::unusable(&code, format!("export failed: {message}"), hint)
}

/// Writes an export as it arrives. The file appears when it is complete. `hint` is the hint if the stream can't be read.
fn save(
    stream: &mut dyn Read,
    name: &str,
    hint: &str,
    destination: Option<&Path>,
) -> Result<ExitStatus, CliError> {
    let mut output = Output::create(destination)?;
    let bar = progress::bar("exporting", None);
    let (mut stage, mut ends) = (Stage::default(), ExportEnds::default());
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = match stream.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(CliError::io("read", name, &error).with_hint(hint));
            }
        };
        bar.inc(read as u64);
        let mut written = Ok(());
        let mut sink = |piece: &[u8]| {
            if written.is_ok() {
                ends.push(piece);
                written = output.write(piece);
            }
        };
        let whole = if read == 0 { stage.finish(&mut sink) } else { stage.push(&chunk[..read], &mut sink) };
        written?;
        whole.map_err(|_| cut(name))?;
        if read == 0 {
            break;
        }
        output.flush()?;
    }
    bar.finish_and_clear();
    ends.check().map_err(|failure| failure.within(name))?;
    output.finish()?;
    if let Some(path) = destination {
        style::done(&format!("exported to {}; verify it with `countersign verify`", shown(path)));
    }
    Ok(ExitStatus::Success)
}

/// The first and the last line of an export.
#[derive(Default)]
struct ExportEnds {
    first: Vec<u8>,
    last: Vec<u8>,
    /// True if the last line has ended, so that the next byte starts another one.
    ended: bool,
    lines: u64,
}

/// The number of bytes of the first line that are kept: more than any header has.
const MAX_FIRST_LINE_BYTES: usize = 1 << 16;
/// The starts of the last line of an export: a checkpoint, or the head of a tenant log, which is shorter.
const CHECKPOINT: &[u8] = b"{\"checkpoint\":";
const HEAD: &[u8] = b"{\"head\":";

impl ExportEnds {
    fn push(&mut self, piece: &[u8]) {
        for line in piece.split_inclusive(|&byte| byte == b'\n') {
            if self.ended || self.lines == 0 {
                self.last.clear();
                self.lines += 1;
            }
            let (text, ended) = match line.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (line, false),
            };
            if self.lines == 1 {
                self.first.extend_from_slice(
                    &text[..text.len().min(MAX_FIRST_LINE_BYTES.saturating_sub(self.first.len()))],
                );
            }
            let room = CHECKPOINT.len().saturating_sub(self.last.len());
            self.last.extend_from_slice(&text[..text.len().min(room)]);
            self.ended = ended;
        }
    }

    /// Checks that the export seems complete. Verification is more thorough.
    fn check(&self) -> Result<(), CliError> {
        if self.lines == 0 {
            return Err(export::empty());
        }
        countersign::export::Header::parse(&self.first)?;
        let states_size = self.last == CHECKPOINT || self.last.starts_with(HEAD);
        if !self.ended || (self.lines > 1 && !states_size) {
            return Err(cut_off());
        }
        Ok(())
    }
}

fn cut(name: &str) -> CliError {
    cut_off().within(name)
}

fn cut_off() -> CliError {
    let error = Error::new(Code::Export, "the export ends before its last checkpoint");
    CliError::broken(error.with_hint("run the command again; the connection was lost, and nothing was saved"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Parsed {
        #[command(flatten)]
        args: Args,
    }

    const CHAIN: &str = "da7f84a510cb84b8cbb5b74a63c306ec";
    const OTHER: &str = "0a7f84a510cb84b8cbb5b74a63c306ec";

    fn request(arguments: &[&str]) -> (String, bool) {
        let parsed = Parsed::parse_from([&["export", "--dir", "https://log.example"], arguments].concat());
        let request = Request::from_args(&parsed.args).unwrap();
        let query: Vec<String> =
            request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (format!("{}?{}", request.path, query.join("&")), request.whole)
    }

    #[test]
    fn log_server_selects_what_it_can() {
        let event = format!("{CHAIN}/3");
        for (arguments, asked, whole) in [
            (&[][..], "export?".to_owned(), true),
            (&["--range", "5..9", "--boundary", "12"], "export?from=5&to=9&boundary=12".into(), true),
            (
                &["--since", "2026-11-20", "--actor", "u 1", "--limit", "7"],
                "export?since=2026-11-20T00:00:00.000Z&actor=u 1&limit=7".into(),
                true,
            ),
            (&["--chain", CHAIN], format!("export?chain={CHAIN}"), true),
            (&["--chain", CHAIN, "--chain", OTHER], "export?".into(), false),
            (&["--event", &event], format!("proof/{CHAIN}/3?"), true),
            (&["--event", &event, "--q", "x"], format!("export?q=x&chain={CHAIN}"), false),
            (&["--query", "a:B", "--action", "x.*"], "export?action=x.*&query=a:b".into(), true),
            (&["--withhold", "a=b", "--as", "erased"], "export?".into(), false),
        ] {
            assert_eq!(request(arguments), (asked, whole), "{arguments:?}");
        }
    }

    #[test]
    fn detects_truncated_exports() {
        let header = "{\"countersign\":\"export/v1\",\"origin\":\"log.example\"}\n";
        let check = |text: &str, piece: usize| {
            let mut ends = ExportEnds::default();
            text.as_bytes().chunks(piece).for_each(|piece| ends.push(piece));
            ends.check().is_ok()
        };
        let cases = [1, 2, 7, 1_000].into_iter().flat_map(|piece| [(piece, "checkpoint"), (piece, "head")]);
        for (piece, last) in cases {
            let whole = format!("{header}{{\"link\":\"x\"}}\n{{\"{last}\":\"x\"}}\n");
            assert!(check(&whole, piece) && check(header, piece), "{piece}");
            for length in 0..whole.len() {
                assert_eq!(check(&whole[..length], piece), length == header.len(), "{length} {piece}");
            }
            assert!(!check(&whole[..header.len() + 13], piece));
            assert!(!check("<html>\n", piece));
            assert!(!check(&format!("{header}{{\"anchor\":\"x\"}}\n"), piece));
        }
    }
}
