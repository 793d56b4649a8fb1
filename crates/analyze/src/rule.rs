//! Rules: one that looks at each event by itself, or a correlation of several.

use countersign_query::split::split;

use crate::correlation::Correlation;
use crate::decision::Decision;
use crate::detection::{Asks, Condition, Detection};
use crate::error::{AnalyzeError, told};
use crate::fields::Fields;
use crate::finding::{Evidence, Level};
use crate::source::Source;
use crate::tree::{Member, Node, Value, unknown_key};
use crate::watchlist;

/// A rule of a pack.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id, which no other rule of the pack has: a UUID as Sigma wants it, or any text.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// How serious it is.
    pub level: Level,
    /// What it means when it fires.
    pub description: String,
    /// What else may be behind it.
    pub false_positives: Vec<String>,
    /// What it is about, such as `attack.t1110`.
    pub tags: Vec<String>,
    /// What to do about it, and where to read on.
    pub references: Vec<String>,
    /// What to do when it fires.
    pub response: String,
    /// The name by which correlations and cases may call it, beside its id.
    pub name: Option<String>,
    /// What it decides, where it says so: a gate asks those that look at each event by itself.
    pub decision: Option<Decision>,
    /// The evidence that proves its findings.
    pub evidence: Evidence,
    pub(crate) kind: Kind,
    /// The events that it is for.
    pub(crate) source: Source,
    /// Whether it makes findings of its own. One that correlations build upon does so only where they say so.
    pub(crate) is_reported: bool,
    /// Whether it names an action of ours, so that ours reach it.
    pub(crate) is_about_us: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Event(Detection),
    Correlation(Correlation),
}

/// The key by which a rule says which major version of Sigma it is written in.
const SIGMA_VERSION: &str = "sigma-version";

/// The key by which a rule has the filters that were added to it: selections, each with a condition that must hold too.
pub(crate) const FILTERS: &str = "countersign.filters";

/// The most filters of a rule.
pub(crate) const MAX_FILTERS: usize = 64;

/// The key by which a rule says what it decides.
const DECISION: &str = "countersign.decision";

/// The keys that a rule may have.
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
    /// Whether its findings put somebody on a [watchlist](crate::watchlist): it decides that requests are challenged or
    /// denied, and says whom it is about, as correlations do by what they group by, and rules that ask for baselines.
    pub fn can_list(&self) -> bool {
        matches!(self.decision, Some(Decision::Challenge | Decision::Deny))
            && match &self.kind {
                Kind::Event(detection) => detection.asks.as_ref().is_some_and(|asks| !asks.is_of_silence()),
                Kind::Correlation(correlation) => {
                    correlation.group_by().any(|field| watchlist::Kind::of_field(field).is_some())
                }
            }
    }

    /// Whether it makes findings of its own, and is not only what correlations build upon.
    pub const fn is_reported(&self) -> bool {
        self.is_reported
    }

    /// Whether it takes events together: a correlation, or one that asks what is usual.
    pub fn is_about_several(&self) -> bool {
        self.correlation().is_some() || self.asks().is_some()
    }

    /// Reads a rule.
    pub(crate) fn compile(node: &Node, fields: &mut Fields) -> Result<Self, AnalyzeError> {
        let named = ["title", "id"].into_iter().find_map(|key| node.get(key)?.text()).unwrap_or_default();
        Self::read(node, fields).map_err(|fault| fault.of_rule(named))
    }

    fn read(node: &Node, fields: &mut Fields) -> Result<Self, AnalyzeError> {
        let Value::Map(members) = &node.value else {
            let hint = "a rule is a map with title, id, level and detection";
            return Err(AnalyzeError::new("rule.shape", node.line, told!("it is {}", node.kind()), hint));
        };
        if let Some(member) = members.iter().find(|member| !KEYS.contains(&member.name.as_str())) {
            return Err(unknown_key(member, &KEYS));
        }
        let text = |key: &str| match node.get(key) {
            None => Ok(None),
            Some(Node { value: Value::Text(text), .. }) if !text.trim().is_empty() => Ok(Some(text.clone())),
            Some(other) => {
                let hint = told!("write `{key}:` with a text");
                Err(AnalyzeError::new("rule.shape", other.line, told!("`{key}` is not text"), hint))
            }
        };
        let required = |key: &str| {
            text(key)?.ok_or_else(|| {
                let hint = told!("add `{key}:`");
                AnalyzeError::new("rule.missing", node.line, told!("`{key}` is missing"), hint)
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
                        let problem = told!("`{key}` is not a list of texts");
                        let hint = "write a list of texts, in quotes where `: ` is in one";
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
                let hint = "there are informational, low, medium, high and critical";
                AnalyzeError::new("rule.level", at.line, told!("there is no level `{word}`"), hint)
            })?,
            // A rule that correlations alone build upon needs none.
            _ => Level::Informational,
        };
        fields.has_selectors = has_selectors(node)?;
        let kind = match (node.get("detection"), node.get("correlation")) {
            (Some(detection), None) => Kind::Event(filtered(detection, node, fields)?.ask(detection.line)?),
            (None, Some(correlation)) => Kind::Correlation(Correlation::compile(correlation, fields)?),
            (Some(_), Some(at)) => {
                let hint = "make two rules of it";
                return Err(AnalyzeError::new(
                    "rule.shape",
                    at.line,
                    "it has a detection and a correlation",
                    hint,
                ));
            }
            (None, None) => {
                let hint = "add `detection:`, or `correlation:`";
                return Err(AnalyzeError::new("rule.missing", node.line, "it has no detection", hint));
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
                Kind::Event(detection) => Source::of(node, detection, fields),
                Kind::Correlation(_) => Source::Other,
            },
            kind,
            is_reported: true,
            is_about_us: !is_correlation && node.get("detection").is_some_and(names_us),
        })
    }

    /// What it looks for, where it looks at each event by itself.
    pub(crate) fn detection(&self) -> Option<&Detection> {
        if let Kind::Event(detection) = &self.kind { Some(detection) } else { None }
    }

    /// What it asks of baselines.
    pub(crate) fn asks(&self) -> Option<&Asks> {
        self.detection()?.asks.as_ref()
    }

    /// The rules that it builds upon, by id or name.
    pub(crate) fn correlation(&self) -> Option<&Correlation> {
        if let Kind::Correlation(correlation) = &self.kind { Some(correlation) } else { None }
    }
}

