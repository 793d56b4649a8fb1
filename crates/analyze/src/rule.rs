//! Rules: detections on single events, and correlations of several.

use countersign_query::split::split;

use crate::correlation::Correlation;
use crate::decision::Decision;
use crate::detection::{Asks, Condition, Detection};
use crate::error::{AnalyzeError, explain};
use crate::fields::Fields;
use crate::finding::{Evidence, Level};
use crate::source::Source;
use crate::tree::{Member, Node, Value, unknown_key};
use crate::watchlist;

/// A rule of a pack.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The id, unique in the pack. Sigma asks for a UUID; any string is accepted.
    pub id: String,
    /// The title.
    pub title: String,
    /// The severity of its findings.
    pub level: Level,
    /// Meaning of a match, for analysts.
    pub description: String,
    /// Benign causes of a match.
    pub false_positives: Vec<String>,
    /// Tags such as `attack.t1110`.
    pub tags: Vec<String>,
    /// Links to further information.
    pub references: Vec<String>,
    /// The recommended response to a finding.
    pub response: String,
    /// An alternative to the id in correlations and cases.
    pub name: Option<String>,
    /// The decision of a gate about matching requests, if any. Gates evaluate rules on single events only.
    pub decision: Option<Decision>,
    /// The entries needed to prove a finding.
    pub evidence: Evidence,
    pub(crate) kind: Kind,
    /// The source of the events that it applies to.
    pub(crate) source: Source,
    /// True if it reports findings of its own. A rule that correlations build on does so only if they ask
    /// for it.
    pub(crate) is_reported: bool,
    /// True if it names an action `countersign.*`, so that it also applies to the product's own events.
    pub(crate) is_about_us: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Event(Detection),
    Correlation(Correlation),
}

/// The field with the major version of Sigma that a rule is written in.
const SIGMA_VERSION: &str = "sigma-version";

/// The field with the filters that were added to a rule: detections whose conditions must hold as well.
pub(crate) const FILTERS: &str = "countersign.filters";

/// The maximum number of filters of a rule.
pub(crate) const MAX_FILTERS: usize = 64;

/// The field with a rule's decision.
const DECISION: &str = "countersign.decision";

/// The fields that a rule may have.
const KEYS: [&str; 27] = [
    "title",
    "id",
    "name",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "tags",
    "related",
    "scope",
    "taxonomy",
    SIGMA_VERSION,
    "logsource",
    "fields",
    "falsepositives",
    "level",
    "detection",
    "correlation",
    "regression_tests_path",
    "simulation",
    "response",
    "cases",
    DECISION,
    FILTERS,
];

impl Rule {
    /// True if its findings add entries to a [watchlist](crate::watchlist): it decides to challenge or deny,
    /// and has a subject. Correlations have a subject if they group by a watchable field. Rules on baselines
    /// always have one.
    pub fn can_list(&self) -> bool {
        matches!(self.decision, Some(Decision::Challenge | Decision::Deny))
            && match &self.kind {
                Kind::Event(detection) => detection.asks.as_ref().is_some_and(|asks| !asks.is_of_silence()),
                Kind::Correlation(correlation) => {
                    correlation.group_by().any(|field| watchlist::Kind::of_field(field).is_some())
                }
            }
    }

    /// True if it reports findings of its own, instead of only feeding correlations.
    pub const fn is_reported(&self) -> bool {
        self.is_reported
    }

    /// True if it depends on several events: a correlation, or a rule on baselines.
    pub fn is_about_several(&self) -> bool {
        self.correlation().is_some() || self.asks().is_some()
    }

    /// Compiles a rule, and names it in errors.
    pub(crate) fn compile(node: &Node, fields: &mut Fields) -> Result<Self, AnalyzeError> {
        let named = ["title", "id"].into_iter().find_map(|key| node.get(key)?.text()).unwrap_or_default();
        Self::read(node, fields).map_err(|fault| fault.of_rule(named))
    }

