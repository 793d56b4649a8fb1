//! Turns detections into findings, in the order of the log, while the export is verified.
//!
//! Threads detect concurrently, and an event counts only once a signature covers it, so detections arrive in another
//! order. Most wait only for the end of their batch. If a chain leaves its links unsigned, all later detections wait,
//! in a temporary file.

use std::collections::HashMap;

use countersign::error::{Code, Error};
use countersign::link::ChainId;
use countersign::note::VerifierKey;
use countersign::verify::report::Report;
use countersign::verify::{EventVisitor, SelectedItem, SummarizedEvent, VerifiedItem};
use countersign_analyze::pieces::PieceError;
use countersign_analyze::{Acknowledgment, Analyzer, Detected, Pack, Signers};
use countersign_query::Parsers;

use super::{AnalyzedExport, detect};
use crate::errors::CliError;
use crate::io::spill_queue::{PendingValue, Spill, SpillQueue};
use crate::io::study::{Consumer, Examiner};

/// The approximate number of bytes that wait in memory.
const MEMORY_BYTES: usize = 16 << 20;

/// Maximum number of findings whose acknowledgments are kept.
const MAX_ACKNOWLEDGED_FINDINGS: usize = 16_384;

/// The first acknowledgment of each finding, by its id, with the signer.
#[derive(Default)]
pub(super) struct Acknowledgments {
    by_finding: HashMap<String, (Acknowledgment, Signer)>,
    /// The number of acknowledgments beyond the limit.
    pub(super) skipped: u64,
}

impl Acknowledgments {
    fn add(&mut self, new: Acknowledgment, signer: Signer) {
        let is_full = self.by_finding.len() >= MAX_ACKNOWLEDGED_FINDINGS;
        match self.by_finding.get_mut(&new.finding) {
            Some((first, of)) if new.leaf < first.leaf => (*first, *of) = (new, signer),
            Some(_) => {}
            None if is_full => self.skipped += 1,
            None => _ = self.by_finding.insert(new.finding.clone(), (new, signer)),
        }
    }

    pub(super) fn first(&self, finding: &str) -> Option<&(Acknowledgment, Signer)> {
        self.by_finding.get(finding)
    }
}

/// The signer of an entry.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Signer {
    pub(super) chain: ChainId,
    pub(super) vkey: VerifierKey,
    pub(super) authorized: bool,
}

/// The detections in an event, and the number of its signer.
#[derive(Debug)]
struct SignedDetection {
    signer: u32,
    detected: Box<Detected>,
}

impl SignedDetection {
    fn read(record: &[u8], pack: &Pack) -> Result<Self, CliError> {
        let (signer, detected) = record.split_first_chunk().ok_or_else(|| broken(&PieceError))?;
        let signer = u32::from_le_bytes(*signer);
        Ok(Self { signer, detected: Box::new(read(detected, pack)?) })
    }
}

impl Spill for SignedDetection {
    fn memory_bytes(&self) -> usize {
        self.detected.memory_bytes()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.signer.to_le_bytes());
        self.detected.write(out);
    }
}

impl Spill for Detected {
    fn memory_bytes(&self) -> usize {
        self.memory_bytes()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.to_bytes());
    }
}

fn read(detected: &[u8], pack: &Pack) -> Result<Detected, CliError> {
    Detected::from_bytes(detected, pack).map_err(|error| broken(&error))
}

/// Runs the rules on events, in any thread.
#[derive(Clone, Copy)]
pub(crate) struct FindingsExaminer<'p, 'r> {
    pub(super) pack: &'p Pack,
    pub(super) parsers: &'r Parsers,
}

impl Examiner for FindingsExaminer<'_, '_> {
    /// None for an event that is examined when it is visited.
    type Item = Option<PendingValue<Detected>>;

    /// Runs the rules on an event, unless they depend on its signer, who is known only when it is visited.
    fn examine(&self, event: &SummarizedEvent<'_>) -> Option<SelectedItem<Self::Item>> {
        let Self { pack, parsers } = *self;
        if pack.reads_signer() {
            return Some(event.select_with_text(None));
        }
        let text = std::str::from_utf8(event.text).ok()?;
        let detected = detect(pack, parsers, text, (event.time, event.chain, None));
        let item = Some(PendingValue::new(detected));
        Some(if Acknowledgment::may_be(text) { event.select_with_text(item) } else { event.select(item) })
    }
}

