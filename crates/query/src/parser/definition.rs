//! Parses parser files, and applies them to events.

use std::borrow::Cow;
use std::collections::BTreeMap;

use countersign::canonical;
use countersign::time::Time;

use super::address;
use super::category::Categories;
#[cfg(feature = "category")]
use super::category::Category;
#[cfg(feature = "category")]
use super::category_rules::{CategoryRules, Rule};
use super::condition::{Condition, Test};
use super::error::{CHECKS, ParseResult, ParserError, ensure, message};
use super::parsed::{Outcome, Parts, Party, Read};
use super::path::{Path, Prefixes, Roots, Scope, Top};
use super::promise::{Promise, PromisedFact, PromisedFacts, Promises};
use super::selection::{Pattern, Selection};
use super::source::{Alternative, Input, PartyAlternative, PartySource, Source, TemplatePart};
use super::spelling::Spelling;
use super::when::{self, TimeFormat, Unit};
use crate::envelope::Envelope;
use crate::field::Short;
use crate::names::Names;
use crate::value::{Document, Kind, Value};

/// Maximum number of alternatives, tests, or words in one list.
const MAX_ITEMS: usize = 512;

/// Number of required fields that are checked to rule a parser out quickly; there are not enough bits for all.
const MAX_REQUIRED: usize = 3;

/// The field in which `countersign record --time-zone` states the offset of times that state none.
pub(super) const UTC_OFFSET: &str = "countersign.utc_offset";

/// A path in a record at which the event may be found.
#[derive(Clone, Debug)]
pub(super) struct EventPath {
    pub(super) path: Path,
    /// The path as the file has it.
    pub(super) text: String,
}

/// A parser, as defined by its file.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) parsed_as: String,
    pub(super) within: Vec<EventPath>,
    /// The path at which the source itself has the event.
    pub(super) place: String,
    pub(super) when: Condition,
    pub(super) time: Source,
    pub(super) action: Source,
    pub(super) also: Option<Path>,
    pub(super) actor: PartySource,
    pub(super) actor_also: Source,
    pub(super) on_behalf_of: PartySource,
    pub(super) on_behalf_of_also: Source,
    pub(super) target: PartySource,
    pub(super) target_also: Source,
    pub(super) address: Source,
    pub(super) outcome: Source,
    pub(super) reason: Source,
    pub(super) promises: Promises,
    /// The rules that assign categories to events of this parser.
    #[cfg(feature = "category")]
    pub(super) category: CategoryRules,
    /// Sets of required fields: an event must have all fields of at least one set.
    required_fields: Vec<Roots>,
    /// The rarest field of each set; most events of another shape have none of them. Unused on WebAssembly, to keep the
    /// code small.
    rarest_fields: Roots,
    /// The field names that paths start with.
    prefixes: Prefixes,
}

