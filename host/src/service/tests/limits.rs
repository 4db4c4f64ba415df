//! What a tenant may send, and who may ask.

use super::stand::{HOUR, MINUTE, Stand, acme, at, run, strategy, told};
use crate::engine::event::Millis;
use crate::service::Error;
use crate::service::lane::{Overflow, lock};
use crate::service::words::{KeyScope, NewKey, TenantChange};

#[test]
fn more_than_can_wait_is_turned_away() {
    let mut stand = Stand::with("[ingest]\nqueue_events = 5\nbatch_items = 5\n");
    let now = stand.now();
    let items = |many| vec![at("ann", "cart", now); many];
    let first = stand.offers(items(3)).unwrap();
    assert!(matches!(stand.offers(items(3)), Err(Overflow::Queue)));
    let second = stand.offers(items(2)).unwrap();
    let Err(Error::TooMany { after_ms, .. }) = run(stand.service.ingest(&acme(), items(1))) else {
        panic!("it was not turned away");
    };
    assert_eq!(after_ms, 1_000);
    stand.works();
    told(first).unwrap();
    told(second).unwrap();
    // All of a request or nothing: five were counted.
    assert_eq!(stand.state("ann").map(|state| state.visits.len()), Some(0));
    assert_eq!(stand.lane().waiting(), 0);
    // One that is larger than the queue gets through when nothing else waits.
    stand.hears(items(9));
}

#[test]
fn bytes_that_wait_are_limited_too() {
    let stand = Stand::with("[ingest]\nqueue_bytes = \"64KiB\"\nbatch_bytes = \"64KiB\"\n");
    let now = stand.now();
    let long = |many| vec![at("ann", &"x".repeat(20 << 10), now); many];
    let offer = |many| {
        let (ticket, answer) = crate::service::ticket::Ticket::new(many);
        let items = long(many).into_iter().map(|i| (crate::service::ticket::weight(&i), i));
        let items = items.map(|(bytes, item)| (item, bytes)).collect();
        stand.lane().offer(items, |_| false, &ticket, now, true).map(|()| answer)
    };
    let _kept = (offer(1).unwrap(), offer(2).unwrap());
    assert!(matches!(offer(1), Err(Overflow::Queue)));
}

#[test]
fn more_than_the_rate_is_turned_away_for_a_while() {
    let mut stand = Stand::with("[ingest]\nrate = 10\nburst = 10\n");
    let now = stand.now();
    stand.hears(vec![at("ann", "cart", now); 10]);
    let one = || vec![at("ann", "cart", now)];
    let Err(Error::TooMany { after_ms, .. }) = run(stand.service.ingest(&acme(), one())) else {
        panic!("it was not turned away");
    };
    assert_eq!(after_ms, 100);
    // An import waits for its turn and for nothing else.
    stand.imports(vec![at("ann", "cart", now); 50]);
    stand.clock.advance(Millis(100));
    stand.hears(one());
}

#[test]
fn a_suspended_tenant_rests() {
    let mut stand = Stand::with("[inbox]\ntoken_life = \"1d\"\n");
    stand.puts_to_work(&strategy(&[("cart", "1h")]));
    let now = stand.now();
    let new = NewKey { name: String::new(), scope: KeyScope::Ingest };
    let key = stand.core().create_key(&acme(), &new).unwrap().key;
    let token = stand.core().issue_token(&acme(), "ann").unwrap().token;
    stand.hears(vec![at("ann", "cart", now)]);
    stand.hears(vec![at("bob", "cart", super::stand::before(now, 30 * MINUTE))]);
    // An attempt for bob is leased, and made too late.
    stand.clock.advance(Millis(31 * MINUTE));
    stand.core().fire().unwrap();
    stand.works();
    let (leased, _) = stand.core().round().unwrap();
    assert_eq!(leased.len(), 1);
    stand.core().change_tenant(&acme(), &suspended(true)).unwrap();
    leased.into_iter().for_each(|leased| stand.makes(leased));
    stand.settles();
    let asked = stand.service.authenticate_key(&key);
    assert!(matches!(asked, Err(Error::Forbidden(_))), "{asked:?}");
    assert!(matches!(stand.service.device(&token), Err(Error::Unauthorized(_))));
    assert!(stand.core().issue_token(&acme(), "ann").is_err());
    stand.waits(HOUR);
    let mut stand = stand.restarts();
    assert!(stand.service.authenticate_key(&key).is_err());
    assert!(lock(&stand.lane().queue).suspended);
    stand.waits(HOUR);
    stand.core().retime().unwrap();
    stand.settles();
    let id = stand.lane().id;
    let letters =
        |stand: &Stand, user| stand.core().store.letters(id, user, None, 9).unwrap().len();
    assert_eq!((letters(&stand, "ann"), letters(&stand, "bob")), (0, 0));
    stand.core().change_tenant(&acme(), &suspended(false)).unwrap();
    assert_eq!(&*stand.service.authenticate_key(&key).unwrap().tenant.unwrap().0, "acme");
    assert_eq!(&*stand.service.device(&token).unwrap().user, "ann");
    stand.does_chores();
    // His attempt was leased in vain: its lease ends by itself.
    stand.waits(MINUTE);
    assert_eq!((letters(&stand, "ann"), letters(&stand, "bob")), (1, 1));
}

