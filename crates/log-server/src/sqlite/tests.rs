//! Tests of the database under limits on its size, and of its lookup tables.

use std::cell::Cell;
use std::fs;
use std::sync::Arc;

use countersign::checkpoint::Checkpoint;
use countersign::event::{Event, Redaction};
use countersign::keys::{KeyNote, Statement};
use countersign::link::ChainId;
use countersign::log::{Limits, PendingBatch, Rules, Submission, SubmissionOutcome};
use countersign::merkle::{CompactRange, PendingTree, inclusion_proof};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::time::Time;
use rusqlite::OpenFlags;
use tempfile::TempDir;

use super::pool::Pool;
use super::{FILE, SqliteWriter, WriteConnection, connect, prepare, touch};
use countersign_log::hashes::StoredHashes;
use countersign_log::store::{
    Batch, CheckpointReader as _, CheckpointWriter as _, CommitError, EntryReader as _, EntryWriter as _,
    Published, StoreError,
};
use countersign_log::submission::Committed;
use countersign_log::tables::{Connections, Database, TableReader};

const ORIGIN: &str = "log.example";
const HOUR: i64 = 3_600_000;

/// Returns a chain with that number of links.
fn chain(number: u128, links: usize) -> Submission {
    let key = SignerKey::from_seed("example.com/e", [7; 32]).unwrap();
    let nonce = number.to_be_bytes();
    let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), Time::MIN, &nonce).unwrap();
    recorder.sign_with(&key).unwrap();
    let event = format!("{{\"a\":\"{}\"}}", "x".repeat(300));
    let event = countersign::event::Event::parse(event.as_bytes(), &countersign::event::Redaction::none());
    let event = event.unwrap();
    for salt in 2..links {
        recorder.record(&event, Time::MIN, &[salt as u8; 16]).unwrap();
    }
    recorder.close(Time::MIN).unwrap();
    recorder.sign_with(&key).unwrap();
    Submission::parse(recorder.drain().as_bytes(), &Limits::default()).unwrap()
}

fn published(size: u64) -> Published {
    Published { size, note: format!("{size}"), at: Time::MIN, witnessed: true }
}

/// Commits a chain, and returns the right edge of the tree.
fn commit(writer: &mut SqliteWriter, submission: &Submission) -> Result<CompactRange, CommitError> {
    let edge = writer.edge()?;
    let mut growth = PendingBatch::new(edge.end());
    growth.submit(&Rules::new(ORIGIN, None), writer, submission, Time::MAX).unwrap();
    let mut tree = PendingTree::new(&edge);
    let hashes: Vec<_> = growth.leaves().iter().map(|leaf| leaf.hash).collect();
    tree.extend(&hashes);
    let published = published(growth.size());
    let batch =
        Batch { growth: &growth, tree: &tree, publish: Some(&published), erasures: &[], signed_size: None };
    writer.commit(&batch)?;
    Ok(tree.edge())
}

fn open(folder: &TempDir) -> (SqliteWriter, TableReader<Pool>) {
    let path = folder.path().join(FILE);
    touch(&path).unwrap();
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    prepare(&connection, ORIGIN).unwrap();
    (SqliteWriter::new(WriteConnection::new(connection, &path)).unwrap(), TableReader::new(Pool::new(path)))
}

#[test]
fn a_write_ahead_log_without_its_database_is_kept() {
    let folder = TempDir::new().unwrap();
    let [path, log] = ["", "-wal"].map(|end| folder.path().join(format!("{FILE}{end}")));
    fs::write(&log, "acknowledged entries").unwrap();
    for is_empty in [false, true] {
        let error = super::open(folder.path(), ORIGIN).map(drop).unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)), "{error}");
        assert!(error.to_string().contains("log.sqlite-wal: the database is missing"), "{error}");
        assert!(super::create_with_tenants(folder.path(), ORIGIN, 1).is_err());
        assert_eq!(fs::read(&log).unwrap(), b"acknowledged entries");
        assert_eq!(path.exists(), is_empty);
        fs::write(&path, "").unwrap();
    }
    fs::remove_file(&log).unwrap();
    super::open(folder.path(), ORIGIN).unwrap();
}

