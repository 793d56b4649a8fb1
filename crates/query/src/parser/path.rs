//! Where in an event something stands: `userIdentity.arn`, `target[type=User].id`, `entity.*.name`.

use core::cell::{Cell, RefCell};
use std::borrow::Cow;

use super::error::{ParserError, told};
use crate::names::Names;
use crate::value::{Kind, Value};

/// The most steps of a path.
const MOST: usize = 16;

/// A path, as it was written and in its steps.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// Whether it begins at the whole event, even where what is read is within it.
    from_root: bool,
    steps: Vec<Step>,
    /// The number of the member that it begins with, once it has one.
    first: Option<usize>,
    /// The number of the member of that one which comes next, once it has one.
    second: Option<usize>,
}

/// The members that a parser's paths begin with, and which of their members come next, each with its number: what most
/// paths of a parser share is looked for once.
#[derive(Clone, Debug, Default)]
pub(super) struct Begins {
    firsts: Names,
    /// For each of the first, which of its members come next.
    nexts: Vec<Names>,
    seconds: usize,
    /// The number of each of the first among the names of all parsers.
    shared: Vec<u32>,
}

/// The members of so many of those that paths begin with are known.
const FILLED: usize = u64::BITS as usize;

impl Begins {
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

    /// Takes numbers that all parsers share, so that an event's members are looked up once for all of them.
    pub(super) fn share(&mut self, names: &mut Names) {
        let number = |name| {
            let next = names.len();
            names.get_or_insert(name, next) as u32
        };
        self.shared = self.firsts.iter().map(number).collect();
    }
}

/// What paths begin at.
pub(super) struct Scope<'v, 'b> {
    /// The whole event.
    pub(super) root: Value<'v>,
    /// What is read.
    pub(super) here: Value<'v>,
    begins: &'b Begins,
    /// Where the members stand that paths of any parser begin with.
    firsts: Cow<'b, [u32]>,
    /// Where those stand that come next, as far as they were looked for.
    seconds: RefCell<Vec<u32>>,
    /// A bit for each of the first whose members were looked for.
    filled: Cell<u64>,
}

/// There is none, or nobody looked: the whole event, which is no member, stands there.
const NOWHERE: u32 = 0;

impl<'v, 'b> Scope<'v, 'b> {
    /// What is read is `here`, which is the whole event but for parsers that look within it.
    pub(super) fn new(top: &'b Top<'v>, here: Value<'v>, begins: &'b Begins) -> Self {
        let root = top.event;
        let firsts = if here.place() == root.place() {
            Cow::Borrowed(&top.places[..])
        } else {
            Cow::Owned(core::mem::take(&mut Top::of(here, top.names).places))
        };
        Self { root, here, begins, firsts, seconds: RefCell::default(), filled: Cell::new(0) }
    }

    fn placed(&self, place: u32) -> Option<Value<'v>> {
        (place != NOWHERE).then(|| self.here.placed(place))
    }

    fn at(&self, number: usize) -> Option<Value<'v>> {
        self.placed(*self.firsts.get(*self.begins.shared.get(number)? as usize)?)
    }

    fn second(&self, first: usize, number: usize) -> Option<Value<'v>> {
        if self.filled.get() >> first & 1 == 0 {
            self.filled.set(self.filled.get() | 1 << first);
            let value = self.at(first).filter(|value| value.kind() == Kind::Object)?;
            let mut seconds = self.seconds.borrow_mut();
            if cfg!(not(target_arch = "wasm32")) && seconds.capacity() == 0 {
                *seconds = SPARE_SECONDS.take();
            }
            seconds.resize(self.begins.seconds, NOWHERE);
            find_all(value, self.begins.nexts.get(first)?, &mut seconds, |_| {});
        }
        self.placed(*self.seconds.borrow().get(number)?)
    }
}

/// Some of the members that events have at their top, each by its number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Roots(u128);

impl Roots {
    /// Adds a member by its number; those beyond have none here.
    pub(super) const fn add(&mut self, number: usize) {
        if number < u128::BITS as usize {
            self.0 |= 1 << number;
        }
    }

