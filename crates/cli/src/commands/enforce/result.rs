//! Checks a log against a policy.

use std::collections::{BTreeMap, BTreeSet};

use countersign::time::Time;
use countersign::verify::report::{Report, Signer, TrustBasis};
use countersign_analyze::inventory::{self, DescriptionSummary, Flag};
use countersign_analyze::{Analysis, Level, Pack, Rule};

use crate::args;
use crate::commands::analyze::gaps;
use crate::io::verdict::{count, entries};

use super::policy::{Exception, NEW_UNAUTHENTICATED, Policy};

/// The maximum number of entries that are named per violation.
const MAX_LEAVES: usize = 20;

/// A requirement of a policy, and its violations.
#[derive(Debug)]
pub(super) struct Check {
    /// The id, the same in all outputs, such as `endpoint/shadow`.
    pub(super) id: String,
    /// The requirement, as a sentence.
    pub(super) requirement: String,
    pub(super) violations: Vec<Violation>,
}

/// A violation of a policy.
#[derive(Debug)]
pub(super) struct Violation {
    /// The description on one line, stable between runs.
    pub(super) description: String,
    /// Details that change between runs, such as counts.
    pub(super) detail: String,
    /// The severity.
    pub(super) level: Level,
    /// The entries that show it.
    pub(super) leaves: Vec<u64>,
    /// The finding's id or the endpoint, if known.
    pub(super) identity: String,
    /// The exception that accepts it, if any.
    pub(super) exception: Option<Exception>,
}

impl Violation {
    /// Returns the description with its details.
    pub(super) fn text(&self) -> String {
        if self.detail.is_empty() {
            self.description.clone()
        } else {
            format!("{}, {}", self.description, self.detail)
        }
    }
}

impl Check {
    fn new(id: impl Into<String>, requirement: impl Into<String>) -> Self {
        Self { id: id.into(), requirement: requirement.into(), violations: Vec::new() }
    }

    fn fails(mut self, description: impl Into<String>) -> Self {
        self.violations.push(Violation {
            description: description.into(),
            detail: String::new(),
            level: Level::High,
            leaves: Vec::new(),
            identity: String::new(),
            exception: None,
        });
        self
    }

    /// Returns the violations that no exception accepts.
    pub(super) fn failures(&self) -> impl Iterator<Item = &Violation> {
        self.violations.iter().filter(|violation| violation.exception.is_none())
    }
}

/// The data that a policy is checked against.
pub(super) struct EvidenceData<'a> {
    pub(super) report: &'a Report,
    pub(super) now: Time,
    pub(super) searched: Option<RuleSearch<'a>>,
    pub(super) inventory: Option<&'a inventory::Report>,
    /// The endpoints that answered unauthenticated calls before.
    pub(super) before: Option<BTreeSet<String>>,
}

/// The findings, the rules that were run, and the number of events.
pub(super) struct RuleSearch<'a> {
    pub(super) pack: &'a Pack,
    pub(super) outcome: &'a Analysis,
    pub(super) events: u64,
}

/// Checks all requirements of a policy.
pub(super) fn evaluate(policy: &Policy, data: &EvidenceData<'_>) -> Vec<Check> {
    let mut checks = vec![verdict(policy, data.report)];
    if let Some(within) = policy.witnessed {
        checks.push(witnessed(within, data));
    }
    emitters(policy, data.report, &mut checks);
    findings(policy, data, &mut checks);
    endpoints(policy, data, &mut checks);
    checks
}

fn verdict(policy: &Policy, report: &Report) -> Check {
    let requirement: Vec<&str> = policy.verdicts.iter().map(|verdict| verdict.as_str()).collect();
    let check = Check::new("verdict", format!("the verdict is {}", requirement.join(" or ")));
    if policy.verdicts.contains(&report.verdict) {
        return check;
    }
    check.fails(format!("the verdict is {}", report.verdict.as_str()))
}

fn witnessed(within: i64, data: &EvidenceData<'_>) -> Check {
    let check = Check::new(
        "witnessed",
        format!("witnesses confirmed the log within {}", args::format_seconds(within)),
    );
    let Some(time) = data.report.log.as_ref().and_then(|log| log.time) else {
        return check.fails("no quorum of trusted witnesses has confirmed the log");
    };
    let age = data.now.millis().saturating_sub(time.millis()) / 1000;
    if age <= within {
        return check;
    }
    check.fails(format!("witnesses confirmed it last at {time}, {} ago", args::format_seconds(age)))
}

