//! An S3-compatible server with one bucket in a folder, for tests.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

/// The bucket's name.
pub const BUCKET: &str = "audit-logs";
/// The ID of the only access key.
pub const ACCESS_KEY: &str = "an-access-key";
/// The secret of the only access key.
pub const SECRET_KEY: &str = "a-secret-key";
/// The region that clients must name.
pub const REGION: &str = "local";

/// A running server. It stops when it is dropped.
pub struct S3Server {
    folder: TempDir,
    _runtime: Runtime,
    address: SocketAddr,
}

impl S3Server {
    /// Starts a server with an empty bucket.
    ///
    /// # Panics
    /// If the folder or the server can't be created.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        fs::create_dir(folder.path().join(BUCKET)).expect("the bucket's folder");
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).expect("a file system"));
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("the server's address");
        runtime.spawn(listen(listener, service));
        Self { folder, _runtime: runtime, address }
    }

    /// Returns the server's URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the environment variables with which clients find the server.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ALLOW_HTTP", "true".into()),
            ("AWS_REGION", REGION.into()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.into()),
        ]
    }

    /// Returns the file of an object.
    pub fn file(&self, key: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(key)
    }
}

async fn listen(listener: TcpListener, service: S3Service) {
    // The server checks for an object and then writes, so requests are serialized to give the guarantees of S3.
    let one_by_one = Arc::new(Mutex::new(()));
    while let Ok((stream, _)) = listener.accept().await {
        let (service, one_by_one) = (service.clone(), Arc::clone(&one_by_one));
        let answer = service_fn(move |request| {
            let (service, one_by_one) = (service.clone(), Arc::clone(&one_by_one));
            async move {
                let _turn = one_by_one.lock().await;
                hyper::service::Service::call(&service, request).await
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}
