//! Catalogs: map the controls of a framework to what a log can show for them, and what it cannot.

use std::collections::{BTreeMap, BTreeSet};

use countersign::hash::Hash;
use countersign::time::Time;
use countersign_analyze::written::{Document, Written};
use countersign_analyze::{AnalyzeError, Pack, Rule};
use countersign_query::parser::{Categories, Category};
use countersign_query::{Field, Query};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::built_in;

/// The value of `catalog:` in a file.
const FORMAT: &str = "controls/v1";
/// Maximum number of controls in a catalog.
const MAX_CONTROLS: usize = 200;
/// Maximum number of questions of a catalog, including the built-in ones it asks. Each has a bit in an event's record.
pub(crate) const MAX_QUESTIONS: usize = 256;
/// Maximum number of distinct fields in all queries of a catalog.
pub(crate) const MAX_FIELDS: usize = 256;
/// Maximum number of questions, and of `cannot` sentences, per control.
const MAX_EACH: usize = 32;
/// Maximum length of a string, in bytes.
const MAX_TEXT: usize = 2000;

/// A framework's controls, and the questions that a log answers for them.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The short name: `soc2`.
    pub framework: String,
    /// The full name.
    pub title: String,
    /// The edition of the framework that the numbers refer to.
    pub edition: String,
    /// The controls, in order.
    pub controls: Vec<Control>,
    /// The distinct questions that the controls ask.
    pub questions: Vec<Question>,
    /// The distinct fields in all queries.
    pub(crate) fields: Vec<Field>,
    /// SHA-256 of the catalog as canonical JSON, and of the built-in questions it asks.
    pub hash: Hash,
}

/// A control of a framework.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// The number in the framework.
    pub number: String,
    /// The title, in the catalog's own words.
    pub title: String,
    /// The requirement, in the catalog's own words.
    pub asks: String,
    /// The questions, by index in [`Catalog::questions`].
    pub shows: Vec<usize>,
    /// Aspects that the log cannot show.
    pub cannot: Vec<String>,
    /// The retention time that the framework requires: as written, and in milliseconds.
    pub keep: Option<(String, i64)>,
}

/// A question to a log.
#[derive(Clone, Debug)]
pub struct Question {
    /// The name by which controls refer to it.
    pub name: String,
    /// A human-readable description.
    pub what: String,
    /// The source of the answer.
    pub by: AnswerSource,
    /// The reason why the answer is always incomplete, if it is.
    pub limits: Option<String>,
}

/// The source of an answer.
#[derive(Clone, Debug)]
pub enum AnswerSource {
    /// Events that have one of the categories and match the query.
    Events {
        /// The categories; empty if any event qualifies.
        categories: Categories,
        /// The query as written and parsed, if there is one.
        query: Option<(String, Box<Query>)>,
        /// The query's fields, by index in the catalog's list.
        fields: Vec<usize>,
    },
    /// Findings of rules with one of these tags or identifiers; of all rules if empty.
    Findings(Vec<String>),
    /// A fact about the log itself.
    Log(Fact),
}

/// A fact about a log that is not in its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Fact {
    /// The entries that are present and omitted.
    Coverage,
    /// The results of the checks: order, signatures, tree, witnesses.
    Integrity,
    /// The signing keys, with their grants and revocations.
    Keys,
    /// The readers of the log.
    Access,
    /// The erasures in the log.
    Erasures,
    /// The age of the log.
    Retention,
    /// The longest silence of each emitter.
    Silence,
    /// The clocks behind the log's times.
    Clocks,
}

impl Fact {
    /// All facts.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns the word used in catalogs.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

impl Catalog {
    /// Returns a built-in catalog by its name.
    ///
    /// # Panics
    /// Never: a test parses each of them.
    pub fn built_in(framework: &str) -> Option<Self> {
        let (_, text) = built_in::CATALOGS.iter().find(|(name, _)| *name == framework)?;
        Some(Self::parse(text).unwrap_or_else(|faults| panic!("{framework}: {faults:?}")))
    }

