//! What of an export is reported.

use std::path::{Path, PathBuf};

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::Hash;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{EventVisitor, Mark, Options, SummarizedEvent, Verification, VerifiedItem};
use countersign_evidence::{Described, Draw, SampleRoot, Sampled};
use countersign_query::Parsers;
use sha2::{Digest as _, Sha256};

use crate::errors::{CliError, shown};
use crate::io::contents::contents;
use crate::io::input::{self, Input};
use crate::io::pin::warn_if_of_another_log;
use crate::io::progress;
use crate::io::query::{EventQuery, MetConditions, parse_event};
use crate::io::visit::visit;

/// What it is verified by, as it stands in files.
pub(crate) struct Given {
    pub(super) trust: Option<(String, Vec<u8>)>,
    pub(super) pins: Vec<(String, Vec<u8>)>,
}

/// What is asked for.
pub(crate) struct Asked {
    pub(crate) query: Option<String>,
    pub(crate) range: Option<(u64, u64)>,
    /// How many, and the seed.
    pub(crate) sample: Option<(u64, String)>,
    pub(crate) now: Time,
    pub(crate) parsers: Parsers,
    pub(crate) threads: usize,
}

/// What there is.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) file: Described,
    pub(crate) verification: Verification,
    /// The leaves of the events that verify and are as asked, in order.
    pub(crate) leaves: Vec<u64>,
    pub(crate) sample: Option<Sampled>,
}

impl Given {
    /// Reads the files.
    pub(crate) fn load(trust: Option<&Path>, pins: &[PathBuf]) -> Result<Self, CliError> {
        let trust = trust.map(|path| Ok::<_, CliError>((name(path), input::small(path)?))).transpose()?;
        let pins = pins.iter().map(|path| Ok((name(path), input::small(path)?)));
        Ok(Self { trust, pins: pins.collect::<Result<_, CliError>>()? })
    }

    /// Warns of each pin of another log than the one that was verified.
    pub(super) fn warn_of_other_logs(&self, pins: &[SignedCheckpoint], origin: Option<&str>) {
        for ((name, _), pin) in self.pins.iter().zip(pins) {
            warn_if_of_another_log(name, &pin.checkpoint.origin, origin);
        }
    }

    pub(super) fn options(&self) -> Result<Options, CliError> {
        let trust = self
            .trust
            .as_ref()
            .map(|(name, bytes)| Trust::parse(bytes).map_err(|error| CliError::from(error).within(name)));
        let pins = self.pins.iter().map(|(name, bytes)| {
            let text = std::str::from_utf8(bytes).map_err(|_| {
                CliError::unusable("io.not_text", "it is not UTF-8 text", "was the right file given?")
            });
            let pin = text.and_then(|text| Ok(SignedCheckpoint::parse_extended(text)?));
            pin.map_err(|failure| {
                failure.within(name).or_hint("a pin is a signed checkpoint, as --save-pin writes it")
            })
        });
        Ok(Options {
            trust: trust.transpose()?.unwrap_or_default(),
            pins: pins.collect::<Result<_, _>>()?,
            ..Options::default()
        })
    }
}

/// Verifies an export, and selects of its events those that are asked for.
pub(crate) fn select(export: &Path, given: &Given, asked: &Asked) -> Result<Found, CliError> {
    if export == Path::new("-") {
        let hint = "save it first: a report names the file it is about, and its hash";
        return Err(CliError::unusable(
            "arguments.invalid",
            "a report can't be made of standard input",
            hint,
        ));
    }
    let query = asked.query.as_deref().map(|text| crate::io::query::parse_at(text, asked.now)).transpose()?;
    let file = described(export)?;
    let query = query.as_ref().map(EventQuery::new);
    let examiner = || {
        |event: &SummarizedEvent<'_>| {
            let met = match &query {
                Some(query) => parse_event(event, &asked.parsers, |entry| query.examine(entry))?,
                None => MetConditions::default(),
            };
            Some(event.select(met))
        }
    };
    let options = Options { marks: true, ..given.options()? };
    let pins = options.pins.clone();
    let mut visitor = SelectionVisitor {
        query: query.as_ref(),
        range: asked.range,
        leaves: Vec::new(),
        roots: Roots::default(),
    };
    let mut input = contents(export)?;
    let verification = visit(&mut input, options, asked.threads, examiner, &mut visitor)?;
    let SelectionVisitor { mut leaves, roots, .. } = visitor;
    leaves.sort_unstable();
    leaves.dedup();
    let origin = verification.report.origin.as_deref();
    given.warn_of_other_logs(&pins, origin);
    let sample = asked.sample.as_ref().map(|(wanted, seed)| roots.draw(origin, *wanted, seed, &leaves));
    Ok(Found { path: export.to_owned(), file, verification, leaves, sample: sample.transpose()? })
}

