//! `countersign outbox`: shows an outbox, and recovers the intact part of a corrupt one.

mod entries;
mod journal;
mod links;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use countersign::tenant::{HeadProof, NewestHead};
use countersign_delivery::RefusedAnswer;

use self::entries::Entry;
use self::journal::Contents;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::Output;
use crate::io::style::{self, bad, faint, line};
use crate::io::verdict::{self, count};

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 30;
const ACTION_WIDTH: usize = 60;
const NOTE_WIDTH: usize = 300;
/// The files in the folder of `countersign record --outbox` with what is known about the log.
const POSITION: &str = "position.json";
const CONTRADICTION: &str = "contradiction.json";
const UNPROVEN: &str = "unproven.json";

/// Show an outbox, or recover the intact part of a corrupt one
///
/// An outbox contains events that the log hasn't confirmed yet: the file of the npm package's fileOutbox, or the
/// folder of `countersign record --outbox`. Neither command changes it. Stop the program that uses it first.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the events and signed links in an outbox, and its corrupt ranges
    ///
    /// Exit status: 0 everything could be read, 1 something is corrupt, 2 this is not an outbox.
    Show {
        /// Outbox file, or a folder of outbox files
        #[arg(value_name = "FILE|FOLDER")]
        outbox: PathBuf,
    },
    /// Write the intact events and signed links of an outbox to new files
    ///
    /// Record the events again, with `countersign record` or recordMany. Send signed links unchanged: POST the file
    /// to the log's /submit. Entries of tenants are written without the tenant, which `outbox show` lists. An event
    /// without a time of its own gets the time at which it was recorded, as `occurred_at`.
    ///
    /// Exit status: 0 everything could be read, 1 something is corrupt, 2 this is not an outbox.
    Salvage {
        /// Outbox file, or a folder of outbox files
        #[arg(value_name = "FILE|FOLDER")]
        outbox: PathBuf,
        /// File for the events, as JSON Lines
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// File for the signed links, if there are any
        #[arg(long, value_name = "FILE")]
        links: Option<PathBuf>,
        /// File for events and links from corrupt lines, which may have been changed, for inspection
        #[arg(long, value_name = "FILE")]
        doubtful: Option<PathBuf>,
    },
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    match &args.command {
        Command::Show { outbox } => show(outbox),
        Command::Salvage { outbox, output, links, doubtful } => {
            salvage(outbox, output, links.as_deref(), doubtful.as_deref())
        }
    }
}

/// Reads the outbox at a path, or all outboxes in a folder, by file. Any other file in the folder is reported as
/// corrupt: it may be an outbox that can't be read at all.
fn read(path: &Path) -> Result<BTreeMap<PathBuf, Contents>, CliError> {
    let failed = |path: &Path, error| CliError::io("read", &shown(path), &error);
    let mut paths = vec![path.to_owned()];
    let is_folder = path.is_dir();
    let mut is_delivered = false;
    if is_folder {
        let files = fs::read_dir(path).map_err(|error| failed(path, error))?;
        let files = files.map(|file| file.map(|file| file.path())).collect::<Result<Vec<_>, _>>();
        paths = files.map_err(|error| failed(path, error))?;
        paths.retain(|path| path.is_file());
        is_delivered = !paths.is_empty() && paths.iter().all(|path| is_bookkeeping(path));
        paths.retain(|path| !is_bookkeeping(path));
    }
    let (mut found, mut unreadable) = (BTreeMap::new(), Vec::new());
    for path in paths {
        let size = fs::metadata(&path).map_err(|error| failed(&path, error))?.len();
        if size > MAX_BYTES {
            let message = "the file is larger than 1 GiB, so it is not an outbox";
            return Err(CliError::unusable("outbox.invalid", message, "check the path").within(&shown(&path)));
        }
        let bytes = fs::read(&path).map_err(|error| failed(&path, error))?;
        if let Some(contents) = journal::parse(&bytes).or_else(|| links::parse(&bytes)) {
            found.insert(path, contents);
        } else if !is_folder {
            let hint = "use the path passed to fileOutbox, or the folder passed to --outbox";
            return Err(
                CliError::unusable("outbox.invalid", "this is not an outbox", hint).within(&shown(&path))
            );
        } else {
            unreadable.push((path, bytes.len()));
        }
    }
    if is_delivered {
        found.insert(path.to_owned(), Contents::default());
    }
    if found.is_empty() {
        let message = "this folder contains no outbox";
        return Err(CliError::unusable("outbox.invalid", message, "check the path").within(&shown(path)));
    }
    for (path, size) in unreadable {
        let mut contents = Contents::default();
        contents.add_problem(0, size, "nothing in this file belongs to an outbox", false);
        found.insert(path, contents);
    }
    Ok(found)
}

/// True for the files in the folder of `countersign record --outbox` that contain no entries.
fn is_bookkeeping(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ["lock", POSITION, CONTRADICTION, UNPROVEN].contains(&&*name) || name.starts_with(".countersign-")
}

