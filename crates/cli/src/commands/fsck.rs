//! `countersign fsck`: checks the integrity of a log's folder or bucket, and repairs it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use countersign_log::store::StoreError;
use countersign_log_server::bucket::Bucket;
use countersign_log_server::fsck::{self, Report};
use countersign_log_server::serve::{self, StartError};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::arg_groups::FormatArgs;
use crate::commands::serve::bucket;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::log_folder::{expect_folder, store_hint};
use crate::io::style::{bad, good, plain};
use crate::io::{progress, style, verdict};

/// Check a log's folder or bucket, and repair what can be repaired
///
/// Reads everything: entries against tiles, tiles and checkpoints against each other, events against the links that
/// commit to them, link lookups, recorded erasures against events, and the search index against all events. A server
/// may keep running, except with --repair on a folder.
///
/// For a log with tenants, all tenant logs are checked, and compared with the heads that they showed. The place of a
/// problem in a tenant log starts with t/ and the ID of the log.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign fsck --dir /var/lib/countersign
  countersign fsck --dir /var/lib/countersign --repair
  countersign fsck --store s3://audit-logs/app                            # only its objects
  countersign fsck --store s3://audit-logs/app --dir /var/lib/countersign # and a server's index of them

Exit status: 0 no problems (or repaired), 1 problems, 2 unreadable input or unusable arguments.")]
pub(crate) struct Args {
    /// Folder of the log, or for a log in a bucket the folder of its index [default without --store: countersign-log]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Bucket of the log: s3://, gs://, az://, or a folder, with credentials from the environment
    ///
    /// Reads every object: commits and their events, public objects, signed checkpoints, and the remains of erasures.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Repair what can be rebuilt from the rest: tiles, indexes, and erasures that were recorded but not done
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// The place that is checked.
#[allow(clippy::large_enum_variant, reason = "there is only one")]
enum LogStorage<'a> {
    Folder(&'a Path),
    Bucket { bucket: Bucket, url: &'a str, folder: Option<&'a Path>, runtime: Runtime },
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let storage = match &args.store {
        None => LogStorage::Folder(args.dir.as_deref().unwrap_or(Path::new("countersign-log"))),
        Some(url) => {
            let runtime = Runtime::new().map_err(|error| CliError::io("start", "the check", &error))?;
            LogStorage::Bucket { bucket: bucket(url)?, url, folder: args.dir.as_deref(), runtime }
        }
    };
    if let LogStorage::Folder(folder) = &storage {
        expect_folder(folder)?;
    }
    let lock = storage.folder().filter(|_| args.repair).map(serve::lock);
    let _lock = lock.transpose().map_err(|error| in_use(&error))?;
    let mut report = storage.check("checking")?;
    if args.repair && report.problems.iter().any(|problem| problem.repair.is_possible()) {
        let before = std::mem::take(&mut report);
        if !args.format.is_json() {
            print_report(&before)?;
        }
        storage.repair(&before)?;
        report = storage.check("checking again")?;
        if !args.format.is_json() {
            style::done(&format!(
                "{} repaired",
                count(before.problems.len().saturating_sub(report.problems.len()))
            ));
        }
    }
    if args.format.is_json() {
        verdict::print(&format!("{}\n", to_json(&report)))?;
    } else {
        print_report(&report)?;
    }
    Ok(if report.is_whole() { ExitStatus::Success } else { ExitStatus::Broken })
}

impl LogStorage<'_> {
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Bucket { folder, .. } => *folder,
        }
    }

    fn check(&self, doing: &'static str) -> Result<Report, CliError> {
        let bar = progress::count(doing, 0);
        let mut on_progress = |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        };
        let report = match self {
            Self::Folder(folder) => fsck::check(folder, &mut on_progress),
            Self::Bucket { bucket, folder, runtime, .. } => {
                fsck::check_bucket(bucket, runtime.handle(), *folder, &mut on_progress)
            }
        };
        bar.finish_and_clear();
        report.map_err(|error| self.failed(&error))
    }

    fn repair(&self, found: &Report) -> Result<(), CliError> {
        let bar = progress::count("repairing", 0);
        let mut on_progress = |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        };
        let repaired = match self {
            Self::Folder(folder) => fsck::repair(folder, found, &mut on_progress),
            Self::Bucket { bucket, folder, runtime, .. } => {
                fsck::repair_bucket(bucket.clone(), runtime.handle().clone(), *folder, found)
            }
        };
        bar.finish_and_clear();
        repaired.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &StoreError) -> CliError {
        match self {
            Self::Folder(folder) => {
                let hint =
                    store_hint(error, folder, "check that this is a log's folder and that you may read it");
                CliError::unusable("store.failed", error.to_string(), hint).within(&shown(folder))
            }
            Self::Bucket { url, .. } => {
                let hint = "check that there is a log in this bucket and that you may read it";
                CliError::unusable("store.failed", error.to_string(), hint).within(url)
            }
        }
    }
}

fn print_report(report: &Report) -> Result<(), CliError> {
    let mut text = String::new();
    for problem in &report.problems {
        let _ = writeln!(
            text,
            "{} {}: {} [{}]",
            bad("problem"),
            plain(&problem.place),
            plain(&problem.message),
            problem.code
        );
        let _ = writeln!(text, "  {}", problem.repair.hint());
    }
    if report.more > 0 {
        let _ = writeln!(text, "{} more", report.more);
    }
    let Report { origin, tenants, leaves, events, erased, unfinished, accepted, .. } = report;
    let logs = tenants
        .map_or_else(String::new, |tenants| format!(" and its {}", verdict::count(tenants, "tenant log")));
    let word = if report.is_whole() { good("no problems") } else { bad("problems") };
    let (leaves, events) = (verdict::entries(*leaves), verdict::count(*events, "event"));
    let _ = writeln!(text, "{word} in {}{logs}: {leaves}, {events}, {erased} erased", plain(origin));
    if *unfinished > 0 {
        let _ =
            writeln!(text, "  recorded erasures not finished yet: {unfinished}; the server continues them");
    }
    if !accepted.is_empty() {
        let _ =
            writeln!(text, "  accepted losses of logs that were stopped and have ended: {}", accepted.len());
    }
    verdict::print(&text)
}

fn to_json(report: &Report) -> serde_json::Value {
    let problems = report.problems.iter().map(|problem| {
        json!({
            "code": problem.code,
            "place": problem.place,
            "message": problem.message,
            "hint": problem.repair.hint(),
        })
    });
    let mut report_json = json!({
        "origin": report.origin,
        "whole": report.is_whole(),
        "entries": report.leaves,
        "events": report.events,
        "erased": report.erased,
        "unfinished": report.unfinished,
        "accepted": report.accepted.len(),
        "problems": problems.collect::<Vec<_>>(),
        "more": report.more,
    });
    if let Some(tenants) = report.tenants {
        report_json["tenants"] = tenants.into();
    }
    report_json
}

fn count(problems: usize) -> String {
    if problems == 1 { "1 problem".to_owned() } else { format!("{problems} problems") }
}

fn in_use(error: &StartError) -> CliError {
    let hint = "stop the server before using --repair; without it, a running log can be checked";
    CliError::unusable("server.in_use", error.to_string(), hint)
}
