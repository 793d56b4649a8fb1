//! The interface through which tables are read and written.

use countersign::time::Time;

use crate::store::StoreError;

/// A parameter of a statement.
#[derive(Clone, Copy, Debug)]
pub enum Value<'v> {
    /// An SQL null.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A UTF-8 string.
    Text(&'v str),
    /// A byte string.
    Blob(&'v [u8]),
}

/// Converts to an SQLite integer. Sizes and indexes are below 2^53.
pub fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl From<u64> for Value<'_> {
    fn from(value: u64) -> Self {
        Self::Integer(integer(value))
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(value: &'v str) -> Self {
        Self::Text(value)
    }
}

impl<'v> From<&'v [u8]> for Value<'v> {
    fn from(value: &'v [u8]) -> Self {
        Self::Blob(value)
    }
}

impl<'v, const N: usize> From<&'v [u8; N]> for Value<'v> {
    fn from(value: &'v [u8; N]) -> Self {
        Self::Blob(value)
    }
}

impl<'v, T: Into<Value<'v>>> From<Option<T>> for Value<'v> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row of a result, with columns numbered from 0. A null is `None`. A missing column, or one of another
/// type, is [`StoreError::Damaged`].
pub trait Row {
    /// Returns an integer.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn integer(&self, column: usize) -> Result<Option<i64>, StoreError>;

    /// Returns a string.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn text(&self, column: usize) -> Result<Option<String>, StoreError>;

    /// Returns bytes.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn blob(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError>;
}

impl dyn Row + '_ {
    fn require<T>(column: usize, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| StoreError::Damaged(format!("column {column} of a row has an invalid value")))
    }

    /// Returns an integer that must not be negative.
    pub(super) fn number(&self, column: usize) -> Result<u64, StoreError> {
        Self::require(column, self.optional_number(column)?)
    }

    pub(super) fn optional_number(&self, column: usize) -> Result<Option<u64>, StoreError> {
        let Some(value) = self.integer(column)? else { return Ok(None) };
        Self::require(column, u64::try_from(value).ok()).map(Some)
    }

    pub(super) fn boolean(&self, column: usize) -> Result<bool, StoreError> {
        Ok(Self::require(column, self.integer(column)?)? != 0)
    }

    pub(super) fn time(&self, column: usize) -> Result<Time, StoreError> {
        Self::require(column, self.integer(column)?.and_then(Time::from_millis))
    }

    pub(super) fn string(&self, column: usize) -> Result<String, StoreError> {
        Self::require(column, self.text(column)?)
    }

    pub(super) fn bytes(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        Self::require(column, self.blob(column)?)
    }

    pub(super) fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], StoreError> {
        Self::require(column, self.optional_array(column)?)
    }

    pub(super) fn optional_array<const N: usize>(
        &self,
        column: usize,
    ) -> Result<Option<[u8; N]>, StoreError> {
        let Some(bytes) = self.blob(column)? else { return Ok(None) };
        Self::require(column, bytes.try_into().ok()).map(Some)
    }
}

/// A function that receives each row of a result.
pub type Each<'e> = &'e mut dyn FnMut(&dyn Row) -> Result<(), StoreError>;

/// A database with SQLite's SQL. `doing` names the operation for errors, as a gerund.
pub trait Database {
    /// Passes each row of a query's result to `each`.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails, and the error of `each`.
    fn each(
        &self,
        doing: &'static str,
        sql: &str,
        values: &[Value<'_>],
        each: Each<'_>,
    ) -> Result<(), StoreError>;

    /// Changes rows, and returns their number.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    fn change(&self, doing: &'static str, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError>;

    /// Inserts rows by a statement's beginning (`INSERT INTO leaves`, `REPLACE INTO tiles`). `values` are those of all
    /// rows in sequence, with `columns` values per row.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    fn put(
        &self,
        doing: &'static str,
        into: &str,
        columns: usize,
        values: &[Value<'_>],
    ) -> Result<(), StoreError>;

    /// Runs `work` in a transaction, which is durable when this returns.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails, and the error of `work`. Neither changes anything.
    fn transaction(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Runs `work`, which deletes data permanently, in a transaction. When this returns, none of the database's files
    /// that its operator can access contains the data.
    ///
    /// # Errors
    /// Those of [`Database::transaction`].
    fn purge(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;
}

/// Returns the first row of a query's result.
pub(super) fn first<T>(
    database: &dyn Database,
    doing: &'static str,
    sql: &str,
    values: &[Value<'_>],
    read: impl Fn(&dyn Row) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut found = None;
    database.each(doing, sql, values, &mut |row| {
        if found.is_none() {
            found = Some(read(row)?);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Returns all rows of a query's result.
pub(super) fn all<T>(
    database: &dyn Database,
    doing: &'static str,
    sql: &str,
    values: &[Value<'_>],
    read: impl Fn(&dyn Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    database.each(doing, sql, values, &mut |row| {
        found.push(read(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// Returns the key of a tile in the table.
pub fn tile_key(level: u8, index: u64) -> i64 {
    // A tree of at most 2^53 entries has fewer than 2^48 tiles on any level.
    i64::from(level) << 48 | index.cast_signed()
}
