//! Pieces: the facts about a part of an export that a command needs, for a run on many machines.

use std::path::{Path, PathBuf};

use countersign::verify::parts::{self, ItemCodec, Part, Piece, VisitPiecesError};
use countersign::verify::{EventVisitor, Options, SelectedItem, SummarizedEvent, Verification};

use crate::args;
use crate::commands::summarize::{open, within};
use crate::commands::verify::summaries::check_export;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::input::Input;
use crate::io::output::Output;
use crate::io::{file_limit, progress, style};

/// The options for a run on many machines.
#[derive(clap::Args)]
pub(crate) struct PieceArgs {
    /// Only do the work for this part of EXPORT, an uncompressed file, and write a piece; see docs/verifying-at-scale.md
    #[arg(
        long,
        value_name = "I/N",
        value_parser = args::part,
        requires = "export",
        conflicts_with_all = ["pieces", "trust", "format", "json"],
        help_heading = "Large exports"
    )]
    part: Option<(u64, u64)>,
    /// Use the pieces of all parts, made by this command with --part, instead of the export. With EXPORT, also check
    /// that they belong to it
    #[arg(long, value_name = "PIECE", num_args = 1.., help_heading = "Large exports")]
    pieces: Vec<PathBuf>,
}

/// The option for the piece of a command that writes no other file.
#[derive(clap::Args)]
pub(crate) struct PieceOutputArgs {
    /// File for the piece of --part [default: standard output]
    #[arg(short, long, value_name = "FILE", requires = "part", help_heading = "Large exports")]
    output: Option<PathBuf>,
}

impl PieceOutputArgs {
    pub(crate) fn path(&self) -> Option<&Path> {
        self.output.as_deref()
    }
}

impl PieceArgs {
    /// Returns the part to examine, and the number of parts; `None` if the whole export is examined.
    pub(crate) const fn part(&self) -> Option<(u64, u64)> {
        self.part
    }

    /// Returns the pieces to use.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.pieces
    }
}

/// The settings on which the items of a piece depend, each with its name. Pieces with other settings are refused.
pub(crate) struct Settings<'a>(pub(crate) Vec<(&'a str, String)>);

impl Settings<'_> {
    fn label(&self) -> Vec<u8> {
        // Writing strings into memory can't fail.
        serde_json::to_vec(&self.0).unwrap_or_default()
    }

    /// Fails if a piece has other settings.
    fn check(&self, label: &[u8]) -> Result<(), CliError> {
        let found: Option<Vec<(String, String)>> = serde_json::from_slice(label).ok();
        let found = found.unwrap_or_default();
        let mut settings = self.0.iter().enumerate();
        let Some((nth, (name, is))) =
            settings.find(|(nth, (name, is))| found.get(*nth) != Some(&((*name).to_owned(), is.clone())))
        else {
            return Ok(());
        };
        let was = found.get(nth).filter(|(found, _)| found == name).map_or("none", |(_, was)| was);
        let message = format!("the piece was made with another {name}: {was} instead of {is}");
        let hint = "use the command and the options with which the pieces were made, or make them again";
        Err(CliError::unusable("piece.other", message, hint))
    }
}

/// Examines a part of an export, and writes its piece to a file, or to standard output.
pub(crate) fn write<C, X>(
    export: &Path,
    (number, of): (u64, u64),
    path: Option<&Path>,
    settings: &Settings<'_>,
    threads: usize,
    examiner: impl Fn() -> X + Sync,
    codec: &C,
) -> Result<ExitStatus, CliError>
where
    C: ItemCodec,
    X: FnMut(&SummarizedEvent<'_>) -> Option<SelectedItem<C::Item>>,
{
    let name = shown(export);
    let mut file = open(export)?;
    let part = Part::locate(&mut file, number, of).map_err(|error| CliError::from(error).within(&name))?;
    let mut output = Output::create(path)?;
    let bar = progress::bar("examining", Some(part.bytes()));
    let (write, read) = (|bytes: &[u8]| output.write(bytes), |read| bar.set_position(read));
    parts::examine(file, &part, &settings.label(), threads, examiner, codec, write, read)
        .map_err(|failure: CliError| failure.within(&name))?;
    bar.finish_and_clear();
    output.finish()?;
    style::wrote(path, &format!("part {number} of {of}, {} bytes of the export", part.bytes()));
    Ok(ExitStatus::Success)
}

/// Verifies the pieces of all parts and visits their events. Checks that the pieces belong to the export, if given.
pub(crate) fn visit<C, V>(
    paths: &[PathBuf],
    export: Option<&mut Input>,
    settings: &Settings<'_>,
    options: Options,
    threads: usize,
    codec: &C,
    visitor: &mut V,
) -> Result<Verification, CliError>
where
    C: ItemCodec,
    V: EventVisitor<Item = C::Item, Error = CliError>,
{
    file_limit::raise(paths.len() as u64);
    let mut pieces = Vec::new();
    let mut size = 0;
    for path in paths {
        let name = shown(path);
        let file = open(path)?;
        size += file.size().unwrap_or_default();
        let piece = Piece::open(file).map_err(|why| CliError::from(why).within(&name))?;
        settings.check(piece.label()).map_err(|failure| failure.within(&name))?;
        pieces.push(piece);
    }
    if let Some(export) = export {
        // Later reads must have the bytes that the pieces are compared with.
        if export.is_hashed() {
            export.digest()?;
        }
        check_export(export, pieces.iter().map(Piece::summary).zip(paths))?;
    }
    let bar = progress::bar("verifying", Some(size));
    let verified =
        parts::visit_pieces(pieces, options, threads, codec, visitor, |read| bar.set_position(read));
    bar.finish_and_clear();
    let verification = verified.map_err(|error| match error {
        VisitPiecesError::Pieces(error) => within(paths, error),
        VisitPiecesError::Visitor(failure) => failure,
    })?;
    style::warn("this result relies on the pieces: hashes, signatures, and events were not checked again");
    Ok(verification)
}
