//! The parts of a query, and their evaluation on an entry.

use core::ops::Range;
use std::borrow::Cow;

use countersign::time::{DAY, Time};

use crate::field::{any_at, is_in};
use crate::matcher::{Matcher, Pattern, Span, fold, words};
use crate::parser::{Outcome, Party};
use crate::value::{Kind, Value};

pub use crate::entry::Entry;
pub use crate::field::{Field, Path, Short};

impl Short {
    /// Calls `text` with each string the short name stands for. For a party these are the identifier with
    /// and without its type, the name, and the other strings by which it is known.
    pub fn each(self, entry: &Entry<'_>, text: &mut dyn FnMut(&str)) {
        any_text(self, entry, &mut |found, _| {
            text(found);
            false
        });
    }

    /// Like [`Short::each`], with the [`Role`] that [`Matcher::matches_in_role`] compares each string in.
    pub fn each_in_role(self, entry: &Entry<'_>, text: &mut dyn FnMut(&str, Role)) {
        any_text(self, entry, &mut |found, role| {
            text(found, role);
            false
        });
    }

    /// Calls `each` with every party the short name stands for. Only those of which [`Short::is_party`] is true have any.
    pub fn each_party(self, entry: &Entry<'_>, each: &mut dyn FnMut(&Party<'_>)) {
        any_party(self, entry, &mut |party| {
            each(party);
            false
        });
    }
}

impl Field {
    /// True if the entry has this field.
    pub fn is_in(&self, entry: &Entry<'_>) -> bool {
        match self {
            Self::Member(path) => entry.any_root(path.names(), &mut |root, names| is_in(names, root)),
            Self::Short(short) => any_text(*short, entry, &mut |_, _| true),
        }
    }
}

/// The way in which a string of a short name is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The whole string must match.
    Whole,
    /// A party's name: any of its words may match.
    Name,
    /// A word of our own, which may be written with another separator (`not-stated`).
    Word,
}

impl Role {
    /// False for the outcome "not stated", true for every other outcome.
    pub fn states(text: &str, role: Self) -> bool {
        role != Self::Word || text != Outcome::NotStated.as_str()
    }
}

/// True if `test` passes for any string the short name stands for.
fn any_text(short: Short, entry: &Entry<'_>, test: &mut dyn FnMut(&str, Role) -> bool) -> bool {
    let mut whole = |text: Option<&str>| text.is_some_and(|text| test(text, Role::Whole));
    match (short, entry.read) {
        (Short::Chain, _) => whole(Some(entry.chain).filter(|chain| !chain.is_empty())),
        (Short::Signer, _) => whole(entry.signer),
        (Short::As, read) => whole(read.map(|read| &*read.parsed_as)),
        (Short::Action, Some(read)) => {
            whole(read.action.as_deref()) || read.also.iter().any(|text| whole(Some(text)))
        }
        (Short::Ip, Some(read)) => whole(read.address.as_deref()),
        (Short::Category, read) => {
            read.is_some_and(|read| read.categories.iter().any(|category| whole(Some(category.as_str()))))
        }
        (Short::Outcome, Some(read)) => test(read.outcome.as_str(), Role::Word),
        (Short::Actor | Short::For | Short::Target, _) => {
            any_party(short, entry, &mut |party| party.texts(test))
        }
        (Short::Tenant, _) => any_field(entry, &["tenant"], test),
        (Short::Action, None) => any_field(entry, &["action"], test),
        (Short::Ip, None) => any_field(entry, &["context", "ip"], test),
        (Short::Outcome, None) => any_outcome(entry, test),
    }
}

/// Tests the outcome of an event that no parser fits: its field's value, or else "not stated".
fn any_outcome(entry: &Entry<'_>, test: &mut dyn FnMut(&str, Role) -> bool) -> bool {
    let Some(event) = entry.event else { return false };
    let mut is_stated = false;
    let passes = any_at(&["outcome"], event, &mut |value| {
        let stated = value.non_empty_text();
        is_stated |= stated.is_some();
        stated.is_some_and(|text| test(&text, Role::Whole))
    });
    passes || !is_stated && test(Outcome::NotStated.as_str(), Role::Word)
}

