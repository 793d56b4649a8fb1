//! `countersign export`: an export out of a log, from its log server or from its folder.

mod explained;
mod folder;
mod parquet;

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
use crate::commands::slice::{self, Chosen};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::input::Input;
use crate::io::output::Output;
use crate::io::parquet::Partition;
use crate::io::stage::Stage;
use crate::io::token;
use crate::io::{export, progress, style};

const CHUNK: usize = 1 << 17;

/// Export a log or a part of it
///
/// Reads from a log server's URL, or from the folder of a log server on this machine. The log server selects what it
/// can. For --withhold, and for several chains or events, the rest is left out here. Either way the export can be
/// verified on its own with `countersign verify`.
///
/// With --format parquet the export is verified here and becomes one row per verified event (see docs/parquet.md).
/// Rows are for query engines and are no proof. `countersign verify EXPORT --parquet FILE` compares them with the
/// export they were made from.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign export --dir https://log.example/audit --token-file token.txt -o audit.ndjson
  countersign export --dir https://log.example/audit --query 'action:job.* outcome:failure since:-7d' --limit 100 -o jobs.ndjson
  countersign export --dir https://log.example/audit --event da7f84a510cb84b8cbb5b74a63c306ec/3 | countersign verify - --trust trust.txt
  countersign export --format parquet audit.ndjson --trust trust.txt --partition day -o audit
  COUNTERSIGN_TOKEN=$(pass audit) countersign export --dir https://log.example/audit --q \"night shift\" -o found.ndjson")]
pub(crate) struct Args {
    /// An export you already have, to convert with --format parquet
    #[arg(value_name = "EXPORT", conflicts_with = "log")]
    export: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// Write one file per day, in folders such as day=2026-11-20 below -o
    #[arg(long, value_enum, requires = "output")]
    partition: Option<Partition>,
    /// The log server's folder or URL
    #[arg(long = "dir", value_name = "DIR|URL", default_value = "countersign-log")]
    log: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    asked: Asked,
    #[command(flatten, next_help_heading = "Which events")]
    chosen: Chosen,
}

/// What an export is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The export itself, which can be verified
    Ndjson,
    /// One Parquet row per verified event
    Parquet,
}

/// What the log server chooses by.
#[derive(clap::Args)]
#[command(next_help_heading = "Which events")]
struct Asked {
    /// Recorded at this time or later
    #[arg(long, value_name = "T", value_parser = args::time)]
    since: Option<Time>,
    /// Recorded before this time
    #[arg(long, value_name = "T", value_parser = args::time)]
    until: Option<Time>,
    /// By this actor: `actor.id`
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// With this action, or `job.*` for all actions that begin with job.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// On this target: `target.id`, or TYPE:ID
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// With this outcome: success, failure or denied
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Of this tenant
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Containing all of these words, anywhere
    #[arg(long, value_name = "WORDS")]
    q: Option<String>,
    /// Only the newest N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["event"])]
    limit: Option<u64>,
    /// Break the export at this size of the log, so that a pin of that size can be compared
    #[arg(long, value_name = "SIZE")]
    boundary: Option<u64>,
}

pub(crate) fn run(args: &Args, matches: &ArgMatches) -> Result<ExitStatus, CliError> {
    if args.asked.limit.is_some() && args.chosen.chain.len() > 1 {
        let message = "--limit is for one chain, or for all";
        return Err(CliError::unusable(
            "arguments.invalid",
            message,
            "leave --limit out, or ask chain by chain",
        ));
    }
    if args.format == Format::Parquet {
        return parquet::run(args);
    }
    if args.export.is_some() || args.partition.is_some() {
        let is_log = |place: &PathBuf| place.is_dir() || place.to_str().is_some_and(Prefix::is_meant);
        let hint = if args.export.as_ref().is_some_and(is_log) {
            "name the log with --dir: `countersign export --dir URL -o FILE`"
        } else {
            "give --format parquet, or use `countersign slice` for a smaller export"
        };
        return Err(CliError::unusable(
            "arguments.invalid",
            "EXPORT and --partition are for --format parquet",
            hint,
        ));
    }
    if Prefix::is_meant(&args.log) { from_log_server(args, matches) } else { from_folder(args, matches) }
}

