//! A database that may not grow.

use std::cell::Cell;
use std::sync::Arc;

use countersign::checkpoint::Checkpoint;
use countersign::keys::{KeyNote, Statement};
use countersign::log::{Growth, Limits, Rules, Submission, Taken};
use countersign::merkle::{CompactRange, Grown, inclusion_proof};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::time::Time;
use rusqlite::OpenFlags;
use tempfile::TempDir;

use super::pool::Pool;
use super::{FILE, Owned, SqliteWriter, connect, prepare, touch};
use crate::hashes::StoredHashes;
use crate::store::{CommitError, Published, Reader as _, StoreError, Writer as _};
use crate::submitting::Committed;
use crate::tables::{Connections, Database, TableReader};

const ORIGIN: &str = "log.example";
const HOUR: i64 = 3_600_000;

/// A chain of so many links.
fn chain(number: u128, links: usize) -> Submission {
    let key = SignerKey::generate("example.com/e", [7; 32]).unwrap();
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

/// Commits a chain, and gives the right edge of the tree.
fn commit(writer: &mut SqliteWriter, submission: &Submission) -> Result<CompactRange, CommitError> {
    let edge = writer.edge()?;
    let mut growth = Growth::new(edge.end());
    growth.submit(&Rules::new(ORIGIN, None), writer, submission, Time::MAX).unwrap();
    let mut tree = Grown::new(&edge);
    let hashes: Vec<_> = growth.leaves().iter().map(|leaf| leaf.hash).collect();
    tree.extend(&hashes);
    writer.commit(&growth, &tree, Some(&published(growth.size())), &[])?;
    Ok(tree.edge())
}

fn open(folder: &TempDir) -> (SqliteWriter, TableReader<Pool>) {
    let path = folder.path().join(FILE);
    touch(&path).unwrap();
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    prepare(&connection, ORIGIN).unwrap();
    (SqliteWriter::new(Owned::new(connection, &path)).unwrap(), TableReader(Pool::new(path)))
}

#[test]
fn what_witnesses_saw_in_the_hour_in_which_the_log_grew_is_kept() {
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
            // The newest is as it was seen last.
            assert_eq!(reader.published().unwrap(), Some(seen(size, hour, true)));
        }
    }
    writer.publish(&seen(20, 40, false)).unwrap();
    writer.publish(&seen(20, 41, true)).unwrap();
    writer.publish(&seen(21, 50, true)).unwrap();
    assert_eq!(all(&reader), ["5 at 10", "7 at 13", "9 at 14", "20 at 41", "21 at 50"]);
}

#[test]
fn a_commit_for_which_there_is_no_room_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let (mut writer, reader) = open(&folder);
    let mut number = 0;
    let mut edge = CompactRange::new();
    for more in 0..40 {
        let pages: i64 = writer.database().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        // Each time it fails at another page.
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
        // There is room again: the same is taken.
        writer.database().pragma_update(None, "max_page_count", 1 << 30).unwrap();
        edge = commit(&mut writer, &chain(number, 30)).unwrap();
    }
    // What is stored is what a new writer finds.
    drop(writer);
    let (writer, _) = open(&folder);
    assert_eq!((writer.size(), writer.edge().unwrap()), (edge.end(), edge));
}

thread_local! {
    /// How often this thread read a database.
    static READS: Cell<usize> = const { Cell::new(0) };
}

/// Connections of which it is counted how often they are used.
struct Counted(Pool);

impl Connections for Counted {
    fn with(&self, read: &mut dyn FnMut(&dyn Database) -> Result<(), StoreError>) -> Result<(), StoreError> {
        READS.set(READS.get() + 1);
        self.0.with(read)
    }
}

#[test]
fn all_proofs_of_an_answer_read_a_tile_once() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = open(&folder);
    let edge = commit(&mut writer, &chain(1, 700)).unwrap();
    let key = SignerKey::generate(ORIGIN, [8; 32]).unwrap();
    let note = Checkpoint::new(ORIGIN, 700, edge.root().unwrap()).unwrap().sign(&key).unwrap();
    let published = Arc::new(Published { note, ..published(700) });
    let committed = Committed { taken: Taken::default(), published, tree: None };
    let reader = TableReader(Counted(Pool::new(folder.path().join(FILE))));
    let stored = StoredHashes::new(&reader, 700);
    let mut prover = committed.prover(&reader).unwrap();
    for index in 0..700 {
        let before = READS.get();
        let proof = prover.prove(index).unwrap();
        // Three tiles of leaves, and the one above them.
        let reads = READS.get() - before;
        assert!(reads <= 4 && (index == 0 || reads <= 1), "{reads} reads for leaf {index}");
        assert_eq!(proof.hashes, inclusion_proof(index, 700, &stored).unwrap());
    }
    let before = READS.get();
    prover.prove(300).unwrap();
    assert_eq!(READS.get(), before);
}

#[test]
fn key_notes_are_found_by_where_they_are() {
    let folder = TempDir::new().unwrap();
    let (mut writer, reader) = open(&folder);
    let mut line = |number: u8, links: usize| {
        let key = SignerKey::generate("example.com/e", [number; 32]).unwrap();
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
