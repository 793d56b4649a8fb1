//! Compares the rows of a file with those that an export produces.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use countersign_parquet::Row;

use super::days::{LocatedRow, RowFiles, open};
use super::error::report_panics;
use super::manifest::Manifest;
use super::rows::{Rows, Stretch};
use crate::errors::{CliError, shown};
use crate::io::style::{bad, plain};
use crate::io::verdict::count;

/// The maximum number of differences that are printed.
const MAX_PRINTED: usize = 20;
/// The maximum number of entries without a row that are remembered, to distinguish missing rows from
/// misplaced ones.
const MAX_REMEMBERED: usize = 1 << 16;

/// Compares every row of a file, of a folder with a file per day, or of a folder with the rows of parts, with those of
/// the export.
pub(crate) fn compare(rows: &mut Rows, path: &Path, manifest: Option<&Manifest>) -> Result<(), CliError> {
    rows.refuse_altered()?;
    report_panics(shown(path));
    let mut report = DifferenceReport::default();
    for stretch in rows.stretches() {
        let mut files = match stretch.part {
            Some(part) => RowFiles::of_part(path, part)?,
            None => RowFiles::open(path)?,
        };
        compare_metadata(&files, rows, &stretch, &mut report)?;
        compare_rows(rows, &stretch, &mut files, &mut report)?;
    }
    let differences = manifest.map(|manifest| manifest.differences(rows, path)).transpose()?;
    differences
        .iter()
        .flatten()
        .for_each(|difference| report.add(format_args!("{}: {difference}", shown(path))));
    match report.differences {
        0 => Ok(()),
        all => {
            let message = format!("the rows differ from the export: {}", count(all, "difference"));
            let hint = "compare with the same `--parsers` and trust file that the rows were made with; if they still differ, create the file again from the export, and find out who changed it";
            Err(CliError::unusable("parquet.differs", message, hint).within(&shown(path)).into_broken())
        }
    }
}

/// Compares the metadata of all files.
fn compare_metadata(
    files: &RowFiles,
    rows: &Rows,
    stretch: &Stretch,
    report: &mut DifferenceReport,
) -> Result<(), CliError> {
    for file in files.paths() {
        let reader = open(file)?;
        let metadata = rows.metadata(stretch, reader.version());
        for (key, value) in &metadata {
            let actual = reader.metadata().find_map(|(actual, value)| value.filter(|_| actual == key));
            if actual != Some(value) {
                let actual = actual.map_or_else(|| "nothing".to_owned(), |actual| format!("{actual:?}"));
                report.add(format_args!("{}: {key} is {actual}, but should be {value:?}", shown(file)));
            }
        }
        // Unexpected or repeated metadata could make programs misread columns.
        let mut known: BTreeSet<_> = metadata.iter().map(|(key, _)| key.as_str()).collect();
        for (key, _) in reader.metadata().filter(|(key, _)| !known.remove(key)) {
            report.add(format_args!("{}: {key} should not be there", shown(file)));
        }
    }
    Ok(())
}

/// Compares the rows of a stretch with those in its files.
fn compare_rows(
    rows: &mut Rows,
    stretch: &Stretch,
    files: &mut RowFiles,
    report: &mut DifferenceReport,
) -> Result<(), CliError> {
    let mut missing = Missing::default();
    rows.each(stretch, "comparing", |rows, day, expected| {
        let leaf = leaf_of(&expected);
        loop {
            let Some(located) = files.peek(day)? else {
                missing.add(leaf);
                return Ok(());
            };
            let there = leaf_of(&located.row);
            if there == leaf {
                compare_row(located, &expected, report);
                files.advance(day);
                return Ok(());
            }
            if there > leaf && rows.contains(there) {
                missing.add(leaf);
                return Ok(());
            }
            report_unexpected(located, rows, &mut missing, report);
            files.advance(day);
        }
    })?;
    for day in files.days() {
        while let Some(located) = files.peek(&day)? {
            report_unexpected(located, rows, &mut missing, report);
            files.advance(&day);
        }
    }
    missing.report(report);
    Ok(())
}

fn leaf_of(row: &Row) -> u64 {
    row.integer("entry").and_then(|leaf| u64::try_from(leaf).ok()).unwrap_or(u64::MAX)
}

fn compare_row(located: &LocatedRow, expected: &Row, report: &mut DifferenceReport) {
    let columns: Vec<_> = located.row.differences(expected).map(|column| column.name).collect();
    if !columns.is_empty() {
        report.add(format_args!("{}: differs from the export in {}", place(located), columns.join(", ")));
    }
}

/// Reports a row that should not be here.
fn report_unexpected(
    located: &LocatedRow,
    rows: &Rows,
    missing: &mut Missing,
    report: &mut DifferenceReport,
) {
    let leaf = leaf_of(&located.row);
    let what = if missing.leaves.remove(&leaf) {
        missing.count -= 1;
        "the row is out of order"
    } else if rows.contains(leaf) {
        "the row is repeated or out of order"
    } else {
        "the export has no event for this row here"
    };
    report.add(format_args!("{}: {what}", place(located)));
}

fn place(located: &LocatedRow) -> String {
    let leaf = located.row.integer("entry").unwrap_or_default();
    format!("{}, row {} (entry {leaf})", shown(&located.file), located.number)
}

/// Entries whose row was not found at its position.
#[derive(Default)]
struct Missing {
    leaves: BTreeSet<u64>,
    count: u64,
}

impl Missing {
    fn add(&mut self, leaf: u64) {
        self.count += 1;
        if self.leaves.len() < MAX_REMEMBERED {
            self.leaves.insert(leaf);
        }
    }

    fn report(&self, report: &mut DifferenceReport) {
        for leaf in &self.leaves {
            report.add(format_args!("entry {leaf}: its row is missing"));
        }
        report.differences += self.count - self.leaves.len() as u64;
    }
}

/// Prints differences, up to a limit, and counts them.
#[derive(Default)]
struct DifferenceReport {
    differences: u64,
}

impl DifferenceReport {
    fn add(&mut self, what: std::fmt::Arguments<'_>) {
        if self.differences < MAX_PRINTED as u64 {
            let _ = writeln!(anstream::stderr().lock(), "{} {}", bad("✗"), plain(&what.to_string()));
        }
        self.differences += 1;
    }
}
