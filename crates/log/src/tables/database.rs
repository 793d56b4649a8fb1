//! The interface through which tables are read and written.

use countersign::time::Time;

use crate::store::StoreError;

/// A value that goes into a statement.
#[derive(Clone, Copy, Debug)]
pub enum Value<'v> {
    /// None.
    Null,
    /// A number.
    Integer(i64),
    /// Text.
    Text(&'v str),
    /// Bytes.
    Blob(&'v [u8]),
}

/// Integers as SQLite has them. Sizes and indexes are below 2^53.
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

/// A row that was found: its columns from 0. A column that is null is none; one of another type, and one that is not there, is
/// [problem](StoreError::Damaged).
pub trait Row {
    /// A number.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn integer(&self, column: usize) -> Result<Option<i64>, StoreError>;

    /// Text.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn text(&self, column: usize) -> Result<Option<String>, StoreError>;

    /// Bytes.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn blob(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError>;
}

impl dyn Row + '_ {
    fn has<T>(column: usize, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| {
            StoreError::Damaged(format!("the column {column} of a row is not what it has to be"))
        })
    }

    /// A number that is not negative.
    pub(super) fn number(&self, column: usize) -> Result<u64, StoreError> {
        Self::has(column, self.optional_number(column)?)
    }

    pub(super) fn optional_number(&self, column: usize) -> Result<Option<u64>, StoreError> {
        let Some(value) = self.integer(column)? else { return Ok(None) };
        Self::has(column, u64::try_from(value).ok()).map(Some)
    }

    pub(super) fn whether(&self, column: usize) -> Result<bool, StoreError> {
        Ok(Self::has(column, self.integer(column)?)? != 0)
    }

    pub(super) fn time(&self, column: usize) -> Result<Time, StoreError> {
        Self::has(column, self.integer(column)?.and_then(Time::from_millis))
    }

    pub(super) fn words(&self, column: usize) -> Result<String, StoreError> {
        Self::has(column, self.text(column)?)
    }

    pub(super) fn bytes(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        Self::has(column, self.blob(column)?)
    }

    pub(super) fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], StoreError> {
        Self::has(column, self.optional_array(column)?)
    }

    pub(super) fn optional_array<const N: usize>(
        &self,
        column: usize,
    ) -> Result<Option<[u8; N]>, StoreError> {
        let Some(bytes) = self.blob(column)? else { return Ok(None) };
        Self::has(column, bytes.try_into().ok()).map(Some)
    }
}

/// Given each row that was found.
pub type Each<'e> = &'e mut dyn FnMut(&dyn Row) -> Result<(), StoreError>;

/// A database that speaks SQLite's SQL. `doing` is what for, where it fails.
pub trait Database {
    /// Gives each row that a question has for an answer.
    ///
    /// # Errors
    /// [`StoreError`], where the database fails, and what `each` gives.
    fn each(
        &self,
        doing: &'static str,
        sql: &str,
        values: &[Value<'_>],
        each: Each<'_>,
    ) -> Result<(), StoreError>;

    /// Changes rows, and gives how many.
    ///
    /// # Errors
    /// [`StoreError`], where the database fails.
    fn change(&self, doing: &'static str, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError>;

    /// Changes rows by this statement (`INSERT INTO leaves`, `REPLACE INTO tiles`) for rows of so many columns, whose values follow
    /// each other.
    ///
    /// # Errors
    /// [`StoreError`], where the database fails.
    fn put(
        &self,
        doing: &'static str,
        into: &str,
        columns: usize,
        values: &[Value<'_>],
    ) -> Result<(), StoreError>;

    /// Does this work, all or none of it: when this returns it is durable.
    ///
    /// # Errors
    /// [`StoreError`], where the database fails, and what the work gives: nothing is changed then.
    fn transaction(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// The same for work that takes bytes away for good: when this returns they are in none of the database's files
    /// that are in the hand of whoever runs it.
    ///
    /// # Errors
    /// As for [`Database::transaction`].
    fn purge(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;
}

/// The first row that a question has for an answer.
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

/// All rows that a question has for an answer.
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

/// A tile's key.
pub fn tile_key(level: u8, index: u64) -> i64 {
    // A tree of 2^53 leaves has fewer than 2^48 tiles on any level.
    i64::from(level) << 48 | index.cast_signed()
}