impl Definition {
    pub(super) fn parse(text: &str) -> ParseResult<Self> {
        let document = Document::parse(text).ok_or_else(|| {
            ParserError::new(
                "",
                "the file is not valid JSON, or is larger than 262,144 bytes",
                "write one JSON object; a JSON linter shows the position of an error",
            )
        })?;
        let object = Object::new(document.root())?;
        object.allow_only(&[
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
            "on_behalf_of",
            "on_behalf_of_also",
            "target",
            "target_also",
            "address",
            "outcome",
            "reason",
            "promises",
            "broad",
            "category",
        ])?;
        let parsed_as = object.required("as", word)?;
        object.check_doc()?;
        let when = object.required("when", condition)?;
        let has_any = |all: &Vec<(Path, Vec<Test>)>| {
            !all.iter().all(|(_, tests)| tests.iter().all(Test::allows_absence))
        };
        ensure(when.any.iter().all(has_any), || {
            let problem = "the condition requires no field";
            let repair =
                "require a field that only these events have, otherwise the parser matches every event";
            ParserError::new("when", problem, repair)
        })?;
        let within = object
            .optional("within", within)?
            .unwrap_or_else(|| vec![EventPath { path: Path::here(), text: String::new() }]);
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
            on_behalf_of: object.optional("on_behalf_of", party)?.unwrap_or_default(),
            on_behalf_of_also: object.optional("on_behalf_of_also", source)?.unwrap_or_default(),
            target: object.optional("target", party)?.unwrap_or_default(),
            target_also: object.optional("target_also", source)?.unwrap_or_default(),
            address: object.optional("address", source)?.unwrap_or_default(),
            outcome: object.optional("outcome", outcome)?.unwrap_or_default(),
            reason: object.optional("reason", source)?.unwrap_or_default(),
            promises: Promises::new(
                object.optional("broad", condition)?,
                object.optional("promises", promises)?,
            ),
            #[cfg(feature = "category")]
            category: object.optional("category", rules)?.map(CategoryRules::new).unwrap_or_default(),
            required_fields: Vec::new(),
            rarest_fields: Roots::default(),
            prefixes: Prefixes::default(),
        };
        let mut prefixes = Prefixes::default();
        let Self {
            when,
            time,
            action,
            also,
            actor,
            actor_also,
            on_behalf_of,
            on_behalf_of_also,
            target,
            target_also,
            address,
            outcome,
            reason,
            promises,
            ..
        } = &mut definition;
        when.assign_numbers(&mut prefixes);
        promises.assign_numbers(&mut prefixes);
        if let Some(path) = also {
            path.assign_numbers(&mut prefixes);
        }
        for party in [actor, on_behalf_of, target] {
            party.assign_numbers(&mut prefixes);
        }
        let also = [actor_also, on_behalf_of_also, target_also];
        for source in [time, action, address, outcome, reason].into_iter().chain(also) {
            source.assign_numbers(&mut prefixes);
        }
        definition.prefixes = prefixes;
        Ok(definition)
    }

    /// Assigns bits to the required fields, as long as there are any left.
    pub(super) fn number_roots(&mut self, names: &mut Names) {
        let mut number = |name: &str, roots: &mut Roots| {
            let next = names.len();
            if next < Roots::CAPACITY || names.get(name).is_some() {
                roots.add(names.get_or_insert(name, next));
            }
        };
        self.required_fields.clear();
        for outer in &self.within {
            let mut roots = Roots::default();
            if let Some(name) = outer.path.root() {
                number(name, &mut roots);
                self.required_fields.push(roots);
                continue;
            }
            for all in &self.when.any {
                let mut roots = Roots::default();
                let wanted = all.iter().filter(|(_, tests)| !tests.iter().any(Test::allows_absence));
                for name in wanted.filter_map(|(path, _)| path.root()).take(MAX_REQUIRED) {
                    number(name, &mut roots);
                }
                self.required_fields.push(roots);
            }
        }
        if cfg!(target_arch = "wasm32") {
            return;
        }
        self.rarest_fields = self
            .required_fields
            .iter()
            .fold(Roots::default(), |rarest_fields, roots| rarest_fields.with(&roots.rarest()));
    }

    /// Numbers the field names that paths start with, after all parsers have called [`Self::number_roots`].
    pub(super) fn share_prefixes(&mut self, names: &mut Names) {
        self.prefixes.share(names);
    }

    /// Describes how values of a short name are assembled. Returns false if that isn't possible.
    pub(super) fn spell(&self, short: Short, spelling: &mut Spelling) -> bool {
        match short {
            Short::Action => spelling.add(&self.action),
            Short::Actor => spelling.add_party(&self.actor, &self.actor_also),
            Short::For => spelling.add_party(&self.on_behalf_of, &self.on_behalf_of_also),
            Short::Target => spelling.add_party(&self.target, &self.target_also),
            Short::Tenant => true,
            // An address may be written in another form than the parsed one.
            Short::Ip | Short::Category | Short::Outcome | Short::Signer | Short::Chain | Short::As => false,
        }
    }

    /// False if an event with these top-level fields can't be of this shape.
    pub(super) fn may_fit(&self, there: &Roots) -> bool {
        (cfg!(target_arch = "wasm32") || there.has_any(&self.rarest_fields))
            && self.required_fields.iter().any(|needed| there.contains_all(needed))
    }

    /// Returns the parsed fields of an event, if it is of this shape.
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
        self.each_place(top, &mut |_, scope| {
            let is_of_shape = self.when.holds(scope);
            if is_of_shape {
                each(scope);
            }
            is_of_shape
        })
    }

    /// Calls `each` with every place at which this parser looks for the event, until it returns true. Returns true if
    /// it did.
    #[cfg(any(feature = "category", feature = "explain"))]
    pub(super) fn each_place(
        &self,
        top: &Top<'_>,
        each: &mut dyn FnMut(&EventPath, &Scope<'_, '_>) -> bool,
    ) -> bool {
        self.within.iter().any(|outer| {
            let Some(here) = outer.path.first(top.event()) else { return false };
            if here.kind() != Kind::Text {
                return each(outer, &Scope::new(top, here, &self.prefixes));
            }
            let Some(text) = here.string() else { return false };
            let Some(document) = Document::parse(&text) else { return false };
            let inner = top.for_text(document.root());
            each(outer, &Scope::new(&inner, document.root(), &self.prefixes))
        })
    }

    /// Parses an event contained in a string of the record.
    fn read_text(&self, text: &str, top: &Top<'_>, parts: Parts) -> Option<Read<'static>> {
        let document = Document::parse(text)?;
        let inner = top.for_text(document.root());
        self.read_at(&inner, document.root(), parts).map(Read::into_owned)
    }

    /// Returns the additional actions, sorted and without duplicates.
    pub(super) fn also<'a>(&'a self, scope: &Scope<'a, '_>, action: &str) -> Vec<Cow<'a, str>> {
        let mut also = Vec::new();
        if let Some(path) = &self.also {
            path.find(scope, &mut |value| {
                also.extend(value.non_empty_text().filter(|text| text != action));
                false
            });
            also.sort_unstable();
            also.dedup();
        }
        also
    }

    /// Returns the time of an event whose import named the offset of times that state none.
    fn imported_time<'a>(&'a self, top: &Top<'a>, scope: &Scope<'a, '_>) -> Option<Time> {
        let offset = when::offset(&top.event().at(UTC_OFFSET)?.string()?)?;
        let local = self.time.local_time(scope)?;
        Time::from_millis(local.millis().checked_sub(offset)?)
    }

    /// Returns the time of an event that states no offset, as if it were in UTC.
    #[cfg(feature = "explain")]
    pub(super) fn local_time(&self, top: &Top<'_>) -> Option<Time> {
        let mut time = None;
        self.each_place(top, &mut |_, scope| {
            let is_of_shape = self.when.holds(scope);
            if is_of_shape {
                time = self.time.local_time(scope);
            }
            is_of_shape
        });
        time
    }

    fn read_at<'a>(&'a self, top: &Top<'a>, here: Value<'a>, parts: Parts) -> Option<Read<'a>> {
        let scope = &Scope::new(top, here, &self.prefixes);
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
        let time = self.time.time(scope).or_else(|| self.imported_time(top, scope));
        let mut read = Read {
            parsed_as: Cow::Borrowed(&self.parsed_as),
            time,
            is_time_unclear: time.is_none() && self.time.is_stated(scope),
            also: action.as_deref().map_or_else(Vec::new, |action| self.also(scope, action)),
            action,
            actor: party(Parts::ACTOR, &self.actor, &self.actor_also),
            on_behalf_of: party(Parts::ON_BEHALF_OF, &self.on_behalf_of, &self.on_behalf_of_also),
            target: party(Parts::TARGET, &self.target, &self.target_also),
            address: text(Parts::ADDRESS, &self.address).map(address::canonical),
            outcome: if parts.has(Parts::OUTCOME) { self.outcome.outcome(scope) } else { Outcome::default() },
            reason: text(Parts::REASON, &self.reason),
            envelope: None,
            unread: PromisedFacts::default(),
            categories: Categories::default(),
        };
        if parts.has(Parts::UNREAD) {
            read.unread = self.promises.unread(&read, scope);
        }
        Some(read)
    }
}

