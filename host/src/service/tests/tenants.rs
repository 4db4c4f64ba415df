//! Tenants that come and go.

use super::stand::{HOUR, Stand, acme, at, called, identify, strategy, told};
use crate::engine::event::Millis;
use crate::service::Error;
use crate::service::ticket::Failed;
use crate::service::words::{KeyScope, NewKey, NewTenant};

fn acme_again(stand: &Stand) {
    stand.core().create_tenant(&NewTenant { name: "acme".to_owned() }).unwrap();
}

#[test]
fn of_a_tenant_that_was_removed_nothing_is_left() {
    let mut stand = Stand::of(&strategy(&[("cart", "1h")]));
    let now = stand.now();
    let new = NewKey { name: String::new(), scope: KeyScope::Manage };
    let key = stand.core().create_key(&acme(), &new).unwrap().key;
    let token = stand.core().issue_token(&acme(), "ann").unwrap().token;
    let standard = crate::standard::policy("cascade").unwrap().to_vec();
    stand.core().upload(&acme(), standard).unwrap();
    let item = called(7, at("anon:x", "cart", now));
    stand.hears(vec![item.clone(), identify("ann", "x", now)]);
    stand.waits(HOUR + 1);
    let now = stand.now();
    stand.hears(vec![at("ann", "done", now), at("ann", "cart", now.plus(Millis(1)))]);
    let number = stand.lane().id;
    assert_eq!(stand.letters("ann").len(), 1);

    stand.core().delete_tenant(&acme()).unwrap();
    assert!(matches!(stand.service.tenant("acme"), Err(Error::NotFound(_))));
    assert!(matches!(stand.core().delete_tenant(&acme()), Err(Error::NotFound(_))));
    let store = &stand.core().store;
    assert_eq!(store.users(number, None, 9).unwrap().len(), 0);
    assert_eq!(store.attempts(number, &crate::store::Which::default(), None, 9).unwrap().len(), 0);
    assert_eq!(store.letters(number, "ann", None, 9).unwrap().len(), 0);
    assert_eq!(store.log(number, crate::store::Seq(0), 9).unwrap().len(), 0);
    assert_eq!(store.next_due().unwrap(), None);
    let of_it = |record: &crate::store::ControlRecord| record.tenant == number;
    assert!(!store.control().unwrap().iter().any(of_it));
    let blobs = ["dwell", "cascade"].map(|name| {
        let digest = crate::sandbox::Digest::of(crate::standard::policy(name).unwrap());
        store.blob(&crate::service::policies::component(&digest.to_string())).unwrap()
    });
    assert_eq!(blobs, [None, None]);

    acme_again(&stand);
    for round in 0..2 {
        assert_ne!(stand.lane().id, number, "a number is given once");
        assert!(matches!(stand.service.authenticate_key(&key), Err(Error::Unauthorized(_))));
        assert!(stand.service.device(&token).is_err(), "the secret is another one");
        assert_eq!(stand.core().releases(&acme()).unwrap(), []);
        assert_eq!(stand.core().policies(&acme()).unwrap(), []);
        assert_eq!(stand.core().keys(&acme()).unwrap(), []);
        assert!(stand.letters("ann").is_empty());
        assert!(matches!(stand.core().user(&acme(), "ann", 1), Err(Error::NotFound(_))));
        assert!(stand.lane().live().is_none());
        if round == 0 {
            stand = stand.restarts();
        }
    }
    // The same message is another tenant's, and so is the anonymous id.
    stand.puts_to_work(&strategy(&[("cart", "1h")]));
    stand.hears(vec![item]);
    assert!(stand.state("anon:x").is_some() && stand.state("ann").is_none());
}

#[test]
fn the_number_of_the_last_tenant_is_not_given_again_after_a_restart() {
    let stand = Stand::new();
    let number = stand.lane().id;
    stand.core().delete_tenant(&acme()).unwrap();
    let stand = stand.restarts();
    acme_again(&stand);
    assert!(stand.lane().id > number);
}

#[test]
fn who_waits_for_a_tenant_that_is_removed_is_told() {
    let mut stand = Stand::of(&strategy(&[("cart", "1h")]));
    let now = stand.now();
    let lane = stand.lane();
    let waiting = stand.offers(vec![at("ann", "cart", now)]).unwrap();
    stand.core().delete_tenant(&acme()).unwrap();
    assert!(matches!(told(waiting), Err(Failed::Unavailable(_))));
    assert!(lane.is_idle());
    assert!(!stand.evaluates());
    assert_eq!(stand.core().store.users(lane.id, None, 9).unwrap().len(), 0);
}

#[test]
fn a_removal_that_was_interrupted_is_finished() {
    let mut stand = Stand::of(&strategy(&[("cart", "1h")]));
    let now = stand.now();
    stand.hears(vec![at("ann", "cart", now)]);
    let number = stand.lane().id;
    // It gets as far as saying that the tenant leaves.
    let record = stand.core().account(&acme()).unwrap().record;
    let leaving = crate::service::book::TenantRecord { leaving: true, ..record };
    let change = crate::service::book::put("tenant", number, "acme", &leaving).unwrap();
    stand.core().change(&[change]).unwrap();
    let stand = stand.restarts();
    assert!(stand.service.tenants().is_empty());
    let again = stand.core().create_tenant(&NewTenant { name: "acme".to_owned() });
    assert!(matches!(again, Err(Error::Conflict(_))), "its data are still there");
    stand.core().finish_leaving().unwrap();
    assert_eq!(stand.core().store.users(number, None, 9).unwrap().len(), 0);
    acme_again(&stand);
}

#[test]
fn names_are_names() {
    let stand = Stand::new();
    let create = |name: &str| stand.core().create_tenant(&NewTenant { name: name.to_owned() });
    assert!(matches!(create("acme"), Err(Error::Conflict(_))));
    for name in ["", "Acme", "-a", "a b", "ä", &"x".repeat(64)] {
        assert!(matches!(create(name), Err(Error::Invalid { .. })), "{name}");
    }
    for name in ["0", "a-", &"x".repeat(63)] {
        create(name).unwrap();
    }
}
