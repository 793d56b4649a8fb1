//! The lies of the operator of a root log, who shows a tenant log's readers different histories.
//!
//! The operator has two versions of a tenant log: the truth, and a lie in which a chain is gone or two entries are
//! swapped. All signatures in both are valid. The directories of one root log alternate between them, which witnesses
//! don't notice, so that each reader gets heads of one version only. An anchor has one of the versions.
//!
//! This is who notices (SPEC section 16.5), for a reader who gets heads of one version:
//!
//! | reader | before the first anchor | after it, if it has this version | after it, if it has the other |
//! | --- | --- | --- | --- |
//! | names no log | never: the verdict is `untrusted` anyway | `untrusted` | `altered` if the anchor is shown |
//! | names the log | doesn't notice | – | `altered` if the anchor is shown, not if it is left out |
//! | names the log with its first tick | doesn't notice | – | `altered`, or `not_checked` if the anchor is left out |
//! | pinned this version | doesn't notice | – | as with the first tick |
//! | pinned the other version | `altered` | `altered` | `altered` |
//! | live view of this version | doesn't notice | – | as with the first tick |
//! | live view that changes to the other version | `altered` | `altered` | `altered` |

use std::collections::BTreeMap;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::export::Header;
use countersign::export::writer::Writer;
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, PendingTree, empty_root, inclusion_proof, leaf_hash};
use countersign::note::SignerKey;
use countersign::tenant::{Anchor, DirectoryEntry, Head, HeadProof, State, TenantOrigin};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{Expectations, FindingCode as Code, MaxAge, Options, Report, Verdict, Verifier};

use super::{codes_text, text};
use crate::random::Random;
use crate::reader::{ExportEntry, problems, verify};
use crate::trace::Trace;
use crate::witness::Witness;

/// The first tick with the tenant log's head.
const FIRST: u64 = 3_000;
/// The first anchor after that.
const ANCHOR: u64 = 4_095;
/// The depth of the directories.
const DEPTH: usize = 8;

/// A version of the tenant log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    Truth,
    Lie,
}

/// The operator's treatment of the anchor in an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AnchorLine {
    Shown,
    LeftOut,
    /// It states the version that the export shows.
    Forged,
}

/// A reader of the tenant log.
#[derive(Clone, Copy, Debug)]
enum Audience {
    /// The trust file names no log.
    Unnamed,
    /// The trust file has the log's origin.
    Named,
    /// The trust file has the log's origin and first tick.
    Dated,
    /// Has the origin alone, and pinned an earlier head of this version.
    Pinned(Version),
    /// Has the origin alone, and has had a live view since an earlier head of this version.
    Live(Version),
}

/// The operator of a root log.
pub struct TenantOperator<'w> {
    /// The tenant log.
    pub origin: TenantOrigin,
    /// Another tenant log.
    pub other: TenantOrigin,
    /// The root log's key.
    pub key: SignerKey,
    /// The readers' trust file, without an `origin` line.
    pub trust: Trust,
    /// The witnesses, who are honest.
    pub witnesses: &'w [Witness],
    /// The current time.
    pub now: Time,
    /// The tenant log's entries.
    pub entries: Vec<ExportEntry>,
    /// Chooses what to lie about.
    pub random: Random,
}

/// The two versions, and the root log that has both.
struct Story {
    versions: BTreeMap<Version, Vec<ExportEntry>>,
    /// The version in the anchor.
    anchored: Version,
    /// The leaf hashes of the directories up to the last tick.
    leaves: Vec<Hash>,
    heads: BTreeMap<u64, Anchor>,
}

