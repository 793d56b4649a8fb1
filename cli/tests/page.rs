//! `serve --page`: a page beside the log.

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use common::Place;
use predicates::prelude::*;

/// A server that is killed when the test ends, and where it listens.
struct Serving(Child, String);

impl Serving {
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

    /// The head and the body of the answer to a request for `/`.
    fn root(&self) -> (String, String) {
        let mut stream = TcpStream::connect(&self.1).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_page_is_served_beside_the_log() {
    let place = Place::new();
    place.write("page.html", "<!doctype html>\n<p>été</p>\n");
    let (head, body) = Serving::start(&place, &["--page", "page.html"]).root();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("\r\ncontent-type: text/html; charset=utf-8"), "{head}");
    assert!(head.contains("\r\ncontent-security-policy: frame-ancestors 'none'"), "{head}");
    assert_eq!(body, place.read("page.html"));
}

#[test]
fn without_a_page_the_log_says_what_it_is() {
    let place = Place::new();
    let (head, body) = Serving::start(&place, &[]).root();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("\r\ncontent-type: text/plain"), "{head}");
    assert!(body.starts_with("countersign: the log log.example/audit."), "{body}");
}

#[test]
fn a_page_that_is_not_there_is_said_at_once() {
    let place = Place::new();
    place
        .run(&["serve", "--dir", "log", "--key", "log.key", "--listen", "127.0.0.1:0", "--page", "none.html"])
        .code(2)
        .stderr(predicate::str::contains("error[io.not_found]: none.html"));
}
