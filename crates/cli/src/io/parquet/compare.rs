//! Whether rows are just those that an export makes.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use countersign_parquet::Row;

use super::days::{Found, Placed, open};
use super::report_panics;
use super::rows::Rows;
use crate::errors::{CliError, shown};
use crate::io::style::{bad, plain};
use crate::io::verdict::count;

/// How many differences are told.
const TOLD: usize = 20;
/// How many leaves without a row are remembered, to tell a row that is missing from one that stands elsewhere.
const REMEMBERED: usize = 1 << 16;

/// Compares every row of a file, or of a folder of days, with those that the export makes.
pub(crate) fn compare(rows: &mut Rows, path: &Path) -> Result<(), CliError> {
    rows.refuse_altered()?;
    report_panics(shown(path));
    let mut found = Found::open(path)?;
    let mut told = Told::default();
    let metadata = rows.metadata();
    for file in found.files() {
        let reader = open(file)?;
        for (key, value) in &metadata {
            let said = reader.metadata().find_map(|(said, value)| value.filter(|_| said == key));
            if said != Some(value) {
                let said = said.map_or_else(|| "nothing".to_owned(), |said| format!("{said:?}"));
                told.difference(format_args!("{}: {key} is {said}, and should be {value:?}", shown(file)));
            }
        }
        // By what is said otherwise, or again, programs take columns for others than they are.
        let mut known: BTreeSet<_> = metadata.iter().map(|(key, _)| key.as_str()).collect();
        for (key, _) in reader.metadata().filter(|(key, _)| !known.remove(key)) {
            told.difference(format_args!("{}: {key} should not be there", shown(file)));
        }
    }
    let mut missing = Missing::default();
    rows.each("comparing", |rows, day, expected| {
        let leaf = leaf_of(&expected);
        loop {
            let Some(placed) = found.peek(day)? else {
                missing.add(leaf);
                return Ok(());
            };
            let there = leaf_of(&placed.row);
            if there == leaf {
                different(placed, &expected, &mut told);
                found.take(day);
                return Ok(());
            }
            if there > leaf && rows.contains(there) {
                missing.add(leaf);
                return Ok(());
            }
            needless(placed, rows, &mut missing, &mut told);
            found.take(day);
        }
    })?;
    for day in found.days() {
        while let Some(placed) = found.peek(&day)? {
            needless(placed, rows, &mut missing, &mut told);
            found.take(&day);
        }
    }
    missing.tell(&mut told);
    match told.differences {
        0 => Ok(()),
        all => {
            let message = format!("it is not what the export holds: {}", count(all, "difference"));
            let hint = "make it again from the export, and find out who changed it";
            Err(CliError::unusable("parquet.differs", message, hint).within(&shown(path)).into_broken())
        }
    }
}

fn leaf_of(row: &Row) -> u64 {
    row.integer("entry").and_then(|leaf| u64::try_from(leaf).ok()).unwrap_or(u64::MAX)
}

fn different(placed: &Placed, expected: &Row, told: &mut Told) {
    let columns: Vec<_> = placed.row.differences(expected).map(|column| column.name).collect();
    if !columns.is_empty() {
        told.difference(format_args!(
            "{}: not what the export holds in {}",
            place(placed),
            columns.join(", ")
        ));
    }
}

/// A row that should not stand here.
fn needless(placed: &Placed, rows: &Rows, missing: &mut Missing, told: &mut Told) {
    let leaf = leaf_of(&placed.row);
    let what = if missing.leaves.remove(&leaf) {
        missing.count -= 1;
        "it is out of order"
    } else if rows.contains(leaf) {
        "it appears twice, or out of order"
    } else {
        "no event of the export makes this row"
    };
    told.difference(format_args!("{}: {what}", place(placed)));
}

fn place(placed: &Placed) -> String {
    let leaf = placed.row.integer("entry").unwrap_or_default();
    format!("{}, row {} (entry {leaf})", shown(&placed.file), placed.number)
}

/// Leaves of which no row was found where it should be.
#[derive(Default)]
struct Missing {
    leaves: BTreeSet<u64>,
    count: u64,
}

impl Missing {
    fn add(&mut self, leaf: u64) {
        self.count += 1;
        if self.leaves.len() < REMEMBERED {
            self.leaves.insert(leaf);
        }
    }

    fn tell(&self, told: &mut Told) {
        for leaf in &self.leaves {
            told.difference(format_args!("entry {leaf}: its row is missing"));
        }
        told.differences += self.count - self.leaves.len() as u64;
    }
}

/// What was told.
#[derive(Default)]
struct Told {
    differences: u64,
}

impl Told {
    fn difference(&mut self, what: std::fmt::Arguments<'_>) {
        if self.differences < TOLD as u64 {
            let _ = writeln!(anstream::stderr().lock(), "{} {}", bad("✗"), plain(&what.to_string()));
        }
        self.differences += 1;
    }
}
