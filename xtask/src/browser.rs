//! Browsers for tests.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::run;
use crate::tools::Tools;

/// The flags of every Chromium in the project: no background network traffic, and usable as root.
const FLAGS: &str = include_str!("../chromium.json");
const DEBIAN_PACKAGES: [&str; 3] = ["chromium", "chromium-driver", HEADLESS_SHELL];

/// Chromium without windows: it starts in half the time, but has no back-forward cache and no reliable
/// profile.
const HEADLESS_SHELL: &str = "chromium-headless-shell";

/// The name of Debian's package and program of Firefox Extended Support Release.
const FIREFOX: &str = "firefox-esr";

/// Chromium and the `WebDriver` that starts it.
#[derive(Clone)]
pub(crate) struct Browser {
    program: PathBuf,
    /// The headless shell, or `program` if it isn't installed.
    headless_shell: PathBuf,
    driver: PathBuf,
    capabilities: PathBuf,
}

impl Browser {
    pub(crate) fn find_or_install(tools: &Tools) -> Result<Browser> {
        let is_whole =
            |_: &(PathBuf, PathBuf)| env::var_os("CI").is_none() || run::find(HEADLESS_SHELL).is_some();
        let (program, driver) = match find().filter(is_whole) {
            Some(found) => found,
            None => tools.progress.step("Chromium", |log| {
                run::apt_install(log, &DEBIAN_PACKAGES)
                    .context("Chromium or chromedriver is missing: install both, and add them to PATH")?;
                find().context("Debian's chromium package contains no chromium or no chromedriver")
            })?,
        };
        let headless_shell = run::find(HEADLESS_SHELL).unwrap_or_else(|| program.clone());
        let capabilities = tools.path("target/xtask/webdriver.json");
        fs::create_dir_all(tools.path("target/xtask"))?;
        fs::write(&capabilities, webdriver_json(&headless_shell)?)?;
        Ok(Browser { program, headless_shell, driver, capabilities })
    }

    /// Sets the environment variables that tell tests where the browser is: `CHROMIUM` and `HEADLESS_SHELL`
    /// for scripts, the others for wasm-bindgen's runner.
    pub(crate) fn configure<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("CHROMIUM", &self.program)
            .env("HEADLESS_SHELL", &self.headless_shell)
            .env("CHROMEDRIVER", &self.driver)
            .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", &self.capabilities)
    }
}

/// Returns Debian's Firefox, installing it if `CI` is set; `None` if it is missing.
pub(crate) fn firefox(tools: &Tools) -> Result<Option<PathBuf>> {
    let found = run::find(FIREFOX);
    if found.is_some() || env::var_os("CI").is_none() {
        return Ok(found);
    }
    tools.progress.step("Firefox", |log| {
        run::apt_install(log, &[FIREFOX])
            .context("Firefox is missing: install Debian's firefox-esr, and add it to PATH")?;
        run::find(FIREFOX).context("Debian's firefox-esr package contains no such program").map(Some)
    })
}

fn find() -> Option<(PathBuf, PathBuf)> {
    let program = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(run::find)?;
    Some((program, run::find("chromedriver")?))
}

/// Returns the browser's capabilities for `WebDriver`.
fn webdriver_json(program: &Path) -> Result<String> {
    let mut arguments: Vec<&str> = serde_json::from_str(FLAGS)?;
    arguments.push("--headless");
    let options = json!({ "binary": program, "args": arguments });
    Ok(json!({ "goog:chromeOptions": options }).to_string())
}
