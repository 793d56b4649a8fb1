//! `countersign check` on several threads, in parts, and on logs in buckets.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use countersign::merkle::Bundle;
use countersign_s3_server::{BUCKET, S3Server};
use predicates::prelude::*;

use crate::common::log::{opaque, publish, serve};
use crate::common::{Place, without_summaries};

/// Output, exit status, and pin of a check.
type Outcome = (String, Option<i32>, Option<String>);

/// Runs a check that also saves a pin.
fn outcome(place: &Place, args: &[&str]) -> Outcome {
    let _ = fs::remove_file(place.path("next.pin"));
    let mut command = place.command(&[&["check", "--save-pin", "next.pin"], args].concat());
    let Output { stdout, stderr, status } = command.output().unwrap();
    assert!(!stdout.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
    let pin = fs::read_to_string(place.path("next.pin")).ok();
    (String::from_utf8(stdout).unwrap(), status.code(), pin)
}

/// Starts a process for each part, and returns the summaries.
fn summarize(place: &Place, log: &str, of: usize, more: &[&str]) -> Vec<String> {
    let started: Vec<_> = (1..=of)
        .map(|number| {
            let (part, output) = (format!("{number}/{of}"), format!("{number}-of-{of}.summary"));
            let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("countersign"));
            command.args(["check", log, "--checkpoint", "checkpoint.txt", "--part", &part, "-o", &output]);
            command.args(["--threads", if number % 2 == 0 { "1" } else { "3" }]).args(more);
            command.current_dir(place.path("")).stderr(Stdio::piped()).env("NO_COLOR", "1");
            (output, command.spawn().unwrap())
        })
        .collect();
    started
        .into_iter()
        .map(|(output, process)| {
            let Output { status, stderr, .. } = process.wait_with_output().unwrap();
            assert!(status.success(), "{log}: {}", String::from_utf8_lossy(&stderr));
            output
        })
        .collect()
}

/// Asserts that threads and parts give the outcome of one thread, as text and as JSON. `from` is also used for parts.
fn assert_same(place: &Place, log: &str, of: usize, trust: &[&str], from: &[&str]) -> Outcome {
    place.run(&["check", log, "--save-checkpoint", "checkpoint.txt"]).success();
    let parts = summarize(place, log, of, from);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    for format in ["json", "text"] {
        let check = [&[log, "--format", format], trust].concat();
        let whole = outcome(place, &[&check[..], from, &["--threads", "1"]].concat());
        assert_eq!(
            outcome(place, &[&check[..], from, &["--threads", "4"]].concat()),
            whole,
            "{log} {from:?}"
        );
        let given = [&check[..], from, &["--checkpoint", "checkpoint.txt"]].concat();
        assert_eq!(outcome(place, &given), whole, "{log} {from:?}");
        let (merged, status, pin) = outcome(place, &[&check[..], &["--summaries"], &parts].concat());
        let merged = without_summaries(&merged, of);
        assert_eq!((merged, status, pin), whole, "{log} {from:?} in {of} parts");
        if format == "text" {
            return whole;
        }
    }
    unreachable!("text is the last format")
}

/// Creates `log`, a log of links from several chains and of opaque entries; returns its trust options.
fn many(place: &Place) -> [&'static str; 2] {
    for name in ["1.ndjson", "2.ndjson"] {
        place.record(700, name);
    }
    let args = ["grant.ndjson", "1.ndjson", "2.ndjson", "--checkpoint-every", "500"];
    place.run(&[&crate::common::seal_to("audit.ndjson")[..], &args].concat()).success();
    publish(&place.path("log"), &place.read("audit.ndjson"));
    ["--trust", "trust.txt"]
}

