//! The verdict: the first that applies (SPEC section 9).

use super::FindingCode as Code;
use super::report::{Checks, State, Verdict};

/// What decides which checks are required.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(super) struct Asked {
    pub(super) events: bool,
    pub(super) links: bool,
    pub(super) log: bool,
    pub(super) skip: bool,
    pub(super) quorum: bool,
    pub(super) range: bool,
    pub(super) pin: bool,
    pub(super) expectation: bool,
}

/// Which checks unknown keys alone keep from passing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UnknownKeys {
    pub(super) signatures: bool,
    pub(super) log: bool,
}

fn means_altered(code: Code) -> bool {
    matches!(
        code,
        Code::PayloadMismatch
            | Code::PayloadDuplicateMember
            | Code::SignatureInvalid
            | Code::ChainPrev
            | Code::TreeRoot
            | Code::TreePosition
            | Code::TreeSkipAlignment
            | Code::LogSignature
            | Code::AppendOnlySplitView
            | Code::AppendOnlyRollback
            | Code::WitnessSignature
    )
}

pub(super) fn decide(
    mut errors: impl Iterator<Item = Code>,
    checks: &Checks,
    asked: Asked,
    unknown: UnknownKeys,
    complete: bool,
) -> Verdict {
    let mut broken = false;
    if errors.any(|code| {
        broken = true;
        means_altered(code)
    }) {
        return Verdict::Altered;
    }
    if broken {
        return Verdict::Broken;
    }
    let required = [
        (true, &checks.format, false),
        (asked.events, &checks.payloads, false),
        (asked.links, &checks.chains, false),
        (asked.links, &checks.signatures, unknown.signatures),
        (asked.links, &checks.time, false),
        (asked.log || asked.skip, &checks.tree, false),
        (asked.log, &checks.log, unknown.log),
        (asked.quorum, &checks.witnesses, false),
        (asked.range, &checks.range, false),
        (asked.pin, &checks.append_only, false),
        (asked.expectation, &checks.expected, false),
    ];
    let mut open =
        required.iter().filter(|(required, check, _)| *required && check.state != State::Pass).peekable();
    if open.peek().is_some() {
        let only_unknown_keys = open.all(|(_, _, unknown_key)| *unknown_key);
        return if only_unknown_keys { Verdict::Unconfirmed } else { Verdict::NotChecked };
    }
    if complete { Verdict::Verified } else { Verdict::Partial }
}
