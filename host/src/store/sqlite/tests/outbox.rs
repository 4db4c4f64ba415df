//! The outbox: what waits, leases, tries, lists.

use rusqlite::StatementStatus;

use super::super::attempts::listing;
use super::super::outbox::{FIRST, NEXT_CHANNEL, NEXT_TENANT};
use super::*;
use crate::store::{Deferred, Waiting};

fn names(leased: &[Leased]) -> Vec<String> {
    leased.iter().map(|l| format!("{}/{}", l.tenant.0, l.attempt.tracking)).collect()
}

fn one(store: &Sqlite, tenant: u32, tracking: &str) -> Leased {
    store.attempt(TenantId(tenant), tracking).unwrap().unwrap()
}

fn outcome(store: &Sqlite, tenant: u32, tracking: &str) -> Option<Arc<str>> {
    one(store, tenant, tracking).outcome
}

fn deferred(tenant: u32, tracking: &str, due: i64, reason: &str) -> Deferred {
    let (tenant, due) = (TenantId(tenant), Instant(due));
    Deferred { tenant, tracking: tracking.into(), due, reason: reason.into(), tried: true }
}

/// What waits, as a text each.
fn waiting(store: &Sqlite) -> Vec<String> {
    let text = |w: Waiting| format!("{} {} {}", w.tenant.0, w.channel, w.due.0);
    store.waiting().unwrap().into_iter().map(text).collect()
}

fn on(channel: &str, due: i64, attempt: Attempt) -> Attempt {
    Attempt { channel: channel.into(), due: Instant(due), ..attempt }
}

fn plain(tracking: &str, at: i64) -> Attempt {
    attempt(tracking, tracking, tracking, at)
}

fn open() -> (tempfile::TempDir, Sqlite) {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(100)).unwrap();
    (dir, store)
}

#[test]
fn each_is_sent_once() {
    let (_dir, store) = open();
    let mut first = chunk(1, 1);
    first.outbox = vec![
        attempt("t1", "k1", "m1", 10),
        attempt("t2", "k1", "m1", 11),
        attempt("t3", "k3", "m3", 12),
        attempt("t1", "k4", "m4", 13),
        attempt("t5", "k5", "m5", 14),
    ];
    first.called_off = vec!["m5".into()];
    let mut two = chunk(2, 2);
    two.outbox = vec![attempt("t1", "k1", "m1", 1), attempt("t9", "k9", "m9", 2)];
    commit(&store, vec![first, two]).unwrap();
    assert_eq!(store.size().unwrap().outbox, 4);
    assert_eq!(outcome(&store, 1, "t5").as_deref(), Some("called-off"));
    let lease =
        |now, until, wanted: &[Wanted]| store.lease(Instant(now), Instant(until), wanted).unwrap();
    let leased = lease(100, 200, &[wanted(2, "push", 1), wanted(1, "push", 1)]);
    assert_eq!(names(&leased), ["2/t1", "1/t1"]);
    assert_eq!((leased[0].leases, leased[0].tries), (1, 0));
    let leased = lease(100, 200, &[wanted(2, "push", 9), wanted(2, "mail", 9)]);
    assert_eq!(names(&leased), ["2/t9"]);
    store.release(TenantId(1), &["t1".into(), "t9".into()]).unwrap();
    let both = [wanted(1, "push", 9), wanted(2, "push", 9)];
    let leased = lease(100, 200, &both);
    assert_eq!(names(&leased), ["1/t1", "1/t3"]);
    assert_eq!(leased[0].leases, 2);
    // Leased ones are not called off, neither are settled ones; and the first outcome stays.
    let mut three = chunk(1, 3);
    three.at = Instant(150);
    three.outcomes = vec![settled("t1", "accepted")];
    three.called_off = vec!["m1".into(), "m3".into()];
    put(&store, three);
    let mut four = chunk(1, 4);
    four.at = Instant(200);
    four.outcomes = vec![settled("t1", "failed"), settled("t9", "failed")];
    put(&store, four);
    assert_eq!(outcome(&store, 1, "t1").as_deref(), Some("accepted"));
    assert_eq!(outcome(&store, 1, "t3"), None);
    assert_eq!(outcome(&store, 2, "t9"), None);
    let mut five = chunk(1, 5);
    five.at = Instant(200);
    five.called_off = vec!["m3".into()];
    five.outbox = vec![attempt("t1b", "k1", "m1", 30)];
    put(&store, five);
    assert_eq!(outcome(&store, 1, "t3").as_deref(), Some("called-off"));
    assert_eq!(one(&store, 1, "t3").settled, Some(Instant(200)));
    assert_eq!(store.attempt(TenantId(1), "t1b").unwrap(), None);
    // The leases of tenant 2 have run out by then.
    assert_eq!(lease(199, 300, &both), []);
    assert_eq!(names(&lease(200, 300, &both)), ["2/t1", "2/t9"]);
}

