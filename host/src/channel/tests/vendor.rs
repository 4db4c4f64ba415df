//! A server that stands for a provider: it answers as a script says, and keeps what it was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

/// A request that came in.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Got {
    /// The parameter of the query, decoded.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The header, as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body, as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body, as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    never: bool,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Vec::new(), never: false }
    }

    /// 200 with JSON.
    pub(crate) fn json(body: &serde_json::Value) -> Reply {
        Reply { body: body.to_string().into_bytes(), ..Reply::status(200) }
    }

    /// No answer at all.
    pub(crate) fn never() -> Reply {
        Reply { never: true, ..Reply::status(200) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Reply {
        Reply { body: body.into(), ..self }
    }
}

/// A server under way. It stops when this is dropped.
pub(crate) struct Vendor {
    /// Where it is reached, without a slash at the end.
    pub(crate) url: String,
    got: Arc<Mutex<Vec<Got>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Vendor {
    /// Starts a server that answers so.
    pub(crate) async fn start(answer: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> Vendor {
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);
        let answer = Arc::new(answer);
        let serve = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let request = read(&method, &uri, headers, &body);
            let reply = {
                // Noted before it is answered: who has the answer finds the request.
                let mut kept = kept.lock().unwrap();
                kept.push(request.clone());
                answer(&request)
            };
            respond(reply).await
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(serve);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Vendor { url, got, task }
    }

    /// Starts a server that answers the same to everything.
    pub(crate) async fn always(reply: Reply) -> Vendor {
        Vendor::start(move |_| reply.clone()).await
    }

    /// All that came in so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// The only request that came in.
    pub(crate) fn only(&self) -> Got {
        let got = self.got();
        assert_eq!(got.len(), 1, "one request");
        got.into_iter().next().unwrap()
    }

    /// How many requests came in whose path ends so.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.got().iter().filter(|got| got.path.ends_with(path)).count()
    }
}

fn read(method: &Method, uri: &Uri, headers: HeaderMap, body: &Bytes) -> Got {
    let url = reqwest::Url::parse(&format!("http://x{uri}")).unwrap();
    let owned = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        (name.into_owned(), value.into_owned())
    };
    Got {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: url.query_pairs().map(owned).collect(),
        headers,
        body: body.to_vec(),
    }
}

async fn respond(reply: Reply) -> Response {
    if reply.never {
        std::future::pending::<()>().await;
    }
    let mut response = reply.body.into_response();
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap();
    for (name, value) in reply.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
