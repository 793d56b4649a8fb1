//! The page at `/` of `countersign serve`: the console, another page, or none.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use flate2::read::GzDecoder;
use predicates::prelude::*;

use crate::common::Place;

/// A server that is killed when the test ends, and its address.
struct PageServer(Child, String);

impl PageServer {
    fn start(place: &Place, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .current_dir(place.path("."))
            .args(["serve", "--dir", "log", "--key", "log.key", "--listen", "127.0.0.1:0"])
            .args(more)
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.find(|line| line.as_ref().unwrap().contains(" listens on ")).unwrap().unwrap();
        let address = line.split_once("http://").unwrap().1.to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self(child, address)
    }

    /// Returns the head and body of the response for `/`.
    fn root(&self) -> (String, String) {
        let (head, body) = self.get_with("");
        (head, String::from_utf8(body).unwrap())
    }

    /// Requests `/` with additional header lines.
    fn get_with(&self, headers: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.1).unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        (head.to_ascii_lowercase(), answer[end + 4..].to_vec())
    }
}

impl Drop for PageServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn serves_a_page_next_to_the_log() {
    let place = Place::new();
    place.write("page.html", "<!doctype html>\n<p>été</p>\n");
    let (head, body) = PageServer::start(&place, &["--page", "page.html"]).root();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("\r\ncontent-type: text/html; charset=utf-8"), "{head}");
    assert!(head.contains("\r\ncontent-security-policy: frame-ancestors 'none'"), "{head}");
    assert_eq!(body, place.read("page.html"));
}

/// The console is embedded if it was built; otherwise there are instructions.
#[test]
fn serves_the_console() {
    let place = Place::new();
    let serving = PageServer::start(&place, &[]);
    let (head, body) = serving.root();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("\r\ncontent-type: text/html; charset=utf-8"), "{head}");
    assert!(head.contains("\r\ncache-control: no-cache"), "{head}");
    assert!(body.starts_with("<!doctype html>") && body.contains("countersign"), "{body}");
    // The page restricts its own sources and connections.
    let policy = body.split_once("http-equiv=\"Content-Security-Policy\" content=\"").unwrap().1;
    let policy = policy.split_once('"').unwrap().0;
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("http") && !policy.contains('*'), "{policy}");

    let (head, packed) = serving.get_with("Accept-Encoding: gzip\r\n");
    assert!(head.contains("\r\ncontent-encoding: gzip"), "{head}");
    let mut unpacked = String::new();
    GzDecoder::new(&*packed).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, body);
    let tag = head.split_once("\r\netag: ").unwrap().1.split("\r\n").next().unwrap();
    // Entity tags are compared literally.
    let (head, again) = serving.get_with("If-None-Match: *\r\n");
    assert!(head.starts_with("http/1.1 304 ") && again.is_empty() && tag.len() > 40, "{head}");
}

#[test]
fn describes_the_log_without_a_page() {
    let place = Place::new();
    let (head, body) = PageServer::start(&place, &["--no-page"]).root();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("\r\ncontent-type: text/plain"), "{head}");
    assert!(body.starts_with("countersign: the log log.example/audit."), "{body}");
}

#[test]
fn rejects_page_with_no_page() {
    Place::new().run(&["serve", "--page", "page.html", "--no-page"]).code(2);
}

#[test]
fn reports_a_missing_page_at_startup() {
    let place = Place::new();
    place
        .run(&["serve", "--dir", "log", "--key", "log.key", "--listen", "127.0.0.1:0", "--page", "none.html"])
        .code(2)
        .stderr(predicate::str::contains("error[io.not_found]: none.html"));
}
