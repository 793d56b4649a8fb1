//! Growth of a log: the server's memory, and the time of an export and of a restart.

use std::io::Read as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use memchr::memchr_iter;

use crate::load::{agent, post};
use crate::server::{Server, TOKEN};
use crate::submissions::Emitter;

/// The number of events per submission.
const SUBMISSION: u64 = 4_096;
/// The percentages of the growth at which memory is measured.
const CHECKPOINT_PERCENTS: [u64; 3] = [10, 50, 100];
/// The maximum number of exported events.
const MAX_EXPORTED: u64 = 1_000_000;

/// The measurements.
pub(crate) struct Measured {
    /// The number of links and the bytes of memory at each measurement.
    pub(crate) memory: [(u64, u64); 3],
    /// Events per second, submitted [`SUBMISSION`] at a time by one emitter, including its own work.
    pub(crate) growth: f64,
    /// Events per second of `GET /export`.
    pub(crate) export: f64,
    /// Seconds from a restart after a kill to the first healthy response.
    pub(crate) start: f64,
}

/// Grows a log to about this number of links.
#[allow(clippy::cast_precision_loss, reason = "figures are rounded for display")]
pub(crate) fn grow(program: &Path, folder: &Path, links: u64) -> Result<Measured> {
    let server = Server::start(program, folder)?;
    let start = Instant::now();
    let mut size = 0;
    let mut memory = [(0, 0); CHECKPOINT_PERCENTS.len()];
    thread::scope(|scope| -> Result<()> {
        // Prepare the next submission while the previous one is being sent.
        let (ready, submissions) = mpsc::sync_channel(2);
        let emitter = scope.spawn(move || -> Result<()> {
            let mut emitter = Emitter::open(0, 0)?;
            // Ends when the receiver is dropped.
            while ready.send(emitter.submission(SUBMISSION)?).is_ok() {}
            Ok(())
        });
        let (agent, url) = (agent(), format!("{}/submit", server.url));
        for (percent, memory) in CHECKPOINT_PERCENTS.iter().zip(&mut memory) {
            while size < links * percent / 100 {
                let Ok(submission) = submissions.recv() else { break };
                post(&agent, &url, &submission)?;
                size += SUBMISSION;
            }
            *memory = (size, server.resident()?);
        }
        drop(submissions);
        emitter.join().map_err(|_| anyhow!("the emitter panicked"))?
    })?;
    let growth = size as f64 / start.elapsed().as_secs_f64();
    let export = export(&server, size.min(MAX_EXPORTED))?;
    drop(server);
    let start = Server::time_to_start(program, folder)?.as_secs_f64();
    Ok(Measured { memory, growth, export, start })
}

/// Reads an export of the first `leaves` entries, and returns events per second.
#[allow(clippy::cast_precision_loss, reason = "figures are rounded for display")]
fn export(server: &Server, leaves: u64) -> Result<f64> {
    let start = Instant::now();
    let mut response = ureq::get(format!("{}/export?from=0&to={leaves}", server.url))
        .header("Authorization", format!("Bearer {TOKEN}"))
        .call()?;
    let mut reader = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 16];
    let mut lines = 0;
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        lines += memchr_iter(b'\n', &buffer[..read]).count() as u64;
    }
    let seconds = start.elapsed().as_secs_f64();
    ensure!(lines > leaves, "the export has {lines} lines for {leaves} leaves");
    Ok(leaves as f64 / seconds)
}