#[test]
fn threads_and_parts_give_the_same_output() {
    let place = Place::new();
    let trust = many(&place);
    let (whole, status, pin) = assert_same(&place, "log", 3, &trust, &[]);
    assert!(whole.contains("6 bundles with 1404 links, 1 key note, 0 other entries"), "{whole}");
    assert_eq!((status, pin.is_some()), (Some(4), true));

    let server = serve(place.path("log"), BTreeMap::new());
    assert_eq!(assert_same(&place, &server.url, 4, &trust, &[]), (whole, status, pin));
    // A reader who trusts other keys gets another report from the same summaries.
    let parts = ["1-of-4.summary", "2-of-4.summary", "3-of-4.summary", "4-of-4.summary"];
    let vkey = place.log.clone();
    let (other, status, pin) =
        outcome(&place, &[&["log", "--vkey", &vkey, "--summaries"], &parts[..]].concat());
    assert!(other.contains("rests on: 4 summaries"), "{other}");
    assert_eq!(status, Some(3));
    assert_eq!((without_summaries(&other, 4), status, pin), outcome(&place, &["log", "--vkey", &vkey]));
}

/// A change of a file's bytes.
type Change<'a> = &'a dyn Fn(&mut Vec<u8>);

#[test]
fn damage_gives_the_same_output_in_parts() {
    let place = Place::new();
    let trust = many(&place);
    let file = |path: &str| place.path("log").join(path);
    let damage = |path: &str, bytes: Option<Change<'_>>, of: usize, status: i32, code: &str| {
        let before = fs::read(file(path)).unwrap();
        match bytes {
            Some(change) => {
                let mut bytes = before.clone();
                change(&mut bytes);
                fs::write(file(path), bytes).unwrap();
            }
            None => fs::remove_file(file(path)).unwrap(),
        }
        let (text, found, pin) = assert_same(&place, "log", of, &trust, &[]);
        assert!(text.contains(code), "{path}: {text}");
        assert_eq!((found, pin), (Some(status), None), "{path}");
        fs::write(file(path), before).unwrap();
    };
    damage("tile/entries/002", Some(&|bytes| bytes[40] ^= 1), 3, 1, "tile.hash tile/0/002");
    damage("tile/entries/003", Some(&|bytes| bytes.truncate(900)), 2, 1, "tile.malformed tile/entries/003");
    damage("tile/0/004", Some(&|bytes| bytes[33] ^= 1), 6, 1, "tile.hash tile/0/004");
    damage("tile/0/001", None, 5, 1, "tile.missing tile/0/001");
    damage("tile/entries/001", None, 3, 1, "tile.missing tile/entries/001");
    damage("tile/1/000.p/5", None, 2, 1, "tile.missing tile/1/000.p/5");
    damage("tile/1/000.p/5", Some(&|bytes| bytes[1] ^= 1), 2, 1, "tile.hash tile/1/000.p/5");
    // Nothing after a bundle that is missing together with its tile can be checked.
    fs::remove_file(file("tile/0/002")).unwrap();
    damage("tile/entries/002", None, 4, 1, "tile.missing tile/entries/002");
}

#[test]
fn pruned_logs_give_the_same_output_in_parts() {
    let place = Place::new();
    let key = opaque(&place.path("log"), "other.example/log", 2_000);
    for index in 0..3 {
        let bundle = Bundle { index, width: 256 };
        fs::remove_file(place.path("log").join(bundle.path())).unwrap();
        fs::remove_file(place.path("log").join(bundle.tile().path())).unwrap();
    }
    let trust = ["--vkey", key.verifier_key().as_str()];
    let (stated, status, _) = assert_same(&place, "log", 3, &trust, &["--from", "800"]);
    assert!(stated.contains("from entry 768 up to 2000") && status == Some(0), "{stated}");
    let (unstated, status, _) = assert_same(&place, "log", 2, &trust, &[]);
    assert!(unstated.contains("tile.pruned") && status == Some(4), "{unstated}");
    // Parts that begin differently don't belong together.
    summarize(&place, "log", 2, &[]);
    fs::rename(place.path("1-of-2.summary"), place.path("unstated.summary")).unwrap();
    summarize(&place, "log", 2, &["--from", "800"]);
    let mixed = ["--summaries", "unstated.summary", "2-of-2.summary"];
    place
        .run(&[&["check", "log"], &trust[..], &mixed].concat())
        .code(2)
        .stderr(predicate::str::contains("error[summary.other_begin]: 2-of-2.summary: "));
}