#[test]
fn waiting_names_the_first_of_each_tenant_and_channel() {
    let (_dir, store) = open();
    assert_eq!(waiting(&store), [] as [&str; 0]);
    let mut first = chunk(1, 1);
    first.outbox = vec![
        on("mail", 70, plain("t1", 1)),
        on("mail", 60, plain("t2", 2)),
        on("", 90, plain("t3", 3)),
        on("push", 5, plain("t4", 4)),
    ];
    let mut two = chunk(0, 2);
    two.outbox = vec![on("push", -5, plain("t1", 1))];
    commit(&store, vec![first, two]).unwrap();
    assert_eq!(waiting(&store), ["0 push -5", "1  90", "1 mail 60", "1 push 5"]);
    // A lease is not over before its end, and has the moment from before.
    let leased = store.lease(Instant(65), Instant(500), &[wanted(1, "mail", 9)]).unwrap();
    assert_eq!(names(&leased), ["1/t2"]);
    assert_eq!(leased[0].attempt.due, Instant(60));
    assert_eq!(one(&store, 1, "t2").attempt.due, Instant(500));
    assert_eq!(waiting(&store)[2], "1 mail 70");
    let mut three = chunk(1, 3);
    three.outcomes = vec![settled("t1", "failed"), settled("t4", "accepted")];
    put(&store, three);
    assert_eq!(waiting(&store), ["0 push -5", "1  90", "1 mail 500"]);
}

#[test]
fn a_try_that_did_not_succeed_waits_for_its_next() {
    let (_dir, store) = open();
    let mut first = chunk(1, 1);
    first.outbox = vec![plain("t1", 10), plain("t2", 11), plain("t3", 12)];
    put(&store, first);
    assert_eq!(lease(&store, 20, 50).len(), 3);
    let put_off =
        [deferred(1, "t1", 90, "busy"), deferred(2, "t2", 1, "no"), deferred(1, "x", 1, "no")];
    store.defer(&put_off).unwrap();
    let found = one(&store, 1, "t1");
    assert_eq!((found.tries, found.leases, found.attempt.due), (1, 1, Instant(90)));
    assert_eq!((found.reason.as_deref(), found.outcome), (Some("busy"), None));
    // It waits though no lease is left, and what is put off is not on lease: it can be called off.
    assert_eq!(names(&lease(&store, 60, 80)), ["1/t2", "1/t3"]);
    let again = lease(&store, 90, 120);
    // Equally late: what was not leased comes first.
    assert_eq!(names(&again), ["1/t2", "1/t3", "1/t1"]);
    assert_eq!((again[2].tries, again[2].leases, again[2].reason.as_deref()), (1, 2, Some("busy")));
    store.defer(&[deferred(1, "t1", 900, "busy still"), deferred(1, "t2", 900, "busy")]).unwrap();
    let mut two = chunk(1, 2);
    two.at = Instant(100);
    two.called_off = vec!["t1".into(), "t3".into()];
    two.outcomes = vec![Settled {
        reference: Some("r".into()),
        reason: Some("why".into()),
        ..settled("t2", "failed")
    }];
    put(&store, two);
    assert_eq!(outcome(&store, 1, "t1").as_deref(), Some("called-off"));
    assert_eq!(outcome(&store, 1, "t3"), None);
    let found = one(&store, 1, "t2");
    assert_eq!((found.reason.as_deref(), found.reference.as_deref()), (Some("why"), Some("r")));
    assert_eq!(found.settled, Some(Instant(9)));
    // What is settled stays so.
    store.defer(&[deferred(1, "t2", 5, "late")]).unwrap();
    assert_eq!(one(&store, 1, "t2"), found);
}

