//! Other people's validators, in a Python environment of the project's own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;
use crate::stamp::Stamp;
use crate::tools::Tools;

/// Where they are; tests look for them there.
const FOLDER: &str = "target/tools/validators";
/// Which they are.
const REQUIREMENTS: &str = "tests/validators/requirements.txt";

/// Makes the environment, as the file with its requirements says. Where there is no Python, Debian's is installed if
/// `CI` is set, and tests say that they were skipped if not.
pub(crate) fn validators(tools: &Tools) -> Result<()> {
    let Some(python) = python(tools)? else { return Ok(()) };
    let (folder, requirements) = (tools.path(FOLDER), tools.path(REQUIREMENTS));
    let version = run::output(Command::new(&python).arg("--version"))?;
    Stamp::new(tools.path("target/xtask/stamps/validators"))
        .text(&version)
        .path(&requirements)?
        .unless_done(&[folder.join("bin/python")], || {
            tools.progress.step("validators", |log| {
                log.run(Command::new(&python).args(["-m", "venv", "--clear"]).arg(&folder))?;
                let mut pip = Command::new(folder.join("bin/python"));
                pip.args(["-m", "pip", "--disable-pip-version-check", "install", "--no-cache-dir", "-r"]);
                log.run(pip.arg(&requirements))
            })
        })?;
    Ok(())
}

fn python(tools: &Tools) -> Result<Option<PathBuf>> {
    // Debian has what environments are made with in a package of its own.
    let find = || {
        run::find("python3")
            .filter(|python| run::output(Command::new(python).args(["-c", "import ensurepip, venv"])).is_ok())
    };
    let found = find();
    if found.is_some() || std::env::var_os("CI").is_none() {
        return Ok(found);
    }
    tools.progress.step("Python", |log| {
        run::apt_install(log, &["python3", "python3-venv"]).context("no Python: install 3.10 or later")?;
        find().context("Debian's python3-venv makes no environments").map(Some)
    })
}