fn from_log_server(args: &Args, matches: &ArgMatches) -> Result<ExitStatus, CliError> {
    let prefix = prefix(&args.log)?;
    if !args.chosen.own.is_none() {
        let hint = "leave --parsers out; `countersign serve --parsers` has a log read by yours";
        let message = "a log reads events by its own parsers, whoever asks";
        return Err(CliError::unusable("arguments.invalid", message, hint));
    }
    let token = args.access.token()?;
    let request = Request::of(args)?;
    let mut stream = fetch(&prefix, &request, token.as_ref())?;
    let name = stream.name().to_owned();
    let nothing = stream.header("countersign-matched") == Some("0");
    let status = if request.whole {
        keep(&mut stream, &name, args.output.path())
    } else {
        let open = || Ok(Input::stream(&name, Box::new(stream)));
        slice::slice(&args.chosen, matches, open, args.output.path())
    };
    if let (Ok(_), Some(fields_alone)) | (Err(_), Some(fields_alone @ false)) =
        (&status, request.explains(nothing))
    {
        explained::told(explained::by_log_server(&prefix, &request, fields_alone, token.as_ref()));
    }
    status
}

/// The log server's address.
fn prefix(url: &str) -> Result<Prefix, CliError> {
    Prefix::parse(url).map_err(|why| {
        let hint = "give the log server's address, such as https://log.example.com";
        CliError::unusable("arguments.invalid", why, hint).within("the URL")
    })
}

/// What the log server would answer, without it.
fn from_folder(args: &Args, matches: &ArgMatches) -> Result<ExitStatus, CliError> {
    let request = Request::of(args)?;
    let log = folder::open(Path::new(&args.log), &args.chosen, &request.query)?;
    let mut made = log.export()?;
    let nothing = made.matched == 0;
    let status = if request.whole {
        keep(&mut made, &args.log, args.output.path())
    } else {
        let open = || Ok(Input::stream(&args.log, Box::new(made)));
        slice::slice(&args.chosen, matches, open, args.output.path())
    };
    if let (Ok(_), Some(fields_alone)) | (Err(_), Some(fields_alone @ false)) =
        (&status, request.explains(nothing))
    {
        explained::told(log.explain(fields_alone).map(|found| explained::Told::new(found, fields_alone)));
    }
    status
}

/// What is asked of the log server.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    path: String,
    query: Vec<(&'static str, String)>,
    /// Whether the answer is what was wanted, with nothing left to leave out.
    whole: bool,
}

impl Request {
    fn of(args: &Args) -> Result<Self, CliError> {
        let (asked, chosen) = (&args.asked, &args.chosen);
        let mut query = Vec::new();
        let mut ask = |name, value: Option<String>| query.extend(value.map(|value| (name, value)));
        ask("from", chosen.range.map(|(first, _)| first.to_string()));
        ask("to", chosen.range.map(|(_, end)| end.to_string()));
        ask("since", asked.since.map(|time| time.to_string()));
        ask("until", asked.until.map(|time| time.to_string()));
        ask("actor", asked.actor.clone());
        ask("action", asked.action.clone());
        ask("target", asked.target.clone());
        ask("outcome", asked.outcome.clone());
        ask("tenant", asked.tenant.clone());
        ask("q", asked.q.clone());
        // Lengths of time count from now, here as there.
        let written = chosen.query.as_deref().map(crate::io::query::parse).transpose()?;
        ask("query", written.map(|query| query.to_string()));
        ask("limit", asked.limit.map(|limit| limit.to_string()));
        ask("boundary", asked.boundary.map(|size| size.to_string()));
        let mut chains: Vec<ChainId> = chosen.chain.clone();
        chains.extend(chosen.event.iter().map(|(chain, _)| *chain));
        chains.sort_unstable();
        chains.dedup();
        let local = !chosen.withhold.is_empty();
        if let ([(chain, seq)], [], [], false) = (&chosen.event[..], &chosen.chain[..], &query[..], local) {
            return Ok(Self { path: format!("proof/{chain}/{seq}"), query, whole: true });
        }
        if let [chain] = chains[..] {
            query.push(("chain", chain.to_string()));
        }
        let whole = !local && chosen.event.is_empty() && chains.len() <= 1;
        Ok(Self { path: "export".into(), query, whole })
    }
}

impl Request {
    /// The conditions and bounds of a search, where it is one that must be explained.
    fn searched(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let asked = self.query.iter().map(|(name, value)| (*name, value.as_str()));
        asked.filter(|(name, _)| !matches!(*name, "limit" | "boundary"))
    }