#[test]
fn a_lease_given_back_is_due_at_once_and_nothing_else_is() {
    let (_dir, store) = open();
    let mut first = chunk(1, 1);
    first.outbox = vec![plain("t1", 10), on("push", 500, plain("t2", 11)), plain("t3", 5)];
    first.outcomes = vec![settled("t3", "failed")];
    put(&store, first);
    assert_eq!(names(&lease(&store, 20, 90)), ["1/t1"]);
    store.release(TenantId(1), &["t1".into(), "t2".into(), "t3".into(), "x".into()]).unwrap();
    assert_eq!(waiting(&store), ["1 push 10"]);
    assert_eq!(one(&store, 1, "t2").attempt.due, Instant(500));
    assert_eq!(names(&lease(&store, 20, 90)), ["1/t1"]);
}

#[test]
fn leases_from_before_the_clock_was_set_back_end() {
    let (_dir, store) = open();
    let mut first = chunk(1, 1);
    first.outbox = vec![plain("t1", 10), on("mail", 5000, plain("t2", 11)), plain("t3", 12)];
    put(&store, first);
    let at = |now| store.lease(Instant(now), Instant(now + 100), &[wanted(1, "push", 1)]).unwrap();
    assert_eq!(names(&at(1000)), ["1/t1"]);
    // A call that looked at the clock a little earlier ends nothing.
    assert_eq!(names(&at(950)), ["1/t3"]);
    assert_eq!(at(900), []);
    // An hour back: its leases are free, and what is only put off is not.
    assert_eq!(store.lease(Instant(500), Instant(600), &[]).unwrap(), []);
    assert_eq!(waiting(&store), ["1 mail 5000", "1 push 500"]);
    assert_eq!(lease(&store, 500, 600).len(), 2);
    assert_eq!(one(&store, 1, "t2").leases, 0);
    assert_eq!(at(550), []);
}

#[test]
fn what_failed_can_be_sent_again() {
    let (_dir, store) = open();
    let mut first = chunk(1, 1);
    first.outbox = ["t1", "t2", "t3", "t4"].map(|tracking| plain(tracking, 10)).into();
    put(&store, first);
    assert_eq!(lease(&store, 20, 90).len(), 4);
    store.defer(&[deferred(1, "t1", 30, "busy")]).unwrap();
    let mut two = chunk(1, 2);
    two.outcomes =
        vec![settled("t1", "failed"), settled("t2", "refused"), settled("t3", "accepted")];
    two.outcomes[0].reason = Some("gone".into());
    put(&store, two);
    let resend =
        |tenant, tracking, due| store.resend(TenantId(tenant), tracking, Instant(due)).unwrap();
    assert!(resend(1, "t1", 200) && resend(1, "t2", 100));
    for (tenant, tracking) in [(1, "t1"), (1, "t3"), (1, "t4"), (1, "x"), (2, "t2")] {
        assert!(!resend(tenant, tracking, 1), "{tracking}");
    }
    let found = one(&store, 1, "t1");
    assert_eq!((found.tries, found.leases, found.attempt.due), (0, 0, Instant(200)));
    assert_eq!((found.reason, found.outcome, found.settled), (None, None, None));
    // The lease of t4 ends at 90.
    assert_eq!(waiting(&store), ["1 push 90"]);
    assert_eq!(names(&lease(&store, 150, 999)), ["1/t4", "1/t2"]);
    assert_eq!(names(&lease(&store, 200, 999)), ["1/t1"]);
}

