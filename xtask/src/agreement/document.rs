//! The tables in BENCHMARKS.md, which are generated from `xtask/agreement.toml`.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Result, bail, ensure};
use clap::ValueEnum as _;

use super::fact::Fact;
use super::set::Set;
use super::sources::{Counts, FILE as SOURCES, Sources, Verdict};
use crate::bench;
use crate::tools::Tools;

const FILE: &str = "BENCHMARKS.md";
const BEGIN: &str = "<!-- agreement: ";

/// Generates the tables again.
pub(super) fn write(tools: &Tools, sources: &Sources) -> Result<()> {
    let document = fs::read_to_string(tools.path(FILE))?;
    Ok(fs::write(tools.path(FILE), generate(&document, sources)?)?)
}

/// Returns an error if a table isn't what the file with the sources generates.
pub(super) fn check(tools: &Tools, sources: &Sources) -> Result<()> {
    let document = fs::read_to_string(tools.path(FILE))?;
    ensure!(
        generate(&document, sources)? == document,
        "the tables of {FILE} differ from {SOURCES}: run `cargo xtask agreement --sets FOLDER --update`"
    );
    Ok(())
}

fn generate(document: &str, sources: &Sources) -> Result<String> {
    ensure!(document.contains(BEGIN), "{FILE} has no tables of agreement");
    bench::fill_tables(document, FILE, BEGIN, |name| match name {
        "sets" => Ok(sets(sources)),
        "sources" => {
            Ok(table("source", sources.in_set(Set::Sekoia).map(|(name, source)| (name, &source.counts))))
        }
        "disagreements" => Ok(disagreements(sources)),
        _ => bail!("{FILE}: there is no table of agreement named {name}"),
    })
}

/// Returns the totals by set.
fn sets(sources: &Sources) -> String {
    let totals: Vec<(&str, Counts)> = Set::value_variants()
        .iter()
        .map(|set| {
            let mut total = Counts::default();
            for (_, source) in sources.in_set(*set) {
                total.add(&source.counts);
            }
            (set.name(), total)
        })
        .collect();
    table("set", totals.iter().map(|(name, total)| (*name, total)))
}

/// Returns a table of counts. The first column has a heading.
pub(super) fn table<'a>(heading: &str, rows: impl Iterator<Item = (&'a str, &'a Counts)>) -> String {
    let mut table = format!("| {heading} | events | parsed |");
    for fact in Fact::ALL {
        let _ = write!(table, " {} |", fact.name());
    }
    table.push_str("\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (name, counts) in rows {
        let _ = write!(table, "\n| {name} | {} | {} |", counts.events, counts.parsed);
        for fact in Fact::ALL {
            let ratio = counts.ratio(fact);
            let _ = if ratio.expected == 0 { write!(table, " – |") } else { write!(table, " {ratio} |") };
        }
    }
    table
}

/// Returns a table of verdicts about disagreements.
fn disagreements(sources: &Sources) -> String {
    let verdicts = [
        (Verdict::OursRight, "ours is right"),
        (Verdict::Choice, "both are defensible"),
        (Verdict::OursWrong, "ours is wrong or missing"),
    ];
    let mut table = "| disagreements |".to_owned();
    for fact in Fact::ALL {
        let _ = write!(table, " {} |", fact.name());
    }
    table.push_str("\n| --- | ---: | ---: | ---: | ---: | ---: |");
    for (verdict, words) in verdicts {
        let _ = write!(table, "\n| {words} |");
        for fact in Fact::ALL {
            let reasons = sources.iter().flat_map(|(_, _, source)| &source.reasons);
            let in_cell = reasons.filter(|reason| reason.fact == fact && reason.verdict == verdict);
            let _ = write!(table, " {} |", in_cell.map(|reason| reason.count).sum::<usize>());
        }
    }
    table
}
