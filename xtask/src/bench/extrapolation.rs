//! The tables of `docs/ten-billion-events.md`, which are computed from the measured scaling curve and from prices.

mod prices;

use anyhow::{Context as _, Result, ensure};

use super::document::{UNMEASURED, fill};
use super::figure::{grouped, number};
use super::results::{PartResults, Results};
use super::scale::{Column, PARTS, cell, rows};
use super::{Part, document};
use prices::{CLOUDS, Cloud, Prices};

pub(super) const FILE: &str = "docs/ten-billion-events.md";
const BEGIN: &str = "<!-- computed: ";
/// The number of events that the page is about.
const EVENTS: f64 = 1e10;
/// The numbers of cores on which the map runs.
const CORES: [u32; 4] = [16, 64, 256, 1024];
/// The size of a request to an object store, for reads (`crates/cli/src/io/object.rs`) and writes.
const REQUEST_BYTES: f64 = 4.0 * 1_048_576.0;
const TERABYTE: f64 = 1e12;
const GIGABYTE: f64 = 1e9;

/// The rows of a command that works on an export in parts.
struct Stages {
    whole: &'static str,
    map: &'static str,
    /// The output of the map, in the rows of costs.
    output: &'static str,
    reduce: &'static str,
    reduce_merged: Option<&'static str>,
}

const VERIFY: Stages = Stages {
    whole: "`verify`, one process",
    map: "map: `summarize`",
    output: "summaries",
    reduce: "reduce: `verify --summaries`",
    reduce_merged: Some("reduce after merging: `verify --summaries`"),
};
const ANALYZE: Stages = Stages {
    whole: "`analyze`, one process",
    map: "map: `analyze`",
    output: "pieces",
    reduce: "reduce: `analyze --pieces`",
    reduce_merged: None,
};

/// Generates the tables of the page from the results.
pub(super) fn generate(page: &str, results: &Results) -> Result<String> {
    let constants = results.get(&Part::Scale).map(Constants::new).transpose()?;
    let mut missing = vec!["cost", "cost of detection", "prices", "time", "time of detection", "work"];
    let generated = fill(page, FILE, BEGIN, |name| {
        missing.retain(|known| *known != name);
        let Some(constants) = &constants else { return Ok(UNMEASURED.to_owned()) };
        match name {
            "work" => Ok(format!("{}\n\n{}", constants.work(), document::describe(&constants.results.run))),
            "time" => constants.time(&VERIFY),
            "time of detection" => constants.time(&ANALYZE),
            "cost" => constants.cost(&VERIFY),
            "cost of detection" => constants.cost(&ANALYZE),
            "prices" => Ok(prices::table()),
            _ => anyhow::bail!("there is no table {name}"),
        }
    })?;
    ensure!(missing.is_empty(), "{FILE} lacks the tables {}", missing.join(", "));
    Ok(generated)
}

/// The measured values of the largest export, in the greatest number of parts.
struct Constants<'r> {
    results: &'r PartResults,
    /// The start of the rows of the export, such as "10,000,000 events, ".
    export: String,
    events: f64,
}

impl<'r> Constants<'r> {
    fn new(results: &'r PartResults) -> Result<Self> {
        let export = rows(results).into_iter().rfind(|row| row.ends_with(" events, export"));
        let export = export.context("there is no export in the scaling curve")?.trim_end_matches("export");
        let digits: String = export.chars().filter(char::is_ascii_digit).collect();
        Ok(Self { results, export: export.to_owned(), events: digits.parse()? })
    }

    /// Returns the name of a stage in the greatest number of parts.
    fn stage(name: &str) -> String {
        format!("{} parts, {name}", PARTS[PARTS.len() - 1])
    }

    /// Returns the value of the fastest round.
    fn value(&self, row: &str, column: Column) -> Option<f64> {
        Some(cell(self.results, &format!("{}{row}", self.export), column)?.fastest())
    }

    /// Returns a value in seconds per event.
    fn seconds_per_event(&self, row: &str, column: Column) -> Result<f64> {
        let value = self.value(row, column).with_context(|| format!("the scaling curve lacks {row}"))?;
        Ok(value / self.events)
    }

