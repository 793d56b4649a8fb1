//! Selections: tests of an event's fields (Sigma 2.1, "Detection").

use countersign_query::matcher::Network;
use countersign_query::split::split_once;
use countersign_query::value::Kind;
#[cfg(feature = "re")]
use regex_lite::RegexBuilder;

use super::field::{field, no_field};
use super::modifiers::Modifiers;
use super::{Compare, Elements, Item, Part, Selection, Test};
use crate::bigrams::Bigrams;
use crate::error::{AnalyzeError, explain};
use crate::fields::{FieldValues, Fields, Id, Leaf};
#[cfg(feature = "re")]
use crate::literal;
use crate::path;
use crate::tree::{Member, Node, Value};
use crate::wildcard::Wildcard;

#[cfg(feature = "re")]
/// The maximum size of a compiled regular expression, in bytes.
const MAX_REGEX_BYTES: usize = 1 << 20;

impl Compare {
    pub(crate) fn holds(self, one: f64, other: f64) -> bool {
        match self {
            Self::Equal => one == other,
            Self::NotEqual => one != other,
            Self::Less => one < other,
            Self::AtMost => one <= other,
            Self::More => one > other,
            Self::AtLeast => one >= other,
        }
    }
}

impl Item {
    /// True if it tests whether the field exists. Such a test has a result even if the field is missing.
    pub(crate) fn asks_existence(&self) -> bool {
        self.tests.iter().any(|test| matches!(test, Test::Exists(_)))
    }

    /// For a test of the event's parser, returns a function that tells whether a parser passes it.
    pub(crate) fn parser(&self, fields: &Fields) -> Option<impl Fn(&str) -> bool> {
        self.field.filter(|field| fields.name(*field) == "parsed.as")?;
        Some(|parser: &str| {
            let folded = countersign_query::matcher::fold(parser);
            let mut passes = self.tests.iter().map(|test| match test {
                Test::Text(wildcard, _) => wildcard.matches(parser, &folded),
                test => !test.holds_if_missing(),
            });
            if self.all { passes.all(|passes| passes) } else { passes.any(|passes| passes) }
        })
    }
}

impl Test {
    /// Creates a test that compares a string with a pattern.
    fn text(wildcard: Wildcard) -> Self {
        let bigrams = wildcard.bigrams();
        Self::Text(wildcard, bigrams)
    }

    /// True if it holds for a missing field.
    fn holds_if_missing(&self) -> bool {
        match self {
            Self::Null | Self::Exists(false) => true,
            Self::Elements(elements) => elements.holds_of_none(),
            _ => false,
        }
    }

    /// Returns the bigrams of every value for which it holds; `None` if it can hold without a value.
    pub(crate) fn bigrams(&self) -> Option<Bigrams> {
        match self {
            Self::Text(_, bigrams) => Some(*bigrams),
            test => (!test.holds_if_missing()).then(Bigrams::default),
        }
    }

    /// True if it holds for a value. Tests of the field as a whole are in [`Item::holds`].
    fn holds(&self, leaf: &Leaf<'_>, found: &FieldValues<'_>) -> bool {
        match (self, leaf.kind) {
            (Self::Text(wildcard, bigrams), Kind::Text | Kind::Number | Kind::Bool) => {
                leaf.bigrams().may_hold(*bigrams) && wildcard.matches(&leaf.text, leaf.folded())
            }
            (Self::Number(compare, number), Kind::Number | Kind::Text) => {
                leaf.number().is_some_and(|value| compare.holds(value, *number))
            }
            (Self::Bool(wanted), Kind::Bool | Kind::Text) => {
                leaf.folded() == if *wanted { "true" } else { "false" }
            }
            (Self::Network(network), Kind::Text) => {
                leaf.address().is_some_and(|address| network.holds(address))
            }
            (Self::Field(other, part), Kind::Text | Kind::Number | Kind::Bool) => {
                let is_text =
                    |other: &&Leaf<'_>| matches!(other.kind, Kind::Text | Kind::Number | Kind::Bool);
                let texts = found.values(*other).filter(is_text);
                let text = leaf.folded();
                texts.map(Leaf::folded).any(|other| match part {
                    Part::Whole => text == other,
                    Part::Begin => text.starts_with(other),
                    Part::End => text.ends_with(other),
                    Part::Any => text.contains(other),
                })
            }
            #[cfg(feature = "re")]
            (Self::Regex(regex, bigrams), Kind::Text | Kind::Number | Kind::Bool) => {
                leaf.bigrams().may_hold(*bigrams) && regex.is_match(&leaf.text)
            }
            _ => false,
        }
    }
}

