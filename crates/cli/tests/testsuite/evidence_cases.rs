//! Evidence files with statements that contradict their export: the cases of `tests/evidence/cases.json`, which the
//! npm package also tests.

use std::io::Write as _;

use countersign::hash::Hash;
use countersign::{base64, hex};
use flate2::write::DeflateEncoder;
use serde_json::Value;

use crate::common::Place;

const CASES: &str = include_str!("../../../../tests/evidence/cases.json");
const OWN_TRUST: &str = include_str!("../../../../tests/evidence/own-trust.json");
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
const MARK: &str = "\n<script type=\"text/plain\" id=\"countersign-evidence\">\n";
const PAGE: &str = "<!doctype html>\n<countersign-page></countersign-page>\n";

/// Returns the line of a pack that a case names: another text, or that of another file.
fn pack(case: &Value, read: impl Fn(&str) -> String) -> Option<String> {
    if let Some(name) = case["with"].as_str() {
        return read(name).lines().find(|line| line.starts_with("rules ")).map(str::to_owned);
    }
    let mut packed = DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(case["rules"].as_str()?.as_bytes()).unwrap();
    Some(format!("rules {}", base64::encode(packed.finish().unwrap())))
}

/// Changes an evidence file as in a case, and updates its checksum.
fn changed(file: &str, case: &Value, pack: Option<String>) -> String {
    let begin = file.find(MARK).unwrap();
    let end = file.find("\nsum ").unwrap() + 1;
    let mut block = file[begin..end].to_owned();
    if let Some(members) = case["set"].as_object() {
        let line = block.lines().find(|line| line.starts_with("frame ")).unwrap().to_owned();
        let mut frame: Value = serde_json::from_str(&line["frame ".len()..]).unwrap();
        for (pointer, value) in members {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            frame.pointer_mut(parent).unwrap()[name] = value.clone();
        }
        let text = countersign::canonical::canonicalize(frame.to_string().as_bytes()).unwrap();
        block = block.replace(&line, &format!("frame {}", String::from_utf8(text).unwrap()));
    }
    if let Some([from, to]) = case["text"].as_array().map(Vec::as_slice) {
        let (from, to) = (from.as_str().unwrap(), to.as_str().unwrap());
        assert!(block.contains(from), "{case}");
        block = block.replacen(from, to, 1);
    }
    if let Some(bytes) = case["packed"].as_str() {
        let line = block.lines().find(|line| line.starts_with("export ")).unwrap().to_owned();
        let mut packed = base64::decode(&line["export ".len()..]).unwrap();
        let digits = |at| u8::from_str_radix(&bytes[at..at + 2], 16).unwrap();
        packed.extend((0..bytes.len()).step_by(2).map(digits));
        block = block.replace(&line, &format!("export {}", base64::encode(packed)));
    }
    if let Some(line) = pack {
        let own = block.lines().find(|line| line.starts_with("rules ")).unwrap().to_owned();
        block = block.replace(&own, &line);
    }
    let sum = hex::encode(&Hash::digest(&[block.as_bytes()]).0);
    format!("{}{block}sum {sum}\n</script>\n{}", &file[..begin], case["after"].as_str().unwrap_or_default())
}

/// Writes an evidence file from the export and the trust file of a vector.
fn write_file(place: &Place, file: &Value, output: &str) {
    let vector = format!("{VECTORS}/{}", file["vector"].as_str().unwrap());
    let (export, trust) = (format!("{vector}/export.ndjson"), format!("{vector}/trust.txt"));
    let mut args = vec!["report", &export, "--trust", &trust, "--page", "page.html", "-o", output];
    args.extend(["--now", "2026-12-31T00:00:00.000Z"]);
    args.extend(texts(&file["args"]));
    let _ = place.run(&args);
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn rejects_statements_that_the_export_refutes() {
    let cases: Value = serde_json::from_str(CASES).unwrap();
    let place = Place::new();
    place.write("page.html", PAGE);
    place.write("rules.yml", include_str!("../../../../tests/evidence/rules.yml"));
    place.write("quiet.yml", include_str!("../../../../tests/evidence/quiet.yml"));
    for (name, file) in cases["files"].as_object().unwrap() {
        write_file(&place, file, &format!("{name}.html"));
    }
    for case in cases["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let file = place.read(&format!("{}.html", case["file"].as_str().unwrap()));
        let pack = pack(case, |name| place.read(&format!("{name}.html")));
        place.write("case.html", changed(&file, case, pack));
        let output = place.run(&["report", "--check", "case.html"]).get_output().clone();
        let told = String::from_utf8(output.stderr).unwrap();
        match &case["refused"] {
            Value::Bool(false) => assert!(told.is_empty(), "{name}: {told}"),
            refused => {
                assert_eq!(output.status.code(), Some(1), "{name}: {told}");
                assert!(output.stdout.is_empty(), "{name}");
                assert!(told.contains("error[evidence.invalid]") && told.contains("hint:"), "{name}: {told}");
                let member = refused.as_str().map(|member| format!("field \"{member}\""));
                assert!(member.is_none_or(|member| told.contains(&member)), "{name}: {told}");
            }
        }
    }
}

/// Checks the cases of `tests/evidence/own-trust.json`, which the page's tests also check.
#[test]
fn compares_answers_by_the_readers_trust_file() {
    let cases: Value = serde_json::from_str(OWN_TRUST).unwrap();
    let place = Place::new();
    place.write("page.html", PAGE);
    for case in cases["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        write_file(&place, case, "case.html");
        place.write("mine.txt", texts(&case["trust"]).join("\n") + "\n");
        let export = format!("{VECTORS}/{}/export.ndjson", case["vector"].as_str().unwrap());
        for args in
            [&["case.html", "--trust", "mine.txt"][..], &["case.html", &export, "--trust", "mine.txt"]]
        {
            let output = place.run(&[&["report", "--check"], args].concat()).get_output().clone();
            let told = String::from_utf8(output.stdout).unwrap().to_lowercase();
            let says = |text: &&str| told.contains(&text.to_lowercase());
            for text in texts(&case["says"]) {
                assert!(says(&text), "{name}: {text}\n{told}");
            }
            // The search among all events of the export can be repeated.
            let is_whole = args.len() == 4;
            for text in texts(&case["not"]).iter().filter(|text| !is_whole || !text.contains("selects")) {
                assert!(!says(text), "{name}: {text}\n{told}");
            }
            assert_eq!(output.status.code().map(i64::from), case["status"].as_i64(), "{name}\n{told}");
        }
    }
}
