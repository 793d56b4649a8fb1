//! Listening: bounded in connections, and in how long a client may take over its request and over the answer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_io_timeout::TimeoutStream;

use super::Bounds;

/// After an error in accepting, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// A server that listens.
pub struct Listening {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listening {
    /// Where.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no further requests, and ends those under way.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.task.await;
    }
}

/// Listens and serves until it is stopped.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn listen(address: SocketAddr, router: Router, bounds: &Bounds) -> io::Result<Listening> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let (stop, stopping) = watch::channel(false);
    let task = tokio::spawn(serve(listener, router, bounds.clone(), stopping));
    Ok(Listening { address, stop, task })
}

async fn serve(listener: TcpListener, router: Router, bounds: Bounds, mut stopping: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    tokio::select! {
        () = accept(&listener, router, &bounds, &graceful) => {}
        () = told(&mut stopping) => {}
    }
    drop(listener);
    let _ = tokio::time::timeout(bounds.grace, graceful.shutdown()).await;
}

async fn accept(listener: &TcpListener, router: Router, bounds: &Bounds, graceful: &GracefulShutdown) {
    let connections = Arc::new(Semaphore::new(bounds.connections));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.head).max_buf_size(64 << 10);
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Answers are small, and the next request waits for them.
        let _ = stream.set_nodelay(true);
        let mut stream = Box::pin(TimeoutStream::new(stream));
        stream.as_mut().set_write_timeout_pinned(Some(bounds.answer));
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A client that went away, or was too slow, is no news.
            let _ = connection.await;
            drop(permit);
        });
    }
}

/// Waits until the server shall stop.
async fn told(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}
