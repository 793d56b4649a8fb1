//! The terms of events, and the terms that a query requires.
//!
//! A term represents one way in which an event can match. It is keyed with the index's [`Secret`], so the
//! index doesn't reveal what it is about. If two terms collide, a page is only read unnecessarily.
//!
//! A reader bound to a scope must not learn from the duration of a search which terms occur in other readers'
//! events. Pages are therefore never selected for such a reader by terms shared with events outside of the
//! scope: the events of one tenant have their own terms, keyed with the tenant, and so do the values that a
//! scope can name.
//!
//! If a tenant has few events on a page, as is typical of a log with many tenants, the index records which entries
//! they are ([`Places::Entries`]) instead of their terms. This takes a tenth of the space, and a search reads only
//! these entries.

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

/// A 64-bit term. Among ten million terms, another one is present by chance with a probability of about one
/// in a trillion. The last bit is the kind of its places ([`Places`]).
pub(super) type Term = u64;

/// The kind of a term's places, counted from the start of the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Places {
    /// Pages that have the term.
    Pages,
    /// Single entries that have the term.
    Entries,
}

impl Places {
    /// Returns the kind of this term's places.
    pub(super) const fn of_term(term: Term) -> Self {
        if term & 1 == 0 { Self::Pages } else { Self::Entries }
    }

    /// Marks a term with this kind of places.
    const fn mark(self, term: Term) -> Term {
        match self {
            Self::Pages => term & !1,
            Self::Entries => term | 1,
        }
    }

    /// Returns the number of such places per page.
    pub(super) const fn per_page(self) -> u16 {
        match self {
            Self::Pages => 1,
            Self::Entries => PAGE as u16,
        }
    }
}

/// The field of words in any string, number, `true`, `false`, or `null`.
const WORD: &str = "word";
/// The field of action prefixes that end before a dot.
const ACTION_PREFIX: &str = "action.*";

/// Short names that have terms.
const SHORTS: [Short; 9] = [
    Short::Action,
    Short::Actor,
    Short::For,
    Short::Target,
    Short::Category,
    Short::Outcome,
    Short::Tenant,
    Short::Ip,
    Short::As,
];

/// The event fields that a scope can name. For each, the field of its index terms if an event has one value, and if an
/// event has several.
const SCOPED_MEMBERS: [(&str, &str, &str); 3] = [
    ("tenant", "only tenant", "also tenant"),
    ("actor", "only actor", "also actor"),
    ("action", "only action", "also action"),
];
/// The fields of the terms for all actions below one (`user.*`): for an event with one action, and with several.
const ACTIONS_BELOW: (&str, &str) = ("only action.*", "also action.*");

/// A page with more terms than this, or with as many terms of tenants, is a candidate for every search.
const MAX_TERMS: usize = 50_000;
/// A tenant's events on a page are recorded as entries up to this number.
const MAX_SINGLE_EVENTS: usize = 2;
/// Maximum length in bytes of a value whose term is cached.
const MAX_CACHED_BYTES: usize = 64;
/// Maximum number of cached terms.
const MAX_CACHED: usize = 1 << 12;

/// A cache of recent terms. Events have most words in common, and keying a term takes several times as long as a
/// lookup.
pub(super) struct TermCache<'s> {
    secret: &'s Secret,
    /// The terms of short values.
    terms: HashMap<Box<str>, Term>,
    /// The lookup key, reused to avoid allocations.
    lookup: String,
}

impl<'s> TermCache<'s> {
    pub(super) fn new(secret: &'s Secret) -> Self {
        let (terms, lookup) = Default::default();
        Self { secret, terms, lookup }
    }

    /// Returns the term of a field's value, for readers of all events.
    fn term(&mut self, field: &str, value: &str) -> Term {
        if value.len() > MAX_CACHED_BYTES {
            return word(self.secret, field, value);
        }
        self.lookup.clear();
        self.lookup.extend([field, "\0", value]);
        if let Some(term) = self.terms.get(&*self.lookup) {
            return *term;
        }
        let term = word(self.secret, field, value);
        if self.terms.len() >= MAX_CACHED {
            self.terms.clear();
        }
        self.terms.insert(self.lookup.as_str().into(), term);
        term
    }
}

/// The terms of one page.
pub(super) struct Terms<'c, 's> {
    cache: &'c mut TermCache<'s>,
    /// The terms for readers of all events, with duplicates.
    keyed: Vec<Term>,
    /// The terms of the current event, those that a scope can name first.
    of_event: Vec<Term>,
    tenants: HashMap<String, TenantEvents>,
    scoped: [Path; SCOPED_MEMBERS.len()],
    /// True if the page has too many terms to store.
    is_dense: bool,
}

/// The events of a page that name a single tenant.
#[derive(Default)]
struct TenantEvents {
    few: Vec<TenantEvent>,
    /// The terms of all events, with duplicates, if there are more than [`MAX_SINGLE_EVENTS`].
    many: Vec<Term>,
}

