//! The rows that an export produces: one per verified event, in the order of entries.
//!
//! An export is read twice, because the signer of a row and the trust in it are known only at the end. In parts, its
//! summaries are read first.

use std::collections::HashMap;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use countersign::export::{Item, Matched, Payload};
use countersign::link::{ChainId, Link};
use countersign::note::VerifierKey;
use countersign::trust::Trust;
use countersign::verify::{
    CoveredLink, EventVisitor, Options, Report, SignerTrust, SignerTrusts, SummarizedEvent, Verdict,
    Verification, VerifiedItem,
};
use countersign_parquet::{Row, Value, Version};
use countersign_query::Parsers;
use countersign_query::value::Document;
use roaring::RoaringTreemap;
use sha2::{Digest as _, Sha256};

use super::attestation::Attestation;
use super::cut::Cut;
use crate::errors::CliError;
use crate::io::export;
use crate::io::export::Part;
use crate::io::input::Input;
use crate::io::tee::TeeReader;
use crate::io::visit::visit;

/// The rows of a verified export, or of some of its parts.
pub(crate) struct Rows {
    input: Input,
    verification: Verification,
    parsers: Parsers,
    signers: Signers,
    /// The stretches that rows are made from, in order: the whole export, or parts of it.
    stretches: Vec<Stretch>,
    /// The cut of the export, if rows are made in parts.
    cut: Option<Cut>,
    /// The number of rows.
    pub(crate) count: u64,
}

/// Which events verify, and who signed them.
#[derive(Default)]
pub(crate) struct Signers {
    /// The indexes of verified events.
    verified: RoaringTreemap,
    /// The indexes of events whose key was not authorized when it signed.
    unauthorized: RoaringTreemap,
    chains: HashMap<ChainId, VerifierKey>,
}

impl Signers {
    /// Adds a verified event.
    pub(crate) fn add(&mut self, link: &CoveredLink) {
        self.verified.insert(link.index);
        if !link.authorized {
            self.unauthorized.insert(link.index);
        }
        self.chains.entry(link.chain).or_insert_with(|| link.vkey.clone());
    }
}

impl EventVisitor for Signers {
    type Item = ();
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<()>) -> Result<(), CliError> {
        self.add(&event.link);
        Ok(())
    }
}

/// Consecutive lines of an export.
#[derive(Clone, Copy)]
pub(crate) struct Stretch {
    /// The 1-based number of the part; `None` for the whole export.
    pub(crate) part: Option<u64>,
    /// The byte position in the file.
    pub(crate) begin: u64,
    pub(crate) bytes: u64,
    /// The index of the first entry at or after the beginning.
    pub(crate) first_entry: u64,
    /// The SHA-256 of the bytes, before decompression.
    pub(crate) sha256: [u8; 32],
    /// The number of rows.
    pub(crate) rows: u64,
}

impl Rows {
    /// Verifies an export.
    pub(crate) fn verify(
        input: Input,
        trust: Trust,
        parsers: Parsers,
        threads: usize,
    ) -> Result<Self, CliError> {
        let mut input = input.rereadable()?;
        let mut signers = Signers::default();
        let options = Options { trust, ..Options::default() };
        let examiner = || |event: &SummarizedEvent<'_>| Some(event.select(()));
        let verification = visit(&mut input, options, threads, examiner, &mut signers)?;
        let (sha256, count) = (input.digest()?.sha256.0, signers.verified.len());
        let whole = Stretch { part: None, begin: 0, bytes: u64::MAX, first_entry: 0, sha256, rows: count };
        Ok(Self { input, verification, parsers, signers, stretches: vec![whole], cut: None, count })
    }

    /// Returns the rows of some parts of an export, whose verified events are in `signers`.
    pub(crate) fn of_parts(
        input: Input,
        verification: Verification,
        parsers: Parsers,
        signers: Signers,
        stretches: Vec<Stretch>,
        cut: Cut,
    ) -> Self {
        let count = signers.verified.len();
        Self { input, verification, parsers, signers, stretches, cut: Some(cut), count }
    }

