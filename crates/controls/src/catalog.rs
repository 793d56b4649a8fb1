//! Catalogs: from a control to what a log can show for it, and to what it cannot.

use std::collections::{BTreeMap, BTreeSet};

use countersign::hash::Hash;
use countersign::time::Time;
use countersign_analyze::written::{Document, Written};
use countersign_analyze::{AnalyzeError, Pack, Rule};
use countersign_query::parser::{Categories, Category};
use countersign_query::{Field, Query};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::built_in;

/// What a catalog says it is.
const FORMAT: &str = "controls/v1";
/// The most controls of a catalog.
const MAX_CONTROLS: usize = 200;
/// The most questions of a catalog, its own and those that come with the program: each is a bit of an event's record.
pub(crate) const MAX_QUESTIONS: usize = 256;
/// The most fields that all queries of a catalog may ask for.
pub(crate) const MAX_FIELDS: usize = 256;
/// The most questions of one control, and the most sentences of what it cannot show.
const MAX_EACH: usize = 32;
/// The most bytes of a text.
const MAX_TEXT: usize = 2000;

/// A framework's controls, and the questions that are put to a log for them.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// What it is called by: `soc2`.
    pub framework: String,
    /// Its name for people.
    pub title: String,
    /// Which edition of the framework its numbers are of.
    pub edition: String,
    /// The controls, in their order.
    pub controls: Vec<Control>,
    /// The questions that the controls ask, each once.
    pub questions: Vec<Question>,
    /// What queries ask for: the distinct fields.
    pub(crate) fields: Vec<Field>,
    /// SHA-256 of the catalog as canonical JSON, with the questions that come with the program where it asks them.
    pub hash: Hash,
}

/// A control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its number in the framework.
    pub number: String,
    /// What it is about, in the catalog's own words.
    pub title: String,
    /// What it asks, in the catalog's own words.
    pub asks: String,
    /// The questions, by their places in [`Catalog::questions`].
    pub shows: Vec<usize>,
    /// What the log cannot show for it.
    pub cannot: Vec<String>,
    /// How long the framework requires records to be kept: as written, and in milliseconds.
    pub keep: Option<(String, i64)>,
}

/// A question that is put to a log.
#[derive(Clone, Debug)]
pub struct Question {
    /// The name by which controls ask it.
    pub name: String,
    /// What it asks for, for people.
    pub what: String,
    /// What answers it.
    pub by: By,
    /// Why its answer can never be shown to be all, if it can't.
    pub limits: Option<String>,
}

/// What answers a question.
#[derive(Clone, Debug)]
pub enum By {
    /// Events that have one of the categories and match the query.
    Events {
        /// The categories. If empty, the events of any.
        categories: Categories,
        /// The query, if there is one: as it was written, and parsed.
        query: Option<(String, Box<Query>)>,
        /// The query's fields, by their places in the catalog's list.
        fields: Vec<usize>,
    },
    /// Findings of rules with one of these tags or ids; of all rules where there are none.
    Findings(Vec<String>),
    /// What is known of the log itself.
    Log(Fact),
}

/// A fact about a log that isn't in its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Fact {
    /// Which entries are here, and which are not.
    Coverage,
    /// What of the checks passed: order, signatures, tree, witnesses.
    Integrity,
    /// Who may sign, who let them, and who no longer may.
    Keys,
    /// Who read the log.
    Access,
    /// What was erased from it.
    Erasures,
    /// How far back it goes.
    Retention,
    /// How long its emitters were silent.
    Silence,
    /// Whose clocks its times are of.
    Clocks,
}

impl Fact {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Its word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

impl Catalog {
    /// The one that comes with the program, by its name.
    ///
    /// # Panics
    /// Never: a test reads each.
    pub fn built_in(framework: &str) -> Option<Self> {
        let (_, text) = built_in::CATALOGS.iter().find(|(name, _)| *name == framework)?;
        Some(Self::parse(text).unwrap_or_else(|faults| panic!("{framework}: {faults:?}")))
    }

    /// The names of those that come with the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        built_in::CATALOGS.iter().map(|(name, _)| *name)
    }

