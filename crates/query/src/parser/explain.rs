//! Explains how an event is parsed: why each parser fits or doesn't, and where each parsed field comes from.

use core::fmt::{self, Write as _};
use std::borrow::Cow;

use super::address::canonical;
use super::condition::{Condition, Test, tests_hold};
use super::definition::Definition;
use super::parsed::{MAX_ALSO, Outcome};
use super::parsers::{BUILT_IN, Parsers};
use super::path::{Path, Scope, Top};
use super::promise::PromisedFacts;
use super::source::{Alternative, Input, PartySource, Source, TemplatePart, first_text};
use crate::value::{Kind, Value};

/// Maximum number of characters of a value that an explanation shows.
const MAX_SHOWN: usize = 80;
/// Maximum number of words of a test that an explanation shows.
const MAX_WORDS: usize = 6;

/// An explanation of how an event is parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// All parsers, in the order they are tried. The first one that fits is used.
    pub parsers: Vec<ParserFit>,
    /// The fields of the parser that is used; empty if no parser fits.
    pub facts: Vec<Fact>,
}

impl Explanation {
    /// Returns the parser that is used.
    pub fn chosen(&self) -> Option<&ParserFit> {
        self.parsers.iter().find(|parser| parser.fits())
    }
}

/// Tells whether a parser fits an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParserFit {
    /// The parser's name.
    pub parser: String,
    /// The path at which the parser found the event, or came closest to it; empty for the whole event.
    pub within: String,
    /// The number of tests that passed before the first one that failed.
    pub passed: usize,
    /// The first test that failed; `None` if the parser fits.
    pub failed: Option<String>,
}

impl ParserFit {
    /// True if all tests passed.
    pub fn fits(&self) -> bool {
        self.failed.is_none()
    }
}

/// A parsed field, and the sources that were tried for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The field: `action`, `actor.id`.
    pub name: &'static str,
    /// Its values: at most one, except for `also`.
    pub values: Vec<String>,
    /// The sources, in the order they were tried.
    pub attempts: Vec<Attempt>,
}

/// A source that was tried for a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The source as the parser file has it, except for its quotation marks: `userIdentity.arn`, `={verb} {name}`.
    pub source: String,
    /// The value in the event that was used, or the first one that could not be used.
    pub found: Option<String>,
    /// The field's value, or the reason why the source has none.
    pub result: Result<String, String>,
}

impl Parsers {
    /// Explains how [`Parsers::parse`] parses an event.
    pub fn explain(&self, event: &Value<'_>) -> Explanation {
        let top = Top::new(*event, &self.names);
        let mut explanation = Explanation::default();
        for definition in self.list.iter() {
            let is_needed = explanation.chosen().is_none();
            let (fit, facts) = definition.explain(&top, is_needed);
            if is_needed {
                explanation.facts = facts;
            }
            explanation.parsers.push(fit);
        }
        explanation
    }
}

/// A parser, and the fields that it can extract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParserSummary<'a> {
    /// The parser's name.
    pub name: &'a str,
    /// The fields that it has sources for, in the order of [`FACTS`].
    pub facts: Vec<&'static str>,
    /// The facts that it promises, for all or some of its events.
    pub promises: PromisedFacts,
    /// The address at which the source of a built-in parser documents its events.
    pub documentation: Option<&'static str>,
}

/// The fields that nearly every source states. `on_behalf_of` is another, which few do.
pub const FACTS: [&str; 7] = ["time", "action", "actor", "target", "address", "outcome", "reason"];

impl Parsers {
    /// Iterates over the parsers, in the order they are tried.
    pub fn summaries(&self) -> impl Iterator<Item = ParserSummary<'_>> {
        static DOCUMENTATION: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/documentation.rs"));
        let built_in = Self::built_in();
        self.list.iter().map(move |definition| {
            let nth = built_in.list.iter().position(|other| other.parsed_as == definition.parsed_as);
            let file = nth.and_then(|nth| BUILT_IN.get(nth)).map(|(file, _)| *file);
            let address = DOCUMENTATION.iter().find(|(name, _)| Some(*name) == file);
            ParserSummary {
                name: &definition.parsed_as,
                facts: definition.defined_facts(),
                promises: definition.promises.facts(),
                documentation: address.map(|(_, address)| *address),
            }
        })
    }
}

