//! Findings grouped by rule and subject, for lists that people read.

use core::cmp::Reverse;
use std::collections::HashMap;

use countersign::canonical::write_string;
use countersign::time::Time;

use crate::finding::{Finding, Level};

/// The findings of one rule about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingGroup<'f> {
    /// The rule's id.
    pub rule: &'f str,
    /// The rule's title.
    pub title: &'f str,
    /// The highest severity among the findings.
    pub level: Level,
    /// The subject of the findings: the identity; else the values of the rule's group; else the matched values.
    pub subject: Vec<&'f str>,
    /// The number of findings.
    pub findings: u64,
    /// The time of the first event.
    pub first: Time,
    /// The time of the last event.
    pub last: Time,
}

/// Returns the subject of a finding.
fn subject(finding: &Finding) -> Vec<&str> {
    if let Some(identity) = &finding.identity {
        return vec![identity];
    }
    if !finding.group.is_empty() {
        return finding.group.iter().map(|(_, value)| value.as_str()).collect();
    }
    // The parser's name says nothing about a single finding.
    let reasons = finding.reasons.iter().filter(|reason| reason.field.as_deref() != Some("parsed.as"));
    reasons.map(|reason| reason.value.as_str()).collect()
}

/// True if a finding belongs to the group with this rule and subject.
pub fn is_about(finding: &Finding, rule: &str, about: &[String]) -> bool {
    finding.rule == rule && subject(finding).iter().eq(about)
}

/// Groups findings by rule and subject: highest severity first, then the most findings, then the newest.
pub fn grouped<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<FindingGroup<'f>> {
    let mut groups: Vec<FindingGroup<'f>> = Vec::new();
    let mut places: HashMap<(&str, Vec<&str>), usize> = HashMap::new();
    for finding in findings {
        let subject = subject(finding);
        let place = *places.entry((&finding.rule, subject.clone())).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => {
                group.level = group.level.max(finding.level);
                group.findings += 1;
                group.first = group.first.min(finding.first);
                group.last = group.last.max(finding.last);
            }
            None => groups.push(FindingGroup {
                rule: &finding.rule,
                title: &finding.title,
                level: finding.level,
                subject,
                findings: 1,
                first: finding.first,
                last: finding.last,
            }),
        }
    }
    groups.sort_by_key(|group| Reverse((group.level, group.findings, group.last)));
    groups
}

impl FindingGroup<'_> {
    /// Writes the group as a JSON object.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let Self { rule, title, level, subject, findings, first, last } = self;
        let level = level.as_str();
        out.extend(b"{\"rule\":");
        write_string(rule, out);
        out.extend(b",\"title\":");
        write_string(title, out);
        out.extend(format!(",\"level\":\"{level}\",\"findings\":{findings},\"first\":\"{first}\"").bytes());
        out.extend(format!(",\"last\":\"{last}\",\"subject\":[").bytes());
        for (nth, value) in subject.iter().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            write_string(value, out);
        }
        out.extend(b"]}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Evidence, Reason};

    fn finding(rule: &str, identity: Option<&str>, group: &[&str], level: Level, second: i64) -> Finding {
        let time = Time::from_millis(1_700_000_000_000 + second * 1000).unwrap();
        Finding {
            id: String::new(),
            rule: rule.into(),
            title: rule.to_uppercase(),
            level,
            evidence: Evidence::Sufficient,
            score: 1,
            group: group.iter().map(|value| ("field".into(), (*value).into())).collect(),
            value: None,
            leaves: vec![0],
            first: time,
            last: time,
            reasons: [("parsed.as", "AWS"), ("action", "job.delete")]
                .map(|(field, value)| Reason { field: Some(field.into()), value: value.into() })
                .into(),
            repeats: 0,
            identity: identity.map(str::to_owned),
            event: None,
        }
    }

    #[test]
    fn groups_by_rule_and_subject() {
        let findings = [
            finding("a", Some("u_1"), &["u_1", "ip"], Level::Low, 3),
            finding("a", Some("u_1"), &["u_1", "other"], Level::High, 1),
            finding("a", Some("u_2"), &[], Level::Low, 2),
            finding("b", None, &["x", "y"], Level::Low, 5),
            finding("c", None, &[], Level::Low, 4),
        ];
        let groups = grouped(findings.iter());
        let brief: Vec<_> = groups
            .iter()
            .map(|group| (group.rule, group.level, &group.subject[..], group.findings))
            .collect();
        assert_eq!(
            brief,
            [
                ("a", Level::High, &["u_1"][..], 2),
                ("b", Level::Low, &["x", "y"][..], 1),
                ("c", Level::Low, &["job.delete"][..], 1),
                ("a", Level::Low, &["u_2"][..], 1),
            ]
        );
        assert_eq!((groups[0].first, groups[0].last), (findings[1].first, findings[0].last));
        let about =
            |subject: &str| findings.iter().filter(|one| is_about(one, "a", &[subject.into()])).count();
        assert_eq!((about("u_1"), about("u_2"), about("u_3")), (2, 1, 0));
        let mut json = Vec::new();
        groups[1].write_json(&mut json);
        let expected = r#"{"rule":"b","title":"B","level":"low","findings":1,"first":"2023-11-14T22:13:25.000Z","last":"2023-11-14T22:13:25.000Z","subject":["x","y"]}"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }
}
