//! Help with examples, and shell completions.

use assert_cmd::Command;
use predicates::prelude::*;

const COMMANDS: [&str; 32] = [
    "init",
    "dev",
    "fsck",
    "keygen",
    "record",
    "grant",
    "revoke",
    "seal",
    "serve",
    "slice",
    "verify",
    "summarize",
    "show",
    "report",
    "analyze",
    "watch",
    "feed",
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
    "tenant",
    "token",
    "witness",
    "mirror",
    "completions",
];

#[test]
fn each_command_has_help_with_examples() {
    let help = |args: &[&str]| Command::cargo_bin("countersign").unwrap().args(args).assert().success();
    for command in COMMANDS {
        help(&[command, "--help"]).stdout(
            predicate::str::contains(format!("\n  countersign {command} "))
                .or(predicate::str::contains(format!("| countersign {command} "))),
        );
        let told = help(&[command, "--help"]).get_output().stdout.clone();
        let told = String::from_utf8(told).unwrap();
        let (_, examples) = told.split_once("\nExamples:\n").unwrap();
        // Wider lines wrap in terminals, and can't be pasted.
        let wide: Vec<&str> = examples
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("  # ") && line.len() > 80)
            .collect();
        assert!(wide.is_empty(), "{command}: {wide:?}");
        // cron does not support continuation lines.
        let scheduled = examples.lines().find(|line| line.contains(" * * * ") && line.ends_with('\\'));
        assert_eq!(scheduled, None, "{command}");
        help(&["--help"]).stdout(predicate::str::contains(format!("\n  {command} ")));
    }
    help(&["--version"]).stdout(predicate::str::starts_with("countersign "));
}

#[test]
fn completes_all_shells() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let assert =
            Command::cargo_bin("countersign").unwrap().args(["completions", shell]).assert().success();
        let script = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        assert!(COMMANDS.iter().all(|command| script.contains(command)), "{shell}");
        assert!(script.contains("save-pin"), "{shell}");
    }
}