    /// Reads a catalog as `docs/evidence-by-control.md` has it.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of the lines.
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
        mut known: BTreeMap<String, Known>,
        faults: &mut Vec<AnalyzeError>,
    ) -> Option<Self> {
        let root = document.root();
        keep(root.only(&["catalog", "framework", "title", "edition", "questions", "controls"]), faults)?;
        let format = keep(need(&root, "catalog", "begin with `catalog: controls/v1`"), faults)?;
        if format != FORMAT {
            let place = root.get("catalog").unwrap_or_else(|| root.clone());
            let problem = format!("it is a {format:?}");
            faults.push(place.fault("catalog.format", problem, format!("this program reads {FORMAT}")));
        }
        let mut text = |name: &str, hint: &str| keep(need(&root, name, hint), faults);
        let framework = text("framework", "a short name, such as soc2");
        let title = text("title", "the framework's name, for people");
        let edition = text("edition", "which edition the numbers are of");
        if let (Some(name), Some(place)) = (&framework, root.get("framework")) {
            let is_name = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
            if !name.chars().all(is_name) || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
                let hint = "lower-case letters, digits and -, the first a letter";
                faults.push(place.fault("catalog.name", format!("{name:?} is not a name"), hint));
            }
        }
        read_questions(&root, &mut known, false, faults);
        let mut controls = Vec::new();
        let mut asked: Vec<String> = Vec::new();
        let listed = keep(root.need("controls", "list the controls").and_then(|list| list.items()), faults)?;
        if let Some(one) = listed.get(MAX_CONTROLS) {
            faults.push(one.fault("catalog.many", "there are too many", "200 controls are the most"));
            return None;
        }
        let mut numbers = BTreeSet::new();
        for item in &listed {
            match read_control(item, &known, &mut asked) {
                Ok(control) => {
                    if !numbers.insert(control.number.clone()) {
                        let problem = format!("there is another control {}", control.number);
                        faults.push(item.fault("catalog.number", problem, "number each differently"));
                    }
                    controls.push(control);
                }
                Err(fault) => faults.push(fault),
            }
        }
        if listed.is_empty() {
            faults.push(root.fault("catalog.empty", "it has no control", "list what is to be shown"));
        }
        let mut canonical = document.canonical()?;
        let mut fields = Vec::new();
        let mut questions = Vec::new();
        for name in asked {
            let question = known.get(&name)?;
            if question.is_shared {
                canonical.extend(format!("\n{name}\n{}", question.written).bytes());
            }
            questions.push(question.put(&name, &mut fields));
        }
        if questions.len() > MAX_QUESTIONS || fields.len() > MAX_FIELDS {
            let hint = "256 questions and 256 fields are the most";
            faults.push(root.fault("catalog.many", "it asks too much", hint));
            return None;
        }
        let hash = Hash::of(&[&canonical]);
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

    /// What of its questions no rule of a pack answers, so that nothing is found by mistake. The lines are not known here.
    pub fn unanswered<'c>(&'c self, pack: &'c Pack) -> impl Iterator<Item = (&'c str, &'c str)> {
        let answers = |tag: &str| pack.rules().iter().any(|rule| is_meant(tag, rule));
        self.questions.iter().flat_map(move |question| {
            let tags: &[String] = if let By::Findings(tags) = &question.by { tags } else { &[] };
            let missing = tags.iter().filter(move |tag| !answers(tag));
            missing.map(|tag| (question.name.as_str(), tag.as_str()))
        })
    }

    /// Whether a query asks who signs.
    pub fn asks_signer(&self) -> bool {
        self.questions.iter().any(|question| match &question.by {
            By::Events { query: Some((_, query)), .. } => query.asks(countersign_query::Short::Signer),
            _ => false,
        })
    }
}

/// Whether a word names a rule that makes findings: its id, one of its tags, or the beginning of one (`attack.t1110` for
/// `attack.t1110.001`).
pub(crate) fn is_meant(word: &str, rule: &Rule) -> bool {
    let begins =
        |tag: &String| tag.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    rule.is_reported() && (rule.id == word || rule.tags.iter().any(begins))
}

