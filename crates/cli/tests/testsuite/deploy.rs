//! The systemd unit and the reverse proxies in `docs/deploy`.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use reqwest::Certificate;
use reqwest::blocking::{Client, RequestBuilder};

use crate::common::free_address::free_address;
use crate::common::serving::ServedLog;
use crate::common::{ORIGIN, Place};

/// The time after which a test fails.
const DEADLINE: Duration = Duration::from_mins(2);
/// Larger than the proxies' default limit for bodies.
const EVENTS: usize = 6_000;

fn example(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deploy").join(name)).unwrap()
}

/// Returns whether a program is installed. Otherwise the test prints that it is skipped; in CI it fails.
pub fn is_here(program: &str) -> bool {
    let folders = ["/usr/sbin".into(), "/usr/local/sbin".into()];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_here =
        std::env::split_paths(&path).chain(folders).any(|folder: PathBuf| folder.join(program).is_file());
    if !is_here {
        assert!(std::env::var_os("CI").is_none(), "{program} is not on this machine");
        eprintln!("skipped: {program} is not on this machine");
    }
    is_here
}

/// A proxy that is stopped when the test ends.
struct Proxy {
    child: Child,
    address: SocketAddr,
    certificate: Certificate,
}

impl Proxy {
    /// Starts nginx with the example configuration, in front of this socket.
    fn nginx(place: &Place, socket: &Path) -> Self {
        let (address, certificate) = Self::prepare(place);
        let server = replace(
            &example("nginx.conf"),
            &[
                ("/run/countersign/log.sock", &socket.display().to_string()),
                ("listen 443 ssl", &format!("listen {address} ssl")),
                ("/etc/nginx/log.example.crt", "cert.pem"),
                ("/etc/nginx/log.example.key", "key.pem"),
            ],
        );
        let root =
            if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
                "user root;"
            } else {
                ""
            };
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let folders = kinds.map(|kind| format!("{kind}_temp_path nginx-{kind};")).concat();
        place.write(
            "nginx.conf",
            format!("{root} daemon off; pid nginx.pid; error_log stderr; events {{}}\nhttp {{ access_log off; {folders}\n{server} }}"),
        );
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(place.path(".")).args(["-c", "nginx.conf", "-e", "stderr"]);
        Self::begin(place, nginx, address, certificate)
    }

    /// Starts Caddy with the example configuration, in front of this socket.
    fn caddy(place: &Place, socket: &Path) -> Self {
        let (address, certificate) = Self::prepare(place);
        let site = replace(
            &example("Caddyfile"),
            &[
                ("/run/countersign/log.sock", &socket.display().to_string()),
                (
                    "log.example {",
                    &format!(
                        "https://log.example:{} {{\n\tbind 127.0.0.1\n\ttls cert.pem key.pem",
                        address.port()
                    ),
                ),
            ],
        );
        place.write("Caddyfile", format!("{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}"));
        let mut caddy = Command::new("caddy");
        caddy.args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"]);
        Self::begin(place, caddy, address, certificate)
    }

    /// Returns an address and its certificate.
    fn prepare(place: &Place) -> (SocketAddr, Certificate) {
        let made = rcgen::generate_simple_self_signed(["log.example".to_owned()]).unwrap();
        place.write("key.pem", made.signing_key.serialize_pem());
        place.write("cert.pem", made.cert.pem());
        let address = free_address();
        (address, Certificate::from_pem(made.cert.pem().as_bytes()).unwrap())
    }

    fn begin(place: &Place, mut command: Command, address: SocketAddr, certificate: Certificate) -> Self {
        let home = place.path(".");
        command
            .current_dir(&home)
            .env("HOME", &home)
            .env("XDG_DATA_HOME", &home)
            .env("XDG_CONFIG_HOME", &home);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin:/usr/local/sbin"));
        let log = fs::File::create(place.path("proxy.log")).unwrap();
        let mut child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < DEADLINE, "{ended:?}: {}", place.read("proxy.log"));
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, address, certificate }
    }

    fn client(&self) -> Client {
        let builder = countersign_tls::blocking_http_client()
            .tls_certs_only([self.certificate.clone()])
            .timeout(DEADLINE);
        builder.resolve("log.example", self.address).build().unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("https://log.example:{}{path}", self.address.port())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx stops its workers on request.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Replaces paths and addresses in an example, each of which must occur.
fn replace(example: &str, places: &[(&str, &str)]) -> String {
    places.iter().fold(example.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

/// Returns a chain with many events, as a submission.
fn chain(place: &Place) -> String {
    let mut random = fastrand::Rng::with_seed(7);
    let events: Vec<String> = (0..EVENTS)
        .map(|number| {
            let text: String = std::iter::repeat_with(|| random.alphanumeric()).take(300).collect();
            format!(
                "{{\"action\":\"job.update\",\"metadata\":{{\"number\":{number},\"text\":\"{text}\"}}}}\n"
            )
        })
        .collect();
    place.write("events.ndjson", events.concat());
    place
        .run(&["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", "app.ndjson"])
        .success();
    let file = place.read("app.ndjson");
    file.split_inclusive('\n').filter(|line| line.starts_with("{\"link\"")).collect()
}

fn sent(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().unwrap();
    (answer.status().as_u16(), answer.text().unwrap())
}

/// Asserts that all of the log's functions work through the proxy.
fn assert_serves_a_log(start: impl Fn(&Place, &Path) -> Proxy) {
    let place = Place::new();
    place.write("trust.txt", format!("log {}\nemitter {}\n", place.log, place.app));
    let socket = place.path("log.sock");
    place.write("countersign.toml", example("countersign.toml"));
    let _log = ServedLog::start(
        &place.path("."),
        &[
            "--config",
            "countersign.toml",
            "--dir",
            "log",
            "--origin",
            ORIGIN,
            "--key",
            "log.key",
            "--trust",
            "trust.txt",
            "--listen",
            &format!("unix:{}", socket.display()),
        ],
    );
    let token = place.run(&["token", "add", "ada", "--dir", "log"]).success().get_output().stdout.clone();
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    let proxy = start(&place, &socket);
    let client = proxy.client();

    let live = client.get(proxy.url("/stream")).bearer_auth(&token).send().unwrap();
    assert_eq!(live.status(), 200);
    let body = chain(&place);
    assert!(body.len() > 2 << 20);
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(body.as_bytes()).unwrap();
    let (status, text) = sent(client.post(proxy.url("/submit")).body(body));
    assert_eq!(status, 200, "{text}");
    let submit = client.post(proxy.url("/submit")).header("content-encoding", "gzip");
    let (status, text) = sent(submit.body(packed.finish().unwrap()));
    assert_eq!(status, 200, "{text}");
    let large = vec![b'\n'; 20 << 20];
    let (status, text) = sent(client.post(proxy.url("/submit")).body(large));
    assert!(status == 413 && text.contains("submit.too_large"), "the log itself says so: {status} {text}");

    let mut lines = BufReader::new(live).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("job.update")), "while the view is open");
    let export = client.get(proxy.url("/export")).bearer_auth(&token).header("accept-encoding", "gzip");
    let export = export.send().unwrap();
    assert_eq!(export.headers()["content-encoding"], "gzip");
    let mut text = String::new();
    GzDecoder::new(export).read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("job.update").count(), EVENTS);
}