/// An object in a parser file.
struct Object<'a>(Value<'a>);

impl<'a> Object<'a> {
    fn new(value: Value<'a>) -> ParseResult<Self> {
        if value.kind() == Kind::Object {
            Ok(Self(value))
        } else {
            Err(ParserError::new("", "the value is not an object", "write it as { … }"))
        }
    }

    /// Rejects unknown and duplicate fields.
    fn allow_only(&self, names: &[&str]) -> ParseResult<()> {
        if !CHECKS {
            return Ok(());
        }
        let mut seen = Vec::new();
        for (name, _) in self.0.members() {
            let name = name.text();
            if !names.contains(&&*name) {
                let repair = message!("use one of {}", names.join(", "));
                return Err(ParserError::new(&name, "the field is unknown", repair));
            }
            if seen.contains(&name) {
                return Err(ParserError::new(&name, "the field occurs twice", "remove one"));
            }
            seen.push(name);
        }
        Ok(())
    }

    fn optional<T>(&self, name: &str, parse: impl Fn(Value<'a>) -> ParseResult<T>) -> ParseResult<Option<T>> {
        self.0.get(name).map(parse).transpose().map_err(|why| why.at(name))
    }

    /// Checks that the documentation is a string or a list of strings.
    fn check_doc(&self) -> ParseResult<()> {
        if CHECKS {
            self.optional("doc", |value| list(value, word))?;
        }
        Ok(())
    }

    fn required<T>(&self, name: &str, parse: impl Fn(Value<'a>) -> ParseResult<T>) -> ParseResult<T> {
        self.optional(name, parse)?.ok_or_else(|| {
            ParserError::new(name, "the field is missing", "see docs/parsers.md for an example")
        })
    }
}

/// Parses a non-empty string.
fn word(value: Value<'_>) -> ParseResult<String> {
    match value.string() {
        Some(text) if !text.is_empty() => Ok(text.into_owned()),
        _ => Err(ParserError::new("", "the value is not a string, or is empty", "write it as \"…\"")),
    }
}

/// Parses one value, or an array of them.
fn list<'a, T>(value: Value<'a>, parse: impl Fn(Value<'a>) -> ParseResult<T>) -> ParseResult<Vec<T>> {
    if value.kind() != Kind::Array {
        return parse(value).map(|one| vec![one]);
    }
    let mut list = Vec::new();
    for (place, element) in value.elements().enumerate() {
        ensure(place < MAX_ITEMS, || {
            ParserError::new("", message!("the array has more than {MAX_ITEMS} elements"), "remove some")
        })?;
        list.push(parse(element).map_err(|why| why.at(&message!("[{place}]")))?);
    }
    ensure(!list.is_empty(), || ParserError::new("", "the array is empty", "remove it, or add an element"))?;
    Ok(list)
}

fn path(value: Value<'_>) -> ParseResult<Path> {
    Path::parse(&word(value)?)
}

/// Parses the paths at which the event may be found; `""` is the whole record.
fn within(value: Value<'_>) -> ParseResult<Vec<EventPath>> {
    list(value, |value| {
        let text = value.string().unwrap_or_default().into_owned();
        let path = if value.kind() == Kind::Text && text.is_empty() { Path::here() } else { path(value)? };
        Ok(EventPath { path, text })
    })
}

fn condition(value: Value<'_>) -> ParseResult<Condition> {
    let all = |value| {
        let mut tests = Vec::new();
        for (name, wanted) in Object::new(value)?.0.members() {
            let name = name.text();
            let path = Path::parse(&name).map_err(|why| why.at(&name))?;
            let is_room = tests.len() < MAX_ITEMS;
            ensure(is_room, || {
                ParserError::new("", message!("the condition has more than {MAX_ITEMS} tests"), "remove some")
            })?;
            tests.push((path, test(wanted).map_err(|why| why.at(&name))?));
        }
        let repair = "name a field and what its value must be";
        ensure(!tests.is_empty(), || ParserError::new("", "the condition has no test", repair))?;
        Ok(tests)
    };
    list(value, all).map(|any| Condition { any })
}

fn test(value: Value<'_>) -> ParseResult<Vec<Test>> {
    match value.kind() {
        Kind::Object => {}
        Kind::Null => {
            let repair = "write {\"there\": false} to require that a field is absent";
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
                let repair = "use one of there, type, is, begins, ends, contains, from, to, only, not";
                Err(ParserError::new("", "the test is unknown", repair))
            }
        };
        tests.push(one.map_err(|why| why.at(&name))?);
    }
    ensure(!tests.is_empty(), || {
        ParserError::new("", "the object has no test", "add a test, such as {\"is\": \"login\"}")
    })?;
    Ok(tests)
}

/// Parses the tests within `not`. A negation in a negation is rejected as confusing.
fn test_of_scalars(value: Value<'_>) -> ParseResult<Vec<Test>> {
    let tests = test(value)?;
    ensure(!tests.iter().any(|test| test.allows_absence() || matches!(test, Test::There(_))), || {
        ParserError::new("", "`not` contains a negation", "write the positive test instead")
    })?;
    Ok(tests)
}

fn boolean(value: Value<'_>) -> ParseResult<bool> {
    value
        .bool()
        .ok_or_else(|| ParserError::new("", "the value is neither true nor false", "write true or false"))
}

fn number(value: Value<'_>) -> ParseResult<f64> {
    let number = value.number().and_then(canonical::double);
    number.ok_or_else(|| ParserError::new("", "the value is not a number", "write a number such as 400"))
}

fn scalar(value: Value<'_>) -> ParseResult<String> {
    match value.kind() {
        Kind::Text | Kind::Number | Kind::Bool => Ok(value.text().unwrap_or_default().into_owned()),
        _ => Err(ParserError::new(
            "",
            "the value is not a string, number, true or false",
            "write one of these",
        )),
    }
}

fn kind(value: Value<'_>) -> ParseResult<Kind> {
    match &*word(value)? {
        "object" => Ok(Kind::Object),
        "array" => Ok(Kind::Array),
        "string" => Ok(Kind::Text),
        "number" => Ok(Kind::Number),
        "boolean" => Ok(Kind::Bool),
        other => {
            let repair = "write object, array, string, number or boolean";
            Err(ParserError::new("", message!("the type {other:?} is unknown"), repair))
        }
    }
}

fn source(value: Value<'_>) -> ParseResult<Source> {
    list(value, alternative).map(|alternatives| Source { alternatives })
}

/// Parses a source that yields only words for outcomes.
fn outcome(value: Value<'_>) -> ParseResult<Source> {
    let source = source(value)?;
    if !CHECKS {
        return Ok(source);
    }
    for (place, one) in source.alternatives.iter().enumerate() {
        let words: Vec<&str> = match (&one.map, &one.from) {
            (Some(map), _) => map.values().chain(&one.otherwise).map(String::as_str).collect(),
            (None, Input::Text(word)) => vec![word],
            (None, _) => {
                let problem = "the outcome's source has no `map`";
                let repair = "add a map from its words to success, failure, denied and unknown";
                return Err(ParserError::new(&message!("[{place}]"), problem, repair));
            }
        };
        if let Some(word) = words.into_iter().find(|word| Outcome::parse_stated(word).is_none()) {
            let repair = "write success, failure, denied or unknown, and remove the alternative for an outcome that is not stated";
            return Err(ParserError::new(
                &message!("[{place}]"),
                message!("{word:?} is not an outcome"),
                repair,
            ));
        }
    }
    Ok(source)
}

fn alternative(value: Value<'_>) -> ParseResult<Alternative> {
    let plain = |from| Alternative {
        when: Condition::default(),
        from,
        after: None,
        before: None,
        map: None,
        otherwise: None,
        time_format: TimeFormat::default(),
    };
    if value.kind() == Kind::Text {
        return from(value).map(plain);
    }
    let object = Object::new(value)?;
    object.allow_only(&["value", "when", "after", "before", "map", "else", "unit", "zone", "doc"])?;
    object.check_doc()?;
    let map = object.optional("map", map)?;
    let otherwise = object.optional("else", word)?;
    ensure(map.is_some() || otherwise.is_none(), || {
        ParserError::new("else", "`else` has no effect without `map`", "add a map, or remove it")
    })?;
    let unit = object.optional("unit", unit)?;
    let utc = object.optional("zone", zone)?.is_some();
    Ok(Alternative {
        when: object.optional("when", condition)?.unwrap_or_default(),
        after: object.optional("after", word)?,
        before: object.optional("before", word)?,
        map,
        otherwise,
        time_format: TimeFormat { unit, utc },
        ..plain(object.required("value", from)?)
    })
}

/// Parses a path, or after an equals sign, a string with paths in braces.
fn from(value: Value<'_>) -> ParseResult<Input> {
    let text = word(value)?;
    let Some(template) = text.strip_prefix('=') else { return Path::parse(&text).map(Input::Path) };
    let error = |problem: &str| {
        ParserError::new(
            "",
            message!("{text:?}: {problem}"),
            "write text after = with paths in braces, as in {actor.id}",
        )
    };
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (path, after) = after.split_once('}').ok_or_else(|| error("a brace is not closed"))?;
        if !before.is_empty() {
            parts.push(TemplatePart::Text(before.into()));
        }
        parts.push(TemplatePart::Path(Path::parse(path)?));
        rest = after;
    }
    ensure(!rest.contains('}'), || error("a brace is not opened"))?;
    if parts.is_empty() {
        return if rest.is_empty() { Err(error("the text is empty")) } else { Ok(Input::Text(rest.into())) };
    }
    if !rest.is_empty() {
        parts.push(TemplatePart::Text(rest.into()));
    }
    ensure(parts.len() <= 16, || error("the text has more than 16 parts"))?;
    Ok(Input::Parts(parts))
}

