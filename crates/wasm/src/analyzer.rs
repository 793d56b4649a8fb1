//! The artifact `analyzer`: rules, and what they find among verified events.

use std::borrow::Cow;

use countersign::canonical::write_string;
use countersign::error::{Code, Error};
use countersign::hash::Hash;
use countersign::verify::{SignerTrust, TrustBasis};
use countersign_analyze::document::{Seen, Told};
use countersign_analyze::pieces::{Detector as LocalDetector, Merged, PieceError, Signed};
use countersign_analyze::{AnalyzeError, Coverage, Finding, Level, Limit, Pack};
use countersign_query::value::{Document, Value};
use js_sys::{Float64Array, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Thrown, index};

/// How many entries of a finding a list names at most.
const LEAVES: usize = 200;

fn unreadable(_: PieceError) -> Thrown {
    let hint = "hand over what the same version's workers gave, unaltered";
    Error::new(Code::Export, "this was not made by this version").with_hint(hint).into()
}

/// The first of what is wrong with rules: here it has no words but its code.
fn faulty(faults: Vec<AnalyzeError>) -> Thrown {
    let more = faults.len().saturating_sub(1);
    let message = faults.first().map_or_else(String::new, |fault| {
        let of = fault.member.as_ref().map_or_else(String::new, |member| format!("{member}: "));
        let others = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        format!("{of}{}{others}", fault.code)
    });
    let hint = "give a pack that countersign rules build made, which says what is wrong and where";
    Error::new(Code::Pack, message).with_hint(hint).into()
}

/// Detects in batches of verified events, in any worker.
#[wasm_bindgen]
pub struct Detector(LocalDetector);

#[wasm_bindgen]
impl Detector {
    /// By a pack of rules, as it was built.
    #[wasm_bindgen(constructor)]
    pub fn new(pack: &str) -> Result<Self, Thrown> {
        Ok(Self(LocalDetector::new(Pack::parse(pack).map_err(faulty)?)))
    }

    /// Takes the whole lines that bytes begin with, as an index writes them, and says how many bytes these are.
    pub fn detect(&mut self, bytes: &[u8]) -> Result<usize, Thrown> {
        self.0.detect(bytes).map_err(unreadable)
    }

    /// What was detected since.
    pub fn finish(&mut self) -> Vec<u8> {
        self.0.finish()
    }
}

/// What the report says that matters here.
struct Report {
    seen: Seen,
    /// In the order of their keys.
    signers: Vec<(String, TrustBasis)>,
    /// The chains in doubt; none where each is.
    doubts: Option<Vec<String>>,
}

impl Report {
    fn read(facts: Value<'_>) -> Option<Self> {
        let text = |value: Value<'_>| value.string().map(Cow::into_owned);
        let whole = |value: Value<'_>| value.number()?.parse::<u64>().ok();
        let log = facts.get("log").and_then(|log| Some((whole(log.get("size")?)?, text(log.get("root")?)?)));
        let complete =
            facts.get("complete").map(|range| range.elements().filter_map(whole).collect::<Vec<_>>());
        let signers = facts.get("signers")?.elements().map(|signer| {
            Some((text(signer.get("vkey")?)?, TrustBasis::parse(&signer.get("trust")?.string()?)?))
        });
        let mut signers: Vec<(String, TrustBasis)> = signers.collect::<Option<_>>()?;
        signers.sort_by(|(one, _), (other, _)| one.cmp(other));
        let doubts = facts.get("doubts")?;
        Some(Self {
            seen: Seen {
                origin: facts.get("origin").and_then(text),
                log,
                verdict: text(facts.get("verdict")?)?,
                complete: complete.and_then(|range| range.try_into().ok()),
                events: 0,
            },
            signers,
            doubts: doubts.string().is_none().then(|| doubts.elements().filter_map(text).collect()),
        })
    }

    fn signer_trust(&self, Signed { chain, vkey, authorized }: &Signed) -> SignerTrust {
        let place = self.signers.binary_search_by(|(signer, _)| signer.cmp(vkey));
        let trust = place.ok().map(|place| self.signers[place].1);
        SignerTrust::of(trust, self.doubts.as_ref().is_none_or(|chains| chains.contains(chain)), *authorized)
    }
}

/// Makes findings of what was detected. Answers of more than a number are JSON (js/packages/ui/src/analyze/types.ts).
#[wasm_bindgen]
pub struct Findings {
    pack: &'static Pack,
    merged: Merged<'static>,
    /// The findings' places: the most serious ones first, of these the ones with the highest score.
    order: Vec<u32>,
    limits: Vec<Limit>,
    report: Option<Report>,
}

#[wasm_bindgen]
impl Findings {
    /// By a pack of rules, which this worker keeps for as long as it lives.
    #[wasm_bindgen(constructor)]
    pub fn new(pack: &str) -> Result<Self, Thrown> {
        let pack: &'static Pack = Box::leak(Box::new(Pack::parse(pack).map_err(faulty)?));
        Ok(Self { pack, merged: Merged::new(pack), order: Vec::new(), limits: Vec::new(), report: None })
    }

