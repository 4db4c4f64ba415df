//! Users' own rights: all that is kept about somebody, and nothing of it any more, whatever happens meanwhile.

use super::stand::{HOUR, Stand, acme, alias, at, identify, patient, profile, strategy, told};
use crate::engine::event::Millis;
use crate::service::Error;
use crate::service::simulate::faulty::Fate;
use crate::service::story::Verdict;
use crate::service::ticket::Ticket;
use crate::service::words::NewReceipt;
use crate::store::{Seq, UserKey, Which};

const SHOP: &[(&str, &str)] = &[("cart", "1h"), ("pay", "2h")];

/// Erases a user, step by step.
fn erases(stand: &mut Stand, user: &str) {
    let id = stand.core().begin_erasure(&acme(), user).unwrap();
    advances(stand, &id);
}

fn advances(stand: &mut Stand, id: &str) {
    for _ in 0..10 {
        if stand.core().advance_erasure(&acme(), id).unwrap() {
            return;
        }
        stand.settles();
    }
    panic!("it is never over");
}

/// Everything that is stored of the tenant, as text: lines, states, attempts, letters, names, intents.
fn everything(stand: &Stand) -> String {
    let (store, tenant) = (&stand.core().store, stand.lane().id);
    let mut text = String::new();
    for chunk in store.log(tenant, Seq(0), 10_000).unwrap() {
        text += &String::from_utf8(chunk.lines).unwrap();
    }
    let users = store.users(tenant, None, 10_000).unwrap();
    for user in users {
        let state =
            store.load(&[UserKey { tenant, user: user.clone() }]).unwrap().remove(0).unwrap();
        text += &format!("{user} {}", String::from_utf8_lossy(&state.state));
    }
    for user in ["ann", "anon:x", "old", "bob"] {
        text += &format!("{:?}", store.letters(tenant, user, None, 100).unwrap());
        let name = UserKey { tenant, user: user.into() };
        text += &format!("{:?}", store.resolve(&[name]).unwrap());
    }
    text += &format!("{:?}", store.attempts(tenant, &Which::default(), None, 1_000).unwrap());
    text + &format!("{:?}", store.control().unwrap())
}

#[test]
fn all_that_is_kept_is_exported() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.hears(vec![at("anon:x", "cart", now), profile("anon:x", "town", "Bonn", now)]);
    stand.waits(HOUR + 1);
    stand.hears(vec![identify("ann", "x", stand.now())]);
    let export = stand.core().export(&acme(), "anon:x").unwrap();
    assert_eq!((&*export.user, &*export.names), ("ann", &["anon:x".to_owned()][..]));
    assert_eq!(export.state["profile"]["town"], "Bonn");
    assert_eq!((export.attempts.len(), export.letters.len()), (1, 1));
    assert_eq!(export.attempts[0].receipts.len(), 1);
    assert!(export.turns.iter().any(|turn| turn["user"] == "anon:x" && turn["prev"] == 0));
    let times: Vec<_> = export.turns.iter().map(|turn| turn["at"].as_i64().unwrap()).collect();
    assert!(times.is_sorted() && times.len() >= 3);
    assert!(matches!(stand.core().export(&acme(), "bob"), Err(Error::NotFound(_))));
}

#[test]
fn nothing_is_left_of_who_is_erased() {
    let mut stand = Stand::of(&patient(SHOP));
    let now = stand.now();
    stand.hears(vec![profile("bob", "email", "bob@example.org", now), at("bob", "cart", now)]);
    stand
        .hears(vec![at("anon:x", "cart", now), profile("anon:x", "email", "ann@example.org", now)]);
    stand.hears(vec![profile("old", "phone", "+49 555", now), identify("ann", "x", now)]);
    stand.hears(vec![alias("ann", "old", now)]);
    stand.waits(HOUR + 1);
    stand.waits(2 * HOUR + 1);
    let before = everything(&stand);
    for word in ["ann@example.org", "+49 555", "anon:x", "\"ann\"", "\"old\""] {
        assert!(before.contains(word), "{word}");
    }
    erases(&mut stand, "anon:x");
    let after = everything(&stand);
    for word in ["ann@example.org", "+49 555", "anon:x", "\"ann\"", "\"old\""] {
        assert!(!after.contains(word), "{word} in {after}");
    }
    // Nothing of anybody else's has changed.
    assert!(after.contains("bob@example.org"));
    assert_eq!(stand.letters("bob").len(), 1);
    let told = stand.core().explain(&acme(), "bob", None).unwrap();
    assert!(told.lines.iter().all(|line| line.verdict == Verdict::Same));
    for user in ["ann", "old", "anon:x"] {
        assert!(matches!(stand.core().user(&acme(), user, 9), Err(Error::NotFound(_))), "{user}");
        assert!(matches!(stand.core().begin_erasure(&acme(), user), Err(Error::NotFound(_))));
        assert!(stand.letters(user).is_empty());
    }
    let proof = stand.core().verify(&acme()).unwrap();
    assert!(proof.sound && proof.erased >= 4, "{proof:?}");
    let stand = stand.restarts();
    assert!(stand.core().verify(&acme()).unwrap().sound);
    assert!(!everything(&stand).contains("\"ann\""));
}

