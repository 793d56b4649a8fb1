//! A tree of path segments that infers which segments are parameters.
//!
//! Parameters are inferred from four observations. A segment that looks like an identifier is a parameter. If
//! it never changes, it is a word. Siblings are values of one parameter if the words after them don't depend
//! on the sibling that they follow. Other siblings are values if each is rare. Paths are untrusted, so
//! everything is linear in the number of nodes, which is bounded.

use std::collections::{BTreeMap, HashMap};

use countersign::path::segment;

use super::call::{self, Method};
use super::escapes;
use super::facts::Facts;

/// The maximum number of nodes of a tree. If more are needed, siblings are merged early.
pub(super) const MAX_NODES: usize = 131_072;
/// The maximum number of segments of a path. The rest counts as one segment.
const MAX_SEGMENTS: usize = 24;
/// The minimum number of siblings that can be one parameter.
const MIN_SIBLINGS: usize = 10;
/// From this number of calls on, a segment with only one value is a word, regardless of its form.
const MIN_CONSTANT_CALLS: u64 = 20;
/// A word is spread over siblings if the number of siblings that have it is at least this share of the
/// number expected by chance.
const MIN_SPREAD: f64 = 0.6;
/// The minimum share of a sibling's calls that must continue with spread words.
const MIN_SHARE: f64 = 0.6;
/// A segment that is called this many times as often as most of its rare siblings is a word.
const OUTSTANDING_FACTOR: u64 = 4;
/// The minimum length of a token without digits, in bytes.
const MIN_TOKEN_LENGTH: usize = 16;
/// The maximum number of passes over the siblings of one node.
const MAX_ROUNDS: usize = 8;

/// The key of a parameter inferred from its siblings.
const ANY: &str = "{string}";
/// The key of a token.
const TOKEN: &str = "{token}";
/// The key of the end of a path that is too long.
const REST: &str = "{rest}";

/// Returns the key of a segment: a word, or a parameter in braces, perhaps with an ending. Also returns
/// true if the segment looks like an identifier.
fn key(raw: &str) -> (String, bool) {
    if let Some((kind, rest)) = segment(raw) {
        return (format!("{{{kind}}}{rest}"), true);
    }
    let name = match raw.as_bytes() {
        [b':', _, ..] => &raw[1..],
        [b'{', .., b'}'] | [b'[', .., b']'] | [b'<', .., b'>'] => &raw[1..raw.len() - 1],
        _ => {
            let decoded = escapes::decode(raw);
            return if decoded == raw { (raw.into(), false) } else { key(&decoded) };
        }
    };
    (format!("{{{}}}", name.trim_end_matches(['?', '*', '+'])), false)
}

/// Returns the non-empty segments of a path, without their parameters.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    call::path(path).split('/').map(call::without_parameters).filter(|raw| !raw.is_empty())
}

/// True if the letters look random. Few tokens have no digit, but some do.
fn is_random(word: &str) -> bool {
    let kind = |byte: &u8| (byte.is_ascii_uppercase(), byte.is_ascii_lowercase());
    let changes = word.as_bytes().windows(2).filter(|two| kind(&two[0]) != kind(&two[1])).count();
    word.len() >= MIN_TOKEN_LENGTH
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && word.bytes().any(|byte| byte.is_ascii_uppercase())
        && word.bytes().any(|byte| byte.is_ascii_lowercase())
        && changes * 5 >= (word.len() - 1) * 2
}

fn is_parameter(key: &str) -> bool {
    key.starts_with('{')
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// The children. They are boxed because most nodes have only one.
    kids: BTreeMap<Box<str>, Box<Node>>,
    /// The calls of this node and all nodes below it.
    calls: u64,
    /// The only value so far of a segment that looks like an identifier; `None` after a second value.
    only: Option<Box<str>>,
    ends: Vec<(Method, Facts)>,
}

impl Node {
    fn words(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.kids.iter().filter(|(key, _)| !is_parameter(key)).map(|(key, kid)| (&**key, &**kid))
    }

