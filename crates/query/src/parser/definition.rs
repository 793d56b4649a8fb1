//! A parser as it is written: from the text of a file to what is looked for in events.

use std::borrow::Cow;
use std::collections::BTreeMap;

use countersign::canonical;

use super::address::bare;
#[cfg(feature = "category")]
use super::category::{Assigned, Categories, Category, Pattern, Rule};
use super::condition::{Condition, Test};
use super::error::{CHECKS, Parsed, ParserError, ensure, told};
use super::parsed::{Outcome, Parts, Party, Read};
use super::path::{Begins, Path, Roots, Scope, Top};
use super::source::{Alternative, From, Part, PartyAlternative, PartySource, Source};
use super::spelling::Spelling;
use super::when::{Unit, Written};
use crate::envelope::Envelope;
use crate::field::Short;
use crate::names::Names;
use crate::value::{Document, Kind, Value};

/// The most alternatives, tests and words that stand beside each other.
const MOST: usize = 512;

/// So many of the members that an event must have tell whether it may be of a shape: there are not numbers for all.
const NEEDED: usize = 3;

/// A path in a record at which the event may be.
#[derive(Clone, Debug)]
pub(super) struct Outer {
    pub(super) path: Path,
    /// The path as the file has it.
    pub(super) text: String,
}

/// A parser.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) parsed_as: String,
    pub(super) within: Vec<Outer>,
    /// The path at which the source itself has what is read.
    pub(super) place: String,
    when: Condition,
    time: Source,
    action: Source,
    also: Option<Path>,
    actor: PartySource,
    actor_also: Source,
    target: PartySource,
    target_also: Source,
    address: Source,
    outcome: Source,
    reason: Source,
    /// Which rules assign categories to its events.
    #[cfg(feature = "category")]
    pub(super) category: Assigned,
    /// An event that this may read has all the members of one of these.
    needs: Vec<Roots>,
    /// Of each of these the rarest: most events that are of another shape have none of them. Nothing in WebAssembly, where
    /// code is to be small.
    marks: Roots,
    /// What its paths begin with.
    begins: Begins,
}

impl Definition {
    pub(super) fn parse(text: &str) -> Parsed<Self> {
        let document = Document::parse(text).ok_or_else(|| {
            ParserError::new(
                "",
                "it is no JSON, or above 262,144 bytes",
                "a parser is one JSON object: a JSON linter shows the place",
            )
        })?;
        let object = Object::of(document.root())?;
        object.know(&[
            "as",
            "doc",
            "within",
            "place",
            "when",
            "time",
            "action",
            "also",
            "actor",
            "actor_also",
            "target",
            "target_also",
            "address",
            "outcome",
            "reason",
            "category",
        ])?;
        let parsed_as = object.required("as", word)?;
        object.doc()?;
        let when = object.required("when", condition)?;
        let has_any =
            |all: &Vec<(Path, Vec<Test>)>| !all.iter().all(|(_, tests)| tests.iter().all(Test::wants_none));
        ensure(when.any.iter().all(has_any), || {
            let problem = "nothing has to be there";
            let repair = "name a member that only these events have, or any event may be read so";
            ParserError::new("when", problem, repair)
        })?;
        let within = object
            .optional("within", within)?
            .unwrap_or_else(|| vec![Outer { path: Path::here(), text: String::new() }]);
        let place = object.optional("place", word)?.unwrap_or_default();
        let mut definition = Self {
            parsed_as,
            within,
            place,
            when,
            time: object.optional("time", source)?.unwrap_or_default(),
            action: object.required("action", source)?,
            also: object.optional("also", path)?,
            actor: object.optional("actor", party)?.unwrap_or_default(),
            actor_also: object.optional("actor_also", source)?.unwrap_or_default(),
            target: object.optional("target", party)?.unwrap_or_default(),
            target_also: object.optional("target_also", source)?.unwrap_or_default(),
            address: object.optional("address", source)?.unwrap_or_default(),
            outcome: object.optional("outcome", outcome)?.unwrap_or_default(),
            reason: object.optional("reason", source)?.unwrap_or_default(),
            #[cfg(feature = "category")]
            category: match object.optional("category", rules)? {
                Some(rules) => Assigned::Rules(rules.into()),
                None => Assigned::Nothing,
            },
            needs: Vec::new(),
            marks: Roots::default(),
            begins: Begins::default(),
        };
        let mut begins = Begins::default();
        let Self {
            when,
            time,
            action,
            also,
            actor,
            actor_also,
            target,
            target_also,
            address,
            outcome,
            reason,
            ..
        } = &mut definition;
        when.number(&mut begins);
        if let Some(path) = also {
            path.number(&mut begins);
        }
        actor.number(&mut begins);
        target.number(&mut begins);
        for source in [time, action, address, outcome, reason, actor_also, target_also] {
            source.number(&mut begins);
        }
        definition.begins = begins;
        Ok(definition)
    }

