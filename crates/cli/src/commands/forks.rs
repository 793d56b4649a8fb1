//! `countersign forks`: shows the evidence that a log server has stored.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use countersign::checkpoint::SignedCheckpoint;
use countersign::log::Evidence;
use countersign::time::Time;
use countersign_log::evidence;
use countersign_log::stop::{Line, SigningStop};
use countersign_log::store::StoreError;
use countersign_log_server::sqlite;
use countersign_log_server::stop_file::StopFile;

use crate::arg_groups::FormatArgs;
use crate::commands::tenant;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::log_folder::store_hint;
use crate::io::style::{bad, faint, good, label, plain};
use crate::io::verdict;

/// Show rejected forks, and why the log stopped signing
///
/// Reads the log's folder, even while a server is running there. The reasons why the log stopped are in
/// evidence.ndjson, with the log's own checkpoint and the answer of the witness that contradicts it. Forks
/// are in the database; those of all tenant logs are shown together. A server returns the same data at /evidence, for
/// tokens with the right `admin`.
#[derive(clap::Args)]
#[command(mut_arg("format", |format| format.help("How to print the evidence; as JSON, one object per line")))]
#[command(after_help = "\
Examples:
  countersign forks --dir /var/lib/countersign
  countersign forks --json | jq -r 'select(.code == \"log.fork\") | .chain'

Exit status: 0 no evidence, 1 there is evidence, 2 unreadable.")]
pub(crate) struct Args {
    /// Folder of the log
    #[arg(long, value_name = "DIR", default_value = "countersign-log")]
    dir: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let name = shown(&args.dir);
    std::fs::read_dir(&args.dir).map_err(|error| CliError::io("read", &name, &error))?;
    let stops = StopFile::new(&args.dir).read().map_err(|error| {
        CliError::unusable("store.failed", error.to_string(), "check the file and its permissions")
    })?;
    let forks = forks(&args.dir)?;
    let found = !stops.is_empty() || !forks.is_empty();
    let text = if args.format.is_json() { evidence::lines(stops, forks) } else { text(&stops, &forks) };
    verdict::print(&text)?;
    Ok(if found { ExitStatus::Broken } else { ExitStatus::Success })
}

/// Returns the forks in the folder's database, if there is one.
fn forks(folder: &Path) -> Result<Vec<(Time, Evidence)>, CliError> {
    if !folder.join(sqlite::FILE).exists() {
        return Ok(Vec::new());
    }
    let read = sqlite::has_tenants(folder).and_then(|has_tenants| {
        if has_tenants {
            return tenant_forks(folder);
        }
        sqlite::open_reader(folder).and_then(|(_, reader)| reader.evidence())
    });
    read.map_err(|error| {
        let hint = "check the folder and its permissions";
        CliError::unusable("store.failed", error.to_string(), store_hint(&error, folder, hint))
            .within(&shown(folder))
    })
}

/// Returns the forks in all tenant logs of the folder's database, oldest first.
fn tenant_forks(folder: &Path) -> Result<Vec<(Time, Evidence)>, StoreError> {
    let (_, readers) = sqlite::open_tenant_readers(folder)?;
    let mut forks = Vec::new();
    tenant::for_each(&*readers, &mut |tenant| {
        forks.extend(readers.log(tenant.number).evidence()?);
        Ok(())
    })?;
    forks.sort_by_key(|(at, _)| *at);
    Ok(forks)
}

fn text(stops: &[String], forks: &[(Time, Evidence)]) -> String {
    if stops.is_empty() && forks.is_empty() {
        return good("✓ There is no evidence of a fork.") + "\n";
    }
    let mut text = String::new();
    for line in stops {
        match Line::parse(line) {
            Some(Line::Stopped(stop)) => stopped(&stop, &mut text),
            Some(Line::Resumed { at, message }) => {
                let _ = writeln!(text, "{} {at}\n  {}", good("✓ The log resumed signing."), plain(&message));
            }
            None => {
                let _ = writeln!(text, "{} {}", bad("✗ Unreadable line:"), plain(line));
            }
        }
    }
    for (at, Evidence { chain, seq, index, refused }) in forks {
        let _ = writeln!(text, "{} {at} {}", bad("✗ A fork was rejected."), faint("[log.fork]"));
        let _ = writeln!(text, "  {} {chain}/{seq}", label("place:"));
        if let Some(index) = index {
            let _ = writeln!(text, "  {} {index}", label("the log's entry:"));
        }
        for link in refused {
            let _ = writeln!(text, "  {} {}", label("rejected:"), plain(link));
        }
    }
    text
}

fn stopped(stop: &SigningStop, text: &mut String) {
    let code = faint(format_args!("[{}]", stop.cause.code()));
    let _ = writeln!(text, "{} {} {code}", bad("✗ The log stopped signing."), stop.at);
    let _ = writeln!(text, "  {}", plain(&stop.message));
    for (name, note) in [("our checkpoint:", &stop.checkpoint), ("signed before:", &stop.signed)] {
        let Some(signed) = note.as_ref().and_then(|note| SignedCheckpoint::parse(note).ok()) else {
            continue;
        };
        let checkpoint = &signed.checkpoint;
        let _ = writeln!(
            text,
            "  {} {}, root {}",
            label(name),
            verdict::entries(checkpoint.size),
            checkpoint.root
        );
    }
    if let Some(witness) = &stop.witness {
        let size =
            witness.size.map_or_else(String::new, |size| format!(", it cosigned {}", verdict::entries(size)));
        let name = plain(witness.key.name());
        let _ = writeln!(text, "  {} {name} answered {}{size}", label("witness:"), witness.status);
    }
    let _ = writeln!(text, "  {} {}", faint("hint:"), stop.hint());
}
