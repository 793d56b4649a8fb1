//! The verdict: the first that applies (SPEC section 9).

use super::finding::{FindingCode as Code, Severity};
use super::report::{CheckState, Checks, Verdict};

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

/// The verdict where nothing could be read.
pub(super) fn of_unread(code: Code) -> Verdict {
    if code.severity() == Severity::Error { Verdict::Broken } else { Verdict::NotChecked }
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

    /// What is asked for, and the check that is then required.
    type Case = (fn(&mut Asked), fn(&mut Checks) -> &mut Check);

    const REQUIRED: [Case; 13] = [
        (|_| (), |checks| &mut checks.format),
        (|asked| asked.events = true, |checks| &mut checks.payloads),
        (|asked| asked.links = true, |checks| &mut checks.chains),
        (|asked| asked.links = true, |checks| &mut checks.signatures),
        (|asked| asked.links = true, |checks| &mut checks.time),
        (|asked| asked.log = true, |checks| &mut checks.tree),
        (|asked| asked.log = true, |checks| &mut checks.log),
        (|asked| asked.skip = true, |checks| &mut checks.tree),
        (|asked| asked.quorum = true, |checks| &mut checks.witnesses),
        (|asked| asked.range = true, |checks| &mut checks.range),
        (|asked| asked.pin = true, |checks| &mut checks.append_only),
        (|asked| asked.expectation = true, |checks| &mut checks.expected),
        (|asked| asked.skip = true, |checks| &mut checks.format),
    ];

    fn passing() -> Checks {
        let pass = || Check::of(1, 0, None);
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

    fn verdict(checks: &Checks, asked: Asked) -> Verdict {
        decide(std::iter::empty(), checks, asked, UnknownKeys::default(), true)
    }

    #[test]
    fn what_is_asked_for_must_be_checked_and_nothing_else() {
        for (number, (ask, check)) in REQUIRED.into_iter().enumerate() {
            let (mut asked, mut checks) = (Asked::default(), passing());
            ask(&mut asked);
            assert_eq!(verdict(&checks, asked), Verdict::Verified, "{number}");
            *check(&mut checks) = Check::of(0, 0, Some("nothing tells"));
            assert_eq!(verdict(&checks, asked), Verdict::NotChecked, "{number}");
            let always = number == 0 || number == REQUIRED.len() - 1;
            let unasked = if always { Verdict::NotChecked } else { Verdict::Verified };
            assert_eq!(verdict(&checks, Asked::default()), unasked, "{number}");
        }
    }
}
