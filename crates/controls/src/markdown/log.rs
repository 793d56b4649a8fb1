//! The section about the log itself.

use core::fmt::Write as _;

use countersign::time::Time;

use super::words::{capital, plural, was, within};
use super::{ROWS, anchor};
use crate::builder::{entries, events};
use crate::catalog::Fact;
use crate::report::{AnswerContent, Erasure, Evidence, Grant, Key, RetentionState};
use crate::text::{code, length, marked};

/// Summarizes a fact about the log in a sentence.
pub(super) fn in_short(evidence: &Evidence, fact: Fact) -> String {
    let Evidence { log, keys, access, erasures, retention, counted, .. } = evidence;
    match fact {
        Fact::Coverage => match log.complete {
            Some((first, end)) => {
                format!("The export has all entries from {first} to {}.", end.saturating_sub(1))
            }
            None if evidence.left_out > 0 => {
                format!("{} are omitted.", capital(&entries(evidence.left_out)))
            }
            None => "The export isn't shown to be complete.".into(),
        },
        Fact::Integrity => {
            let witnessed = match log.witnessed {
                Some(time) => format!("Witnesses confirmed this state at {time}."),
                None => "No witnesses: only the log operator states that others saw the same log.".to_owned(),
            };
            let passed = log.checks.iter().filter(|(_, state, ..)| *state == "pass").count();
            let asked = log.checks.len() - log.not_needed.len();
            let passed = if passed == asked {
                format!("All {asked} applicable checks passed.")
            } else {
                format!("{passed} of {asked} applicable checks passed, and none failed.")
            };
            format!("{passed} {witnessed}")
        }
        Fact::Keys => {
            let trusted = keys.iter().filter(|key| matches!(key.trust, "trust_file" | "granted")).count();
            let text = match (keys.len(), trusted) {
                (0, _) => "There are no signing keys.".to_owned(),
                (1, 1) => "There is 1 signing key, and it is trusted.".to_owned(),
                (1, _) => "There is 1 signing key, and it is not trusted.".to_owned(),
                (count, trusted) if count == trusted => {
                    format!("There are {count} signing keys, and all are trusted.")
                }
                (count, trusted) => format!("There are {count} signing keys; {trusted} of them are trusted."),
            };
            let revoked = keys.iter().flat_map(|key| &key.grants).filter(|grant| !grant.is_grant).count();
            if revoked == 0 {
                text
            } else {
                format!("{text} {} in the log.", capital(&plural(revoked as u64, "revocation")))
            }
        }
        Fact::Access if access.records.events == 0 => {
            "The log recorded no reads: either it was not read, or it doesn't record reads.".into()
        }
        Fact::Access => format!(
            "{} of reads, by {}, {}.",
            capital(&plural(access.records.events, "record")),
            plural(access.readers.listed.len() as u64, "reader"),
            within(&access.records)
        ),
        Fact::Erasures if erasures.count() == 0 && counted.withheld == 0 => {
            "The log recorded no erasures in these entries, and no event is withheld.".into()
        }
        Fact::Erasures => format!(
            "{} recorded by the log; {} withheld without such a record.",
            capital(&plural(erasures.count(), "erasure")),
            events(retention.withheld)
        ),
        Fact::Retention => retention_summary(evidence),
        Fact::Silence => {
            let longest = keys
                .iter()
                .filter_map(|key| key.silence.map(|(from, to, _)| (to.millis() - from.millis(), key)));
            let between = match longest.max_by_key(|(length, _)| *length) {
                Some((length_of, key)) => format!(
                    "The longest silence between two entries of one key was {}, of {}.",
                    length(length_of),
                    code(&key.name)
                ),
                None => "No key has entries at different times.".into(),
            };
            format!("{between}{}", silent_at_the_end(evidence))
        }
        Fact::Clocks => {
            let witnessed = if log.witnessed.is_some() {
                "Times of recording are from the emitters' own clocks. Witnesses confirm when they saw the checkpoint, and no \
                 single time."
            } else {
                "Times of recording are from the emitters' own clocks; no witnesses confirm them."
            };
            format!(
                "{witnessed} {} of {} state a time of their own.",
                counted.own_times,
                events(counted.events.events)
            )
        }
    }
}

/// Names the key that has been silent for longest at the end, if any has.
fn silent_at_the_end(evidence: &Evidence) -> String {
    let end = match (evidence.log.newest, evidence.period) {
        (Some(newest), Some(period)) => newest.min(period.to),
        (Some(newest), None) => newest,
        (None, _) => return String::new(),
    };
    let silent = evidence.keys.iter().filter_map(|key| {
        let millis = end.millis().saturating_sub(key.newest?.millis());
        (millis > 0).then_some((millis, key))
    });
    silent.max_by_key(|(millis, _)| *millis).map_or_else(String::new, |(millis, key)| {
        format!(" At the end, {} had no entry for {}.", code(&key.name), length(millis))
    })
}

