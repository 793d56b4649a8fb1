//! Packs: sets of rules that are used together.
//!
//! Rules are written in YAML, in one or several files. A built pack is one canonical JSON text, which is
//! also YAML and so remains Sigma. Findings identify it by its hash.

use std::collections::HashMap;

use countersign::hash::Hash;

use crate::candidates::Candidates;
use crate::detection::Asks;
use crate::error::{AnalyzeError, explain};
use crate::fields::Fields;
#[cfg(feature = "yaml")]
use crate::filters;
use crate::finding::{Evidence, Level};
use crate::rule::{Kind, Rule};
use crate::tree::{Member, Node, Value, canonically, unknown_key};
use crate::zone::Zone;

/// The maximum number of rules in a pack.
pub const MAX_RULES: usize = 10_000;
/// The maximum size of a pack, in bytes.
pub const MAX_BYTES: usize = 16 << 20;

pub(crate) const FORMAT: &str = "rules/v1";
const KEYS: [&str; 7] = ["countersign", "name", "version", "time", "timezone", "habits", "rules"];

/// A set of rules that are used together.
#[derive(Clone, Debug)]
pub struct Pack {
    /// The pack's name.
    pub name: String,
    /// The version that its author gave it.
    pub version: String,
    pub(crate) hash: Hash,
    text: String,
    pub(crate) rules: Vec<Rule>,
    pub(crate) fields: Fields,
    pub(crate) candidates: Candidates,
    pub(crate) time: Clock,
    pub(crate) zone: Zone,
    /// The level that findings are lowered to if they recur habitually; `None` if the pack ignores habits.
    pub(crate) habits: Option<Level>,
    /// For each rule, the correlations that build on it, with its index in each.
    pub(crate) feeds: Vec<Vec<(usize, u32)>>,
    /// Rules with conditions on baselines only that no correlation builds on. They are judged after the
    /// baselines.
    pub(crate) of_baselines: Vec<u32>,
    /// Rules about silent chains.
    pub(crate) of_silence: Vec<u32>,
}

/// The time used for windows and baselines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The event's own time, from its parser or its field `occurred_at`; without one, the link's time.
    #[default]
    Happened,
    /// The link's time.
    Recorded,
}

/// Rule files to build a pack from.
#[cfg(feature = "yaml")]
#[derive(Debug, Default)]
pub struct Sources {
    /// The pack's own fields, each with its file.
    about: Vec<(String, Member)>,
    rules: Vec<(String, Node)>,
    filters: Vec<(String, Node)>,
    faults: Vec<AnalyzeError>,
    /// The fields of the built-in pack, which apply unless a file sets them.
    defaults: Vec<(String, Member)>,
}

#[cfg(feature = "yaml")]
impl Sources {
    /// Adds a file of rules and filters in YAML or JSON: one rule, several documents, or a list. A map with
    /// `rules` is a whole pack. A map without `detection`, `correlation`, `filter`, `title`, and `id`
    /// describes the pack.
    pub fn add(&mut self, file: &str, text: &str) {
        if text.len() > MAX_BYTES {
            let fault = AnalyzeError::new(
                "rule.long",
                0,
                "the file is larger than 16 MiB",
                "split it into several files",
            );
            return self.faults.push(fault.in_file(file));
        }
        let documents = match crate::yaml::parse(text) {
            Ok(documents) => documents,
            Err(fault) => return self.faults.push(fault.in_file(file)),
        };
        for document in documents {
            let Node { line, value } = document;
            match value {
                Value::Map(members) if members.iter().any(|member| member.name == "rules") => {
                    for member in members {
                        match member.node.value {
                            Value::List(rules) if member.name == "rules" => {
                                self.extend(file, rules);
                            }
                            _ => self.about.push((file.to_owned(), member)),
                        }
                    }
                }
                Value::Map(members)
                    if !members.iter().any(|member| {
                        matches!(
                            member.name.as_str(),
                            "detection" | "correlation" | "filter" | "title" | "id"
                        )
                    }) =>
                {
                    self.about.extend(members.into_iter().map(|member| (file.to_owned(), member)));
                }
                Value::List(rules) => self.extend(file, rules),
                Value::Null => {}
                value => self.extend(file, vec![Node { line, value }]),
            }
        }
    }

