//! What an export has for a catalogue's questions, read once.

use std::collections::HashMap;

use countersign::hash::Hash;
use countersign::hex;
use countersign::link::ChainId;
use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign::verify::{Options, PickedEvent, SummarizedEvent, Update, Verdict, Verification};
use countersign_analyze::{Analysis, Analyzer, Detected, Pack};
use countersign_controls::{
    Catalogue, Ended, Evidence, Gathering, Known, Looked, Looking, Record, Source, Wanted, What,
};
use countersign_evidence::Described;
use countersign_query::value::Document;
use countersign_query::{Entry, Readings};
use sha2::{Digest as _, Sha256};

use super::Args;
use super::kept::Kept;
use crate::commands::report::selected;
use crate::commands::verify;
use crate::errors::CliError;
use crate::io::input::{self, Input};

/// How many events of a record or a person are listed.
const ROWS: usize = 10_000;

/// What was read, and what came of it.
pub(super) struct Gathered {
    pub(super) verification: Verification,
    pub(super) file: Described,
    /// The leaves of the events that verify, in order, where they were asked for.
    pub(super) leaves: Vec<u64>,
    /// None of an export that is altered, broken or none.
    pub(super) evidence: Option<Evidence>,
}

/// What events are looked at by.
pub(super) struct Look<'a> {
    pub(super) pack: &'a Pack,
    pub(super) readings: Readings,
    pub(super) catalogue: &'a Catalogue,
    pub(super) args: &'a Args,
}

/// What was seen of an event of which it is not known yet whether it verifies.
type Seen = (Looked, Detected);

impl Look<'_> {
    pub(super) fn at(
        &self,
        looking: &Looking<'_>,
        text: &str,
        of: (Time, ChainId, Option<&str>),
        leaf: u64,
    ) -> Seen {
        let (recorded, chain, signer) = of;
        let document = Document::parse(text);
        let event = document.as_ref().map(Document::root);
        let read = event.as_ref().and_then(|event| self.readings.read(event));
        let chain = chain.to_string();
        let entry = Entry { event, roots: &[], read: read.as_ref(), recorded, chain: &chain, signer };
        entry.within(|entry| {
            let detected = self.pack.detect(leaf, entry);
            (looking.look(entry, text, &detected), detected)
        })
    }

    /// Reads the export once. What it says of each entry waits, in the order of the log, until it is known whose word counts.
    pub(super) fn gather(&self, input: &mut Input, wants_leaves: bool) -> Result<Gathered, CliError> {
        let args = self.args;
        let (trust, trust_bytes) = args.trust.path().map(input::trust_with_bytes).transpose()?.unzip();
        let trust = trust.unwrap_or_default();
        let logs = trust.logs().map(|key| key.as_str().to_owned()).collect();
        let has_quorum = trust.has_quorum();
        let options = Options { trust, marks: true, ..Options::default() };
        let (subject, record) = (args.subject.as_deref(), args.record.as_deref());
        let looking = Looking::new(self.catalogue, &self.readings, self.pack, subject, record);
        let needs_signer = self.pack.reads_signer() || self.catalogue.asks_signer();
        let look = || {
            |event: &SummarizedEvent<'_>| {
                if needs_signer {
                    return Some(event.pick(None, true));
                }
                let text = std::str::from_utf8(event.text).ok()?;
                let seen = self.at(&looking, text, (event.time, event.chain, None), 0);
                Some(event.pick(Some(postcard::to_stdvec(&seen).ok()?.into()), false))
            }
        };
        let mut taken = Taken { leaves: wants_leaves.then(Vec::new), ..Taken::default() };
        let mut failed = Ok(());
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let tap = |read: &[u8]| {
            hash.update(read);
            bytes += read.len() as u64;
        };
        let threads = args.threads.count();
        let verification = verify::look_tapped(input, tap, options, threads, look, |told| {
            if failed.is_err() {
                return;
            }
            failed = taken.take(told, |picked| {
                if let Some(annotation) = &picked.annotation {
                    return postcard::from_bytes(annotation).map_err(|error| faulty(&error.to_string()));
                }
                let of = (picked.link.time, picked.link.chain, Some(picked.link.vkey.name()));
                Ok(self.at(&looking, picked.event.as_deref().unwrap_or_default(), of, picked.link.index))
            });
        })?;
        failed?;
        let report = &verification.report;
        let Taken { mut kept, chains, ended, leaves, .. } = taken;
        let mut leaves = leaves.unwrap_or_default();
        leaves.sort_unstable();
        leaves.dedup();
        let sha256 = Hash(hash.finalize().into());
        let name = args.export.as_deref().map_or_else(String::new, selected::name);
        let file = Described { name, sha256, size: bytes };
        let is_none = report.origin.is_none() || matches!(report.verdict, Verdict::Altered | Verdict::Broken);
        if is_none {
            return Ok(Gathered { verification, file, leaves, evidence: None });
        }
        let source = Source {
            name: input.name().to_owned(),
            sha256: hex::encode(&sha256.0),
            bytes,
            trust: trust_bytes.map(|bytes| hex::encode(&Hash::of(&[&bytes]).0)),
            tool: concat!("countersign ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let known = Known { source, report, logs, has_quorum, chains: &chains, ended };
        let wanted = Wanted {
            period: args.period,
            sample: args.sample.into(),
            seed: args.seed.clone(),
            policy: args.policy.map(|age| (age.to_string(), age.millis())),
            record: args.record.clone(),
            subject: args.subject.clone(),
            rows: ROWS,
        };
        let mut gathering = Gathering::new(self.catalogue, known, wanted);
        let mut analyzer = Analyzer::new(self.pack);
        kept.for_each(|bytes| {
            let (record, detected) = read(bytes)?;
            gathering.take(&record);
            match detected {
                Some(detected) => analyzer.take(detected).map_err(|error| faulty(&error.to_string())),
                None => Ok(()),
            }
        })?;
        let analysis: Analysis = analyzer.finish();
        gathering.again(&analysis);
        kept.for_each(|bytes| {
            gathering.show(&read(bytes)?.0);
            Ok(())
        })?;
        let evidence = gathering.finish(self.pack, &analysis);
        Ok(Gathered { verification, file, leaves, evidence: Some(evidence) })
    }
}