    fn merge(&mut self, other: Self) {
        self.calls += other.calls;
        if self.only != other.only {
            self.only = None;
        }
        for (method, facts) in other.ends {
            self.end(method, facts);
        }
        for (key, kid) in other.kids {
            match self.kids.get_mut(&key) {
                Some(mine) => mine.merge(*kid),
                None => {
                    self.kids.insert(key, kid);
                }
            }
        }
    }

    fn end(&mut self, method: Method, facts: Facts) {
        match self.ends.iter_mut().find(|(known, _)| *known == method) {
            Some((_, known)) => known.merge(facts),
            None => self.ends.push((method, facts)),
        }
    }

    fn size(&self) -> usize {
        1 + self.kids.values().map(|kid| kid.size()).sum::<usize>()
    }

    /// Turns segments into words if they look like identifiers but never change.
    fn settle(&mut self) {
        let mut settled: Vec<(Box<str>, Box<str>)> = Vec::new();
        for (key, kid) in &self.kids {
            if let Some(only) =
                kid.only.as_ref().filter(|_| is_parameter(key) && kid.calls >= MIN_CONSTANT_CALLS)
            {
                settled.push((key.clone(), only.clone()));
            }
        }
        for (key, only) in settled {
            if let Some(kid) = self.kids.remove(&key) {
                self.kids.insert(only, kid);
            }
        }
        self.kids.values_mut().for_each(|kid| kid.settle());
    }

    /// Merges rare siblings that look like tokens, except for a missing digit, into the tokens.
    fn gather(&mut self) {
        let Some(mut tokens) = self.kids.remove(TOKEN) else { return };
        if tokens.calls >= MIN_CONSTANT_CALLS {
            let is_one =
                |word: &str, kid: &Self| kid.calls * MIN_SIBLINGS as u64 <= tokens.calls && is_random(word);
            let strays: Vec<Box<str>> =
                self.words().filter(|(word, kid)| is_one(word, kid)).map(|(word, _)| word.into()).collect();
            for stray in strays {
                if let Some(kid) = self.kids.remove(&stray) {
                    tokens.merge(*kid);
                }
            }
        }
        self.kids.insert(TOKEN.into(), tokens);
    }

    /// Merges siblings that are values of one parameter.
    fn collapse(&mut self) {
        self.gather();
        for _ in 0..MAX_ROUNDS {
            let values = self.values();
            if values.is_empty() {
                break;
            }
            let mut any = self.kids.remove(ANY).unwrap_or_default();
            for value in values {
                if let Some(kid) = self.kids.remove(&value) {
                    any.merge(*kid);
                }
            }
            self.kids.insert(ANY.into(), any);
        }
        self.kids.values_mut().for_each(|kid| kid.collapse());
    }

    /// Returns the words that are values of a parameter.
    fn values(&self) -> Vec<Box<str>> {
        let siblings: Vec<_> = self.words().collect();
        if siblings.len() < MIN_SIBLINGS {
            return Vec::new();
        }
        let mut strong = exchangeable(&siblings, |node, add| {
            node.words().for_each(|(word, kid)| add(word, kid.calls));
        });
        if strong.iter().filter(|is_strong| **is_strong).count() < MIN_SIBLINGS {
            strong = exchangeable(&siblings, |node, add| {
                for kid in node.kids.values() {
                    kid.words().for_each(|(word, kid)| add(word, kid.calls));
                }
            });
        }
        let is_bare = |node: &Self| node.words().next().is_none();
        let select = |is: &dyn Fn(usize, &Self) -> bool| -> Vec<Box<str>> {
            let values = siblings.iter().enumerate().filter(|(nth, (_, node))| is(*nth, node));
            values.map(|(_, (word, _))| Box::from(*word)).collect()
        };
        let mut calls: Vec<u64> =
            siblings.iter().zip(&strong).filter(|(_, is)| **is).map(|((_, node), _)| node.calls).collect();
        if calls.len() >= MIN_SIBLINGS {
            calls.sort_unstable();
            let rare = calls[calls.len() * 3 / 4].max(2);
            return select(&|nth, node| strong[nth] || is_bare(node) && node.calls <= rare);
        }
        let bare: Vec<u64> =
            siblings.iter().filter(|(_, node)| is_bare(node)).map(|(_, node)| node.calls).collect();
        let single = bare.iter().filter(|calls| **calls == 1).count();
        let is_rare = bare.iter().sum::<u64>() <= 3 * bare.len() as u64 || single * 10 >= 3 * bare.len();
        if bare.len() >= MIN_SIBLINGS && is_rare {
            let mut sorted = bare.clone();
            sorted.sort_unstable();
            let max_calls = (sorted[bare.len() * 3 / 4] * OUTSTANDING_FACTOR).max(8);
            return select(&|_, node| is_bare(node) && node.calls <= max_calls);
        }
        Vec::new()
    }
}

