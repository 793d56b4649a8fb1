//! Seeds of the fuzz targets: the test vectors that suit each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{TARGETS, folder};
use crate::tools::Tools;

/// The number of programs that `verify_export` starts with, and their lengths.
const PROGRAMS: u64 = 64;
const PROGRAM: std::ops::Range<usize> = 24..150;

/// The inputs of each target.
#[derive(Default)]
struct Seeds(BTreeMap<&'static str, BTreeSet<Vec<u8>>>);

impl Seeds {
    fn add(&mut self, target: &'static str, input: impl Into<Vec<u8>>) {
        self.0.entry(target).or_default().insert(input.into());
    }
}

/// Writes a folder of seeds for each target, and returns the folder that contains them.
pub(super) fn write(tools: &Tools) -> Result<PathBuf> {
    let all = folder(tools).join("seeds");
    if all.exists() {
        // Remove seeds of vectors that no longer exist.
        fs::remove_dir_all(&all)?;
    }
    let mut seeds = Seeds::default();
    of_vectors(&tools.path("tests/vectors"), &mut seeds)?;
    of_cose_receipts(&tools.path("tests/vectors/cose-receipts.json"), &mut seeds)?;
    of_no_vector(&mut seeds);
    of_queries(tools, &mut seeds)?;
    for target in TARGETS {
        let folder = all.join(target.name);
        fs::create_dir_all(&folder)?;
        let fitting = |input: &&Vec<u8>| input.len() <= target.longest as usize;
        for input in seeds.0.remove(target.name).iter().flatten().filter(fitting) {
            let mut name = String::new();
            for byte in &Sha256::digest(input)[..10] {
                write!(name, "{byte:02x}")?;
            }
            fs::write(folder.join(name), input)?;
        }
    }
    Ok(all)
}

fn of_vectors(vectors: &Path, seeds: &mut Seeds) -> Result<()> {
    for entry in fs::read_dir(vectors)? {
        let case = entry?.path();
        if !case.is_dir() {
            continue;
        }
        for file in fs::read_dir(&case)? {
            let file = file?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let bytes = fs::read(&file)?;
            match name.as_str() {
                "export.ndjson" => of_export(&bytes, seeds),
                "export.ndjson.gz" | "export.ndjson.zst" => {
                    seeds.add("decompress", bytes.clone());
                    seeds.add("export", bytes);
                }
                "trust.txt" => seeds.add("trust", bytes),
                "report.json" => seeds.add("canonical", bytes),
                pin if pin.starts_with("pin-") => seeds.add("note", bytes),
                _ => {}
            }
        }
    }
    of_answers(&fs::read(vectors.join("answers.json"))?, seeds)?;
    let primitives = fs::read(vectors.join("primitives.json"))?;
    texts(&serde_json::from_slice(&primitives).context("primitives.json")?, &mut |text| {
        for target in ["canonical", "line", "note", "tiles", "trust"] {
            seeds.add(target, text);
        }
    });
    Ok(())
}

/// Adds answers as they are in the vectors, and as a log server sends them.
fn of_answers(answers: &[u8], seeds: &mut Seeds) -> Result<()> {
    let answers: Vec<Value> = serde_json::from_slice(answers).context("answers.json")?;
    for answer in answers {
        seeds.add("answer", answer.to_string());
        let head = answer["head"].as_str().context("an answer has no head")?;
        let (lines, root) = head.split_once("\n\n").context("a head has no empty line")?;
        let origin = lines.lines().nth(1).context("a head has no origin")?;
        let notes = json!([{ "index": 0, "hashes": answer["consistency"] }]);
        let log = json!({
            "head": format!("{lines}\n"), "chains": {}, "notes": notes, "added": 1, "repeated": 0,
            "anchors": answer["anchors"], "consistency": answer["consistency"],
        });
        seeds.add("answer", json!({ "root": root, "logs": { origin: log } }).to_string());
        of_head(head, seeds);
    }
    Ok(())
}

/// Adds growth lines about the log of a head: a snapshot with it at tick 0, and a tick at which nothing changes.
fn of_head(head: &str, seeds: &mut Seeds) {
    let lines: Vec<&str> = head.lines().take_while(|line| !line.is_empty()).collect();
    let [_, origin, size, root, state, _, time, siblings @ ..] = &lines[..] else { return };
    let Some((root_origin, id)) = origin.rsplit_once("/t/") else { return };
    let Ok(size) = size.parse::<u64>() else { return };
    let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let header = |next: u64| json!({ "growth": "countersign/v1", "origin": root_origin, "first": next - 1, "next": next });
    let snapshot = json!({
        "snapshot": 0, "time": time, "secret": secret, "depth": siblings.len(), "edge": [], "heads": 1,
    });
    let head = json!({ "id": id, "size": size, "root": root, "state": state });
    let tick = |number: u64, changes: usize| {
        let time = "9999-12-31T23:59:59.999Z";
        json!({
            "tick": number, "time": time, "secret": secret, "depth": siblings.len(), "heads": 1, "changes": changes,
        })
    };
    let change = json!({
        "id": id, "size": size, "root": root, "state": state, "from": size, "proof": [],
    });
    let begun = format!("{}\n{snapshot}\n{head}\n", header(1));
    seeds.add("growth", format!("{begun}\n{}\n{}\n", header(2), tick(1, 0)));
    seeds.add("growth", format!("{}\n{}\n{change}\n", header(2), tick(1, 1)));
    seeds.add("growth", format!("{}\n{}\n{}\n", header(2), tick(1, 1), json!({ "id": id, "gone": true })));
    seeds.add("growth", format!("{}\n", json!({ "id": id, "from": 0, "to": size })));
    seeds.add("growth", begun);
}

/// Adds an export, its lines, their parts, and its submissions.
fn of_export(export: &[u8], seeds: &mut Seeds) {
    seeds.add("export", export);
    let mut submission = Vec::new();
    for line in export.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        seeds.add("line", line);
        let Ok(value) = serde_json::from_slice::<Value>(line) else { continue };
        for member in ["link", "note", "checkpoint"] {
            if let Some(text) = value[member].as_str() {
                seeds.add("note", text);
            }
        }
        if let Some(anchor) = value["anchor"].as_str() {
            seeds.add("receipt", anchor);
        }
        if let Some(head) = value["head"].as_str() {
            seeds.add("receipt", head);
            seeds.add("receipt", format!("countersign/v1 receipt\n0\n\n{head}"));
            let hash = "T9eQIVpB/PtolM52DdBhQFPZcLntqmFl+FZYb4KHmqw=";
            seeds.add("receipt", format!("countersign/v1 receipt\n1\n{hash}\n\n{head}"));
        }
        if let Some(checkpoint) = value["checkpoint"].as_str() {
            seeds.add("witness_request", format!("old 0\n\n{checkpoint}"));
            let hash = value["skip"][1].as_str().unwrap_or("T9eQIVpB/PtolM52DdBhQFPZcLntqmFl+FZYb4KHmqw=");
            seeds.add("witness_request", format!("old 1\n{hash}\n\n{checkpoint}"));
        } else if value["countersign"].is_null() {
            submission.extend_from_slice(line);
            submission.push(b'\n');
        }
        if !value["event"].is_null() {
            seeds.add("canonical", value["event"].to_string());
        }
    }
    seeds.add("submission", submission);
}