#[test]
fn a_token_ends_by_itself() {
    let stand = Stand::new();
    let issued = stand.core().issue_token(&acme(), "ann").unwrap();
    assert_eq!(issued.expires, stand.now().plus(Millis(HOUR)).0);
    stand.clock.advance(Millis(HOUR - 1));
    let device = stand.service.device(&issued.token).unwrap();
    assert_eq!((&*device.user, device.tenant.as_str()), ("ann", "acme"));
    stand.clock.advance(Millis(1));
    assert!(matches!(stand.service.device(&issued.token), Err(Error::Unauthorized(_))));
    for user in ["", "a\nb", &"x".repeat(257)] {
        assert!(matches!(stand.core().issue_token(&acme(), user), Err(Error::Invalid { .. })));
    }
}

#[test]
fn a_token_is_of_one_tenant() {
    let stand = Stand::new();
    let new = crate::service::words::NewTenant { name: "bolt".to_owned() };
    stand.core().create_tenant(&new).unwrap();
    let token = stand.core().issue_token(&acme(), "ann").unwrap().token;
    let bolt = crate::service::TenantName::known("bolt");
    let other = stand.core().issue_token(&bolt, "ann").unwrap().token;
    let (claims, _) = other.split_once('.').unwrap();
    let (_, code) = token.split_once('.').unwrap();
    assert!(stand.service.device(&format!("{claims}.{code}")).is_err());
    assert_eq!(stand.service.device(&other).unwrap().tenant, bolt);
}

#[test]
fn keys_are_known_until_they_are_revoked() {
    let stand = Stand::new();
    assert!(stand.service.first_key().unwrap().is_some());
    assert!(stand.service.first_key().unwrap().is_none(), "it is shown once");
    let admin = stand.service.new_admin_key().unwrap();
    assert_eq!(stand.service.authenticate_key(&admin).unwrap().scope, KeyScope::Admin);
    let new = NewKey { name: "of the app".to_owned(), scope: KeyScope::Ingest };
    let made = stand.core().create_key(&acme(), &new).unwrap();
    let stand = stand.restarts();
    assert!(stand.service.first_key().unwrap().is_none());
    let caller = stand.service.authenticate(Some(&format!("Bearer {}", made.key))).unwrap();
    assert_eq!((caller.scope, caller.tenant), (KeyScope::Ingest, Some(acme())));
    let mut forged = made.key.clone();
    forged.replace_range(20..21, if &made.key[20..21] == "0" { "1" } else { "0" });
    assert!(matches!(stand.service.authenticate_key(&forged), Err(Error::Unauthorized(_))));
    stand.core().revoke_key(&acme(), &made.info.id).unwrap();
    assert!(matches!(stand.service.authenticate_key(&made.key), Err(Error::Unauthorized(_))));
    assert!(matches!(stand.core().revoke_key(&acme(), &made.info.id), Err(Error::NotFound(_))));
    let stand = stand.restarts();
    assert!(stand.service.authenticate_key(&made.key).is_err());
    let admin_of_one = NewKey { name: String::new(), scope: KeyScope::Admin };
    assert!(matches!(stand.core().create_key(&acme(), &admin_of_one), Err(Error::Invalid { .. })));
}

fn suspended(suspended: bool) -> TenantChange {
    TenantChange { suspended: Some(suspended), daily_quota: None }
}
