//! The manifest of rows that were written in parts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use countersign_parquet::Version;
use serde::{Deserialize, Serialize};

use super::cut::{Cut, PROGRAM};
use super::days::open;
use super::error::report_panics;
use super::parts::{MANIFEST, PartFile, list, remove_temporary};
use super::rows::{Rows, Stretch};
use crate::args::MAX_PARTS;
use crate::errors::{CliError, shown};
use crate::io::input::Input;
use crate::io::output::Output;

/// The version of the format.
const FORMAT: &str = "rows-manifest/v1";
/// The maximum size of a manifest, in MiB: more than a million files need.
const MAX_MANIFEST_MIB: u64 = 256;
/// The maximum number of parts that an error lists.
const MAX_LISTED: usize = 20;

/// The manifest of a folder with the rows of all parts. If there is one, the rows are complete.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    countersign: String,
    /// The version of the program that wrote the rows.
    pub(crate) program: String,
    origin: String,
    verdict: String,
    checkpoint: String,
    /// The number of parts.
    pub(crate) parts: u64,
    parts_sha256: String,
    inputs_sha256: String,
    rows: u64,
    files: Vec<FileEntry>,
}

/// A file, as the manifest states it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    path: String,
    part: u64,
    rows: u64,
    bytes: u64,
}

impl Manifest {
    /// Reads the manifest of a folder, if it has one.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, CliError> {
        let path = folder.join(MANIFEST);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = Input::open(&path)?.all(MAX_MANIFEST_MIB)?;
        let manifest = serde_json::from_slice(&bytes).ok();
        let manifest = manifest.filter(|manifest: &Self| {
            manifest.countersign == FORMAT && (1..=MAX_PARTS).contains(&manifest.parts)
        });
        manifest.map(Some).ok_or_else(|| {
            let hint = "write it again with `countersign export --manifest`";
            let message = "this is not a manifest of rows";
            CliError::unusable("parquet.manifest", message, hint).within(&shown(&path))
        })
    }

    /// Checks that a folder has the rows of all parts, and writes its manifest there. Returns the number of files.
    pub(crate) fn write(rows: &Rows, folder: &Path) -> Result<usize, CliError> {
        rows.refuse_altered()?;
        report_panics(shown(folder));
        let files = list(folder)?;
        let entries = files.iter().map(|file| entry(rows, folder, file)).collect::<Result<Vec<_>, _>>()?;
        check_rows(rows, folder, &entries)?;
        remove_temporary(folder)?;
        let manifest = Self::new(rows, PROGRAM, entries)?;
        let mut output = Output::create(Some(&folder.join(MANIFEST)))?;
        let text = serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n";
        output.write(text.as_bytes())?;
        output.finish()?;
        Ok(files.len())
    }

    fn new(rows: &Rows, program: &str, files: Vec<FileEntry>) -> Result<Self, CliError> {
        let cut = cut(rows)?;
        let metadata: BTreeMap<String, String> = match rows.stretches().first() {
            Some(stretch) => rows.metadata(stretch, Version::CURRENT).into_iter().collect(),
            None => BTreeMap::new(),
        };
        let value = |name: &str| metadata.get(&format!("countersign.{name}")).cloned().unwrap_or_default();
        Ok(Self {
            countersign: FORMAT.into(),
            program: program.into(),
            origin: value("origin"),
            verdict: value("verdict"),
            checkpoint: value("checkpoint"),
            parts: cut.parts,
            parts_sha256: cut.parts_sha256.clone(),
            inputs_sha256: cut.inputs_sha256.clone(),
            rows: files.iter().map(|file| file.rows).sum(),
            files,
        })
    }

    /// Returns how the manifest differs from the folder, as far as the parts of `rows` tell.
    pub(super) fn differences(&self, rows: &Rows, folder: &Path) -> Result<Vec<String>, CliError> {
        let parts: BTreeSet<u64> = rows.stretches().iter().filter_map(|stretch| stretch.part).collect();
        let expected = Self::new(rows, &self.program, Vec::new())?;
        let mut differences = Vec::new();
        let mut stated = self.files.iter().map(|file| (&*file.path, file)).collect::<BTreeMap<_, _>>();
        for file in list(folder)? {
            let path = file.path();
            match stated.remove(&*path) {
                None => differences.push(format!("{path} is not in the manifest")),
                Some(_) if !(1..=expected.parts).contains(&file.part) => {
                    differences.push(format!("the export has no part {} for {path}", file.part));
                }
                Some(found) if !parts.contains(&file.part) => {
                    if found.part != file.part {
                        differences.push(format!("the manifest says that {path} is of part {}", found.part));
                    }
                }
                Some(found) if *found != measure(folder, &file)? => {
                    differences.push(format!("the manifest has other numbers for {path}"));
                }
                Some(_) => {}
            }
        }
        differences.extend(stated.keys().map(|path| format!("{path} is in the manifest, but missing")));
        // A stated number may be any.
        let all = self.files.iter().fold(0_u64, |all, file| all.saturating_add(file.rows));
        for (name, stated, expected) in [
            ("origin", &self.origin, &expected.origin),
            ("verdict", &self.verdict, &expected.verdict),
            ("checkpoint", &self.checkpoint, &expected.checkpoint),
            ("parts", &self.parts.to_string(), &expected.parts.to_string()),
            ("parts_sha256", &self.parts_sha256, &expected.parts_sha256),
            ("inputs_sha256", &self.inputs_sha256, &expected.inputs_sha256),
            ("rows", &self.rows.to_string(), &all.to_string()),
        ] {
            if stated != expected {
                differences.push(format!("{name} is {stated:?} in the manifest, but should be {expected:?}"));
            }
        }
        Ok(differences)
    }
}

