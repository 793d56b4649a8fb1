//! Cost of searching an export for a rare actor, on two threads, compared with verifying it alone, and with
//! other programs that search the same file without verifying.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use super::contest::Samples;
use super::figure::{Figure, Target};
use super::{Bench, MEGABYTE};
use crate::tools::Tools;
use crate::{python, run};

/// An export of 200 MB.
const EVENTS: u64 = 280_000;
/// An actor with few events: about eleven in a million.
const ACTOR: &str = "u_30001";
/// The maximum cost of verifying and searching, relative to verifying.
const MAX_RATIO: f64 = 1.1;
const THREADS: &str = "2";

/// Returns the number of events in the export.
pub(super) fn events(bench: &Bench<'_>) -> u64 {
    bench.args.events.unwrap_or_else(|| bench.scaled(EVENTS))
}

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.build_natives()?;
    let place = bench.tools.path("target/bench/query");
    fs::create_dir_all(&place)?;
    let events = events(bench);
    bench.tools.progress.step(&format!("export of {events} events"), |log| {
        log.run(bench.benches().arg("realistic").arg(&place).args(["--events", &events.to_string()]))
    })?;
    let figures = compare(bench, &place);
    fs::remove_dir_all(&place)?;
    figures
}

fn compare(bench: &Bench<'_>, place: &Path) -> Result<Vec<Figure>> {
    let export = place.join("export.ndjson");
    let program = |command: &str| {
        let mut program = Command::new(bench.release("countersign"));
        program.arg(command).arg(&export).arg("--trust").arg(place.join("trust.txt"));
        program.args(["--json", "--threads", THREADS]).env("XDG_STATE_HOME", place);
        program
    };
    let asking = |how: &[&str]| {
        let mut show = program("show");
        show.args(["--query", &format!("actor:{ACTOR}")]).args(how);
        show
    };
    let mut names = vec!["verify", "show --query", "jq", "DuckDB", "ripgrep"];
    let mut programs = vec![program("verify"), asking(&[])];
    for (name, other) in
        [("jq", jq(bench.tools)), ("DuckDB", duckdb(bench.tools)?), ("ripgrep", ripgrep(bench.tools))]
    {
        match other {
            Some(mut other) => programs.push({
                other.arg(&export);
                other
            }),
            None => names.retain(|known| *known != name),
        }
    }
    // Read everything once, so that the first contestant doesn't have to read from disk.
    fs::read(&export).map(drop)?;
    let side = place.join("export.ndjson.csindex");
    let made = bench.tools.progress.step("making the index", |_| {
        let mut made = Vec::new();
        for _ in 0..bench.args.rounds {
            if side.exists() {
                fs::remove_file(&side)?;
            }
            made.push(seconds(&mut asking(&["--index"]))?);
        }
        Ok(made)
    })?;
    names.push("`show --query --index`");
    programs.push(asking(&["--index"]));
    let mut taken = vec![Vec::new(); programs.len()];
    bench.tools.progress.step("queries", |_| {
        for _ in 0..bench.args.rounds {
            for (program, taken) in programs.iter_mut().zip(&mut taken) {
                taken.push(seconds(program)?);
            }
        }
        Ok(())
    })?;
    let samples: Vec<Samples> = taken.into_iter().map(Samples::from_rounds).collect();
    let [verify, show, others @ ..] = &samples[..] else {
        anyhow::bail!("the contestants returned no samples")
    };
    let bytes = fs::metadata(&export)?.len() as f64;
    let mut figures = vec![
        Figure::new("`show --query` / `verify`", "times", show.ratio(verify))
            .with_target(Target::AtMost(MAX_RATIO)),
        Figure::new("`show --query`", "s", show.clone()),
        Figure::new("`show --query`", "MB/s", show.map(|seconds| bytes / MEGABYTE / seconds)),
    ];
    for (name, other) in names.iter().skip(2).zip(others) {
        figures.push(Figure::new(format!("{name} / `show --query`"), "times", other.ratio(show)));
    }
    figures.push(Figure::new("making the index file", "s", Samples::from_rounds(made)));
    let kept = fs::metadata(&side)?.len() as f64;
    figures.push(Figure::new(
        "size of the index file / of the export",
        "%",
        Samples::one(100.0 * kept / bytes),
    ));
    Ok(figures)
}

/// Returns the seconds that a program takes.
fn seconds(program: &mut Command) -> Result<f64> {
    let start = Instant::now();
    run::output(program)?;
    Ok(start.elapsed().as_secs_f64())
}

/// Returns a program, installing its Debian package as root if needed; `None` if that isn't possible.
fn debian(tools: &Tools, program: &str, package: &str) -> Option<PathBuf> {
    if let Some(found) = run::find(program) {
        return Some(found);
    }
    // A missing program is evident from its missing figure.
    let _ = tools.progress.step(package, |log| run::apt_install(log, &[package]));
    run::find(program)
}

fn jq(tools: &Tools) -> Option<Command> {
    debian(tools, "jq", "jq").map(|jq| {
        let mut command = Command::new(jq);
        command.args(["-c", &format!("select(.event.actor.id? == \"{ACTOR}\")")]);
        command
    })
}

fn ripgrep(tools: &Tools) -> Option<Command> {
    debian(tools, "rg", "ripgrep").map(|ripgrep| {
        let mut command = Command::new(ripgrep);
        command.args(["--threads", THREADS, "--fixed-strings", &format!("\"id\":\"{ACTOR}\"")]);
        command
    })
}

fn duckdb(tools: &Tools) -> Result<Option<Command>> {
    let programs = python::environment(tools, "duckdb", "benches/requirements.txt")?;
    Ok(programs.map(|programs| {
        let mut command = Command::new(programs.join("python"));
        let sql = format!(
            "SELECT json FROM read_ndjson_objects(?, maximum_object_size=8388608) WHERE json->>'$.event.actor.id' = '{ACTOR}'"
        );
        let script = format!(
            "import sys,duckdb\nbase=duckdb.connect(config={{'threads':{THREADS}}})\n\
             for row in base.execute({sql:?},[sys.argv[1]]).fetchall(): print(row[0])"
        );
        command.args(["-c", &script]);
        command
    }))
}
