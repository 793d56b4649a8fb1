//! The newest results of each part, in `benches/results.json`.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::{Part, document, machine};
use crate::run;
use crate::tools::Tools;

/// The tracked file with the results.
pub(super) const FILE: &str = "benches/results.json";

/// The results of all parts.
pub(super) type Results = BTreeMap<Part, PartResults>;

/// The figures of a part.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartResults {
    pub(super) run: Run,
    pub(super) figures: Vec<Figure>,
}

/// The circumstances of a measurement.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    /// The day in UTC.
    pub(super) date: String,
    /// The abbreviated hash, followed by `-dirty` if there were uncommitted changes.
    pub(super) commit: String,
    pub(super) machine: String,
    /// `idle`, or how busy the machine was with something else at the start.
    pub(super) load: String,
    pub(super) rounds: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<u64>,
}

impl Run {
    pub(super) fn begin(tools: &Tools, rounds: usize, events: Option<u64>) -> Result<Run> {
        let git = |args: &[&str]| {
            let mut git = Command::new("git");
            git.args(args).current_dir(tools.path(""));
            git
        };
        let mut commit = run::output(&mut git(&["rev-parse", "--short", "HEAD"]))?;
        let generated = document::DOCUMENTS.map(|(file, _)| file);
        let others = generated.iter().chain([&FILE]).map(|file| format!(":!{file}"));
        if run::output(git(&["diff", "--quiet", "HEAD", "--", "."]).args(others)).is_err() {
            commit += "-dirty";
        }
        Ok(Run {
            date: run::output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?,
            commit,
            machine: machine::describe()?,
            load: machine::load()?,
            rounds,
            events,
        })
    }
}

/// Formats results as JSON, with a line for each figure.
pub(super) fn to_json(results: &Results) -> Result<String> {
    let mut parts = Vec::new();
    for (part, PartResults { run, figures }) in results {
        let figures = figures.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        parts.push(format!(
            "{}: {{\n  \"run\": {},\n  \"figures\": [\n    {}\n  ]\n}}",
            serde_json::to_string(part)?,
            serde_json::to_string(run)?,
            figures.join(",\n    "),
        ));
    }
    Ok(format!("{{\n{}\n}}\n", parts.join(",\n")))
}
