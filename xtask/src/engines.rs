//! Runs the programs in `examples/engines` on real engines.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::python;
use crate::run::{self, Log};
use crate::suites::SKIPPED;
use crate::tools::Tools;

/// The programs that the engines need, with Debian's packages.
const NEEDED: [(&str, &str); 2] = [("java", "default-jre-headless"), ("parallel", "parallel")];

pub(crate) fn test(tools: &Tools, log: &Log) -> Result<String> {
    let missing: Vec<_> = NEEDED.into_iter().filter(|(program, _)| run::find(program).is_none()).collect();
    if !missing.is_empty() {
        let (programs, packages): (Vec<_>, Vec<_>) = missing.into_iter().unzip();
        if std::env::var_os("CI").is_none() {
            return Ok(format!("{SKIPPED}these programs are not installed: {}", programs.join(", ")));
        }
        tools
            .progress
            .step("Java and GNU parallel", |log| run::apt_install(log, &packages))
            .with_context(|| format!("these programs are missing: {}", programs.join(", ")))?;
    }
    let Some(bin) = python::environment(tools, "engines", "tests/engines/requirements.txt")? else {
        return Ok(format!("{SKIPPED}there is no Python 3.10 or later"));
    };
    let mut test = Command::new(bin.join("python"));
    test.args(["-m", "unittest", "--verbose", "test_engines"])
        .current_dir(tools.path("tests/engines"))
        .env("COUNTERSIGN", tools.program()?);
    log.run(&mut test)?;
    let output = log.text()?;
    let count = output.lines().rev().find_map(|line| line.strip_prefix("Ran ")?.split_once(' '));
    let Some((count, _)) = count else { bail!("the tests' output has no count") };
    Ok(format!("{count} passed"))
}
