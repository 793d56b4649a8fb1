//! `countersign outbox` on the folder of `countersign record --outbox`.

use std::fs;

use predicates::prelude::*;

use crate::common::log_server::{LogServer, Mischief};
use crate::common::{Place, events};

/// Creates an outbox whose log is down; returns its only file.
fn left(count: usize) -> (Place, std::path::PathBuf) {
    let (place, log_server) = (Place::new(), LogServer::start());
    place.write("events.ndjson", events(count));
    log_server.misbehave(&[Mischief::Status(503); 1_000]);
    let log = log_server.vkey();
    let args = ["record", "--key", "app.key", "events.ndjson", "--to", &log_server.url, "--log", &log];
    place.run(&[&args[..], &["--outbox", "outbox", "--give-up", "0s"]].concat()).code(1);
    let files = fs::read_dir(place.path("outbox")).unwrap().map(|file| file.unwrap().path());
    let mut segments = files.filter(|path| path.extension().is_some_and(|end| end == "ndjson"));
    let segment = segments.next().unwrap();
    assert_eq!(segments.next(), None);
    (place, segment)
}

#[test]
fn shows_a_folder_and_salvages_its_links() {
    let (place, segment) = left(5);
    place
        .run(&["outbox", "show", "outbox"])
        .success()
        .stdout(predicate::str::contains("signed").and(predicate::str::contains("hunter2").not()));
    let salvage = ["outbox", "salvage", "outbox", "-o", "events.out"];
    place.run(&salvage).code(2).stderr(predicate::str::contains("add --links FILE"));
    place.run(&[&salvage[..], &["--links", "links.out"]].concat()).success();
    let written = fs::read_to_string(&segment).unwrap();
    let signed: Vec<&str> = written.lines().skip(1).filter(|line| line.contains("\"link\"")).collect();
    let salvaged = fs::read_to_string(place.path("links.out")).unwrap();
    assert_eq!(salvaged.lines().collect::<Vec<_>>(), signed);
    assert_eq!(fs::read_to_string(place.path("events.out")).unwrap(), "");
}

#[test]
fn reports_a_corrupt_line_and_salvages_the_others() {
    let (place, segment) = left(5);
    let written = fs::read_to_string(&segment).unwrap();
    let lines: Vec<&str> = written.lines().collect();
    let damaged = [&lines[..2], &[&lines[2][..lines[2].len() / 2]], &lines[3..]].concat().join("\n") + "\n";
    fs::write(&segment, &damaged).unwrap();
    let begin = lines[..2].iter().map(|line| line.len() + 1).sum::<usize>();
    let named = format!("bytes {begin} to");
    place.run(&["outbox", "show", "outbox"]).code(1).stdout(predicate::str::contains(&named));
    place
        .run(&["outbox", "salvage", "outbox", "-o", "events.out", "--links", "links.out"])
        .code(1)
        .stderr(predicate::str::contains(&named));
    let salvaged = fs::read_to_string(place.path("links.out")).unwrap();
    assert!(salvaged.contains(lines[3]) && !salvaged.contains(lines[2]));
    assert_eq!(fs::read_to_string(&segment).unwrap(), damaged);
}

/// An unreadable outbox is neither skipped nor called empty.
#[test]
fn reports_an_entirely_corrupt_file() {
    let (place, segment) = left(2);
    let other = segment.with_file_name("other.ndjson");
    fs::write(&other, [0; 100]).unwrap();
    fs::write(place.path("header-alone"), "countersign outbox v1\nzeros\n").unwrap();
    let named = "bytes 0 to 100: nothing in this file belongs to an outbox";
    place.run(&["outbox", "show", "outbox"]).code(1).stdout(predicate::str::contains(named));
    place
        .run(&["outbox", "salvage", "outbox", "-o", "events.out", "--links", "links.out"])
        .code(1)
        .stderr(predicate::str::contains(named));
    place.run(&["outbox", "show", "header-alone"]).code(1).stdout(
        predicate::str::contains("corrupt: bytes 22 to 28").and(predicate::str::contains("no entries").not()),
    );
}

#[test]
fn rejects_other_files() {
    let place = Place::new();
    place.write("notes.txt", "hello\n");
    for command in [&["outbox", "show", "notes.txt"][..], &["outbox", "show", "absent"]] {
        place.run(command).code(2);
    }
    // Everything was delivered.
    fs::create_dir(place.path("delivered")).unwrap();
    place.write("delivered/lock", "");
    place
        .run(&["outbox", "show", "delivered"])
        .success()
        .stdout(predicate::str::contains("no entries: everything stored here was delivered"));
    fs::create_dir(place.path("empty")).unwrap();
    place
        .run(&["outbox", "show", "empty"])
        .code(2)
        .stderr(predicate::str::contains("this folder contains no outbox"));
}
