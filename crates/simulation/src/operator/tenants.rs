//! The lies of the operator of a root log, who shows different histories of a tenant log.
//!
//! The operator has several versions of a tenant log: the truth, and lies in which a chain is gone, two entries are swapped,
//! or the newest entries are missing. All signatures in them are valid. The directories of one root log have any of them,
//! which ordinary witnesses don't notice: for example, they alternate from tick to tick, and each client gets heads of one
//! version only. An anchor has one of the versions (SPEC section 16.5).
//!
//! This is who notices each lie, and when. "Dated" readers have the log's first tick in the trust file, and a *pin* or live
//! view is as good as any memory. Each row is asserted in every run with tenants, by the functions in the last column;
//! those of [`TenantOperator`] are in `readers`, `recorders`, and `growth`.
//!
//! | lie | reader without memory | reader with a pin or live view | recorder with its outbox | growth witness | asserted by |
//! | --- | --- | --- | --- | --- | --- |
//! | alternates: shows each client one version | dated: at the first anchor that has the other version, or is left out. Named only: if the anchor is shown | as a dated reader | at the first anchor that has the other version, or is left out | at the first tick with the other version | `show`, `answer`, `lie_to_growth_witness` |
//! | alternates: shows a client the other version later | as above | at once | at once | as above | `show`, `answer` |
//! | alternates: hides the newest entries from a reader | dated: at the first anchor that has them, or is left out | at once, if the pin has them | at the first anchor that lacks them, or is left out | at the first tick that lacks them | `show_hidden`, `answer_with_hidden`, `lie_to_growth_witness` |
//! | rewrites entries that an anchor has | dated: at once. Named only: if the anchor is shown | at once | at once | at the tick of the rewrite | `show_rewritten_anchor`, `lie_to_growth_witness` |
//! | rewrites entries between two anchors | never | at once, if the pin has them | at once, if its newest head has them | at the tick of the rewrite | `show_rewritten`, `answer_after_rewrite`, `lie_to_growth_witness` |
//! | drops the log | with a greatest age: when it has passed | the same | at once: nothing is acknowledged | at the first tick without it | `show_dropped`, `answer_after_drop`, `lie_to_growth_witness` |
//! | drops the log and reopens it with fewer entries | dated: only if it is missing at an anchor | at once | at once | at the first tick without it | `show_dropped`, `show_dropped_at_anchor`, `answer_after_drop` |
//! | opens an ended log again, or drops it | – | – | – | at that tick | `lie_to_growth_witness` |
//! | tells the growth witness about other heads than those of the directory, or nothing | – | – | – | at that tick, which it doesn't cosign | `lie_to_growth_witness` |
//! | alters a proof, or leaves one out | at once | at once | at once: it acknowledges nothing, loses nothing, and delivers with the next honest answer, unless it stopped | – | `show`, `alter_answers` |
//! | answers with an older head | with a greatest age | at once | at once | – | `lie_about_heads`, `alter_answers` |
//! | shows another tenant's log or head, the head of another slot, or a head that isn't the newest | at once | at once | at once | – | `lie_about_heads`, `alter_answers` |
//! | changes an event, or shows fewer entries than the head has | at once | at once | – | – | `lie_about_heads` |
//! | forks the root log for one client | at once with a quorum, never without | at once | at once with a quorum | – | `lie_about_heads`, `alter_answers` |
//!
//! A recorder and a reader that are shown different versions look at the same anchor, which can have one of them only.
//! Hence one of the two notices, whatever the operator does with the anchor.

mod growth;
mod readers;
mod recorders;
mod story;

use story::{DROPPED, DROPPED_AT_ANCHOR, Version};

pub use story::TenantOperator;

use crate::reader::ExportEntry;
use crate::trace::Trace;

