//! Verifies reports and evidence files.

use std::path::Path;

use countersign::hash::Hash;
use countersign::hex;
use countersign::verify::Report;
use countersign_evidence::{Described, File, Frame, MAX_FILE_BYTES, VerifiedEntries, is_page};

use super::claims::{self, AlteredClaims};
use super::detections::OwnDetections;
use super::own_trust::{self, OwnAnswer, OwnResult, unrecognized_words};
use super::selected::{ReportInput, ReportSelection, SelectedEvents, VerifyInput, embedded_export, select};
use super::written::{json, verified_with_shown};
use super::{Args, detections, page, selected};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::contents::file_name;
use crate::io::input;
use crate::io::input::Input;
use crate::io::style::{bad, doubt, good, label, plain};
use crate::io::verdict::{self, count};

const OWN_PARSERS: &str = "if it was made with custom parsers, use the same ones";
const MAX_MIB: u64 = (MAX_FILE_BYTES >> 20) as u64;

pub(super) fn run(args: &Args, path: &Path) -> Result<ExitStatus, CliError> {
    let bytes = Input::open(path)?.all(MAX_MIB)?;
    let broken = |error| CliError::broken(error).within(&shown(path));
    let file = is_page(&bytes).then(|| File::read(&bytes)).transpose().map_err(broken)?;
    let frame = match &file {
        Some(file) => file.frame.clone(),
        None => Frame::parse(&bytes).map_err(|error| {
            let hint = "pass an evidence file or a JSON report written by `countersign report`";
            let is_report = error.member.is_some();
            let error = broken(error);
            if is_report { error.or_hint(hint) } else { error.with_hint(hint) }
        })?,
    };
    if file.is_some() && !args.pin.is_empty() {
        let message = "--pin is not used with an evidence file, which contains its pins";
        return Err(CliError::unusable("arguments.invalid", message, "remove --pin"));
    }
    let mut lines = describe(&frame);
    let mut status = ExitStatus::Success;
    let own = args
        .trust
        .path()
        .map(|path| Ok::<_, CliError>((file_name(path), input::small(path)?)))
        .transpose()?;
    if let Some(file) = &file {
        let embedded = VerifyInput {
            trust: frame.trust.as_ref().zip(file.trust.clone()).map(|(of, bytes)| (of.name.clone(), bytes)),
            pins: frame.pins.iter().zip(&file.pins).map(|(of, pin)| (of.name.clone(), pin.clone())).collect(),
        };
        let (report, shown) = verified_with_shown(file, &embedded)?;
        if args.export.is_none() {
            embedded.warn_of_other_logs(&embedded.options()?.pins, report.origin.as_deref());
        }
        frame.agrees(json(&report)?.as_bytes(), &shown).map_err(broken)?;
        let by = if embedded.trust.is_some() { "the embedded trust file" } else { "no trust file" };
        lines.push(format!("{} its events produce the embedded report, with {by}", good("✓")));
        lines.extend(describe_search(&frame));
        lines.extend(detections::describe_check(&frame));
        lines.push(describe_page(&file.page_sha256()));
        let is_same = |own: &(String, Vec<u8>)| embedded.trust.as_ref().is_some_and(|trust| trust.1 == own.1);
        let (report, answer, detected) = match &own {
            None => {
                let hint = "the verdict uses the writer's trust file: use your own with --trust";
                lines.push(format!("{} {hint}", doubt("!")));
                (report, None, None)
            }
            Some(own) if is_same(own) => {
                lines.push(format!("{} the embedded trust file is yours", good("✓")));
                (report, None, None)
            }
            Some(own) => {
                let other = "the embedded trust file is not yours; the verdict below uses yours";
                lines.push(format!("{} {other}", doubt("!")));
                let given = VerifyInput { trust: Some(own.clone()), pins: embedded.pins };
                // With the export, the answer is compared below.
                let is_last = args.export.is_none();
                let OwnResult { report, answer, detected } =
                    own_trust::ask_file(file, &given, &answer_entries(&frame, &shown), is_last)?;
                (report, answer.filter(|_| is_last), detected)
            }
        };
        lines.extend(answer.iter().flat_map(OwnAnswer::describe));
        lines.extend(detected.iter().flat_map(OwnDetections::describe));
        lines.push(format!("{} {}", label("in the file:"), verdict::headline(&report)));
        status = status_of(&report, answer.as_ref(), detected.as_ref());
    } else if args.export.is_none() {
        let hint = "add its export and trust file: --check REPORT EXPORT --trust TRUST";
        return Err(CliError::unusable(
            "arguments.invalid",
            "a JSON report contains no events to verify",
            hint,
        )
        .within(&shown(path)));
    }
    if file.is_none() {
        lines.extend(detections::describe_stated(&frame));
    }
    let mut export = args.export.as_deref().map(selected::open).transpose()?;
    let mut embedded = file.as_ref().filter(|_| frame.slice.is_none()).map(embedded_export);
    let whole = export.as_mut().map(|export| &mut export.input).or(embedded.as_mut());
    let claims = claims::find(&frame, whole, &args.own.load()?)?;
    lines.extend(claims.iter().flat_map(AlteredClaims::describe));
    if let Some(export) = &mut export {
        status = compare_export(args, export, &frame, file.as_ref(), own, &mut lines)?;
    }
    verdict::print(&(lines.join("\n") + "\n"))?;
    Ok(status)
}

