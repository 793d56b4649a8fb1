//! What an honest emitter notices of floods from people who may not write.

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

/// How many events an honest submission has: some 50 kB, and more than every submission may hold anyway.
const SIZES: [u64; 2] = [64, 320];
/// How many connections are dripped into.
const CONNECTIONS: usize = 4_300;
/// How many clients send bodies at the same time.
const CLIENTS: usize = 16;
/// How many clients read at the same time.
const READERS: usize = 64;
/// How long a flood rises before it is measured under it.
const RISE: Duration = Duration::from_secs(3);
/// How long memory has to be given back.
const REST: Duration = Duration::from_secs(5);

/// A flood, the milliseconds of the 99th hundredth of honest submissions without it and under it, of each size, and the
/// bytes of memory under it and after it.
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) quiet: [f64; 2],
    pub(crate) flooded: [f64; 2],
    pub(crate) memory: [u64; 2],
    /// The median of the milliseconds in which one body alone is refused, where bodies are.
    pub(crate) refused: Option<f64>,
}

type Flood = fn(&str, &AtomicBool) -> Result<()>;
/// What a flood sends, where it sends the same again and again.
type Packed = fn() -> Result<Vec<u8>>;

const FLOODS: [(&str, Flood, Option<Packed>); 6] = [
    ("4,300 connections that drip", drip, None),
    ("connections beyond 4,300", connections, None),
    ("64 clients that read tiles", tiles, None),
    ("16 bodies of 16 MiB held open", hold, None),
    ("16 clients with 650 kB of gzip", |url, over| send(url, over, &unknown()?), Some(unknown)),
    ("16 clients with gzip of blanks", |url, over| send(url, over, &blank()?), Some(blank)),
];

/// Measures all of them, each on a log of its own, with so many submissions of each size.
pub(crate) fn floods(program: &Path, within: &Path, submissions: usize) -> Result<Vec<Measured>> {
    // The connections of the flood, beside a few.
    let _ = rlimit::increase_nofile_limit(2 * CONNECTIONS as u64);
    FLOODS.iter().map(|flood| measure(program, within, submissions, *flood)).collect()
}

fn measure(
    program: &Path,
    within: &Path,
    submissions: usize,
    (name, flood, packed): (&'static str, Flood, Option<Packed>),
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
    let refused = packed.map(|packed| refusal(&server.url, &packed()?)).transpose()?;
    let over = AtomicBool::new(false);
    let (flooded, under) = thread::scope(|scope| {
        let (url, over) = (server.url.as_str(), &over);
        let flooding = scope.spawn(move || flood(url, over));
        thread::sleep(RISE);
        let measured = slow();
        let under = server.resident();
        over.store(true, Ordering::Relaxed);
        let flooded = flooding.join().map_err(|_| anyhow!("the flood panicked"))?;
        flooded.with_context(|| name)?;
        anyhow::Ok((measured?, under?))
    })?;
    thread::sleep(REST);
    Ok(Measured { name, quiet, flooded, memory: [under, server.resident()?], refused })
}

/// The 99th hundredth of the milliseconds that submissions take.
fn honest(url: &str, emitter: &mut Emitter, size: u64, submissions: usize) -> Result<f64> {
    let (agent, url) = (agent(), format!("{url}/submit"));
    let mut took = Vec::with_capacity(submissions);
    for _ in 0..submissions {
        let submission = emitter.submission(size)?;
        let sent = Instant::now();
        // Who is told to come again does so, and that counts.
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

/// The median of the milliseconds in which a body is refused.
fn refusal(url: &str, body: &[u8]) -> Result<f64> {
    let (agent, url) = (agent(), format!("{url}/submit"));
    let mut took = Vec::new();
    for _ in 0..101 {
        let sent = Instant::now();
        let answer = agent.post(&url).send(body)?;
        ensure!(answer.status().is_client_error(), "it was not refused");
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

/// Begins a request whose body is to come.
fn begin(url: &str) -> Result<TcpStream> {
    let mut stream = connect(url)?;
    stream.write_all(b"POST /submit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")?;
    Ok(stream)
}

/// Begins requests, and goes on with each by a byte every few seconds. Who is put out comes again.
#[allow(clippy::unnecessary_wraps, reason = "as the other floods")]
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
            // All of them once in eight seconds.
            thread::sleep(Duration::from_secs(8) / CONNECTIONS as u32);
        }
    }
    Ok(())
}

/// Begins requests on connections for which there is no room any more, as fast as they are taken. Each stays until as many
/// were begun after it as there are in all.
#[allow(clippy::unnecessary_wraps, reason = "as the other floods")]
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

/// Reads what everybody may, from many clients.
#[allow(clippy::unnecessary_wraps, reason = "as the other floods")]
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

/// Sends all of large bodies but their ends, of which the beginning is somebody's whom the log knows: published links.
fn hold(url: &str, over: &AtomicBool) -> Result<()> {
    let mut emitter = Emitter::open(0, 0)?;
    let mut body = emitter.submission(0)?;
    while body.len() < 15 << 20 {
        body.push_str(&emitter.submission(4_096)?);
    }
    // With its end it is as large as a log takes.
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
        // Later they make way for submissions, all of them if need be.
        ensure!(!rises || 2 * held >= CLIENTS, "the server held {held} bodies of {CLIENTS}");
        rises = false;
    }
    Ok(())
}

/// Sends a body again and again, from several clients.
#[allow(clippy::unnecessary_wraps, reason = "as the other floods")]
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

/// What a key brings that nobody authorized.
fn unknown() -> Result<Vec<u8>> {
    let key = SignerKey::generate("example.net/stranger", [77; 32])?;
    let mut emitter = Emitter::of(key, 0, 0)?;
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