/// What was told of an export so far.
#[derive(Default)]
struct Taken {
    kept: Kept,
    chains: Vec<(ChainId, VerifierKey)>,
    numbers: HashMap<ChainId, u32>,
    ended: Ended,
    leaves: Option<Vec<u64>>,
}

impl Taken {
    fn take(
        &mut self,
        told: Update,
        mut seen: impl FnMut(&PickedEvent) -> Result<Seen, CliError>,
    ) -> Result<(), CliError> {
        for picked in told.picked {
            let (looked, detected) = seen(&picked)?;
            let link = &picked.link;
            self.leaves.iter_mut().for_each(|leaves| leaves.push(link.index));
            let record = Record {
                leaf: link.index,
                chain: self.number(link.chain, &link.vkey),
                seq: link.seq,
                recorded: link.time.millis(),
                authorised: link.authorised,
                what: What::Event(Box::new(looked)),
            };
            let detected = detected.at(link.index);
            self.keep(&record, Some(detected))?;
        }
        for mark in told.marks {
            let Self { chains, numbers, ended, .. } = self;
            let record = ended.take(mark, |chain, vkey| number(chains, numbers, chain, vkey));
            if let Some(record) = record {
                self.keep(&record, None)?;
            }
        }
        Ok(())
    }

    fn number(&mut self, chain: ChainId, vkey: &VerifierKey) -> u32 {
        number(&mut self.chains, &mut self.numbers, chain, vkey)
    }

    fn keep(&mut self, record: &Record, detected: Option<Detected>) -> Result<(), CliError> {
        let bytes = postcard::to_stdvec(&(record, detected)).map_err(|error| faulty(&error.to_string()))?;
        self.kept.push(record.leaf, bytes.into())
    }
}

fn number(
    chains: &mut Vec<(ChainId, VerifierKey)>,
    numbers: &mut HashMap<ChainId, u32>,
    chain: ChainId,
    vkey: &VerifierKey,
) -> u32 {
    *numbers.entry(chain).or_insert_with(|| {
        chains.push((chain, vkey.clone()));
        chains.len() as u32 - 1
    })
}

fn faulty(what: &str) -> CliError {
    CliError::unusable("evidence.order", what.to_owned(), "this is a fault of the program: report it")
}

/// Reads a record back.
fn read(bytes: &[u8]) -> Result<(Record, Option<Detected>), CliError> {
    postcard::from_bytes(bytes).map_err(|error| faulty(&error.to_string()))
}