fn retention_summary(evidence: &Evidence) -> String {
    let retention = &evidence.retention;
    let reach = match (retention.oldest, retention.newest) {
        (Some((oldest, leaf)), Some(newest)) => format!(
            "The oldest entry in the export (entry {leaf}) was recorded at {oldest}, {} before the latest known time.",
            length(newest.millis() - oldest.millis())
        ),
        _ => "The export has no entry of a trusted key.".to_owned(),
    };
    let Some((policy, _)) = &retention.policy else {
        return format!("{reach} No policy was given to compare this with.");
    };
    let policy = code(policy);
    let comes_to = match retention.state {
        RetentionState::Met => format!(
            "By its entries' own times, the log goes back as far as the policy of {policy} requires, and nothing more recent was erased or withheld."
        ),
        RetentionState::TooYoung => format!(
            "Nothing more recent than the policy of {policy} was erased or withheld. The log isn't old enough yet to show that entries are kept that long."
        ),
        RetentionState::Contradicted => {
            format!("{} erased earlier than the policy of {policy} allows.", capital(&was(retention.early)))
        }
        RetentionState::CouldNotTell | RetentionState::NoPolicy => format!(
            "Could not tell whether everything was kept for {policy}: the export isn't shown to be complete, or events are withheld."
        ),
    };
    format!("{reach} {comes_to}")
}

pub(super) fn log_itself(out: &mut String, evidence: &Evidence) {
    let _ = writeln!(out, "## The log itself\n");
    let mut asked: Vec<Fact> = evidence
        .answers
        .iter()
        .filter_map(|answer| if let AnswerContent::Log(fact) = answer.found { Some(fact) } else { None })
        .collect();
    asked.sort_unstable();
    asked.dedup();
    for fact in asked {
        let title = match fact {
            Fact::Coverage => "Entries",
            Fact::Integrity => "Checks",
            Fact::Keys => "Signing keys",
            Fact::Access => "Readers",
            Fact::Erasures => "Erasures",
            Fact::Retention => "Retention",
            Fact::Silence => "Silences of emitters",
            Fact::Clocks => "Clocks",
        };
        let _ = writeln!(
            out,
            "### <a id=\"{}\"></a>{title}\n\n{}\n",
            anchor("log", fact.as_str()),
            in_short(evidence, fact)
        );
        match fact {
            Fact::Coverage => coverage(out, evidence),
            Fact::Integrity => integrity(out, evidence),
            Fact::Keys => keys(out, evidence),
            Fact::Access => access(out, evidence),
            Fact::Erasures => erasures(out, evidence),
            Fact::Silence => silence(out, evidence),
            Fact::Clocks => {
                let _ = writeln!(
                    out,
                    "An entry's time is from its emitter's clock, and is signed. Within a chain it never decreases. \
                     An event's own time is what the event states; both are shown.\n"
                );
            }
            Fact::Retention => {
                let _ = writeln!(
                    out,
                    "Entries are never removed. Events can be erased, and the log records each erasure. What storage, snapshots and \
                     backups still contain is not in the log.\n"
                );
            }
        }
    }
}

fn coverage(out: &mut String, evidence: &Evidence) {
    if evidence.gaps.listed.is_empty() {
        return;
    }
    let _ = writeln!(out, "| first omitted entry | last | number |\n| --- | --- | --- |");
    for (first, count) in evidence.gaps.listed.iter().take(ROWS) {
        let _ = writeln!(out, "| {first} | {} | {count} |", first + count - 1);
    }
    let more = evidence.gaps.count().saturating_sub(ROWS as u64);
    if more > 0 {
        let _ = writeln!(out, "\n… and {more} more ranges.");
    }
    out.push('\n');
}

fn integrity(out: &mut String, evidence: &Evidence) {
    let _ = writeln!(out, "| check | state | items | reason |\n| --- | --- | --- | --- |");
    for (name, state, checked, reason) in &evidence.log.checks {
        let state = match *state {
            "not_checked" if evidence.log.not_needed.contains(name) => "not needed",
            "not_checked" => "not checked",
            state => state,
        };
        let _ = writeln!(
            out,
            "| {name} | {state} | {checked} | {} |",
            marked(reason.as_deref().unwrap_or_default())
        );
    }
    out.push('\n');
}