    /// Returns the stretches that rows are made from, in order.
    pub(super) fn stretches(&self) -> Vec<Stretch> {
        self.stretches.clone()
    }

    /// Returns the cut of the export, if rows are made in parts.
    pub(super) fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// Returns the verification report.
    pub(crate) fn report(&self) -> &Report {
        &self.verification.report
    }

    /// Fails if the export was altered, so that it is unclear which events are genuine, or is not an export.
    pub(crate) fn refuse_altered(&self) -> Result<(), CliError> {
        if let (None, Some(finding)) = (&self.report().origin, self.report().findings.first()) {
            let failure = CliError::unusable("export.invalid", finding.message.as_str(), finding.hint);
            return Err(failure.within(self.input.name()));
        }
        if !matches!(self.report().verdict, Verdict::Altered | Verdict::Broken) {
            return Ok(());
        }
        let hint = "run `countersign verify` for details, or `countersign show` for the events that verify";
        let failure =
            CliError::unusable("parquet.altered", "the export doesn't verify, so it has no rows", hint);
        Err(failure.within(self.input.name()).into_broken())
    }

    /// Returns the metadata of a file with the rows of this stretch and the columns of this version, by key.
    pub(crate) fn metadata(&self, stretch: &Stretch, version: Version) -> Vec<(String, String)> {
        let report = self.report();
        let origin = report.origin.clone().unwrap_or_default();
        // Signed if this user would pin it, otherwise the unsigned text.
        let text = report.log.as_ref().map(|log| format!("{origin}\n{}\n{}\n", log.size, log.root));
        let checkpoint = self.verification.pin.clone().or(text).unwrap_or_default();
        let mut metadata = vec![
            ("countersign.rows", version.as_str().to_owned()),
            ("countersign.origin", origin),
            ("countersign.verdict", report.verdict.as_str().to_owned()),
            ("countersign.checkpoint", checkpoint),
        ];
        match (&self.cut, stretch.part) {
            (Some(cut), Some(part)) => metadata.extend(cut.metadata(part)),
            _ => metadata.push(("countersign.export.sha256", countersign::hex::encode(&stretch.sha256))),
        }
        metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// True if the event of this entry is a row.
    pub(super) fn contains(&self, leaf: u64) -> bool {
        self.signers.verified.contains(leaf)
    }

    /// Calls `row` with each row of a stretch.
    pub(crate) fn each(
        &mut self,
        stretch: &Stretch,
        doing: &'static str,
        mut row: impl FnMut(&Self, &str, Row) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let name = self.input.name().to_owned();
        let changed = || {
            let hint = "use a copy that no other program writes to";
            CliError::unusable("io.changed", "the file changed while it was read", hint).within(&name)
        };
        // A stream was copied to a file before.
        let file = self.input.file().ok_or_else(changed)?;
        let failed = |error: io::Error| CliError::io("read", &name, &error);
        let mut file = file.reopen().map_err(failed)?;
        file.seek(SeekFrom::Start(stretch.begin)).map_err(failed)?;
        let hash = Arc::new(Mutex::new(Sha256::new()));
        let hashed = Arc::clone(&hash);
        let update = move |bytes: &[u8]| hashed.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
        let reader = TeeReader { reader: file.take(stretch.bytes), tap: update };
        let mut input = Input::stream(&name, Box::new(reader));

        let signer_trusts = SignerTrusts::from_report(self.report());
        let mut leaf = stretch.first_entry;
        let mut made = 0;
        let has_header = stretch.begin == 0;
        export::read_from(&mut input, has_header, doing, |part| {
            let Part::Item(line, item) = part else { return Ok(()) };
            let here = leaf;
            leaf = leaf.saturating_add(match item {
                Item::Skip { level, .. } => 1 << level,
                Item::Checkpoint { .. } | Item::Head { .. } | Item::Anchor { .. } => 0,
                Item::Link { .. } | Item::Note { .. } | Item::Leaf(_) => 1,
            });
            let Item::Link { text, link: Link::Event(link), payload: Some(payload), .. } = item else {
                return Ok(());
            };
            if !self.contains(here) {
                return Ok(());
            }
            let vkey = self.signers.chains.get(&link.chain).ok_or_else(changed)?;
            let authorized = !self.signers.unauthorized.contains(here);
            let covered = CoveredLink {
                line,
                index: here,
                chain: link.chain,
                seq: link.seq,
                time: link.time,
                vkey: vkey.clone(),
                authorized,
                attestation: None,
            };
            let signer_trust = signer_trusts.of_link(&covered);
            let attestation = Attestation::new(link, text, vkey);
            let built = self.row(here, &attestation, payload, vkey, signer_trust).ok_or_else(changed)?;
            made += 1;
            row(self, &link.time.to_string()[..10], built)
        })?;
        let actual: [u8; 32] = hash.lock().unwrap_or_else(PoisonError::into_inner).finalize_reset().into();
        match (actual == stretch.sha256 && made == stretch.rows, stretch.part) {
            (true, _) => Ok(()),
            (false, None) => Err(changed()),
            (false, Some(part)) => {
                let hint = "pass the file that was summarized, and only the summaries of one run";
                let message = format!("this is not the file that part {part} was summarized from");
                Err(CliError::unusable("summary.other_file", message, hint).within(&name))
            }
        }
    }

    fn row(
        &self,
        leaf: u64,
        attestation: &Attestation<'_>,
        payload: &Payload<'_>,
        vkey: &VerifierKey,
        signer_trust: SignerTrust,
    ) -> Option<Row> {
        let link = attestation.link;
        let canonical = match payload.check(&payload.commit(), &link.commit) {
            Ok(Matched::Verbatim) => None,
            Ok(Matched::Canonical(text)) => Some(text),
            Err(_) => return None,
        };
        let event = canonical.as_deref().unwrap_or(payload.event);
        let document = Document::parse(event);
        let root = document.as_ref().map(Document::root);
        let read = root.as_ref().and_then(|event| self.parsers.parse(event));
        let (leaf, seq) = (i64::try_from(leaf).ok()?, i64::try_from(link.seq).ok()?);
        let text = |text: &str| Some(Value::Bytes(text.as_bytes().to_vec()));
        let chain = link.chain.to_string();
        Some(Row::new(|column| {
            let parsed = || {
                let read = read.as_ref()?;
                match column.name {
                    "parsed_as" => Some(&read.parsed_as),
                    "action" => read.action.as_ref(),
                    "actor_id" => read.actor.id.as_ref(),
                    "actor_name" => read.actor.name.as_ref(),
                    "actor_type" => read.actor.kind.as_ref(),
                    "on_behalf_of_id" => read.on_behalf_of.id.as_ref(),
                    "on_behalf_of_name" => read.on_behalf_of.name.as_ref(),
                    "on_behalf_of_type" => read.on_behalf_of.kind.as_ref(),
                    "target_id" => read.target.id.as_ref(),
                    "target_name" => read.target.name.as_ref(),
                    "target_type" => read.target.kind.as_ref(),
                    "address" => read.address.as_ref(),
                    "reason" => read.reason.as_ref(),
                    _ => None,
                }
            };
            match column.name {
                "entry" => Some(Value::Integer(leaf)),
                "chain" => text(&chain),
                "seq" => Some(Value::Integer(seq)),
                "link_time" => Some(Value::Integer(link.time.millis())),
                "salt" => Some(Value::Bytes(payload.salt.to_vec())),
                "commit" => Some(Value::Bytes(link.commit.0.to_vec())),
                "signer" => text(vkey.as_str()),
                "signer_trust" => text(signer_trust.as_str()),
                "time" => read.as_ref()?.time.map(|time| Value::Integer(time.millis())),
                "outcome" => text(read.as_ref()?.outcome.as_str()),
                "event" => text(event),
                "prev" => Some(Value::Bytes(link.prev.0.to_vec())),
                "signature" => link.signature.map(|signature| Value::Bytes(signature.to_vec())),
                name => match name.strip_prefix("attestation_list.") {
                    Some(path) => attestation.value(path),
                    None => text(parsed()?),
                },
            }
        }))
    }
}
