//! The examples that one can click in: the dashboard, and the Worker with its log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::keys::{self, Keys, Reader};
use super::ports::Ports;
use super::sample_log::SampleLog;
use super::service::Service;
use crate::tools::Tools;

/// The Worker's log, and the key of its emitter.
const LOG: &str = "log.example/worker";
const EMITTER: &str = "example.com/jobs";

/// Starts the dashboard, whose page writes to the sample log.
pub(crate) fn dashboard(tools: &Tools, sample: &SampleLog, ports: &Ports) -> Result<Service> {
    let mut node = typescript(tools, "examples/dashboard/server.ts")?;
    // Its page is in a folder beside it.
    node.current_dir(tools.path("examples/dashboard"))
        .env("AUDIT_URL", format!("http://127.0.0.1:{}", ports.log))
        .env("AUDIT_TRUST", &sample.reader.trust)
        .env("AUDIT_TOKEN", sample.reader.token()?)
        .env("AUDIT_KEY", fs::read_to_string(sample.server_key())?.trim())
        .env("AUDIT_ISSUER_KEY", fs::read_to_string(sample.issuer_key())?.trim())
        .env("PORT", ports.dashboard.to_string());
    Service::start("the dashboard", &mut node, ports.dashboard, tools.log("dashboard")?)
}

/// The Worker and its log, a Durable Object, with all that they have to know.
pub(crate) struct Workers {
    folder: PathBuf,
    pub(crate) reader: Reader,
}

impl Workers {
    /// Those in that folder; others where there are none, or fresh ones are asked for.
    pub(crate) fn open(program: PathBuf, folder: PathBuf, fresh: bool) -> Result<Workers> {
        let reader = Reader { trust: folder.join("trust.txt"), token: folder.join("reader.token") };
        let workers = Workers { folder, reader };
        // Written last: with it, all is there.
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

    /// Starts both. The log's address shows `page` too. `watch` is the address of a watchlist, and the vkey of who signs it.
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

/// Node.js with a program in TypeScript, of which older ones have to be told.
pub(crate) fn typescript(tools: &Tools, program: &str) -> Result<Command> {
    let mut node = tools.node()?.node(tools);
    node.args(["--experimental-strip-types", "--disable-warning=ExperimentalWarning"])
        .arg(tools.path(program));
    Ok(node)
}
