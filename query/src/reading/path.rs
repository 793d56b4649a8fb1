//! Where in an event something stands: `userIdentity.arn`, `target[type=User].id`, `entity.*.name`.

use core::cell::RefCell;

use super::definition::Unusable;
use crate::value::Value;

/// The most steps of a path.
const MOST: usize = 16;

/// A path, as it was written and in its steps.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// Whether it begins at the whole event, even where what is read is within it.
    from_root: bool,
    steps: Vec<Step>,
    /// The number of the member that it begins with, once it has one.
    first: Option<usize>,
}

/// What paths begin at.
pub(super) struct Scope<'v> {
    /// The whole event.
    pub(super) root: Value<'v>,
    /// What is read.
    pub(super) here: Value<'v>,
    /// The members that paths begin with, by their numbers, as far as they were looked for: most paths share a few.
    firsts: RefCell<Vec<Option<Option<Value<'v>>>>>,
}

impl<'v> Scope<'v> {
    pub(super) fn new(root: Value<'v>, here: Value<'v>, numbers: usize) -> Self {
        Self { root, here, firsts: RefCell::new(vec![None; numbers]) }
    }

    fn first(&self, number: usize, name: &str) -> Option<Value<'v>> {
        let mut firsts = self.firsts.borrow_mut();
        match firsts.get_mut(number) {
            Some(known) => *known.get_or_insert_with(|| self.here.get(name)),
            None => self.here.get(name),
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
        Self { from_root: false, steps: Vec::new(), first: None }
    }

    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        let fault = |problem: &str| {
            Unusable::new(
                "",
                format!("{text:?} is no path: {problem}"),
                "a path is names parted by dots, such as actor.id or target[type=User].id; \
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
                None => return Err(fault("names are parted by dots")),
            }
        }
    }

    /// The member of the whole event that must be there for anything to be found.
    pub(super) fn root(&self) -> Option<&str> {
        match self.steps.first() {
            Some(Step::Member(name)) => Some(name),
            _ => None,
        }
    }

    /// Gives the member that it begins with a number, the same as others that begin so.
    pub(super) fn number(&mut self, names: &mut Vec<String>) {
        let Some(Step::Member(name)) = self.steps.first().filter(|_| !self.from_root) else { return };
        let known = names.iter().position(|other| other == name);
        self.first = Some(known.unwrap_or_else(|| {
            names.push(name.clone());
            names.len() - 1
        }));
    }

    /// Hands out what stands there, in its order, until `each` says that it is enough; whether it did.
    pub(super) fn find<'v>(&self, scope: &Scope<'v>, each: &mut dyn FnMut(Value<'v>) -> bool) -> bool {
        match (self.first, self.steps.split_first()) {
            (Some(number), Some((Step::Member(name), rest))) => {
                scope.first(number, name).is_some_and(|value| walk(rest, value, each))
            }
            _ => walk(&self.steps, if self.from_root { scope.root } else { scope.here }, each),
        }
    }

    /// The first that stands there in a whole event.
    pub(super) fn first<'v>(&self, root: Value<'v>) -> Option<Value<'v>> {
        let mut first = None;
        walk(&self.steps, root, &mut |value| {
            first = Some(value);
            true
        });
        first
    }
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
        Step::Nth(place) => value.elements().nth(*place).is_some_and(|value| walk(rest, value, each)),
        Step::Elements => value.elements().any(|value| walk(rest, value, each)),
        Step::Where(name, wanted) => value.elements().any(|element| {
            element.get(name).and_then(Value::text).is_some_and(|says| says == *wanted)
                && walk(rest, element, each)
        }),
    }
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
        for numbers in [0, 1, 1] {
            let scope = Scope::new(document.root(), document.root().get("a").unwrap(), numbers);
            let before = std::mem::take(&mut found);
            path.find(&scope, &mut |value| {
                found.extend(value.text().map(std::borrow::Cow::into_owned));
                false
            });
            assert!(numbers == 0 || before == found);
            path.number(&mut Vec::new());
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
            ("b.v", &[]),
            ("'c.d'", &["e"]),
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
