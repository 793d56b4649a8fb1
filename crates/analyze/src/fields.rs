//! The fields that rules use, found in one walk through an event. Fields outside the event are computed on
//! demand.
//!
//! A field is a path of names separated by dots. It matches every member that the names lead to, one level
//! or several at a time: `a.b` is the member `b` of `a`, and the member `a.b`. A name in quotes is a single
//! name, even with dots. An array stands for each of its elements. Four prefixes name virtual fields
//! outside the event: `parsed.` is from its parser, `link.` from its link, `derived.` is computed from
//! either, and `baseline.` is from the baselines of earlier events.

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

/// A field that isn't a member of the event itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum VirtualField {
    As,
    Action,
    ActorId,
    ActorName,
    ActorType,
    OnBehalfOfId,
    OnBehalfOfName,
    OnBehalfOfType,
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

impl VirtualField {
    /// Returns the part of a parse result that the field needs.
    const fn part(self) -> Parts {
        match self {
            Self::Action => Parts::ACTION,
            Self::ActorId | Self::ActorName | Self::ActorType => Parts::ACTOR,
            Self::OnBehalfOfId | Self::OnBehalfOfName | Self::OnBehalfOfType => Parts::ON_BEHALF_OF,
            Self::TargetId | Self::TargetName | Self::TargetType => Parts::TARGET,
            Self::Address => Parts::ADDRESS,
            Self::Outcome => Parts::OUTCOME,
            Self::Reason => Parts::REASON,
            _ => Parts::NONE,
        }
    }
}

const VIRTUAL_FIELDS: [(&str, VirtualField); 22] = [
    ("parsed.as", VirtualField::As),
    ("parsed.action", VirtualField::Action),
    ("parsed.actor.id", VirtualField::ActorId),
    ("parsed.actor.name", VirtualField::ActorName),
    ("parsed.actor.type", VirtualField::ActorType),
    ("parsed.on_behalf_of.id", VirtualField::OnBehalfOfId),
    ("parsed.on_behalf_of.name", VirtualField::OnBehalfOfName),
    ("parsed.on_behalf_of.type", VirtualField::OnBehalfOfType),
    ("parsed.target.id", VirtualField::TargetId),
    ("parsed.target.name", VirtualField::TargetName),
    ("parsed.target.type", VirtualField::TargetType),
    ("parsed.address", VirtualField::Address),
    ("parsed.outcome", VirtualField::Outcome),
    ("parsed.reason", VirtualField::Reason),
    ("link.signer", VirtualField::Signer),
    ("link.chain", VirtualField::Chain),
    ("derived.local_hour", VirtualField::LocalHour),
    ("derived.weekday", VirtualField::Weekday),
    ("derived.path_template", VirtualField::PathTemplate),
    ("derived.user_agent", VirtualField::UserAgent),
    ("derived.session", VirtualField::Session),
    ("derived.credential", VirtualField::Credential),
];

/// The field with the categories of an event.
const CATEGORY: &str = "parsed.category";

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The origin of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The event itself.
    Event,
    /// The parser that recognizes the event, or the baseline of the identity that the parser found.
    Parser,
    /// The link, or a computation that works for every entry.
    Entry,
}

/// All fields that a pack's rules use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    /// A tree of names; the first node is the event itself.
    nodes: Vec<Node>,
    virtuals: Vec<(VirtualField, Id)>,
    /// The field `parsed.category`, which can have several values.
    category: Option<Id>,
    facts: Vec<(Fact, Id)>,
    names: Vec<String>,
    origins: Vec<Origin>,
    /// The initial places of all fields, before any value was found.
    places: Vec<Place>,
    ids: Names,
    /// True if rules use keywords, which match any name or value of the event.
    pub(crate) words: bool,
    /// True while compiling a rule in which brackets after field names are selectors.
    pub(crate) has_selectors: bool,
    /// The number of nested arrays whose elements have these fields: 0 for fields of an event.
    pub(crate) depth: u8,
}

#[derive(Clone, Debug, Default)]
struct Node {
    id: Option<Id>,
    members: Names,
    /// The nodes of single elements, if it is an array.
    elements: Vec<(i64, usize)>,
    /// True if conditions apply to single elements, which are then kept.
    is_kept: bool,
}

