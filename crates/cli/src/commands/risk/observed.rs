//! Reads findings and inventories as observations.

use std::path::Path;

use countersign::hash::Hash;
use countersign::time::Time;
use countersign::verify::report::Report as Verified;
use countersign_analyze::Pack;
use countersign_query::Unparsed;
use countersign_risk::{Log, Observation, Observations, Span};
use serde_json::Value;

use crate::errors::{CliError, shown};
use crate::io::input::Input;

/// The maximum size of findings or an inventory in MiB.
const MAX_MIB: u64 = 256;
/// The format of findings.
const FINDINGS: &str = "findings/v1";

/// Observations, and the logs they come from.
#[derive(Default)]
pub(crate) struct ObservedData {
    observations: Vec<Observation>,
    /// The logs, with the files that name them.
    pub(super) logs: Vec<(String, Log)>,
    /// True if nothing is missing from the observations.
    is_complete: bool,
    /// The largest number of events without a parser that a file states.
    unparsed: Unparsed,
    /// The time span, if it was given.
    span: Option<(Time, Time)>,
}

impl ObservedData {
    /// Reads findings and an inventory; `pack` has the tags of the rules, if needed.
    pub(super) fn load(
        findings: Option<&Path>,
        inventory: Option<&Path>,
        pack: Option<&Pack>,
        span: Option<(Time, Time)>,
    ) -> Result<Self, CliError> {
        let mut data = Self { is_complete: true, span, ..Self::default() };
        if let Some(path) = findings {
            let value = data.document(path, FINDINGS, "countersign analyze --format json")?;
            if let Some(pack) = pack
                && value["pack"]["hash"] != pack.hash().to_string()
            {
                let hint = "use --rules with the rules that made the findings";
                let message = "a scenario uses tags, but other rules made these findings";
                return Err(CliError::unusable("risk.rules", message, hint).within(&shown(path)));
            }
            let tags = |rule: &String| Some(pack?.rule(rule)?.tags.clone());
            for finding in list(&value, "findings") {
                let rule = text(&finding["rule"]);
                let tags = rule.as_ref().and_then(tags).unwrap_or_default();
                let (title, level) = (text(&finding["title"]).unwrap_or_default(), text(&finding["level"]));
                let (signer_trust, leaves) = (finding["signer_trust"].as_str(), leaves(&finding["entries"]));
                data.observations.extend(Observation::from_finding(
                    rule,
                    title,
                    level,
                    signer_trust,
                    tags,
                    leaves,
                ));
            }
        }
        if let Some(path) = inventory {
            let value = data.document(path, "inventory/v1", "countersign inventory --format json")?;
            for endpoint in list(&value, "endpoints") {
                let flags = list(endpoint, "flags").iter().filter_map(text).collect();
                let name = |one: &str, other: &str| text(&endpoint[one]).or_else(|| text(&endpoint[other]));
                let name = [name("method", "service"), name("path", "operation")];
                data.observations.push(Observation::from_endpoint(name, flags, leaves(&endpoint["entries"])));
            }
        }
        Ok(data)
    }

    /// Reads a document, and records its log.
    fn document(&mut self, path: &Path, format: &str, made_by: &str) -> Result<Value, CliError> {
        let file = shown(path);
        let broken = |message: &str| {
            let hint = format!("pass the output of `{made_by}`");
            CliError::unusable("risk.observed", message, hint).within(&file)
        };
        let bytes = Input::open(path)?.all(MAX_MIB)?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| broken("the file is not JSON"))?;
        if value["countersign"] != format {
            return Err(broken(&format!("the format of the file is not {format}")));
        }
        if !matches!(value["verdict"].as_str(), Some("verified" | "partial" | "untrusted")) {
            return Err(broken("the log of the file did not verify"));
        }
        if let Some(root) = value["log"]["root"].as_str() {
            let root = Hash::from_base64(root).ok_or_else(|| broken("the root in the file is not a hash"))?;
            let log = Log { origin: text(&value["origin"]), size: value["log"]["size"].as_u64(), root };
            self.logs.push((file, log));
        }
        // Findings list the limits of rules; an inventory counts the calls and callers it skipped.
        let is_left_out = !list(&value, "limits").is_empty()
            || value["left_out"].as_object().is_some_and(|left| left.values().any(|left| !left.is_null()));
        // Some events may match no parser or rule.
        let is_covered = format != FINDINGS || value["coverage"]["complete"] == true;
        let unparsed = value["coverage"]["unparsed"].as_u64().or(value["unparsed"].as_u64());
        // A file of an older program doesn't state the number.
        let is_parsed = unparsed == Some(0);
        let events = value["events"].as_u64().unwrap_or_default();
        let unparsed = Unparsed { unparsed: unparsed.unwrap_or_default(), events };
        if unparsed.unparsed >= self.unparsed.unparsed {
            self.unparsed = unparsed;
        }
        self.is_complete &= value["complete"].is_array() && !is_left_out && is_covered && is_parsed;
        Ok(value)
    }

    /// Returns the observations, or `None` if there are none.
    pub(super) fn observed(
        self,
        verified: Option<&Verified>,
        root: Option<Hash>,
    ) -> Result<Option<Observations>, CliError> {
        if self.logs.is_empty() && self.observations.is_empty() {
            return Ok(None);
        }
        let of_log = || {
            let signers = &verified?.signers;
            let first = signers.iter().map(|signer| signer.first).min()?;
            Some((first, signers.iter().map(|signer| signer.last).max()?))
        };
        let span =
            self.span.or_else(of_log).and_then(|(from, to)| Span::between(from, to)).ok_or_else(|| {
                let hint = "use --log with the export, or --span, such as --span 2026-01-01..2026-11-20";
                CliError::unusable("risk.span", "the time span of the observations is unknown", hint)
            })?;
        if self.span.is_none() && span.is_short() {
            let hint = "use --span with the period in which the events happened, such as --span 2026-01-01..2026-11-20";
            let message =
                "the log's entries cover less than a day, too short to propose a frequency per year";
            return Err(CliError::unusable("risk.span", message, hint));
        }
        let Self { observations, is_complete, unparsed, .. } = self;
        Ok(Some(Observations { observations, span, is_complete, unparsed, root }))
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn leaves(value: &Value) -> Vec<u64> {
    value.as_array().map(|leaves| leaves.iter().filter_map(Value::as_u64).collect()).unwrap_or_default()
}
