//! Goes through the watched folder at an interval: tenant by tenant, all at a time; of a tenant file by file,
//! in the order of their names. A file that is finished is read, marked as such and moved away, in this
//! order; whatever is not done when the process ends is done by the next one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::{Id, JoinSet};

use super::folder::{self, Folder, shown};
use super::reader::{Counts, Source, Unread, source_of};
use super::watch::{Facts, OPTIONS, Watch};
use super::{Backoff, Stop, options, rejects};
use crate::config::Feed as Config;
use crate::ingest::Options;
use crate::service::{END, Error, Portion, Service, TenantName, Waiting};

/// Files that are read at once, of all tenants.
const AT_ONCE: usize = 8;
/// Portions of a file that are read ahead.
const AHEAD: usize = 2;
/// Portions of a file on their way to the store.
const UNDER_WAY: usize = 4;

/// What all tenants' folders have in common.
#[derive(Clone)]
struct Common {
    service: Service,
    places: Arc<Semaphore>,
    started: Instant,
    stop: Stop,
}

/// Reads the folder until it is time to stop.
pub(super) async fn run(service: Service, config: Config, mut stop: Stop) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let common = Common { service, places, started: Instant::now(), stop: stop.clone() };
    let root = config.folder.clone();
    let mut idle: BTreeMap<String, Tenant> = BTreeMap::new();
    let mut busy: JoinSet<Tenant> = JoinSet::new();
    let mut at_work: HashMap<Id, String> = HashMap::new();
    let mut trouble = Said::default();
    loop {
        while let Some(ended) = busy.try_join_next_with_id() {
            match ended {
                Ok((id, tenant)) => {
                    at_work.remove(&id);
                    idle.insert(tenant.name.clone(), tenant);
                }
                Err(error) => {
                    at_work.remove(&error.id());
                    tracing::error!("the reading of a folder has ended: {error}");
                }
            }
        }
        let of = root.clone();
        match blocking(move || folder::below(&of)).await {
            Ok(there) => {
                if trouble.over() {
                    tracing::info!("the watched folder can be read again");
                }
                idle.retain(|name, _| there.contains(name));
                for name in there {
                    if at_work.values().any(|at| *at == name) {
                        continue;
                    }
                    let tenant = idle.remove(&name);
                    let tenant =
                        tenant.unwrap_or_else(|| Tenant::new(&common, &root, &name, &config));
                    at_work.insert(busy.spawn(tenant.look()).id(), name);
                }
            }
            Err(error) => trouble.say(&error.to_string(), |error| {
                tracing::warn!("the watched folder cannot be read: {error}");
            }),
        }
        if !stop.pause(config.every).await {
            break;
        }
    }
    while busy.join_next().await.is_some() {}
}

/// Says the same thing once.
#[derive(Default)]
struct Said(Option<String>);

impl Said {
    fn say(&mut self, what: &str, say: impl FnOnce(&str)) {
        if self.0.as_deref() != Some(what) {
            say(what);
            self.0 = Some(what.to_owned());
        }
    }

    /// True if something was said since.
    fn over(&mut self) -> bool {
        self.0.take().is_some()
    }
}

/// A tenant's folder, and what is known of it.
struct Tenant {
    common: Common,
    name: String,
    folder: Folder,
    watch: Watch,
    /// The file of options is not read while somebody writes it, either.
    words: Watch,
    said: Said,
}

/// What became of a file.
enum Fate {
    /// It is out of the way, or will be looked at again.
    Well,
    /// It is not to be looked at again until it changes.
    Leave,
    /// It is time to stop.
    Stop,
}

impl Tenant {
    fn new(common: &Common, root: &Path, name: &str, config: &Config) -> Tenant {
        let (folder, name) = (Folder::new(root.join(name)), name.to_owned());
        let (watch, words) = (Watch::new(config.settle), Watch::new(config.settle));
        Tenant { common: common.clone(), name, folder, watch, words, said: Said::default() }
    }

