//! Builds everything in a release once.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, Result, anyhow};

use super::archive::{self, Entry};
use super::zig::{self, Part};
use super::{Commit, sbom};
use crate::run;
use crate::suites::PARTS;
use crate::tools::Tools;

/// The folders of the npm packages.
const PACKAGES: [&str; 3] = ["js/packages/countersign", "js/packages/viewer", "js/packages/cloudflare-log"];

/// The bundled files, and the licenses of the packages in them.
const BUNDLES: [(&str, &str); 4] = [
    ("countersign-page", "www/dist/index.LICENSES.txt"),
    ("countersign-npm", "js/packages/countersign/dist/LICENSES.txt"),
    ("countersign-viewer-npm", "js/packages/viewer/dist/LICENSES.txt"),
    ("countersign-cloudflare-log-npm", "js/packages/cloudflare-log/dist/LICENSES.txt"),
];

/// Builds the project into a new folder.
pub(super) fn build(tools: &Tools, targets: &[String], out: &Path) -> Result<()> {
    fs::create_dir_all(out)?;
    let commit = Commit::last(tools)?;
    let version = &commit.version;
    // Both use a single core for much of their time: to optimize WebAssembly, and to run npm.
    thread::scope(|scope| {
        let crates = scope.spawn(|| {
            let name = "the program's crates";
            tools.progress.step(name, |log| zig::build(tools, log, targets, Part::Crates))
        });
        tools.www()?;
        crates.join().map_err(|_| anyhow!("building the program's crates panicked"))?
    })?;
    fs::copy(tools.path("www/dist/index.html"), out.join(format!("countersign-page-{version}.html")))?;
    let licenses = format!("countersign-page-{version}.LICENSES.txt");
    fs::copy(tools.path("www/dist/index.LICENSES.txt"), out.join(licenses))?;
    fs::copy(tools.path("js/wasm/rules.json"), out.join(format!("countersign-rules-{version}.json")))?;
    fs::copy(tools.path("docs/deploy/Containerfile"), out.join("Containerfile"))?;

    tools.progress.step("npm tarballs", |log| {
        for folder in PACKAGES {
            let mut pack = tools.node()?.npm(tools, folder);
            log.run(pack.args(["pack", "--ignore-scripts", "--pack-destination"]).arg(out))?;
        }
        Ok(())
    })?;
    tools.progress.step("crates", |log| {
        let packages = tools.path("target/package");
        log.run(tools.cargo("package").args(PARTS).args([
            "-p",
            "countersign-cli",
            "--no-verify",
            "--locked",
        ]))?;
        for entry in fs::read_dir(packages)? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "crate") {
                fs::copy(&file, out.join(file.file_name().context("a crate has a name")?))?;
            }
        }
        Ok(())
    })?;
    tools.progress.step("SBOMs", |log| {
        sbom::program(tools, log, &out.join(format!("countersign-{version}.cdx.json")))?;
        for (name, licenses) in BUNDLES {
            sbom::bundle(tools, name, version, licenses, &out.join(format!("{name}-{version}.cdx.json")))?;
        }
        Ok(())
    })?;
    tools.progress.step("program", |log| zig::build(tools, log, targets, Part::Program))?;
    for target in targets {
        pack(tools, &commit, target, &zig::program(tools, target), out)?;
    }
    Ok(())
}

/// Packs the program with the license texts that it requires.
fn pack(tools: &Tools, commit: &Commit, target: &str, program: &Path, out: &Path) -> Result<()> {
    let licenses = tools.path("target/xtask/LICENSES.txt");
    let mut list = tools.node()?.node(tools);
    let of_program = run::output(list.args(["js/build/program-licenses.mjs", target]))?;
    // The program contains the console.
    let of_console = fs::read_to_string(tools.path("www/dist/console.LICENSES.txt"))?;
    fs::write(&licenses, format!("{of_program}\n\n{}\n\nThe console in it: {of_console}", "=".repeat(80)))?;
    let [readme, mit, apache]: [PathBuf; 3] =
        ["README.md", "LICENSE-MIT", "LICENSE-APACHE"].map(|name| tools.path(name));
    let plain = |name, file| Entry { name, file, executable: false };
    let entries = [
        Entry { name: "countersign", file: program, executable: true },
        plain("README.md", &readme),
        plain("LICENSE-MIT", &mit),
        plain("LICENSE-APACHE", &apache),
        plain("LICENSES.txt", &licenses),
    ];
    let folder = format!("countersign-{}-{}", commit.version, target.replace("-unknown", ""));
    archive::write(&out.join(format!("{folder}.tar.gz")), &folder, commit.time, &entries)
}
