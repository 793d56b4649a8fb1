//! Verification of a tenant log's export, compared with that of a log without tenants that has the same events.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use countersign::trust::Trust;
use countersign::verify::{Options, Verdict, Verifier};
use countersign_log::export::{Exporter, Request};
use countersign_log::sequencer::Job;
use countersign_log::tenants::published::TenantTicks;
use countersign_log::tenants::reader::TenantReader;
use countersign_log_server::sqlite;
use tokio::sync::oneshot;

use super::{MAX_WAITING_EVENTS, RootLog, check, median, one_log, parse};
use crate::generate::ORIGIN;
use crate::submissions::{self, EMITTERS, Emitter};

/// The number of tenants of the root log.
const TENANTS: usize = 1_000;
/// The depth of its directory.
const DEPTH: u8 = 11;
/// The number of events in a submission.
const SIZE: u64 = 64;
/// The number of verifications of each export.
const RUNS: usize = 5;

/// An export, and the trust file of its reader.
struct Export {
    text: Vec<u8>,
    trust: Trust,
    events: u64,
}

/// Records `events` events in one of the logs of many tenants, and in a log without tenants. Returns the events per second
/// at which their exports are verified.
pub(crate) fn verify(within: &Path, events: u64) -> Result<[f64; 2]> {
    let exports = [export_of_tenant(within, events)?, export_of_one_log(within, events)?];
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        for (export, rates) in exports.iter().zip(&mut rates) {
            rates.push(export.verify()?);
        }
    }
    Ok(rates.map(median))
}

impl Export {
    fn read(exporter: &Exporter, trust: Trust, events: u64) -> Result<Self> {
        let mut lines = exporter.plan(&Request::default(), &|| false)?.lines();
        let mut text = Vec::new();
        while let Some(mut piece) = lines.next_piece()? {
            text.append(&mut piece);
        }
        Ok(Self { text, trust, events })
    }

    #[allow(clippy::cast_precision_loss, reason = "figures are rounded for display")]
    fn verify(&self) -> Result<f64> {
        let start = Instant::now();
        let mut verifier = Verifier::new(Options { trust: self.trust.clone(), ..Options::default() });
        verifier.push(&self.text);
        let report = verifier.finish().report;
        let seconds = start.elapsed().as_secs_f64();
        ensure!(report.verdict == Verdict::Verified, "the verdict is {:?}", report.verdict);
        ensure!(report.counts.events == self.events, "the export has {} events", report.counts.events);
        Ok(self.events as f64 / seconds)
    }
}

/// Returns submissions of these events, in turns by each emitter.
fn submissions(
    events: u64,
    open: impl Fn(u8) -> Result<Emitter>,
) -> Result<impl Iterator<Item = Result<String>>> {
    let mut emitters = (0..EMITTERS).map(open).collect::<Result<Vec<_>>>()?;
    let count = events.div_ceil(SIZE);
    Ok((0..count).map(move |nth| {
        let at = usize::try_from(nth)? % emitters.len();
        emitters[at].submission(SIZE.min(events - nth * SIZE))
    }))
}

fn export_of_tenant(within: &Path, events: u64) -> Result<Export> {
    let folder = tempfile::tempdir_in(within)?;
    let mut log = RootLog::create(folder.path(), TENANTS, DEPTH)?;
    let (tenant, origin) = (log.tenants[0].0.clone(), log.tenants[0].1.origin().to_owned());
    let mut answers = Vec::new();
    for submission in submissions(events, |nth| Emitter::for_log(&origin, nth, nth.into()))? {
        answers.push(log.submit(0, parse(&submission?)?));
        if answers.len() as u64 * (SIZE + 1) > MAX_WAITING_EVENTS as u64 {
            log.tick();
            check(std::mem::take(&mut answers))?;
        }
    }
    log.tick();
    check(answers)?;
    let (entries, root) = (log.readers.log(tenant.number), log.readers.root());
    let ticks = TenantTicks::new(log.ticks.clone(), tenant.id);
    let history = log.readers.history(tenant.number, &tenant.id);
    let reader = Arc::new(TenantReader::new(entries, root, ticks, history));
    let exporter = Exporter::new(reader.clone(), origin.as_str(), Some(submissions::trust()?));
    let trust = [submissions::trust()?.to_text(), format!("origin {origin} 0\n").into_bytes()].concat();
    Export::read(&exporter.with_newest(reader), Trust::parse(&trust)?, events)
}

fn export_of_one_log(within: &Path, events: u64) -> Result<Export> {
    let folder = tempfile::tempdir_in(within)?;
    let mut log = one_log(folder.path())?;
    for submission in submissions(events, |nth| Emitter::open(nth, nth.into()))? {
        let (reply, answer) = oneshot::channel();
        log.work(Job::Submit { submission: parse(&submission?)?, reply }, &mut || None);
        check(vec![answer])?;
    }
    drop(log);
    let reader = sqlite::open(folder.path(), ORIGIN)?.reader;
    let exporter = Exporter::new(reader, ORIGIN, Some(submissions::trust()?));
    Export::read(&exporter, submissions::trust()?, events)
}
