//! Events that are fetched: from the files of a watched folder at an interval, and from a message queue as
//! they come. Each record is counted once, whenever the process ends: how far a file was read, and which
//! messages were heard, is in the commit of what they say. It touches the folder it is given, the queue it
//! is given, and the service by its public methods; of that only `folder` and `queue` know.
//!
//! `watch` says which files are finished and `folder` is where they are and go; `reader` reads one file in
//! portions, with `rejects` for what cannot be read, and `work` goes from one to the next. `options` are a
//! tenant's own words on its columns. `queue` fetches messages, and `message` understands them.

mod folder;
mod message;
mod options;
mod queue;
mod reader;
mod rejects;
#[cfg(test)]
mod tests;
mod watch;
mod work;

use std::time::Duration;

use tokio::sync::watch as signal;
use tokio::task::JoinSet;

use crate::config;
use crate::service::Service;

/// How long after something failed it is tried again, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What fetches events, at work.
#[derive(Debug)]
pub struct Feed {
    stop: signal::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Feed {
    /// Fetches from wherever the configuration says, until it is stopped. Must be called within a tokio
    /// runtime.
    #[must_use]
    pub fn start(service: &Service, config: &config::Feed) -> Feed {
        let (stop, stopped) = signal::channel(false);
        let stopped = Stop(stopped);
        let mut tasks = JoinSet::new();
        if !config.folder.as_os_str().is_empty() {
            tasks.spawn(work::run(service.clone(), config.clone(), stopped.clone()));
        }
        if !config.nats_url.is_empty() {
            tasks.spawn(queue::run(service.clone(), config.clone(), stopped));
        }
        Feed { stop, tasks }
    }

    /// Fetches no more. What was fetched and not stored is fetched again another time.
    pub async fn stop(mut self) {
        // Whoever has ended by itself does not hear it.
        let _ = self.stop.send(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!("what fetches events has ended: {error}");
            }
        }
    }
}

/// Whether it is time to stop.
#[derive(Clone, Debug)]
struct Stop(signal::Receiver<bool>);

impl Stop {
    fn is_now(&self) -> bool {
        // Whoever would say so may be gone.
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits for it.
    async fn wait(&mut self) {
        // An error means the same: nobody is there who would say it.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// What comes of it, unless it is time to stop before.
    async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wait() => None,
            done = work => Some(done),
        }
    }

    /// Waits so long; false if it is time to stop.
    async fn pause(&mut self, span: Duration) -> bool {
        self.unless(tokio::time::sleep(span)).await.is_some()
    }
}

/// How long to wait before the next try.
#[derive(Debug)]
struct Backoff(Duration);

impl Backoff {
    fn new() -> Backoff {
        Backoff(FIRST_WAIT)
    }

    fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(LONGEST_WAIT);
        wait
    }
}
