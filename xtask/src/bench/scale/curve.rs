//! The samples of all stages, and their figures.

use super::pipeline::Stage;
use crate::bench::contest::Samples;
use crate::bench::figure::{Figure, number};
use crate::bench::usage::Usage;
use crate::bench::{MEBIBYTE, results::PartResults};

/// The separator between the row and the column in the name of a figure.
const SEPARATOR: &str = " | ";

/// A column of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::bench) enum Column {
    Time,
    ProcessorTime,
    PeakMemory,
    Output,
    RelativeTime,
    RelativeProcessorTime,
}

impl Column {
    const ALL: [Column; 6] = [
        Column::Time,
        Column::ProcessorTime,
        Column::PeakMemory,
        Column::Output,
        Column::RelativeTime,
        Column::RelativeProcessorTime,
    ];

    fn name(self) -> &'static str {
        match self {
            Column::Time => "time",
            Column::ProcessorTime => "processor time",
            Column::PeakMemory => "peak memory",
            Column::Output => "output",
            Column::RelativeTime => "time / one process",
            Column::RelativeProcessorTime => "processor time / one process",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Column::Time | Column::ProcessorTime => "s",
            Column::PeakMemory => "MiB",
            Column::Output => "bytes/event",
            Column::RelativeTime | Column::RelativeProcessorTime => "times",
        }
    }
}

/// The samples of all stages on one export.
pub(super) struct Curve {
    export: String,
    events: u64,
    bytes: u64,
    rows: Vec<(Stage, Vec<Usage>)>,
}

impl Curve {
    /// Creates the curve of an export with this name, number of events, and size in bytes.
    pub(super) fn new(export: String, events: u64, bytes: u64) -> Curve {
        Curve { export, events, bytes, rows: Vec::new() }
    }

    /// Adds the stages of a round.
    pub(super) fn add(&mut self, stages: Vec<Stage>) {
        for stage in stages {
            let usage = stage.usage;
            if let Some((_, usages)) = self.rows.iter_mut().find(|(known, _)| known.name == stage.name) {
                usages.push(usage);
            } else {
                self.rows.push((stage, vec![usage]));
            }
        }
    }

    pub(super) fn figures(&self) -> Vec<Figure> {
        let mut figures = vec![self.figure("export", Column::Output, self.per_event(self.bytes))];
        for (stage, usages) in &self.rows {
            let name = &stage.name;
            let seconds = samples(usages, |usage| usage.seconds);
            let processor = samples(usages, |usage| usage.processor_seconds);
            figures.push(self.figure(name, Column::Time, seconds.clone()));
            figures.push(self.figure(name, Column::ProcessorTime, processor.clone()));
            let peak = samples(usages, |usage| usage.peak_bytes / MEBIBYTE);
            figures.push(self.figure(name, Column::PeakMemory, peak));
            if let Some(bytes) = stage.bytes {
                figures.push(self.figure(name, Column::Output, self.per_event(bytes)));
            }
            let whole =
                self.rows.iter().find(|(other, _)| other.name == stage.baseline && other.name != *name);
            if let Some((_, whole)) = whole {
                let relative = |column: Column, mine: &Samples, whole: &Samples| {
                    Figure::times_as_long(self.name(name, column), mine, whole)
                };
                let whole_seconds = samples(whole, |usage| usage.seconds);
                figures.push(relative(Column::RelativeTime, &seconds, &whole_seconds));
                let whole_processor = samples(whole, |usage| usage.processor_seconds);
                figures.push(relative(Column::RelativeProcessorTime, &processor, &whole_processor));
            }
        }
        figures
    }

    fn figure(&self, row: &str, column: Column, samples: Samples) -> Figure {
        Figure::new(self.name(row, column), column.unit(), samples)
    }

    fn name(&self, row: &str, column: Column) -> String {
        [&format!("{}, {row}", self.export), column.name()].join(SEPARATOR)
    }

    fn per_event(&self, bytes: u64) -> Samples {
        Samples::one(bytes as f64 / self.events as f64)
    }
}

fn samples(usages: &[Usage], value: impl Fn(&Usage) -> f64) -> Samples {
    Samples::from_rounds(usages.iter().map(value).collect())
}

/// Returns the figure in a row and column.
pub(in crate::bench) fn cell<'r>(results: &'r PartResults, row: &str, column: Column) -> Option<&'r Figure> {
    let name = [row, column.name()].join(SEPARATOR);
    results.figures.iter().find(|figure| figure.name() == name)
}

/// Returns the names of the rows.
pub(in crate::bench) fn rows(results: &PartResults) -> Vec<&str> {
    let mut rows: Vec<&str> = Vec::new();
    for figure in &results.figures {
        let name = figure.name().split_once(SEPARATOR).map_or(figure.name(), |(row, _)| row);
        if rows.last() != Some(&name) {
            rows.push(name);
        }
    }
    rows
}

/// Formats figures as a table in Markdown that has a row for each stage.
pub(in crate::bench) fn table(results: &PartResults) -> String {
    let heads = Column::ALL.map(|column| match column.unit() {
        "times" => column.name().to_owned(),
        unit => format!("{} ({unit})", column.name()),
    });
    let head = format!("| what | {} |\n| --- |{}", heads.join(" | "), " ---: |".repeat(heads.len()));
    let line = |row| {
        let cells = Column::ALL.map(|column| {
            let figure = cell(results, row, column);
            figure.map_or_else(|| "–".to_owned(), |figure| number(figure.value()))
        });
        format!("\n| {row} | {} |", cells.join(" | "))
    };
    head + &rows(results).into_iter().map(line).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::Run;

    #[test]
    fn stages_are_relative_to_their_one_process() {
        let stage = |name: &str, baseline: &str, seconds: f64, bytes| Stage {
            name: name.to_owned(),
            baseline: baseline.to_owned(),
            usage: Usage { seconds, processor_seconds: 2.0 * seconds, peak_bytes: MEBIBYTE },
            bytes,
        };
        let mut curve = Curve::new("10 events".to_owned(), 10, 6_000);
        for slower in [1.0, 2.0] {
            curve.add(vec![
                stage("verify", "verify", 4.0 * slower, None),
                stage("map", "verify", 5.0 * slower, Some(1_000)),
                stage("analyze", "analyze", 8.0 * slower, None),
                stage("pieces", "analyze", 2.0 * slower, None),
            ]);
        }
        let run = Run {
            date: "2026-11-29".to_owned(),
            commit: "abc".to_owned(),
            machine: "2 cores".to_owned(),
            load: "idle".to_owned(),
            rounds: 2,
            events: None,
        };
        let results = PartResults { run, figures: curve.figures() };
        let table = table(&results);
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| 10 events, export | – | – | – | 600 | – | – |",
                "| 10 events, verify | 6.00 | 12.0 | 1.00 | – | – | – |",
                "| 10 events, map | 7.50 | 15.0 | 1.00 | 100 | 1.25 | 1.25 |",
                "| 10 events, analyze | 12.0 | 24.0 | 1.00 | – | – | – |",
                "| 10 events, pieces | 3.00 | 6.00 | 1.00 | – | 0.25 | 0.25 |",
            ]
        );
        assert!(cell(&results, "10 events, map", Column::RelativeTime).is_some());
        assert!(cell(&results, "10 events, verify", Column::RelativeTime).is_none());
    }
}
