//! The accept loop, with limits on connections and on the time that requests and responses may take.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use axum::middleware::from_fn_with_state;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use super::entrance::{self, Connection, Entrance};
use super::listener::{Listener, Stream};
use super::{Address, Bounds, Tls};

/// The pause after a failed accept, for example because of too many open files.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// A running HTTP server.
pub struct HttpServer {
    address: Address,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl HttpServer {
    /// Returns the address that the server listens on.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Stops accepting requests and waits for those in progress.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.task.await;
    }
}

/// Binds the address and serves until [`HttpServer::stop`].
///
/// # Errors
/// If the address can't be bound.
pub async fn listen(
    address: &Address,
    tls: Option<Arc<Tls>>,
    router: Router,
    bounds: &Bounds,
    entrance: Entrance,
) -> io::Result<HttpServer> {
    let listener = Listener::bind(address).await?;
    let address = listener.address()?;
    let (stop, stopping) = watch::channel(false);
    let router = router.layer(from_fn_with_state(entrance.clone(), entrance::admit));
    let task = tokio::spawn(serve(listener, tls, router, bounds.clone(), entrance, stopping));
    Ok(HttpServer { address, stop, task })
}

async fn serve(
    listener: Listener,
    tls: Option<Arc<Tls>>,
    router: Router,
    bounds: Bounds,
    entrance: Entrance,
    mut stopping: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let stopped = stopping.clone();
    tokio::select! {
        () = accept(&listener, tls.as_deref(), router, &bounds, &entrance, &graceful, &stopped) => {}
        () = stop_requested(&mut stopping) => {}
    }
    drop(listener);
    let _ = tokio::time::timeout(bounds.grace, graceful.shutdown()).await;
}

async fn accept(
    listener: &Listener,
    tls: Option<&Tls>,
    router: Router,
    bounds: &Bounds,
    entrance: &Entrance,
    graceful: &GracefulShutdown,
    stopping: &watch::Receiver<bool>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.head).max_buf_size(64 << 10);
    loop {
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_RETRY_PAUSE).await;
                continue;
            }
        };
        // Dropped without a response: even the reserve for error responses is full.
        let Some(connected) = entrance.connect(stream.peer()) else { continue };
        let slot = connected.slot.clone();
        let connection = ConnectionTask {
            http: http.clone(),
            router: router.clone(),
            connected,
            tls: tls.map(Tls::acceptor),
            watcher: graceful.watcher(),
            stopping: stopping.clone(),
            head: bounds.head,
            answer: bounds.answer,
        };
        tokio::spawn(async move {
            let served = async {
                match stream {
                    Stream::Tcp(stream) => connection.begin(stream).await,
                    #[cfg(unix)]
                    Stream::Unix(stream) => connection.begin(stream).await,
                }
            };
            tokio::select! {
                () = served => {}
                () = slot.evicted() => {}
            }
        });
    }
}

/// Everything that serving one connection needs.
struct ConnectionTask {
    http: http1::Builder,
    router: Router,
    connected: Connection,
    tls: Option<TlsAcceptor>,
    watcher: Watcher,
    stopping: watch::Receiver<bool>,
    head: Duration,
    answer: Duration,
}

impl ConnectionTask {
    async fn begin(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Some(tls) = self.tls.take() else { return self.serve(stream).await };
        let handshake = tokio::time::timeout(self.head, tls.accept(stream));
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            () = stop_requested(&mut self.stopping) => return,
        };
        match accepted {
            Ok(Ok(stream)) => self.serve(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => {}
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let mut stream = Box::pin(TimeoutStream::new(stream));
        stream.as_mut().set_write_timeout_pinned(Some(self.answer));
        let (router, connected) = (TowerToHyperService::new(self.router), self.connected);
        // A layer on the router would clone all routes for each connection.
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(connected.clone());
            router.call(request)
        });
        let connection = self.watcher.watch(self.http.serve_connection(TokioIo::new(stream), service));
        // Disconnects and timeouts aren't worth a log line.
        let _ = connection.await;
    }
}

/// Waits until the server is asked to stop.
async fn stop_requested(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}