/// Selects the events that match a query and lie in a range, where these are asked for.
struct SelectionVisitor<'q> {
    query: Option<&'q EventQuery<'q>>,
    range: Option<(u64, u64)>,
    leaves: Vec<u64>,
    roots: Roots,
}

impl EventVisitor for SelectionVisitor<'_> {
    type Item = MetConditions;
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<MetConditions>) -> Result<(), CliError> {
        let VerifiedItem { link, item: met, .. } = event;
        let is_within = self.range.is_none_or(|(first, end)| (first..end).contains(&link.index));
        if is_within && self.query.is_none_or(|query| query.matches(met, &link)) {
            self.leaves.push(link.index);
        }
        Ok(())
    }

    fn mark(&mut self, mark: Mark) -> Result<(), CliError> {
        self.roots.take(mark);
        Ok(())
    }
}

/// Returns the report on an export that was read, the leaves of its events, and the roots of its checkpoints.
pub(super) fn events(
    input: &mut Input,
    options: Options,
    threads: usize,
) -> Result<(Verification, Vec<u64>, Roots), CliError> {
    let options = Options { marks: true, ..options };
    let mut visitor =
        SelectionVisitor { query: None, range: None, leaves: Vec::new(), roots: Roots::default() };
    let examiner = || |event: &SummarizedEvent<'_>| Some(event.select(MetConditions::default()));
    let verification = visit(input, options, threads, examiner, &mut visitor)?;
    let SelectionVisitor { leaves, roots, .. } = visitor;
    Ok((verification, leaves, roots))
}

/// By which checkpoint a sample is drawn: of each origin the last that matches, and the last that witnesses saw.
#[derive(Default)]
pub(super) struct Roots {
    matching: Vec<(String, Hash)>,
    witnessed: Vec<(String, Hash)>,
}

impl Roots {
    fn take(&mut self, mark: Mark) {
        let Mark::Checkpoint(checkpoint) = mark else { return };
        if !checkpoint.matches {
            return;
        }
        let keep = |roots: &mut Vec<(String, Hash)>| {
            roots.retain(|(origin, _)| *origin != checkpoint.origin);
            roots.push((checkpoint.origin.clone(), checkpoint.root));
        };
        if checkpoint.times.is_some() {
            keep(&mut self.witnessed);
        }
        keep(&mut self.matching);
    }

    /// The root that samples of a log of this origin are drawn by.
    pub(super) fn root(&self, origin: Option<&str>) -> Option<SampleRoot> {
        let of = |roots: &[(String, Hash)], witnessed| {
            let root = roots.iter().find(|(of, _)| Some(of.as_str()) == origin);
            root.map(|&(_, root)| SampleRoot { root, witnessed })
        };
        of(&self.witnessed, true).or_else(|| of(&self.matching, false))
    }

    fn draw(
        &self,
        origin: Option<&str>,
        wanted: u64,
        seed: &str,
        leaves: &[u64],
    ) -> Result<Sampled, CliError> {
        let SampleRoot { root, witnessed } = self.root(origin).ok_or_else(|| {
            let message =
                "a sample is drawn from the root of a checkpoint, and no checkpoint of this export matches";
            CliError::unusable("sample.no_root", message, "seal the export first, or take one of a log")
        })?;
        let mut draw = Draw::new(&root, seed, usize::try_from(wanted).unwrap_or(usize::MAX));
        for leaf in leaves {
            draw.offer(*leaf);
        }
        Ok(Sampled {
            wanted,
            seed: seed.into(),
            root,
            witnessed,
            candidates: leaves.len() as u64,
            leaves: draw.finish(),
        })
    }
}

/// The file by its name, its bytes as they stand, and their hash.
pub(super) fn described(path: &Path) -> Result<Described, CliError> {
    let mut input = Input::open(path)?;
    let failed = |error| CliError::io("read", &shown(path), &error);
    let bar = progress::bar("hashing", input.size());
    let mut hasher = Sha256::new();
    let (mut size, mut piece) = (0, vec![0; 1 << 18]);
    let reader = input.reader()?;
    loop {
        match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&piece[..read]);
                size += read as u64;
                bar.set_position(size);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    bar.finish_and_clear();
    Ok(Described { name: name(path), sha256: Hash(hasher.finalize().into()), size })
}

/// A file's name without its path: where it lay is nobody's business.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
