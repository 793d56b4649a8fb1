//! SQL access to the database.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Transaction, TransactionBehavior, params_from_iter};

use super::connection::{BUSY_TIMEOUT, CHECKPOINT_TIMEOUT, failed};
use countersign_log::store::StoreError;
use countersign_log::tables::{Database, Each, Row, Value};

/// A statement's value, converted for rusqlite.
struct SqlValue<'v>(&'v Value<'v>);

impl ToSql for SqlValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(value) => ValueRef::Integer(value),
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
            Value::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

/// A row of a query's result.
struct SqlRow<'r>(&'r rusqlite::Row<'r>);

impl Row for SqlRow<'_> {
    fn integer(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.0.get(column).map_err(failed("reading a row"))
    }

    fn text(&self, column: usize) -> Result<Option<String>, StoreError> {
        self.0.get(column).map_err(failed("reading a row"))
    }

    fn blob(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(column).map_err(failed("reading a row"))
    }
}

/// A connection, as the interface that the tables use.
pub(super) struct SqlDatabase<'c>(pub(super) &'c Connection);

impl Database for SqlDatabase<'_> {
    fn each(
        &self,
        doing: &'static str,
        sql: &str,
        values: &[Value<'_>],
        each: Each<'_>,
    ) -> Result<(), StoreError> {
        let failed = failed(doing);
        let mut query = self.0.prepare_cached(sql).map_err(failed)?;
        let mut rows = query.query(params_from_iter(values.iter().map(SqlValue))).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            each(&SqlRow(row))?;
        }
        Ok(())
    }

    fn change(&self, doing: &'static str, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.0
            .prepare_cached(sql)
            .and_then(|mut change| change.execute(params_from_iter(values.iter().map(SqlValue))))
            .map(|rows| rows as u64)
            .map_err(failed(doing))
    }

    fn put(
        &self,
        doing: &'static str,
        into: &str,
        columns: usize,
        values: &[Value<'_>],
    ) -> Result<(), StoreError> {
        if values.is_empty() {
            return Ok(());
        }
        let sql = format!("{into} VALUES (?{})", ", ?".repeat(columns - 1));
        let put = || -> rusqlite::Result<()> {
            let mut put = self.0.prepare_cached(&sql)?;
            for row in values.chunks_exact(columns) {
                put.execute(params_from_iter(row.iter().map(SqlValue)))?;
            }
            Ok(())
        };
        put().map_err(failed(doing))
    }

    fn transaction(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let failed = failed(doing);
        let transaction =
            Transaction::new_unchecked(self.0, TransactionBehavior::Immediate).map_err(failed)?;
        work()?;
        transaction.commit().map_err(failed)
    }

    fn purge(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let failed = failed(doing);
        // With this setting, whole freed pages are overwritten with zeros too.
        self.0.pragma_update(None, "secure_delete", true).map_err(failed)?;
        self.transaction(doing, work)?;
        self.0.pragma_update(None, "secure_delete", "fast").map_err(failed)?;
        // The write-ahead log still contains the old pages.
        if !truncate_write_ahead_log(self.0).map_err(failed)? {
            return Err(StoreError::disk(doing, "the write-ahead log is in use; try again"));
        }
        Ok(())
    }
}

/// Moves the write-ahead log into the database and truncates it. Returns false if a reader prevents that for too long.
pub(super) fn truncate_write_ahead_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(CHECKPOINT_TIMEOUT)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(busy? == 0)
}
