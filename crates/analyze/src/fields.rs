//! The fields that rules ask for, found in one walk through an event. What is not of the event is made when it is asked for.
//!
//! A field is a path of names, separated by dots. It means each member that the names lead to, one level or several at a
//! time: `a.b` is the member `b` of `a`, and the member `a.b`. A name in quotes is one name, dots or not. An array stands
//! for each of its elements. Four first names are not of the event: `read.` is what its parser says, `link.` what its link
//! says, `derived.` what is computed from either, `baseline.` what the events before it say of what is usual.

use core::cell::{Cell, OnceCell};
use core::net::IpAddr;
use std::borrow::Cow;

use countersign::canonical::double;
use countersign_query::matcher::{address, fold};
use countersign_query::names::Names;
use countersign_query::split::{split, split_once};
use countersign_query::value::{Kind, Value};
use countersign_query::{Entry, Parts, Read, Root};

use crate::baseline::{self, Fact, Facts};
use crate::bigrams::Bigrams;
use crate::path::{self, Step};
use crate::zone::Zone;

/// The number of a field.
pub(crate) type Id = u32;

/// What is no member of the event itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    As,
    Action,
    ActorId,
    ActorName,
    ActorType,
    TargetId,
    TargetName,
    TargetType,
    Address,
    Outcome,
    Reason,
    Signer,
    Chain,
    LocalHour,
    Weekday,
    PathTemplate,
    UserAgent,
    Session,
    Credential,
}

impl Beside {
    /// What of a reading it is.
    const fn part(self) -> Parts {
        match self {
            Self::Action => Parts::ACTION,
            Self::ActorId | Self::ActorName | Self::ActorType => Parts::ACTOR,
            Self::TargetId | Self::TargetName | Self::TargetType => Parts::TARGET,
            Self::Address => Parts::ADDRESS,
            Self::Outcome => Parts::OUTCOME,
            Self::Reason => Parts::REASON,
            _ => Parts::NONE,
        }
    }
}

const BESIDE: [(&str, Beside); 19] = [
    ("parsed.as", Beside::As),
    ("parsed.action", Beside::Action),
    ("parsed.actor.id", Beside::ActorId),
    ("parsed.actor.name", Beside::ActorName),
    ("parsed.actor.type", Beside::ActorType),
    ("parsed.target.id", Beside::TargetId),
    ("parsed.target.name", Beside::TargetName),
    ("parsed.target.type", Beside::TargetType),
    ("parsed.address", Beside::Address),
    ("parsed.outcome", Beside::Outcome),
    ("parsed.reason", Beside::Reason),
    ("link.signer", Beside::Signer),
    ("link.chain", Beside::Chain),
    ("derived.local_hour", Beside::LocalHour),
    ("derived.weekday", Beside::Weekday),
    ("derived.path_template", Beside::PathTemplate),
    ("derived.user_agent", Beside::UserAgent),
    ("derived.session", Beside::Session),
    ("derived.credential", Beside::Credential),
];

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The origin of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The event itself.
    Event,
    /// The parser that recognizes the event, or the baseline of the identity that it finds.
    Parser,
    /// The link, or what is computed of every entry.
    Entry,
}

/// All fields that a pack's rules ask for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    /// A tree of names; the first node is the event itself.
    nodes: Vec<Node>,
    beside: Vec<(Beside, Id)>,
    facts: Vec<(Fact, Id)>,
    names: Vec<String>,
    origins: Vec<Origin>,
    /// Where the values of each are before anything was found.
    places: Vec<Place>,
    ids: Names,
    /// True if rules ask for keywords: any name or value of the event.
    pub(crate) words: bool,
    /// True while a rule is read whose names have selectors in brackets after them.
    pub(crate) has_selectors: bool,
    /// The number of arrays that these are fields of the elements of, one within another: 0 for those of an event.
    pub(crate) depth: u8,
}

#[derive(Clone, Debug, Default)]
struct Node {
    id: Option<Id>,
    members: Names,
    /// The nodes of single elements, if it is an array.
    elements: Vec<(i64, usize)>,
    /// True if conditions are about its elements, which are kept for them.
    is_kept: bool,
}

