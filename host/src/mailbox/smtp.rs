//! What is said on a connection (RFC 5321, with SIZE, 8BITMIME, SMTPUTF8, PIPELINING and enhanced status codes).
//! Requests are parsed by `smtp-proto`. Works over any stream.

use std::io;
use std::time::Duration;

use smtp_proto::{
    Error as Unparsed, MAIL_BODY_BINARYMIME, MAIL_REQUIRETLS, MAIL_SMTPUTF8, MailFrom, Request,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;

use super::lines::{Data, Line, Reader};
use super::{Incoming, Mailboxes};

/// Bytes of a line: a path of 256 and parameters, and some to spare.
const LINE: usize = 2_048;

/// Mailboxes of one mail.
const RECIPIENTS: usize = 100;

/// What is not understood, or is refused, before the connection ends.
const ERRORS: u32 = 10;

/// Requests on one connection.
const REQUESTS: u32 = 10_000;

/// How much longer than a line a mail may take.
const LONGER: u32 = 10;

/// The limits of a session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who answers.
    pub domain: String,
    /// Bytes of a mail.
    pub message_bytes: usize,
    /// How long a line may take.
    pub timeout: Duration,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client said so.
    Quit,
    /// The connection broke off.
    Broken,
    /// The client took too long.
    Slow,
    /// The client said too much that makes no sense, or may not be.
    TooMany,
    /// The server stops.
    Stopping,
}

/// A mail so far.
#[derive(Default)]
struct Mail {
    from: Option<String>,
    to: Vec<String>,
    /// Bytes that it will have, if it was said.
    size: usize,
    /// Bytes that it may have.
    most: usize,
}

struct Talk<'a, S> {
    reader: Reader<S>,
    session: &'a Session,
    mailboxes: &'a dyn Mailboxes,
    greeted: bool,
    mail: Mail,
    errors: u32,
}

/// Why a talk is over.
enum Over {
    Ended(Ended),
    Io,
}

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Over {
        Over::Io
    }
}