    fn read(node: &Node, fields: &mut Fields) -> Result<Self, AnalyzeError> {
        let Value::Map(members) = &node.value else {
            let hint = "write a map with title, id, level and detection";
            return Err(AnalyzeError::new(
                "rule.shape",
                node.line,
                explain!("a rule must be a map, not {}", node.kind()),
                hint,
            ));
        };
        if let Some(member) = members.iter().find(|member| !KEYS.contains(&member.name.as_str())) {
            return Err(unknown_key(member, &KEYS));
        }
        let text = |key: &str| match node.get(key) {
            None => Ok(None),
            Some(Node { value: Value::Text(text), .. }) if !text.trim().is_empty() => Ok(Some(text.clone())),
            Some(other) => {
                let hint = explain!("set `{key}` to a string");
                Err(AnalyzeError::new(
                    "rule.shape",
                    other.line,
                    explain!("`{key}` must be a non-empty string"),
                    hint,
                ))
            }
        };
        let required = |key: &str| {
            text(key)?.ok_or_else(|| {
                let hint = explain!("add `{key}:`");
                AnalyzeError::new("rule.missing", node.line, explain!("`{key}` is missing"), hint)
            })
        };
        let list = |key: &str| match node.get(key) {
            None | Some(Node { value: Value::Null, .. }) => Ok(Vec::new()),
            Some(found) => found
                .items()
                .iter()
                .map(|item| match &item.value {
                    Value::Text(text) | Value::Number(text) => Ok(text.clone()),
                    _ => {
                        let problem = explain!("`{key}` must be a list of strings");
                        let hint = "write a list of strings, quoting those that contain `: `";
                        Err(AnalyzeError::new("rule.shape", item.line, problem, hint))
                    }
                })
                .collect(),
        };
        let title = required("title")?;
        let id = required("id")?;
        let is_correlation = node.get("correlation").is_some();
        let level = match (node.get("level"), text("level")?) {
            (Some(at), Some(word)) => Level::parse(&word).ok_or_else(|| {
                let hint = "set `level` to informational, low, medium, high or critical";
                AnalyzeError::new(
                    "rule.level",
                    at.line,
                    explain!("`level` has the unknown value `{word}`"),
                    hint,
                )
            })?,
            // A rule that only feeds correlations needs no level.
            _ => Level::Informational,
        };
        fields.has_selectors = has_selectors(node)?;
        let kind = match (node.get("detection"), node.get("correlation")) {
            (Some(detection), None) => Kind::Event(filtered(detection, node, fields)?.ask(detection.line)?),
            (None, Some(correlation)) => Kind::Correlation(Correlation::compile(correlation, fields)?),
            (Some(_), Some(at)) => {
                let hint = "split it into two rules";
                return Err(AnalyzeError::new(
                    "rule.shape",
                    at.line,
                    "a rule can't have both `detection` and `correlation`",
                    hint,
                ));
            }
            (None, None) => {
                let hint = "add `detection:` or `correlation:`";
                return Err(AnalyzeError::new("rule.missing", node.line, "`detection` is missing", hint));
            }
        };
        Ok(Self {
            id,
            title,
            level,
            description: text("description")?.unwrap_or_default().trim().to_owned(),
            false_positives: list("falsepositives")?,
            tags: list("tags")?,
            references: list("references")?,
            response: text("response")?.unwrap_or_default().trim().to_owned(),
            name: text("name")?,
            decision: decision_of(node)?,
            evidence: match &kind {
                Kind::Event(detection) if detection.asks.is_some() => Evidence::Range,
                Kind::Correlation(correlation) if !correlation.only_grows() => Evidence::Range,
                _ => Evidence::Sufficient,
            },
            source: match &kind {
                Kind::Event(detection) => Source::from_rule(node, detection, fields),
                Kind::Correlation(_) => Source::Named(Vec::new()),
            },
            kind,
            is_reported: true,
            is_about_us: !is_correlation && node.get("detection").is_some_and(names_us),
        })
    }

    /// Returns the detection, for a rule on single events.
    pub(crate) fn detection(&self) -> Option<&Detection> {
        if let Kind::Event(detection) = &self.kind { Some(detection) } else { None }
    }

