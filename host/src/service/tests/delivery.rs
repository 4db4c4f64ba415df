//! From the outbox to the person: tries, dead letters, suppressions, quotas, and attempts that are late.

use super::stand::{HOUR, MINUTE, Stand, acme, at, profile, strategy};
use crate::channel::{Outcome, Reason};
use crate::engine::consent::Consent;
use crate::engine::event::{Instant, Millis, What};
use crate::ingest::live::{Deed, Item};
use crate::service::Error;
use crate::service::lane::lock;
use crate::service::words::{AttemptInfo, TenantChange};
use crate::store::{Store as _, Suppression, Which};

/// Whoever waits at the cart for an hour is written to, at `mail`.
const SHOP: &str = r#"
    [[policy]]
    use = "dwell"
    settings.nodes = { cart = { threshold = "1h", pending = "paid" }, paid = { behaviour = "pay" } }
    settings.behaviours.pay = { message = "pay" }
    [[channel]]
    name = "log"
    address = "mail"
    [topic.offers]
    messages = ["pay"]
    [messages.pay.default]
    body = "Come back."
"#;

fn shop(more: &str) -> Stand {
    Stand::of(&format!("{SHOP}{more}"))
}

/// Somebody with an address waits at the cart for too long; nothing has gone out so far.
fn stalls(stand: &mut Stand, user: &str, mail: &str) {
    let now = stand.now();
    stand.hears(vec![profile(user, "mail", mail, now), at(user, "cart", now)]);
    stand.clock.advance(Millis(HOUR + 1));
    stand.core().fire().unwrap();
    stand.works();
}

fn answer(stand: &Stand, answers: impl IntoIterator<Item = Outcome>) {
    lock(&stand.answers).extend(answers);
}

fn attempts(stand: &Stand) -> Vec<AttemptInfo> {
    stand.core().attempts(&acme(), Which::default(), None, 100).unwrap().items
}

