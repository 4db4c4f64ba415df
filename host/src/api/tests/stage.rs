//! What the tests stand on: a service at work with two tenants, over a store that fails when it is told to,
//! by a clock that is moved by hand; and requests whose answers must be documented.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::clock::{Clock as _, Manual};
use crate::config::{Config, Overrides};
use crate::engine::event::{Fields, Instant, Millis, What};
use crate::ingest::live::{Deed, Item, Who};
use crate::service::simulate::faulty::Faulty;
use crate::service::simulate::sandbox;
use crate::service::words::{KeyScope, LetterInfo, NewKey, NewTenant, ReleaseStatus};
use crate::service::{Builder, Running, Service, TenantName};
use crate::standard;
use crate::store::sqlite::{Options, Sqlite, Synchronous};
use crate::store::{Seq, Store, TenantId};

/// A strategy: whoever stays in the cart for more than a minute finds a letter in the app.
pub(super) const STRATEGY: &str = include_str!("strategy.toml");

/// A component that a tenant may upload.
pub(super) fn component() -> &'static [u8] {
    standard::policy("cascade").unwrap()
}

/// Another one.
pub(super) fn other_component() -> &'static [u8] {
    standard::policy("dwell").unwrap()
}

/// An answer that takes longer has the clock go on meanwhile,
const PATIENCE: Duration = Duration::from_secs(1);
/// by as much as this, each time that this has gone by.
const LONG: Duration = Duration::from_millis(100);

/// A service with the tenants `a` and `b`, which have nothing but keys.
pub(super) struct Stage {
    pub(super) service: Service,
    pub(super) store: Arc<Faulty>,
    pub(super) clock: Arc<Manual>,
    pub(super) admin: String,
    pub(super) ingest: String,
    pub(super) manage: String,
    pub(super) other_ingest: String,
    pub(super) other_manage: String,
    router: Router,
    document: Value,
    letters: AtomicU64,
    at_work: Option<(Running, TempDir)>,
}

/// It stops by itself, and leaves nothing behind.
impl Drop for Stage {
    fn drop(&mut self) {
        let Some((running, folder)) = self.at_work.take() else { return };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let _ = runtime.unwrap().block_on(running.stop());
            drop(folder);
        });
    }
}

async fn key(service: &Service, tenant: &TenantName, scope: KeyScope) -> String {
    let new = NewKey { name: "made at the start".to_owned(), scope };
    service.create_key(tenant, new).await.unwrap().key
}

pub(super) fn document() -> Value {
    serde_json::to_value(crate::api::openapi()).unwrap()
}

/// Every operation of the document: method and path.
pub(super) fn operations() -> Vec<(String, String)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(|m| (m.to_ascii_uppercase(), path.clone()))
    });
    each.collect()
}

/// An answer.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Got {
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    #[track_caller]
    pub(super) fn is(self, status: u16) -> Got {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// A request: method, path, key or token, headers, body.
#[derive(Clone, Debug, Default)]
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) key: Option<String>,
    pub(super) headers: BTreeMap<&'static str, String>,
    pub(super) body: Vec<u8>,
}

pub(super) fn ask(method: &'static str, path: impl Into<String>) -> Ask {
    Ask { method, path: path.into(), ..Ask::default() }
}

impl Ask {
    pub(super) fn by(mut self, key: impl Into<String>) -> Ask {
        self.key = Some(key.into());
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Ask {
        self.headers.insert(name, value.into());
        self
    }

    pub(super) fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Ask {
        self.body = body.into();
        self.header("content-type", media_type)
    }

    pub(super) fn json(self, body: Value) -> Ask {
        self.body("application/json", body.to_string())
    }

    pub(super) fn request(&self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(self.body.clone().into()).unwrap()
    }
}

impl Stage {
    /// With the usual limits.
    pub(super) async fn new() -> Stage {
        Stage::with("").await
    }

    /// With these lines of configuration.
    pub(super) async fn with(config: &str) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { synchronous: Synchronous::Off, ..Options::default() };
        let inner = Sqlite::open(&folder.path().join("data"), options).unwrap();
        let store = Arc::new(Faulty::new(Arc::new(inner)));
        let clock = Arc::new(Manual::new(Instant(1_790_000_000_000)));
        let config = format!("[engine]\nthreads = 1\n{config}");
        let file = Some((Path::new("test.toml"), config.as_str()));
        let config = Config::load(file, std::iter::empty(), &Overrides::default()).unwrap();
        let shared: Arc<dyn Store> = store.clone();
        let builder = Builder::new(shared, sandbox()).with_clock(clock.clone());
        let service = builder.open(config).unwrap();
        let running = service.run().unwrap();
        let mut names = Vec::new();
        for name in ["a", "b"] {
            service.create_tenant(NewTenant { name: name.to_owned() }).await.unwrap();
            names.push(service.tenant_name(name).unwrap());
        }
        let [a, b] = [&names[0], &names[1]];
        Stage {
            admin: service.first_key().unwrap().unwrap(),
            ingest: key(&service, a, KeyScope::Ingest).await,
            manage: key(&service, a, KeyScope::Manage).await,
            other_ingest: key(&service, b, KeyScope::Ingest).await,
            other_manage: key(&service, b, KeyScope::Manage).await,
            router: crate::api::router(service.clone()),
            document: document(),
            letters: AtomicU64::new(0),
            at_work: Some((running, folder)),
            service,
            store,
            clock,
        }
    }