/// The most fields: names are told apart by parts of them, and who writes rules could choose ones that have the same.
const MOST: usize = 4096;

impl Fields {
    /// Whether it is another one, for which there is no room.
    pub(crate) fn is_beyond(&self, name: &str) -> bool {
        self.len() >= MOST && !self.has(name)
    }

    /// The fields of an array's elements, one array deeper than these.
    pub(crate) fn of_elements(&self) -> Self {
        Self { has_selectors: self.has_selectors, depth: self.depth + 1, ..Self::default() }
    }

    /// The number of a field. An error is the names that it could have meant.
    pub(crate) fn intern(&mut self, name: &str) -> Result<Id, &'static str> {
        // With selectors, a name with brackets means another field than without.
        let is_selecting = self.has_selectors && name.bytes().any(|byte| matches!(byte, b'[' | b'\\'));
        if let Some(id) = self.ids.get(name).filter(|_| !is_selecting) {
            return Ok(id as Id);
        }
        let id = self.names.len() as Id;
        // Elements have nothing beside them.
        let first = if self.depth > 0 { None } else { split_once(name, b'.').map(|(first, _)| first) };
        let (mut place, mut origin) = (Place::default(), Origin::Event);
        if let Some(fact) = name.strip_prefix("baseline.").filter(|_| first.is_some()) {
            self.facts.push((Fact::parse(fact).ok_or(baseline::HINT)?, id));
            origin = Origin::Parser;
        } else if let Some(first @ ("read" | "link" | "derived")) = first {
            let Some((_, beside)) = BESIDE.iter().find(|(known, _)| *known == name) else {
                return Err(match first {
                    "read" => {
                        "a parser has as, action, actor.id, actor.name, actor.type, target.id, target.name, target.type, address, outcome and reason"
                    }
                    "link" => "a link has signer and chain",
                    _ => {
                        "there are derived.local_hour, derived.weekday, derived.path_template, derived.user_agent, derived.session and derived.credential"
                    }
                });
            };
            place = Place { first: BESIDE_IT, last: self.beside.len() as u32 };
            self.beside.push((*beside, id));
            origin = if first == "read" { Origin::Parser } else { Origin::Entry };
        } else {
            if self.nodes.is_empty() {
                self.nodes.push(Node::default());
            }
            let mut at = 0;
            // An element itself is `.`, which is the root here.
            let is_root = self.depth > 0 && name == ".";
            for step in if is_root { Vec::new() } else { path::steps(name, self.has_selectors)? } {
                let next = self.nodes.len();
                at = match step {
                    Step::Name(name) => self.nodes[at].members.get_or_insert(&name, next),
                    Step::Element(nth) => {
                        let elements = &mut self.nodes[at].elements;
                        let known = elements.iter().find(|(other, _)| *other == nth).map(|(_, node)| *node);
                        if known.is_none() {
                            elements.push((nth, next));
                        }
                        known.unwrap_or(next)
                    }
                };
                if at == next {
                    self.nodes.push(Node::default());
                }
            }
            if let Some(known) = self.nodes[at].id {
                // With quotes and without, it is one field.
                if !is_selecting {
                    self.ids.get_or_insert(name, known as usize);
                }
                return Ok(known);
            }
            self.nodes[at].id = Some(id);
        }
        self.names.push(name.into());
        self.origins.push(origin);
        self.places.push(place);
        if !is_selecting {
            self.ids.get_or_insert(name, id as usize);
        }
        Ok(id)
    }

    /// Keeps the elements of an array for conditions about them.
    pub(crate) fn keep_elements(&mut self, array: Id) {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.id == Some(array)) {
            node.is_kept = true;
        }
    }

    /// A number for something that has a name in findings, and no values of its own.
    pub(crate) fn label(&mut self, name: String) -> Id {
        self.names.push(name);
        self.origins.push(Origin::Event);
        self.places.push(Place::default());
        self.names.len() as Id - 1
    }

    pub(crate) fn name(&self, id: Id) -> &str {
        self.names.get(id as usize).map_or("", String::as_str)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.ids.get(name).is_some()
    }

    pub(crate) const fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn origin(&self, id: Id) -> Origin {
        self.origins.get(id as usize).copied().unwrap_or(Origin::Event)
    }

    /// Those that are not of the event itself, and not of baselines.
    pub(crate) fn beside_events(&self) -> impl Iterator<Item = Id> {
        self.beside.iter().map(|(_, id)| *id)
    }

    /// What of a parser rules ask for.
    pub(crate) fn parts(&self) -> Parts {
        self.beside.iter().fold(Parts::default(), |parts, (beside, _)| parts.with(beside.part()))
    }

    /// The fact that a field is, if it is one.
    pub(crate) fn fact(&self, id: Id) -> Option<Fact> {
        self.facts.iter().find(|(_, fact)| *fact == id).map(|(fact, _)| *fact)
    }

    /// Whether a rule asks for what baselines say.
    pub(crate) fn asks_baselines(&self) -> bool {
        !self.facts.is_empty()
    }

    /// What baselines say of an event.
    pub(crate) fn of_facts(&self, facts: &Facts) -> Found<'_> {
        let mut found = self.nothing(None);
        for (fact, id) in &self.facts {
            let kind = match fact {
                Fact::New => Kind::Text,
                Fact::Learned => Kind::Bool,
                _ => Kind::Number,
            };
            facts.tell(*fact, &mut |text| found.put(Some(*id), Leaf::of(kind, Cow::Owned(text)), false));
        }
        found
    }

    /// Room for what an event has.
    fn spare(&self) -> Spare {
        if cfg!(target_arch = "wasm32") {
            let (leaves, touched) = (Vec::with_capacity(16), Vec::with_capacity(32));
            return Spare { leaves, places: self.places.clone(), touched, words: Vec::new() };
        }
        let mut spare = SPARE.take();
        spare.places.clone_from(&self.places);
        spare.touched.clear();
        spare.words.clear();
        spare
    }

    fn nothing<'a>(&'a self, entry: Option<(Entry<'a>, Zone)>) -> Found<'a> {
        let beside = if entry.is_some() { self.beside.len() } else { 0 };
        let Spare { leaves, places, touched, words } = self.spare();
        Found {
            leaves,
            places,
            touched,
            words,
            elements: Vec::new(),
            entry,
            kinds: &self.beside,
            beside: vec![OnceCell::new(); beside],
        }
    }

    /// What an event has of them.
    pub(crate) fn find<'a>(&'a self, entry: &Entry<'a>, zone: Zone) -> Found<'a> {
        let mut found = self.nothing(Some((*entry, zone)));
        let top = (!self.nodes.is_empty()).then_some(0);
        match (entry.roots, entry.event) {
            ([], Some(event)) => self.walk(event, top, self.words, &mut found),
            (roots, _) => self.walk_roots(roots, top, &mut found),
        }
        found
    }

    /// Finds the fields of one element of an array.
    pub(crate) fn find_in<'a>(&'a self, element: Value<'a>) -> Found<'a> {
        let mut found = self.nothing(None);
        self.walk(element, (!self.nodes.is_empty()).then_some(0), false, &mut found);
        found
    }

    /// Walks an event in an envelope: each field of an outer object that no inner one has.
    fn walk_roots<'a>(&self, roots: &'a [Root<'a>], top: Option<usize>, found: &mut Found<'a>) {
        for (nth, root) in roots.iter().enumerate() {
            if !root.place.is_empty() {
                let next = |node: usize, name| self.nodes[node].members.get(name);
                let node = top.and_then(|top| split(root.place, b'.').try_fold(top, next));
                self.walk(root.value, node, self.words, found);
                continue;
            }
            for (name, value) in root.value.members() {
                let name = name.text();
                if roots[..nth].iter().all(|inner| !inner.has(&name)) {
                    found.put_word(&name, self.words);
                    self.walk_member(&name, value, top, self.words, found);
                }
            }
        }
    }

    fn beside<'a>(beside: Beside, entry: &Entry<'a>, zone: Zone) -> Option<Cow<'a, str>> {
        let of_read = |read: &'a Read<'a>| {
            let Read { parsed_as, action, actor, target, address, outcome, reason, .. } = read;
            let text = match beside {
                Beside::As => Some(parsed_as),
                Beside::Action => action.as_ref(),
                Beside::ActorId => actor.id.as_ref(),
                Beside::ActorName => actor.name.as_ref(),
                Beside::ActorType => actor.kind.as_ref(),
                Beside::TargetId => target.id.as_ref(),
                Beside::TargetName => target.name.as_ref(),
                Beside::TargetType => target.kind.as_ref(),
                Beside::Address => address.as_ref(),
                Beside::Outcome => return Some(Cow::Borrowed(outcome.as_str())),
                Beside::Reason => reason.as_ref(),
                _ => None,
            };
            text.map(|text| Cow::Borrowed(&**text))
        };
        let local = || zone.local(entry.time().0);
        let of_event = |find: for<'v> fn(&str, &Entry<'v>) -> Option<Cow<'v, str>>| {
            entry.event?;
            find(&entry.read?.parsed_as, entry)
        };
        match beside {
            Beside::UserAgent => of_event(baseline::user_agent),
            Beside::Session => of_event(baseline::session),
            Beside::Credential => of_event(baseline::credential),
            Beside::Signer => entry.signer.map(Cow::Borrowed),
            Beside::Chain => Some(Cow::Borrowed(entry.chain)),
            Beside::LocalHour => Some(Cow::Owned(local().1.to_string())),
            Beside::Weekday => WEEKDAYS.get(local().0).map(|day| Cow::Borrowed(*day)),
            Beside::PathTemplate => {
                let path = entry.at("http.path").and_then(Value::string);
                path.map(|path| Cow::Owned(countersign::path::shape(&path)))
            }
            _ => entry.read.and_then(of_read),
        }
    }

    /// The node that a member's name leads to from another node, by each part between its dots.
    fn by_parts(&self, node: usize, name: &str) -> Option<usize> {
        if name.bytes().all(|byte| byte != b'.') {
            return None;
        }
        split(name, b'.').try_fold(node, |node, part| self.nodes[node].members.get(part))
    }

    fn walk_member<'a>(
        &self,
        name: &str,
        member: Value<'a>,
        node: Option<usize>,
        words: bool,
        found: &mut Found<'a>,
    ) {
        if let Some(node) = node {
            let whole = self.nodes[node].members.get(name);
            let by_parts = self.by_parts(node, name);
            self.walk(member, whole.or(by_parts), words, found);
            if whole.is_some() && by_parts.is_some() {
                // Two fields may name one member: with quotes, and without.
                self.walk(member, by_parts, false, found);
            }
        } else {
            self.walk(member, None, words, found);
        }
    }

    /// What neither has a field nor is searched for words is passed over.
    fn walk<'a>(&self, value: Value<'a>, node: Option<usize>, words: bool, found: &mut Found<'a>) {
        let Some(kind) = (node.is_some() || words).then(|| value.kind()) else { return };
        let id = node.and_then(|node| self.nodes[node].id);
        match kind {
            Kind::Object => {
                if id.is_some() {
                    found.put(id, Leaf::of(kind, Cow::Borrowed("")), false);
                }
                let node = node.filter(|node| !self.nodes[*node].members.is_empty());
                for (name, member) in value.members() {
                    if words || node.is_some() {
                        let name = name.text();
                        found.put_word(&name, words);
                        self.walk_member(&name, member, node, words, found);
                    }
                }
            }
            Kind::Array => {
                for (nth, node) in node.map_or(&[][..], |node| &self.nodes[node].elements) {
                    if let Some(element) = nth_of(value, *nth) {
                        self.walk(element, Some(*node), false, found);
                    }
                }
                self.walk_elements(value, node, words, found);
            }
            _ => {
                let is_word = words && kind != Kind::Null;
                if is_word || id.is_some() {
                    found.put(id, Leaf::of(kind, value.text().unwrap_or_default()), is_word);
                }
            }
        }
        if !matches!(kind, Kind::Array | Kind::Null) {
            self.keep(value, node, found);
        }
    }

    /// The elements of an array, and of arrays among them.
    fn walk_elements<'a>(&self, array: Value<'a>, node: Option<usize>, words: bool, found: &mut Found<'a>) {
        let mut is_empty = true;
        for element in array.elements() {
            is_empty = false;
            match element.kind() {
                Kind::Array => self.walk_elements(element, node, words, found),
                kind => {
                    self.walk(element, node, words, found);
                    if kind == Kind::Null {
                        self.keep(element, node, found);
                    }
                }
            }
        }
        let id = node.and_then(|node| self.nodes[node].id);
        if id.is_some() && is_empty {
            found.put(id, Leaf::of(Kind::Array, Cow::Borrowed("")), false);
        }
    }

    /// Keeps an element, if conditions are about it.
    fn keep<'a>(&self, element: Value<'a>, node: Option<usize>, found: &mut Found<'a>) {
        let node = node.map(|node| &self.nodes[node]).filter(|node| node.is_kept);
        if let Some(id) = node.and_then(|node| node.id) {
            found.elements.push((id, element));
        }
    }
}