fn any_field(entry: &Entry<'_>, names: &[&str], test: &mut dyn FnMut(&str, Role) -> bool) -> bool {
    let mut test = |value: Value<'_>| value.text().is_some_and(|text| test(&text, Role::Whole));
    entry.event.is_some_and(|event| any_at(names, event, &mut test))
}

/// True if `test` passes for any party. If an event names several, its parser returns only one, so the event's own
/// fields count too.
fn any_party(short: Short, entry: &Entry<'_>, test: &mut dyn FnMut(&Party<'_>) -> bool) -> bool {
    let Some(name) = short.party_field() else { return false };
    if entry.read.and_then(|read| read.party(short)).is_some_and(&mut *test) {
        return true;
    }
    let Some(event) = entry.event else { return false };
    any_at(&[name], event, &mut |value| test(&parse_party(value)))
}

/// Returns the party in a field, whatever the event's shape. A plain string counts as the identifier.
fn parse_party(value: Value<'_>) -> Party<'_> {
    let [id, name, kind] = value.several(["id", "name", "type"]).map(|part| part.and_then(Value::text));
    let mut party = Party { id: id.or_else(|| value.text()), name, kind, also: Vec::new() };
    for also in value.several(OTHER_NAMES).into_iter().flatten().filter_map(Value::non_empty_text) {
        party.add_also(also);
    }
    party
}

/// Fields of a party that contain other names, whatever the event's shape.
const OTHER_NAMES: [&str; 6] =
    ["email", "login", "username", "alternateId", "displayName", "userPrincipalName"];

impl Party<'_> {
    /// True if `test` passes for any string by which the party can be found.
    pub fn texts(&self, test: &mut dyn FnMut(&str, Role) -> bool) -> bool {
        let Self { id, name, kind, also } = self;
        id.as_deref().is_some_and(|id| {
            test(id, Role::Whole)
                || kind.as_deref().is_some_and(|kind| test(&[kind, ":", id].concat(), Role::Whole))
        }) || name.iter().chain(also).any(|text| test(text, Role::Name))
    }
}

impl Matcher {
    /// True if a string that a short name stands for matches. A party's name matches if it contains the words.
    pub fn matches_in_role(&self, text: &str, role: Role) -> bool {
        matches_in_role(self, text, role)
    }
}

fn matches_in_role(matcher: &Matcher, text: &str, role: Role) -> bool {
    let pattern = match matcher {
        Matcher::Text(pattern) => pattern,
        Matcher::Literal(literal) => &literal.pattern,
        _ => return matcher.matches(text),
    };
    match role {
        _ if matcher.matches(text) => true,
        Role::Whole => false,
        Role::Word => pattern.matches(&text.replace(' ', "-")) || pattern.matches(&text.replace(' ', "_")),
        Role::Name if pattern.is_cased() => false,
        Role::Name => has_words(pattern, &fold(text)),
    }
}

/// Splits a name at white space and strips the punctuation around each part: `Ada <ada@acme.com>` has `ada@acme.com`.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(char::is_whitespace)
        .map(|part| part.trim_matches(['<', '>', '(', ')', '[', ']', '"', ',', ';']))
}

/// A value with more words than this is compared as a whole only.
const MAX_WORDS: usize = 8;

fn has_words(pattern: &Pattern, name: &str) -> bool {
    match pattern.pieces() {
        [literal] => {
            let wanted: Vec<&str> = words(literal).take(MAX_WORDS + 1).collect();
            (1..=MAX_WORDS).contains(&wanted.len())
                && wanted.iter().all(|wanted| words(name).any(|word| word == *wanted))
        }
        pieces => {
            // Stars alone match every name; `Matcher::matches` has covered that.
            pieces.iter().any(|piece| !piece.is_empty())
                && (words(name).any(|word| pattern.matches_folded(word))
                    || parts(name).any(|part| pattern.matches_folded(part)))
        }
    }
}

/// The time that a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The event's own time if it states one, else the time of recording.
    Happened,
    /// The time of recording, from the link.
    Recorded,
}

