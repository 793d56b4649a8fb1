//! Verifying one export in many processes gives the same result as in one.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use predicates::prelude::*;
use serde_json::Value;

use crate::common::{ORIGIN, Place, without_summaries};

fn shown(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Returns a case's arguments, except its export.
pub fn arguments(case: &Path) -> Vec<String> {
    let mut args = Vec::new();
    let mut option = |name: &str, value: String| args.extend([name.to_owned(), value]);
    let path = |name: &str| Some(case.join(name)).filter(|path| path.exists());
    if let Some(trust) = path("trust.txt") {
        option("--trust", shown(&trust));
    }
    for pin in (1..).map_while(|number| path(&format!("pin-{number}.txt"))) {
        option("--pin", shown(&pin));
    }
    let asked = path("args.json").map_or_else(|| b"{}".to_vec(), |path| fs::read(path).unwrap());
    let asked: Value = serde_json::from_slice(&asked).unwrap();
    if let Some(origin) = asked["origin"].as_str() {
        option("--origin", origin.into());
    }
    if let Some(range) = asked["range"].as_array() {
        option("--range", format!("{}..{}", range[0], range[1]));
    }
    if let (Some(seconds), Some(now)) = (asked["max_age_seconds"].as_u64(), asked["now"].as_str()) {
        option("--max-age", format!("{seconds}s"));
        option("--now", now.into());
    }
    args
}

/// Starts a process for each part, and waits for them.
fn summarize(place: &Place, export: &str, of: usize) -> Vec<String> {
    let started: Vec<_> = (1..=of)
        .map(|number| {
            let (part, output) = (format!("{number}/{of}"), format!("{number}-of-{of}.summary"));
            let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("countersign"));
            command.args(["summarize", export, "--threads", "1", "--part", &part, "-o", &output]);
            command.current_dir(place.path("")).stderr(Stdio::piped()).env("NO_COLOR", "1");
            (output, command.spawn().unwrap())
        })
        .collect();
    started
        .into_iter()
        .map(|(output, process)| {
            let Output { status, stderr, .. } = process.wait_with_output().unwrap();
            assert!(status.success(), "{export}: {}", String::from_utf8_lossy(&stderr));
            output
        })
        .collect()
}

/// Verifies; returns the output, the status, and the pin.
fn verify_result(place: &Place, of: &[&str], more: &[&str]) -> (String, Option<i32>, Option<String>) {
    let _ = fs::remove_file(place.path("next.pin"));
    let mut command = place.command(&[&["verify"], of, &["--save-pin", "next.pin"], more].concat());
    let Output { stdout, status, .. } = command.output().unwrap();
    let pin = fs::read_to_string(place.path("next.pin")).ok();
    (String::from_utf8(stdout).unwrap(), status.code(), pin)
}

fn assert_same(place: &Place, export: &str, parts: &[String], more: &[&str]) {
    let whole = verify_result(place, &[export], more);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (merged, status, pin) = verify_result(place, &[&["--summaries"], &parts[..]].concat(), more);
    assert_eq!((without_summaries(&merged, parts.len()), status, pin), whole, "{export}");
    assert!(!whole.0.is_empty());
}

#[test]
fn test_cases_give_the_same_result_in_parts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let place = Place::new();
    let mut seen = 0;
    for folder in ["tests/vectors", "../shared/vectors/countersign"] {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            assert!(std::env::var_os("CI").is_none(), "there is no {folder}");
            eprintln!("skipped: there is no {folder}");
            continue;
        };
        let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        cases.sort();
        // The core's tests merge the summaries of all cases.
        for case in cases.into_iter().filter(|case| case.is_dir()).step_by(4) {
            // The shared folder may have some of them, too.
            let own = root.join("tests/vectors").join(case.file_name().unwrap()).join("export.ndjson");
            let export = case.join("export.ndjson");
            if !export.exists() || (export != own && fs::read(own).ok() == fs::read(&export).ok()) {
                continue;
            }
            let parts = summarize(&place, &shown(&export), 2 + seen % 3);
            let mut more = arguments(&case);
            if seen % 2 == 0 {
                more.push("--json".into());
            }
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            assert_same(&place, &shown(&export), &parts, &more);
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}

