//! Measures how many calls of described APIs are matched to the template that they were made from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::call::{self, Method};
use super::facts::Facts;
use super::tree::{MAX_NODES, Tree};

/// A random number generator that gives the same numbers in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn text(&mut self, of: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(*self.pick(of))).collect()
    }

    fn word(&mut self) -> String {
        let syllables = [
            "ba", "be", "bri", "ca", "ce", "co", "da", "den", "di", "fa", "fro", "ga", "gle", "ha", "hop",
            "in", "ka", "la", "li", "lon", "ma", "mer", "mi", "na", "nor", "o", "pa", "per", "pi", "ra",
            "ri", "ron", "sa", "ser", "ta", "ter", "ti", "tor", "va", "wen",
        ];
        (0..2 + self.below(2)).map(|_| *self.pick(&syllables)).collect()
    }

    fn slug(&mut self) -> String {
        let words: Vec<String> = (0..*self.pick(&[1, 1, 2, 2, 3])).map(|_| self.word()).collect();
        words.join("-")
    }

    fn user(&mut self) -> String {
        match self.below(3) {
            0 => self.slug(),
            1 => format!("{}{}", self.word(), self.below(100)),
            _ => format!("{}{}", self.word().to_uppercase(), self.word()),
        }
    }
}

const HEX: &[u8] = b"0123456789abcdef";
const BASE62: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Parameters whose values are names of people or things.
const NAMED: [&str; 14] = [
    "owner",
    "org",
    "username",
    "user",
    "account",
    "repo",
    "enterprise",
    "team_slug",
    "name",
    "environment_name",
    "login",
    "template_owner",
    "template_repo",
    "security_product",
];

/// Sample values of parameters. All parameters of one name have identifiers of one style.
#[derive(Default)]
struct Values {
    pools: BTreeMap<String, Vec<String>>,
    styles: BTreeMap<String, usize>,
}

impl Values {
    fn sample(&mut self, name: &str, parameter: &Value, random: &mut Random) -> String {
        let schema = &parameter["schema"];
        let lower = name.to_lowercase();
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
        if let Some(values) = schema["enum"].as_array().filter(|values| !values.is_empty()) {
            return random.pick(values).as_str().map_or_else(|| "1".into(), str::to_owned);
        }
        let is_number = lower.ends_with("_id") || lower.ends_with("number") || lower == "id";
        if matches!(kind, Some("integer" | "number")) || is_number && kind != Some("string") {
            let max = 10_usize.pow(*random.pick(&[1, 3, 6, 9]));
            return (1 + random.below(max)).to_string();
        }
        if schema["format"] == "uuid" || lower.contains("uuid") || lower.contains("guid") {
            return [8, 4, 4, 4, 12].map(|length| random.text(HEX, length)).join("-");
        }
        if lower.ends_with("sha") || lower == "digest" {
            return random.text(HEX, 40);
        }
        if lower.contains("date") || lower == "day" {
            return format!(
                "20{}-{:02}-{:02}",
                20 + random.below(7),
                1 + random.below(12),
                1 + random.below(28)
            );
        }
        if lower == "basehead" {
            return format!("{}{}", random.pick(&["main...", "v1.0..."]), random.user());
        }
        if NAMED.contains(&&*lower) {
            return self.pooled(lower, 60, random, Random::user);
        }
        if lower.ends_with("id") {
            let style = *self.styles.entry(lower.clone()).or_insert_with(|| random.below(3));
            return match style {
                0 => (1 + random.below(999_999_999)).to_string(),
                1 => random.text(HEX, 24),
                _ => {
                    format!("{}_{}", &lower[..lower.len().min(3)].replace('_', "x"), random.text(BASE62, 16))
                }
            };
        }
        self.pooled(lower, 80, random, Random::slug)
    }

    fn pooled(
        &mut self,
        name: String,
        size: usize,
        random: &mut Random,
        make: fn(&mut Random) -> String,
    ) -> String {
        let pool = self.pools.entry(name).or_insert_with(|| (0..size).map(|_| make(random)).collect());
        random.pick(pool).clone()
    }
}

