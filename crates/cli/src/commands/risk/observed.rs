//! What findings and inventories say was observed.

use std::path::Path;

use countersign::hash::Hash;
use countersign::time::Time;
use countersign::verify::report::Report as Verified;
use countersign_analyze::Pack;
use countersign_risk::{Log, Observation, Observed, Span};
use serde_json::Value;

use crate::errors::{CliError, shown};
use crate::io::input::Input;

/// The most MiB of findings or of an inventory.
const MOST: u64 = 256;
/// What findings are in.
const FINDINGS: &str = "findings/v1";

/// What was observed, and in which logs.
#[derive(Default)]
pub(crate) struct Seen {
    observations: Vec<Observation>,
    /// The logs, by the files that name them.
    pub(super) logs: Vec<(String, Log)>,
    /// Whether all that was looked at is shown to be complete.
    is_complete: bool,
    /// How long was looked, where somebody says so.
    span: Option<(Time, Time)>,
}

impl Seen {
    /// Reads both; which tags the rules have, `pack` says where that is asked for.
    pub(super) fn load(
        findings: Option<&Path>,
        inventory: Option<&Path>,
        pack: Option<&Pack>,
        span: Option<(Time, Time)>,
    ) -> Result<Self, CliError> {
        let mut seen = Self { is_complete: true, span, ..Self::default() };
        if let Some(path) = findings {
            let value = seen.document(path, FINDINGS, "countersign analyze --format json")?;
            if let Some(pack) = pack
                && value["pack"]["hash"] != pack.hash().to_string()
            {
                let hint = "name with --rules the rules that they were found by";
                let message = "a scenario names tags of other rules than those that made these findings";
                return Err(CliError::unusable("risk.rules", message, hint).within(&shown(path)));
            }
            let tags = |rule: &String| Some(pack?.rule(rule)?.tags.clone());
            for finding in list(&value, "findings") {
                let rule = text(&finding["rule"]);
                let tags = rule.as_ref().and_then(tags).unwrap_or_default();
                let (title, level) = (text(&finding["title"]).unwrap_or_default(), text(&finding["level"]));
                let (signer_trust, leaves) = (finding["signer_trust"].as_str(), leaves(&finding["entries"]));
                seen.observations.extend(Observation::found(rule, title, level, signer_trust, tags, leaves));
            }
        }
        if let Some(path) = inventory {
            let value = seen.document(path, "inventory/v1", "countersign inventory --format json")?;
            for endpoint in list(&value, "endpoints") {
                let flags = list(endpoint, "flags").iter().filter_map(text).collect();
                let name = |one: &str, other: &str| text(&endpoint[one]).or_else(|| text(&endpoint[other]));
                let name = [name("method", "service"), name("path", "operation")];
                seen.observations.push(Observation::called(name, flags, leaves(&endpoint["entries"])));
            }
        }
        Ok(seen)
    }

    /// Reads a document, and takes note of its log.
    fn document(&mut self, path: &Path, format: &str, made_by: &str) -> Result<Value, CliError> {
        let file = shown(path);
        let broken = |message: &str| {
            let hint = format!("give what `{made_by}` printed");
            CliError::unusable("risk.observed", message, hint).within(&file)
        };
        let bytes = Input::open(path)?.all(MOST)?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| broken("it is no JSON"))?;
        if value["countersign"] != format {
            return Err(broken(&format!("it is not {format}")));
        }
        if !matches!(value["verdict"].as_str(), Some("verified" | "partial" | "untrusted")) {
            return Err(broken("it is of a log that did not verify"));
        }
        if let Some(root) = value["log"]["root"].as_str() {
            let root = Hash::from_base64(root).ok_or_else(|| broken("its root is not a hash"))?;
            let log = Log { origin: text(&value["origin"]), size: value["log"]["size"].as_u64(), root };
            self.logs.push((file, log));
        }
        // Findings say what rules left out, an inventory of how many calls and callers it did.
        let is_left_out = !list(&value, "limits").is_empty()
            || value["left_out"].as_object().is_some_and(|left| left.values().any(|left| !left.is_null()));
        // Rules may not have been able to look at everything.
        let is_covered = format != FINDINGS || value["coverage"]["complete"] == true;
        self.is_complete &= value["complete"].is_array() && !is_left_out && is_covered;
        Ok(value)
    }

    /// What is held against scenarios; `None` where nothing was looked at.
    pub(super) fn observed(
        self,
        verified: Option<&Verified>,
        root: Option<Hash>,
    ) -> Result<Option<Observed>, CliError> {
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
                let hint = "name the export with --log, or say it with --span 2026-01-01..2026-11-20";
                CliError::unusable("risk.span", "the time span of the observations is not known", hint)
            })?;
        if self.span.is_none() && span.is_short() {
            let hint = "say with --span in which time it happened: --span 2026-01-01..2026-11-20";
            let message =
                "the log's entries were recorded in less than a day, so nothing can be proposed for a year";
            return Err(CliError::unusable("risk.span", message, hint));
        }
        let Self { observations, is_complete, .. } = self;
        Ok(Some(Observed { observations, span, is_complete, root }))
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