#[test]
fn whoever_comes_again_is_somebody_new() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.hears(vec![at("anon:x", "cart", now), identify("ann", "x", now)]);
    stand.hears(vec![profile("ann", "town", "Bonn", now)]);
    erases(&mut stand, "ann");
    // The device is nobody's that is known.
    stand.hears(vec![at("anon:x", "pay", stand.now()), at("ann", "pay", stand.now())]);
    let users = stand.core().store.users(stand.lane().id, None, 9).unwrap();
    assert_eq!(users.iter().map(|user| &**user).collect::<Vec<_>>(), ["ann", "anon:x"]);
    let state = stand.state("ann").unwrap();
    assert!(state.profile.is_empty());
    let told = stand.core().explain(&acme(), "ann", None).unwrap();
    assert_eq!(told.lines.len(), 1);
    assert_eq!(told.lines[0].verdict, Verdict::Same);
    stand.waits(2 * HOUR + 1);
    assert_eq!(stand.letters("ann").len(), 1);
    erases(&mut stand, "ann");
    assert!(stand.core().verify(&acme()).unwrap().sound);
}

#[test]
fn what_was_under_way_leaves_nothing_behind() {
    for back in [false, true] {
        let mut stand = Stand::of(&strategy(SHOP));
        stand.hears(vec![at("ann", "cart", stand.now())]);
        stand.clock.advance(Millis(HOUR + 1));
        stand.core().fire().unwrap();
        stand.works();
        let ready = stand.core().round().unwrap().0;
        assert_eq!(ready.len(), 1);
        let tracking = ready[0].leased.attempt.tracking.clone();
        // Evidence waits for the lane by the time the user is erased; so does a timer.
        let (ticket, answer) = Ticket::new(1);
        let receipt = NewReceipt { tracking: tracking.to_string(), shows: "opened".to_owned() };
        erases_with(&mut stand, |stand| {
            stand.core().take_receipts(&acme(), std::slice::from_ref(&receipt), &ticket).unwrap();
            stand.lane().wake(&"ann".into());
        });
        told(answer).unwrap();
        if back {
            stand.hears(vec![at("ann", "pay", stand.now())]);
        }
        ready.into_iter().for_each(|ready| stand.makes(ready));
        stand.settles();
        assert!(stand.letters("ann").is_empty(), "back: {back}");
        assert_eq!(stand.state("ann").is_some(), back);
        assert!(stand.core().store.receipts(stand.lane().id, &tracking).unwrap().is_empty());
        assert!(stand.core().verify(&acme()).unwrap().sound);
    }
}

/// Erases `ann`, and has something happen when it is in the lane's queue.
fn erases_with(stand: &mut Stand, meanwhile: impl FnOnce(&Stand)) {
    let id = stand.core().begin_erasure(&acme(), "ann").unwrap();
    assert!(!stand.core().advance_erasure(&acme(), &id).unwrap());
    meanwhile(stand);
    stand.settles();
    advances(stand, &id);
}

#[test]
fn what_comes_before_it_goes_too() {
    let mut stand = Stand::of(&strategy(SHOP));
    stand.hears(vec![at("ann", "cart", stand.now())]);
    let id = stand.core().begin_erasure(&acme(), "ann").unwrap();
    // It is heard of before the erasure has its turn.
    let items = vec![profile("ann", "email", "ann@example.org", stand.now())];
    let answer = stand.offers(items).unwrap();
    assert!(!stand.core().advance_erasure(&acme(), &id).unwrap());
    stand.settles();
    told(answer).unwrap();
    assert!(stand.state("ann").is_some(), "it has not been erased by what was known before");
    // And so has somebody else become her.
    stand.hears(vec![at("anon:x", "cart", stand.now()), identify("bob", "x", stand.now())]);
    stand.hears(vec![alias("bob", "ann", stand.now())]);
    advances(&mut stand, &id);
    let left = everything(&stand);
    assert!(!left.contains("ann@example.org") && !left.contains("\"user\":"), "{left}");
    assert!(stand.core().verify(&acme()).unwrap().sound);
}

