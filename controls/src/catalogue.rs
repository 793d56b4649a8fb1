//! Catalogues: from a control to what a log can show for it, and to what it cannot.

use std::collections::{BTreeMap, BTreeSet};

use countersign::hash::Hash;
use countersign::time::Time;
use countersign_analyze::written::{Document, Written};
use countersign_analyze::{Fault, Pack, Rule};
use countersign_query::{Field, Query};

use crate::built_in;

/// What a catalogue says it is.
const FORMAT: &str = "controls/v1";
/// The most controls of a catalogue.
const MAX_CONTROLS: usize = 200;
/// The most questions of a catalogue, its own and those that come with the program: each is a bit of an event's record.
pub(crate) const MAX_QUESTIONS: usize = 256;
/// The most fields that all queries of a catalogue may ask for.
pub(crate) const MAX_FIELDS: usize = 256;
/// The most questions of one control, and the most sentences of what it cannot show.
const MAX_EACH: usize = 32;
/// The most bytes of a text.
const MAX_TEXT: usize = 2000;

/// A framework's controls, and the questions that are put to a log for them.
#[derive(Clone, Debug)]
pub struct Catalogue {
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
    /// SHA-256 of the catalogue as canonical JSON, with the questions that come with the program where it asks them.
    pub hash: Hash,
}

/// A control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its number in the framework.
    pub number: String,
    /// What it is about, in the catalogue's own words.
    pub title: String,
    /// What it asks, in the catalogue's own words.
    pub asks: String,
    /// The questions, by their places in [`Catalogue::questions`].
    pub shows: Vec<usize>,
    /// What the log cannot show for it.
    pub cannot: Vec<String>,
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
}

/// What answers a question.
#[derive(Clone, Debug)]
pub enum By {
    /// Events that a query finds.
    Query {
        /// As it was written.
        text: String,
        /// The query.
        query: Box<Query>,
        /// Its fields, by their places in the catalogue's list.
        fields: Vec<usize>,
    },
    /// Findings of rules with one of these tags or ids; of all rules where there are none.
    Findings(Vec<String>),
    /// What is known of the log itself.
    Log(Fact),
}

macro_rules! facts {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)+) => {
        /// What is known of a log beside what its events say.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fact { $($(#[$doc])* $variant,)+ }

        impl Fact {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

facts! {
    /// Which entries are here, and which are not.
    Coverage = "coverage",
    /// What of the checks passed: order, signatures, tree, witnesses.
    Integrity = "integrity",
    /// Who may sign, who let them, and who no longer may.
    Keys = "keys",
    /// Who read the log.
    Access = "access",
    /// What was erased from it.
    Erasures = "erasures",
    /// How far back it goes.
    Retention = "retention",
    /// How long its emitters were silent.
    Silence = "silence",
    /// Whose clocks its times are of.
    Clocks = "clocks",
}

impl Fact {
    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fact| fact.as_str() == word)
    }
}

impl Catalogue {
    /// The one that comes with the program, by its name.
    ///
    /// # Panics
    /// Never: a test reads each.
    pub fn built_in(framework: &str) -> Option<Self> {
        let (_, text) = built_in::CATALOGUES.iter().find(|(name, _)| *name == framework)?;
        Some(Self::parse(text).unwrap_or_else(|faults| panic!("{framework}: {faults:?}")))
    }

    /// The names of those that come with the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        built_in::CATALOGUES.iter().map(|(name, _)| *name)
    }

    /// Reads a catalogue as `docs/evidence-by-control.md` has it.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of the lines.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let mut known = BTreeMap::new();
        let one = |fault| vec![fault];
        let shared = Document::parse(built_in::QUESTIONS).map_err(one)?;
        let mut faults = Vec::new();
        read_questions(&shared.root(), &mut known, true, &mut faults);
        let document = Document::parse(text).map_err(one)?;
        let read = Self::read(&document, known, &mut faults);
        faults.sort_by_key(|fault| fault.line);
        match read {
            Some(catalogue) if faults.is_empty() => Ok(catalogue),
            _ => Err(faults),
        }
    }

    fn read(
        document: &Document,
        mut known: BTreeMap<String, Known>,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let root = document.root();
        keep(root.only(&["catalogue", "framework", "title", "edition", "questions", "controls"]), faults)?;
        let format = keep(need(&root, "catalogue", "begin with `catalogue: controls/v1`"), faults)?;
        if format != FORMAT {
            let place = root.get("catalogue").unwrap_or_else(|| root.clone());
            let problem = format!("it is a {format:?}");
            faults.push(place.fault("catalogue.format", problem, format!("this program reads {FORMAT}")));
        }
        let mut text = |name: &str, hint: &str| keep(need(&root, name, hint), faults);
        let framework = text("framework", "a short name, such as soc2");
        let title = text("title", "the framework's name, for people");
        let edition = text("edition", "which edition the numbers are of");
        if let (Some(name), Some(place)) = (&framework, root.get("framework")) {
            let is_name = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
            if !name.chars().all(is_name) || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
                let hint = "lower-case letters, digits and -, the first a letter";
                faults.push(place.fault("catalogue.name", format!("{name:?} is not a name"), hint));
            }
        }
        read_questions(&root, &mut known, false, faults);
        let mut controls = Vec::new();
        let mut asked: Vec<String> = Vec::new();
        let listed = keep(root.need("controls", "list the controls").and_then(|list| list.items()), faults)?;
        if let Some(one) = listed.get(MAX_CONTROLS) {
            faults.push(one.fault("catalogue.many", "there are too many", "200 controls are the most"));
            return None;
        }
        let mut numbers = BTreeSet::new();
        for item in &listed {
            match read_control(item, &known, &mut asked) {
                Ok(control) => {
                    if !numbers.insert(control.number.clone()) {
                        let problem = format!("there is another control {}", control.number);
                        faults.push(item.fault("catalogue.number", problem, "number each differently"));
                    }
                    controls.push(control);
                }
                Err(fault) => faults.push(fault),
            }
        }
        if listed.is_empty() {
            faults.push(root.fault("catalogue.empty", "it has no control", "list what is to be shown"));
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
            faults.push(root.fault("catalogue.many", "it asks too much", hint));
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
            By::Query { query, .. } => query.asks(countersign_query::Short::Signer),
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
    is_shared: bool,
}

