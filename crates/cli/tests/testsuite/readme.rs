//! Runs the commands of the guides, in order, in an empty folder.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::common::Place;
use crate::common::free_address::free_address;

/// The address of the log in the tutorial.
const LISTENS: &str = "127.0.0.1:8080";

/// The first tutorial.
const TUTORIAL: &str = include_str!("../../../../docs/first-log.md");

/// Returns the shell blocks of a section.
fn commands(text: &str, section: &str) -> Vec<String> {
    let (_, section) = text.split_once(&format!("\n## {section}\n")).expect("the section");
    blocks(section.split("\n## ").next().unwrap_or_default())
}

/// Returns the outputs that a section shows.
fn outputs<'a>(text: &'a str, section: &str) -> Vec<&'a str> {
    let (_, section) = text.split_once(&format!("\n## {section}\n")).expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let outputs = section.split("\n```text\n").skip(1);
    outputs.filter_map(|output| Some(output.split_once("\n```")?.0)).collect()
}

fn blocks(text: &str) -> Vec<String> {
    let blocks = text.split("\n```sh\n").skip(1);
    let blocks: Vec<_> = blocks.filter_map(|block| Some(block.split_once("\n```")?.0.into())).collect();
    assert!(!blocks.is_empty(), "there are commands");
    blocks
}

/// Runs a script in which each command must succeed, except those marked with ✗ in a comment.
fn run(folder: &Path, script: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_countersign")).parent().expect("a folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("PATH"));
    let mut lines = String::from("set -eu\n");
    for line in script.lines() {
        let fails = if line.contains("# ✗") { "! " } else { "" };
        let _ = writeln!(lines, "{fails}{line}");
    }
    let output = Command::new("bash")
        .args(["-c", &lines])
        .current_dir(folder)
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .output()
        .expect("bash");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{lines}\n{}\n{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout)
}

#[test]
fn tutorial_commands_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut script = commands(TUTORIAL, "Create and verify a log");
    script.extend(commands(TUTORIAL, "Search, and save what you find"));
    script.extend(commands(TUTORIAL, "Look for attacks"));
    let said = run(folder.path(), &script.join("\n"));
    let verdicts: Vec<_> = said.lines().filter(|line| line.starts_with(['✓', '✗', '?'])).collect();
    assert!(verdicts[0].starts_with("✓ Verified."), "init: {said}");
    for (verdict, shown) in verdicts[1..].iter().zip(outputs(TUTORIAL, "Create and verify a log")) {
        assert_eq!(*verdict, shown);
    }
    for made in ["lin.ndjson", "audit.parquet"] {
        assert!(folder.path().join(made).is_file(), "{made}");
    }
}

#[test]
fn guide_commands_work() {
    let guides = [
        include_str!("../../../../docs/importing-logs.md"),
        include_str!("../../../../docs/trust-and-keys.md"),
        include_str!("../../../../docs/post-quantum.md"),
    ];
    for (guide, verdicts) in guides.into_iter().zip([3, 1, 1]) {
        let folder = tempfile::tempdir().expect("a folder");
        let said = run(folder.path(), &blocks(guide).join("\n"));
        assert_eq!(said.matches("✓ Verified.").count(), verdicts, "{said}");
    }
}

#[test]
fn parser_commands_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let guide = include_str!("../../../../docs/parsers.md");
    let section = "From an unknown event to a tested parser";
    let said = run(folder.path(), &commands(guide, section).join("\n"));
    let outputs = outputs(guide, section);
    assert_eq!(outputs.len(), 3);
    for output in outputs {
        assert!(said.contains(output), "{output}\n{said}");
    }
    assert!(said.contains("✓ 1 parser, 3 cases passed"), "{said}");
    assert!(said.ends_with(" doors   3\n"), "{said}");
}

#[test]
fn installed_program_can_be_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let guide = include_str!("../../../../docs/install.md");
    let said = run(folder.path(), &commands(guide, "Check the program").join("\n"));
    assert!(said.starts_with(concat!("countersign ", env!("CARGO_PKG_VERSION"), "\n")), "{said}");
    assert_eq!(said.matches("✓ Verified.").count(), 2, "init, and the command: {said}");
}

#[test]
fn log_server_commands_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let event = r#"{"action":"job.delete","actor":{"id":"u_1"},"target":{"type":"job","id":"42"}}"#;
    std::fs::write(folder.path().join("events.ndjson"), format!("{event}\n")).expect("written");
    let free = free_address();

    let mut script = String::new();
    for block in commands(TUTORIAL, "Send events to a log server") {
        for line in block.lines() {
            match line.strip_prefix("countersign serve") {
                Some(rest) => {
                    let rest = rest.trim_end_matches(" &");
                    script += &started(&format!("countersign serve{rest} --listen {LISTENS}"));
                }
                // Tiles contain no events, so "partial" is the best verdict.
                None if line.starts_with("countersign check") => {
                    let (command, _) = line.split_once('#').expect("a comment");
                    let _ = writeln!(script, "{command} || test $? = 4");
                }
                None => script = script + line + "\n",
            }
        }
    }
    let said = run(folder.path(), &script.replace(LISTENS, &free.to_string()));
    assert!(said.contains("✓ Verified."), "{said}");
    assert!(folder.path().join("log.pin").is_file(), "the checked log's pin");
}

