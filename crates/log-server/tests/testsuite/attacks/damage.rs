//! A database of which some bytes are other ones: whatever the log still does, it signs no other tree.

use std::fs;

use countersign_log_server::search;
use countersign_log_server::signed_file;
use countersign_log_server::sqlite::FILE;

use crate::common::random::Random;
use crate::common::server::{Answer, Server};

/// How often something else is damaged.
const ROUNDS: usize = 40;

/// Origin, size and root of what was signed.
fn head(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    json["checkpoint"].as_str().unwrap().lines().take(3).map(str::to_owned).collect()
}

#[test]
fn bytes_of_the_database_that_are_other_ones() {
    let mut server = Server::start();
    let mut emitter = server.emitter(0);
    for _ in 0..5 {
        emitter.record(60);
        emitter.deliver_all(&server.url(), usize::MAX);
    }
    let mut next = server.emitter(1);
    next.record(20);
    let (body, _) = next.body(0, usize::MAX);
    server.stop();
    let folder = server.folder().to_owned();
    let path = |name: &str| folder.join(name);
    let kept = [FILE, signed_file::FILE].map(|name| (path(name), fs::read(path(name)).unwrap()));
    let others = ["-wal", "-shm"].map(|end| path(&format!("{FILE}{end}")));
    let index = path(search::FILE);
    // In their place: a file that is another one is a copy.
    let restore = || {
        for other in others.iter().chain([&index]) {
            let _ = fs::remove_file(other);
        }
        for (path, bytes) in &kept {
            fs::write(path, bytes).unwrap();
        }
    };
    let (database, whole) = &kept[0];
    server.begin();
    let right = head(&server.submit(body.clone()));
    server.stop();

    let mut random = Random::new(12);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        restore();
        let mut bytes = whole.clone();
        // What SQLite's header says is not a matter of luck: most of the problem is in what the log stored.
        for _ in 0..=random.below(30) {
            let at = 100 + random.below(bytes.len() as u64 - 100) as usize;
            bytes[at] ^= 1 << random.below(8);
        }
        fs::write(database, bytes).unwrap();
        if server.try_begin().is_err() {
            refused += 1;
            continue;
        }
        let answer = server.submit(body.clone());
        match answer.status {
            200 => {
                assert_eq!(head(&answer), right, "round {round}");
                taken += 1;
            }
            503 => refused += 1,
            _ => panic!("round {round}: {answer:?}"),
        }
        assert!(matches!(server.get("/healthz").status, 200 | 503), "round {round}");
        for address in ["/checkpoint", "/tile/0/000", "/tile/entries/000", "/metrics"] {
            assert_ne!(server.get(address).status, 500, "round {round}: {address}");
        }
        server.stop();
    }
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
}
