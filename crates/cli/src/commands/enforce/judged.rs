//! What a policy says of a log.

use std::collections::{BTreeMap, BTreeSet};

use countersign::time::Time;
use countersign::verify::report::{Report, Signer, TrustBasis};
use countersign_analyze::inventory::{self, Described, Flag};
use countersign_analyze::{Analysis, Level, Pack, Rule};

use crate::args;
use crate::commands::analyze::gaps;
use crate::io::verdict::{count, entries};

use super::policy::{Exception, NEW_UNAUTHENTICATED, Policy};

/// How many entries of one thing are named.
const LEAVES: usize = 20;

/// A question that a policy asks, and what was found against it.
#[derive(Debug)]
pub(super) struct Check {
    /// Its name, the same in all outputs: `endpoint/shadow`.
    pub(super) id: String,
    /// What has to be so.
    pub(super) wanted: String,
    pub(super) against: Vec<Against>,
}

/// Something that is against a policy.
#[derive(Debug)]
pub(super) struct Against {
    /// What it is, on one line, in the same words each time.
    pub(super) said: String,
    /// How much of it there is.
    pub(super) detail: String,
    /// How serious it is.
    pub(super) level: Level,
    /// The entries that show it.
    pub(super) leaves: Vec<u64>,
    /// What tells it from others, where that is known: a finding's id, an endpoint.
    pub(super) identity: String,
    /// Why it is let pass.
    pub(super) passed: Option<Exception>,
}

impl Against {
    /// All that is said of it.
    pub(super) fn whole(&self) -> String {
        if self.detail.is_empty() { self.said.clone() } else { format!("{}, {}", self.said, self.detail) }
    }
}

impl Check {
    fn new(id: impl Into<String>, wanted: impl Into<String>) -> Self {
        Self { id: id.into(), wanted: wanted.into(), against: Vec::new() }
    }

    fn fails(mut self, said: impl Into<String>) -> Self {
        self.against.push(Against {
            said: said.into(),
            detail: String::new(),
            level: Level::High,
            leaves: Vec::new(),
            identity: String::new(),
            passed: None,
        });
        self
    }

    /// What is against it and not let pass.
    pub(super) fn failures(&self) -> impl Iterator<Item = &Against> {
        self.against.iter().filter(|against| against.passed.is_none())
    }
}

/// What is known of a log.
pub(super) struct Known<'a> {
    pub(super) report: &'a Report,
    pub(super) now: Time,
    pub(super) searched: Option<Searched<'a>>,
    pub(super) inventory: Option<&'a inventory::Report>,
    /// The endpoints that were unauthenticated before.
    pub(super) before: Option<BTreeSet<String>>,
}

/// What was found, by which rules and in how many events.
pub(super) struct Searched<'a> {
    pub(super) pack: &'a Pack,
    pub(super) outcome: &'a Analysis,
    pub(super) events: u64,
}

/// All that a policy asks.
pub(super) fn judge(policy: &Policy, known: &Known<'_>) -> Vec<Check> {
    let mut checks = vec![verdict(policy, known.report)];
    if let Some(within) = policy.witnessed {
        checks.push(witnessed(within, known));
    }
    emitters(policy, known.report, &mut checks);
    findings(policy, known, &mut checks);
    endpoints(policy, known, &mut checks);
    checks
}

fn verdict(policy: &Policy, report: &Report) -> Check {
    let wanted: Vec<&str> = policy.verdicts.iter().map(|verdict| verdict.as_str()).collect();
    let check = Check::new("verdict", format!("the verdict is {}", wanted.join(" or ")));
    if policy.verdicts.contains(&report.verdict) {
        return check;
    }
    check.fails(format!("the verdict is {}", report.verdict.as_str()))
}

fn witnessed(within: i64, known: &Known<'_>) -> Check {
    let check =
        Check::new("witnessed", format!("witnesses confirmed the log within {}", args::lasting(within)));
    let Some(time) = known.report.log.as_ref().and_then(|log| log.time) else {
        return check.fails("no quorum of trusted witnesses has confirmed the log");
    };
    let age = known.now.millis().saturating_sub(time.millis()) / 1000;
    if age <= within {
        return check;
    }
    check.fails(format!("witnesses confirmed it last at {time}, {} ago", args::lasting(age)))
}

