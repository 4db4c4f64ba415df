//! What the tests stand on: a service over a temporary store with the tenant `shop`, and its log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::config::{Config, Overrides};
use crate::feed::Feed;
use crate::sandbox::{Compiler, Limits, Sandbox};
use crate::service::words::NewTenant;
use crate::service::{Builder, Running, Service};
use crate::store::sqlite::{Options, Sqlite, Synchronous};
use crate::store::{Seq, Store, TenantId};

/// Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Stage {
    pub(super) service: Service,
    pub(super) store: Arc<dyn Store>,
    pub(super) config: Config,
    pub(super) folder: tempfile::TempDir,
    running: Option<Running>,
    feed: Option<Feed>,
}

impl Stage {
    /// With these lines in the section `[feed]`, beside a folder that is watched closely.
    pub(super) async fn new(more: &str) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("in/shop")).unwrap();
        let mut stage = Stage::over(folder, more);
        let new = NewTenant { name: "shop".to_owned() };
        stage.service.create_tenant(new).await.unwrap();
        stage.start();
        stage
    }

    fn over(folder: tempfile::TempDir, more: &str) -> Stage {
        let text = format!(
            "[feed]\nfolder = {:?}\nevery = \"100ms\"\nsettle = \"0s\"\n{more}",
            folder.path().join("in")
        );
        let file = Some((Path::new("test.toml"), text.as_str()));
        let config = Config::load(file, std::iter::empty(), &Overrides::default()).unwrap();
        Stage::of(folder, config)
    }

    fn of(folder: tempfile::TempDir, config: Config) -> Stage {
        let data = folder.path().join("data");
        let options = Options { synchronous: Synchronous::Off, ..Options::default() };
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&data, options).unwrap());
        let sandbox = Sandbox::new(Limits::default(), Compiler::Here).unwrap();
        let service = Builder::new(Arc::clone(&store), sandbox).open(config.clone()).unwrap();
        Stage { service, store, config, folder, running: None, feed: None }
    }

    fn start(&mut self) {
        self.running = Some(self.service.run().unwrap());
        self.feed = Some(Feed::start(&self.service, &self.config.feed));
    }

    pub(super) async fn stop(&mut self) {
        self.feed.take().unwrap().stop().await;
        self.running.take().unwrap().stop().await.unwrap();
    }

    /// Another process over the same data, after this one was stopped.
    pub(super) fn again(self) -> Stage {
        let Stage { service, store, config, folder, running, feed } = self;
        drop((service, store, running, feed));
        let mut stage = Stage::of(folder, config);
        stage.start();
        stage
    }

    /// The tenant's folder, or something in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("in/shop").join(name)
    }

    /// Puts a finished file there, as one should.
    pub(super) fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let hidden = self.path(".coming");
        std::fs::write(&hidden, content).unwrap();
        std::fs::rename(hidden, self.path(name)).unwrap();
    }

    /// Waits until there is such a file.
    pub(super) async fn there(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        self.until(name, || path.exists()).await;
        path
    }

    pub(super) async fn until(&self, what: &str, mut is: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is() {
            assert!(
                started.elapsed() < PATIENCE,
                "it never came about: {what}; {:?}",
                self.marks()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How often each mark is in the tenant's log.
    pub(super) fn marks(&self) -> BTreeMap<String, u32> {
        let mut marks = BTreeMap::new();
        for chunk in self.store.log(TenantId(1), Seq(0), 1_000_000).unwrap() {
            for line in chunk.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                count(&serde_json::from_slice(line).unwrap(), &mut marks);
            }
        }
        marks
    }

    pub(super) fn offsets(&self) -> Vec<u64> {
        let offsets = self.store.offsets(TenantId(1), "").unwrap();
        offsets.into_iter().map(|offset| offset.at).collect()
    }
}

fn count(json: &Json, marks: &mut BTreeMap<String, u32>) {
    match json {
        Json::Object(members) => {
            if let Some(Json::String(mark)) = members.get("mark") {
                *marks.entry(mark.clone()).or_default() += 1;
            }
            members.values().for_each(|value| count(value, marks));
        }
        Json::Array(all) => all.iter().for_each(|value| count(value, marks)),
        _ => {}
    }
}

/// Each of these marks once.
pub(super) fn once<T: ToString>(marks: impl IntoIterator<Item = T>) -> BTreeMap<String, u32> {
    marks.into_iter().map(|mark| (mark.to_string(), 1)).collect()
}

/// A CSV file with these marks, long ago.
pub(super) fn csv<T: ToString>(marks: impl IntoIterator<Item = T>) -> String {
    let row = |mark: T| format!("ada,shelf,2026-03-02T10:00:00Z,{}\n", mark.to_string());
    let rows: String = marks.into_iter().map(row).collect();
    format!("user,node,time,mark\n{rows}")
}