impl Definition {
    fn defined_facts(&self) -> Vec<&'static str> {
        let has = |source: &Source| !source.alternatives.is_empty();
        let defined = [
            has(&self.time),
            has(&self.action),
            !self.actor.alternatives.is_empty(),
            !self.target.alternatives.is_empty(),
            has(&self.address),
            has(&self.outcome),
            has(&self.reason),
        ];
        FACTS.into_iter().zip(defined).filter_map(|(name, is_defined)| is_defined.then_some(name)).collect()
    }

    fn explain(&self, top: &Top<'_>, with_facts: bool) -> (ParserFit, Vec<Fact>) {
        let parser = &self.parsed_as;
        let mut best: Option<ParserFit> = None;
        let mut facts = Vec::new();
        self.each_place(top, &mut |outer, scope| {
            let (passed, failed) = match self.when.first_failure(scope) {
                None => (0, None),
                Some(FailedTest { passed, text }) => (passed, Some(text)),
            };
            let fits = failed.is_none();
            if fits || best.as_ref().is_none_or(|best| passed > best.passed) {
                best = Some(ParserFit { parser: parser.clone(), within: outer.text.clone(), passed, failed });
            }
            if fits && with_facts {
                facts = self.facts(scope);
            }
            fits
        });
        let nowhere = || {
            let paths: Vec<String> = self.within.iter().map(|outer| format!("`{}`", outer.text)).collect();
            let failed = Some(format!("{} contains no event", paths.join(" or ")));
            ParserFit { parser: parser.clone(), within: String::new(), passed: 0, failed }
        };
        (best.unwrap_or_else(nowhere), facts)
    }

    fn facts(&self, scope: &Scope<'_, '_>) -> Vec<Fact> {
        let string = |_: &Alternative, text: Cow<'_, str>| Some(text.into_owned());
        let one = |name, source: &Source, make: &Make<'_>, unusable: &str| {
            let mut fact = Fact::new(name);
            fact.try_source(source, scope, make, unusable);
            fact
        };
        let time =
            |one: &Alternative, text: Cow<'_, str>| one.time_format.read(&text).map(|time| time.to_string());
        let outcome = |_: &Alternative, text: Cow<'_, str>| {
            Outcome::parse_stated(&text).map(|outcome| outcome.as_str().to_owned())
        };
        let address = |_: &Alternative, text: Cow<'_, str>| Some(canonical(text).into_owned());
        let not_time = "it is not a time in a format that the source accepts (see `unit` and `zone`)";
        let mut facts = vec![one("time", &self.time, &time, not_time)];
        let action = one("action", &self.action, &string, "");
        if let (Some(path), Some(action)) = (&self.also, action.values.first()) {
            facts.push(Fact::from_also(path, self.also(scope, action)));
        }
        facts.insert(1, action);
        facts.extend(party_facts(ACTOR, &self.actor, &self.actor_also, scope));
        if !self.on_behalf_of.alternatives.is_empty() {
            facts.extend(party_facts(ON_BEHALF_OF, &self.on_behalf_of, &self.on_behalf_of_also, scope));
        }
        facts.extend(party_facts(TARGET, &self.target, &self.target_also, scope));
        facts.push(one("address", &self.address, &address, ""));
        facts.push(one("outcome", &self.outcome, &outcome, "it is not an outcome"));
        facts.push(one("reason", &self.reason, &string, ""));
        facts
    }
}

/// The names of a party's fields: `id`, `name`, `type`, `also`.
type PartyNames = [&'static str; 4];

const ACTOR: PartyNames = ["actor.id", "actor.name", "actor.type", "actor.also"];
const ON_BEHALF_OF: PartyNames =
    ["on_behalf_of.id", "on_behalf_of.name", "on_behalf_of.type", "on_behalf_of.also"];
const TARGET: PartyNames = ["target.id", "target.name", "target.type", "target.also"];

/// Converts the text of a source to a field's value.
type Make<'m> = dyn Fn(&Alternative, Cow<'_, str>) -> Option<String> + 'm;