/// An element of an array, counted from 0, or from −1 backwards from its end.
fn nth_of(array: Value<'_>, nth: i64) -> Option<Value<'_>> {
    let nth = match usize::try_from(nth) {
        Ok(nth) => nth,
        Err(_) => array.elements().count().checked_sub(usize::try_from(nth.unsigned_abs()).ok()?)?,
    };
    array.elements().nth(nth)
}

/// One value of a field.
#[derive(Clone, Debug)]
pub(crate) struct Leaf<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: Cow<'a, str>,
    /// The text in lower case, where it is another; made when it is first asked for.
    folded: OnceCell<Option<Box<str>>>,
    /// Its bigrams.
    bigrams: OnceCell<Bigrams>,
    /// The address that the text is, if it is one.
    address: OnceCell<Option<IpAddr>>,
    /// The number that the text is, if it is one.
    number: OnceCell<Option<f64>>,
    /// The next value of the same field, counted from one.
    next: u32,
}

impl<'a> Leaf<'a> {
    fn of(kind: Kind, text: Cow<'a, str>) -> Self {
        Self {
            kind,
            text,
            folded: OnceCell::new(),
            bigrams: OnceCell::new(),
            address: OnceCell::new(),
            number: OnceCell::new(),
            next: 0,
        }
    }

