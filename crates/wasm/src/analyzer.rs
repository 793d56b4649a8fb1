//! The artifact `analyzer`: applies detection rules to verified events.

use std::borrow::Cow;

use countersign::canonical::write_string;
use countersign::error::{Code, Error};
use countersign::hash::Hash;
use countersign::verify::{SignerTrust, TrustBasis};
use countersign_analyze::document::{ExportFacts, FindingsDocument};
use countersign_analyze::groups::{grouped, is_about};
use countersign_analyze::pieces::{Detector as LocalDetector, Merged, PieceError, Signed};
use countersign_analyze::summary::Summary;
use countersign_analyze::{AnalyzeError, Coverage, Finding, Level, Limit, Pack};
use countersign_query::value::{Document, Value};
use js_sys::{Float64Array, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Thrown, index};

/// Maximum number of entries listed per finding.
const MAX_ENTRIES: usize = 200;

fn invalid_data(_: PieceError) -> Thrown {
    let hint = "pass the unmodified output of the same version's workers";
    Error::new(Code::Export, "the data was not made by this version").with_hint(hint).into()
}

/// Returns the first error in a pack. This artifact contains only codes, no messages.
fn invalid_pack(faults: Vec<AnalyzeError>) -> Thrown {
    let first = faults.first().map_or_else(String::new, |fault| {
        let of = fault.member.as_ref().map_or_else(String::new, |member| format!("{member}: "));
        format!("{of}{}", fault.code)
    });
    let more = faults.len().saturating_sub(1);
    let others = if more == 0 { String::new() } else { format!(" (and {more} more)") };
    let hint = "build the pack with `countersign rules build`, which reports all errors with their place";
    Error::new(Code::Pack, format!("the pack is invalid: {first}{others}")).with_hint(hint).into()
}

/// Detects in batches of verified events, in any worker.
#[wasm_bindgen]
pub struct Detector(LocalDetector);

#[wasm_bindgen]
impl Detector {
    /// Creates a detector for a built pack of rules. With `first` and `end`, it examines only events at entries from
    /// `first` up to but not including `end`.
    #[wasm_bindgen(constructor)]
    pub fn new(pack: &str, first: Option<f64>, end: Option<f64>) -> Result<Self, Thrown> {
        let detector = LocalDetector::new(Pack::parse(pack).map_err(invalid_pack)?);
        let (Some(first), Some(end)) = (first, end) else { return Ok(Self(detector)) };
        let bound =
            |value| index(value).ok_or_else(|| Error::new(Code::Export, "the range must have whole numbers"));
        Ok(Self(detector.within((bound(first)?, bound(end)?))))
    }

    /// Processes the complete lines at the beginning of the bytes, as written by an index. Returns the number of bytes
    /// they span.
    pub fn detect(&mut self, bytes: &[u8]) -> Result<usize, Thrown> {
        self.0.detect(bytes).map_err(invalid_data)
    }

    /// Returns the detections since the last call.
    pub fn finish(&mut self) -> Vec<u8> {
        self.0.finish()
    }
}

/// The parts of a verification report that findings depend on.
struct Report {
    seen: ExportFacts,
    /// Sorted by key.
    signers: Vec<(String, TrustBasis)>,
    /// The chains in doubt; `None` if all are.
    doubts: Option<Vec<String>>,
    /// The authorized chains, sorted; `None` if the events state whether their key is authorized.
    authorized: Option<Vec<String>>,
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
        let authorized = facts.get("authorized").map(|chains| {
            let mut chains: Vec<String> = chains.elements().filter_map(text).collect();
            chains.sort_unstable();
            chains
        });
        Some(Self {
            seen: ExportFacts {
                origin: facts.get("origin").and_then(text),
                log,
                verdict: text(facts.get("verdict")?)?,
                complete: complete.and_then(|range| range.try_into().ok()),
                events: 0,
            },
            signers,
            doubts: doubts.string().is_none().then(|| doubts.elements().filter_map(text).collect()),
            authorized,
        })
    }

    fn signer_trust(&self, Signed { chain, vkey, authorized }: &Signed) -> SignerTrust {
        let place = self.signers.binary_search_by(|(signer, _)| signer.cmp(vkey));
        let trust = place.ok().map(|place| self.signers[place].1);
        SignerTrust::evaluate(
            trust,
            self.doubts.as_ref().is_none_or(|chains| chains.contains(chain)),
            self.authorized.as_ref().map_or(*authorized, |chains| chains.binary_search(chain).is_ok()),
        )
    }
}

/// Produces findings from detections. Answers other than numbers are JSON (js/packages/ui/src/analyze/types.ts).
#[wasm_bindgen]
pub struct Findings {
    pack: &'static Pack,
    merged: Merged<'static>,
    /// The number of findings above which the analysis fails.
    max_count: usize,
    /// Indexes of the findings, by descending level and score.
    order: Vec<u32>,
    limits: Vec<Limit>,
    report: Option<Report>,
}

