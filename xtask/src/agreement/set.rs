//! The public sets of events, in checkouts at fixed commits.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::{panther, sekoia, tenzir};
use crate::run;

/// A public set of events with the facts that other programs extract from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Set {
    Sekoia,
    Tenzir,
    Panther,
}

impl Set {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sekoia => "Sekoia",
            Self::Tenzir => "Tenzir",
            Self::Panther => "Panther",
        }
    }

    /// The repository on GitHub.
    fn repository(self) -> &'static str {
        match self {
            Self::Sekoia => "SEKOIA-IO/intake-formats",
            Self::Tenzir => "tenzir/library",
            Self::Panther => "panther-labs/panther-analysis",
        }
    }

    /// The name of the checkout's folder, which `git clone` chooses.
    fn folder(self) -> &'static str {
        self.repository().rsplit('/').next().unwrap_or_default()
    }

    fn commit(self) -> &'static str {
        match self {
            Self::Sekoia => "b8f64fe156e73f1162ac63eeef6849aa2190390c",
            Self::Tenzir => "12124ca3bada07081a4df4c7404eaf0b1a17f080",
            Self::Panther => "daa10c888566839e9918dfba1cd652743781e5fe",
        }
    }

    /// Returns the set's checkout in a folder, or `None` if it is missing.
    pub(super) fn find(self, sets: &Path) -> Result<Option<PathBuf>> {
        let (folder, commit) = (sets.join(self.folder()), self.commit());
        if !folder.exists() {
            return Ok(None);
        }
        let shown = folder.display();
        ensure!(folder.join(".git").exists(), "{shown} must be a git checkout: run {}", self.how_to_get());
        let mut describe = Command::new("git");
        describe.arg("-C").arg(&folder);
        describe.args([
            "describe",
            "--always",
            "--abbrev=40",
            "--exclude=*",
            "--dirty=, and has changed files",
        ]);
        let state = run::output(&mut describe)?;
        ensure!(
            state == commit,
            "{shown} must be at commit {commit}, but is at {state}: run `git -C {shown} checkout {commit}`"
        );
        Ok(Some(folder))
    }

    /// The commands that get the set.
    pub(super) fn how_to_get(self) -> String {
        let (repository, folder, commit) = (self.repository(), self.folder(), self.commit());
        format!("`git clone https://github.com/{repository} && git -C {folder} checkout {commit}`")
    }

    /// Reads the events of some sources. Each event occurs once.
    pub(super) fn read(self, checkout: &Path, sources: &BTreeSet<&str>) -> Result<Vec<Case>> {
        match self {
            Self::Sekoia => sekoia::read(checkout, sources),
            Self::Tenzir => tenzir::read(checkout),
            Self::Panther => panther::read(checkout, sources),
        }
    }
}
