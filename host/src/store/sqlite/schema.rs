//! The three database files: what is in them, and how an old one becomes a new one. Touches the files'
//! schemas.
//!
//! A step is never changed once released; what changes the schema is a new step at the end.

use std::path::Path;

use rusqlite::Connection;

use super::Synchronous;
use super::error::OpenError;
use super::pool::{WRITE, connect, within};
use crate::store::StoreError;

/// One of the database files.
#[derive(Debug)]
pub(super) struct File {
    /// Its name in the data directory.
    pub(super) name: &'static str,
    /// What it says it is, so that no other program's file is taken for ours.
    pub(super) application: i32,
    /// Bytes of a page.
    pub(super) page: u32,
    /// What makes each version out of the one before.
    pub(super) steps: &'static [&'static str],
}

/// Control records and blobs.
pub(super) const CONTROL: File = File {
    name: "control.db",
    application: 0x6e64_6743,
    page: 4096,
    steps: &["
        CREATE TABLE record (
            kind TEXT NOT NULL, tenant INTEGER NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
            PRIMARY KEY (kind, tenant, id)
        ) WITHOUT ROWID;
        CREATE TABLE blob (name TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL);
    "],
};

/// The log, the journal of states, the outbox and what hangs on them: all that a commit writes.
pub(super) const LOG: File = File {
    name: "log.db",
    application: 0x6e64_674c,
    page: 8192,
    steps: &["
        CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO meta VALUES ('seq', 0);

        -- Ids stand before lines: they are read without them.
        CREATE TABLE chunk (
            seq INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, at INTEGER NOT NULL,
            events INTEGER NOT NULL, sum INTEGER NOT NULL, ids BLOB NOT NULL, lines BLOB NOT NULL
        );
        CREATE INDEX chunk_tenant ON chunk (tenant);
        CREATE INDEX chunk_at ON chunk (at);

        -- What is written to find out whether there is room.
        CREATE TABLE probe (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);

        CREATE TABLE journal (number INTEGER PRIMARY KEY, images BLOB NOT NULL);

        CREATE TABLE link (
            tenant INTEGER NOT NULL, name TEXT NOT NULL, user TEXT NOT NULL,
            PRIMARY KEY (tenant, name)
        ) WITHOUT ROWID;

        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, tracking TEXT NOT NULL,
            send_key TEXT NOT NULL, channel TEXT NOT NULL, message TEXT NOT NULL,
            user TEXT NOT NULL, at INTEGER NOT NULL, leases INTEGER NOT NULL DEFAULT 0,
            leased_until INTEGER, outcome TEXT, settled INTEGER, content TEXT NOT NULL
        );
        CREATE UNIQUE INDEX outbox_tracking ON outbox (tenant, tracking);
        CREATE UNIQUE INDEX outbox_key ON outbox (tenant, send_key, channel);
        CREATE INDEX outbox_waiting ON outbox (tenant, at) WHERE outcome IS NULL;
        CREATE INDEX outbox_message ON outbox (tenant, message) WHERE outcome IS NULL;
        CREATE INDEX outbox_settled ON outbox (at) WHERE outcome IS NOT NULL;
        CREATE INDEX outbox_time ON outbox (tenant, at, tracking);
        CREATE INDEX outbox_user ON outbox (tenant, user, at, tracking);

        -- A number is never given twice, so that nobody misses a letter.
        CREATE TABLE letter (
            id INTEGER PRIMARY KEY AUTOINCREMENT, tenant INTEGER NOT NULL, user TEXT NOT NULL,
            tracking TEXT NOT NULL, at INTEGER NOT NULL, seen INTEGER, confirmed INTEGER,
            content TEXT NOT NULL
        );
        CREATE UNIQUE INDEX letter_tracking ON letter (tenant, tracking);
        CREATE INDEX letter_user ON letter (tenant, user);
        CREATE INDEX letter_at ON letter (at);

        CREATE TABLE receipt (
            id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, seq INTEGER NOT NULL,
            tracking TEXT NOT NULL, at INTEGER NOT NULL, shows TEXT NOT NULL
        );
        CREATE INDEX receipt_tracking ON receipt (tenant, tracking, at);
        CREATE INDEX receipt_seq ON receipt (seq);
    ", "
        -- What is read without what it says stands before that. Of a leased row, `due` is the end of the
        -- lease.
        CREATE TABLE outbox_new (
            id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, tracking TEXT NOT NULL,
            send_key TEXT NOT NULL, channel TEXT NOT NULL, message TEXT NOT NULL,
            user TEXT NOT NULL, at INTEGER NOT NULL, due INTEGER NOT NULL,
            leased INTEGER NOT NULL DEFAULT 0, leases INTEGER NOT NULL DEFAULT 0,
            tries INTEGER NOT NULL DEFAULT 0, outcome TEXT, settled INTEGER, reason TEXT,
            reference TEXT, address TEXT, content TEXT NOT NULL
        );
        INSERT INTO outbox_new (id, tenant, tracking, send_key, channel, message, user, at, due,
            leases, outcome, settled, content)
            SELECT id, tenant, tracking, send_key, channel, message, user, at, at,
            leases, outcome, settled, content FROM outbox ORDER BY id;
        DROP TABLE outbox;
        ALTER TABLE outbox_new RENAME TO outbox;
        CREATE UNIQUE INDEX outbox_tracking ON outbox (tenant, tracking);
        CREATE UNIQUE INDEX outbox_key ON outbox (tenant, send_key, channel);
        -- `leased` costs nothing here, and whoever looks for leases need not read the rows.
        CREATE INDEX outbox_waiting ON outbox (tenant, channel, due, leased) WHERE outcome IS NULL;
        CREATE INDEX outbox_message ON outbox (tenant, message);
        CREATE INDEX outbox_time ON outbox (tenant, at, tracking);
        CREATE INDEX outbox_user ON outbox (tenant, user, at);
        CREATE INDEX outbox_failed ON outbox (tenant, outcome, at)
            WHERE outcome IN ('failed', 'refused');
        CREATE INDEX outbox_sent ON outbox (tenant, settled) WHERE outcome = 'accepted';
        CREATE INDEX outbox_reference ON outbox (tenant, channel, reference)
            WHERE reference IS NOT NULL;
        CREATE INDEX outbox_address ON outbox (tenant, channel, address)
            WHERE address IS NOT NULL;

        CREATE TABLE suppression (
            tenant INTEGER NOT NULL, channel TEXT NOT NULL, address TEXT NOT NULL,
            reason TEXT NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY (tenant, channel, address)
        ) WITHOUT ROWID;

        -- 64 bytes: the head before the chunk, and the head with it.
        ALTER TABLE chunk ADD COLUMN chain BLOB;
        CREATE TABLE head (
            tenant INTEGER PRIMARY KEY, seq INTEGER NOT NULL, head BLOB NOT NULL
        );

        -- Whoever is forgotten takes the names along that meant them.
        CREATE INDEX link_user ON link (tenant, user);
    ", "
        -- A group stays when its last member leaves. `members` is how many rows it has in `member`.
        CREATE TABLE grp (
            id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, policy TEXT NOT NULL,
            name TEXT NOT NULL, members INTEGER NOT NULL, UNIQUE (tenant, policy, name)
        );
        CREATE TABLE member (
            grp INTEGER NOT NULL, user TEXT NOT NULL, seq INTEGER NOT NULL,
            PRIMARY KEY (grp, user)
        ) WITHOUT ROWID;
        CREATE INDEX member_order ON member (grp, seq, user);

        CREATE TABLE tally (
            tenant INTEGER NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,
            PRIMARY KEY (tenant, name)
        ) WITHOUT ROWID;

        CREATE TABLE cursor (
            tenant INTEGER NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL, user TEXT NOT NULL,
            PRIMARY KEY (tenant, name)
        ) WITHOUT ROWID;

        CREATE TABLE source (
            tenant INTEGER NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY (tenant, name)
        ) WITHOUT ROWID;
    "],
};

/// Users' states and timers, up to a row of the journal.
pub(super) const STATE: File = File {
    name: "state.db",
    application: 0x6e64_6753,
    page: 4096,
    steps: &["
        CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO meta VALUES ('flushed', 0);

        CREATE TABLE state (
            id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, user TEXT NOT NULL, due INTEGER,
            last INTEGER NOT NULL, sum INTEGER NOT NULL, image BLOB NOT NULL
        );
        CREATE UNIQUE INDEX state_user ON state (tenant, user);
        CREATE INDEX state_due ON state (due, tenant, user) WHERE due IS NOT NULL;
    "],
};

/// All files, in the order in which a backup copies them: states never before their journal.
pub(super) const FILES: [&File; 3] = [&STATE, &LOG, &CONTROL];

/// How a file is opened for writing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writing {
    pub(super) synchronous: Synchronous,
    /// KiB of pages that the connection keeps.
    pub(super) cache: i64,
    pub(super) max_bytes: Option<u64>,
}

/// Opens a file for writing, makes it if it is not there, and brings it up to date.
///
/// # Errors
///
/// If it is another program's, a newer program's, damaged, or cannot be written.
pub(super) fn open(dir: &Path, file: &File, writing: Writing) -> Result<Connection, OpenError> {
    let path = dir.join(file.name);
    let path = path.as_path();
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(
        options.write(true).create(true).truncate(false),
        0o600,
    )
    .open(path)
    .map_err(OpenError::io(path))?;
    let connection = connect(path, writing.cache, false).map_err(OpenError::sql(path))?;
    // Only a file without pages takes it.
    connection.pragma_update(None, "page_size", file.page).map_err(OpenError::sql(path))?;
    let version = known(&connection, path, file)?;
    let set = |name: &str, value: &str| {
        connection.pragma_update(None, name, value).map_err(OpenError::sql(path))
    };
    set("journal_mode", "WAL")?;
    set("synchronous", if writing.synchronous == Synchronous::Full { "FULL" } else { "OFF" })?;
    // What is removed is overwritten, in pages that are written anyway. A page that becomes free as a
    // whole keeps what it had: where that must not be, see `securely`.
    set("secure_delete", "FAST")?;
    // After a burst, or a backup that it had to outlast, the write-ahead log gives the room back.
    set("journal_size_limit", "67108864")?;
    migrate(&connection, file, version).map_err(OpenError::sql(path))?;
    if let Some(bytes) = writing.max_bytes {
        set("max_page_count", &(bytes / u64::from(file.page)).max(1).to_string())?;
    }
    Ok(connection)
}

/// Whether a table has anything in it.
///
/// # Errors
///
/// If the file cannot be read.
pub(super) fn holds(
    connection: &Connection,
    dir: &Path,
    file: &File,
    table: &str,
) -> Result<bool, OpenError> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {table})");
    connection.query_row(&sql, [], |row| row.get(0)).map_err(OpenError::sql(&dir.join(file.name)))
}

