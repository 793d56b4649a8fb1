//! Recording who read what while the store fails.

use countersign_log::reads::{ReadRules, RecordReads};
use countersign_log::store::StoredEvent;
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::serve::{Config, serve};
use countersign_log_server::tokens;
use object_store::memory::InMemory;
use serde_json::Value;
use std::sync::Arc;
use tempfile::TempDir;

use super::faults::Faulty;
use super::world::{World, config, contents, emitter, url};
use crate::common::emitter::client;
use crate::common::server::send;

#[test]
fn what_cannot_be_recorded_is_refused_where_that_is_asked_and_never_forgotten() {
    for required in [false, true] {
        let world = World::new(Arc::new(InMemory::new()));
        let (way, folder) = (Faulty::new(world.store.clone(), 1), TempDir::new().unwrap());
        let reads = ReadRules { record: RecordReads::Exports, required };
        let config = Config { reads, ..config(folder.path(), Some(world.bucket(way.clone()))) };
        let serving = world.runtime.block_on(serve(config)).unwrap();
        let mut emitter = emitter(0, 0);
        emitter.record(3);
        emitter.deliver_all(&url(&serving), usize::MAX);
        let token = tokens::add(folder.path(), "auditor", Rights::READ, None, Scope::default()).unwrap();
        let export = || send(client().get(url(&serving) + "/export").bearer_auth(token.as_str()));
        let record = || world.runtime.block_on(serving.reading().record_reads());
        let unrecorded = || {
            let metrics = send(client().get(url(&serving) + "/metrics")).body;
            let metrics = String::from_utf8(metrics).unwrap();
            let line = metrics.lines().find(|line| line.starts_with("countersign_reads_unrecorded "));
            line.unwrap().rsplit(' ').next().unwrap().to_owned()
        };
        assert_eq!(export().status, 200);
        record().unwrap();
        assert_eq!(unrecorded(), "0");

        way.end_after(0);
        let answer = export();
        if required {
            assert_eq!(answer.refusal(), (503, "server.unrecorded".into()));
        } else {
            assert_eq!(answer.status, 200);
            record().unwrap_err();
        }
        assert_eq!(unrecorded(), "1");
        way.end_after(u64::MAX);
        assert_eq!(export().status, 200);
        record().unwrap();
        assert_eq!(unrecorded(), "0");
        let begun: u64 = contents(&**serving.log_server().reader())
            .iter()
            .filter_map(|leaf| match &leaf.event {
                StoredEvent::Here(event) => serde_json::from_str::<Value>(&event.text).ok(),
                StoredEvent::Erased | StoredEvent::None => None,
            })
            .filter_map(|event| event["metadata"]["reads"][0]["begun"].as_u64())
            .sum();
        // A commit that seemed to fail may have been durable all the same.
        assert!(begun >= 3, "{begun}");
        world.stop(serving);
    }
}
