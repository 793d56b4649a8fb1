//! The conformance cases of `tests/vectors`, one folder each.

use countersign::pin::Pin;
use countersign::trust::Trust;
use countersign::verify::{Expectations, InputError, MaxAge, Options, Progress, Splitter, Summary};
use serde_json::Value;

use super::files;

pub struct Case {
    pub name: String,
    pub export: Vec<u8>,
    pub report: Value,
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");

pub fn index() -> String {
    files::text(&format!("{FOLDER}/INDEX.txt"))
}

pub fn all() -> impl Iterator<Item = Case> {
    files::list(FOLDER).into_iter().filter(|name| !name.contains('.')).map(Case::read)
}

/// Returns a file of a case, if the case has it.
fn file(case: &str, name: &str) -> Option<Vec<u8>> {
    let path = format!("{FOLDER}/{case}/{name}");
    files::exists(&path).then(|| files::read(&path))
}

/// Removes the fields of a report whose wording may differ.
pub fn stripped(mut report: Value) -> Value {
    match &mut report {
        Value::Object(members) => {
            for name in ["message", "hint", "reason"] {
                members.remove(name);
            }
            for value in members.values_mut() {
                *value = stripped(value.take());
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| *value = stripped(value.take())),
        _ => {}
    }
    report
}

impl Case {
    fn read(name: String) -> Self {
        let file = |file_name: &str| file(&name, file_name);
        let exports = ["export.ndjson", "export.ndjson.gz", "export.ndjson.zst"];
        Self {
            export: exports.into_iter().find_map(file).unwrap(),
            report: serde_json::from_slice(&file("report.json").unwrap()).unwrap(),
            name,
        }
    }

    /// Returns a text file of the case, if the case has it.
    pub fn text(&self, name: &str) -> Option<String> {
        file(&self.name, name).map(|text| String::from_utf8(text).unwrap())
    }

    pub fn options(&self) -> Options {
        let folder = self.name.split(' ').next().unwrap();
        let file = |name: &str| file(folder, name);
        let pins = (1..).map_while(|number| file(&format!("pin-{number}.txt")));
        let args: Value =
            file("args.json").map_or(Value::Null, |args| serde_json::from_slice(&args).unwrap());
        let now = args["now"].as_str().map(|now| now.parse().unwrap());
        let seconds = args["max_age_seconds"].as_i64();
        Options {
            trust: file("trust.txt").map_or_else(Trust::default, |trust| Trust::parse(&trust).unwrap()),
            pins: pins.map(|pin| Pin::parse(&String::from_utf8(pin).unwrap()).unwrap()).collect(),
            expect: Expectations {
                origin: args["origin"].as_str().map(str::to_owned),
                range: args["range"]
                    .as_array()
                    .map(|range| (range[0].as_u64().unwrap(), range[1].as_u64().unwrap())),
                max_age: seconds.zip(now).map(|(seconds, now)| MaxAge { seconds, now }),
            },
            ..Options::default()
        }
    }

    /// Returns the case with blank lines at its end, which no report mentions.
    pub fn with_blank_lines(&self) -> Option<Self> {
        let is_plain = self.export.starts_with(b"{") && self.export.ends_with(b"\n");
        (is_plain && self.export.len() < 100_000).then(|| Self {
            name: format!("{} and blank lines", self.name),
            export: [&self.export[..], b"\n \n\r\n\n"].concat(),
            report: self.report.clone(),
        })
    }

    /// Returns summaries of `lines` lines each, or `None` if there is no header.
    pub fn summaries(
        &self,
        progress: &mut Progress,
        lines: usize,
    ) -> Option<(Vec<Summary>, Result<(), InputError>)> {
        let mut splitter = Splitter::new();
        let mut text = Vec::new();
        let mut rest = &self.export[..];
        while !rest.is_empty() {
            rest = &rest[splitter.push(rest)..];
            text.extend(std::iter::from_fn(|| splitter.next_chunk()).flatten());
        }
        let end = splitter.finish();
        text.extend(std::iter::from_fn(|| splitter.next_chunk()).flatten());
        let (header, line) = splitter.header()?;
        let mut summarizer = progress.begin(header, line).unwrap();
        let all: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        Some((all.chunks(lines).map(|chunk| summarizer.summarize(&chunk.concat())).collect(), end))
    }
}
