//! Log servers with false claims or endless responses: memory and time stay bounded, and the problem is
//! reported.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use countersign::checkpoint::Checkpoint;
use countersign::hash::Hash;
use countersign::merkle::{Bundle, CompactRange, TILE_WIDTH, Tile, leaf_hash, skips};
use countersign::note::SignerKey;
use serde_json::Value;

use crate::common::log::write;
use crate::common::process::DEADLINE;
use crate::common::{ORIGIN, Place};

const MAX_SIZE: u64 = (1 << 53) - 1;
const SIZES: [u64; 4] = [100_000_000, 10_000_000_000, 60_000_000_000, MAX_SIZE];
/// The address space for a command in KiB, about twice what the program needs.
const ADDRESS_SPACE: &str = "2000000";
const LEAF: &[u8] = b"the same leaf everywhere";

fn log_key() -> SignerKey {
    SignerKey::from_seed(ORIGIN, [1; 32]).unwrap()
}

/// Creates a place whose trust file has only the log.
fn place() -> Place {
    let place = Place::new();
    place.write("trust.txt", format!("log {}\n", log_key().verifier_key()));
    place
}

fn checkpoint(size: u64, root: Hash) -> String {
    Checkpoint::new(ORIGIN, size, root).unwrap().sign(&log_key()).unwrap()
}

/// Runs a command with limited memory.
fn limited(place: &Place, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -v {ADDRESS_SPACE}; exec \"$@\""), "sh"])
        .arg(assert_cmd::cargo::cargo_bin!("countersign"))
        .args(args)
        .current_dir(place.path(""))
        // Arenas reserve address space, not memory.
        .env("MALLOC_ARENA_MAX", "1")
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG");
    command
}

/// Checks a log once; returns the findings and the exit status.
fn check_log(place: &Place, args: &[&str]) -> (Vec<Value>, Option<i32>) {
    let args = [&["monitor"], args, &["--trust", "trust.txt", "--once", "--json"]].concat();
    let output = limited(place, &args).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (said.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), output.status.code())
}

fn codes(findings: &[Value]) -> Vec<&str> {
    let mut codes: Vec<&str> = findings.iter().filter_map(|finding| finding["code"].as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Serves responses from `answer`, and 404 otherwise.
fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/log", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), answer.clone());
            thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                if reader.read_line(&mut line).is_err() {
                    return;
                }
                let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {}
                answer(path.strip_prefix("/log/").unwrap_or(&path), &mut stream);
            });
        }
    });
    url
}