fn party_facts(names: PartyNames, party: &PartySource, also: &Source, scope: &Scope<'_, '_>) -> Vec<Fact> {
    let [mut id, mut name, mut kind, mut others] = names.map(Fact::new);
    let string = |_: &Alternative, text: Cow<'_, str>| Some(text.into_owned());
    let mut is_found = false;
    for (nth, one) in party.alternatives.iter().enumerate() {
        if let Some(FailedTest { text, .. }) = one.when.first_failure(scope) {
            let (party, _) = names[0].split_once('.').unwrap_or_default();
            let result = Err(format!("its condition does not hold: {text}"));
            id.attempts.push(Attempt { source: format!("{party}[{nth}]"), found: None, result });
            continue;
        }
        id.try_source(&one.id, scope, &string, "");
        name.try_source(&one.name, scope, &string, "");
        is_found = !id.values.is_empty() || !name.values.is_empty();
        if is_found {
            kind.try_source(&one.kind, scope, &string, "");
            break;
        }
    }
    if is_found {
        let known: Vec<&String> = id.values.iter().chain(&name.values).collect();
        others.try_all(also, scope, &known);
    }
    vec![id, name, kind, others]
}

impl Fact {
    fn new(name: &'static str) -> Self {
        Self { name, values: Vec::new(), attempts: Vec::new() }
    }

    /// Creates the fact of an event's additional actions.
    fn from_also(path: &Path, also: Vec<Cow<'_, str>>) -> Self {
        let values: Vec<String> = also.into_iter().map(Cow::into_owned).collect();
        let result = values.first().cloned().ok_or_else(|| "no other action was found".to_owned());
        let attempts = vec![Attempt { source: path.to_string(), found: None, result }];
        Self { name: "also", values, attempts }
    }

    /// Tries the alternatives of a source until one has a value.
    fn try_source(&mut self, source: &Source, scope: &Scope<'_, '_>, make: &Make<'_>, unusable: &str) {
        for one in &source.alternatives {
            let attempt = one.attempt(scope, make, unusable);
            let value = attempt.result.clone().ok();
            self.attempts.push(attempt);
            if value.is_some() {
                self.values.extend(value);
                return;
            }
        }
    }

    /// Adds all values of all alternatives of a source, as [`Party::add_also`](super::Party) does.
    fn try_all(&mut self, source: &Source, scope: &Scope<'_, '_>, known: &[&String]) {
        for one in &source.alternatives {
            let values = core::cell::RefCell::new(Vec::new());
            one.find(scope, |text| -> Option<()> {
                values.borrow_mut().push(text.into_owned());
                None
            });
            let values = values.into_inner();
            let string = |_: &Alternative, text: Cow<'_, str>| Some(text.into_owned());
            self.attempts.push(one.attempt(scope, &string, ""));
            for value in values {
                let is_new = !known.contains(&&value) && !self.values.contains(&value);
                if is_new && !value.is_empty() && self.values.len() < MAX_ALSO {
                    self.values.push(value);
                }
            }
        }
    }
}

impl Alternative {
    fn attempt(&self, scope: &Scope<'_, '_>, make: &Make<'_>, unusable: &str) -> Attempt {
        let value = self.find(scope, |text| make(self, text));
        let (mut used, mut first) = (None, None);
        if let Input::Path(path) = &self.from {
            path.find(scope, &mut |value| {
                first.get_or_insert_with(|| describe_value(value));
                let made = value.non_empty_text().and_then(|text| self.convert(text));
                let is_used = made.and_then(|text| make(self, text)).is_some();
                used = is_used.then(|| describe_value(value));
                is_used
            });
        }
        let found = if value.is_some() { used } else { first };
        let result = value.ok_or_else(|| self.why_not(scope, unusable));
        Attempt { source: self.to_string(), found, result }
    }

    /// Returns the reason why this source has no value.
    fn why_not(&self, scope: &Scope<'_, '_>, unusable: &str) -> String {
        if let Some(FailedTest { text, .. }) = self.when.first_failure(scope) {
            return format!("its condition does not hold: {text}");
        }
        let text = match &self.from {
            Input::Text(text) => Some(Cow::Borrowed(text.as_str())),
            Input::Parts(parts) => {
                let missing = parts.iter().find_map(|part| match part {
                    TemplatePart::Path(path) => first_text(path, scope).is_none().then_some(path),
                    TemplatePart::Text(_) => None,
                });
                if let Some(path) = missing {
                    return format!("`{path}` has no value");
                }
                None
            }
            Input::Path(path) => {
                let is_there = path.find(scope, &mut |_| true);
                match first_text(path, scope) {
                    None if is_there => return "it is empty, null, an object, or an array".to_owned(),
                    None => return "nothing is there".to_owned(),
                    some => some,
                }
            }
        };
        let contains = |mark: &String| text.as_ref().is_none_or(|text| text.contains(mark.as_str()));
        if let Some(mark) = self.after.iter().chain(&self.before).find(|mark| !contains(mark)) {
            return format!("it does not contain {mark:?}");
        }
        if self.map.is_some() { "it is not in `map`".to_owned() } else { unusable.to_owned() }
    }
}

