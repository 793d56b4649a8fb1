//! Tests of a bucket against an S3-compatible server, with conditional requests over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::{erasing, rounds};

const BUCKET: &str = "audit-logs";
const ACCESS_KEY: &str = "an-access-key";
const SECRET_KEY: &str = "a-secret-key";

/// An S3-compatible server with one bucket in a folder.
struct S3 {
    _folder: TempDir,
    _runtime: tokio::runtime::Runtime,
    address: SocketAddr,
}

impl S3 {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(listen(listener, service));
        Self { _folder: folder, _runtime: runtime, address }
    }

    fn store(&self) -> Arc<dyn ObjectStore> {
        let builder = AmazonS3Builder::new()
            .with_bucket_name(BUCKET)
            .with_endpoint(format!("http://{}", self.address))
            .with_allow_http(true)
            .with_region("local")
            .with_access_key_id(ACCESS_KEY)
            .with_secret_access_key(SECRET_KEY);
        Arc::new(builder.build().unwrap())
    }
}

async fn listen(listener: TcpListener, service: S3Service) {
    // The test server checks for an object and then writes, so requests are serialized to give the guarantees of S3.
    let one_by_one = Arc::new(Mutex::new(()));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
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

#[test]
fn two_servers_of_an_s3_bucket_keep_one_history() {
    let s3 = S3::start();
    rounds::round(s3.store(), 20, 0);
}

#[test]
fn two_servers_of_an_s3_bucket_that_fails_keep_one_history() {
    let s3 = S3::start();
    rounds::round(s3.store(), 21, 150);
}

#[test]
fn two_servers_of_an_s3_bucket_erase_at_once() {
    let s3 = S3::start();
    erasing::round(s3.store(), 22, 100);
}
