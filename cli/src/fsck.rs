//! `countersign fsck`: whether a log's folder holds what the log says.

use std::path::{Path, PathBuf};

use countersign_log::fsck::{self, Mend, Report};
use countersign_log::serve::{self, StartError};
use serde_json::json;

use crate::errors::{Failure, shown};
use crate::style::{bad, good, plain};
use crate::{progress, style, verdict};

/// The log is whole, or was mended.
const WHOLE: u8 = 0;
/// Something is damaged.
const DAMAGED: u8 = 1;

/// Check everything that a log's folder holds, and mend what can be
///
/// Reads all of it: leaves against tiles, tiles and checkpoints against each other, events against the links that commit to
/// them, links against where they are looked for, recorded erasures against events, and the search index against all
/// events. A server may be running meanwhile, but for --repair.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign fsck --dir /var/lib/countersign
  countersign fsck --dir /var/lib/countersign --repair

Exit status: 0 whole (or mended), 1 damaged, 2 not readable or not usable arguments.")]
pub(crate) struct Args {
    /// The log's folder; of a log in a bucket that of its index
    #[arg(long, value_name = "DIR", default_value = "countersign-log")]
    dir: PathBuf,
    /// Mend what can be made anew from the rest: tiles, the search index, erasures that were recorded and not done
    #[arg(long)]
    repair: bool,
    /// Print the report as JSON, and nothing else
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let folder = &args.dir;
    let _lock = if args.repair { Some(serve::lock(folder).map_err(|error| in_use(&error))?) } else { None };
    let mut report = look(folder, "checking")?;
    if args.repair && report.damages.iter().any(|damage| damage.mend != Mend::Not) {
        let before = std::mem::take(&mut report);
        if !args.json {
            tell(&before);
        }
        let bar = progress::count("mending", 0);
        let mended = fsck::repair(folder, &before, &mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        mended.map_err(|error| failed(folder, &error))?;
        report = look(folder, "checking again")?;
        if !args.json {
            style::done(&format!("{} mended", count(before.damages.len() - report.damages.len())));
        }
    }
    if args.json {
        println!("{}", of(&report));
    } else {
        tell(&report);
    }
    Ok(if report.is_whole() { WHOLE } else { DAMAGED })
}

fn look(folder: &Path, doing: &'static str) -> Result<Report, Failure> {
    let bar = progress::count(doing, 0);
    let report = fsck::check(folder, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    report.map_err(|error| failed(folder, &error))
}

fn tell(report: &Report) {
    for damage in &report.damages {
        anstream::println!(
            "{} {}: {} [{}]",
            bad("damaged"),
            plain(&damage.place),
            plain(&damage.message),
            damage.code
        );
        anstream::println!("  {}", damage.mend.hint());
    }
    if report.more > 0 {
        anstream::println!("{} more", report.more);
    }
    let Report { origin, leaves, events, erased, unfinished, .. } = report;
    let word = if report.is_whole() { good("whole") } else { bad("damaged") };
    let (leaves, events) = (verdict::leaves(*leaves), verdict::count(*events, "event"));
    anstream::println!("{word} {}: {leaves}, {events}, {erased} erased", plain(origin));
    if *unfinished > 0 {
        anstream::println!(
            "  recorded erasures that are not done yet: {unfinished}; the server goes on with them"
        );
    }
}

fn of(report: &Report) -> serde_json::Value {
    let damages = report.damages.iter().map(|damage| {
        json!({
            "code": damage.code,
            "place": damage.place,
            "message": damage.message,
            "hint": damage.mend.hint(),
        })
    });
    json!({
        "origin": report.origin,
        "whole": report.is_whole(),
        "leaves": report.leaves,
        "events": report.events,
        "erased": report.erased,
        "unfinished": report.unfinished,
        "damages": damages.collect::<Vec<_>>(),
        "more": report.more,
    })
}

fn count(damages: usize) -> String {
    if damages == 1 { "1 damage".to_owned() } else { format!("{damages} damages") }
}

fn failed(folder: &Path, error: &dyn std::fmt::Display) -> Failure {
    let hint = "is this a log's folder, and may you read it? Or bring back a backup that is whole";
    Failure::unusable("store.failed", error.to_string(), hint).within(&shown(folder))
}

fn in_use(error: &StartError) -> Failure {
    let hint = "stop the server before --repair; without it a running log can be checked";
    Failure::unusable("server.in_use", error.to_string(), hint)
}
