//! Verifying what was filed.

use std::path::Path;

use countersign::hash::Hash;
use countersign::hex;
use countersign_evidence::{Described, File, Frame, LONGEST_FILE, is_page};

use super::selected::{Asked, Found, Given, name, select};
use super::written::{json, verified, verified_with_shown};
use super::{Args, page};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::input;
use crate::io::input::Input;
use crate::io::style::{bad, doubt, good, label, plain};
use crate::io::verdict::{self, count};

const MOST_MIB: u64 = (LONGEST_FILE >> 20) as u64;

pub(super) fn run(args: &Args, path: &Path) -> Result<ExitStatus, CliError> {
    let bytes = Input::open(path)?.all(MOST_MIB)?;
    let broken = |error| CliError::broken(error).within(&shown(path));
    let file = is_page(&bytes).then(|| File::read(&bytes)).transpose().map_err(broken)?;
    let frame = match &file {
        Some(file) => file.frame.clone(),
        None => Frame::parse(&bytes).map_err(|error| {
            let hint = "give an evidence file, or a report in JSON, as `countersign report` writes them";
            broken(error).with_hint(hint)
        })?,
    };
    if file.is_some() && !args.pin.is_empty() {
        let message = "an evidence file has its pins in it";
        return Err(CliError::unusable("arguments.invalid", message, "leave out --pin"));
    }
    let mut said = told(&frame);
    let mut status = ExitStatus::Success;
    let own =
        args.trust.path().map(|path| Ok::<_, CliError>((name(path), input::small(path)?))).transpose()?;
    if let Some(file) = &file {
        let brought = Given {
            trust: frame.trust.as_ref().zip(file.trust.clone()).map(|(of, bytes)| (of.name.clone(), bytes)),
            pins: frame.pins.iter().zip(&file.pins).map(|(of, pin)| (of.name.clone(), pin.clone())).collect(),
        };
        let (report, shown) = verified_with_shown(&file.export, &brought)?;
        if args.export.is_none() {
            brought.warn_of_other_logs(&brought.options()?.pins, report.origin.as_deref());
        }
        frame.agrees(json(&report)?.as_bytes(), &shown).map_err(broken)?;
        let by = if brought.trust.is_some() { "the trust file in it" } else { "no trust file" };
        said.push(format!("{} its events give the report in it, by {by}", good("✓")));
        said.push(of_page(&file.page_sha256()));
        let report = if let Some(own) = &own {
            let is_same = brought.trust.as_ref().is_some_and(|brought| brought.1 == own.1);
            said.push(if is_same {
                format!("{} the trust file in it is yours", good("✓"))
            } else {
                let other = "the trust file in it is not yours; what follows is by yours";
                format!("{} {other}", doubt("!"))
            });
            verified(&file.export, &Given { trust: Some(own.clone()), pins: brought.pins })?
        } else {
            let hint = "this is by its writer's trust file: use your own with --trust";
            said.push(format!("{} {hint}", doubt("!")));
            report
        };
        said.push(format!("{} {}", label("in the file:"), verdict::headline(&report)));
        status = report.verdict.into();
    } else if args.export.is_none() {
        let hint =
            "also give the export it is about, and its trust file: --check REPORT EXPORT --trust TRUST";
        return Err(CliError::unusable(
            "arguments.invalid",
            "a report in JSON has nothing in it to verify",
            hint,
        )
        .within(&shown(path)));
    }
    if let Some(export) = &args.export {
        status = against(args, export, &frame, file.as_ref(), own, &mut said)?;
    }
    verdict::print(&(said.join("\n") + "\n"))?;
    Ok(status)
}

