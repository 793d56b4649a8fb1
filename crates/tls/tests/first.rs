//! A process that has installed no provider gets ring, whichever function it calls first.

use std::sync::Arc;
use std::thread;

use countersign_tls::{http_client, provider};

#[test]
fn the_first_callers_install_one_provider() {
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(|| drop(http_client().build().unwrap()))).collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let groups: Vec<_> = provider().kx_groups.iter().map(|group| group.name()).collect();
    let ring = rustls::crypto::ring::default_provider();
    assert_eq!(groups, ring.kx_groups.iter().map(|group| group.name()).collect::<Vec<_>>());
    assert!(Arc::ptr_eq(&provider(), &provider()));
}
