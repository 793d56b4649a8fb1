//! Selections: what the members of an event must be (Sigma 2.1, "Detection").

use countersign_query::matcher::Network;
use countersign_query::split::split_once;
use countersign_query::value::Kind;
#[cfg(feature = "re")]
use regex_lite::RegexBuilder;

use super::field::{field, no_field};
use super::modifiers::Modifiers;
use super::{Compare, Elements, Item, Part, Selection, Test};
use crate::bigrams::Bigrams;
use crate::error::{AnalyzeError, told};
use crate::fields::{Fields, Found, Id, Leaf};
#[cfg(feature = "re")]
use crate::literal;
use crate::path;
use crate::tree::{Member, Node, Value};
use crate::wildcard::Wildcard;

#[cfg(feature = "re")]
/// The most bytes that a regular expression may have once it is compiled.
const MAX_REGEX: usize = 1 << 20;

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
    /// True if it asks that its field exists: a missing field answers that.
    pub(crate) fn asks_existence(&self) -> bool {
        self.tests.iter().any(|test| matches!(test, Test::Exists(_)))
    }

    /// If it asks which parser read the event: tells whether a parser is as it asks.
    pub(crate) fn parser(&self, fields: &Fields) -> Option<impl Fn(&str) -> bool> {
        self.field.filter(|field| fields.name(*field) == "parsed.as")?;
        Some(|parser: &str| {
            let folded = countersign_query::matcher::fold(parser);
            let mut are = self.tests.iter().map(|test| match test {
                Test::Text(wildcard, _) => wildcard.matches(parser, &folded),
                test => !test.misses(),
            });
            if self.all { are.all(|is| is) } else { are.any(|is| is) }
        })
    }
}

impl Test {
    /// A text that is like this.
    fn text(wildcard: Wildcard) -> Self {
        let bigrams = wildcard.bigrams();
        Self::Text(wildcard, bigrams)
    }

    /// Whether it holds where the field is missing.
    fn misses(&self) -> bool {
        match self {
            Self::Null | Self::Exists(false) => true,
            Self::Elements(elements) => elements.holds_of_none(),
            _ => false,
        }
    }

    /// The bigrams of a value in which it holds; `None` where it holds without a value.
    pub(crate) fn bigrams(&self) -> Option<Bigrams> {
        match self {
            Self::Text(_, bigrams) => Some(*bigrams),
            test => (!test.misses()).then(Bigrams::default),
        }
    }

    /// Whether a value is so. What is about the field as a whole is asked of [`Item::holds`].
    fn holds(&self, leaf: &Leaf<'_>, found: &Found<'_>) -> bool {
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
    pub(crate) fn holds(&self, found: &Found<'_>) -> bool {
        let Some(field) = self.field else {
            return self.hold(|test| found.words().any(|leaf| test.holds(leaf, found)));
        };
        let values = found.values(field);
        let is_null = |leaf: &Leaf<'_>| leaf.kind == Kind::Null;
        if values.clone().next().is_none() {
            return !self.differs && self.hold(Test::misses);
        }
        let holds = self.hold(|test| match test {
            Test::Exists(wanted) => values.clone().all(is_null) != *wanted,
            Test::Null => values.clone().any(is_null),
            Test::Elements(elements) => elements.holds(found.elements(field)),
            test => values.clone().any(|leaf| test.holds(leaf, found)),
        });
        holds != self.differs
    }

    /// Whether enough of its tests hold.
    fn hold(&self, holds: impl FnMut(&Test) -> bool) -> bool {
        if self.all { self.tests.iter().all(holds) } else { self.tests.iter().any(holds) }
    }

    /// The values that make it hold, for people: none where it holds because something is missing.
    pub(crate) fn matched<'f, 'a>(&self, found: &'f Found<'a>) -> Option<&'f Leaf<'a>> {
        if matches!(self.tests[..], [Test::Elements(_)]) {
            return None;
        }
        let leaves: Box<dyn Iterator<Item = &'f Leaf<'a>> + 'f> = match self.field {
            Some(field) => Box::new(found.values(field)),
            None => Box::new(found.words()),
        };
        let mut leaves = leaves.peekable();
        let first = leaves.peek().copied();
        let says = |leaf: &&Leaf<'_>| self.tests.iter().any(|test| test.holds(leaf, found));
        leaves.find(says).or(first.filter(|_| self.field.is_some()))
    }

    /// Whether it can hold only where the field is there.
    pub(crate) fn needs_field(&self) -> bool {
        self.field.is_some() && (self.differs || !self.hold(Test::misses))
    }
}

impl Selection {
    /// Whether it holds as far as is known of its items.
    pub(crate) fn judge(&self, known: &dyn Fn(&Item) -> Option<bool>) -> Option<bool> {
        match self {
            Self::All(items) => all(items.iter().map(known)),
            Self::Any(selections) => any(selections.iter().map(|selection| selection.judge(known))),
        }
    }

    /// Its items, whether they must hold all or not.
    pub(crate) fn each_item(&self, tell: &mut dyn FnMut(&Item)) {
        match self {
            Self::All(items) => items.iter().for_each(tell),
            Self::Any(selections) => selections.iter().for_each(|selection| selection.each_item(tell)),
        }
    }

    /// Gives each item its place, from this one on.
    pub(crate) fn number(&mut self, next: &mut usize) {
        match self {
            Self::All(items) => items.iter_mut().for_each(|item| {
                item.nth = *next;
                *next += 1;
            }),
            Self::Any(selections) => selections.iter_mut().for_each(|selection| selection.number(next)),
        }
    }