#[test]
fn rows_are_written_in_parts_as_shown() {
    let place = Place::new();
    place.sealed(40);
    let script = commands(include_str!("../../../../docs/parquet.md"), "In parts").join("\n");
    let said = run(&place.path(""), &script);
    assert_eq!(said.matches("✓ Verified.").count(), 2, "{said}");
}

#[test]
fn log_records_are_accepted_as_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let blocks = commands(include_str!("../../../../docs/otlp-intake.md"), "Set it up");
    let [keys, start, records] = &blocks[..] else { panic!("{blocks:?}") };
    let address = free_address();
    let server = |command: &str| started(&format!("{command} --listen {address}"));
    // The folder is that of a log that has run before.
    let before = server("countersign serve --origin log.example/audit --dir countersign-log");
    let stopped = "kill $served; wait $served || true\n";
    let script = [&before, stopped, keys, "\n", &server(start.trim()), records].concat();
    // A command of several lines.
    let script = script.replace("-d '\n", "-d '").replace("}]},\n", "}]},").replace("0000\",\n", "0000\",");
    let said = run(folder.path(), &script.replace(LISTENS, &address.to_string()));
    assert!(said.starts_with("{}") && said.contains("✓ Verified."), "{said}");
    for shown in ["job.delete", "log.example/otlp"] {
        assert!(said.contains(shown), "{shown}: {said}");
    }
}

/// Returns the commands that start a log server at this address, and stop it at the end.
fn serve(address: &SocketAddr) -> String {
    let server =
        format!("countersign serve --origin log.example/audit --dir countersign-log --listen {address}");
    started(&server) + "LOG_VKEY=$(sed -n 's/^log //p' countersign-log/trust.txt)\n"
}

/// Returns the commands that start a server, wait until it listens, and stop it at the end.
fn started(server: &str) -> String {
    // The file of a server that ran before also says that it listens.
    format!(
        "rm -f served; {server} 2> served &\n\
         served=$!; trap 'kill $served; wait $served || true' EXIT\n\
         until grep -q listens served; do kill -0 $served; sleep 0.05; done\n"
    )
}

#[test]
fn an_event_follows_from_its_cose_receipt_as_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let event = r#"{"action":"job.delete","actor":{"id":"u_1"},"target":{"type":"job","id":"42"}}"#;
    std::fs::write(folder.path().join("events.ndjson"), format!("{event}\n")).expect("written");
    let log = free_address();
    let mut script = serve(&log);
    script += "APP_VKEY=$(countersign keygen example.com/app -o app.key)\n\
               echo \"emitter $APP_VKEY\" >> countersign-log/trust.txt\n\
               cp countersign-log/trust.txt trust.txt\n\
               export COUNTERSIGN_TOKEN=$(countersign token add auditor --dir countersign-log)\n";
    script +=
        &until("countersign record events.ndjson --key app.key --to https://log.example --log $LOG_VKEY");
    script += &blocks(include_str!("../../../../docs/cose-receipts.md")).join("\n");
    let said = run(folder.path(), &script.replace("https://log.example", &format!("http://{log}")));
    assert!(said.contains("✓ Verified. This entry is in the log, whose key you trust.\n"), "{said}");
}

/// Repeats a command until it succeeds: the server reads its trust file again only a moment after it changed.
fn until(command: &str) -> String {
    format!("for i in $(seq 300); do {command} && break; test $i != 300; sleep 0.1; done\n")
}

