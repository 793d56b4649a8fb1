//! Disasters that the operators' guides describe. Each script in `drills` causes one, runs the commands of the guide in
//! their order, and checks what the guide promises. A line `page GUIDE "SECTION" N` of a script is replaced by the Nth
//! shell block of that section, with the places of [`PLACES`]. The line `# kinds:` names the kinds of logs for which the
//! script runs. `DRILL=journal` runs one script alone.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::free_address::free_address;
use crate::deploy::is_here;

/// The drilled guides, each with its drilled sections; an empty list selects all sections.
const GUIDES: [(&str, &[&str]); 6] = [
    ("backup.md", &[]),
    ("disk-full.md", &[]),
    ("object-stores.md", &[]),
    ("rotating-the-log-key.md", &[]),
    (
        "running-tenant-logs.md",
        &[
            "End a customer's log",
            "Continue it as another log",
            "Continue a log that lost entries",
            "Continue a log without tenants",
            "Move a tenant to another log server",
            "If the old server is lost",
        ],
    ),
    ("stopped-log.md", &[]),
];
/// The places in the guides, and those in a drill. The prelude sets the variables.
const PLACES: [(&str, &str); 9] = [
    ("/var/lib/", "$ROOT/var/lib/"),
    ("/backup/", "$ROOT/backup/"),
    ("/mnt/", "$ROOT/mnt/"),
    ("/etc/countersign/", "$ROOT/etc/countersign/"),
    ("s3://", "$ROOT/s3/"),
    ("https://mirror.example/HASH", "$MIRROR/$HASH"),
    ("https://log.example", "$SERVER"),
    ("127.0.0.1:8080", "127.0.0.1:$PORT"),
    ("--tick 10s", "--tick 1s"),
];
/// The number of drills that run at the same time.
const THREADS: usize = 4;
/// The time after which a drill is ended.
const DEADLINE: Duration = Duration::from_mins(15);

/// A shell block of a guide.
struct Block {
    section: String,
    /// The block's number within its section, from 1.
    number: usize,
    commands: String,
}

/// Returns the shell blocks of a guide.
fn blocks(guide: &str) -> Vec<Block> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(guide);
    let guide = fs::read_to_string(path).expect("the guide");
    let mut blocks: Vec<Block> = Vec::new();
    let (mut section, mut number, mut fence) = (String::new(), 0, None);
    for line in guide.lines() {
        match (line.trim_start().strip_prefix("```"), fence) {
            (Some("sh"), None) => {
                number += 1;
                blocks.push(Block { section: section.clone(), number, commands: String::new() });
                fence = Some("sh");
            }
            (Some(_), None) => fence = Some("another language"),
            (Some(_), Some(_)) => fence = None,
            (None, Some("sh")) => {
                let commands = &mut blocks.last_mut().expect("the block").commands;
                commands.push_str(line);
                commands.push('\n');
            }
            (None, Some(_)) => {}
            (None, None) => {
                if let Some((marks, title)) = line.split_once(' ')
                    && marks.starts_with('#')
                {
                    (section, number) = (title.to_owned(), 0);
                }
            }
        }
    }
    blocks
}

/// Parses a line `page GUIDE "SECTION" NUMBER` of a drill.
fn page(line: &str) -> Option<(&str, &str, usize)> {
    let (guide, rest) = line.trim_start().strip_prefix("page ")?.split_once(" \"")?;
    let (section, number) = rest.split_once("\" ")?;
    Some((guide, section, number.parse().ok()?))
}

fn drills() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testsuite/drills")
}

/// A script with the kinds of logs that it is for.
struct Drill {
    name: String,
    kinds: Vec<String>,
    text: String,
}

impl Drill {
    fn all() -> Vec<Self> {
        let files = fs::read_dir(drills()).expect("the drills").map(|file| file.expect("a drill").path());
        let mut files: Vec<_> =
            files.filter(|file| file.extension().is_some_and(|end| end == "sh")).collect();
        files.sort();
        files.retain(|file| file.file_name().is_some_and(|name| name != "prelude.sh"));
        files.iter().map(|file| Self::read(file)).collect()
    }

