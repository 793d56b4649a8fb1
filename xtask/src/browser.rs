//! Browsers, for tests that need one.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::run;
use crate::tools::Tools;

/// How every Chromium of the project is started: quiet on the network, and by root too.
const FLAGS: &str = include_str!("../chromium.json");
const DEBIAN_PACKAGES: [&str; 3] = ["chromium", "chromium-driver", HEADLESS_SHELL];

/// Chromium without its window: it starts in half the time, but keeps no page for going back, and no profile for sure.
const HEADLESS_SHELL: &str = "chromium-headless-shell";

/// Debian's package and its program: Firefox with extended support.
const FIREFOX: &str = "firefox-esr";

/// Chromium and the `WebDriver` that starts it.
#[derive(Clone)]
pub(crate) struct Browser {
    program: PathBuf,
    /// The same program where there is no other.
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
                    .context("no Chromium with chromedriver: install both, so that they are found on PATH")?;
                find().context("Debian's chromium brought no chromium or no chromedriver")
            })?,
        };
        let headless_shell = run::find(HEADLESS_SHELL).unwrap_or_else(|| program.clone());
        let capabilities = tools.path("target/xtask/webdriver.json");
        fs::create_dir_all(tools.path("target/xtask"))?;
        fs::write(&capabilities, webdriver_json(&headless_shell)?)?;
        Ok(Browser { program, headless_shell, driver, capabilities })
    }

    /// Tells a test where the browser is: `CHROMIUM` and `HEADLESS_SHELL` to scripts, the rest to wasm-bindgen's runner.
    pub(crate) fn configure<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("CHROMIUM", &self.program)
            .env("HEADLESS_SHELL", &self.headless_shell)
            .env("CHROMEDRIVER", &self.driver)
            .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", &self.capabilities)
    }
}

/// Firefox as Debian packages it. Where it is missing it is installed if `CI` is set, and done without if not.
pub(crate) fn firefox(tools: &Tools) -> Result<Option<PathBuf>> {
    let found = run::find(FIREFOX);
    if found.is_some() || env::var_os("CI").is_none() {
        return Ok(found);
    }
    tools.progress.step("Firefox", |log| {
        run::apt_install(log, &[FIREFOX])
            .context("no Firefox: install Debian's firefox-esr, so that it is found on PATH")?;
        run::find(FIREFOX).context("Debian's firefox-esr brought no program of that name").map(Some)
    })
}

fn find() -> Option<(PathBuf, PathBuf)> {
    let program = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(run::find)?;
    Some((program, run::find("chromedriver")?))
}

/// The browser's capabilities.
fn webdriver_json(program: &Path) -> Result<String> {
    let mut arguments: Vec<&str> = serde_json::from_str(FLAGS)?;
    arguments.push("--headless");
    let options = json!({ "binary": program, "args": arguments });
    Ok(json!({ "goog:chromeOptions": options }).to_string())
}
