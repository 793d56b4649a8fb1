//! `countersign export --format parquet`.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use countersign_client::Prefix;

use super::{Args, Request, fetch, folder, prefix};
use crate::arg_groups;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::input::{self, Input};
use crate::io::parquet::{self, Rows};
use crate::io::verdict::count;
use crate::io::{style, verdict};

pub(super) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    if args.output.path().is_none() && std::io::stdout().is_terminal() {
        let message = "Parquet can't be read on a terminal";
        return Err(CliError::unusable("arguments.invalid", message, "write it to a file: -o FILE"));
    }
    let trust = input::trust_or_nobody(args.chosen.trust.as_deref())?;
    let parsers = args.chosen.own.load()?;
    let mut rows = Rows::of(open(args)?, trust, parsers, arg_groups::threads(None))?;
    parquet::write(&mut rows, args.output.path(), args.partition)?;
    let report = rows.report();
    let _ = writeln!(anstream::stderr().lock(), "{}", verdict::headline(report));
    if rows.count < report.counts.events {
        let left = count(report.counts.events - rows.count, "event");
        style::warn(&format!("{left} left out of the rows: no valid signature covers them"));
    }
    if let Some(path) = args.output.path() {
        style::done(&format!("{} in {}", count(rows.count, "row"), shown(path)));
    }
    Ok(report.verdict.into())
}

/// The export that rows are made of.
fn open(args: &Args) -> Result<Input, CliError> {
    let request = Request::of(args)?;
    if let Some(export) = &args.export {
        if !request.query.is_empty() || !request.whole {
            let hint = "make a smaller export first: `countersign slice`";
            let message = "of an export all events become rows";
            return Err(CliError::unusable("arguments.invalid", message, hint));
        }
        return Input::open(export);
    }
    if !request.whole {
        let hint = "get the export first, then convert it: `countersign export --format parquet EXPORT`";
        let message = "what the log server cannot choose by itself is not for --format parquet";
        return Err(CliError::unusable("arguments.invalid", message, hint));
    }
    if Prefix::is_meant(&args.log) {
        let token = args.access.token()?;
        let stream = fetch(&prefix(&args.log)?, &request, token.as_ref())?;
        let name = stream.name().to_owned();
        return Ok(Input::stream(&name, Box::new(stream)));
    }
    let stream = folder::open(Path::new(&args.log), &args.chosen, &request.query)?.export()?;
    Ok(Input::stream(&args.log, Box::new(stream)))
}
