//! Who owns a data directory, and who backs it up. Touches the two lock files in it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use super::error::OpenError;

const OWNER: &str = "lock";
const BACKUP: &str = "backup.lock";
/// How often a lock that is taken is tried again.
const PATIENCE: u32 = 15;

/// Makes a directory that only its owner can read; fine if it is there.
///
/// # Errors
///
/// As the file system says.
pub(super) fn private_dir(dir: &Path) -> Result<(), OpenError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(OpenError::io(dir))
}

/// Makes a file that is ours alone; there must be none.
pub(super) fn private_file(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).map_err(OpenError::io(path))
}

fn open(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(OpenError::io(path))
}

/// Makes this process the owner of `dir` for as long as the file is open.
///
/// # Errors
///
/// [`OpenError::InUse`] if there is an owner.
pub(super) fn own(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join(OWNER);
    let mut file = open(&path)?;
    let mut patience = PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            // An owner that is just going, or a child that it has just forked, lets go in a moment.
            Err(TryLockError::WouldBlock) if patience > 0 => {
                patience -= 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Whose it is helps, but is not needed to refuse.
                let _ = file.read_to_string(&mut pid);
                return Err(OpenError::InUse { dir: dir.to_owned(), pid: pid.trim().parse().ok() });
            }
            Err(TryLockError::Error(error)) => return Err(OpenError::Io { path, error }),
        }
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(OpenError::io(&path))?;
    Ok(file)
}

/// Keeps the journal from being trimmed while a backup copies one file after the other.
#[derive(Debug)]
pub(super) struct Gate(File);

impl Gate {
    pub(super) fn open(dir: &Path) -> Result<Gate, OpenError> {
        open(&dir.join(BACKUP)).map(Gate)
    }

    /// For a backup: waits for whoever trims, then keeps them out until it is dropped.
    pub(super) fn keep(self, dir: &Path) -> Result<Gate, OpenError> {
        self.0.lock_shared().map_err(OpenError::io(&dir.join(BACKUP)))?;
        Ok(self)
    }

    /// For who trims: runs `trim` unless there is a backup, and says whether it ran.
    pub(super) fn unless_backup<T>(&self, trim: impl FnOnce(bool) -> T) -> T {
        let free = self.0.try_lock().is_ok();
        let done = trim(free);
        if free {
            // It cannot fail on a lock that is held; if it did, the next backup would wait.
            let _ = self.0.unlock();
        }
        done
    }
}
