//! A local web server: a fixed list of files, on loopback.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use tiny_http::{Header, Method, Request, Response, Server};

/// The number of ports to try after the given one.
const MAX_PORTS_TRIED: u16 = 100;

/// The files to serve, by URL path.
#[derive(Default)]
pub(crate) struct Site(BTreeMap<String, PathBuf>);

impl Site {
    /// Adds a file at a URL path.
    pub(crate) fn add_file(&mut self, address: &str, file: PathBuf) {
        self.0.insert(address.to_owned(), file);
    }

    /// Adds a folder recursively, below a URL path that ends with a slash.
    pub(crate) fn add_folder(&mut self, address: &str, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let name = entry
                .file_name()
                .into_string()
                .map_err(|name| anyhow!("the file name {} is not UTF-8", name.display()))?;
            if entry.file_type()?.is_dir() {
                self.add_folder(&format!("{address}{name}/"), &entry.path())?;
            } else {
                self.0.insert(format!("{address}{name}"), entry.path());
            }
        }
        Ok(())
    }

    /// Returns the URL paths that start with `prefix`.
    pub(crate) fn addresses<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.keys().map(String::as_str).filter(move |address| address.starts_with(prefix))
    }

    /// Serves until the process ends.
    pub(crate) fn serve(&self, listener: TcpListener) -> Result<()> {
        let server = Server::from_listener(listener, None).map_err(|error| anyhow!(error))?;
        loop {
            // A client that disconnected must not stop the server.
            let _ = self.answer(server.recv()?);
        }
    }

    fn answer(&self, request: Request) -> Result<()> {
        if !matches!(request.method(), Method::Get | Method::Head) {
            return Ok(request.respond(Response::empty(405))?);
        }
        let address = request.url().split(['?', '#']).next().unwrap_or_default();
        match self.0.get(address) {
            None => Ok(request.respond(Response::from_string("not found\n").with_status_code(404))?),
            Some(path) => {
                let response = Response::from_file(File::open(path)?)
                    .with_header(header("Content-Type", content_type(path)))
                    .with_header(header("Cache-Control", "no-store"))
                    .with_header(header("X-Content-Type-Options", "nosniff"));
                Ok(request.respond(response)?)
            }
        }
    }
}

/// Listens on loopback, on `port` or the next free one.
pub(crate) fn listen(port: u16) -> Result<TcpListener> {
    (port..=port.saturating_add(MAX_PORTS_TRIED))
        .find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
        .with_context(|| format!("no free port from {port} on: choose another with --port"))
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("the header is ASCII")
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("ndjson") => "application/x-ndjson",
        Some("txt") => "text/plain; charset=utf-8",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}