/// Collects the findings of the events that it visits.
pub(crate) struct FindingsVisitor<'p, 'r> {
    parsers: &'r Parsers,
    analyzer: OrderedAnalyzer<'p>,
    acknowledgments: Acknowledgments,
    events: u64,
    range: Option<(u64, u64)>,
    waiting: SpillQueue<SignedDetection>,
}

impl<'p, 'r> FindingsVisitor<'p, 'r> {
    pub(crate) fn new(pack: &'p Pack, parsers: &'r Parsers) -> Self {
        Self::with_memory(pack, parsers, MEMORY_BYTES)
    }

    /// Creates a visitor that keeps `max_bytes` bytes of waiting detections in memory.
    fn with_memory(pack: &'p Pack, parsers: &'r Parsers, max_bytes: usize) -> Self {
        Self {
            parsers,
            analyzer: OrderedAnalyzer {
                pack,
                analyzer: Analyzer::new(pack),
                signers: Signers::default(),
                max_findings: u64::MAX,
            },
            acknowledgments: Acknowledgments::default(),
            events: 0,
            range: None,
            waiting: SpillQueue::new(max_bytes),
        }
    }

    /// Examines only events in a range of entries, if given.
    #[must_use]
    pub(crate) fn within(mut self, range: Option<(u64, u64)>) -> Self {
        self.range = range;
        self
    }

    /// Fails once there are more findings.
    #[must_use]
    pub(crate) fn with_max_findings(mut self, max_findings: u64) -> Self {
        self.analyzer.max_findings = max_findings;
        self
    }

    /// Ends with the report on the export.
    pub(crate) fn finish(self, report: Report) -> Result<AnalyzedExport<'p>, CliError> {
        let Self { mut analyzer, acknowledgments, events, mut waiting, .. } = self;
        let pack = analyzer.pack;
        waiting.for_each(
            |record| SignedDetection::read(record, pack),
            |leaf, SignedDetection { signer, detected }| {
                analyzer.accept(leaf, *signer, std::mem::take(&mut **detected))
            },
        )?;
        let OrderedAnalyzer { analyzer, signers, .. } = analyzer;
        Ok(AnalyzedExport { pack, report, outcome: analyzer.finish(), signers, acknowledgments, events })
    }
}

impl<'p, 'r> Consumer for FindingsVisitor<'p, 'r> {
    type Examiner = FindingsExaminer<'p, 'r>;

    fn examiner(&self) -> Self::Examiner {
        FindingsExaminer { pack: self.analyzer.pack, parsers: self.parsers }
    }
}

impl EventVisitor for FindingsVisitor<'_, '_> {
    type Item = Option<PendingValue<Detected>>;
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<Self::Item>) -> Result<(), CliError> {
        let VerifiedItem { link, item, text } = event;
        if !self.range.is_none_or(|(first, end)| (first..end).contains(&link.index)) {
            return Ok(());
        }
        let pack = self.analyzer.pack;
        self.events += 1;
        let acknowledgment = text.as_deref().and_then(|text| Acknowledgment::parse(text, link.index));
        let detected = if let Some(item) = item {
            item.into_value(|bytes| read(bytes, pack))?
        } else {
            let of = (link.time, link.chain, Some(link.vkey.name()));
            Box::new(detect(pack, self.parsers, &text.unwrap_or_default(), of))
        };
        let signer = Signer { chain: link.chain, vkey: link.vkey, authorized: link.authorized };
        if let Some(acknowledgment) = acknowledgment {
            self.acknowledgments.add(acknowledgment, signer.clone());
        }
        let signer = self.analyzer.signers.number(signer);
        self.waiting.push(link.index, SignedDetection { signer, detected });
        Ok(())
    }

    fn count_others(&mut self, events: u64) {
        self.events += events;
    }

    fn settle(&mut self, settled: u64) -> Result<(), CliError> {
        for (leaf, SignedDetection { signer, detected }) in self.waiting.take_below(settled) {
            self.analyzer.accept(leaf, signer, *detected)?;
        }
        self.waiting.spill_if_full()
    }
}

/// Passes detections to the analyzer in log order.
struct OrderedAnalyzer<'p> {
    pack: &'p Pack,
    analyzer: Analyzer<'p>,
    signers: Signers<Signer>,
    max_findings: u64,
}

