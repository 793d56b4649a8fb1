//! What findings and inventories say was observed.

use std::path::Path;

use countersign::hash::Hash;
use countersign::time::Time;
use countersign::verify::report::Report as Verified;
use countersign_analyze::Pack;
use countersign_risk::{Log, Observation, Span};
use serde_json::Value;

use crate::errors::{Failure, shown};
use crate::input::Input;

/// The most MiB of findings or of an inventory.
const MOST: u64 = 256;
/// The average length of a year in the Gregorian calendar.
const YEAR_MILLIS: f64 = 365.2425 * 86_400_000.0;
/// What was recorded in less time, in milliseconds, tells nothing of a year: a log that events were imported into, say.
const SHORTEST: i64 = 86_400_000;

/// What was observed, and in which logs.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) observations: Vec<Observation>,
    /// The logs, by the files that name them.
    pub(super) logs: Vec<(String, Log)>,
    /// Whether all that was looked at is shown to be complete.
    pub(super) is_complete: bool,
}

impl Seen {
    /// Reads both; which tags the rules have, `pack` says where that is asked for.
    pub(super) fn load(
        findings: Option<&Path>,
        inventory: Option<&Path>,
        pack: Option<&Pack>,
    ) -> Result<Self, Failure> {
        let mut seen = Self { is_complete: true, ..Self::default() };
        if let Some(path) = findings {
            let value = seen.document(path, "findings/v1", "countersign analyze --format json")?;
            if let Some(pack) = pack
                && value["pack"]["hash"] != pack.hash().to_string()
            {
                let hint = "name with --rules the rules that they were found by";
                let message = "a scenario names tags of other rules than those that made these findings";
                return Err(Failure::unusable("risk.rules", message, hint).within(&shown(path)));
            }
            let tags = |rule: &String| Some(pack?.rule(rule)?.tags.clone());
            for finding in list(&value, "findings") {
                // Whose events they are is no question where nobody vouches for them.
                if matches!(finding["standing"].as_str(), Some("suspect" | "revoked")) {
                    continue;
                }
                let rule = text(&finding["rule"]);
                seen.observations.push(Observation {
                    tags: rule.as_ref().and_then(tags).unwrap_or_default(),
                    level: text(&finding["level"]),
                    title: text(&finding["title"]).unwrap_or_default(),
                    leaves: leaves(&finding["leaves"]),
                    flags: Vec::new(),
                    rule,
                });
            }
        }
        if let Some(path) = inventory {
            let value = seen.document(path, "inventory/v1", "countersign inventory --format json")?;
            for endpoint in list(&value, "endpoints") {
                let flags = list(endpoint, "flags").iter().filter_map(text).collect();
                let name = |one: &str, other: &str| text(&endpoint[one]).or_else(|| text(&endpoint[other]));
                let name = [name("method", "service"), name("path", "operation")];
                seen.observations.push(Observation {
                    title: name.into_iter().flatten().collect::<Vec<_>>().join(" "),
                    leaves: leaves(&endpoint["leaves"]),
                    flags,
                    ..Observation::default()
                });
            }
        }
        Ok(seen)
    }

    /// Reads a document, and takes note of its log.
    fn document(&mut self, path: &Path, format: &str, made_by: &str) -> Result<Value, Failure> {
        let file = shown(path);
        let broken = |message: &str| {
            let hint = format!("give what `{made_by}` printed");
            Failure::unusable("risk.observed", message, hint).within(&file)
        };
        let bytes = Input::open(path)?.all(MOST)?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| broken("it is no JSON"))?;
        if value["countersign"] != format {
            return Err(broken(&format!("it is not {format}")));
        }
        if !matches!(value["verdict"].as_str(), Some("verified" | "partial" | "unconfirmed")) {
            return Err(broken("it is of a log that did not verify"));
        }
        if let Some(root) = value["log"]["root"].as_str() {
            let root = Hash::from_base64(root).ok_or_else(|| broken("its root is not a hash"))?;
            let log = Log { origin: text(&value["origin"]), size: value["log"]["size"].as_u64(), root };
            self.logs.push((file, log));
        }
        self.is_complete &= value["complete"].is_array();
        Ok(value)
    }

    /// How long was looked; `None` where nothing was.
    pub(super) fn span(
        &self,
        asked: Option<(Time, Time)>,
        verified: Option<&Verified>,
    ) -> Result<Option<Span>, Failure> {
        if self.logs.is_empty() && self.observations.is_empty() {
            return Ok(None);
        }
        let of_log = || {
            let signers = &verified?.signers;
            let first = signers.iter().map(|signer| signer.first).min()?;
            Some((first, signers.iter().map(|signer| signer.last).max()?)).filter(|(from, to)| from < to)
        };
        let (from, to) = asked.or_else(of_log).ok_or_else(|| {
            let hint = "name the export with --log, or say it with --span 2026-01-01..2026-11-20";
            Failure::unusable("risk.span", "the time span of the observations is not known", hint)
        })?;
        if asked.is_none() && to.millis() - from.millis() < SHORTEST {
            let hint = "say with --span in which time it happened: --span 2026-01-01..2026-11-20";
            let message =
                "the log's entries were recorded in less than a day, so nothing can be proposed for a year";
            return Err(Failure::unusable("risk.span", message, hint));
        }
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of some thousand years")]
        let years = (to.millis() - from.millis()) as f64 / YEAR_MILLIS;
        Ok(Some(Span { from: from.to_string(), to: to.to_string(), years }))
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