fn emitters(policy: &Policy, report: &Report, checks: &mut Vec<Check>) {
    // Anyone can give a key any name: it counts if somebody whom the reader trusts vouches for the key.
    let (unknown, known): (Vec<&Signer>, Vec<&Signer>) =
        report.signers.iter().partition(|signer| signer.trust == TrustBasis::Unknown);
    if let Some(allowed) = &policy.allowed {
        let mut check = Check::new("emitter/unknown", "only emitters that the policy names have signed");
        let is_allowed = |name: &str| allowed.iter().any(|of| of == name);
        let others: BTreeSet<&str> =
            report.signers.iter().map(|signer| signer.vkey.name()).filter(|name| !is_allowed(name)).collect();
        for name in others {
            check =
                check.fails(format!("{name} has signed, and is not one of the emitters that are allowed"));
        }
        for Signer { vkey, .. } in unknown.iter().filter(|signer| is_allowed(signer.vkey.name())) {
            check = check.fails(format!("a key that isn't trusted has signed by an allowed name: {vkey}"));
        }
        checks.push(check);
    }
    for name in &policy.required {
        let check = Check::new("emitter/missing", format!("{name} has recorded"));
        let is_there = known.iter().any(|signer| signer.vkey.name() == name && signer.links > 0);
        checks.push(if is_there {
            check
        } else {
            check.fails(format!("{name} recorded nothing here with a key that is trusted"))
        });
    }
}

fn findings(policy: &Policy, known: &Known<'_>, checks: &mut Vec<Check>) {
    let (Some(asked), Some(searched)) = (&policy.findings, &known.searched) else { return };
    let is_refused = |id: &String, level: Level| {
        asked.level.is_some_and(|least| level >= least) || asked.rules.contains(id)
    };
    checks.push(looked(searched, &|rule| {
        is_refused(&rule.id, rule.level) && passed(&asked.except, &rule.id, known.now).is_none()
    }));
    if !asked.accepts_gaps {
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
        check.against.push(Against {
            said: format!("{}: {}{who}, {}", finding.level.as_str(), finding.title, finding.first),
            detail: if finding.leaves.len() > 1 {
                entries(finding.leaves.len() as u64)
            } else {
                String::new()
            },
            level: finding.level,
            leaves: finding.leaves.iter().copied().take(LEAVES).collect(),
            identity: finding.id.clone(),
            passed: passed(&asked.except, &finding.rule, known.now),
        });
    }
    if by_rule.is_empty() {
        let level = asked.level.map(|level| format!("of the level {} or above", level.as_str()));
        let rules = (!asked.rules.is_empty())
            .then(|| format!("of {} by name", count(asked.rules.len() as u64, "rule")));
        let what: Vec<String> = level.into_iter().chain(rules).collect();
        checks.push(Check::new("finding", format!("there is no finding {}", what.join(" or "))));
    }
    checks.extend(by_rule.into_values());
}

/// Whether the rules that decide had all that they need: what none of them could tell does not pass.
fn covered(searched: &Searched<'_>) -> Check {
    let check = Check::new("finding/covered", "a parser and rules for its source covered each event");
    gaps(&searched.outcome.coverage, &searched.pack.name).into_iter().fold(check, Check::fails)
}

fn looked(searched: &Searched<'_>, decides: &dyn Fn(&Rule) -> bool) -> Check {
    let Searched { pack, outcome, events } = *searched;
    let mut check = Check::new("finding/looked", "there were events to look at, and room for all of them");
    if events == 0 {
        check = check.fails("no event verified, so nothing could be found");
    }
    if let Some((number, leaf)) = outcome.future_of(pack, decides) {
        let events = count(number, "event");
        check = check.fails(format!(
            "{events} dated later than recorded, the first at entry {leaf}, which rules about several events leave out"
        ));
    }
    for limit in outcome.limits_of(pack, decides) {
        let (of, dropped) = match pack.rules().iter().find(|rule| rule.id == limit.rule) {
            Some(rule) => {
                let hits = limit.hits.map(|of| (of, "hit"));
                (format!("the rule “{}”", rule.title), [limit.groups.map(|of| (of, "group")), hits])
            }
            // What somebody was seen with and is forgotten is new again: that makes more findings, and not fewer.
            None => ("what is usual".into(), [limit.groups.map(|of| (of, "group")), None]),
        };
        for ((number, leaf), what) in dropped.into_iter().flatten() {
            let dropped = count(number, what);
            check = check.fails(format!(
                "{dropped} of {of} left out from entry {leaf} on, to save memory or because they came late, so there may be more findings"
            ));
        }
    }
    check
}