#[wasm_bindgen]
impl Findings {
    /// Creates findings for a pack of rules, which is kept until the worker ends. With `max_findings`, the analysis fails
    /// once there are more.
    #[wasm_bindgen(constructor)]
    pub fn new(pack: &str, max_findings: Option<usize>) -> Result<Self, Thrown> {
        let pack: &'static Pack = Box::leak(Box::new(Pack::parse(pack).map_err(invalid_pack)?));
        Ok(Self {
            pack,
            merged: Merged::new(pack),
            max_count: max_findings.unwrap_or(usize::MAX),
            order: Vec::new(),
            limits: Vec::new(),
            report: None,
        })
    }

    /// Announces a piece, given its first bytes; 40 are enough.
    pub fn hear(&mut self, begin: &[u8]) -> Result<(), Thrown> {
        self.merged.announce(begin).map_err(invalid_data)
    }

    /// Returns the piece to load next, counted from 0 in the order they were announced.
    pub fn wants(&self) -> Option<usize> {
        self.merged.next_piece()
    }

    /// Loads the requested piece.
    pub fn load(&mut self, number: usize, piece: Vec<u8>) -> Result<(), Thrown> {
        self.merged.load(number, piece).map_err(invalid_data)
    }

    /// Processes up to `most` detections. Returns true if more can be processed.
    pub fn step(&mut self, most: usize) -> Result<bool, Thrown> {
        let may_continue = self.merged.step(most).map_err(invalid_data)?;
        if self.merged.analyzer().findings().len() > self.max_count {
            let message = "the rules have more findings than the report states";
            let hint = "ask the sender for the original; the file was altered after it was written";
            return Err(Error::new(Code::Evidence, message).in_member("findings").with_hint(hint).into());
        }
        Ok(may_continue)
    }

    /// Sets the report: JSON of `Facts`.
    pub fn report(&mut self, facts: &str) -> Result<(), Thrown> {
        let read = Document::parse(facts).and_then(|facts| Report::read(facts.root()));
        self.report = Some(read.ok_or_else(|| invalid_data(PieceError))?);
        Ok(())
    }

