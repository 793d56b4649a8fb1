//! Finds circles of modules that import each other: none may cross folders, and none inside a folder may have more than
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

/// The most modules that may import each other inside one folder.
const MAX_CYCLE: usize = 4;
