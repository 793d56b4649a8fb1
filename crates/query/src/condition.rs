//! What a query is made of, and whether an event is as it asks.

use core::ops::Range;
use std::borrow::Cow;

use crate::field::{any_at, is_in};
use crate::matcher::{Matcher, Pattern, Span, fold, words};
use crate::parser::{Outcome, Party};
use crate::value::{Kind, Value};

pub use crate::entry::Entry;
pub use crate::field::{Field, Path, Short};

impl Short {
    /// The texts that it stands for: of an actor or target the identifier, with the type and without, the name, and the
    /// other texts by which it is known.
    pub fn each(self, entry: &Entry<'_>, text: &mut dyn FnMut(&str)) {
        each_text(self, entry, &mut |found, _| {
            text(found);
            false
        });
    }

    /// As [`Short::each`], with how each text is compared, by [`Matcher::says`].
    pub fn each_in_role(self, entry: &Entry<'_>, text: &mut dyn FnMut(&str, Role)) {
        each_text(self, entry, &mut |found, role| {
            text(found, role);
            false
        });
    }

    /// Who an actor or target stands for, each with what is said of it together; nothing of any other.
    pub fn each_party(self, entry: &Entry<'_>, each: &mut dyn FnMut(&Party<'_>)) {
        each_party(self, entry, &mut |party| {
            each(party);
            false
        });
    }
}

impl Field {
    /// Whether there is such a thing.
    pub fn is_in(&self, entry: &Entry<'_>) -> bool {
        match self {
            Self::Member(path) => entry.any_root(path.names(), &mut |root, names| is_in(names, root)),
            Self::Short(short) => each_text(*short, entry, &mut |_, _| true),
        }
    }
}

/// How a text that a short name stands for is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Whole.
    Whole,
    /// A name of somebody, of which any words will do.
    Name,
    /// A word of ours, which may be written with other separators.
    Word,
}

impl Role {
    /// Whether an outcome's text states one.
    pub fn states(text: &str, role: Self) -> bool {
        role != Self::Word || text != Outcome::NotStated.as_str()
    }
}

/// Whether any text passes that a short name stands for.
fn each_text(short: Short, entry: &Entry<'_>, test: &mut dyn FnMut(&str, Role) -> bool) -> bool {
    let mut whole = |text: Option<&str>| text.is_some_and(|text| test(text, Role::Whole));
    match (short, entry.read) {
        (Short::Chain, _) => whole(Some(entry.chain).filter(|chain| !chain.is_empty())),
        (Short::Signer, _) => whole(entry.signer),
        (Short::As, read) => whole(read.map(|read| &*read.parsed_as)),
        (Short::Action, Some(read)) => {
            whole(read.action.as_deref()) || read.also.iter().any(|text| whole(Some(text)))
        }
        (Short::Ip, Some(read)) => whole(read.address.as_deref()),
        (Short::Outcome, Some(read)) => test(read.outcome.as_str(), Role::Word),
        (Short::Actor | Short::Target, _) => each_party(short, entry, &mut |party| party.texts(test)),
        (Short::Tenant, _) => member(entry, &["tenant"], test),
        (Short::Action, None) => member(entry, &["action"], test),
        (Short::Ip, None) => member(entry, &["context", "ip"], test),
        (Short::Outcome, None) => outcome(entry, test),
    }
}

/// The outcome of an event that no parser fits: what its member says, or that it is not stated.
fn outcome(entry: &Entry<'_>, test: &mut dyn FnMut(&str, Role) -> bool) -> bool {
    let Some(event) = entry.event else { return false };
    let mut is_stated = false;
    let passes = any_at(&["outcome"], event, &mut |value| {
        let said = value.said();
        is_stated |= said.is_some();
        said.is_some_and(|text| test(&text, Role::Whole))
    });
    passes || !is_stated && test(Outcome::NotStated.as_str(), Role::Word)
}

