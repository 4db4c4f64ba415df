//! A file's bytes: counted as they leave the disk, unpacked if they are packed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::row::Fatal;

/// How much of the beginning is read to see what a file is.
const HEAD: u64 = 64 << 10;
const BUFFER: usize = 64 << 10;

/// What the readers of the formats read from.
pub(super) type Bytes = Box<dyn BufRead + Send>;

/// How far the reading of a file is.
#[derive(Clone)]
pub(super) struct Progress {
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Progress {
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(super) fn total(&self) -> Option<u64> {
        self.total
    }
}

/// An opened file behind its head.
pub(super) struct Source {
    /// True if it is packed.
    pub(super) gzip: bool,
    pub(super) progress: Progress,
    rest: BufReader<Box<dyn Read + Send>>,
}

impl Source {
    /// What is wrong with what comes next, if that cannot be read.
    pub(super) fn broken(&mut self) -> Option<Fatal> {
        self.rest.fill_buf().err().map(|error| Fatal::from(&error))
    }

    /// All of the file again, from the `head` on.
    pub(super) fn chain(self, head: Vec<u8>) -> Bytes {
        Box::new(Cursor::new(head).chain(self.rest))
    }
}

/// Opens the file at `path`, `-` being standard input, and reads its head: unpacked, and without
/// a byte order mark.
pub(super) fn open(path: &Path) -> Result<(Vec<u8>, Source), Fatal> {
    let fatal = |error| Fatal::from(&error);
    let (file, total): (Box<dyn Read + Send>, _) = match path.as_os_str() == "-" {
        true => (Box::new(io::stdin()), None),
        false => {
            let file = File::open(path).map_err(fatal)?;
            let facts = file.metadata().map_err(fatal)?;
            (Box::new(file), facts.is_file().then_some(facts.len()))
        }
    };
    from_reader(file, total).map_err(fatal)
}

/// The same of a file that is open.
pub(super) fn from_reader(
    file: Box<dyn Read + Send>,
    total: Option<u64>,
) -> Result<(Vec<u8>, Source), io::Error> {
    let read = Arc::new(AtomicU64::new(0));
    let progress = Progress { read: Arc::clone(&read), total };
    let mut file = BufReader::with_capacity(BUFFER, Counted { inner: file, read });

    let magic = beginning(&mut file, 2)?;
    let gzip = magic == [0x1f, 0x8b];
    let file = Cursor::new(magic).chain(file);
    let plain: Box<dyn Read + Send> = match gzip {
        true => Box::new(Unpacked { inner: MultiGzDecoder::new(file), broken: None }),
        false => Box::new(file),
    };
    let mut rest = BufReader::with_capacity(BUFFER, plain);
    let mut head = beginning(&mut rest, HEAD)?;
    if head.starts_with(b"\xef\xbb\xbf") {
        head.drain(..3);
    }
    Ok((head, Source { gzip, progress, rest }))
}

/// The first bytes that `reader` has. What is there is worth more than the error behind it, which
/// comes again when it is reached.
fn beginning(reader: &mut impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match reader.take(most).read_to_end(&mut bytes) {
        Err(error) if bytes.is_empty() => Err(error),
        _ => Ok(bytes),
    }
}

/// Counts what goes through it.
struct Counted {
    inner: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// An error that is the fault of the file and not of the system.
#[derive(Clone, Debug, thiserror::Error)]
#[error("its gzip is broken or cut short ({0})")]
pub(super) struct Damage(String);

/// Unpacks; an error stays, where the decoder itself would go on as if the file were over.
struct Unpacked<R> {
    inner: MultiGzDecoder<R>,
    broken: Option<Damage>,
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(damage) = &self.broken {
            return Err(io::Error::new(ErrorKind::InvalidData, damage.clone()));
        }
        self.inner.read(buffer).map_err(|error| {
            // What the system says has a number, what the decoder says has none.
            if error.kind() == ErrorKind::Interrupted || error.raw_os_error().is_some() {
                return error;
            }
            let damage = self.broken.insert(Damage(error.to_string()));
            io::Error::new(ErrorKind::InvalidData, damage.clone())
        })
    }
}
