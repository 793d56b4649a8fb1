//! Readers' tokens, made and taken back by the program.

use predicates::prelude::*;
use predicates::str::contains;

use crate::common::Place;

fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path("countersign-log")).unwrap();
    place
}

#[test]
fn a_token_is_shown_once() {
    let place = place();
    let added = place.run(&["token", "add", "auditor"]).success();
    let token = String::from_utf8(added.get_output().stdout.clone()).unwrap();
    assert!(token.starts_with("csr_") && token.len() == 4 + 64 + 1);
    let listed = place.run(&["token", "list"]).success();
    listed.stdout(contains("auditor").and(contains("read")).and(contains(token.trim()).not()));
    assert!(!place.read("countersign-log/readers.txt").contains(token.trim()));
    place.run(&["token", "add", "auditor"]).code(2).stderr(contains("error[token.name]"));
}

#[test]
fn rights_and_ends() {
    let place = place();
    let args = ["token", "add", "privacy-desk", "--may", "read,erase", "--until", "2027-01-01"];
    place.run(&args).success().stderr(contains("privacy-desk may read and erase with"));
    place.run(&["token", "list"]).success().stdout(
        contains("privacy-desk").and(contains("read,erase")).and(contains("2027-01-01T00:00:00.000Z")),
    );
    place
        .run(&["token", "add", "eraser", "--right", "erase"])
        .success()
        .stderr(contains("eraser may erase with"));
    for args in [
        &["--right", "write"][..],
        &["--right", ""],
        &["--right", "read,read"],
        &["--until", "soon"],
        &["--action", "*"],
        &["--chain", "x"],
        &["--tenant", ""],
        &["--tenant", "a", "--tenant", "a"],
        &["--tenant", "a", "--right", "admin"],
    ] {
        place.run(&[&["token", "add", "other"], args].concat()).code(2);
    }
    place.run(&["token", "add", "two words"]).code(2).stderr(contains("error[token.name]"));
}

#[test]
fn a_token_for_some_events() {
    let place = place();
    let args = ["token", "add", "acme", "--tenant", "acme corp", "--action", "user.*", "--right", "read"];
    place
        .run(&args)
        .success()
        .stderr(contains("acme may read events of tenant=acme%20corp action=user.* with"));
    place.run(&["token", "add", "auditor"]).success();
    let listed = place.run(&["token", "list"]).success();
    listed.stdout(contains("tenant=acme%20corp action=user.*").and(contains("auditor  read  -      all")));
    assert!(
        place.read("countersign-log/readers.txt").contains(" read acme tenant=acme%20corp action=user.*\n")
    );
}

#[test]
fn a_token_that_has_ended_is_told_as_such() {
    let place = Place::new();
    std::fs::create_dir(place.path("log")).unwrap();
    for (until, warns) in [("2020-01-01", true), ("2999-01-01", false)] {
        let added = place.run(&["token", "add", until, "--dir", "log", "--until", until]).success();
        let said = String::from_utf8_lossy(&added.get_output().stderr).into_owned();
        assert_eq!(said.contains("the token ends in the past"), warns, "{said}");
    }
}

#[test]
fn a_token_is_taken_back() {
    let place = place();
    place.run(&["token", "list"]).success().stderr(contains("nobody may read"));
    place.run(&["token", "add", "auditor"]).success();
    place.run(&["token", "revoke", "auditor"]).success();
    place.run(&["token", "revoke", "auditor"]).code(2).stderr(contains("error[token.unknown]"));
    assert_eq!(place.read("countersign-log/readers.txt"), "");
}

#[test]
fn a_folder_that_is_none_and_a_file_that_is_broken() {
    let place = Place::new();
    for args in [&["list"][..], &["add", "auditor"], &["revoke", "auditor"]] {
        place
            .run(&[&["token"], args].concat())
            .code(2)
            .stderr(contains("error[io.not_found]").and(contains("--dir")));
    }
    std::fs::create_dir(place.path("log")).unwrap();
    place.write("log/readers.txt", "nonsense\n");
    for args in [&["list"][..], &["add", "auditor"], &["revoke", "auditor"]] {
        place
            .run(&[&["token"], args, &["--dir", "log"]].concat())
            .code(2)
            .stderr(contains("error[token.file]").and(contains("line 1")));
    }
}

#[test]
fn rules_that_contradict_each_other_start_no_server() {
    let place = place();
    for args in [
        &["--retain", "7y", "--retain", "8y"][..],
        &["--retain", "7"],
        &["--retain", "tenant=acme"],
        &["--hold", "acme"],
        &["--hold", "chain=x"],
        &["--host", "log.example:443"],
        &["--host", "https://log.example"],
        &["--host", "*.example"],
        &["--quota-events", "0"],
        &["--quota-bytes", "many"],
        &["--record-reads", "some"],
        &["--require-records", "--record-reads", "none"],
    ] {
        let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        place.run(&args).code(2);
    }
}

#[test]
fn many_tokens_are_added_and_revoked_at_once() {
    let place = place();
    place.run(&["token", "add", "there"]).success();
    let lines: Vec<String> = (0..12_000).map(|number| format!("t{number} tenant=t{number}")).collect();
    place.write("tenants.txt", format!("# our tenants\n\n{}\n", lines.join("\n")));
    let added = place.run(&["token", "add", "--from", "tenants.txt", "--until", "2099-01-01"]).success();
    let tokens = String::from_utf8(added.get_output().stdout.clone()).unwrap();
    assert_eq!(tokens.lines().count(), 12_000);
    assert!(tokens.lines().nth(7).unwrap().starts_with("t7\tcsr_"), "{}", &tokens[..200]);
    let file = place.read("countersign-log/readers.txt");
    assert!(file.len() > 1 << 20 && file.lines().count() == 12_001);
    assert!(file.lines().last().unwrap().ends_with(" read t11999 2099-01-01T00:00:00.000Z tenant=t11999"));
    let listed = place.run(&["token", "list"]).success();
    listed.stdout(contains("t11999").and(contains("there")));

    // All or none.
    place.write("wrong.txt", "new tenant=new\nnew color=red\n");
    let refused = place.run(&["token", "add", "--from", "wrong.txt"]).code(2);
    refused.stdout("").stderr(contains("error[token.line]").and(contains("wrong.txt: line 2")));
    place.write("wrong.txt", "new\nt5\n");
    place.run(&["token", "add", "--from", "wrong.txt"]).code(2).stdout("").stderr(contains("t5"));
    place.run(&["token", "revoke", "t5", "nobody"]).code(2).stderr(contains("error[token.unknown]"));
    assert_eq!(place.read("countersign-log/readers.txt"), file);

    // The list of tokens says who they are.
    place.write("tokens.txt", &tokens);
    place.run(&["token", "revoke", "--from", "tokens.txt"]).success().stderr(contains("12000 tokens"));
    assert_eq!(place.read("countersign-log/readers.txt").lines().count(), 1);
    place.run(&["token", "add"]).code(2);
    place.run(&["token", "add", "a", "--from", "tenants.txt"]).code(2);
    place.run(&["token", "revoke"]).code(2);
}
