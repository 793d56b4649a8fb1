//! Effects of floods by unauthorized clients on an honest emitter.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use countersign::note::SignerKey;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::load::{agent, post};
use crate::server::Server;
use crate::submissions::Emitter;

/// The number of events per honest submission: about 50 kB, and more than the size that is always accepted.
const SIZES: [u64; 2] = [64, 320];
/// The number of connections that a flood keeps open.
const CONNECTIONS: usize = 4_300;
/// The number of clients that send bodies concurrently.
const CLIENTS: usize = 16;
/// The number of clients that read concurrently.
const READERS: usize = 64;
/// The time a flood runs before the measurement starts.
const RAMP_UP: Duration = Duration::from_secs(3);
/// The time within which memory should be released after a flood.
const COOL_DOWN: Duration = Duration::from_secs(5);

/// The measurements of a flood: the 99th percentile in milliseconds of honest submissions of each size,
/// without and during the flood, and the bytes of memory during and after it.
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) quiet: [f64; 2],
    pub(crate) flooded: [f64; 2],
    pub(crate) memory: [u64; 2],
    /// The median time in milliseconds until a single body is rejected, for floods of bodies.
    pub(crate) refused: Option<f64>,
}

type Flood = fn(&str, &AtomicBool) -> Result<()>;
/// A function that creates the body of a flood that sends the same one repeatedly.
type MakeBody = fn() -> Result<Vec<u8>>;

const FLOODS: [(&str, Flood, Option<MakeBody>); 6] = [
    ("4,300 connections that drip", drip, None),
    ("connections beyond 4,300", connections, None),
    ("64 clients that read tiles", tiles, None),
    ("16 bodies of 16 MiB held open", hold, None),
    ("16 clients with 650 kB of gzip", |url, over| send(url, over, &unknown()?), Some(unknown)),
    ("16 clients with gzip of blanks", |url, over| send(url, over, &blank()?), Some(blank)),
];

/// Measures all floods, each on a new log, with this number of submissions of each size.
pub(crate) fn floods(program: &Path, within: &Path, submissions: usize) -> Result<Vec<Measured>> {
    // Room for the flood's connections, and a few more.
    let _ = rlimit::increase_nofile_limit(2 * CONNECTIONS as u64);
    FLOODS.iter().map(|flood| measure(program, within, submissions, *flood)).collect()
}

fn measure(
    program: &Path,
    within: &Path,
    submissions: usize,
    (name, flood, body): (&'static str, Flood, Option<MakeBody>),
) -> Result<Measured> {
    let folder = tempfile::tempdir_in(within)?;
    let server = Server::start(program, folder.path())?;
    let mut emitter = Emitter::open(0, 0)?;
    post(&agent(), &format!("{}/submit", server.url), &emitter.submission(0)?)?;
    let mut slow = || -> Result<[f64; 2]> {
        Ok([
            honest(&server.url, &mut emitter, SIZES[0], submissions)?,
            honest(&server.url, &mut emitter, SIZES[1], submissions)?,
        ])
    };
    slow()?;
    let quiet = slow()?;
    let refused = body.map(|body| refusal(&server.url, &body()?)).transpose()?;
    let over = AtomicBool::new(false);
    let (flooded, under) = thread::scope(|scope| {
        let (url, over) = (server.url.as_str(), &over);
        let flooding = scope.spawn(move || flood(url, over));
        thread::sleep(RAMP_UP);
        let measured = slow();
        let under = server.resident();
        over.store(true, Ordering::Relaxed);
        let flooded = flooding.join().map_err(|_| anyhow!("the flood panicked"))?;
        flooded.with_context(|| name)?;
        anyhow::Ok((measured?, under?))
    })?;
    thread::sleep(COOL_DOWN);
    Ok(Measured { name, quiet, flooded, memory: [under, server.resident()?], refused })
}

/// Returns the 99th percentile of the milliseconds that submissions take.
fn honest(url: &str, emitter: &mut Emitter, size: u64, submissions: usize) -> Result<f64> {
    let (agent, url) = (agent(), format!("{url}/submit"));
    let mut took = Vec::with_capacity(submissions);
    for _ in 0..submissions {
        let submission = emitter.submission(size)?;
        let sent = Instant::now();
        // The client retries if the server asks for it, and the time of retries counts.
        while let Err(error) = post(&agent, &url, &submission) {
            let again = sent.elapsed() < Duration::from_mins(1);
            if !again {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(5));
        }
        took.push(sent.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    Ok(took[took.len() * 99 / 100])
}

/// Returns the median of the milliseconds until a body is rejected.
fn refusal(url: &str, body: &[u8]) -> Result<f64> {
    let (agent, url) = (agent(), format!("{url}/submit"));
    let mut took = Vec::new();
    for _ in 0..101 {
        let sent = Instant::now();
        let answer = agent.post(&url).send(body)?;
        ensure!(answer.status().is_client_error(), "the server accepted the body of a flood");
        took.push(sent.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    Ok(took[took.len() / 2])
}

fn connect(url: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(url.strip_prefix("http://").context("a URL")?)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    Ok(stream)
}

/// Sends the head of a request with a body.
fn begin(url: &str) -> Result<TcpStream> {
    let mut stream = connect(url)?;
    stream.write_all(b"POST /submit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")?;
    Ok(stream)
}

/// Opens requests, and continues each with a byte every few seconds. Reopens those that the server closes.
#[allow(clippy::unnecessary_wraps, reason = "same signature as the other floods")]
fn drip(url: &str, over: &AtomicBool) -> Result<()> {
    let mut streams: Vec<Option<TcpStream>> = (0..CONNECTIONS).map(|_| begin(url).ok()).collect();
    while !over.load(Ordering::Relaxed) {
        for stream in &mut streams {
            if over.load(Ordering::Relaxed) {
                break;
            }
            if stream.as_mut().is_none_or(|stream| stream.write_all(b"\n").is_err()) {
                *stream = begin(url).ok();
            }
            // Each connection gets a byte every eight seconds.
            thread::sleep(Duration::from_secs(8) / CONNECTIONS as u32);
        }
    }
    Ok(())
}

/// Opens requests beyond the maximum number of connections, as fast as possible. Each client drops its oldest
/// request once it has more than its share.
#[allow(clippy::unnecessary_wraps, reason = "same signature as the other floods")]
fn connections(url: &str, over: &AtomicBool) -> Result<()> {
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut begun = VecDeque::new();
                while !over.load(Ordering::Relaxed) {
                    begun.extend(begin(url).ok());
                    if begun.len() > CONNECTIONS / CLIENTS {
                        begun.pop_front();
                    }
                }
            });
        }
    });
    Ok(())
}