fn member(entry: &Entry<'_>, names: &[&str], test: &mut dyn FnMut(&str, Role) -> bool) -> bool {
    let mut test = |value: Value<'_>| value.text().is_some_and(|text| test(&text, Role::Whole));
    entry.event.is_some_and(|event| any_at(names, event, &mut test))
}

/// Whether any party passes. Where an event names several, a parser has one of them.
fn each_party(short: Short, entry: &Entry<'_>, test: &mut dyn FnMut(&Party<'_>) -> bool) -> bool {
    let (name, read) = match short {
        Short::Actor => ("actor", entry.read.map(|read| &read.actor)),
        Short::Target => ("target", entry.read.map(|read| &read.target)),
        _ => return false,
    };
    if read.is_some_and(&mut *test) {
        return true;
    }
    let Some(event) = entry.event else { return false };
    any_at(&[name], event, &mut |value| test(&party_of(value)))
}

/// Returns the party that a member states, whatever the event's shape. A text alone is taken for the identifier.
fn party_of(value: Value<'_>) -> Party<'_> {
    let [id, name, kind] = value.several(["id", "name", "type"]).map(|part| part.and_then(Value::text));
    let mut party = Party { id: id.or_else(|| value.text()), name, kind, also: Vec::new() };
    for also in value.several(OTHER_NAMES).into_iter().flatten().filter_map(Value::said) {
        party.add_also(also);
    }
    party
}

/// Members of an actor or target, whatever the event's shape, that say how else it is called.
const OTHER_NAMES: [&str; 6] =
    ["email", "login", "username", "alternateId", "displayName", "userPrincipalName"];

impl Party<'_> {
    /// Whether any text passes by which it can be found.
    pub fn texts(&self, test: &mut dyn FnMut(&str, Role) -> bool) -> bool {
        let Self { id, name, kind, also } = self;
        id.as_deref().is_some_and(|id| {
            test(id, Role::Whole)
                || kind.as_deref().is_some_and(|kind| test(&[kind, ":", id].concat(), Role::Whole))
        }) || name.iter().chain(also).any(|text| test(text, Role::Name))
    }
}

impl Matcher {
    /// Whether a text is as asked that a short name stands for. Of a name it is enough that it has the words.
    pub fn says(&self, text: &str, role: Role) -> bool {
        says(self, text, role)
    }
}

fn says(matcher: &Matcher, text: &str, role: Role) -> bool {
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

/// The parts of a name between white space, without the marks around them: `ada@acme.com` of `Ada <ada@acme.com>`.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(char::is_whitespace)
        .map(|part| part.trim_matches(['<', '>', '(', ')', '[', ']', '"', ',', ';']))
}

/// The most words of a name that are looked for.
const MOST_WORDS: usize = 8;

fn has_words(pattern: &Pattern, name: &str) -> bool {
    match pattern.pieces() {
        [literal] => {
            let wanted: Vec<&str> = words(literal).take(MOST_WORDS + 1).collect();
            (1..=MOST_WORDS).contains(&wanted.len())
                && wanted.iter().all(|wanted| words(name).any(|word| word == *wanted))
        }
        pieces => {
            // Stars alone would find any name, which they have found already.
            pieces.iter().any(|piece| !piece.is_empty())
                && (words(name).any(|word| pattern.matches_folded(word))
                    || parts(name).any(|part| pattern.matches_folded(part)))
        }
    }
}

/// Which time is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// When it happened: the event's own time where it states one, else the time of recording.
    Happened,
    /// When it was recorded, by its link.
    Recorded,
}

/// One thing that is asked of an event.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Condition {
    /// A field is one of these.
    Is {
        /// Which one.
        field: Field,
        /// What it may be; at least one.
        values: Vec<Matcher>,
    },
    /// There is such a field, whose values all are one of these, and none is an object: what binds a reader's token.
    Only {
        /// The member.
        path: Path,
        /// What each value must be.
        values: Vec<Matcher>,
    },
    /// There is such a field.
    Has(Field),
    /// The member differs between `before` and `after`.
    Changed(Path),
    /// Any string or number of the event is like this.
    Text(Pattern),
    /// Any string or number of the event has this whole word, which is in lower case.
    Word(String),
    /// It happened, or was recorded, then.
    Time(Basis, Span),
}