impl TenantOperator<'_> {
    /// Tells the lies to all readers, and checks who notices them.
    ///
    /// # Errors
    /// The lie that was not noticed, or was noticed in another way than SPEC.md says.
    pub fn lie(&mut self, trace: &mut Trace, at: u64) -> Result<(), String> {
        let lies = [("a chain is gone", self.without_chain()), ("entries are swapped", self.swapped())];
        for (name, lie) in lies {
            let Some(lie) = lie else { continue };
            let anchored = if self.random.chance(0.5) { Version::Truth } else { Version::Lie };
            let story = self.story(lie, anchored);
            trace.add(at, format!("lie about {}: {name}, the anchor has {anchored:?}", self.origin));
            for shown in [Version::Truth, Version::Lie] {
                self.show(&story, shown).map_err(|why| format!("{name}: {why}"))?;
            }
            self.lie_about_heads(&story).map_err(|why| format!("{name}: {why}"))?;
        }
        Ok(())
    }

    /// Shows all readers a version, before the anchor and after it.
    fn show(&mut self, story: &Story, shown: Version) -> Result<(), String> {
        let other = if shown == Version::Truth { Version::Lie } else { Version::Truth };
        let readers = [
            Audience::Unnamed,
            Audience::Named,
            Audience::Dated,
            Audience::Pinned(shown),
            Audience::Pinned(other),
            Audience::Live(shown),
            Audience::Live(other),
        ];
        let (early, late) =
            (self.tick_of(shown, FIRST + 200, ANCHOR), self.tick_of(shown, ANCHOR + 1, ANCHOR + 200));
        for reader in readers {
            let (verdict, codes) = expected(reader, shown, None, story.anchored);
            self.expect(story, reader, shown, early, AnchorLine::LeftOut, verdict, codes)?;
            let line = match self.random.index(3) {
                0 => AnchorLine::LeftOut,
                1 => AnchorLine::Forged,
                _ => AnchorLine::Shown,
            };
            // A forged anchor that states the truth is the truth.
            let line =
                if line == AnchorLine::Forged && story.anchored == shown { AnchorLine::Shown } else { line };
            let (verdict, codes) = expected(reader, shown, Some(line), story.anchored);
            self.expect(story, reader, shown, late, line, verdict, codes)?;
        }
        Ok(())
    }

    /// Lies about heads, which don't need a second version.
    fn lie_about_heads(&mut self, story: &Story) -> Result<(), String> {
        let shown = story.anchored;
        let tick = self.tick_of(shown, FIRST + 200, ANCHOR);
        let dated = self.trust_of(&format!("origin {} {FIRST}\n", self.origin))?;
        let proof = story.head(self, tick, tick + 1)?;
        let check = |what: &str, export: &[u8], options: Options, verdict: Verdict, code: Option<Code>| {
            let report = verify(export, options).report;
            judge(what, &report, verdict, code.as_slice())
        };
        let options = |trust: &Trust| Options { trust: trust.clone(), ..Options::default() };

        let head = story.head(self, tick, tick + 2)?;
        let export = story.export(shown, &self.origin, None, &head);
        check(
            "a head that isn't the newest",
            &export,
            options(&dated),
            Verdict::Altered,
            Some(Code::HeadLast),
        )?;

        let export = story.export(shown, &self.other, None, &proof);
        check("another tenant's log", &export, options(&dated), Verdict::Broken, Some(Code::ExpectedOrigin))?;

        let later = self.trust_of(&format!("origin {} {}\n", self.origin, tick + 1))?;
        let export = story.export(shown, &self.origin, None, &proof);
        let code = Some(Code::AppendOnlyRollback);
        check("a head before the log's first tick", &export, options(&later), Verdict::Altered, code)?;

        if self.trust.has_quorum() {
            let now = Time::from_millis(proof.anchor.time.millis() + 7_200_000).unwrap_or(Time::MAX);
            let max_age = Some(MaxAge { seconds: 3_600, now });
            let expect = Expectations { max_age, ..Expectations::default() };
            let options = Options { expect, ..options(&dated) };
            check("an old head", &export, options, Verdict::Broken, Some(Code::ExpectedAge))?;
        }

        // A root log for this reader alone: no witness cosigns it.
        let mut forked = story.head(self, tick, tick + 1)?;
        forked.anchor.salt[0] ^= 1;
        let mut leaves = story.leaves[..usize::try_from(tick).map_err(text)?].to_vec();
        leaves.push(leaf_hash(forked.anchor.entry().to_string().as_bytes()));
        let tree = tree_of(&leaves);
        forked.checkpoint = self.sign(&tree, None)?;
        forked.anchor.hashes = inclusion_proof(tick, tick + 1, &tree).map_err(text)?;
        let export = story.export(shown, &self.origin, None, &forked);
        let (verdict, code) = if self.trust.has_quorum() {
            (Verdict::Broken, Some(Code::WitnessQuorum))
        } else {
            (Verdict::Verified, None)
        };
        check("a root log of its own", &export, options(&dated), verdict, code)?;
        let pinned = Options { pins: vec![proof.into()], ..options(&dated) };
        check(
            "a root log of its own to a reader with a pin",
            &export,
            pinned,
            Verdict::Altered,
            Some(Code::HeadSplit),
        )
    }

    /// Lets a reader look at a version, with the head of this tick, and checks the verdict.
    #[allow(clippy::too_many_arguments, reason = "one lie to one reader")]
    fn expect(
        &self,
        story: &Story,
        reader: Audience,
        shown: Version,
        tick: u64,
        line: AnchorLine,
        verdict: Verdict,
        codes: &[Code],
    ) -> Result<(), String> {
        let head = story.head(self, tick, tick + 1)?;
        let anchor = match line {
            AnchorLine::LeftOut => None,
            AnchorLine::Shown => Some(story.anchor(ANCHOR, tick + 1)?),
            AnchorLine::Forged => {
                let honest = story.anchor(ANCHOR, tick + 1)?;
                Some(Anchor { head: head.anchor.head.clone(), ..honest })
            }
        };
        let named = format!("origin {}\n", self.origin);
        let lines = match reader {
            Audience::Unnamed => String::new(),
            Audience::Dated => format!("origin {} {FIRST}\n", self.origin),
            Audience::Named | Audience::Pinned(_) | Audience::Live(_) => named,
        };
        let trust = self.trust_of(&lines)?;
        let export = story.export(shown, &self.origin, anchor.as_ref(), &head);
        let report = match reader {
            Audience::Live(before) => self.watch(story, trust, before, anchor.as_ref(), &head)?,
            Audience::Pinned(before) => {
                let tick = earlier(before);
                let pins = vec![story.head(self, tick, tick + 1)?.into()];
                verify(&export, Options { trust, pins, ..Options::default() }).report
            }
            _ => verify(&export, Options { trust, ..Options::default() }).report,
        };
        let what =
            format!("{reader:?} is shown {shown:?} at tick {tick}, anchor {:?} {line:?}", story.anchored);
        judge(&what, &report, verdict, codes)
    }

    /// Shows a live view a version, and later the anchor and the head of the same version or another.
    fn watch(
        &self,
        story: &Story,
        trust: Trust,
        before: Version,
        anchor: Option<&Anchor>,
        head: &HeadProof,
    ) -> Result<Report, String> {
        let mut verifier = Verifier::live(Options { trust, ..Options::default() });
        let tick = earlier(before);
        let first = story.head(self, tick, tick + 1)?;
        let shown = String::from_utf8(story.export(before, &self.origin, None, &first)).map_err(text)?;
        let size = story.versions[&before].len();
        verifier.push(shown.replacen(&format!("[0,{size}]"), "[0]", 1).as_bytes());
        verifier.settle();
        let mut writer = Writer::new();
        if let Some(anchor) = anchor {
            writer.anchor(&anchor.to_string());
        }
        writer.head(&head.to_string());
        verifier.push(writer.as_bytes());
        verifier.settle();
        verifier
            .report()
            .map(|verification| verification.report)
            .ok_or_else(|| "a live view has no report".into())
    }

    /// Returns a tick in the range whose directory has this version.
    fn tick_of(&mut self, version: Version, first: u64, end: u64) -> u64 {
        let tick = self.random.between(first / 2, end / 2 - 1) * 2 + u64::from(version == Version::Lie);
        if tick < first { tick + 2 } else { tick }
    }

    fn trust_of(&self, lines: &str) -> Result<Trust, String> {
        Trust::parse(&[self.trust.to_text(), lines.as_bytes().to_vec()].concat()).map_err(text)
    }

    /// Returns the time of a tick: there is one a second, and the log has all entries from the first tick on.
    fn time_of(&self, tick: u64) -> Time {
        let begin = self.now.millis().div_euclid(1_000) - FIRST.cast_signed();
        Time::from_millis((begin + tick.cast_signed()) * 1_000).unwrap_or(Time::MAX)
    }

    /// Signs the root log's checkpoint. With the tick, also witnesses cosign it.
    fn sign(&self, tree: &PendingTree, tick: Option<u64>) -> Result<SignedCheckpoint, String> {
        let checkpoint = Checkpoint::new(self.origin.root(), tree.size(), tree.root()).map_err(text)?;
        let mut note = checkpoint.sign(&self.key).map_err(text)?;
        for witness in self.witnesses.iter().filter(|_| tick.is_some()) {
            let seconds = self.time_of(tick.unwrap_or_default() + 1).millis() / 1_000;
            note.push_str(&witness.cosign(&checkpoint, seconds.unsigned_abs()).map_err(text)?);
        }
        SignedCheckpoint::parse(&note).map_err(text)
    }

    /// Makes the root log: even ticks have the truth, and odd ones the lie.
    fn story(&mut self, lie: Vec<ExportEntry>, anchored: Version) -> Story {
        let versions = BTreeMap::from([(Version::Truth, self.entries.clone()), (Version::Lie, lie)]);
        let facts = |entries: &Vec<ExportEntry>| (entries.len() as u64, root_of(entries));
        let facts: BTreeMap<Version, (u64, Hash)> =
            versions.iter().map(|(version, entries)| (*version, facts(entries))).collect();
        let (mut leaves, mut heads) = (Vec::new(), BTreeMap::new());
        for tick in 0..ANCHOR + 210 {
            let time = self.time_of(tick);
            let entry = if tick < FIRST {
                DirectoryEntry { time, hash: Hash(self.random.bytes()) }
            } else {
                let version = match tick {
                    ANCHOR => anchored,
                    _ if tick % 2 == 0 => Version::Truth,
                    _ => Version::Lie,
                };
                let (size, root) = facts[&version];
                let head = Head { origin: self.origin.clone(), size, root, state: State::Live };
                let siblings = (0..DEPTH).map(|_| Hash(self.random.bytes())).collect();
                let salt = self.random.bytes();
                let anchor = Anchor { head, salt, time, siblings, tick, hashes: Vec::new() };
                let entry = anchor.entry();
                heads.insert(tick, anchor);
                entry
            };
            leaves.push(leaf_hash(entry.to_string().as_bytes()));
        }
        Story { versions, anchored, leaves, heads }
    }

    /// Returns the entries without one chain, if there are several. A chain that has just the last entries doesn't count:
    /// a log that lacks them is an earlier state, not another history.
    fn without_chain(&mut self) -> Option<Vec<ExportEntry>> {
        let chain = self.random.pick(&self.entries)?.place.0;
        let entries: Vec<_> = self.entries.iter().filter(|entry| entry.place.0 != chain).cloned().collect();
        let is_earlier = entries.iter().zip(&self.entries).all(|(entry, own)| entry.text == own.text);
        (!is_earlier).then_some(entries)
    }

    /// Returns the entries with two neighbors of different chains swapped, if there are such.
    fn swapped(&mut self) -> Option<Vec<ExportEntry>> {
        let places: Vec<usize> = (1..self.entries.len())
            .filter(|place| self.entries[place - 1].place.0 != self.entries[*place].place.0)
            .collect();
        let place = *self.random.pick(&places)?;
        let mut entries = self.entries.clone();
        entries.swap(place - 1, place);
        Some(entries)
    }
}