#[test]
fn emitters_and_witnesses_are_added_as_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let event = r#"{"action":"job.delete","actor":{"id":"u_1"},"target":{"type":"job","id":"42"}}"#;
    std::fs::write(folder.path().join("events.ndjson"), format!("{event}\n")).expect("written");
    let (log, witness) = (free_address(), free_address());
    let mut script = serve(&log);
    for line in blocks(include_str!("../../../../docs/emitters.md"))[0].lines() {
        let line = if line.starts_with("countersign grant") { until(line) } else { format!("{line}\n") };
        script.push_str(&line);
    }
    let witnesses = include_str!("../../../../docs/witnesses.md");
    for line in commands(witnesses, "Run a witness").join("\n").lines() {
        match line.split_once("  #") {
            Some((keygen, _)) => {
                let _ = writeln!(script, "WITNESS_VKEY=$({keygen})");
            }
            None if line.starts_with("countersign witness") => {
                let line = line.replace("0.0.0.0:8081", &witness.to_string());
                let _ = writeln!(script, "{line} 2> witnessed &");
                script += "trap 'kill $served $!; wait $served || true' EXIT\n";
                script += "until grep -q listens witnessed; do kill -0 $!; sleep 0.05; done\n";
            }
            None => {
                let _ = writeln!(script, "{line}");
            }
        }
    }
    // Readers who require the witness accept the log only with its cosignature, which the log gets when it grows.
    let record = "countersign record events.ndjson --key app.key --to https://log.example --log $LOG_VKEY";
    let check = "countersign check https://log.example --trust countersign-log/trust.txt";
    script += &until(&format!("{record} && ({check} || test $? = 4)"));
    let script = script
        .replace("/var/lib/countersign", "countersign-log")
        .replace("https://log.example", &format!("http://{log}"))
        .replace("https://witness.example", &format!("http://{witness}"));
    let said = run(folder.path(), &script);
    assert!(said.contains("witness"), "{said}");
}

#[test]
fn one_finding_is_filed_as_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let guide = include_str!("../../../../docs/evidence.md");
    let event = r#"{"action":"log.disable","actor":{"id":"u_1"},"target":{"type":"log","id":"1"}}"#;
    std::fs::write(folder.path().join("events.ndjson"), format!("{event}\n")).expect("written");
    let page = "<!doctype html>\n<countersign-page></countersign-page>\n";
    std::fs::write(folder.path().join("page.html"), page).expect("written");
    let mut script = String::from(
        "countersign init\n\
         cp audit/trust.txt .\n\
         countersign record --key audit/app.key --origin localhost/audit events.ndjson -o more.ndjson\n\
         countersign seal --log-key audit/log.key --trust trust.txt audit/audit.ndjson more.ndjson -o audit.ndjson\n",
    );
    for line in commands(guide, "File one finding").join("\n").lines() {
        let _ = match line.strip_prefix("countersign report") {
            Some(rest) => writeln!(script, "countersign report{rest} --page page.html || test $? = 4"),
            None => writeln!(script, "{line}\nID=$(basename findings/*.ndjson .ndjson)"),
        };
    }
    let said = run(folder.path(), &script);
    assert!(folder.path().join("finding.html").is_file(), "{said}");
}

#[test]
fn signed_records_are_verified_as_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let event = r#"{"action":"job.delete","actor":{"id":"u_1"},"target":{"type":"job","id":"1"}}"#;
    std::fs::write(folder.path().join("events.ndjson"), format!("{event}\n")).expect("written");
    let script = String::from(
        "countersign init\n\
         cp audit/trust.txt audit/app.key .\n\
         countersign record --key app.key --origin localhost/audit events.ndjson -o more.ndjson\n\
         countersign seal --log-key audit/log.key --trust trust.txt audit/audit.ndjson more.ndjson -o audit.ndjson\n",
    );
    let guide = include_str!("../../../../docs/feeds.md");
    run(folder.path(), &(script + &commands(guide, "Signed OpenTelemetry records").join("\n")));
    let records = std::fs::read_to_string(folder.path().join("records.ndjson")).expect("the records");
    assert!(records.contains("countersign.integrity.verified_with"), "{records}");
}

/// Returns a guide's YAML blocks that start with this line.
fn yaml<'a>(guide: &'a str, begins: &str) -> &'a str {
    let mut blocks =
        guide.split("\n```yaml\n").skip(1).filter_map(|block| Some(block.split_once("\n```")?.0));
    blocks.find(|block| block.starts_with(begins)).expect("the block")
}

#[test]
fn guide_rules_pass_their_cases() {
    let guide = include_str!("../../../../docs/detection.md");
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("my-rules");
    std::fs::create_dir(&rules).expect("a folder");
    std::fs::write(rules.join("invoices.yml"), yaml(guide, "title: ")).expect("the rules");
    std::fs::write(rules.join("invoices.cases.yml"), yaml(guide, "rule: ")).expect("the cases");
    let said = run(folder.path(), "countersign rules test my-rules/");
    assert!(said.contains("2 cases passed"), "{said}");
}

#[test]
fn mirror_commands_work() {
    let place = crate::common::Place::new();
    place.sealed(3);
    crate::common::log::publish(&place.path("log"), &place.read("audit.ndjson"));
    let guide = include_str!("../../../../docs/mirrors.md");
    let script = commands(guide, "Copy a log").join("\n").replace("https://log.example", "log");
    let said = run(&place.path(""), &script);
    assert!(said.starts_with("✓ Unchanged, and no entry of the range is missing"), "{said}");
}
