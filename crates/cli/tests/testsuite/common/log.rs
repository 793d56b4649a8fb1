//! Tiled logs in folders, and a server that can misbehave.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use countersign::checkpoint::Checkpoint;
use countersign::export::{Header, Item, Line};
use countersign::hash::Hash;
use countersign::merkle::{Bundle, CompactRange, TILE_WIDTH, Tile, leaf_hash};
use countersign::note::SignerKey;

/// Writes a log's tiles, bundles and checkpoint.
pub fn write(folder: &Path, leaves: &[Vec<u8>], checkpoint: &str) {
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let root = |first: u64, end: u64| {
        let mut tree = CompactRange::new();
        tree.extend(&hashes[place(first)..place(end)]);
        tree.root().unwrap()
    };
    let file = |path: &str, bytes: &[u8]| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for tile in Tile::grown(0, leaves.len() as u64) {
        let span = TILE_WIDTH.pow(tile.level.into());
        let first = tile.index * TILE_WIDTH;
        let roots = (first..first + u64::from(tile.width)).map(|n| root(n * span, (n + 1) * span).0);
        file(&tile.path(), &roots.flatten().collect::<Vec<u8>>());
    }
    for bundle in Bundle::grown(0, leaves.len() as u64) {
        let first = place(bundle.index * TILE_WIDTH);
        let leaves = &leaves[first..first + usize::from(bundle.width)];
        file(&bundle.path(), &Bundle::encode(leaves).unwrap());
    }
    file("checkpoint", checkpoint.as_bytes());
}

fn place(index: u64) -> usize {
    usize::try_from(index).unwrap()
}

/// Publishes the log of an export without skips, at its last checkpoint.
pub fn publish(folder: &Path, export: &str) {
    let mut lines = export.lines();
    Header::parse(lines.next().unwrap().as_bytes()).unwrap();
    let (mut leaves, mut last) = (Vec::new(), String::new());
    for line in lines {
        match Line::parse(line).unwrap().item {
            Item::Link { text, .. } | Item::Note { text, .. } => leaves.push(text.into_owned().into_bytes()),
            Item::Leaf(bytes) => leaves.push(bytes.clone()),
            Item::Checkpoint { text, .. } => last = text.into_owned(),
            Item::Skip { .. } => panic!("a skip"),
            Item::Head { .. } | Item::Anchor { .. } => panic!("a tenant log"),
        }
    }
    write(folder, &leaves, &last);
}

/// Creates a log of numbered opaque leaves; returns its key.
pub fn opaque(folder: &Path, origin: &str, size: u64) -> SignerKey {
    let key = SignerKey::from_seed(origin, [9; 32]).unwrap();
    let leaves: Vec<Vec<u8>> = (0..size).map(|n| format!("leaf {n}").into_bytes()).collect();
    let mut tree = CompactRange::new();
    tree.extend(&leaves.iter().map(|leaf| leaf_hash(leaf)).collect::<Vec<_>>());
    let checkpoint = Checkpoint::new(origin, size, tree.root().unwrap()).unwrap().sign(&key).unwrap();
    write(folder, &leaves, &checkpoint);
    key
}

/// A response instead of a file.
#[derive(Clone)]
pub struct Instead {
    pub status: u16,
    pub headers: String,
    pub body: Vec<u8>,
    /// The number of such responses before the file is served.
    pub times: usize,
}

/// A server of a folder's files, which runs until the process ends.
pub struct Server {
    pub url: String,
    /// The requested paths, and whether gzip was accepted.
    pub asked: Arc<Mutex<Vec<(String, bool)>>>,
}

/// Serves `folder`, with compressed entry bundles if the client accepts them.
pub fn serve(folder: PathBuf, instead: BTreeMap<String, Instead>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/log", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let instead = Arc::new(Mutex::new(instead));
    let seen = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (folder, seen, instead) = (folder.clone(), seen.clone(), instead.clone());
            thread::spawn(move || answer(&stream.unwrap(), &folder, &seen, &instead));
        }
    });
    Server { url, asked }
}

fn answer(
    stream: &TcpStream,
    folder: &Path,
    asked: &Mutex<Vec<(String, bool)>>,
    instead: &Mutex<BTreeMap<String, Instead>>,
) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap().to_owned();
    let path = path.strip_prefix("/log/").unwrap_or(&path).to_owned();
    let (mut gzip, mut length) = (false, 0);
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        gzip |= header.starts_with("accept-encoding:") && header.contains("gzip");
        length = header.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().unwrap());
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).unwrap();
    asked.lock().unwrap().push((path.clone(), gzip));
    let other = instead.lock().unwrap().get_mut(&path).filter(|other| other.times > 0).map(|other| {
        other.times -= 1;
        other.clone()
    });
    let (status, headers, body) = match other {
        Some(Instead { status, headers, body, .. }) => (status, headers, body),
        None => match fs::read(folder.join(&path)) {
            Ok(body) if gzip && path.contains("/entries/") => {
                (200, "Content-Encoding: gzip\r\n".to_owned(), super::gzip(&body))
            }
            Ok(body) => (200, String::new(), body),
            Err(_) => (404, String::new(), b"there is nothing\n".to_vec()),
        },
    };
    let length = body.len();
    let mut stream = stream;
    let head =
        format!("HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n");
    // The client may disconnect early.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}
