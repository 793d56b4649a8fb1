//! Cost of detection rules: the time of one core, and memory.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use countersign::time::Time;
use countersign_analyze::{Analyzer, Pack, Sources};
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};
use fastrand::Rng;

use crate::usage::{memory, on_processor};

/// The time of the first event, in milliseconds since the epoch.
const BEGIN: i64 = 1_764_000_000_000;
/// The time span of all events, in milliseconds.
const SPAN_MS: u64 = 90 * 86_400_000;
/// The number of events that are generated before they are analyzed.
const BATCH: u64 = 1_000;

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
    "aws-cli/2.17.9 Python/3.12",
    "example-cli/4.11.0 (linux; amd64)",
];
const CALLS: [(&str, &str); 8] = [
    ("iam.amazonaws.com", "ListUsers"),
    ("s3.amazonaws.com", "GetObject"),
    ("s3.amazonaws.com", "PutObject"),
    ("ec2.amazonaws.com", "DescribeInstances"),
    ("sts.amazonaws.com", "AssumeRole"),
    ("lambda.amazonaws.com", "Invoke"),
    ("kms.amazonaws.com", "Decrypt"),
    ("signin.amazonaws.com", "ConsoleLogin"),
];
const ACTIONS: [&str; 8] = [
    "http.request",
    "http.request",
    "document.read",
    "invoice.update",
    "job.create",
    "session.login",
    "report.export",
    "user.read",
];

/// The measurements.
pub(crate) struct Measured {
    /// The seconds of detecting and of making findings.
    pub(crate) seconds: f64,
    /// The maximum growth of memory in bytes, without events and rules.
    pub(crate) bytes: u64,
    pub(crate) findings: usize,
}

/// Runs rules on generated events. The rules are from a file, the files of a folder, or built in.
pub(crate) fn detect(rules: Option<&Path>, events: u64, identities: u64) -> Result<Measured> {
    let pack = pack(rules)?;
    let parsers = Parsers::built_in();
    let mut random = Rng::with_seed(0x5eed);
    let mut analyzer = Analyzer::new(&pack);
    let before = memory("VmRSS")?;
    let mut lasted = Duration::ZERO;
    let mut spare = Document::default();
    for from in (0..events).step_by(BATCH as usize) {
        let batch = (from..events.min(from + BATCH)).map(|nth| event(nth, identities, &mut random));
        let batch = batch.collect::<Result<Vec<_>>>()?;
        let begun = on_processor()?;
        for (leaf, text) in (from..).zip(&batch) {
            let time = BEGIN + i64::try_from(leaf * SPAN_MS / events)?;
            let document = spare.reread(text).context("an event is JSON")?;
            let recorded = Time::from_millis(time).context("a time")?;
            let entry = Entry {
                event: Some(document.root()),
                chain: if leaf % 2 == 0 {
                    "da7f84a510cb84b8cbb5b74a63c306ec"
                } else {
                    "5cc3cc17a510cb84b8cbb5b74a63c306"
                },
                ..Entry::recorded(recorded)
            };
            analyzer.accept(pack.detect_by(leaf, &parsers, &entry))?;
            spare = document.emptied();
        }
        lasted += on_processor()?.saturating_sub(begun);
    }
    let bytes = memory("VmHWM")?.saturating_sub(before);
    Ok(Measured { seconds: lasted.as_secs_f64(), bytes, findings: analyzer.finish().findings.len() })
}

/// Writes generated events, one per line.
pub(crate) fn write(events: u64, identities: u64, out: &mut impl Write) -> Result<()> {
    let mut random = Rng::with_seed(0x5eed);
    for nth in 0..events {
        writeln!(out, "{}", event(nth, identities, &mut random)?)?;
    }
    Ok(())
}