#[test]
fn summaries_that_make_up_no_log_are_refused() {
    let place = Place::new();
    let key = opaque(&place.path("log"), "other.example/log", 1_500);
    let vkey = key.verifier_key().to_string();
    let save = |log: &str| {
        place.run(&["check", log, "--save-checkpoint", "checkpoint.txt"]).success();
        assert_eq!(place.read("checkpoint.txt"), place.read(&format!("{log}/checkpoint")));
    };
    // Summaries of the same log at another size, and of another log, under other names.
    opaque(&place.path("grown"), "other.example/log", 1_501);
    opaque(&place.path("stranger"), "stranger.example/log", 1_500);
    for log in ["grown", "stranger"] {
        save(log);
        summarize(&place, log, 3, &[]);
        for number in 1..=3 {
            let name = format!("{number}-of-3.summary");
            fs::rename(place.path(&name), place.path(&format!("{log}-{name}"))).unwrap();
        }
    }
    save("log");
    let parts = summarize(&place, "log", 3, &[]);
    let four = summarize(&place, "log", 4, &[]);
    place.sealed(3);
    place.run(&["summarize", "audit.ndjson", "-o", "export.summary"]).success();
    for (summaries, why) in [
        (vec![&*parts[0], &parts[2]], "error[summary.missing]: part 2 is missing"),
        (vec![&*parts[0], &parts[1], &parts[1], &parts[2]], "error[summary.twice]: 2-of-3.summary: "),
        (vec![&*parts[0], &four[1], &parts[2]], "error[summary.other_cut]: 2-of-4.summary: "),
        (
            vec![&*parts[0], "grown-2-of-3.summary", &parts[2]],
            "error[summary.other_checkpoint]: grown-2-of-3.summary: ",
        ),
        (
            vec![&*parts[0], &parts[1], "stranger-3-of-3.summary"],
            "error[summary.other_checkpoint]: stranger-3-of-3.summary: ",
        ),
        (
            vec!["stranger-1-of-3.summary", "stranger-2-of-3.summary", "stranger-3-of-3.summary"],
            "error[checkpoint.other_log]: the checkpoint belongs to the log stranger.example/log, but this is the log other.example/log",
        ),
        (vec!["export.summary"], "error[summary.invalid]: export.summary: "),
        (vec!["checkpoint.txt"], "error[summary.invalid]: checkpoint.txt: "),
        (vec!["nothing.summary"], "error[io.not_found]: nothing.summary: "),
    ] {
        let refused =
            place.run(&[&["check", "log", "--vkey", &vkey, "--summaries"], &summaries[..]].concat()).code(2);
        refused.stdout("").stderr(predicate::str::contains(why)).stderr(predicate::str::contains("hint: "));
    }
    place
        .run(&["verify", "--summaries", &parts[0], &parts[1], &parts[2]])
        .code(2)
        .stderr(predicate::str::contains("error[summary.invalid]: 1-of-3.summary: "));

    let part = ["--part", "1/3", "-o", "x.summary"];
    place
        .run(&[&["check", "stranger", "--checkpoint", "checkpoint.txt"], &part[..]].concat())
        .code(2)
        .stderr(predicate::str::contains("error[checkpoint.other_log]: checkpoint.txt: "));
    place
        .run(&[&["check", "log", "--checkpoint", "trust.txt"], &part[..]].concat())
        .code(2)
        .stderr(predicate::str::contains("hint: save it with `"));
    for args in [
        &["--part", "1/3"][..],
        &["--part", "4/3", "--checkpoint", "checkpoint.txt"],
        &["--part", "1/3", "--checkpoint", "checkpoint.txt", "--vkey", &vkey],
        &["--part", "1/3", "--checkpoint", "checkpoint.txt", "--json"],
        &["--vkey", &vkey, "-o", "x.summary"],
        &["--vkey", &vkey, "--from", "256", "--summaries", &parts[0]],
        &["--vkey", &vkey, "--threads", "0"],
        &["--save-checkpoint", "x.summary", "--from", "256"],
    ] {
        place.run(&[&["check", "log"], args].concat()).code(2).stderr(predicate::str::contains("error"));
    }
    assert!(!place.files().contains(&"x.summary".to_owned()));
}