/// The maximum number of fields. Names are hashed by parts of them, so an attacker could choose names that
/// collide.
const MAX_FIELDS: usize = 4096;

impl Fields {
    /// True if the field is new and exceeds the limit.
    pub(crate) fn is_beyond(&self, name: &str) -> bool {
        self.len() >= MAX_FIELDS && !self.has(name)
    }

    /// Creates an empty set for the fields of an array's elements, one level deeper.
    pub(crate) fn of_elements(&self) -> Self {
        Self { has_selectors: self.has_selectors, depth: self.depth + 1, ..Self::default() }
    }

    /// Returns the number of a field, adding it if it is new. The error is a hint with the names that
    /// exist.
    pub(crate) fn intern(&mut self, name: &str) -> Result<Id, &'static str> {
        // With selectors, a name with brackets means a different field.
        let is_selecting = self.has_selectors && name.bytes().any(|byte| matches!(byte, b'[' | b'\\'));
        if let Some(id) = self.ids.get(name).filter(|_| !is_selecting) {
            return Ok(id as Id);
        }
        let id = self.names.len() as Id;
        // Elements have no virtual fields.
        let first = if self.depth > 0 { None } else { split_once(name, b'.').map(|(first, _)| first) };
        let (mut place, mut origin) = (Place::default(), Origin::Event);
        if let Some(fact) = name.strip_prefix("baseline.").filter(|_| first.is_some()) {
            self.facts.push((Fact::parse(fact).ok_or(baseline::HINT)?, id));
            origin = Origin::Parser;
        } else if first.is_some() && name == CATEGORY {
            self.category = Some(id);
            origin = Origin::Parser;
        } else if let Some(first @ ("parsed" | "link" | "derived")) = first {
            let Some((_, virtual_field)) = VIRTUAL_FIELDS.iter().find(|(known, _)| *known == name) else {
                return Err(match first {
                    "parsed" => {
                        "use parsed.as, parsed.action, parsed.category, parsed.actor.id, parsed.actor.name, parsed.actor.type, parsed.on_behalf_of.id, parsed.on_behalf_of.name, parsed.on_behalf_of.type, parsed.target.id, parsed.target.name, parsed.target.type, parsed.address, parsed.outcome or parsed.reason"
                    }
                    "link" => "use link.signer or link.chain",
                    _ => {
                        "use derived.local_hour, derived.weekday, derived.path_template, derived.user_agent, derived.session or derived.credential"
                    }
                });
            };
            place = Place { first: IS_VIRTUAL, last: self.virtuals.len() as u32 };
            self.virtuals.push((*virtual_field, id));
            origin = if first == "parsed" { Origin::Parser } else { Origin::Entry };
        } else {
            if self.nodes.is_empty() {
                self.nodes.push(Node::default());
            }
            let mut at = 0;
            // An element itself is named `.`, which is the root here.
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
                // Quoted and unquoted spellings are one field.
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

    /// Keeps the elements of an array for conditions on single elements.
    pub(crate) fn keep_elements(&mut self, array: Id) {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.id == Some(array)) {
            node.is_kept = true;
        }
    }

    /// Returns a number for something that findings name but that has no values of its own.
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

    /// Returns the virtual fields, excluding baselines.
    pub(crate) fn virtual_ids(&self) -> impl Iterator<Item = Id> {
        self.virtuals.iter().map(|(_, id)| *id)
    }

    /// Returns the parts of a parse result that rules use.
    pub(crate) fn parts(&self) -> Parts {
        let category = if self.asks_category() { Parts::CATEGORY } else { Parts::NONE };
        self.virtuals.iter().fold(category, |parts, (virtual_field, _)| parts.with(virtual_field.part()))
    }

    /// True if a rule has a condition on categories.
    pub(crate) const fn asks_category(&self) -> bool {
        self.category.is_some()
    }

    /// Returns the fact of a baseline that a field stands for, if any.
    pub(crate) fn fact(&self, id: Id) -> Option<Fact> {
        self.facts.iter().find(|(_, fact)| *fact == id).map(|(fact, _)| *fact)
    }

    /// True if a rule has a condition on baselines.
    pub(crate) fn asks_baselines(&self) -> bool {
        !self.facts.is_empty()
    }