fn emitters(policy: &Policy, report: &Report, checks: &mut Vec<Check>) {
    // Anyone can name a key anything, so a name counts only if a trusted key vouches for it.
    let (unknown, known): (Vec<&Signer>, Vec<&Signer>) =
        report.signers.iter().partition(|signer| signer.trust == TrustBasis::Untrusted);
    if let Some(allowed) = &policy.allowed {
        let mut check = Check::new("emitter/unknown", "only allowed emitters have signed");
        let is_allowed = |name: &str| allowed.iter().any(|of| of == name);
        let others: BTreeSet<&str> =
            report.signers.iter().map(|signer| signer.vkey.name()).filter(|name| !is_allowed(name)).collect();
        for name in others {
            check = check.fails(format!("{name} has signed, but is not an allowed emitter"));
        }
        for Signer { vkey, .. } in unknown.iter().filter(|signer| is_allowed(signer.vkey.name())) {
            check = check.fails(format!("an untrusted key has signed under an allowed name: {vkey}"));
        }
        checks.push(check);
    }
    for name in &policy.required {
        let check = Check::new("emitter/missing", format!("{name} has recorded"));
        let is_there = known.iter().any(|signer| signer.vkey.name() == name && signer.links > 0);
        checks.push(if is_there {
            check
        } else {
            check.fails(format!("{name} recorded nothing with a trusted key"))
        });
    }
}

fn findings(policy: &Policy, data: &EvidenceData<'_>, checks: &mut Vec<Check>) {
    let (Some(clause), Some(searched)) = (&policy.findings, &data.searched) else { return };
    let is_refused = |id: &String, level: Level| {
        clause.level.is_some_and(|least| level >= least) || clause.rules.contains(id)
    };
    checks.push(events_checked(searched, &|rule| {
        is_refused(&rule.id, rule.level) && exception_for(&clause.except, &rule.id, data.now).is_none()
    }));
    if !clause.accepts_gaps {
        checks.push(covered(searched));
    }
    let mut by_rule: BTreeMap<&str, Check> = BTreeMap::new();
    let findings = searched.outcome.findings.iter();
    for finding in findings.filter(|finding| is_refused(&finding.rule, finding.level)) {
        let id = format!("finding/{}", finding.rule);
        let check = by_rule
            .entry(&finding.rule)
            .or_insert_with(|| Check::new(id, format!("no finding by the rule “{}”", finding.title)));
        let who: Vec<String> =
            finding.group.iter().map(|(field, value)| format!("{field} {value}")).collect();
        let who = if who.is_empty() { String::new() } else { format!(", {}", who.join(", ")) };
        check.violations.push(Violation {
            description: format!("{}: {}{who}, {}", finding.level.as_str(), finding.title, finding.first),
            detail: if finding.leaves.len() > 1 {
                entries(finding.leaves.len() as u64)
            } else {
                String::new()
            },
            level: finding.level,
            leaves: finding.leaves.iter().copied().take(MAX_LEAVES).collect(),
            identity: finding.id.clone(),
            exception: exception_for(&clause.except, &finding.rule, data.now),
        });
    }
    if by_rule.is_empty() {
        let level = clause.level.map(|level| format!("of the level {} or above", level.as_str()));
        let rules = (!clause.rules.is_empty())
            .then(|| format!("of {} by name", count(clause.rules.len() as u64, "rule")));
        let what: Vec<String> = level.into_iter().chain(rules).collect();
        checks.push(Check::new("finding", format!("there is no finding {}", what.join(" or "))));
    }
    checks.extend(by_rule.into_values());
}

/// Checks that parsers and rules covered every event: a requirement that no rule could check does not pass.
fn covered(searched: &RuleSearch<'_>) -> Check {
    let check = Check::new("finding/covered", "a parser and rules for its source covered each event");
    gaps(&searched.outcome.coverage, &searched.pack.name).into_iter().fold(check, Check::fails)
}

fn events_checked(searched: &RuleSearch<'_>, decides: &dyn Fn(&Rule) -> bool) -> Check {
    let RuleSearch { pack, outcome, events } = *searched;
    let mut check = Check::new("finding/looked", "events were checked, without reaching a memory limit");
    if events == 0 {
        check = check.fails("no event verified, so nothing could be found");
    }
    if let Some((number, leaf)) = outcome.future_of(pack, decides) {
        let events = count(number, "event");
        check = check.fails(format!(
            "{events} have a time later than their recording, the first at entry {leaf}; rules about several events skip them"
        ));
    }
    for limit in outcome.limits_of(pack, decides) {
        let (of, dropped) = match pack.rules().iter().find(|rule| rule.id == limit.rule) {
            Some(rule) => {
                let hits = limit.hits.map(|of| (of, "hit"));
                (format!("the rule “{}”", rule.title), [limit.groups.map(|of| (of, "group")), hits])
            }
            // A forgotten baseline causes more findings, not fewer.
            None => ("the baseline".into(), [limit.groups.map(|of| (of, "group")), None]),
        };
        for ((number, leaf), what) in dropped.into_iter().flatten() {
            let dropped = count(number, what);
            check = check.fails(format!(
                "{dropped} of {of} skipped from entry {leaf} on, to save memory or because they came late, so there may be more findings"
            ));
        }
    }
    check
}

