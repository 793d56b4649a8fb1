//! Keys and files of sample logs.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::run;

/// The head of a sample log's trust file.
const TRUST_HEADER: &str = "# The keys that a reader of this sample log trusts. With real data, get such a file from someone you trust,\n\
                     # over another channel than the log.\n";

/// Creates keys and tokens with the program.
pub(crate) struct Keys {
    pub(crate) program: PathBuf,
}

impl Keys {
    /// Creates a key, and returns its public key.
    pub(crate) fn make(&self, name: &str, file: &Path) -> Result<String> {
        run::output(Command::new(&self.program).args(["keygen", name, "--out"]).arg(file))
    }

    /// Creates a reader's token in `file`, and adds its hash to the log's folder.
    pub(crate) fn make_token(&self, log: &Path, file: &Path) -> Result<()> {
        let mut add = Command::new(&self.program);
        add.args(["token", "add", "sample-reader", "--dir"]).arg(log);
        write_secret(file, &run::output(&mut add)?)
    }
}

/// The configuration of a sample log's reader.
pub(crate) struct Reader {
    /// The path of the trust file.
    pub(crate) trust: PathBuf,
    /// The path of the token's file.
    pub(crate) token: PathBuf,
}

impl Reader {
    /// Writes the trust file.
    pub(crate) fn write_trust(&self, lines: &str) -> Result<()> {
        Ok(fs::write(&self.trust, format!("{TRUST_HEADER}{lines}"))?)
    }

    /// Returns the token.
    pub(crate) fn token(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.token)?.trim().to_owned())
    }
}

/// Creates a folder that only its owner may access, replacing an existing one.
pub(crate) fn make_private(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// Writes a new file that only its owner may read.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(writeln!(file, "{text}")?)
}
