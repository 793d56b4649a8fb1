//! The terms of an event, and those that a query needs.
//!
//! For some ways in which an event can match there is a term that it then has. A term is keyed with the index's
//! [`Secret`]: the index does not say what it is about, and when two are alike by chance a page is looked at in vain.
//!
//! A reader bound to a scope must not learn from the time a search takes which terms the events of others have. So pages
//! for such a reader are never selected by terms that those events share: the events of one tenant have terms of their
//! own, keyed with the tenant, and each value that a scope can name has a term of its own.
//!
//! If a tenant has few events on a page, as most have in a log of many tenants, the index notes which entries they are
//! ([`Places::Entries`]), and not what each of them says: this takes a tenth of the space, and a search reads them alone.

use std::collections::{BTreeSet, HashMap};

use countersign::link::ChainId;
use countersign_query::condition::{Basis, PlacedCondition};
use countersign_query::matcher::{Matcher, Pattern, Span, fold, words};
use countersign_query::value::Value;
use countersign_query::{Condition, Entry, Field, Node, Path, Query, Short};

use super::secret::{Secret, TenantKey};
use super::segment::{Page, sort};
use countersign_log::event_filter::member;
use countersign_log::export::{Entries, PAGE};
use countersign_log::tokens::{MAX_CONDITIONS, SCOPED, Scope};

/// 64 bits: among ten million terms one in a million million is there by chance. The last bit says what its places are
/// ([`Places`]).
pub(super) type Term = u64;

/// The kind of a term's places, which are counted from the segment's first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Places {
    /// Pages that have the term.
    Pages,
    /// Single entries that have the term.
    Entries,
}

impl Places {
    /// Returns what the places of this term are.
    pub(super) const fn of(term: Term) -> Self {
        if term & 1 == 0 { Self::Pages } else { Self::Entries }
    }

    /// Returns the term with such places.
    const fn mark(self, term: Term) -> Term {
        match self {
            Self::Pages => term & !1,
            Self::Entries => term | 1,
        }
    }

    /// Returns how many of these places a page has.
    pub(super) const fn per_page(self) -> u16 {
        match self {
            Self::Pages => 1,
            Self::Entries => PAGE as u16,
        }
    }
}

/// Any string, number, `true`, `false` or `null` has this word.
const WORD: &str = "word";
/// Some action begins with this and a dot.
const BELOW: &str = "action.*";

/// The short names that have terms.
const SHORTS: [Short; 7] =
    [Short::Action, Short::Actor, Short::Target, Short::Outcome, Short::Tenant, Short::Ip, Short::As];

/// The members that a scope can name, with the fields of the terms of their values: of an event that has one value, and
/// of one that has several.
const SCOPED_MEMBERS: [(&str, &str, &str); 3] = [
    ("tenant", "only tenant", "also tenant"),
    ("actor", "only actor", "also actor"),
    ("action", "only action", "also action"),
];
/// The same for all actions below one.
const ACTIONS_BELOW: (&str, &str) = ("only action.*", "also action.*");

/// A page with more terms than this, or with as many again of tenants, is a candidate for every question.
const DENSE: usize = 50_000;
/// Up to so many events of a tenant on a page are noted as entries.
const FEW: usize = 2;
/// The longest value whose term is cached, in bytes.
const SHORT: usize = 64;
/// The most terms that are cached.
const MAX_CACHED: usize = 1 << 12;

/// The terms that were made last: events have most words in common, and to key one takes several times as long as to
/// find it here.
pub(super) struct TermCache<'s> {
    secret: &'s Secret,
    /// The terms of short values.
    terms: HashMap<Box<str>, Term>,
    /// What is looked for there.
    asked: String,
}

impl<'s> TermCache<'s> {
    pub(super) fn new(secret: &'s Secret) -> Self {
        let (terms, asked) = Default::default();
        Self { secret, terms, asked }
    }

    /// Returns the term of a value in a field, for readers of all events.
    fn term(&mut self, field: &str, value: &str) -> Term {
        if value.len() > SHORT {
            return word(self.secret, field, value);
        }
        self.asked.clear();
        self.asked.extend([field, "\0", value]);
        if let Some(term) = self.terms.get(&*self.asked) {
            return *term;
        }
        let term = word(self.secret, field, value);
        if self.terms.len() >= MAX_CACHED {
            self.terms.clear();
        }
        self.terms.insert(self.asked.as_str().into(), term);
        term
    }
}