    /// Gives numbers to the members that events must have, as far as there are any left.
    pub(super) fn number_roots(&mut self, names: &mut Names) {
        let mut number = |name: &str, roots: &mut Roots| {
            let next = names.len();
            if next < u128::BITS as usize || names.get(name).is_some() {
                roots.add(names.get_or_insert(name, next));
            }
        };
        self.needs.clear();
        for outer in &self.within {
            let mut roots = Roots::default();
            if let Some(name) = outer.path.root() {
                number(name, &mut roots);
                self.needs.push(roots);
                continue;
            }
            for all in &self.when.any {
                let mut roots = Roots::default();
                let wanted = all.iter().filter(|(_, tests)| !tests.iter().any(Test::wants_none));
                for name in wanted.filter_map(|(path, _)| path.root()).take(NEEDED) {
                    number(name, &mut roots);
                }
                self.needs.push(roots);
            }
        }
        if cfg!(target_arch = "wasm32") {
            return;
        }
        self.marks = self.needs.iter().fold(Roots::default(), |marks, roots| marks.with(roots.rarest()));
    }

    /// Gives numbers to what its paths begin with, once all parsers have those of [`Self::number_roots`].
    pub(super) fn share_begins(&mut self, names: &mut Names) {
        self.begins.share(names);
    }

    /// How the texts that a short name stands for are put together, where that can be told.
    pub(super) fn spell(&self, short: Short, spelling: &mut Spelling) -> bool {
        match short {
            Short::Action => spelling.add(&self.action),
            Short::Ip => spelling.add(&self.address),
            Short::Actor => spelling.add_party(&self.actor, &self.actor_also),
            Short::Target => spelling.add_party(&self.target, &self.target_also),
            Short::Tenant => true,
            Short::Outcome | Short::Signer | Short::Chain | Short::As => false,
        }
    }

    /// Whether an event that has these members can be of this shape at all.
    pub(super) fn may_fit(&self, there: Roots) -> bool {
        (cfg!(target_arch = "wasm32") || there.has_any(self.marks))
            && self.needs.iter().any(|needed| there.holds(*needed))
    }

    /// What an event says, where it is of this shape.
    pub(super) fn read<'a>(&'a self, top: &Top<'a>, parts: Parts) -> Option<Read<'a>> {
        self.within.iter().find_map(|outer| {
            let here = outer.path.first(top.event())?;
            let read = match here.kind() {
                Kind::Text => self.read_text(&here.string()?, top, parts),
                _ => self.read_at(top, here, parts),
            }?;
            let is_elsewhere = here.kind() == Kind::Text || outer.text != self.place;
            let envelope = is_elsewhere.then_some(Envelope {
                path: Cow::Borrowed(outer.text.as_str()),
                place: Cow::Borrowed(self.place.as_str()),
            });
            Some(Read { envelope, ..read })
        })
    }