/// Returns the distinct paths with their parameters.
fn paths(description: &Value) -> BTreeMap<String, BTreeMap<String, Value>> {
    let methods = ["get", "put", "post", "patch", "delete", "head"];
    let resolve = |parameter: &Value| {
        let pointer = parameter["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| description.pointer(pointer)).unwrap_or(parameter).clone()
    };
    let of = |(path, item): (&String, &Value)| {
        let operations = item.as_object()?.iter().filter(|(name, _)| methods.contains(&name.as_str()));
        let lists: Vec<&Value> =
            [item].into_iter().chain(operations.map(|(_, operation)| operation)).collect();
        let parameters = lists.iter().filter_map(|of| of["parameters"].as_array()).flatten().map(resolve);
        let in_path = parameters.filter(|parameter| parameter["in"] == "path");
        let named =
            in_path.map(|parameter| (parameter["name"].as_str().unwrap_or_default().to_owned(), parameter));
        (lists.len() > 1).then(|| (call::path(path).trim_end_matches('/').to_owned(), named.collect()))
    };
    description["paths"].as_object().into_iter().flatten().filter_map(of).collect()
}

/// Generates calls, each with the path that it was made from. Some paths are called far more often than
/// others.
fn calls(description: &Value, each: usize, seed: u64) -> Vec<(String, String)> {
    let (mut random, mut values) = (Random(seed), Values::default());
    let mut calls = Vec::new();
    for (path, parameters) in paths(description) {
        let number = match random.below(2) {
            0 => 3.max(2 * each / (2 + random.below(8))),
            _ => 3 + random.below(each - 3),
        };
        for _ in 0..number {
            let mut call = String::new();
            let mut rest = &*path;
            while let Some((text, after)) = rest.split_once('{') {
                let (name, after) = after.split_once('}').unwrap();
                let parameter = parameters.get(name).cloned().unwrap_or(Value::Null);
                call = call + text + &values.sample(name, &parameter, &mut random);
                rest = after;
            }
            calls.push((call + rest, path.clone()));
        }
    }
    for nth in (1..calls.len()).rev() {
        calls.swap(nth, random.below(nth + 1));
    }
    calls
}

/// Removes the names of parameters from a template.
fn bare(template: &str) -> String {
    let mut bare = String::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once('{') {
        bare = bare + text + "{}";
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    bare + rest
}

/// Returns the share of calls that are matched to their template, if paths are called about `each` times.
fn recovered(description: &Value, each: usize, seed: u64, show: bool) -> f64 {
    let calls = calls(description, each, seed);
    let mut tree = Tree::default();
    let event =
        countersign_query::value::Document::parse(r#"{"http":{"method":"GET","path":"/","status":200}}"#)
            .unwrap();
    let recorded = "2026-11-20T06:00:00.000Z".parse().unwrap();
    let entry = countersign_query::Entry {
        event: Some(event.root()),
        ..countersign_query::Entry::recorded(recorded)
    };
    let call = super::Call::from_entry(0, &entry).unwrap();
    for (path, _) in &calls {
        let Some(ends) = tree.end(path, MAX_NODES) else { continue };
        match ends.first_mut() {
            Some((_, facts)) => facts.add(&call, None),
            None => ends.push((Method::GET, Facts::new(&call, None))),
        }
    }
    tree.infer();
    let mut missed = BTreeMap::new();
    let right = calls.iter().filter(|(call, path)| {
        let template = tree.template(call).map_or(String::new(), |template| bare(&template));
        let is_right = template == bare(path);
        if !is_right {
            missed.entry(path.clone()).or_insert_with(BTreeSet::new).insert(template);
        }
        is_right
    });
    let part = right.count() as f64 / calls.len() as f64;
    if show {
        for (path, templates) in missed.iter().take(60) {
            eprintln!("  {path} {:?}", templates.iter().take(3).collect::<Vec<_>>());
        }
    }
    part
}

fn described(name: &str) -> Option<Value> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/third-party/openapi");
    let Ok(text) = std::fs::read(folder.join(name).join("openapi.json")) else {
        assert!(std::env::var_os("CI").is_none(), "{name} is missing in {folder:?}");
        eprintln!("skipped: {name} is missing in {folder:?}");
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

/// The number of runs to average over, because rarely called paths weigh differently in each.
const SEEDS: u64 = 10;

#[test]
fn most_calls_of_described_apis_are_recovered() {
    for (name, min_share) in [("discord", 0.98), ("box", 0.96)] {
        let Some(description) = described(name) else { continue };
        let parts = (1..=SEEDS).map(|seed| recovered(&description, 40, seed, false));
        let part = parts.sum::<f64>() / SEEDS as f64;
        assert!(part >= min_share, "{name}: {part:.3}");
    }
}

/// `DESCRIPTIONS=FOLDER cargo test -p countersign-analyze -- --ignored --nocapture measures` measures
/// others.
#[test]
#[ignore = "measures descriptions outside the repository"]
fn measures_other_descriptions() {
    let Some(folder) = std::env::var_os("DESCRIPTIONS") else { return };
    let show = std::env::var_os("SHOW").is_some();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let Ok(description) = serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()) else {
            continue;
        };
        for each in [10, 40, 200]
            .into_iter()
            .filter(|each| std::env::var("EACH").map_or(true, |only| only == each.to_string()))
        {
            let parts =
                (1..=3).map(|seed| recovered(&description, each, seed, show && each == 40 && seed == 1));
            let parts: Vec<String> = parts.map(|part| format!("{part:.3}")).collect();
            eprintln!("{:40} {each:4} {}", path.file_name().unwrap().display(), parts.join(" "));
        }
    }
}
