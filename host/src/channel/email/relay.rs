//! The talk with a relay, and connections that are kept for the next mail. The host is resolved and
//! checked by the wire; what is connected to is what was checked.

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Severity;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::reply::{self, Stage};
use super::stream::{Bounded, Encrypted};
use crate::channel::wire::Wire;
use crate::channel::{Outcome, Reason};

/// How long an attempt may take, from the first byte to the last.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one address may take to answer at all.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection waits for the next mail.
const IDLE: Duration = Duration::from_secs(30);
/// Connections that wait at once.
const MOST_IDLE: usize = 4;
/// Mails over one connection: relays hang up after some hundred.
const MOST_MAILS: u32 = 50;
/// Bytes that a relay may say over one connection.
const MOST_SAID: usize = 1 << 20;

/// How a connection is kept from others' eyes.
pub(super) enum Safety {
    /// Not at all.
    None,
    /// From the first byte.
    Whole(TlsParameters),
    /// After a few words in the clear.
    Upgraded(TlsParameters),
}

/// A mail to be handed over.
pub(super) struct Mail {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) text: Vec<u8>,
}

/// A server that takes mail.
pub(super) struct Relay {
    wire: Wire,
    host: String,
    port: u16,
    pub(super) safety: Safety,
    credentials: Option<Credentials>,
    hello: ClientId,
    idle: Arc<Mutex<Idle>>,
    pub(super) patience: Duration,
    pub(super) rest: Duration,
}

/// Connections that wait for the next mail.
#[derive(Default)]
struct Idle {
    lines: Vec<Line>,
    /// Whether somebody looks after them.
    swept: bool,
}

/// A connection that mail may go over.
struct Line {
    talk: AsyncSmtpConnection,
    mails: u32,
    since: Instant,
}

/// Why a talk broke off.
struct Broken(Stage, lettre::transport::smtp::Error);

impl Relay {
    pub(super) fn new(
        wire: Wire,
        host: String,
        port: u16,
        safety: Safety,
        credentials: Option<Credentials>,
        hello: String,
    ) -> Relay {
        let hello = match hello.parse() {
            Ok(std::net::IpAddr::V4(ip)) => ClientId::Ipv4(ip),
            Ok(std::net::IpAddr::V6(ip)) => ClientId::Ipv6(ip),
            Err(_) => ClientId::Domain(hello),
        };
        let idle = Arc::default();
        Relay { wire, host, port, safety, credentials, hello, idle, patience: PATIENCE, rest: IDLE }
    }

    /// Hands a mail over. If time runs out after the last byte, the relay may have taken it: the next
    /// try is a second copy, with the same `Message-ID`.
    pub(super) async fn send(&self, mail: &Mail) -> Outcome {
        match timeout(self.patience, self.hand_over(mail)).await {
            Ok(Ok(())) => Outcome::ACCEPTED,
            Ok(Err(outcome)) => outcome,
            Err(_) => Outcome::later(Reason::Timeout, "the server did not answer in time"),
        }
    }

    async fn hand_over(&self, mail: &Mail) -> Result<(), Outcome> {
        let mut line = match self.waiting().await {
            Some(line) => line,
            None => self.connect().await?,
        };
        if !mail.text.is_ascii() || !mail.to.user().is_ascii() || !mail.from.user().is_ascii() {
            line.takes_other_scripts()?;
        }
        line.mails += 1;
        let handed = line.talk(mail).await;
        // A plain refusal leaves the connection as it was.
        let sound = match &handed {
            Ok(taken) => *taken,
            Err(Broken(_, error)) => error.status().is_some_and(|code| u16::from(code) != 421),
        };
        if sound && line.mails < MOST_MAILS {
            self.keep(line);
        }
        match handed {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(Outcome::later(Reason::Provider, "the server's answers make no sense"))
            }
            Err(Broken(stage, error)) => Err(outcome(stage, &error)),
        }
    }

    /// A connection that waited, and still stands.
    async fn waiting(&self) -> Option<Line> {
        loop {
            let mut line = lock(&self.idle).lines.pop()?;
            if line.since.elapsed() < self.rest && line.talk.command(Rset).await.is_ok() {
                return Some(line);
            }
        }
    }

    fn keep(&self, mut line: Line) {
        line.since = Instant::now();
        let mut idle = lock(&self.idle);
        if idle.lines.len() >= MOST_IDLE {
            return;
        }
        idle.lines.push(line);
        if !std::mem::replace(&mut idle.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(&self.idle), self.rest));
        }
    }

    async fn connect(&self) -> Result<Line, Outcome> {
        let found = self.wire.resolve(&self.host, self.port).await.map_err(Outcome::unsent)?;
        let stream = Bounded::new(reach(&found).await?, MOST_SAID);
        let hello = |error| outcome(Stage::Hello, &error);
        let stream: Box<dyn AsyncTokioStream> = match &self.safety {
            Safety::Whole(tls) => Box::new(encrypted(stream, tls).await.map_err(hello)?),
            Safety::None | Safety::Upgraded(_) => Box::new(stream),
        };
        let connected = AsyncSmtpConnection::connect_with_transport(stream, &self.hello).await;
        let mut talk = connected.map_err(hello)?;
        if let Safety::Upgraded(tls) = &self.safety {
            if !talk.can_starttls() {
                let detail = "the server offers no STARTTLS; set tls to what it offers";
                return Err(Outcome::later(Reason::Settings, detail));
            }
            talk.starttls(tls.clone(), &self.hello).await.map_err(hello)?;
        }
        if let Some(credentials) = &self.credentials {
            let known = [Mechanism::Plain, Mechanism::Login];
            if talk.server_info().get_auth_mechanism(&known).is_none() {
                let detail = "the server offers no login with a password";
                return Err(Outcome::later(Reason::Credentials, detail));
            }
            let login = talk.auth(&known, credentials).await;
            login.map_err(|error| outcome(Stage::Login, &error))?;
        }
        Ok(Line { talk, mails: 0, since: Instant::now() })
    }
}

