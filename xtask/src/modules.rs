//! Finds import cycles between modules. None may cross folders, and none within a folder may have more than
//! four modules.
//!
//! A module is a file. `name.rs` belongs to the folder `name/` if there is one. Test code doesn't count.

mod cycles;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::run::Log;
use crate::tools::Tools;
use cycles::cycles;
use source::Crate;

/// The maximum number of modules in an import cycle within one folder.
const MAX_CYCLE: usize = 4;

/// Crates that aren't checked: those with cycles yet to be broken, and xtask, where `Tools` sets up each
/// tool with the help of others.
const EXEMPT: &[&str] = &["xtask"];

/// Checks every crate, and returns a summary.
pub(crate) fn test(tools: &Tools, _log: &Log) -> Result<String> {
    let mut faults = Vec::new();
    let mut count = 0;
    let project = tools.path("");
    let exempt: Vec<PathBuf> = EXEMPT.iter().map(|folder| project.join(folder).join("src")).collect();
    for root in roots(&project)? {
        if exempt.iter().any(|folder| root.parent() == Some(folder)) {
            continue;
        }
        let checked = Crate::read(&root)?;
        count += checked.modules.len();
        let edges = checked.edges();
        for cycle in cycles(&edges) {
            let folder = checked.folder(cycle[0]);
            if cycle.len() > MAX_CYCLE || cycle.iter().any(|&module| checked.folder(module) != folder) {
                faults.push(describe(&root, &checked, &cycle, &edges));
            }
        }
    }
    ensure!(faults.is_empty(), "modules import each other in cycles:\n{}", faults.join("\n"));
    Ok(format!("{count} modules"))
}

/// Lists the imports in a cycle.
fn describe(root: &Path, checked: &Crate, cycle: &[usize], edges: &[Vec<usize>]) -> String {
    let imports = cycle.iter().map(|&module| {
        let targets = edges[module].iter().filter(|target| cycle.contains(target));
        let targets: Vec<String> = targets.map(|&target| checked.name(target)).collect();
        format!("\n    {} imports {}", checked.name(module), targets.join(", "))
    });
    format!("{}, {} modules:{}", root.display(), cycle.len(), imports.collect::<String>())
}

/// Returns the root files of the core and of all crates.
fn roots(project: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = vec![project.to_owned(), project.join("xtask")];
    let crates = project.join("crates");
    for entry in fs::read_dir(&crates).with_context(|| format!("cannot read {}", crates.display()))? {
        folders.push(entry?.path());
    }
    folders.sort();
    let root = |folder: &PathBuf| {
        ["src/lib.rs", "src/main.rs"].map(|file| folder.join(file)).into_iter().find(|file| file.is_file())
    };
    Ok(folders.iter().filter_map(root).collect())
}