fn map(value: Value<'_>) -> ParseResult<BTreeMap<String, String>> {
    let mut map = BTreeMap::new();
    for (name, stands_for) in Object::new(value)?.0.members() {
        let name = name.text();
        let stands_for = word(stands_for).map_err(|why| why.at(&name))?;
        let before = map.insert(name.clone().into_owned(), stands_for);
        ensure(before.is_none(), || ParserError::new(&name, "the field occurs twice", "remove one"))?;
    }
    Ok(map)
}

fn unit(value: Value<'_>) -> ParseResult<Unit> {
    let written = word(value)?;
    Unit::WORDS.into_iter().find(|(word, _)| *word == written).map(|(_, unit)| unit).ok_or_else(|| {
        ParserError::new(
            "",
            message!("the unit {written:?} is unknown"),
            "write s, ms, us or ns (since 1970)",
        )
    })
}

fn zone(value: Value<'_>) -> ParseResult<()> {
    ensure(value.string().as_deref() == Some("UTC"), || {
        ParserError::new(
            "",
            "the time zone is not UTC",
            "write \"UTC\" if the source documents it, or remove it",
        )
    })
}

fn party(value: Value<'_>) -> ParseResult<PartySource> {
    let one = |value| {
        let object = Object::new(value)?;
        object.allow_only(&["when", "id", "name", "type", "doc"])?;
        object.check_doc()?;
        let party = PartyAlternative {
            when: object.optional("when", condition)?.unwrap_or_default(),
            id: object.optional("id", source)?.unwrap_or_default(),
            name: object.optional("name", source)?.unwrap_or_default(),
            kind: object.optional("type", source)?.unwrap_or_default(),
        };
        ensure(!party.id.alternatives.is_empty() || !party.name.alternatives.is_empty(), || {
            ParserError::new("id", "the party has neither `id` nor `name`", "add the path of the identifier")
        })?;
        Ok(party)
    };
    list(value, one).map(|alternatives| PartySource { alternatives })
}

