//! Paths into events, such as `userIdentity.arn`, `target[type=User].id`, or `entity.*.name`.

use core::cell::{Cell, RefCell};
use std::borrow::Cow;

use super::error::{ParserError, message};
use crate::names::Names;
use crate::value::{Kind, Value};

/// Maximum number of steps in a path.
const MAX_STEPS: usize = 16;

/// A parsed path.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// True if the path starts at the whole event, even if the parser reads a part of it.
    from_root: bool,
    steps: Vec<Step>,
    /// Number of the first field name, once assigned.
    first: Option<usize>,
    /// Number of the second field name, once assigned.
    second: Option<usize>,
}

/// Numbers the first and second field names of a parser's paths, so that prefixes shared by paths are looked up once.
#[derive(Clone, Debug, Default)]
pub(super) struct Prefixes {
    firsts: Names,
    /// For each first name, the second names.
    nexts: Vec<Names>,
    seconds: usize,
    /// Numbers of the first names among those of all parsers.
    shared: Vec<u32>,
}

/// Number of first names whose children are cached.
const MAX_CACHED: usize = u64::BITS as usize;

impl Prefixes {
    fn first(&mut self, name: &str) -> usize {
        let next = self.nexts.len();
        let number = self.firsts.get_or_insert(name, next);
        if number == next {
            self.nexts.push(Names::default());
        }
        number
    }

    fn second(&mut self, first: usize, name: &str) -> usize {
        let next = self.seconds;
        let number = self.nexts[first].get_or_insert(name, next);
        self.seconds = next.max(number + 1);
        number
    }

    /// Assigns numbers shared by all parsers, so that an event's fields are looked up once for all of them.
    pub(super) fn share(&mut self, names: &mut Names) {
        let number = |name| {
            let next = names.len();
            names.get_or_insert(name, next) as u32
        };
        self.shared = self.firsts.iter().map(number).collect();
    }
}

/// The values at which paths start, with cached lookups.
pub(super) struct Scope<'v, 'b> {
    /// The whole event.
    pub(super) root: Value<'v>,
    /// The value to parse.
    pub(super) here: Value<'v>,
    prefixes: &'b Prefixes,
    /// Node indexes of the first names of all parsers.
    firsts: Cow<'b, [u32]>,
    /// Node indexes of the second names; [`MISSING`] for those that weren't looked up yet.
    seconds: RefCell<Vec<u32>>,
    /// Bit set of the first names whose children were looked up.
    cached: Cell<u64>,
}

/// Marks a field that is missing or was not looked up. Index 0 is the event itself, which is not a field.
const MISSING: u32 = 0;

impl<'v, 'b> Scope<'v, 'b> {
    /// Creates a scope. `here` is the value to parse: the whole event, unless the parser reads a part of it.
    pub(super) fn new(top: &'b Top<'v>, here: Value<'v>, prefixes: &'b Prefixes) -> Self {
        let root = top.event;
        let firsts = if here.place() == root.place() {
            Cow::Borrowed(&top.places[..])
        } else {
            Cow::Owned(core::mem::take(&mut Top::new(here, top.names).places))
        };
        Self { root, here, prefixes, firsts, seconds: RefCell::default(), cached: Cell::new(0) }
    }

    fn placed(&self, place: u32) -> Option<Value<'v>> {
        (place != MISSING).then(|| self.here.placed(place))
    }

    fn at(&self, number: usize) -> Option<Value<'v>> {
        self.placed(*self.firsts.get(*self.prefixes.shared.get(number)? as usize)?)
    }

    fn second(&self, first: usize, number: usize) -> Option<Value<'v>> {
        if self.cached.get() >> first & 1 == 0 {
            self.cached.set(self.cached.get() | 1 << first);
            let value = self.at(first).filter(|value| value.kind() == Kind::Object)?;
            let mut seconds = self.seconds.borrow_mut();
            if cfg!(not(target_arch = "wasm32")) && seconds.capacity() == 0 {
                *seconds = SPARE_SECONDS.take();
            }
            seconds.resize(self.prefixes.seconds, MISSING);
            find_all(value, self.prefixes.nexts.get(first)?, &mut seconds, |_| {});
        }
        self.placed(*self.seconds.borrow().get(number)?)
    }
}

/// Number of words of a set of field names. The built-in parsers require several hundred names.
const ROOT_WORDS: usize = 6;

/// A set of top-level field names, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Roots([u128; ROOT_WORDS]);

impl Roots {
    /// The number of fields that a set can contain.
    pub(super) const CAPACITY: usize = ROOT_WORDS * u128::BITS as usize;

