//! What a lane keeps in mind between batches: users' states, whom names belong to, message ids. Everything
//! in it is in the store, too, or in a batch on its way there.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::feed::MOST_SOURCES;
use super::window::Window;
use crate::engine::State;
use crate::store::{Seq, Store, StoreError, TenantId, UserKey};

/// A user's state with the latest chunk that is about them.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) last: Seq,
    pub(super) state: State,
}

/// A map that forgets what was not used for long: of two generations the older one goes when the younger
/// is full.
pub(super) struct Recent<K, V> {
    most: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    pub(super) fn new(most: usize) -> Recent<K, V> {
        Recent { most: most.max(2), young: HashMap::new(), old: HashMap::new() }
    }

    pub(super) fn take(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(super) fn has(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.most / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub(super) fn clear(&mut self) {
        self.young = HashMap::new();
        self.old = HashMap::new();
    }
}

/// A lane's memory.
pub(super) struct Memory {
    pub(super) states: Recent<Arc<str>, Known>,
    /// Whom a name belongs to; none if it means itself.
    names: Recent<Arc<str>, Option<Arc<str>>>,
    pub(super) window: Window,
    /// How far sources have been read.
    pub(super) sources: Recent<Arc<str>, u64>,
}

/// How often a name may lead to another name. Each link was made between two users that were different
/// then, so there is no circle; a long way is a tenant's own doing.
pub(super) const MOST_LINKS: usize = 64;

impl Memory {
    pub(super) fn new(states: usize, window: Window) -> Memory {
        let names = Recent::new(states * 2);
        Memory { states: Recent::new(states), names, window, sources: Recent::new(MOST_SOURCES) }
    }

    /// Forgets what may not be what is stored.
    pub(super) fn forget(&mut self) {
        self.states.clear();
        self.names.clear();
        self.sources.clear();
    }

    /// From now on a name belongs to somebody else.
    pub(super) fn link(&mut self, name: Arc<str>, user: Arc<str>) {
        self.names.put(name, Some(user));
    }

    /// Whom a name belongs to, as far as it was learned.
    pub(super) fn owner(&self, name: &Arc<str>) -> Arc<str> {
        let mut name = name.clone();
        for _ in 0..MOST_LINKS {
            match self.names.get(&name) {
                Some(Some(other)) => name = other.clone(),
                _ => break,
            }
        }
        name
    }

    /// Learns whom these names belong to.
    pub(super) fn learn(
        &mut self,
        store: &dyn Store,
        tenant: TenantId,
        names: impl Iterator<Item = Arc<str>>,
    ) -> Result<(), StoreError> {
        let mut asked: Vec<Arc<str>> =
            names.map(|name| self.owner(&name)).filter(|name| self.unsure(name)).collect();
        for _ in 0..MOST_LINKS {
            asked.sort_unstable();
            asked.dedup();
            if asked.is_empty() {
                break;
            }
            let keys: Vec<UserKey> = asked.drain(..).map(|user| UserKey { tenant, user }).collect();
            let found = store.resolve(&keys)?;
            for (key, owner) in keys.into_iter().zip(found) {
                if let Some(owner) = &owner {
                    asked.push(owner.clone());
                }
                self.names.put(key.user, owner);
            }
            asked = asked.iter().map(|name| self.owner(name)).collect();
            asked.retain(|name| self.unsure(name));
        }
        Ok(())
    }

    /// A user whose state is in mind is nobody else.
    fn unsure(&self, name: &Arc<str>) -> bool {
        !self.names.has(name) && !self.states.has(name)
    }
}