fn endpoints(policy: &Policy, known: &Known<'_>, checks: &mut Vec<Check>) {
    let (Some(asked), Some(report)) = (&policy.endpoints, known.inventory) else { return };
    let mut looked = Check::new("endpoint/looked", "there were calls to look at, and room for all of them");
    if report.calls == 0 {
        looked = looked.fails("no call was recorded, so nothing is known of any endpoint");
    }
    if let Some((number, leaf)) = report.left_out[0] {
        looked = looked
            .fails(format!("{number} calls from entry {leaf} on could not be told apart, to save memory"));
    }
    checks.push(looked);
    let against = |endpoint: &inventory::Endpoint, said: &str, is_open: bool| {
        let name = endpoint.name.to_string();
        let (calls, open) = (count(endpoint.calls, "call"), &endpoint.unauthenticated);
        let calls =
            if is_open && open.calls < endpoint.calls { format!("{} of {calls}", open.calls) } else { calls };
        let leaves = if is_open { &open.leaves } else { &endpoint.leaves };
        Against {
            said: format!("{name} {said}"),
            detail: format!("{calls}, {} to {}", endpoint.first.0, endpoint.last.0),
            level: Level::High,
            leaves: leaves.iter().copied().take(LEAVES).collect(),
            passed: passed(&asked.except, &name, known.now),
            identity: name,
        }
    };
    for flag in &asked.refuse {
        let (wanted, said) = words(*flag);
        let mut check = Check::new(format!("endpoint/{}", flag.as_str()), wanted);
        let flagged = report.endpoints.iter().filter(|endpoint| endpoint.flags.contains(flag));
        let is_open = *flag == Flag::Unauthenticated;
        check.against.extend(flagged.map(|endpoint| against(endpoint, said, is_open)));
        checks.push(check);
    }
    if let (true, Some(before)) = (asked.refuses_new_unauthenticated, &known.before) {
        let wanted = "no endpoint newly answers unauthenticated calls";
        let mut check = Check::new(format!("endpoint/{NEW_UNAUTHENTICATED}"), wanted);
        let open = report.endpoints.iter().filter(|endpoint| endpoint.unauthenticated.calls > 0);
        let new = open.filter(|endpoint| !before.contains(&endpoint.name.to_string()));
        let said = "answers unauthenticated calls, and didn't before";
        check.against.extend(new.map(|endpoint| against(endpoint, said, true)));
        checks.push(check);
    }
    if let (Some(least), Some(Described { operations, .. })) = (asked.exercised, &report.description) {
        let called = operations.saturating_sub(report.unused.len());
        let check = Check::new(
            "endpoint/exercised",
            format!("at least {} % of the operations that are described were called", least * 100.0),
        );
        #[allow(clippy::cast_precision_loss, reason = "as many as fit into a description")]
        let is_enough = called as f64 >= least * *operations as f64;
        let unused: Vec<String> =
            report.unused.iter().take(LEAVES).map(|of| format!("{} {}", of.method, of.path)).collect();
        checks.push(if is_enough && *operations > 0 {
            check
        } else {
            check.fails(format!("{called} of {operations} were called; not called: {}", unused.join(", ")))
        });
    }
}

/// What has to be so, and what is said of an endpoint where it is not.
fn words(flag: Flag) -> (&'static str, &'static str) {
    match flag {
        Flag::Shadow => ("every endpoint that is called is described", "is called and not described"),
        Flag::Zombie => ("no endpoint that is deprecated is called", "is deprecated and called"),
        Flag::UndocumentedMethod => {
            ("every method that is called is described", "is called with a method that is not described")
        }
        Flag::Unauthenticated => {
            ("no endpoint answers unauthenticated calls", "answers unauthenticated calls")
        }
        Flag::NewCaller => ("no endpoint has new callers", "has callers who never called it before"),
        Flag::New => ("no endpoint is new", "is new"),
        Flag::Sensitive => {
            ("no endpoint is about what attackers look for", "is about something that attackers look for")
        }
    }
}

/// The exception for it, where there is one that still holds.
fn passed(exceptions: &[Exception], of: &str, now: Time) -> Option<Exception> {
    exceptions.iter().find(|exception| exception.of == of && now < exception.until).cloned()
}
