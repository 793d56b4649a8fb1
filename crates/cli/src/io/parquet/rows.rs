//! The rows that an export makes: one for each event that verifies, in the order of the leaves.
//!
//! An export is read twice: whose signature a row shows and whether it is one to trust is known at the end alone.

use std::collections::HashMap;
use std::io::{self, Seek as _};
use std::sync::{Arc, Mutex, PoisonError};

use countersign::export::{Item, Matched, Payload};
use countersign::link::{ChainId, EventLink, Link};
use countersign::note::VerifierKey;
use countersign::trust::Trust;
use countersign::verify::{
    CoveredLink, EventVisitor, Options, Report, SignerTrust, SignerTrusts, SummarizedEvent, Verdict,
    Verification, VerifiedItem,
};
use countersign_parquet::{Row, Value};
use countersign_query::Parsers;
use countersign_query::value::Document;
use roaring::RoaringTreemap;
use sha2::{Digest as _, Sha256};

use crate::errors::CliError;
use crate::io::export;
use crate::io::export::Part;
use crate::io::input::Input;
use crate::io::tapped::Tapped;
use crate::io::visit::visit_tapped;

/// An export that was verified.
pub(crate) struct Rows {
    input: Input,
    verification: Verification,
    parsers: Parsers,
    /// The leaves of the events that verify.
    verified: RoaringTreemap,
    /// Those of keys that were not authorized when they signed.
    unauthorized: RoaringTreemap,
    signers: HashMap<ChainId, VerifierKey>,
    /// The hash of the file, compressed as it may be.
    hash: [u8; 32],
    /// How many rows there are.
    pub(crate) count: u64,
}

/// Notes which events verify, and whose signature covers them.
#[derive(Default)]
struct SignerVisitor {
    verified: RoaringTreemap,
    unauthorized: RoaringTreemap,
    signers: HashMap<ChainId, VerifierKey>,
    count: u64,
}

impl EventVisitor for SignerVisitor {
    type Item = ();
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<()>) -> Result<(), CliError> {
        self.verified.insert(event.index);
        if !event.authorized {
            self.unauthorized.insert(event.index);
        }
        self.signers.entry(event.chain).or_insert_with(|| event.link.vkey.clone());
        self.count += 1;
        Ok(())
    }
}

impl Rows {
    /// Verifies an export.
    pub(crate) fn of(input: Input, trust: Trust, parsers: Parsers, threads: usize) -> Result<Self, CliError> {
        let mut input = input.rereadable()?;
        let mut visitor = SignerVisitor::default();
        let mut hash = Sha256::new();
        let options = Options { trust, ..Options::default() };
        let examiner = || |event: &SummarizedEvent<'_>| Some(event.select(()));
        let tap = |bytes: &[u8]| hash.update(bytes);
        let verification = visit_tapped(&mut input, tap, options, threads, examiner, &mut visitor)?;
        let SignerVisitor { verified, unauthorized, signers, count } = visitor;
        let hash = hash.finalize().into();
        Ok(Self { input, verification, parsers, verified, unauthorized, signers, hash, count })
    }

    /// What verifying said.
    pub(crate) fn report(&self) -> &Report {
        &self.verification.report
    }

    /// Refuses an export that was altered, of which it is a matter of taste which events would be rows, and what is none.
    pub(crate) fn refuse_altered(&self) -> Result<(), CliError> {
        if let (None, Some(finding)) = (&self.report().origin, self.report().findings.first()) {
            let failure = CliError::unusable("export.invalid", finding.message.as_str(), finding.hint);
            return Err(failure.within(self.input.name()));
        }
        if !matches!(self.report().verdict, Verdict::Altered | Verdict::Broken) {
            return Ok(());
        }
        let hint = "`countersign verify` says where; `countersign show` shows the events that verify";
        let failure = CliError::unusable(
            "parquet.altered",
            "the export does not verify, so no rows are made of it",
            hint,
        );
        Err(failure.within(self.input.name()).into_broken())
    }