    /// Returns the current state as JSON of `FindingsStatus` without the marks. Positions in other answers
    /// refer to this state.
    pub fn status(&mut self) -> String {
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
        let (events, unparsed) = (self.merged.events(), self.merged.unparsed());
        raw(
            &mut out,
            &format!(",\"events\":{events},\"unparsed\":{unparsed},\"findings\":{}", self.order.len()),
        );
        let mut levels = [0_usize; Level::ALL.len()];
        for finding in self.findings() {
            levels[finding.level as usize] += 1;
        }
        raw(&mut out, &format!(",\"levels\":{levels:?},\"coverage\":"));
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
        for (nth, Limit { rule, groups, hits, findings, .. }) in self.limits.iter().enumerate() {
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

    /// Returns the entries that findings name, ascending.
    pub fn marked(&self) -> Float64Array {
        numbers(self.marks().into_iter().map(|(leaf, _)| leaf as f64))
    }

    /// Returns the highest level among the findings of each of these entries: 0 (informational) to 4 (critical).
    pub fn levels(&self) -> Uint8Array {
        let levels: Vec<u8> = self.marks().into_iter().map(|(_, level)| level as u8).collect();
        Uint8Array::from(&levels[..])
    }

    /// Returns the time of each finding's last event, in milliseconds since 1970, by position.
    pub fn times(&self) -> Float64Array {
        numbers(self.ordered().map(|finding| finding.last.millis() as f64))
    }

    /// Returns the findings at positions `from..to`, of a rule or of all, as JSON of `ListedFinding[]`.
    pub fn list(&self, from: usize, to: usize, rule: Option<String>) -> String {
        let is_of = |finding: &&Finding| rule.as_ref().is_none_or(|rule| finding.rule == *rule);
        self.written(self.ordered().filter(is_of).skip(from).take(to.saturating_sub(from)))
    }

    /// Returns the first `most` groups of findings by rule and subject, of a rule or of all, as JSON of
    /// `FindingGroups`. `places`, ascending, limits them to the findings at these positions.
    pub fn groups(&self, most: usize, rule: Option<String>, places: Option<Vec<u32>>) -> String {
        let is_of = |finding: &&Finding| rule.as_ref().is_none_or(|rule| finding.rule == *rule);
        let groups = grouped(self.at(places.as_deref()).filter(is_of));
        let mut out = Vec::new();
        raw(&mut out, &format!("{{\"total\":{},\"groups\":[", groups.len()));
        for (nth, group) in groups.iter().take(most).enumerate() {
            raw(&mut out, if nth == 0 { "" } else { "," });
            group.write_json(&mut out);
        }
        raw(&mut out, "]}");
        text(out)
    }

    /// Returns the first `most` findings of a group, as JSON of `ListedFinding[]`.
    pub fn members(&self, most: usize, rule: &str, subject: Vec<String>, places: Option<Vec<u32>>) -> String {
        let is_of = |finding: &&Finding| is_about(finding, rule, &subject);
        self.written(self.at(places.as_deref()).filter(is_of).take(most))
    }

    /// Returns up to `most` findings that name an entry.
    #[wasm_bindgen(js_name = findingsOf)]
    pub fn findings_of(&self, leaf: f64, most: usize) -> String {
        let leaf = index(leaf).unwrap_or(u64::MAX);
        let names = |finding: &&Finding| finding.leaves.binary_search(&leaf).is_ok();
        self.written(self.ordered().filter(names).take(most))
    }

    /// Returns all entries of a finding.
    pub fn entries(&self, id: &str) -> Float64Array {
        let found = self.findings().iter().find(|finding| finding.id == id);
        numbers(found.into_iter().flat_map(|finding| &finding.leaves).map(|leaf| *leaf as f64))
    }

    /// Returns the result without the findings, as a report contains it (SPEC section 14).
    pub fn summary(&self) -> String {
        let analyzer = self.merged.analyzer();
        Summary {
            pack: self.pack,
            findings: analyzer.findings(),
            digest: analyzer.digest(),
            future: analyzer.future(),
            limits: &analyzer.limits(),
            coverage: &analyzer.coverage(),
        }
        .json()
    }

    /// Returns the pack as canonical JSON.
    pub fn pack(&self) -> String {
        self.pack.as_json().into()
    }

    /// Returns the output of `countersign analyze --format json` in pieces of this many findings, from 0. Returns
    /// undefined after the last piece, and before the report is set.
    pub fn document(&self, piece: usize, findings: usize) -> Option<Vec<u8>> {
        let report = self.report.as_ref()?;
        let all = self.findings();
        let pieces = all.len().div_ceil(findings.max(1)).max(1);
        if piece >= pieces {
            return None;
        }
        let analyzer = self.merged.analyzer();
        let (events, unparsed) = (self.merged.events(), self.merged.unparsed());
        let seen = ExportFacts { events, ..report.seen.clone() };
        let digest = if piece == 0 { analyzer.digest() } else { Hash([0; 32]) };
        let (future, limits) = (analyzer.future(), &self.limits);
        // Identities and sessions are at the end of the document.
        let is_last = piece + 1 == pieces;
        let (identities, sessions) =
            if is_last { (analyzer.identities(), analyzer.sessions()) } else { (Vec::new(), Vec::new()) };
        let (identities, sessions) = (&identities[..], &sessions[..]);
        let (pack, digest) = (self.pack, &digest);
        let coverage = &if piece == 0 { analyzer.coverage() } else { Coverage::default() };
        let document = FindingsDocument {
            seen: &seen,
            pack,
            unparsed,
            digest,
            future,
            limits,
            identities,
            sessions,
            coverage,
        };
        let mut out = Vec::new();
        if piece == 0 {
            document.begin(&mut out);
        }
        for (nth, finding) in all.iter().enumerate().skip(piece * findings).take(findings) {
            if nth > 0 {
                out.push(b',');
            }
            finding.write_with_trust(self.signer_trust(finding), &mut out);
        }
        if is_last {
            document.end(&mut out);
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

    /// Returns the findings at these positions, ascending; all of them without positions.
    fn at<'a>(&'a self, places: Option<&'a [u32]>) -> impl Iterator<Item = &'a Finding> {
        let is_in = move |place: usize| {
            places.is_none_or(|places| {
                u32::try_from(place).is_ok_and(|place| places.binary_search(&place).is_ok())
            })
        };
        self.ordered().enumerate().filter(move |(place, _)| is_in(*place)).map(|(_, finding)| finding)
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

    /// Returns the lowest trust among the signers of a finding's entries, or `None` before the report is set.
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
            raw(&mut out, &format!("{{\"total\":{},\"identity\":", finding.leaves.len()));
            match &finding.identity {
                Some(identity) => write_string(identity, &mut out),
                None => raw(&mut out, "null"),
            }
            raw(&mut out, ",\"finding\":");
            let signer_trust = self.signer_trust(finding);
            if finding.leaves.len() > MAX_ENTRIES {
                let leaves = finding.leaves[..MAX_ENTRIES].to_vec();
                Finding { leaves, ..finding.clone() }.write_with_trust(signer_trust, &mut out);
            } else {
                finding.write_with_trust(signer_trust, &mut out);
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