/// A single condition on an entry.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Condition {
    /// The field matches one of the values.
    Is {
        /// The field to compare.
        field: Field,
        /// The allowed values; at least one.
        values: Vec<Matcher>,
    },
    /// The field exists, all its values match, and none is an object. Restricts a reader's token.
    Only {
        /// The field to compare.
        path: Path,
        /// The allowed values; each value of the field must match one.
        values: Vec<Matcher>,
    },
    /// The field exists.
    Has(Field),
    /// The field differs between `before` and `after`.
    Changed(Path),
    /// A string or number anywhere in the event matches.
    Text(Pattern),
    /// A string or number anywhere in the event contains this whole word, given in lower case.
    Word(String),
    /// The time lies in this span.
    Time(Basis, Span),
    /// The event states a time that can't be understood.
    UnclearTime,
}

impl Condition {
    /// True if the condition depends on the event, not only on its link.
    pub fn reads_event(&self) -> bool {
        match self {
            Self::Is { field: Field::Short(short), .. } | Self::Has(Field::Short(short)) => {
                !short.is_of_link()
            }
            Self::Time(basis, _) => *basis == Basis::Happened,
            _ => true,
        }
    }

    /// True if the condition compares the event's own time.
    pub const fn asks_when(&self) -> bool {
        matches!(self, Self::Time(Basis::Happened, _))
    }

    /// Returns the field that the condition tests, if it is one that events may lack.
    pub fn field(&self) -> Option<Cow<'_, Field>> {
        match self {
            Self::Is { field, .. } | Self::Has(field) => Some(Cow::Borrowed(field)),
            Self::Only { path, .. } | Self::Changed(path) => Some(Cow::Owned(Field::Member(path.clone()))),
            Self::Text(_) | Self::Word(_) | Self::Time(..) | Self::UnclearTime => None,
        }
    }

    /// True if the entry has the tested field. For `changed:`, `before` or `after` must have it.
    pub fn is_about(&self, entry: &Entry<'_>) -> bool {
        match self {
            Self::Is { field, .. } | Self::Has(field) => field.is_in(entry),
            Self::Only { path, .. } => entry.event.is_some_and(|event| path.is_in(event)),
            Self::Changed(path) => ["before", "after"]
                .into_iter()
                .any(|side| entry.at(side).is_some_and(|side| path.is_in(side))),
            Self::Text(_) | Self::Word(_) | Self::Time(..) | Self::UnclearTime => true,
        }
    }

    /// True if the entry meets the condition.
    pub fn holds(&self, entry: &Entry<'_>) -> bool {
        match self {
            Self::Is { field: Field::Member(path), values } => {
                let mut test = |value: Value<'_>| values.iter().any(|matcher| matcher.matches_value(value));
                entry.any_root(path.names(), &mut |root, names| any_at(names, root, &mut test))
            }
            Self::Is { field: Field::Short(short), values } => {
                let mut test =
                    |text: &str, role| values.iter().any(|matcher| matcher.matches_in_role(text, role));
                any_text(*short, entry, &mut test)
            }
            Self::Only { path, values } => {
                let (mut any, mut all) = (false, true);
                let mut check = |value: Value<'_>| {
                    any = true;
                    all &= values.iter().any(|matcher| matcher.matches_value(value));
                    !all
                };
                if let Some(event) = entry.event {
                    path.any(event, &mut check);
                }
                any && all
            }
            Self::Has(Field::Short(Short::Outcome)) => any_text(Short::Outcome, entry, &mut Role::states),
            Self::Has(field) => field.is_in(entry),
            Self::Changed(path) => changed(path, entry),
            Self::Text(pattern) => has_text(entry, &|text| pattern.matches(text)),
            Self::Word(wanted) => has_text(entry, &|text| words(&fold(text)).any(|word| word == wanted)),
            Self::Time(Basis::Happened, span) => span.holds(entry.time().0),
            Self::Time(Basis::Recorded, span) => span.holds(entry.recorded),
            Self::UnclearTime => entry.has_unclear_time(),
        }
    }
}