    /// Returns the names of the built-in catalogs.
    pub fn names() -> impl Iterator<Item = &'static str> {
        built_in::CATALOGS.iter().map(|(name, _)| *name)
    }

    /// Parses a catalog as described in `docs/evidence-by-control.md`.
    ///
    /// # Errors
    /// Returns all errors, in the order of the lines.
    pub fn parse(text: &str) -> Result<Self, Vec<AnalyzeError>> {
        let mut known = BTreeMap::new();
        let one = |fault| vec![fault];
        let shared = Document::parse(built_in::QUESTIONS).map_err(one)?;
        let mut faults = Vec::new();
        read_questions(&shared.root(), &mut known, true, &mut faults);
        let document = Document::parse(text).map_err(one)?;
        let read = Self::read(&document, known, &mut faults);
        faults.sort_by_key(|fault| fault.line);
        match read {
            Some(catalog) if faults.is_empty() => Ok(catalog),
            _ => Err(faults),
        }
    }

    fn read(
        document: &Document,
        mut known: BTreeMap<String, QuestionDefinition>,
        faults: &mut Vec<AnalyzeError>,
    ) -> Option<Self> {
        let root = document.root();
        collect_fault(
            root.only(&["catalog", "framework", "title", "edition", "questions", "controls"]),
            faults,
        )?;
        let format =
            collect_fault(required_text(&root, "catalog", "begin with `catalog: controls/v1`"), faults)?;
        if format != FORMAT {
            let place = root.get("catalog").unwrap_or_else(|| root.clone());
            let problem = format!("the format {format:?} is not supported");
            faults.push(place.fault("catalog.format", problem, format!("write `catalog: {FORMAT}`")));
        }
        let mut text = |name: &str, hint: &str| collect_fault(required_text(&root, name, hint), faults);
        let framework = text("framework", "add a short name, such as soc2");
        let title = text("title", "add the framework's full name");
        let edition = text("edition", "add the edition of the framework");
        if let (Some(name), Some(place)) = (&framework, root.get("framework")) {
            let is_name = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
            if !name.chars().all(is_name) || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
                let hint = "use lowercase letters, digits and -, starting with a letter";
                faults.push(place.fault("catalog.name", format!("{name:?} is not a valid name"), hint));
            }
        }
        read_questions(&root, &mut known, false, faults);
        let mut controls = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let listed = collect_fault(
            root.need("controls", "add a list of controls").and_then(|list| list.items()),
            faults,
        )?;
        if let Some(one) = listed.get(MAX_CONTROLS) {
            faults.push(one.fault(
                "catalog.many",
                "the catalog has more than 200 controls",
                "split it into several catalogs",
            ));
            return None;
        }
        let mut numbers = BTreeSet::new();
        for item in &listed {
            match read_control(item, &known, &mut names) {
                Ok(control) => {
                    if !numbers.insert(control.number.clone()) {
                        let problem = format!("control {} occurs twice", control.number);
                        faults.push(item.fault(
                            "catalog.number",
                            problem,
                            "give each control its own number",
                        ));
                    }
                    controls.push(control);
                }
                Err(fault) => faults.push(fault),
            }
        }
        if listed.is_empty() {
            faults.push(root.fault(
                "catalog.empty",
                "the catalog has no controls",
                "add at least one control",
            ));
        }
        let mut canonical = document.canonical()?;
        let mut fields = Vec::new();
        let mut questions = Vec::new();
        for name in names {
            let question = known.get(&name)?;
            if question.is_shared {
                canonical.extend(format!("\n{name}\n{}", question.written).bytes());
            }
            questions.push(question.to_question(&name, &mut fields));
        }
        if questions.len() > MAX_QUESTIONS || fields.len() > MAX_FIELDS {
            let hint = "split it into several catalogs";
            faults.push(root.fault(
                "catalog.many",
                "the catalog uses more than 256 questions or 256 fields",
                hint,
            ));
            return None;
        }
        let hash = Hash::digest(&[&canonical]);
        Some(Self {
            framework: framework?,
            title: title?,
            edition: edition?,
            controls,
            questions,
            fields,
            hash,
        })
    }

    /// Returns each tag that no rule of the pack has, after the name of its question. Such a tag never finds
    /// anything.
    pub fn unanswered<'c>(&'c self, pack: &'c Pack) -> impl Iterator<Item = (&'c str, &'c str)> {
        let answers = |tag: &str| pack.rules().iter().any(|rule| names_rule(tag, rule));
        self.questions.iter().flat_map(move |question| {
            let tags: &[String] = if let AnswerSource::Findings(tags) = &question.by { tags } else { &[] };
            let missing = tags.iter().filter(move |tag| !answers(tag));
            missing.map(|tag| (question.name.as_str(), tag.as_str()))
        })
    }

    /// True if a query uses the signer.
    pub fn asks_signer(&self) -> bool {
        self.questions.iter().any(|question| match &question.by {
            AnswerSource::Events { query: Some((_, query)), .. } => {
                query.asks(countersign_query::Short::Signer)
            }
            _ => false,
        })
    }
}

