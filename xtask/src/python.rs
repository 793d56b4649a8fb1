//! Python programs, in environments of the project.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;
use crate::stamp::Stamp;
use crate::tools::Tools;

/// Creates the environment `target/tools/validators` with validators that tests use. If Python is missing,
/// installs Debian's if `CI` is set; otherwise the tests report that they were skipped.
pub(crate) fn validators(tools: &Tools) -> Result<()> {
    environment(tools, "validators", "tests/validators/requirements.txt").map(drop)
}

/// Creates an environment in `target/tools` from a requirements file, and returns the folder of its
/// programs; `None` if Python is missing.
pub(crate) fn environment(tools: &Tools, name: &str, requirements: &str) -> Result<Option<PathBuf>> {
    let Some(python) = python(tools)? else { return Ok(None) };
    let (folder, requirements) = (tools.path("target/tools").join(name), tools.path(requirements));
    let version = run::output(Command::new(&python).arg("--version"))?;
    Stamp::new(tools.path("target/xtask/stamps").join(name))
        .text(&version)
        .path(&requirements)?
        .unless_done(&[folder.join("bin/python")], || {
            tools.progress.step(name, |log| {
                log.run(Command::new(&python).args(["-m", "venv", "--clear"]).arg(&folder))?;
                let mut pip = Command::new(folder.join("bin/python"));
                pip.args(["-m", "pip", "--disable-pip-version-check", "install", "--no-cache-dir", "-r"]);
                log.run(pip.arg(&requirements))
            })
        })?;
    Ok(Some(folder.join("bin")))
}

fn python(tools: &Tools) -> Result<Option<PathBuf>> {
    // Debian has the modules for creating environments in a separate package.
    let find = || {
        run::find("python3")
            .filter(|python| run::output(Command::new(python).args(["-c", "import ensurepip, venv"])).is_ok())
    };
    let found = find();
    if found.is_some() || std::env::var_os("CI").is_none() {
        return Ok(found);
    }
    tools.progress.step("Python", |log| {
        run::apt_install(log, &["python3", "python3-venv"])
            .context("Python is missing: install 3.10 or later")?;
        find().context("Debian's python3-venv can't create environments").map(Some)
    })
}