fn only(stand: &Stand) -> AttemptInfo {
    let mut all = attempts(stand);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn busy() -> Outcome {
    Outcome::later(Reason::Throttled, "not now")
}

#[test]
fn what_cannot_be_taken_now_is_tried_again_later_and_later() {
    let mut stand = shop("");
    stalls(&mut stand, "ann", "ann@example.com");
    answer(&stand, [busy(), busy()]);
    stand.sends();
    let waits = only(&stand);
    assert_eq!((waits.outcome.as_deref(), waits.tries), (None, 1));
    assert_eq!(waits.reason.as_deref(), Some("throttled: not now"));
    let due = Instant(waits.due.unwrap());
    let wait = due.since(stand.now()).0;
    assert!((5_000..=6_000).contains(&wait), "{wait}");
    assert_eq!(stand.sends(), 0, "not before");
    stand.waits(wait);
    let wait = Instant(only(&stand).due.unwrap()).since(stand.now()).0;
    assert!((60_000..=72_000).contains(&wait), "{wait}");
    stand.waits(wait);
    let taken = only(&stand);
    assert_eq!((taken.outcome.as_deref(), taken.tries), (Some("accepted"), 2));
    assert_eq!(lock(&stand.post).len(), 3);
    assert_eq!(stand.times("ann", "evidence"), 1);
}

#[test]
fn a_providers_own_word_on_when_counts() {
    let mut stand = shop("");
    stalls(&mut stand, "ann", "a@b");
    let after = Some(std::time::Duration::from_secs(1_800));
    let Outcome::Later { trouble, .. } = busy() else { panic!() };
    answer(&stand, [Outcome::Later { trouble, after }]);
    stand.sends();
    assert_eq!(Instant(only(&stand).due.unwrap()).since(stand.now()), Millis(1_800_000));
}

#[test]
fn after_the_last_try_it_is_a_dead_letter_and_may_be_sent_again() {
    let mut stand = Stand::with("[delivery]\nretries = \"1m\"\n");
    stand.puts_to_work(SHOP);
    stalls(&mut stand, "ann", "a@b");
    answer(&stand, [busy(), busy()]);
    stand.settles();
    stand.waits(2 * MINUTE);
    let dead = only(&stand);
    assert_eq!(
        (dead.outcome.as_deref(), dead.reason.as_deref()),
        (Some("failed"), Some("throttled: not now"))
    );
    assert_eq!(stand.times("ann", "failed"), 1);
    let failed = Which { outcome: Some("failed"), ..Which::default() };
    let listed = stand.core().attempts(&acme(), failed, None, 9).unwrap().items;
    assert_eq!(listed, std::slice::from_ref(&dead));
    let waits = stand.core().resend(&acme(), &dead.tracking).unwrap();
    assert_eq!((waits.outcome, waits.tries), (None, 0));
    stand.settles();
    assert_eq!(only(&stand).outcome.as_deref(), Some("accepted"));
    let again = stand.core().resend(&acme(), &dead.tracking);
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    assert!(matches!(stand.core().resend(&acme(), "none"), Err(Error::NotFound(_))));
}

#[test]
fn a_dead_address_is_suppressed_for_whoever_has_it() {
    let mut stand = shop("");
    stalls(&mut stand, "ann", "Ann@Example.com ");
    answer(&stand, [Outcome::gone(Reason::InvalidAddress, "nobody there")]);
    stand.settles();
    assert_eq!(only(&stand).outcome.as_deref(), Some("failed"));
    stalls(&mut stand, "bob", "ann@example.com");
    stand.settles();
    let refused = attempts(&stand).into_iter().find(|attempt| attempt.user == "bob").unwrap();
    assert_eq!(refused.outcome.as_deref(), Some("refused"));
    assert_eq!(refused.reason.as_deref(), Some("suppressed"));
    assert_eq!(lock(&stand.post).len(), 1, "nobody was asked");
    assert_eq!(stand.times("bob", "withheld"), 1);
    // Another address of hers is another matter.
    stalls(&mut stand, "ann", "other@example.com");
    stand.settles();
    assert_eq!(lock(&stand.post).len(), 1, "she is where she was");
    let now = stand.now();
    stand.hears(vec![at("ann", "paid", now), at("ann", "cart", now.plus(Millis(1)))]);
    stand.waits(HOUR + 2);
    assert_eq!(lock(&stand.post).len(), 2);
}

#[test]
fn an_address_may_be_put_on_the_list_and_taken_off_it() {
    let mut stand = shop("");
    let key = crate::service::send::address_key("log", "a@b");
    let suppression = Suppression {
        channel: "log".into(),
        address: key.clone(),
        reason: "complaint".into(),
        at: stand.now(),
    };
    let tenant = stand.lane().id;
    stand.store.suppress(tenant, &[suppression]).unwrap();
    stalls(&mut stand, "ann", "a@b");
    stand.settles();
    let refused = only(&stand);
    assert_eq!(refused.outcome.as_deref(), Some("refused"));
    assert!(stand.store.unsuppress(tenant, "log", &key).unwrap());
    stand.core().resend(&acme(), &refused.tracking).unwrap();
    stand.settles();
    assert_eq!(only(&stand).outcome.as_deref(), Some("accepted"));
}

#[test]
fn a_tenant_has_so_many_a_day() {
    let mut stand = shop("");
    let quota = |most| TenantChange { suspended: None, daily_quota: Some(most) };
    assert_eq!(stand.core().change_tenant(&acme(), &quota(2)).unwrap().daily_quota, Some(2));
    // What was not taken does not count.
    answer(&stand, [Outcome::failed(Reason::Rejected, "no")]);
    for (n, user) in ["ann", "bob", "cid", "dan"].into_iter().enumerate() {
        stalls(&mut stand, user, &format!("{n}@b"));
        stand.settles();
    }
    let how = |user: &str| {
        let of = attempts(&stand).into_iter().find(|attempt| attempt.user == user).unwrap();
        (of.outcome.unwrap(), of.reason.unwrap_or_default())
    };
    assert_eq!(how("ann").0, "failed");
    assert_eq!((how("bob").0, how("cid").0), ("accepted".to_owned(), "accepted".to_owned()));
    assert_eq!(how("dan"), ("refused".to_owned(), "quota".to_owned()));
    // A restart does not begin the day anew; midnight does.
    let mut stand = stand.restarts();
    stalls(&mut stand, "eve", "e@b");
    stand.settles();
    assert_eq!(lock(&stand.post).len(), 3);
    stand.waits(24 * HOUR);
    stalls(&mut stand, "flo", "f@b");
    stand.settles();
    assert_eq!(lock(&stand.post).len(), 4);
    assert_eq!(stand.core().change_tenant(&acme(), &quota(0)).unwrap().daily_quota, None);
}

#[test]
fn an_attempt_that_is_late_is_not_made_against_the_users_word() {
    let mut stand = shop("");
    stalls(&mut stand, "ann", "a@b");
    answer(&stand, [busy()]);
    stand.sends();
    stand.works();
    let now = stand.now();
    let word =
        Consent { topic: Some("offers".into()), channel: Some("log".into()), allowed: false };
    let said = Item { deed: Deed::Happened(vec![What::Consent(word)]), ..at("ann", "cart", now) };
    stand.hears(vec![said]);
    stand.waits(MINUTE);
    let refused = only(&stand);
    // It is the only channel, so the message has ended, and what was waiting is called off.
    assert_eq!(refused.outcome.as_deref(), Some("called-off"));
    assert_eq!(lock(&stand.post).len(), 1);
    assert_eq!(stand.times("ann", "consented"), 1);
}

#[test]
fn an_attempt_that_is_late_waits_for_the_morning() {
    let mut stand = shop("[guard.quiet]\nfrom = \"22:00\"\nto = \"07:00\"\n");
    // Stalls at 15:13 in UTC, and is tried again until it is night.
    stalls(&mut stand, "ann", "a@b");
    answer(&stand, std::iter::repeat_with(busy).take(6));
    let night = |stand: &Stand| (stand.now().0 / 3_600_000) % 24 >= 22;
    while !night(&stand) {
        stand.waits(10 * MINUTE);
    }
    let tries = lock(&stand.post).len();
    stand.waits(4 * HOUR);
    assert_eq!(lock(&stand.post).len(), tries, "nobody is woken");
    let waits = only(&stand);
    assert_eq!((waits.outcome.as_deref(), waits.reason.as_deref()), (None, Some("quiet-hours")));
    stand.waits(9 * HOUR);
    assert_eq!(only(&stand).outcome.as_deref(), Some("accepted"));
}

#[test]
fn who_has_done_it_gets_nothing_that_still_waits() {
    let mut stand = shop("");
    stalls(&mut stand, "ann", "a@b");
    answer(&stand, [busy()]);
    stand.settles();
    let now = stand.now();
    stand.hears(vec![at("ann", "paid", now)]);
    stand.waits(MINUTE);
    assert_eq!(only(&stand).outcome.as_deref(), Some("called-off"));
    assert_eq!(lock(&stand.post).len(), 1);
}

#[test]
fn a_channel_in_trouble_is_left_alone_and_asked_again() {
    let mut stand = Stand::with("[delivery]\nretries = \"1h 1h\"\n");
    stand.puts_to_work(SHOP);
    answer(&stand, std::iter::repeat_with(busy).take(10));
    for n in 0..12 {
        let now = stand.now();
        let user = format!("u{n}");
        stand.hears(vec![profile(&user, "mail", &format!("{n}@b"), now), at(&user, "cart", now)]);
    }
    stand.clock.advance(Millis(HOUR + 1));
    stand.core().fire().unwrap();
    stand.works();
    // All go out at once, and ten of them are refused: from then on nothing more does.
    while stand.sends() > 0 {}
    let before = lock(&stand.post).len();
    assert_eq!(before, 12);
    let view = lock(&stand.core().dispatcher).view();
    let pair = view.iter().find(|pair| &*pair.channel == "log").unwrap();
    assert_eq!(pair.in_flight, 0);
    stand.waits(2 * HOUR);
    assert!(attempts(&stand).iter().all(|a| a.outcome.as_deref() == Some("accepted")));
}

#[test]
fn the_log_is_a_chain_from_the_first_line() {
    let mut stand = Stand::of(&strategy(&[("cart", "1h")]));
    let now = stand.now();
    stand.hears(vec![at("ann", "cart", now)]);
    let mut stand = stand.restarts();
    stand.waits(2 * HOUR);
    let tenant = stand.lane().id;
    let mut head = [0; 32];
    let chunks = stand.store.log(tenant, crate::store::Seq(0), 100).unwrap();
    for chunk in chunks.iter().filter(|chunk| !chunk.lines.is_empty()) {
        head = crate::service::chain::check(Some(head), tenant, chunk).unwrap();
    }
    assert_eq!(stand.store.head(tenant).unwrap().unwrap().1, head);
    assert!(chunks.len() > 2);
}
