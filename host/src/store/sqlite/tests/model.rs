//! The store beside a model of it, over thousands of random operations.

use std::collections::BTreeMap;

use super::*;
use crate::store::{Due, Stored};

type Model = BTreeMap<UserKey, Stored>;

fn compare(store: &Sqlite, model: &Model, rng: &mut fastrand::Rng) {
    let keys: Vec<UserKey> =
        (0..20).map(|_| key(rng.u32(1..4), &format!("u{}", rng.u8(..60)))).collect();
    let expected: Vec<_> = keys.iter().map(|key| model.get(key).cloned()).collect();
    assert_eq!(store.load(&keys).unwrap(), expected);

    let timer = |(key, stored): (&UserKey, &Stored)| stored.due.map(|at| (at, key.clone()));
    let mut timers: Vec<_> = model.iter().filter_map(timer).collect();
    timers.sort();
    assert_eq!(store.next_due().unwrap(), timers.first().map(|(at, _)| *at));
    let until = Instant(rng.i64(..100));
    let most = rng.usize(..40);
    let after = (rng.bool() && !timers.is_empty()).then(|| rng.choice(&timers).unwrap().clone());
    let expected: Vec<Due> = timers
        .into_iter()
        .filter(|timer| timer.0 <= until && after.as_ref().is_none_or(|after| timer > after))
        .take(most)
        .map(|(at, key)| Due { at, key })
        .collect();
    let after = after.map(|(at, key)| Due { at, key });
    assert_eq!(store.due(until, after.as_ref(), most).unwrap(), expected);

    let tenant = TenantId(rng.u32(1..4));
    let after = rng.bool().then(|| format!("u{}", rng.u8(..60)));
    let expected: Vec<_> = model
        .keys()
        .filter(|key| key.tenant == tenant && after.as_deref().is_none_or(|a| &*key.user > a))
        .map(|key| key.user.clone())
        .take(most)
        .collect();
    assert_eq!(store.users(tenant, after.as_deref(), most).unwrap(), expected);
}

fn run(seed: u64, flush_every: usize, rounds: usize) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    let options = Options { synchronous: super::super::Synchronous::Off, ..small(flush_every) };
    let mut store = Sqlite::open(dir.path(), options.clone()).unwrap();
    let mut model = Model::new();
    let mut seq = 0;
    for _ in 0..rounds {
        match rng.u8(..40) {
            0 => {
                drop(store);
                store = Sqlite::open(dir.path(), options.clone()).unwrap();
                assert_eq!(store.recover(Instant::MIN, 0).unwrap().seq, Seq(seq));
            }
            1..4 => store.flush().unwrap(),
            4 => {
                let tenant = TenantId(rng.u32(1..4));
                store.remove_tenant(tenant).unwrap();
                model.retain(|key, _| key.tenant != tenant);
            }
            5..15 => compare(&store, &model, &mut rng),
            _ => {
                let mut chunks = Vec::new();
                for _ in 0..rng.usize(1..4) {
                    seq += rng.u64(1..3);
                    let mut one = chunk(rng.u32(1..4), seq);
                    for _ in 0..rng.usize(..6) {
                        let user = format!("u{}", rng.u8(..60));
                        let due = rng.bool().then(|| rng.i64(-5..100));
                        let state = rng.u8(..8) > 0;
                        let key = key(one.tenant.0, &user);
                        let mut image = image(&user, due, &format!("s{}", rng.u64(..)));
                        if state {
                            let state = image.state.clone().unwrap();
                            let (last, due) = (one.seq, image.due);
                            model.insert(key, Stored { last, due, state });
                        } else {
                            image.state = None;
                            model.remove(&key);
                        }
                        one.images.push(image);
                    }
                    chunks.push(one);
                }
                commit(&store, chunks).unwrap();
            }
        }
    }
    compare(&store, &model, &mut rng);
    drop(store);
    let report = super::super::check(dir.path(), super::super::Verify::default()).unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.users, model.len() as u64);
}

#[test]
fn agrees_with_the_model() {
    for (seed, flush_every) in [(1, 3), (2, 1), (3, 40), (4, 7), (5, 1000)] {
        run(seed, flush_every, 2500);
    }
}

#[test]
fn many_threads_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(20)).unwrap();
    let seq = std::sync::atomic::AtomicU64::new(1);
    let next = || seq.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    std::thread::scope(|scope| {
        for tenant in 1..4_u32 {
            let (store, next) = (&store, &next);
            scope.spawn(move || {
                let mut rng = fastrand::Rng::with_seed(u64::from(tenant));
                let mut model = Model::new();
                for round in 0..60 {
                    let mut one = chunk(tenant, next());
                    for _ in 0..5 {
                        let user = format!("u{}", rng.u8(..30));
                        let image = image(&user, Some(rng.i64(..50)), &format!("{round}"));
                        let (last, due) = (one.seq, image.due);
                        let state = image.state.clone().unwrap();
                        model.insert(key(tenant, &user), Stored { last, due, state });
                        one.images.push(image);
                    }
                    let name = format!("t{round}");
                    one.outbox = vec![attempt(&name, &name, "m", round)];
                    put(store, one);
                    // Nobody else touches this tenant.
                    let keys: Vec<_> = model.keys().cloned().collect();
                    let expected: Vec<_> = model.values().cloned().map(Some).collect();
                    assert_eq!(store.load(&keys).unwrap(), expected);
                    let due = store.due(Instant::MAX, None, 10_000).unwrap();
                    let own = due.iter().filter(|due| due.key.tenant.0 == tenant);
                    let mut timers: Vec<_> =
                        model.iter().map(|(key, s)| (s.due.unwrap(), key.clone())).collect();
                    timers.sort();
                    assert!(own.map(|due| (due.at, due.key.clone())).eq(timers));
                    let users = store.users(TenantId(tenant), None, 100).unwrap();
                    assert!(users.iter().eq(keys.iter().map(|key| &key.user)));
                    // And nobody else leases what is leased.
                    let all: Vec<_> = (1..4).map(|tenant| wanted(tenant, "push", 3)).collect();
                    let leased = store.lease(Instant(100), Instant(1000), &all).unwrap();
                    assert!(leased.iter().all(|leased| leased.leases == 1));
                }
            });
        }
    });
}