/// The terms of one page.
pub(super) struct Terms<'c, 's> {
    cache: &'c mut TermCache<'s>,
    /// The terms for readers of all events, some of them more than once.
    keyed: Vec<Term>,
    /// The terms of the event at hand, those that a scope can name first.
    of_event: Vec<Term>,
    tenants: HashMap<String, TenantEvents>,
    scoped: [Path; SCOPED_MEMBERS.len()],
    /// True if there are so many terms that none is kept.
    is_dense: bool,
}

/// The events of a page that name one tenant alone.
#[derive(Default)]
struct TenantEvents {
    few: Vec<TenantEvent>,
    /// The terms of all of them, some more than once, if they are more than [`FEW`].
    many: Vec<Term>,
}

struct TenantEvent {
    /// The entry's place on its page.
    place: u16,
    terms: Vec<Term>,
    /// The number of terms that a scope can name: they are the first.
    scoped: usize,
}

impl TenantEvents {
    /// Adds an event with its terms, of which a scope can name the first ones. Returns true if there are too many now.
    fn add(&mut self, place: u16, terms: &[Term], scoped: usize) -> bool {
        if self.many.is_empty() && self.few.len() < FEW {
            self.few.push(TenantEvent { place, terms: terms.to_vec(), scoped });
            return false;
        }
        self.many.extend(self.few.drain(..).flat_map(|event| event.terms));
        self.many.extend(terms);
        is_dense(&mut self.many)
    }

    /// Returns the terms, keyed with the tenant, each with its place on the page.
    fn into_keyed(mut self, key: &TenantKey) -> impl Iterator<Item = (Term, u16)> {
        sort(&mut self.many);
        let few = self.few.into_iter().flat_map(|TenantEvent { place, mut terms, scoped }| {
            terms.truncate(scoped);
            terms.into_iter().map(move |term| (Places::Entries, term, place))
        });
        let many = self.many.into_iter().map(|term| (Places::Pages, term, 0));
        few.chain(many).map(|(places, term, place)| (places.mark(key.term(term)), place))
    }
}

/// True if there are too many terms. They are sorted only when many were added.
fn is_dense(terms: &mut Vec<Term>) -> bool {
    terms.len() > 2 * DENSE && {
        sort(terms);
        terms.len() > DENSE
    }
}

impl<'c, 's> Terms<'c, 's> {
    pub(super) fn new(cache: &'c mut TermCache<'s>) -> Self {
        let (keyed, of_event, tenants) = Default::default();
        let scoped = SCOPED_MEMBERS.map(|(name, ..)| member(name));
        Self { cache, keyed, of_event, tenants, scoped, is_dense: false }
    }

    /// A link of that chain is here.
    pub(super) fn link(&mut self, chain: ChainId) {
        self.add(Short::Chain.as_str(), &chain.to_string());
    }

    /// This event is here, at that place of the page.
    pub(super) fn event(&mut self, place: u16, entry: &Entry<'_>) {
        self.of_event.clear();
        let tenant = self.scoped_members(entry);
        let scoped = self.of_event.len();
        for short in SHORTS {
            short.each(entry, &mut |text| {
                let text = fold(text);
                self.add(short.as_str(), &text);
                match short {
                    Short::Action => {
                        for (dot, _) in text.match_indices('.') {
                            self.add(BELOW, &text[..dot]);
                        }
                    }
                    // Of a name any words will do.
                    Short::Actor | Short::Target => {
                        words(&text).for_each(|word| self.add(of_name(short), word));
                    }
                    // As it may be written too.
                    Short::Outcome if text.contains(' ') => {
                        self.add(short.as_str(), &text.replace(' ', "-"));
                        self.add(short.as_str(), &text.replace(' ', "_"));
                    }
                    _ => {}
                }
            });
        }
        for text in entry.event.into_iter().flat_map(Value::leaves).filter_map(Value::text) {
            words(&fold(&text)).for_each(|word| self.add(WORD, word));
        }
        if let Some(tenant) = tenant {
            let mut others = self.of_event.split_off(scoped);
            sort(&mut others);
            self.of_event.append(&mut others);
            self.is_dense |= self.tenants.entry(tenant).or_default().add(place, &self.of_event, scoped);
        }
    }

