//! What every connection and every request passes: whose it is, and whether there is room for it.

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
use super::fallback;
use super::places::{Place, Places};
use super::{Bounds, Proxies};
use countersign_log::api::ApiError;
use countersign_log::rejected::Reason;

/// Where connections and requests come in.
#[derive(Clone)]
pub struct Entrance {
    places: Places,
    proxies: Arc<Proxies>,
    count: Arc<dyn Fn(Reason) + Send + Sync>,
}

/// A connection, as its requests know it.
#[derive(Clone)]
pub(super) struct Connection {
    /// Who is at the other end; none on a Unix socket.
    peer: Option<IpAddr>,
    pub(super) place: Arc<Place>,
}

/// Marks an answer whose connection is its reader's as long as it is being sent.
#[derive(Clone, Copy)]
struct Kept;

impl Entrance {
    /// For as many as the bounds say. `count` is told of those who are turned away.
    pub(crate) fn new(bounds: &Bounds, count: impl Fn(Reason) + Send + Sync + 'static) -> Self {
        Self {
            places: Places::new(bounds.connections, bounds.of_one_client),
            proxies: Arc::new(bounds.proxies.clone()),
            count: Arc::new(count),
        }
    }

    /// A connection of that peer, if there is room to answer it anything.
    pub(super) fn connect(&self, peer: Option<IpAddr>) -> Option<Connection> {
        let client = peer.map_or(Client::Socket, Client::of);
        // A proxy brings many clients, and on this machine there may be one that nobody told of.
        let many = client.is_local() || self.proxies.trust(peer);
        let place = self.places.enter(client, many, &*self.count)?;
        Some(Connection { peer, place: Arc::new(place) })
    }
}

/// Lets a request in where there is room for it. How the log is can always be asked.
pub(super) async fn enter(State(entrance): State<Entrance>, mut request: Request, next: Next) -> Response {
    let Some(Connection { peer, place }) = request.extensions().get::<Connection>().cloned() else {
        return next.run(request).await;
    };
    let is_health =
        *request.method() == Method::GET && matches!(request.uri().path(), "/healthz" | "/metrics");
    if let Some(reason) = place.refused() {
        place.work();
        let mut response = if is_health { next.run(request).await } else { fallback::response(full(reason)) };
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        place.wait();
        return response;
    }
    let mut client = peer.map_or(Client::Socket, Client::of);
    let mut underway = None;
    if entrance.proxies.trust(peer) {
        client = entrance.proxies.client(peer, request.headers());
        underway = entrance.places.begin_request(client);
        if underway.is_none() && !is_health {
            (entrance.count)(Reason::Address);
            return fallback::response(full(Reason::Address));
        }
    }
    request.extensions_mut().insert(client);
    let request = working_when_it_came(request, &place);
    let response = next.run(request).await;
    drop(underway);
    if response.extensions().get::<Kept>().is_none() {
        place.wait();
    }
    response
}

/// The log works for a request when all of it came. Until then its connection makes way like any other.
fn working_when_it_came(request: Request, place: &Arc<Place>) -> Request {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        place.work();
        return request;
    }
    place.wait();
    let place = place.clone();
    let end = stream::poll_fn(move |_| {
        place.work();
        Poll::Ready(None)
    });
    request.map(|body| Body::from_stream(body.into_data_stream().chain(end)))
}

/// Keeps the connections of readers who were admitted.
pub(super) async fn keep(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status().is_success() {
        response.extensions_mut().insert(Kept);
    }
    response
}

fn full(reason: Reason) -> ApiError {
    if reason == Reason::Address {
        let message = "this address has too many connections, or requests under way";
        return ApiError::new(StatusCode::TOO_MANY_REQUESTS, "server.busy", message)
            .with_hint("use fewer at a time. A server behind a proxy has to be told of it: --trusted-proxy");
    }
    let message = "the log has no room for another connection";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server.busy", message).with_hint("come again later")
}