/// Returns true if brackets after a rule's names are selectors: from version 3 of Sigma on.
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
            let problem = told!("this version of Sigma is not known");
            Err(AnalyzeError::new(
                "rule.version",
                version.line,
                problem,
                "write 2, or 3 for selectors in brackets",
            ))
        }
    }
}

/// What a rule decides, where it says so.
pub(crate) fn decision_of(node: &Node) -> Result<Option<Decision>, AnalyzeError> {
    let Some(decision) = node.get(DECISION) else { return Ok(None) };
    let decided = decision.text().and_then(Decision::parse).ok_or_else(|| {
        let problem = told!("`{DECISION}` is none of its words");
        AnalyzeError::new("rule.decision", decision.line, problem, "write allow, challenge or deny")
    })?;
    let filters = || node.get(FILTERS).and_then(undecidable);
    match node.get("detection").and_then(undecidable).or_else(filters) {
        Some(Member { name, line, .. }) => {
            let problem = told!("a gate cannot ask for `{name}`");
            let hint = "it knows no link, no baseline and no regular expressions; a correlation over a rule without a decision may, and puts on the watchlist what it finds";
            Err(AnalyzeError::new("rule.decision", *line, problem, hint))
        }
        None => Ok(Some(decided)),
    }
}

/// What a rule asks for that a gate does not have.
fn undecidable(node: &Node) -> Option<&Member> {
    let is_lacking = |member: &&Member| {
        let mut parts = split(&member.name, b'|');
        let field = parts.next().unwrap_or_default();
        field.starts_with("link.") || field.starts_with("baseline.") || parts.any(|modifier| modifier == "re")
    };
    if let Value::List(items) = &node.value {
        return items.iter().find_map(undecidable);
    }
    let members = node.members();
    members.iter().find(is_lacking).or_else(|| members.iter().find_map(|member| undecidable(&member.node)))
}

/// A rule's detection with its filters: all of their conditions must hold.
pub(crate) fn filtered(
    detection: &Node,
    rule: &Node,
    fields: &mut Fields,
) -> Result<Detection, AnalyzeError> {
    let mut all = Detection::compile(detection, fields)?;
    let filters = rule.get(FILTERS).map_or(&[][..], Node::items);
    if filters.len() > MAX_FILTERS {
        let line = rule.get(FILTERS).map_or(0, |filters| filters.line);
        return Err(AnalyzeError::new("pack.filters", line, "a rule has at most 64 filters", "write fewer"));
    }
    for filter in filters {
        let Detection { selections, mut condition, .. } = Detection::compile(filter, fields)?;
        condition.shift(all.selections.len());
        all.selections.extend(selections);
        all.condition = Condition::All(vec![all.condition, condition]);
    }
    Ok(all)
}

/// The first part of the actions that logs and their watchers record themselves.
pub(crate) const OURS: &str = "countersign.";

/// Whether a rule's text has an action of ours in it.
pub(crate) fn names_us(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => text.starts_with(OURS),
        Value::List(items) => items.iter().any(names_us),
        Value::Map(members) => members.iter().any(|member| names_us(&member.node)),
        _ => false,
    }
}