impl Line {
    fn takes_other_scripts(&self) -> Result<(), Outcome> {
        let info = self.talk.server_info();
        let takes = |what| info.supports_feature(what);
        if takes(Extension::SmtpUtfEight) && takes(Extension::EightBitMime) {
            return Ok(());
        }
        let detail = "the server takes no addresses beyond ASCII";
        Err(Outcome::failed(Reason::Rejected, detail))
    }

    /// Whether the server says that it has taken the mail.
    async fn talk(&mut self, mail: &Mail) -> Result<bool, Broken> {
        let mut parameters = Vec::new();
        if !mail.text.is_ascii() {
            parameters.push(MailParameter::SmtpUtfEight);
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let talk = &mut self.talk;
        let sender = talk.command(MailFrom::new(Some(mail.from.clone()), parameters)).await;
        sender.map_err(|error| Broken(Stage::Sender, error))?;
        let recipient = talk.command(Rcpt::new(mail.to.clone(), Vec::new())).await;
        recipient.map_err(|error| Broken(Stage::Recipient, error))?;
        let message = |error| Broken(Stage::Message, error);
        talk.command(Data).await.map_err(message)?;
        let taken = talk.message(&mail.text).await.map_err(message)?;
        Ok(taken.code().severity == Severity::PositiveCompletion)
    }
}

/// Connects to the first address that answers.
async fn reach(found: &[SocketAddr]) -> Result<TcpStream, Outcome> {
    let mut slow = false;
    for address in found {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(_)) => {}
            Err(_) => slow = true,
        }
    }
    let reason = if slow { Reason::Timeout } else { Reason::Unreachable };
    Err(Outcome::later(reason, "no connection to the server"))
}

#[allow(deprecated, reason = "lettre's stream is the only way to its encryption")]
async fn encrypted(
    stream: Bounded,
    tls: &TlsParameters,
) -> Result<Encrypted, lettre::transport::smtp::Error> {
    use lettre::transport::smtp::client::AsyncNetworkStream;
    let mut stream = AsyncNetworkStream::use_existing_tokio1(Box::new(stream));
    stream.upgrade_tls(tls.clone()).await?;
    Ok(Encrypted(stream))
}

/// What becomes of a mail whose talk broke off.
fn outcome(stage: Stage, error: &lettre::transport::smtp::Error) -> Outcome {
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    if let Some(code) = error.status() {
        return reply::outcome(stage, code.into(), &text);
    }
    if error.is_timeout() {
        return Outcome::later(Reason::Timeout, "the server did not answer in time");
    }
    if text.contains("certificate") {
        let detail = "the server's certificate is not one for its name";
        return Outcome::later(Reason::Unreachable, detail);
    }
    if error.is_client() {
        return Outcome::later(Reason::Provider, "the server does not know what is needed");
    }
    Outcome::later(Reason::Unreachable, "the connection broke off")
}

/// Closes what has waited too long, until nothing waits.
async fn sweep(idle: Weak<Mutex<Idle>>, rest: Duration) {
    loop {
        sleep(rest).await;
        let Some(idle) = idle.upgrade() else { return };
        let (old, done) = {
            let mut idle = lock(&idle);
            let old = idle.lines.extract_if(.., |line| line.since.elapsed() >= rest);
            let old: Vec<Line> = old.collect();
            idle.swept = !idle.lines.is_empty();
            (old, !idle.swept)
        };
        for mut line in old {
            let _ = timeout(CONNECT, line.talk.abort()).await;
        }
        if done {
            return;
        }
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