fn show(path: &Path) -> Result<ExitStatus, CliError> {
    let outboxes = read(path)?;
    let mut text = String::new();
    for (path, contents) in &outboxes {
        let _ = writeln!(text, "{}", line(&shown(path), 200));
        for (id, entry) in &contents.entries {
            let tenant = entry.tenant().map_or_else(String::new, |tenant| {
                format!("  tenant {}", line(&format!("{tenant:?}"), ACTION_WIDTH))
            });
            let _ = match entry {
                Entry::Log(note) => {
                    let fact = line(&note.text, NOTE_WIDTH);
                    let fact = if note.is_problem { bad(&fact).clone() } else { fact };
                    writeln!(text, "  {id}  log     {fact}{tenant}")
                }
                Entry::Event(event) => writeln!(
                    text,
                    "  {id}  event   {}  {} bytes  {}{tenant}",
                    event.time,
                    event.json.len(),
                    line(event.action().as_deref().unwrap_or("-"), ACTION_WIDTH)
                ),
                Entry::Links(links) => writeln!(
                    text,
                    "  {id}  signed  {}  {} bytes  {}{tenant}",
                    links.span(),
                    links.lines.len(),
                    line(&links.actions().join(", "), ACTION_WIDTH)
                ),
            };
        }
        let is_delivered = contents.entries.values().all(|entry| matches!(entry, Entry::Log(_)));
        if is_delivered && contents.problems.is_empty() {
            let _ = writeln!(
                text,
                "  {}",
                faint("no entries: everything stored here was delivered, or nothing was stored")
            );
        }
        text.push_str(&problem_list(contents));
    }
    if path.is_dir() {
        text.push_str(&log_facts(path));
    }
    verdict::print(&text)?;
    Ok(status(&outboxes))
}

/// Returns what the folder of `countersign record --outbox` knows about a tenant log, one fact a line.
fn log_facts(folder: &Path) -> String {
    #[derive(serde::Deserialize)]
    struct Position {
        newest_head: Option<String>,
    }
    let mut text = String::new();
    let position = fs::read(folder.join(POSITION)).ok();
    let position = position.and_then(|bytes| serde_json::from_slice::<Position>(&bytes).ok());
    let head = position.and_then(|position| HeadProof::parse(&position.newest_head?).ok());
    if let Some(head) = head {
        let _ = writeln!(text, "  {}", faint(entries::newest_head(NewestHead::from(&head).since())));
    }
    for (file, code) in [(CONTRADICTION, "log.rewritten:"), (UNPROVEN, "proof.invalid:")] {
        let refused = fs::read(folder.join(file)).ok();
        let refused = refused.and_then(|bytes| serde_json::from_slice::<RefusedAnswer>(&bytes).ok());
        if let Some(RefusedAnswer { message, .. }) = refused {
            let _ = writeln!(text, "  {} {}; see {file}", bad(code), line(&message, NOTE_WIDTH));
        }
    }
    text
}

/// Lists the corrupt ranges, one per line.
fn problem_list(contents: &Contents) -> String {
    let mut text = String::new();
    for problem in &contents.problems {
        let (begin, end) = (problem.begin, problem.end);
        let _ = writeln!(text, "  {} bytes {begin} to {end}: {}", bad("corrupt:"), problem.why);
    }
    if contents.may_have_removed() {
        text.push_str("  A corrupt line may mark entries above as delivered, so some of them may already be in the log.\n");
    }
    text
}

fn status(outboxes: &BTreeMap<PathBuf, Contents>) -> ExitStatus {
    let is_whole = outboxes.values().all(|contents| contents.problems.is_empty());
    if is_whole { ExitStatus::Success } else { ExitStatus::Broken }
}

fn salvage(
    path: &Path,
    output: &Path,
    links: Option<&Path>,
    doubtful: Option<&Path>,
) -> Result<ExitStatus, CliError> {
    let outboxes = read(path)?;
    let has_links = outboxes.values().flat_map(|contents| contents.entries.values());
    if links.is_none() && has_links.clone().any(|entry| matches!(entry, Entry::Links(_))) {
        let message = "the outbox contains signed links, which must be sent unchanged";
        return Err(CliError::unusable("arguments.invalid", message, "add --links FILE").within(&shown(path)));
    }
    let mut events = Output::create(Some(output))?;
    let mut signed = links.map(|path| Output::create(Some(path))).transpose()?;
    let mut others = doubtful.map(|path| Output::create(Some(path))).transpose()?;
    let (mut event_count, mut link_count, mut doubtful_count) = (0, 0, 0);
    for (path, contents) in &outboxes {
        for entry in contents.entries.values() {
            match (entry, &mut signed) {
                (Entry::Event(event), _) => {
                    event_count += 1;
                    events.write(event.dated().as_bytes())?;
                    events.write(b"\n")?;
                }
                (Entry::Links(links), Some(signed)) => {
                    link_count += links.count() as u64;
                    signed.write(&links.lines)?;
                }
                (Entry::Links(_), None) | (Entry::Log(_), _) => {}
            }
        }
        for entry in &contents.doubtful {
            doubtful_count += 1;
            if let Some(others) = &mut others {
                match entry {
                    Entry::Event(event) => others.write(format!("{}\n", event.dated()).as_bytes())?,
                    Entry::Links(links) => others.write(&links.lines)?,
                    Entry::Log(_) => {}
                }
            }
        }
        let problems = problem_list(contents);
        if !problems.is_empty() {
            anstream::eprint!("{}\n{problems}", line(&shown(path), 200));
        }
    }
    events.finish()?;
    signed.map(Output::finish).transpose()?;
    style::wrote(Some(output), &count(event_count, "event"));
    if let Some(links) = links {
        style::wrote(
            Some(links),
            &format!("{} with their events, to send unchanged", count(link_count, "signed link")),
        );
    }
    match (others, doubtful) {
        (Some(others), Some(path)) => {
            others.finish()?;
            style::wrote(Some(path), &format!("{} from corrupt lines", count(doubtful_count, "item")));
        }
        _ if doubtful_count > 0 => {
            style::warn(&format!(
                "{} from corrupt lines may have been changed and were not written; use --doubtful FILE to inspect them",
                count(doubtful_count, "item")
            ));
        }
        _ => {}
    }
    Ok(status(&outboxes))
}