impl Story {
    /// Returns an export of a version.
    fn export(
        &self,
        shown: Version,
        origin: &TenantOrigin,
        anchor: Option<&Anchor>,
        head: &HeadProof,
    ) -> Vec<u8> {
        let entries = &self.versions[&shown];
        let mut writer = Writer::new();
        writer.header(&Header { origin: origin.to_string(), range: Some((0, Some(entries.len() as u64))) });
        let place = anchor.map(|anchor| anchor.head.size.min(entries.len() as u64));
        for (index, entry) in (0..).zip(entries) {
            if let Some(anchor) = anchor.filter(|_| place == Some(index)) {
                writer.anchor(&anchor.to_string());
            }
            match (&entry.event, &entry.salt) {
                (Some(event), Some(salt)) => writer.event(&entry.text, salt, event),
                _ => writer.withheld(&entry.text, None),
            }
        }
        if let Some(anchor) = anchor.filter(|_| place == Some(entries.len() as u64)) {
            writer.anchor(&anchor.to_string());
        }
        writer.head(&head.to_string());
        writer.as_bytes().to_vec()
    }

    /// Returns the head at a tick, proven by the root log of this size.
    fn head(&self, operator: &TenantOperator<'_>, tick: u64, size: u64) -> Result<HeadProof, String> {
        let tree = tree_of(&self.leaves[..usize::try_from(size).map_err(text)?]);
        Ok(HeadProof { anchor: self.anchor(tick, size)?, checkpoint: operator.sign(&tree, Some(size - 1))? })
    }