    const FULL: Self = Self([u128::MAX; ROOT_WORDS]);

    /// Adds a field by its number, unless the number exceeds the set's capacity.
    pub(super) fn add(&mut self, number: usize) {
        if number < Self::CAPACITY {
            self.0[number / u128::BITS as usize] |= 1 << (number % u128::BITS as usize);
        }
    }

    pub(super) fn contains_all(&self, others: &Self) -> bool {
        self.0.iter().zip(others.0).all(|(word, other)| other & !word == 0)
    }

    /// Returns the union of both sets.
    pub(super) fn with(mut self, others: &Self) -> Self {
        self.0.iter_mut().zip(others.0).for_each(|(word, other)| *word |= other);
        self
    }

    /// True if the sets intersect, or if `of` is the full set.
    pub(super) fn has_any(&self, of: &Self) -> bool {
        self.0.iter().zip(of.0).any(|(word, other)| word & other != 0) || *of == Self::FULL
    }

    /// Returns the name with the highest number, which the fewest parsers share. Returns the full set if there is none.
    pub(super) fn rarest(&self) -> Self {
        let mut rarest = Self::default();
        for (place, word) in self.0.iter().enumerate().rev() {
            if let Some(last) = word.checked_ilog2() {
                rarest.0[place] = 1 << last;
                return rarest;
            }
        }
        Self::FULL
    }
}

/// The top-level fields of an event that paths of any parser start with.
pub(super) struct Top<'v> {
    event: Value<'v>,
    names: &'v Names,
    places: Vec<u32>,
    roots: Roots,
}

thread_local! {
    /// Memory reused from one event to the next. Not on WebAssembly, where code size matters more.
    static SPARE: Cell<Vec<u32>> = const { Cell::new(Vec::new()) };
    /// Memory reused for [`Scope::seconds`].
    static SPARE_SECONDS: Cell<Vec<u32>> = const { Cell::new(Vec::new()) };
}

