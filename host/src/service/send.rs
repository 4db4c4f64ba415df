//! From the outbox to the channels: attempts are leased, made, and what becomes of them is an input of
//! their user's lane. An attempt that was leased and not settled when the service died is made again.

use std::sync::Arc;

use super::batch::APP;
use super::core::Core;
use super::lane::{Input, Lane, lock};
use super::millis;
use crate::channel::Outcome;
use crate::engine::Outgoing;
use crate::store::{Leased, StoreError};

impl Core {
    /// Leases what is to be made now.
    pub(super) fn lease(&self) -> Result<Vec<Leased>, StoreError> {
        let now = self.clock.now();
        let delivery = &self.config.delivery;
        let most = delivery.concurrency;
        // One tenant's backlog leaves room for the others.
        let fair = most.div_ceil(4);
        self.store.lease(now, now.plus(millis(delivery.lease)), most, fair)
    }

    /// Makes an attempt that was leased.
    pub(super) async fn attempt(&self, leased: Leased) {
        let lane = self.lanes_by_id().remove(&leased.tenant);
        // A suspended tenant's attempts wait: their lease ends by itself.
        let Some(lane) = lane.filter(|lane| !lock(&lane.queue).suspended) else { return };
        let outcome = self.made(&lane, &leased).await;
        let word = match outcome {
            Outcome::Accepted => "accepted",
            Outcome::Failed => "failed",
        };
        self.meter.sent(&leased.attempt.channel, word);
        lane.push(Input::Settled { attempt: leased, outcome });
    }

    async fn made(&self, lane: &Arc<Lane>, leased: &Leased) -> Outcome {
        // The letter is put into the inbox by the commit that settles the attempt.
        if &*leased.attempt.channel == APP {
            return Outcome::Accepted;
        }
        match serde_json::from_str::<Outgoing>(&leased.attempt.content) {
            Ok(outgoing) => self.channels.attempt(&outgoing).await,
            Err(error) => {
                tracing::error!(tenant = lane.id.0, "an attempt cannot be read: {error}");
                Outcome::Failed
            }
        }
    }
}
