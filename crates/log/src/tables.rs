//! A log's tables in any database with SQLite's SQL, and both halves of a store on top of them.
//!
//! Links and events are in separate tables: erasing an event doesn't touch the link that commits to it.
//!
//! The server keeps the tables in a file, a Durable Object in its own storage. Both use the statements here, so they
//! can't diverge. The SQL is limited to what both support, and integer arithmetic is left to Rust: a Durable Object
//! binds every number as a floating-point one.
//!
//! A log usually has a database for itself. A root log shares one with all its tenant logs: the same tables contain the
//! rows of all of them, under the keys that [`LogKeys`] makes.

mod anchors;
mod changes;
mod database;
mod keys;
mod reader;
mod root_notes;
mod storage;
mod tail;
mod tenant_requests;
mod tenant_rows;
mod tenants;
mod writer;

pub(crate) use changes::hour;
pub use changes::replaces;
pub use database::{Database, Each, Row, Value, integer, tile_key};
pub use keys::LogKeys;
pub use reader::{Connections, TableReader};
pub use tenant_requests::{
    RequestError, Successor, continue_as_tenant, continue_as_tenants, damaged_requests, end_tenants,
    lost_name,
};
pub use tenant_rows::{create_tenant, create_tenants};
pub use tenants::{TenantTableReaders, TenantTables};
pub use writer::TableWriter;

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

/// The version of a database with a root log and its tenant logs. Earlier programs refuse it.
pub const TENANT_VERSION: i64 = 3;

/// The tables that a database with tenant logs has besides the others. The setting has to be inserted.
pub const TENANT_TABLES: &str = "
-- All tenants ever. The name is the application's ID; since is the first tick with the tenant's head, and ended the first
-- one after the end of its log. One that another log of the same tenant continues is replaced.
CREATE TABLE tenants (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, name TEXT NOT NULL, created INTEGER NOT NULL,
    since INTEGER, state INTEGER NOT NULL, ended INTEGER, moved_to TEXT, replaced INTEGER
) STRICT;
CREATE UNIQUE INDEX tenants_by_name ON tenants (name) WHERE replaced IS NULL;
-- Requests that no tick has carried out: the log server's first events in a tenant log, one per line, and the state in
-- which the log is to end.
CREATE TABLE tenant_requests (number INTEGER PRIMARY KEY, opening TEXT, state INTEGER) STRICT;
-- The heads as of the last tick.
CREATE TABLE tenant_heads (
    number INTEGER PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, state INTEGER NOT NULL
) STRICT;
-- The anchors: ticks whose directories are stored, so that the heads in them can be proven (SPEC section 16.5).
CREATE TABLE anchor_ticks (tick INTEGER PRIMARY KEY, depth INTEGER NOT NULL, secret BLOB NOT NULL) STRICT;
-- The hashes of these directories, at most 256 in a row: the leaves, with the state and the size in each slot, and the
-- levels 8, 16, and 24. The key is tick / 4096 * 2^26 + level / 8 * 2^24 + index.
CREATE TABLE directory_tiles (tile INTEGER PRIMARY KEY, hashes BLOB NOT NULL, heads BLOB) STRICT;
-- The last heads of the hours in which a tenant log grew. The root log's checkpoints of these ticks are kept too.
CREATE TABLE kept_heads (
    number INTEGER NOT NULL, tick INTEGER NOT NULL, size INTEGER NOT NULL, state INTEGER NOT NULL,
    salt BLOB NOT NULL, path BLOB NOT NULL, PRIMARY KEY (number, tick)
) STRICT, WITHOUT ROWID;
-- The key notes for all tenant logs, in the order in which they were received. A grant is placed when it is needed.
CREATE TABLE root_notes (
    id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, key TEXT NOT NULL, is_grant INTEGER NOT NULL, note TEXT NOT NULL,
    placed INTEGER NOT NULL
) STRICT;
CREATE INDEX root_grants ON root_notes (key) WHERE is_grant;
-- The tenant logs where a key has a chain, or where a key note is about it.
CREATE TABLE tenant_keys (
    key TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (key, number)
) STRICT, WITHOUT ROWID;
-- One row: the depth of the last directory, or of the first one.
CREATE TABLE tenant_settings (id INTEGER PRIMARY KEY, depth INTEGER NOT NULL) STRICT;
";
