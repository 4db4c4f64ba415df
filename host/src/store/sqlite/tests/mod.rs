//! Tests of the store, and what they share.

mod faults;
mod forget;
mod groups;
mod groups_model;
mod methods;
mod model;
mod old;
mod outbox;
mod outbox_model;
mod tallies;
mod tools;

use std::sync::Arc;

use super::{Options, Sqlite};
use crate::engine::event::Instant;
use crate::store::{
    Attempt, Chunk, Commit, Cursor, Group, Image, Leased, Letter, Membership, Offset, ReceiptRow,
    Seq, Settled, Store, Suppression, Tally, TenantId, UserKey, Wanted, Which,
};

fn small(flush_every: usize) -> Options {
    Options { flush_every, ..Options::default() }
}

fn chunk(tenant: u32, seq: u64) -> Chunk {
    Chunk::new(TenantId(tenant), Seq(seq), Instant(1000 + seq as i64))
}

fn put(store: &Sqlite, chunk: Chunk) {
    commit(store, vec![chunk]).unwrap();
}

fn image(user: &str, due: Option<i64>, state: &str) -> Image {
    let state = Some(Arc::from(state.as_bytes()));
    Image { user: user.into(), due: due.map(Instant), state, last: Seq(0) }
}

fn key(tenant: u32, user: &str) -> UserKey {
    UserKey { tenant: TenantId(tenant), user: user.into() }
}

fn attempt(tracking: &str, send_key: &str, message: &str, at: i64) -> Attempt {
    Attempt {
        tracking: tracking.into(),
        send_key: send_key.into(),
        message: message.into(),
        user: "ann".into(),
        channel: "push".into(),
        at: Instant(at),
        due: Instant(at),
        address: None,
        content: "{}".into(),
    }
}

/// As many as there are, of everybody.
fn lease(store: &Sqlite, now: i64, until: i64) -> Vec<Leased> {
    let waiting = store.waiting().unwrap().into_iter();
    let wanted: Vec<_> =
        waiting.map(|w| Wanted { tenant: w.tenant, channel: w.channel, most: 999 }).collect();
    store.lease(Instant(now), Instant(until), &wanted).unwrap()
}

fn wanted(tenant: u32, channel: &str, most: usize) -> Wanted {
    Wanted { tenant: TenantId(tenant), channel: channel.into(), most }
}

fn settled(tracking: &str, outcome: &str) -> Settled {
    let (tracking, outcome) = (tracking.into(), outcome.into());
    Settled { tracking, at: Instant(9), outcome, reason: None, reference: None }
}

fn suppression(address: &str, reason: &str, at: i64) -> Suppression {
    let (channel, address, reason) = ("mail".into(), address.into(), reason.into());
    Suppression { channel, address, reason, at: Instant(at) }
}

fn letter(user: &str, tracking: &str, at: i64) -> Letter {
    let content = "{\"title\":1}".into();
    Letter { user: user.into(), tracking: tracking.into(), at: Instant(at), content }
}

fn receipt(tracking: &str, at: i64, shows: &str) -> ReceiptRow {
    ReceiptRow { tracking: tracking.into(), at: Instant(at), shows: shows.into() }
}

/// Somebody joins `policy/group`, or leaves it.
fn member(group: &str, user: &str, belongs: bool) -> Membership {
    let (policy, group) = group.split_once('/').unwrap();
    Membership { policy: policy.into(), group: group.into(), user: user.into(), belongs }
}

fn joins(group: &str, user: &str) -> Membership {
    member(group, user, true)
}

fn leaves(group: &str, user: &str) -> Membership {
    member(group, user, false)
}

fn tally(name: &str, add: i64) -> Tally {
    Tally { name: name.into(), add }
}

fn cursor(name: &str, seq: u64, user: &str) -> Cursor {
    Cursor { name: name.into(), seq: Seq(seq), user: user.into() }
}

fn offset(source: &str, at: u64) -> Offset {
    Offset { source: source.into(), at }
}

/// A tenant's groups, as a text each.
fn groups(store: &Sqlite, tenant: u32) -> Vec<String> {
    let text = |g: Group| format!("{}/{} {}", g.policy, g.name, g.members);
    store.groups(TenantId(tenant)).unwrap().into_iter().map(text).collect()
}

/// The members of `policy/group`, as a text each.
fn members(store: &Sqlite, tenant: u32, group: &str) -> Vec<String> {
    let (policy, group) = group.split_once('/').unwrap();
    let all = store.members(TenantId(tenant), policy, group, None, usize::MAX).unwrap();
    all.into_iter().map(|(seq, user)| format!("{} {user}", seq.0)).collect()
}

/// Each image is of its own chunk.
fn commit(store: &Sqlite, mut chunks: Vec<Chunk>) -> Result<(), crate::store::StoreError> {
    for chunk in &mut chunks {
        chunk.images.iter_mut().for_each(|image| image.last = chunk.seq);
    }
    store.commit(Commit { chunks })
}