/// A question that may be asked.
struct Known {
    what: String,
    written: String,
    by: Asked,
    limits: Option<String>,
    is_shared: bool,
}

enum Asked {
    Events(Categories, Option<(String, Box<Query>)>),
    Findings(Vec<String>),
    Log(Fact),
}

impl Known {
    fn put(&self, name: &str, all: &mut Vec<Field>) -> Question {
        let by = match &self.by {
            Asked::Events(categories, query) => {
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
                By::Events { categories: *categories, query: query.clone(), fields }
            }
            Asked::Findings(tags) => By::Findings(tags.clone()),
            Asked::Log(fact) => By::Log(*fact),
        };
        Question { name: name.into(), what: self.what.clone(), by, limits: self.limits.clone() }
    }
}

fn read_questions(
    root: &Written<'_>,
    known: &mut BTreeMap<String, Known>,
    is_shared: bool,
    faults: &mut Vec<AnalyzeError>,
) {
    let Some(list) = root.get("questions") else { return };
    let Some(list) = keep(list.members(), faults) else { return };
    for (name, question) in list {
        match read_question(&question, is_shared) {
            Ok(question) => _ = known.insert(name.to_owned(), question),
            Err(fault) => faults.push(fault),
        }
    }
}

fn read_question(question: &Written<'_>, is_shared: bool) -> Result<Known, AnalyzeError> {
    question.only(&["what", "category", "query", "findings", "log", "limits"])?;
    let what = need(question, "what", "say what it asks for, for people")?;
    let limits = question.get("limits").map(|limits| said(&limits)).transpose()?;
    let (by, written) = match (events(question)?, question.get("findings"), question.get("log")) {
        (Some(events), None, None) => events,
        (None, Some(tags), None) => {
            let mut words = Vec::new();
            for tag in tags.items()? {
                words.push(short(&tag)?);
            }
            let written = words.join(" ");
            (Asked::Findings(words), written)
        }
        (None, None, Some(fact)) => {
            let word = fact.text()?;
            let known: Vec<_> = Fact::ALL.iter().map(|fact| fact.as_str()).collect();
            let hint = format!("it may be: {}", known.join(", "));
            let parsed = Fact::parse(word)
                .ok_or_else(|| fact.fault("catalog.log", format!("nothing is known of {word:?}"), hint))?;
            (Asked::Log(parsed), word.to_owned())
        }
        _ => {
            let hint = "write category: or query: for events, findings: for rules, or log: for what is known of the log";
            return Err(question.fault(
                "catalog.question",
                "either events, findings or the log answer it",
                hint,
            ));
        }
    };
    let written = limits.iter().fold(written, |written, limits| format!("{written}\nlimits {limits}"));
    Ok(Known { what, written, by, limits, is_shared })
}

/// Reads how a question selects events: by category, by a query, or by both.
fn events(question: &Written<'_>) -> Result<Option<(Asked, String)>, AnalyzeError> {
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
                let hint = format!("the categories are {}", known.join(", "));
                item.fault("catalog.category", format!("there is no category {word:?}"), hint)
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
    Ok(Some((Asked::Events(categories, query), written)))
}

fn read_query(query: &Written<'_>) -> Result<(String, Box<Query>), AnalyzeError> {
    let text = query.text()?;
    let parsed = Query::parse(text, Time::MIN).map_err(|error| {
        let place =
            format!("the query, at byte {}: {} [{}]", error.at().start, error.message, error.code.as_str());
        query.fault("catalog.query", place, error.hint())
    })?;
    if parsed.is_empty() {
        let hint = "`*` is no query either: ask for a field, as in has:action";
        return Err(query.fault("catalog.query", "the query asks for nothing", hint));
    }
    if parsed.conditions().iter().any(|asked| asked.condition.asks_when()) {
        let hint = "leave the time to --period";
        return Err(query.fault("catalog.query_time", "the query asks when something happened", hint));
    }
    Ok((text.into(), Box::new(parsed)))
}