    /// Adds the built-in rules. Their `time`, `timezone`, and `habits` apply to the whole pack, unless a file sets them.
    pub fn add_built_in(&mut self) {
        let mut built_in = Self::default();
        for (file, text) in crate::built_in::FILES {
            built_in.add(&format!("built-in/{file}"), text);
        }
        self.rules.extend(built_in.rules);
        self.filters.extend(built_in.filters);
        self.faults.extend(built_in.faults);
        let is_setting = |name: &str| matches!(name, "time" | "timezone" | "habits");
        self.defaults = built_in.about;
        self.defaults.retain(|(_, member)| is_setting(&member.name));
    }

    fn extend(&mut self, file: &str, documents: Vec<Node>) {
        for document in documents {
            let list = if filters::is_filter(&document) { &mut self.filters } else { &mut self.rules };
            list.push((file.to_owned(), document));
        }
    }

    /// Builds the pack. The built text is parsed again, so that findings can't depend on how the rules were
    /// written.
    ///
    /// # Errors
    ///
    /// Returns the errors of all rules, in the order of the files.
    pub fn build(mut self, name: &str) -> Result<Pack, Vec<AnalyzeError>> {
        filters::apply(&self.filters, &mut self.rules, &mut self.faults);
        let set: Vec<String> = self.about.iter().map(|(_, member)| member.name.clone()).collect();
        self.about.extend(self.defaults.into_iter().filter(|(_, member)| !set.contains(&member.name)));
        let built = Builder::new(self.about, name).build(self.rules, self.faults)?;
        Pack::parse(&built.text)
    }
}

/// A pack's fields other than its rules.
struct Header {
    name: String,
    version: String,
    time: Clock,
    zone: Zone,
    habits: Option<Level>,
    members: Vec<Member>,
}

struct Builder {
    about: Vec<(String, Member)>,
    name: String,
}

impl Builder {
    fn new(about: Vec<(String, Member)>, name: &str) -> Self {
        Self { about, name: name.into() }
    }

