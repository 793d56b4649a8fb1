//! `countersign show --query --index`: what is asked is answered from a file beside the export, which is made where there
//! is none that can be taken.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::note::VerifierKey;
use countersign::trust::Trust;
use countersign::verify::{CoveredLink, EventVisitor, Options, SummarizedEvent, VerifiedEvent, VerifiedItem};
use countersign_index::{Events, Place, Row, Search, SegmentBuilder};
use countersign_query::{Findings, Parsers, Query};
use countersign_spill::PendingEvents as Found;

use super::export::{Export, changed};
use super::side::{IndexFileError, Key, Of, Side, Verified, Writer};
use crate::commands::verify::signer_trust::SignerTrusts;
use crate::errors::{CliError, shown};
use crate::io::input::{self, Input};
use crate::io::style::plain;
use crate::io::visit::visit;
use crate::io::{style, verdict};

/// Rows and bytes of events that make a segment, about.
const ROWS: usize = 32_768;
const BYTES: usize = 24 << 20;
/// How many parts of what was verified wait for who makes segments of them.
const WAITING: usize = 2;

/// What is asked, and of what.
pub(super) struct Asked<'a> {
    pub(super) export: &'a Path,
    /// The file, where it was named.
    pub(super) side: Option<&'a Path>,
    pub(super) trust: Option<&'a Path>,
    pub(super) query: &'a Query,
    pub(super) parsers: &'a Parsers,
    pub(super) threads: usize,
    /// How many events are shown at most.
    pub(super) most: u64,
}

/// What was found.
pub(super) struct Answer {
    pub(super) found: Found,
    pub(super) findings: Findings,
    pub(super) verified: Verified,
}

impl Asked<'_> {
    /// Answers from the file, or makes it and answers then.
    pub(super) fn answer(&self) -> Result<Answer, CliError> {
        let mut input = Input::open(self.export)?;
        if input.is_compressed()? {
            let hint = "decompress it first, so that its events can be read where they stand";
            let message = "an index is not kept of a compressed export";
            return Err(CliError::unusable("index.compressed", message, hint).within(&shown(self.export)));
        }
        let (trusted, trust) = self.trust.map(input::trust_with_bytes).transpose()?.unwrap_or_default();
        let path = self.side.map_or_else(|| beside(self.export), Path::to_owned);
        let key = Key::load()?;
        let export = Export::read(&input, self.threads)?;
        let of = Of {
            program: env!("CARGO_PKG_VERSION").into(),
            export: export.hash.to_string(),
            bytes: export.bytes,
            parsers: self.parsers.digest().to_string(),
            trust: Hash::of(&[&trust]).to_string(),
        };
        let unfit = match Side::open(&path, &key, &of)? {
            Ok(mut side) => match self.search(&mut side, &export)? {
                Ok(answer) => return Ok(answer),
                Err(unfit) => unfit,
            },
            Err(unfit) => unfit,
        };
        drop(export);
        if unfit != IndexFileError::Missing {
            style::warn(&format!("{} is made anew: {unfit}", shown(&path)));
        }
        self.make(&mut input, trusted, &path, &key, &of)?;
        style::wrote(Some(&path), "an index, by which the next query is answered");
        // What is answered is what the file says, whether it was made now or before.
        let export = Export::read(&input, self.threads)?;
        if export.hash.to_string() != of.export {
            return Err(changed(input.name()));
        }
        let mut side = Side::open(&path, &key, &of)?.map_err(|unfit| unmade(&path, unfit))?;
        self.search(&mut side, &export)?.map_err(|unfit| unmade(&path, unfit))
    }

    fn search(
        &self,
        side: &mut Side,
        export: &Export<'_>,
    ) -> Result<Result<Answer, IndexFileError>, CliError> {
        let mut search = Search::new(self.query.clone(), self.parsers.clone());
        let mut taking = Taking { export, found: Found::new(self.most), keys: HashMap::new() };
        if let Err(unfit) = side.for_each(|segment| search.look(segment, &mut taking))? {
            return Ok(Err(unfit));
        }
        if search.wants_counts()
            && let Err(unfit) = side.for_each(|segment| search.count(segment, &mut taking))?
        {
            return Ok(Err(unfit));
        }
        let verified = side.verified.clone();
        Ok(Ok(Answer { found: taking.found, findings: search.finish(), verified }))
    }

    /// Verifies the export, and makes the file of what verifies.
    fn make(&self, input: &mut Input, trust: Trust, path: &Path, key: &Key, of: &Of) -> Result<(), CliError> {
        let unwritten = |error: &io::Error| {
            CliError::io("write", &shown(path), error).with_hint("name another place: --index=FILE")
        };
        let options = Options { trust, ..Options::default() };
        let (hand, take) = mpsc::sync_channel(WAITING);
        let (verification, writer) = std::thread::scope(|scope| {
            let writing = scope.spawn(move || self.write(path, &take));
            let examiner = || |event: &SummarizedEvent<'_>| Some(event.select_with_text(()));
            let mut visitor = BatchVisitor { hand, batch: Vec::new() };
            let verification = visit(input, options, self.threads, examiner, &mut visitor);
            drop(visitor);
            let writer = writing.join().map_err(|_| io::Error::other("the thread that writes it ended"));
            (verification, writer.flatten())
        });
        let report = &verification?.report;
        let signer_trusts = SignerTrusts::of(report);
        let verified = Verified {
            headline: verdict::headline(report),
            status: report.verdict.into(),
            signers: signer_trusts.signers().map(|(key, word)| (key.into(), word.into())).collect(),
            suspects: signer_trusts.suspects().map(|chains| chains.iter().map(ToString::to_string).collect()),
        };
        let written = writer.and_then(|writer| writer.finish(path, key, of.clone(), verified));
        written.map_err(|error| unwritten(&error))
    }

    /// Makes segments of events as they become verified.
    fn write(&self, path: &Path, events: &mpsc::Receiver<Vec<VerifiedEvent>>) -> io::Result<Writer> {
        let mut writer = Writer::new(path)?;
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
        let mut builder = SegmentBuilder::new(u64::from_le_bytes(seed), self.parsers.clone());
        let mut bytes = 0;
        for VerifiedEvent { link, event, .. } in events.iter().flatten() {
            let chain = link.chain.to_string();
            let row = Row {
                line: link.line,
                index: link.index,
                chain: &chain,
                seq: link.seq,
                time: link.time,
                vkey: link.vkey.as_str(),
                authorized: link.authorized,
                // Where an event stands is told by its line.
                place: Place::Export(0),
            };
            builder.push(&row, &event);
            bytes += event.len();
            if builder.rows() >= ROWS || bytes >= BYTES {
                bytes = 0;
                builder.finish().iter().try_for_each(|segment| writer.add(segment))?;
            }
        }
        builder.finish().iter().try_for_each(|segment| writer.add(segment))?;
        Ok(writer)
    }
}

