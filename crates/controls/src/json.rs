//! Evidence as canonical JSON (RFC 8785) in the format `evidence-by-control/v1`.

use countersign::canonical::rfc8785;
use countersign::time::Time;
use serde_json::{Value, json};

use crate::builder::seed;
use crate::report::{
    Answer, AnswerContent, Doubt, Erasure, Evidence, Extent, Finding, Grant, Key, Listed, ListedEvent,
};

/// The value of the field `countersign`, which identifies the format.
const FORMAT: &str = "evidence-by-control/v1";

/// Writes evidence as JSON, without a newline at the end.
pub fn write(evidence: &Evidence) -> String {
    let text = value(evidence).to_string();
    // All numbers are integers below 2^53, which canonical JSON can represent.
    rfc8785(text.as_bytes()).ok().and_then(|text| String::from_utf8(text).ok()).unwrap_or(text)
}

fn value(evidence: &Evidence) -> Value {
    let Evidence { source, framework, log, counted, rules, access, retention, .. } = evidence;
    json!({
        "countersign": FORMAT,
        "source": {
            "name": source.name, "sha256": source.sha256, "bytes": source.bytes, "trust_sha256": source.trust,
            "tool": source.tool,
            "parsers": source.parsers.iter().map(|file| json!({ "name": file.name, "sha256": file.sha256 }))
                .collect::<Vec<_>>(),
        },
        "framework": {
            "name": framework.name, "title": framework.title, "edition": framework.edition,
            "hash": framework.hash.to_string(),
        },
        "log": {
            "origin": log.origin, "verdict": log.verdict,
            "size": log.checkpoint.map(|(size, _)| size),
            "root": log.checkpoint.map(|(_, root)| root.to_string()),
            "witnessed": log.witnessed.map(time_text), "newest": log.newest.map(time_text),
            "complete": log.complete.map(|(first, end)| [first, end]),
            "checks": log.checks.iter().map(|(name, state, checked, reason)| {
                json!({"name": name, "state": state, "checked": checked, "reason": reason})
            }).collect::<Vec<_>>(),
        },
        "period": evidence.period.map(|period| [time_text(period.from), time_text(period.to)]),
        "counted": {
            "events": extent(&counted.events),
            "untrusted": counted.untrusted.iter()
                .map(|(signer_trust, count)| (signer_trust.as_str().to_owned(), (*count).into()))
                .collect::<serde_json::Map<String, Value>>(),
            "outside": counted.outside, "undated": counted.undated, "own_times": counted.own_times, "unparsed": counted.unparsed,
            "unread": counted.unread,
            "withheld": counted.withheld, "erased": counted.erased,
        },
        "uncategorized": {
            "events": evidence.uncategorized.events,
            "actions": listed(&evidence.uncategorized.actions, |unknown| json!({
                "parser": unknown.parser, "action": unknown.action, "events": unknown.events,
            })),
        },
        "gaps": listed(&evidence.gaps, |(first, count)| json!([first, first + count])),
        "left_out": evidence.left_out,
        "doubts": doubts(&evidence.doubts),
        "keys": evidence.keys.iter().map(key).collect::<Vec<_>>(),
        "access": {
            "records": extent(&access.records),
            "readers": listed(&access.readers, |reader| json!({
                "name": reader.name, "credential": reader.credential, "reads": reader.reads, "events": reader.events,
                "records": extent(&reader.records),
            })),
            "others": access.others,
        },
        "erasures": listed(&evidence.erasures, erasure),
        "retention": {
            "policy": retention.policy.as_ref().map(|(text, _)| text),
            "state": retention.state.as_str(),
            "oldest": retention.oldest.map(|(time, leaf)| json!({"recorded": time_text(time), "entry": leaf})),
            "oldest_happened": retention.oldest_happened.map(time_text),
            "newest": retention.newest.map(time_text),
            "withheld": retention.withheld, "early": retention.early,
        },
        "rules": {
            "pack": rules.pack, "hash": rules.hash.to_string(), "rules": rules.rules, "engine": rules.engine,
            "digest": rules.digest.to_string(), "findings": rules.findings,
        },
        "sample": evidence.drawn.as_ref().map(|drawn| json!({
            "root": drawn.root.to_string(), "size": drawn.size, "witnessed": drawn.witnessed, "seed": drawn.seed,
            "wanted": drawn.wanted,
        })),
        "answers": evidence.answers.iter().map(|one| answer(evidence, one)).collect::<Vec<_>>(),
        "controls": evidence.controls.iter().map(|control| json!({
            "number": control.number, "title": control.title, "asks": control.asks,
            "answers": control.answers.iter().filter_map(|nth| Some(&evidence.answers.get(*nth)?.name)).collect::<Vec<_>>(),
            "cannot": control.cannot,
            "doubts": doubts(&control.doubts),
            "complete": if control.is_complete { "complete" } else { "could_not_tell" },
        })).collect::<Vec<_>>(),
        "record": evidence.record.as_ref().map(|record| json!({
            "id": record.id, "events": extent(&record.extent), "listed": listed(&record.events, shown),
        })),
        "subject": evidence.subject.as_ref().map(|subject| json!({
            "id": subject.id, "as_actor": subject.as_actor, "represented": subject.represented, "as_target": subject.as_target,
            "mentioned": subject.mentioned, "likely": subject.likely, "events": extent(&subject.extent),
            "listed": listed(&subject.events, shown),
        })),
    })
}