    pub(super) const fn holds(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// Returns these and others.
    pub(super) const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Returns true if one of these is there, or if any may be.
    pub(super) const fn has_any(self, of: Self) -> bool {
        self.0 & of.0 != 0 || of.0 == u128::MAX
    }

    /// The one of them that got its number last: those before it are of other parsers too. All, where there is none.
    pub(super) const fn rarest(self) -> Self {
        match self.0.checked_ilog2() {
            Some(last) => Self(1 << last),
            None => Self(u128::MAX),
        }
    }
}

/// What an event has at its top of all that parsers' paths begin with.
pub(super) struct Top<'v> {
    event: Value<'v>,
    names: &'v Names,
    places: Vec<u32>,
    roots: Roots,
}

thread_local! {
    /// The memory of the last one, for the next: there is one for each event. WebAssembly's is not kept, where code is to be small.
    static SPARE: Cell<Vec<u32>> = const { Cell::new(Vec::new()) };
    /// The same of [`Scope::seconds`].
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
    pub(super) fn of(event: Value<'v>, names: &'v Names) -> Self {
        let mut places = if cfg!(target_arch = "wasm32") { Vec::new() } else { SPARE.take() };
        places.clear();
        places.resize(names.len(), NOWHERE);
        let mut roots = Roots::default();
        find_all(event, names, &mut places, |number| roots.add(number));
        Self { event, names, places, roots }
    }

    pub(super) const fn event(&self) -> Value<'v> {
        self.event
    }

    /// The same of an event that stands within this one as a text.
    pub(super) fn of_text<'t>(&'t self, event: Value<'t>) -> Top<'t> {
        Top::of(event, self.names)
    }

    /// Which members are there of those that parsers need.
    pub(super) const fn roots(&self) -> Roots {
        self.roots
    }
}