/// The client may disconnect early.
fn send(stream: &mut TcpStream, body: Option<&[u8]>) {
    let (status, body) = body.map_or((404, &b""[..]), |body| (200, body));
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

fn serve_folder(place: &Place) -> String {
    let folder = place.path("log");
    serve(move |path, stream| send(stream, fs::read(folder.join(path)).ok().as_deref()))
}

/// A log with `size` identical entries, which a server can generate.
struct Endless {
    size: u64,
    /// The root of a full tree of 2^level entries, by level.
    roots: Vec<Hash>,
}

impl Endless {
    fn new(size: u64) -> Self {
        let mut roots = vec![leaf_hash(LEAF)];
        for level in 0..52_u8 {
            let mut tree = CompactRange::new();
            tree.append_subtree(level, *roots.last().unwrap()).unwrap();
            tree.append_subtree(level, *roots.last().unwrap()).unwrap();
            roots.push(tree.root().unwrap());
        }
        Self { size, roots }
    }

    fn checkpoint(&self) -> String {
        let mut tree = CompactRange::new();
        for subtree in skips(0, self.size) {
            tree.append_subtree(subtree.level, self.roots[usize::from(subtree.level)]).unwrap();
        }
        checkpoint(self.size, tree.root().unwrap())
    }

    fn file(&self, path: &str) -> Option<Vec<u8>> {
        if path == "checkpoint" {
            return Some(self.checkpoint().into_bytes());
        }
        if let Ok(bundle) = Bundle::parse(path) {
            return Some(Bundle::encode(vec![LEAF; bundle.width.into()]).unwrap());
        }
        let tile = Tile::parse(path).ok()?;
        Some(self.roots[usize::from(tile.level) * 8].0.repeat(tile.width.into()))
    }
}

#[test]
fn a_claimed_size_uses_no_memory() {
    for size in SIZES {
        let place = place();
        fs::create_dir(place.path("log")).unwrap();
        place.write("log/checkpoint", checkpoint(size, Hash([7; 32])));
        let url = serve_folder(&place);
        for log in ["log", &url] {
            let _ = fs::remove_file(place.path("state.json"));
            for state in [&["--state", "state.json"][..], &["--pin", "pin.txt"], &[]] {
                let (findings, status) = check_log(&place, &[&[log], state].concat());
                assert_eq!((codes(&findings), status), (vec!["tile.missing"], Some(1)), "{size} {log}");
                assert_eq!(findings[0]["at"], "tile/entries/000");
            }
            let check = limited(&place, &["check", log, "--trust", "trust.txt", "--json"]).output().unwrap();
            let report: Value = serde_json::from_slice(&check.stdout).unwrap();
            assert_eq!((&report["verdict"], check.status.code()), (&"broken".into(), Some(1)));
        }
    }
}

#[test]
fn a_claimed_growth_uses_no_memory() {
    for size in SIZES {
        for (state, served) in [("--state", false), ("--state", true), ("--pin", false), ("--pin", true)] {
            let place = place();
            let leaves = vec![LEAF.to_vec(); 300];
            let small = Endless::new(300);
            write(&place.path("log"), &leaves, &small.checkpoint());
            let log = if served { serve_folder(&place) } else { "log".to_owned() };
            let args = [&*log, state, "kept"];
            let (findings, status) = check_log(&place, &args);
            assert_eq!((codes(&findings), status), (vec!["entry.opaque"], Some(0)));
            place.write("log/checkpoint", checkpoint(size, Hash([7; 32])));
            let (findings, status) = check_log(&place, &args);
            assert_eq!((codes(&findings), status), (vec!["tile.missing"], Some(1)), "{size} {args:?}");
            // The claim isn't stored, and the earlier state stays.
            write(&place.path("log"), &leaves, &small.checkpoint());
            assert_eq!(check_log(&place, &args).1, Some(0));
            // Another mirror's claim is no reason to read it.
            fs::create_dir(place.path("other")).unwrap();
            place.write("other/checkpoint", checkpoint(size, Hash([7; 32])));
            let (findings, _) = check_log(&place, &[&args[..], &["--also", "other"]].concat());
            assert!(codes(&findings).contains(&"append_only.behind"), "{findings:?}");
        }
    }
}

#[test]
fn reads_an_endless_log_in_steps() {
    let log = Endless::new(MAX_SIZE);
    let url = serve(move |path, stream| send(stream, log.file(path).as_deref()));
    let place = place();
    let (mut sizes, mut told) = (vec![0], false);
    // A busy machine may read nothing in such a short time.
    for _ in 0..100 {
        let (findings, status) = check_log(&place, &[&url, "--state", "state.json", "--timeout", "500ms"]);
        assert_eq!(status, Some(5), "{findings:?}");
        told |= codes(&findings).contains(&"log.unread");
        if !place.path("state.json").exists() {
            continue;
        }
        let state: Value = serde_json::from_str(&place.read("state.json")).unwrap();
        if let Some(size) = state["read"]["size"].as_u64() {
            assert!(size >= *sizes.last().unwrap(), "{size} {sizes:?}");
            sizes.push(size);
            sizes.dedup();
        }
        if sizes.len() > 3 {
            break;
        }
    }
    assert!(told && sizes.len() > 3, "{sizes:?}");
    assert!(sizes.iter().all(|size| size % TILE_WIDTH == 0));
}

#[test]
fn partially_read_entries_belong_to_the_signed_log() {
    // Each entry is there, but differs from its hash in the tiles.
    let log = Endless::new(MAX_SIZE);
    let url = serve(move |path, stream| {
        let changed = Bundle::parse(path)
            .ok()
            .map(|bundle| Bundle::encode(vec![&b"another leaf"[..]; bundle.width.into()]).unwrap());
        send(stream, changed.or_else(|| log.file(path)).as_deref());
    });
    let place = place();
    let found = (0..100).find_map(|_| {
        let (findings, status) = check_log(&place, &[&url, "--state", "state.json", "--timeout", "500ms"]);
        codes(&findings).contains(&"tile.hash").then_some(status)
    });
    assert_eq!(found, Some(Some(1)));
    let state: Value = serde_json::from_str(&place.read("state.json")).unwrap();
    assert_eq!((&state["pin"], &state["edge"]), (&Value::Null, &Value::Array(vec![])));
}

#[test]
fn reads_a_log_completely_in_parts() {
    // The first run gets the first bundles, and waits for the others until its timeout; the next run gets the rest.
    let size = 2_000;
    let log = Endless::new(size);
    let (open, gate) = (Arc::new(std::sync::atomic::AtomicBool::new(false)), Duration::from_mins(1));
    let opened = open.clone();
    let url = serve(move |path, stream| {
        let late = Bundle::parse(path).is_ok_and(|bundle| bundle.index >= 3);
        if late && !opened.load(std::sync::atomic::Ordering::SeqCst) {
            // Waits until the client disconnects.
            let _ = stream.set_read_timeout(Some(gate));
            let _ = stream.read(&mut [0]);
            return;
        }
        send(stream, log.file(path).as_deref());
    });
    let place = place();
    let args = [&*url, "--state", "state.json", "--timeout", "2s"];
    let read = (0..20).find_map(|_| {
        assert_eq!(check_log(&place, &args).1, Some(5));
        let state: Value = serde_json::from_str(&place.read("state.json")).unwrap();
        state["read"]["size"].as_u64()
    });
    assert_eq!(read, Some(3 * TILE_WIDTH));
    open.store(true, std::sync::atomic::Ordering::SeqCst);
    let status = (0..20).find_map(|_| check_log(&place, &args).1.filter(|status| *status != 5));
    assert_eq!(status, Some(0));
    let state: Value = serde_json::from_str(&place.read("state.json")).unwrap();
    assert_eq!(state["read"], Value::Null);
    assert!(state["pin"].as_str().unwrap().contains(&format!("\n{size}\n")));
}

/// Sends single bytes until the client disconnects.
fn drip(stream: &mut TcpStream, head: &str, body: &[u8]) {
    let mut bytes = head.bytes().chain(body.iter().copied()).chain(std::iter::repeat(b' '));
    while stream.write_all(&[bytes.next().unwrap()]).is_ok() {
        thread::sleep(Duration::from_millis(20));
    }
}

const DRIP_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";

/// Runs a monitor until it has printed a finding with each of these codes.
fn monitor_until(place: &Place, args: &[&str], codes: &[&str]) {
    let args = [&["monitor"], args, &["--trust", "trust.txt", "--every", "100ms", "--json"]].concat();
    let mut child = Killed(limited(place, &args).stdout(Stdio::piped()).spawn().unwrap());
    let (say, said) = std::sync::mpsc::channel();
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    thread::spawn(move || lines.map_while(Result::ok).for_each(|line| _ = say.send(line)));
    let (begun, mut missing, mut heard) = (Instant::now(), codes.to_vec(), Vec::new());
    while !missing.is_empty() {
        let left = DEADLINE.saturating_sub(begun.elapsed());
        let line = said.recv_timeout(left).unwrap_or_else(|_| panic!("{missing:?} not found: {heard:?}"));
        let finding: Value = serde_json::from_str(&line).unwrap();
        missing.retain(|code| finding["code"] != **code);
        heard.push(line);
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_slow_server_is_unreachable_and_silent() {
    let quiet = ["--silence", "1s", "--timeout", "2s"];
    // Slow from the first byte.
    let url = serve(|_, stream| drip(stream, DRIP_HEAD, b""));
    monitor_until(&place(), &[&[&*url], &quiet[..]].concat(), &["log.silent", "log.unreachable"]);
    let url = serve(|_, stream| drip(stream, "", DRIP_HEAD.as_bytes()));
    monitor_until(&place(), &[&[&*url], &quiet[..]].concat(), &["log.silent", "log.unreachable"]);

    // The checkpoint is fast, but the entries are slow.
    let log = Endless::new(MAX_SIZE);
    let url = serve(move |path, stream| match path {
        "checkpoint" => send(stream, log.file(path).as_deref()),
        _ => drip(stream, DRIP_HEAD, b""),
    });
    monitor_until(&place(), &[&[&*url], &quiet[..]].concat(), &["log.silent", "log.unreachable"]);
}

#[test]
fn reports_silence_during_a_check() {
    // No check ends before the test.
    let url = serve(|_, stream| drip(stream, DRIP_HEAD, b""));
    monitor_until(&place(), &[&url, "--silence", "1s", "--timeout", "1h"], &["log.silent"]);
}

#[test]
fn a_slow_mirror_does_not_block_checks() {
    let place = place();
    write(&place.path("log"), &vec![LEAF.to_vec(); 300], &Endless::new(300).checkpoint());
    let url = serve(|_, stream| drip(stream, DRIP_HEAD, b""));
    let args = ["log", "--also", &url, "--timeout", "1s"];
    monitor_until(&place, &args, &["also.unreachable", "entry.opaque"]);
}