/// Hands batches of events to the thread that makes segments of them.
struct BatchVisitor {
    hand: mpsc::SyncSender<Vec<VerifiedEvent>>,
    batch: Vec<VerifiedEvent>,
}

impl EventVisitor for BatchVisitor {
    type Item = ();
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<()>) -> Result<(), CliError> {
        let VerifiedItem { link, text, .. } = event;
        self.batch.extend(text.map(|event| VerifiedEvent { link, event, at: None }));
        Ok(())
    }

    fn settle(&mut self, _: u64) -> Result<(), CliError> {
        if !self.batch.is_empty() {
            // If the other thread has ended, its error is returned when it is joined.
            let _ = self.hand.send(std::mem::take(&mut self.batch));
        }
        Ok(())
    }
}

/// Where a file is kept that nobody named.
fn beside(export: &Path) -> PathBuf {
    let mut name = export.file_name().map_or_else(OsString::new, ToOwned::to_owned);
    name.push(".csindex");
    export.with_file_name(name)
}

fn unmade(path: &Path, unfit: IndexFileError) -> CliError {
    let hint = "let nothing else write to it, and run the command again";
    CliError::unusable("io.changed", format!("the index was changed: {unfit}"), hint).within(&shown(path))
}

/// Takes what is as asked.
struct Taking<'e> {
    export: &'e Export<'e>,
    found: Found,
    keys: HashMap<String, VerifierKey>,
}

impl Events for Taking<'_> {
    type Error = CliError;

    fn text(&mut self, event: &Row<'_>) -> Result<Box<str>, CliError> {
        self.export.event(event.line)
    }

    fn found(&mut self, event: &Row<'_>) -> Result<(), CliError> {
        let damaged = || {
            let hint = "delete it: it is made anew";
            CliError::unusable(
                "index.damaged",
                format!("the index has no such key or chain: {}", plain(event.vkey)),
                hint,
            )
        };
        let vkey = if let Some(vkey) = self.keys.get(event.vkey) {
            vkey.clone()
        } else {
            let vkey: VerifierKey = event.vkey.parse().map_err(|_| damaged())?;
            self.keys.insert(event.vkey.into(), vkey.clone());
            vkey
        };
        let chain = ChainId::parse(event.chain.as_bytes()).ok_or_else(damaged)?;
        let (line, index, seq, time) = (event.line, event.index, event.seq, event.time);
        let text = if self.found.is_full() { None } else { Some(self.export.event(line)?) };
        let link = CoveredLink { line, index, chain, seq, time, vkey, authorized: event.authorized };
        Ok(self.found.push(link, text)?)
    }
}