    /// Adds the terms of what a scope can name, and returns the tenant of an event that names one. An event with more
    /// values than a scope has conditions, or with one that is no text, is in no scope.
    fn scoped_members(&mut self, entry: &Entry<'_>) -> Option<String> {
        let event = entry.event?;
        let mut tenant = None;
        for (nth, (name, only, also)) in SCOPED_MEMBERS.into_iter().enumerate() {
            let mut values = BTreeSet::new();
            let is_in_none = self.scoped[nth].any(event, &mut |value| match value.text() {
                Some(text) => {
                    values.insert(text.into_owned());
                    values.len() > MAX_CONDITIONS
                }
                None => true,
            });
            if is_in_none {
                continue;
            }
            let is_one = values.len() == 1;
            let below = if is_one { ACTIONS_BELOW.0 } else { ACTIONS_BELOW.1 };
            for value in &values {
                self.add(if is_one { only } else { also }, value);
                if name == "action" {
                    value.match_indices('.').for_each(|(dot, _)| self.add(below, &value[..dot]));
                }
            }
            if name == "tenant" && is_one {
                tenant = values.pop_first();
            }
        }
        tenant
    }

    fn add(&mut self, field: &str, value: &str) {
        if self.is_dense {
            return;
        }
        let term = self.cache.term(field, value);
        self.of_event.push(term);
        self.keyed.push(term);
        self.is_dense = is_dense(&mut self.keyed);
    }

    /// Returns the terms, each with its place on the page; none if there are too many of them.
    pub(super) fn into_terms(mut self) -> Option<Vec<(Term, u16)>> {
        sort(&mut self.keyed);
        if self.is_dense || self.keyed.len() > DENSE {
            return None;
        }
        let mut terms: Vec<(Term, u16)> = self.keyed.into_iter().map(|term| (term, 0)).collect();
        for (tenant, events) in self.tenants {
            terms.extend(events.into_keyed(&self.cache.secret.tenant(&tenant)));
            if terms.len() > 2 * DENSE {
                return None;
            }
        }
        Some(terms)
    }
}

/// Returns the term of a value in a field, for readers of all events.
fn word(secret: &Secret, field: &str, value: &str) -> Term {
    Places::Pages.mark(secret.term(field, value))
}

/// The terms of the words of names.
const fn of_name(short: Short) -> &'static str {
    if matches!(short, Short::Actor) { "actor word" } else { "target word" }
}

/// What a page must have for something on it to be as asked.
#[derive(Clone, Debug)]
pub(super) enum Need {
    /// Each of these; of none, nothing.
    All(Vec<Self>),
    /// One of these.
    Any(Vec<Self>),
    Term(Term),
    /// Links or events of such a time.
    Time(Basis, Span),
}

impl Need {
    const NOTHING: Self = Self::All(Vec::new());

    /// The terms in it.
    pub(super) fn terms(&self) -> BTreeSet<Term> {
        match self {
            Self::All(needs) | Self::Any(needs) => needs.iter().flat_map(Self::terms).collect(),
            Self::Term(term) => BTreeSet::from([*term]),
            Self::Time(..) => BTreeSet::new(),
        }
    }

    /// Returns the entries of a page that may be as needed, by those that have each term.
    pub(super) fn on(&self, page: &Page, entries: &dyn Fn(&Term) -> Entries) -> Entries {
        match self {
            Self::All(needs) => {
                needs.iter().fold(Entries::ALL, |these, need| these.and(|| need.on(page, entries)))
            }
            Self::Any(needs) => {
                needs.iter().fold(Entries::NONE, |these, need| these.or(|| need.on(page, entries)))
            }
            Self::Term(term) => entries(term),
            Self::Time(basis, Span { from, until }) => {
                let times = match basis {
                    Basis::Happened => page.happened,
                    Basis::Recorded => page.times,
                };
                let may_be = times.is_some_and(|(first, last)| {
                    from.is_none_or(|from| last >= from.millis())
                        && until.is_none_or(|until| first < until.millis())
                });
                if may_be { Entries::ALL } else { Entries::NONE }
            }
        }
    }
}