/// True if a word names a reported rule: its identifier, one of its tags, or a parent of one (`attack.t1110` for
/// `attack.t1110.001`).
pub(crate) fn names_rule(word: &str, rule: &Rule) -> bool {
    let begins =
        |tag: &String| tag.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    rule.is_reported() && (rule.id == word || rule.tags.iter().any(begins))
}

/// A question that controls may ask.
struct QuestionDefinition {
    what: String,
    written: String,
    by: SourceDefinition,
    limits: Option<String>,
    is_shared: bool,
}

enum SourceDefinition {
    Events(Categories, Option<(String, Box<Query>)>),
    Findings(Vec<String>),
    Log(Fact),
}

impl QuestionDefinition {
    fn to_question(&self, name: &str, all: &mut Vec<Field>) -> Question {
        let by = match &self.by {
            SourceDefinition::Events(categories, query) => {
                let conditions = query.iter().flat_map(|(_, query)| query.conditions());
                let asked = conditions.filter_map(|asked| asked.condition.field());
                let mut fields: Vec<usize> = asked
                    .map(|field| {
                        all.iter().position(|known| *known == *field).unwrap_or_else(|| {
                            all.push(field.into_owned());
                            all.len() - 1
                        })
                    })
                    .collect();
                fields.sort_unstable();
                fields.dedup();
                AnswerSource::Events { categories: *categories, query: query.clone(), fields }
            }
            SourceDefinition::Findings(tags) => AnswerSource::Findings(tags.clone()),
            SourceDefinition::Log(fact) => AnswerSource::Log(*fact),
        };
        Question { name: name.into(), what: self.what.clone(), by, limits: self.limits.clone() }
    }
}

fn read_questions(
    root: &Written<'_>,
    known: &mut BTreeMap<String, QuestionDefinition>,
    is_shared: bool,
    faults: &mut Vec<AnalyzeError>,
) {
    let Some(list) = root.get("questions") else { return };
    let Some(list) = collect_fault(list.members(), faults) else { return };
    for (name, question) in list {
        match read_question(&question, is_shared) {
            Ok(question) => _ = known.insert(name.to_owned(), question),
            Err(fault) => faults.push(fault),
        }
    }
}

