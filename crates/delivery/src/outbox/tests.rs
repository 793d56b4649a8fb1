//! Tests of what an outbox keeps, and of the states that it rejects.

use std::sync::Arc;

use countersign::event::{Event, Redaction};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::time::Time;

use super::*;

const ORIGIN: &str = "log.example/audit";

fn key() -> SignerKey {
    SignerKey::from_seed("example.com/app", [9; 32]).unwrap()
}

fn open(store: &Arc<Memory>) -> Result<Outbox, DeliveryError> {
    Outbox::open(Box::new(store.clone()), ORIGIN, "outbox")
}

fn code(result: Result<Outbox, DeliveryError>) -> String {
    result.err().map_or_else(|| "fine".into(), |failure| failure.code().to_owned())
}

/// A chain of segments of two events each.
fn segments(count: u8) -> Vec<String> {
    let at = Time::from_millis(1).unwrap();
    let key = key();
    let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), at, &[1; 16]).unwrap();
    let mut next = |n: u8| {
        for n in [n, 100 + n] {
            recorder.sign_with(&key).unwrap();
            let event = Event::parse(format!("{{\"n\":{n}}}").as_bytes(), &Redaction::none()).unwrap();
            recorder.record(&event, at, &[n; 16]).unwrap();
        }
        recorder.flush();
        recorder.sign_with(&key).unwrap();
        recorder.drain()
    };
    (0..count).map(&mut next).collect()
}

fn filled(store: &Arc<Memory>, count: u8) -> Outbox {
    let mut outbox = open(store).unwrap();
    for (lines, offset) in segments(count).iter().zip(1..) {
        let followed =
            FollowPosition { offset, file: Some((1, 2)), before: "x".into(), ..FollowPosition::default() };
        outbox.append(lines, Some(&followed)).unwrap();
    }
    outbox
}

fn receipt() -> Receipt {
    Receipt { link: "link".into(), proof: "proof".into() }
}

#[test]
fn reopened_outbox_is_unchanged() {
    let store = Arc::new(Memory::default());
    let mut outbox = filled(&store, 3);
    let again = open(&store).unwrap();
    assert_eq!((again.head(), again.followed()), (outbox.head(), outbox.followed()));
    assert_eq!(again.pending(), outbox.pending());
    assert_eq!((again.events(), again.pending()[0].links, again.pending()[1].links), (6, 3, 2));
    outbox.proven(2, receipt(), None).unwrap();
    let again = open(&store).unwrap();
    assert_eq!(again.pending(), outbox.pending());
    outbox.proven(3, receipt(), None).unwrap();
    let again = open(&store).unwrap();
    assert_eq!((again.head(), again.events()), (outbox.head(), 0));
    assert_eq!(again.followed().unwrap().offset, 3);
    assert_eq!(again.receipt(), Some(&receipt()));
    assert_eq!(store.names().unwrap(), ["position.json"]);
}

#[test]
fn segment_is_an_export() {
    let store = Arc::new(Memory::default());
    filled(&store, 1);
    let text = String::from_utf8(store.read("000000000001.ndjson").unwrap()).unwrap();
    let options = countersign::verify::Options::default();
    let report =
        countersign::verify::parallel::verify(text.as_bytes(), options, 1, |_| {}, |_| {}).unwrap().report;
    assert_eq!(report.verdict, countersign::verify::Verdict::Untrusted, "{report:?}");
    assert_eq!(report.counts.events, 2);
}

#[test]
fn invalid_files_are_rejected() {
    let code_after = |change: &dyn Fn(&Memory)| {
        let store = Arc::new(Memory::default());
        let mut outbox = filled(&store, 4);
        outbox.proven(1, receipt(), None).unwrap();
        change(&store);
        code(open(&store))
    };
    let edit = |store: &Memory, name: &str, from: &str, to: &str| {
        let text = String::from_utf8(store.read(name).unwrap()).unwrap();
        assert!(text.contains(from));
        store.put(name, text.replacen(from, to, 1).as_bytes()).unwrap();
    };
    assert_eq!(code_after(&|_| {}), "fine");
    let second = "000000000002.ndjson";
    let changes: [&dyn Fn(&Memory); 9] = [
        &|store| store.remove("000000000003.ndjson").unwrap(),
        &|store| store.remove(second).unwrap(),
        &|store| store.remove("position.json").unwrap(),
        &|store| {
            edit(store, second, "\n{\"link\":\"countersign/v1 event", "\n{\"link\":\"countersign/v1 events");
        },
        &|store| edit(store, second, "1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.002Z"),
        &|store| store.put(second, b"").unwrap(),
        &|store| store.put(second, &store.read(second).unwrap()[..600]).unwrap(),
        &|store| store.put("position.json", b"{}").unwrap(),
        &|store| edit(store, "position.json", "\"seq\":2", "\"seq\":3"),
    ];
    for (nth, change) in changes.iter().enumerate() {
        assert_eq!(code_after(change), "outbox.damaged", "{nth}");
    }
    let store = Arc::new(Memory::default());
    filled(&store, 1);
    assert_eq!(code(Outbox::open(Box::new(store), "log.example/other", "outbox")), "outbox.other_log");
}