/// Returns what a page has on which an event or link of the scope is as asked.
///
/// For a scope the answer depends on that scope's events alone, and on what every reader sees of all links: their chains
/// and times. An event outside of the scope selects no page, whatever terms it has.
pub(super) fn question(secret: &Secret, scope: &Scope, asked: &Query) -> Need {
    let asking = |query: &Query, within: Within<'_>| {
        Asking { secret, conditions: query.conditions(), within }.node(query.root())
    };
    if scope.is_everything() {
        return asking(asked, Within::Everything);
    }
    let conditions = scope.conditions();
    let values = |wanted: &str| -> Vec<&str> {
        conditions.iter().filter(|(name, _)| *name == wanted).map(|(_, value)| &**value).collect()
    };
    let tenants = values("tenant");
    // The terms of a tenant's events say nothing to a reader who may see all of them.
    let sees_all_of_tenant = conditions.iter().all(|(name, _)| *name == "tenant");
    let member = |name: &str, keyed: &dyn Fn(Term) -> Term| {
        let values = values(name);
        let each = values.iter().map(|value| scoped_value(secret, name, value, values.len(), keyed));
        Need::Any(each.collect())
    };
    let events = if tenants.is_empty() {
        // By one member alone: another event may have the value of a second.
        SCOPED.into_iter().find(|name| !values(name).is_empty()).map_or(Need::NOTHING, |name| match name {
            "chain" => asking(scope.query(), Within::Links),
            name => member(name, &|term| Places::Pages.mark(term)),
        })
    } else {
        let each = tenants.iter().map(|tenant| {
            let key = secret.tenant(tenant);
            let mut needs = [Places::Pages, Places::Entries].map(|places| {
                let keyed = |term| places.mark(key.term(Places::Pages.mark(term)));
                let mut needs = vec![Need::Term(keyed(secret.term(SCOPED_MEMBERS[0].1, tenant)))];
                let members = ["actor", "action"].into_iter().filter(|name| !values(name).is_empty());
                needs.extend(members.map(|name| member(name, &keyed)));
                needs
            });
            // Of single entries it is not known what they say.
            if sees_all_of_tenant {
                needs[0].push(asking(asked, Within::Tenant(&key)));
            }
            let mut either: Vec<Need> = needs.into_iter().map(Need::All).collect();
            if tenants.len() > 1 {
                either.push(Need::Term(word(secret, SCOPED_MEMBERS[0].2, tenant)));
            }
            Need::Any(either)
        });
        Need::Any(each.collect())
    };
    let links = [scope.query(), asked].map(|query| asking(query, Within::Links));
    Need::All([events].into_iter().chain(links).collect())
}

/// Returns what a page has on which an event is that has a value which a scope names, beside so many of the same member.
fn scoped_value(secret: &Secret, name: &str, value: &str, of: usize, keyed: &dyn Fn(Term) -> Term) -> Need {
    let below = value.strip_suffix(".*").filter(|_| name == "action");
    let known = SCOPED_MEMBERS.into_iter().find(|(known, ..)| *known == name);
    let Some((_, only, also)) = known else { return Need::NOTHING };
    let (only, also) = if below.is_some() { ACTIONS_BELOW } else { (only, also) };
    let term = |field: &str| Need::Term(keyed(secret.term(field, below.unwrap_or(value))));
    // An event with several values is within a scope that names them all.
    if of == 1 && below.is_none() { term(only) } else { Need::Any(vec![term(only), term(also)]) }
}

/// Whose events select pages.
#[derive(Clone, Copy)]
enum Within<'a> {
    Everything,
    /// Those that name this tenant alone.
    Tenant(&'a TenantKey),
    /// Nobody's: what all links say.
    Links,
}

struct Asking<'a> {
    secret: &'a Secret,
    conditions: &'a [PlacedCondition],
    within: Within<'a>,
}