#[test]
fn lists_agree_with_what_is_named() {
    let (_dir, store) = open();
    let mut first = chunk(1, 1);
    for n in 0..60_i64 {
        // Several of one moment.
        let mut one = attempt(&format!("t{n:02}"), &format!("k{n}"), &format!("m{}", n % 5), n / 4);
        one.user = if n % 3 == 0 { "bob".into() } else { "ann".into() };
        first.outbox.push(one);
        let word = ["failed", "refused", "accepted"].get(n as usize % 4).copied();
        first.outcomes.extend(word.map(|word| settled(&format!("t{n:02}"), word)));
    }
    put(&store, first);
    let all = store.attempts(TenantId(1), &Which::default(), None, 999).unwrap();
    assert_eq!(all.len(), 60);
    assert!(
        all.is_sorted_by_key(|l| std::cmp::Reverse((l.attempt.at, l.attempt.tracking.clone())))
    );
    for user in [None, Some("ann"), Some("nobody")] {
        for outcome in [None, Some("failed"), Some("refused"), Some("accepted"), Some("odd")] {
            for message in [None, Some("m2"), Some("m9")] {
                let which = Which { user, outcome, message };
                let agrees = |leased: &&Leased| {
                    user.is_none_or(|user| &*leased.attempt.user == user)
                        && outcome.is_none_or(|word| leased.outcome.as_deref() == Some(word))
                        && message.is_none_or(|message| &*leased.attempt.message == message)
                };
                let expected: Vec<_> = all.iter().filter(agrees).cloned().collect();
                let (mut found, mut before) = (Vec::new(), None);
                loop {
                    let bound =
                        before.as_ref().map(|(at, tracking): &(_, Arc<str>)| (*at, &**tracking));
                    let page = store.attempts(TenantId(1), &which, bound, 7).unwrap();
                    let Some(last) = page.last() else { break };
                    before = Some((last.attempt.at, last.attempt.tracking.clone()));
                    found.extend(page);
                }
                assert_eq!(found, expected, "{which:?}");
                assert_eq!(store.attempts(TenantId(2), &which, None, 7).unwrap(), []);
            }
        }
    }
}

#[test]
fn attempts_are_found_by_reference_and_address() {
    let (_dir, store) = open();
    let mut first = chunk(1, 1);
    first.outbox = (0..4).map(|n| plain(&format!("t{n}"), n)).collect();
    first.outbox[3].channel = "mail".into();
    for (at, one) in first.outbox.iter_mut().enumerate().skip(1) {
        one.address = Some(["", "a", "a", "a"][at].into());
    }
    let referred = |tracking, reference: &str| Settled {
        reference: Some(reference.into()),
        ..settled(tracking, "accepted")
    };
    first.outcomes = vec![referred("t0", "r1"), referred("t1", "r2"), referred("t3", "r1")];
    put(&store, first);
    let tracking = |found: Option<Leased>| found.map(|found| found.attempt.tracking.to_string());
    let by_reference = |tenant, channel, reference| {
        tracking(store.by_reference(TenantId(tenant), channel, reference).unwrap())
    };
    let by_address = |tenant, channel, address| {
        tracking(store.by_address(TenantId(tenant), channel, address).unwrap())
    };
    assert_eq!(by_reference(1, "push", "r1").as_deref(), Some("t0"));
    assert_eq!(by_reference(1, "mail", "r1").as_deref(), Some("t3"));
    assert_eq!(by_reference(1, "push", "r3"), None);
    assert_eq!(by_reference(2, "push", "r1"), None);
    assert_eq!(by_address(1, "push", "a").as_deref(), Some("t2"));
    assert_eq!(by_address(1, "mail", "a").as_deref(), Some("t3"));
    assert_eq!(by_address(1, "push", "b"), None);
    assert_eq!(by_address(2, "push", "a"), None);
}

