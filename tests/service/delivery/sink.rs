//! A server on the other side: it keeps what it is sent, and answers as it is told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::service::http::eventually;
use crate::service::tenant::now;

/// A request.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// When it was here, in milliseconds since 1970.
    pub at: i64,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// The fields of a URL-encoded form.
    pub fn form(&self) -> BTreeMap<String, String> {
        form(&self.text())
    }

    /// The tracking id that a webhook names.
    pub fn tracking(&self) -> String {
        self.header("webhook-id").strip_prefix("msg_").expect("a webhook").to_owned()
    }
}

/// The fields of a URL-encoded form.
pub fn form(text: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        let mut rest = text.bytes();
        let mut bytes = Vec::new();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                let digits = std::str::from_utf8(&digits).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

/// An answer.
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// How long it is held back.
    after: Duration,
    /// What is done before it is given.
    then: Option<Box<dyn FnOnce() + Send>>,
}

impl Reply {
    pub fn status(status: u16) -> Reply {
        let after = Duration::ZERO;
        Reply { status, headers: Vec::new(), body: Vec::new(), after, then: None }
    }

    pub fn json(status: u16, body: &Value) -> Reply {
        let mut reply = Reply::status(status).header("content-type", "application/json");
        reply.body = body.to_string().into();
        reply
    }

    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn after(mut self, after: Duration) -> Reply {
        self.after = after;
        self
    }

    pub fn then(mut self, then: impl FnOnce() + Send + 'static) -> Reply {
        self.then = Some(Box::new(then));
        self
    }
}

/// What it answers to a request, which is its so-manieth, from 0.
type Script = Box<dyn FnMut(&Seen, usize) -> Reply + Send>;

struct Inner {
    over: AtomicBool,
    seen: Mutex<Vec<Seen>>,
    script: Mutex<Script>,
}

/// The server. It is there as long as this is.
pub struct Sink {
    at: SocketAddr,
    inner: Arc<Inner>,
}

impl Sink {
    pub fn new(script: impl FnMut(&Seen, usize) -> Reply + Send + 'static) -> Sink {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let script: Script = Box::new(script);
        let inner = Arc::new(Inner {
            over: AtomicBool::new(false),
            seen: Mutex::default(),
            script: Mutex::new(script),
        });
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::SeqCst) {
                    break;
                }
                let inner = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let _ = serve(&inner, &stream);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Sink { at, inner }
    }

    /// One that takes everything.
    pub fn good() -> Sink {
        Sink::new(|_, _| Reply::status(200))
    }

    /// Answers otherwise from now on.
    pub fn answers(&self, script: impl FnMut(&Seen, usize) -> Reply + Send + 'static) {
        *self.inner.script.lock().unwrap() = Box::new(script);
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.at)
    }

    pub fn url(&self, path: &str) -> String {
        self.base() + path
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// Waits for so many requests or more.
    #[track_caller]
    pub fn saw(&self, many: usize) -> impl Future<Output = Vec<Seen>> {
        eventually("so many requests", move || {
            let seen = self.seen();
            std::future::ready((seen.len() >= many).then_some(seen))
        })
    }

    /// The one request that there was.
    #[track_caller]
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:#?}");
        seen[0].clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.inner.over.store(true, Ordering::SeqCst);
        // The listening thread notices.
        let _ = TcpStream::connect(self.at);
    }
}

/// Serves a connection for as many requests as come.
fn serve(inner: &Inner, stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream);
    let mut output = stream;
    while let Some(seen) = read(&mut input)? {
        if inner.over.load(Ordering::SeqCst) {
            return Ok(());
        }
        let at = {
            let mut all = inner.seen.lock().unwrap();
            all.push(seen.clone());
            all.len() - 1
        };
        let reply = (inner.script.lock().unwrap())(&seen, at);
        std::thread::sleep(reply.after);
        if let Some(then) = reply.then {
            then();
        }
        let mut text = format!("HTTP/1.1 {} As it is\r\n", reply.status);
        for (name, value) in &reply.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("content-length: {}\r\n\r\n", reply.body.len());
        let mut bytes = text.into_bytes();
        bytes.extend(&reply.body);
        output.write_all(&bytes)?;
    }
    Ok(())
}

fn read(input: &mut impl BufRead) -> std::io::Result<Option<Seen>> {
    let mut line = || -> std::io::Result<Option<String>> {
        let mut line = String::new();
        let read = input.read_line(&mut line)?;
        Ok((read > 0).then(|| line.trim_end().to_owned()))
    };
    let Some(first) = line()? else { return Ok(None) };
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
    let mut headers = BTreeMap::new();
    while let Some(header) = line()?.filter(|line| !line.is_empty()) {
        let (name, value) = header.split_once(':').unwrap();
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length: &String| length.parse().unwrap());
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(Some(Seen { method, path, headers, body, at: now() }))
}