    /// The text in lower case.
    pub(crate) fn folded(&self) -> &str {
        let folded = self.folded.get_or_init(|| match fold(&self.text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(folded) => Some(folded.into()),
        });
        folded.as_deref().unwrap_or(&self.text)
    }

    /// The bigrams of the text in lower case.
    pub(crate) fn bigrams(&self) -> Bigrams {
        *self.bigrams.get_or_init(|| Bigrams::of_whole(&self.text))
    }

    /// The number that the text is, if it is one that is not absurdly long: no double needs more than 800 digits.
    pub(crate) fn number(&self) -> Option<f64> {
        *self.number.get_or_init(|| if self.text.len() <= 1000 { double(&self.text) } else { None })
    }

    /// The address that the text is, if it is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        *self.address.get_or_init(|| address(&self.text))
    }
}

/// Where a field's first and last value are, counted from one; or that it is beside the event, and where in
/// [`Found::beside`].
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    first: u32,
    last: u32,
}

const BESIDE_IT: u32 = u32::MAX;

/// The memory of what was found in an event, for the next: there are many of them. WebAssembly's is not kept, where code is to
/// be small.
#[derive(Default)]
struct Spare {
    leaves: Vec<Leaf<'static>>,
    places: Vec<Place>,
    touched: Vec<Id>,
    words: Vec<u32>,
}

