//! Makes findings of what was detected, in the order of the log, while the export is verified.
//!
//! Threads detect, and signatures decide when an event counts: so what was detected comes in another order. Most of it
//! waits for the end of its batch alone. Where a chain leaves its links unsigned, all that comes after them waits, in a
//! temporary file.

use std::collections::HashMap;

use countersign::link::ChainId;
use countersign::note::VerifierKey;
use countersign::verify::{PickedEvent, Update};
use countersign_analyze::pieces::PieceError;
use countersign_analyze::{Analysis, Analyzer, Detected, Pack, Signers};
use countersign_query::Readings;

use super::detect;
use crate::commands::analyze::acknowledged::Acknowledged;
use crate::errors::CliError;
use crate::io::spill::Runs;

/// How many bytes wait in memory, about.
const IN_MEMORY: usize = 16 << 20;

/// The most findings whose answers are kept.
const MAX_ANSWERED: usize = 16_384;

/// People's first answers to findings, by the findings' ids, with who signed them.
#[derive(Default)]
pub(super) struct Answers {
    first: HashMap<String, (Acknowledged, Signer)>,
    /// How many there was no room for.
    pub(super) left_out: u64,
}

impl Answers {
    fn take(&mut self, answer: Acknowledged, signer: Signer) {
        let is_full = self.first.len() >= MAX_ANSWERED;
        match self.first.get_mut(&answer.finding) {
            Some((first, of)) if answer.leaf < first.leaf => (*first, *of) = (answer, signer),
            Some(_) => {}
            None if is_full => self.left_out += 1,
            None => _ = self.first.insert(answer.finding.clone(), (answer, signer)),
        }
    }

    pub(super) fn to(&self, finding: &str) -> Option<&(Acknowledged, Signer)> {
        self.first.get(finding)
    }
}

/// Who signed an entry.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Signer {
    pub(super) chain: ChainId,
    pub(super) vkey: VerifierKey,
    pub(super) authorised: bool,
}

/// What was detected at a leaf, as bytes, and the number of its signer.
struct Waiting {
    leaf: u64,
    signer: u32,
    detected: Box<[u8]>,
}

/// What was found, and by whom it was signed and answered.
pub(super) struct Taken {
    pub(super) outcome: Analysis,
    /// Who signed the entries that findings name.
    pub(super) signers: Signers<Signer>,
    pub(super) answers: Answers,
}

/// What makes the findings.
pub(super) struct Taking<'p> {
    readings: &'p Readings,
    judge: Judge<'p>,
    answers: Answers,
    waiting: Vec<Waiting>,
    bytes: usize,
    in_memory: usize,
    spilled: Option<Runs>,
}

impl<'p> Taking<'p> {
    pub(super) fn new(pack: &'p Pack, readings: &'p Readings) -> Self {
        Self {
            readings,
            judge: Judge { pack, analyzer: Analyzer::new(pack), signers: Signers::default() },
            answers: Answers::default(),
            waiting: Vec::new(),
            bytes: 0,
            in_memory: IN_MEMORY,
            spilled: None,
        }
    }

    /// Takes what became verified. What was noted of an event is what was detected; where nothing was, its text is there.
    pub(super) fn take(&mut self, told: Update) -> Result<(), CliError> {
        for PickedEvent { link, event, annotation } in told.picked {
            let answer = event.as_deref().and_then(|event| Acknowledged::of(event, link.index));
            let detected = annotation.unwrap_or_else(|| {
                let of = (link.time, link.chain, Some(link.vkey.name()));
                detect(self.judge.pack, self.readings, &event.unwrap_or_default(), of).to_bytes().into()
            });
            let signer = Signer { chain: link.chain, vkey: link.vkey, authorised: link.authorised };
            if let Some(answer) = answer {
                self.answers.take(answer, signer.clone());
            }
            let signer = self.judge.signers.number(signer);
            self.bytes += detected.len() + size_of::<Waiting>();
            self.waiting.push(Waiting { leaf: link.index, signer, detected });
        }
        self.waiting.sort_unstable_by_key(|waiting| waiting.leaf);
        if self.spilled.is_none() {
            let settled = self.waiting.partition_point(|waiting| waiting.leaf < told.settled);
            for Waiting { leaf, signer, detected } in self.waiting.drain(..settled) {
                self.bytes -= detected.len() + size_of::<Waiting>();
                self.judge.take(leaf, signer, &detected)?;
            }
        }
        if self.bytes >= self.in_memory { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), CliError> {
        let mut runs = match self.spilled.take() {
            Some(runs) => runs,
            None => Runs::new()?,
        };
        self.bytes = 0;
        runs.add(self.waiting.drain(..), |waiting, out| {
            out.extend(waiting.signer.to_le_bytes());
            out.extend(&*waiting.detected);
            waiting.leaf
        })?;
        self.spilled = Some(runs);
        Ok(())
    }

    /// The export ends here.
    pub(super) fn finish(mut self) -> Result<Taken, CliError> {
        if self.spilled.is_some() {
            self.spill()?;
        }
        let Self { mut judge, answers, waiting, spilled, .. } = self;
        for Waiting { leaf, signer, detected } in waiting {
            judge.take(leaf, signer, &detected)?;
        }
        if let Some(mut runs) = spilled {
            runs.for_each(|leaf, record| {
                let (signer, detected) = record.split_first_chunk().ok_or_else(|| broken(&PieceError))?;
                let signer = u32::from_le_bytes(*signer);
                judge.take(leaf, signer, detected)
            })?;
        }
        let Judge { analyzer, signers, .. } = judge;
        Ok(Taken { outcome: analyzer.finish(), signers, answers })
    }
}

/// What takes events in the order of the log.
struct Judge<'p> {
    pack: &'p Pack,
    analyzer: Analyzer<'p>,
    signers: Signers<Signer>,
}

