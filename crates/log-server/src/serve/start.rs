//! Steps of the start that an ordinary log's server and a root log's server share.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use countersign_log::clock::Steady;
use countersign_log::store::StoreError;
use countersign_log::witnessing::Unwitnessed;
use tokio::sync::{oneshot, watch};

use super::StartError;
use crate::log_server::LogServer;
use crate::oidc::{self, Issuer};
use crate::reading::Reading;
use crate::reads::Reads;
use crate::retention::holds::Hold;
use crate::server::{Address, AppState, Bounds, Cors, Entrance, Hosts, HttpServer, Tls, listen, router};
use crate::witness_client::WitnessClient;

/// Returns the conversion of an error in this operation.
pub(super) fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |error| StartError::Io { doing, error }
}

/// Starts the thread of a sequencer: it begins, and then runs. Waits until it is ready for jobs.
pub(super) async fn start_sequencer<S>(
    begin: impl FnOnce() -> Result<S, StoreError> + Send + 'static,
    run: impl FnOnce(S) + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    let (ready, started) = oneshot::channel();
    let sequencer = std::thread::Builder::new()
        .name("sequencer".into())
        .spawn(move || match begin() {
            Ok(sequencer) => {
                let _ = ready.send(Ok(()));
                run(sequencer);
            }
            Err(error) => _ = ready.send(Err(error)),
        })
        .map_err(failed("starting the sequencer"))?;
    started.await.map_err(|_| StoreError::unavailable("starting", "the sequencer ended"))??;
    Ok(sequencer)
}

/// Creates the client of the log's witnesses, and presents the newest checkpoint to them.
pub(super) async fn present_to_witnesses(
    log_server: &LogServer,
    unwitnessed: watch::Receiver<Option<Unwitnessed>>,
) -> Result<WitnessClient, StartError> {
    let client = WitnessClient::new(log_server.clone(), unwitnessed).map_err(io::Error::other);
    let client = client.map_err(failed("creating the client for witnesses"))?;
    client.present_newest().await;
    Ok(client)
}

/// Completes the service for readers, and starts its tasks.
pub(super) fn start_reading(
    reading: Reading,
    issuer: Option<oidc::Config>,
    steady: Steady,
    holds: Vec<Hold>,
) -> Result<Arc<Reading>, StartError> {
    let issuer = issuer.map(|issuer| Issuer::new(issuer, steady)).transpose().map_err(io::Error::other);
    let issuer = issuer.map_err(failed("creating the client for the OpenID Connect issuer"))?;
    let reading = Arc::new(reading.with_issuer(issuer));
    tokio::spawn(Reads::keep_recording(Arc::downgrade(reading.reads())));
    tokio::spawn(Reading::watch_tokens(Arc::downgrade(&reading)));
    for hold in holds {
        reading.holds().add(hold);
    }
    Ok(reading)
}

/// Starts to answer requests.
pub(super) async fn start_http(
    state: AppState,
    address: &Address,
    tls: Option<Arc<Tls>>,
    cors: &Cors,
    hosts: Hosts,
    bounds: &Bounds,
) -> Result<HttpServer, StartError> {
    let log_server = state.log_server.clone();
    let entrance = Entrance::new(bounds, move |reason| log_server.metrics().turned_away(reason));
    let router = router(state, cors, hosts, address);
    listen(address, tls, router, bounds, entrance).await.map_err(StartError::Listen)
}
