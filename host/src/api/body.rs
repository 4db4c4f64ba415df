//! Bodies of requests: whole ones within a limit, and streams of lines of any length in bounded memory,
//! gzip or not. Touches nothing.

use std::io::{Read as _, Write as _};
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use futures_core::Stream as _;

use super::Api;
use super::refusal::Refusal;

/// Bytes that are inflated at once: gzip makes at most about a thousand times as much of them.
const SIP: usize = 4 << 10;

/// Bytes that are read of what is too large, and for how long.
const PASSED_OVER: usize = 8 << 20;
const PATIENCE: Duration = Duration::from_secs(2);

/// A body that has not been read yet.
pub(super) struct Upload {
    pub(super) headers: HeaderMap,
    body: Body,
    /// How long nothing may arrive.
    idle: Duration,
}

impl FromRequest<Api> for Upload {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        Ok(Upload { headers: parts.headers, body, idle: api.service.http_limits().header_timeout })
    }
}

impl Upload {
    /// The whole body, inflated if need be, if it has at most `most` bytes.
    pub(super) async fn whole(self, most: usize) -> Result<Bytes, Refusal> {
        let gzip = is_gzip(&self.headers)?;
        let length = self.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
        let said = length.and_then(|v| v.parse::<usize>().ok());
        // Whoever asks before sending has sent nothing so far.
        let asks = self.headers.contains_key(header::EXPECT);
        let mut chunks = self.chunks();
        if said.is_some_and(|length| length > most) {
            if !asks {
                chunks.pass_over().await;
            }
            return Err(Refusal::too_large(most));
        }
        let mut all = Vec::new();
        while let Some(chunk) = chunks.next().await? {
            if all.len().saturating_add(chunk.len()) > most {
                chunks.pass_over().await;
                return Err(Refusal::too_large(most));
            }
            all.extend_from_slice(&chunk);
        }
        if !gzip {
            return Ok(all.into());
        }
        let mut inflated = Vec::new();
        MultiGzDecoder::new(all.as_slice())
            .take(most as u64 + 1)
            .read_to_end(&mut inflated)
            .map_err(no_gzip)?;
        if inflated.len() > most { Err(Refusal::too_large(most)) } else { Ok(inflated.into()) }
    }

    /// The body's lines as they arrive.
    pub(super) fn lines(self, line_bytes: usize, all_bytes: u64) -> Result<Lines, Refusal> {
        let inflate =
            is_gzip(&self.headers)?.then(|| flate2::write::MultiGzDecoder::new(Vec::new()));
        Ok(Lines {
            chunks: self.chunks(),
            inflate,
            rest: Bytes::new(),
            plain: Bytes::new(),
            part: Vec::new(),
            too_long: false,
            line_bytes,
            left: all_bytes,
            number: 0,
            ended: false,
        })
    }

    fn chunks(self) -> Chunks {
        Chunks { stream: self.body.into_data_stream(), idle: self.idle }
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Refusal> {
    let coding = headers.get(header::CONTENT_ENCODING).map(|v| v.as_bytes().to_ascii_lowercase());
    match coding.as_deref() {
        None | Some(b"" | b"identity") => Ok(false),
        Some(b"gzip" | b"x-gzip") => Ok(true),
        Some(_) => Err(Refusal::coded()),
    }
}

fn no_gzip(_: std::io::Error) -> Refusal {
    Refusal::invalid("the body says that it is gzip, and it is not, or not all of it")
}

struct Chunks {
    stream: BodyDataStream,
    idle: Duration,
}

impl Chunks {
    /// Reads on for a while, so that whoever still sends hears the answer: a connection that ends with
    /// something unread breaks.
    async fn pass_over(&mut self) {
        let rest = async {
            let mut passed = 0;
            while passed < PASSED_OVER
                && let Ok(Some(chunk)) = self.next().await
            {
                passed += chunk.len();
            }
        };
        // Who sends for longer has to bear it.
        let _ = tokio::time::timeout(PATIENCE, rest).await;
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let stream = &mut self.stream;
        let next = std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx));
        match tokio::time::timeout(self.idle, next).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
            Ok(Some(Err(_))) => Err(Refusal::invalid("the body broke off")),
            Err(_) => {
                let seconds = self.idle.as_secs();
                Err(Refusal::slow(format!("nothing of the body arrived for {seconds} s")))
            }
        }
    }
}

/// A line of a body.
pub(super) enum Line {
    /// Its bytes, without the end of line.
    Whole(Vec<u8>),
    /// It had more bytes than a line may have, and they were not kept.
    TooLong,
}

/// The lines of a body. Holds one chunk, one inflated sip and one line, however long the body is.
pub(super) struct Lines {
    chunks: Chunks,
    inflate: Option<flate2::write::MultiGzDecoder<Vec<u8>>>,
    /// What has arrived and is not inflated.
    rest: Bytes,
    /// What is inflated and not cut.
    plain: Bytes,
    /// The line so far.
    part: Vec<u8>,
    too_long: bool,
    line_bytes: usize,
    left: u64,
    number: u64,
    ended: bool,
}

impl Lines {
    /// The next line that is not empty, and its number, from 1.
    pub(super) async fn next(&mut self) -> Result<Option<(u64, Line)>, Refusal> {
        loop {
            if let Some(end) = self.plain.iter().position(|byte| *byte == b'\n') {
                let piece = self.plain.split_to(end);
                let _ = self.plain.split_to(1);
                self.keep(&piece);
                if let Some(line) = self.line() {
                    return Ok(Some(line));
                }
                continue;
            }
            let piece = std::mem::take(&mut self.plain);
            self.keep(&piece);
            if !self.rest.is_empty() {
                let sip = self.rest.split_to(self.rest.len().min(SIP));
                self.inflate(sip)?;
            } else if self.ended {
                // What follows the last end of line is a line too.
                return Ok(self.line());
            } else if let Some(chunk) = self.chunks.next().await? {
                self.rest = chunk;
            } else {
                self.ended = true;
                if let Some(mut inflate) = self.inflate.take() {
                    inflate.try_finish().map_err(no_gzip)?;
                    self.plain = self.counted(std::mem::take(inflate.get_mut()).into())?;
                }
            }
        }
    }

    fn inflate(&mut self, sip: Bytes) -> Result<(), Refusal> {
        let plain = match &mut self.inflate {
            None => sip,
            Some(inflate) => {
                inflate.write_all(&sip).map_err(no_gzip)?;
                inflate.flush().map_err(no_gzip)?;
                std::mem::take(inflate.get_mut()).into()
            }
        };
        self.plain = self.counted(plain)?;
        Ok(())
    }

    fn counted(&mut self, plain: Bytes) -> Result<Bytes, Refusal> {
        self.left = self.left.checked_sub(plain.len() as u64).ok_or_else(|| {
            Refusal::too_long("the body is larger than an import may be: send the rest as another")
        })?;
        Ok(plain)
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.part.len().saturating_add(piece.len()) > self.line_bytes {
            self.too_long = true;
            self.part.clear();
        } else if !self.too_long {
            self.part.extend_from_slice(piece);
        }
    }

    fn line(&mut self) -> Option<(u64, Line)> {
        self.number = self.number.saturating_add(1);
        let bytes = std::mem::take(&mut self.part);
        if std::mem::take(&mut self.too_long) {
            return Some((self.number, Line::TooLong));
        }
        let empty = bytes.iter().all(u8::is_ascii_whitespace);
        (!empty).then_some((self.number, Line::Whole(bytes)))
    }
}
