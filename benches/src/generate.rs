//! Generator of a large sealed export and its bare work.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use bare::Tasks;
use countersign::event::{Event, Redaction};
use countersign::export::writer::Writer;
use countersign::export::{Header, Item, Line};
use countersign::link::{commit_prefix, signed_part};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::seal::Sealer;
use countersign::time::Time;
use countersign::trust::Trust;

pub(crate) const ORIGIN: &str = "log.example/bench";
const CHAINS: u8 = 16;
/// The number of links per flush. The last one is signed.
const FLUSH: u64 = 64;
/// The size of an event in bytes.
const EVENT_BYTES: usize = 400;
/// The approximate size of a piece of work, in bytes.
const PIECE_BYTES: usize = 1 << 20;
/// The time of the first chain's start, in milliseconds since the epoch.
const BEGIN: i64 = 1_795_000_000_000;

/// Writes `export.ndjson`, `trust.txt`, and optionally `work.bin` into `folder`. The same number of events
/// gives the same files.
///
/// `work.bin` is a sequence of pieces, each a length of 4 bytes followed by that many bytes of tasks.
pub(crate) fn generate(folder: &Path, events: u64, with_work: bool) -> Result<()> {
    fs::create_dir_all(folder)?;
    let log = SignerKey::from_seed(ORIGIN, [0x10; 32])?;
    let emitters = (0..CHAINS)
        .map(|chain| SignerKey::from_seed(&format!("bench.example/{chain}"), [0x20 + chain; 32]))
        .collect::<Result<Vec<_>, _>>()?;
    let mut trust = Trust::default().with_log(log.verifier_key().clone())?;
    for emitter in &emitters {
        trust = trust.with_emitter(emitter.verifier_key().clone())?;
    }
    fs::write(folder.join("trust.txt"), trust.to_text())?;

    let mut sealed = Sealed::create(folder, &log, events + 2 * u64::from(CHAINS), with_work)?;
    let mut recorders = Vec::new();
    for (chain, emitter) in (0..CHAINS).zip(&emitters) {
        let key = emitter.verifier_key();
        sealed.tasks.key(key.public());
        let mut recorder = Recorder::open(ORIGIN, key.clone(), time(0)?, &[chain; 16])?;
        recorder.sign_with(emitter)?;
        sealed.put(&recorder.drain(), chain)?;
        recorders.push((chain, recorder, emitter));
    }
    let mut done = 0;
    while done < events {
        for (chain, recorder, emitter) in &mut recorders {
            for nth in done..events.min(done + FLUSH) {
                recorder.record(&event(nth)?, time(nth)?, &salt(nth))?;
            }
            done = events.min(done + FLUSH);
            recorder.flush();
            recorder.sign_with(emitter)?;
            sealed.put(&recorder.drain(), *chain)?;
        }
    }
    for (chain, recorder, emitter) in &mut recorders {
        recorder.close(time(events)?)?;
        recorder.sign_with(emitter)?;
        sealed.put(&recorder.drain(), *chain)?;
    }
    sealed.finish()
}

/// Returns the time of an event, at a thousand events per second.
pub(crate) fn time(nth: u64) -> Result<Time> {
    Time::from_millis(BEGIN + i64::try_from(nth)?).context("a time")
}

pub(crate) fn salt(nth: u64) -> [u8; 16] {
    let mut salt = [0x5a; 16];
    salt[..8].copy_from_slice(&nth.to_le_bytes());
    salt
}

pub(crate) fn event(nth: u64) -> Result<Event> {
    let mut text = format!(
        concat!(
            r#"{{"action":"job.update","actor":{{"id":"u_{}","name":"Zoë Example","type":"user"}},"#,
            r#""after":{{"enabled":{},"schedule":"*/{} * * * *"}},"before":{{"enabled":true,"schedule":"@hourly"}},"#,
            r#""context":{{"ip":"192.0.2.{}","request_id":"{:016x}","user_agent":"Mozilla/5.0 (X11; Linux x86_64)"}},"#,
            r#""target":{{"id":"{}","type":"cron_job"}},"tenant":"t_{}","text":""#
        ),
        nth % 977,
        nth.is_multiple_of(3),
        nth % 59 + 1,
        nth % 251,
        nth.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        nth % 10_007,
        nth % 31,
    );
    while text.len() < EVENT_BYTES - 2 {
        text.push(char::from(b'a' + (text.len() % 26) as u8));
    }
    text.push_str("\"}");
    let event = Event::parse(text.as_bytes(), &Redaction::none())?;
    ensure!(
        event.as_bytes() == text.as_bytes() && text.len() == EVENT_BYTES,
        "an event is {EVENT_BYTES} canonical bytes"
    );
    Ok(event)
}

/// A sealed export being written, with its work.
struct Sealed<'k> {
    sealer: Sealer<'k>,
    header: Header,
    lines: Writer,
    export: BufWriter<File>,
    tasks: Tasks,
    work: Option<BufWriter<File>>,
}

impl<'k> Sealed<'k> {
    fn create(folder: &Path, log: &'k SignerKey, leaves: u64, with_work: bool) -> Result<Self> {
        let header = Header { origin: ORIGIN.to_owned(), range: Some((0, Some(leaves))) };
        let mut sealer = Sealer::new(log, None)?;
        sealer.begin(&header, 0)?;
        let mut lines = Writer::new();
        lines.header(&header);
        let create = |name| File::create(folder.join(name)).map(BufWriter::new);
        let export = create("export.ndjson")?;
        let work = with_work.then(|| create("work.bin")).transpose()?;
        let mut tasks = Tasks::default();
        tasks.key(log.verifier_key().public());
        Ok(Self { sealer, header, lines, export, tasks, work })
    }

    /// Seals the links from a chain's recorder.
    fn put(&mut self, lines: &str, chain: u8) -> Result<()> {
        for line in lines.lines() {
            let line = Line::parse(line).map_err(|malformed| malformed.to_error())?;
            let Item::Link { text, link, payload, .. } = &line.item else { bail!("recorders write links") };
            self.sealer.line(&line.item, &mut self.lines)?;
            self.tasks.hash(&[&[0], text.as_bytes()]);
            if let Some(payload) = payload {
                self.tasks.hash(&[&commit_prefix(&payload.salt), payload.event.as_bytes()]);
            }
            // A tree has one inner node less than leaves.
            self.tasks.hash(&[&[1; 65]]);
            if let Some(signature) = link.signature() {
                // The log's key comes first.
                self.tasks.verify(chain + 1, signature, signed_part(text).as_bytes());
            }
        }
        if self.tasks.as_bytes().len() >= PIECE_BYTES {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        self.export.write_all(self.lines.as_bytes())?;
        self.lines.clear();
        let piece = self.tasks.as_bytes();
        if let Some(work) = &mut self.work {
            work.write_all(&u32::try_from(piece.len())?.to_le_bytes())?;
            work.write_all(piece)?;
        }
        self.tasks.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.write()?;
        let Self { mut sealer, header, mut lines, mut export, work, .. } = self;
        sealer.end()?;
        let sealed = sealer.finish(&mut lines)?;
        ensure!(sealed.header == header, "the header was written before: {:?}", sealed.header);
        export.write_all(lines.as_bytes())?;
        export.flush()?;
        work.map_or(Ok(()), |mut work| work.flush())?;
        Ok(())
    }
}
