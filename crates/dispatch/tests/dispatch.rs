//! Tests sending records to a destination that rejects some of them.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use countersign_client::DestinationError;
use countersign_dispatch::{BatchAnswer, Destination, Dispatch, Progress};
use countersign_errors::EngineError;
use countersign_feeds::Record;

/// A destination that rejects every batch with the record `refused`.
#[derive(Clone, Default)]
struct Picky {
    accepted: Rc<RefCell<Vec<String>>>,
    refused: Option<&'static str>,
}

impl Destination for Picky {
    fn send(&mut self, records: &[&Record]) -> Result<BatchAnswer, DestinationError> {
        if records.iter().any(|record| Some(record.id.as_str()) == self.refused) {
            return Err(DestinationError::Refused("unknown field".into()));
        }
        self.accepted.borrow_mut().extend(records.iter().map(|record| record.id.clone()));
        Ok(BatchAnswer::default())
    }

    fn max_records(&self) -> usize {
        4
    }
}

/// Sends records for these indexes to the destination.
fn send(folder: Option<&Path>, to: &Picky, leaves: std::ops::Range<u64>) -> Result<u64, EngineError> {
    let progress = Progress::open(folder)?;
    let mut dispatch = Dispatch::begin(Box::new(to.clone()), progress, None, Box::new(()))?;
    for leaf in leaves {
        let time = "2026-11-20T06:01:02.345Z".parse().unwrap();
        dispatch.push(
            Some(leaf),
            Record { id: format!("chain/{leaf}"), time, text: "{}".into(), syslog: None },
        )?;
    }
    dispatch.end()
}

#[test]
fn rejected_record_does_not_delay_others() {
    let to = Picky { refused: Some("chain/5"), ..Picky::default() };
    let error = send(None, &to, 0..9).unwrap_err();
    assert_eq!(error.code(), "feed.refused");
    assert!(error.to_string().contains("8 records sent, 1 record rejected"), "{error}");
    let expected = [0, 1, 2, 3, 4, 6, 7, 8].map(|leaf| format!("chain/{leaf}"));
    assert_eq!(*to.accepted.borrow(), expected);
}

#[test]
fn only_rejected_records_are_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let to = Picky { refused: Some("chain/1"), ..Picky::default() };
    assert_eq!(send(Some(folder.path()), &to, 0..3).unwrap_err().code(), "feed.refused");
    let now_all = Picky { refused: None, ..to };
    assert_eq!(send(Some(folder.path()), &now_all, 0..5).unwrap(), 3);
    let expected = [0, 2, 1, 3, 4].map(|leaf| format!("chain/{leaf}"));
    assert_eq!(*now_all.accepted.borrow(), expected);
}

#[test]
fn reports_and_keeps_rejected_record_with_malformed_time() {
    let folder = tempfile::tempdir().unwrap();
    let to = Picky { refused: Some("chain/1"), ..Picky::default() };
    send(Some(folder.path()), &to, 0..3).unwrap_err();
    let file = folder.path().join("refused.json");
    let text = std::fs::read_to_string(&file).unwrap().replace("2026-11-20T", "yesterday ");
    std::fs::write(&file, &text).unwrap();
    assert_eq!(send(Some(folder.path()), &to, 0..3).unwrap_err().code(), "state.invalid");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn state_of_another_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut progress = Progress::open(Some(folder.path())).unwrap();
    progress.set_origin("log.example/audit").unwrap();
    assert_eq!(progress.set_origin("log.example/other").unwrap_err().code(), "state.other_log");
    assert_eq!(Progress::open(Some(folder.path())).err().unwrap().code(), "io.locked");
}