/// Asserts that the proxy sets the client's address, whatever the client sends.
fn assert_knows_the_client(start: impl Fn(&Place, &Path) -> Proxy) {
    let place = Place::new();
    let socket = place.path("log.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head: Vec<String> = BufReader::new(&stream)
            .lines()
            .map(|line| line.unwrap().to_ascii_lowercase())
            .take_while(|line| !line.is_empty())
            .collect();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        head
    });
    let proxy = start(&place, &socket);
    let (status, _) =
        sent(proxy.client().get(proxy.url("/healthz")).header("x-forwarded-for", "203.0.113.9"));
    assert_eq!(status, 200);
    let head = asked.join().unwrap();
    let told: Vec<&String> = head.iter().filter(|line| line.starts_with("x-forwarded-for:")).collect();
    assert_eq!(told, ["x-forwarded-for: 127.0.0.1"]);
    let host = head.iter().find(|line| line.starts_with("host:")).unwrap();
    assert!(host.starts_with("host: log.example"), "{host}");
}

#[test]
fn serves_behind_nginx() {
    if is_here("nginx") {
        assert_serves_a_log(Proxy::nginx);
        assert_knows_the_client(Proxy::nginx);
    }
}

#[test]
fn serves_behind_caddy() {
    if is_here("caddy") {
        assert_serves_a_log(Proxy::caddy);
        assert_knows_the_client(Proxy::caddy);
    }
}