    /// Calls `each` with the place in the event that this parser reads, if it is of this shape.
    #[cfg(feature = "category")]
    pub(super) fn visit(&self, top: &Top<'_>, each: &mut dyn FnMut(&Scope<'_, '_>)) -> bool {
        let mut visit = |top: &Top<'_>, here: Value<'_>| {
            let scope = Scope::new(top, here, &self.begins);
            let is_of_shape = self.when.holds(&scope);
            if is_of_shape {
                each(&scope);
            }
            is_of_shape
        };
        self.within.iter().any(|outer| {
            let Some(here) = outer.path.first(top.event()) else { return false };
            if here.kind() != Kind::Text {
                return visit(top, here);
            }
            let Some(text) = here.string() else { return false };
            let Some(document) = Document::parse(&text) else { return false };
            visit(&top.of_text(document.root()), document.root())
        })
    }

    /// What an event says that stands within another as a text.
    fn read_text(&self, text: &str, top: &Top<'_>, parts: Parts) -> Option<Read<'static>> {
        let document = Document::parse(text)?;
        let inner = top.of_text(document.root());
        self.read_at(&inner, document.root(), parts).map(Read::into_owned)
    }

    /// What else was done, each once.
    fn also<'a>(&'a self, scope: &Scope<'a, '_>, action: &str) -> Vec<Cow<'a, str>> {
        let mut also = Vec::new();
        if let Some(path) = &self.also {
            path.find(scope, &mut |value| {
                also.extend(value.said().filter(|text| text != action));
                false
            });
            also.sort_unstable();
            also.dedup();
        }
        also
    }

    fn read_at<'a>(&'a self, top: &Top<'a>, here: Value<'a>, parts: Parts) -> Option<Read<'a>> {
        let scope = &Scope::new(top, here, &self.begins);
        if !self.when.holds(scope) {
            return None;
        }
        let text = |part, source: &'a Source| if parts.has(part) { source.text(scope) } else { None };
        let party = |part, source: &'a PartySource, also: &'a Source| {
            if parts.has(part) {
                source.read(scope, Some(also).filter(|_| parts.has(Parts::ALSO)))
            } else {
                Party::default()
            }
        };
        let action = text(Parts::ACTION, &self.action);
        Some(Read {
            parsed_as: Cow::Borrowed(&self.parsed_as),
            time: self.time.time(scope),
            also: action.as_deref().map_or_else(Vec::new, |action| self.also(scope, action)),
            action,
            actor: party(Parts::ACTOR, &self.actor, &self.actor_also),
            target: party(Parts::TARGET, &self.target, &self.target_also),
            address: text(Parts::ADDRESS, &self.address).map(bare),
            outcome: if parts.has(Parts::OUTCOME) { self.outcome.outcome(scope) } else { Outcome::default() },
            reason: text(Parts::REASON, &self.reason),
            envelope: None,
        })
    }
}

/// An object of the file, whose members are taken by name.
struct Object<'a>(Value<'a>);

impl<'a> Object<'a> {
    fn of(value: Value<'a>) -> Parsed<Self> {
        if value.kind() == Kind::Object {
            Ok(Self(value))
        } else {
            Err(ParserError::new("", "it is not an object", "write it as { … }"))
        }
    }

    /// Refuses other members than these, and members that are there twice.
    fn know(&self, names: &[&str]) -> Parsed<()> {
        if !CHECKS {
            return Ok(());
        }
        let mut seen = Vec::new();
        for (name, _) in self.0.members() {
            let name = name.text();
            if !names.contains(&&*name) {
                let repair = told!("the members here are {}", names.join(", "));
                return Err(ParserError::new(&name, "there is no such member", repair));
            }
            if seen.contains(&name) {
                return Err(ParserError::new(&name, "it is there twice", "keep one"));
            }
            seen.push(name);
        }
        Ok(())
    }