    /// Reads whatever is finished by now.
    async fn look(mut self) -> Tenant {
        let found = self.found().await;
        match found {
            Ok((tenant, options, files)) => {
                self.said.over();
                for (name, seen) in files {
                    let Ok(_place) = Arc::clone(&self.common.places).acquire_owned().await else {
                        break;
                    };
                    match self.file(&tenant, &options, &name, seen).await {
                        Fate::Well => {}
                        Fate::Leave => self.watch.leave(&name),
                        Fate::Stop => break,
                    }
                }
            }
            Err(reason) => {
                let name = &self.name;
                self.said.say(&reason, |reason| {
                    tracing::warn!("the files in {name:?} are not read: {reason}");
                });
            }
        }
        self
    }

    /// The files that are finished, and how they are read; or why none is.
    async fn found(&mut self) -> Result<(TenantName, Options, Vec<(OsString, Facts)>), String> {
        let tenant = self.common.service.taker(&self.name).map_err(|error| error.to_string())?;
        let folder = self.folder.clone();
        let (files, text) = blocking(move || Ok((folder.list()?, folder.options())))
            .await
            .map_err(|error| error.to_string())?;
        let now = self.common.started.elapsed();
        let files = self.watch.look(now, files);
        let options = match text.map_err(|error| error.to_string()) {
            // It may be half of what is being written, as any other file may.
            Ok(Some((facts, text))) => match self.words.look(now, [(OPTIONS.into(), facts)]) {
                settled if settled.is_empty() => Err("it has just changed".to_owned()),
                _ => options::read(&text),
            },
            Ok(None) => Ok(Options::default()),
            Err(error) => Err(error),
        };
        let options = options.map_err(|reason| format!("{OPTIONS}: {reason}"))?;
        Ok((tenant, options, files))
    }

    /// Reads a file to its end and moves it away.
    async fn file(
        &self,
        tenant: &TenantName,
        options: &Options,
        name: &OsStr,
        seen: Facts,
    ) -> Fate {
        let (folder, of, options) = (self.folder.clone(), name.to_owned(), options.clone());
        let mut stop = self.common.stop.clone();
        let asked = stop.clone();
        let checked = blocking(move || {
            let name = shown(&of);
            let source = Source { name, file: folder.open(&of, seen)?, seen, options };
            let digest = source.check(&asked);
            Ok((Arc::new(source), digest))
        });
        let (source, digest) = match checked.await {
            Ok((source, Ok(digest))) => (source, digest),
            Ok((_, Err(unread))) => return self.unread(name, seen, unread).await,
            Err(error) => return self.unread(name, seen, error.into()).await,
        };
        let mut backoff = Backoff::new();
        let mut said = Said::default();
        loop {
            let pass = self.pass(tenant, &source, &digest);
            let failed = match stop.unless(pass).await {
                None => return Fate::Stop,
                Some(Ok(counts)) => return self.finished(name, seen, &digest, counts).await,
                Some(Err(failed)) => failed,
            };
            match failed {
                Failed::Unread(Unread::Failed(error)) => said.say(&error.to_string(), |error| {
                    self.warn(name, &format!("cannot be read on: {error}; it is tried again"));
                }),
                Failed::Unread(unread) => return self.unread(name, seen, unread).await,
                Failed::Service(_) if self.common.service.is_stopping() => return Fate::Stop,
                // Not the tenant's any more, or not now: the next look finds out.
                Failed::Service(Error::NotFound(_) | Error::Forbidden(_)) => return Fate::Well,
                Failed::Service(error) => said.say(&error.to_string(), |error| {
                    self.warn(name, &format!("is not taken on: {error}"));
                }),
            }
            if !stop.pause(backoff.next()).await {
                return Fate::Stop;
            }
        }
    }