fn of_cose_receipts(file: &Path, seeds: &mut Seeds) -> Result<()> {
    let vectors: Vec<Value> = serde_json::from_slice(&fs::read(file)?)?;
    for vector in vectors {
        let receipt = vector["receipt"].as_str().unwrap_or_default();
        let digits = (0..receipt.len()).step_by(2).map(|at| receipt.get(at..at + 2).unwrap_or_default());
        let bytes = digits.map(|digits| u8::from_str_radix(digits, 16)).collect::<Result<Vec<u8>, _>>()?;
        seeds.add("cose", bytes);
    }
    Ok(())
}

fn of_no_vector(seeds: &mut Seeds) {
    for path in ["tile/0/000", "tile/1/x001/234.p/5", "tile/entries/000", "tile/entries/x001/x234/067.p/255"]
    {
        // A path of 32 bytes, then a bundle.
        let mut input = path.as_bytes().to_vec();
        input.resize(32, 0);
        input.extend_from_slice(b"\0\x06a leaf\0\0\0\x01b");
        seeds.add("tiles", input);
    }
    // Numbers of heads to write, before a file that has its version and no head, or is cut off.
    for writes in [&[7u8, 0, 1, 2, 3, 64, 128][..], &[2, 5, 5], &[0]] {
        for length in [0, 80, 160, 480] {
            let mut file = writes.to_vec();
            file.extend_from_slice(b"countersign/v1 heads\n");
            file.resize(writes.len() + length, 0);
            seeds.add("heads_file", file);
        }
    }
    let mut random = fastrand::Rng::with_seed(PROGRAMS);
    for number in 0..PROGRAMS {
        let mut program = vec![0; random.usize(PROGRAM)];
        random.fill(&mut program);
        if number % 2 == 0 {
            // Every second seed is unaltered and from trusted keys.
            (program[0], program[16], program[18]) = (0, 0, 0);
        }
        seeds.add("verify_export", program);
    }
}

/// Adds the documented queries over the documented events, and each parser over samples of its source.
fn of_queries(tools: &Tools, seeds: &mut Seeds) -> Result<()> {
    let document = fs::read_to_string(tools.path("docs/query.md"))?;
    let after =
        document.split_once("The examples use these events").context("docs/query.md has no sample events")?.1;
    let after = after.split_once("```json\n").context("docs/query.md has no sample events")?.1;
    let events = after.split_once("\n```").context("docs/query.md has no sample events")?.0;
    for row in document.lines().filter(|line| line.starts_with("| `")) {
        let query = row.split('`').nth(1).unwrap_or_default();
        seeds.add("query", format!("{query}\n{events}"));
    }
    for file in fs::read_dir(tools.path("crates/query/parsers"))? {
        let file = file?.path();
        let parser: Value = serde_json::from_slice(&fs::read(&file)?)?;
        let samples = tools
            .path("crates/query/tests/samples")
            .join(file.with_extension("ndjson").file_name().unwrap_or_default());
        for sample in fs::read_to_string(samples).unwrap_or_default().lines() {
            let sample: Value = serde_json::from_str(sample)?;
            seeds.add("parser", format!("{parser}\n{}", sample["event"]));
            seeds.add("parser", format!("\n{}", sample["event"]));
        }
    }
    Ok(())
}

fn texts(value: &Value, take: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => take(text),
        Value::Array(values) => values.iter().for_each(|value| texts(value, take)),
        Value::Object(members) => members.values().for_each(|value| texts(value, take)),
        _ => {}
    }
}
