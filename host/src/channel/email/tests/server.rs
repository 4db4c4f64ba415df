//! A server that takes mail as it is told to, and remembers what was said to it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What a server heard.
#[derive(Default)]
pub(super) struct Heard {
    /// Every command.
    pub(super) commands: Vec<String>,
    /// Every mail, as it came.
    pub(super) mails: Vec<String>,
    pub(super) connections: usize,
}

pub(super) struct Server {
    pub(super) port: u16,
    pub(super) heard: Arc<Mutex<Heard>>,
}

/// What a server answers instead of its usual words, by `hello`, `EHLO`, `AUTH`, `MAIL`, `RCPT`, `DATA`
/// or `end`. `hang up` closes the connection, `silence` says nothing.
pub(super) type Script = &'static [(&'static str, &'static str)];

impl Server {
    pub(super) async fn start(script: Script) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let shared = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                tokio::spawn(talk(stream, script, shared.clone()));
            }
        });
        Server { port, heard }
    }

    pub(super) fn commands(&self) -> Vec<String> {
        self.heard.lock().unwrap().commands.clone()
    }

    pub(super) fn mails(&self) -> Vec<String> {
        self.heard.lock().unwrap().mails.clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.heard.lock().unwrap().connections
    }
}

const USUAL: Script = &[
    ("hello", "220 relay.example ESMTP"),
    ("EHLO", "250-relay.example\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN"),
    ("AUTH", "235 2.7.0 welcome"),
    ("MAIL", "250 2.1.0 ok"),
    ("RCPT", "250 2.1.5 ok"),
    ("DATA", "354 go on"),
    ("end", "250 2.0.0 taken"),
    ("RSET", "250 2.0.0 ok"),
    ("QUIT", "221 2.0.0 bye"),
];

async fn talk(stream: TcpStream, script: Script, heard: Arc<Mutex<Heard>>) -> Option<()> {
    let answers: HashMap<&str, &str> = USUAL.iter().chain(script).copied().collect();
    let mut stream = BufReader::new(stream);
    say(&mut stream, answers["hello"]).await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let command = line.trim_end().to_owned();
        let verb = command.split(' ').next().unwrap_or_default().to_owned();
        heard.lock().unwrap().commands.push(command);
        let answer = answers.get(verb.as_str()).copied().unwrap_or("502 5.5.1 what?");
        say(&mut stream, answer).await?;
        if verb == "DATA" && answer.starts_with('3') {
            let mail = mail(&mut stream).await?;
            heard.lock().unwrap().mails.push(mail);
            say(&mut stream, answers["end"]).await?;
        }
        if verb == "QUIT" {
            return None;
        }
    }
}

async fn say(stream: &mut BufReader<TcpStream>, answer: &str) -> Option<()> {
    match answer {
        "hang up" => return None,
        "silence" => return std::future::pending().await,
        "babble" => loop {
            stream.get_mut().write_all(&[b'2'; 65536]).await.ok()?;
        },
        _ => {}
    }
    stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await.ok()
}

/// Reads a mail, without the dots that only the way needs.
async fn mail(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut mail = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        assert!(line.ends_with("\r\n"), "a bare line feed: {line:?}");
        if line == ".\r\n" {
            return Some(mail);
        }
        mail.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
