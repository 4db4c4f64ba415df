//! The outbox beside a model of it, over thousands of random operations.

use std::collections::BTreeMap;

use super::*;
use crate::store::{Deferred, Waiting};

/// The outbox and the suppressions as they should be.
#[derive(Default)]
struct Outbox {
    /// With a number that rises, and whether it is leased.
    rows: BTreeMap<(u32, Arc<str>), (u64, bool, Leased)>,
    suppressed: BTreeMap<(u32, Arc<str>), Suppression>,
    added: u64,
}

impl Outbox {
    fn commit(&mut self, chunk: &Chunk) {
        let tenant = chunk.tenant.0;
        for attempt in &chunk.outbox {
            let key = (&attempt.send_key, &attempt.channel);
            let same = |(of, other): (&(u32, Arc<str>), &(u64, bool, Leased))| {
                let other = &other.2.attempt;
                of.0 == tenant
                    && (of.1 == attempt.tracking || (&other.send_key, &other.channel) == key)
            };
            if self.rows.iter().any(same) {
                continue;
            }
            self.added += 1;
            let row = Leased {
                tenant: chunk.tenant,
                attempt: attempt.clone(),
                leases: 0,
                tries: 0,
                outcome: None,
                reason: None,
                reference: None,
                settled: None,
            };
            self.rows.insert((tenant, attempt.tracking.clone()), (self.added, false, row));
        }
        for o in &chunk.outcomes {
            let Some((_, leased, row)) = self.waits(tenant, &o.tracking) else { continue };
            *leased = false;
            (row.outcome, row.settled) = (Some(o.outcome.clone()), Some(o.at));
            (row.reason, row.reference) = (o.reason.clone(), o.reference.clone());
        }
        for ((of, _), (_, leased, row)) in &mut self.rows {
            let named = *of == tenant && chunk.called_off.contains(&row.attempt.message);
            if named && row.outcome.is_none() && (!*leased || row.attempt.due <= chunk.at) {
                *leased = false;
                (row.outcome, row.settled) = (Some("called-off".into()), Some(chunk.at));
            }
        }
        let known = |s: &Suppression| ((tenant, s.address.clone()), s.clone());
        self.suppressed.extend(chunk.suppressed.iter().map(known));
        self.rows.retain(|(of, _), (_, _, row)| {
            *of != tenant || !chunk.erased.contains(&row.attempt.user)
        });
    }

    fn waits(&mut self, tenant: u32, tracking: &Arc<str>) -> Option<&mut (u64, bool, Leased)> {
        self.rows.get_mut(&(tenant, tracking.clone())).filter(|row| row.2.outcome.is_none())
    }

    fn lease(&mut self, now: Instant, until: Instant, wanted: &[Wanted]) -> Vec<Leased> {
        let latest = until.plus(until.since(now));
        for (_, leased, row) in self.rows.values_mut() {
            if *leased && row.attempt.due > latest {
                (*leased, row.attempt.due) = (false, now);
            }
        }
        let mut given = Vec::new();
        for wanted in wanted {
            let mut due: Vec<_> = (self.rows.values_mut())
                .filter(|(_, _, row)| {
                    (row.tenant, &row.attempt.channel) == (wanted.tenant, &wanted.channel)
                        && row.outcome.is_none()
                        && row.attempt.due <= now
                })
                .collect();
            due.sort_by_key(|(number, leased, row)| (row.attempt.due, *leased, *number));
            for (_, leased, row) in due.into_iter().take(wanted.most) {
                *leased = true;
                row.leases += 1;
                given.push(row.clone());
                row.attempt.due = until;
            }
        }
        given
    }

    fn compare(&self, store: &Sqlite) {
        let mut waiting = BTreeMap::new();
        for (_, _, row) in self.rows.values().filter(|row| row.2.outcome.is_none()) {
            let due =
                waiting.entry((row.tenant, row.attempt.channel.clone())).or_insert(Instant::MAX);
            *due = row.attempt.due.min(*due);
        }
        let waiting = waiting.into_iter();
        let expected: Vec<_> =
            waiting.map(|((tenant, channel), due)| Waiting { tenant, channel, due }).collect();
        assert_eq!(store.waiting().unwrap(), expected);
        for tenant in 1..4 {
            let own = self.rows.iter().filter(|row| row.0.0 == tenant);
            let mut expected: Vec<_> = own.map(|row| row.1.2.clone()).collect();
            expected.sort_by_key(|row| {
                std::cmp::Reverse((row.attempt.at, row.attempt.tracking.clone()))
            });
            let all = store.attempts(TenantId(tenant), &Which::default(), None, 9999).unwrap();
            assert_eq!(all, expected);
            let sent = |row: &&Leased| {
                row.outcome.as_deref() == Some("accepted") && row.settled > Some(Instant(499))
            };
            let sent = expected.iter().filter(sent).count() as u64;
            assert_eq!(store.sent_since(TenantId(tenant), Instant(500)).unwrap(), sent);
            let own = self.suppressed.iter().filter(|((of, _), _)| *of == tenant);
            let expected: Vec<_> = own.map(|(_, suppression)| suppression.clone()).collect();
            assert_eq!(store.suppressions(TenantId(tenant), None, 99).unwrap(), expected);
        }
    }
}