fn time_text(time: Time) -> String {
    time.to_string()
}

fn doubts(doubts: &[Doubt]) -> Vec<Value> {
    doubts.iter().map(|doubt| json!({"code": doubt.code, "message": doubt.message})).collect()
}

fn listed<T>(list: &Listed<T>, each: impl Fn(&T) -> Value) -> Value {
    json!({"listed": list.listed.iter().map(each).collect::<Vec<_>>(), "more": list.more})
}

pub(crate) fn extent(extent: &Extent) -> Value {
    let times = |times: Option<(Time, Time)>| times.map(|(first, last)| [time_text(first), time_text(last)]);
    json!({
        "count": extent.events, "entries": extent.leaves.map(|(first, last)| [first, last]),
        "recorded": times(extent.recorded), "happened": times(extent.happened),
    })
}

fn key(key: &Key) -> Value {
    json!({
        "vkey": key.vkey, "trust": key.trust, "log": key.is_log, "events": extent(&key.events),
        "grants": key.grants.iter().map(grant).collect::<Vec<_>>(),
        "silence": key.silence.map(|(from, to, leaf)| json!({"from": time_text(from), "to": time_text(to), "entry": leaf})),
        "newest": key.newest.map(time_text),
    })
}

fn grant(grant: &Grant) -> Value {
    json!({
        "entry": grant.leaf, "says": if grant.is_grant { "grant" } else { "revoke" },
        "from": grant.from.map(time_text), "until": grant.until.map(time_text), "by": grant.by,
    })
}

fn erasure(erasure: &Erasure) -> Value {
    json!({
        "entry": erasure.leaf, "event": erasure.place, "recorded": time_text(erasure.at), "by": erasure.by,
        "reason": erasure.reason, "events": erasure.events,
        "entries": listed(&erasure.leaves, |(first, last)| json!([first, last])),
        "gone": erasure.gone, "here": erasure.here, "early": erasure.early,
        "of": erasure.of.map(|(first, last)| [time_text(first), time_text(last)]),
    })
}

pub(crate) fn shown(shown: &ListedEvent) -> Value {
    let summary = &shown.summary;
    json!({
        "entry": shown.leaf, "event": shown.place, "recorded": time_text(shown.recorded),
        "happened": shown.happened.map(time_text), "signer": shown.signer, "action": summary.action, "actor": summary.actor,
        "name": summary.name, "on_behalf_of": summary.on_behalf_of, "target": summary.target, "address": summary.address, "outcome": summary.outcome,
    })
}

fn answer(evidence: &Evidence, answer: &Answer) -> Value {
    let mut out = json!({"name": answer.name, "what": answer.what, "doubts": doubts(&answer.doubts)});
    let (kind, found) = match &answer.found {
        AnswerContent::Events(events) => (
            "events",
            json!({
                "categories": events.categories, "query": (!events.query.is_empty()).then_some(&events.query),
                "unstated": events.unstated, "events": extent(&events.extent), "failed": events.failed,
                "keys": events.keys.iter().filter_map(|(nth, count)| {
                    Some(json!({"vkey": evidence.keys.get(*nth)?.vkey, "events": count}))
                }).collect::<Vec<_>>(),
                "untrusted": events.untrusted, "unknown_fields": events.unknown,
                "seed": evidence.drawn.as_ref().map(|drawn| seed(drawn, &answer.name)),
                "sample": events.sample.iter().map(shown).collect::<Vec<_>>(),
            }),
        ),
        AnswerContent::Findings(findings) => (
            "findings",
            json!({
                "rules": findings.rules, "of": findings.of, "unanswered": findings.unanswered,
                "found": listed(&findings.found, finding),
            }),
        ),
        AnswerContent::Log(fact) => ("log", json!({"fact": fact.as_str()})),
    };
    out[kind] = found;
    out
}

fn finding(finding: &Finding) -> Value {
    json!({
        "id": finding.id, "title": finding.title, "level": finding.level.as_str(),
        "signer_trust": finding.signer_trust.as_str(),
        "entries": listed(&finding.leaves, |leaf| json!(leaf)),
        "first": time_text(finding.times.0), "last": time_text(finding.times.1),
        "answers": finding.answers.iter().map(|answer| json!({
            "entry": answer.leaf, "recorded": time_text(answer.at), "by": answer.by, "reason": answer.reason,
            "signer": answer.signer,
        })).collect::<Vec<_>>(),
    })
}
