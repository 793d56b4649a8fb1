//! The tables of a log in a Durable Object's storage.

use std::sync::Arc;

use js_sys::{Array, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;

use countersign_log::embedded::{Copies, Unrecorded};
use countersign_log::stop::Stops;
use countersign_log::store::{Store, StoreError};
use countersign_log::tables::{
    ADDED, ALL_SETTLED, Connections, Database as Tables, Each, Row, TABLES, TableReader, TableWriter,
    VERSION, Value,
};

/// Maximum number of parameters in a statement.
const MAX_PARAMETERS: usize = 100;

/// Tables that only a Durable Object's log has. Its database has no version number of its own.
const OWN_TABLES: &str = "
CREATE TABLE IF NOT EXISTS object (version INTEGER NOT NULL, copied INTEGER NOT NULL) STRICT;
-- Evidence that stopped the log, one piece per row.
CREATE TABLE IF NOT EXISTS stops (id INTEGER PRIMARY KEY, line TEXT NOT NULL) STRICT;
-- One row with the reads that are not recorded yet, if there are any.
CREATE TABLE IF NOT EXISTS unrecorded (id INTEGER PRIMARY KEY, reads TEXT NOT NULL) STRICT;
";

#[wasm_bindgen]
extern "C" {
    /// The storage passed from JavaScript.
    pub type Storage;

    /// Runs a statement and returns its rows.
    #[wasm_bindgen(method, catch)]
    fn rows(this: &Storage, sql: &str, values: Array) -> Result<Vec<Array>, JsValue>;

    /// Runs statements that change rows, and returns the number of rows changed by the last one.
    #[wasm_bindgen(method, catch)]
    fn change(this: &Storage, sql: &str, values: Array) -> Result<f64, JsValue>;

    /// Runs `work`, and undoes its changes if it throws.
    #[wasm_bindgen(method, catch)]
    fn transaction(this: &Storage, work: &mut dyn FnMut() -> Result<(), JsValue>) -> Result<(), JsValue>;

    /// Makes copies of these entries' events unreadable.
    #[wasm_bindgen(method, catch)]
    fn withdraw(this: &Storage, leaves: Vec<f64>) -> Result<(), JsValue>;
}

/// The database of a Durable Object. Clones share it.
#[derive(Clone)]
pub(super) struct Database(Arc<SendWrapper<Storage>>);

fn failed(doing: &'static str) -> impl Fn(JsValue) -> StoreError {
    move |error| {
        let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
        StoreError::unavailable(doing, message.or_else(|| error.as_string()).unwrap_or_default())
    }
}

fn values(values: &[Value<'_>]) -> Array {
    values
        .iter()
        .map(|value| match *value {
            Value::Null => JsValue::NULL,
            Value::Integer(value) => JsValue::from_f64(value as f64),
            Value::Text(text) => JsValue::from_str(text),
            Value::Blob(bytes) => Uint8Array::from(bytes).into(),
        })
        .collect()
}

impl Database {
    pub(super) fn new(storage: Storage) -> Self {
        Self(Arc::new(SendWrapper::new(storage)))
    }

    /// Opens the store of a log with this origin, creating it if there is none.
    pub(super) fn open(&self, origin: &str) -> Result<Store, StoreError> {
        const OPENING: &str = "opening the database";
        self.change(OPENING, OWN_TABLES, &[])?;
        let version = self.own("version")?;
        match version {
            None => self.transaction(OPENING, &mut || {
                self.change(OPENING, TABLES, &[])?;
                self.change(OPENING, ADDED, &[])?;
                self.change(OPENING, ALL_SETTLED, &[])?;
                self.change(OPENING, "INSERT INTO log VALUES (?)", &[origin.into()])?;
                self.change(OPENING, "INSERT INTO object VALUES (?, 0)", &[VERSION.into()]).map(drop)
            })?,
            Some(VERSION) => self.check(origin)?,
            Some(1) => {
                self.check(origin)?;
                self.transaction(OPENING, &mut || {
                    self.change(OPENING, ADDED, &[])?;
                    self.change(OPENING, ALL_SETTLED, &[])?;
                    self.change(OPENING, "UPDATE object SET version = ?", &[VERSION.into()]).map(drop)
                })?;
            }
            Some(newer) => {
                let message = format!("the database has version {newer}, which a newer program wrote");
                return Err(StoreError::Damaged(message));
            }
        }
        self.change(OPENING, ADDED, &[])?;
        let writer = Box::new(TableWriter::new(self.clone())?);
        Ok(Store { writer, reader: Arc::new(TableReader::new(self.clone())) })
    }

    fn check(&self, origin: &str) -> Result<(), StoreError> {
        let mut stored = None;
        self.each("opening the database", "SELECT origin FROM log", &[], &mut |row| {
            stored = row.text(0)?;
            Ok(())
        })?;
        if stored.as_deref() == Some(origin) {
            return Ok(());
        }
        let message =
            format!("this object contains the log {:?}, not {origin:?}", stored.unwrap_or_default());
        Err(StoreError::Damaged(message))
    }

    fn own(&self, column: &str) -> Result<Option<i64>, StoreError> {
        let mut found = None;
        let sql = format!("SELECT {column} FROM object");
        self.each("reading the state of this object", &sql, &[], &mut |row| {
            found = row.integer(0)?;
            Ok(())
        })?;
        Ok(found)
    }
}

impl Tables for Database {
    fn each(
        &self,
        doing: &'static str,
        sql: &str,
        with: &[Value<'_>],
        each: Each<'_>,
    ) -> Result<(), StoreError> {
        for row in self.0.rows(sql, values(with)).map_err(failed(doing))? {
            each(&ResultRow(row))?;
        }
        Ok(())
    }

    fn change(&self, doing: &'static str, sql: &str, with: &[Value<'_>]) -> Result<u64, StoreError> {
        self.0.change(sql, values(with)).map(|rows| rows as u64).map_err(failed(doing))
    }

    fn put(
        &self,
        doing: &'static str,
        into: &str,
        columns: usize,
        with: &[Value<'_>],
    ) -> Result<(), StoreError> {
        let row = format!("(?{})", ", ?".repeat(columns - 1));
        // Inserts as many rows per statement as its parameters allow.
        for rows in with.chunks(MAX_PARAMETERS / columns * columns) {
            let rest = format!(", {row}").repeat(rows.len() / columns - 1);
            self.change(doing, &format!("{into} VALUES {row}{rest}"), rows)?;
        }
        Ok(())
    }

    fn transaction(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut worked = Ok(());
        let done = self.0.transaction(&mut || {
            worked = work();
            if worked.is_ok() { Ok(()) } else { Err(JsValue::from_str("undone")) }
        });
        worked?;
        done.map_err(failed(doing))
    }

    /// The platform's point-in-time recovery data can't be purged.
    fn purge(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        Tables::transaction(self, doing, work)
    }
}

impl Connections for Database {
    fn with(&self, read: &mut dyn FnMut(&dyn Tables) -> Result<(), StoreError>) -> Result<(), StoreError> {
        read(self)
    }
}

impl Copies for Database {
    fn copied(&self) -> Result<u64, StoreError> {
        Ok(self.own("copied")?.and_then(|size| size.try_into().ok()).unwrap_or_default())
    }

    fn set_copied(&self, size: u64) -> Result<(), StoreError> {
        self.change("recording copies", "UPDATE object SET copied = ?", &[size.into()]).map(drop)
    }

    fn withdraw(&self, leaves: &[u64]) -> Result<(), StoreError> {
        let leaves = leaves.iter().map(|leaf| *leaf as f64).collect();
        self.0.withdraw(leaves).map_err(failed("withdrawing copies"))
    }
}

impl Stops for Database {
    fn lines(&self) -> Result<Vec<String>, StoreError> {
        let mut lines = Vec::new();
        self.each(
            "reading the reasons why the log stopped",
            "SELECT line FROM stops ORDER BY id",
            &[],
            &mut |row| {
                lines.extend(row.text(0)?);
                Ok(())
            },
        )?;
        Ok(lines)
    }

    fn keep(&self, line: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO stops (line) VALUES (?)";
        self.change("storing the reason why the log stopped", sql, &[line.into()]).map(drop)
    }

    /// Atomic, because a Durable Object commits writes together unless it awaits between them.
    fn replace(&self, lines: &[String]) -> Result<(), StoreError> {
        self.change("compacting the reasons why the log stopped", "DELETE FROM stops", &[])?;
        lines.iter().try_for_each(|line| Stops::keep(self, line))
    }
}

impl Unrecorded for Database {
    fn stored(&self) -> Result<Option<String>, StoreError> {
        let mut kept = None;
        self.each("loading unrecorded reads", "SELECT reads FROM unrecorded", &[], &mut |row| {
            kept = row.text(0)?;
            Ok(())
        })?;
        Ok(kept)
    }

    fn keep(&self, text: Option<&str>) -> Result<(), StoreError> {
        const KEEPING: &str = "storing unrecorded reads";
        match text {
            Some(text) => {
                self.change(KEEPING, "INSERT OR REPLACE INTO unrecorded VALUES (0, ?)", &[text.into()])
            }
            None => self.change(KEEPING, "DELETE FROM unrecorded", &[]),
        }
        .map(drop)
    }
}

/// A row of a result.
struct ResultRow(Array);

impl ResultRow {
    fn column<T>(
        &self,
        column: usize,
        read: impl Fn(&JsValue) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let value = self.0.get(column as u32);
        if value.is_null() {
            return Ok(None);
        }
        let damaged = || StoreError::Damaged(format!("column {column} of a row has an invalid value"));
        read(&value).ok_or_else(damaged).map(Some)
    }
}

impl Row for ResultRow {
    fn integer(&self, column: usize) -> Result<Option<i64>, StoreError> {
        let whole = |value: &f64| value.fract() == 0.0;
        self.column(column, |value| value.as_f64().filter(whole).map(|value| value as i64))
    }

    fn text(&self, column: usize) -> Result<Option<String>, StoreError> {
        self.column(column, JsValue::as_string)
    }

    fn blob(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = |value: &JsValue| {
            value.is_instance_of::<js_sys::ArrayBuffer>().then(|| Uint8Array::new(value).to_vec())
        };
        self.column(column, bytes)
    }
}
