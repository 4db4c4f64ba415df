//! Mailboxes that remember what they were given, and a client that says what it is told to.

use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::watch;

use crate::mailbox::smtp::{Ended, Session};
use crate::mailbox::{Delivering, Incoming, Mailboxes, Refused};

/// `news@x.example` takes 1,000 bytes, `small@x.example` 100, both from anybody at `shop.example`; `full@`,
/// `odd@` and `later@` find reasons afterwards.
#[derive(Default)]
pub(super) struct Double(pub(super) Mutex<Vec<Incoming>>);

impl Mailboxes for Double {
    fn may(&self, from: &str, to: &str) -> Result<usize, Refused> {
        let most = match to.strip_suffix("@x.example") {
            Some("news" | "full" | "odd" | "later") => 1_000,
            Some("small") => 100,
            _ => return Err(Refused::Unknown),
        };
        if from.ends_with("@shop.example") { Ok(most) } else { Err(Refused::Unknown) }
    }

    fn deliver(&self, mail: Incoming) -> Delivering<'_> {
        Box::pin(async move {
            let to = |name: &str| mail.to.iter().any(|to| to.starts_with(name));
            if to("full@") {
                return Err(Refused::Full("it is".to_owned()));
            }
            if to("odd@") {
                return Err(Refused::Unreadable("what is this".to_owned()));
            }
            if to("later@") {
                return Err(Refused::Later);
            }
            self.0.lock().unwrap().push(mail);
            Ok(())
        })
    }
}

impl Double {
    pub(super) fn mails(&self) -> Vec<String> {
        let mails = self.0.lock().unwrap();
        mails.iter().map(|mail| String::from_utf8(mail.bytes.clone()).unwrap()).collect()
    }
}

pub(super) fn session() -> Session {
    Session {
        domain: "x.example".to_owned(),
        message_bytes: 2_000,
        timeout: Duration::from_secs(60),
    }
}

/// All that the server says to a client that says all of this at once and then nothing more.
pub(super) async fn said(mailboxes: &Double, client: impl AsRef<[u8]>) -> (Vec<String>, Ended) {
    let client = client.as_ref().to_vec();
    let (near, far) = duplex(1 << 16);
    let (_tell, stopping) = watch::channel(false);
    let (mut hears, mut says) = tokio::io::split(near);
    let talk = async { session().talk(far, mailboxes, stopping).await };
    let client = async {
        // A server that has gone does not listen.
        let _ = says.write_all(&client).await;
        let _ = says.shutdown().await;
    };
    let listen = async {
        let mut all = Vec::new();
        let _ = hears.read_to_end(&mut all).await;
        all
    };
    let (ended, (), all) = tokio::join!(talk, client, listen);
    let all = String::from_utf8(all).unwrap();
    assert!(all.is_empty() || all.ends_with("\r\n"), "{all:?}");
    (all.split_terminator("\r\n").map(str::to_owned).collect(), ended)
}

/// The codes of what it says.
pub(super) async fn codes(mailboxes: &Double, client: impl AsRef<[u8]>) -> Vec<u16> {
    let (lines, _) = said(mailboxes, client).await;
    let last = lines.iter().filter(|line| line.as_bytes().get(3) == Some(&b' '));
    last.map(|line| line[..3].parse().unwrap()).collect()
}

/// A client that waits for answers.
pub(super) struct Client(pub(super) DuplexStream);

impl Client {
    /// One answer, of one line or several; nothing if it is over.
    pub(super) async fn hears(&mut self) -> String {
        let mut answer = Vec::new();
        while let Ok(byte) = self.0.read_u8().await {
            answer.push(byte);
            let last = answer.rsplit(|b| *b == b'\n').nth(1).unwrap_or_default();
            if byte == b'\n' && last.get(3) == Some(&b' ') {
                break;
            }
        }
        String::from_utf8(answer).unwrap()
    }

    pub(super) async fn says(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    #[track_caller]
    pub(super) fn asks(&mut self, text: &str) -> impl Future<Output = String> {
        let text = format!("{text}\r\n");
        async move {
            self.says(&text).await;
            self.hears().await
        }
    }
}
