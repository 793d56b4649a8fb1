//! The result of an analysis without its findings, as reports contain it (SPEC section 14).

use core::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use countersign::canonical::write_string;
use countersign::hash::Hash;

use crate::analyzer::ENGINE;
use crate::counter::counted;
use crate::coverage::Coverage;
use crate::document::write_limits;
use crate::finding::{Finding, Level};
use crate::limit::Limit;
use crate::pack::Pack;

/// The result of an analysis without its findings.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// The rules that were applied.
    pub pack: &'a Pack,
    /// The findings, in the order in which they were made.
    pub findings: &'a [Finding],
    /// The digest of the findings (see [`Analysis`](crate::Analysis)).
    pub digest: Hash,
    /// Events from the future (see [`Analysis`](crate::Analysis)).
    pub future: Option<(u64, u64)>,
    /// Work skipped for lack of memory (see [`Analysis`](crate::Analysis)).
    pub limits: &'a [Limit],
    /// The events that the rules could evaluate.
    pub coverage: &'a Coverage,
}

impl Summary<'_> {
    /// Returns the result as JSON: the rules, the engine, the number of findings by rule and level, their digest, the
    /// coverage, and the limits that were reached.
    pub fn json(&self) -> String {
        let Self { pack, findings, digest, future, limits, coverage } = self;
        let mut out = Vec::new();
        out.extend(b"{\"coverage\":");
        coverage.write_json(true, &mut out);
        out.extend(format!(",\"digest\":\"{digest}\",\"engine\":\"{ENGINE}\"").bytes());
        out.extend(format!(",\"findings\":{},\"future\":", findings.len()).bytes());
        counted(*future, &mut out);
        out.extend(b",\"limits\":");
        write_limits(limits, &mut out);
        out.extend(b",\"pack\":");
        pack.write_about(&mut out);
        out.extend(b",\"rules\":[");
        for (nth, (level, place, count)) in self.by_rule().into_iter().enumerate() {
            separate(nth, &mut out);
            let rule = &pack.rules()[place];
            out.extend(format!("{{\"findings\":{count},\"level\":\"{}\",\"rule\":", level.as_str()).bytes());
            write_string(&rule.id, &mut out);
            out.extend(b",\"title\":");
            write_string(&rule.title, &mut out);
            out.push(b'}');
        }
        out.extend(b"]}");
        String::from_utf8(out).unwrap_or_default()
    }

    /// Returns the number of findings by level and place of the rule in the pack, the most serious first. Habits can
    /// lower the level of a finding, so that a rule has findings at several levels.
    fn by_rule(&self) -> Vec<(Level, usize, u64)> {
        let rules = self.pack.rules().iter().enumerate();
        let places: HashMap<&str, usize> = rules.map(|(place, rule)| (rule.id.as_str(), place)).collect();
        let mut counts: BTreeMap<(Reverse<Level>, usize), u64> = BTreeMap::new();
        for finding in self.findings {
            if let Some(place) = places.get(finding.rule.as_str()) {
                *counts.entry((Reverse(finding.level), *place)).or_default() += 1;
            }
        }
        counts.into_iter().map(|((Reverse(level), place), count)| (level, place, count)).collect()
    }
}

fn separate(nth: usize, out: &mut Vec<u8>) {
    if nth > 0 {
        out.push(b',');
    }
}