/// Holds what was filed against the export that it is of.
fn against(
    args: &Args,
    export: &Path,
    frame: &Frame,
    file: Option<&File>,
    own: Option<(String, Vec<u8>)>,
    said: &mut Vec<String>,
) -> Result<ExitStatus, CliError> {
    let differs = |what: &str, hint: &str| {
        CliError::unusable("evidence.invalid", what.to_owned(), hint).into_broken().within(&shown(export))
    };
    let trust = match file {
        Some(file) => {
            frame.trust.as_ref().zip(file.trust.clone()).map(|(of, bytes)| (of.name.clone(), bytes))
        }
        None => own,
    };
    let is_trust = match (&frame.trust, &trust) {
        (Some(described), Some((_, bytes))) => described.is(bytes),
        (None, None) => true,
        _ => false,
    };
    if !is_trust {
        let hint = "use --trust with the trust file whose hash the report names";
        return Err(differs("not the trust file that the report was made with", hint));
    }
    let pins = match file {
        Some(file) => {
            frame.pins.iter().zip(&file.pins).map(|(of, pin)| (of.name.clone(), pin.clone())).collect()
        }
        None => pins(args, frame)?,
    };
    let asked = Asked {
        query: frame.query.clone(),
        range: frame.scope.range,
        sample: frame.scope.sample.as_ref().map(|sample| (sample.wanted, sample.seed.clone())),
        now: frame.time,
        parsers: args.own.load()?,
        threads: args.threads.count(),
    };
    let found = select(export, &Given { trust, pins }, &asked)?;
    let Described { sha256, size, .. } = &found.file;
    if (sha256, size) != (&frame.file.sha256, &frame.file.size) {
        let hint = "the report contains the SHA-256 of its export";
        return Err(differs("not the export that the report is of", hint));
    }
    let report = json(&found.verification.report)?;
    let whole = Frame { slice: None, ..frame.clone() };
    whole.has_report(report.as_bytes()).map_err(|error| CliError::broken(error).within(&shown(export)))?;
    if found.leaves.len() as u64 != frame.scope.events || found.sample != frame.scope.sample {
        let hint = "if it was made with your own parsers, give them again";
        return Err(differs("its query or its sample selects other events", hint));
    }
    said.push(told_of(&found));
    said.push(format!("{} {}", label("in the export:"), verdict::headline(&found.verification.report)));
    Ok(found.verification.report.verdict.into())
}

/// The pins that a report in JSON names, of those that are given.
fn pins(args: &Args, frame: &Frame) -> Result<Vec<(String, Vec<u8>)>, CliError> {
    let mut given = Given::load(None, &args.pin)?.pins;
    let named = frame.pins.iter().map(|described| {
        let place = given.iter().position(|(_, bytes)| described.is(bytes)).ok_or_else(|| {
            let message = format!(
                "the report was made by a pin that is not given: {}, SHA-256 {}",
                plain(&described.name),
                hex::encode(&described.sha256.0)
            );
            CliError::unusable("evidence.invalid", message, "give the file with --pin, once for each pin")
        })?;
        Ok((described.name.clone(), given.swap_remove(place).1))
    });
    let named = named.collect::<Result<_, CliError>>()?;
    match given.first() {
        None => Ok(named),
        Some((name, _)) => {
            let message = "the report was not made by this pin";
            Err(CliError::unusable("evidence.invalid", message, "leave it out").within(name))
        }
    }
}

fn told_of(found: &Found) -> String {
    let drawn = found.sample.as_ref().map_or("", |_| ", of which the same sample is drawn");
    let events = count(found.leaves.len() as u64, "event");
    format!(
        "{} the export is the one it names: it gives the same report, and the query selects {events}{drawn}",
        good("✓")
    )
}

fn of_page(sha256: &Hash) -> String {
    let hash = hex::encode(&sha256.0);
    match page::is_own(sha256) {
        Some(true) => format!("{} the page in it is the one that came with this program", good("✓")),
        Some(false) => format!(
            "{} the page in it is not the one that came with this program: another version, or altered. Its SHA-256 is {hash}; releases publish theirs in SHA256SUMS",
            bad("!")
        ),
        None => format!(
            "{} the page in it has the SHA-256 {hash}: compare it with SHA256SUMS of its release",
            doubt("!")
        ),
    }
}

/// What a report says that it is of.
fn told(frame: &Frame) -> Vec<String> {
    let hash = |described: &Described| {
        format!("{}, SHA-256 {}", plain(&described.name), hex::encode(&described.sha256.0))
    };
    let mut said = vec![
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
    said.extend(frame.trust.as_ref().map(|trust| format!("{} {}", label("trust file:"), hash(trust))));
    said.extend(frame.pins.iter().map(|pin| format!("{} {}", label("pin:"), hash(pin))));
    said.extend(frame.query.as_ref().map(|query| format!("{} {}", label("query:"), plain(query))));
    said.push(format!("{} {}", label("selected:"), count(frame.scope.events, "event")));
    if let Some(sample) = &frame.scope.sample {
        let drawn = format!("{} of {}", sample.leaves.len(), count(sample.candidates, "event"));
        said.push(format!(
            "{} {drawn}, by root {} and seed {:?}",
            label("sample:"),
            sample.root,
            plain(&sample.seed)
        ));
    }
    let words = [("reference:", &frame.reference), ("examiner:", &frame.examiner)];
    said.extend(
        words
            .iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| format!("{} {}", label(name), plain(text))),
    );
    if !frame.papers.is_empty() {
        said.push(format!("{} to {}", label("notes:"), count(frame.papers.len() as u64, "event")));
    }
    said
}