    /// The answer, without having read its body.
    pub(super) async fn raw(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// What comes out, while the clock goes on if that takes long: on a slow machine a lane rests after a batch,
    /// by the clock.
    async fn while_time_passes<T>(&self, answer: impl Future<Output = T>) -> T {
        let mut answer = std::pin::pin!(answer);
        let mut wait = PATIENCE;
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                () = tokio::time::sleep(wait) => {
                    self.clock.advance(Millis(LONG.as_millis() as u64));
                    wait = LONG;
                }
            }
        }
    }

    #[track_caller]
    pub(super) fn send(&self, ask: Ask) -> impl Future<Output = Got> {
        let caller = std::panic::Location::caller();
        async move {
            let response = self.while_time_passes(self.raw(ask.request())).await;
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
            let got = Got { status: parts.status.as_u16(), headers: parts.headers, body };
            self.documented(&ask, &got, caller);
            got
        }
    }

    /// A letter for a user of the tenant `a`, whose strategy is put to work if there is none.
    pub(super) async fn letter(&self, user: &str) -> LetterInfo {
        let a = self.service.tenant_name("a").unwrap();
        let active =
            |release: &crate::service::words::ReleaseInfo| release.status == ReleaseStatus::Active;
        if !self.service.releases(&a).unwrap().iter().any(active) {
            let release = self.service.propose(&a, STRATEGY.to_owned()).await.unwrap();
            self.service.activate(&a, release.number).await.unwrap();
        }
        // Hours ago they went away and into the cart again: by now they have stalled there.
        let nth = self.letters.fetch_add(1, Ordering::SeqCst);
        let from = Instant(self.clock.now().0 - 20 * 3_600_000).plus(Millis(nth * 600_000));
        let item = |node: &str, at| {
            let fields = Fields::from_iter([("node".into(), text(node))]);
            let deed = Deed::Happened(vec![What::Operation { name: "step".into(), fields }]);
            let who = Who { user: Some(user.into()), anonymous: None };
            Item { id: None, who, at, deed }
        };
        let items = vec![item("done", from), item("cart", from.plus(Millis(1_000)))];
        let token = self.service.issue_token(&a, user).unwrap().token;
        let device = self.service.device(&token).unwrap();
        let before = self.service.letters(&device, None, 100).await.unwrap().len();
        self.service.ingest(&a, items).await.unwrap();
        if before > 0 {
            // What the last one has left behind is of now, so this cannot be of before.
            self.clock.advance(Millis(61_000));
        }
        for _ in 0..5_000 {
            let letters = self.service.letters(&device, None, 100).await.unwrap();
            if letters.len() > before {
                return letters.last().unwrap().clone();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("no letter has come");
    }

    /// How many events the log of the tenant `a` has.
    pub(super) fn events(&self) -> u64 {
        let chunks = self.store.log(TenantId(1), Seq(0), usize::MAX >> 1).unwrap();
        chunks.iter().map(|chunk| u64::from(chunk.events)).sum()
    }

    /// How many requests the service has counted for a route and a status.
    pub(super) fn counted(&self, route: &str, status: u16) -> u64 {
        let labels = format!("{{route=\"{route}\",status=\"{status}\"}} ");
        let metrics = self.service.metrics();
        let line = metrics.lines().find_map(|line| line.split_once(&labels));
        line.map_or(0, |(_, count)| count.parse().unwrap())
    }

    pub(super) async fn token(&self, key: &str, user: &str) -> String {
        let got = self.send(ask("POST", format!("/v1/users/{user}/tokens")).by(key)).await.is(201);
        got.json()["token"].as_str().unwrap().to_owned()
    }

    /// Every answer of a route that there is must be in the document, and every refusal a problem.
    fn documented(&self, ask: &Ask, got: &Got, caller: &std::panic::Location<'_>) {
        let media_type = got.header("content-type");
        if got.status >= 400 {
            assert_eq!(media_type, "application/problem+json", "{caller}: {ask:?} {}", got.text());
            let problem = got.json();
            assert_eq!(problem["status"], got.status, "{caller}: {problem}");
            assert!(!problem["detail"].as_str().unwrap().is_empty(), "{caller}: {problem}");
        }
        if matches!(got.status, 429 | 503 | 507) {
            assert!(got.header("retry-after").parse::<u64>().unwrap() > 0, "{caller}");
        }
        if got.status == 405 {
            assert!(!got.header("allow").is_empty(), "{caller}");
            return;
        }
        let path = ask.path.split('?').next().unwrap();
        let Some((template, item)) = self.item(path) else {
            assert_eq!(got.status, 404, "{caller}: {ask:?} is not documented");
            return;
        };
        let operation = &item[ask.method.to_ascii_lowercase()];
        let mut response = &operation["responses"][got.status.to_string()];
        assert!(response.is_object(), "{caller}: {} {template} {}", ask.method, got.status);
        if let Some(path) = response["$ref"].as_str() {
            response = self.document.pointer(path.trim_start_matches('#')).unwrap();
        }
        let content = &response["content"];
        if got.body.is_empty() {
            assert!(content.is_null(), "{caller}: {ask:?} has no body");
        } else {
            assert!(content[media_type].is_object(), "{caller}: {template} {media_type}");
        }
    }

    /// The path of the document that fits best.
    fn item(&self, path: &str) -> Option<(&String, &Value)> {
        let fits = |template: &str| {
            let (mut t, mut p) = (template.split('/'), path.split('/'));
            loop {
                match (t.next(), p.next()) {
                    (None, None) => return true,
                    (Some(t), Some(p)) if t.starts_with('{') || t == p => {}
                    _ => return false,
                }
            }
        };
        let paths = self.document["paths"].as_object().unwrap();
        let fitting = paths.iter().filter(|(template, _)| fits(template));
        fitting.min_by_key(|(template, _)| template.matches('{').count())
    }
}

fn text(text: &str) -> crate::engine::event::Value {
    crate::engine::event::Value::Text(text.into())
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}