/// The lies to recorders that depend on the log's chains. The trace has a line for each that was told.
pub const LIES_TO_RECORDERS: [&str; 5] = [
    "answers alternate",
    "entries are rewritten",
    "the log is dropped",
    "entries are hidden",
    "answers are altered",
];

impl TenantOperator<'_> {
    /// Tells the lies to all readers, recorders, and a growth witness, and checks who notices them.
    ///
    /// # Errors
    /// The lie that was not noticed, or was noticed in another way than SPEC.md says.
    pub fn lie(&mut self, trace: &mut Trace, at: u64) -> Result<(), String> {
        let [alternating, rewritten, dropped, hidden, altered] = LIES_TO_RECORDERS;
        let mut told = Vec::new();
        let lies = [("a chain is gone", self.without_chain()), ("entries are swapped", self.swapped())];
        let lies: Vec<_> = lies.into_iter().filter_map(|(name, lie)| Some((name, lie?))).collect();
        for (name, lie) in &lies {
            let anchored = self.drawn_version();
            trace.add(at, format!("lie about {}: {name}, the anchor has {anchored:?}", self.origin));
            let is_told = self.alternate(lie, anchored).map_err(|why| format!("{name}: {why}"))?;
            told.extend(is_told.then_some(alternating));
        }
        if let Some((name, lie)) = self.random.pick(&lies) {
            trace.add(at, format!("lie about {}: {name} between two anchors", self.origin));
            let is_told = self.rewrite(lie).map_err(|why| format!("{name} between two anchors: {why}"))?;
            told.extend(is_told.then_some(rewritten));
        }
        let hides = self.hide_newest().map_err(|why| format!("{hidden}: {why}"))?;
        told.extend(hides.then_some(hidden));
        let drops = self.drop_and_reopen().map_err(|why| format!("{dropped}: {why}"))?;
        told.extend(drops.then_some(dropped));
        told.extend(self.alter_answers()?.then_some(altered));
        for what in told {
            trace.add(at, format!("lie to a recorder of {}: {what}", self.origin));
        }
        Ok(())
    }

    /// Alternates between the log and another version.
    fn alternate(&mut self, lie: &[ExportEntry], anchored: Version) -> Result<bool, String> {
        let story = self.alternating(lie.to_vec(), anchored);
        let mut is_told = true;
        for shown in [Version::Truth, Version::Lie] {
            self.show(&story, shown, anchored)?;
            is_told &= self.answer(&story, shown, anchored)?;
        }
        self.lie_about_heads(&story, anchored)?;
        self.lie_to_growth_witness(lie)?;
        Ok(is_told)
    }

    /// Rewrites the log between two anchors.
    fn rewrite(&mut self, lie: &[ExportEntry]) -> Result<bool, String> {
        let story = self.rewritten_after_anchor(lie);
        self.show_rewritten(&story)?;
        self.show_rewritten_anchor(lie)?;
        self.answer_after_rewrite(&story)
    }

    /// Alternates between the log and an earlier state of it, which hides the newest entries.
    fn hide_newest(&mut self) -> Result<bool, String> {
        let earlier = self.earlier_state(self.entries.len().saturating_sub(1));
        if earlier.is_empty() {
            return Ok(false);
        }
        let anchored = self.drawn_version();
        let story = self.alternating(earlier, anchored);
        self.show_hidden(&story, anchored)?;
        self.answer_with_hidden(&story, anchored)
    }

    /// Drops the log, and shows it again later with fewer entries.
    fn drop_and_reopen(&mut self) -> Result<bool, String> {
        if self.entries.is_empty() {
            return Ok(false);
        }
        let story = self.dropped(DROPPED_AT_ANCHOR);
        self.show_dropped_at_anchor(&story)?;
        let story = self.dropped(DROPPED);
        self.show_dropped(&story)?;
        self.answer_after_drop(&story)
    }

    fn drawn_version(&mut self) -> Version {
        if self.random.chance(0.5) { Version::Truth } else { Version::Lie }
    }
}
