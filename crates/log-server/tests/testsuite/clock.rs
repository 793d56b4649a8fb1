//! A clock that jumps.

use countersign::checkpoint::SignedCheckpoint;
use countersign::merkle::{CompactRange, leaf_hash};
use countersign::verify::{Options, Verifier};
use countersign_log::export::{Exporter, Request};
use countersign_log::store::Published;
use serde_json::json;

use crate::common::emitter::{Attempt, BEGIN, Emitter};
use crate::common::server::{ORIGIN, Server, emitter_key};

const HOUR: i64 = 3_600_000;
/// A full hour, later than all that emitters record.
const FULL_HOUR: i64 = (BEGIN / HOUR + 1) * HOUR;

/// The kept checkpoints, each as it must be.
fn kept(server: &Server) -> Vec<Published> {
    let kept = server.reader().checkpoints(0..u64::MAX >> 1).unwrap();
    let leaves = server.reader().leaves(0..server.size()).unwrap();
    for published in &kept {
        let mut range = CompactRange::new();
        leaves.iter().take(published.size as usize).for_each(|leaf| range.append(leaf_hash(leaf)));
        let signed = SignedCheckpoint::parse(&published.note).unwrap().checkpoint;
        assert_eq!(
            (signed.size, range.root().unwrap_or_else(countersign::merkle::empty_root)),
            (published.size, signed.root)
        );
    }
    let newest = server.reader().published().unwrap().unwrap();
    assert_eq!(kept.last(), Some(&newest));
    kept
}

fn grow(server: &Server, emitter: &mut Emitter, at: i64) {
    server.set_clock(at);
    emitter.record(2);
    emitter.deliver_all(&server.url(), 3);
}

/// The hours of the kept checkpoints that hold leaves.
fn hours(server: &Server) -> Vec<i64> {
    kept(server)
        .iter()
        .filter(|kept| kept.size > 0)
        .map(|kept| (kept.at.millis() - FULL_HOUR).div_euclid(HOUR))
        .collect()
}

#[test]
fn a_checkpoint_of_each_hour_is_kept() {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    for at in [0, 1, HOUR - 1, HOUR, HOUR + 1, 2 * HOUR - 1, 2 * HOUR, 9 * HOUR, 9 * HOUR + 7, 200 * HOUR] {
        grow(&server, &mut emitter, FULL_HOUR + at);
    }
    assert_eq!(hours(&server), [0, 1, 2, 9, 200]);
    // It is the last one of its hour.
    let sizes: Vec<u64> = kept(&server).iter().map(|kept| kept.size).collect();
    assert!(sizes.ends_with(&[7, 13, 15, 19, 21]), "{sizes:?}");
}

#[test]
fn a_clock_that_goes_back_and_forth_loses_no_hour() {
    let mut server = Server::start();
    let mut emitter = server.emitter(0);
    for hour in [0, 5, 3, 3, 5, 4, 400_000, 4, 5] {
        grow(&server, &mut emitter, FULL_HOUR + hour * HOUR + HOUR / 2);
    }
    assert_eq!(hours(&server), [0, 5, 3, 5, 4, 400_000, 4, 5]);
    // Nor does a start under another clock.
    server.set_clock(253_402_300_799_999);
    server.begin();
    grow(&server, &mut emitter, 253_402_300_799_999);
    server.set_clock(FULL_HOUR);
    server.begin();
    grow(&server, &mut emitter, FULL_HOUR);
    assert_eq!(server.size(), 23);
    assert_eq!(hours(&server)[8..], [(253_402_300_799_999 - FULL_HOUR) / HOUR, 0]);
}

#[test]
fn a_clock_that_is_behind_keeps_emitters_waiting_and_loses_nothing() {
    let mut server = Server::start();
    let mut emitter = server.emitter(0);
    grow(&server, &mut emitter, BEGIN);
    emitter.record(2);
    for clock in [0, BEGIN - 300_000 - 1_000] {
        server.set_clock(clock);
        server.begin();
        assert_eq!(emitter.deliver(&server.url(), 0, usize::MAX), Attempt::Later);
        let answer = server.submit(emitter.body(0, usize::MAX).0);
        assert_eq!(answer.refusal(), (503, "submit.early".into()));
        assert!(answer.headers.contains_key("retry-after"));
        assert_eq!((server.size(), server.get("/checkpoint").status), (3, 200));
    }
    server.set_clock(BEGIN);
    emitter.deliver_all(&server.url(), usize::MAX);
    assert_eq!(server.size(), 5);
}

#[test]
fn what_emitters_and_the_log_itself_write_stays_in_order() {
    let mut server = Server::start();
    let mut emitters: Vec<Emitter> =
        (0..3).map(|number| Emitter::new(ORIGIN, emitter_key(number), 0, server.trust())).collect();
    for (round, hour) in [10, 2, 90, 0, 90, 89].into_iter().enumerate() {
        for emitter in &mut emitters {
            grow(&server, emitter, FULL_HOUR + hour * HOUR);
        }
        // The log's own chain, under the same clock.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime
            .block_on(server.log_server().record(&json!({ "action": "log.test", "round": round })))
            .unwrap();
    }
    for emitter in &mut emitters {
        emitter.close();
        emitter.deliver_all(&server.url(), usize::MAX);
    }
    let trust = server.trust().with_emitter(server.log_server().key().clone()).unwrap();
    server.begin();
    let exporter = Exporter::new(server.reader().clone(), ORIGIN, Some(trust.clone()));
    let mut lines = exporter.plan(&Request::default(), &|| false).unwrap().lines();
    let mut verifier = Verifier::new(Options { trust, ..Options::default() });
    while let Some(piece) = lines.next_piece().unwrap() {
        verifier.push(&piece);
    }
    let report = verifier.finish().report;
    assert_eq!(report.verdict.as_str(), "verified", "{report:#?}");
    assert_eq!(report.counts.entries, server.size());
}