    /// Whether what is found must be explained, and whether it is enough to name fields that no event has.
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
        token::warn_if_seen(&url);
    }
    let client = Client::new(Redirects::SameHost)?;
    let answer = client.stream(&url, token.map(Token::as_str))?;
    answer
        .map(Stream::paced)
        .map_err(|refused| explain(&refused, token.is_some()).within(&prefix.to_string()))
}

/// All that the log server at this address has for who bears the token.
pub(crate) fn stream(url: &str, token: Option<&Token>) -> Result<Input, CliError> {
    let request = Request { path: "export".into(), query: Vec::new(), whole: true };
    let stream = fetch(&prefix(url)?, &request, token)?;
    let name = stream.name().to_owned();
    Ok(Input::stream(&name, Box::new(stream)))
}

/// What a log server answers instead of an export.
fn explain(answer: &Answer, with_token: bool) -> CliError {
    let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |member: &str| {
        let text = said["error"][member].as_str()?;
        Some(style::plain(&text.chars().take(300).collect::<String>()))
    };
    let code = text("code").unwrap_or_else(|| format!("http.{}", answer.status));
    let message =
        text("message").unwrap_or_else(|| format!("the server answered with status {}", answer.status));
    let hint = match (answer.status, with_token) {
        (401, false) => {
            "you need a reader's token for exports: use --token-file FILE, or set COUNTERSIGN_TOKEN".into()
        }
        (401 | 403, true) => "this token may not read this, or not any more: ask the log's operator".into(),
        _ => text("hint").unwrap_or_else(|| "is this a log server's address?".into()),
    };
    CliError::unusable(&code, format!("there is no export: {message}"), hint)
}

/// Writes an export as it comes. It appears when it is whole.
fn keep(stream: &mut dyn Read, name: &str, destination: Option<&Path>) -> Result<ExitStatus, CliError> {
    let mut output = Output::create(destination)?;
    let bar = progress::bar("exporting", None);
    let (mut stage, mut ends) = (Stage::default(), Ends::default());
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match stream.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(
                    CliError::io("read", name, &error).with_hint("the connection was lost: fetch it again")
                );
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
        style::done(&format!("exported to {}; check it with `countersign verify`", shown(path)));
    }
    Ok(ExitStatus::Success)
}

/// The first and the last line of what went by.
#[derive(Default)]
struct Ends {
    first: Vec<u8>,
    last: Vec<u8>,
    /// Whether the last line has ended, so that the next byte begins another.
    ended: bool,
    lines: u64,
}

/// A first line is kept up to here: no header is as long.
const FIRST: usize = 1 << 16;
/// How an export of a log ends.
const CHECKPOINT: &[u8] = b"{\"checkpoint\":";

impl Ends {
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
                self.first.extend_from_slice(&text[..text.len().min(FIRST.saturating_sub(self.first.len()))]);
            }
            let room = CHECKPOINT.len().saturating_sub(self.last.len());
            self.last.extend_from_slice(&text[..text.len().min(room)]);
            self.ended = ended;
        }
    }

    /// Whether it seems to be an export that came whole. Verifying tells more.
    fn check(&self) -> Result<(), CliError> {
        if self.lines == 0 {
            return Err(export::empty());
        }
        countersign::export::Header::parse(&self.first)?;
        if !self.ended || (self.lines > 1 && self.last != CHECKPOINT) {
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
    CliError::broken(error.with_hint("the connection was lost: fetch it again; nothing was kept"))
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
        let request = Request::of(&parsed.args).unwrap();
        let query: Vec<String> =
            request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (format!("{}?{}", request.path, query.join("&")), request.whole)
    }

    #[test]
    fn the_collector_chooses_what_it_can() {
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
    fn what_was_cut_off_is_told() {
        let header = "{\"countersign\":\"export/v1\",\"origin\":\"log.example\"}\n";
        let whole = format!("{header}{{\"link\":\"x\"}}\n{{\"checkpoint\":\"x\"}}\n");
        let check = |text: &str, piece: usize| {
            let mut ends = Ends::default();
            text.as_bytes().chunks(piece).for_each(|piece| ends.push(piece));
            ends.check().is_ok()
        };
        for piece in [1, 2, 7, 1_000] {
            assert!(check(&whole, piece) && check(header, piece), "{piece}");
            for length in 0..whole.len() {
                assert_eq!(check(&whole[..length], piece), length == header.len(), "{length} {piece}");
            }
            assert!(!check(&whole[..header.len() + 13], piece));
            assert!(!check("<html>\n", piece));
        }
    }
}