/// The version of a file that is ours; 0 if it is empty.
///
/// # Errors
///
/// If it is not ours, or newer than this program.
pub(super) fn known(connection: &Connection, path: &Path, file: &File) -> Result<u32, OpenError> {
    let pragma = |name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i32>(0))
            .map_err(OpenError::sql(path))
    };
    let (found, version) = (pragma("application_id")?, pragma("user_version")?);
    let empty = pragma("page_count")? == 0
        || connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
            .map_err(OpenError::sql(path))?
            == 0;
    if found != file.application && !(empty && found == 0 && version == 0) {
        let (file, expected) = (path.to_owned(), file.application);
        return Err(OpenError::Foreign { file, found, expected });
    }
    let found = version.cast_unsigned();
    let known = u32::try_from(file.steps.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(OpenError::Newer { file: path.to_owned(), found, known });
    }
    Ok(found)
}

/// Takes each step that is missing, in a transaction of its own.
fn migrate(connection: &Connection, file: &File, version: u32) -> Result<(), StoreError> {
    for (version, step) in (1_u32..).zip(file.steps).skip(version as usize) {
        within(connection, WRITE, |connection| {
            connection.execute_batch(step)?;
            connection.pragma_update(None, "application_id", file.application)?;
            connection.pragma_update(None, "user_version", version)?;
            Ok(())
        })?;
        tracing::info!(file = file.name, version, "the schema is up to date");
    }
    Ok(())
}