fn cut(rows: &Rows) -> Result<&Cut, CliError> {
    rows.cut().ok_or_else(|| {
        let hint = "use `countersign export --part` with the summaries of all parts";
        CliError::unusable("parquet.manifest", "only rows in parts have a manifest", hint)
    })
}

/// Returns the size of a file and its number of rows.
fn measure(folder: &Path, file: &PartFile) -> Result<FileEntry, CliError> {
    let path = folder.join(file.path());
    let rows = open(&path)?.rows();
    let metadata = path.metadata().map_err(|error| CliError::io("read", &shown(&path), &error))?;
    Ok(FileEntry { path: file.path(), part: file.part, rows, bytes: metadata.len() })
}

/// Returns the entry of a file. Fails unless its metadata is that of the part.
fn entry(rows: &Rows, folder: &Path, file: &PartFile) -> Result<FileEntry, CliError> {
    let path = folder.join(file.path());
    let expected = rows.stretches().into_iter().find(|stretch| stretch.part == Some(file.part));
    let mut expected = expected.map_or_else(Vec::new, |stretch| rows.metadata(&stretch, Version::CURRENT));
    let mut differing = BTreeSet::new();
    for (key, value) in open(&path)?.metadata() {
        match expected.iter().position(|(name, text)| name == key && Some(&**text) == value) {
            Some(same) => drop(expected.remove(same)),
            None => drop(differing.insert(key.to_owned())),
        }
    }
    differing.extend(expected.into_iter().map(|(key, _)| key));
    if differing.is_empty() {
        measure(folder, file)
    } else {
        Err(other(&differing, file.part, cut(rows)?).within(&shown(&path)))
    }
}

/// Returns the error of a file of this part whose metadata differs in these keys.
fn other(keys: &BTreeSet<String>, part: u64, cut: &Cut) -> CliError {
    if keys.contains("countersign.part") {
        let message = format!("these are not the rows of part {part} of {}", cut.parts);
        let hint = "write all parts to an empty folder, from the summaries of one run";
        CliError::unusable("parquet.other_cut", message, hint)
    } else if keys.contains("countersign.parts.sha256") {
        let hint =
            "remove this file, and write its part again, from the export and the summaries of the others";
        CliError::unusable("parquet.other_export", "these rows are of another export", hint)
    } else {
        let hint = "remove this file, and write its part again, with the program, the trust file, and the parsers of the others";
        let message = "these rows were made with another trust file, other parsers, or another version";
        CliError::unusable("parquet.other_inputs", message, hint)
    }
}

/// Fails unless each part has as many rows as its export.
fn check_rows(rows: &Rows, folder: &Path, entries: &[FileEntry]) -> Result<(), CliError> {
    let mut found: BTreeMap<u64, u64> = BTreeMap::new();
    for entry in entries {
        *found.entry(entry.part).or_default() += entry.rows;
    }
    let count =
        |stretch: &Stretch| stretch.part.and_then(|part| found.get(&part)).copied().unwrap_or_default();
    let stretches = rows.stretches();
    let wrong: Vec<&Stretch> = stretches.iter().filter(|stretch| count(stretch) != stretch.rows).collect();
    let missing = wrong.iter().filter(|stretch| count(stretch) == 0).filter_map(|stretch| stretch.part);
    let mut missing: Vec<String> = missing.map(|part| part.to_string()).collect();
    let failure = match (wrong.first(), missing.len()) {
        (None, _) => return Ok(()),
        (Some(stretch), 0) => {
            let (part, expected, found) = (stretch.part.unwrap_or_default(), stretch.rows, count(stretch));
            let message = format!("part {part} must have {expected} rows, but {found} are here");
            let hint = "remove the files of this part, and write it again with --part";
            CliError::unusable("parquet.part_rows", message, hint)
        }
        (_, number) => {
            if number > MAX_LISTED {
                missing.truncate(MAX_LISTED);
                missing.push("more".into());
            }
            let message = format!("the rows of these parts are missing: {}", missing.join(", "));
            CliError::unusable("parquet.part_missing", message, "write them with --part, then try again")
        }
    };
    Err(failure.within(&shown(folder)))
}
