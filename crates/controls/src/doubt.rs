//! Reasons why an answer may be incomplete.

use std::collections::HashMap;

use crate::builder::events;
use crate::catalog::Fact;
use crate::report::{Access, Doubt, Listed, Log, Retention, RetentionState, Uncategorized, UnknownAction};
use crate::text::length;

/// Maximum number of distinct actions without a category that are counted separately.
const MAX_ACTIONS: usize = 10_000;
/// Maximum number of these actions that are listed, and that a sentence names.
const LISTED: usize = 100;
const NAMED: usize = 10;

/// Counts actions that have no category.
#[derive(Debug, Default)]
pub(crate) struct UnknownActions {
    events: u64,
    by_action: HashMap<(String, String), u64>,
    others: u64,
}

impl UnknownActions {
    pub(crate) fn add(&mut self, of: &(String, String)) {
        self.events += 1;
        if let Some(count) = self.by_action.get_mut(of) {
            *count += 1;
        } else if self.by_action.len() < MAX_ACTIONS {
            self.by_action.insert(of.clone(), 1);
        } else {
            self.others += 1;
        }
    }

    /// Lists the actions, the most frequent first.
    pub(crate) fn finish(self) -> Uncategorized {
        let actions = self.by_action.into_iter();
        let mut actions: Vec<_> =
            actions.map(|((parser, action), events)| UnknownAction { parser, action, events }).collect();
        actions.sort_by(|one, other| {
            let name = |of: &UnknownAction| (of.action.clone(), of.parser.clone());
            other.events.cmp(&one.events).then_with(|| name(one).cmp(&name(other)))
        });
        let mut listed = Listed::default();
        for action in actions {
            listed.push(action, LISTED);
        }
        listed.more += self.others;
        Uncategorized { events: self.events, actions: listed }
    }
}

/// Returns a doubt that names the actions without a category.
pub(crate) fn uncategorized(of: &Uncategorized) -> Option<Doubt> {
    if of.events == 0 {
        return None;
    }
    let named = of.actions.listed.iter().take(NAMED).map(|unknown| {
        // A backquote would end the code span.
        let action = unknown.action.replace('`', "'");
        let action = if action.is_empty() { "(none)".to_owned() } else { action };
        format!("`{action}` of {} ({})", unknown.parser, unknown.events)
    });
    let named = named.collect::<Vec<_>>().join(", ");
    let more = of.actions.count().saturating_sub(NAMED as u64);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let (have, actions) = if of.events == 1 { ("has", "an action") } else { ("have", "actions") };
    let message = format!("{} {have} {actions} without a category: {named}{more}", events(of.events));
    Some(Doubt { code: "uncategorized", message })
}

/// Returns the reason why a fact about the log doesn't answer a question.
pub(crate) fn of_log(fact: Fact, log: &Log, access: &Access, retention: &Retention) -> Option<Doubt> {
    let doubt = |code, message: String| Some(Doubt { code, message });
    match fact {
        Fact::Integrity => {
            let passed = log.checks.iter().filter(|(_, state, ..)| *state == "pass").count();
            let asked = log.checks.len() - log.not_needed.len();
            if passed == asked {
                return None;
            }
            doubt("not_checked", format!("{} of the {asked} applicable checks did not pass", asked - passed))
        }
        Fact::Access if access.records.events == 0 => doubt(
            "no_access_records",
            "The log has no record of reads: either it was not read, or its reads are not recorded".into(),
        ),
        Fact::Retention => match retention.state {
            RetentionState::Met => None,
            RetentionState::NoPolicy => doubt(
                "no_policy",
                "No retention policy was given with `--policy`, so the log's age was not assessed".into(),
            ),
            RetentionState::TooYoung => {
                doubt("log_too_young", "The log is not as old as the retention policy requires".into())
            }
            RetentionState::Contradicted => doubt(
                "erased_early",
                format!("{} erased earlier than the policy allows", events(retention.early)),
            ),
            RetentionState::CouldNotTell => doubt(
                "retention",
                "The export doesn't show that every event was kept as long as the policy requires".into(),
            ),
        },
        _ => None,
    }
}

/// Returns the reasons why the log doesn't show that records are kept as long as a control requires.
pub(crate) fn of_keeping(required: &(String, i64), retention: &Retention) -> Vec<Doubt> {
    let (text, millis) = required;
    let mut doubts = Vec::new();
    if let Some((policy, age)) = &retention.policy
        && age < millis
    {
        let message =
            format!("The policy of `{policy}` is shorter than the `{text}` that this control requires");
        doubts.push(Doubt { code: "policy_too_short", message });
    }
    let reach = match (retention.oldest, retention.newest) {
        (Some((oldest, _)), Some(newest)) => newest.millis() - oldest.millis(),
        _ => 0,
    };
    if reach < *millis {
        let message = format!("The entries span {}, and this control requires `{text}`", length(reach));
        doubts.push(Doubt { code: "log_too_young", message });
    }
    doubts
}