/// Returns the exit status of a verdict. An answer that is not the reader's own is no success.
fn status_of(report: &Report, answer: Option<&OwnAnswer>, detected: Option<&OwnDetections>) -> ExitStatus {
    let is_same = answer.is_none_or(OwnAnswer::is_same) && detected.is_none_or(OwnDetections::is_same);
    match report.verdict.into() {
        ExitStatus::Success if !is_same => ExitStatus::NotChecked,
        status => status,
    }
}

/// Returns the entries of a file's answer: those that its query selects in what was examined, else all that it contains.
fn answer_entries(frame: &Frame, shown: &VerifiedEntries) -> Vec<u64> {
    let leaves = shown.selected.as_ref().map_or(&shown.leaves, |selected| &selected.leaves);
    let is_within = |leaf: &u64| frame.scope.range.is_none_or(|(first, end)| (first..end).contains(leaf));
    leaves.iter().copied().filter(is_within).collect()
}

/// Compares a report with its export. If the reader's own trust file is another than an evidence file's, the verdict is
/// by the reader's.
fn compare_export(
    args: &Args,
    export: &mut ReportInput,
    frame: &Frame,
    file: Option<&File>,
    own: Option<(String, Vec<u8>)>,
    lines: &mut Vec<String>,
) -> Result<ExitStatus, CliError> {
    let name = export.input.name().to_owned();
    let differs = |what: &str, hint: &str| {
        CliError::unusable("evidence.invalid", what.to_owned(), hint).into_broken().within(&name)
    };
    let trust = match file {
        Some(file) => {
            frame.trust.as_ref().zip(file.trust.clone()).map(|(of, bytes)| (of.name.clone(), bytes))
        }
        None => own.clone(),
    };
    let is_trust = match (&frame.trust, &trust) {
        (Some(described), Some((_, bytes))) => described.is(bytes),
        (None, None) => true,
        _ => false,
    };
    if !is_trust {
        let hint = "use --trust with the trust file whose hash the report names";
        return Err(differs("this is not the trust file the report was made with", hint));
    }
    let pins = match file {
        Some(file) => {
            frame.pins.iter().zip(&file.pins).map(|(of, pin)| (of.name.clone(), pin.clone())).collect()
        }
        None => pins(args, frame)?,
    };
    let pack = detections::pack_of(frame, file, &args.detection_rules)?;
    let given = VerifyInput { trust, pins };
    let request = ReportSelection {
        query: frame.query.clone(),
        range: frame.scope.range,
        sample: frame.scope.sample.as_ref().map(|sample| (sample.wanted, sample.seed.clone())),
        now: frame.time,
        parsers: args.own.load()?,
        has_own_parsers: !args.own.is_none(),
        threads: args.threads.count(),
    };
    let Described { sha256, size, .. } = export.described()?;
    if (sha256, size) != (frame.file.sha256, frame.file.size) {
        let hint = "pass the export whose SHA-256 is in the report";
        return Err(differs("this is not the report's export", hint));
    }
    let (found, detected) = select(export, &given, &request, pack.as_ref())?;
    let report = json(&found.verification.report)?;
    let whole = Frame { slice: None, ..frame.clone() };
    whole.has_report(report.as_bytes()).map_err(|error| CliError::broken(error).within(&name))?;
    if found.leaves.len() as u64 != frame.scope.events || found.sample != frame.scope.sample {
        return Err(differs("the query or sample selects different events", OWN_PARSERS));
    }
    if found.examined != frame.scope.examined {
        let [here, there] =
            [found.examined, frame.scope.examined].map(|of| of.map_or(0, |examined| examined.unrecognized));
        let message = format!(
            "{} no actor, no action, or no time in a form that the query knows, and the report counts {there} of them",
            count(here, "event") + if here == 1 { " states" } else { " state" }
        );
        return Err(differs(&message, OWN_PARSERS));
    }
    if detected.as_ref().map(|detected| &detected.stated) != frame.detections.as_ref() {
        let message = "the rules have other findings, or examine other events, than the report states";
        return Err(differs(message, OWN_PARSERS));
    }
    lines.push(export_matches(frame, &found));
    let is_same = |own: &(String, Vec<u8>)| given.trust.as_ref().is_some_and(|trust| trust.1 == own.1);
    let (parsers, threads) = (&request.parsers, request.threads);
    let (report, answer, detected) = match own {
        Some(own) if !is_same(&own) => {
            let (given, input) = (VerifyInput { trust: Some(own), pins: given.pins }, &mut export.input);
            let run = (parsers, threads);
            let OwnResult { report, answer, detected } =
                own_trust::ask_whole(input, frame, &given, &found.leaves, pack.as_ref(), run)?;
            (report, answer, detected)
        }
        _ => (found.verification.report, None, None),
    };
    lines.extend(answer.iter().flat_map(OwnAnswer::describe));
    lines.extend(detected.iter().flat_map(OwnDetections::describe));
    lines.push(format!("{} {}", label("in the export:"), verdict::headline(&report)));
    Ok(status_of(&report, answer.as_ref(), detected.as_ref()))
}