impl Item {
    pub(crate) fn holds(&self, found: &FieldValues<'_>) -> bool {
        let Some(field) = self.field else {
            return self.enough(|test| found.words().any(|leaf| test.holds(leaf, found)));
        };
        let values = found.values(field);
        let is_null = |leaf: &Leaf<'_>| leaf.kind == Kind::Null;
        if values.clone().next().is_none() {
            return !self.differs && self.enough(Test::holds_if_missing);
        }
        let holds = self.enough(|test| match test {
            Test::Exists(wanted) => values.clone().all(is_null) != *wanted,
            Test::Null => values.clone().any(is_null),
            Test::Elements(elements) => elements.holds(found.elements(field)),
            test => values.clone().any(|leaf| test.holds(leaf, found)),
        });
        holds != self.differs
    }

    /// True if enough of its tests hold.
    fn enough(&self, holds: impl FnMut(&Test) -> bool) -> bool {
        if self.all { self.tests.iter().all(holds) } else { self.tests.iter().any(holds) }
    }

    /// Returns the value to show as the reason it holds; `None` if it holds because something is missing.
    pub(crate) fn matched<'f, 'a>(&self, found: &'f FieldValues<'a>) -> Option<&'f Leaf<'a>> {
        if matches!(self.tests[..], [Test::Elements(_)]) {
            return None;
        }
        let leaves: Box<dyn Iterator<Item = &'f Leaf<'a>> + 'f> = match self.field {
            Some(field) => Box::new(found.values(field)),
            None => Box::new(found.words()),
        };
        let mut leaves = leaves.peekable();
        let first = leaves.peek().copied();
        let holds = |leaf: &&Leaf<'_>| self.tests.iter().any(|test| test.holds(leaf, found));
        leaves.find(holds).or(first.filter(|_| self.field.is_some()))
    }

    /// True if it can hold only if the field exists.
    pub(crate) fn needs_field(&self) -> bool {
        self.field.is_some() && (self.differs || !self.enough(Test::holds_if_missing))
    }
}

impl Selection {
    /// Evaluates the selection with partially known items; `None` if the result depends on unknown ones.
    pub(crate) fn judge(&self, known: &dyn Fn(&Item) -> Option<bool>) -> Option<bool> {
        match self {
            Self::All(items) => all(items.iter().map(known)),
            Self::Any(selections) => any(selections.iter().map(|selection| selection.judge(known))),
        }
    }

    /// Visits all items.
    pub(crate) fn visit_items(&self, visit: &mut dyn FnMut(&Item)) {
        match self {
            Self::All(items) => items.iter().for_each(visit),
            Self::Any(selections) => selections.iter().for_each(|selection| selection.visit_items(visit)),
        }
    }

    /// Numbers the items, starting at `next`.
    pub(crate) fn number(&mut self, next: &mut usize) {
        match self {
            Self::All(items) => items.iter_mut().for_each(|item| {
                item.nth = *next;
                *next += 1;
            }),
            Self::Any(selections) => selections.iter_mut().for_each(|selection| selection.number(next)),
        }
    }

    pub(crate) fn holds(&self, found: &FieldValues<'_>) -> bool {
        match self {
            Self::All(items) => items.iter().all(|item| item.holds(found)),
            Self::Any(selections) => selections.iter().any(|selection| selection.holds(found)),
        }
    }

    /// Visits the fields and values that make it hold.
    pub(crate) fn reasons(&self, found: &FieldValues<'_>, visit: &mut dyn FnMut(Option<Id>, &str)) {
        match self {
            Self::All(items) => {
                for item in items {
                    if let ([Test::Elements(elements)], Some(array)) = (&item.tests[..], item.field) {
                        elements.reasons(found.elements(array), visit);
                    } else if let Some(leaf) = item.matched(found) {
                        visit(item.field, &leaf.text);
                    }
                }
            }
            Self::Any(selections) => {
                if let Some(selection) = selections.iter().find(|selection| selection.holds(found)) {
                    selection.reasons(found, visit);
                }
            }
        }
    }

