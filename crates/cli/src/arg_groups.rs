//! Options that several commands share, to be flattened into their arguments.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use countersign::trust::Trust;
#[cfg(feature = "native")]
use countersign_client::Token;

use crate::errors::CliError;
use crate::io::input;
#[cfg(feature = "native")]
use crate::io::token;

/// The folder of a log.
#[cfg(feature = "native")]
#[derive(clap::Args)]
pub(crate) struct FolderArgs {
    /// The log's folder
    #[arg(long, value_name = "DIR", default_value = "countersign-log")]
    pub(crate) dir: PathBuf,
}

/// The trust file.
#[derive(clap::Args)]
pub(crate) struct TrustArgs {
    /// Trust file with the keys you trust and the logs you expect, on lines that start with log, origin, witness,
    /// group, quorum, issuer, emitter, or revoke
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

impl TrustArgs {
    pub(crate) fn path(&self) -> Option<&Path> {
        self.trust.as_deref()
    }

    /// Reads the trust file. Without one, no key is trusted.
    pub(crate) fn load(&self) -> Result<Trust, CliError> {
        input::trust_or_empty(self.path())
    }
}

/// The trust file of a command that requires one.
#[derive(clap::Args)]
pub(crate) struct RequiredTrustArgs {
    /// Trust file with the keys you trust and the logs you expect, on lines that start with log, origin, witness,
    /// group, quorum, issuer, emitter, or revoke
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
}

impl RequiredTrustArgs {
    pub(crate) fn path(&self) -> &Path {
        &self.trust
    }

    /// Reads the trust file.
    pub(crate) fn load(&self) -> Result<Trust, CliError> {
        input::trust(&self.trust)
    }
}

/// The number of threads that verify.
#[derive(clap::Args)]
pub(crate) struct ThreadArgs {
    /// Number of threads to verify with [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

impl ThreadArgs {
    pub(crate) fn count(&self) -> usize {
        threads(self.threads)
    }
}

/// Access to a log server as one of its readers.
#[cfg(feature = "native")]
#[derive(clap::Args)]
pub(crate) struct AccessArgs {
    /// File with the reader's token for a log server [default: the variable `COUNTERSIGN_TOKEN`]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[cfg(feature = "native")]
impl AccessArgs {
    /// Reads the token, if any.
    pub(crate) fn token(&self) -> Result<Option<Token>, CliError> {
        token::load(self.token_file.as_deref())
    }
}

/// The file that the result is written to.
#[derive(clap::Args)]
pub(crate) struct OutputArgs {
    /// File for the result [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl OutputArgs {
    /// Returns the file; `None` for standard output.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.output.as_deref()
    }
}

/// A verdict that `--allow` accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Allow {
    Partial,
}

/// A choice of output formats, one of which is JSON.
pub(crate) trait OutputFormat: ValueEnum + Copy + PartialEq + Send + Sync + 'static {
    /// The name of the default format.
    // clap keeps a `default_value_t` in a static, which all instances of a generic group share.
    const DEFAULT: &str;
    /// The format that `--json` stands for.
    const JSON: Self;
}

/// The output formats of most commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

impl OutputFormat for Format {
    const DEFAULT: &str = "text";
    const JSON: Self = Self::Json;
}

/// `--format`, and `--json` for short.
#[derive(clap::Args)]
pub(crate) struct FormatArgs<F: OutputFormat = Format> {
    /// Output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value = F::DEFAULT)]
    format: F,
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl<F: OutputFormat> FormatArgs<F> {
    /// Returns the requested format.
    pub(crate) fn format(&self) -> F {
        if self.json { F::JSON } else { self.format }
    }

    /// True if JSON was requested by either option.
    pub(crate) fn is_json(&self) -> bool {
        self.format() == F::JSON
    }
}

/// Returns the number of threads that can run at once.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Returns the requested number of threads, or the number that can run at once.
pub(crate) fn threads(requested: Option<u16>) -> usize {
    requested.map_or_else(cores, usize::from)
}