enum Asked {
    Query(String, Box<Query>),
    Findings(Vec<String>),
    Log(Fact),
}

impl Known {
    fn put(&self, name: &str, all: &mut Vec<Field>) -> Question {
        let by = match &self.by {
            Asked::Query(text, query) => {
                let asked = query.conditions().iter().filter_map(|asked| asked.condition.field());
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
                By::Query { text: text.clone(), query: query.clone(), fields }
            }
            Asked::Findings(tags) => By::Findings(tags.clone()),
            Asked::Log(fact) => By::Log(*fact),
        };
        Question { name: name.into(), what: self.what.clone(), by }
    }
}

fn read_questions(
    root: &Written<'_>,
    known: &mut BTreeMap<String, Known>,
    is_shared: bool,
    faults: &mut Vec<Fault>,
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

fn read_question(question: &Written<'_>, is_shared: bool) -> Result<Known, Fault> {
    question.only(&["what", "query", "findings", "log"])?;
    let what = need(question, "what", "say what it asks for, for people")?;
    let (by, written) = match (question.get("query"), question.get("findings"), question.get("log")) {
        (Some(query), None, None) => {
            let text = query.text()?;
            let parsed = Query::parse(text, Time::MIN).map_err(|error| {
                let place = format!(
                    "the query, at byte {}: {} [{}]",
                    error.at.start,
                    error.message,
                    error.code.as_str()
                );
                query.fault("catalogue.query", place, error.hint)
            })?;
            if parsed.is_empty() {
                let hint = "`*` is no query either: ask for a field, as in has:action";
                return Err(query.fault("catalogue.query", "the query asks for nothing", hint));
            }
            if parsed.conditions().iter().any(|asked| asked.condition.asks_when()) {
                let hint = "leave the time to --period";
                return Err(query.fault(
                    "catalogue.query_time",
                    "the query asks when something happened",
                    hint,
                ));
            }
            (Asked::Query(text.into(), Box::new(parsed)), text.to_owned())
        }
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
                .ok_or_else(|| fact.fault("catalogue.log", format!("nothing is known of {word:?}"), hint))?;
            (Asked::Log(parsed), word.to_owned())
        }
        _ => {
            let hint = "write query: for events, findings: for rules, or log: for what is known of the log";
            return Err(question.fault(
                "catalogue.question",
                "one of query, findings and log answers it",
                hint,
            ));
        }
    };
    Ok(Known { what, written, by, is_shared })
}

fn read_control(
    control: &Written<'_>,
    known: &BTreeMap<String, Known>,
    asked: &mut Vec<String>,
) -> Result<Control, Fault> {
    control.only(&["number", "title", "asks", "shows", "cannot"])?;
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
                "catalogue.unknown_question",
                format!("there is no question {name:?}"),
                hint,
            ));
        }
        let place = asked.iter().position(|one| one == name).unwrap_or_else(|| {
            asked.push(name.to_owned());
            asked.len() - 1
        });
        if shows.contains(&place) {
            return Err(item.fault("catalogue.twice", format!("it asks {name:?} twice"), "ask it once"));
        }
        shows.push(place);
    }
    let hint = "say what a log cannot show for it: there is always something";
    let mut cannot = Vec::new();
    for item in bounded(&control.need("cannot", hint)?)? {
        cannot.push(said(&item)?);
    }
    if shows.is_empty() || cannot.is_empty() {
        return Err(control.fault("catalogue.empty", "it shows nothing, or leaves nothing unshown", hint));
    }
    Ok(Control { number, title, asks, shows, cannot })
}

fn bounded<'a>(list: &Written<'a>) -> Result<Vec<Written<'a>>, Fault> {
    let items = list.items()?;
    match items.get(MAX_EACH) {
        Some(item) => Err(item.fault("catalogue.many", "the list is too long", "32 are the most")),
        None => Ok(items),
    }
}

/// The name that has most of its beginning in common.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> &'a str {
    let common =
        |other: &str| other.bytes().zip(name.bytes()).take_while(|(one, other)| one == other).count();
    known.max_by_key(|other| common(other)).map_or("", String::as_str)
}

fn need(of: &Written<'_>, name: &str, hint: &str) -> Result<String, Fault> {
    said(&of.need(name, hint)?)
}

/// A text for people, on one line.
fn said(of: &Written<'_>) -> Result<String, Fault> {
    let text = of.text()?;
    if text.trim().is_empty() || text.len() > MAX_TEXT {
        return Err(of.fault("catalogue.text", "it is empty or too long", "2000 bytes are the most"));
    }
    if text.chars().any(|char| char.is_control() && char != '\n') {
        return Err(of.fault("catalogue.text", "it has control characters", "write text"));
    }
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A word such as a number or a tag.
fn short(of: &Written<'_>) -> Result<String, Fault> {
    let text = said(of)?;
    if text.len() > 100 {
        return Err(of.fault("catalogue.text", "it is too long", "100 bytes are the most"));
    }
    Ok(text)
}

fn keep<T>(result: Result<T, Fault>, faults: &mut Vec<Fault>) -> Option<T> {
    result.map_err(|fault| faults.push(fault)).ok()
}