struct TenantEvent {
    /// The entry's position on its page.
    place: u16,
    terms: Vec<Term>,
    /// The number of terms that a scope can name; they come first.
    scoped: usize,
}

impl TenantEvents {
    /// Adds an event with its terms. A scope can name the first `scoped` of them. Returns true if there are too many
    /// terms now.
    fn add(&mut self, place: u16, terms: &[Term], scoped: usize) -> bool {
        if self.many.is_empty() && self.few.len() < MAX_SINGLE_EVENTS {
            self.few.push(TenantEvent { place, terms: terms.to_vec(), scoped });
            return false;
        }
        self.many.extend(self.few.drain(..).flat_map(|event| event.terms));
        self.many.extend(terms);
        is_dense(&mut self.many)
    }

    /// Returns the terms, keyed with the tenant, each with its position on the page.
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

/// True if there are too many terms. Sorts them only after many were added.
fn is_dense(terms: &mut Vec<Term>) -> bool {
    terms.len() > 2 * MAX_TERMS && {
        sort(terms);
        terms.len() > MAX_TERMS
    }
}

impl<'c, 's> Terms<'c, 's> {
    pub(super) fn new(cache: &'c mut TermCache<'s>) -> Self {
        let (keyed, of_event, tenants) = Default::default();
        let scoped = SCOPED_MEMBERS.map(|(name, ..)| member(name));
        Self { cache, keyed, of_event, tenants, scoped, is_dense: false }
    }

    /// Adds a link of that chain.
    pub(super) fn link(&mut self, chain: ChainId) {
        self.add(Short::Chain.as_str(), &chain.to_string());
    }

    /// Adds an event at that position on the page.
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
                            self.add(ACTION_PREFIX, &text[..dot]);
                        }
                    }
                    // A query may name any words of a name.
                    Short::Actor | Short::For | Short::Target => {
                        words(&text).for_each(|word| self.add(name_field(short), word));
                    }
                    // Alternative spellings of an outcome.
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

    /// Adds the terms that a scope can name, and returns the tenant of an event that names exactly one. An event with
    /// more values than a scope has conditions, or with a value that isn't a string, is in no scope.
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

    /// Returns the terms, each with its position on the page, or `None` if there are too many.
    pub(super) fn into_terms(mut self) -> Option<Vec<(Term, u16)>> {
        sort(&mut self.keyed);
        if self.is_dense || self.keyed.len() > MAX_TERMS {
            return None;
        }
        let mut terms: Vec<(Term, u16)> = self.keyed.into_iter().map(|term| (term, 0)).collect();
        for (tenant, events) in self.tenants {
            terms.extend(events.into_keyed(&self.cache.secret.tenant(&tenant)));
            if terms.len() > 2 * MAX_TERMS {
                return None;
            }
        }
        Some(terms)
    }
}

/// Returns the term of a field's value, for readers of all events.
fn word(secret: &Secret, field: &str, value: &str) -> Term {
    Places::Pages.mark(secret.term(field, value))
}

/// Returns the field for the words of names.
const fn name_field(short: Short) -> &'static str {
    match short {
        Short::Actor => "actor word",
        Short::For => "for word",
        _ => "target word",
    }
}

/// The condition that a page must meet to contain a match.
#[derive(Clone, Debug)]
pub(super) enum Need {
    /// All of these. An empty list is always met.
    All(Vec<Self>),
    /// At least one of these.
    Any(Vec<Self>),
    Term(Term),
    /// Links or events in this time range.
    Time(Basis, Span),
}

impl Need {
    const NOTHING: Self = Self::All(Vec::new());

    /// Returns all terms in the condition.
    pub(super) fn terms(&self) -> BTreeSet<Term> {
        match self {
            Self::All(needs) | Self::Any(needs) => needs.iter().flat_map(Self::terms).collect(),
            Self::Term(term) => BTreeSet::from([*term]),
            Self::Time(..) => BTreeSet::new(),
        }
    }

