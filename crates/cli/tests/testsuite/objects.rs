//! Exports and summaries in a bucket are read like files.

use std::fs;

use countersign_s3_server::{BUCKET, S3Server};
use predicates::prelude::*;

use crate::common::{Place, without_summaries};

/// A sealed export in a folder, and in a bucket.
struct Copies {
    place: Place,
    server: S3Server,
}

impl Copies {
    fn new() -> Self {
        let (place, server) = (Place::new(), S3Server::start());
        // Large enough for several requests.
        place.sealed(2_000);
        let copies = Self { place, server };
        copies.upload("audit.ndjson");
        copies
    }

    fn upload(&self, name: &str) {
        fs::copy(self.place.path(name), self.server.file(name)).unwrap();
    }

    fn command(&self, args: &[&str]) -> assert_cmd::Command {
        let mut command = self.place.command(args);
        command.envs(self.server.environment());
        command
    }

    /// Returns the output and exit status of a command.
    fn output(&self, args: &[&str]) -> (String, Option<i32>) {
        let output = self.command(args).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    }
}

fn url(name: &str) -> String {
    format!("s3://{BUCKET}/{name}")
}

#[test]
fn an_export_in_a_bucket_gives_the_same_output_as_a_file() {
    let copies = Copies::new();
    let url = url("audit.ndjson");
    for command in [
        &["verify", "EXPORT", "--trust", "trust.txt", "--json"][..],
        &["analyze", "EXPORT", "--trust", "trust.txt", "--json"],
        &["slice", "EXPORT", "--range", "10..20"],
    ] {
        let with = |export: &str| {
            copies.output(
                &command.iter().map(|arg| if *arg == "EXPORT" { export } else { arg }).collect::<Vec<_>>(),
            )
        };
        let (output, status) = with("audit.ndjson");
        assert!(!output.is_empty(), "{command:?}");
        assert_eq!(with(&url), (output, status), "{command:?}");
    }
}

#[test]
fn parts_of_an_export_in_a_bucket_are_summarized_and_verified() {
    let copies = Copies::new();
    let export = url("audit.ndjson");
    let mut summaries = Vec::new();
    for number in 1..=3 {
        let (part, name) = (format!("{number}/3"), format!("part-{number}.summary"));
        copies.command(&["summarize", &export, "--part", &part, "-o", &name]).assert().success();
        copies.upload(&name);
        summaries.push(url(&name));
    }
    let summaries: Vec<&str> = summaries.iter().map(String::as_str).collect();
    let merged =
        [&["verify", &export, "--trust", "trust.txt", "--json", "--summaries"], &summaries[..]].concat();
    let (report, status) = copies.output(&merged);
    let whole = copies.output(&["verify", "audit.ndjson", "--trust", "trust.txt", "--json"]);
    assert_eq!((without_summaries(&report, 3), status), whole);
}

#[test]
fn what_cannot_be_read_from_a_bucket_is_said() {
    let copies = Copies::new();
    for (url, error) in
        [(url("other.ndjson"), "error[io.not_found]"), (format!("s3://{BUCKET}"), "error[arguments.invalid]")]
    {
        let says = predicate::str::contains(error).and(predicate::str::contains(&url));
        copies.command(&["verify", &url]).assert().code(2).stderr(says);
    }
    // An object can't be appended to.
    let resume = ["record", "--key", "app.key", "--resume", &url("audit.ndjson")];
    copies.command(&resume).assert().code(2);
}
