//! `countersign show --query --index`: answers a query from an index file next to the export, which is created if
//! there is no usable one.

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
use countersign_query::{Findings, Parsers, Query, Unparsed};
use countersign_spill::PendingEvents;

use super::export::{Export, changed};
use super::side::{IndexFile, IndexFileError, IndexSource, Key, Verified, Writer};
use crate::commands::verify::signer_trust::SignerTrusts;
use crate::errors::{CliError, shown};
use crate::io::input::{self, Input};
use crate::io::style::plain;
use crate::io::visit::visit;
use crate::io::{query, style, verdict};

/// The approximate number of rows and event bytes in a segment.
const SEGMENT_ROWS: usize = 32_768;
const SEGMENT_BYTES: usize = 24 << 20;
/// The number of batches of verified events that wait for the thread that builds segments.
const MAX_WAITING_BATCHES: usize = 2;

/// A query, and what it is run on.
pub(super) struct IndexedQuery<'a> {
    pub(super) export: &'a Path,
    /// The index file, if it was named.
    pub(super) side: Option<&'a Path>,
    pub(super) trust: Option<&'a Path>,
    pub(super) query: &'a Query,
    pub(super) parsers: &'a Parsers,
    pub(super) threads: usize,
    /// The maximum number of events that are shown.
    pub(super) max_events: u64,
}

/// The events that match, and information about them.
pub(super) struct Answer {
    pub(super) found: PendingEvents,
    pub(super) findings: Findings,
    pub(super) verified: Verified,
}

impl IndexedQuery<'_> {
    /// Answers the query from the index file, which is created first if needed.
    pub(super) fn answer(&self) -> Result<Answer, CliError> {
        let mut input = Input::open(self.export)?;
        if input.is_compressed()? {
            let hint = "decompress the export first";
            let message = "an index requires an uncompressed export";
            return Err(CliError::unusable("index.compressed", message, hint).within(&shown(self.export)));
        }
        let (trusted, trust) = self.trust.map(input::trust_with_bytes).transpose()?.unwrap_or_default();
        let path = self.side.map_or_else(|| default_path(self.export), Path::to_owned);
        let key = Key::load()?;
        let export = Export::read(&input, self.threads)?;
        let source = IndexSource {
            program: env!("CARGO_PKG_VERSION").into(),
            export: export.hash.to_string(),
            bytes: export.bytes,
            parsers: self.parsers.digest().to_string(),
            trust: Hash::digest(&[&trust]).to_string(),
        };
        let unusable = match IndexFile::open(&path, &key, &source)? {
            Ok(mut side) => match self.search(&mut side, &export)? {
                Ok(answer) => return Ok(answer),
                Err(unusable) => unusable,
            },
            Err(unusable) => unusable,
        };
        drop(export);
        if unusable != IndexFileError::Missing {
            style::warn(&format!("rebuilding {}: {unusable}", shown(&path)));
        }
        self.create(&mut input, trusted, &path, &key, &source)?;
        style::wrote(Some(&path), "index created; the next query uses it");
        // Answers from the file even if it was just created, so that both cases have the same result.
        let export = Export::read(&input, self.threads)?;
        if export.hash.to_string() != source.export {
            return Err(changed(input.name()));
        }
        let mut side =
            IndexFile::open(&path, &key, &source)?.map_err(|unusable| index_changed(&path, unusable))?;
        self.search(&mut side, &export)?.map_err(|unusable| index_changed(&path, unusable))
    }

    fn search(
        &self,
        side: &mut IndexFile,
        export: &Export<'_>,
    ) -> Result<Result<Answer, IndexFileError>, CliError> {
        let mut search = Search::new(self.query.clone(), self.parsers.clone());
        let mut matches =
            MatchCollector { export, found: PendingEvents::new(self.max_events), keys: HashMap::new() };
        if let Err(unusable) = side.for_each(|segment| search.search(segment, &mut matches))? {
            return Ok(Err(unusable));
        }
        if search.wants_counts()
            && let Err(unusable) = side.for_each(|segment| search.count(segment, &mut matches))?
        {
            return Ok(Err(unusable));
        }
        let mut findings = search.finish();
        if findings.matched == 0 && self.query.asks_parsed_facts() {
            match self.unparsed(side, export)? {
                Ok(unparsed) => findings.unparsed = Some(unparsed),
                Err(unusable) => return Ok(Err(unusable)),
            }
        }
        let verified = side.verified.clone();
        Ok(Ok(Answer { found: matches.found, findings, verified }))
    }

    /// Counts the events that no parser recognizes.
    fn unparsed(
        &self,
        side: &mut IndexFile,
        export: &Export<'_>,
    ) -> Result<Result<Unparsed, IndexFileError>, CliError> {
        let mut search = Search::new(query::parse("-has:as")?, self.parsers.clone());
        let mut matches = MatchCollector { export, found: PendingEvents::new(0), keys: HashMap::new() };
        if let Err(unusable) = side.for_each(|segment| search.search(segment, &mut matches))? {
            return Ok(Err(unusable));
        }
        let Findings { matched, of, .. } = search.finish();
        Ok(Ok(Unparsed { unparsed: matched, events: of }))
    }

    /// Verifies the export, and creates the index file.
    fn create(
        &self,
        input: &mut Input,
        trust: Trust,
        path: &Path,
        key: &Key,
        source: &IndexSource,
    ) -> Result<(), CliError> {
        let unwritten = |error: &io::Error| {
            CliError::io("write", &shown(path), error).with_hint("choose another path with --index=FILE")
        };
        let options = Options { trust, ..Options::default() };
        let (sender, receiver) = mpsc::sync_channel(MAX_WAITING_BATCHES);
        let (verification, writer) = std::thread::scope(|scope| {
            let writing = scope.spawn(move || self.write(path, &receiver));
            let examiner = || |event: &SummarizedEvent<'_>| Some(event.select_with_text(()));
            let mut visitor = BatchVisitor { sender, batch: Vec::new() };
            let verification = visit(input, options, self.threads, examiner, &mut visitor);
            drop(visitor);
            let writer =
                writing.join().map_err(|_| io::Error::other("the thread that writes the index ended"));
            (verification, writer.flatten())
        });
        let report = &verification?.report;
        let signer_trusts = SignerTrusts::from_report(report);
        let verified = Verified {
            headline: verdict::headline(report),
            status: report.verdict.into(),
            signers: signer_trusts.signers().map(|(key, word)| (key.into(), word.into())).collect(),
            suspects: signer_trusts.suspects().map(|chains| chains.iter().map(ToString::to_string).collect()),
        };
        let written = writer.and_then(|writer| writer.finish(path, key, source.clone(), verified));
        written.map_err(|error| unwritten(&error))
    }

    /// Builds segments of events as they are verified.
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
                // Events are located by their lines.
                place: Place::Export(0),
            };
            builder.push(&row, &event);
            bytes += event.len();
            if builder.rows() >= SEGMENT_ROWS || bytes >= SEGMENT_BYTES {
                bytes = 0;
                builder.finish().iter().try_for_each(|segment| writer.add(segment))?;
            }
        }
        builder.finish().iter().try_for_each(|segment| writer.add(segment))?;
        Ok(writer)
    }
}