thread_local! {
    static SPARE: Cell<Spare> = const {
        Cell::new(Spare { leaves: Vec::new(), places: Vec::new(), touched: Vec::new(), words: Vec::new() })
    };
}

#[cfg(not(target_arch = "wasm32"))]
impl Drop for Found<'_> {
    fn drop(&mut self) {
        let [touched, words] = [&mut self.touched, &mut self.words].map(core::mem::take);
        let (mut leaves, places) = (core::mem::take(&mut self.leaves), core::mem::take(&mut self.places));
        // What had many values gives its memory back.
        if leaves.capacity() <= 1024 {
            leaves.clear();
            // None is left that is borrowed from the event, so that the memory can be for those of another.
            let leaves = leaves.into_iter().map(|_| -> Leaf<'static> { unreachable!() }).collect();
            SPARE.set(Spare { leaves, places, touched, words });
        }
    }
}

/// What an event has of the fields that rules ask for.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    leaves: Vec<Leaf<'a>>,
    places: Vec<Place>,
    /// The fields that the event itself has.
    pub(crate) touched: Vec<Id>,
    /// Where its names and values are, counted from one, if rules ask for keywords.
    words: Vec<u32>,
    /// The elements of arrays that conditions are about.
    elements: Vec<(Id, Value<'a>)>,
    entry: Option<(Entry<'a>, Zone)>,
    kinds: &'a [(Beside, Id)],
    /// What is beside the event, as far as it was asked for.
    beside: Vec<OnceCell<Option<Leaf<'a>>>>,
}

impl<'a> Found<'a> {
    fn put(&mut self, id: Option<Id>, leaf: Leaf<'a>, is_word: bool) {
        self.leaves.push(leaf);
        let nth = self.leaves.len() as u32;
        if is_word {
            self.words.push(nth);
        }
        let Some(id) = id else { return };
        let place = &mut self.places[id as usize];
        if place.first == 0 {
            *place = Place { first: nth, last: nth };
            self.touched.push(id);
        } else {
            self.leaves[place.last as usize - 1].next = nth;
            place.last = nth;
        }
    }

    /// Puts the name of a member, if rules ask for any text of the event.
    #[allow(clippy::ptr_arg, reason = "a borrowed name stays borrowed")]
    fn put_word(&mut self, name: &Cow<'a, str>, words: bool) {
        if words {
            self.put(None, Leaf::of(Kind::Text, name.clone()), true);
        }
    }

    fn leaf(&self, nth: u32) -> Option<&Leaf<'a>> {
        self.leaves.get(nth.checked_sub(1)? as usize)
    }

    fn beside(&self, nth: u32) -> Option<&Leaf<'a>> {
        let (entry, zone) = self.entry.as_ref()?;
        let (beside, _) = self.kinds.get(nth as usize)?;
        let make = || Fields::beside(*beside, entry, *zone).map(|text| Leaf::of(Kind::Text, text));
        self.beside.get(nth as usize)?.get_or_init(make).as_ref()
    }

    /// The values of a field, in their order.
    pub(crate) fn values(&self, id: Id) -> impl Iterator<Item = &Leaf<'a>> + Clone {
        let place = self.places.get(id as usize).copied().unwrap_or_default();
        let first = if place.first == BESIDE_IT { self.beside(place.last) } else { self.leaf(place.first) };
        core::iter::successors(first, move |before| self.leaf(before.next))
    }

    /// The elements of an array that conditions are about, in their order. What is no array is its own only element, and
    /// null is none.
    pub(crate) fn elements(&self, array: Id) -> impl Iterator<Item = Value<'a>> {
        self.elements.iter().filter(move |(of, _)| *of == array).map(|(_, element)| *element)
    }

    /// All names and values, if rules ask for keywords.
    pub(crate) fn words(&self) -> impl Iterator<Item = &Leaf<'a>> {
        self.words.iter().filter_map(|nth| self.leaf(*nth))
    }

    /// The first value that is a text, a number, true or false.
    pub(crate) fn first_text(&self, id: Id) -> Option<&str> {
        self.values(id)
            .find(|leaf| matches!(leaf.kind, Kind::Text | Kind::Number | Kind::Bool))
            .map(|leaf| &*leaf.text)
    }
}