    /// There is one more piece, which begins with these bytes, of which 40 are enough.
    pub fn hear(&mut self, begin: &[u8]) -> Result<(), Thrown> {
        self.merged.hear(begin).map_err(unreadable)
    }

    /// Which piece is to be loaded before anything more can be taken, counted from 0 in the order in which they were heard of.
    pub fn wants(&self) -> Option<usize> {
        self.merged.wants()
    }

    /// Takes the piece that is wanted.
    pub fn load(&mut self, number: usize, piece: Vec<u8>) -> Result<(), Thrown> {
        self.merged.load(number, piece).map_err(unreadable)
    }

    /// Takes so much of what was detected, and says whether there is more that can be taken.
    pub fn step(&mut self, most: usize) -> Result<bool, Thrown> {
        self.merged.step(most).map_err(unreadable)
    }

    /// Takes what the report says: JSON of `Facts`.
    pub fn report(&mut self, facts: &str) -> Result<(), Thrown> {
        let read = Document::parse(facts).and_then(|facts| Report::read(facts.root()));
        self.report = Some(read.ok_or_else(|| unreadable(PieceError))?);
        Ok(())
    }

    /// What is known by now, as JSON of `Told` without the marks. Places in other answers are those of this one.
    pub fn tell(&mut self) -> String {
        let findings = self.merged.analyzer().findings();
        let mut order: Vec<u32> = (0..findings.len() as u32).collect();
        order.sort_by_key(|place| {
            let finding = &findings[*place as usize];
            core::cmp::Reverse((finding.level, finding.score))
        });
        self.order = order;
        self.limits = self.merged.analyzer().limits();
        let rules = self.pack.rules();
        let mut counts: Vec<(Level, usize, usize)> = Vec::new();
        for (place, rule) in rules.iter().enumerate() {
            counts.push((rule.level, place, 0));
        }
        for finding in self.findings() {
            if let Some(place) = rules.iter().position(|rule| rule.id == finding.rule) {
                counts[place].2 += 1;
            }
        }
        counts.retain(|(.., count)| *count > 0);
        counts.sort_by_key(|(level, ..)| core::cmp::Reverse(*level));
        let mut out = Vec::new();
        raw(&mut out, "{\"pack\":");
        self.pack.write_about(&mut out);
        let (events, unread) = (self.merged.events(), self.merged.unread());
        raw(&mut out, &format!(",\"events\":{events},\"unread\":{unread},\"findings\":{}", self.order.len()));
        raw(&mut out, ",\"coverage\":");
        self.merged.analyzer().coverage().write_json(true, &mut out);
        raw(&mut out, ",\"rules\":[");
        for (nth, (level, place, count)) in counts.into_iter().enumerate() {
            raw(&mut out, if nth == 0 { "{\"rule\":" } else { ",{\"rule\":" });
            write_string(&rules[place].id, &mut out);
            raw(&mut out, ",\"title\":");
            write_string(&rules[place].title, &mut out);
            raw(&mut out, &format!(",\"level\":\"{}\",\"findings\":{count}}}", level.as_str()));
        }
        raw(&mut out, "],\"limits\":[");
        for (nth, Limit { rule, groups, hits, findings }) in self.limits.iter().enumerate() {
            raw(&mut out, if nth == 0 { "{\"title\":" } else { ",{\"title\":" });
            write_string(self.pack.rule(rule).map_or(rule, |rule| &rule.title), &mut out);
            for (name, counter) in [("groups", groups), ("hits", hits)] {
                raw(&mut out, &format!(",\"{name}\":{}", counted(*counter)));
            }
            raw(&mut out, &format!(",\"findings\":{findings}}}"));
        }
        raw(&mut out, &format!("],\"future\":{}}}", counted(self.merged.analyzer().future())));
        text(out)
    }

    /// The entries that findings name, ascending.
    pub fn marked(&self) -> Float64Array {
        numbers(self.marks().into_iter().map(|(leaf, _)| leaf as f64))
    }

    /// How serious the most serious finding of each of them is: 0 (informational) to 4 (critical).
    pub fn levels(&self) -> Uint8Array {
        let levels: Vec<u8> = self.marks().into_iter().map(|(_, level)| level as u8).collect();
        Uint8Array::from(&levels[..])
    }

    /// When the last event of each finding happened, in milliseconds since 1970, in the order of the places.
    pub fn times(&self) -> Float64Array {
        numbers(self.ordered().map(|finding| finding.last.millis() as f64))
    }

    /// Findings from one place to another, of a rule or of all, as JSON of `Listed[]`.
    pub fn list(&self, from: usize, to: usize, rule: Option<String>) -> String {
        let is_of = |finding: &&Finding| rule.as_ref().is_none_or(|rule| finding.rule == *rule);
        self.written(self.ordered().filter(is_of).skip(from).take(to.saturating_sub(from)))
    }

