//! Decides on the verdict: the first rule that applies (SPEC section 9).

use super::finding::{FindingCode as Code, Severity};
use super::report::{CheckState, Checks, Verdict};

/// The facts that decide which checks are required.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct Requirements {
    pub(super) events: bool,
    pub(super) links: bool,
    pub(super) log: bool,
    pub(super) skip: bool,
    pub(super) quorum: bool,
    pub(super) range: bool,
    pub(super) pin: bool,
    pub(super) expectation: bool,
}

/// The checks that only unknown keys keep from passing.
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
            | Code::AppendOnlyRewritten
            | Code::HeadPath
            | Code::HeadLast
            | Code::HeadOrder
            | Code::HeadSplit
            | Code::WitnessSignature
    )
}

/// Returns the verdict for input that could not be read.
pub(super) fn for_unreadable(code: Code) -> Verdict {
    if code.severity() == Severity::Error { Verdict::Broken } else { Verdict::NotChecked }
}

pub(super) fn decide(
    mut errors: impl Iterator<Item = Code>,
    checks: &Checks,
    requirements: Requirements,
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
        (requirements.events, &checks.payloads, false),
        (requirements.links, &checks.chains, false),
        (requirements.links, &checks.signatures, unknown.signatures),
        (requirements.links, &checks.time, false),
        (requirements.log || requirements.skip, &checks.tree, false),
        (requirements.log, &checks.log, unknown.log),
        (requirements.quorum, &checks.witnesses, false),
        (requirements.range, &checks.range, false),
        (requirements.pin, &checks.append_only, false),
        (requirements.expectation, &checks.expected, false),
    ];
    let mut open = required
        .iter()
        .filter(|(required, check, _)| *required && check.state != CheckState::Pass)
        .peekable();
    if open.peek().is_some() {
        let only_unknown_keys = open.all(|(_, _, unknown_key)| *unknown_key);
        return if only_unknown_keys { Verdict::Untrusted } else { Verdict::NotChecked };
    }
    if complete { Verdict::Verified } else { Verdict::Partial }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    use crate::verify::report::Check;

    /// A fact, and the check that it requires.
    type Case = (fn(&mut Requirements), fn(&mut Checks) -> &mut Check);

    const REQUIRED: [Case; 13] = [
        (|_| (), |checks| &mut checks.format),
        (|requirements| requirements.events = true, |checks| &mut checks.payloads),
        (|requirements| requirements.links = true, |checks| &mut checks.chains),
        (|requirements| requirements.links = true, |checks| &mut checks.signatures),
        (|requirements| requirements.links = true, |checks| &mut checks.time),
        (|requirements| requirements.log = true, |checks| &mut checks.tree),
        (|requirements| requirements.log = true, |checks| &mut checks.log),
        (|requirements| requirements.skip = true, |checks| &mut checks.tree),
        (|requirements| requirements.quorum = true, |checks| &mut checks.witnesses),
        (|requirements| requirements.range = true, |checks| &mut checks.range),
        (|requirements| requirements.pin = true, |checks| &mut checks.append_only),
        (|requirements| requirements.expectation = true, |checks| &mut checks.expected),
        (|requirements| requirements.skip = true, |checks| &mut checks.format),
    ];

    fn passing() -> Checks {
        let pass = || Check::new(1, 0, None);
        Checks {
            format: pass(),
            payloads: pass(),
            chains: pass(),
            signatures: pass(),
            tree: pass(),
            log: pass(),
            range: pass(),
            append_only: pass(),
            witnesses: pass(),
            time: pass(),
            closure: pass(),
            expected: pass(),
        }
    }

    fn verdict(checks: &Checks, requirements: Requirements) -> Verdict {
        decide(std::iter::empty(), checks, requirements, UnknownKeys::default(), true)
    }

    #[test]
    fn required_checks_must_pass_and_no_others() {
        for (number, (require, check)) in REQUIRED.into_iter().enumerate() {
            let (mut requirements, mut checks) = (Requirements::default(), passing());
            require(&mut requirements);
            assert_eq!(verdict(&checks, requirements), Verdict::Verified, "{number}");
            *check(&mut checks) = Check::new(0, 0, Some("not checked"));
            assert_eq!(verdict(&checks, requirements), Verdict::NotChecked, "{number}");
            let always = number == 0 || number == REQUIRED.len() - 1;
            let unrequired = if always { Verdict::NotChecked } else { Verdict::Verified };
            assert_eq!(verdict(&checks, Requirements::default()), unrequired, "{number}");
        }
    }
}