    /// Returns the values of baseline fields for an event.
    pub(crate) fn of_facts(&self, facts: &Facts) -> FieldValues<'_> {
        let mut found = self.empty(None);
        for (fact, id) in &self.facts {
            let kind = match fact {
                Fact::New => Kind::Text,
                Fact::Learned => Kind::Bool,
                _ => Kind::Number,
            };
            facts.values(*fact, &mut |text| found.put(Some(*id), Leaf::new(kind, Cow::Owned(text)), false));
        }
        found
    }

    /// Returns empty collections, reusing this thread's memory if possible.
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

    fn empty<'a>(&'a self, entry: Option<(Entry<'a>, Zone)>) -> FieldValues<'a> {
        let virtuals = if entry.is_some() { self.virtuals.len() } else { 0 };
        let Spare { leaves, places, touched, words } = self.spare();
        FieldValues {
            leaves,
            places,
            touched,
            words,
            elements: Vec::new(),
            entry,
            kinds: &self.virtuals,
            virtuals: vec![OnceCell::new(); virtuals],
        }
    }

    /// Finds the values of the fields in an event.
    pub(crate) fn find<'a>(&'a self, entry: &Entry<'a>, zone: Zone) -> FieldValues<'a> {
        let mut found = self.empty(Some((*entry, zone)));
        let top = (!self.nodes.is_empty()).then_some(0);
        match (entry.roots, entry.event) {
            ([], Some(event)) => self.walk(event, top, self.words, &mut found),
            (roots, _) => self.walk_roots(roots, top, &mut found),
        }
        if let (Some(_), Some(read)) = (self.category, entry.read) {
            for category in read.categories.iter() {
                found.put(self.category, Leaf::new(Kind::Text, Cow::Borrowed(category.as_str())), false);
            }
        }
        found
    }

    /// Finds the values of the fields in one element of an array.
    pub(crate) fn find_in<'a>(&'a self, element: Value<'a>) -> FieldValues<'a> {
        let mut found = self.empty(None);
        self.walk(element, (!self.nodes.is_empty()).then_some(0), false, &mut found);
        found
    }

    /// Walks an event in envelopes. A member of an outer object counts only if no inner object has it.
    fn walk_roots<'a>(&self, roots: &'a [Root<'a>], top: Option<usize>, found: &mut FieldValues<'a>) {
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

    fn compute<'a>(virtual_field: VirtualField, entry: &Entry<'a>, zone: Zone) -> Option<Cow<'a, str>> {
        let of_read = |read: &'a Read<'a>| {
            let Read { parsed_as, action, actor, on_behalf_of, target, address, outcome, reason, .. } = read;
            let text = match virtual_field {
                VirtualField::As => Some(parsed_as),
                VirtualField::Action => action.as_ref(),
                VirtualField::ActorId => actor.id.as_ref(),
                VirtualField::ActorName => actor.name.as_ref(),
                VirtualField::ActorType => actor.kind.as_ref(),
                VirtualField::OnBehalfOfId => on_behalf_of.id.as_ref(),
                VirtualField::OnBehalfOfName => on_behalf_of.name.as_ref(),
                VirtualField::OnBehalfOfType => on_behalf_of.kind.as_ref(),
                VirtualField::TargetId => target.id.as_ref(),
                VirtualField::TargetName => target.name.as_ref(),
                VirtualField::TargetType => target.kind.as_ref(),
                VirtualField::Address => address.as_ref(),
                VirtualField::Outcome => return Some(Cow::Borrowed(outcome.as_str())),
                VirtualField::Reason => reason.as_ref(),
                _ => None,
            };
            text.map(|text| Cow::Borrowed(&**text))
        };
        let local = || zone.local(entry.time().0);
        let of_event = |find: for<'v> fn(&str, &Entry<'v>) -> Option<Cow<'v, str>>| {
            entry.event?;
            find(&entry.read?.parsed_as, entry)
        };
        match virtual_field {
            VirtualField::UserAgent => of_event(baseline::user_agent),
            VirtualField::Session => of_event(baseline::session),
            VirtualField::Credential => of_event(baseline::credential),
            VirtualField::Signer => entry.signer.map(Cow::Borrowed),
            VirtualField::Chain => Some(Cow::Borrowed(entry.chain)),
            VirtualField::LocalHour => Some(Cow::Owned(local().1.to_string())),
            VirtualField::Weekday => WEEKDAYS.get(local().0).map(|day| Cow::Borrowed(*day)),
            VirtualField::PathTemplate => {
                let path = entry.at("http.path").and_then(Value::string);
                path.map(|path| Cow::Owned(countersign::path::shape(&path)))
            }
            _ => entry.read.and_then(of_read),
        }
    }

    /// Returns the node that a name with dots leads to, part by part.
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
        found: &mut FieldValues<'a>,
    ) {
        if let Some(node) = node {
            let whole = self.nodes[node].members.get(name);
            let by_parts = self.by_parts(node, name);
            self.walk(member, whole.or(by_parts), words, found);
            if whole.is_some() && by_parts.is_some() {
                // A quoted and an unquoted field can name the same member.
                self.walk(member, by_parts, false, found);
            }
        } else {
            self.walk(member, None, words, found);
        }
    }

    /// Walks a value, unless it belongs to no field and keywords are not needed.
    fn walk<'a>(&self, value: Value<'a>, node: Option<usize>, words: bool, found: &mut FieldValues<'a>) {
        let Some(kind) = (node.is_some() || words).then(|| value.kind()) else { return };
        let id = node.and_then(|node| self.nodes[node].id);
        match kind {
            Kind::Object => {
                if id.is_some() {
                    found.put(id, Leaf::new(kind, Cow::Borrowed("")), false);
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
                    found.put(id, Leaf::new(kind, value.text().unwrap_or_default()), is_word);
                }
            }
        }
        if !matches!(kind, Kind::Array | Kind::Null) {
            self.keep(value, node, found);
        }
    }

    /// Walks the elements of an array, including nested arrays.
    fn walk_elements<'a>(
        &self,
        array: Value<'a>,
        node: Option<usize>,
        words: bool,
        found: &mut FieldValues<'a>,
    ) {
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
            found.put(id, Leaf::new(Kind::Array, Cow::Borrowed("")), false);
        }
    }

    /// Keeps an element if conditions apply to single elements.
    fn keep<'a>(&self, element: Value<'a>, node: Option<usize>, found: &mut FieldValues<'a>) {
        let node = node.map(|node| &self.nodes[node]).filter(|node| node.is_kept);
        if let Some(id) = node.and_then(|node| node.id) {
            found.elements.push((id, element));
        }
    }
}

