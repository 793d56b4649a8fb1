//! Help with examples, and completions.

mod common;

use assert_cmd::Command;
use predicates::prelude::*;

const COMMANDS: [&str; 25] = [
    "init",
    "dev",
    "keygen",
    "record",
    "grant",
    "revoke",
    "seal",
    "slice",
    "verify",
    "summarize",
    "show",
    "report",
    "check",
    "receipt",
    "export",
    "inventory",
    "risk",
    "evidence",
    "enforce",
    "monitor",
    "forks",
    "backup",
    "token",
    "witness",
    "completions",
];

#[test]
fn every_command_helps_with_examples() {
    let help = |args: &[&str]| Command::cargo_bin("countersign").unwrap().args(args).assert().success();
    for command in COMMANDS {
        help(&[command, "--help"]).stdout(
            predicate::str::contains(format!("Examples:\n  countersign {command} "))
                .or(predicate::str::contains(format!("| countersign {command} "))),
        );
        help(&["--help"]).stdout(predicate::str::contains(format!("\n  {command} ")));
    }
    help(&["--version"]).stdout(predicate::str::starts_with("countersign "));
}

#[test]
fn every_shell_is_completed() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let assert =
            Command::cargo_bin("countersign").unwrap().args(["completions", shell]).assert().success();
        let script = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        assert!(COMMANDS.iter().all(|command| script.contains(command)), "{shell}");
        assert!(script.contains("save-pin"), "{shell}");
    }
}
