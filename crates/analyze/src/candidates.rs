//! An index of rules that finds those an event could match, so that the others needn't be evaluated.

use countersign_query::value::Kind;

use crate::detection::{Detection, Item, Required, Test, required};
use crate::fields::{FieldValues, Fields, Id, Leaf, Origin};
use crate::keywords::{GRAM, Keywords};
#[cfg(feature = "re")]
use crate::literal;
use crate::rule_set::RuleSet;
use crate::sorted::Lists;

/// An index of a pack's rules by what they require of an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    rules: usize,
    /// Rules by a field and the hash of a value.
    values: Lists<(Id, u64), u32>,
    /// A Bloom filter over `values`, because most values are required by no rule.
    filter: BloomFilter,
    fields: Vec<FieldIndex>,
    /// The virtual fields by which rules are found.
    virtuals: Vec<Id>,
    keywords: Keywords,
    always: Vec<u32>,
    /// Rules that are found by fields of the event, each with these fields.
    keyed: Vec<(u32, Box<[Id]>)>,
}

/// The rules that are found by one field.
#[derive(Clone, Debug, Default)]
struct FieldIndex {
    /// Rules that require the field's presence.
    there: Vec<u32>,
    /// The length of the longest value that a rule requires; `None` if no rule requires a whole value.
    longest: Option<usize>,
    /// Rules that require a part of a value.
    parts: Keywords,
}

/// Requirements of a rule: an event that matches meets at least one of them.
#[derive(Default)]
struct Needs {
    /// Each value's length and hash.
    values: Vec<(Id, usize, u64)>,
    words: Vec<String>,
    parts: Vec<(Id, String)>,
    fields: Vec<Id>,
    /// The number of values that identify the event's source, which all events of that source have.
    shapes: usize,
}

impl Needs {
    /// Returns a cost that grows with the number of events that meet these requirements.
    fn cost(&self) -> (usize, usize, usize, usize, usize) {
        (self.fields.len(), self.words.len(), self.parts.len(), self.shapes, self.values.len())
    }
}

impl Required for Needs {
    fn best(each: &mut dyn Iterator<Item = Option<Self>>) -> Option<Self> {
        each.flatten().min_by_key(Self::cost)
    }

    fn or(mut self, other: Self) -> Self {
        self.values.extend(other.values);
        self.words.extend(other.words);
        self.parts.extend(other.parts);
        self.fields.extend(other.fields);
        self.shapes += other.shapes;
        self
    }
}

/// Hashes text without regard to case. Other characters may also share a hash, which only costs an unneeded
/// evaluation.
fn hash(text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().chain([&last]).fold(text.len() as u64, |hash, word| {
        let either_case = u64::from_le_bytes(*word) | 0x2020_2020_2020_2020;
        let mixed = (hash ^ either_case).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 32
    })
}

/// Hashes a value without regard to case. ASCII needs no conversion to lower case.
fn hash_folded(leaf: &Leaf<'_>) -> u64 {
    hash(if leaf.text.is_ascii() { &leaf.text } else { leaf.folded() })
}

/// A Bloom filter with one bit per key.
#[derive(Clone, Debug, Default)]
struct BloomFilter(Box<[u64]>);

impl BloomFilter {
    fn new(keys: impl ExactSizeIterator<Item = (Id, u64)>) -> Self {
        let mut bits = vec![0; (keys.len() / 4 + 1).next_power_of_two()];
        for key in keys {
            let (word, bit) = Self::place(key, bits.len());
            bits[word] |= bit;
        }
        Self(bits.into())
    }

    fn may_contain(&self, key: (Id, u64)) -> bool {
        let (word, bit) = Self::place(key, self.0.len().max(1));
        self.0.get(word).is_some_and(|found| found & bit != 0)
    }

    /// Returns the word and bit of a key. The number of words is a power of two.
    fn place((field, hash): (Id, u64), words: usize) -> (usize, u64) {
        let mixed = (hash ^ u64::from(field) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        ((mixed >> 6) as usize & (words - 1), 1 << (mixed & 63))
    }
}

impl Candidates {
    /// Builds the index. Rules are numbered in their order; `None` is a rule that is never evaluated on
    /// single events.
    pub(crate) fn new<'d>(rules: impl Iterator<Item = Option<&'d Detection>>, fields: &Fields) -> Self {
        let mut candidates = Self { fields: vec![FieldIndex::default(); fields.len()], ..Self::default() };
        for (number, detection) in (0..).zip(rules) {
            candidates.rules += 1;
            if let Some(detection) = detection {
                candidates.add(number, detection, fields);
            }
        }
        candidates.values.sort();
        candidates.filter = BloomFilter::new(candidates.values.keys());
        candidates.keywords.sort();
        candidates.fields.iter_mut().for_each(FieldIndex::finish);
        let is_used = |field: &Id| candidates.fields.get(*field as usize).is_some_and(FieldIndex::is_used);
        candidates.virtuals = fields.virtual_ids().filter(is_used).collect();
        candidates
    }