/// Copies a folder's files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_log_in_a_bucket_gives_the_same_output_as_a_folder() {
    let place = Place::new();
    let key = opaque(&place.path("log"), "other.example/log", 1_500);
    let vkey = key.verifier_key().to_string();
    let server = S3Server::start();
    copy(&place.path("log"), &server.file("logs/audit"));
    let check = |args: &[&str]| {
        let mut command = place.command(&[&["check"], args].concat());
        command.envs(server.environment()).assert()
    };
    let url = format!("s3://{BUCKET}/logs/audit");
    let text = |args: &[&str]| String::from_utf8(check(args).get_output().stdout.clone()).unwrap();
    let whole = text(&["log", "--vkey", &vkey, "--json"]);
    assert!(whole.contains(r#""verdict":"verified""#), "{whole}");
    assert_eq!(text(&[&url, "--vkey", &vkey, "--json"]), whole);
    assert_eq!(text(&[&format!("{url}/"), "--vkey", &vkey, "--json", "--threads", "3"]), whole);

    check(&[&url, "--save-checkpoint", "checkpoint.txt"]).success();
    for (part, output) in [("1/2", "1.summary"), ("2/2", "2.summary")] {
        check(&[&url, "--checkpoint", "checkpoint.txt", "--part", part, "-o", output]).success();
    }
    // Summaries are read from a bucket, too.
    fs::copy(place.path("2.summary"), server.file("2.summary")).unwrap();
    let second = format!("s3://{BUCKET}/2.summary");
    let merged = text(&[&url, "--vkey", &vkey, "--json", "--summaries", "1.summary", &second]);
    assert_eq!(without_summaries(&merged, 2), whole);

    fs::remove_file(server.file("logs/audit/tile/entries/003")).unwrap();
    fs::remove_file(place.path("log/tile/entries/003")).unwrap();
    let missing = text(&[&url, "--vkey", &vkey, "--json"]);
    assert!(missing.contains("tile.missing"), "{missing}");
    assert_eq!(text(&["log", "--vkey", &vkey, "--json"]), missing);

    let long = vec![0; 8193];
    fs::write(server.file("logs/audit/tile/0/001"), &long).unwrap();
    fs::write(place.path("log/tile/0/001"), &long).unwrap();
    let malformed = text(&[&url, "--vkey", &vkey, "--json"]);
    assert!(malformed.contains("tile.malformed"), "{malformed}");
    assert_eq!(text(&["log", "--vkey", &vkey, "--json"]), malformed);

    let code = |url: &str, code: &str| {
        let told = predicate::str::contains(format!("error[{code}]"));
        check(&[url, "--vkey", &vkey]).code(2).stdout("").stderr(told);
    };
    code(&format!("s3://{BUCKET}/nothing"), "log.no_checkpoint");
    code("s3://key:secret@bucket/log", "arguments.invalid");
}

/// The recipe in docs/verifying-at-scale.md.
#[test]
fn the_documented_recipe_gives_the_same_output() {
    let is_there = std::process::Command::new("parallel").arg("--version").output();
    if !is_there.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).starts_with("GNU parallel")) {
        assert!(std::env::var_os("CI").is_none(), "there is no GNU parallel: install Debian's parallel");
        eprintln!("skipped: there is no GNU parallel (Debian's parallel)");
        return;
    }
    let place = Place::new();
    let trust = many(&place);
    let server = serve(place.path("log"), BTreeMap::new());
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verifying-at-scale.md");
    let page = fs::read_to_string(page).unwrap();
    let recipe = page.split("```sh\n").skip(1).find_map(|block| {
        let (code, _) = block.split_once("```")?;
        code.contains("--save-checkpoint").then(|| code.replace("https://log.example", &server.url))
    });
    let program = assert_cmd::cargo::cargo_bin("countersign");
    let path = std::env::join_paths(
        std::iter::once(program.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let output = std::process::Command::new("sh")
        .args(["-ec", &recipe.expect("a recipe for a log by its tiles")])
        .current_dir(place.path(""))
        .env("PATH", path.unwrap())
        .env("HOME", place.path(""))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let (out, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let whole = outcome(&place, &[&["log"], &trust[..]].concat());
    assert_eq!((&without_summaries(&out, 8), output.status.code()), (&whole.0, whole.1), "{told}");
}