/// Returns an element by its index, counted from the end if negative: −1 is the last.
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
    /// The text in lower case, if that differs; computed on demand.
    folded: OnceCell<Option<Box<str>>>,
    /// The bigrams of the text in lower case.
    bigrams: OnceCell<Bigrams>,
    /// The text as an address, if it is one.
    address: OnceCell<Option<IpAddr>>,
    /// The text as a number, if it is one.
    number: OnceCell<Option<f64>>,
    /// The 1-based index of the field's next value; 0 if there is none.
    next: u32,
}

impl<'a> Leaf<'a> {
    fn new(kind: Kind, text: Cow<'a, str>) -> Self {
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

    /// Returns the text in lower case.
    pub(crate) fn folded(&self) -> &str {
        let folded = self.folded.get_or_init(|| match fold(&self.text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(folded) => Some(folded.into()),
        });
        folded.as_deref().unwrap_or(&self.text)
    }

    /// Returns the bigrams of the text in lower case.
    pub(crate) fn bigrams(&self) -> Bigrams {
        *self.bigrams.get_or_init(|| Bigrams::of_whole(&self.text))
    }

    /// Returns the text as a number, unless it is absurdly long: no double needs more than 800 digits.
    pub(crate) fn number(&self) -> Option<f64> {
        *self.number.get_or_init(|| if self.text.len() <= 1000 { double(&self.text) } else { None })
    }

    /// Returns the text as an address, if it is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        *self.address.get_or_init(|| address(&self.text))
    }
}

/// The 1-based indexes of a field's first and last value. For a virtual field, `first` is [`IS_VIRTUAL`]
/// and `last` is its index in [`FieldValues::virtuals`].
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    first: u32,
    last: u32,
}

const IS_VIRTUAL: u32 = u32::MAX;