/// Sends batches of events to the thread that builds segments.
struct BatchVisitor {
    sender: mpsc::SyncSender<Vec<VerifiedEvent>>,
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
            let _ = self.sender.send(std::mem::take(&mut self.batch));
        }
        Ok(())
    }
}

/// Returns the default path of the index file.
fn default_path(export: &Path) -> PathBuf {
    let mut name = export.file_name().map_or_else(OsString::new, ToOwned::to_owned);
    name.push(".csindex");
    export.with_file_name(name)
}

fn index_changed(path: &Path, unusable: IndexFileError) -> CliError {
    let hint = "make sure that no other program writes to it, and run the command again";
    CliError::unusable("io.changed", format!("the index changed while it was read: {unusable}"), hint)
        .within(&shown(path))
}

/// Collects the matching events.
struct MatchCollector<'e> {
    export: &'e Export<'e>,
    found: PendingEvents,
    keys: HashMap<String, VerifierKey>,
}

impl Events for MatchCollector<'_> {
    type Error = CliError;

    fn text(&mut self, event: &Row<'_>) -> Result<Box<str>, CliError> {
        self.export.event(event.line)
    }

    fn found(&mut self, event: &Row<'_>) -> Result<(), CliError> {
        let invalid = || {
            let hint = "delete the index; it is created again";
            CliError::unusable(
                "index.damaged",
                format!("the index has no such key or chain: {}", plain(event.vkey)),
                hint,
            )
        };
        let vkey = if let Some(vkey) = self.keys.get(event.vkey) {
            vkey.clone()
        } else {
            let vkey: VerifierKey = event.vkey.parse().map_err(|_| invalid())?;
            self.keys.insert(event.vkey.into(), vkey.clone());
            vkey
        };
        let chain = ChainId::parse(event.chain.as_bytes()).ok_or_else(invalid)?;
        let (line, index, seq, time) = (event.line, event.index, event.seq, event.time);
        let text = if self.found.is_full() { None } else { Some(self.export.event(line)?) };
        let authorized = event.authorized;
        let link = CoveredLink { line, index, chain, seq, time, vkey, authorized, attestation: None };
        Ok(self.found.push(link, text)?)
    }
}