/// Returns, for each sibling, true if it is mostly followed by words that are spread over the siblings.
fn exchangeable<'a>(
    siblings: &[(&'a str, &'a Node)],
    each: impl Fn(&'a Node, &mut dyn FnMut(&'a str, u64)),
) -> Vec<bool> {
    /// The counts of a word: siblings that have it, the last such sibling, and calls.
    #[derive(Default)]
    struct WordCounts {
        siblings: u64,
        last: usize,
        calls: u64,
    }
    let mut counts: HashMap<&str, WordCounts> = HashMap::new();
    for (nth, (_, node)) in siblings.iter().enumerate() {
        each(node, &mut |word, calls| {
            let word = counts.entry(word).or_default();
            if word.siblings == 0 || word.last != nth {
                word.siblings += 1;
                word.last = nth;
            }
            word.calls += calls;
        });
    }
    // Group siblings by the power of two of their calls, because some values of a parameter are far more
    // frequent than others.
    let mut sizes = [(0.0, 0.0); 64];
    for (_, node) in siblings {
        let (number, calls) = &mut sizes[node.calls.max(1).ilog2() as usize];
        *number += 1.0;
        *calls += node.calls as f64;
    }
    let all: f64 = sizes.iter().map(|(_, calls)| calls).sum();
    let is_spread = |word: &str| {
        counts.get(word).is_some_and(|word| {
            let expected_siblings = |(number, calls): &(f64, f64)| {
                if *number == 0.0 {
                    0.0
                } else {
                    number * (1.0 - decay(word.calls as f64 * calls / number / all))
                }
            };
            let expected: f64 = sizes.iter().map(expected_siblings).sum();
            word.siblings >= 3 && word.siblings as f64 >= MIN_SPREAD * expected
        })
    };
    let share = |node| {
        let (mut spread, mut all) = (0, 0);
        each(node, &mut |word, calls| {
            all += calls;
            spread += if is_spread(word) { calls } else { 0 };
        });
        all > 0 && spread as f64 >= MIN_SHARE * all as f64
    };
    siblings.iter().map(|(_, node)| share(*node)).collect()
}

/// Computes e to the power of −x with operations that give the same bits on every machine.
fn decay(x: f64) -> f64 {
    let mut power = (1.0 - x / 1024.0).max(0.0);
    for _ in 0..10 {
        power *= power;
    }
    power
}

/// The paths, stored in a bounded number of nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    root: Node,
    nodes: usize,
    /// The number of nodes after siblings were last merged to save memory.
    compacted: usize,
}

impl Tree {
    /// Returns the facts about calls of a path, by method; `None` if the limit is reached.
    pub(super) fn end(&mut self, path: &str, max_nodes: usize) -> Option<&mut Vec<(Method, Facts)>> {
        if self.nodes >= max_nodes && self.nodes - self.compacted >= max_nodes / 4 {
            self.root.collapse();
            self.nodes = self.root.size();
            self.compacted = self.nodes;
        }
        let mut node = &mut self.root;
        node.calls += 1;
        for (nth, raw) in segments(path).enumerate() {
            let is_long = nth >= MAX_SEGMENTS;
            let (mut key, is_typed) = if is_long { (REST.into(), false) } else { key(raw) };
            if !node.kids.contains_key(&*key) {
                if !is_parameter(&key) && node.kids.contains_key(ANY) {
                    key = ANY.into();
                } else if self.nodes >= max_nodes {
                    return None;
                }
            }
            let kid = node.kids.entry(key.into()).or_insert_with(|| {
                self.nodes += 1;
                Box::new(Node { only: is_typed.then(|| raw.into()), ..Node::default() })
            });
            if kid.only.as_deref().is_some_and(|only| only != raw) {
                kid.only = None;
            }
            kid.calls += 1;
            node = kid;
            if is_long {
                break;
            }
        }
        Some(&mut node.ends)
    }

