//! Commands that can work on an export in parts, and their stages.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::bench::usage::{self, Usage};
use crate::run::{self, Log};

/// A command that can work on an export in parts. To measure another one, add it to [`PIPELINES`].
pub(super) struct Pipeline {
    /// The command for the whole export.
    whole: &'static [&'static str],
    /// The command that maps a part to a file.
    map: &'static [&'static str],
    /// The command that merges the files of adjacent parts into one.
    merge: Option<&'static [&'static str]>,
    /// The command that reduces the files to what the command for the whole export prints.
    reduce: &'static [&'static str],
}

pub(super) const PIPELINES: [Pipeline; 2] = [
    Pipeline {
        whole: &["verify"],
        map: &["summarize"],
        merge: Some(&["summarize", "--merge"]),
        reduce: &["verify", "--summaries"],
    },
    Pipeline { whole: &["analyze"], map: &["analyze"], merge: None, reduce: &["analyze", "--pieces"] },
];

/// The number of files that one process merges.
const MERGED_FILES: usize = 2;

/// A measured stage.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stage {
    /// For example, "4 parts, map: `summarize`".
    pub(super) name: String,
    /// The name of the stage with the whole export.
    pub(super) baseline: String,
    pub(super) usage: Usage,
    /// The size of all files that the stage writes for the next one.
    pub(super) bytes: Option<u64>,
}

/// The folder of an export and its parts, and the program.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    program: PathBuf,
    cores: usize,
}

impl Place {
    pub(super) fn new(folder: PathBuf, program: PathBuf) -> Result<Place> {
        Ok(Place { folder, program, cores: thread::available_parallelism()?.get() })
    }

    pub(super) fn export(&self) -> PathBuf {
        self.folder.join("export.ndjson")
    }

    pub(super) fn delete(&self) -> Result<()> {
        Ok(fs::remove_dir_all(&self.folder)?)
    }

    fn command(&self, command: &[&str]) -> Command {
        let mut program = Command::new(&self.program);
        program.args(command).env("XDG_STATE_HOME", &self.folder);
        program
    }

    /// Runs a command that prints a report, on all cores, and returns its usage and the report.
    fn report(&self, log: &Log, command: &[&str], inputs: &[PathBuf]) -> Result<(Usage, Vec<u8>)> {
        let printed = self.folder.join("printed.json");
        let mut program = self.command(command);
        program.args(inputs).arg("--trust").arg(self.folder.join("trust.txt"));
        program.args(["--json", "--threads", &self.cores.to_string()]);
        log.collect(&mut program)?.stdout(File::create(&printed)?);
        Ok((usage::measure(&mut program)?, fs::read(printed)?))
    }

    /// Runs programs, at most one per core at the same time.
    fn on_all_cores(&self, log: &Log, programs: Vec<Command>) -> Result<Usage> {
        let begin = Instant::now();
        let waiting = Mutex::new(VecDeque::from(programs));
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let worker = || {
            let mut total = Usage::default();
            while let Some(mut program) = next() {
                total = total.then(usage::measure(log.collect(&mut program)?)?);
            }
            anyhow::Ok(total)
        };
        let workers = thread::scope(|scope| {
            let workers: Vec<_> = (0..self.cores).map(|_| scope.spawn(worker)).collect();
            workers
                .into_iter()
                .map(|worker| worker.join().expect("workers don't panic"))
                .collect::<Result<Vec<_>>>()
        })?;
        let total = workers.into_iter().fold(Usage::default(), Usage::then);
        Ok(Usage { seconds: begin.elapsed().as_secs_f64(), ..total })
    }
}

impl Pipeline {
    /// Returns true if the program has the commands.
    pub(super) fn is_present(&self, place: &Place) -> Result<bool> {
        Ok(has(place, self.reduce)? && has(place, &[self.map[0], "--part"])?)
    }

    /// Measures the whole export, and then parts.
    pub(super) fn run(&self, place: &Place, log: &Log, counts: &[u64]) -> Result<Vec<Stage>> {
        let baseline = format!("`{}`, one process", self.whole.join(" "));
        let stage = |name: String, usage, bytes| Stage { name, baseline: baseline.clone(), usage, bytes };
        let (usage, expected) = place.report(log, self.whole, &[place.export()])?;
        let mut stages = vec![stage(baseline.clone(), usage, None)];
        let reduce = |files: &[PathBuf]| {
            let (usage, report) = place.report(log, self.reduce, files)?;
            ensure!(report == expected, "`{}` and `{}` differ", self.reduce.join(" "), self.whole.join(" "));
            Ok(usage)
        };
        let merge = match self.merge {
            Some(merge) if has(place, merge)? => Some(merge),
            _ => None,
        };
        for count in counts {
            let parts = if *count == 1 { "1 part".to_owned() } else { format!("{count} parts") };
            let mut files: Vec<PathBuf> =
                (1..=*count).map(|nth| place.folder.join(format!("{nth}.part"))).collect();
            let programs = files.iter().zip(1..).map(|(file, nth)| self.map(place, file, nth, *count));
            let map = place.on_all_cores(log, programs.collect())?;
            let name = format!("{parts}, map: `{}`", self.map.join(" "));
            stages.push(stage(name, map, Some(size(&files)?)));
            let reduced = reduce(&files)?;
            stages.push(stage(format!("{parts}, reduce: `{}`", self.reduce.join(" ")), reduced, None));
            stages.push(stage(
                format!("{parts}, map and reduce: `{}`", self.whole.join(" ")),
                map.then(reduced),
                None,
            ));
            if let (Some(command), true) = (merge, files.len() > 1) {
                let (usage, merged) = merge_all(place, log, command, files)?;
                files = merged;
                let name = format!("{parts}, merge: `{}`", command.join(" "));
                stages.push(stage(name, usage, Some(size(&files)?)));
                let reduced = reduce(&files)?;
                let name = format!("{parts}, reduce after merging: `{}`", self.reduce.join(" "));
                stages.push(stage(name, reduced, None));
            }
            delete(&files)?;
        }
        Ok(stages)
    }