#[test]
fn only_consecutive_links_are_accepted() {
    let store = Arc::new(Memory::default());
    let lines = segments(3);
    let mut outbox = open(&store).unwrap();
    outbox.append(&lines[0], None).unwrap();
    for other in [&lines[0], &lines[2], &String::new()] {
        assert!(outbox.append(other, None).is_err());
    }
    let unsigned = lines[1].split_inclusive('\n').next().unwrap();
    assert!(outbox.append(unsigned, None).is_err());
    outbox.append(&lines[1], None).unwrap();
    assert_eq!(open(&store).unwrap().events(), 4);
}

#[test]
fn directory_is_private_and_locked() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("a/outbox");
    let directory = Directory::open(&path).unwrap();
    assert_eq!(Directory::open(&path).err().unwrap().code(), "io.locked");
    directory.put("b", b"1").unwrap();
    directory.put("a", b"22").unwrap();
    directory.put("b", b"333").unwrap();
    assert_eq!(directory.names().unwrap(), ["a", "b", "lock"]);
    assert_eq!(directory.read("b").unwrap(), b"333");
    std::fs::write(path.join(".countersign-x.unfinished"), "half").unwrap();
    drop(directory);
    let directory = Directory::open(&path).unwrap();
    directory.remove("a").unwrap();
    assert_eq!(directory.names().unwrap(), ["b", "lock"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("b"))), (0o700, 0o600));
    }
}

#[test]
fn chain_is_replaced_in_one_step() {
    let store = Arc::new(Memory::default());
    let mut outbox = filled(&store, 3);
    let key = key();
    let at = Time::from_millis(0).unwrap();
    let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), at, &[2; 16]).unwrap();
    for n in 0..4 {
        let event = Event::parse(format!("{{\"n\":{n}}}").as_bytes(), &Redaction::none()).unwrap();
        recorder.sign_with(&key).unwrap();
        recorder.record(&event, at, &[n; 16]).unwrap();
    }
    recorder.flush();
    recorder.sign_with(&key).unwrap();
    let lines = recorder.drain();
    outbox.replace(2, &lines, None).unwrap();
    let numbers = |outbox: &Outbox| outbox.pending().iter().map(|segment| segment.number).collect::<Vec<_>>();
    assert_eq!((numbers(&outbox), outbox.events()), (vec![1, 4], 6));
    assert_eq!(outbox.followed().unwrap().offset, 3, "the position in the file is kept");
    let again = open(&store).unwrap();
    assert_eq!((again.pending(), again.head()), (outbox.pending(), outbox.head()));
    outbox.proven(1, receipt(), None).unwrap();
    assert_eq!(open(&store).unwrap().pending(), outbox.pending());
    // Any set of files that a process may have failed to remove.
    for left in [vec![], vec![2], vec![3], vec![2, 3, 4]] {
        let other = Arc::new(Memory::default());
        for name in store.names().unwrap() {
            other.put(&name, &store.read(&name).unwrap()).unwrap();
        }
        open(&other).unwrap().proven(4, receipt(), None).unwrap();
        for number in left {
            let name = segment::name(number);
            other.put(&name, &store.read(&name).unwrap()).unwrap();
        }
        let again = open(&other).unwrap();
        assert_eq!((again.events(), again.head()), (0, outbox.head()));
        assert_eq!(other.names().unwrap(), ["position.json"]);
    }
}

#[test]
fn chain_is_abandoned_only_for_an_earlier_one() {
    let open_at = |millis: i64| {
        let key = key();
        let at = Time::from_millis(millis).unwrap();
        let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), at, &[3; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
        recorder.drain()
    };
    let store = Arc::new(Memory::default());
    let mut outbox = filled(&store, 1);
    assert_eq!(outbox.append(&open_at(1), None).unwrap_err().code(), "outbox.damaged");
    outbox.append(&open_at(0), None).unwrap();
    assert_eq!(open(&store).unwrap().head(), outbox.head());
}