    /// Reads a file from where it was left to its end; none if it was read to its end before.
    async fn pass(
        &self,
        tenant: &TenantName,
        source: &Arc<Source>,
        digest: &str,
    ) -> Result<Option<Counts>, Failed> {
        let service = &self.common.service;
        let (of, whose, content) = (service.clone(), tenant.clone(), source_of(digest));
        let read_to = tokio::task::spawn_blocking(move || of.read_to(&whose, &content));
        let after = read_to.await.map_err(ended)??;
        if after >= END {
            return Ok(None);
        }
        let (send, portions) = mpsc::channel::<(Portion, Counts)>(AHEAD);
        let reading = {
            let (source, folder) = (Arc::clone(source), self.folder.clone());
            let (digest, of) = (digest.to_owned(), service.clone());
            tokio::task::spawn_blocking(move || {
                source.read(
                    &digest,
                    after,
                    &folder,
                    || of.received(),
                    |portion, counts| {
                        send.blocking_send((portion, counts)).map_err(|_| Unread::Stopped)
                    },
                )
            })
        };
        let taken = self.take(tenant, portions).await;
        // Whatever has become of it: there is one reader at a time.
        let read = reading.await.map_err(ended);
        let counts = taken?;
        read??;
        Ok(Some(counts))
    }

    /// Hands over portions, some of them before those before are stored.
    async fn take(
        &self,
        tenant: &TenantName,
        mut portions: mpsc::Receiver<(Portion, Counts)>,
    ) -> Result<Counts, Error> {
        let service = &self.common.service;
        let mut all = Counts::default();
        let mut under_way: VecDeque<(Waiting, Counts)> = VecDeque::new();
        loop {
            if under_way.len() < UNDER_WAY
                && let Some((portion, counts)) = portions.recv().await
            {
                under_way.push_back((service.feed(tenant, portion).await?, counts));
                continue;
            }
            let Some((waiting, counts)) = under_way.pop_front() else { return Ok(all) };
            waiting.stored().await?;
            service.counted("folder", counts.taken, counts.refused);
            all.taken += counts.taken;
            all.refused += counts.refused;
        }
    }

    /// A file was read to its end, now or before.
    async fn finished(
        &self,
        name: &OsStr,
        seen: Facts,
        digest: &str,
        counts: Option<Counts>,
    ) -> Fate {
        match counts {
            Some(Counts { taken, refused }) => tracing::info!(
                "{:?} of {:?} is read: {taken} rows taken, {refused} refused",
                shown(name),
                self.name
            ),
            None => tracing::info!(
                "{:?} of {:?} was read before, under this name or another",
                shown(name),
                self.name
            ),
        }
        let (folder, digest, of) = (self.folder.clone(), digest.to_owned(), name.to_owned());
        let moved = blocking(move || {
            rejects::publish(&folder, &digest, &of)?;
            folder.done(&of, seen)
        });
        self.moved(name, moved.await)
    }

    /// A file was not read, or not to its end.
    async fn unread(&self, name: &OsStr, seen: Facts, unread: Unread) -> Fate {
        let reason = match unread {
            Unread::Stopped => return Fate::Stop,
            Unread::Changed => {
                self.warn(name, "has changed while it was read; it is read when it is finished");
                return Fate::Well;
            }
            Unread::Failed(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Fate::Well;
            }
            Unread::Failed(error) => {
                self.warn(name, &format!("cannot be read: {error}; it is tried again later"));
                return Fate::Well;
            }
            Unread::Refused(reason) => reason,
        };
        self.warn(name, &format!("is moved to the rejects: {reason}"));
        self.common.service.counted("folder", 0, 1);
        let (folder, of) = (self.folder.clone(), name.to_owned());
        let moved = blocking(move || folder.refuse(&of, seen, &reason)).await;
        self.moved(name, moved)
    }

    fn moved(&self, name: &OsStr, moved: std::io::Result<()>) -> Fate {
        match moved {
            Ok(()) => Fate::Well,
            Err(error) => {
                self.warn(name, &format!("cannot be moved away, and stays: {error}"));
                Fate::Leave
            }
        }
    }

    fn warn(&self, name: &OsStr, what: &str) {
        tracing::warn!("{:?} of {:?} {what}", shown(name), self.name);
    }
}

/// Why a file is not read to its end now.
enum Failed {
    Unread(Unread),
    Service(Error),
}

impl From<Unread> for Failed {
    fn from(unread: Unread) -> Failed {
        Failed::Unread(unread)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::Service(error)
    }
}

fn ended(error: tokio::task::JoinError) -> Failed {
    Failed::Unread(Unread::Failed(std::io::Error::other(format!("a task ended: {error}"))))
}

/// Does what keeps a thread busy where that holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(std::io::Error::other(format!("a task ended: {error}"))))
}
