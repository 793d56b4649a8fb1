//! `countersign serve --config`, and files that are reloaded.

use std::fs;
use std::time::{Duration, Instant};

use predicates::prelude::*;
use reqwest::Certificate;

use crate::common::Place;
use crate::common::serving::ServedLog;

#[test]
fn flags_override_the_config_file() {
    let place = Place::new();
    let config = "\
        dir = \"from-file\"\n\
        origin = \"file.example/log\"\n\
        listen = \"127.0.0.1:0\"\n\
        host = [\"one.example\", \"two.example\"]\n\
        quota-burst = 7\n\
        no-page = true\n\
        require-records = false\n";
    place.write("log.toml", config);
    let serving =
        ServedLog::start(&place.path("."), &["--config", "log.toml", "--origin", "given.example/log"]);
    assert!(
        serving.said.contains("given.example/log") && place.path("from-file").is_dir(),
        "{}",
        serving.said
    );
    let status = |path: &str, host: &str| {
        let get = countersign_tls::blocking_http_client()
            .build()
            .unwrap()
            .get(format!("{}{path}", serving.url()))
            .header("host", host);
        get.send().unwrap().status().as_u16()
    };
    assert_eq!(status("/healthz", "one.example"), 200);
    assert_eq!(status("/healthz", "two.example"), 200);
    let root = countersign_tls::blocking_http_client().build().unwrap().get(serving.url()).send().unwrap();
    assert!(!root.headers()["content-type"].to_str().unwrap().contains("html"), "there is no page");
    drop(serving);
    let args = ["--config", "log.toml", "--host", "three.example", "--dir", "other"];
    let serving = ServedLog::start(&place.path("."), &args);
    let status = |host: &str| {
        let get = countersign_tls::blocking_http_client()
            .build()
            .unwrap()
            .get(format!("{}/healthz", serving.url()))
            .header("host", host);
        get.send().unwrap().status().as_u16()
    };
    assert_eq!((status("three.example"), status("one.example")), (200, 421), "all values of a flag win");
}

#[test]
fn reports_the_line_of_an_invalid_config() {
    let place = Place::new();
    for (config, line, said) in [
        ("dir = \"log\"\nlsten = \"127.0.0.1:0\"", 2, "use listen"),
        ("\n\ntls_cert = \"c.pem\"", 3, "use tls-cert"),
        ("frobnicate = 1", 1, "the option --frobnicate is unknown"),
        ("\"a b\\u0007\" = 1", 1, "the option --a b\\u{7} is unknown"),
        ("[serve]\nlisten = \"127.0.0.1:0\"", 1, "the option --serve is unknown"),
        ("dir = \"log\"\nlisten = 8080", 2, "8080"),
        ("quota-events = 0", 1, "quota-events"),
        ("retain = [\"7y\", \"soon\"]", 1, "soon"),
        ("no-page = \"yes\"", 1, "true or false"),
        ("retain = [3, true]", 1, "list of strings"),
        ("listen = 1.5", 1, "a string or an integer"),
        ("after-restore = true", 1, "on the command line"),
        ("config = \"other.toml\"", 1, "on the command line"),
        ("dir = \"a\"\ndir = \"b\"", 2, "duplicate key"),
        ("dir = \"a", 1, "config.invalid"),
        ("dir", 1, "config.invalid"),
    ] {
        place.write("log.toml", config);
        place
            .run(&["serve", "--config", "log.toml"])
            .code(2)
            .stderr(predicate::str::contains(said).and(predicate::str::contains(format!("line {line}"))));
    }
    place.write("log.toml", "tls-cert = \"c.pem\"");
    place.run(&["serve", "--config", "log.toml"]).code(2).stderr(predicate::str::contains("--tls-key"));
    place.write("log.toml", "dir = \"log\"");
    place
        .run(&["serve", "--config", "log.toml", "--nonsense"])
        .code(2)
        .stderr(predicate::str::contains("--nonsense"));
    place.run(&["serve", "--config", "none.toml"]).code(2).stderr(predicate::str::contains("none.toml"));
    place.run(&["serve", "--config", "none.toml", "--help"]).success();
}

#[test]
fn reloads_a_changed_certificate() {
    let place = Place::new();
    let renew = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(place.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        fs::write(place.path("cert.pem"), made.cert.pem()).unwrap();
        Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
    };
    let first = renew();
    let args = ["--listen", "127.0.0.1:0", "--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let serving = ServedLog::start(&place.path("."), &args);
    let address = serving.url().strip_prefix("https://").unwrap().parse().unwrap();
    let answers = |certificate: &Certificate| {
        let client = countersign_tls::blocking_http_client()
            .tls_certs_only([certificate.clone()])
            .resolve("localhost", address);
        let url = format!("https://localhost:{}/healthz", address.port());
        client.build().unwrap().get(url).send().is_ok_and(|answer| answer.status() == 200)
    };
    assert!(answers(&first));
    let second = renew();
    let begun = Instant::now();
    while !answers(&second) {
        assert!(begun.elapsed() < Duration::from_mins(1), "it is not read again");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!answers(&first));
}

/// Log rotation and habits send hangups, and a terminal sends them when it is closed.
#[cfg(unix)]
#[test]
fn hangup_reloads_files_and_ends_no_service() {
    let place = Place::new();
    let serving = ServedLog::start(&place.path("."), &["--dir", "log", "--listen", "127.0.0.1:0"]);
    for times in 1..=2 {
        serving.signal("HUP");
        let started = Instant::now();
        while serving.later().matches("trust.txt was read again").count() < times {
            assert!(started.elapsed() < Duration::from_mins(1), "{}", serving.later());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let client = countersign_tls::blocking_http_client().build().unwrap();
    assert_eq!(client.get(format!("{}/healthz", serving.url())).send().unwrap().status(), 200);
    // All commands that run until they are stopped handle signals with the same function.
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands");
    for service in ["serve", "witness", "mirror", "monitor", "monitor/growth", "watch", "feed"] {
        let text = fs::read_to_string(source.join(service).with_extension("rs")).unwrap();
        assert!(text.contains("stop::enable_service();"), "{service}");
    }
}