    fn bytes_per_event(&self, row: &str) -> Result<f64> {
        self.value(row, Column::Output).with_context(|| format!("the scaling curve lacks {row}"))
    }

    /// Returns the table with the processor time, the output, and the memory of each stage.
    fn work(&self) -> String {
        let mut table = "| stage | processor time per event (µs) | core-hours | output per event (bytes) | output (TB) | \
                         peak memory of a process (MiB) |\n| --- | ---: | ---: | ---: | ---: | ---: |"
            .to_owned();
        let widest = Self::stage("");
        for row in rows(self.results).into_iter().filter_map(|row| row.strip_prefix(&*self.export)) {
            let known = row == "export" || row.ends_with("one process") || row.starts_with(&widest);
            if !known || row.contains("map and reduce") {
                continue;
            }
            let processor = self.value(row, Column::ProcessorTime).map(|seconds| seconds / self.events);
            let bytes = self.value(row, Column::Output);
            let cells = [
                processor.map(|seconds| seconds * 1e6),
                processor.map(|seconds| seconds * EVENTS / 3600.0),
                bytes,
                bytes.map(|bytes| bytes * EVENTS / TERABYTE),
                self.value(row, Column::PeakMemory),
            ];
            let name = row.strip_prefix(&*widest).unwrap_or(row);
            table += &line(name, cells.map(|value| value.map_or_else(|| "–".to_owned(), number)));
        }
        table
    }

    /// Returns the table with the time that a number of cores take, and the constants of its columns.
    fn time(&self, stages: &Stages) -> Result<String> {
        let map = self.seconds_per_event(&Self::stage(stages.map), Column::ProcessorTime)?;
        let export = self.bytes_per_event("export")?;
        let whole = self.seconds_per_event(stages.whole, Column::Time)?;
        let reduce = self.seconds_per_event(&Self::stage(stages.reduce), Column::Time)?;
        let merged = stages
            .reduce_merged
            .and_then(|reduce| self.seconds_per_event(&Self::stage(reduce), Column::Time).ok());
        let minutes = |seconds: f64| seconds * EVENTS / 60.0;
        let mut heads = vec!["map", "map (min)", "reads (GB/s)", "reduce (min)", "all (min)"];
        if merged.is_some() {
            heads.push("reduce after merging (min)");
        }
        let mut table = format!("| {} |\n| --- |{}", heads.join(" | "), " ---: |".repeat(heads.len() - 1));
        let mut row = |name: &str, cells: &[Option<f64>]| {
            let cells = cells.iter().map(|cell| cell.map_or_else(|| "–".to_owned(), number));
            table += &line(name, cells.take(heads.len() - 1));
        };
        row("none: one process", &[None, Some(export / whole / GIGABYTE), None, Some(minutes(whole)), None]);
        for cores in CORES {
            let spread = map / f64::from(cores);
            let all = Some(minutes(spread + reduce));
            let reads = Some(export / spread / GIGABYTE);
            let cells = [Some(minutes(spread)), reads, Some(minutes(reduce)), all, merged.map(minutes)];
            row(&format!("{} cores", grouped(&cores.to_string())), &cells);
        }
        let constant = |what: &str, seconds: f64| format!("{what} {} µs", number(seconds * 1e6));
        let constants = [
            Some(constant("processor time of the map", map)),
            Some(constant("time of the reduce", reduce)),
            merged.map(|seconds| constant("time of the reduce after merging", seconds)),
            Some(constant("time of one process", whole)),
        ];
        let constants: Vec<String> = constants.into_iter().flatten().collect();
        Ok(format!("{table}\n\nMeasured per event: {}.", constants.join(", ")))
    }

