//! Asking a service over HTTP, wherever it is by now: it has another port after each restart.

use std::future::Future;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method};
use serde_json::Value;

/// How long anything may take that has to come about. Only a test that fails waits so long.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Where a service is. Clones follow it from one address to the next.
#[derive(Clone)]
pub struct Server {
    base: Arc<RwLock<String>>,
    client: Client,
}

impl Server {
    pub fn new() -> Server {
        // What is asked for at the same time as the process is killed must not hang.
        let client = Client::builder().timeout(PATIENCE).no_proxy();
        // Where a link leads is looked at, and not followed.
        let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Server { base: Arc::default(), client }
    }

    pub fn moved(&self, base: &str) {
        base.clone_into(&mut self.base.write().unwrap());
    }

    pub fn base(&self) -> String {
        self.base.read().unwrap().clone()
    }

    pub fn ask(&self, method: &str, path: &str) -> Ask {
        let url = self.base() + path;
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Ask(self.client.request(method, url))
    }

    pub fn get(&self, path: &str) -> Ask {
        self.ask("GET", path)
    }

    pub fn post(&self, path: &str) -> Ask {
        self.ask("POST", path)
    }
}

/// A request.
pub struct Ask(reqwest::RequestBuilder);

impl Ask {
    pub fn by(self, key: &str) -> Ask {
        Ask(self.0.bearer_auth(key))
    }

    pub fn header(self, name: &str, value: &str) -> Ask {
        Ask(self.0.header(name, value))
    }

    pub fn json(self, value: &Value) -> Ask {
        self.body("application/json", value.to_string())
    }

    pub fn body(self, media: &str, body: impl Into<reqwest::Body>) -> Ask {
        Ask(self.0.header(CONTENT_TYPE, media).body(body))
    }

    /// The answer; none if there was no whole one.
    pub async fn try_send(self) -> Option<Got> {
        let response = self.0.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.ok()?.to_vec();
        Some(Got { status, headers, body })
    }

    pub async fn send(self) -> Got {
        self.try_send().await.expect("an answer")
    }

    /// The head of an answer whose body has no end.
    pub async fn open(self) -> reqwest::Response {
        self.0.send().await.expect("an answer")
    }
}

/// An answer.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Got {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The same, if it has this status. A refusal has to be a problem, whatever it is about.
    #[track_caller]
    pub fn is(self, status: u16) -> Got {
        assert_eq!(self.status, status, "{}", self.text());
        if status >= 400 {
            assert_eq!(self.header("content-type"), "application/problem+json");
            assert_eq!(self.json()["status"], status, "{}", self.text());
        }
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The places that a problem names.
    pub fn pointers(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }
}

/// Waits until there is something.
#[track_caller]
pub fn eventually<T, F>(what: &str, look: impl FnMut() -> F) -> impl Future<Output = T>
where
    F: Future<Output = Option<T>>,
{
    let caller = std::panic::Location::caller();
    let what = what.to_owned();
    let mut look = look;
    async move {
        let started = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "it never came about, at {caller}: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
