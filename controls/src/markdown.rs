//! Evidence as Markdown, for people.

use core::fmt::Write as _;

use countersign::time::Time;
use countersign::verify::{Standing, Why};
use countersign_analyze::Level;

use crate::catalogue::Fact;
use crate::gather::{entries, events, seed};
use crate::report::{
    Answer, Controlled, Doubt, Drawn, Erasure, Events, Evidence, Extent, Findings, Found, Grant, Kept, Key,
    Listed, Shown, Subject,
};
use crate::text::{code, length, marked, runs};

/// How many of a list are written; JSON has more.
const ROWS: usize = 200;

/// Writes it.
pub fn write(evidence: &Evidence) -> String {
    let mut out = String::new();
    let framework = &evidence.framework;
    let _ = writeln!(out, "# Evidence from an audit log: {}\n", marked(&framework.title));
    let _ = writeln!(
        out,
        "Made by {} from verified events only. Controls are numbered as in {}; what they ask is in the catalogue's own \
         words, not the framework's. This document says what the log shows and what it can't show. Whether a control is \
         met is for you to judge.\n",
        marked(&evidence.source.tool),
        marked(&framework.edition),
    );
    rests_on(&mut out, evidence);
    overview(&mut out, evidence);
    for control in &evidence.controls {
        one_control(&mut out, evidence, control);
    }
    log_itself(&mut out, evidence);
    if let Some(subject) = &evidence.subject {
        let _ = writeln!(out, "## Events about one person\n");
        let _ = writeln!(
            out,
            "{} about {}: {} done by them, {} done to them (some may be both).{}\n",
            capital(&events(subject.extent.events)),
            code(&subject.id),
            subject.as_actor,
            subject.as_target,
            elsewhere(subject),
        );
        rows(&mut out, &subject.events);
    }
    if let Some(record) = &evidence.record {
        let _ = writeln!(out, "## Who did what to one record\n");
        let _ = writeln!(
            out,
            "{} with the target {}.\n",
            capital(&events(record.extent.events)),
            code(&record.id)
        );
        rows(&mut out, &record.events);
    }
    questions(&mut out, evidence);
    how_to_check(&mut out, evidence);
    out
}

