//! Listening: bounded in connections, and in how long a client may take over its request and over the answer.

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

/// After an error in accepting, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// A server that listens.
pub struct Listening {
    address: Address,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listening {
    /// Where.
    pub fn address(&self) -> &Address {
        &self.address
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
pub async fn listen(
    address: &Address,
    tls: Option<Arc<Tls>>,
    router: Router,
    bounds: &Bounds,
    entrance: Entrance,
) -> io::Result<Listening> {
    let listener = Listener::bind(address).await?;
    let address = listener.address()?;
    let (stop, stopping) = watch::channel(false);
    let router = router.layer(from_fn_with_state(entrance.clone(), entrance::enter));
    let task = tokio::spawn(serve(listener, tls, router, bounds.clone(), entrance, stopping));
    Ok(Listening { address, stop, task })
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
        () = told(&mut stopping) => {}
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
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Who finds no room even to be told so is cut off.
        let Some(connected) = entrance.connect(stream.peer()) else { continue };
        let place = connected.place.clone();
        let connection = Serving {
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
                () = place.closed() => {}
            }
        });
    }
}

/// What a connection is served with.
struct Serving {
    http: http1::Builder,
    router: Router,
    connected: Connection,
    tls: Option<TlsAcceptor>,
    watcher: Watcher,
    stopping: watch::Receiver<bool>,
    head: Duration,
    answer: Duration,
}

impl Serving {
    async fn begin(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Some(tls) = self.tls.take() else { return self.serve(stream).await };
        let handshake = tokio::time::timeout(self.head, tls.accept(stream));
        let greeted = tokio::select! {
            greeted = handshake => greeted,
            () = told(&mut self.stopping) => return,
        };
        match greeted {
            Ok(Ok(stream)) => self.serve(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a client and the server found no way of encryption"),
            Err(_) => {}
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let mut stream = Box::pin(TimeoutStream::new(stream));
        stream.as_mut().set_write_timeout_pinned(Some(self.answer));
        let (router, connected) = (TowerToHyperService::new(self.router), self.connected);
        // A layer of the router's would have all its routes once more for each connection.
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(connected.clone());
            router.call(request)
        });
        let connection = self.watcher.watch(self.http.serve_connection(TokioIo::new(stream), service));
        // A client that went away, or was too slow, is no news.
        let _ = connection.await;
    }
}

/// Waits until the server shall stop.
async fn told(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}
