//! A log that grows large: the server's memory meanwhile, what an export takes, and what a start takes.

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

/// The events of one submission.
const SUBMISSION: u64 = 4_096;
/// At how many hundredths of the growth memory is looked at.
const LOOKS: [u64; 3] = [10, 50, 100];
/// How many events are exported, at most.
const EXPORTED: u64 = 1_000_000;

/// What is measured.
pub(crate) struct Measured {
    /// The links that the log has at each look, and the bytes of memory.
    pub(crate) memory: [(u64, u64); 3],
    /// Events a second, submitted [`SUBMISSION`] at a time by one emitter, its own work included.
    pub(crate) growth: f64,
    /// Events a second of `GET /export`.
    pub(crate) export: f64,
    /// Seconds from a start, after a kill, to the first healthy answer.
    pub(crate) start: f64,
}

/// Grows a log to about so many links.
#[allow(clippy::cast_precision_loss, reason = "figures are for people")]
pub(crate) fn grow(program: &Path, folder: &Path, links: u64) -> Result<Measured> {
    let server = Server::start(program, folder)?;
    let start = Instant::now();
    let mut size = 0;
    let mut memory = [(0, 0); LOOKS.len()];
    thread::scope(|scope| -> Result<()> {
        // The next submission is made while the one before is on its way.
        let (ready, submissions) = mpsc::sync_channel(2);
        let emitter = scope.spawn(move || -> Result<()> {
            let mut emitter = Emitter::open(0, 0)?;
            // The one who sends ends when he has enough.
            while ready.send(emitter.submission(SUBMISSION)?).is_ok() {}
            Ok(())
        });
        let (agent, url) = (agent(), format!("{}/submit", server.url));
        for (look, memory) in LOOKS.iter().zip(&mut memory) {
            while size < links * look / 100 {
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
    let export = export(&server, size.min(EXPORTED))?;
    drop(server);
    let start = Server::time_to_start(program, folder)?.as_secs_f64();
    Ok(Measured { memory, growth, export, start })
}

/// Reads an export of the first so many leaves, and gives the events a second.
#[allow(clippy::cast_precision_loss, reason = "figures are for people")]
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
