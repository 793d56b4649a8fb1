//! The interactive examples: the dashboard, and the Worker with its log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::keys::{self, Keys, Reader};
use super::ports::Ports;
use super::sample_log::SampleLog;
use super::service::Service;
use crate::tools::Tools;

/// The name of the Worker's log, and of its emitter's key.
const LOG: &str = "log.example/worker";
const EMITTER: &str = "example.com/jobs";

/// Starts the dashboard, whose page writes to the sample log.
pub(crate) fn dashboard(tools: &Tools, sample: &SampleLog, ports: &Ports) -> Result<Service> {
    let mut node = typescript(tools, "examples/dashboard/server.ts")?;
    // The page is in a folder next to it.
    node.current_dir(tools.path("examples/dashboard"))
        .env("AUDIT_URL", format!("http://127.0.0.1:{}", ports.log))
        .env("AUDIT_TRUST", &sample.reader.trust)
        .env("AUDIT_TOKEN", sample.reader.token()?)
        .env("AUDIT_KEY", fs::read_to_string(sample.server_key())?.trim())
        .env("AUDIT_ISSUER_KEY", fs::read_to_string(sample.issuer_key())?.trim())
        .env("PORT", ports.dashboard.to_string());
    Service::start("the dashboard", &mut node, ports.dashboard, tools.log("dashboard")?)
}

/// The Worker and its log in a Durable Object, with their configuration.
pub(crate) struct Workers {
    folder: PathBuf,
    pub(crate) reader: Reader,
}

impl Workers {
    /// Opens the configuration in a folder. Creates a new one if there is none or `fresh` is set.
    pub(crate) fn open(program: PathBuf, folder: PathBuf, fresh: bool) -> Result<Workers> {
        let reader = Reader { trust: folder.join("trust.txt"), token: folder.join("reader.token") };
        let workers = Workers { folder, reader };
        // This file is written last, so the configuration is complete if it exists.
        if fresh || !workers.reader.trust.is_file() {
            workers.make(&Keys { program }).context("cannot begin a log for the Worker")?;
        }
        Ok(workers)
    }

    fn make(&self, keys: &Keys) -> Result<()> {
        keys::make_private(&self.folder)?;
        let log = keys.make(LOG, &self.folder.join("log.key"))?;
        let emitter = keys.make(EMITTER, &self.folder.join("emitter.key"))?;
        keys.make_token(&self.folder, &self.reader.token)?;
        self.reader.write_trust(&format!("log {log}\nemitter {emitter}\n"))
    }

    /// Starts both. The log's console links to `page`. `watch` is the URL of a watchlist, and the public
    /// key of its signer.
    pub(crate) fn start(
        &self,
        tools: &Tools,
        ports: &Ports,
        page: &Path,
        watch: (&str, &str),
    ) -> Result<Service> {
        let mut node = typescript(tools, "examples/run/start.ts")?;
        node.env("FOLDER", &self.folder)
            .env("PAGE", page)
            .env("WATCHLIST", watch.0)
            .env("WATCH", watch.1)
            .env("PORT", ports.worker.to_string())
            .env("LOG_PORT", ports.worker_log.to_string());
        Service::start("the Worker", &mut node, ports.worker, tools.log("worker")?)
    }
}

/// Returns a command that runs a TypeScript program; older versions of Node.js need a flag for that.
pub(crate) fn typescript(tools: &Tools, program: &str) -> Result<Command> {
    let mut node = tools.node()?.node(tools);
    node.args(["--experimental-strip-types", "--disable-warning=ExperimentalWarning"])
        .arg(tools.path(program));
    Ok(node)
}