    fn build(
        self,
        sources: Vec<(String, Node)>,
        mut faults: Vec<AnalyzeError>,
    ) -> Result<Pack, Vec<AnalyzeError>> {
        let mut fields = Fields::default();
        let mut rules: Vec<Rule> = Vec::new();
        let mut nodes: Vec<(String, Node)> = Vec::new();
        let mut ids: HashMap<String, String> = HashMap::new();
        let mut refused: Vec<String> = Vec::new();
        if sources.len() > MAX_RULES {
            faults.push(AnalyzeError::new(
                "pack.rules",
                0,
                "a pack has at most 10,000 rules",
                "split it into several packs",
            ));
            return Err(faults);
        }
        for (file, node) in sources {
            match Rule::compile(&node, &mut fields) {
                Ok(rule) => {
                    let line = node.get("id").map_or(node.line, |id| id.line);
                    if let Some(other) = ids.insert(rule.id.clone(), file.clone()) {
                        let there = if other == file || other.is_empty() {
                            String::new()
                        } else {
                            explain!(" (also in {other})")
                        };
                        let problem = explain!("the id `{}` is used twice{there}", rule.id);
                        let fault = AnalyzeError::new(
                            "rule.duplicate_id",
                            line,
                            problem,
                            "give each rule its own id",
                        );
                        faults.push(fault.of_rule(&rule.title).in_file(&file));
                        continue;
                    }
                    rules.push(rule);
                    nodes.push((file, node));
                }
                Err(fault) => {
                    faults.push(fault.in_file(&file));
                    // Rule authors get an error for this rule alone, not for references to it as well.
                    // Built packs contain no such rules.
                    if cfg!(feature = "yaml") {
                        let named = ["id", "name"].into_iter().filter_map(|key| node.get(key)?.text());
                        refused.extend(named.map(str::to_owned));
                    }
                }
            }
        }
        let feeds = link(&mut rules, &nodes, &refused, &mut faults);
        let about = self.about(&mut faults);
        if rules.is_empty() && faults.is_empty() {
            faults.push(AnalyzeError::new(
                "pack.empty",
                0,
                "no rules were found",
                "pass files that end in .yml, or a built pack",
            ));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let Header { name, version, time, zone, habits, members } = about;
        let text = written(members, nodes.into_iter().map(|(_, node)| node).collect());
        let candidates = Candidates::new(rules.iter().map(Rule::detection), &fields);
        let hash = Hash::digest(&[text.as_bytes()]);
        let numbers = |is_selected: &dyn Fn(&Asks, usize) -> bool| -> Vec<u32> {
            let rules = rules.iter().enumerate();
            let selected =
                rules.filter(|(nth, rule)| rule.asks().is_some_and(|asks| is_selected(asks, *nth)));
            selected.map(|(nth, _)| nth as u32).collect()
        };
        let of_silence = numbers(&|asks, _| asks.is_of_silence());
        let of_baselines =
            numbers(&|asks, nth| asks.is_alone && !asks.is_of_silence() && feeds[nth].is_empty());
        Ok(Pack {
            name,
            version,
            hash,
            text,
            rules,
            fields,
            candidates,
            time,
            zone,
            habits,
            feeds,
            of_baselines,
            of_silence,
        })
    }

    fn about(&self, faults: &mut Vec<AnalyzeError>) -> Header {
        let (mut name, mut version) = (self.name.clone(), String::new());
        let (mut time, mut zone, mut habits) = (Clock::default(), Zone::default(), None);
        let mut reported = None;
        for (nth, (file, member)) in self.about.iter().enumerate() {
            let Member { name: key, line, node } = member;
            let mut fault = |code, line, problem: String, hint: &str| {
                faults.push(AnalyzeError::new(code, line, problem, hint).in_file(file));
            };
            // Report only the first unknown key of a file: it probably contains no rules at all.
            if cfg!(feature = "yaml") && !KEYS.contains(&key.as_str()) && reported.replace(file) == Some(file)
            {
                continue;
            }
            if self.about[..nth].iter().any(|(_, other)| other.name == *key) {
                fault("pack.duplicate_key", *line, explain!("`{key}` appears twice"), "keep one of them");
            }
            match (key.as_str(), node.text()) {
                ("countersign", Some(FORMAT)) => {}
                ("countersign", _) => {
                    fault(
                        "pack.format",
                        *line,
                        explain!("`countersign` names another format than {FORMAT}"),
                        "build the pack again with this version",
                    );
                }
                ("name", Some(text)) => text.clone_into(&mut name),
                ("version", Some(text)) => text.clone_into(&mut version),
                ("time", Some("happened")) => time = Clock::Happened,
                ("time", Some("recorded")) => time = Clock::Recorded,
                ("time", _) => fault(
                    "pack.time",
                    *line,
                    explain!("`time` must be \"happened\" or \"recorded\""),
                    "set `time` to \"happened\" or \"recorded\"",
                ),
                ("timezone", text) => match text.and_then(Zone::parse) {
                    Some(read) => zone = read,
                    None => fault(
                        "pack.timezone",
                        *line,
                        explain!("`timezone` is not a valid time zone"),
                        "set `timezone` to UTC, or to an offset such as \"+01:00\"",
                    ),
                },
                ("habits", text) => match text.and_then(Level::parse) {
                    Some(level) => habits = Some(level),
                    None => fault(
                        "pack.habits",
                        *line,
                        explain!("`habits` must be a level"),
                        "set `habits` to informational, low, medium, high or critical",
                    ),
                },
                ("name" | "version", None) => fault(
                    "pack.shape",
                    *line,
                    explain!("`{key}` must be a string"),
                    "write a string, in quotes if it looks like a number",
                ),
                _ => {
                    let unknown = unknown_key(member, &KEYS);
                    let hint = explain!("{}; a rule has `title` and `detection`", unknown.hint());
                    fault(unknown.code, member.line, unknown.message.clone(), &hint);
                }
            }
        }
        let mut members: Vec<Member> = self
            .about
            .iter()
            .map(|(_, member)| member)
            .filter(|member| !matches!(member.name.as_str(), "countersign" | "name"))
            .cloned()
            .collect();
        for (key, value) in [("countersign", FORMAT), ("name", name.as_str())] {
            members.push(member(key, Value::Text(value.into())));
        }
        Header { name, version, time, zone, habits, members }
    }
}

/// Resolves the rules that correlations name, and returns for each rule the correlations that build on it.
/// Skips rules in `refused`, whose errors were already reported.
fn link(
    rules: &mut [Rule],
    nodes: &[(String, Node)],
    refused: &[String],
    faults: &mut Vec<AnalyzeError>,
) -> Vec<Vec<(usize, u32)>> {
    let mut feeds = vec![Vec::new(); rules.len()];
    let mut by_name: HashMap<String, usize> = HashMap::new();
    for (nth, rule) in rules.iter().enumerate() {
        by_name.insert(rule.id.clone(), nth);
    }
    for (nth, rule) in rules.iter().enumerate() {
        if let Some(name) = &rule.name
            && by_name.insert(name.clone(), nth).is_some_and(|other| other != nth)
        {
            let line = nodes[nth].1.get("name").map_or(0, |name| name.line);
            let fault = AnalyzeError::new(
                "rule.duplicate_id",
                line,
                explain!("the name `{name}` is used twice"),
                "give each rule its own name",
            );
            faults.push(fault.of_rule(&rule.title).in_file(&nodes[nth].0));
        }
    }
    let is_of_silence = |rule: &Rule| rule.asks().is_some_and(Asks::is_of_silence);
    let of_silence: Vec<bool> = rules.iter().map(is_of_silence).collect();
    let mut hidden = Vec::new();
    for nth in 0..rules.len() {
        let title = rules[nth].title.clone();
        let Kind::Correlation(correlation) = &mut rules[nth].kind else { continue };
        for (which, (name, line)) in (0..).zip(&correlation.names) {
            let Some(rule) = by_name.get(name) else {
                if cfg!(feature = "yaml") && refused.contains(name) {
                    continue;
                }
                let is_title =
                    |(_, node): &(String, Node)| node.get("title").and_then(Node::text) == Some(name);
                let hint = if nodes.iter().any(is_title) {
                    "add a `name:` to the rule with this title, or reference it by its id"
                } else {
                    "add the rule to the pack, or correct the reference"
                };
                let problem = explain!("no rule has the id or name `{name}`");
                let fault = AnalyzeError::new("rule.reference", *line, problem, hint);
                faults.push(fault.of_rule(&title).in_file(&nodes[nth].0));
                continue;
            };
            if of_silence[*rule] {
                let problem =
                    explain!("`{name}` is a rule about silent chains, which a correlation can't count");
                let hint = "remove the reference";
                let fault = AnalyzeError::new("rule.baseline", *line, problem, hint);
                faults.push(fault.of_rule(&title).in_file(&nodes[nth].0));
            }
            correlation.rules.push(*rule);
            feeds[*rule].push((nth, which));
            if !correlation.generate {
                hidden.push(*rule);
            }
        }
    }
    for rule in hidden {
        rules[rule].is_reported = false;
    }
    let mut of_range: Vec<usize> =
        (0..rules.len()).filter(|nth| rules[*nth].evidence == Evidence::Range).collect();
    while let Some(rule) = of_range.pop() {
        for (other, _) in &feeds[rule] {
            if rules[*other].evidence == Evidence::Sufficient {
                rules[*other].evidence = Evidence::Range;
                of_range.push(*other);
            }
        }
    }
    if let Some(nth) = circle(rules) {
        let line = nodes[nth].1.get("correlation").map_or(0, |correlation| correlation.line);
        let fault = AnalyzeError::new(
            "rule.circle",
            line,
            "the correlation builds on itself",
            "remove one of the references in the cycle",
        );
        faults.push(fault.of_rule(&rules[nth].title).in_file(&nodes[nth].0));
    }
    feeds
}

/// Returns a correlation that builds on itself, if there is one.
fn circle(rules: &[Rule]) -> Option<usize> {
    let mut done = vec![false; rules.len()];
    loop {
        let ready = (0..rules.len()).filter(|nth| !done[*nth]).find(|nth| {
            rules[*nth]
                .correlation()
                .is_none_or(|correlation| correlation.rules.iter().all(|rule| done[*rule]))
        });
        match ready {
            Some(nth) => done[nth] = true,
            None => return done.iter().position(|done| !done),
        }
    }
}

/// Returns the canonical JSON of a pack. The rules themselves keep their order.
fn written(mut members: Vec<Member>, rules: Vec<Node>) -> String {
    members.push(member("rules", Value::List(rules)));
    members.sort_unstable_by(canonically);
    let mut json = Vec::new();
    Node { line: 0, value: Value::Map(members) }.write_json(&mut json);
    String::from_utf8(json).unwrap_or_default()
}

fn member(name: &str, value: Value) -> Member {
    Member { name: name.into(), line: 0, node: Node { line: 0, value } }
}

impl Pack {
    /// Parses a built pack.
    ///
    /// # Errors
    ///
    /// Returns the errors of all rules.
    pub fn parse(json: &str) -> Result<Self, Vec<AnalyzeError>> {
        if json.len() > MAX_BYTES {
            return Err(vec![AnalyzeError::new(
                "pack.long",
                0,
                "the pack is larger than 16 MiB",
                "split it into several packs",
            )]);
        }
        let (node, _) = Node::parse_json(json).map_err(|fault| vec![fault])?;
        let Value::Map(members) = node.value else {
            let hint = "build the pack with `countersign rules build`";
            return Err(vec![AnalyzeError::new("pack.shape", 0, "the file is not a pack", hint)]);
        };
        let mut about = Vec::new();
        let mut rules = Vec::new();
        for member in members {
            match member.node.value {
                Value::List(list) if member.name == "rules" => {
                    rules.extend(list.into_iter().map(|rule| (String::new(), rule)));
                }
                _ => about.push((String::new(), member)),
            }
        }
        Builder::new(about, "").build(rules, Vec::new())
    }

    /// Returns the SHA-256 of the pack's canonical JSON.
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the pack's canonical JSON.
    pub fn as_json(&self) -> &str {
        &self.text
    }

    /// True if a rule has a condition on the signer.
    pub fn reads_signer(&self) -> bool {
        self.fields.has("link.signer")
    }

    /// True if a rule has a condition on baselines. Then every event must be accepted, not only those that
    /// a rule matches.
    pub fn asks_baselines(&self) -> bool {
        self.fields.asks_baselines()
    }

    /// Returns the rule with this id or name.
    pub fn rule(&self, id_or_name: &str) -> Option<&Rule> {
        let by_name = || self.rules.iter().find(|rule| rule.name.as_deref() == Some(id_or_name));
        self.rules.iter().find(|rule| rule.id == id_or_name).or_else(by_name)
    }

    /// Returns the pack's rules, including correlations.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}