impl Judge<'_> {
    fn take(&mut self, leaf: u64, signer: u32, detected: &[u8]) -> Result<(), CliError> {
        let detected = Detected::from_bytes(detected, self.pack).map_err(|error| broken(&error))?;
        self.signers.note(leaf, signer, &self.analyzer);
        self.analyzer.take(detected.at(leaf)).map_err(|error| broken(&error))
    }
}

fn broken(error: &dyn std::error::Error) -> CliError {
    CliError::unusable("analyze.order", error.to_string(), "this is a bug: please report it")
}

#[cfg(test)]
mod tests {
    use countersign::time::Time;
    use countersign::verify::CoveredLink;
    use countersign_analyze::Sources;

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

    fn picked(index: u64) -> PickedEvent {
        let vkey = "example.com/dashboard/a+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5";
        let link = CoveredLink {
            line: index + 2,
            index,
            chain: ChainId([(index % 3) as u8; 16]),
            seq: index / 3,
            time: Time::from_millis(1_800_000_000_000 + index.cast_signed() * 1000).unwrap(),
            vkey: vkey.parse().unwrap(),
            authorised: !index.is_multiple_of(3),
        };
        let event = format!(r#"{{"action":"a","actor":{{"id":"u{}"}},"outcome":"denied"}}"#, index % 5);
        PickedEvent { link, annotation: None, event: Some(event.into()) }
    }

    /// What is found where the third chain signs now and then.
    fn found(in_memory: usize) -> (Analysis, Vec<ChainId>, bool) {
        let mut sources = Sources::default();
        sources.add("rules.yml", RULES);
        let (pack, readings) = (sources.build("test").unwrap(), Readings::built_in());
        let mut taking = Taking { in_memory, ..Taking::new(&pack, &readings) };
        let (of_third, others): (Vec<u64>, Vec<u64>) = (0..3000).partition(|index| index % 3 == 2);
        for (others, of_third) in others.chunks(400).zip(of_third.chunks(200)) {
            let update = |leaves: &[u64], settled| Update {
                picked: leaves.iter().copied().map(picked).collect(),
                settled,
                ..Update::default()
            };
            taking.take(update(others, of_third[0])).unwrap();
            taking.take(update(of_third, of_third[199])).unwrap();
        }
        let is_spilled = taking.spilled.is_some();
        let Taken { outcome: analysis, signers, .. } = taking.finish().unwrap();
        assert_eq!((analysis.coverage.events, analysis.coverage.unparsed), (3000, 0));
        let leaves = analysis.findings.iter().flat_map(|finding| &finding.leaves);
        let chains = leaves.map(|leaf| signers.of(*leaf).unwrap().chain);
        let chains = chains.collect();
        (analysis, chains, is_spilled)
    }

    #[test]
    fn what_waits_does_so_in_memory_or_in_a_file() {
        let (analysis, chains, is_spilled) = found(usize::MAX);
        assert!(
            !is_spilled
                && analysis.findings.iter().filter(|finding| finding.rule == "refused").count() == 3000
        );
        assert!(analysis.findings.iter().any(|finding| finding.rule == "many"));
        let leaves = analysis.findings.iter().flat_map(|finding| &finding.leaves);
        assert!(chains.iter().zip(leaves).all(|(chain, leaf)| u64::from(chain.0[0]) == leaf % 3));
        assert_eq!(found(10_000), (analysis, chains, true));
    }
}
