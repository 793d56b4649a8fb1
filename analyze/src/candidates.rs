//! Which rules an event could make fire, so that the others need not be asked.

use countersign_query::value::Kind;

use crate::condition::Condition;
use crate::fields::{Found, Id, Leaf};
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
    /// A bit for each of these: most values are none that a rule asks for.
    filter: Filter,
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

fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    // FNV-1a: a collision costs no more than a rule asked in vain.
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The hash of a value in lower case, which need not be made where that is plain.
fn hash_folded(leaf: &Leaf<'_>) -> u64 {
    if leaf.text.is_ascii() {
        hash(leaf.text.bytes().map(|byte| byte.to_ascii_lowercase()))
    } else {
        hash(leaf.folded().bytes())
    }
}

/// A bit for each key that there is, and for some others.
#[derive(Clone, Debug, Default)]
struct Filter(Box<[u64]>);

impl Filter {
    fn of(keys: impl ExactSizeIterator<Item = (Id, u64)>) -> Self {
        let mut bits = vec![0; (keys.len() / 4 + 1).next_power_of_two()];
        for key in keys {
            let (word, bit) = Self::place(key, bits.len());
            bits[word] |= bit;
        }
        Self(bits.into())
    }

    fn may_have(&self, key: (Id, u64)) -> bool {
        let (word, bit) = Self::place(key, self.0.len().max(1));
        self.0.get(word).is_some_and(|found| found & bit != 0)
    }

    /// Of so many words, which is a power of two.
    fn place((field, hash): (Id, u64), words: usize) -> (usize, u64) {
        let mixed = (hash ^ u64::from(field) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        ((mixed >> 6) as usize & (words - 1), 1 << (mixed & 63))
    }
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
        candidates.filter = Filter::of(candidates.values.keys());
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
                        let key = (*field, hash_folded(leaf));
                        if self.filter.may_have(key) {
                            self.values.of(&key).for_each(&mut add);
                        }
                    }
                }
            }
        }
        for leaf in found.words() {
            self.keywords.find(leaf, &mut |rule| add(&rule));
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
        Test::Text(wildcard) => wildcard.exact().map(|text| (field, hash(text.bytes()))),
        Test::Bool(wanted) => Some((field, hash(if *wanted { "true" } else { "false" }.bytes()))),
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
