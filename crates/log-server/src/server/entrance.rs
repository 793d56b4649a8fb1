//! Admission of connections and requests: identifies the client and enforces connection limits.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{StreamExt as _, stream};

use super::client::Client;
use super::connections::{ConnectionSlot, ConnectionTable};
use super::fallback;
use super::{Bounds, Proxies};
use countersign_log::api::ApiError;
use countersign_log::rejected::Reason;

/// The admission of connections and requests, within the limits of [`Bounds`].
#[derive(Clone)]
pub struct Entrance {
    connections: ConnectionTable,
    proxies: Arc<Proxies>,
    count: Arc<dyn Fn(Reason) + Send + Sync>,
}

/// A connection, as an extension of its requests.
#[derive(Clone)]
pub(super) struct Connection {
    /// The remote address, or `None` on a Unix socket.
    peer: Option<IpAddr>,
    pub(super) slot: Arc<ConnectionSlot>,
}

/// Response extension: the connection stays protected from eviction while the response is being sent.
#[derive(Clone, Copy)]
struct KeepsConnection;

impl Entrance {
    /// Creates the admission for these limits. It calls `count` for each rejected connection or request.
    pub fn new(bounds: &Bounds, count: impl Fn(Reason) + Send + Sync + 'static) -> Self {
        Self {
            connections: ConnectionTable::new(bounds.connections, bounds.connections_per_client),
            proxies: Arc::new(bounds.proxies.clone()),
            count: Arc::new(count),
        }
    }

    /// Admits a connection. Returns `None` if there is no room even to send it an error.
    pub(super) fn connect(&self, peer: Option<IpAddr>) -> Option<Connection> {
        let client = peer.map_or(Client::Socket, Client::from_address);
        // A proxy serves many clients, and a local peer may be a proxy that isn't configured.
        let many = client.is_local() || self.proxies.trust(peer);
        let slot = self.connections.admit(client, many, &*self.count)?;
        Some(Connection { peer, slot: Arc::new(slot) })
    }
}

/// Middleware that rejects requests over the limits. `/healthz` and `/metrics` are always served.
pub(super) async fn admit(State(entrance): State<Entrance>, mut request: Request, next: Next) -> Response {
    let Some(Connection { peer, slot }) = request.extensions().get::<Connection>().cloned() else {
        return next.run(request).await;
    };
    let is_health =
        *request.method() == Method::GET && matches!(request.uri().path(), "/healthz" | "/metrics");
    if let Some(reason) = slot.rejection() {
        slot.set_working();
        let mut response =
            if is_health { next.run(request).await } else { fallback::response(limit_exceeded(reason)) };
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        slot.set_waiting();
        return response;
    }
    let mut client = peer.map_or(Client::Socket, Client::from_address);
    let mut underway = None;
    if entrance.proxies.trust(peer) {
        client = entrance.proxies.client(peer, request.headers());
        underway = entrance.connections.begin_request(client);
        if underway.is_none() && !is_health {
            (entrance.count)(Reason::Address);
            return fallback::response(limit_exceeded(Reason::Address));
        }
    }
    request.extensions_mut().insert(client);
    let request = set_working_after_body(request, &slot);
    let response = next.run(request).await;
    drop(underway);
    if response.extensions().get::<KeepsConnection>().is_none() {
        slot.set_waiting();
    }
    response
}

/// Protects the connection from eviction only once the request has arrived completely.
fn set_working_after_body(request: Request, slot: &Arc<ConnectionSlot>) -> Request {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        slot.set_working();
        return request;
    }
    slot.set_waiting();
    let slot = slot.clone();
    let end = stream::poll_fn(move |_| {
        slot.set_working();
        Poll::Ready(None)
    });
    request.map(|body| Body::from_stream(body.into_data_stream().chain(end)))
}

/// Middleware that protects the connections of admitted readers from eviction.
pub(super) async fn keep_connection(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status().is_success() {
        response.extensions_mut().insert(KeepsConnection);
    }
    response
}

fn limit_exceeded(reason: Reason) -> ApiError {
    if reason == Reason::Address {
        let message = "too many connections or concurrent requests from this address";
        return ApiError::new(StatusCode::TOO_MANY_REQUESTS, "server.busy", message).with_hint(
            "use fewer connections; if the log server is behind a proxy, start it with --trusted-proxy",
        );
    }
    let message = "the log server has too many connections";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server.busy", message)
        .with_hint("send the request again later")
}
