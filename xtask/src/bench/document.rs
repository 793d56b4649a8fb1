//! The tables of `BENCHMARKS.md`, which are generated from `benches/results.json`.
//!
//! A table is between the comments `<!-- figures: PART -->` and `<!-- end -->`. The text around it is written by hand.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum as _;

use super::Part;
use super::figure::{Figure, grouped};
use super::results::{self, PartResults, Results, Run};
use crate::tools::Tools;

pub(super) const FILE: &str = "BENCHMARKS.md";
const BEGIN: &str = "<!-- figures: ";
const END: &str = "<!-- end -->";
const HEAD: &str =
    "| what | value | unit | spread | target | status |\n| --- | ---: | --- | --- | --- | --- |";

/// Replaces the results of some parts, and generates the tables again.
pub(super) fn save(tools: &Tools, measured: Results) -> Result<()> {
    let mut results = read_results(tools)?;
    results.extend(measured);
    fs::write(tools.path(results::FILE), results::to_json(&results)?)?;
    fs::write(tools.path(FILE), generate(&fs::read_to_string(tools.path(FILE))?, &results)?)?;
    Ok(())
}

/// Returns an error if a table isn't what the results generate.
pub(crate) fn check(tools: &Tools) -> Result<()> {
    let document = fs::read_to_string(tools.path(FILE))?;
    ensure!(
        generate(&document, &read_results(tools)?)? == document,
        "the tables of {FILE} differ from {}: run `cargo xtask bench --document`",
        results::FILE
    );
    Ok(())
}

fn read_results(tools: &Tools) -> Result<Results> {
    let text = fs::read_to_string(tools.path(results::FILE)).context(results::FILE)?;
    serde_json::from_str(&text).context(results::FILE)
}

/// Replaces the tables in a document, which must have one for each part.
fn generate(document: &str, results: &Results) -> Result<String> {
    let mut missing = Part::value_variants().to_vec();
    let mut generated = String::new();
    let mut rest = document;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (name, after) = after.split_once(" -->").context("a comment before a table has no end")?;
        let (_, after) = after.split_once(END).with_context(|| format!("{END} is missing after {name}"))?;
        let at = missing.iter().position(|part| part.name() == name);
        let at =
            at.with_context(|| format!("{FILE} has figures of {name} twice, or there is no such part"))?;
        let table = results.get(&missing.swap_remove(at)).map_or("Not measured yet.".to_owned(), table);
        generated.extend([before, BEGIN, name, " -->\n\n", &table, "\n\n", END]);
        rest = after;
    }
    let missing: Vec<String> = missing.into_iter().map(Part::name).collect();
    ensure!(missing.is_empty(), "{FILE} has no figures of {}", missing.join(", "));
    Ok(generated + rest)
}

fn table(PartResults { run, figures }: &PartResults) -> String {
    let row = |figure: &Figure| format!("\n| {} |", figure.cells().join(" | "));
    let Run { date, commit, machine, load, rounds, events } = run;
    let events = events.map_or(String::new(), |events| format!(", {} events", grouped(&events.to_string())));
    let rounds = if *rounds == 1 { "1 round".to_owned() } else { format!("{rounds} rounds") };
    let rows: String = figures.iter().map(row).collect();
    format!("{HEAD}{rows}\n\n{date}, commit {commit}, {rounds}{events}; {machine}; {load}.")
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