/// Creates the sealed export `audit.ndjson` with this many events in two chains.
fn many(place: &Place, count: usize) {
    let mut events = String::new();
    for number in 0..count / 2 {
        let _ =
            writeln!(events, r#"{{"action":"job.run","actor":{{"id":"u_{}"}},"n":{number}}}"#, number % 97);
    }
    place.write("events.ndjson", events);
    for chain in ["1.ndjson", "2.ndjson"] {
        let args = ["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", chain];
        place.run(&[&args[..], &["--sign-every", "64"]].concat()).success();
    }
    let args =
        ["seal", "--log-key", "log.key", "--trust", "trust.txt", "grant.ndjson", "1.ndjson", "2.ndjson"];
    place.run(&[&args[..], &["-o", "audit.ndjson", "--checkpoint-every", "3000"]].concat()).success();
}

#[test]
fn many_events_give_the_same_result_in_parts() {
    let place = Place::new();
    many(&place, 30_000);
    let trust = ["--trust", "trust.txt"];
    let parts = summarize(&place, "audit.ndjson", 7);
    assert_same(&place, "audit.ndjson", &parts, &trust);
    assert_same(&place, "audit.ndjson", &parts, &["--json"]);

    // One event altered between two summaries.
    let mut text = fs::read(place.path("audit.ndjson")).unwrap();
    let middle = text.len() / 2;
    let at = middle + memchr::memmem::find(&text[middle..], b"job.run").unwrap();
    text[at..at + 7].copy_from_slice(b"job.rum");
    place.write("altered.ndjson", text);
    let altered = summarize(&place, "altered.ndjson", 7);
    assert_same(&place, "altered.ndjson", &altered, &trust);
    // The same size, start and end: only reading it again shows the difference.
    let altered: Vec<&str> = altered.iter().map(String::as_str).collect();
    let verify = ["verify", "audit.ndjson", "--trust", "trust.txt", "--summaries"];
    place.run(&[&verify[..], &altered].concat()).code(2).stderr(predicate::str::contains(
        "error[summary.other_file]: 4-of-7.summary: the summary doesn't belong to audit.ndjson",
    ));
    let parts = summarize(&place, "audit.ndjson", 2);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    place.run(&[&verify[..], &parts].concat()).success().stdout(predicate::str::contains(
        "rests on: 2 summaries, whose hashes and signatures were not checked again",
    ));
    gnu_parallel(&place);
}

/// Runs the example in docs/verifying-at-scale.md that contains a text, and returns its output.
fn run_example(place: &Place, text: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verifying-at-scale.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```sh\n").skip(1).filter_map(|block| block.split_once("```"));
    let example = blocks.map(|(code, _)| code).find(|code| code.contains(text));
    let program = assert_cmd::cargo::cargo_bin("countersign");
    let path = std::env::join_paths(
        std::iter::once(program.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let output = std::process::Command::new("sh")
        .args(["-ec", example.expect("an example with this text")])
        .current_dir(place.path(""))
        .env("PATH", path.unwrap())
        .env("HOME", place.path(""))
        .output()
        .unwrap();
    let (out, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{told}");
    out.into_owned()
}

fn gnu_parallel(place: &Place) {
    let is_there = std::process::Command::new("parallel").arg("--version").output();
    if !is_there.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).starts_with("GNU parallel")) {
        assert!(std::env::var_os("CI").is_none(), "there is no GNU parallel: install Debian's parallel");
        eprintln!("skipped: there is no GNU parallel (Debian's parallel)");
        return;
    }
    let whole = verify_result(place, &["audit.ndjson"], &["--trust", "trust.txt"]).0;
    let out = without_summaries(&run_example(place, "parallel "), 16);
    assert!(out.starts_with(&whole), "{out}");
}

#[test]
fn the_example_of_merging_gives_the_same_result() {
    let place = Place::new();
    many(&place, 1_000);
    for (number, part) in (1..).zip(summarize(&place, "audit.ndjson", 8)) {
        fs::rename(place.path(&part), place.path(&format!("part-{number}.summary"))).unwrap();
    }
    let whole = verify_result(&place, &["audit.ndjson"], &["--trust", "trust.txt"]).0;
    assert_eq!(without_summaries(&run_example(&place, "1-5.summary"), 4), whole);
}

#[test]
fn merged_summaries_give_the_same_result() {
    let place = Place::new();
    many(&place, 6_000);
    let trust = ["--trust", "trust.txt", "--json"];
    let parts = summarize(&place, "audit.ndjson", 6);
    let merge = |args: &[&str], output: &str| {
        place.run(&[&["summarize", "--merge"], args, &["-o", output]].concat()).success()
    };
    // A tree of three levels, whose first leaf is the last to be merged.
    let told = merge(&[&parts[3], &parts[2]], "3-4.summary");
    told.stderr(predicate::str::contains("parts 3 to 4 of 6"));
    merge(&["3-4.summary", &parts[4], &parts[1]], "2-5.summary");
    merge(&[&parts[0], "2-5.summary"], "1-5.summary");
    for mixture in [
        vec!["1-5.summary".to_owned(), parts[5].clone()],
        vec![parts[5].clone(), "2-5.summary".into(), parts[0].clone()],
    ] {
        assert_same(&place, "audit.ndjson", &mixture, &trust);
    }
    merge(&["1-5.summary", &parts[5]], "all.summary");
    let size = |name: &str| fs::metadata(place.path(name)).unwrap().len();
    let (all, plain) = (size("all.summary"), parts.iter().map(|part| size(part)).sum::<u64>());
    assert!(all < 6_000 * 16 && all * 3 < plain, "{all} {plain}");
    let all = ["all.summary".to_owned()];
    assert_same(&place, "audit.ndjson", &all, &trust);
    let verify = ["verify", "audit.ndjson", "--summaries", "all.summary", "--trust", "trust.txt"];
    place.run(&verify).success();

    // The log at a checkpoint is a pin whose size is a boundary. Any other size has to be kept.
    place.run(&["verify", "audit.ndjson", "--trust", "trust.txt", "--save-pin", "last.pin"]).success();
    assert_same(&place, "audit.ndjson", &all, &["--trust", "trust.txt", "--pin", "last.pin"]);
    let [first, rest @ ..] = &parts[..] else { panic!("there are parts") };
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let later = [&["--first-entry", "1", "--merge"], &rest[..]].concat();
    place.run(&[&["summarize", "-o", "later.summary"], &later[..]].concat()).success();
    let refused = place.run(&["verify", "--summaries", first, "later.summary"]).code(2);
    refused.stderr(predicate::str::contains("error[summary.first_entry]: later.summary: "));

    for (args, why) in [
        (vec!["--merge", first, rest[1]], "error[summary.missing]: part 2 is missing"),
        (vec!["--merge", "all.summary", first], "error[summary.twice]: "),
        (vec!["--merge", "audit.ndjson"], "error[summary.invalid]: audit.ndjson: "),
        (vec!["--merge", "all.summary", "--keep-size", "7"], "error[summary.pin]: all.summary: "),
        (vec!["--merge", first, "--first-entry", "7"], "error[summary.first_entry]: "),
        (vec!["--merge", first, "--pin", "trust.txt"], "trust.txt: "),
        (vec!["--merge", first, "--part", "1/2"], "cannot be used with"),
        (vec!["audit.ndjson", "--keep-size", "7"], "cannot be used with"),
    ] {
        let refused = place.run(&[&["summarize", "-o", "x.summary"], &args[..]].concat()).code(2);
        refused.stdout("").stderr(predicate::str::contains(why));
    }
    assert!(!place.files().contains(&"x.summary".to_owned()));
}

#[test]
fn rejects_streams_and_missing_parts() {
    let place = Place::new();
    place.sealed(40);
    let parts = summarize(&place, "audit.ndjson", 3);
    let many = summarize(&place, "audit.ndjson", 6);
    for (args, status, why) in [
        (vec![&*parts[0], &parts[2]], 2, "error[summary.missing]: part 2 is missing"),
        (vec![&*many[1], &many[4]], 2, "error[summary.missing]: parts 1, 3 to 4, 6 are missing"),
        (
            vec![&*parts[0], &parts[1], &parts[1], &parts[2]],
            2,
            "error[summary.twice]: 2-of-3.summary: there are two summaries of part 2",
        ),
        (vec!["audit.ndjson"], 2, "error[summary.invalid]: audit.ndjson: "),
        (vec!["nothing.summary"], 2, "error[io.not_found]: nothing.summary: "),
    ] {
        let refused = place.run(&[&["verify", "--summaries"], &args[..]].concat()).code(status);
        refused.stdout("").stderr(predicate::str::contains(why)).stderr(predicate::str::contains("hint: "));
    }
    let plain = place.read("audit.ndjson");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, plain.as_bytes()).unwrap();
    place.write("audit.ndjson.gz", encoder.finish().unwrap());
    for (export, why) in [
        ("audit.ndjson.gz", "error[summary.compressed]: audit.ndjson.gz: "),
        (".", "error[io.is_directory]: .: "),
        ("-", "error[summary.stream]: -: "),
    ] {
        let refused = place.run(&["summarize", export, "-o", "x.summary"]).code(2);
        refused.stderr(predicate::str::contains(why)).stderr(predicate::str::contains("hint: "));
    }
    place
        .run(&["summarize", "audit.ndjson", "--part", "4/3"])
        .code(2)
        .stderr(predicate::str::contains("I/N"));
    assert!(!place.files().contains(&"x.summary".to_owned()));
    place.run(&["verify"]).code(2);
}
