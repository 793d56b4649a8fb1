//! A log's tables, in any database that speaks SQLite's SQL, and both halves of a store over them.
//!
//! Links and events are in tables of their own: an event is erased without touching what commits to it.
//!
//! The server has them in a file, a Durable Object in its own storage. What is asked of them is here, once: the
//! two cannot drift apart. So the SQL keeps to what both take, and leaves integer arithmetic to Rust: a Durable Object
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

/// Which form of these tables a database has.
pub const VERSION: i64 = 2;

/// What a new log begins with.
pub const TABLES: &str = "
CREATE TABLE log (origin TEXT NOT NULL) STRICT;
-- A log's leaves: links and key notes.
CREATE TABLE leaves (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL) STRICT;
-- The events behind links; an erased one keeps its row, with nothing in it.
CREATE TABLE events (idx INTEGER PRIMARY KEY, salt BLOB, event TEXT) STRICT;
-- Hash tiles, the partial ones of the right edge too; the key is level * 2^48 + index.
CREATE TABLE tiles (tile INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;
CREATE TABLE chains (
    chain BLOB PRIMARY KEY, key TEXT NOT NULL, windows TEXT NOT NULL,
    next INTEGER NOT NULL, last BLOB NOT NULL, time INTEGER NOT NULL, closed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Links of one chain that follow each other in the log: where each link is, but for those of the newest leaves.
CREATE TABLE runs (
    chain BLOB NOT NULL, seq INTEGER NOT NULL, idx INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE notes (hash BLOB PRIMARY KEY, idx INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX notes_in_order ON notes (idx);
-- What key notes say about keys.
CREATE TABLE lives (key TEXT PRIMARY KEY, windows TEXT NOT NULL, revoked INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- Published checkpoints: the last witnessed one of each hour, and the newest.
CREATE TABLE checkpoints (
    size INTEGER PRIMARY KEY, note TEXT NOT NULL, at INTEGER NOT NULL, witnessed INTEGER NOT NULL
) STRICT;
-- Forks that were refused: the links that contradict that of the log (or each other, without one), one a line.
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, chain BLOB NOT NULL, seq INTEGER NOT NULL,
    idx INTEGER, refused TEXT NOT NULL, UNIQUE (chain, seq, refused)
) STRICT;
";

/// Tables that databases may lack which were made before them.
pub const ADDED: &str = "
-- Erasures by the leaf that records each, with when it was done; without a time it is not done yet.
CREATE TABLE IF NOT EXISTS erasures (record INTEGER PRIMARY KEY, done INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS erasures_unfinished ON erasures (record) WHERE done IS NULL;
-- One row when the records of erasures that came before this table were looked for.
CREATE TABLE IF NOT EXISTS erasures_known (known INTEGER NOT NULL) STRICT;
-- The newest checkpoint as witnesses saw it first, where they saw it again since.
CREATE TABLE IF NOT EXISTS seen_first (
    size INTEGER PRIMARY KEY, note TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;
-- One row where what is signed is remembered elsewhere too: how much of it was when the newest leaves came.
CREATE TABLE IF NOT EXISTS signed (id INTEGER PRIMARY KEY, size INTEGER NOT NULL) STRICT;
-- One row: the first leaf whose link is not among the runs yet.
CREATE TABLE IF NOT EXISTS unsettled (id INTEGER PRIMARY KEY, first INTEGER NOT NULL) STRICT;
";

/// What is done once to tables that are new or of version 1, in which all links are among the runs.
pub const ALL_SETTLED: &str = "REPLACE INTO unsettled SELECT 1, coalesce(max(idx) + 1, 0) FROM leaves;";
