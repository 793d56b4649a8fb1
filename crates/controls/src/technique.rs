//! Maps the ATT&CK techniques in a rule's tags to categories of the events for which the rule fires.

use countersign_analyze::Rule;
use countersign_query::parser::{Categories, Category};

/// Techniques that imply an action. A technique stands for its sub-techniques, unless they are listed themselves.
/// Techniques that describe a method or motive, such as the use of a valid account, have no category.
const TECHNIQUES: &[(&str, &[Category])] = &[
    ("t1021", &[Category::Elevation]),
    ("t1040", &[Category::Network]),
    ("t1048", &[Category::Export]),
    ("t1070", &[Category::Logging]),
    ("t1087", &[Category::Read]),
    ("t1098", &[Category::Account]),
    ("t1098.001", &[Category::Credential]),
    ("t1098.002", &[Category::Permission]),
    ("t1098.003", &[Category::Permission]),
    ("t1098.004", &[Category::Credential]),
    ("t1098.005", &[Category::Credential]),
    ("t1098.006", &[Category::Permission]),
    ("t1098.007", &[Category::Permission]),
    ("t1110", &[Category::Authentication]),
    ("t1114.003", &[Category::Export, Category::Configuration]),
    ("t1136", &[Category::Account]),
    ("t1213", &[Category::Read]),
    ("t1484", &[Category::Permission, Category::Configuration]),
    ("t1485", &[Category::Deletion]),
    ("t1490", &[Category::Backup]),
    ("t1525", &[Category::Deployment]),
    ("t1526", &[Category::Read]),
    ("t1528", &[Category::Permission]),
    ("t1530", &[Category::Read]),
    ("t1531", &[Category::Account]),
    ("t1537", &[Category::Export]),
    ("t1548.005", &[Category::Elevation]),
    ("t1552.001", &[Category::SecretAccess]),
    ("t1555", &[Category::SecretAccess]),
    ("t1556", &[Category::Configuration]),
    ("t1556.006", &[Category::Credential]),
    ("t1562", &[Category::Configuration]),
    ("t1562.007", &[Category::Network]),
    ("t1562.008", &[Category::Logging]),
    ("t1562.012", &[Category::Logging]),
    ("t1567", &[Category::Export]),
    ("t1578", &[Category::Deployment]),
    ("t1580", &[Category::Read]),
    ("t1609", &[Category::Elevation]),
    ("t1610", &[Category::Deployment]),
    ("t1619", &[Category::Read]),
    ("t1621", &[Category::Authentication]),
    ("t1648", &[Category::Deployment]),
    ("t1651", &[Category::Elevation]),
];

/// Returns the categories of an event for which this rule fires. Rules without findings of their own
/// add none.
pub(crate) fn categories(rule: &Rule) -> Categories {
    if !rule.is_reported() {
        return Categories::default();
    }
    let techniques = rule.tags.iter().filter_map(|tag| tag.strip_prefix("attack."));
    techniques.flat_map(by_technique).copied().collect()
}

fn by_technique(technique: &str) -> &'static [Category] {
    let line =
        |name: &str| TECHNIQUES.iter().find(|(known, _)| *known == name).map(|(_, categories)| *categories);
    let parent = technique.split('.').next().unwrap_or_default();
    line(technique).or_else(|| line(parent)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_techniques_default_to_their_technique() {
        assert_eq!(by_technique("t1562.008"), [Category::Logging]);
        assert_eq!(by_technique("t1562.001"), [Category::Configuration]);
        assert_eq!(by_technique("t1485.001"), [Category::Deletion]);
        assert_eq!(by_technique("t1078.004"), []);
        assert_eq!(by_technique("persistence"), []);
    }

    #[test]
    fn techniques_are_sorted_and_have_one_line_each() {
        assert!(TECHNIQUES.is_sorted_by(|(one, _), (next, _)| one < next));
    }
}