    fn add(&mut self, number: u32, detection: &Detection, fields: &Fields) {
        let push = |list: &mut Vec<u32>| {
            if list.last() != Some(&number) {
                list.push(number);
            }
        };
        let Some(needs) = required(detection, &|item| of_item(item, fields)) else {
            return self.always.push(number);
        };
        if needs.words.iter().any(|word| word.len() < GRAM) {
            return self.always.push(number);
        }
        let values = needs.values.iter().map(|(field, ..)| *field);
        let parts = needs.parts.iter().map(|(field, _)| *field);
        let mut keys: Vec<Id> = values.chain(parts).chain(needs.fields.iter().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|field| fields.origin(*field) == Origin::Event);
        if !keys.is_empty() {
            self.keyed.push((number, keys.into()));
        }
        for (field, length, hash) in needs.values {
            let longest = &mut self.fields[field as usize].longest;
            *longest = Some(longest.unwrap_or(0).max(length));
            self.values.push((field, hash), number);
        }
        for field in needs.fields {
            push(&mut self.fields[field as usize].there);
        }
        for (field, part) in needs.parts {
            self.fields[field as usize].parts.add(&part, number);
        }
        for word in needs.words {
            self.keywords.add(&word, number);
        }
    }

    /// Returns the rules that the index may not find for an event that lacks some fields, even if the event
    /// has everything else.
    pub(crate) fn missed<'c>(&'c self, has: impl Fn(Id) -> bool + 'c) -> impl Iterator<Item = u32> + 'c {
        self.keyed.iter().filter(move |(_, keys)| keys.iter().any(|key| !has(*key))).map(|(rule, _)| *rule)
    }

    /// Returns the rules that this event could match, ascending.
    pub(crate) fn find(&self, found: &FieldValues<'_>) -> impl Iterator<Item = u32> + use<> {
        let mut candidates = RuleSet::new(self.rules);
        let mut add = |rule: &u32| candidates.add(*rule as usize);
        self.always.iter().for_each(&mut add);
        for field in found.touched.iter().chain(&self.virtuals) {
            let index = &self.fields[*field as usize];
            if !index.is_used() {
                continue;
            }
            for (nth, leaf) in found.values(*field).enumerate() {
                if nth == 0 {
                    index.there.iter().for_each(&mut add);
                }
                if !matches!(leaf.kind, Kind::Text | Kind::Number | Kind::Bool) {
                    continue;
                }
                if index.longest.is_some_and(|longest| leaf.text.len() <= longest || !leaf.text.is_ascii()) {
                    let key = (*field, hash_folded(leaf));
                    if self.filter.may_contain(key) {
                        self.values.get(&key).for_each(&mut add);
                    }
                }
                index.parts.find(&leaf.text, &mut |rule| add(&rule));
            }
        }
        for leaf in found.words() {
            self.keywords.find(&leaf.text, &mut |rule| add(&rule));
        }
        candidates.numbers().map(|number| number as u32)
    }
}

/// Below this number of parts, evaluating the rules is faster than searching for the parts.
const MIN_PARTS: usize = 6;

impl FieldIndex {
    fn finish(&mut self) {
        if self.parts.len() < MIN_PARTS {
            self.there.extend(core::mem::take(&mut self.parts).owners());
        }
        self.parts.sort();
    }

    fn is_used(&self) -> bool {
        !self.there.is_empty() || self.longest.is_some() || !self.parts.is_empty()
    }
}

fn of_item(item: &Item, fields: &Fields) -> Option<Needs> {
    if item.fact.is_some() {
        // Baselines are evaluated later.
        return None;
    }
    let mut needs = Needs::default();
    let Some(field) = item.field else {
        let needle = |test: &Test| if let Test::Text(wildcard, _) = test { wildcard.needle() } else { None };
        if item.all {
            needs.words = vec![item.tests.iter().filter_map(needle).max_by_key(String::len)?];
        } else {
            needs.words = item.tests.iter().map(needle).collect::<Option<_>>()?;
        }
        return Some(needs);
    };
    let there = || item.needs_field().then(|| Needs { fields: vec![field], ..Needs::default() });
    if item.differs {
        return there();
    }
    let mut tests = item.tests.iter().map(|test| of_test(field, test));
    let mut needs = if item.all { Needs::best(&mut tests) } else { Needs::any(&mut tests) }.or_else(there)?;
    if fields.name(field) == "parsed.as" {
        needs.shapes = needs.values.len();
    }
    Some(needs)
}

/// Returns the requirements of a test on a field.
fn of_test(field: Id, test: &Test) -> Option<Needs> {
    let mut needs = Needs::default();
    let mut value = |text: &str| needs.values.push((field, text.len(), hash(text)));
    match test {
        Test::Text(wildcard, _) => {
            if let Some(text) = wildcard.exact() {
                value(text);
            } else {
                needs.parts.push((field, wildcard.needle().filter(|part| part.len() >= GRAM)?));
            }
        }
        #[cfg(feature = "re")]
        Test::Regex(regex, _) => {
            needs
                .parts
                .push((field, literal::longest_literal(regex.as_str()).filter(|part| part.len() >= GRAM)?));
        }
        Test::Bool(wanted) => value(if *wanted { "true" } else { "false" }),
        _ => return None,
    }
    Some(needs)
}

