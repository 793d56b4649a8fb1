//! `countersign seal`: creates a log without a server.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Seek, Write as _};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use countersign::export::writer::Writer;
use countersign::export::{Item, Line};
use countersign::seal::{Sealed, Sealer};

use crate::arg_groups::OutputArgs;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::export::Part;
use crate::io::input::{self, Input};
use crate::io::output::{self, Output};
use crate::io::verdict::entries;
use crate::io::{export, key, style};

/// Put chains and key notes into one log, without a server
///
/// Signs checkpoints of it. Entries that the log already contains are not added again. If the first EXPORT is
/// already sealed, it is extended: its checkpoints stay, and new entries come after them. Rejects what a log
/// must not accept: a link that doesn't continue its chain, a fork, a chain whose last link isn't signed, an
/// event that doesn't match its link.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign seal --log-key log.key grant.ndjson app.ndjson -o audit.ndjson
  countersign seal --log-key log.key --trust trust.txt audit.ndjson tomorrow.ndjson -o audit.ndjson
  countersign seal --log-key log.key --checkpoint-every 1000 app.ndjson.gz > audit.ndjson")]
pub(crate) struct Args {
    /// Exports of chains and key notes, in the order in which to add them
    #[arg(value_name = "EXPORT", required = true)]
    exports: Vec<PathBuf>,
    /// The log's key file; the key's name is the log's origin
    #[arg(long, value_name = "FILE")]
    log_key: PathBuf,
    /// Second key file of the log (`countersign keygen ORIGIN --ml-dsa`). It signs each checkpoint too, so that a quantum
    /// computer can't forge it
    #[arg(long, value_name = "FILE")]
    ml_dsa_key: Option<PathBuf>,
    /// Accept only links of keys that this trust file allows, and key notes that take effect
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    /// Also sign a checkpoint whenever the log's size is a multiple of N
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<NonZeroU64>,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let key = key::load(&args.log_key)?;
    let trust = args.trust.as_deref().map(input::trust).transpose()?;
    let ml_dsa_key = args.ml_dsa_key.as_deref().map(key::load_ml_dsa).transpose()?;
    let mut sealer = Sealer::new(&key, trust.as_ref())?;
    if let Some(key) = &ml_dsa_key {
        sealer = sealer.sign_also_with(key);
    }
    if let Some(leaves) = args.checkpoint_every {
        sealer = sealer.checkpoint_every(leaves);
    }
    let mut body = Body::new(args.output.path())?;
    for (place, path) in args.exports.iter().enumerate() {
        let mut export = Input::open(path)?.rereadable()?;
        let covered = if place == 0 { sealed_size(&mut export)? } else { 0 };
        add(&mut export, covered, &mut sealer, &mut body)?;
        sealer.end().map_err(CliError::broken).map_err(|failure| failure.within(export.name()))?;
    }
    let mut lines = Writer::new();
    let log = sealer.finish(&mut lines).map_err(CliError::broken)?;
    body.write(&mut lines)?;
    let mut output = Output::create(args.output.path())?;
    lines.header(&log.header);
    output.write(lines.as_bytes())?;
    body.copy_to(&mut output)?;
    output.finish()?;
    print_summary(&log, trust.is_some(), args.output.path());
    Ok(ExitStatus::Success)
}

/// Returns the size of an export's last checkpoint, or 0 without one.
fn sealed_size(export: &mut Input) -> Result<u64, CliError> {
    let mut size = 0;
    export.lines("reading", |line| {
        let text = str::from_utf8(line.bytes).unwrap_or_default();
        // Parsing each line twice would be slow.
        if text.contains("\"checkpoint\"")
            && let Ok(Line { item: Item::Checkpoint { signed, .. }, .. }) = Line::parse(text)
        {
            size = signed.checkpoint.size;
        }
        Ok(())
    })?;
    Ok(size)
}

fn add(export: &mut Input, covered: u64, sealer: &mut Sealer<'_>, body: &mut Body) -> Result<(), CliError> {
    let mut lines = Writer::new();
    export::read(export, "sealing", |part| match part {
        Part::Header(header) => sealer.begin(header, covered).map_err(CliError::broken),
        Part::Item(_, item) => {
            sealer.line(item, &mut lines).map_err(CliError::broken)?;
            body.write(&mut lines)
        }
    })
}

fn print_summary(sealed: &Sealed, checked_keys: bool, destination: Option<&Path>) {
    let Sealed { size, added, repeated, .. } = sealed;
    let mut text = format!("a log of {}, {added} new", entries(*size));
    if *repeated > 0 {
        let _ = write!(text, " ({repeated} already present)");
    }
    style::wrote(destination, &text);
    if !checked_keys {
        style::warn(
            "keys were not checked: without --trust, any key is accepted, and key notes may have no effect",
        );
    }
}

/// All lines except the header, which states the log's size and so is written last.
struct Body {
    name: String,
    writer: BufWriter<File>,
}

impl Body {
    /// Creates a temporary file, on the disk of the output if possible.
    fn new(output: Option<&Path>) -> Result<Self, CliError> {
        let file = output
            .filter(|path| path.is_file() || !path.exists())
            .map_or_else(tempfile::tempfile, |path| tempfile::tempfile_in(output::directory(path)));
        let name = "a temporary file".to_owned();
        let file = file.map_err(|error| {
            CliError::io("write", &output.map_or_else(|| name.clone(), crate::errors::shown), &error)
        })?;
        Ok(Self { name, writer: BufWriter::with_capacity(1 << 18, file) })
    }

    fn write(&mut self, lines: &mut Writer) -> Result<(), CliError> {
        let written = self.writer.write_all(lines.as_bytes());
        lines.clear();
        written.map_err(|error| CliError::io("write", &self.name, &error))
    }

    fn copy_to(self, output: &mut Output) -> Result<(), CliError> {
        let name = self.name;
        let rewound = self
            .writer
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|mut file| file.rewind().map(|()| file));
        output.copy(&mut rewound.map_err(|error| CliError::io("write", &name, &error))?)
    }
}
