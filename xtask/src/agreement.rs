//! `cargo xtask agreement`: compares the facts that parsers extract with what public sets of events expect.
//!
//! The sets have no license that allows copying, so they are checkouts in a folder elsewhere. `xtask/agreement.toml` has
//! only counts, and reasons for disagreements.

mod case;
mod document;
mod fact;
mod panther;
mod sekoia;
mod set;
mod sources;
mod tenzir;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use clap::ValueEnum as _;
use serde_json::Value;

use self::case::Case;
use self::fact::Fact;
use self::set::Set;
use self::sources::{Counts, Source, Sources};
use crate::run::Log;
use crate::suites::SKIPPED;
use crate::tools::Tools;

/// The environment variable with the folder of the sets, for the suite.
const SETS: &str = "AGREEMENT_SETS";
const PACKAGE: &str = "countersign-query";
/// The program that parses events, an example of the package.
const EXAMPLE: &str = "parse";
/// Larger integers become strings, as by `countersign record --large-integers`.
const MAX_INTEGER: u64 = (1 << 53) - 1;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder with checkouts of the sets. A set that is missing is skipped, and the commands that get it are shown
    #[arg(long, value_name = "FOLDER")]
    sets: PathBuf,
    /// Write the counts to xtask/agreement.toml, and generate the tables of BENCHMARKS.md
    #[arg(long)]
    update: bool,
    /// List the disagreements of sources whose names contain this text
    #[arg(long, value_name = "SOURCE")]
    list: Option<String>,
}

/// The comparison with a set.
#[derive(Default)]
struct Comparison {
    counts: BTreeMap<String, Counts>,
    disagreements: Vec<Disagreement>,
}

/// A fact of an event about which a parser disagrees.
struct Disagreement {
    source: String,
    event: String,
    fact: Fact,
    expected: Vec<String>,
    parsed: Vec<String>,
}

/// Compares, prints the counts, and fails if one fell.
pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    let mut sources = Sources::read(tools)?;
    let comparisons = tools.progress.step("agreement", |log| compare(tools, log, &sources, &args.sets))?;
    for set in Set::value_variants() {
        let Some(comparison) = comparisons.get(set) else {
            println!("{}: skipped, because it isn't in {}", set.name(), args.sets.display());
            println!("  get it there with {}", set.how_to_get());
            continue;
        };
        let counts = comparison.counts.iter().map(|(name, counts)| (&**name, counts));
        println!("{}\n", document::table(set.name(), counts));
        if let Some(filter) = &args.list {
            list(comparison, filter);
        }
    }
    if args.update {
        for (set, comparison) in &comparisons {
            sources.update(*set, &comparison.counts);
        }
        sources.write(tools)?;
        document::write(tools, &sources)?;
        return sources.check_reasons();
    }
    check(&sources, &comparisons)?;
    let is_recorded = |(set, comparison): (&Set, &Comparison)| sources.equal(*set, &comparison.counts);
    if !comparisons.iter().all(is_recorded) {
        println!("Some counts are better than those in {}: run this with --update", sources::FILE);
    }
    Ok(())
}

/// Compares if the environment names the sets, and returns a summary.
pub(crate) fn test(tools: &Tools, log: &Log) -> Result<String> {
    let sources = Sources::read(tools)?;
    sources.check_reasons()?;
    document::check(tools, &sources)?;
    let Some(folder) = env::var_os(SETS) else {
        return Ok(format!("{SKIPPED}{SETS} doesn't name the folder of `cargo xtask agreement --sets`"));
    };
    let folder = PathBuf::from(folder);
    let comparisons = compare(tools, log, &sources, &folder)?;
    if comparisons.is_empty() {
        return Ok(format!("{SKIPPED}no set is in {}", folder.display()));
    }
    check(&sources, &comparisons)?;
    let names: Vec<&str> = comparisons.keys().map(|set| set.name()).collect();
    Ok(format!("no count fell: {}", names.join(", ")))
}

fn check(sources: &Sources, comparisons: &BTreeMap<Set, Comparison>) -> Result<()> {
    comparisons.iter().try_for_each(|(set, comparison)| sources.check_falls(*set, &comparison.counts))
}

/// Prints the disagreements of sources whose names contain a text.
fn list(comparison: &Comparison, filter: &str) {
    for Disagreement { source, event, fact, expected, parsed } in &comparison.disagreements {
        if source.contains(filter) {
            println!("{source}, {event}: {}: expected {expected:?}, parsed {parsed:?}", fact.name());
        }
    }
    println!();
}