    /// Compiles the value below a selection's name.
    pub(crate) fn compile(node: &Node, fields: &mut Fields) -> Result<Self, AnalyzeError> {
        match &node.value {
            Value::Map(members) if members.is_empty() => Err(empty(node)),
            Value::Map(members) => members
                .iter()
                .map(|member| Item::compile(member, fields))
                .collect::<Result<_, _>>()
                .map(Self::All),
            Value::List(items) if items.is_empty() => Err(empty(node)),
            Value::List(items) if items.iter().any(|item| matches!(item.value, Value::Map(_))) => {
                items.iter().map(|item| Self::compile(item, fields)).collect::<Result<_, _>>().map(Self::Any)
            }
            _ => keywords(node, Modifiers::default(), fields).map(|item| Self::All(vec![item])),
        }
    }
}

/// Returns true if all results are true; `None` if that depends on an unknown result.
pub(crate) fn all(each: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(true);
    for one in each {
        match one {
            Some(false) => return one,
            Some(true) => {}
            None => known = None,
        }
    }
    known
}

/// Returns true if at least one result is true; `None` if that depends on an unknown result.
pub(crate) fn any(each: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    all(each.map(|one| one.map(|holds| !holds))).map(|none| !none)
}

fn empty(node: &Node) -> AnalyzeError {
    let hint = "write conditions for it, or remove it";
    AnalyzeError::new("rule.empty", node.line, "the selection is empty", hint)
}

/// Compiles keywords, which match any name or value of the event.
fn keywords(node: &Node, modifiers: Modifiers, fields: &mut Fields) -> Result<Item, AnalyzeError> {
    if fields.depth > 0 {
        let problem = explain!("keywords can't be searched in an element of an array");
        return Err(AnalyzeError::new(
            "rule.shape",
            node.line,
            problem,
            "write `.:` before them to compare the element itself",
        ));
    }
    fields.words = true;
    let of_fields = [("exists", Modifiers::EXISTS), ("cidr", Modifiers::CIDR), ("neq", Modifiers::DIFFERS)];
    if let Some((modifier, _)) = of_fields.into_iter().find(|(_, modifier)| modifiers.has(*modifier)) {
        let hint = "write the name of a field before the modifier";
        let problem = explain!("the modifier `{modifier}` requires a field");
        return Err(AnalyzeError::new("rule.modifier", node.line, problem, hint));
    }
    if let Some(null) = node.items().iter().find(|item| matches!(item.value, Value::Null)) {
        let hint = "write a field name before it, or use a string";
        return Err(AnalyzeError::new("rule.value", null.line, "null can't be a keyword", hint));
    }
    let tests = node.items().iter().map(|value| test(modifiers, value, fields, true));
    let tests = tests.collect::<Result<_, _>>()?;
    let all = modifiers.has(Modifiers::ALL);
    Ok(Item { field: None, all, differs: false, tests, fact: None, nth: 0 })
}

impl Item {
    /// Compiles a field and its tests.
    pub(super) fn compile(member: &Member, fields: &mut Fields) -> Result<Self, AnalyzeError> {
        let (name, written) =
            split_once(&member.name, b'|').map_or((&*member.name, None), |(name, after)| (name, Some(after)));
        let modifiers =
            written.map_or(Ok(Modifiers::default()), |names| Modifiers::parse(names, member.line))?;
        if member.node.items().is_empty() {
            return Err(empty(&member.node));
        }
        if name.is_empty() {
            return keywords(&member.node, modifiers, fields);
        }
        if fields.has_selectors
            && let Some((array, quantifier, rest)) =
                path::quantified(name).map_err(|hint| no_field(name, member.line, hint))?
        {
            let elements = Elements::compile(member, array, quantifier, (rest, written), fields)?;
            let array = field(array, member.line, fields)?;
            fields.keep_elements(array);
            let tests = vec![Test::Elements(elements.into())];
            return Ok(Self { field: Some(array), all: false, differs: false, tests, fact: None, nth: 0 });
        }
        if fields.depth > 0 {
            modifiers.check_in_element(member.line)?;
        }
        let field = field(name, member.line, fields)?;
        let tests = member.node.items().iter().map(|value| test(modifiers, value, fields, false));
        let tests: Vec<Test> = tests.collect::<Result<_, _>>()?;
        let fact = fields.fact(field);
        let is_other = |test: &Test| matches!(test, Test::Field(other, _) if fields.fact(*other).is_some() != fact.is_some());
        if tests.iter().any(is_other) {
            let hint = "compare event fields with event fields, or baseline fields with baseline fields";
            let problem = "an event field can't be compared with a baseline field";
            return Err(AnalyzeError::new("rule.baseline", member.line, problem, hint));
        }
        let (all, differs) = (modifiers.has(Modifiers::ALL), modifiers.has(Modifiers::DIFFERS));
        Ok(Self { field: Some(field), all, differs, tests, fact, nth: 0 })
    }
}

