//! Ports on loopback, chosen before anything runs, because programs need to know each other's ports.

use std::net::TcpListener;

use anyhow::Result;

use crate::serve;

/// The preferred ports. If one is taken, the next free one is used.
#[derive(clap::Args)]
pub(crate) struct PreferredPorts {
    /// The port to serve the offline page on; if any of these ports is taken, the next free one is used
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

/// Distinct free ports.
pub(crate) struct Ports {
    /// The page's listener, already bound.
    pub(crate) page: TcpListener,
    pub(crate) log: u16,
    pub(crate) dashboard: u16,
    pub(crate) worker: u16,
    pub(crate) worker_log: u16,
}

impl PreferredPorts {
    /// Chooses the ports. They are most likely still free a moment later; a program that finds its port
    /// taken reports that and exits.
    pub(crate) fn choose(&self) -> Result<Ports> {
        let page = serve::listen(self.port)?;
        // Hold all listeners until the end, so that no port is chosen twice.
        let held = [self.log_port, self.dashboard_port, self.worker_port, self.worker_log_port]
            .map(serve::listen)
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
        let ports =
            held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect::<Result<Vec<_>>>()?;
        let [log, dashboard, worker, worker_log] = ports[..] else {
            unreachable!("four ports were requested")
        };
        Ok(Ports { page, log, dashboard, worker, worker_log })
    }
}