/// What may be in an outbox's chunk.
fn outbox_chunk(rng: &mut fastrand::Rng, seq: u64, now: i64) -> Chunk {
    let mut one = chunk(rng.u32(1..4), seq);
    one.at = Instant(now);
    let tracking = |rng: &mut fastrand::Rng| format!("t{}", rng.u8(..80));
    for _ in 0..rng.usize(..6) {
        let (name, key) = (tracking(rng), format!("k{}", rng.u8(..80)));
        let mut attempt = attempt(&name, &key, &format!("m{}", rng.u8(..20)), now);
        attempt.user = format!("u{}", rng.u8(..20)).into();
        attempt.channel = ["push", "mail"][rng.usize(..2)].into();
        attempt.due = Instant(now + rng.i64(-50..200));
        attempt.address = rng.bool().then(|| "a".into());
        one.outbox.push(attempt);
    }
    for _ in 0..rng.usize(..8) {
        let word = ["accepted", "failed", "refused"][rng.usize(..3)];
        let mut settled = Settled { at: Instant(now), ..settled(&tracking(rng), word) };
        settled.reason = rng.bool().then(|| "why".into());
        settled.reference = rng.bool().then(|| "r".into());
        one.outcomes.push(settled);
    }
    if rng.u8(..4) == 0 {
        one.called_off.push(format!("m{}", rng.u8(..20)).into());
        one.suppressed.push(suppression(&format!("a{}", rng.u8(..9)), &format!("r{seq}"), now));
    }
    if rng.u8(..8) == 0 {
        one.erased.push(format!("u{}", rng.u8(..20)).into());
    }
    one
}

#[test]
fn the_outbox_agrees_with_the_model() {
    for seed in 0..4 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let dir = tempfile::tempdir().unwrap();
        let options = Options { synchronous: super::super::Synchronous::Off, ..small(9) };
        let mut store = Sqlite::open(dir.path(), options.clone()).unwrap();
        let (mut model, mut now, mut given) = (Outbox::default(), 1000, 0);
        for seq in 1..1500 {
            // Now and then the clock is set back.
            now += if rng.u8(..60) == 0 { -rng.i64(0..900) } else { rng.i64(0..20) };
            let tenant = TenantId(rng.u32(1..4));
            let some: Vec<Arc<str>> =
                (0..rng.usize(1..5)).map(|_| format!("t{}", rng.u8(..80)).into()).collect();
            match rng.u8(..20) {
                0 => {
                    drop(store);
                    store = Sqlite::open(dir.path(), options.clone()).unwrap();
                    for (_, leased, row) in model.rows.values_mut().filter(|row| row.1) {
                        (*leased, row.attempt.due) = (false, row.attempt.at);
                    }
                }
                1 if rng.u8(..5) == 0 => {
                    store.remove_tenant(tenant).unwrap();
                    model.rows.retain(|(of, _), _| *of != tenant.0);
                    model.suppressed.retain(|(of, _), _| *of != tenant.0);
                }
                1..3 => {
                    store.release(tenant, &some).unwrap();
                    for tracking in &some {
                        let Some((_, leased, row)) = model.waits(tenant.0, tracking) else {
                            continue;
                        };
                        if std::mem::take(leased) {
                            row.attempt.due = row.attempt.at;
                        }
                    }
                }
                3..6 => {
                    let due = Instant(now + rng.i64(0..300));
                    let reason: Arc<str> = format!("busy {seq}").into();
                    let deferred = |tracking: &Arc<str>| {
                        let (tracking, reason) = (tracking.clone(), reason.clone());
                        Deferred { tenant, tracking, due, reason, tried: true }
                    };
                    store.defer(&some.iter().map(deferred).collect::<Vec<_>>()).unwrap();
                    for tracking in &some {
                        let Some((_, leased, row)) = model.waits(tenant.0, tracking) else {
                            continue;
                        };
                        (*leased, row.attempt.due) = (false, due);
                        row.tries += 1;
                        row.reason = Some(reason.clone());
                    }
                }
                6..8 => {
                    let row = model.rows.get_mut(&(tenant.0, some[0].clone()));
                    let row = row.filter(|row| {
                        matches!(row.2.outcome.as_deref(), Some("failed" | "refused"))
                    });
                    let again = store.resend(tenant, &some[0], Instant(now)).unwrap();
                    assert_eq!(again, row.is_some());
                    if let Some((_, _, row)) = row {
                        (row.outcome, row.settled, row.reason) = (None, None, None);
                        (row.tries, row.leases, row.attempt.due) = (0, 0, Instant(now));
                    }
                }
                8..13 => {
                    let mut wanted: Vec<_> = (0..rng.usize(..4))
                        .map(|_| {
                            wanted(rng.u32(1..4), ["push", "mail"][rng.usize(..2)], rng.usize(..6))
                        })
                        .collect();
                    wanted.sort_by_key(|wanted| (wanted.tenant, wanted.channel.clone()));
                    wanted.dedup_by_key(|wanted| (wanted.tenant, wanted.channel.clone()));
                    let (from, until) = (Instant(now), Instant(now + 100));
                    let leased = store.lease(from, until, &wanted).unwrap();
                    assert_eq!(leased, model.lease(from, until, &wanted));
                    given += leased.len();
                }
                _ => {
                    let one = outbox_chunk(&mut rng, seq, now);
                    model.commit(&one);
                    put(&store, one);
                }
            }
            if seq % 5 == 0 {
                model.compare(&store);
            }
        }
        assert!(given > 200, "{given}");
        drop(store);
        let report = super::super::check(dir.path(), super::super::Verify::default()).unwrap();
        assert_eq!(report.findings, []);
    }
}
