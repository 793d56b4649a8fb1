//! Runs `countersign witness` as a process.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use countersign::note::SignerKey;
use tempfile::TempDir;

use crate::common::process::{DEADLINE, log_key, program};

/// Sends a request to cosign to the witness at this URL. Returns the status and the body of the response.
pub fn add_checkpoint(url: &str, body: &str) -> (u16, String) {
    let client = countersign_tls::blocking_http_client().timeout(DEADLINE).build().unwrap();
    let response = client.post(format!("{url}/add-checkpoint")).body(body.to_owned()).send().unwrap();
    (response.status().as_u16(), response.text().unwrap())
}

/// A witness, which is killed when dropped.
pub struct Witness {
    child: Child,
    /// Its lines for the log's trust file.
    pub line: String,
    /// These lines without the quorum.
    pub unquorate: String,
    _folder: TempDir,
}

impl Witness {
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let key = SignerKey::witness_from_seed("w.example", [9; 32]).unwrap();
        let (file, state) = (folder.path().join("w.key"), folder.path().join("w.state"));
        fs::write(&file, format!("{}\n", *key.encode())).unwrap();
        let log = log_key().verifier_key().to_string();
        let args = ["witness", "--listen", "127.0.0.1:0", "--log", &log, "--key"].map(AsRef::as_ref);
        let mut command =
            program(&[&args[..], &[file.as_ref(), "--state".as_ref(), state.as_ref()]].concat());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let listens = lines.find(|line| line.contains("listens on ")).expect("it listens");
        let (_, url) = listens.split_once("listens on ").unwrap();
        let unquorate = format!("witness w {} {}\n", key.verifier_key(), url.trim());
        let line = format!("{unquorate}quorum w\n");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, line, unquorate, _folder: folder }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