fn has_text(entry: &Entry<'_>, test: &dyn Fn(&str) -> bool) -> bool {
    let Some(event) = entry.event else { return false };
    let mut leaves = event.leaves().filter(|value| matches!(value.kind(), Kind::Text | Kind::Number));
    leaves.any(|value| value.text().is_some_and(|text| test(&text)))
}

fn changed(path: &Path, entry: &Entry<'_>) -> bool {
    let side = |name| path.names().iter().try_fold(entry.at(name)?, |value, name| value.get(name));
    match (side("before"), side("after")) {
        (None, None) => false,
        (Some(before), Some(after)) => !before.same(after),
        _ => true,
    }
}

/// A tree of conditions.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// All nodes must match. An empty list matches everything.
    All(Vec<Node>),
    /// At least one node must match.
    Any(Vec<Node>),
    /// The node must not match.
    Not(Box<Node>),
    /// A condition, by its index in [`Query::conditions`].
    Condition(usize),
}

/// A parsed query.
#[derive(Clone, Debug)]
pub struct Query {
    pub(crate) root: Node,
    pub(crate) conditions: Vec<PlacedCondition>,
}

/// A condition and its position in the query.
#[derive(Clone, Debug)]
pub struct PlacedCondition {
    /// The condition.
    pub condition: Condition,
    /// The byte range in the parsed text; empty if the condition was not parsed.
    pub at: Range<usize>,
}

impl Default for Query {
    /// Matches everything.
    fn default() -> Self {
        Self { root: Node::All(Vec::new()), conditions: Vec::new() }
    }
}

/// Compares conditions, not their positions.
impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        let placed =
            |query: &Self| query.conditions.iter().map(|placed| placed.condition.clone()).collect::<Vec<_>>();
        self.root == other.root && placed(self) == placed(other)
    }
}

impl From<Condition> for Query {
    fn from(condition: Condition) -> Self {
        Self { root: Node::Condition(0), conditions: vec![PlacedCondition { condition, at: 0..0 }] }
    }
}

impl Query {
    /// Returns a query that matches what both match.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let first = self.conditions.len();
        self.conditions.extend(other.conditions);
        self.root = all(vec![self.root, moved(other.root, first)]);
        self
    }

    /// Returns a query that matches what any of them matches.
    pub fn any(queries: impl IntoIterator<Item = Self>) -> Self {
        let mut either = Self { root: Node::All(Vec::new()), conditions: Vec::new() };
        let mut nodes = Vec::new();
        for query in queries {
            let first = either.conditions.len();
            either.conditions.extend(query.conditions);
            nodes.push(moved(query.root, first));
        }
        either.root = any(nodes);
        either
    }

    /// Returns the parts that must all match.
    pub fn parts(&self) -> &[Node] {
        match &self.root {
            Node::All(nodes) => nodes,
            node => core::slice::from_ref(node),
        }
    }

    /// Formats a part of the query as text that can be parsed.
    pub fn written(&self, part: &Node) -> String {
        Self { root: part.clone(), conditions: self.conditions.clone() }.to_string()
    }

    /// Returns the tree of conditions.
    pub const fn root(&self) -> &Node {
        &self.root
    }

    /// Returns the conditions in the order they were written.
    pub fn conditions(&self) -> &[PlacedCondition] {
        &self.conditions
    }

    /// True if there are no conditions, so that everything matches.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// True if the query depends on events, not only on their links.
    pub fn reads_events(&self) -> bool {
        self.conditions.iter().any(|placed| placed.condition.reads_event())
    }

    /// True if any condition is about facts that parsers take from events.
    pub fn asks_parsed_facts(&self) -> bool {
        self.conditions.iter().any(|placed| match placed.condition.field().as_deref() {
            Some(Field::Short(short)) => !short.is_of_link(),
            _ => placed.condition.asks_when() || placed.condition == Condition::UnclearTime,
        })
    }

    /// True if any condition uses this short name.
    pub fn asks(&self, wanted: Short) -> bool {
        self.conditions.iter().any(|placed| match &placed.condition {
            Condition::Is { field: Field::Short(short), .. } | Condition::Has(Field::Short(short)) => {
                *short == wanted
            }
            _ => false,
        })
    }

    /// Returns the last millisecond that the query asks about by its conditions on times; `None` if it has none. A span
    /// without an end is asked about for at least its first day, in UTC.
    pub fn asks_until(&self) -> Option<Time> {
        let last = self.conditions.iter().filter_map(|placed| match placed.condition {
            Condition::Time(_, Span { until: Some(until), .. }) => Some(until.millis()),
            Condition::Time(_, Span { from: Some(from), until: None }) => {
                Some((from.millis().div_euclid(DAY) + 1).saturating_mul(DAY))
            }
            _ => None,
        });
        last.max().map(|end| Time::from_millis(end.saturating_sub(1)).unwrap_or(Time::MAX))
    }

    /// False if the query cannot match, given the results of some conditions by index; `None` marks an unknown result.
    pub fn may_match(&self, known: &dyn Fn(usize) -> Option<bool>) -> bool {
        self.root.known(known) != Some(false)
    }

    /// True if the entry matches. An entry without an event never matches a query that depends on events, not even a
    /// negated one.
    pub fn matches(&self, entry: &Entry<'_>) -> bool {
        (entry.event.is_some() || !self.reads_events())
            && self.root.holds(&mut |nth| {
                self.conditions.get(nth).is_some_and(|placed| placed.condition.holds(entry))
            })
    }
}