fn read_question(question: &Written<'_>, is_shared: bool) -> Result<QuestionDefinition, AnalyzeError> {
    question.only(&["what", "category", "query", "findings", "log", "limits"])?;
    let what = required_text(question, "what", "describe the question for people")?;
    let limits = question.get("limits").map(|limits| one_line(&limits)).transpose()?;
    let (by, written) = match (events(question)?, question.get("findings"), question.get("log")) {
        (Some(events), None, None) => events,
        (None, Some(tags), None) => {
            let mut words = Vec::new();
            for tag in tags.items()? {
                words.push(parse_word(&tag)?);
            }
            let written = words.join(" ");
            (SourceDefinition::Findings(words), written)
        }
        (None, None, Some(fact)) => {
            let word = fact.text()?;
            let known: Vec<_> = Fact::ALL.iter().map(|fact| fact.as_str()).collect();
            let hint = format!("use one of {}", known.join(", "));
            let parsed = Fact::parse(word)
                .ok_or_else(|| fact.fault("catalog.log", format!("the fact {word:?} is unknown"), hint))?;
            (SourceDefinition::Log(parsed), word.to_owned())
        }
        _ => {
            let hint =
                "write category: or query: for events, findings: for rules, or log: for facts about the log";
            return Err(question.fault(
                "catalog.question",
                "the question needs exactly one of events, findings or log",
                hint,
            ));
        }
    };
    let written = limits.iter().fold(written, |written, limits| format!("{written}\nlimits {limits}"));
    Ok(QuestionDefinition { what, written, by, limits, is_shared })
}

/// Parses how a question selects events: by category, by a query, or by both.
fn events(question: &Written<'_>) -> Result<Option<(SourceDefinition, String)>, AnalyzeError> {
    let (category, query) = (question.get("category"), question.get("query"));
    if category.is_none() && query.is_none() {
        return Ok(None);
    }
    let mut words = Vec::new();
    if let Some(list) = category {
        for item in bounded(&list)? {
            let word = item.text()?;
            words.push(Category::parse(word).ok_or_else(|| {
                let known: Vec<_> = Category::ALL.iter().map(|category| category.as_str()).collect();
                let hint = format!("use one of {}", known.join(", "));
                item.fault("catalog.category", format!("the category {word:?} is unknown"), hint)
            })?);
        }
        if words.is_empty() {
            return Err(list.fault("catalog.category", "the list is empty", "name a category"));
        }
    }
    let categories: Categories = words.into_iter().collect();
    let query = query.map(|query| read_query(&query)).transpose()?;
    let words: Vec<_> = categories.iter().map(Category::as_str).collect();
    let text = query.as_ref().map_or("", |(text, _)| text);
    let written = if words.is_empty() { text.to_owned() } else { format!("{}\n{text}", words.join(" ")) };
    Ok(Some((SourceDefinition::Events(categories, query), written)))
}

fn read_query(query: &Written<'_>) -> Result<(String, Box<Query>), AnalyzeError> {
    let text = query.text()?;
    let parsed = Query::parse(text, Time::MIN).map_err(|error| {
        let place =
            format!("the query, at byte {}: {} [{}]", error.at().start, error.message, error.code.as_str());
        query.fault("catalog.query", place, error.hint())
    })?;
    if parsed.is_empty() {
        let hint = "add a condition, such as has:action";
        return Err(query.fault("catalog.query", "the query is empty", hint));
    }
    if parsed.conditions().iter().any(|asked| asked.condition.asks_when()) {
        let hint = "remove the time, and use --period instead";
        return Err(query.fault("catalog.query_time", "the query has a time condition", hint));
    }
    Ok((text.into(), Box::new(parsed)))
}

