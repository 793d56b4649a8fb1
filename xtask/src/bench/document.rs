//! The tables of documents, which are generated from `benches/results.json`.
//!
//! In `BENCHMARKS.md`, a table is between the comments `<!-- figures: PART -->` and `<!-- end -->`. The text around it is
//! written by hand.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum as _;

use super::Part;
use super::figure::{Figure, grouped};
use super::results::{self, PartResults, Results, Run};
use super::{extrapolation, scale};
use crate::tools::Tools;

pub(super) const FILE: &str = "BENCHMARKS.md";
const BEGIN: &str = "<!-- figures: ";
const END: &str = "<!-- end -->";
/// The text in place of a table that has no results.
pub(super) const UNMEASURED: &str = "Not measured yet.";
const HEAD: &str =
    "| what | value | unit | spread | target | status |\n| --- | ---: | --- | --- | --- | --- |";

/// Generates the tables of a document again.
type Generate = fn(&str, &Results) -> Result<String>;

/// The documents with tables.
pub(super) const DOCUMENTS: [(&str, Generate); 2] =
    [(FILE, generate), (extrapolation::FILE, extrapolation::generate)];

/// Replaces the results of some parts, and generates the tables again.
pub(super) fn save(tools: &Tools, measured: Results) -> Result<()> {
    let mut results = read_results(tools)?;
    results.extend(measured);
    fs::write(tools.path(results::FILE), results::to_json(&results)?)?;
    for (file, generate) in DOCUMENTS {
        let path = tools.path(file);
        let generated = generate(&fs::read_to_string(&path)?, &results)?;
        fs::write(path, generated)?;
    }
    Ok(())
}

/// Returns an error if a table isn't what the results generate.
pub(crate) fn check(tools: &Tools) -> Result<()> {
    let results = read_results(tools)?;
    for (file, generate) in DOCUMENTS {
        let document = fs::read_to_string(tools.path(file))?;
        ensure!(
            generate(&document, &results)? == document,
            "the tables of {file} differ from {}: run `cargo xtask bench --document`",
            results::FILE
        );
    }
    Ok(())
}

fn read_results(tools: &Tools) -> Result<Results> {
    let text = fs::read_to_string(tools.path(results::FILE)).context(results::FILE)?;
    serde_json::from_str(&text).context(results::FILE)
}

/// Replaces the tables in a document, which must have one for each part.
fn generate(document: &str, results: &Results) -> Result<String> {
    let mut missing = Part::value_variants().to_vec();
    let generated = fill(document, FILE, BEGIN, |name| {
        let at = missing.iter().position(|part| part.name() == name);
        let at =
            at.with_context(|| format!("{FILE} has figures of {name} twice, or there is no such part"))?;
        let part = missing.swap_remove(at);
        Ok(results.get(&part).map_or_else(|| UNMEASURED.to_owned(), |results| table(part, results)))
    })?;
    let missing: Vec<String> = missing.into_iter().map(Part::name).collect();
    ensure!(missing.is_empty(), "{FILE} has no figures of {}", missing.join(", "));
    Ok(generated)
}

/// Replaces each table of a document, which is between the comments `BEGIN NAME -->` and `<!-- end -->`.
pub(crate) fn fill(
    document: &str,
    file: &str,
    begin: &str,
    mut table: impl FnMut(&str) -> Result<String>,
) -> Result<String> {
    let mut generated = String::new();
    let mut rest = document;
    while let Some((before, after)) = rest.split_once(begin) {
        let (name, after) = after
            .split_once(" -->")
            .with_context(|| format!("{file}: a comment before a table has no end"))?;
        let (_, after) =
            after.split_once(END).with_context(|| format!("{file}: {END} is missing after {name}"))?;
        generated.extend([before, begin, name, " -->\n\n", &table(name)?, "\n\n", END]);
        rest = after;
    }
    Ok(generated + rest)
}

/// Returns the table of a part, and the line about its run.
fn table(part: Part, results: &PartResults) -> String {
    let row = |figure: &Figure| format!("\n| {} |", figure.cells().join(" | "));
    let rows = match part {
        Part::Scale => scale::table(results),
        _ => HEAD.to_owned() + &results.figures.iter().map(row).collect::<String>(),
    };
    format!("{rows}\n\n{}", describe(&results.run))
}

/// Returns the line about a run.
pub(super) fn describe(Run { date, commit, machine, load, rounds, events }: &Run) -> String {
    let events = events.map_or(String::new(), |events| format!(", {} events", grouped(&events.to_string())));
    let rounds = if *rounds == 1 { "1 round".to_owned() } else { format!("{rounds} rounds") };
    format!("{date}, commit {commit}, {rounds}{events}; {machine}; {load}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_replaced() {
        let results = serde_json::from_str(
            r#"{"native":{"run":{"date":"2026-11-27","commit":"abc","machine":"2 cores","load":"idle","rounds":5,"events":1000},
            "figures":[{"name":"a / b","value":1.44,"unit":"times","spread":[1.34,1.49],"target":{"at_most":1.46}}]}}"#,
        )
        .unwrap();
        let parts = Part::value_variants();
        let tables: Vec<_> = parts.iter().map(|part| format!("{BEGIN}{} -->{END}", part.name())).collect();
        let document = tables.join("\n");
        let generated = generate(&document, &results).unwrap();
        assert!(generated.contains("\n| a / b | 1.44 | times | 1.34 to 1.49 | at most 1.46 | ✓ met |\n\n"));
        assert!(generated.contains("\n2026-11-27, commit abc, 5 rounds, 1,000 events; 2 cores; idle.\n\n"));
        assert_eq!(generated.matches("Not measured yet.").count(), parts.len() - 1);
        assert_eq!(generate(&generated, &results).unwrap(), generated);

        assert!(generate("nothing", &results).is_err());
        assert!(generate(&document.replace(END, ""), &results).is_err());
        assert!(generate(&(document.clone() + &document), &results).is_err());
    }
}