/// Notes where the members stand that have numbers, and tells of each: of several that have one name, the first.
fn find_all(value: Value<'_>, numbers: &Names, places: &mut [u32], mut tell: impl FnMut(usize)) {
    for (name, member) in value.members() {
        let Some(number) = numbers.get(&name.text()) else { continue };
        if let Some(place) = places.get_mut(number).filter(|place| **place == NOWHERE) {
            *place = member.place();
            tell(number);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// The member of this name.
    Member(String),
    /// Each member.
    Members,
    /// The element at this place.
    Nth(usize),
    /// Each element.
    Elements,
    /// Each element whose member says this.
    Where(String, String),
}

impl Path {
    /// The whole of what is read.
    pub(super) fn here() -> Self {
        Self { from_root: false, steps: Vec::new(), first: None, second: None }
    }

    pub(super) fn parse(text: &str) -> Result<Self, ParserError> {
        let fault = |problem: &str| {
            ParserError::new(
                "",
                told!("{text:?} is not a path: {problem}"),
                "a path is names separated by dots, such as actor.id or target[type=User].id; \
                 a name with other characters stands in '…'",
            )
        };
        let mut path = Self::here();
        let mut rest = text;
        if let Some(after) = text.strip_prefix('$') {
            path.from_root = true;
            rest = match after.strip_prefix('.') {
                Some(names) => names,
                None if after.is_empty() => return Ok(path),
                None => return Err(fault("after $ comes a dot")),
            };
        }
        loop {
            if let Some(after) = rest.strip_prefix('*') {
                path.steps.push(Step::Members);
                rest = after;
            } else {
                let (name, after) = name(rest).ok_or_else(|| fault("a name is missing, or has no end"))?;
                path.steps.push(Step::Member(name));
                rest = after;
            }
            while let Some(inner) = rest.strip_prefix('[') {
                let (step, after) = element(inner)
                    .ok_or_else(|| fault("in brackets stands nothing, a place, or a name = a value"))?;
                path.steps.push(step);
                rest = after;
            }
            if path.steps.len() > MOST {
                return Err(fault("it has more than 16 steps"));
            }
            match rest.strip_prefix('.') {
                Some(more) => rest = more,
                None if rest.is_empty() => return Ok(path),
                None => return Err(fault("names are separated by dots")),
            }
        }
    }

    /// A path that a parser's file has, or `None` for the empty one, which means the whole record.
    pub(crate) fn of_file(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    /// The member of the whole event that must be there for anything to be found.
    pub(super) fn root(&self) -> Option<&str> {
        match self.steps.first() {
            Some(Step::Member(name)) => Some(name),
            _ => None,
        }
    }

    /// Gives the members that it begins with their numbers, the same as others that begin so.
    pub(super) fn number(&mut self, begins: &mut Begins) {
        let Some(Step::Member(name)) = self.steps.first().filter(|_| !self.from_root) else { return };
        let first = begins.first(name);
        self.first = Some(first);
        if let Some(Step::Member(name)) = self.steps.get(1).filter(|_| first < FILLED) {
            self.second = Some(begins.second(first, name));
        }
    }

    /// Whether anything can be found: false only where the members that it begins with are not there.
    pub(super) fn may_find(&self, scope: &Scope<'_, '_>) -> bool {
        match (self.first, self.second) {
            (Some(first), Some(second)) => scope.second(first, second).is_some(),
            (Some(first), None) => scope.at(first).is_some(),
            _ => true,
        }
    }

    /// Hands out what stands there, in its order, until `each` says that it is enough; whether it did.
    pub(super) fn find<'v>(&self, scope: &Scope<'v, '_>, each: &mut dyn FnMut(Value<'v>) -> bool) -> bool {
        let (value, rest) = match (self.first, self.second, &self.steps[..]) {
            (Some(first), Some(second), [_, _, rest @ ..]) => (scope.second(first, second), rest),
            (Some(first), None, [_, rest @ ..]) => (scope.at(first), rest),
            (.., steps) => (Some(if self.from_root { scope.root } else { scope.here }), steps),
        };
        value.is_some_and(|value| walk(rest, value, each))
    }

    /// The objects that the path leads through, from the whole event inward, without what it leads to.
    pub(crate) fn ancestors<'v>(&self, root: Value<'v>) -> Vec<Value<'v>> {
        let through = (0..self.steps.len()).filter_map(|end| first(&self.steps[..end], root));
        through.filter(|value| value.kind() == Kind::Object).collect()
    }

    /// The first that stands there in a whole event.
    pub(crate) fn first<'v>(&self, root: Value<'v>) -> Option<Value<'v>> {
        first(&self.steps, root)
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

/// A name, and what comes after it.
fn name(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('\'') {
        let (name, rest) = quoted.split_once('\'')?;
        return (!name.is_empty()).then(|| (name.to_owned(), rest));
    }
    let end = text.find(['.', '[', ']', '=', '*', '\'', '{', '}', ' ']).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

/// What stands in brackets, and what comes after them.
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

// Each step goes to values within the one before it, which no two of them share: a path costs no more than the event
// has values, once for each of its steps.
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

/// An array's elements. Who passes events on often has one value where the source has an array of one: it is its only one.
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
        let mut begins = Begins::default();
        let mut names = Names::default();
        for is_numbered in [false, true, true] {
            begins.share(&mut names);
            let top = Top::of(document.root(), &names);
            let scope = Scope::new(&top, document.root().get("a").unwrap(), &begins);
            let before = std::mem::take(&mut found);
            path.find(&scope, &mut |value| {
                found.extend(value.text().map(std::borrow::Cow::into_owned));
                false
            });
            assert!(!is_numbered || before == found);
            assert!(found.is_empty() || path.may_find(&scope));
            drop(scope);
            path.number(&mut begins);
        }
        found
    }

    #[test]
    fn goes_where_it_says() {
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
    fn tells_what_is_no_path() {
        let long = vec!["a"; 17].join(".");
        for path in [
            "", ".", "a.", ".a", "a..b", "a[", "a[0", "a[x]", "a[k=]", "a[=v]", "'a", "''", "a b", "$a",
            &long,
        ] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }
}
