//! Tests of Unix sockets and TLS.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use countersign::log::Limits;
use countersign_log_server::server::{Bounds, Tls, TlsError};
use reqwest::Certificate;
use reqwest::blocking::Client;
use tempfile::TempDir;

use crate::common::server::{Answer, Server, until_closed};

/// The two files of a certificate, renewed on request.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> (Self, Certificate) {
        let files = Self { folder: TempDir::new().unwrap() };
        let certificate = files.renew();
        (files, certificate)
    }

    fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn renew(&self) -> Certificate {
        let generated = rcgen::generate_simple_self_signed(["log.example".to_owned()]).unwrap();
        fs::write(self.cert(), generated.cert.pem()).unwrap();
        fs::write(self.key(), generated.signing_key.serialize_pem()).unwrap();
        Certificate::from_pem(generated.cert.pem().as_bytes()).unwrap()
    }

    fn load(&self) -> Result<Tls, TlsError> {
        Tls::load(&self.cert(), &self.key())
    }
}

fn encrypted(bounds: Bounds) -> (Server, Arc<Tls>, Files, Certificate) {
    let (files, certificate) = Files::new();
    let tls = Arc::new(files.load().unwrap());
    let mut server = Server::with("", Limits::default(), bounds);
    server.tls = Some(tls.clone());
    server.begin();
    (server, tls, files, certificate)
}

/// Returns a client that trusts only that certificate.
fn client(server: &Server, certificate: &Certificate) -> Client {
    let builder = countersign_tls::blocking_http_client().tls_certs_only([certificate.clone()]);
    builder.resolve("log.example", server.address()).build().unwrap()
}

fn status(client: &Client, server: &Server) -> Result<u16, reqwest::Error> {
    let url = format!("https://log.example:{}/healthz", server.address().port());
    client.get(url).send().and_then(|answer| {
        let status = answer.status().as_u16();
        // Reads everything, so that the connection can be reused.
        answer.bytes().map(|_| status)
    })
}

#[test]
fn renewed_certificate_applies_to_new_connections() {
    let (server, tls, files, first) = encrypted(Bounds::default());
    let before = client(&server, &first);
    assert_eq!(status(&before, &server).unwrap(), 200);
    let second = files.renew();
    tls.reload().unwrap();
    assert_eq!(status(&before, &server).unwrap(), 200, "the open connection continues");
    assert_eq!(status(&client(&server, &second), &server).unwrap(), 200);
    assert!(status(&client(&server, &first), &server).unwrap_err().is_connect());
}

#[test]
fn failed_reload_keeps_the_certificate() {
    let (server, tls, files, first) = encrypted(Bounds::default());
    let key = fs::read(files.key()).unwrap();
    files.renew();
    fs::write(files.key(), key).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Unusable { .. })));
    fs::remove_file(files.key()).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Io { .. })));
    assert_eq!(status(&client(&server, &first), &server).unwrap(), 200);
}

#[test]
fn names_invalid_certificate_files() {
    let (files, _) = Files::new();
    let key = fs::read_to_string(files.key()).unwrap();
    fs::write(files.cert(), &key).unwrap();
    let message_for = |path: &Path, error: TlsError| match error {
        TlsError::Malformed { path: found, message } => {
            assert_eq!(found, path);
            message
        }
        error => panic!("{error}"),
    };
    assert!(message_for(&files.cert(), files.load().unwrap_err()).contains("no certificate"));
    files.renew();
    fs::write(files.key(), "").unwrap();
    assert!(message_for(&files.key(), files.load().unwrap_err()).contains("no private key"));
    let secret = key.lines().nth(1).unwrap();
    fs::write(files.key(), format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END {secret}")).unwrap();
    assert!(!message_for(&files.key(), files.load().unwrap_err()).contains(&secret[..8]));
}

#[test]
fn disconnects_clients_without_a_handshake() {
    let bounds = Bounds { head: Duration::from_millis(200), ..Bounds::default() };
    let (server, _, _, certificate) = encrypted(bounds);
    let mut silent = server.connect();
    assert_eq!(until_closed(&mut silent), b"");
    assert!(!server.raw(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").starts_with(b"HTTP"));
    assert_eq!(status(&client(&server, &certificate), &server).unwrap(), 200);
}

#[test]
fn stopping_server_does_not_wait_for_handshakes() {
    let bounds =
        Bounds { head: Duration::from_hours(1), grace: Duration::from_hours(1), ..Bounds::default() };
    let (mut server, _, _, certificate) = encrypted(bounds);
    let _silent = server.connect();
    // Later connections are accepted later, so the silent one has been accepted by now.
    assert_eq!(status(&client(&server, &certificate), &server).unwrap(), 200);
    server.stop();
}

#[cfg(unix)]
mod unix {
    use super::*;

    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};

    use countersign_log_server::serve::StartError;
    use countersign_log_server::server::Address;

    fn socket(folder: &TempDir) -> PathBuf {
        folder.path().join("log.sock")
    }

    fn ask(path: &Path, host: &str) -> u16 {
        let mut stream = UnixStream::connect(path).unwrap();
        write!(stream, "GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        Answer::parse(&answer).status
    }

    #[test]
    fn socket_is_for_owner_and_group_and_is_removed() {
        let (folder, mut server) = (TempDir::new().unwrap(), Server::start());
        let path = socket(&folder);
        server.listen = Address::Unix(path.clone());
        server.begin();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert_eq!((ask(&path, "localhost"), ask(&path, "evil.example")), (200, 421));
        server.stop();
        assert!(!path.exists());
    }

    #[test]
    fn replaces_a_stale_socket_and_nothing_else() {
        let (folder, mut server) = (TempDir::new().unwrap(), Server::start());
        let path = socket(&folder);
        server.listen = Address::Unix(path.clone());
        drop(UnixListener::bind(&path).unwrap());
        server.begin();
        assert_eq!(ask(&path, "localhost"), 200);

        let fails = |other: &mut Server| {
            other.listen = Address::Unix(path.clone());
            matches!(other.try_begin(), Err(StartError::Listen(_)))
        };
        assert!(fails(&mut Server::start()), "another server listens on it");
        assert_eq!(ask(&path, "localhost"), 200);
        server.stop();
        fs::write(&path, "kept").unwrap();
        assert!(fails(&mut Server::start()), "the file isn't a socket");
        assert_eq!(fs::read(&path).unwrap(), b"kept");
    }
}