#[cfg(not(target_arch = "wasm32"))]
impl Drop for Scope<'_, '_> {
    fn drop(&mut self) {
        let mut seconds = self.seconds.take();
        if seconds.capacity() > 0 {
            seconds.clear();
            SPARE_SECONDS.set(seconds);
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Drop for Top<'_> {
    fn drop(&mut self) {
        SPARE.set(core::mem::take(&mut self.places));
    }
}

impl<'v> Top<'v> {
    pub(super) fn new(event: Value<'v>, names: &'v Names) -> Self {
        let mut places = if cfg!(target_arch = "wasm32") { Vec::new() } else { SPARE.take() };
        places.clear();
        places.resize(names.len(), MISSING);
        let mut roots = Roots::default();
        find_all(event, names, &mut places, |number| roots.add(number));
        Self { event, names, places, roots }
    }

    pub(super) const fn event(&self) -> Value<'v> {
        self.event
    }

    /// Like [`Top::new`], for an event contained in a string of this one.
    pub(super) fn for_text<'t>(&'t self, event: Value<'t>) -> Top<'t> {
        Top::new(event, self.names)
    }

    /// Returns the top-level fields that parsers may require.
    pub(super) const fn roots(&self) -> &Roots {
        &self.roots
    }
}

/// Stores the node index of each numbered field, and calls `report` with its number. Of duplicate fields the first
/// counts.
fn find_all(value: Value<'_>, numbers: &Names, places: &mut [u32], mut report: impl FnMut(usize)) {
    for (name, member) in value.members() {
        let Some(number) = numbers.get(&name.text()) else { continue };
        if let Some(place) = places.get_mut(number).filter(|place| **place == MISSING) {
            *place = member.place();
            report(number);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// The field with this name.
    Member(String),
    /// Every field.
    Members,
    /// The element with this index.
    Nth(usize),
    /// Every element.
    Elements,
    /// Every element whose field has this value.
    Where(String, String),
}

impl Path {
    /// Returns the empty path, which leads to the parsed value itself.
    pub(super) fn here() -> Self {
        Self { from_root: false, steps: Vec::new(), first: None, second: None }
    }

    pub(super) fn parse(text: &str) -> Result<Self, ParserError> {
        let error = |problem: &str| {
            ParserError::new(
                "",
                message!("{text:?} is not a path: {problem}"),
                "write names separated by dots, such as actor.id or target[type=User].id, \
                 and put a name with other characters in '…'",
            )
        };
        let mut path = Self::here();
        let mut rest = text;
        if let Some(after) = text.strip_prefix('$') {
            path.from_root = true;
            rest = match after.strip_prefix('.') {
                Some(names) => names,
                None if after.is_empty() => return Ok(path),
                None => return Err(error("$ is not followed by a dot")),
            };
        }
        loop {
            if let Some(after) = rest.strip_prefix('*') {
                path.steps.push(Step::Members);
                rest = after;
            } else {
                let (name, after) = name(rest).ok_or_else(|| error("a name is empty or not closed"))?;
                path.steps.push(Step::Member(name));
                rest = after;
            }
            while let Some(inner) = rest.strip_prefix('[') {
                let (step, after) = element(inner)
                    .ok_or_else(|| error("brackets must be empty or contain an index or name=value"))?;
                path.steps.push(step);
                rest = after;
            }
            if path.steps.len() > MAX_STEPS {
                return Err(error("the path has more than 16 steps"));
            }
            match rest.strip_prefix('.') {
                Some(more) => rest = more,
                None if rest.is_empty() => return Ok(path),
                None => return Err(error("names must be separated by dots")),
            }
        }
    }

    /// Parses a path from a parser's file. Returns `None` for the empty path, which means the whole record.
    pub(crate) fn of_file(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    /// Returns the top-level field that must exist for the path to match.
    pub(super) fn root(&self) -> Option<&str> {
        match self.steps.first() {
            Some(Step::Member(name)) => Some(name),
            _ => None,
        }
    }

    /// Assigns numbers to the first two field names.
    pub(super) fn assign_numbers(&mut self, prefixes: &mut Prefixes) {
        let Some(Step::Member(name)) = self.steps.first().filter(|_| !self.from_root) else { return };
        let first = prefixes.first(name);
        self.first = Some(first);
        if let Some(Step::Member(name)) = self.steps.get(1).filter(|_| first < MAX_CACHED) {
            self.second = Some(prefixes.second(first, name));
        }
    }

    /// False if the first two fields don't exist, so that nothing can match.
    pub(super) fn may_find(&self, scope: &Scope<'_, '_>) -> bool {
        match (self.first, self.second) {
            (Some(first), Some(second)) => scope.second(first, second).is_some(),
            (Some(first), None) => scope.at(first).is_some(),
            _ => true,
        }
    }

    /// Calls `each` with every match in order until it returns true. Returns true if it did.
    pub(super) fn find<'v>(&self, scope: &Scope<'v, '_>, each: &mut dyn FnMut(Value<'v>) -> bool) -> bool {
        let (value, rest) = match (self.first, self.second, &self.steps[..]) {
            (Some(first), Some(second), [_, _, rest @ ..]) => (scope.second(first, second), rest),
            (Some(first), None, [_, rest @ ..]) => (scope.at(first), rest),
            (.., steps) => (Some(if self.from_root { scope.root } else { scope.here }), steps),
        };
        value.is_some_and(|value| walk(rest, value, each))
    }

    /// Returns the objects the path leads through, outermost first, without its target.
    pub(crate) fn ancestors<'v>(&self, root: Value<'v>) -> Vec<Value<'v>> {
        let through = (0..self.steps.len()).filter_map(|end| first(&self.steps[..end], root));
        through.filter(|value| value.kind() == Kind::Object).collect()
    }

    /// Returns the first match in a whole event.
    pub(crate) fn first<'v>(&self, root: Value<'v>) -> Option<Value<'v>> {
        first(&self.steps, root)
    }
}

/// Formats the path as a parser file has it; the empty path as an empty string.
#[cfg(feature = "explain")]
impl core::fmt::Display for Path {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.from_root { "$" } else { "" })?;
        for (nth, step) in self.steps.iter().enumerate() {
            let is_name = matches!(step, Step::Member(_) | Step::Members);
            f.write_str(if is_name && (nth > 0 || self.from_root) { "." } else { "" })?;
            match step {
                Step::Member(name) => f.write_str(&quoted(name))?,
                Step::Members => f.write_str("*")?,
                Step::Nth(place) => write!(f, "[{place}]")?,
                Step::Elements => f.write_str("[]")?,
                Step::Where(name, value) => write!(f, "[{}={}]", quoted(name), quoted(value))?,
            }
        }
        Ok(())
    }
}

/// Puts a name in single quotes, if a path needs them.
#[cfg(feature = "explain")]
fn quoted(text: &str) -> Cow<'_, str> {
    match name(text) {
        Some((_, "")) if !text.starts_with(['$', '\'']) => text.into(),
        _ => format!("'{text}'").into(),
    }
}

fn first<'v>(steps: &[Step], root: Value<'v>) -> Option<Value<'v>> {
    let mut first = None;
    walk(steps, root, &mut |value| {
        first = Some(value);
        true
    });
    first
}

