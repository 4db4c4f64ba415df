//! A tenant's folder: what is in it, and where its files go. Nothing outside of it is touched: links are not
//! followed, and what is no plain file is not opened.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::options;
use super::watch::{DONE, Facts, OPTIONS, REJECTS, is_wanted};

/// The longest name of a file, in bytes, that file systems take.
const LONGEST: usize = 255;
/// Names that are tried for a file whose own is taken.
const TRIES: u32 = 10_000;

/// A tenant's folder.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

/// The folders below `root`, by name: those of tenants, if they are called so.
pub(super) fn below(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        // Of a link this is false.
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Ok(name) = entry.file_name().into_string()
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// A name as it is shown.
pub(super) fn shown(name: &OsStr) -> String {
    let escape = |c: char| match c {
        '"' | '\'' | '\\' => c.to_string(),
        c => c.escape_debug().to_string(),
    };
    name.to_string_lossy().chars().map(escape).collect()
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Folder {
        Folder(path)
    }

    /// The files in it that are to be read, finished or not.
    pub(super) fn list(&self) -> io::Result<Vec<(OsString, Facts)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            // It may be gone by now, which is no trouble.
            if is_wanted(&name)
                && let Ok(found) = fs::symlink_metadata(entry.path())
                && found.is_file()
            {
                files.push((name, facts(&found)));
            }
        }
        Ok(files)
    }

    /// Opens a file in it, if it is still the one that was seen.
    pub(super) fn open(&self, name: &OsStr, seen: Facts) -> io::Result<File> {
        let file = plain(&self.0.join(name))?;
        let found = file.metadata()?;
        match found.is_file() && facts(&found) == seen {
            true => Ok(file),
            false => Err(io::Error::new(ErrorKind::NotFound, "it has changed")),
        }
    }

    /// What the tenant says about its files, if it does, and of what file that is.
    pub(super) fn options(&self) -> io::Result<Option<(Facts, String)>> {
        let path = self.0.join(OPTIONS);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
            Ok(found) if !found.is_file() => return Err(io::Error::other("it is no plain file")),
            Ok(_) => {}
        }
        let (file, mut text) = (plain(&path)?, String::new());
        let facts = facts(&file.metadata()?);
        file.take(options::MOST + 1).read_to_string(&mut text)?;
        match text.len() as u64 > options::MOST {
            true => Err(io::Error::other(format!("it has more than {} KiB", options::MOST >> 10))),
            false => Ok(Some((facts, text))),
        }
    }

    /// Moves a file that was read to where such are.
    pub(super) fn done(&self, name: &OsStr, seen: Facts) -> io::Result<()> {
        self.put(name, seen, DONE).map(drop)
    }

    /// Moves a file that cannot be read to where such are, with the reason beside it.
    pub(super) fn refuse(&self, name: &OsStr, seen: Facts, reason: &str) -> io::Result<()> {
        let place = self.put(name, seen, REJECTS)?;
        let mut beside = place.clone().into_os_string();
        beside.push(".reason");
        // The reason is worth less than the file's being out of the way; a name may be too long for it.
        if let Err(error) = fresh(Path::new(&beside))
            .and_then(|mut file| io::Write::write_all(&mut file, format!("{reason}\n").as_bytes()))
        {
            tracing::warn!("the reason cannot be written beside a file: {error}");
        }
        Ok(())
    }

    fn put(&self, name: &OsStr, seen: Facts, place: &str) -> io::Result<PathBuf> {
        let from = self.0.join(name);
        let found = fs::symlink_metadata(&from)?;
        if !found.is_file() || facts(&found) != seen {
            return Err(io::Error::new(ErrorKind::NotFound, "it has changed"));
        }
        let to = free(&self.place(place)?, name)?;
        fs::rename(from, &to)?;
        Ok(to)
    }

    /// The folder for what cannot be read.
    pub(super) fn rejects(&self) -> io::Result<PathBuf> {
        self.place(REJECTS)
    }

    /// The same, if it is there.
    pub(super) fn has_rejects(&self) -> Option<PathBuf> {
        let place = self.0.join(REJECTS);
        fs::symlink_metadata(&place).is_ok_and(|found| found.is_dir()).then_some(place)
    }

    fn place(&self, name: &str) -> io::Result<PathBuf> {
        let place = self.0.join(name);
        match fs::create_dir(&place) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        match fs::symlink_metadata(&place)?.is_dir() {
            true => Ok(place),
            false => Err(io::Error::other(format!("{name} in it is no folder"))),
        }
    }
}

/// A path in `folder` that is nobody's, called `name` if that can be.
pub(super) fn free(folder: &Path, name: &OsStr) -> io::Result<PathBuf> {
    for n in 0..TRIES {
        let mut tried = name.to_owned();
        if n > 0 {
            tried.push(format!(".{n}"));
        }
        if tried.len() > LONGEST {
            break;
        }
        let path = folder.join(tried);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(path),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Err(io::Error::new(ErrorKind::AlreadyExists, "there is no free name for it"))
}

/// A new file for writing; what is there is not touched.
pub(super) fn fresh(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Opens what is there for reading: no link is followed, and nobody is waited for at a pipe.
fn plain(path: &Path) -> io::Result<File> {
    let mut how = OpenOptions::new();
    how.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        how.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    }
    how.open(path)
}

/// What is known of a file.
pub(super) fn facts(found: &Metadata) -> Facts {
    #[cfg(unix)]
    let number = {
        use std::os::unix::fs::MetadataExt;
        (found.dev(), found.ino())
    };
    #[cfg(not(unix))]
    let number = (0, 0);
    Facts { size: found.len(), changed: found.modified().ok(), number }
}