impl OrderedAnalyzer<'_> {
    fn accept(&mut self, leaf: u64, signer: u32, detected: Detected) -> Result<(), CliError> {
        self.signers.note(leaf, signer, &self.analyzer);
        self.analyzer.accept(detected.at(leaf)).map_err(|error| broken(&error))?;
        if self.analyzer.findings().len() as u64 > self.max_findings {
            let message = format!("the rules have more than {} findings", self.max_findings);
            let error = Error::new(Code::Evidence, message).in_member("findings");
            let hint = "if you are making the report, use fewer rules; otherwise ask the sender for the original, as the report was altered";
            return Err(error.with_hint(hint).into());
        }
        Ok(())
    }
}

fn broken(error: &dyn std::error::Error) -> CliError {
    CliError::unusable("analyze.order", error.to_string(), "report this as a bug")
}

#[cfg(test)]
mod tests {
    use countersign::time::Time;
    use countersign::verify::{CoveredLink, Options, Verifier};
    use countersign_analyze::{Analysis, Sources};

    use super::*;

    const RULES: &str = "
title: Refused
id: refused
level: low
detection: {s: {outcome: denied}, condition: s}
---
title: Many refused
id: many
level: high
correlation:
  type: event_count
  rules: [refused]
  group-by: [actor.id]
  timespan: 1m
  condition: {gte: 4}
  generate: true
";

    fn event(index: u64) -> VerifiedItem<Option<PendingValue<Detected>>> {
        let vkey = "example.com/dashboard/a+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5";
        let link = CoveredLink {
            line: index + 2,
            index,
            chain: ChainId([(index % 3) as u8; 16]),
            seq: index / 3,
            time: Time::from_millis(1_800_000_000_000 + index.cast_signed() * 1000).unwrap(),
            vkey: vkey.parse().unwrap(),
            authorized: !index.is_multiple_of(3),
            attestation: None,
        };
        let text = format!(r#"{{"action":"a","actor":{{"id":"u{}"}},"outcome":"denied"}}"#, index % 5);
        VerifiedItem { link, item: None, text: Some(text.into()) }
    }

    /// Returns the findings for a log whose third chain signs rarely.
    fn analyze_sample(max_bytes: usize) -> (Analysis, Vec<ChainId>, bool) {
        let mut sources = Sources::default();
        sources.add("rules.yml", RULES);
        let (pack, parsers) = (sources.build("test").unwrap(), Parsers::built_in());
        let mut visitor = FindingsVisitor::with_memory(&pack, &parsers, max_bytes);
        let (of_third, others): (Vec<u64>, Vec<u64>) = (0..3000).partition(|index| index % 3 == 2);
        for (others, of_third) in others.chunks(400).zip(of_third.chunks(200)) {
            let mut batch = |leaves: &[u64], settled| {
                for leaf in leaves {
                    visitor.visit(event(*leaf)).unwrap();
                }
                visitor.settle(settled).unwrap();
            };
            batch(others, of_third[0]);
            batch(of_third, of_third[199]);
        }
        let is_spilled = visitor.waiting.is_spilled();
        let report = Verifier::new(Options::default()).finish().report;
        let AnalyzedExport { outcome: analysis, signers, events, .. } = visitor.finish(report).unwrap();
        assert_eq!((events, analysis.coverage.events, analysis.coverage.unparsed), (3000, 3000, 0));
        let leaves = analysis.findings.iter().flat_map(|finding| &finding.leaves);
        let chains = leaves.map(|leaf| signers.get(*leaf).unwrap().chain);
        let chains = chains.collect();
        (analysis, chains, is_spilled)
    }

    #[test]
    fn spilled_detections_give_the_same_findings() {
        let (analysis, chains, is_spilled) = analyze_sample(usize::MAX);
        assert!(
            !is_spilled
                && analysis.findings.iter().filter(|finding| finding.rule == "refused").count() == 3000
        );
        assert!(analysis.findings.iter().any(|finding| finding.rule == "many"));
        let leaves = analysis.findings.iter().flat_map(|finding| &finding.leaves);
        assert!(chains.iter().zip(leaves).all(|(chain, leaf)| u64::from(chain.0[0]) == leaf % 3));
        assert_eq!(analyze_sample(10_000), (analysis, chains, true));
    }
}