fn test(
    modifiers: Modifiers,
    value: &Node,
    fields: &mut Fields,
    is_keyword: bool,
) -> Result<Test, AnalyzeError> {
    let has = |some| modifiers.has(some);
    let line = value.line;
    let fault = |problem: String, hint: &str| Err(AnalyzeError::new("rule.value", line, problem, hint));
    if has(Modifiers::EXISTS) {
        return match &value.value {
            Value::Bool(wanted) => Ok(Test::Exists(*wanted)),
            _ => {
                fault(explain!("`exists` must be true or false, not {}", value.kind()), "write true or false")
            }
        };
    }
    let compares = [
        ("lt", Modifiers::LESS, Compare::Less),
        ("lte", Modifiers::AT_MOST, Compare::AtMost),
        ("gt", Modifiers::MORE, Compare::More),
        ("gte", Modifiers::AT_LEAST, Compare::AtLeast),
    ];
    if let Some((name, _, compare)) = compares.into_iter().find(|(_, modifier, _)| has(*modifier)) {
        let number = match &value.value {
            Value::Number(text) | Value::Text(text) => countersign::canonical::double(text),
            _ => None,
        };
        return match number {
            Some(number) => Ok(Test::Number(compare, number)),
            None => fault(explain!("the value of `{name}` must be a number"), "write a number"),
        };
    }
    let text = match &value.value {
        Value::Null => return Ok(Test::Null),
        Value::Bool(wanted) if !has(Modifiers::FIELD) => return Ok(Test::Bool(*wanted)),
        Value::Number(text) if modifiers.has_only(Modifiers::ALL_OR_DIFFERS) && !is_keyword => {
            return match countersign::canonical::double(text) {
                Some(number) => Ok(Test::Number(Compare::Equal, number)),
                None => fault(explain!("the number `{text}` is out of range"), "put it in quotes"),
            };
        }
        Value::Number(text) | Value::Text(text) => text,
        _ => {
            return fault(
                explain!("a value can't be {}", value.kind()),
                "write a string, a number, true, false or null",
            );
        }
    };
    if has(Modifiers::FIELD) {
        let part = match () {
            () if has(Modifiers::STARTS_WITH) => Part::Begin,
            () if has(Modifiers::ENDS_WITH) => Part::End,
            () if has(Modifiers::CONTAINS) => Part::Any,
            () => Part::Whole,
        };
        return Ok(Test::Field(field(text, line, fields)?, part));
    }
    if has(Modifiers::CIDR) {
        return match Network::parse(text) {
            Some(network) => Ok(Test::Network(network)),
            None => fault(
                explain!("`{text}` is not a network"),
                "write a network such as 10.0.0.0/8 or 2001:db8::/32",
            ),
        };
    }
    #[cfg(feature = "re")]
    if has(Modifiers::RE) {
        let regex = RegexBuilder::new(text)
            .case_insensitive(has(Modifiers::IGNORES_CASE))
            .multi_line(has(Modifiers::LINES))
            .dot_matches_new_line(has(Modifiers::DOT_IS_ANY))
            .size_limit(MAX_REGEX_BYTES)
            .build();
        return match regex {
            Ok(regex) => {
                let bigrams =
                    literal::longest_literal(text).map_or(Bigrams::default(), |part| Bigrams::of_part(&part));
                Ok(Test::Regex(regex, bigrams))
            }
            Err(error) => fault(
                explain!("the regular expression is invalid: {error}"),
                "remove lookaround, backreferences, and Unicode classes, which are not supported",
            ),
        };
    }
    #[cfg(not(feature = "re"))]
    if has(Modifiers::RE) {
        return fault(explain!("this build doesn't support regular expressions"), "use wildcards");
    }
    let begins = has(Modifiers::CONTAINS) || has(Modifiers::ENDS_WITH) || is_keyword;
    let ends = has(Modifiers::CONTAINS) || has(Modifiers::STARTS_WITH) || is_keyword;
    Ok(Test::text(Wildcard::parse(text, has(Modifiers::CASED), (begins, ends))))
}