    pub(crate) fn holds(&self, found: &Found<'_>) -> bool {
        match self {
            Self::All(items) => items.iter().all(|item| item.holds(found)),
            Self::Any(selections) => selections.iter().any(|selection| selection.holds(found)),
        }
    }

    /// Tells the fields and values that make it hold.
    pub(crate) fn reasons(&self, found: &Found<'_>, tell: &mut dyn FnMut(Option<Id>, &str)) {
        match self {
            Self::All(items) => {
                for item in items {
                    if let ([Test::Elements(elements)], Some(array)) = (&item.tests[..], item.field) {
                        elements.reasons(found.elements(array), tell);
                    } else if let Some(leaf) = item.matched(found) {
                        tell(item.field, &leaf.text);
                    }
                }
            }
            Self::Any(selections) => {
                if let Some(selection) = selections.iter().find(|selection| selection.holds(found)) {
                    selection.reasons(found, tell);
                }
            }
        }
    }

    /// Reads what stands below a selection's name.
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

/// Whether all hold; not known only where that depends on one that is not known.
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

/// Whether one holds.
pub(crate) fn any(each: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    all(each.map(|one| one.map(|holds| !holds))).map(|none| !none)
}

fn empty(node: &Node) -> AnalyzeError {
    let hint = "write what an event must have, or remove it";
    AnalyzeError::new("rule.empty", node.line, "a selection says nothing", hint)
}

/// Texts that any name or value of the event may have in it.
fn keywords(node: &Node, modifiers: Modifiers, fields: &mut Fields) -> Result<Item, AnalyzeError> {
    if fields.depth > 0 {
        let problem = told!("an element of an array is not searched for keywords");
        return Err(AnalyzeError::new(
            "rule.shape",
            node.line,
            problem,
            "write `.` before them: the element itself",
        ));
    }
    fields.words = true;
    let of_fields = [("exists", Modifiers::EXISTS), ("cidr", Modifiers::CIDR), ("neq", Modifiers::DIFFERS)];
    if let Some((modifier, _)) = of_fields.into_iter().find(|(_, modifier)| modifiers.has(*modifier)) {
        let hint = "write the name of a field before it";
        let problem = told!("`{modifier}` is asked of a field, and here is none");
        return Err(AnalyzeError::new("rule.modifier", node.line, problem, hint));
    }
    if let Some(null) = node.items().iter().find(|item| matches!(item.value, Value::Null)) {
        let hint = "write the name of a field before it, or a text";
        return Err(AnalyzeError::new("rule.value", null.line, "no text is null", hint));
    }
    let tests = node.items().iter().map(|value| test(modifiers, value, fields, true));
    let tests = tests.collect::<Result<_, _>>()?;
    let all = modifiers.has(Modifiers::ALL);
    Ok(Item { field: None, all, differs: false, tests, fact: None, nth: 0 })
}

impl Item {
    /// Reads a field, and what it must be.
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
            let hint = "compare members with members, or what is of a baseline with what is of one";
            let problem = "a member cannot be compared with what a baseline says";
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
            _ => fault(told!("`exists` is {}", value.kind()), "write true or false"),
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
            None => fault(told!("what `{name}` compares with is not a number"), "write a number"),
        };
    }
    let text = match &value.value {
        Value::Null => return Ok(Test::Null),
        Value::Bool(wanted) if !has(Modifiers::FIELD) => return Ok(Test::Bool(*wanted)),
        Value::Number(text) if modifiers.has_only(Modifiers::ALL_OR_DIFFERS) && !is_keyword => {
            return match countersign::canonical::double(text) {
                Some(number) => Ok(Test::Number(Compare::Equal, number)),
                None => fault(told!("`{text}` is out of range"), "put it in quotes"),
            };
        }
        Value::Number(text) | Value::Text(text) => text,
        _ => {
            return fault(
                told!("a value is {}", value.kind()),
                "a value is a text, a number, true, false or null",
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
            None => {
                fault(told!("`{text}` is not a network"), "write one such as 10.0.0.0/8 or 2001:db8::/32")
            }
        };
    }
    #[cfg(feature = "re")]
    if has(Modifiers::RE) {
        let regex = RegexBuilder::new(text)
            .case_insensitive(has(Modifiers::IGNORES_CASE))
            .multi_line(has(Modifiers::LINES))
            .dot_matches_new_line(has(Modifiers::DOT_IS_ANY))
            .size_limit(MAX_REGEX)
            .build();
        return match regex {
            Ok(regex) => {
                let bigrams = literal::of(text).map_or(Bigrams::default(), |part| Bigrams::of_part(&part));
                Ok(Test::Regex(regex, bigrams))
            }
            Err(error) => fault(
                told!("the regular expression cannot be read: {error}"),
                "without look-around, back references and Unicode classes it can be matched in linear time",
            ),
        };
    }
    #[cfg(not(feature = "re"))]
    if has(Modifiers::RE) {
        return fault(told!("there are no regular expressions here"), "write it with wildcards");
    }
    let begins = has(Modifiers::CONTAINS) || has(Modifiers::ENDS_WITH) || is_keyword;
    let ends = has(Modifiers::CONTAINS) || has(Modifiers::STARTS_WITH) || is_keyword;
    Ok(Test::text(Wildcard::parse(text, has(Modifiers::CASED), (begins, ends))))
}