    /// Returns its conditions on baselines.
    pub(crate) fn asks(&self) -> Option<&Asks> {
        self.detection()?.asks.as_ref()
    }

    /// Returns the correlation, for a rule on several events.
    pub(crate) fn correlation(&self) -> Option<&Correlation> {
        if let Kind::Correlation(correlation) = &self.kind { Some(correlation) } else { None }
    }
}

/// True if brackets after field names are selectors, as from version 3 of Sigma on.
pub(crate) fn has_selectors(node: &Node) -> Result<bool, AnalyzeError> {
    let Some(version) = node.get(SIGMA_VERSION) else { return Ok(false) };
    let text = match &version.value {
        Value::Number(text) | Value::Text(text) => text,
        _ => "",
    };
    match split(text, b'.').next().unwrap_or_default() {
        "1" | "2" => Ok(false),
        "3" => Ok(true),
        _ => {
            let problem = explain!("`{SIGMA_VERSION}` must be 2 or 3");
            Err(AnalyzeError::new(
                "rule.version",
                version.line,
                problem,
                "write 2, or 3 to use selectors in brackets",
            ))
        }
    }
}

/// Parses a rule's decision, if it has one.
pub(crate) fn decision_of(node: &Node) -> Result<Option<Decision>, AnalyzeError> {
    let Some(decision) = node.get(DECISION) else { return Ok(None) };
    let decided = decision.text().and_then(Decision::parse).ok_or_else(|| {
        let problem = explain!("`{DECISION}` must be allow, challenge, or deny");
        AnalyzeError::new("rule.decision", decision.line, problem, "write allow, challenge or deny")
    })?;
    let filters = || node.get(FILTERS).and_then(undecidable);
    match node.get("detection").and_then(undecidable).or_else(filters) {
        Some(Member { name, line, .. }) => {
            let problem = explain!("a rule with a decision can't use `{name}`");
            let hint = "remove it, or move the decision to a correlation on this rule: gates don't support links, baselines, or regular expressions";
            Err(AnalyzeError::new("rule.decision", *line, problem, hint))
        }
        None => Ok(Some(decided)),
    }
}

/// Returns the first condition that a gate can't evaluate.
fn undecidable(node: &Node) -> Option<&Member> {
    let is_unsupported = |member: &&Member| {
        let mut parts = split(&member.name, b'|');
        let field = parts.next().unwrap_or_default();
        field.starts_with("link.") || field.starts_with("baseline.") || parts.any(|modifier| modifier == "re")
    };
    if let Value::List(items) = &node.value {
        return items.iter().find_map(undecidable);
    }
    let members = node.members();
    members
        .iter()
        .find(is_unsupported)
        .or_else(|| members.iter().find_map(|member| undecidable(&member.node)))
}

/// Compiles a rule's detection and filters. All of their conditions must hold.
pub(crate) fn filtered(
    detection: &Node,
    rule: &Node,
    fields: &mut Fields,
) -> Result<Detection, AnalyzeError> {
    let mut all = Detection::compile(detection, fields)?;
    let filters = rule.get(FILTERS).map_or(&[][..], Node::items);
    if filters.len() > MAX_FILTERS {
        let line = rule.get(FILTERS).map_or(0, |filters| filters.line);
        return Err(AnalyzeError::new(
            "pack.filters",
            line,
            "a rule has at most 64 filters",
            "remove some filters",
        ));
    }
    for filter in filters {
        let Detection { selections, mut condition, .. } = Detection::compile(filter, fields)?;
        condition.shift(all.selections.len());
        all.selections.extend(selections);
        all.condition = Condition::All(vec![all.condition, condition]);
    }
    Ok(all)
}

/// The prefix of actions that logs and their watchers record themselves.
pub(crate) const OURS: &str = "countersign.";

/// True if a rule names an action `countersign.*`.
pub(crate) fn names_us(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => text.starts_with(OURS),
        Value::List(items) => items.iter().any(names_us),
        Value::Map(members) => members.iter().any(|member| names_us(&member.node)),
        _ => false,
    }
}
