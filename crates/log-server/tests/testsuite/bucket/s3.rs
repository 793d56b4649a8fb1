//! Tests of a bucket against an S3-compatible server, with conditional requests over HTTP.

use std::sync::Arc;

use countersign_s3_server::{ACCESS_KEY, BUCKET, REGION, S3Server, SECRET_KEY};
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;

use super::{erasing, rounds};

fn store(server: &S3Server) -> Arc<dyn ObjectStore> {
    let builder = AmazonS3Builder::new()
        .with_bucket_name(BUCKET)
        .with_endpoint(server.endpoint())
        .with_allow_http(true)
        .with_region(REGION)
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key(SECRET_KEY);
    Arc::new(builder.build().unwrap())
}

#[test]
fn two_servers_of_an_s3_bucket_keep_one_history() {
    let s3 = S3Server::start();
    rounds::round(store(&s3), 20, 0);
}

#[test]
fn two_servers_of_an_s3_bucket_that_fails_keep_one_history() {
    let s3 = S3Server::start();
    rounds::round(store(&s3), 21, 150);
}

#[test]
fn two_servers_of_an_s3_bucket_erase_at_once() {
    let s3 = S3Server::start();
    erasing::round(store(&s3), 22, 100);
}