impl Asking<'_> {
    fn node(&self, node: &Node) -> Need {
        match node {
            Node::All(nodes) => Need::All(nodes.iter().map(|node| self.node(node)).collect()),
            Node::Any(nodes) => Need::Any(nodes.iter().map(|node| self.node(node)).collect()),
            Node::Not(_) => Need::NOTHING,
            Node::Condition(nth) => {
                self.conditions.get(*nth).map_or(Need::NOTHING, |asked| self.condition(&asked.condition))
            }
        }
    }

    fn condition(&self, condition: &Condition) -> Need {
        match condition {
            Condition::Is { field: Field::Short(short), values } => {
                Need::Any(values.iter().map(|value| self.short(*short, value)).collect())
            }
            Condition::Is { field: Field::Member(_), values } | Condition::Only { values, .. } => {
                Need::Any(values.iter().map(|value| self.value(value)).collect())
            }
            Condition::Text(pattern) => self.words(pattern),
            Condition::Word(word) => self.term(WORD, word),
            // A page's times are those of all its events.
            Condition::Time(Basis::Happened, _) if !matches!(self.within, Within::Everything) => {
                Need::NOTHING
            }
            Condition::Time(basis, span) => Need::Time(*basis, *span),
            _ => Need::NOTHING,
        }
    }

    fn term(&self, field: &str, value: &str) -> Need {
        // Chains are those of links, which all readers see.
        if field == Short::Chain.as_str() {
            return Need::Term(word(self.secret, field, value));
        }
        match self.within {
            Within::Everything => Need::Term(word(self.secret, field, value)),
            Within::Tenant(key) => Need::Term(Places::Pages.mark(key.term(word(self.secret, field, value)))),
            Within::Links => Need::NOTHING,
        }
    }

    /// What a value of any member has that is so.
    fn value(&self, matcher: &Matcher) -> Need {
        match matcher {
            Matcher::Text(pattern) => self.words(pattern),
            Matcher::Literal(literal) => match literal.number() {
                Some(number) => {
                    Need::Any(vec![self.words(literal.pattern()), self.words(&Pattern::exactly(number))])
                }
                None => Need::NOTHING,
            },
            _ => Need::NOTHING,
        }
    }

    /// The words that a text has as a whole which is like this.
    fn words(&self, pattern: &Pattern) -> Need {
        let mut needs = Vec::new();
        let last = pattern.pieces().len().saturating_sub(1);
        for (nth, piece) in pattern.pieces().iter().enumerate() {
            let piece = fold(piece);
            let in_word = |char: char| char.is_alphanumeric() || char == '_';
            let mut inner = &*piece;
            // A word at a gap may be a part of a longer one.
            if nth > 0 {
                inner = inner.trim_start_matches(in_word);
            }
            if nth < last {
                inner = inner.trim_end_matches(in_word);
            }
            needs.extend(words(inner).map(|word| self.term(WORD, word)));
        }
        Need::All(needs)
    }

    /// What is there by a short name that is so.
    fn short(&self, short: Short, matcher: &Matcher) -> Need {
        let (pattern, number) = match matcher {
            Matcher::Text(pattern) => (pattern, None),
            Matcher::Literal(literal) => match literal.number() {
                Some(number) => (literal.pattern(), Some(number)),
                None => return Need::NOTHING,
            },
            _ => return Need::NOTHING,
        };
        if !SHORTS.contains(&short) && short != Short::Chain {
            return Need::NOTHING;
        }
        let field = short.as_str();
        match pattern.pieces() {
            [text] => {
                let text = fold(text);
                let mut needs = vec![self.term(field, &text)];
                needs.extend(number.map(|number| self.term(field, number)));
                if matches!(short, Short::Actor | Short::Target) {
                    let words: Vec<Need> = words(&text).map(|word| self.term(of_name(short), word)).collect();
                    if !words.is_empty() {
                        needs.push(Need::All(words));
                    }
                }
                Need::Any(needs)
            }
            [begin, ..] if short == Short::Action => {
                fold(begin).rsplit_once('.').map_or(Need::NOTHING, |(below, _)| self.term(BELOW, below))
            }
            _ => Need::NOTHING,
        }
    }
}