fn keys(out: &mut String, evidence: &Evidence) {
    let _ = writeln!(
        out,
        "| key | trusted because | verified events | granted and revoked |\n| --- | --- | --- | --- |"
    );
    for key in evidence.keys.iter().take(ROWS) {
        let trust = match key.trust {
            "trust_file" => "the trust file names it",
            "granted" => "an issuer of the trust file granted it",
            "revoked" => "revoked: trusted only for entries shown to predate the revocation",
            _ => "not trusted: no trusted issuer granted it",
        };
        let log = if key.is_log { "; the log's own key" } else { "" };
        let grants: Vec<String> = key.grants.iter().map(granted).collect();
        let _ = writeln!(
            out,
            "| {} | {trust}{log} | {} | {} |",
            code(&key.vkey),
            key.events.events,
            if grants.is_empty() { "nothing in the log".into() } else { grants.join("<br>") }
        );
    }
    out.push('\n');
}

fn granted(grant: &Grant) -> String {
    let bound =
        |time: Option<Time>, none: &str| time.map_or_else(|| none.to_owned(), |time| time.to_string());
    let by: Vec<_> = grant.by.iter().map(|name| code(name)).collect();
    let by = by.join(", ");
    if grant.is_grant {
        let until = grant.until.map_or_else(|| "without end".to_owned(), |until| format!("until {until}"));
        format!("entry {}: granted by {by} from {}, {until}", grant.leaf, bound(grant.from, "the beginning"))
    } else {
        format!("entry {}: revoked by {by} since {}", grant.leaf, bound(grant.from, "the beginning"))
    }
}

fn access(out: &mut String, evidence: &Evidence) {
    let access = &evidence.access;
    if access.records.events > 0 {
        let _ = writeln!(
            out,
            "From the log's own records (`log.export`), which name a token, not the person who uses it:\n\n\
             | reader | token | reads | events sent | records |\n| --- | --- | --- | --- | --- |"
        );
        for reader in access.readers.listed.iter().take(ROWS) {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                marked(&reader.name),
                code(&reader.credential),
                reader.reads,
                reader.events,
                within(&reader.records)
            );
        }
        let more = access.readers.listed.len().saturating_sub(ROWS);
        if more > 0 {
            let _ = writeln!(out, "\n… and {more} more readers.");
        }
        out.push('\n');
    }
    if access.others > 0 {
        let _ = writeln!(
            out,
            "{} the action `log.export` and {} not signed with the log's key: not counted here.\n",
            if access.others == 1 { "1 event has".into() } else { format!("{} events have", access.others) },
            if access.others == 1 { "is" } else { "are" },
        );
    }
}

fn erasures(out: &mut String, evidence: &Evidence) {
    if evidence.erasures.count() == 0 {
        return;
    }
    let _ = writeln!(
        out,
        "Each record is an event in the log's own chain, signed with the log's key. An erased event leaves its entry behind, \
         which says nothing about it.\n\n\
         | record | time | requester | reason | events according to the record | entries | without content | with content |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    for erasure in evidence.erasures.listed.iter().take(ROWS) {
        let Erasure { leaf, place, at, by, reason, events, leaves, gone, here, early, .. } = erasure;
        let ranges = leaves.listed.iter().map(|(first, last)| {
            if first == last { first.to_string() } else { format!("{first} to {last}") }
        });
        let ranges = ranges.collect::<Vec<_>>().join(", ");
        let more = if leaves.more == 0 { String::new() } else { format!(" and {} more ranges", leaves.more) };
        let early =
            if *early == 0 { String::new() } else { format!(" ({early} earlier than the policy allows)") };
        let _ = writeln!(
            out,
            "| entry {leaf}, {} | {at} | {} | {} | {events} | {ranges}{more} | {gone}{early} | {here} |",
            code(place),
            code(by),
            marked(reason),
        );
    }
    let more = evidence.erasures.count().saturating_sub(ROWS as u64);
    if more > 0 {
        let _ = writeln!(out, "\n… and {more} more erasures.");
    }
    out.push('\n');
}

fn silence(out: &mut String, evidence: &Evidence) {
    let heard: Vec<&Key> = evidence.keys.iter().filter(|key| key.newest.is_some()).collect();
    if heard.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "| key | longest silence | from | to | newest entry |\n| --- | --- | --- | --- | --- |"
    );
    for key in heard.iter().take(ROWS) {
        let newest = key.newest.map_or_else(String::new, |time| time.to_string());
        let silence = key.silence.map_or_else(
            || "– | – | –".to_owned(),
            |(from, to, leaf)| {
                format!("{} | {from} | {to}, entry {leaf}", length(to.millis() - from.millis()))
            },
        );
        let _ = writeln!(out, "| {} | {silence} | {newest} |", code(&key.name));
    }
    let _ = writeln!(
        out,
        "\nSilence doesn't prove that nothing happened, or that events were withheld. The log doesn't know when an emitter \
         should have recorded something.\n"
    );
}
