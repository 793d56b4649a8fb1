//! A mirror in this process that accepts all uploads, and that the test can switch off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use countersign::witness::Request;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub struct Mirror {
    state: Arc<State>,
    url: String,
    _runtime: Runtime,
}

#[derive(Default)]
struct State {
    is_down: AtomicBool,
    requests: AtomicU64,
    /// The size of the last checkpoint.
    pending: AtomicU64,
    /// The number of entries that were uploaded.
    size: AtomicU64,
}

impl Mirror {
    pub fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let state: Arc<State> = Arc::default();
        let is_up = |state: &State| {
            state.requests.fetch_add(1, Ordering::SeqCst);
            !state.is_down.load(Ordering::SeqCst)
        };
        let (one, other) = (state.clone(), state.clone());
        let add_checkpoint = move |body: String| async move {
            if !is_up(&one) {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            let size = Request::parse(body.as_bytes()).unwrap().checkpoint.checkpoint.size;
            one.pending.store(size, Ordering::SeqCst);
            StatusCode::OK
        };
        let add_entries = move || async move {
            if !is_up(&other) {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            other.size.store(other.pending.load(Ordering::SeqCst), Ordering::SeqCst);
            StatusCode::OK
        };
        let app = Router::new()
            .route("/add-checkpoint", post(add_checkpoint))
            .route("/add-entries", post(add_entries));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { state, url, _runtime: runtime }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the number of entries that it has.
    pub fn size(&self) -> u64 {
        self.state.size.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::SeqCst)
    }

    pub fn set_down(&self, is_down: bool) {
        self.state.is_down.store(is_down, Ordering::SeqCst);
    }
}