/// Returns the pins that a JSON report names.
fn pins(args: &Args, frame: &Frame) -> Result<Vec<(String, Vec<u8>)>, CliError> {
    let mut given = VerifyInput::load(None, &args.pin)?.pins;
    let named = frame.pins.iter().map(|described| {
        let place = given.iter().position(|(_, bytes)| described.is(bytes)).ok_or_else(|| {
            let message = format!(
                "the report was made with a pin that is missing: {}, SHA-256 {}",
                plain(&described.name),
                hex::encode(&described.sha256.0)
            );
            CliError::unusable("evidence.invalid", message, "add --pin FILE for each pin")
        })?;
        Ok((described.name.clone(), given.swap_remove(place).1))
    });
    let named = named.collect::<Result<_, CliError>>()?;
    match given.first() {
        None => Ok(named),
        Some((name, _)) => {
            let message = "the report was not made with this pin";
            Err(CliError::unusable("evidence.invalid", message, "remove it").within(name))
        }
    }
}

fn export_matches(frame: &Frame, found: &SelectedEvents) -> String {
    if frame.detections.is_some() {
        let same = "it produces the same report, and the rules have the same findings";
        return format!("{} the export is the one it names: {same}", good("✓"));
    }
    let drawn = found.sample.as_ref().map_or("", |_| ", of which the same sample is drawn");
    let events = count(found.leaves.len() as u64, "event");
    format!(
        "{} the export is the one it names: it produces the same report, and the query selects {events}{drawn}",
        good("✓")
    )
}

fn describe_page(sha256: &Hash) -> String {
    let hash = hex::encode(&sha256.0);
    match page::is_builtin(sha256) {
        Some(true) => format!("{} the embedded page is the one built into this program", good("✓")),
        Some(false) => format!(
            "{} the embedded page is not the one built into this program: another version, or altered. Its SHA-256 is {hash}; compare it with SHA256SUMS of its release",
            bad("!")
        ),
        None => format!(
            "{} the embedded page has the SHA-256 {hash}: compare it with SHA256SUMS of its release",
            doubt("!")
        ),
    }
}

/// Describes who vouches for the answer to the query: this program, or the examiner.
fn describe_search(frame: &Frame) -> Option<String> {
    frame.query.as_ref()?;
    Some(if frame.must_search() {
        let events = count(frame.scope.examined.map_or(0, |examined| examined.events), "event");
        format!(
            "{} the file contains all {events} that were examined; searched again, the query selects as many as stated",
            good("✓")
        )
    } else {
        let word = "the file does not contain the other events that were examined: that none of them matches is the examiner's statement";
        format!("{} {word}; compare it with the export", doubt("!"))
    })
}

/// Describes what a report covers.
fn describe(frame: &Frame) -> Vec<String> {
    let hash = |described: &Described| {
        format!("{}, SHA-256 {}", plain(&described.name), hex::encode(&described.sha256.0))
    };
    let mut lines = vec![
        format!("{} {}, {} bytes", label("file:"), hash(&frame.file), frame.file.size),
        format!(
            "{} {} {}, SHA-256 {}, at {}",
            label("made by:"),
            plain(&frame.tool.name),
            plain(&frame.tool.version),
            hex::encode(&frame.tool.sha256.0),
            frame.time
        ),
    ];
    lines.extend(frame.trust.as_ref().map(|trust| format!("{} {}", label("trust file:"), hash(trust))));
    lines.extend(frame.pins.iter().map(|pin| format!("{} {}", label("pin:"), hash(pin))));
    lines.extend(frame.query.as_ref().map(|query| format!("{} {}", label("query:"), plain(query))));
    lines.extend(frame.scope.range.map(|(first, end)| {
        format!("{} only entries {first} to {}", label("range:"), end.saturating_sub(1))
    }));
    lines.extend(match (&frame.detections, &frame.scope.examined) {
        (Some(stated), _) => detections::describe(stated),
        (None, None) => vec![format!("{} {}", label("selected:"), count(frame.scope.events, "event"))],
        (None, Some(examined)) => vec![format!(
            "{} {} of {} examined{}",
            label("selected:"),
            frame.scope.events,
            count(examined.events, "event"),
            unrecognized_words(examined.unrecognized)
        )],
    });
    if let Some(sample) = &frame.scope.sample {
        let drawn = format!("{} of {}", sample.leaves.len(), count(sample.candidates, "event"));
        lines.push(format!(
            "{} {drawn}, by root {} and seed {:?}",
            label("sample:"),
            sample.root,
            plain(&sample.seed)
        ));
    }
    let words = [("reference:", &frame.reference), ("examiner:", &frame.examiner)];
    lines.extend(
        words
            .iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| format!("{} {}", label(name), plain(text))),
    );
    if !frame.papers.is_empty() {
        lines.push(format!("{} to {}", label("notes:"), count(frame.papers.len() as u64, "event")));
    }
    lines
}