#[test]
fn keeps_the_first_witnessed_checkpoint_of_each_size_and_hour() {
    let folder = TempDir::new().unwrap();
    let (mut writer, reader) = open(&folder);
    let seen = |size: u64, hour: i64, witnessed: bool| Published {
        size,
        note: format!("{size} at {hour}"),
        at: Time::from_millis(hour * HOUR).unwrap(),
        witnessed,
    };
    let all = |reader: &TableReader<Pool>| -> Vec<String> {
        reader.checkpoints(0..1_000).unwrap().into_iter().map(|published| published.note).collect()
    };
    for (size, hours) in [(5, 10..14), (7, 13..14), (8, 14..15), (9, 14..40)] {
        for hour in hours {
            writer.publish(&seen(size, hour, true)).unwrap();
            // The newest is kept in its last form.
            assert_eq!(reader.published().unwrap(), Some(seen(size, hour, true)));
        }
    }
    writer.publish(&seen(20, 40, false)).unwrap();
    writer.publish(&seen(20, 41, true)).unwrap();
    writer.publish(&seen(21, 50, true)).unwrap();
    assert_eq!(all(&reader), ["5 at 10", "7 at 13", "9 at 14", "20 at 41", "21 at 50"]);
}

#[test]
fn failed_commit_on_a_full_disk_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let (mut writer, reader) = open(&folder);
    let mut number = 0;
    let mut edge = CompactRange::new();
    for more in 0..40 {
        let pages: i64 = writer.database().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        // Each time, it fails at another page.
        writer.database().pragma_update(None, "max_page_count", pages + more).unwrap();
        loop {
            number += 1;
            match commit(&mut writer, &chain(number, 30)) {
                Ok(grown) => edge = grown,
                Err(CommitError::Failed(StoreError::Unavailable { .. })) => break,
                Err(error) => panic!("{error}"),
            }
        }
        let size = edge.end();
        assert_eq!((writer.size(), reader.size().unwrap()), (size, size));
        assert_eq!(writer.edge().unwrap(), edge);
        assert_eq!(reader.published().unwrap(), (size > 0).then(|| published(size)));
        // The same submission is accepted once there is room.
        writer.database().pragma_update(None, "max_page_count", 1 << 30).unwrap();
        edge = commit(&mut writer, &chain(number, 30)).unwrap();
    }
    // A new writer finds what is stored.
    drop(writer);
    let (writer, _) = open(&folder);
    assert_eq!((writer.size(), writer.edge().unwrap()), (edge.end(), edge));
}

#[test]
fn database_file_alone_is_complete_once_the_writer_is_closed() {
    let folder = TempDir::new().unwrap();
    let (mut writer, reader) = open(&folder);
    let edge = commit(&mut writer, &chain(1, 40)).unwrap();
    assert_eq!(reader.size().unwrap(), edge.end());
    drop(writer);
    let copied = TempDir::new().unwrap();
    std::fs::copy(folder.path().join(FILE), copied.path().join(FILE)).unwrap();
    let (copy, _) = open(&copied);
    assert_eq!((copy.size(), copy.edge().unwrap()), (edge.end(), edge));
    drop(reader);
}

thread_local! {
    /// Number of database reads on this thread.
    static READS: Cell<usize> = const { Cell::new(0) };
}

/// Connections that count their uses.
struct CountedConnections(Pool);

impl Connections for CountedConnections {
    fn with(&self, read: &mut dyn FnMut(&dyn Database) -> Result<(), StoreError>) -> Result<(), StoreError> {
        READS.set(READS.get() + 1);
        self.0.with(read)
    }
}

#[test]
fn all_proofs_of_a_response_read_each_tile_once() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = open(&folder);
    let edge = commit(&mut writer, &chain(1, 700)).unwrap();
    let key = SignerKey::from_seed(ORIGIN, [8; 32]).unwrap();
    let note = Checkpoint::new(ORIGIN, 700, edge.root().unwrap()).unwrap().sign(&key).unwrap();
    let published = Arc::new(Published { note, ..published(700) });
    let committed = Committed { taken: SubmissionOutcome::default(), published, tree: None };
    let reader = TableReader::new(CountedConnections(Pool::new(folder.path().join(FILE))));
    let stored = StoredHashes::new(&reader, 700);
    let mut prover = committed.prover(&reader).unwrap();
    for index in 0..700 {
        let before = READS.get();
        let proof = prover.prove(index).unwrap();
        // Three tiles of entries, and the one above them.
        let reads = READS.get() - before;
        assert!(reads <= 4 && (index == 0 || reads <= 1), "{reads} reads for entry {index}");
        assert_eq!(proof.hashes, inclusion_proof(index, 700, &stored).unwrap());
    }
    let before = READS.get();
    prover.prove(300).unwrap();
    assert_eq!(READS.get(), before);
}

