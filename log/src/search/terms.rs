//! The terms of an event, and those that a query needs.
//!
//! For some ways in which an event can match there is a term that it then has. A term is keyed with the index's
//! [`Secret`]: the index does not say what it is about, and when two are alike by chance a page is looked at in vain.

use std::collections::{BTreeSet, HashSet};

use countersign::link::ChainId;
use countersign_query::condition::{Asked, Basis};
use countersign_query::matcher::{Matcher, Pattern, Span, fold, words};
use countersign_query::value::Value;
use countersign_query::{Condition, Entry, Field, Node, Query, Short};

use super::secret::Secret;
use super::segment::Page;

/// 64 bits: among ten million terms one in a million million is there by chance.
pub(super) type Term = [u8; 8];

/// Any string, number, `true`, `false` or `null` has this word.
const WORD: &str = "word";
/// Some action begins with this and a dot.
const BELOW: &str = "action.*";

/// The short names that have terms.
const SHORTS: [Short; 7] =
    [Short::Action, Short::Actor, Short::Target, Short::Outcome, Short::Tenant, Short::Ip, Short::As];

/// A page with more terms than this is a candidate for every question.
const DENSE: usize = 50_000;
/// Of values up to so many bytes it is remembered that their term is there.
const SHORT: usize = 64;

/// The terms of one page.
pub(super) struct Terms<'s> {
    secret: &'s Secret,
    keyed: HashSet<Term>,
    /// What they are the terms of, where that is short: a page's events have most words in common, and to key one takes
    /// several times as long as to find it here.
    known: HashSet<Box<str>>,
    /// What is looked for there.
    asked: String,
}

impl<'s> Terms<'s> {
    pub(super) fn new(secret: &'s Secret) -> Self {
        Self { secret, keyed: HashSet::new(), known: HashSet::new(), asked: String::new() }
    }

    /// A link of that chain is here.
    pub(super) fn link(&mut self, chain: ChainId) {
        self.add(Short::Chain.as_str(), &chain.to_string());
    }

    /// This event is here.
    pub(super) fn event(&mut self, entry: &Entry<'_>) {
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
    }

    fn add(&mut self, field: &str, value: &str) {
        if self.is_dense() {
            return;
        }
        if value.len() <= SHORT {
            self.asked.clear();
            self.asked.extend([field, "\0", value]);
            if self.known.contains(&*self.asked) {
                return;
            }
            self.known.insert(self.asked.as_str().into());
        }
        self.keyed.insert(self.secret.term(field, value));
    }

    /// Whether there are so many that nobody asks for them.
    fn is_dense(&self) -> bool {
        self.keyed.len() > DENSE
    }

    /// The terms; none where there are too many of them.
    pub(super) fn into_terms(self) -> Option<HashSet<Term>> {
        (!self.is_dense()).then_some(self.keyed)
    }
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

    /// Whether a page has it, by what is known of its terms.
    pub(super) fn may_be_on(&self, page: &Page, has: &dyn Fn(&Term) -> bool) -> bool {
        match self {
            Self::All(needs) => needs.iter().all(|need| need.may_be_on(page, has)),
            Self::Any(needs) => needs.iter().any(|need| need.may_be_on(page, has)),
            Self::Term(term) => has(term),
            Self::Time(basis, Span { from, until }) => {
                let times = match basis {
                    Basis::Happened => page.happened,
                    Basis::Recorded => page.times,
                };
                times.is_some_and(|(first, last)| {
                    from.is_none_or(|from| last >= from.millis())
                        && until.is_none_or(|until| first < until.millis())
                })
            }
        }
    }
}

/// What a page has on which an event or link is as asked.
pub(super) fn question(secret: &Secret, query: &Query) -> Need {
    Asking { secret, conditions: query.conditions() }.node(query.root())
}

struct Asking<'a> {
    secret: &'a Secret,
    conditions: &'a [Asked],
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
            Condition::Time(basis, span) => Need::Time(*basis, *span),
            _ => Need::NOTHING,
        }
    }

    fn term(&self, field: &str, value: &str) -> Need {
        Need::Term(self.secret.term(field, value))
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