    fn optional<T>(&self, name: &str, parse: impl Fn(Value<'a>) -> Parsed<T>) -> Parsed<Option<T>> {
        self.0.get(name).map(parse).transpose().map_err(|why| why.at(name))
    }

    /// Whether what it says for people is texts.
    fn doc(&self) -> Parsed<()> {
        if CHECKS {
            self.optional("doc", |value| list(value, word))?;
        }
        Ok(())
    }

    fn required<T>(&self, name: &str, parse: impl Fn(Value<'a>) -> Parsed<T>) -> Parsed<T> {
        self.optional(name, parse)?
            .ok_or_else(|| ParserError::new(name, "it is missing", "docs/parsers.md has an example"))
    }
}

/// A string that is not empty.
fn word(value: Value<'_>) -> Parsed<String> {
    match value.string() {
        Some(text) if !text.is_empty() => Ok(text.into_owned()),
        _ => Err(ParserError::new("", "it is not a string, or is empty", "write it as \"…\"")),
    }
}

/// One thing, or an array of them.
fn list<'a, T>(value: Value<'a>, parse: impl Fn(Value<'a>) -> Parsed<T>) -> Parsed<Vec<T>> {
    if value.kind() != Kind::Array {
        return parse(value).map(|one| vec![one]);
    }
    let mut list = Vec::new();
    for (place, element) in value.elements().enumerate() {
        ensure(place < MOST, || ParserError::new("", told!("there are more than {MOST}"), "keep fewer"))?;
        list.push(parse(element).map_err(|why| why.at(&told!("[{place}]")))?);
    }
    ensure(!list.is_empty(), || {
        ParserError::new("", "the array is empty", "leave it out, or say something")
    })?;
    Ok(list)
}

fn path(value: Value<'_>) -> Parsed<Path> {
    Path::parse(&word(value)?)
}

/// Where the event itself may be: `""` is the whole.
fn within(value: Value<'_>) -> Parsed<Vec<Outer>> {
    list(value, |value| {
        let text = value.string().unwrap_or_default().into_owned();
        let path = if value.kind() == Kind::Text && text.is_empty() { Path::here() } else { path(value)? };
        Ok(Outer { path, text })
    })
}

fn condition(value: Value<'_>) -> Parsed<Condition> {
    let all = |value| {
        let mut tests = Vec::new();
        for (name, wanted) in Object::of(value)?.0.members() {
            let name = name.text();
            let path = Path::parse(&name).map_err(|why| why.at(&name))?;
            let is_room = tests.len() < MOST;
            ensure(is_room, || {
                ParserError::new("", told!("there are more than {MOST} tests"), "keep fewer")
            })?;
            tests.push((path, test(wanted).map_err(|why| why.at(&name))?));
        }
        let repair = "name a member and what it must be";
        ensure(!tests.is_empty(), || ParserError::new("", "it has no test", repair))?;
        Ok(tests)
    };
    list(value, all).map(|any| Condition { any })
}

fn test(value: Value<'_>) -> Parsed<Vec<Test>> {
    match value.kind() {
        Kind::Object => {}
        Kind::Null => {
            let repair = "write {\"there\": false} for what must not be there";
            return Err(ParserError::new("", "null is not a test", repair));
        }
        _ => return list(value, scalar).map(|words| vec![Test::Is(words)]),
    }
    let mut tests = Vec::new();
    for (name, wanted) in value.members() {
        let name = name.text();
        let one = match &*name {
            "there" => boolean(wanted).map(Test::There),
            "type" => kind(wanted).map(Test::Kind),
            "is" => list(wanted, scalar).map(Test::Is),
            "begins" => list(wanted, word).map(Test::Begins),
            "ends" => list(wanted, word).map(Test::Ends),
            "contains" => list(wanted, word).map(Test::Contains),
            "from" => number(wanted).map(Test::From),
            "to" => number(wanted).map(Test::To),
            "only" => list(wanted, word).map(Test::Only),
            "not" => test_of_scalars(wanted).map(Test::Not),
            _ => {
                let repair = "the tests are there, type, is, begins, ends, contains, from, to, only, not";
                Err(ParserError::new("", "there is no such test", repair))
            }
        };
        tests.push(one.map_err(|why| why.at(&name))?);
    }
    ensure(!tests.is_empty(), || ParserError::new("", "it has no test", "say what the member must be"))?;
    Ok(tests)
}

/// What `not` denies, which is no denial itself: `not` and `there` within it would only confuse.
fn test_of_scalars(value: Value<'_>) -> Parsed<Vec<Test>> {
    let tests = test(value)?;
    ensure(!tests.iter().any(|test| test.wants_none() || matches!(test, Test::There(_))), || {
        ParserError::new("", "it denies a denial", "say what must be so instead")
    })?;
    Ok(tests)
}

fn boolean(value: Value<'_>) -> Parsed<bool> {
    value.bool().ok_or_else(|| ParserError::new("", "it is neither true nor false", "write true or false"))
}

fn number(value: Value<'_>) -> Parsed<f64> {
    let number = value.number().and_then(canonical::double);
    number.ok_or_else(|| ParserError::new("", "it is not a number", "write it as 400"))
}

fn scalar(value: Value<'_>) -> Parsed<String> {
    match value.kind() {
        Kind::Text | Kind::Number | Kind::Bool => Ok(value.text().unwrap_or_default().into_owned()),
        _ => Err(ParserError::new("", "it is not a string, number, true or false", "write the value itself")),
    }
}

fn kind(value: Value<'_>) -> Parsed<Kind> {
    match &*word(value)? {
        "object" => Ok(Kind::Object),
        "array" => Ok(Kind::Array),
        "string" => Ok(Kind::Text),
        "number" => Ok(Kind::Number),
        "boolean" => Ok(Kind::Bool),
        other => {
            let repair = "write object, array, string, number or boolean";
            Err(ParserError::new("", told!("there is no type {other:?}"), repair))
        }
    }
}

fn source(value: Value<'_>) -> Parsed<Source> {
    list(value, alternative).map(|alternatives| Source { alternatives })
}

/// A source that gives words for outcomes alone.
fn outcome(value: Value<'_>) -> Parsed<Source> {
    let source = source(value)?;
    if !CHECKS {
        return Ok(source);
    }
    for (place, one) in source.alternatives.iter().enumerate() {
        let words: Vec<&str> = match (&one.map, &one.from) {
            (Some(map), _) => map.values().chain(&one.otherwise).map(String::as_str).collect(),
            (None, From::Text(word)) => vec![word],
            (None, _) => {
                let problem = "the source's own word is not an outcome";
                let repair = "add a map from its words to success, failure, denied and unknown";
                return Err(ParserError::new(&told!("[{place}]"), problem, repair));
            }
        };
        if let Some(word) = words.into_iter().find(|word| Outcome::stated(word).is_none()) {
            let repair = "write success, failure, denied or unknown; what is not stated has no alternative";
            return Err(ParserError::new(&told!("[{place}]"), told!("{word:?} is not an outcome"), repair));
        }
    }
    Ok(source)
}

fn alternative(value: Value<'_>) -> Parsed<Alternative> {
    let plain = |from| Alternative {
        when: Condition::default(),
        from,
        after: None,
        before: None,
        map: None,
        otherwise: None,
        written: Written::default(),
    };
    if value.kind() == Kind::Text {
        return from(value).map(plain);
    }
    let object = Object::of(value)?;
    object.know(&["value", "when", "after", "before", "map", "else", "unit", "zone", "doc"])?;
    object.doc()?;
    let map = object.optional("map", map)?;
    let otherwise = object.optional("else", word)?;
    ensure(map.is_some() || otherwise.is_none(), || {
        ParserError::new("else", "it stands without a map", "add a map, or leave it out")
    })?;
    let unit = object.optional("unit", unit)?;
    let utc = object.optional("zone", zone)?.is_some();
    Ok(Alternative {
        when: object.optional("when", condition)?.unwrap_or_default(),
        after: object.optional("after", word)?,
        before: object.optional("before", word)?,
        map,
        otherwise,
        written: Written { unit, utc },
        ..plain(object.required("value", from)?)
    })
}

/// A path; or after an equals sign a text, in which paths stand in braces.
fn from(value: Value<'_>) -> Parsed<From> {
    let text = word(value)?;
    let Some(template) = text.strip_prefix('=') else { return Path::parse(&text).map(From::Path) };
    let fault = |problem: &str| {
        ParserError::new("", told!("{text:?}: {problem}"), "write a text after = with paths as {actor.id}")
    };
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (path, after) = after.split_once('}').ok_or_else(|| fault("a brace has no end"))?;
        if !before.is_empty() {
            parts.push(Part::Text(before.into()));
        }
        parts.push(Part::Path(Path::parse(path)?));
        rest = after;
    }
    ensure(!rest.contains('}'), || fault("a brace has no beginning"))?;
    if parts.is_empty() {
        return if rest.is_empty() { Err(fault("it is empty")) } else { Ok(From::Text(rest.into())) };
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    ensure(parts.len() <= 16, || fault("it has more than 16 parts"))?;
    Ok(From::Parts(parts))
}

fn map(value: Value<'_>) -> Parsed<BTreeMap<String, String>> {
    let mut map = BTreeMap::new();
    for (name, stands_for) in Object::of(value)?.0.members() {
        let name = name.text();
        let stands_for = word(stands_for).map_err(|why| why.at(&name))?;
        let before = map.insert(name.clone().into_owned(), stands_for);
        ensure(before.is_none(), || ParserError::new(&name, "it is there twice", "keep one"))?;
    }
    Ok(map)
}

fn unit(value: Value<'_>) -> Parsed<Unit> {
    let written = word(value)?;
    Unit::WORDS.into_iter().find(|(word, _)| *word == written).map(|(_, unit)| unit).ok_or_else(|| {
        ParserError::new("", told!("there is no unit {written:?}"), "write s, ms, us or ns, from 1970 on")
    })
}

fn zone(value: Value<'_>) -> Parsed<()> {
    ensure(value.string().as_deref() == Some("UTC"), || {
        ParserError::new(
            "",
            "only UTC is known",
            "write \"UTC\" where the source documents it, or leave it out",
        )
    })
}

fn party(value: Value<'_>) -> Parsed<PartySource> {
    let one = |value| {
        let object = Object::of(value)?;
        object.know(&["when", "id", "name", "type", "doc"])?;
        object.doc()?;
        let party = PartyAlternative {
            when: object.optional("when", condition)?.unwrap_or_default(),
            id: object.optional("id", source)?.unwrap_or_default(),
            name: object.optional("name", source)?.unwrap_or_default(),
            kind: object.optional("type", source)?.unwrap_or_default(),
        };
        ensure(!party.id.alternatives.is_empty() || !party.name.alternatives.is_empty(), || {
            ParserError::new("id", "it is missing, and so is a name", "say where the identifier stands")
        })?;
        Ok(party)
    };
    list(value, one).map(|alternatives| PartySource { alternatives })
}

/// The rules of a `category` field.
#[cfg(feature = "category")]
pub(super) fn rules(value: Value<'_>) -> Parsed<Vec<Rule>> {
    list(value, |value| {
        let object = Object::of(value)?;
        object.know(&["is", "of", "action", "except", "when", "final", "doc"])?;
        object.doc()?;
        let patterns = |value| list(value, word).map(|all| all.iter().map(|one| Pattern::new(one)).collect());
        let is = object.optional("is", |value| list(value, category))?;
        let of = object.optional("of", word)?;
        ensure(is.is_some() || of.is_some(), || {
            ParserError::new(
                "is",
                "it is missing",
                "name a category, or with `of` a parser whose rules apply",
            )
        })?;
        Ok(Rule {
            is: is.into_iter().flatten().collect::<Categories>(),
            of,
            actions: object.optional("action", patterns)?.unwrap_or_default(),
            except: object.optional("except", patterns)?.unwrap_or_default(),
            when: object.optional("when", condition)?.unwrap_or_default(),
            is_final: object.optional("final", boolean)?.unwrap_or_default(),
        })
    })
}

#[cfg(feature = "category")]
fn category(value: Value<'_>) -> Parsed<Category> {
    let written = word(value)?;
    Category::parse(&written).ok_or_else(|| {
        let words: Vec<&str> = Category::ALL.iter().map(|known| known.as_str()).collect();
        let repair = told!("the categories are {}", words.join(", "));
        ParserError::new("", told!("there is no category {written:?}"), repair)
    })
}