/// Parses the fields that select events of the parser.
fn selection(object: &Object<'_>) -> ParseResult<Selection> {
    let patterns = |value| list(value, word).map(|all| all.iter().map(|one| Pattern::new(one)).collect());
    Ok(Selection {
        actions: object.optional("action", patterns)?.unwrap_or_default(),
        except: object.optional("except", patterns)?.unwrap_or_default(),
        when: object.optional("when", condition)?.unwrap_or_default(),
    })
}

/// Parses the field `promises`.
fn promises(value: Value<'_>) -> ParseResult<Vec<Promise>> {
    list(value, |value| {
        let object = Object::new(value)?;
        object.allow_only(&["facts", "action", "except", "when", "doc"])?;
        object.check_doc()?;
        let facts = object.required("facts", |value| list(value, promised))?;
        Ok(Promise { facts: facts.into_iter().collect(), selection: selection(&object)? })
    })
}

fn promised(value: Value<'_>) -> ParseResult<PromisedFact> {
    let written = word(value)?;
    PromisedFact::parse_fact(&written).ok_or_else(|| {
        let repair = "use one of actor, target, address, outcome";
        ParserError::new("", message!("the fact {written:?} can't be promised"), repair)
    })
}

/// The rules of a `category` field.
#[cfg(feature = "category")]
pub(super) fn rules(value: Value<'_>) -> ParseResult<Vec<Rule>> {
    list(value, |value| {
        let object = Object::new(value)?;
        object.allow_only(&["is", "of", "action", "except", "when", "final", "doc"])?;
        object.check_doc()?;
        let is = object.optional("is", |value| list(value, category))?;
        let of = object.optional("of", word)?;
        ensure(is.is_some() || of.is_some(), || {
            ParserError::new(
                "is",
                "the rule has neither `is` nor `of`",
                "name a category in `is`, or in `of` a parser whose rules apply",
            )
        })?;
        Ok(Rule {
            is: is.into_iter().flatten().collect::<Categories>(),
            of,
            selection: selection(&object)?,
            is_final: object.optional("final", boolean)?.unwrap_or_default(),
        })
    })
}

#[cfg(feature = "category")]
fn category(value: Value<'_>) -> ParseResult<Category> {
    let written = word(value)?;
    Category::parse(&written).ok_or_else(|| {
        let words: Vec<&str> = Category::ALL.iter().map(|known| known.as_str()).collect();
        let repair = message!("use one of {}", words.join(", "));
        ParserError::new("", message!("the category {written:?} is unknown"), repair)
    })
}
