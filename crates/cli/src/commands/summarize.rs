//! `countersign summarize`: summarizes a part of an export for verification, or merges summaries.

use std::path::{Path, PathBuf};

use countersign::verify::parts::{MergeOptions, Part, PartsError, Stored, SummaryError, merge, summarize};

use crate::arg_groups::{OutputArgs, ThreadArgs};
use crate::args;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::input::Input;
use crate::io::output::Output;
use crate::io::seekable::{Opened, SeekableFile};
use crate::io::{file_limit, pin, progress, style};

/// Summarize part of an export, to verify it on many machines
///
/// Does the work that can be split up: reading, parsing, hashing and checking the signatures of its part of the
/// file. The file is cut at line boundaries, so it must not be compressed. `countersign verify --summaries` accepts
/// the summaries of all parts, the trust file, and pins, and has the same result as `countersign verify` on the
/// file.
///
/// With `--merge`, reads summaries instead of the export, and writes one for all their parts. It is smaller, because
/// hashes that only its own entries need are dropped. The result of `countersign verify --summaries` stays the same.
///
/// Verifying with a summary means trusting the person who made it. Use summaries only from people whose verdict you
/// would also believe.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign summarize audit.ndjson --part 3/8 -o part-3.summary
  parallel countersign summarize audit.ndjson --threads 1 --part {}/64 -o part-{}.summary ::: $(seq 64)
  countersign summarize --merge part-1.summary part-2.summary -o parts-1-2.summary
  countersign verify --summaries part-*.summary --trust trust.txt")]
pub(crate) struct Args {
    /// The export, uncompressed: a file, or an object at s3://, gs://, or az:// with credentials from the environment
    #[arg(value_name = "EXPORT", required_unless_present = "merge")]
    export: Option<PathBuf>,
    /// Part and number of parts; the first is 1/N
    #[arg(long, value_name = "I/N", default_value = "1/1", value_parser = args::part)]
    part: (u64, u64),
    /// Merge the summaries of adjacent parts, in any order, into one
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["export", "part"])]
    merge: Vec<PathBuf>,
    /// Keep the root of the log's first N entries in the merged summary, for a pin of this size. Can be repeated
    #[arg(long, value_name = "N", value_parser = args::entry_count, conflicts_with = "export")]
    keep_size: Vec<u64>,
    /// Keep the root at the size of this pin in the merged summary. Can be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "export")]
    pin: Vec<PathBuf>,
    /// Index of the first entry in the summaries, which makes the merged summary small even if it begins after part
    /// 1. `countersign verify` checks it
    #[arg(long, value_name = "N", value_parser = args::entry_count, conflicts_with = "export")]
    first_entry: Option<u64>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    match &args.export {
        Some(export) => summarize_part(args, export)?,
        None => merge_summaries(args)?,
    }
    Ok(ExitStatus::Success)
}

fn summarize_part(args: &Args, export: &Path) -> Result<(), CliError> {
    let name = shown(export);
    let mut file = open(export)?;
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
    Ok(())
}

fn merge_summaries(args: &Args) -> Result<(), CliError> {
    let mut keep_sizes = args.keep_size.clone();
    keep_sizes.extend(pin::load_all(&args.pin)?.iter().map(|pin| pin.size));
    let options = MergeOptions { keep_sizes, first_entry: args.first_entry };
    let (summaries, size) = open_summaries(&args.merge)?;
    let mut output = Output::create(args.output.path())?;
    let bar = progress::bar("merging", Some(size));
    let out = |bytes: &[u8]| output.write(bytes).map_err(MergeError::Output);
    let merged = merge(summaries, &options, args.threads.count(), out, |read| bar.set_position(read));
    bar.finish_and_clear();
    let part = merged.map_err(|error| match error {
        MergeError::Summary(error) => within(&args.merge, error),
        MergeError::Output(error) => error,
    })?;
    output.finish()?;
    let (first, last) = part.numbers().into_inner();
    let (of, bytes) = (part.total(), part.bytes());
    style::wrote(
        args.output.path(),
        &format!("parts {first} to {last} of {of}, {bytes} bytes of the export"),
    );
    Ok(())
}

/// An error of merging summaries.
enum MergeError {
    Summary(SummaryError),
    Output(CliError),
}

impl From<SummaryError> for MergeError {
    fn from(error: SummaryError) -> Self {
        Self::Summary(error)
    }
}

impl From<PartsError> for MergeError {
    fn from(error: PartsError) -> Self {
        Self::Summary(error.into())
    }
}

/// Opens summaries, and returns them with their size in bytes.
pub(crate) fn open_summaries(paths: &[PathBuf]) -> Result<(Vec<Stored<SeekableFile>>, u64), CliError> {
    file_limit::raise(paths.len() as u64);
    let mut summaries = Vec::new();
    let mut size = 0;
    for path in paths {
        let file = open(path)?;
        size += file.size().unwrap_or_default();
        summaries.push(Stored::open(file).map_err(|why| CliError::from(why).within(&shown(path)))?);
    }
    Ok((summaries, size))
}

/// Names the summary that an error is about.
pub(crate) fn within(paths: &[PathBuf], SummaryError { place, why }: SummaryError) -> CliError {
    let failure = CliError::from(why);
    match place.and_then(|place| paths.get(place)) {
        Some(path) => failure.within(&shown(path)),
        None => failure,
    }
}

/// Opens a file that can be read from any position.
pub(crate) fn open(path: &Path) -> Result<SeekableFile, CliError> {
    if path != Path::new("-")
        && let Opened::Seekable(file) = SeekableFile::open(path)?
    {
        return Ok(file);
    }
    Err(no_file(&shown(path)))
}

/// Returns the file of an input. Fails if it is a stream.
pub(crate) fn seekable(input: &mut Input) -> Result<&mut SeekableFile, CliError> {
    let name = input.name().to_owned();
    input.file_mut().ok_or_else(|| no_file(&name))
}

fn no_file(name: &str) -> CliError {
    let hint = "save it to a file first: a stream has no parts";
    CliError::unusable("summary.stream", "this is not a file", hint).within(name)
}

impl From<PartsError> for CliError {
    fn from(error: PartsError) -> Self {
        match error {
            PartsError::Io(error) => Self::system("read", &error),
            _ => Self::unusable(error.code(), error.to_string(), error.hint()),
        }
    }
}
