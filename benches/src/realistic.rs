//! An export such as an auditor gets: a year of many people's events of many kinds, in chains of different pace.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use countersign::event::{Event, Redaction};
use countersign::export::writer::Writer;
use countersign::export::{Header, Line};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::seal::Sealer;
use countersign::time::Time;
use countersign::trust::Trust;
use fastrand::Rng;

const ORIGIN: &str = "log.example/audit";
const CHAINS: u8 = 12;
/// Keys sign several chains each.
const KEYS: u8 = 5;
const ACTORS: u64 = 50_000;
const TARGETS: u64 = 300_000;
const TENANTS: u64 = 400;
/// The most links of a flush: the last one is signed.
const FLUSH: u64 = 96;
/// When the first event comes, in milliseconds from the epoch, and how far events are apart: a million take a year.
const BEGIN: i64 = 1_764_000_000_000;
const APART: u64 = 31_000;
/// What is written at a time.
const PIECE: usize = 1 << 20;

const RESOURCES: [&str; 24] = [
    "session",
    "invoice",
    "document",
    "job",
    "user",
    "role",
    "secret",
    "api_key",
    "deployment",
    "payment",
    "report",
    "team",
    "webhook",
    "policy",
    "backup",
    "domain",
    "certificate",
    "subscription",
    "dataset",
    "pipeline",
    "alert",
    "device",
    "consent",
    "retention_rule",
];
const VERBS: [&str; 6] = ["read", "update", "create", "delete", "share", "export"];
const NAMES: [&str; 16] = [
    "Zoë",
    "Amir",
    "Chloé",
    "Dagmar",
    "Emeka",
    "Farah",
    "Goran",
    "Hana",
    "Ines",
    "José",
    "Katarzyna",
    "Liam",
    "Mei",
    "Noor",
    "Olga",
    "Pál",
];
const SURNAMES: [&str; 20] = [
    "Okafor",
    "Müller",
    "García",
    "Novák",
    "Tanaka",
    "Haddad",
    "Jensen",
    "Kowalska",
    "Silva",
    "Nguyen",
    "Rossi",
    "Dubois",
    "Andersson",
    "Petrov",
    "Yılmaz",
    "Cohen",
    "O'Neill",
    "Kaya",
    "Fischer",
    "Banerjee",
];
const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
    "example-cli/4.11.0 (linux; amd64)",
    "okhttp/5.1.0",
    "python-httpx/0.29",
];
const WORDS: [&str; 40] = [
    "quarterly",
    "review",
    "approved",
    "by",
    "finance",
    "after",
    "the",
    "second",
    "request",
    "from",
    "support",
    "ticket",
    "closed",
    "customer",
    "asked",
    "for",
    "a",
    "copy",
    "of",
    "all",
    "records",
    "rotation",
    "due",
    "access",
    "granted",
    "until",
    "friday",
    "incident",
    "follow-up",
    "migration",
    "step",
    "verified",
    "manually",
    "legal",
    "hold",
    "lifted",
    "export",
    "to",
    "auditor",
    "scheduled",
];