#[test]
fn finds_key_notes_by_position() {
    let folder = TempDir::new().unwrap();
    let (mut writer, reader) = open(&folder);
    let mut line = |number: u8, links: usize| {
        let key = SignerKey::from_seed("example.com/e", [number; 32]).unwrap();
        let revoke = Statement::Revoke { key: key.verifier_key().clone(), since: None };
        let note = serde_json::json!({ "note": KeyNote::sign(ORIGIN, &[revoke], &key).unwrap() });
        let note = Submission::parse(note.to_string().as_bytes(), &Limits::default()).unwrap();
        commit(&mut writer, &note).unwrap();
        commit(&mut writer, &chain(number.into(), links)).unwrap();
    };
    line(1, 4);
    line(2, 9);
    line(3, 2);
    for (leaves, notes) in [(0..100, vec![0, 5, 15]), (0..15, vec![0, 5]), (1..6, vec![5]), (6..15, vec![])] {
        assert_eq!(reader.notes(leaves).unwrap(), notes);
    }
}

/// Emitters whose chains grow in parallel, with the index of each of their links.
struct Emitters {
    key: SignerKey,
    recorders: Vec<Recorder>,
    /// Each chain's entries, in order of the links.
    places: Vec<Vec<u64>>,
}

impl Emitters {
    fn new(chains: u8) -> Self {
        let key = SignerKey::from_seed("example.com/e", [7; 32]).unwrap();
        let open = |nonce: u8| {
            let mut recorder =
                Recorder::open(ORIGIN, key.verifier_key().clone(), Time::MIN, &[nonce; 16]).unwrap();
            recorder.sign_with(&key).unwrap();
            recorder
        };
        let recorders: Vec<_> = (0..chains).map(open).collect();
        Self { key, places: vec![Vec::new(); recorders.len()], recorders }
    }

