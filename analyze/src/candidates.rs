//! Which rules an event could make fire, so that the others need not be asked.

use countersign_query::value::Kind;

use crate::condition::Condition;
use crate::fields::{Found, Id};
use crate::keywords::Keywords;
use crate::rule::Detection;
use crate::selection::{Item, Selection, Test};
use crate::sorted::Lists;

/// The rules of a pack by what an event must have for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    rules: usize,
    /// By field and the hash of a value.
    values: Lists<(Id, u64), u32>,
    /// Whether rules are found by values of this field.
    by_value: Vec<bool>,
    /// By field.
    fields: Vec<Vec<u32>>,
    keywords: Keywords,
    always: Vec<u32>,
}

/// An event that a rule fires for has one of these at least.
#[derive(Default)]
struct Needs {
    values: Vec<(Id, u64)>,
    words: Vec<String>,
    fields: Vec<Id>,
}

impl Needs {
    /// How many events it lets pass, roughly: less is better.
    fn cost(&self) -> (usize, usize, usize) {
        (self.fields.len(), self.words.len(), self.values.len())
    }

    fn or(mut self, other: Self) -> Self {
        self.values.extend(other.values);
        self.words.extend(other.words);
        self.fields.extend(other.fields);
        self
    }

    fn best(each: impl Iterator<Item = Option<Self>>) -> Option<Self> {
        each.flatten().min_by_key(Self::cost)
    }

    fn any(mut each: impl Iterator<Item = Option<Self>>) -> Option<Self> {
        each.try_fold(Self::default(), |all, one| Some(all.or(one?)))
    }
}

fn hash(text: &str) -> u64 {
    // FNV-1a: a collision costs no more than a rule asked in vain.
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Candidates {
    /// Of rules in the order of their numbers; none stands for one that is never asked.
    pub(crate) fn of<'d>(rules: impl Iterator<Item = Option<&'d Detection>>, fields: usize) -> Self {
        let mut candidates =
            Self { by_value: vec![false; fields], fields: vec![Vec::new(); fields], ..Self::default() };
        for (number, detection) in (0..).zip(rules) {
            candidates.rules += 1;
            if let Some(detection) = detection {
                candidates.add(number, detection);
            }
        }
        candidates.values.sort();
        candidates.keywords.sort();
        candidates
    }

    fn add(&mut self, number: u32, detection: &Detection) {
        let push = |list: &mut Vec<u32>| {
            if list.last() != Some(&number) {
                list.push(number);
            }
        };
        let Some(needs) = of_condition(&detection.condition, detection) else {
            return self.always.push(number);
        };
        if needs.words.iter().any(|word| word.len() < 3) {
            return self.always.push(number);
        }
        for (field, hash) in needs.values {
            self.by_value[field as usize] = true;
            self.values.push((field, hash), number);
        }
        for field in needs.fields {
            push(&mut self.fields[field as usize]);
        }
        for word in needs.words {
            self.keywords.add(&word, number);
        }
    }

    /// The rules that this event could make fire, ascending.
    pub(crate) fn find(&self, found: &Found<'_>) -> Vec<u32> {
        let mut is_in = vec![0u64; self.rules.div_ceil(64)];
        let mut add = |rule: &u32| is_in[*rule as usize / 64] |= 1 << (rule % 64);
        self.always.iter().for_each(&mut add);
        for field in &found.touched {
            self.fields[*field as usize].iter().for_each(&mut add);
            if self.by_value[*field as usize] {
                for leaf in found.values(*field) {
                    if matches!(leaf.kind, Kind::Text | Kind::Number | Kind::Bool) {
                        self.values.of(&(*field, hash(leaf.folded()))).for_each(&mut add);
                    }
                }
            }
        }
        for leaf in &found.words {
            self.keywords.find(leaf.folded(), &mut |rule| add(&rule));
        }
        let mut rules = Vec::new();
        for (nth, mut bits) in (0..).zip(is_in) {
            while bits != 0 {
                rules.push(nth * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        rules
    }
}

fn of_condition(condition: &Condition, detection: &Detection) -> Option<Needs> {
    let selection = |nth: &usize| of_selection(&detection.selections[*nth].1);
    match condition {
        Condition::Selection(nth) => selection(nth),
        Condition::Not(_) => None,
        Condition::All(all) => Needs::best(all.iter().map(|one| of_condition(one, detection))),
        Condition::Any(any) => Needs::any(any.iter().map(|one| of_condition(one, detection))),
        Condition::Several(_, numbers) => Needs::any(numbers.iter().map(selection)),
    }
}

fn of_selection(selection: &Selection) -> Option<Needs> {
    match selection {
        Selection::All(items) => Needs::best(items.iter().map(of_item)),
        Selection::Any(selections) => Needs::any(selections.iter().map(of_selection)),
    }
}

fn of_item(item: &Item) -> Option<Needs> {
    if item.fact.is_some() {
        // What baselines say is known later.
        return None;
    }
    let mut needs = Needs::default();
    let Some(field) = item.field else {
        let needle = |test: &Test| if let Test::Text(wildcard) = test { wildcard.needle() } else { None };
        if item.all {
            needs.words = vec![item.tests.iter().filter_map(needle).max_by_key(String::len)?];
        } else {
            needs.words = item.tests.iter().map(needle).collect::<Option<_>>()?;
        }
        return Some(needs);
    };
    let value = |test: &Test| match test {
        Test::Text(wildcard) => wildcard.exact().map(|text| (field, hash(text))),
        Test::Bool(wanted) => Some((field, hash(if *wanted { "true" } else { "false" }))),
        _ => None,
    };
    if let Some(values) = item.tests.iter().map(value).collect::<Option<Vec<_>>>() {
        needs.values = if item.all { values.into_iter().take(1).collect() } else { values };
        return Some(needs);
    }
    item.needs_field().then(|| {
        needs.fields.push(field);
        needs
    })
}