/// Counts events of one group in one window with a rule, and returns the seconds.
pub(crate) fn window(events: u64) -> Result<f64> {
    let mut sources = Sources::default();
    sources.add(
        "rules.yml",
        "title: A step\nid: step\ndetection: {s: {action: step}, condition: s}\n---\ntitle: Many paths\nid: many\ncorrelation:\n  type: value_count\n  rules: [step]\n  group-by: [who]\n  timespan: 1d\n  condition: {gte: 4096, field: path}\n",
    );
    let pack = sources.build("window").map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let mut analyzer = Analyzer::new(&pack);
    let begun = on_processor()?;
    for leaf in 0..events {
        let text = format!(r#"{{"action":"step","who":"u","path":"/{leaf}"}}"#);
        let document = Document::parse(&text).context("an event is JSON")?;
        let recorded = Time::from_millis(BEGIN + i64::try_from(leaf)?).context("a time")?;
        analyzer.accept(
            pack.detect(leaf, &Entry { event: Some(document.root()), ..Entry::recorded(recorded) }),
        )?;
    }
    Ok(on_processor()?.saturating_sub(begun).as_secs_f64())
}

/// Builds a pack from a file or folder, or returns the built-in pack.
pub(crate) fn pack(rules: Option<&Path>) -> Result<Pack> {
    let Some(place) = rules else { return Ok(Pack::built_in()) };
    let mut sources = Sources::default();
    let mut open = vec![place.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(place) = open.pop() {
        if place.is_dir() {
            for entry in fs::read_dir(&place)? {
                open.push(entry?.path());
            }
        } else if place.extension().is_some_and(|extension| extension == "yml")
            && !place.to_string_lossy().ends_with(".cases.yml")
        {
            files.push(place);
        }
    }
    files.sort();
    for file in files {
        sources.add(&file.display().to_string(), &fs::read_to_string(&file)?);
    }
    sources
        .build("bench")
        .map_err(|faults| anyhow::anyhow!("{} faults, the first: {:?}", faults.len(), faults.first()))
}

/// Generates an event; half are in the product's own format, half in `CloudTrail`'s.
fn event(nth: u64, identities: u64, random: &mut Rng) -> Result<String> {
    // Every identity occurs, but few occur often.
    let who = if nth < identities {
        nth
    } else {
        random.u64(..identities) * (random.u64(..identities) + 1) / identities
    };
    let (ip, agent) = ((who % 250, who / 250 % 250), AGENTS[(who % 4) as usize]);
    let failed = random.u8(..50) == 0;
    let mut text = String::with_capacity(512);
    if who.is_multiple_of(2) {
        let action = ACTIONS[random.usize(..ACTIONS.len())];
        write!(
            text,
            r#"{{"action":"{action}","actor":{{"id":"u_{who}","type":"user","name":"Ada {who}","session":"s_{}"}},"target":{{"type":"job","id":"job_{}"}},"tenant":"t_{}","outcome":"{}","http":{{"method":"GET","path":"/jobs/{}/steps","host":"app.example.com","status":{}}},"context":{{"ip":"198.51.{}.{}","user_agent":"{agent}","request_id":"{:016x}"}}}}"#,
            who * 7 + random.u64(..3),
            random.u64(..100_000),
            who % 400,
            if failed { "failure" } else { "success" },
            random.u64(..100_000),
            if failed { 403 } else { 200 },
            ip.0,
            ip.1,
            random.u64(..),
        )?;
    } else {
        let (source, name) = CALLS[random.usize(..CALLS.len())];
        let error = if failed { r#""errorCode":"AccessDenied","# } else { "" };
        write!(
            text,
            r#"{{"eventVersion":"1.09","userIdentity":{{"type":"IAMUser","principalId":"AIDA{who:012}","arn":"arn:aws:iam::123456789012:user/u{who}","accountId":"123456789012","accessKeyId":"AKIA{who:012}","userName":"u{who}"}},"eventTime":"2025-11-24T16:00:00Z","eventSource":"{source}","eventName":"{name}","awsRegion":"eu-central-1","sourceIPAddress":"203.0.{}.{}","userAgent":"{agent}",{error}"requestParameters":{{"bucketName":"b{}","key":"k/{}"}},"responseElements":null,"requestID":"{:016X}","eventID":"{:016x}","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"123456789012"}}"#,
            ip.0,
            ip.1,
            random.u64(..400),
            random.u64(..100_000),
            random.u64(..),
            random.u64(..),
        )?;
    }
    Ok(text)
}
