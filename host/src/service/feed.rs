//! Sources that are read and not listened to: files, and whatever else knows how far it was read. What a
//! source says is stored together with how far that is, so that it is taken once, whenever the reader ends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::batch::Batch;
use super::core::stored;
use super::lane::{Input, lock};
use super::memory::Memory;
use super::ticket::{self, Answer, Failed, Ticket};
use super::{Error, Service, TenantName, millis, release};
use crate::ingest::live::Item;
use crate::store::{Offset, Store, StoreError, TenantId};

/// How far a source is read that is read to its end.
pub const END: u64 = i64::MAX as u64;

/// Sources of a tenant whose progress is kept in mind.
pub(super) const MOST_SOURCES: usize = 256;

/// Where in a source an input stands.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    /// The source.
    source: Arc<str>,
    /// How far it is read when this comes to its turn: what lies between has nothing to say.
    after: u64,
    /// How far it is read with it.
    at: u64,
}

/// Something of a source.
#[derive(Debug)]
pub struct Portion {
    /// The source's name, a tenant's own.
    pub source: Arc<str>,
    /// How far it has been read so far: where the portion before ended.
    pub after: u64,
    /// Items in order, each with how far the source is read with it.
    pub items: Vec<(u64, Item)>,
    /// How far it is read with all of it; [`END`] if that is all.
    pub end: u64,
}

/// A portion that waits in its tenant's lane.
#[derive(Debug)]
pub struct Waiting(Answer);

impl Waiting {
    /// Waits until the portion is stored.
    ///
    /// # Errors
    ///
    /// If it is not; the store knows how much of it is, see [`Service::read_to`].
    pub async fn stored(self) -> Result<(), Error> {
        match self.0.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Failed::Full(reason))) => Err(Error::Full(reason)),
            Ok(Err(Failed::Unavailable(reason))) => Err(Error::Unavailable(reason)),
            Err(_) => Err(Error::Unavailable("the service stopped".to_owned())),
        }
    }
}

impl Service {
    /// The tenant of this name, if it takes events.
    ///
    /// # Errors
    ///
    /// If there is none, or it is suspended.
    pub fn taker(&self, name: &str) -> Result<TenantName, Error> {
        let tenant = TenantName::known(name);
        let lane = self.0.lane(&tenant).ok_or_else(|| release::no_tenant(&tenant))?;
        if lock(&lane.queue).suspended {
            return Err(Error::Forbidden("the tenant is suspended".to_owned()));
        }
        Ok(tenant)
    }

    /// How far a source of a tenant has been read: whatever is behind that is stored. Keeps the thread busy.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, or the store fails.
    pub fn read_to(&self, tenant: &TenantName, source: &str) -> Result<u64, Error> {
        let lane = self.0.lane(tenant).ok_or_else(|| release::no_tenant(tenant))?;
        Ok(self.0.store.offset(lane.id, source).map_err(stored)?.unwrap_or_default())
    }