    fn map(&self, place: &Place, file: &Path, nth: u64, count: u64) -> Command {
        let mut program = place.command(self.map);
        program
            .arg(place.export())
            .args(["--part", &format!("{nth}/{count}"), "--threads", "1", "-o"])
            .arg(file);
        program
    }
}

/// Merges adjacent files, level by level, until one is left.
fn merge_all(
    place: &Place,
    log: &Log,
    command: &[&str],
    mut files: Vec<PathBuf>,
) -> Result<(Usage, Vec<PathBuf>)> {
    let mut usage = Usage::default();
    let mut level = 0;
    while files.len() > 1 {
        level += 1;
        let (mut programs, mut merged) = (Vec::new(), Vec::new());
        for (nth, group) in files.chunks(MERGED_FILES).enumerate() {
            let file = place.folder.join(format!("{level}-{nth}.merged"));
            let mut program = place.command(command);
            program.args(group).args([OsString::from("-o"), file.clone().into()]);
            programs.push(program);
            merged.push(file);
        }
        usage = usage.then(place.on_all_cores(log, programs)?);
        delete(&files)?;
        files = merged;
    }
    Ok((usage, files))
}

/// Returns true if the program has a command with these options.
fn has(place: &Place, command: &[&str]) -> Result<bool> {
    let [command, options @ ..] = command else { return Ok(true) };
    let help = run::output(&mut place.command(&[command, "--help"]))?;
    Ok(options.iter().all(|option| help.split([' ', '\n', ',']).any(|word| word == *option)))
}

fn size(files: &[PathBuf]) -> Result<u64> {
    files.iter().map(|file| Ok(fs::metadata(file)?.len())).sum()
}

fn delete(files: &[PathBuf]) -> Result<()> {
    Ok(files.iter().try_for_each(fs::remove_file)?)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Creates a place with a program that is a shell script.
    fn place(name: &str, script: &str) -> (Place, Log) {
        let folder = std::env::temp_dir().join(format!("scale-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [source, program] = ["program.sh", "program"].map(|name| folder.join(name));
        fs::write(&source, format!("#!/bin/sh\nfor last; do :; done\n{script}\n")).unwrap();
        // A program that this process wrote can't start while a child of another test has inherited the open file.
        run::output(Command::new("install").args(["-m", "755"]).args([&source, &program])).unwrap();
        let log = Log::create(folder.join("log")).unwrap();
        (Place { folder, program, cores: 2 }, log)
    }

    /// Mapping a part writes 5 bytes, and merging concatenates.
    const MERGES: &str = r#"case "$*" in
        "analyze --help") echo "--part <I/N>" ;;
        *--help) echo "  --part <I/N>  --merge  --summaries <FILE>..." ;;
        "summarize --merge"*) cat "$3" "$4" >"$last" ;;
        summarize*) echo part >"$last" ;;
        verify*) echo report ;;
    esac"#;

    #[test]
    fn all_stages_are_measured() {
        let (place, log) = place("merges", MERGES);
        let [verify, analyze] = &PIPELINES;
        assert!(verify.is_present(&place).unwrap() && !analyze.is_present(&place).unwrap());
        let stages = verify.run(&place, &log, &[1, 4]).unwrap();
        let found: Vec<_> = stages.iter().map(|stage| (&*stage.name, stage.bytes)).collect();
        assert_eq!(
            found,
            [
                ("`verify`, one process", None),
                ("1 part, map: `summarize`", Some(5)),
                ("1 part, reduce: `verify --summaries`", None),
                ("1 part, map and reduce: `verify`", None),
                ("4 parts, map: `summarize`", Some(20)),
                ("4 parts, reduce: `verify --summaries`", None),
                ("4 parts, map and reduce: `verify`", None),
                ("4 parts, merge: `summarize --merge`", Some(20)),
                ("4 parts, reduce after merging: `verify --summaries`", None),
            ]
        );
        place.delete().unwrap();
    }

    #[test]
    fn stages_that_the_program_lacks_are_left_out() {
        let (place, log) = place("plain", &MERGES.replace("  --merge", ""));
        let stages = PIPELINES[0].run(&place, &log, &[2]).unwrap();
        assert_eq!(stages.len(), 4, "{stages:?}");
        place.delete().unwrap();
    }

    #[test]
    fn another_report_and_a_failed_stage_are_errors() {
        let (place, log) =
            place("differs", &MERGES.replace("verify*)", r#""verify --summaries"*) echo other ;; verify*)"#));
        let told = PIPELINES[0].run(&place, &log, &[2]).unwrap_err().to_string();
        assert_eq!(told, "`verify --summaries` and `verify` differ");
        place.delete().unwrap();
        let (place, log) = self::place("fails", &MERGES.replace("echo part", "exit 2; echo part"));
        let told = PIPELINES[0].run(&place, &log, &[2]).unwrap_err().to_string();
        assert!(told.contains("ended with exit status: 2"), "{told}");
        place.delete().unwrap();
    }
}