    /// Infers the parameters.
    pub(super) fn infer(&mut self) {
        self.root.settle();
        self.root.collapse();
    }

    /// Returns the template that a path matches.
    #[cfg(test)]
    pub(super) fn template(&self, path: &str) -> Option<String> {
        let (mut node, mut template) = (&self.root, String::new());
        for raw in path.split('/').filter(|raw| !raw.is_empty()) {
            let key = key(raw).0;
            let place = [raw, &key, ANY].into_iter().find(|place| node.kids.contains_key(*place))?;
            node = &node.kids[place];
            template = template + "/" + place;
        }
        Some(template)
    }

    /// Moves facts about calls from `other` if this tree has a template for them.
    pub(super) fn absorb(&mut self, other: &mut Self) {
        absorb(&mut self.root, &mut other.root);
    }

    /// Returns the templates and methods with their facts.
    pub(super) fn into_ends(self) -> Vec<(String, Method, Facts)> {
        let mut ends = Vec::new();
        collect(self.root, &mut String::new(), &mut ends);
        ends
    }
}

fn absorb(known: &mut Node, other: &mut Node) {
    let ends = std::mem::take(&mut other.ends);
    for (method, facts) in ends {
        match known.ends.iter_mut().find(|(of, _)| *of == method) {
            Some((_, known)) => known.merge(facts),
            None => other.ends.push((method, facts)),
        }
    }
    for (key, kid) in &mut other.kids {
        let only = kid.only.clone();
        let place = [Some(&**key), only.as_deref(), Some(ANY)].into_iter().flatten();
        let found = place.into_iter().find(|place| known.kids.contains_key(*place));
        if let Some(known) = found.and_then(|place| known.kids.get_mut(place)) {
            absorb(known, kid);
        }
    }
}

fn collect(node: Node, path: &mut String, ends: &mut Vec<(String, Method, Facts)>) {
    let whole = if path.is_empty() { "/" } else { &**path };
    ends.extend(node.ends.into_iter().map(|(method, facts)| (whole.to_owned(), method, facts)));
    for (key, kid) in node.kids {
        let length = path.len();
        path.push('/');
        path.push_str(&key);
        collect(*kid, path, ends);
        path.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(paths: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut tree = Tree::default();
        for path in paths {
            tree.end(&path, MAX_NODES);
        }
        tree.infer();
        let mut templates = Vec::new();
        let mut open = vec![(&tree.root, String::new())];
        while let Some((node, path)) = open.pop() {
            if node.kids.is_empty() {
                templates.push(path.clone());
            }
            open.extend(node.kids.iter().map(|(key, kid)| (&**kid, format!("{path}/{key}"))));
        }
        templates.sort_unstable();
        templates
    }

    #[test]
    fn tokens_without_digits_are_recognized_beside_others() {
        let tokens = (0..30).map(|nth| format!("/files/kQ7xTbR{nth:02}ZpLw4VhNs8Yd/content"));
        let stray = "/files/nYBgAcQkKBkklOVYNBEY-Y/content".to_owned();
        let words = ["/files/search", "/files/GetAccountInformation"].map(str::to_owned);
        let found = templates(tokens.clone().chain([stray.clone()]).chain(words.clone()));
        assert_eq!(found, ["/files/GetAccountInformation", "/files/search", "/files/{token}/content"]);
        // Alone, or if it is called often, such a token counts as a word.
        assert_eq!(templates([stray.clone()]), std::slice::from_ref(&stray));
        let often = templates(tokens.chain(vec![stray.clone(); 9]));
        assert_eq!(often, [stray, "/files/{token}/content".into()]);
    }
}
