//! Bytes made fit for quick-xml, which stops at what is not UTF-8 and keeps every token whole.

use std::io::{self, BufRead};

use super::row::CAP;

/// The longest tag, text or comment, in bytes.
pub(super) const TOKEN: usize = 16 * CAP;
/// What stands for bytes that are not UTF-8: a character that XML does not allow.
pub(super) const SUBSTITUTE: u8 = 0x1a;

/// Lets text through and counts its lines. Puts something harmless in the place of bytes that are
/// not UTF-8, which quick-xml would stop at, and stops where a token gets too long.
pub(super) struct Clean<R> {
    inner: R,
    chunk: Vec<u8>,
    /// The part of the chunk that can be given out.
    at: usize,
    ready: usize,
    line: u64,
    left: usize,
}

impl<R> Clean<R> {
    pub(super) fn new(inner: R) -> Clean<R> {
        Clean { inner, chunk: Vec::new(), at: 0, ready: 0, line: 1, left: TOKEN }
    }

    /// Gives the next token room and says on which line it starts.
    pub(super) fn start_token(&mut self) -> u64 {
        self.left = TOKEN;
        self.line
    }

    /// True if the token got too long.
    pub(super) fn spent(&self) -> bool {
        self.left == 0
    }

    fn clean(&mut self, last: bool) {
        let mut from = 0;
        loop {
            let Some(rest) = self.chunk.get_mut(from..) else {
                return;
            };
            let Err(error) = std::str::from_utf8(rest) else {
                self.ready = self.chunk.len();
                return;
            };
            let start = error.valid_up_to();
            let end = match error.error_len() {
                Some(len) => start + len,
                None if last => rest.len(),
                // It may be the first half of a character.
                None => {
                    self.ready = from + start;
                    return;
                }
            };
            if let Some(wrong) = rest.get_mut(start..end) {
                wrong.fill(SUBSTITUTE);
            }
            from += end;
        }
    }
}

impl<R: BufRead> io::Read for Clean<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(buffer)?;
        self.consume(n);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Clean<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::other("too long"));
        }
        while self.at >= self.ready {
            let more = self.inner.fill_buf()?;
            let n = more.len();
            self.chunk.drain(..self.ready);
            (self.at, self.ready) = (0, 0);
            self.chunk.extend_from_slice(more);
            self.inner.consume(n);
            self.clean(n == 0);
            if n == 0 {
                break;
            }
        }
        Ok(self.chunk.get(self.at..self.ready).unwrap_or_default())
    }

    fn consume(&mut self, n: usize) {
        let end = self.at.saturating_add(n).min(self.ready);
        let used = self.chunk.get(self.at..end).unwrap_or_default();
        let lines = used.iter().filter(|byte| **byte == b'\n').count();
        self.line += lines as u64;
        self.left = self.left.saturating_sub(used.len());
        self.at = end;
    }
}