    /// Returns the anchor at a tick, proven by the root log of this size.
    fn anchor(&self, tick: u64, size: u64) -> Result<Anchor, String> {
        let tree = tree_of(&self.leaves[..usize::try_from(size).map_err(text)?]);
        let hashes = inclusion_proof(tick, size, &tree).map_err(text)?;
        let anchor = self.heads.get(&tick).ok_or("the tick has no head")?;
        Ok(Anchor { hashes, ..anchor.clone() })
    }
}

/// Returns the verdict that a reader must get, and the codes of which one must be found. `line` is what the operator
/// does with the anchor; `None` before there is one.
fn expected(
    reader: Audience,
    shown: Version,
    line: Option<AnchorLine>,
    anchored: Version,
) -> (Verdict, &'static [Code]) {
    let changes = match reader {
        Audience::Pinned(before) | Audience::Live(before) => before != shown,
        Audience::Unnamed | Audience::Named | Audience::Dated => false,
    };
    if changes {
        return match reader {
            Audience::Live(_) => (Verdict::Altered, &[Code::TreeRoot, Code::TreePosition, Code::HeadOrder]),
            _ => (Verdict::Altered, &[Code::AppendOnlySplitView, Code::AppendOnlyRollback, Code::HeadOrder]),
        };
    }
    let contradicts = anchored != shown;
    match (reader, line) {
        // Its hashes don't lead to the checkpoint.
        (_, Some(AnchorLine::Forged)) => (Verdict::Altered, &[Code::HeadPath]),
        (_, Some(AnchorLine::Shown)) if contradicts => {
            (Verdict::Altered, &[Code::AppendOnlyRewritten, Code::HeadOrder])
        }
        (Audience::Unnamed, _) => (Verdict::Untrusted, &[Code::LogUnnamed]),
        (Audience::Dated | Audience::Pinned(_) | Audience::Live(_), Some(AnchorLine::LeftOut)) => {
            (Verdict::NotChecked, &[Code::AppendOnlyAnchor])
        }
        _ => (Verdict::Verified, &[]),
    }
}

/// Compares a report with what it should be.
fn judge(what: &str, report: &Report, verdict: Verdict, codes: &[Code]) -> Result<(), String> {
    let problems = problems(report);
    if report.verdict == verdict && (codes.is_empty() || codes.iter().any(|code| problems.contains(code))) {
        return Ok(());
    }
    Err(format!(
        "{what}: {} with {}, instead of {} with one of {}",
        report.verdict.as_str(),
        codes_text(&problems),
        verdict.as_str(),
        codes_text(codes)
    ))
}

/// Returns a tick of an earlier head of a version.
fn earlier(version: Version) -> u64 {
    FIRST + 10 + u64::from(version == Version::Lie)
}

fn tree_of(leaves: &[Hash]) -> PendingTree {
    let mut tree = PendingTree::new(&CompactRange::new());
    tree.extend(leaves);
    tree
}

fn root_of(entries: &[ExportEntry]) -> Hash {
    let mut range = CompactRange::new();
    for entry in entries {
        range.append(leaf_hash(entry.text.as_bytes()));
    }
    range.root().unwrap_or_else(empty_root)
}
