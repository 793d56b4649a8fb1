//! Judges the change of one tenant log's head.

use countersign::hash::Hash;
use countersign::merkle::{empty_root, verify_consistency};
use countersign::tenant::State;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::tenant::{TenantId, TenantNumber};

use crate::finding::{GrowthCode, GrowthFinding, Recheck};
use crate::state::{GrowthState, TickError};
use crate::wire::Change;

/// The distance between anchors of the third kind, in ticks. A log that ended keeps its slot until two have passed.
const ANCHOR_DISTANCE: u64 = 1 << 21;

/// The state from which the present head of a held log must follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The last head that passed.
    Head(SlotHead),
    /// The log's slot was freed.
    Gone,
}

/// A tenant log whose present head isn't shown to follow from its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) base: Base,
    /// True if there is a finding about it. Otherwise, the log server only lacks a proof.
    pub(crate) is_false: bool,
}

/// The result of judging a change.
#[derive(Clone, Debug)]
pub(crate) struct Judgement {
    /// The log's base, if its new head doesn't follow from it.
    pub(crate) held: Option<Held>,
    contradiction: Option<Contradiction>,
}

#[derive(Clone, Debug)]
struct Contradiction {
    code: GrowthCode,
    message: String,
    before: Option<SlotHead>,
    recheck: Option<Recheck>,
}

impl Judgement {
    const FOLLOWS: Self = Self { held: None, contradiction: None };

    fn held(base: Base, is_false: bool) -> Self {
        Self { held: Some(Held { base, is_false }), contradiction: None }
    }

    fn contradicts(
        held: Option<Held>,
        (code, message): (GrowthCode, String),
        before: Option<SlotHead>,
    ) -> Self {
        let contradiction = Some(Contradiction { code, message, before, recheck: None });
        Self { held, contradiction }
    }

    /// The judgement about a head that doesn't follow from an earlier one by the proof that the log server gave. It rests
    /// on that proof, which isn't signed, so another one may settle it.
    pub(crate) fn unprovable(before: SlotHead, after: &SlotHead) -> Self {
        let message = format!(
            "the log server could not prove that the {} entries of a tenant log begin with its earlier {} entries",
            after.size, before.size
        );
        let recheck = Some(Recheck::Growth {
            id: before.id,
            before: (before.size, before.root),
            after: (after.size, after.root),
        });
        let code = GrowthCode::Rewritten;
        let contradiction = Some(Contradiction { code, message, before: Some(before), recheck });
        Self { held: Some(Held { base: Base::Head(before), is_false: true }), contradiction }
    }

    /// Returns the finding about the new head, if there is one.
    pub(crate) fn finding(
        self,
        root_origin: &str,
        tick: u64,
        after: Option<&SlotHead>,
    ) -> Option<GrowthFinding> {
        let Contradiction { code, message, before, recheck } = self.contradiction?;
        let before = before.and_then(|head| head.to_head(root_origin));
        let after = after.and_then(|head| head.to_head(root_origin));
        Some(GrowthFinding { before, after, recheck, ..GrowthFinding::new(code, tick, message) })
    }
}

/// Returns why a later head contradicts an earlier one, regardless of proofs.
pub(crate) fn contradiction(before: &SlotHead, after: &SlotHead) -> Option<(GrowthCode, String)> {
    let (size, state) = (before.size, before.state.as_str());
    if after.size < size {
        let message = format!("a tenant log of {size} entries has only {} now", after.size);
        return Some((GrowthCode::Shortened, message));
    }
    if after.state < before.state {
        let message = format!("a tenant log that was {state} is {}", after.state.as_str());
        return Some((GrowthCode::Reopened, message));
    }
    if before.state != State::Live && after.size > size {
        return Some((GrowthCode::Reopened, format!("a tenant log that was {state} grew")));
    }
    if after.size == size && after.root != before.root {
        let message = format!("the {size} entries of a tenant log differ from those before");
        return Some((GrowthCode::Rewritten, message));
    }
    None
}