/// Compares with the sets in a folder.
fn compare(tools: &Tools, log: &Log, sources: &Sources, folder: &Path) -> Result<BTreeMap<Set, Comparison>> {
    let mut comparisons = BTreeMap::new();
    for set in Set::value_variants() {
        let Some(checkout) = set.find(folder)? else { continue };
        let sources: BTreeMap<&str, &Source> = sources.in_set(*set).collect();
        let cases = set.read(&checkout, &sources.keys().copied().collect())?;
        let parsed = parse(tools, log, &cases)?;
        comparisons.insert(*set, Comparison::new(&sources, cases, &parsed));
    }
    Ok(comparisons)
}

impl Comparison {
    fn new(sources: &BTreeMap<&str, &Source>, cases: Vec<Case>, parsed: &[Value]) -> Self {
        let mut comparison = Self::default();
        for (case, parsed) in cases.into_iter().zip(parsed) {
            let Some(source) = sources.get(&*case.source) else { continue };
            comparison.add(case, parsed, &source.parsers);
        }
        comparison
    }

    fn add(&mut self, case: Case, parsed: &Value, parsers: &BTreeSet<String>) {
        let Case { source, name, expected, .. } = case;
        let counts = self.counts.entry(source.clone()).or_default();
        counts.events += 1;
        if !parsed["as"].as_str().is_some_and(|parser| parsers.contains(parser)) {
            return;
        }
        counts.parsed += 1;
        let mut parsed = fact::parsed(parsed);
        for (fact, expected) in expected {
            let parsed = parsed.remove(&fact).unwrap_or_default();
            let ratio = counts.facts.entry(fact).or_default();
            ratio.expected += 1;
            if fact.agrees(&expected, &parsed) {
                ratio.agreed += 1;
            } else {
                let (source, event) = (source.clone(), name.clone());
                self.disagreements.push(Disagreement { source, event, fact, expected, parsed });
            }
        }
    }
}

/// Parses the events with the built-in parsers. Returns the facts of each, or null.
fn parse(tools: &Tools, log: &Log, cases: &[Case]) -> Result<Vec<Value>> {
    log.run(tools.cargo("build").args(["--package", PACKAGE, "--example", EXAMPLE]))?;
    let events: String = cases.iter().map(|case| line(case.event.clone())).collect();
    let file = tools.path("target/xtask/agreement.ndjson");
    fs::write(&file, events)?;
    let mut program = Command::new(tools.host_program("dev", &format!("examples/{EXAMPLE}")));
    let output = program.stdin(File::open(&file)?).output()?;
    ensure!(output.status.success(), "{EXAMPLE}: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout)?;
    let parsed: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(parsed.len() == cases.len(), "{EXAMPLE} answered {} of {} events", parsed.len(), cases.len());
    Ok(parsed)
}

/// Returns an event as a line of JSON without large integers.
fn line(mut event: Value) -> String {
    large_integers_to_strings(&mut event);
    format!("{event}\n")
}

fn large_integers_to_strings(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(large_integers_to_strings),
        Value::Object(members) => members.values_mut().for_each(large_integers_to_strings),
        Value::Number(number) => {
            let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if magnitude.is_some_and(|magnitude| magnitude > MAX_INTEGER) {
                *value = Value::String(number.to_string());
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn large_integers_become_strings() {
        let event = json!({"a": [9_007_199_254_740_991_i64, 9_007_199_254_740_992_i64], "b": -9_007_199_254_740_992_i64, "c": 1.5});
        assert_eq!(
            line(event),
            "{\"a\":[9007199254740991,\"9007199254740992\"],\"b\":\"-9007199254740992\",\"c\":1.5}\n"
        );
    }

    #[test]
    fn only_events_of_the_right_parser_are_compared() {
        let case = || Case {
            source: "okta".to_owned(),
            name: "1".to_owned(),
            event: Value::Null,
            expected: fact::facts([(Fact::Who, vec!["u_1".to_owned()])]),
        };
        let parsers = BTreeSet::from(["Okta".to_owned()]);
        let mut comparison = Comparison::default();
        comparison.add(case(), &Value::Null, &parsers);
        comparison.add(case(), &json!({"as": "ECS", "actor": {"id": "u_1"}}), &parsers);
        comparison.add(case(), &json!({"as": "Okta", "actor": {"id": "U_1"}}), &parsers);
        comparison.add(case(), &json!({"as": "Okta"}), &parsers);
        let counts = &comparison.counts["okta"];
        assert_eq!((counts.events, counts.parsed), (4, 2));
        assert_eq!(counts.ratio(Fact::Who).to_string(), "1/2");
        assert_eq!(comparison.disagreements.len(), 1);
    }
}
