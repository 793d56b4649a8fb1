//! Tests of uploads to mirrors: a server that stops finishes them.

use countersign::log::Limits;
use countersign_log_server::server::Bounds;
use countersign_log_server::signed_file::SignedFile;

use crate::common::emitter::BEGIN;
use crate::common::mirror::Mirror;
use crate::common::server::{ORIGIN, Server, until};
use crate::common::witness::Witness;
use crate::tenants::world::{World, emitters};

/// Returns the size of the largest checkpoint that a log signed.
fn signed(server: &Server) -> u64 {
    SignedFile::read(server.folder(), ORIGIN).unwrap().newest().unwrap().size
}

#[test]
fn a_log_that_stops_finishes_its_uploads() {
    for (has_tenants, has_witness) in [(false, false), (false, true), (true, false), (true, true)] {
        let witness = has_witness.then(|| Witness::start(0, BEGIN));
        let witness = witness.as_ref().map_or_else(String::new, |witness| witness.line("w") + "quorum w\n");
        let trust = emitters() + &witness;
        let mirror = Mirror::start();
        let mut server = if has_tenants {
            World::with(&trust, Bounds::default()).server
        } else {
            Server::with(&trust, Limits::default(), Bounds::default())
        };
        mirror.set_down(true);
        server.feed_mirrors(&[mirror.url().to_owned()]);
        if !has_tenants {
            let mut emitter = server.emitter(0);
            emitter.record(3);
            assert_eq!(server.submit(emitter.body(0, usize::MAX).0).status, 200);
        }
        until("an upload fails", || mirror.requests() > 0);
        // The last tick of a root log is made when it stops.
        mirror.set_down(false);
        let before = server.size();
        assert_eq!(server.stop(), []);
        assert_eq!(mirror.size(), signed(&server));
        assert!(mirror.size() > if has_tenants { before } else { 3 });
    }
}
