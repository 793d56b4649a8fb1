//! Checks that the core's modules depend on each other without cycles, so that you can understand each with
//! only those below it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Uses = BTreeMap<String, BTreeSet<String>>;

/// Returns what follows each `crate::` in the code: names of modules and of the crate's items.
fn used(code: &str) -> impl Iterator<Item = &str> {
    code.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| {
        line.split("crate::").skip(1).flat_map(|path| {
            let names = path.strip_prefix('{').map_or_else(|| vec![path], |list| list.split(", ").collect());
            names
                .into_iter()
                .map(|name| name.split(|c: char| c != '_' && !c.is_alphanumeric()).next().unwrap())
        })
    })
}

/// Collects what each module, including its submodules, uses of the others. Unit tests may use anything.
fn gather(folder: &Path, module: Option<&str>, uses: &mut Uses) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let stem = entry.file_stem().unwrap().to_str().unwrap();
        let module = module.unwrap_or(stem);
        if entry.is_dir() {
            gather(&entry, Some(module), uses);
        } else if stem != "lib" && stem != "tests" {
            let text = fs::read_to_string(&entry).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let others = used(code).filter(|&other| other != module).map(str::to_owned);
            uses.entry(module.to_owned()).or_default().extend(others);
        }
    }
}

#[test]
fn modules_have_no_dependency_cycles() {
    let mut uses = Uses::new();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), None, &mut uses);
    assert!(uses["verify"].contains("trust") && uses["link"].contains("hash"), "{uses:?}");
    // Remove modules without remaining dependencies until none is left, or only a cycle.
    loop {
        let left: BTreeSet<String> = uses.keys().cloned().collect();
        uses.retain(|_, others| !others.is_disjoint(&left));
        if uses.len() == left.len() {
            break;
        }
    }
    assert!(uses.is_empty(), "in circles, or using what is: {:?}", uses.keys());
}