fn read_control(
    control: &Written<'_>,
    known: &BTreeMap<String, Known>,
    asked: &mut Vec<String>,
) -> Result<Control, AnalyzeError> {
    control.only(&["number", "title", "asks", "shows", "cannot", "keep"])?;
    let keep = control.get("keep").map(|keep| age(&keep)).transpose()?;
    let number = control.need("number", "the control's number, in quotes where it is one")?;
    let number = short(&number)?;
    let title = need(control, "title", "what it is about, in words of your own")?;
    let asks = need(control, "asks", "what it asks, in words of your own")?;
    let list = control.need("shows", "list the questions that a log can answer for it")?;
    let mut shows = Vec::new();
    for item in bounded(&list)? {
        let name = item.text()?;
        if !known.contains_key(name) {
            let near = nearest(name, known.keys());
            let hint =
                format!("write it under questions, or ask one of those that there are, such as {near}");
            return Err(item.fault(
                "catalog.unknown_question",
                format!("there is no question {name:?}"),
                hint,
            ));
        }
        let place = asked.iter().position(|one| one == name).unwrap_or_else(|| {
            asked.push(name.to_owned());
            asked.len() - 1
        });
        if shows.contains(&place) {
            return Err(item.fault("catalog.twice", format!("it asks {name:?} twice"), "ask it once"));
        }
        shows.push(place);
    }
    let hint = "say what a log cannot show for it: there is always something";
    let mut cannot = Vec::new();
    for item in bounded(&control.need("cannot", hint)?)? {
        cannot.push(said(&item)?);
    }
    if shows.is_empty() || cannot.is_empty() {
        return Err(control.fault("catalog.empty", "it shows nothing, or leaves nothing unshown", hint));
    }
    Ok(Control { number, title, asks, shows, cannot, keep })
}

/// A length of time in days or years of 366 days: `90d`, `6y`.
fn age(of: &Written<'_>) -> Result<(String, i64), AnalyzeError> {
    let text = short(of)?;
    let days = match text.split_at_checked(text.len() - 1) {
        Some((count, "d")) => count.parse::<u16>().ok().map(i64::from),
        Some((count, "y")) => count.parse::<u8>().ok().map(|years| i64::from(years) * 366),
        _ => None,
    };
    let days = days.filter(|days| *days > 0).ok_or_else(|| {
        of.fault("catalog.keep", format!("{text:?} is no length of time"), "write it as 90d or 6y")
    })?;
    Ok((text, days * 86_400_000))
}

fn bounded<'a>(list: &Written<'a>) -> Result<Vec<Written<'a>>, AnalyzeError> {
    let items = list.items()?;
    match items.get(MAX_EACH) {
        Some(item) => Err(item.fault("catalog.many", "the list is too long", "32 are the most")),
        None => Ok(items),
    }
}

/// The name that has most of its beginning in common.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> &'a str {
    let common =
        |other: &str| other.bytes().zip(name.bytes()).take_while(|(one, other)| one == other).count();
    known.max_by_key(|other| common(other)).map_or("", String::as_str)
}

fn need(of: &Written<'_>, name: &str, hint: &str) -> Result<String, AnalyzeError> {
    said(&of.need(name, hint)?)
}

/// A text for people, on one line.
fn said(of: &Written<'_>) -> Result<String, AnalyzeError> {
    let text = of.text()?;
    if text.trim().is_empty() || text.len() > MAX_TEXT {
        return Err(of.fault("catalog.text", "it is empty or too long", "2000 bytes are the most"));
    }
    if text.chars().any(|char| char.is_control() && char != '\n') {
        return Err(of.fault("catalog.text", "it has control characters", "write text"));
    }
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A word such as a number or a tag.
fn short(of: &Written<'_>) -> Result<String, AnalyzeError> {
    let text = said(of)?;
    if text.len() > 100 {
        return Err(of.fault("catalog.text", "it is too long", "100 bytes are the most"));
    }
    Ok(text)
}

fn keep<T>(result: Result<T, AnalyzeError>, faults: &mut Vec<AnalyzeError>) -> Option<T> {
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
