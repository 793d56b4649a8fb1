//! Compares a tenant log's newest head with the log's anchors, which all readers see (SPEC section 16.5).

use countersign::Code;
use countersign::tenant::{Anchor, NewestHead, Statement};
use countersign_client::Source;
use countersign_delivery::ProvenHead;

use crate::finding::{ANCHORS, BEHIND, Finding, SPLIT_VIEW};
use crate::log_state::LogState;
use crate::tree::{self, Consistency};

/// Compares the newest head `signed`, which is verified, with the anchors since `newest`, the one that the monitor had.
/// Returns a finding if the log shows two histories, an earlier state, or no proof.
pub(crate) fn compare(
    source: &dyn Source,
    newest: &NewestHead,
    shown: &ProvenHead,
    pin: Option<&LogState>,
    signed: &LogState,
) -> Option<Finding> {
    let error = shown.compare(newest).err()?;
    let texts: Vec<String> = pin.into_iter().chain([signed]).map(ToString::to_string).collect();
    let anchors: Vec<String> = shown.anchors.iter().map(|proof| proof.anchor.to_string()).collect();
    let evidence: Vec<&str> = texts.iter().chain(&anchors).map(String::as_str).collect();
    let contradiction = match error.code {
        Code::Rewritten => Some(error.message.clone()),
        _ => contradicted_anchor(source, shown, signed)
            .map(|tick| format!("the log's entries do not begin with those of its anchor at tick {tick}")),
    };
    if let Some(message) = contradiction {
        return Some(Finding::new(SPLIT_VIEW, message).with_evidence(&evidence).fatal());
    }
    let tick = |state: &LogState| state.statement().map_or(0, |Statement { tick, .. }| tick);
    let kind = if pin.is_some_and(|pin| tick(signed) < tick(pin)) { BEHIND } else { ANCHORS };
    Some(Finding::new(kind, error.into_message()).lasting().with_evidence(&evidence))
}

/// Returns the tick of the first anchor, proven by the root log, whose entries the newest head's don't begin with. Nobody
/// signs the consistency proofs in an answer, so the log's tiles decide, which lead to the head.
fn contradicted_anchor(source: &dyn Source, shown: &ProvenHead, signed: &LogState) -> Option<u64> {
    let (root_log, head) = (&shown.head.checkpoint.checkpoint, &signed.checkpoint);
    let mut proven = shown.anchors.iter().map(|proof| &proof.anchor).filter(|anchor| {
        anchor.head.origin == shown.head.head().origin && anchor.is_in(root_log.size, &root_log.root)
    });
    let is_contradicted = |anchor: &&Anchor| {
        let before = (anchor.head.size, &anchor.head.root);
        before.0 <= head.size
            && matches!(tree::consistency(source, before, head), Ok(Consistency::Inconsistent))
    };
    proven.find(is_contradicted).map(|anchor| anchor.tick)
}
