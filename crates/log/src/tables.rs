//! A log's tables in any database with SQLite's SQL, and both halves of a store on top of them.
//!
//! Links and events are in separate tables: erasing an event doesn't touch the link that commits to it.
//!
//! The server keeps the tables in a file, a Durable Object in its own storage. Both use the statements here, so they
//! can't diverge. The SQL is limited to what both support, and integer arithmetic is left to Rust: a Durable Object
//! binds every number as a floating-point one.

mod database;
mod reader;
mod storage;
mod tail;
mod writer;

pub use database::{Database, Each, Row, Value, integer, tile_key};
pub use reader::{Connections, TableReader};
pub use writer::TableWriter;
pub use writer::takes_the_place_of;

/// The version of the tables, which databases store.
pub const VERSION: i64 = 2;

/// The tables of a new log.
pub const TABLES: &str = "
CREATE TABLE log (origin TEXT NOT NULL) STRICT;
-- The entries of the log: links and key notes.
CREATE TABLE leaves (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL) STRICT;
-- The events of links. An erased event keeps its row, without content.
CREATE TABLE events (idx INTEGER PRIMARY KEY, salt BLOB, event TEXT) STRICT;
-- Hash tiles, including the partial ones of the right edge. The key is level * 2^48 + index.
CREATE TABLE tiles (tile INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;
CREATE TABLE chains (
    chain BLOB PRIMARY KEY, key TEXT NOT NULL, windows TEXT NOT NULL,
    next INTEGER NOT NULL, last BLOB NOT NULL, time INTEGER NOT NULL, closed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Consecutive links of one chain that are consecutive in the log. The links of the newest entries are not included yet.
CREATE TABLE runs (
    chain BLOB NOT NULL, seq INTEGER NOT NULL, idx INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE notes (hash BLOB PRIMARY KEY, idx INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX notes_in_order ON notes (idx);
-- The windows and the revocation of each key, according to key notes.
CREATE TABLE lives (key TEXT PRIMARY KEY, windows TEXT NOT NULL, revoked INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- Published checkpoints: the last witnessed one of each hour, and the newest.
CREATE TABLE checkpoints (
    size INTEGER PRIMARY KEY, note TEXT NOT NULL, at INTEGER NOT NULL, witnessed INTEGER NOT NULL
) STRICT;
-- Refused forks: the links that contradict the log's link (or each other, if idx is null), one per line.
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, chain BLOB NOT NULL, seq INTEGER NOT NULL,
    idx INTEGER, refused TEXT NOT NULL, UNIQUE (chain, seq, refused)
) STRICT;
";

/// The tables that a database made by an earlier version may lack.
pub const ADDED: &str = "
-- Erasures by the entry that records each, with the time of completion, or null.
CREATE TABLE IF NOT EXISTS erasures (record INTEGER PRIMARY KEY, done INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS erasures_unfinished ON erasures (record) WHERE done IS NULL;
-- One row once the records of erasures from before this table were found.
CREATE TABLE IF NOT EXISTS erasures_known (known INTEGER NOT NULL) STRICT;
-- The newest checkpoint as witnesses first saw it, if they have seen it again since.
CREATE TABLE IF NOT EXISTS seen_first (
    size INTEGER PRIMARY KEY, note TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;
-- One row if signed checkpoints are also remembered apart from the database: their largest size at the newest commit.
CREATE TABLE IF NOT EXISTS signed (id INTEGER PRIMARY KEY, size INTEGER NOT NULL) STRICT;
-- One row: the first entry whose link is not among the runs yet.
CREATE TABLE IF NOT EXISTS unsettled (id INTEGER PRIMARY KEY, first INTEGER NOT NULL) STRICT;
";

/// The statement that runs once on tables that are new or of version 1, where all links are among the runs.
pub const ALL_SETTLED: &str = "REPLACE INTO unsettled SELECT 1, coalesce(max(idx) + 1, 0) FROM leaves;";