impl Condition {
    /// Whether what the event says counts, and not its link alone.
    pub fn reads_event(&self) -> bool {
        match self {
            Self::Is { field: Field::Short(short), .. } | Self::Has(Field::Short(short)) => {
                !short.is_of_link()
            }
            Self::Time(basis, _) => *basis == Basis::Happened,
            _ => true,
        }
    }

    /// Whether it asks when something happened.
    pub const fn asks_when(&self) -> bool {
        matches!(self, Self::Time(Basis::Happened, _))
    }

    /// The field that it is about, of those that events may have or not.
    pub fn field(&self) -> Option<Cow<'_, Field>> {
        match self {
            Self::Is { field, .. } | Self::Has(field) => Some(Cow::Borrowed(field)),
            Self::Only { path, .. } | Self::Changed(path) => Some(Cow::Owned(Field::Member(path.clone()))),
            Self::Text(_) | Self::Word(_) | Self::Time(..) => None,
        }
    }

    /// Whether events have what it is about: for `changed:`, the member before or after.
    pub fn is_about(&self, entry: &Entry<'_>) -> bool {
        match self {
            Self::Is { field, .. } | Self::Has(field) => field.is_in(entry),
            Self::Only { path, .. } => entry.event.is_some_and(|event| path.is_in(event)),
            Self::Changed(path) => ["before", "after"]
                .into_iter()
                .any(|side| entry.at(side).is_some_and(|side| path.is_in(side))),
            Self::Text(_) | Self::Word(_) | Self::Time(..) => true,
        }
    }

    /// Whether it is so.
    pub fn holds(&self, entry: &Entry<'_>) -> bool {
        match self {
            Self::Is { field: Field::Member(path), values } => {
                let mut test = |value: Value<'_>| values.iter().any(|matcher| matcher.matches_value(value));
                entry.any_root(path.names(), &mut |root, names| any_at(names, root, &mut test))
            }
            Self::Is { field: Field::Short(short), values } => {
                let mut test = |text: &str, role| values.iter().any(|matcher| matcher.says(text, role));
                each_text(*short, entry, &mut test)
            }
            Self::Only { path, values } => {
                let (mut any, mut all) = (false, true);
                let mut look = |value: Value<'_>| {
                    any = true;
                    all &= values.iter().any(|matcher| matcher.matches_value(value));
                    !all
                };
                if let Some(event) = entry.event {
                    path.any(event, &mut look);
                }
                any && all
            }
            Self::Has(Field::Short(Short::Outcome)) => each_text(Short::Outcome, entry, &mut Role::states),
            Self::Has(field) => field.is_in(entry),
            Self::Changed(path) => changed(path, entry),
            Self::Text(pattern) => has_text(entry, &|text| pattern.matches(text)),
            Self::Word(wanted) => has_text(entry, &|text| words(&fold(text)).any(|word| word == wanted)),
            Self::Time(Basis::Happened, span) => span.holds(entry.time().0),
            Self::Time(Basis::Recorded, span) => span.holds(entry.recorded),
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

/// Conditions, and how they are joined.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Each of these; of none, anything.
    All(Vec<Node>),
    /// One of these at least.
    Any(Vec<Node>),
    /// Not this.
    Not(Box<Node>),
    /// The condition of this index within [`Query::conditions`].
    Condition(usize),
}

/// What is asked of events.
#[derive(Clone, Debug)]
pub struct Query {
    pub(crate) root: Node,
    pub(crate) conditions: Vec<Asked>,
}

/// A condition and where it stands.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is asked.
    pub condition: Condition,
    /// Where it stands in the text that was parsed, in bytes; nothing where it was not parsed.
    pub at: Range<usize>,
}