    /// Records events on each of these chains, one chain after the other, as the next submission.
    fn submission(
        &mut self,
        writer: &SqliteWriter,
        chains: impl Iterator<Item = usize>,
        events: u8,
    ) -> Submission {
        let event = Event::parse(br#"{"action":"a"}"#, &Redaction::none()).unwrap();
        let (mut body, mut index) = (String::new(), writer.size());
        for chain in chains {
            let recorder = &mut self.recorders[chain];
            for salt in 0..events {
                recorder.record(&event, Time::MIN, &[salt; 16]).unwrap();
            }
            recorder.flush();
            if recorder.to_sign().is_some() {
                recorder.sign_with(&self.key).unwrap();
            }
            let lines = recorder.drain();
            let end = index + lines.lines().count() as u64;
            self.places[chain].extend(std::mem::replace(&mut index, end)..end);
            body.push_str(&lines);
        }
        Submission::parse(body.as_bytes(), &Limits::default()).unwrap()
    }

    fn commit(&mut self, writer: &mut SqliteWriter, chains: impl Iterator<Item = usize>, events: u8) {
        let submission = self.submission(writer, chains, events);
        commit(writer, &submission).unwrap();
    }

    /// Looks up every link.
    fn check(&self, writer: &SqliteWriter, reader: &TableReader<Pool>) {
        for (recorder, places) in self.recorders.iter().zip(&self.places) {
            let chain: ChainId = recorder.chain().unwrap();
            for (seq, index) in (0..).zip(places) {
                let known = writer.state().link(&chain, seq).unwrap().map(|held| held.index);
                assert_eq!((known, reader.index_of(&chain, seq).unwrap()), (Some(*index), Some(*index)));
            }
            let next = places.len() as u64;
            assert_eq!(writer.state().link(&chain, next).unwrap(), None);
            assert_eq!(reader.index_of(&chain, next).unwrap(), None);
        }
    }
}

fn unsettled(writer: &SqliteWriter) -> u64 {
    writer.database().query_row("SELECT first FROM unsettled", [], |row| row.get(0)).unwrap()
}

#[test]
fn finds_every_link_in_settled_and_unsettled_runs() {
    let folder = TempDir::new().unwrap();
    let (mut writer, reader) = open(&folder);
    let mut emitters = Emitters::new(32);
    let mut settled = vec![unsettled(&writer)];
    for round in 0..100 {
        // Some chains skip a round.
        emitters.commit(&mut writer, (0..32).filter(|chain| (chain + round) % 5 > 0), 1);
        if unsettled(&writer) != *settled.last().unwrap() {
            settled.push(unsettled(&writer));
            emitters.check(&writer, &reader);
        }
        if round % 30 == 7 {
            emitters.check(&writer, &reader);
            let (reopened, other) = open(&folder);
            emitters.check(&reopened, &other);
            writer = reopened;
        }
    }
    emitters.check(&writer, &reader);
    assert!(settled.len() >= 3 && settled.is_sorted(), "{settled:?}");
    // A chain on its own has a single run, however it arrived.
    for _ in 0..40 {
        emitters.commit(&mut writer, 3..4, 250);
    }
    let runs: u64 = writer
        .database()
        .query_row("SELECT count(*) FROM runs WHERE count > 4000", [], |row| row.get(0))
        .unwrap();
    assert_eq!(runs, 1);
    emitters.check(&writer, &reader);
}

#[test]
fn finds_links_after_settling_runs_failed() {
    let folder = TempDir::new().unwrap();
    let (mut writer, reader) = open(&folder);
    let mut emitters = Emitters::new(64);
    let mut failed = 0;
    while unsettled(&writer) == 0 {
        let (size, places) = (writer.size(), emitters.places.clone());
        let submission = emitters.submission(&writer, 0..64, 1);
        let pages: i64 = writer.database().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        writer.database().pragma_update(None, "max_page_count", pages + 9).unwrap();
        if commit(&mut writer, &submission).is_err() {
            failed += 1;
            assert_eq!((writer.size(), unsettled(&writer)), (size, 0));
            let places = std::mem::replace(&mut emitters.places, places);
            emitters.check(&writer, &reader);
            emitters.places = places;
            writer.database().pragma_update(None, "max_page_count", 1 << 30).unwrap();
            commit(&mut writer, &submission).unwrap();
        }
    }
    assert!(failed > 0);
    emitters.check(&writer, &reader);
}

#[test]
fn commit_does_not_write_a_page_per_chain() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = open(&folder);
    let mut emitters = Emitters::new(64);
    for _ in 0..100 {
        emitters.commit(&mut writer, 0..64, 1);
    }
    let mut written: Vec<i64> = (0..15)
        .map(|_| {
            let emptied = "PRAGMA wal_checkpoint(TRUNCATE)";
            writer.database().query_row(emptied, [], |_| Ok(())).unwrap();
            emitters.commit(&mut writer, (0..64).step_by(2), 1);
            writer.database().query_row("PRAGMA wal_checkpoint", [], |row| row.get(1)).unwrap()
        })
        .collect();
    written.sort_unstable();
    // A commit that settles runs writes more pages.
    assert!(written[written.len() / 2] <= 24, "{written:?}");
}

#[test]
fn continues_a_database_of_version_1() {
    let folder = TempDir::new().unwrap();
    let (mut writer, reader) = open(&folder);
    let mut emitters = Emitters::new(40);
    // Version 1 left all runs settled and had no table for unsettled ones.
    while unsettled(&writer) < 1_100 {
        emitters.commit(&mut writer, 0..40, 1);
    }
    assert_eq!(unsettled(&writer), writer.size());
    writer.database().execute_batch("DROP TABLE unsettled; PRAGMA user_version = 1").unwrap();
    drop((writer, reader));
    // Opening it for reading doesn't change that.
    let (_, reader) = super::open_reader(folder.path()).unwrap();
    assert_eq!(
        reader.index_of(&emitters.recorders[0].chain().unwrap(), 5).unwrap(),
        Some(emitters.places[0][5])
    );
    let (mut writer, reader) = open(&folder);
    emitters.check(&writer, &reader);
    for _ in 0..30 {
        emitters.commit(&mut writer, 0..40, 1);
    }
    emitters.check(&writer, &reader);
    assert!(unsettled(&writer) > 1_100);
    let (reopened, reader) = open(&folder);
    emitters.check(&reopened, &reader);
}