impl Session {
    /// Talks to a client until one of the two has had enough. When `stopping` turns true it ends, but not within a
    /// mail that is being stored.
    pub async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        mailboxes: &dyn Mailboxes,
        mut stopping: watch::Receiver<bool>,
    ) -> Ended {
        let mut talk = Talk {
            reader: Reader::new(stream),
            session: self,
            mailboxes,
            greeted: false,
            mail: Mail::default(),
            errors: 0,
        };
        match talk.through(&mut stopping).await {
            Ok(ended) | Err(Over::Ended(ended)) => ended,
            Err(Over::Io) => Ended::Broken,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    async fn through(&mut self, stopping: &mut watch::Receiver<bool>) -> Result<Ended, Over> {
        let hello = format!("220 {} ESMTP Nudge", self.session.domain);
        self.say(&hello).await?;
        for _ in 0..REQUESTS {
            if self.errors >= ERRORS {
                self.say("421 4.7.0 too many errors: goodbye").await?;
                return Ok(Ended::TooMany);
            }
            let line = tokio::select! {
                line = tokio::time::timeout(self.session.timeout, self.reader.line(LINE)) => line,
                () = begun(stopping) => {
                    self.say("421 4.3.2 the service stops: try again later").await?;
                    return Ok(Ended::Stopping);
                }
            };
            let Ok(line) = line else {
                self.say("421 4.4.2 that took too long: goodbye").await?;
                return Ok(Ended::Slow);
            };
            match line? {
                None => return Ok(Ended::Broken),
                Some(Line::TooLong) => self.wrong("500 5.5.2 the line is too long").await?,
                Some(Line::Bare) => {
                    self.wrong("500 5.5.2 a line ends with CR LF, and has neither in it").await?;
                }
                Some(Line::Whole(line)) => {
                    if self.hear(&line).await? {
                        return Ok(Ended::Quit);
                    }
                }
            }
        }
        self.say("421 4.7.0 too many requests: connect again").await?;
        Ok(Ended::TooMany)
    }

    /// Says a line, or several.
    async fn say(&mut self, answer: &str) -> Result<(), Over> {
        let stream = self.reader.get_mut();
        let said = async {
            stream.write_all(answer.as_bytes()).await?;
            stream.write_all(b"\r\n").await?;
            stream.flush().await
        };
        match tokio::time::timeout(self.session.timeout, said).await {
            Ok(said) => Ok(said?),
            Err(_) => Err(Over::Ended(Ended::Slow)),
        }
    }

    /// Says that something was wrong.
    async fn wrong(&mut self, answer: &str) -> Result<(), Over> {
        self.errors += 1;
        self.say(answer).await
    }

    /// Answers one line; true at the end.
    async fn hear(&mut self, line: &[u8]) -> Result<bool, Over> {
        if line.iter().any(|byte| *byte < b' ' && !matches!(byte, b'\r' | b'\n' | b'\t')) {
            self.wrong("500 5.5.2 there are control characters in it").await?;
            return Ok(false);
        }
        match Request::parse(&mut line.iter()) {
            Err(error) => self.wrong(unparsed(&error)).await?,
            Ok(Request::Quit) => {
                self.say("221 2.0.0 goodbye").await?;
                return Ok(true);
            }
            Ok(Request::Ehlo { .. }) => {
                (self.greeted, self.mail) = (true, Mail::default());
                let Session { domain, message_bytes, .. } = self.session;
                let offers = format!(
                    "250-{domain}\r\n250-SIZE {message_bytes}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
                     250-PIPELINING\r\n250 ENHANCEDSTATUSCODES"
                );
                self.say(&offers).await?;
            }
            Ok(Request::Helo { .. }) => {
                (self.greeted, self.mail) = (true, Mail::default());
                let hello = format!("250 {}", self.session.domain);
                self.say(&hello).await?;
            }
            Ok(Request::Mail { from }) => self.begin(from.into_owned()).await?,
            Ok(Request::Rcpt { to }) => self.recipient(&to.address).await?,
            Ok(Request::Data) => self.data().await?,
            Ok(Request::Rset) => {
                self.mail = Mail::default();
                self.say("250 2.0.0 forgotten").await?;
            }
            Ok(Request::Noop { .. }) => self.say("250 2.0.0 nothing done").await?,
            Ok(Request::Vrfy { .. }) => {
                self.say("252 2.5.0 that is only told to who sends a mail").await?;
            }
            Ok(Request::Help { .. }) => {
                self.say("214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY QUIT").await?;
            }
            Ok(Request::Bdat { chunk_size, .. }) => self.chunk(chunk_size).await?,
            Ok(Request::Auth { .. } | Request::StartTls) => {
                self.wrong("502 5.5.1 that is not offered here").await?;
            }
            Ok(_) => self.wrong("502 5.5.1 there is no such command here").await?,
        }
        Ok(false)
    }

    async fn begin(&mut self, from: MailFrom<String>) -> Result<(), Over> {
        let most = self.session.message_bytes;
        if !self.greeted {
            return self.wrong("503 5.5.1 say EHLO first").await;
        }
        if self.mail.from.is_some() {
            return self.wrong("503 5.5.1 a mail has begun already: RSET forgets it").await;
        }
        if from.size > most {
            return self.wrong(&format!("552 5.3.4 {most} bytes are the most that is taken")).await;
        }
        if from.flags & (MAIL_BODY_BINARYMIME | MAIL_REQUIRETLS) != 0 {
            return self.wrong("555 5.5.4 BINARYMIME and REQUIRETLS are not offered here").await;
        }
        if !from.address.is_ascii() && from.flags & MAIL_SMTPUTF8 == 0 {
            return self.wrong("553 5.6.7 such an address needs SMTPUTF8").await;
        }
        let (size, from) = (from.size, Some(from.address));
        self.mail = Mail { from, to: Vec::new(), size, most };
        self.say("250 2.1.0 go on").await
    }

    async fn recipient(&mut self, to: &str) -> Result<(), Over> {
        let Some(from) = &self.mail.from else {
            return self.wrong("503 5.5.1 say MAIL first").await;
        };
        if self.mail.to.len() >= RECIPIENTS {
            return self.wrong("452 4.5.3 no more recipients: send the mail again for them").await;
        }
        match self.mailboxes.may(from, to) {
            Ok(most) if self.mail.size > most => {
                let answer = format!("552 5.3.4 {most} bytes are the most that this mailbox takes");
                self.wrong(&answer).await
            }
            Ok(most) => {
                self.mail.most = self.mail.most.min(most);
                self.mail.to.push(to.to_owned());
                self.say("250 2.1.5 go on").await
            }
            Err(refused) => self.wrong(&format!("{} {refused}", refused.codes())).await,
        }
    }

    async fn data(&mut self) -> Result<(), Over> {
        if self.mail.to.is_empty() {
            return self
                .wrong("503 5.5.1 nobody is there to take it: say MAIL and RCPT first")
                .await;
        }
        self.say("354 go on, and end with a dot").await?;
        let Mail { from, to, most, .. } = std::mem::take(&mut self.mail);
        let time = self.session.timeout.saturating_mul(LONGER);
        let Ok(data) = tokio::time::timeout(time, self.reader.data(most)).await else {
            self.say("421 4.4.2 that took too long: goodbye").await?;
            return Err(Over::Ended(Ended::Slow));
        };
        match data? {
            None => Err(Over::Ended(Ended::Broken)),
            Some(Data::Endless) => {
                self.say("421 4.3.4 that is far too much: goodbye").await?;
                Err(Over::Ended(Ended::TooMany))
            }
            Some(Data::TooLarge) => {
                self.wrong(&format!("552 5.3.4 {most} bytes are the most that is taken")).await
            }
            Some(Data::Bare) => {
                self.wrong("554 5.6.0 a line ends with CR LF, and has neither in it").await
            }
            Some(Data::Whole(bytes)) => {
                let mail = Incoming { from: from.unwrap_or_default(), to, bytes };
                match self.mailboxes.deliver(mail).await {
                    Ok(()) => self.say("250 2.0.0 stored").await,
                    Err(refused) => self.wrong(&format!("{} {refused}", refused.codes())).await,
                }
            }
        }
    }

    /// What follows is no request, and must not be taken for one.
    async fn chunk(&mut self, bytes: usize) -> Result<(), Over> {
        if bytes > self.session.message_bytes {
            self.say("421 4.3.4 chunks are not offered here, let alone such ones: goodbye").await?;
            return Err(Over::Ended(Ended::TooMany));
        }
        let time = self.session.timeout.saturating_mul(LONGER);
        let Ok(whole) = tokio::time::timeout(time, self.reader.skip(bytes)).await else {
            self.say("421 4.4.2 that took too long: goodbye").await?;
            return Err(Over::Ended(Ended::Slow));
        };
        if !whole? {
            return Err(Over::Ended(Ended::Broken));
        }
        self.wrong("502 5.5.1 chunks are not offered here: use DATA").await
    }
}

fn unparsed(error: &Unparsed) -> &'static str {
    match error {
        Unparsed::UnknownCommand => "500 5.5.1 there is no such command",
        Unparsed::InvalidSenderAddress => "501 5.1.7 that is no address of a sender",
        Unparsed::InvalidRecipientAddress => "501 5.1.3 that is no address of a recipient",
        Unparsed::SyntaxError { .. } => "501 5.5.4 that is not how it is said",
        Unparsed::InvalidParameter { .. } => "501 5.5.4 a parameter is wrong",
        Unparsed::UnsupportedParameter { .. } => "555 5.5.4 there is no such parameter here",
        _ => "500 5.5.2 that is no command",
    }
}

/// Returns when it has begun to stop.
async fn begun(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stopping| *stopping).await.is_err() {
        // Whoever could have said so is gone: it is never said.
        std::future::pending::<()>().await;
    }
}