#[test]
fn systemd_accepts_the_unit() {
    if !is_here("systemd-analyze") {
        return;
    }
    for unit in [
        "countersign.service",
        "countersign-backup.service",
        "countersign-monitor.service",
        "countersign-watch.service",
    ] {
        assert_systemd_accepts(unit);
    }
    for timer in ["countersign-backup", "countersign-monitor"] {
        assert_systemd_accepts_timer(timer);
    }
}

fn assert_systemd_accepts(unit: &str) {
    let place = Place::new();
    let program = ("/usr/local/bin/countersign", env!("CARGO_BIN_EXE_countersign"));
    place.write(unit, replace(&example(unit), &[program]));
    let analyze = |args: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        let output = command.args(args).arg(place.path(unit)).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), said)
    };
    let (good, said) = analyze(&["verify", "--man=no", "--generators=no"]);
    assert!(good && !said.contains(unit), "{said}");
    // At most 2 of 10 points of exposure: it has a folder, a socket and network access.
    let (good, said) = analyze(&["security", "--offline=true", "--threshold=20", "--no-pager"]);
    assert!(good, "{said}");
}

fn assert_systemd_accepts_timer(name: &str) {
    let place = Place::new();
    let (service, timer) = (format!("{name}.service"), format!("{name}.timer"));
    let program = ("/usr/local/bin/countersign", env!("CARGO_BIN_EXE_countersign"));
    place.write(&service, replace(&example(&service), &[program]));
    place.write(&timer, example(&timer));
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no", "--generators=no"]);
    let output = command.arg(place.path(&timer)).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains(name), "{said}");
}

/// Returns the arguments of an instruction in the container file.
fn instruction(file: &str, name: &str) -> Vec<String> {
    let line = file.lines().rev().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    serde_json::from_str(line.unwrap_or_else(|| panic!("{name}"))).unwrap()
}

/// The image needs its base images to build; this test only checks what it would run.
#[test]
fn container_file_matches_the_program() {
    let file = example("Containerfile");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let rust = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    assert!(file.contains(&format!("FROM rust:{}-", rust.trim_matches('"'))), "it is built with Rust {rust}");
    assert!(file.contains(concat!("--package ", env!("CARGO_PKG_NAME"))));
    assert!(file.contains("COPY --from=build /src/target/dist/countersign /usr/local/bin/countersign"));
    assert!(root.join("Cargo.lock").is_file(), "it is built with --locked");
    assert_eq!(instruction(&file, "ENTRYPOINT"), ["countersign"]);
    let run = instruction(&file, "CMD").join(" ");
    let volume = file.lines().find_map(|line| line.strip_prefix("VOLUME ")).unwrap();
    assert!(run.contains(volume) && file.contains("EXPOSE 8080") && run.contains(":8080"), "{run}");
    let place = Place::new();
    let run = replace(&run, &[(volume, "log"), ("0.0.0.0:8080", "127.0.0.1:0")]);
    let args: Vec<&str> = run.split(' ').collect();
    assert_eq!(args[0], "serve");
    let log = ServedLog::start(&place.path("."), &args[1..]);
    let (status, health) =
        sent(countersign_tls::blocking_http_client().build().unwrap().get(format!("{}/healthz", log.url())));
    assert_eq!(status, 200, "{health}");
}
