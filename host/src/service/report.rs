//! What messages cost and what came of them, from what was counted. Reads the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::core::{Core, stored};
use super::tally::{units, whole};
use super::words::{ChannelCost, CostReport, MessageCost, each};
use super::{Error, Service, TenantName};

/// Counts of one thing, by what they count.
type Counts = BTreeMap<String, i64>;

/// Counts by the thing that they are about: their names are `PREFIX/THING/WHAT`.
fn by_thing(tallies: &[(Arc<str>, i64)], prefix: &str) -> BTreeMap<String, Counts> {
    let mut things: BTreeMap<String, Counts> = BTreeMap::new();
    for (name, value) in tallies {
        let parts = name.strip_prefix(prefix).and_then(|rest| rest.rsplit_once('/'));
        if let Some((thing, what)) = parts {
            things.entry(whole(thing)).or_default().insert(what.to_owned(), *value);
        }
    }
    things
}

impl Core {
    pub(super) fn costs(&self, tenant: &TenantName) -> Result<CostReport, Error> {
        let tenant = self.account(tenant)?.record.number;
        let read = |prefix: &str| self.store.tallies(tenant, prefix).map_err(stored);
        let of = |counts: &Counts, what: &str| {
            counts.get(what).map_or(0, |count| u64::try_from(*count).unwrap_or(0))
        };
        let cost = |counts: &Counts| counts.get("cost").copied().unwrap_or_default();
        let channels =
            by_thing(&read("channel/")?, "channel/").into_iter().map(|(channel, c)| ChannelCost {
                channel,
                sends: of(&c, "sends"),
                cost: units(cost(&c)),
                converted: of(&c, "converted"),
                cost_per_conversion: each(cost(&c), of(&c, "converted")),
            });
        let messages =
            by_thing(&read("message/")?, "message/").into_iter().map(|(key, c)| MessageCost {
                key,
                messages: of(&c, "messages"),
                sends: of(&c, "sends"),
                cost: units(cost(&c)),
                received: of(&c, "received"),
                converted: of(&c, "converted"),
                cost_per_conversion: each(cost(&c), of(&c, "converted")),
            });
        Ok(CostReport { channels: channels.collect(), messages: messages.collect() })
    }
}

impl Service {
    /// What messages cost and what came of them: by channel and by message.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, or the store cannot be read.
    pub async fn costs(&self, tenant: &TenantName) -> Result<CostReport, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.costs(&tenant))
    }
}
