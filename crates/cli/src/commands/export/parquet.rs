//! `countersign export --format parquet`: converts an export to rows.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use countersign_client::Prefix;

use super::{Args, Request, fetch, folder, parts, prefix};
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
        return Err(CliError::unusable("arguments.invalid", message, "write to a file with -o FILE"));
    }
    let parsers = args.selection.own.load()?;
    if let (Some(export), Some(to), true) = (&args.export, args.output.path(), args.parts.is_used()) {
        refuse_selection(&Request::from_args(args)?)?;
        return parts::run(args, export, to, parsers);
    }
    let trust = input::trust_or_empty(args.selection.trust.as_deref())?;
    let mut rows = Rows::verify(open(args)?, trust, parsers, arg_groups::threads(None))?;
    parquet::write(&mut rows, args.output.path(), args.partition)?;
    report(&rows);
    if let Some(path) = args.output.path() {
        style::done(&format!("{} in {}", count(rows.count, "row"), shown(path)));
    }
    Ok(rows.report().verdict.into())
}

/// Prints the verdict, and the number of events without a row.
pub(super) fn report(rows: &Rows) {
    let report = rows.report();
    let _ = writeln!(anstream::stderr().lock(), "{}", verdict::headline(report));
    if rows.count < report.counts.events {
        let left = count(report.counts.events - rows.count, "event");
        style::warn(&format!("{left} omitted from the rows, because no valid signature covers them"));
    }
}

/// Fails if the request selects a part of an existing export.
fn refuse_selection(request: &Request) -> Result<(), CliError> {
    if request.query.is_empty() && request.whole {
        return Ok(());
    }
    let hint = "make a smaller export first, with `countersign slice`";
    let message = "an existing export can only be converted completely";
    Err(CliError::unusable("arguments.invalid", message, hint))
}

/// Opens the export that rows are made from.
fn open(args: &Args) -> Result<Input, CliError> {
    let request = Request::from_args(args)?;
    if let Some(export) = &args.export {
        refuse_selection(&request)?;
        return Input::open(export);
    }
    if !request.whole {
        let hint = "export first, then convert the export with `countersign export --format parquet EXPORT`";
        let message = "--format parquet allows only selections that the log server can make";
        return Err(CliError::unusable("arguments.invalid", message, hint));
    }
    if Prefix::is_url(&args.log) {
        let token = args.access.token()?;
        let stream = fetch(&prefix(&args.log)?, &request, token.as_ref())?;
        let name = stream.name().to_owned();
        return Ok(Input::stream(&name, Box::new(stream)));
    }
    let stream = folder::open(Path::new(&args.log), &args.selection, &request.query)?.export()?;
    Ok(Input::stream(&args.log, Box::new(stream)))
}
