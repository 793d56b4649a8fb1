//! The program `countersign` for WASI, which the npm package runs.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Built, Program, brotli_size, optimize, rustflags, stamp};
use crate::toolchain::{self, WASI_TARGET};
use crate::tools::Tools;

/// The name on the command line, and of the file.
pub(super) const NAME: &str = "program";
/// The package of the program.
pub(crate) const PACKAGE: &str = "countersign-cli";
/// The option that leaves out everything that WASI doesn't have.
pub(crate) const OFFLINE: &str = "--no-default-features";

impl Program {
    /// Builds the program.
    pub(super) fn build(&self, tools: &Tools, out_dir: &Path) -> Result<Built> {
        tools.progress.step(NAME, |log| {
            let mut cargo = tools.wasi()?.cargo(tools, "build");
            cargo.args(["--package", PACKAGE, OFFLINE, "--profile", &self.profile]);
            cargo.env("CARGO_ENCODED_RUSTFLAGS", rustflags(tools, &self.rustflags));
            log.run(&mut cargo)?;
            let folder = toolchain::target_folder(tools).join(WASI_TARGET).join(&self.profile);
            let compiled = folder.join("countersign.wasm");
            let file = out_dir.join(format!("{NAME}.wasm"));
            let stamp = stamp(tools, NAME, &format!("{self:?}"), &compiled)?;
            stamp.unless_done(std::slice::from_ref(&file), || {
                fs::create_dir_all(out_dir)?;
                fs::copy(&compiled, &file).with_context(|| format!("cannot copy {}", compiled.display()))?;
                optimize(tools, &self.wasm_opt, &file, log)
            })?;
            let brotli = brotli_size(tools, &file)?;
            Ok(Built { name: NAME.to_owned(), file, brotli, budget: self.brotli_budget, target: None })
        })
    }
}