    /// Returns the entries of a page that may match, given the entries that have each term.
    pub(super) fn matching_entries(&self, page: &Page, entries: &dyn Fn(&Term) -> Entries) -> Entries {
        match self {
            Self::All(needs) => needs
                .iter()
                .fold(Entries::ALL, |these, need| these.and(|| need.matching_entries(page, entries))),
            Self::Any(needs) => needs
                .iter()
                .fold(Entries::NONE, |these, need| these.or(|| need.matching_entries(page, entries))),
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

/// Returns the condition for pages with events or links of the scope that may match the query.
///
/// For a limited scope, the result depends only on events of that scope and on what every reader sees of all links:
/// their chains and times. An event outside of the scope never selects a page, regardless of its terms.
pub(super) fn required(secret: &Secret, scope: &Scope, query: &Query) -> Need {
    let need_of = |query: &Query, within: Within<'_>| {
        NeedBuilder { secret, conditions: query.conditions(), within }.node(query.root())
    };
    if scope.is_everything() {
        return need_of(query, Within::Everything);
    }
    let conditions = scope.conditions();
    let values = |member_name: &str| -> Vec<&str> {
        conditions.iter().filter(|(name, _)| *name == member_name).map(|(_, value)| &**value).collect()
    };
    let tenants = values("tenant");
    // Keying by tenant reveals nothing to a reader who may see all of the tenant's events.
    let sees_all_of_tenant = conditions.iter().all(|(name, _)| *name == "tenant");
    let member = |name: &str, keyed: &dyn Fn(Term) -> Term| {
        let values = values(name);
        let each = values.iter().map(|value| scoped_value(secret, name, value, values.len(), keyed));
        Need::Any(each.collect())
    };
    let events = if tenants.is_empty() {
        // Use one member only: a second value might come from another event.
        SCOPED.into_iter().find(|name| !values(name).is_empty()).map_or(Need::NOTHING, |name| match name {
            "chain" => need_of(scope.query(), Within::Links),
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
            // The terms of events recorded as entries are unknown.
            if sees_all_of_tenant {
                needs[0].push(need_of(query, Within::Tenant(&key)));
            }
            let mut either: Vec<Need> = needs.into_iter().map(Need::All).collect();
            if tenants.len() > 1 {
                either.push(Need::Term(word(secret, SCOPED_MEMBERS[0].2, tenant)));
            }
            Need::Any(either)
        });
        Need::Any(each.collect())
    };
    let links = [scope.query(), query].map(|one| need_of(one, Within::Links));
    Need::All([events].into_iter().chain(links).collect())
}

/// Returns the condition for pages with an event that has `value`, given the number of values that the scope names for
/// this member.
fn scoped_value(
    secret: &Secret,
    name: &str,
    value: &str,
    value_count: usize,
    keyed: &dyn Fn(Term) -> Term,
) -> Need {
    let below = value.strip_suffix(".*").filter(|_| name == "action");
    let known = SCOPED_MEMBERS.into_iter().find(|(known, ..)| *known == name);
    let Some((_, only, also)) = known else { return Need::NOTHING };
    let (only, also) = if below.is_some() { ACTIONS_BELOW } else { (only, also) };
    let term = |field: &str| Need::Term(keyed(secret.term(field, below.unwrap_or(value))));
    // An event with several values is in a scope that names all of them.
    if value_count == 1 && below.is_none() { term(only) } else { Need::Any(vec![term(only), term(also)]) }
}

/// The events whose terms may select pages.
#[derive(Clone, Copy)]
enum Within<'a> {
    Everything,
    /// Events that name only this tenant.
    Tenant(&'a TenantKey),
    /// No events, only what every link shows.
    Links,
}

struct NeedBuilder<'a> {
    secret: &'a Secret,
    conditions: &'a [PlacedCondition],
    within: Within<'a>,
}

impl NeedBuilder<'_> {
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
            // A page's time range covers all its events, including those outside of the scope.
            Condition::Time(Basis::Happened, _) if !matches!(self.within, Within::Everything) => {
                Need::NOTHING
            }
            Condition::Time(basis, span) => Need::Time(*basis, *span),
            _ => Need::NOTHING,
        }
    }

    fn term(&self, field: &str, value: &str) -> Need {
        // Every reader sees the chains of links.
        if field == Short::Chain.as_str() {
            return Need::Term(word(self.secret, field, value));
        }
        match self.within {
            Within::Everything => Need::Term(word(self.secret, field, value)),
            Within::Tenant(key) => Need::Term(Places::Pages.mark(key.term(word(self.secret, field, value)))),
            Within::Links => Need::NOTHING,
        }
    }

    /// Returns the condition for any member's value to match.
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

    /// Returns the condition for all whole words in the pattern.
    fn words(&self, pattern: &Pattern) -> Need {
        let mut needs = Vec::new();
        let last = pattern.pieces().len().saturating_sub(1);
        for (nth, piece) in pattern.pieces().iter().enumerate() {
            let piece = fold(piece);
            let in_word = |char: char| char.is_alphanumeric() || char == '_';
            let mut inner = &*piece;
            // A word next to a wildcard may be part of a longer one.
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

    /// Returns the condition for a short name's value to match.
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
                if short.is_party() {
                    let words: Vec<Need> =
                        words(&text).map(|word| self.term(name_field(short), word)).collect();
                    if !words.is_empty() {
                        needs.push(Need::All(words));
                    }
                }
                Need::Any(needs)
            }
            [begin, ..] if short == Short::Action => fold(begin)
                .rsplit_once('.')
                .map_or(Need::NOTHING, |(below, _)| self.term(ACTION_PREFIX, below)),
            _ => Need::NOTHING,
        }
    }
}