impl Node {
    /// Evaluates the node. `condition` returns the result of a condition by its index.
    pub fn holds(&self, condition: &mut dyn FnMut(usize) -> bool) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(condition)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(condition)),
            Self::Not(node) => !node.holds(condition),
            Self::Condition(nth) => condition(*nth),
        }
    }

    /// Evaluates the node with partial results. Returns `None` if they don't decide it.
    fn known(&self, condition: &dyn Fn(usize) -> Option<bool>) -> Option<bool> {
        // An operand equal to `by` decides; otherwise an unknown one leaves the result open.
        let decide = |nodes: &[Self], by: bool| {
            let mut open = false;
            for node in nodes {
                match node.known(condition) {
                    Some(is) if is == by => return Some(by),
                    Some(_) => {}
                    None => open = true,
                }
            }
            (!open).then_some(!by)
        };
        match self {
            Self::All(nodes) => decide(nodes, false),
            Self::Any(nodes) => decide(nodes, true),
            Self::Not(node) => node.known(condition).map(|is| !is),
            Self::Condition(nth) => condition(*nth),
        }
    }
}

/// Returns the node with `by` added to its condition indexes.
fn moved(node: Node, by: usize) -> Node {
    let all = |nodes: Vec<Node>| nodes.into_iter().map(|node| moved(node, by)).collect();
    match node {
        Node::All(nodes) => Node::All(all(nodes)),
        Node::Any(nodes) => Node::Any(all(nodes)),
        Node::Not(node) => Node::Not(Box::new(moved(*node, by))),
        Node::Condition(nth) => Node::Condition(nth + by),
    }
}

/// Joins nodes with AND and flattens nested ones.
pub(crate) fn all(nodes: Vec<Node>) -> Node {
    let mut flat = Vec::new();
    for node in nodes {
        match node {
            Node::All(inner) => flat.extend(inner),
            node => flat.push(node),
        }
    }
    if let [_] = &flat[..] { flat.remove(0) } else { Node::All(flat) }
}

/// Joins nodes with OR and flattens nested ones.
pub(crate) fn any(nodes: Vec<Node>) -> Node {
    let mut flat = Vec::new();
    for node in nodes {
        match node {
            Node::Any(inner) => flat.extend(inner),
            node => flat.push(node),
        }
    }
    if let [_] = &flat[..] { flat.remove(0) } else { Node::Any(flat) }
}

/// Negates a node; a double negation cancels out.
pub(crate) fn not(node: Node) -> Node {
    if let Node::Not(inner) = node { *inner } else { Node::Not(Box::new(node)) }
}
