//! Rows that are written and verified in parts, by one process each.

use std::fs;

use countersign_parquet::{Row, Value as Cell};
use predicates::prelude::*;

use super::{days, rewrite, rows};
use crate::common::{ORIGIN, Place};

/// Creates the export `mixed.ndjson`: a chain of a trusted key, one of an untrusted key, and withheld events. Signatures
/// cover 64 events, so that many of them are in another part than their events.
fn mixed(place: &Place) {
    place.keygen("example.com/other", "other.key");
    place.record(1, "warm-up.ndjson");
    let events: Vec<String> = (0..150)
        .map(|n| format!(r#"{{"action":"job.run","actor":{{"id":"u_{}"}},"n":{n}}}"#, n % 7))
        .collect();
    place.write("events.ndjson", events.join("\n"));
    for (key, output) in [("app.key", "app.ndjson"), ("other.key", "other.ndjson")] {
        let args = ["record", "--key", key, "--origin", ORIGIN, "events.ndjson", "-o", output];
        place.run(&[&args[..], &["--sign-every", "64"]].concat()).success();
    }
    let args = ["seal", "--log-key", "log.key", "grant.ndjson", "app.ndjson", "other.ndjson"];
    place.run(&[&args[..], &["-o", "all.ndjson"]].concat()).success();
    let args = ["slice", "all.ndjson", "--withhold", "actor.id=u_3", "--as", "erased", "-o", "mixed.ndjson"];
    place.run(&args).success();
}

/// An export that is written in parts.
struct Parts<'a> {
    place: &'a Place,
    export: &'a str,
    of: u64,
    summaries: Vec<String>,
}

impl<'a> Parts<'a> {
    /// Summarizes all parts of an export.
    fn summarize(place: &'a Place, export: &'a str, of: u64) -> Self {
        let summarize = |number: u64| {
            let summary = format!("{export}-{number}-of-{of}.summary");
            let part = format!("{number}/{of}");
            place.run(&["summarize", export, "--part", &part, "-o", &summary]).success();
            summary
        };
        let summaries = (1..=of).map(summarize).collect();
        Self { place, export, of, summaries }
    }

    fn args<'b>(&'b self, command: &[&'b str], trust: &'b str, more: &[&'b str]) -> Vec<&'b str> {
        let mut args = [command, &[self.export, "--trust", trust, "--summaries"]].concat();
        args.extend(self.summaries.iter().map(String::as_str));
        args.extend(more);
        args
    }

    fn export(&self, trust: &str, more: &[&str]) -> assert_cmd::assert::Assert {
        self.place.run(&self.args(&["export", "--format", "parquet"], trust, more))
    }

    fn part(&self, number: u64, folder: &str, more: &[&str]) -> assert_cmd::assert::Assert {
        let part = format!("{number}/{}", self.of);
        self.export("trust.txt", &[&["--part", &part, "-o", folder][..], more].concat())
    }

    fn manifest(&self, folder: &str) -> assert_cmd::assert::Assert {
        self.export("trust.txt", &["--manifest", "-o", folder])
    }

    /// Writes all parts, the last one first, and the manifest.
    fn write(&self, folder: &str, more: &[&str], status: i32) {
        for number in (1..=self.of).rev() {
            self.part(number, folder, more).success();
        }
        self.manifest(folder).code(status);
    }

    fn verify_part(&self, number: u64, folder: &str) -> assert_cmd::assert::Assert {
        let part = format!("{number}/{}", self.of);
        self.place.run(&self.args(&["verify"], "trust.txt", &["--parquet", folder, "--part", &part]))
    }

    fn verify_whole(&self, folder: &str) -> assert_cmd::assert::Assert {
        self.place.run(&["verify", self.export, "--trust", "trust.txt", "--parquet", folder])
    }
}

/// Returns the paths of all Parquet files below a folder, sorted.
fn files(place: &Place, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(place.path(&folder)).unwrap() {
            let path = format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap());
            if place.path(&path).is_dir() {
                folders.push(path);
            } else if path.ends_with(".parquet") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn all_rows(place: &Place, folder: &str) -> Vec<Row> {
    files(place, folder).iter().flat_map(|file| rows(&place.path(file)).0).collect()
}

fn words(rows: &[Row], column: &str) -> Vec<String> {
    let mut words: Vec<String> = rows
        .iter()
        .map(|row| match row.get(column) {
            Some(Cell::Bytes(bytes)) => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    words.sort();
    words.dedup();
    words
}

#[test]
fn parts_have_the_rows_of_one_process_however_an_export_is_cut() {
    let place = Place::new();
    mixed(&place);
    let export = ["export", "--format", "parquet", "mixed.ndjson", "--trust", "trust.txt", "-o"];
    place.run(&[&export[..], &["whole.parquet"]].concat()).code(3);
    let (whole, metadata) = rows(&place.path("whole.parquet"));
    assert_eq!(words(&whole, "signer_trust"), ["trusted", "untrusted"]);
    assert!(whole.len() > 200 && whole.len() < 300, "{}", whole.len());
    for of in 1..=7 {
        let parts = Parts::summarize(&place, "mixed.ndjson", of);
        let folder = format!("rows-{of}");
        let day: &[&str] = if of % 2 == 0 { &["--partition", "day"] } else { &[] };
        parts.write(&folder, day, 3);
        let mut found = all_rows(&place, &folder);
        if !day.is_empty() {
            found.sort_by_key(|row| row.integer("entry"));
        }
        assert!(found == whole, "{of} parts have other rows");
        let (_, part) = rows(&place.path(&files(&place, &folder)[0]));
        // The verdict and the checkpoint are those of the whole export.
        assert_eq!(part[..4], metadata[..4]);
        assert_eq!(part[4], ("countersign.part".to_owned(), format!("1/{of}")));
        parts.verify_whole(&folder).code(3).stderr(predicate::str::contains("contains exactly the"));
        for number in 1..=of {
            let same = parts.verify_part(number, &folder).code(3);
            same.stderr(predicate::str::contains(format!("of part {number} of {of} of mixed.ndjson")));
        }
    }
    // More parts than lines, so that most of them are empty.
    place.sealed(3);
    let parts = Parts::summarize(&place, "audit.ndjson", 12);
    parts.write("few", &[], 0);
    assert_eq!((files(&place, "few").len(), all_rows(&place, "few").len()), (12, 3));
    parts.verify_whole("few").success();
}

#[test]
fn days_have_files_of_each_part() {
    let place = Place::new();
    days(&place, 12);
    let parts = Parts::summarize(&place, "days.ndjson", 3);
    parts.write("rows", &["--partition", "day"], 3);
    let day = files(&place, "rows/day=2026-11-19");
    let names: Vec<&str> = day.iter().map(|path| path.rsplit_once('/').unwrap().1).collect();
    assert!(names.len() > 1 && names[0] == "part-00001-00000.parquet", "{names:?}");
    parts.verify_whole("rows").code(3);
    for number in 1..=3 {
        parts.verify_part(number, "rows").code(3);
    }
    // A file that is moved to another day has rows that do not belong there.
    fs::rename(place.path(&day[0]), place.path("rows/day=2026-11-20/part-00001-00007.parquet")).unwrap();
    let refused = parts.verify_part(1, "rows").code(1);
    refused.stderr(predicate::str::contains("error[parquet.differs]: rows: "));
    parts.verify_part(3, "rows").code(1).stderr(predicate::str::contains("is in the manifest, but missing"));
}

#[test]
fn an_altered_export_has_no_rows_in_any_part() {
    let place = Place::new();
    mixed(&place);
    let altered = place.read("mixed.ndjson").replacen(r#""n":5}"#, r#""n":6}"#, 1);
    place.write("altered.ndjson", altered);
    let parts = Parts::summarize(&place, "altered.ndjson", 3);
    // The other parts are unchanged, but one process would not write their rows either.
    for number in 1..=3 {
        let refused = parts.part(number, "rows", &[]).code(1);
        refused.stderr(predicate::str::contains("error[parquet.altered]: altered.ndjson: "));
    }
    assert!(!place.path("rows").exists());
    parts.manifest("rows").code(1).stderr(predicate::str::contains("error[parquet.altered]"));
}

#[test]
fn refuses_mixtures_of_parts() {
    let place = Place::new();
    mixed(&place);
    let refused = |found: assert_cmd::assert::Assert, code: &str| {
        found.code(2).stderr(predicate::str::contains(format!("error[{code}]: ")));
    };
    let two = Parts::summarize(&place, "mixed.ndjson", 2);
    let three = Parts::summarize(&place, "mixed.ndjson", 3);
    two.part(1, "rows", &[]).success();
    refused(two.manifest("rows"), "parquet.part_missing");
    // Part 2, with inputs that differ from those of part 1.
    place.write("untrusting.txt", "");
    let part = ["--part", "2/2", "-o", "rows"];
    two.export("untrusting.txt", &part).success();
    refused(two.manifest("rows"), "parquet.other_inputs");
    let parser = r#"{"as":"own","when":{"n":{"type":"number"}},"action":"=own","outcome":"=success"}"#;
    place.write("parsers.json", parser);
    two.part(2, "rows", &["--parsers", "parsers.json"]).success();
    refused(two.manifest("rows"), "parquet.other_inputs");
    let other = place.read("mixed.ndjson").replace("erased", "redacted");
    place.write("other.ndjson", other);
    Parts::summarize(&place, "other.ndjson", 2).part(2, "rows", &[]).success();
    refused(two.manifest("rows"), "parquet.other_export");
    three.part(2, "rows", &[]).success();
    refused(two.manifest("rows"), "parquet.other_cut");
    two.part(2, "rows", &[]).success();
    three.part(3, "rows", &[]).success();
    refused(two.manifest("rows"), "parquet.other_cut");
    fs::remove_file(place.path("rows/part-00003-00000.parquet")).unwrap();
    two.part(2, "rows", &["--partition", "day"]).success();
    refused(two.manifest("rows"), "parquet.other_partition");
    let day = files(&place, "rows").into_iter().find(|path| path.contains("day=")).unwrap();
    fs::remove_dir_all(place.path(day.rsplit_once('/').unwrap().0)).unwrap();
    place.write("rows/notes.txt", "mine");
    refused(two.manifest("rows"), "parquet.unknown_file");
    fs::remove_file(place.path("rows/notes.txt")).unwrap();
    let first = place.path("rows/part-00001-00000.parquet");
    let (some, metadata) = rows(&first);
    rewrite(&first, &some[1..], metadata);
    refused(two.manifest("rows"), "parquet.part_rows");
    assert!(!place.path("rows/_manifest.json").exists());

    // A part can be written again, also after a process was killed and left files behind.
    fs::create_dir(place.path("rows/.countersign-x.unfinished")).unwrap();
    place.write("rows/.countersign-x.unfinished/part-00001-00000.parquet", "PAR1");
    place.write("commented.txt", format!("# mine\n{}", place.read("trust.txt")));
    two.export("commented.txt", &["--part", "1/2", "-o", "rows"]).success();
    two.manifest("rows").code(3).stderr(predicate::str::contains(" in 2 files in rows"));
    assert_eq!(fs::read_dir(place.path("rows")).unwrap().count(), 3);
    refused(two.part(1, "rows", &[]), "parquet.complete");

    // The summaries must be those of all parts of this export, cut in this way.
    refused(two.export("trust.txt", &["--part", "1/3", "-o", "x"]), "summary.other_cut");
    let mut incomplete = Parts::summarize(&place, "mixed.ndjson", 2);
    incomplete.summaries.pop();
    refused(incomplete.part(1, "x", &[]), "summary.missing");
    let mut swapped = Parts::summarize(&place, "mixed.ndjson", 2);
    place.write("middle.ndjson", place.read("mixed.ndjson").replacen(r#""n":9}"#, r#""n":8}"#, 1));
    swapped.export = "middle.ndjson";
    swapped.part(1, "x", &[]).failure();
    place.write("longer.ndjson", place.read("mixed.ndjson") + "\n");
    swapped.export = "longer.ndjson";
    refused(swapped.part(1, "x", &[]), "summary.other_file");
    assert!(!place.path("x").exists() || files(&place, "x").is_empty());
    let args = two.args(&["export", "--format", "parquet"], "trust.txt", &["-o", "x"]);
    place.run(&args).code(2);
}

#[test]
fn finds_changes_to_the_rows_of_a_part() {
    let place = Place::new();
    mixed(&place);
    let parts = Parts::summarize(&place, "mixed.ndjson", 3);
    parts.write("rows", &[], 3);
    let second = place.path("rows/part-00002-00000.parquet");
    let good = fs::read(&second).unwrap();
    let (some, metadata) = rows(&second);
    let trusted = Row::new(|column| match column.name {
        "signer_trust" => Some(Cell::Bytes(b"revoked".to_vec())),
        name => some[4].get(name).cloned(),
    });
    let mut changed = some.clone();
    changed[4] = trusted;
    rewrite(&second, &changed, metadata);
    parts.verify_part(1, "rows").code(3);
    let differs = "differs from the export in signer_trust";
    parts.verify_part(2, "rows").code(1).stderr(predicate::str::contains(differs));
    parts.verify_part(3, "rows").code(3);
    parts.verify_whole("rows").code(1).stderr(predicate::str::contains(differs));
    fs::write(&second, good).unwrap();

    // A file of a part that the export doesn't have, which no process would compare.
    let manifest = place.read("rows/_manifest.json");
    fs::copy(&second, place.path("rows/part-00009-00000.parquet")).unwrap();
    for number in 1..=3 {
        let refused = parts.verify_part(number, "rows").code(1);
        refused.stderr(predicate::str::contains("part-00009-00000.parquet is not in the manifest"));
    }
    let with_ninth = manifest.replace(
        "\"files\": [",
        "\"files\": [{\"path\":\"part-00009-00000.parquet\",\"part\":9,\"rows\":0,\"bytes\":1},",
    );
    place.write("rows/_manifest.json", with_ninth);
    parts.verify_part(1, "rows").code(1).stderr(predicate::str::contains("the export has no part 9"));
    fs::remove_file(place.path("rows/part-00009-00000.parquet")).unwrap();
    for (from, to) in [
        ("\"untrusted\"", "\"verified\""),
        ("\"rows\": ", "\"rows\": 1"),
        ("\"part\": 2", "\"part\": 3"),
        ("\"program\": \"", "\"program\": \"1"),
    ] {
        place.write("rows/_manifest.json", manifest.replacen(from, to, 1));
        parts.verify_part(2, "rows").code(1).stderr(predicate::str::contains("error[parquet.differs]"));
    }
    // No export is cut into so many parts, so the export is not read for them.
    let cut = manifest.replacen("\"parts\": 3", "\"parts\": 18446744073709551615", 1);
    assert_ne!(cut, manifest);
    for text in ["{}", &cut] {
        place.write("rows/_manifest.json", text);
        parts.verify_whole("rows").code(2).stderr(predicate::str::contains("error[parquet.manifest]: "));
    }
    // Numbers of rows whose sum exceeds 64 bits.
    let rows = format!("\"rows\": {}", u64::MAX);
    let lines = manifest.lines().map(|line| match line.split_once("\"rows\": ") {
        Some((begin, _)) => format!("{begin}{rows},\n"),
        None => format!("{line}\n"),
    });
    place.write("rows/_manifest.json", lines.collect::<String>());
    parts.verify_whole("rows").code(1).stderr(predicate::str::contains("error[parquet.differs]"));
    fs::remove_file(place.path("rows/_manifest.json")).unwrap();
    parts.verify_whole("rows").code(2).stderr(predicate::str::contains("error[parquet.no_manifest]: rows: "));
    parts
        .verify_part(2, "rows")
        .code(2)
        .stderr(predicate::str::contains("error[parquet.no_manifest]: rows: "));
}