    /// Returns the table with the cost in each cloud.
    fn cost(&self, stages: &Stages) -> Result<String> {
        let hours = |stage: &str, column| {
            self.seconds_per_event(&Self::stage(stage), column).map(|s| s * EVENTS / 3600.0)
        };
        let output = self.bytes_per_event(&Self::stage(stages.map))? * EVENTS;
        let export = self.bytes_per_event("export")? * EVENTS;
        let map = hours(stages.map, Column::ProcessorTime)?;
        // The machine of the reduce is paid for as long as it runs.
        let reduce = hours(stages.reduce, Column::Time)? * f64::from(prices::REDUCE_CORES);
        let requests = output / REQUEST_BYTES / 1e3;
        let costs = [
            Cost::new("map: core-hours", map, |prices| prices.core_hour.usd),
            Cost::new("reduce: core-hours", reduce, |prices| prices.core_hour.usd),
            Cost::new("export: thousands of reads", export / REQUEST_BYTES / 1e3, |prices| prices.reads.usd),
            Cost::new(format!("{}: thousands of writes", stages.output), requests, |prices| {
                prices.writes.usd
            }),
            Cost::new(format!("{}: thousands of reads", stages.output), requests, |prices| prices.reads.usd),
            Cost::new("object store to machines: GB", (export + output) / GIGABYTE, |prices| {
                prices.in_region.usd
            }),
        ];
        let names = CLOUDS.map(|cloud| format!("{} ($)", cloud.name));
        let mut table = format!("| cost | quantity | {} |\n| --- | ---: | ---: | ---: |", names.join(" | "));
        let money = |usd: f64| format!("{usd:.2}");
        for cost in &costs {
            let cells = CLOUDS.map(|cloud| money(cost.in_cloud(&cloud)));
            table += &line(&cost.name, [number(cost.quantity)].into_iter().chain(cells));
        }
        let totals = CLOUDS.map(|cloud| money(costs.iter().map(|cost| cost.in_cloud(&cloud)).sum()));
        table += &line("**total**", ["–".to_owned()].into_iter().chain(totals));
        let name = format!("not included: {} sent between zones, GB", stages.output);
        let direct = Cost::new(name, output / GIGABYTE, |prices| prices.between_zones.usd);
        let cells = CLOUDS.map(|cloud| money(direct.in_cloud(&cloud)));
        table += &line(&direct.name, [number(direct.quantity)].into_iter().chain(cells));
        Ok(table)
    }
}

/// A quantity and its price.
struct Cost {
    name: String,
    quantity: f64,
    price: fn(&Prices) -> f64,
}

impl Cost {
    fn new(name: impl Into<String>, quantity: f64, price: fn(&Prices) -> f64) -> Cost {
        Cost { name: name.into(), quantity, price }
    }

    fn in_cloud(&self, cloud: &Cloud) -> f64 {
        self.quantity * (self.price)(&cloud.prices)
    }
}