impl GrowthState {
    /// Judges a change at a tick. `not_live_since` is the first tick at which a log can have ended that was live before.
    pub(crate) fn judge(
        &self,
        change: &Change,
        tick: u64,
        not_live_since: u64,
    ) -> Result<Judgement, TickError> {
        let shown = self.heads.find(&change.id);
        let held = self.held.get(&change.id).copied();
        let Some(after) = change.head else {
            let Some(shown) = shown else {
                return Err(TickError::Directory("a tenant log vanished that wasn't there".to_owned()));
            };
            let since = self.not_live_since(&change.id).unwrap_or(not_live_since);
            return Ok(judge_gone(shown, held, anchors_between(since, tick)));
        };
        if change.from != shown.map_or(0, |shown| shown.size) {
            let size = shown.map_or(0, |shown| shown.size);
            let message = format!("a tenant log had {size} entries, but the change is from {}", change.from);
            return Err(TickError::Directory(message));
        }
        match (held.map(|held| held.base), shown) {
            (Some(Base::Gone), _) => Ok(Judgement::held(Base::Gone, true)),
            (Some(Base::Head(base)), _) => {
                Ok(judge_held(base, held.is_some_and(|held| held.is_false), shown, &after))
            }
            (None, Some(shown)) => Ok(judge_next(*shown, &after, change.proof.as_deref())),
            (None, None) if self.gone.contains(&change.id) => {
                let message = "the ID of a tenant log whose slot was freed is used again".to_owned();
                let held = Held { base: Base::Gone, is_false: true };
                Ok(Judgement::contradicts(Some(held), (GrowthCode::Reopened, message), None))
            }
            (None, None) => Ok(judge_next(new_head(change.id), &after, Some(&[]))),
        }
    }
}

/// Returns the number of anchors of the third kind from one tick on, before another.
const fn anchors_between(since: u64, tick: u64) -> u64 {
    (tick / ANCHOR_DISTANCE).saturating_sub(since / ANCHOR_DISTANCE)
}

/// Judges that a log has no slot anymore, so many anchors after it can have ended.
fn judge_gone(shown: &SlotHead, held: Option<Held>, anchors: u64) -> Judgement {
    let base = match held {
        Some(Held { base: Base::Gone, .. }) => return Judgement::FOLLOWS,
        Some(Held { base: Base::Head(base), .. }) => base,
        None => *shown,
    };
    if anchors >= 2 {
        return Judgement::FOLLOWS;
    }
    let doubt = Some(Held { base: Base::Head(base), is_false: true });
    if held.is_some_and(|held| held.is_false) {
        return Judgement { held: doubt, contradiction: None };
    }
    let (size, state) = (base.size, base.state.as_str());
    let message = format!("a tenant log of {size} entries vanished, although it is {state}");
    Judgement::contradicts(doubt, (GrowthCode::Dropped, message), Some(base))
}

/// The head from which a new log begins.
fn new_head(id: TenantId) -> SlotHead {
    SlotHead { id, number: TenantNumber::MAX, size: 0, root: empty_root(), state: State::Live }
}

/// Judges the next head of a log whose last head passed.
fn judge_next(before: SlotHead, after: &SlotHead, proof: Option<&[Hash]>) -> Judgement {
    if let Some(why) = contradiction(&before, after) {
        let held = Held { base: Base::Head(before), is_false: true };
        return Judgement::contradicts(Some(held), why, Some(before));
    }
    if before.size == 0 || before.size == after.size {
        return Judgement::FOLLOWS;
    }
    match proof {
        None => Judgement::held(Base::Head(before), false),
        Some(proof) if is_extended(&before, after, proof) => Judgement::FOLLOWS,
        Some(_) => Judgement::unprovable(before, after),
    }
}

/// Judges the next head of a held log. It must follow from the base; and if there is no finding about the log yet, it must
/// not contradict the head shown before either.
fn judge_held(base: SlotHead, is_false: bool, shown: Option<&SlotHead>, after: &SlotHead) -> Judgement {
    let against = [Some(&base), shown];
    let why = against.into_iter().flatten().find_map(|before| Some((contradiction(before, after)?, *before)));
    let follows = contradiction(&base, after).is_none() && (base.size == 0 || base.size == after.size);
    let held = |is_false| (!follows).then_some(Held { base: Base::Head(base), is_false });
    match why {
        Some((why, before)) if !is_false => Judgement::contradicts(held(true), why, Some(before)),
        _ => Judgement { held: held(is_false), contradiction: None },
    }
}

fn is_extended(before: &SlotHead, after: &SlotHead, proof: &[Hash]) -> bool {
    verify_consistency(before.size, after.size, &before.root, &after.root, proof).is_ok()
}