impl Default for Query {
    /// Everything.
    fn default() -> Self {
        Self { root: Node::All(Vec::new()), conditions: Vec::new() }
    }
}

/// What is asked counts, and not where it stands.
impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        let asked =
            |query: &Self| query.conditions.iter().map(|asked| asked.condition.clone()).collect::<Vec<_>>();
        self.root == other.root && asked(self) == asked(other)
    }
}

impl From<Condition> for Query {
    fn from(condition: Condition) -> Self {
        Self { root: Node::Condition(0), conditions: vec![Asked { condition, at: 0..0 }] }
    }
}

impl Query {
    /// What fulfills both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let first = self.conditions.len();
        self.conditions.extend(other.conditions);
        self.root = all(vec![self.root, moved(other.root, first)]);
        self
    }

    /// What fulfills one of these.
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

    /// The parts that all must hold.
    pub fn parts(&self) -> &[Node] {
        match &self.root {
            Node::All(nodes) => nodes,
            node => core::slice::from_ref(node),
        }
    }

    /// A part of it as text that can be parsed.
    pub fn written(&self, part: &Node) -> String {
        Self { root: part.clone(), conditions: self.conditions.clone() }.to_string()
    }

    /// How the conditions are joined.
    pub const fn root(&self) -> &Node {
        &self.root
    }

    /// The conditions in the order in which they stand.
    pub fn conditions(&self) -> &[Asked] {
        &self.conditions
    }

    /// Whether nothing is asked, so that everything matches.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Whether what events say counts, and not their links alone.
    pub fn reads_events(&self) -> bool {
        self.conditions.iter().any(|asked| asked.condition.reads_event())
    }

    /// Whether something by this short name is asked.
    pub fn asks(&self, wanted: Short) -> bool {
        self.conditions.iter().any(|asked| match &asked.condition {
            Condition::Is { field: Field::Short(short), .. } | Condition::Has(Field::Short(short)) => {
                *short == wanted
            }
            _ => false,
        })
    }

    /// Whether an event can be as asked of which not all conditions are known, by their indexes.
    pub fn may_match(&self, known: &dyn Fn(usize) -> Option<bool>) -> bool {
        self.root.known(known) != Some(false)
    }

    /// Whether an event is as asked. Where what events say counts, what has no event is not, whatever is denied of it.
    pub fn matches(&self, entry: &Entry<'_>) -> bool {
        (entry.event.is_some() || !self.reads_events())
            && self
                .root
                .holds(&mut |nth| self.conditions.get(nth).is_some_and(|asked| asked.condition.holds(entry)))
    }
}

impl Node {
    /// Whether it holds, by what is told of each condition.
    pub fn holds(&self, condition: &mut dyn FnMut(usize) -> bool) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(condition)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(condition)),
            Self::Not(node) => !node.holds(condition),
            Self::Condition(nth) => condition(*nth),
        }
    }

    /// The same, where not all conditions are known.
    fn known(&self, condition: &dyn Fn(usize) -> Option<bool>) -> Option<bool> {
        // One that is so decides, and one that is not known leaves it open.
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

/// A node whose conditions have moved.
fn moved(node: Node, by: usize) -> Node {
    let all = |nodes: Vec<Node>| nodes.into_iter().map(|node| moved(node, by)).collect();
    match node {
        Node::All(nodes) => Node::All(all(nodes)),
        Node::Any(nodes) => Node::Any(all(nodes)),
        Node::Not(node) => Node::Not(Box::new(moved(*node, by))),
        Node::Condition(nth) => Node::Condition(nth + by),
    }
}

/// All of these, with what is joined so already taken in.
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

/// One of these, with what is joined so already taken in.
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

/// Not this.
pub(crate) fn not(node: Node) -> Node {
    if let Node::Not(inner) = node { *inner } else { Node::Not(Box::new(node)) }
}