/// Formats a line of a table.
fn line(name: &str, cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().collect();
    format!("\n| {name} | {} |", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<!-- computed: work --><!-- end --> <!-- computed: time --><!-- end --> \
                        <!-- computed: cost --><!-- end --> <!-- computed: time of detection --><!-- end --> \
                        <!-- computed: cost of detection --><!-- end --> <!-- computed: prices --><!-- end -->";

    /// Returns results of exports of two sizes, of which the larger one counts.
    fn results() -> Results {
        let figure = |name: &str, value: f64| {
            format!(r#"{{"name":"{name}","value":{value},"unit":"s","spread":null,"target":null}}"#)
        };
        let figures = [
            figure("1,000 events, export | output", 1.0),
            figure("2,000 events, export | output", 500.0),
            figure("2,000 events, `verify`, one process | processor time", 0.0072),
            r#"{"name":"2,000 events, `verify`, one process | time","value":9,"unit":"s","spread":[0.006,10],"target":null}"#.to_owned(),
            figure("2,000 events, 4 parts, map: `summarize` | processor time", 9.0),
            figure("2,000 events, 8 parts, map: `summarize` | processor time", 0.0072),
            figure("2,000 events, 8 parts, map: `summarize` | output", 100.0),
            figure("2,000 events, 8 parts, reduce: `verify --summaries` | time", 0.0012),
            figure("2,000 events, 8 parts, reduce: `verify --summaries` | processor time", 0.0018),
            figure("2,000 events, 8 parts, map and reduce: `verify` | time", 9.0),
            figure("2,000 events, `analyze`, one process | time", 0.012),
            figure("2,000 events, 8 parts, map: `analyze` | processor time", 0.0216),
            figure("2,000 events, 8 parts, map: `analyze` | output", 160.0),
            figure("2,000 events, 8 parts, reduce: `analyze --pieces` | time", 0.0024),
        ];
        let run = r#"{"date":"2026-11-29","commit":"abc","machine":"2 cores","load":"idle","rounds":5}"#;
        serde_json::from_str(&format!(r#"{{"scale":{{"run":{run},"figures":[{}]}}}}"#, figures.join(",")))
            .unwrap()
    }

    #[test]
    fn tables_are_computed_from_the_largest_export() {
        let page = generate(PAGE, &results()).unwrap();
        for row in [
            // 3.6 µs × 10^10 are 36,000 s, or 10 hours.
            "| `verify`, one process | 3.60 | 10.0 | – | – | – |",
            "| map: `summarize` | 3.60 | 10.0 | 100 | 1.00 | – |",
            "| export | – | – | 500 | 5.00 | – |",
            // 36,000 s / 64 / 60; 500 bytes × 64 / 3.6 µs; 0.6 µs × 10^10 / 60.
            "| 64 cores | 9.38 | 8.89 | 100 | 109 |",
            // The fastest round: 3 µs × 10^10 / 60.
            "| none: one process | – | 0.17 | – | 500 |",
            "processor time of the map 3.60 µs, time of the reduce 0.60 µs, time of one process 3.00 µs.",
            "2026-11-29, commit abc, 5 rounds; 2 cores; idle.",
            // Detection: 10.8 µs × 10^10 / 64 / 60 s; 1.2 µs × 10^10 / 60 s; 160 bytes × 10^10 / 4 MiB / 1,000.
            "| 64 cores | 28.1 | 2.96 | 200 | 228 |",
            "| pieces: thousands of writes | 381 |",
        ] {
            assert!(page.contains(row), "{row} is missing in {page}");
        }
        assert!(!page.contains("map and reduce"));
        assert_eq!(generate(&page, &results()).unwrap(), page);
    }

    #[test]
    fn merged_summaries_have_their_own_column() {
        let text = serde_json::to_string(&results()).unwrap();
        let reduce = r#"{"name":"2,000 events, 8 parts, reduce: `verify --summaries` | time""#;
        let merged = reduce.replace("reduce:", "reduce after merging:")
            + r#","value":0.0006,"unit":"s","spread":null,"target":null},"#;
        let text = text.replace(reduce, &(merged + reduce));
        let page = generate(PAGE, &serde_json::from_str(&text).unwrap()).unwrap();
        assert!(page.contains("| none: one process | – | 0.17 | – | 500 | – |"), "{page}");
        assert!(page.contains("| 64 cores | 9.38 | 8.89 | 100 | 109 | 50.0 |"), "{page}");
        assert!(page.contains("time of the reduce after merging 0.30 µs"), "{page}");
    }

    #[test]
    fn costs_add_up() {
        let page = generate(PAGE, &results()).unwrap();
        let column = |row: &str| {
            let line = page.lines().find(|line| line.starts_with(&format!("| {row} |"))).expect(row);
            line.split(" | ").nth(2).unwrap().parse::<f64>().expect(row)
        };
        let parts = [
            "map: core-hours",
            "reduce: core-hours",
            "export: thousands of reads",
            "summaries: thousands of writes",
            "summaries: thousands of reads",
            "object store to machines: GB",
        ];
        let sum: f64 = parts.map(column).iter().sum();
        assert!((sum - column("**total**")).abs() < 0.04, "{page}");
        assert!(column("map: core-hours") > 0.0);
    }

    #[test]
    fn missing_tables_and_stages_are_errors() {
        assert!(generate("", &results()).unwrap_err().to_string().contains("lacks the tables"));
        assert!(generate(&PAGE.replace("work", "works"), &results()).is_err());
        let other = serde_json::to_string(&results()).unwrap().replace("`summarize`", "`other`");
        assert!(generate(PAGE, &serde_json::from_str(&other).unwrap()).is_err());
        assert!(generate(PAGE, &Results::new()).unwrap().contains(UNMEASURED));
    }
}