    /// What is said of all rows, by key.
    pub(crate) fn metadata(&self) -> Vec<(String, String)> {
        let report = self.report();
        let hash = countersign::hex::encode(&self.hash);
        let origin = report.origin.clone().unwrap_or_default();
        // Signed where this reader would pin it, and as its text alone where not.
        let text = report.log.as_ref().map(|log| format!("{origin}\n{}\n{}\n", log.size, log.root));
        let checkpoint = self.verification.pin.clone().or(text).unwrap_or_default();
        [
            ("countersign.rows", "v1".to_owned()),
            ("countersign.origin", origin),
            ("countersign.verdict", report.verdict.as_str().to_owned()),
            ("countersign.checkpoint", checkpoint),
            ("countersign.export.sha256", hash),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// Whether the event of this leaf is a row.
    pub(super) fn contains(&self, leaf: u64) -> bool {
        self.verified.contains(leaf)
    }

    /// Hands out the rows.
    pub(crate) fn each(
        &mut self,
        doing: &'static str,
        mut row: impl FnMut(&Self, &str, Row) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let name = self.input.name().to_owned();
        let changed = || {
            let hint = "give a copy that nobody writes to";
            CliError::unusable("io.changed", "it changed while it was read", hint).within(&name)
        };
        // A stream was kept as a file, so it is one.
        let file = self.input.file().ok_or_else(changed)?;
        let failed = |error: io::Error| CliError::io("read", &name, &error);
        let mut file = file.try_clone().map_err(failed)?;
        file.rewind().map_err(failed)?;
        let hash = Arc::new(Mutex::new(Sha256::new()));
        let hashed = Arc::clone(&hash);
        let update = move |bytes: &[u8]| hashed.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
        let mut input = Input::stream(&name, Box::new(Tapped { reader: file, tap: update }));

        let signer_trusts = SignerTrusts::of(self.report());
        let mut leaf = 0_u64;
        let mut made = 0;
        export::read(&mut input, doing, |part| {
            let Part::Item(line, item) = part else { return Ok(()) };
            let here = leaf;
            leaf = leaf.saturating_add(match item {
                Item::Skip { level, .. } => 1 << level,
                Item::Checkpoint { .. } => 0,
                Item::Link { .. } | Item::Note { .. } | Item::Leaf(_) => 1,
            });
            let Item::Link { link: Link::Event(link), payload: Some(payload), .. } = item else {
                return Ok(());
            };
            if !self.verified.contains(here) {
                return Ok(());
            }
            let vkey = self.signers.get(&link.chain).ok_or_else(changed)?;
            let authorized = !self.unauthorized.contains(here);
            let covered = CoveredLink {
                line,
                index: here,
                chain: link.chain,
                seq: link.seq,
                time: link.time,
                vkey: vkey.clone(),
                authorized,
            };
            let signer_trust = signer_trusts.of_link(&covered);
            let made_of = self.row(here, link, payload, vkey, signer_trust).ok_or_else(changed)?;
            made += 1;
            row(self, &link.time.to_string()[..10], made_of)
        })?;
        let found: [u8; 32] = hash.lock().unwrap_or_else(PoisonError::into_inner).finalize_reset().into();
        if found == self.hash && made == self.count { Ok(()) } else { Err(changed()) }
    }

    fn row(
        &self,
        leaf: u64,
        link: &EventLink,
        payload: &Payload<'_>,
        vkey: &VerifierKey,
        signer_trust: SignerTrust,
    ) -> Option<Row> {
        let canonical = match payload.check(&payload.commit(), &link.commit) {
            Ok(Matched::AsItStands) => None,
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
            let said = || {
                let read = read.as_ref()?;
                match column.name {
                    "parsed_as" => Some(&read.parsed_as),
                    "action" => read.action.as_ref(),
                    "actor_id" => read.actor.id.as_ref(),
                    "actor_name" => read.actor.name.as_ref(),
                    "actor_type" => read.actor.kind.as_ref(),
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
                _ => text(said()?),
            }
        }))
    }
}
