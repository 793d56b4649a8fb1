//! Ports on loopback, chosen before anything runs: one program has to know another's.

use std::net::TcpListener;

use anyhow::Result;

use crate::serve;

/// Where to listen; when a port is taken, the next free one.
#[derive(clap::Args)]
pub(crate) struct Wanted {
    /// The port to serve the offline page on; of each, the next free one when it is taken
    #[arg(long, default_value_t = 4173)]
    port: u16,
    /// The port of the sample log
    #[arg(long, default_value_t = 8080)]
    log_port: u16,
    /// The port of the dashboard
    #[arg(long, default_value_t = 3000)]
    dashboard_port: u16,
    /// The port of the Worker
    #[arg(long, default_value_t = 8787)]
    worker_port: u16,
    /// The port of the Worker's log
    #[arg(long, default_value_t = 8797)]
    worker_log_port: u16,
}

/// Free ports, each another.
pub(crate) struct Ports {
    /// The page's is listened on already.
    pub(crate) page: TcpListener,
    pub(crate) log: u16,
    pub(crate) dashboard: u16,
    pub(crate) worker: u16,
    pub(crate) worker_log: u16,
}

impl Wanted {
    /// Chooses. The ports are free a moment later too, most likely; who finds one taken says so and ends.
    pub(crate) fn choose(&self) -> Result<Ports> {
        let page = serve::listen(self.port)?;
        // Held until all are chosen, so that no two are the same.
        let held = [self.log_port, self.dashboard_port, self.worker_port, self.worker_log_port]
            .map(serve::listen)
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
        let ports =
            held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect::<Result<Vec<_>>>()?;
        let [log, dashboard, worker, worker_log] = ports[..] else { unreachable!("four were asked for") };
        Ok(Ports { page, log, dashboard, worker, worker_log })
    }
}
