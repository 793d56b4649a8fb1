//! HTTPS destinations: server certificates and client certificates.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use predicates::prelude::*;
use predicates::str::contains;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::common::Place;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Creates a certificate for this name, and its key, as PEM.
fn certified(by: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.signed_by(&key, by).unwrap().pem(), key.serialize_pem())
}

/// A received request: the client's certificate, and the number of bytes.
type Received = (CertificateDer<'static>, usize);

/// Starts a server that accepts only clients with a certificate from this authority.
fn receiver(authority: &Authority) -> (String, Receiver<Received>) {
    let provider = countersign_tls::provider();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let (certificate, key) = certified(authority, "localhost");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/in", listener.local_addr().unwrap().port());
    let (taken, takes) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            if let Some(request) = serve(&mut stream) {
                taken.send(request).unwrap();
            }
            // Unread data at close would hide the reason from the client.
            let _ = stream.sock.shutdown(Shutdown::Write);
            let _ = std::io::copy(&mut stream.sock, &mut std::io::sink());
        }
    });
    (url, takes)
}

fn serve(stream: &mut StreamOwned<ServerConnection, TcpStream>) -> Option<Received> {
    let mut reader = BufReader::new(&mut *stream);
    let mut length = 0;
    for line in reader.by_ref().lines() {
        let line = line.ok()?.to_ascii_lowercase();
        if let Some(of) = line.strip_prefix("content-length: ") {
            length = of.parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = b"HTTP/1.1 202 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(answer).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()?;
    let certificate = stream.conn.peer_certificates()?.first()?.clone().into_owned();
    Some((certificate, length))
}

/// Runs a feed until it prints why records are not accepted, and returns that.
pub(super) fn why(place: &Place, args: &[&str]) -> String {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("countersign"))
        .current_dir(place.path(""))
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .find(|line| line.contains("doesn't accept records"));
    child.kill().unwrap();
    child.wait().unwrap();
    said.unwrap()
}

#[test]
fn mutual_tls() {
    let place = Place::new();
    place.sealed(6);
    let (ours, others) = (authority(), authority());
    let (certificate, key) = certified(&ours, "feed.example");
    let (stranger, strangers_key) = certified(&others, "feed.example");
    for (name, text) in [
        ("ca.pem", ours.pem()),
        ("other-ca.pem", others.pem()),
        ("client.pem", certificate.clone()),
        ("client.key", key),
        ("stranger.pem", stranger),
        ("stranger.key", strangers_key),
        ("hook.key", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n".into()),
    ] {
        place.write(name, text);
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(place.path(name), permissions).unwrap();
    }
    let (url, takes) = receiver(&ours);
    let args = |destination: &[&str], more: &[&str]| -> Vec<String> {
        let base = ["feed", "audit.ndjson", "--trust", "trust.txt", "--address", &url, "--destination"];
        [&base[..], destination, more].concat().into_iter().map(str::to_owned).collect()
    };
    let known = ["--ca", "ca.pem", "--client-certificate", "client.pem", "--client-key", "client.key"];
    let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    for (destination, requests) in [
        (&["http", "--to", "ecs"][..], 1),
        (&["otlp", "--to", "otlp"], 1),
        (&["splunk", "--to", "ndjson"], 1),
        (&["webhook", "--to", "cloudevents", "--webhook-key", "hook.key"], 6),
    ] {
        let args = args(destination, &known);
        place
            .run(&args.iter().map(String::as_str).collect::<Vec<_>>())
            .success()
            .stderr(contains("6 records sent"));
        for _ in 0..requests {
            let (by, bytes) = takes.recv_timeout(std::time::Duration::from_mins(1)).unwrap();
            assert!(by == der && bytes > 0, "{destination:?}");
        }
    }
    // Clients without a certificate from this authority are rejected; servers with another certificate get nothing.
    for (more, says) in [
        (&known[..2], "alert"),
        (
            &["--ca", "ca.pem", "--client-certificate", "stranger.pem", "--client-key", "stranger.key"],
            "alert",
        ),
        (
            &["--ca", "other-ca.pem", "--client-certificate", "client.pem", "--client-key", "client.key"],
            "certificate",
        ),
    ] {
        let args = args(&["http", "--to", "ecs"], more);
        let said = why(&place, &args.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(said.contains(says) && !said.contains("/in"), "{more:?}: {said}");
    }
    assert!(takes.try_recv().is_err());
    // Invalid certificate files are rejected at startup.
    for (more, file) in [
        (
            ["--ca", "trust.txt", "--client-certificate", "client.pem", "--client-key", "client.key"],
            "trust.txt",
        ),
        (["--ca", "ca.pem", "--client-certificate", "trust.txt", "--client-key", "client.key"], "trust.txt"),
        (["--ca", "ca.pem", "--client-certificate", "client.pem", "--client-key", "ca.pem"], "client.pem"),
    ] {
        let args = args(&["http", "--to", "ecs"], &more);
        place
            .run(&args.iter().map(String::as_str).collect::<Vec<_>>())
            .code(2)
            .stderr(contains("tls.invalid").and(contains(file)).and(contains("hint:")));
    }
}
