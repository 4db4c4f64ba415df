//! Whoever waits to hear of something: devices of letters, the sender of attempts. Wakes only; what there
//! is to hear is in the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, watch};

use super::lane::lock;
use crate::store::TenantId;

type Key = (TenantId, Arc<str>);

/// The streams that are open.
pub(super) struct Streams {
    /// There are attempts to be made.
    pub(super) outbox: Notify,
    most: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    streams: usize,
    users: HashMap<Key, (watch::Sender<u64>, usize)>,
    over: bool,
}

/// A device that listens.
pub struct Subscription {
    streams: Arc<Streams>,
    key: Key,
    changed: watch::Receiver<u64>,
}

impl Subscription {
    /// Waits until there may be a new letter; false when the service stops.
    pub async fn changed(&mut self) -> bool {
        self.changed.changed().await.is_ok()
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subscription(..)")
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.streams.end(&self.key);
    }
}

impl Streams {
    pub(super) fn new(most: usize) -> Streams {
        Streams { outbox: Notify::new(), most, open: Mutex::default() }
    }

    /// Listens for letters of a user; none if too many do, or no more are to come.
    pub(super) fn listen(
        self: &Arc<Self>,
        tenant: TenantId,
        user: &Arc<str>,
    ) -> Option<Subscription> {
        let mut open = lock(&self.open);
        if open.streams >= self.most || open.over {
            return None;
        }
        open.streams += 1;
        let key = (tenant, user.clone());
        let (sender, listeners) =
            open.users.entry(key.clone()).or_insert_with(|| (watch::channel(0).0, 0));
        *listeners += 1;
        Some(Subscription { streams: Arc::clone(self), key, changed: sender.subscribe() })
    }

    /// A stream is over.
    fn end(&self, key: &Key) {
        let mut open = lock(&self.open);
        open.streams = open.streams.saturating_sub(1);
        if let Some((_, listeners)) = open.users.get_mut(key) {
            *listeners -= 1;
            if *listeners == 0 {
                open.users.remove(key);
            }
        }
    }

    /// There is a letter for a user.
    pub(super) fn put(&self, tenant: TenantId, user: &Arc<str>) {
        if let Some((sender, _)) = lock(&self.open).users.get(&(tenant, user.clone())) {
            sender.send_modify(|letters| *letters += 1);
        }
    }

    /// Ends all streams.
    pub(super) fn stop(&self) {
        let mut open = lock(&self.open);
        open.over = true;
        open.users.clear();
    }

    pub(super) fn count(&self) -> usize {
        lock(&self.open).streams
    }
}