    fn read(file: &Path) -> Self {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(file).expect("a drill");
        let kinds = text.lines().find_map(|line| line.strip_prefix("# kinds: "));
        let kinds = kinds.unwrap_or_else(|| panic!("{name} has no line `# kinds: `"));
        let kinds = kinds.split(' ').map(str::to_owned).collect();
        Self { name, kinds, text }
    }

    /// Returns the script that runs, with the commands of the guides.
    fn script(&self) -> String {
        let mut script = format!(". {}\n", drills().join("prelude.sh").display());
        for line in self.text.lines() {
            if let Some((guide, section, number)) = page(line) {
                let blocks = blocks(guide);
                let block =
                    blocks.into_iter().find(|block| block.section == section && block.number == number);
                let block = block.unwrap_or_else(|| panic!("{}: {line}: there is no such block", self.name));
                let mut commands = block.commands;
                for (place, replacement) in PLACES {
                    commands = commands.replace(place, replacement);
                }
                let _ = write!(script, "note {line}\n{commands}");
            } else {
                let _ = writeln!(script, "{line}");
            }
        }
        script
    }

    /// Runs the script for a kind of log. Returns the output if it fails.
    fn run(&self, kind: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().expect("a folder");
        let (script, output) = (folder.path().join("drill.sh"), folder.path().join("output"));
        fs::write(&script, self.script()).expect("written");
        let program = Path::new(env!("CARGO_BIN_EXE_countersign")).parent().expect("a folder");
        let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("PATH"));
        let file = File::create(&output).expect("the output");
        let mut command = Command::new("bash");
        command.arg(&script).current_dir(folder.path());
        for name in ["PORT", "PORT2", "MIRROR_PORT"] {
            command.env(name, free_address().port().to_string());
        }
        let mut child = command
            .env("PATH", path)
            .env("KIND", kind)
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG")
            .env_remove("COUNTERSIGN_TOKEN")
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the output"))
            .stderr(file)
            .process_group(0)
            .spawn()
            .expect("bash");
        let began = Instant::now();
        let status = loop {
            match child.try_wait().expect("its status") {
                Some(status) => break status.to_string(),
                None if began.elapsed() > DEADLINE => {
                    // With the servers that it started.
                    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
                    let _ = child.wait();
                    break format!("no end within {} seconds", DEADLINE.as_secs());
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        if status == "exit status: 0" {
            return Ok(());
        }
        let output = fs::read(output).expect("the output");
        let output = String::from_utf8_lossy(&output);
        Err(format!("drill {} with KIND={kind} failed: {status}\n{output}", self.name))
    }
}

#[test]
fn disasters_end_as_the_guides_promise() {
    if !["curl", "jq"].into_iter().all(is_here) {
        return;
    }
    let mut drills = Drill::all();
    if let Ok(only) = std::env::var("DRILL") {
        drills.retain(|drill| drill.name == only);
    }
    assert!(!drills.is_empty(), "there are drills");
    let mut runs = drills.iter().flat_map(|drill| drill.kinds.iter().map(move |kind| (drill, kind)));
    let runs = Mutex::new(&mut runs);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    // The lock is released before the drill runs.
                    let run = runs.lock().expect("no panic").next();
                    let Some((drill, kind)) = run else { break };
                    if let Err(failure) = drill.run(kind) {
                        failures.lock().expect("no panic").push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn each_command_of_the_guides_is_drilled() {
    let drills = Drill::all();
    let lines = drills.iter().flat_map(|drill| drill.text.lines().filter_map(page));
    let drilled: BTreeSet<_> =
        lines.map(|(guide, section, number)| (guide.to_owned(), section.to_owned(), number)).collect();
    let mut commands = BTreeSet::new();
    for (guide, sections) in GUIDES {
        for block in blocks(guide) {
            if sections.is_empty() || sections.contains(&&*block.section) {
                commands.insert((guide.to_owned(), block.section, block.number));
            }
        }
    }
    let missing: Vec<_> = commands.difference(&drilled).collect();
    assert!(missing.is_empty(), "no drill runs these commands: {missing:#?}");
    let unknown: Vec<_> = drilled.difference(&commands).collect();
    assert!(unknown.is_empty(), "no listed guide has these commands: {unknown:#?}");
}
