//! Lies to readers, who verify exports and live views.

use countersign::export::writer::Writer;
use countersign::merkle::{inclusion_proof, leaf_hash};
use countersign::tenant::{Anchor, HeadProof};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{Expectations, FindingCode as Code, MaxAge, Options, Report, Verdict, Verifier};

use super::super::{codes_text, text};
use super::story::{
    ANCHOR, AnchorLine, DROPPED, DROPPED_AT_ANCHOR, FIRST, REWRITTEN, SECOND_ANCHOR, Story, TenantOperator,
    Version, export as story_export, tree_of,
};
use crate::reader::{ExportEntry, problems, verify};

/// A reader of the tenant log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Audience {
    /// The trust file names no log.
    Unnamed,
    /// The trust file has the log's origin.
    Named,
    /// The trust file has the log's origin and first tick.
    Dated,
    /// Has the origin alone, and pinned the head at this tick.
    Pinned(u64),
    /// Has the origin alone, and has had a live view since the head at this tick.
    Live(u64),
}

/// A lie to readers, by its export.
struct Lie<'s> {
    name: &'static str,
    export: &'s [u8],
    verdict: Verdict,
    codes: &'static [Code],
}

impl TenantOperator<'_> {
    /// Shows all readers a version of an alternating log, before the anchor and after it.
    pub(super) fn show(&mut self, story: &Story, shown: Version, anchored: Version) -> Result<(), String> {
        let other = if shown == Version::Truth { Version::Lie } else { Version::Truth };
        let readers = [
            Audience::Unnamed,
            Audience::Named,
            Audience::Dated,
            Audience::Pinned(earlier(shown)),
            Audience::Pinned(earlier(other)),
            Audience::Live(earlier(shown)),
            Audience::Live(earlier(other)),
        ];
        let (early, late) =
            (self.tick_of(shown, FIRST + 200, ANCHOR), self.tick_of(shown, ANCHOR + 1, ANCHOR + 200));
        for reader in readers {
            let changes = match reader {
                Audience::Pinned(tick) | Audience::Live(tick) => story.version_at(tick) != Some(shown),
                Audience::Unnamed | Audience::Named | Audience::Dated => false,
            };
            let wanted = expected(reader, changes, None, anchored != shown);
            self.expect(story, reader, early, &[], AnchorLine::LeftOut, wanted)?;
            let line = match self.random.index(3) {
                0 => AnchorLine::LeftOut,
                1 => AnchorLine::Forged,
                _ => AnchorLine::Shown,
            };
            // A forged anchor that states the truth is the truth.
            let line = if line == AnchorLine::Forged && anchored == shown { AnchorLine::Shown } else { line };
            let wanted = expected(reader, changes, Some(line), anchored != shown);
            self.expect(story, reader, late, &[ANCHOR], line, wanted)?;
        }
        Ok(())
    }

    /// Shows a log whose entries after the first anchor were rewritten. Both anchors have states of the new version.
    pub(super) fn show_rewritten(&mut self, story: &Story) -> Result<(), String> {
        let anchors = &[ANCHOR, SECOND_ANCHOR];
        let before = [Audience::Pinned(REWRITTEN - 900), Audience::Live(REWRITTEN - 900)];
        for tick in [REWRITTEN, REWRITTEN + 900, SECOND_ANCHOR + 19] {
            self.expect(story, Audience::Dated, tick, anchors, AnchorLine::Shown, VERIFIED)?;
            for reader in before {
                self.expect(story, reader, tick, anchors, AnchorLine::Shown, (Verdict::Altered, CHANGED))?;
            }
        }
        // A head from before the rewritten entries doesn't show anything either.
        self.expect(story, Audience::Pinned(ANCHOR - 90), REWRITTEN, anchors, AnchorLine::Shown, VERIFIED)
    }

    /// Shows a log whose entries before the first anchor were rewritten after it.
    pub(super) fn show_rewritten_anchor(&mut self, lie: &[ExportEntry]) -> Result<(), String> {
        const ALTERED: Wanted = (Verdict::Altered, &[Code::AppendOnlyRewritten, Code::HeadOrder]);
        let anchors = &[ANCHOR, SECOND_ANCHOR];
        let versions = [(Version::Truth, self.entries.clone()), (Version::Lie, lie.to_vec())];
        let story = self.story(versions, SECOND_ANCHOR + 20, |tick| {
            Some(if tick < REWRITTEN { Version::Truth } else { Version::Lie })
        });
        for tick in [REWRITTEN, SECOND_ANCHOR + 19] {
            for reader in [Audience::Named, Audience::Dated] {
                self.expect(&story, reader, tick, anchors, AnchorLine::Shown, ALTERED)?;
            }
            self.expect(&story, Audience::Dated, tick, anchors, AnchorLine::LeftOut, MISSING)?;
            self.expect(&story, Audience::Named, tick, anchors, AnchorLine::LeftOut, VERIFIED)?;
        }
        Ok(())
    }

    /// Shows a log that was dropped, and has fewer entries afterward.
    pub(super) fn show_dropped(&mut self, story: &Story) -> Result<(), String> {
        let [gone, back] = DROPPED;
        if self.trust.has_quorum() {
            // No later head exists.
            let export = &story.export(&self.origin, &[], &story.head(self, gone - 1, gone)?)?;
            let max_age = Some(MaxAge { seconds: 20, now: self.time_of(back - 1) });
            let expect = Expectations { max_age, ..Expectations::default() };
            let (verdict, codes) = (Verdict::Broken, &[Code::ExpectedAge]);
            let options = Options { expect, ..self.options()? };
            self.present(Lie { name: "the log is dropped", export, verdict, codes }, options)?;
        }
        for tick in [back, ANCHOR + 99] {
            self.expect(story, Audience::Dated, tick, &[ANCHOR], AnchorLine::Shown, shorter(story))?;
            for reader in [Audience::Pinned(gone - 99), Audience::Live(gone - 99)] {
                self.expect(story, reader, tick, &[ANCHOR], AnchorLine::Shown, (Verdict::Altered, CHANGED))?;
            }
        }
        Ok(())
    }

    /// Shows a log that was dropped, and is missing at the anchor.
    pub(super) fn show_dropped_at_anchor(&mut self, story: &Story) -> Result<(), String> {
        let [gone, back] = DROPPED_AT_ANCHOR;
        for (reader, wanted) in [
            (Audience::Dated, MISSING),
            (Audience::Named, shorter(story)),
            (Audience::Pinned(gone - 9), (Verdict::Altered, CHANGED)),
        ] {
            self.expect(story, reader, back + 9, &[ANCHOR], AnchorLine::Shown, wanted)?;
        }
        Ok(())
    }

    /// Shows an earlier state of a log that alternates between it and the log.
    pub(super) fn show_hidden(&mut self, story: &Story, anchored: Version) -> Result<(), String> {
        let early = self.tick_of(Version::Lie, FIRST + 200, ANCHOR);
        let late = self.tick_of(Version::Lie, ANCHOR + 1, ANCHOR + 200);
        let shown = if anchored == Version::Truth {
            (Verdict::Altered, &[Code::HeadOrder] as &[_])
        } else {
            VERIFIED
        };
        let pinned = Audience::Pinned(earlier(Version::Truth));
        for (reader, tick, line, wanted) in [
            (Audience::Dated, early, AnchorLine::Shown, VERIFIED),
            (Audience::Dated, late, AnchorLine::Shown, shown),
            (Audience::Dated, late, AnchorLine::LeftOut, MISSING),
            (pinned, early, AnchorLine::Shown, (Verdict::Altered, CHANGED)),
            (pinned, late, AnchorLine::Shown, (Verdict::Altered, CHANGED)),
        ] {
            self.expect(story, reader, tick, &[ANCHOR], line, wanted)?;
        }
        Ok(())
    }

    /// Lies about heads and entries, which don't need a second version.
    pub(super) fn lie_about_heads(&mut self, story: &Story, shown: Version) -> Result<(), String> {
        let tick = self.tick_of(shown, FIRST + 200, ANCHOR);
        let proof = story.head(self, tick, tick + 1)?;
        let entries = story.entries(shown);

        let export = &story.export(&self.origin, &[], &story.head(self, tick, tick + 2)?)?;
        let (name, codes) = ("a head that isn't the newest", &[Code::HeadLast]);
        self.present(Lie { name, export, verdict: Verdict::Altered, codes }, self.options()?)?;

        let export = &story.export(&self.other, &[], &proof)?;
        let (name, codes) = ("another tenant's log", &[Code::ExpectedOrigin]);
        self.present(Lie { name, export, verdict: Verdict::Broken, codes }, self.options()?)?;

        let mut foreign = proof.clone();
        foreign.anchor.head.origin = self.other.clone();
        let export = &story_export(entries, &self.origin, &[], &foreign);
        let (name, codes) = ("another tenant's head", &[Code::HeadOrigin]);
        self.present(Lie { name, export, verdict: Verdict::Broken, codes }, self.options()?)?;

        // The head of one slot, in another.
        let trust = self.trust_of(&format!("origin {} {FIRST}\n", self.other))?;
        let export = &story_export(entries, &self.other, &[], &foreign);
        let (name, codes) = ("the head of another slot", &[Code::HeadPath]);
        let options = Options { trust, ..Options::default() };
        self.present(Lie { name, export, verdict: Verdict::Altered, codes }, options)?;

        let export = &export_without_last(entries, self, &proof);
        let (name, codes) =
            ("a head with more entries than are shown", &[Code::TreePosition, Code::TreeRoot]);
        self.present(Lie { name, export, verdict: Verdict::Altered, codes }, self.options()?)?;

        let mut changed = entries.to_vec();
        let is_changed = changed.iter_mut().any(|entry| {
            let event = entry.event.as_ref().map(|event| event.replace("job.update", "job.delete"));
            let differs = event != entry.event;
            entry.event = event;
            differs
        });
        if is_changed {
            let export = &story_export(&changed, &self.origin, &[], &proof);
            let (name, codes) = ("an event is changed", &[Code::PayloadMismatch]);
            self.present(Lie { name, export, verdict: Verdict::Altered, codes }, self.options()?)?;
        }

        let trust = self.trust_of(&format!("origin {} {}\n", self.origin, tick + 1))?;
        let export = &story.export(&self.origin, &[], &proof)?;
        let (name, codes) = ("a head before the log's first tick", &[Code::AppendOnlyRollback]);
        let later = Options { trust, ..Options::default() };
        self.present(Lie { name, export, verdict: Verdict::Altered, codes }, later)?;

        if self.trust.has_quorum() {
            let now = Time::from_millis(proof.anchor.time.millis() + 7_200_000).unwrap_or(Time::MAX);
            let max_age = Some(MaxAge { seconds: 3_600, now });
            let expect = Expectations { max_age, ..Expectations::default() };
            let (name, codes) = ("an old head", &[Code::ExpectedAge]);
            let options = Options { expect, ..self.options()? };
            self.present(Lie { name, export, verdict: Verdict::Broken, codes }, options)?;
        }
        self.fork_root_log(story, tick, proof)
    }

    /// Makes a root log for one reader alone, which no witness cosigns.
    fn fork_root_log(&mut self, story: &Story, tick: u64, proof: HeadProof) -> Result<(), String> {
        let mut forked = story.head(self, tick, tick + 1)?;
        forked.anchor.salt[0] ^= 1;
        let mut leaves = story.leaves[..usize::try_from(tick).map_err(text)?].to_vec();
        leaves.push(leaf_hash(forked.anchor.entry().to_string().as_bytes()));
        let tree = tree_of(&leaves);
        forked.checkpoint = self.sign(&tree, None)?;
        forked.anchor.hashes = inclusion_proof(tick, tick + 1, &tree).map_err(text)?;
        let export = &story.export(&self.origin, &[], &forked)?;
        let (verdict, codes): (_, &[Code]) = if self.trust.has_quorum() {
            (Verdict::Broken, &[Code::WitnessQuorum])
        } else {
            (Verdict::Verified, &[])
        };
        self.present(Lie { name: "a root log of its own", export, verdict, codes }, self.options()?)?;
        let pinned = Options { pins: vec![proof.into()], ..self.options()? };
        let (name, codes) = ("a root log of its own to a reader with a pin", &[Code::HeadSplit]);
        self.present(Lie { name, export, verdict: Verdict::Altered, codes }, pinned)
    }

    /// Returns the options of a reader who has the log's origin and first tick.
    fn options(&self) -> Result<Options, String> {
        Ok(Options { trust: self.dated_trust()?, ..Options::default() })
    }

    /// Lets a reader with these options verify an export.
    #[allow(clippy::unused_self, clippy::needless_pass_by_value, reason = "each lie is told once")]
    fn present(&self, lie: Lie<'_>, options: Options) -> Result<(), String> {
        judge(lie.name, &verify(lie.export, options).report, (lie.verdict, lie.codes))
    }

    /// Lets a reader look at the log with the head of a tick, and checks the verdict and the findings. `ticks` are those of
    /// the anchors.
    fn expect(
        &self,
        story: &Story,
        reader: Audience,
        tick: u64,
        ticks: &[u64],
        line: AnchorLine,
        wanted: Wanted,
    ) -> Result<(), String> {
        let head = story.head(self, tick, tick + 1)?;
        let ticks: Vec<u64> = ticks.iter().filter(|anchor| **anchor < tick).copied().collect();
        let anchors = story.anchors(&ticks, &head, line)?;
        let named = format!("origin {}\n", self.origin);
        let trust = match reader {
            Audience::Unnamed => self.trust.clone(),
            Audience::Dated => self.dated_trust()?,
            Audience::Named | Audience::Pinned(_) | Audience::Live(_) => self.trust_of(&named)?,
        };
        let export = story.export(&self.origin, &anchors, &head)?;
        let report = match reader {
            Audience::Live(before) => self.watch(story, trust, before, &anchors, &head)?,
            Audience::Pinned(before) => {
                let pins = vec![story.head(self, before, before + 1)?.into()];
                verify(&export, Options { trust, pins, ..Options::default() }).report
            }
            _ => verify(&export, Options { trust, ..Options::default() }).report,
        };
        let shown = story.version_at(tick);
        judge(&format!("{reader:?} is shown {shown:?} at tick {tick}, anchors {line:?}"), &report, wanted)
    }

    /// Opens a live view at an earlier head, and continues it with the anchors and the head of the same version or another.
    fn watch(
        &self,
        story: &Story,
        trust: Trust,
        before: u64,
        anchors: &[Anchor],
        head: &HeadProof,
    ) -> Result<Report, String> {
        let mut verifier = Verifier::live(Options { trust, ..Options::default() });
        let first = story.head(self, before, before + 1)?;
        let size = first.head().size;
        let shown = String::from_utf8(story.export(&self.origin, &[], &first)?).map_err(text)?;
        verifier.push(shown.replacen(&format!("[0,{size}]"), "[0]", 1).as_bytes());
        verifier.settle();
        let mut writer = Writer::new();
        // A live view shows the anchors from its first head on.
        for anchor in anchors.iter().filter(|anchor| anchor.tick > before) {
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
}

/// A verdict, and the codes of which one must be found, unless there are none.
type Wanted = (Verdict, &'static [Code]);

const VERIFIED: Wanted = (Verdict::Verified, &[]);
/// The result of an anchor that is missing although it is required.
const MISSING: Wanted = (Verdict::NotChecked, &[Code::AppendOnlyAnchor]);
/// The codes of a log that isn't the one that the reader saw before.
const CHANGED: &[Code] = &[
    Code::AppendOnlySplitView,
    Code::AppendOnlyRollback,
    Code::AppendOnlyRewritten,
    Code::HeadOrder,
    Code::TreeRoot,
    Code::TreePosition,
];

/// Returns what a reader of an alternating log must find. `changes` is true if the reader saw the other version before.
/// `line` is what the operator does with the anchor; `None` before there is one. `contradicts` is true if the anchor has the
/// other version.
fn expected(reader: Audience, changes: bool, line: Option<AnchorLine>, contradicts: bool) -> Wanted {
    if changes {
        return match reader {
            Audience::Live(_) => (Verdict::Altered, &[Code::TreeRoot, Code::TreePosition, Code::HeadOrder]),
            _ => (Verdict::Altered, &[Code::AppendOnlySplitView, Code::AppendOnlyRollback, Code::HeadOrder]),
        };
    }
    match (reader, line) {
        // Its hashes don't lead to the checkpoint.
        (_, Some(AnchorLine::Forged)) => (Verdict::Altered, &[Code::HeadPath]),
        (_, Some(AnchorLine::Shown)) if contradicts => {
            (Verdict::Altered, &[Code::AppendOnlyRewritten, Code::HeadOrder])
        }
        (Audience::Unnamed, _) => (Verdict::Untrusted, &[Code::LogUnnamed]),
        (Audience::Dated | Audience::Pinned(_) | Audience::Live(_), Some(AnchorLine::LeftOut)) => MISSING,
        _ => VERIFIED,
    }
}

/// Compares a report with what it should be.
fn judge(what: &str, report: &Report, (verdict, codes): Wanted) -> Result<(), String> {
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

/// Returns the result of a log that was dropped, for a reader who doesn't know it. An empty log has nothing to verify.
fn shorter(story: &Story) -> Wanted {
    if story.entries(Version::Early).is_empty() { (Verdict::NotChecked, &[]) } else { VERIFIED }
}

/// Returns an export without the last entry of those that the head has.
fn export_without_last(entries: &[ExportEntry], operator: &TenantOperator<'_>, proof: &HeadProof) -> Vec<u8> {
    story_export(&entries[..entries.len().saturating_sub(1)], &operator.origin, &[], proof)
}

/// Returns a tick of an earlier head of a version, in a log that alternates.
pub(super) fn earlier(version: Version) -> u64 {
    FIRST + 10 + u64::from(version == Version::Lie)
}