fn read_control(
    control: &Written<'_>,
    known: &BTreeMap<String, QuestionDefinition>,
    names: &mut Vec<String>,
) -> Result<Control, AnalyzeError> {
    control.only(&["number", "title", "asks", "shows", "cannot", "keep"])?;
    let keep = control.get("keep").map(|keep| parse_duration(&keep)).transpose()?;
    let number = control.need("number", "add the control's number, in quotes if it looks like a number")?;
    let number = parse_word(&number)?;
    let title = required_text(control, "title", "add a title in your own words")?;
    let asks = required_text(control, "asks", "add the requirement in your own words")?;
    let list = control.need("shows", "list the questions that the log can answer for the control")?;
    let mut shows = Vec::new();
    for item in bounded(&list)? {
        let name = item.text()?;
        if !known.contains_key(name) {
            let near = nearest(name, known.keys());
            let hint = format!("define it under questions, or use an existing one, such as {near}");
            return Err(item.fault(
                "catalog.unknown_question",
                format!("the question {name:?} is not defined"),
                hint,
            ));
        }
        let place = names.iter().position(|one| one == name).unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
        if shows.contains(&place) {
            return Err(item.fault(
                "catalog.twice",
                format!("the control lists {name:?} twice"),
                "remove one",
            ));
        }
        shows.push(place);
    }
    let hint = "list at least one question under `shows`, and one limitation under `cannot`";
    let mut cannot = Vec::new();
    for item in bounded(&control.need("cannot", hint)?)? {
        cannot.push(one_line(&item)?);
    }
    if shows.is_empty() || cannot.is_empty() {
        return Err(control.fault("catalog.empty", "the control has no questions or no limitations", hint));
    }
    Ok(Control { number, title, asks, shows, cannot, keep })
}

/// Parses a duration in days or in years of 366 days: `90d`, `6y`.
fn parse_duration(of: &Written<'_>) -> Result<(String, i64), AnalyzeError> {
    let text = parse_word(of)?;
    let days = match text.split_at_checked(text.len() - 1) {
        Some((count, "d")) => count.parse::<u16>().ok().map(i64::from),
        Some((count, "y")) => count.parse::<u8>().ok().map(|years| i64::from(years) * 366),
        _ => None,
    };
    let days = days.filter(|days| *days > 0).ok_or_else(|| {
        of.fault("catalog.keep", format!("{text:?} is not a duration"), "write a duration such as 90d or 6y")
    })?;
    Ok((text, days * 86_400_000))
}

fn bounded<'a>(list: &Written<'a>) -> Result<Vec<Written<'a>>, AnalyzeError> {
    let items = list.items()?;
    match items.get(MAX_EACH) {
        Some(item) => Err(item.fault("catalog.many", "the list has more than 32 items", "remove some")),
        None => Ok(items),
    }
}

/// Returns the name with the longest common prefix.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> &'a str {
    let common =
        |other: &str| other.bytes().zip(name.bytes()).take_while(|(one, other)| one == other).count();
    known.max_by_key(|other| common(other)).map_or("", String::as_str)
}

fn required_text(of: &Written<'_>, name: &str, hint: &str) -> Result<String, AnalyzeError> {
    one_line(&of.need(name, hint)?)
}

/// Parses a text for people, and joins its lines.
fn one_line(of: &Written<'_>) -> Result<String, AnalyzeError> {
    let text = of.text()?;
    if text.trim().is_empty() || text.len() > MAX_TEXT {
        return Err(of.fault(
            "catalog.text",
            "the text is empty or longer than 2,000 bytes",
            "write a shorter text",
        ));
    }
    if text.chars().any(|char| char.is_control() && char != '\n') {
        return Err(of.fault("catalog.text", "the text has control characters", "remove them"));
    }
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Parses a word, such as a number or a tag.
fn parse_word(of: &Written<'_>) -> Result<String, AnalyzeError> {
    let text = one_line(of)?;
    if text.len() > 100 {
        return Err(of.fault("catalog.text", "the text is longer than 100 bytes", "shorten it"));
    }
    Ok(text)
}

fn collect_fault<T>(result: Result<T, AnalyzeError>, faults: &mut Vec<AnalyzeError>) -> Option<T> {
    result.map_err(|fault| faults.push(fault)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_facts_are_stable() {
        let words = ["coverage", "integrity", "keys", "access", "erasures", "retention", "silence", "clocks"];
        assert!(Fact::ALL.iter().map(|one| one.as_str()).eq(words));
        assert!(words.iter().map(|word| Fact::parse(word)).eq(Fact::ALL.iter().copied().map(Some)));
    }
}
