//! Exports that change while a command reads them: the result is that of one of the versions, or none.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::common::Place;

const RULE: &str = "
title: Grants
id: 0d4a3f57-3ec5-4c5f-9a0e-4f2f27fb3c55
level: critical
detection: {s: {action: role.grant}, condition: s}
";
/// The least that the program accepts as the auditor's page.
const PAGE: &str = "<!doctype html>\n<title>a page</title>\n<countersign-page></countersign-page>\n";
const POLICY: &str = "
countersign: policy/v1
name: t
verdict: [verified]
findings: {level: critical}
endpoints: {refuse: [unauthenticated]}
";

/// The commands that read an export, as `audit.ndjson`. They write to `out`, or into the folder `out/`.
const COMMANDS: [&str; 23] = [
    "verify audit.ndjson --trust trust.txt --json",
    "show audit.ndjson --trust trust.txt",
    "show audit.ndjson --trust trust.txt --query action:role.grant --index=out.index",
    "analyze audit.ndjson --trust trust.txt --rules rule.yml",
    "analyze audit.ndjson --trust trust.txt --rules rule.yml --evidence out/",
    "analyze audit.ndjson --pieces audit.piece --trust trust.txt --rules rule.yml --evidence out/",
    "enforce policy.yml audit.ndjson --trust trust.txt --rules rule.yml",
    "enforce policy.yml audit.ndjson --trust trust.txt --rules rule.yml --sarif out",
    "inventory audit.ndjson --trust trust.txt",
    "report audit.ndjson --trust trust.txt --now 2026-11-01 -o out",
    "report audit.ndjson --trust trust.txt --now 2026-11-01 --query action:role.grant --page page.txt -o out.html",
    "report audit.ndjson --trust trust.txt --now 2026-11-01 --detections --detection-rules rule.yml --page page.txt -o out.html",
    "report audit.ndjson --trust trust.txt --now 2026-11-01 --query action:role.grant --embed examined --page page.txt -o out.html",
    "report --check genuine.html audit.ndjson --trust trust.txt",
    "report --check genuine.html audit.ndjson --trust own.txt",
    "evidence --framework soc2 audit.ndjson --trust trust.txt --rules rule.yml -o out/",
    "evidence --framework soc2 audit.ndjson --trust trust.txt --rules rule.yml -o out.md",
    "slice audit.ndjson --query action:role.grant -o out",
    "seal --log-key log.key audit.ndjson -o out",
    "feed audit.ndjson --trust trust.txt --to ndjson --findings --rules rule.yml --destination file --address out",
    "parsers coverage audit.ndjson --trust trust.txt",
    "export --format parquet audit.ndjson --trust trust.txt -o out.parquet",
    "verify audit.ndjson --trust trust.txt --parquet rows.parquet",
];

/// The exit status, standard output, and files that a command leaves. Errors are told apart by their code.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: Option<i32>,
    printed: String,
    files: BTreeMap<String, Vec<u8>>,
    error: Option<String>,
}

fn run(place: &Place, command: &str) -> Outcome {
    for name in place.files().into_iter().filter(|name| name.starts_with("out")) {
        let path = place.path(&name);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }
    let args: Vec<&str> = command.split(' ').collect();
    let output = place.command(&args).env("XDG_CONFIG_HOME", place.path("config")).output().unwrap();
    let mut files = BTreeMap::new();
    collect(&place.path(""), Path::new(""), &mut files);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let error = said.lines().find_map(|line| line.split_once("error[")).map(|(_, rest)| rest.to_owned());
    Outcome {
        status: output.status.code(),
        printed: String::from_utf8_lossy(&output.stdout).into_owned(),
        files,
        error: error.and_then(|rest| rest.split(']').next().map(str::to_owned)),
    }
}

/// Returns the start of an outcome, for messages.
fn brief(outcome: &Outcome) -> String {
    let Outcome { status, printed, files, error } = outcome;
    let sizes: Vec<_> = files.iter().map(|(name, bytes)| (name, bytes.len())).collect();
    format!("{status:?} {error:?} {sizes:?} {}", printed.chars().take(600).collect::<String>())
}

fn collect(root: &Path, under: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(root.join(under)).unwrap() {
        let name = under.join(entry.unwrap().file_name());
        // Index files of the same events can differ.
        let is_output = name.to_str().unwrap().starts_with("out") && !name.ends_with("out.index");
        if is_output && root.join(&name).is_dir() {
            collect(root, &name, files);
        } else if is_output {
            files.insert(name.to_str().unwrap().to_owned(), fs::read(root.join(&name)).unwrap());
        }
    }
}