#[cfg(all(test, feature = "yaml"))]
mod tests {
    use countersign::time::Time;
    use countersign_query::Entry;
    use countersign_query::parser::Parsers;
    use countersign_query::value::Document;
    use proptest::prelude::*;

    use crate::pack::Sources;
    use crate::prefilter::Prefilter;
    use crate::rule::Rule;
    use crate::zone::Zone;

    /// Conditions: many on parts of one field, few on another field, some on virtual fields.
    const CONDITIONS: [&str; 28] = [
        "a|contains: abc",
        "a|contains: [bca, cab]",
        "a|startswith: aab",
        "a|endswith: 'ab*ka'",
        "a|cased|contains: BCA",
        "a|contains: '\u{212a}ab'",
        "a|contains|all: [abc, kab]",
        "a: '?b*c?'",
        "a|cased: 'B?A*'",
        "a: ['*ab?b*', bbb]",
        "b|contains: abc",
        "b: [abc, '*cba*']",
        "b: true",
        "b|neq: abc",
        "'a[any]': abc",
        "'a[all]|contains': k",
        "'a[none]|startswith': a",
        "'c[all_or_empty]': x",
        "a|contains|neq: [abc, kab]",
        "link.chain|neq: kab",
        "a: null",
        "'a|re': 'b+c'",
        "'a|re': 'a[bk]+abc?'",
        "'b|re|i': '^Xc.ax'",
        "'': [abca, kab, 'cabk']",
        "derived.weekday|contains: thurs",
        "derived.local_hour: 0",
        "link.chain: kab",
    ];

    #[test]
    fn prefers_other_requirements_to_the_source() {
        let mut sources = Sources::default();
        for (id, condition) in [
            ("either", "{parsed.as: CloudTrail, eventName: [CreateUser, DeleteUser, CreateRole]}"),
            ("shape", "{parsed.as: CloudTrail}"),
            ("shapes", "{parsed.as: [CloudTrail, Okta]}"),
        ] {
            let rule = format!("title: {id}\nid: {id}\ndetection:\n  s: {condition}\n  condition: s\n");
            sources.add("r.yml", &rule);
        }
        let pack = sources.build("all").map_err(|errors| errors[0].clone()).unwrap();
        let parsers = Parsers::built_in();
        for (name, expected) in
            [("CreateRole", &["either", "shape", "shapes"][..]), ("ListUsers", &["shape", "shapes"])]
        {
            let text = format!(
                r#"{{"eventVersion":"1.08","eventSource":"iam.amazonaws.com","eventName":"{name}","awsRegion":"us-east-1","eventTime":"2026-11-18T10:00:00Z","userIdentity":{{"type":"Root"}}}}"#
            );
            let document = Document::parse(&text).unwrap();
            let event = document.root();
            let read = parsers.parse(&event);
            let recorded = Time::from_millis(0).unwrap();
            let entry = Entry { event: Some(event), read: read.as_ref(), ..Entry::recorded(recorded) };
            let found = pack.fields.find(&entry, Zone::default());
            let mut ids: Vec<_> =
                pack.candidates.find(&found).map(|nth| pack.rules[nth as usize].id.as_str()).collect();
            ids.sort_unstable();
            assert_eq!(ids, expected, "{name}");
        }
    }

    proptest! {
        #[test]
                fn finds_every_rule_that_holds(
            a in "[abckABCK\u{212a}]{0,9}",
            b in prop::sample::select(vec!["abc", "ABC", "xcbax", "true", "k"]),
            chain in prop::sample::select(vec!["kab", "KAB", ""]),
        ) {
            let mut sources = Sources::default();
                        for (nth, condition) in CONDITIONS.iter().enumerate() {
                                let rule = format!("title: rule {nth}\nid: r{nth}\nsigma-version: 3\ndetection:\n  s:\n    {condition}\n  condition: s\n");
                sources.add("r.yml", &rule);
            }
                        let pack = sources.build("all").map_err(|errors| errors[0].clone()).unwrap();
            let text = format!(r#"{{"a":["{a}"],"b":"{b}"}}"#);
            let document = Document::parse(&text).unwrap();
            let recorded = Time::from_millis(0).unwrap();
            let entry = Entry { event: Some(document.root()), chain, ..Entry::recorded(recorded) };
            let found = pack.fields.find(&entry, Zone::default());
            let candidates: Vec<u32> = pack.candidates.find(&found).collect();
            let detections: Vec<_> = pack.rules.iter().filter_map(Rule::detection).collect();
            let prefilter: Vec<usize> = Prefilter::new(detections.iter().copied(), &pack.fields).find(&found).collect();
            for (nth, rule) in (0..).zip(&pack.rules) {
                let holds = Rule::detection(rule).is_some_and(|detection| detection.holds(&found));
                                prop_assert!(!holds || candidates.contains(&nth), "{} {text}", CONDITIONS[nth as usize]);
                                prop_assert!(!holds || prefilter.contains(&(nth as usize)), "{} {text}", CONDITIONS[nth as usize]);
            }
        }
    }
}
