//! `countersign summarize`: summarizes a part of an export for verification.

use std::path::{Path, PathBuf};

use countersign::verify::parts::{Part, PartsError, summarize};

use crate::arg_groups::{OutputArgs, ThreadArgs};
use crate::args;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::Output;
use crate::io::seekable::{Opened, SeekableFile};
use crate::io::{progress, style};

/// Summarize part of an export, to verify it on many machines
///
/// Does the work that can be split up: reading, parsing, hashing and checking the signatures of its part of the
/// file. The file is cut at line boundaries, so it must not be compressed. `countersign verify --summaries` accepts
/// the summaries of all parts, the trust file, and pins, and has the same result as `countersign verify` on the
/// file.
///
/// Verifying with a summary means trusting the person who made it. Use summaries only from people whose verdict you
/// would also believe.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign summarize audit.ndjson --part 3/8 -o part-3.summary
  parallel countersign summarize audit.ndjson --threads 1 --part {}/64 -o part-{}.summary ::: $(seq 64)
  countersign verify --summaries part-*.summary --trust trust.txt")]
pub(crate) struct Args {
    /// The export, uncompressed: a file, or an object at s3://, gs://, or az:// with credentials from the environment
    #[arg(value_name = "EXPORT")]
    export: PathBuf,
    /// Part and number of parts; the first is 1/N
    #[arg(long, value_name = "I/N", default_value = "1/1", value_parser = args::part)]
    part: (u64, u64),
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let name = shown(&args.export);
    let mut file = open(&args.export)?;
    let (number, of) = args.part;
    let part = Part::locate(&mut file, number, of).map_err(|error| CliError::from(error).within(&name))?;
    let mut output = Output::create(args.output.path())?;
    let bar = progress::bar("summarizing", Some(part.bytes()));
    let threads = args.threads.count();
    summarize(file, &part, threads, |bytes| output.write(bytes), |read| bar.set_position(read))
        .map_err(|failure| failure.within(&name))?;
    bar.finish_and_clear();
    output.finish()?;
    style::wrote(args.output.path(), &format!("part {number} of {of}, {} bytes of the export", part.bytes()));
    Ok(ExitStatus::Success)
}

/// Opens a file that can be read from any position.
pub(crate) fn open(path: &Path) -> Result<SeekableFile, CliError> {
    if path != Path::new("-")
        && let Opened::Seekable(file) = SeekableFile::open(path)?
    {
        return Ok(file);
    }
    let hint = "save it to a file first: a stream has no parts";
    Err(CliError::unusable("summary.stream", "this is not a file", hint).within(&shown(path)))
}

impl From<PartsError> for CliError {
    fn from(error: PartsError) -> Self {
        match error {
            PartsError::Io(error) => Self::system("read", &error),
            _ => Self::unusable(error.code(), error.to_string(), error.hint()),
        }
    }
}