#[test]
fn what_was_accepted_is_counted_by_when() {
    let (_dir, store) = open();
    for tenant in [1, 2] {
        let mut first = chunk(tenant, u64::from(tenant));
        for n in 0..10 {
            let tracking = format!("t{n}");
            first.outbox.push(plain(&tracking, 1));
            let word = if n < 8 { "accepted" } else { "failed" };
            first.outcomes.push(Settled { at: Instant(100 + n), ..settled(&tracking, word) });
        }
        put(&store, first);
    }
    let sent = |since| store.sent_since(TenantId(1), Instant(since)).unwrap();
    assert_eq!((sent(0), sent(105), sent(107), sent(108)), (8, 3, 1, 0));
    assert_eq!(store.sent_since(TenantId(3), Instant(0)).unwrap(), 0);
}

/// Steps of SQLite's machine that a statement takes.
fn steps(connection: &rusqlite::Connection, sql: &str, bound: &[&dyn rusqlite::ToSql]) -> i32 {
    let mut statement = connection.prepare(sql).unwrap();
    let mut rows = statement.query(bound).unwrap();
    while rows.next().unwrap().is_some() {}
    drop(rows);
    statement.get_status(StatementStatus::VmStep)
}

#[test]
fn a_backlog_costs_nothing() {
    let (_dir, store) = open();
    let steps_of_all = || {
        let connection = &super::super::locked(&store.shared.log).connection;
        let mut all = vec![
            steps(connection, NEXT_TENANT, &[&-1]),
            steps(connection, NEXT_TENANT, &[&1]),
            steps(connection, NEXT_CHANNEL, &[&1, &"mail"]),
            steps(connection, NEXT_CHANNEL, &[&1, &"push"]),
            steps(connection, FIRST, &[&1, &"mail", &100, &3]),
            steps(connection, FIRST, &[&1, &"push", &100, &3]),
        ];
        let tenant = TenantId(1);
        for which in [
            Which { message: Some("m"), ..Which::default() },
            Which { outcome: Some("failed"), ..Which::default() },
            Which { user: Some("bob"), ..Which::default() },
            Which::default(),
        ] {
            for before in [None, Some(&(40, "x"))] {
                let (sql, mut bound) = listing(&tenant, &which, before);
                bound.push(&3);
                all.push(steps(connection, &sql, &bound));
            }
        }
        all
    };
    let mut first = chunk(1, 1);
    for n in 0..20 {
        let mut one = on(
            ["push", "mail"][n as usize % 2],
            n,
            attempt(&format!("t{n}"), &format!("t{n}"), "m", n),
        );
        one.user = "bob".into();
        first.outbox.push(one);
        if n % 4 == 0 {
            first.outcomes.push(settled(&format!("t{n}"), "failed"));
        }
    }
    put(&store, first);
    let before = steps_of_all();
    let mut two = chunk(1, 2);
    for n in 0..6000 {
        // Due at one moment and not asked for; put off; and settled.
        let channel = ["mail", "push", "none"][n as usize % 3];
        let due = if channel == "push" { 1000 + n } else { 50 };
        two.outbox.push(on(channel, due, plain(&format!("x{n}"), 50 + n)));
        if channel == "none" {
            two.outcomes.push(settled(&format!("x{n}"), "accepted"));
        }
    }
    put(&store, two);
    let after = steps_of_all();
    for (at, (before, after)) in before.iter().zip(&after).enumerate() {
        assert!(*after <= before + 100, "statement {at}: {before} became {after}");
    }
}
