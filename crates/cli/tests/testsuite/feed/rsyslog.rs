//! Debian's rsyslog as a destination for syslog over TLS.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use predicates::str::contains;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::fed;
use crate::common::Place;

const RSYSLOGD: &str = "/usr/sbin/rsyslogd";

/// A running rsyslog, which is stopped when dropped.
struct Rsyslog {
    child: Child,
    address: String,
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Rsyslog {
    /// Returns whether rsyslog is installed, with TLS support.
    fn is_there() -> bool {
        let parts =
            ["/usr/lib/x86_64-linux-gnu/rsyslog", "/usr/lib/aarch64-linux-gnu/rsyslog", "/usr/lib/rsyslog"];
        let is_there = Path::new(RSYSLOGD).exists()
            && parts.iter().any(|folder| Path::new(folder).join("lmnsd_gtls.so").exists());
        if !is_there {
            assert!(
                std::env::var_os("CI").is_none(),
                "no rsyslog: install Debian's rsyslog and rsyslog-gnutls"
            );
            eprintln!("skipped: there is no rsyslog with GnuTLS (Debian's rsyslog and rsyslog-gnutls)");
        }
        is_there
    }

    /// Starts one that writes parsed messages to `received`.
    fn start(place: &Place) -> Self {
        let authority = {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
        };
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        place.write("server.pem", params.signed_by(&key, &authority).unwrap().pem());
        place.write("server.key", key.serialize_pem());
        place.write("ca.pem", authority.pem());
        let path = |name: &str| place.path(name).display().to_string();
        let config = format!(
            r#"global(workDirectory="{work}" maxMessageSize="64k" processInternalMessages="off"
  defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{ca}"
  defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="parsed" type="string" string="%hostname% %app-name% %msgid% %structured-data% %msg%\n")
ruleset(name="all") {{ action(type="omfile" file="{received}" template="parsed" ioBufferSize="4k" flushOnTXEnd="on") }}
input(type="imtcp" port="0" listenPortFileName="{port}" address="127.0.0.1" ruleset="all")
"#,
            work = path(""),
            ca = path("ca.pem"),
            certificate = path("server.pem"),
            key = path("server.key"),
            received = path("received"),
            port = path("port"),
        );
        place.write("rsyslog.conf", config);
        let mut child = Command::new(RSYSLOGD)
            .args(["-n", "-f", &path("rsyslog.conf"), "-i", &path("rsyslog.pid")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let port = loop {
            match std::fs::read_to_string(place.path("port"))
                .ok()
                .and_then(|text| text.trim().parse::<u16>().ok())
            {
                Some(port) => break port,
                None => assert!(child.try_wait().unwrap().is_none(), "rsyslog ended"),
            }
            std::thread::yield_now();
        };
        Self { child, address: format!("localhost:{port}") }
    }
}

#[test]
fn rsyslog_receives_all_records_over_tls() {
    if !Rsyslog::is_there() {
        return;
    }
    let place = Place::new();
    place.sealed(40);
    let rsyslog = Rsyslog::start(&place);
    let expected = fed(&place, &["--to", "syslog"]);
    let destination = |ca: &str| -> Vec<String> {
        let args = [
            "feed",
            "audit.ndjson",
            "--trust",
            "trust.txt",
            "--to",
            "syslog",
            "--destination",
            "tls",
            "--batch",
            "15",
        ];
        let more = ["--address", &rsyslog.address, "--ca", ca];
        args.iter().chain(&more).map(|arg| (*arg).to_owned()).collect()
    };
    let run = |args: Vec<String>| place.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    // Messages wait until it listens.
    run(destination("ca.pem")).success().stderr(contains("40 records sent"));
    let received = || std::fs::read_to_string(place.path("received")).unwrap_or_default();
    // rsyslog has read everything once the feed ends, but writes with a delay.
    while received().matches('\n').count() < 40 {
        std::thread::yield_now();
    }
    let shown = |line: &String| {
        let (_, line) = line.split_once("Z ").unwrap();
        line.replacen(" - event ", " event ", 1)
    };
    let expected: BTreeSet<String> = expected.iter().map(shown).collect();
    assert_eq!(received().lines().map(str::to_owned).collect::<BTreeSet<_>>(), expected);
    // A server with an untrusted certificate gets nothing.
    place.write("other.pem", {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    });
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("countersign"))
        .current_dir(place.path(""))
        .args(destination("other.pem"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()))
        .map_while(Result::ok)
        .find(|line| line.contains("doesn't accept records"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.as_ref().is_some_and(|said| said.contains("certificate")), "{said:?}");
    assert_eq!(received().lines().count(), 40);
}
