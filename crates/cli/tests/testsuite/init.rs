//! `countersign init`: from nothing to a verified event.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use predicates::prelude::*;

use crate::common::serving::ServedLog;
use crate::common::{ORIGIN, Place};

fn assert_secret(place: &Place, file: &str) {
    let mode = fs::metadata(place.path(file)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{file}");
}

#[test]
fn creates_a_verified_log_in_a_file_once() {
    let place = Place::new();
    place.run(&["init", "--name", "example.org"]).success().stderr(predicate::str::contains("warning").not());
    place.run(&["verify", "audit/audit.ndjson", "--trust", "audit/trust.txt"]).success();
    place
        .run(&["show", "audit/audit.ndjson", "--trust", "audit/trust.txt"])
        .success()
        .stdout(predicate::str::contains("countersign.init"));
    for file in ["audit/issuer.key", "audit/app.key", "audit/log.key", "audit/.env"] {
        assert_secret(&place, file);
    }
    assert!(place.read("audit/.env").starts_with("AUDIT_KEY=PRIVATE+KEY+example.org/app+"));
    let keys = place.read("audit/issuer.key");
    place.run(&["init"]).code(2).stderr(predicate::str::contains("already exists"));
    assert_eq!(place.read("audit/issuer.key"), keys);
}

#[test]
fn creates_a_served_log_with_an_event() {
    let place = Place::new();
    place.write("log-trust.txt", format!("log {}\n", place.log));
    let args = ["--dir", "log", "--origin", ORIGIN, "--key", "log.key", "--trust", "log-trust.txt"];
    let serving = ServedLog::start(&place.path("."), &[&args[..], &["--listen", "127.0.0.1:0"]].concat());
    let init = ["init", "--name", "example.org", "--to", serving.url(), "--log", &place.log];
    let refused = place.run(&init).code(1).get_output().stderr.clone();
    let refused = String::from_utf8(refused).unwrap();
    let line = refused.split('`').find(|part| part.starts_with("issuer ")).expect(&refused).to_owned();
    place.write("log-trust.txt", format!("log {}\n{line}\n", place.log));
    let begun = std::time::Instant::now();
    // The server checks the file every second.
    while !place.command(&init).output().unwrap().status.success() {
        assert!(begun.elapsed() < std::time::Duration::from_mins(1), "the issuer is let in");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_secret(&place, "audit/.env");
    place.run(&init).code(2).stderr(predicate::str::contains("the first event is already in the log"));
    let token = place.run(&["token", "add", "ada", "--dir", "log"]).success().get_output().stdout.clone();
    let mut export = place.command(&["export", "--dir", serving.url(), "-o", "all.ndjson"]);
    export.env("COUNTERSIGN_TOKEN", String::from_utf8(token).unwrap().trim()).assert().success();
    place.run(&["verify", "all.ndjson", "--trust", "audit/trust.txt"]).success();
    assert!(place.read("all.ndjson").contains("countersign.init"));
}

#[test]
fn creates_projects_without_overwriting() {
    for (template, secret) in [("node", ".env"), ("worker", ".dev.vars"), ("next", ".env.local")] {
        let place = Place::new();
        place
            .run(&["init", "--template", template, "My App"])
            .success()
            .stderr(predicate::str::contains(".tgz && npm run dev"));
        let read = |file: &str| place.read(&format!("My App/{file}"));
        assert!(read("package.json").contains("\"name\": \"my-app\""));
        assert!(!read("package.json").contains("{{"));
        let ignored = read(".gitignore");
        let is_ignored = |file: &str| {
            ignored.lines().any(|line| {
                let (start, end) = line.split_once('*').unwrap_or((line, ""));
                file.starts_with(start) && file.ends_with(end)
            })
        };
        assert!(is_ignored(secret) && is_ignored(".countersign"), "{ignored}");
        assert_secret(&place, &format!("My App/{secret}"));
        assert!(
            read(secret).contains("\nAUDIT_KEY=PRIVATE+KEY+localhost/dev-app+"),
            "the variable begins a line"
        );
        let variables = read(secret);
        assert!(variables.contains("\nCOUNTERSIGN_TOKEN=csr_"), "the file lets the reader read");
        assert!(read("package.json").contains(&format!("countersign dev --env {secret} -- ")));
        assert!(is_ignored("export.ndjson") && read("README.md").contains(&format!(". ./{secret}")));
        let key = read(secret);
        std::fs::remove_file(place.path("My App/package.json")).unwrap();
        place
            .run(&["init", "--template", template, "My App"])
            .code(2)
            .stderr(predicate::str::contains("already exists"));
        assert_eq!(read(secret), key);
        assert!(!place.path("My App/package.json").exists());
    }
}

#[test]
fn an_installed_package_is_not_installed_again() {
    let place = Place::new();
    place.write("package.json", "{}");
    fs::create_dir_all(place.path("node_modules/countersign")).unwrap();
    place
        .run(&["init", "--template", "next"])
        .success()
        .stderr(predicate::str::contains("next: npx countersign dev --env .env.local -- npm run dev"));
}

#[test]
fn a_folder_needs_a_template() {
    Place::new().run(&["init", "app"]).code(2).stderr(predicate::str::contains("--template <KIND>"));
    Place::new().run(&["init", "--template", "rails", "app"]).code(2);
    Place::new().run(&["init", "--template", "node", "--dir", "keys"]).code(2);
}

#[test]
fn writes_nothing_to_a_project_that_it_can_not_complete() {
    let init = |place: &Place, code: &str| {
        place.write("package.json", "{}");
        place
            .run(&["init", "--template", "next", "."])
            .code(2)
            .stderr(predicate::str::contains(format!("error[{code}]")));
        assert!(!place.path(".countersign").exists());
        assert!(!place.path("app").exists());
    };
    let place = Place::new();
    fs::create_dir(place.path(".gitignore")).unwrap();
    init(&place, "io.is_directory");
    assert!(!place.path("audit.ts").exists());
    let place = Place::new();
    std::os::unix::fs::symlink("missing", place.path("audit.ts")).unwrap();
    init(&place, "io.exists");
    assert_eq!(fs::read_link(place.path("audit.ts")).unwrap().to_str(), Some("missing"));
}