/// The memory of one event's values, reused for the next event. WebAssembly doesn't reuse it, to keep the
/// code small.
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
impl Drop for FieldValues<'_> {
    fn drop(&mut self) {
        let [touched, words] = [&mut self.touched, &mut self.words].map(core::mem::take);
        let (mut leaves, places) = (core::mem::take(&mut self.leaves), core::mem::take(&mut self.places));
        // After an event with many values, the memory is freed.
        if leaves.capacity() <= 1024 {
            leaves.clear();
            // The list is empty, so no value borrows from the event, and the allocation can be reused for
            // another lifetime.
            let leaves = leaves.into_iter().map(|_| -> Leaf<'static> { unreachable!() }).collect();
            SPARE.set(Spare { leaves, places, touched, words });
        }
    }
}

/// The values of the fields that rules use, for one event.
#[derive(Debug)]
pub(crate) struct FieldValues<'a> {
    leaves: Vec<Leaf<'a>>,
    places: Vec<Place>,
    /// The fields that the event itself has.
    pub(crate) touched: Vec<Id>,
    /// The 1-based indexes of all names and values, if rules use keywords.
    words: Vec<u32>,
    /// The elements of arrays that have conditions on single elements.
    elements: Vec<(Id, Value<'a>)>,
    entry: Option<(Entry<'a>, Zone)>,
    kinds: &'a [(VirtualField, Id)],
    /// The values of virtual fields, computed on demand.
    virtuals: Vec<OnceCell<Option<Leaf<'a>>>>,
}

impl<'a> FieldValues<'a> {
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

    /// Adds the name of a member if rules use keywords.
    #[allow(clippy::ptr_arg, reason = "a borrowed name stays borrowed")]
    fn put_word(&mut self, name: &Cow<'a, str>, words: bool) {
        if words {
            self.put(None, Leaf::new(Kind::Text, name.clone()), true);
        }
    }

    fn leaf(&self, nth: u32) -> Option<&Leaf<'a>> {
        self.leaves.get(nth.checked_sub(1)? as usize)
    }

    fn virtual_value(&self, nth: u32) -> Option<&Leaf<'a>> {
        let (entry, zone) = self.entry.as_ref()?;
        let (virtual_field, _) = self.kinds.get(nth as usize)?;
        let compute =
            || Fields::compute(*virtual_field, entry, *zone).map(|text| Leaf::new(Kind::Text, text));
        self.virtuals.get(nth as usize)?.get_or_init(compute).as_ref()
    }

    /// Returns the values of a field, in their order.
    pub(crate) fn values(&self, id: Id) -> impl Iterator<Item = &Leaf<'a>> + Clone {
        let place = self.places.get(id as usize).copied().unwrap_or_default();
        let first =
            if place.first == IS_VIRTUAL { self.virtual_value(place.last) } else { self.leaf(place.first) };
        core::iter::successors(first, move |before| self.leaf(before.next))
    }

    /// Returns the elements of an array that has conditions on single elements. A value that isn't an array
    /// is its own only element; null has none.
    pub(crate) fn elements(&self, array: Id) -> impl Iterator<Item = Value<'a>> {
        self.elements.iter().filter(move |(of, _)| *of == array).map(|(_, element)| *element)
    }

    /// Returns all names and values, if rules use keywords.
    pub(crate) fn words(&self) -> impl Iterator<Item = &Leaf<'a>> {
        self.words.iter().filter_map(|nth| self.leaf(*nth))
    }

    /// Returns the value by which events are grouped and counted: the first one that is a string, a number, or a boolean.
    /// Only addresses count as the parsed address, not other text in its place, such as `AWS Internal`.
    pub(crate) fn group_text(&self, id: Id) -> Option<&str> {
        let is_text = |leaf: &&Leaf<'_>| matches!(leaf.kind, Kind::Text | Kind::Number | Kind::Bool);
        let leaf = self.values(id).find(is_text)?;
        (!self.is_parsed_address(id) || leaf.address().is_some()).then_some(&*leaf.text)
    }

    fn is_parsed_address(&self, id: Id) -> bool {
        self.kinds.iter().any(|(virtual_field, of)| *of == id && *virtual_field == VirtualField::Address)
    }
}