    /// Takes a portion of a source, whose items are heard once however often they are given; of what is
    /// older than the configuration's `historical_after`, nothing is sent. Waits for room in the tenant's
    /// lane. Portions have to be given in order; one that does not follow is not taken.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, or the service is stopping.
    pub async fn feed(&self, tenant: &TenantName, portion: Portion) -> Result<Waiting, Error> {
        let core = &self.0;
        let lane = core.lane(&self.taker(tenant.as_str())?);
        let lane = lane.ok_or_else(|| release::no_tenant(tenant))?;
        let Portion { source, mut after, items, end } = portion;
        let old = millis(core.config.ingest.historical_after);
        let (ticket, answer) = Ticket::new(items.len() + 1);
        let now = core.clock.now();
        let mut inputs = Vec::with_capacity(items.len() + 1);
        for (at, item) in items {
            let mark = Mark { source: source.clone(), after, at };
            after = at;
            let (history, bytes) = (now.since(item.at) > old, ticket::weight(&item));
            let ticket = ticket.clone();
            inputs.push(Input::Item { item, history, bytes, mark: Some(mark), ticket });
        }
        inputs.push(Input::Mark { mark: Mark { source, after, at: end }, ticket });
        loop {
            if core.is_stopping() {
                return Err(Error::Unavailable("the service is stopping".to_owned()));
            }
            match lane.admit(inputs) {
                Ok(()) => break,
                Err(back) => inputs = back,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        core.bell.ring();
        Ok(Waiting(answer))
    }

    /// Takes messages of a queue, which are known by their ids when they are delivered again; of what is
    /// older than the configuration's `historical_after`, nothing is sent. Waits for room in the tenant's
    /// lane.
    ///
    /// # Errors
    ///
    /// If it cannot be stored. Some of it may have been by then.
    pub async fn fetched(&self, tenant: &TenantName, items: &[Item]) -> Result<(), Error> {
        let old = millis(self.0.config.ingest.historical_after);
        loop {
            let now = self.0.clock.now();
            let history = |item: &Item| now.since(item.at) > old;
            match self.take(tenant, items.to_vec(), history, false).await {
                Err(Error::TooMany { after_ms, .. }) => {
                    tokio::time::sleep(Duration::from_millis(after_ms.min(20))).await;
                }
                answer => return answer,
            }
        }
    }

    /// Records of a source were taken, or refused; `source` is one of our words.
    pub fn counted(&self, source: &'static str, taken: u64, refused: u64) {
        self.0.meter.fed(source, taken, refused);
    }
}

impl Memory {
    /// Learns how far these sources have been read.
    pub(super) fn learn_sources<'a>(
        &mut self,
        store: &dyn Store,
        tenant: TenantId,
        inputs: impl Iterator<Item = &'a Input>,
    ) -> Result<(), StoreError> {
        let marks = inputs.filter_map(Input::mark);
        let sources: BTreeSet<&Arc<str>> = marks.map(|mark| &mark.source).collect();
        for source in sources {
            if !self.sources.has(source) {
                let at = store.offset(tenant, source)?.unwrap_or_default();
                self.sources.put(source.clone(), at);
            }
        }
        Ok(())
    }
}

impl Batch<'_> {
    /// Whether what stands there in its source is new; what was read before is passed over, and so is what
    /// does not follow what was read: something before it was not stored.
    pub(super) fn follows(&mut self, memory: &mut Memory, input: &Input) -> bool {
        let (Input::Item { mark: Some(mark), ticket, .. } | Input::Mark { mark, ticket }) = input
        else {
            return true;
        };
        let known = memory.sources.get(&mark.source).copied().unwrap_or_default();
        if mark.at <= known {
            self.then.duplicates += u64::from(matches!(input, Input::Item { .. }));
            return false;
        }
        if mark.after > known {
            let reason = "what comes before it in its source was not stored".to_owned();
            ticket.settle(0, Err(Failed::Unavailable(reason)));
            return false;
        }
        memory.sources.put(mark.source.clone(), mark.at);
        let offsets = &mut self.chunk.offsets;
        match offsets.iter_mut().find(|offset| offset.source == mark.source) {
            Some(offset) => offset.at = mark.at,
            None => offsets.push(Offset { source: mark.source.clone(), at: mark.at }),
        }
        true
    }
}

impl super::lane::Lane {
    /// Takes inputs as they are, if there is room for them; else they are given back.
    pub(super) fn admit(&self, inputs: Vec<Input>) -> Result<(), Vec<Input>> {
        let items = inputs.iter().filter(|input| matches!(input, Input::Item { .. })).count();
        let bytes = |input: &Input| if let Input::Item { bytes, .. } = input { *bytes } else { 0 };
        let weight = inputs.iter().map(bytes).sum();
        match self.room(items, weight) {
            Ok(mut queue) => {
                queue.put(inputs, items, weight);
                Ok(())
            }
            Err(_) => Err(inputs),
        }
    }
}