/// What else has a person's identifier in it.
fn elsewhere(subject: &Subject) -> String {
    if subject.mentioned == 0 {
        return String::new();
    }
    let contain = if subject.mentioned == 1 { "contains" } else { "contain" };
    let mut said = format!(
        " {} {contain} this identifier somewhere else, which this document doesn't list.",
        capital(&plural(subject.mentioned, "other event")),
    );
    if !subject.likely.is_empty() {
        let ids: Vec<_> = subject.likely.iter().map(|id| code(id)).collect();
        let _ = write!(
            said,
            " Actors and targets there include {}. If one of these is the same person, run it with that identifier too.",
            ids.join(", ")
        );
    }
    said
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

fn rests_on(out: &mut String, evidence: &Evidence) {
    let Evidence { log, source, counted, .. } = evidence;
    let mut fact = |name: &str, said: &str| {
        let _ = writeln!(out, "| {name} | {said} |");
    };
    fact("based on", "");
    fact("---", "---");
    fact("log", &code(&log.origin));
    fact(
        "export",
        &format!("{}, {} bytes, SHA-256 {}", marked(&source.name), source.bytes, code(&source.sha256)),
    );
    let trust = source.trust.as_ref().map_or_else(
        || "none was given: no key is trusted".to_owned(),
        |hash| format!("SHA-256 {}", code(hash)),
    );
    fact("trust file", &trust);
    let verdict = match log.verdict {
        "verified" => "verified: unchanged, in order, signed with trusted keys, and complete as said below",
        "partial" if log.complete.is_some() => {
            "partial: unchanged and in order, but events are withheld or erased"
        }
        "partial" => "partial: unchanged, but this may be only a part of the log",
        "unconfirmed" if log.why == Some(Why::Log) => {
            "unconfirmed: unchanged since it was signed, but in a log that is not trusted here"
        }
        "unconfirmed" => "unconfirmed: unchanged since it was signed, but by a key that is not trusted here",
        _ => match log.why {
            Some(Why::EmptyLog) => "nothing to check: the log was empty",
            Some(Why::EmptyExport) => "nothing to check: no entry is here",
            _ => "could not be fully checked",
        },
    };
    fact("verdict", verdict);
    match log.checkpoint {
        Some((size, root)) => {
            fact("checkpoint", &format!("{}, root {}", entries(size), code(&root.to_string())));
        }
        None => fact("checkpoint", "none"),
    }
    match log.witnessed {
        Some(time) => fact("witnesses", &format!("the trust file's quorum saw this checkpoint at {time}")),
        None => fact(
            "witnesses",
            "none: nobody else confirms when this checkpoint existed, or that others were shown the same log",
        ),
    }
    let complete = match log.complete {
        Some((0, end)) => format!("all {} of the log up to this checkpoint", entries(end)),
        Some((first, end)) => format!("all from {first} to {}", end - 1),
        None => "not shown to be complete".to_owned(),
    };
    fact("entries", &complete);
    let gaps: Vec<String> = evidence
        .gaps
        .listed
        .iter()
        .take(20)
        .map(
            |(first, count)| {
                if *count == 1 { first.to_string() } else { format!("{first} to {}", first + count - 1) }
            },
        )
        .collect();
    if gaps.is_empty() {
        fact("gaps", "no entry is missing between the first and the last in the export");
    } else {
        let more = evidence.gaps.count() - gaps.len() as u64;
        let more = if more == 0 { String::new() } else { format!(" and {more} more ranges") };
        let left_out = not_here(evidence.left_out);
        fact("gaps", &format!("{left_out} in the export: {}{more}", gaps.join("; ")));
    }
    match evidence.period {
        Some(period) => {
            fact("period", &format!("from {} up to, and not including, {}", period.from, period.to));
        }
        None => fact("period", "all that is in the export"),
    }
    let recorded = counted.events.events - counted.own_times;
    let mut said = events(counted.events.events);
    if counted.events.events > 0 {
        let _ = write!(
            said,
            ", {}. {} state when they happened; for {recorded} the time of recording counts",
            within(&counted.events),
            counted.own_times
        );
    }
    if evidence.period.is_some() {
        let _ = write!(said, ". {} outside the period", counted.outside);
    }
    fact("verified events", &said);
    for (standing, count) in &counted.untrusted {
        let why = match standing {
            Standing::Revoked => "signed by a key that was revoked",
            Standing::Suspect => "of chains that are in doubt",
            _ => "signed by a key that nobody trusted here vouches for",
        };
        fact("not counted", &format!("{} {why}", events(*count)));
    }
    if counted.withheld + counted.erased > 0 {
        fact(
            "without content",
            &format!(
                "{} withheld by whoever made the export, {} erased by the log, which recorded that",
                events(counted.withheld),
                events(counted.erased)
            ),
        );
    }
    if counted.unread > 0 {
        fact("not read", &format!("{} of shapes that no reading knows", events(counted.unread)));
    }
    let rules = &evidence.rules;
    fact(
        "rules",
        &format!(
            "pack {} with {} rules, hash {}, engine {}; {} in all, digest {}",
            marked(&rules.pack),
            rules.rules,
            code(&rules.hash.to_string()),
            rules.engine,
            plural(rules.findings, "finding"),
            code(&rules.digest.to_string()),
        ),
    );
    fact(
        "catalogue",
        &format!("{}, hash {}", code(&evidence.framework.name), code(&evidence.framework.hash.to_string())),
    );
    if let Some(drawn) = &evidence.drawn {
        fact("samples", &drawn_by(drawn));
    }
    out.push('\n');
    if evidence.doubts.is_empty() {
        let _ = writeln!(
            out,
            "**Complete.** Every entry that the log held at this checkpoint is in the export, and every event in it counts. \
             What was never recorded leaves no trace.\n"
        );
    } else {
        let _ = writeln!(out, "**Could not tell whether this is everything that was recorded:**\n");
        list(out, &evidence.doubts);
    }
}

fn drawn_by(drawn: &Drawn) -> String {
    let of = if drawn.witnessed { "the last witnessed checkpoint" } else { "the last checkpoint" };
    format!(
        "{} of each question, drawn by the root of {of} ({}, {}) and the seed {}, a slash and the question's name",
        events(drawn.wanted as u64),
        entries(drawn.size),
        code(&drawn.root.to_string()),
        code(&drawn.seed),
    )
}

fn list(out: &mut String, doubts: &[Doubt]) {
    for doubt in doubts {
        let _ = writeln!(out, "- {}.", quoted(&doubt.said));
    }
    out.push('\n');
}

/// A sentence of ours, in which what stands between backquotes is code.
fn quoted(said: &str) -> String {
    let parts = said.split('`').enumerate();
    parts.map(|(nth, part)| if nth % 2 == 1 { code(part) } else { marked(part) }).collect()
}

fn overview(out: &mut String, evidence: &Evidence) {
    let _ = writeln!(
        out,
        "## Controls\n\n| control | about | verified events | findings | all that was recorded? |\n| --- | --- | --- | --- | --- |"
    );
    for control in &evidence.controls {
        let (mut most, mut found, mut unanswered) = (Vec::new(), 0, 0);
        for answer in control.answers.iter().filter_map(|nth| evidence.answers.get(*nth)) {
            match &answer.found {
                Found::Events(events) => {
                    most.push(format!("{} {}", events.extent.events, code(&answer.name)));
                }
                Found::Findings(findings) => {
                    found += findings.found.count();
                    unanswered += findings.unanswered;
                }
                Found::Log(_) => {}
            }
        }
        let asked = control.answers.iter().any(|nth| {
            evidence.answers.get(*nth).is_some_and(|answer| matches!(answer.found, Found::Findings(_)))
        });
        let _ = writeln!(
            out,
            "| [{}](#{}) | {} | {} | {} | {} |",
            marked(&control.number),
            anchor("control", &control.number),
            marked(&control.title),
            if most.is_empty() { "–".to_owned() } else { most.join("<br>") },
            if asked { answered(found, unanswered) } else { "–".into() },
            if control.is_complete { "yes" } else { "could not tell" },
        );
    }
    out.push('\n');
}

/// The name of a place in the document.
fn anchor(kind: &str, name: &str) -> String {
    let plain =
        name.chars().map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' });
    format!("{kind}-{}", plain.collect::<String>())
}

fn one_control(out: &mut String, evidence: &Evidence, control: &Controlled) {
    let _ = writeln!(
        out,
        "## <a id=\"{}\"></a>{} {}\n\n{}\n",
        anchor("control", &control.number),
        marked(&control.number),
        marked(&control.title),
        marked(&control.asks)
    );
    let _ = writeln!(out, "**What the log shows**\n");
    for answer in control.answers.iter().filter_map(|nth| evidence.answers.get(*nth)) {
        match &answer.found {
            Found::Events(found) => answer_events(out, evidence, answer, found),
            Found::Findings(found) => answer_findings(out, evidence, answer, found),
            Found::Log(fact) => {
                let _ = writeln!(
                    out,
                    "- **{}** {} [More](#{})",
                    marked(&answer.what),
                    in_short(evidence, *fact),
                    anchor("log", fact.as_str())
                );
            }
        }
    }
    out.push('\n');
    if control.is_complete {
        let _ = writeln!(
            out,
            "**Is that all that was recorded?** Yes: no entry of the log is missing, and every event counts.\n"
        );
    } else {
        let _ = writeln!(out, "**Is that all that was recorded?** Could not tell:\n");
        let own = control
            .answers
            .iter()
            .filter_map(|nth| evidence.answers.get(*nth))
            .flat_map(|answer| &answer.doubts);
        let mut doubts: Vec<Doubt> = Vec::new();
        for doubt in evidence.doubts.iter().chain(own) {
            if !doubts.contains(doubt) {
                doubts.push(doubt.clone());
            }
        }
        list(out, &doubts);
    }
    let _ = writeln!(out, "**What it cannot show**\n");
    for cannot in &control.cannot {
        let _ = writeln!(out, "- {}", marked(cannot));
    }
    out.push('\n');
}

fn not_here(count: u64) -> String {
    format!("{} {} not", entries(count), if count == 1 { "is" } else { "are" })
}

fn within(extent: &Extent) -> String {
    let (Some((first, last)), Some(recorded), Some(happened)) =
        (extent.leaves, extent.recorded, extent.happened)
    else {
        return String::new();
    };
    let times = |(first, last): (Time, Time)| {
        if first == last { format!("at {first}") } else { format!("from {first} to {last}") }
    };
    let place = if first == last { format!("entry {first}") } else { format!("entries {first} to {last}") };
    if recorded == happened {
        format!("{place}, recorded {}", times(recorded))
    } else {
        format!("{place}, happened {}, recorded {}", times(happened), times(recorded))
    }
}

fn answer_events(out: &mut String, evidence: &Evidence, answer: &Answer, found: &Events) {
    let _ = write!(out, "- **{}** ", marked(&answer.what));
    if found.extent.events == 0 {
        let _ = write!(out, "None was recorded. ");
        if evidence.counted.events.events > 0 && !found.unknown.is_empty() {
            let fields: Vec<_> = found.unknown.iter().map(|field| code(field)).collect();
            let _ = write!(out, "No event has the field {}. ", fields.join(" or "));
        }
    } else {
        let keys: Vec<String> = found
            .keys
            .iter()
            .filter_map(|(nth, count)| Some(format!("{} ({count})", code(&evidence.keys.get(*nth)?.name))))
            .collect();
        let _ = write!(
            out,
            "{}, {}, signed by {}. ",
            capital(&events(found.extent.events)),
            within(&found.extent),
            keys.join(", ")
        );
        let mut leaves: Vec<u64> = found.sample.iter().map(|shown| shown.leaf).collect();
        leaves.sort_unstable();
        match leaves[..] {
            [] => {}
            [one] => _ = write!(out, "Sample: entry {one}. "),
            _ => _ = write!(out, "Sample: entries {}. ", runs(&leaves)),
        }
    }
    if found.untrusted > 0 {
        let _ = write!(out, "{} more of untrusted keys are not counted. ", capital(&events(found.untrusted)));
    }
    let _ = writeln!(out, "[Query and sample](#{})", anchor("question", &answer.name));
}

fn answer_findings(out: &mut String, evidence: &Evidence, answer: &Answer, found: &Findings) {
    let rules = match found.of {
        0 => format!("no rule of the pack {}", marked(&evidence.rules.pack)),
        1 => "1 rule".to_owned(),
        count => format!("{count} rules"),
    };
    let meant = if found.rules.is_empty() {
        String::new()
    } else {
        format!(" ({})", found.rules.iter().map(|rule| code(rule)).collect::<Vec<_>>().join(", "))
    };
    let _ = write!(out, "- **{}** ", marked(&answer.what));
    if found.of == 0 {
        let _ = writeln!(out, "Not looked for: {rules} is about it{meant}.");
        return;
    }
    if found.found.count() == 0 {
        let looked = evidence.counted.events.events;
        let _ = writeln!(out, "None among {} by {rules}{meant}.", events(looked));
        return;
    }
    let count = found.found.count();
    let answered = match (count, found.unanswered) {
        (1, 0) => "It was answered".to_owned(),
        (1, _) => "It was not answered in the log".to_owned(),
        (_, 0) => "All were answered".to_owned(),
        (count, unanswered) if count == unanswered => "None was answered in the log".to_owned(),
        (_, unanswered) => format!("{unanswered} of them were not answered in the log"),
    };
    let levels = Level::ALL.iter().rev().filter_map(|level| {
        let count = found.found.listed.iter().filter(|finding| finding.level == *level).count();
        (count > 0).then(|| format!("{count} {}", level.as_str()))
    });
    let levels = levels.collect::<Vec<_>>().join(", ");
    let more = if found.found.more == 0 {
        String::new()
    } else {
        format!(" and {} that are not listed", found.found.more)
    };
    let _ = writeln!(
        out,
        "{} ({levels}{more}) by {rules}{meant}. {answered}. [Which](#{})",
        plural(count, "finding"),
        anchor("question", &answer.name)
    );
}

/// The findings of an answer, one a row.
fn findings_table(out: &mut String, found: &Findings) {
    let _ = writeln!(
        out,
        "| level | what | entries | happened | answered | finding |\n| --- | --- | --- | --- | --- | --- |"
    );
    for finding in found.found.listed.iter().take(ROWS) {
        let answers: Vec<String> = finding
            .answers
            .iter()
            .map(|answer| {
                let reason = if answer.reason.is_empty() {
                    String::new()
                } else {
                    format!(": {}", marked(&answer.reason))
                };
                let (by, signer) = (code(&answer.by), code(&answer.signer));
                format!("by {by} at {} (entry {}, signed by {signer}){reason}", answer.at, answer.leaf)
            })
            .collect();
        let more = if finding.leaves.more == 0 {
            String::new()
        } else {
            format!(" and {} more", finding.leaves.more)
        };
        let standing = if finding.standing == Standing::Trusted {
            String::new()
        } else {
            format!(" (signed by a key that is {})", finding.standing.as_str())
        };
        let (first, last) = finding.times;
        let _ = writeln!(
            out,
            "| {} | {}{standing} | {}{more} | {} | {} | {} |",
            finding.level.as_str(),
            marked(&finding.title),
            runs(&finding.leaves.listed),
            if first == last { first.to_string() } else { format!("{first} to {last}") },
            if answers.is_empty() { "no".into() } else { answers.join("<br>") },
            code(&finding.id),
        );
    }
    let more = found.found.count().saturating_sub(found.found.listed.len().min(ROWS) as u64);
    if more > 0 {
        let _ = writeln!(out, "\n… and {} more.", plural(more, "finding"));
    }
    out.push('\n');
}

/// What is known of the log, in a sentence.
fn in_short(evidence: &Evidence, fact: Fact) -> String {
    let Evidence { log, keys, access, erasures, retention, counted, .. } = evidence;
    match fact {
        Fact::Coverage => match log.complete {
            Some((first, end)) => format!("Entries {first} to {} are all here.", end.saturating_sub(1)),
            None if evidence.left_out > 0 => {
                format!("{} are left out.", capital(&entries(evidence.left_out)))
            }
            None => "The export doesn't show that no entry is missing.".into(),
        },
        Fact::Integrity => {
            let witnessed = match log.witnessed {
                Some(time) => format!("Witnesses confirmed this state at {time}."),
                None => {
                    "No witnesses: only the operator says that others were shown the same log.".to_owned()
                }
            };
            let passed = log.checks.iter().filter(|(_, state, ..)| *state == "pass").count();
            let asked = log.checks.len() - log.not_needed.len();
            let passed = if passed == asked {
                format!("All {asked} checks that apply passed.")
            } else {
                format!("{passed} of {asked} checks that apply passed, and none failed.")
            };
            format!("{passed} {witnessed}")
        }
        Fact::Keys => {
            let trusted = keys.iter().filter(|key| matches!(key.trust, "trust_file" | "granted")).count();
            let said = match (keys.len(), trusted) {
                (0, _) => "No key signs here.".to_owned(),
                (1, 1) => "1 key signs here, and it is trusted.".to_owned(),
                (1, _) => "1 key signs here, and it is not trusted.".to_owned(),
                (count, trusted) if count == trusted => {
                    format!("{count} keys sign here, and all are trusted.")
                }
                (count, trusted) => format!("{count} keys sign here, of which {trusted} are trusted."),
            };
            let revoked = keys.iter().flat_map(|key| &key.grants).filter(|grant| !grant.is_grant).count();
            if revoked == 0 {
                said
            } else {
                format!("{said} {} in the log.", capital(&plural(revoked as u64, "revocation")))
            }
        }
        Fact::Access if access.records.events == 0 => {
            "The log recorded no reads here: either nobody read it, or it doesn't record who does.".into()
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
        Fact::Retention => kept(evidence),
        Fact::Silence => {
            let longest = keys
                .iter()
                .filter_map(|key| key.silence.map(|(from, to, _)| (to.millis() - from.millis(), key)));
            match longest.max_by_key(|(length, _)| *length) {
                Some((length_of, key)) => format!(
                    "The longest silence between two entries of one key was {}, of {}.",
                    length(length_of),
                    code(&key.name)
                ),
                None => "No key has two entries here at different times.".into(),
            }
        }
        Fact::Clocks => {
            let witnessed = if log.witnessed.is_some() {
                "Witnesses confirm that entries were not recorded later than they say."
            } else {
                "Times of recording are from the emitters' own clocks; no witnesses confirm them."
            };
            format!(
                "{witnessed} {} of {} state when they happened.",
                counted.own_times,
                events(counted.events.events)
            )
        }
    }
}

/// How many findings there are, and how many of them nobody answered.
fn answered(found: u64, unanswered: u64) -> String {
    match (found, unanswered) {
        (0, _) => "none".into(),
        (_, 0) => format!("{found}, all answered"),
        (found, unanswered) if found == unanswered => format!("{found}, not answered"),
        (_, unanswered) => format!("{found}, {unanswered} not answered"),
    }
}

fn plural(count: u64, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

fn kept(evidence: &Evidence) -> String {
    let retention = &evidence.retention;
    let reach = match (retention.oldest, retention.newest) {
        (Some((oldest, leaf)), Some(newest)) => format!(
            "The oldest entry here (entry {leaf}) was recorded at {oldest}, {} before the newest time that the log tells.",
            length(newest.millis() - oldest.millis())
        ),
        _ => "There is no entry of a trusted key.".to_owned(),
    };
    let Some((policy, _)) = &retention.policy else {
        return format!("{reach} No policy was given to compare this with.");
    };
    let policy = code(policy);
    let comes_to = match retention.state {
        Kept::Shown => format!(
            "The log goes back as far as the policy of {policy} requires, and nothing more recent was erased or withheld."
        ),
        Kept::TooYoung => format!(
            "Nothing more recent than the policy of {policy} was erased or withheld. The log isn't old enough yet to show that entries are kept that long."
        ),
        Kept::Contradicted => {
            format!("{} erased earlier than the policy of {policy} allows.", capital(&was(retention.early)))
        }
        Kept::CouldNotTell | Kept::NotAsked => format!(
            "Could not tell whether everything was kept for {policy}: the export isn't shown to be complete, or events are withheld."
        ),
    };
    format!("{reach} {comes_to}")
}

fn was(count: u64) -> String {
    if count == 1 { "1 event was".into() } else { format!("{count} events were") }
}

fn log_itself(out: &mut String, evidence: &Evidence) {
    let _ = writeln!(out, "## The log itself\n");
    let mut asked: Vec<Fact> = evidence
        .answers
        .iter()
        .filter_map(|answer| if let Found::Log(fact) = answer.found { Some(fact) } else { None })
        .collect();
    asked.sort_unstable();
    asked.dedup();
    for fact in asked {
        let title = match fact {
            Fact::Coverage => "Which entries are here",
            Fact::Integrity => "What was checked",
            Fact::Keys => "Who signs",
            Fact::Access => "Who read the log",
            Fact::Erasures => "What was erased",
            Fact::Retention => "How long it is kept",
            Fact::Silence => "When emitters were silent",
            Fact::Clocks => "Whose clocks",
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
                    "An entry's time is from its emitter's clock, and is signed. Within a chain it never goes back. When an event happened is \
                     what the event itself says, and is shown beside it.\n"
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
    let _ = writeln!(out, "| first entry left out | last | how many |\n| --- | --- | --- |");
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
    let _ = writeln!(out, "| check | state | how many | why not |\n| --- | --- | --- | --- |");
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
            "revoked" => "not trusted: it was revoked",
            _ => "not trusted: nobody trusted here vouches for it",
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
             | reader | token | reads | events handed out | records |\n| --- | --- | --- | --- | --- |"
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
         | record | when | by whom | why | events, by the record | entries | here without content | here still |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    for erasure in evidence.erasures.listed.iter().take(ROWS) {
        let Erasure { leaf, place, at, by, reason, events, leaves, gone, here, early, .. } = erasure;
        let stretches = leaves.listed.iter().map(|(first, last)| {
            if first == last { first.to_string() } else { format!("{first} to {last}") }
        });
        let stretches = stretches.collect::<Vec<_>>().join(", ");
        let more = if leaves.more == 0 { String::new() } else { format!(" and {} more ranges", leaves.more) };
        let early =
            if *early == 0 { String::new() } else { format!(" ({early} earlier than the policy allows)") };
        let _ = writeln!(
            out,
            "| entry {leaf}, {} | {at} | {} | {} | {events} | {stretches}{more} | {gone}{early} | {here} |",
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
        "\nA silence proves neither that nothing happened nor that something was held back. The log doesn't know when an emitter \
         should have recorded something.\n"
    );
}

fn questions(out: &mut String, evidence: &Evidence) {
    let _ = writeln!(out, "## The questions\n");
    if evidence.drawn.as_ref().is_some_and(|drawn| drawn.wanted > 0) {
        let _ = writeln!(
            out,
            "Samples are drawn by SHA-256 over the root and the seed, so neither side can choose them, and anyone with the log and \
             the seed draws the same. They are listed in the order they were drawn; a smaller sample is the beginning of a larger \
             one. Agree on the seed before the log reaches this checkpoint, and nobody can influence the sample.\n"
        );
    }
    for answer in &evidence.answers {
        let title = |out: &mut String| {
            let anchor = anchor("question", &answer.name);
            let _ = writeln!(out, "### <a id=\"{anchor}\"></a>{}\n", marked(&answer.what));
        };
        match &answer.found {
            Found::Events(found) => {
                title(out);
                let _ = writeln!(out, "Query: {}\n", code(&found.query));
                if let Some(drawn) = evidence.drawn.as_ref().filter(|_| !found.sample.is_empty()) {
                    let seed = code(&seed(drawn, &answer.name));
                    let (count, of) = (found.sample.len(), events(found.extent.events));
                    let _ = writeln!(out, "Sample: {count} of {of}, seed {seed}.\n");
                    table(out, &found.sample);
                }
            }
            Found::Findings(found) if found.found.count() > 0 => {
                title(out);
                findings_table(out, found);
            }
            Found::Findings(_) | Found::Log(_) => {}
        }
    }
}

fn rows(out: &mut String, list: &Listed<Shown>) {
    if list.listed.is_empty() {
        return;
    }
    table(out, &list.listed);
    if list.more > 0 {
        let _ = writeln!(out, "… and {} more: narrow the period to list them.\n", list.more);
    }
}

fn table(out: &mut String, list: &[Shown]) {
    let _ = writeln!(
        out,
        "| entry | event | happened | recorded | what | who | to what | from | outcome | signed by |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    for shown in list {
        let said = &shown.said;
        let who = if said.name.is_empty() || said.name == said.actor {
            marked(&said.actor)
        } else {
            format!("{} ({})", marked(&said.actor), marked(&said.name))
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {who} | {} | {} | {} | {} |",
            shown.leaf,
            code(&shown.place),
            shown.happened.map_or_else(|| "not stated".into(), |time| time.to_string()),
            shown.recorded,
            marked(&said.action),
            marked(&said.target),
            marked(&said.address),
            marked(&said.outcome),
            code(&shown.signer),
        );
    }
    out.push('\n');
}

fn how_to_check(out: &mut String, evidence: &Evidence) {
    let _ = writeln!(
        out,
        "## How to check this\n\n\
         1. `countersign verify EXPORT --trust TRUST`, with the export that has the SHA-256 above and your own trust file, checks \
         every hash and signature again.\n\
         2. The command that made this document makes it again, byte for byte.\n\
         3. `countersign show EXPORT --trust TRUST --query '{}'` lists the events behind a number. `countersign show EXPORT \
         CHAIN/SEQ --trust TRUST` shows one of them with its proof. `countersign slice EXPORT --event CHAIN/SEQ -o ONE` cuts it \
         out so that it verifies on its own.\n\
         4. `countersign analyze EXPORT --trust TRUST` makes the same findings, with the digest {}.\n",
        evidence.period.map_or_else(
            || "QUERY".to_owned(),
            |period| format!("(QUERY) since:{} until:{}", period.from, period.to)
        ),
        code(&evidence.rules.digest.to_string())
    );
}
