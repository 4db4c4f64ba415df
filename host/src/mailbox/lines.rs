//! Bytes of a connection, cut into lines and mails. A line ends with CR LF and with nothing else, and a mail with
//! CR LF, a dot, CR LF and nothing else: whoever read it otherwise on the way could be made to take a part of a
//! mail for another one ("smuggling"). `smtp-proto` has a receiver too, which takes a dot and CR CR LF for the end.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes that are read at once.
const SIP: usize = 16 << 10;

/// Reads a connection.
pub(super) struct Reader<R> {
    from: R,
    /// What has arrived and was not read.
    waiting: Vec<u8>,
    /// How much of it was.
    at: usize,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// All of it, its end included.
    Whole(Vec<u8>),
    /// It was longer than lines may be, and was passed over.
    TooLong,
    /// It ended otherwise than lines do, or had a CR in it.
    Bare,
}

/// What came after `DATA`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// A mail.
    Whole(Vec<u8>),
    /// It had more bytes than it may, and was passed over.
    TooLarge,
    /// It had a CR or a LF by itself.
    Bare,
    /// It does not end.
    Endless,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(from: R) -> Reader<R> {
        Reader { from, waiting: Vec::new(), at: 0 }
    }

    pub(super) fn get_mut(&mut self) -> &mut R {
        &mut self.from
    }

    fn rest(&self) -> &[u8] {
        self.waiting.get(self.at..).unwrap_or_default()
    }

    /// Waits for more; false at the end. Nothing is lost if it is given up.
    async fn more(&mut self) -> io::Result<bool> {
        if self.at > 0 {
            self.waiting.drain(..self.at.min(self.waiting.len()));
            self.at = 0;
        }
        self.waiting.reserve(SIP);
        Ok(self.from.read_buf(&mut self.waiting).await? > 0)
    }

    /// The next line, of so many bytes at most; none at the end.
    pub(super) async fn line(&mut self, most: usize) -> io::Result<Option<Line>> {
        let mut looked = 0;
        let mut too_long = false;
        loop {
            let rest = self.rest();
            let fresh = rest.get(looked..).unwrap_or_default();
            if let Some(end) = fresh.iter().position(|byte| *byte == b'\n') {
                let length = looked + end + 1;
                let line = rest.get(..length).unwrap_or_default().to_vec();
                self.at += length;
                return Ok(Some(match line.strip_suffix(b"\r\n") {
                    _ if too_long || length > most => Line::TooLong,
                    Some(text) if !text.contains(&b'\r') => Line::Whole(line),
                    _ => Line::Bare,
                }));
            }
            looked = rest.len();
            if looked > most {
                too_long = true;
                (self.at, looked) = (self.waiting.len(), 0);
            }
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    /// A mail, of so many bytes at most; none if the connection ended before it did.
    pub(super) async fn data(&mut self, most: usize) -> io::Result<Option<Data>> {
        let mut mail = Mail { bytes: Vec::new(), most, too_large: false, bare: false };
        // The line with DATA has ended, so this is the beginning of one.
        let mut at = At::Start;
        // Who goes on and on is not listened to forever.
        let mut left = most.saturating_mul(4).saturating_add(1 << 20);
        loop {
            for (n, byte) in self.waiting.iter().enumerate().skip(self.at) {
                at = mail.next(at, *byte);
                if at == At::End {
                    self.at = n + 1;
                    return Ok(Some(match mail {
                        Mail { bare: true, .. } => Data::Bare,
                        Mail { too_large: true, .. } => Data::TooLarge,
                        Mail { bytes, .. } => Data::Whole(bytes),
                    }));
                }
            }
            match left.checked_sub(self.rest().len()) {
                Some(less) => left = less,
                None => return Ok(Some(Data::Endless)),
            }
            self.at = self.waiting.len();
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    /// Passes over so many bytes; false if there are not so many.
    pub(super) async fn skip(&mut self, mut many: usize) -> io::Result<bool> {
        loop {
            let passed = many.min(self.rest().len());
            self.at += passed;
            many -= passed;
            if many == 0 {
                return Ok(true);
            }
            if !self.more().await? {
                return Ok(false);
            }
        }
    }
}

/// Where in a line of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// At its beginning.
    Start,
    /// After a dot at its beginning.
    Dot,
    /// After that and a CR.
    DotCr,
    /// In it.
    Text,
    /// In it, after a CR.
    Cr,
    /// After the whole mail.
    End,
}

struct Mail {
    bytes: Vec<u8>,
    most: usize,
    too_large: bool,
    bare: bool,
}

impl Mail {
    fn next(&mut self, at: At, byte: u8) -> At {
        match (at, byte) {
            (At::Start, b'.') => At::Dot,
            (At::Dot, b'\r') => At::DotCr,
            (At::DotCr, b'\n') => At::End,
            (At::Cr, b'\n') => {
                self.keep(b'\r');
                self.keep(b'\n');
                At::Start
            }
            (At::Cr | At::DotCr, other) => {
                // It is refused for it, so what it meant does not matter.
                self.bare = true;
                self.text(other)
            }
            // The dot was only there for the way.
            (At::Start | At::Dot | At::Text | At::End, other) => self.text(other),
        }
    }

    fn text(&mut self, byte: u8) -> At {
        match byte {
            b'\r' => return At::Cr,
            b'\n' => self.bare = true,
            other => self.keep(other),
        }
        At::Text
    }

    fn keep(&mut self, byte: u8) {
        if self.bytes.len() < self.most {
            self.bytes.push(byte);
        } else if !self.too_large {
            self.too_large = true;
            self.bytes = Vec::new();
            self.most = 0;
        }
    }
}
