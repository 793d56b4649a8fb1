//! A provider that the application has installed is kept.

use countersign_tls::{http_client, provider};
use rustls::NamedGroup;
use rustls::crypto::ring;

#[test]
fn an_installed_provider_is_kept() {
    let mut own = ring::default_provider();
    own.kx_groups.retain(|group| group.name() == NamedGroup::secp384r1);
    own.install_default().unwrap();
    http_client().build().unwrap();
    assert_eq!(provider().kx_groups.len(), 1);
}
