//! Exposure in money, as sections of a report.

use countersign::verify::Verdict;
use countersign::verify::report::Report as Verified;
use countersign_evidence::{Block, Section};
use countersign_risk::{DEFAULT_YEARS, Scenario, chart, markdown};

use super::of_markdown;
use crate::commands::risk::{self, ObservedData};
use crate::errors::CliError;

/// Simulates scenarios with the log's root: the output of `countersign risk`, with its chart, and as JSON.
pub(super) fn sections(
    scenarios: Vec<Scenario>,
    observed: ObservedData,
    verified: &Verified,
) -> Result<Vec<Section>, CliError> {
    if matches!(verified.verdict, Verdict::Altered | Verdict::Broken | Verdict::NotChecked) {
        let message = "no figures are computed from a log that does not verify";
        return Err(CliError::unusable("risk.unverified", message, "write the report without --scenario"));
    }
    let report = risk::simulate(scenarios, observed, Some(verified), None, DEFAULT_YEARS)?;
    let mut sections = of_markdown(&markdown::markdown(&report), "Exposure in money")?;
    if let Some(first) = sections.first_mut() {
        first.blocks.push(Block::Picture { svg: chart::svg(&report), text: chart::describe(&report) });
        first.data = serde_json::to_string(&report).ok();
    }
    Ok(sections)
}