/// Reads public resources from many clients.
#[allow(clippy::unnecessary_wraps, reason = "same signature as the other floods")]
fn tiles(url: &str, over: &AtomicBool) -> Result<()> {
    thread::scope(|scope| {
        for client in 0..READERS {
            scope.spawn(move || {
                let paths = ["tile/0/000", "checkpoint", "tile/entries/000", "healthz"];
                let (agent, url) = (agent(), format!("{url}/{}", paths[client % paths.len()]));
                while !over.load(Ordering::Relaxed) {
                    if let Ok(mut response) = agent.get(&url).call() {
                        let _ = response.body_mut().read_to_vec();
                    }
                }
            });
        }
    });
    Ok(())
}

/// Sends large bodies without their last byte. They start with published links of a known emitter.
fn hold(url: &str, over: &AtomicBool) -> Result<()> {
    let mut emitter = Emitter::open(0, 0)?;
    let mut body = emitter.submission(0)?;
    while body.len() < 15 << 20 {
        body.push_str(&emitter.submission(4_096)?);
    }
    // With the last byte, it has the maximum size that a log accepts.
    body.truncate((16 << 20) - 1);
    let head =
        format!("POST /submit HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len() + 1);
    let begin = || -> Result<TcpStream> {
        let mut stream = connect(url)?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    };
    let mut streams: Vec<Option<TcpStream>> = (0..CLIENTS).map(|_| begin().ok()).collect();
    let mut rises = true;
    while !over.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_secs(1));
        let mut held = 0;
        for stream in &mut streams {
            let ended = stream.as_mut().is_none_or(|stream| {
                !matches!(stream.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
            });
            held += usize::from(!ended);
            if ended && !over.load(Ordering::Relaxed) {
                *stream = begin().ok();
            }
        }
        // Later the server may drop all of them in favor of submissions.
        ensure!(!rises || 2 * held >= CLIENTS, "the server kept only {held} of {CLIENTS} bodies");
        rises = false;
    }
    Ok(())
}

/// Sends a body repeatedly, from several clients.
#[allow(clippy::unnecessary_wraps, reason = "same signature as the other floods")]
fn send(url: &str, over: &AtomicBool, body: &[u8]) -> Result<()> {
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let (agent, url) = (agent(), format!("{url}/submit"));
                while !over.load(Ordering::Relaxed) {
                    if let Ok(mut response) = agent.post(&url).send(body) {
                        let _ = response.body_mut().read_to_vec();
                    }
                }
            });
        }
    });
    Ok(())
}

fn gzip(bytes: &[u8], level: Compression) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// Creates a body signed by an unauthorized key.
fn unknown() -> Result<Vec<u8>> {
    let key = SignerKey::from_seed("example.net/stranger", [77; 32])?;
    let mut emitter = Emitter::with_key(key, 0, 0)?;
    let mut body = emitter.submission(0)?;
    while body.len() < 3 << 20 {
        body.push_str(&emitter.submission(4_096)?);
    }
    let mut packed = gzip(body.as_bytes(), Compression::default())?;
    packed.truncate(645 << 10);
    Ok(packed)
}

fn blank() -> Result<Vec<u8>> {
    gzip(&vec![b'\n'; 16 << 20], Compression::best())
}