impl fmt::Display for Alternative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Input::Path(path) => write!(f, "{path}")?,
            Input::Text(text) => write!(f, "={text}")?,
            Input::Parts(parts) => {
                f.write_char('=')?;
                for part in parts {
                    match part {
                        TemplatePart::Text(text) => f.write_str(text)?,
                        TemplatePart::Path(path) => write!(f, "{{{path}}}")?,
                    }
                }
            }
        }
        for (name, mark) in [("after", &self.after), ("before", &self.before)] {
            if let Some(mark) = mark {
                write!(f, " {name} {mark:?}")?;
            }
        }
        Ok(())
    }
}

/// The first test of a condition that failed.
struct FailedTest {
    /// The number of tests before it, which passed.
    passed: usize,
    text: String,
}

impl Condition {
    /// Returns the first test that failed, of the alternative in which the most tests passed before it.
    fn first_failure(&self, scope: &Scope<'_, '_>) -> Option<FailedTest> {
        if self.holds(scope) {
            return None;
        }
        let failures = self.any.iter().filter_map(|all| {
            let passed = all.iter().position(|(path, tests)| !tests_hold(path, tests, scope))?;
            Some((passed, &all[passed]))
        });
        let (passed, (path, tests)) = failures.rev().max_by_key(|(passed, _)| *passed)?;
        let wanted: Vec<String> = tests.iter().map(ToString::to_string).collect();
        let mut found = None;
        path.find(scope, &mut |value| {
            found = Some(describe_value(value));
            true
        });
        let found = found.map_or_else(|| "is missing".to_owned(), |found| format!("is {found}"));
        Some(FailedTest { passed, text: format!("`{path}` {found}, but must {}", wanted.join(" and ")) })
    }
}

/// Completes the sentence "the value must …".
impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::There(true) => f.write_str("exist"),
            Self::There(false) => f.write_str("not exist"),
            Self::Kind(kind) => write!(f, "be {}", describe_kind(*kind)),
            Self::Is(words) => write!(f, "be {}", describe_words(words)),
            Self::Begins(words) => write!(f, "begin with {}", describe_words(words)),
            Self::Ends(words) => write!(f, "end with {}", describe_words(words)),
            Self::Contains(words) => write!(f, "contain {}", describe_words(words)),
            Self::From(least) => write!(f, "be at least {least}"),
            Self::To(most) => write!(f, "be at most {most}"),
            Self::Only(names) => write!(f, "have no other fields than {}", names.join(", ")),
            Self::Not(tests) => {
                let tests: Vec<String> = tests.iter().map(ToString::to_string).collect();
                write!(f, "not {}", tests.join(" and "))
            }
        }
    }
}

fn describe_words(words: &[String]) -> String {
    let mut shown: Vec<String> = words.iter().take(MAX_WORDS).map(|word| format!("{word:?}")).collect();
    if words.len() > MAX_WORDS {
        shown.push(format!("one of {} others", words.len() - MAX_WORDS));
    }
    shown.join(" or ")
}

const fn describe_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Object => "an object",
        Kind::Array => "an array",
        Kind::Text => "a string",
        Kind::Number => "a number",
        Kind::Bool => "true or false",
        Kind::Null => "null",
    }
}

/// Returns a short description of a value: a scalar as JSON, otherwise its type.
fn describe_value(value: Value<'_>) -> String {
    match (value.kind(), value.text()) {
        (Kind::Text, Some(text)) => {
            let mut short: String = text.chars().take(MAX_SHOWN).collect();
            if short.len() < text.len() {
                short.push('…');
            }
            format!("{short:?}")
        }
        (Kind::Number, Some(text)) => text.chars().take(MAX_SHOWN).collect(),
        (Kind::Bool, Some(text)) => text.into_owned(),
        (kind, _) => describe_kind(kind).to_owned(),
    }
}