/// Splits off a name.
fn name(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('\'') {
        let (name, rest) = quoted.split_once('\'')?;
        return (!name.is_empty()).then(|| (name.to_owned(), rest));
    }
    let end = text.find(['.', '[', ']', '=', '*', '\'', '{', '}', ' ']).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

/// Parses the content of brackets, and returns it with the rest of the text.
fn element(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix(']') {
        return Some((Step::Elements, rest));
    }
    let (first, rest) = name(text)?;
    if let Some(rest) = rest.strip_prefix(']') {
        return Some((Step::Nth(first.parse().ok()?), rest));
    }
    let (value, rest) = name(rest.strip_prefix('=')?)?;
    Some((Step::Where(first, value), rest.strip_prefix(']')?))
}

// Each step visits disjoint parts of the previous step's values, so the cost is at most the number of values in the
// event times the number of steps.
fn walk<'v>(steps: &[Step], value: Value<'v>, each: &mut dyn FnMut(Value<'v>) -> bool) -> bool {
    let Some((step, rest)) = steps.split_first() else { return each(value) };
    match step {
        Step::Member(name) => value.get(name).is_some_and(|value| walk(rest, value, each)),
        Step::Members => value.members().any(|(_, value)| walk(rest, value, each)),
        Step::Nth(place) => elements(value).nth(*place).is_some_and(|value| walk(rest, value, each)),
        Step::Elements => elements(value).any(|value| walk(rest, value, each)),
        Step::Where(name, wanted) => elements(value).any(|element| {
            element.get(name).and_then(Value::text).is_some_and(|says| says == *wanted)
                && walk(rest, element, each)
        }),
    }
}

/// Iterates over an array's elements. Anything else counts as the only element: forwarders often replace an array of
/// one by its element.
fn elements(value: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    let alone = (value.kind() != Kind::Array).then_some(value);
    value.elements().chain(alone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Document;

    fn found(path: &str) -> Vec<String> {
        let text = r#"{"a":{"b":[{"k":"x","v":1},{"k":"y.z","v":2},{"k":"x","v":3}],"c.d":"e"},"o":{"t":"s","s":{"i":4}}}"#;
        let document = Document::parse(text).unwrap();
        let mut found = Vec::new();
        let mut path = Path::parse(path).unwrap();
        let mut prefixes = Prefixes::default();
        let mut names = Names::default();
        for is_numbered in [false, true, true] {
            prefixes.share(&mut names);
            let top = Top::new(document.root(), &names);
            let scope = Scope::new(&top, document.root().get("a").unwrap(), &prefixes);
            let before = std::mem::take(&mut found);
            path.find(&scope, &mut |value| {
                found.extend(value.text().map(std::borrow::Cow::into_owned));
                false
            });
            assert!(!is_numbered || before == found);
            assert!(found.is_empty() || path.may_find(&scope));
            drop(scope);
            path.assign_numbers(&mut prefixes);
        }
        found
    }

    #[test]
    fn paths_find_their_values() {
        for (path, values) in [
            ("b[0].v", &["1"][..]),
            ("b[].v", &["1", "2", "3"]),
            ("b[k=x].v", &["1", "3"]),
            ("b[k='y.z'].v", &["2"]),
            ("b[7].v", &[]),
            ("$.o[0].t", &["s"]),
            ("$.o[1].t", &[]),
            ("$.o[].s[t=s].i", &[]),
            ("$.o[t=s].s[].i", &["4"]),
            ("b.v", &[]),
            ("'c.d'", &["e"]),
            ("b.c", &[]),
            ("'c.d'.e", &[]),
            ("$.a.'c.d'", &["e"]),
            ("$.o.*.i", &["4"]),
            ("$.o.*", &["s"]),
            ("o", &[]),
        ] {
            assert_eq!(found(path), values, "{path}");
        }
    }

    #[test]
    #[cfg(feature = "explain")]
    fn formats_paths_as_files_have_them() {
        for path in
            ["a.b", "$", "$.a.'c.d'", "o[0].t", "o[].s[t=s].i", "a[key='user.id'].value.*", "*.b", "'$a'.b"]
        {
            assert_eq!(Path::parse(path).unwrap().to_string(), path);
        }
    }

    #[test]
    fn rejects_invalid_paths() {
        let long = vec!["a"; 17].join(".");
        for path in [
            "", ".", "a.", ".a", "a..b", "a[", "a[0", "a[x]", "a[k=]", "a[=v]", "'a", "''", "a b", "$a",
            &long,
        ] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }
}