#[test]
fn an_erasure_that_was_interrupted_is_finished() {
    // After so many steps everything ends and begins again.
    for steps in 0..3 {
        let mut stand = Stand::of(&strategy(SHOP));
        let now = stand.now();
        stand.hears(vec![profile("ann", "email", "ann@example.org", now), at("ann", "cart", now)]);
        stand.waits(HOUR + 1);
        let id = stand.core().begin_erasure(&acme(), "ann").unwrap();
        for _ in 0..steps {
            let _ = stand.core().advance_erasure(&acme(), &id).unwrap();
            if steps == 2 {
                stand.settles();
            }
        }
        let mut stand = stand.restarts();
        if steps == 1 {
            // Somebody says something before it is taken up again.
            stand.hears(vec![at("ann", "pay", stand.now())]);
        }
        for _ in 0..5 {
            let left = stand.core().finish_erasures().unwrap();
            stand.settles();
            if !left {
                break;
            }
        }
        let left = everything(&stand);
        assert!(!left.contains("ann@example.org") && !left.contains("erasure\", tenant"), "{left}");
        assert!(stand.state("ann").is_none(), "after {steps} steps");
        assert!(stand.core().verify(&acme()).unwrap().sound);
        assert!(!stand.core().finish_erasures().unwrap());
    }
}

#[test]
fn an_erasure_that_is_not_stored_is_tried_again() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.hears(vec![at("ann", "cart", now), profile("ann", "email", "ann@example.org", now)]);
    let id = stand.core().begin_erasure(&acme(), "ann").unwrap();
    for fate in [Fate::Refused, Fate::Full] {
        assert!(!stand.core().advance_erasure(&acme(), &id).unwrap());
        assert!(stand.evaluates());
        stand.commits(fate);
        assert!(stand.core().advance_erasure(&acme(), &id).is_err(), "{fate:?}");
        assert!(stand.state("ann").is_some());
    }
    // Whoever asks twice asks for the same.
    assert_eq!(stand.core().begin_erasure(&acme(), "ann").unwrap(), id);
    advances(&mut stand, &id);
    assert!(!everything(&stand).contains("\"ann\""));
    assert!(stand.core().advance_erasure(&acme(), &id).unwrap(), "it is over");
    assert!(stand.core().account(&acme()).unwrap().erasures.is_empty());
    assert!(matches!(stand.core().begin_erasure(&acme(), "ann"), Err(Error::NotFound(_))));
}

#[test]
fn nothing_is_evaluated_before_an_erasure_is_stored() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.hears(vec![at("anon:x", "cart", now), identify("ann", "x", now)]);
    let id = stand.core().begin_erasure(&acme(), "ann").unwrap();
    assert!(!stand.core().advance_erasure(&acme(), &id).unwrap());
    let answer = stand.offers(vec![at("anon:x", "pay", now), at("ann", "pay", now)]).unwrap();
    assert!(stand.evaluates(), "the erasure, alone");
    assert!(!stand.evaluates());
    stand.commits(Fate::Stored);
    stand.settles();
    told(answer).unwrap();
    advances(&mut stand, &id);
    let users = stand.core().store.users(stand.lane().id, None, 9).unwrap();
    assert_eq!(users.iter().map(|user| &**user).collect::<Vec<_>>(), ["ann", "anon:x"]);
    assert_eq!(stand.core().user(&acme(), "ann", 9).unwrap().turns.len(), 1);
}

#[test]
fn one_tenants_user_is_nobody_elses() {
    let mut stand = Stand::of(&strategy(SHOP));
    stand.hears(vec![at("ann", "cart", stand.now())]);
    let zoo = crate::service::words::NewTenant { name: "zoo".to_owned() };
    stand.core().create_tenant(&zoo).unwrap();
    let other = crate::service::TenantName::known("zoo");
    assert!(matches!(stand.core().begin_erasure(&other, "ann"), Err(Error::NotFound(_))));
    assert!(matches!(stand.core().export(&other, "ann"), Err(Error::NotFound(_))));
    assert!(matches!(stand.core().explain(&other, "ann", None), Err(Error::NotFound(_))));
    assert!(stand.state("ann").is_some());
}