/// Writes `export.ndjson`, `trust.txt` and `chains.txt`, which names the chains, into `folder`: the same for the same
/// number.
pub(crate) fn generate(folder: &Path, events: u64) -> Result<()> {
    fs::create_dir_all(folder)?;
    let log = SignerKey::from_seed(ORIGIN, [0x10; 32])?;
    let emitters = (0..KEYS)
        .map(|key| {
            SignerKey::from_seed(&format!("{}.example/audit", RESOURCES[usize::from(key)]), [0x20 + key; 32])
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut trust = Trust::default().with_log(log.verifier_key().clone())?;
    for emitter in &emitters {
        trust = trust.with_emitter(emitter.verifier_key().clone())?;
    }
    fs::write(folder.join("trust.txt"), trust.to_text())?;

    let header = Header { origin: ORIGIN.to_owned(), range: Some((0, Some(events + 2 * u64::from(CHAINS)))) };
    let mut sealer = Sealer::new(&log, None)?;
    sealer.begin(&header, 0)?;
    let mut lines = Writer::new();
    lines.header(&header);
    let mut export = BufWriter::new(File::create(folder.join("export.ndjson"))?);
    let mut put = |recorder: &mut Recorder, emitter: &SignerKey, lines: &mut Writer| -> Result<()> {
        recorder.sign_with(emitter)?;
        for line in recorder.drain().lines() {
            let line = Line::parse(line).map_err(|malformed| malformed.to_error())?;
            sealer.line(&line.item, lines)?;
        }
        if lines.as_bytes().len() >= PIECE {
            export.write_all(lines.as_bytes())?;
            lines.clear();
        }
        Ok(())
    };
    let mut chains = Vec::new();
    let mut names = String::new();
    for chain in 0..CHAINS {
        let emitter = &emitters[usize::from(chain % KEYS)];
        let mut recorder = Recorder::open(ORIGIN, emitter.verifier_key().clone(), time(0)?, &[chain; 16])?;
        put(&mut recorder, emitter, &mut lines)?;
        let name = recorder.chain().context("a chain that is open has a name")?;
        writeln!(names, "{name}")?;
        chains.push((recorder, emitter));
    }
    fs::write(folder.join("chains.txt"), names)?;
    let mut random = Rng::with_seed(0x5eed);
    let mut done = 0;
    while done < events {
        // The first chains are the busiest.
        let (recorder, emitter) = &mut chains[skewed(&mut random, u64::from(CHAINS)) as usize];
        let end = events.min(done + 1 + random.u64(..FLUSH));
        for nth in done..end {
            let event = Event::parse(event(nth, &mut random)?.as_bytes(), &Redaction::none())?;
            let mut salt = [0x5a; 16];
            salt[..8].copy_from_slice(&random.u64(..).to_le_bytes());
            recorder.record(&event, time(nth)?, &salt)?;
        }
        done = end;
        recorder.flush();
        put(recorder, emitter, &mut lines)?;
    }
    for (mut recorder, emitter) in chains {
        recorder.close(time(events)?)?;
        put(&mut recorder, emitter, &mut lines)?;
    }
    sealer.end()?;
    let sealed = sealer.finish(&mut lines)?;
    ensure!(sealed.header == header, "the header was written before: {:?}", sealed.header);
    export.write_all(lines.as_bytes())?;
    export.flush()?;
    Ok(())
}

fn time(nth: u64) -> Result<Time> {
    Time::from_millis(BEGIN + i64::try_from(nth * APART)?).context("a time")
}

/// An event, of very different length. Few actors, targets and actions have most of them.
fn event(nth: u64, random: &mut Rng) -> Result<String> {
    let resource = RESOURCES[skewed(random, RESOURCES.len() as u64) as usize];
    let verb = VERBS[skewed(random, VERBS.len() as u64) as usize];
    let actor = skewed(random, ACTORS);
    let target = if random.u64(..2) == 0 { random.u64(..TARGETS) } else { skewed(random, TARGETS) };
    let mut text = format!(r#"{{"action":"{resource}.{verb}","actor":"#);
    if actor.is_multiple_of(12) {
        write!(text, r#"{{"type":"service","id":"worker-{actor}"}}"#)?;
    } else {
        let name = NAMES[(actor % 16) as usize];
        let surname = SURNAMES[(actor / 16 % 20) as usize];
        write!(text, r#"{{"type":"user","id":"u_{actor}","name":"{name} {surname}"}}"#)?;
    }
    write!(text, r#","target":{{"type":"{resource}","id":"{resource}_{target}""#)?;
    if target.is_multiple_of(3) {
        write!(
            text,
            r#","name":"{} {}""#,
            WORDS[(target % 40) as usize],
            WORDS[(target / 40 % 40) as usize]
        )?;
    }
    write!(text, r#"}},"tenant":"t_{}""#, skewed(random, TENANTS))?;
    match random.u64(..100) {
        0..4 => text.push_str(r#","outcome":"failure","reason":"not allowed\nby policy""#),
        4 => text.push_str(r#","outcome":"unknown","reason":"timed out""#),
        _ => {}
    }
    write!(
        text,
        r#","context":{{"ip":"198.51.{}.{}","request_id":"{:016x}{:016x}","user_agent":"{}"}}"#,
        actor % 100,
        actor / 100 % 250,
        random.u64(..),
        random.u64(..),
        AGENTS[(actor % 6) as usize],
    )?;
    if verb == "update" {
        let before = random.u64(..1000);
        write!(
            text,
            r#","before":{{"state":"open","limit":{before},"tags":["a","b"]}},"after":{{"state":"closed","limit":{},"tags":["b","c"]}}"#,
            before + 1 + random.u64(..50),
        )?;
    }
    text.push_str(r#","metadata":{"note":""#);
    // One in a thousand is long.
    let words = if nth.is_multiple_of(1000) { 600 } else { 6 + random.u64(..18) };
    for _ in 0..words {
        text.push_str(WORDS[random.u64(..WORDS.len() as u64) as usize]);
        text.push(' ');
    }
    write!(text, r#"","nth":{nth},"region":"eu-{}"}}}}"#, random.u64(..4))?;
    Ok(text)
}

/// The product of two: small ones are much more frequent.
fn skewed(random: &mut Rng, end: u64) -> u64 {
    random.u64(..end) * (random.u64(..end) + 1) / end
}
