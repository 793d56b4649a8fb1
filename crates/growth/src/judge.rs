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
    pub(crate) doubt: Doubt,
}

/// The reason why a log is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The log server lacks a proof. There is no finding.
    Unproven,
    /// The log server showed an invalid proof. A valid one settles the finding about it.
    InvalidProof,
    /// There is a finding that rests on signatures alone.
    Contradicted,
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

    fn held(base: Base, doubt: Doubt) -> Self {
        Self { held: Some(Held { base, doubt }), contradiction: None }
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
        Self { held: Some(Held { base: Base::Head(before), doubt: Doubt::InvalidProof }), contradiction }
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
        match (held, shown) {
            (Some(Held { base: Base::Gone, doubt }), _) => Ok(Judgement::held(Base::Gone, doubt)),
            (Some(Held { base: Base::Head(base), doubt }), _) => Ok(judge_held(base, doubt, shown, &after)),
            (None, Some(shown)) => Ok(judge_next(*shown, &after, change.proof.as_deref())),
            (None, None) if self.gone.contains(&change.id) => {
                let message = "the ID of a tenant log whose slot was freed is used again".to_owned();
                let held = Held { base: Base::Gone, doubt: Doubt::Contradicted };
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
    let held = Some(Held { base: Base::Head(base), doubt: Doubt::Contradicted });
    let (size, state) = (base.size, base.state.as_str());
    let message = format!("a tenant log of {size} entries vanished, although it is {state}");
    Judgement::contradicts(held, (GrowthCode::Dropped, message), Some(base))
}

/// The head from which a new log begins.
fn new_head(id: TenantId) -> SlotHead {
    SlotHead { id, number: TenantNumber::MAX, size: 0, root: empty_root(), state: State::Live }
}

/// Judges the next head of a log whose last head passed.
fn judge_next(before: SlotHead, after: &SlotHead, proof: Option<&[Hash]>) -> Judgement {
    if let Some(why) = contradiction(&before, after) {
        let held = Held { base: Base::Head(before), doubt: Doubt::Contradicted };
        return Judgement::contradicts(Some(held), why, Some(before));
    }
    if before.size == 0 || before.size == after.size {
        return Judgement::FOLLOWS;
    }
    match proof {
        None => Judgement::held(Base::Head(before), Doubt::Unproven),
        Some(proof) if is_extended(&before, after, proof) => Judgement::FOLLOWS,
        Some(_) => Judgement::unprovable(before, after),
    }
}

/// Judges the next head of a held log. It must follow from the base, and must not contradict the head shown before either.
/// An earlier finding about the log doesn't hide a contradiction. A head that continues or undoes a
/// contradiction of the base is not a new contradiction.
fn judge_held(base: SlotHead, doubt: Doubt, shown: Option<&SlotHead>, after: &SlotHead) -> Judgement {
    let of_base = contradiction(&base, after).map(|why| (why, base));
    let follows = of_base.is_none() && (base.size == 0 || base.size == after.size);
    let held = |doubt| (!follows).then_some(Held { base: Base::Head(base), doubt });
    let new = match shown {
        None => of_base,
        Some(shown) if of_base.is_none() && contradiction(&base, shown).is_some() => None,
        Some(shown) => contradiction(shown, after).map(|why| of_base.unwrap_or((why, *shown))),
    };
    match new {
        Some((why, before)) => Judgement::contradicts(held(Doubt::Contradicted), why, Some(before)),
        None => Judgement { held: held(doubt), contradiction: None },
    }
}

fn is_extended(before: &SlotHead, after: &SlotHead, proof: &[Hash]) -> bool {
    verify_consistency(before.size, after.size, &before.root, &after.root, proof).is_ok()
}
