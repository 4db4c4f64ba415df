//! A store that refuses, is full, or whose answer is lost.

use super::stand::{HOUR, Stand, acme, at, run, strategy, told};
use crate::engine::event::Millis;
use crate::service::Error;
use crate::service::simulate::faulty::Fate;
use crate::service::ticket::Failed;
use crate::store::{Seq, Which};

fn stand() -> Stand {
    Stand::of(&strategy(&[("cart", "1h"), ("pay", "2h")]))
}

fn events(stand: &Stand) -> u32 {
    let chunks = stand.core().store.log(stand.lane().id, Seq(0), 1_000).unwrap();
    chunks.iter().map(|chunk| chunk.events).sum()
}

#[test]
fn what_is_refused_has_not_happened() {
    let mut stand = stand();
    let now = stand.now();
    stand.hears(vec![at("ann", "cart", now)]);
    let before = stand.state("ann");
    let answer = stand.offers(vec![at("ann", "pay", now), at("bob", "pay", now)]).unwrap();
    stand.evaluates();
    stand.commits(Fate::Refused);
    assert!(matches!(told(answer), Err(Failed::Unavailable(_))));
    assert!(stand.service.ready().is_err());
    assert_eq!((stand.state("ann"), stand.state("bob")), (before, None));
    // What was in mind is forgotten: what comes next goes on from what is stored.
    stand.hears(vec![at("ann", "cart", now)]);
    assert!(stand.service.ready().is_ok());
    assert_eq!(stand.state("ann").unwrap().visits["dwell"].operations, 2);
    assert_eq!((events(&stand), stand.times("ann", "entered")), (2, 1));
}

#[test]
fn what_there_is_no_room_for_is_said_so() {
    let mut stand = stand();
    let now = stand.now();
    stand.store.set_room(0);
    let answer = stand.offers(vec![at("ann", "cart", now)]).unwrap();
    stand.works();
    assert!(matches!(told(answer), Err(Failed::Full(_))));
    assert!(stand.service.ready().unwrap_err().contains("full"));
    let refused = stand.core().propose(&acme(), &strategy(&[]));
    assert!(matches!(refused, Err(Error::Full(_))));
    stand.core().probe();
    assert!(stand.service.ready().is_err());
    stand.store.set_room(u64::MAX);
    stand.core().probe();
    assert!(stand.service.ready().is_ok());
    stand.hears(vec![at("ann", "cart", now)]);
    assert_eq!(events(&stand), 1);
}

#[test]
fn an_answer_that_is_lost_loses_nothing() {
    let mut stand = stand();
    let now = stand.now();
    let answer = stand.offers(vec![at("ann", "cart", now)]).unwrap();
    stand.evaluates();
    stand.commits(Fate::Unheard);
    told(answer).unwrap();
    assert!(stand.service.ready().is_ok());
    stand.hears(vec![at("ann", "cart", now)]);
    assert_eq!(stand.state("ann").unwrap().visits["dwell"].operations, 2);
    assert_eq!(events(&stand), 2);
}

#[test]
fn when_nobody_can_say_what_was_stored_the_service_stops() {
    let mut stand = stand();
    let now = stand.now();
    let answer = stand.offers(vec![at("ann", "cart", now)]).unwrap();
    stand.evaluates();
    stand.commits(Fate::InDoubt);
    assert!(told(answer).is_err());
    assert!(stand.service.is_stopping() && stand.service.ready().is_err());
    let more = run(stand.service.ingest(&acme(), vec![at("ann", "cart", now)]));
    assert!(matches!(more, Err(Error::Unavailable(_))));
    let stand = stand.restarts();
    assert_eq!(events(&stand), 1, "a start finds out");
}

#[test]
fn what_was_decided_upon_what_is_refused_is_refused_with_it() {
    let mut stand = stand();
    let now = stand.now();
    let first = stand.offers(vec![at("ann", "cart", now)]).unwrap();
    stand.evaluates();
    let second = stand.offers(vec![at("ann", "pay", now)]).unwrap();
    stand.evaluates();
    let late = stand.ready.pop().unwrap();
    stand.commits(Fate::Refused);
    assert!(told(first).is_err());
    // A third one waits until the second has come to nothing, too.
    let third = stand.offers(vec![at("ann", "done", now)]).unwrap();
    assert!(!stand.evaluates());
    stand.ready.push(late);
    stand.commits(Fate::Stored);
    assert!(told(second).is_err());
    stand.works();
    told(third).unwrap();
    assert_eq!(stand.decided("ann"), ["entered"]);
    assert_eq!(&*stand.state("ann").unwrap().visits["dwell"].node, "done");
}

#[test]
fn a_timer_whose_turn_was_not_stored_fires_again() {
    let mut stand = stand();
    let now = stand.now();
    stand.hears(vec![at("ann", "cart", now)]);
    stand.clock.advance(Millis(HOUR + 1));
    for fate in [Fate::Refused, Fate::Full, Fate::Unheard] {
        assert_eq!(stand.core().fire().unwrap(), 1, "{fate:?}");
        assert_eq!(stand.core().fire().unwrap(), 0, "she is about to be woken");
        assert!(stand.evaluates());
        assert_eq!(stand.core().fire().unwrap(), 0);
        stand.commits(fate);
    }
    stand.settles();
    assert_eq!(stand.letters("ann").len(), 1);
}

#[test]
fn an_attempt_that_was_made_and_not_settled_is_settled_again_and_not_made_again() {
    let mut stand = Stand::of(&super::stand::patient(&[("cart", "1h")]));
    let now = stand.now();
    stand.hears(vec![at("ann", "cart", now)]);
    stand.clock.advance(Millis(HOUR + 1));
    stand.core().fire().unwrap();
    stand.works();
    assert_eq!(stand.sends(), 1);
    for fate in [Fate::Refused, Fate::Full] {
        assert!(stand.evaluates(), "{fate:?}");
        stand.commits(fate);
    }
    stand.settles();
    assert_eq!(stand.post.lock().unwrap().len(), 1);
    let attempts = stand
        .core()
        .attempts(&acme(), Which { user: Some("ann"), ..Which::default() }, None, 9)
        .unwrap()
        .items;
    assert_eq!(attempts[0].outcome.as_deref(), Some("accepted"));
}
