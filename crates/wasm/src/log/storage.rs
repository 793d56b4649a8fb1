//! The tables of a log in a Durable Object's storage.

use std::sync::Arc;

use js_sys::{Array, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;

use countersign::time::Time;
use countersign_log::embedded::{Copies, TenantHost, Unrecorded};
use countersign_log::own_chain::{Random, secure_random};
use countersign_log::stop::Stops;
use countersign_log::store::{Store, StoreError};
use countersign_log::tables::{
    ADDED, ALL_SETTLED, Connections, Database as Tables, Each, RequestError, Row, TABLES, TENANT_TABLES,
    TENANT_VERSION, TableReader, TableWriter, TenantTableReaders, TenantTables, VERSION, Value,
    create_tenant, end_tenants,
};
use countersign_log::tenants::CreationError;
use countersign_log::tenants::requests::Ending;
use countersign_log::tenants::store::TenantStore;
use countersign_log::tenants::tenant::{Tenant, TenantNumber};

/// Maximum number of parameters in a statement.
const MAX_PARAMETERS: usize = 100;

/// Tables that only a Durable Object's log has. Its database has no version number of its own.
const OWN_TABLES: &str = "
CREATE TABLE IF NOT EXISTS object (version INTEGER NOT NULL, copied INTEGER NOT NULL) STRICT;
-- Evidence that stopped the log, one piece per row.
CREATE TABLE IF NOT EXISTS stops (id INTEGER PRIMARY KEY, line TEXT NOT NULL) STRICT;
-- The reads that are not recorded yet, in the row of their log's number; 0 for the object's log.
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

/// The depth of the first directory with tenant logs: 1,024 slots.
const FIRST_DEPTH: i64 = 10;

/// The database of a Durable Object. Clones share it.
#[derive(Clone)]
pub(super) struct Database(Arc<SendWrapper<Storage>>);

fn failed(doing: &'static str) -> impl Fn(JsValue) -> StoreError {
    move |error| {
        let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
        StoreError::disk(doing, message.or_else(|| error.as_string()).unwrap_or_default())
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
            Some(TENANT_VERSION) => {
                let message = "this object contains a log with tenants; set AUDIT_TENANTS to 1";
                return Err(StoreError::Damaged(message.into()));
            }
            Some(newer) => return Err(newer_version(newer)),
        }
        self.change(OPENING, ADDED, &[])?;
        let writer = Box::new(TableWriter::new(self.clone())?);
        Ok(Store { writer, reader: Arc::new(TableReader::new(self.clone())) })
    }

    /// Opens the store of a root log with this origin and its tenant logs, creating it if there is none.
    pub(super) fn open_tenants(&self, origin: &str) -> Result<TenantStore, StoreError> {
        const OPENING: &str = "opening the database";
        self.change(OPENING, OWN_TABLES, &[])?;
        match self.own("version")? {
            None => self.transaction(OPENING, &mut || {
                for tables in [TABLES, ADDED, TENANT_TABLES] {
                    self.change(OPENING, tables, &[])?;
                }
                self.change(OPENING, "INSERT INTO log VALUES (?)", &[origin.into()])?;
                let depth = [FIRST_DEPTH.into()];
                self.change(OPENING, "INSERT INTO tenant_settings VALUES (1, ?)", &depth)?;
                self.change(OPENING, "INSERT INTO object VALUES (?, 0)", &[TENANT_VERSION.into()]).map(drop)
            })?,
            Some(TENANT_VERSION) => self.check(origin)?,
            Some(1 | VERSION) => {
                let message = "this object contains an ordinary log, which can't get tenants; \
                               use a key with another name, or remove AUDIT_TENANTS";
                return Err(StoreError::Damaged(message.into()));
            }
            Some(newer) => return Err(newer_version(newer)),
        }
        let writer = Box::new(TenantTables::new(self.clone())?);
        Ok(TenantStore { writer, readers: Arc::new(TenantTableReaders::new(self.clone())) })
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

/// Returns the error for a database that a newer program wrote.
fn newer_version(version: i64) -> StoreError {
    StoreError::Damaged(format!("the database has version {version}, which a newer program wrote"))
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

    /// Doesn't purge the platform's point-in-time recovery data, which is impossible.
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

    /// Is atomic, because a Durable Object commits writes together unless it awaits between them.
    fn replace(&self, lines: &[String]) -> Result<(), StoreError> {
        self.change("compacting the reasons why the log stopped", "DELETE FROM stops", &[])?;
        lines.iter().try_for_each(|line| Stops::keep(self, line))
    }
}

impl Unrecorded for Database {
    fn stored(&self) -> Result<Option<String>, StoreError> {
        self.unrecorded_of(0).stored()
    }

    fn keep(&self, text: Option<&str>) -> Result<(), StoreError> {
        self.unrecorded_of(0).keep(text)
    }
}

/// The storage of the reads of the log with a number.
struct UnrecordedReads {
    database: Database,
    number: u32,
}

impl Database {
    fn unrecorded_of(&self, number: u32) -> UnrecordedReads {
        UnrecordedReads { database: self.clone(), number }
    }
}

impl Unrecorded for UnrecordedReads {
    fn stored(&self) -> Result<Option<String>, StoreError> {
        let mut kept = None;
        let sql = "SELECT reads FROM unrecorded WHERE id = ?";
        let number = [i64::from(self.number).into()];
        self.database.each("loading unrecorded reads", sql, &number, &mut |row| {
            kept = row.text(0)?;
            Ok(())
        })?;
        Ok(kept)
    }

    fn keep(&self, text: Option<&str>) -> Result<(), StoreError> {
        const KEEPING: &str = "storing unrecorded reads";
        let number = Value::from(i64::from(self.number));
        let done = match text {
            Some(text) => {
                let sql = "INSERT OR REPLACE INTO unrecorded VALUES (?, ?)";
                self.database.change(KEEPING, sql, &[number, text.into()])
            }
            None => self.database.change(KEEPING, "DELETE FROM unrecorded WHERE id = ?", &[number]),
        };
        done.map(drop)
    }
}

impl TenantHost for Database {
    fn create(&self, name: &str, now: Time) -> Result<Tenant, CreationError> {
        let mut random: Random = Box::new(secure_random);
        create_tenant(self, name, &mut random, now)
    }

    fn end(&self, name: &str, ending: &Ending) -> Result<Tenant, RequestError> {
        let unknown = || RequestError::Unknown(name.into());
        end_tenants(self, &[name], ending)?.pop().ok_or_else(unknown)
    }

    fn unrecorded(&self, number: TenantNumber) -> Box<dyn Unrecorded> {
        Box::new(self.unrecorded_of(number.get()))
    }

    fn with_unrecorded(&self) -> Result<Vec<TenantNumber>, StoreError> {
        let mut numbers = Vec::new();
        let sql = "SELECT id FROM unrecorded WHERE id > 0";
        self.each("loading unrecorded reads", sql, &[], &mut |row| {
            let number = row.integer(0)?.and_then(|number| number.try_into().ok());
            numbers.extend(number.and_then(TenantNumber::new));
            Ok(())
        })?;
        Ok(numbers)
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
