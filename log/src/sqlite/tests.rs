//! A database that may not grow.

use countersign::log::{Growth, Limits, Rules, Submission};
use countersign::merkle::{CompactRange, Grown};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::time::Time;
use rusqlite::OpenFlags;
use tempfile::TempDir;

use super::pool::Pool;
use super::{FILE, SqliteWriter, connect, prepare, touch};
use crate::store::{CommitError, Published, Reader as _, StoreError, Writer as _};
use crate::tables::TableReader;

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
    growth.submit(&Rules::new(ORIGIN, None), writer, submission).unwrap();
    let mut tree = Grown::new(&edge);
    let hashes: Vec<_> = growth.leaves().iter().map(|leaf| leaf.hash).collect();
    tree.extend(&hashes);
    writer.commit(&growth, &tree, Some(&published(growth.size())))?;
    Ok(tree.edge())
}

fn open(folder: &TempDir) -> (SqliteWriter, TableReader<Pool>) {
    let path = folder.path().join(FILE);
    touch(&path).unwrap();
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    prepare(&connection, ORIGIN).unwrap();
    (SqliteWriter::new(connection).unwrap(), TableReader(Pool::new(path)))
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