fn place() -> (Place, Vec<u8>, Vec<u8>) {
    let place = Place::new();
    place.write("rule.yml", RULE);
    place.write("policy.yml", POLICY);
    place.write("page.txt", PAGE);
    place.write("own.txt", place.read("trust.txt") + "# Mine\n");
    let event = |number: u32| {
        let action = if number.is_multiple_of(40) { "role.grant" } else { "user.update" };
        format!("{{\"action\":\"{action}\",\"actor\":{{\"id\":\"u_{number}\"}}}}\n")
    };
    place.sealed_of(&(0..800).map(event).collect::<String>());
    let genuine = fs::read(place.path("audit.ndjson")).unwrap();
    place
        .run(&["export", "--format", "parquet", "audit.ndjson", "--trust", "trust.txt", "-o", "rows.parquet"])
        .success();
    place
        .run(&["analyze", "audit.ndjson", "--rules", "rule.yml", "--part", "1/1", "-o", "audit.piece"])
        .success();
    let report = "report audit.ndjson --trust trust.txt --detections \
                  --detection-rules rule.yml --embed examined --page page.txt -o genuine.html";
    place.run(&report.split_whitespace().collect::<Vec<_>>()).success();
    let text = String::from_utf8(genuine.clone()).unwrap();
    let altered = text.replacen("role.grant", "role.grunt", 1).into_bytes();
    (place, genuine, altered)
}

/// Runs each command several times while another thread changes the export from the first version to the second, and
/// back if it `alternates`.
fn check(
    [first, second]: [Vec<u8>; 2],
    place: &Place,
    alternates: bool,
    change: impl Fn(&Path, bool) + Sync,
) {
    let export = place.path("audit.ndjson");
    for command in COMMANDS {
        let possible = [&second, &first].map(|version| {
            fs::write(&export, version).unwrap();
            run(place, command)
        });
        let works = |outcome: &Outcome| outcome.status.is_some_and(|status| status != 2);
        assert!(works(&possible[1]), "{command}: {:?}", possible[1].error);
        for nth in 0..3 {
            fs::write(&export, &first).unwrap();
            let done = AtomicBool::new(false);
            let outcome = thread::scope(|scope| {
                scope.spawn(|| {
                    // Changes at another moment each time.
                    (0..nth * 4000).for_each(|_| thread::yield_now());
                    let mut to_second = true;
                    while !done.load(Ordering::Relaxed) && (alternates || to_second) {
                        change(&export, to_second);
                        to_second = !to_second;
                    }
                });
                let outcome = run(place, command);
                done.store(true, Ordering::Relaxed);
                outcome
            });
            let is_refused = outcome.error.as_deref() == Some("io.changed") && outcome.status == Some(2);
            assert!(
                is_refused || possible.contains(&outcome),
                "{command}\n{}\n{}\n{}",
                brief(&outcome),
                brief(&possible[1]),
                brief(&possible[0])
            );
        }
    }
}

#[test]
fn replaced_export_gives_the_result_of_one_version() {
    let (place, genuine, altered) = place();
    check([genuine.clone(), altered.clone()], &place, true, |export, to_second| {
        let new = export.with_extension("new");
        fs::write(&new, if to_second { &altered } else { &genuine }).unwrap();
        fs::rename(new, export).unwrap();
    });
}

#[test]
fn overwritten_export_gives_the_result_of_one_version() {
    let (place, genuine, altered) = place();
    let differs = genuine.iter().zip(&altered).position(|(one, other)| one != other).unwrap();
    check([genuine.clone(), altered.clone()], &place, true, |export, to_second| {
        let mut file = fs::File::options().write(true).open(export).unwrap();
        file.seek(SeekFrom::Start(differs as u64)).unwrap();
        file.write_all(&[if to_second { altered[differs] } else { genuine[differs] }]).unwrap();
    });
}

#[test]
fn growing_export_gives_the_result_of_one_version() {
    let (place, genuine, _) = place();
    let more = b"{\"leaf\":\"AA==\"}\n";
    let grown = [&genuine, &more[..]].concat();
    check([genuine, grown], &place, false, |export, _| {
        fs::File::options().append(true).open(export).unwrap().write_all(more).unwrap();
    });
}