    /// The findings that name an entry, so many of them at most.
    pub fn of(&self, leaf: f64, most: usize) -> String {
        let leaf = index(leaf).unwrap_or(u64::MAX);
        let names = |finding: &&Finding| finding.leaves.binary_search(&leaf).is_ok();
        self.written(self.ordered().filter(names).take(most))
    }

    /// All entries of a finding.
    pub fn leaves(&self, id: &str) -> Float64Array {
        let found = self.findings().iter().find(|finding| finding.id == id);
        numbers(found.into_iter().flat_map(|finding| &finding.leaves).map(|leaf| *leaf as f64))
    }

    /// What `countersign analyze --format json` prints, in pieces of so many findings: the first is 0, and after the
    /// last there is nothing. There is nothing before the report either.
    pub fn document(&self, piece: usize, findings: usize) -> Option<Vec<u8>> {
        let report = self.report.as_ref()?;
        let all = self.findings();
        let pieces = all.len().div_ceil(findings.max(1)).max(1);
        if piece >= pieces {
            return None;
        }
        let analyzer = self.merged.analyzer();
        let (events, unread) = (self.merged.events(), self.merged.unread());
        let seen = Seen { events, ..report.seen.clone() };
        let digest = if piece == 0 { analyzer.digest() } else { Hash([0; 32]) };
        let (future, limits) = (analyzer.future(), &self.limits);
        // They stand at the end.
        let is_last = piece + 1 == pieces;
        let (identities, sessions) =
            if is_last { (analyzer.identities(), analyzer.sessions()) } else { (Vec::new(), Vec::new()) };
        let (identities, sessions) = (&identities[..], &sessions[..]);
        let (pack, digest) = (self.pack, &digest);
        let coverage = &if piece == 0 { analyzer.coverage() } else { Coverage::default() };
        let told = Told { seen: &seen, pack, unread, digest, future, limits, identities, sessions, coverage };
        let mut out = Vec::new();
        if piece == 0 {
            told.begin(&mut out);
        }
        for (nth, finding) in all.iter().enumerate().skip(piece * findings).take(findings) {
            if nth > 0 {
                out.push(b',');
            }
            finding.write_told(self.signer_trust(finding), &mut out);
        }
        if is_last {
            told.end(&mut out);
            out.push(b'\n');
        }
        Some(out)
    }
}

impl Findings {
    fn findings(&self) -> &[Finding] {
        self.merged.analyzer().findings()
    }

    fn ordered(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.findings();
        self.order.iter().filter_map(|place| findings.get(*place as usize))
    }

    fn marks(&self) -> Vec<(u64, Level)> {
        let of = |finding: &Finding| finding.level;
        let marks = self
            .findings()
            .iter()
            .flat_map(|finding| finding.leaves.iter().map(move |leaf| (*leaf, of(finding))));
        let mut marks: Vec<(u64, Level)> = marks.collect();
        marks.sort_unstable_by_key(|(leaf, level)| (*leaf, core::cmp::Reverse(*level)));
        marks.dedup_by_key(|(leaf, _)| *leaf);
        marks
    }

    /// The least trusted of those who signed what a finding was made from; nothing is known of that before the report.
    fn signer_trust(&self, finding: &Finding) -> Option<&'static str> {
        let report = self.report.as_ref()?;
        let signed = finding.leaves.iter().filter_map(|leaf| self.merged.signed(*leaf));
        signed.map(|signed| report.signer_trust(signed)).max().map(SignerTrust::as_str)
    }

    fn written<'a>(&self, findings: impl Iterator<Item = &'a Finding>) -> String {
        let mut out = Vec::new();
        for finding in findings {
            let before = if out.is_empty() { "[" } else { "," };
            raw(&mut out, before);
            raw(&mut out, &format!("{{\"entries\":{},\"finding\":", finding.leaves.len()));
            let signer_trust = self.signer_trust(finding);
            if finding.leaves.len() > LEAVES {
                let leaves = finding.leaves[..LEAVES].to_vec();
                Finding { leaves, ..finding.clone() }.write_told(signer_trust, &mut out);
            } else {
                finding.write_told(signer_trust, &mut out);
            }
            raw(&mut out, "}");
        }
        let end = if out.is_empty() { "[]" } else { "]" };
        raw(&mut out, end);
        text(out)
    }
}

fn raw(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn text(out: Vec<u8>) -> String {
    String::from_utf8(out).unwrap_or_default()
}

fn counted(counter: Option<(u64, u64)>) -> String {
    counter.map_or_else(
        || "null".to_owned(),
        |(number, leaf)| format!("{{\"number\":{number},\"first_entry\":{leaf}}}"),
    )
}

fn numbers(numbers: impl Iterator<Item = f64>) -> Float64Array {
    Float64Array::from(&numbers.collect::<Vec<_>>()[..])
}