fn endpoints(policy: &Policy, data: &EvidenceData<'_>, checks: &mut Vec<Check>) {
    let (Some(clause), Some(report)) = (&policy.endpoints, data.inventory) else { return };
    let mut looked = Check::new("endpoint/looked", "calls were checked, without reaching a memory limit");
    if report.calls == 0 {
        looked = looked.fails("no call was recorded, so no endpoint is known");
    }
    if let Some((number, leaf)) = report.left_out[0] {
        looked =
            looked.fails(format!("{number} calls from entry {leaf} on were not attributed, to save memory"));
    }
    checks.push(looked);
    let violation = |endpoint: &inventory::Endpoint, description: &str, is_open: bool| {
        let name = endpoint.name.to_string();
        let (calls, open) = (count(endpoint.calls, "call"), &endpoint.unauthenticated);
        let calls =
            if is_open && open.calls < endpoint.calls { format!("{} of {calls}", open.calls) } else { calls };
        let leaves = if is_open { &open.leaves } else { &endpoint.leaves };
        Violation {
            description: format!("{name} {description}"),
            detail: format!("{calls}, {} to {}", endpoint.first.0, endpoint.last.0),
            level: Level::High,
            leaves: leaves.iter().copied().take(MAX_LEAVES).collect(),
            exception: exception_for(&clause.except, &name, data.now),
            identity: name,
        }
    };
    for flag in &clause.refuse {
        let (requirement, description) = words(*flag);
        let mut check = Check::new(format!("endpoint/{}", flag.as_str()), requirement);
        let flagged = report.endpoints.iter().filter(|endpoint| endpoint.flags.contains(flag));
        let is_open = *flag == Flag::Unauthenticated;
        check.violations.extend(flagged.map(|endpoint| violation(endpoint, description, is_open)));
        checks.push(check);
    }
    if let (true, Some(before)) = (clause.refuses_new_unauthenticated, &data.before) {
        let requirement = "no endpoint newly answers unauthenticated calls";
        let mut check = Check::new(format!("endpoint/{NEW_UNAUTHENTICATED}"), requirement);
        let open = report.endpoints.iter().filter(|endpoint| endpoint.unauthenticated.calls > 0);
        let new = open.filter(|endpoint| !before.contains(&endpoint.name.to_string()));
        let description = "answers unauthenticated calls, and didn't before";
        check.violations.extend(new.map(|endpoint| violation(endpoint, description, true)));
        checks.push(check);
    }
    if let (Some(least), Some(DescriptionSummary { operations, .. })) =
        (clause.exercised, &report.description)
    {
        let called = operations.saturating_sub(report.unused.len());
        let check = Check::new(
            "endpoint/exercised",
            format!("at least {} % of the described operations were called", least * 100.0),
        );
        #[allow(clippy::cast_precision_loss, reason = "small enough for f64")]
        let is_enough = called as f64 >= least * *operations as f64;
        let unused: Vec<String> =
            report.unused.iter().take(MAX_LEAVES).map(|of| format!("{} {}", of.method, of.path)).collect();
        checks.push(if is_enough && *operations > 0 {
            check
        } else {
            check.fails(format!("{called} of {operations} were called; not called: {}", unused.join(", ")))
        });
    }
}

/// Returns the requirement, and the description of an endpoint that violates it.
fn words(flag: Flag) -> (&'static str, &'static str) {
    match flag {
        Flag::Shadow => ("every called endpoint is described", "is called, but not described"),
        Flag::Zombie => ("no deprecated endpoint is called", "is deprecated, but called"),
        Flag::UndocumentedMethod => {
            ("every called method is described", "is called with an undescribed method")
        }
        Flag::Unauthenticated => {
            ("no endpoint answers unauthenticated calls", "answers unauthenticated calls")
        }
        Flag::NewCaller => ("no endpoint has new callers", "has new callers"),
        Flag::New => ("no endpoint is new", "is new"),
        Flag::Sensitive => ("no endpoint is an attractive target", "is an attractive target for attackers"),
    }
}

/// Returns the exception that accepts it, if it has not expired.
fn exception_for(exceptions: &[Exception], of: &str, now: Time) -> Option<Exception> {
    exceptions.iter().find(|exception| exception.of == of && now < exception.until).cloned()
}
