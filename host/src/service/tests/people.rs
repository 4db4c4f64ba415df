//! Who is the same as whom: anonymous users who say who they are, aliases, and chains of both.

use super::stand::{
    HOUR, Stand, acme, alias, at, identify, patient, profile, strategy, text, told,
};
use crate::engine::event::{Grade, Millis};
use crate::service::ticket::Ticket;
use crate::service::words::NewReceipt;

const SHOP: &[(&str, &str)] = &[("cart", "1h"), ("pay", "2h")];

/// The users that there are.
fn users(stand: &Stand) -> Vec<String> {
    let users = stand.core().store.users(stand.lane().id, None, 100).unwrap();
    users.iter().map(ToString::to_string).collect()
}

fn testify(stand: &mut Stand, tracking: &str, shows: &str) {
    let (ticket, answer) = Ticket::new(1);
    let receipt = NewReceipt { tracking: tracking.to_owned(), shows: shows.to_owned() };
    stand.core().take_receipts(&acme(), &[receipt], &ticket).unwrap();
    drop(ticket);
    stand.settles();
    told(answer).unwrap();
}

#[test]
fn who_says_who_they_are_takes_everything_along() {
    let mut stand = Stand::of(&patient(SHOP));
    let now = stand.now();
    stand.hears(vec![at("anon:x", "cart", now), profile("anon:x", "town", "Bonn", now)]);
    stand.waits(HOUR + 1);
    let sent = stand.post.lock().unwrap()[0].clone();
    assert_eq!(&*sent.user, "anon:x");
    // Known since, with a name of her own for the town.
    let now = stand.now();
    stand.hears(vec![profile("ann", "name", "Ann", now), identify("ann", "x", now)]);
    assert_eq!(users(&stand), ["ann"]);
    let state = stand.state("ann").unwrap();
    assert_eq!(&*state.visits["dwell"].node, "cart");
    assert_eq!(state.profile.get("town"), Some(&text("Bonn")));
    assert_eq!(state.messages.len(), 1);
    assert_eq!(state.messages[0].evidence, Some(Grade::Accepted));
    assert_eq!(stand.state("anon:x"), None);
    assert_eq!(stand.core().user(&acme(), "anon:x", 1).unwrap().user, "ann");
    // Evidence about what the anonymous one was sent is hers.
    testify(&mut stand, &sent.tracking, "opened");
    assert!(stand.state("ann").unwrap().messages[0].ended);
    stand.waits(9 * HOUR);
    assert!(stand.letters("ann").is_empty(), "it was received: the app is not tried");
    assert_eq!(users(&stand), ["ann"]);
}

#[test]
fn a_message_under_way_goes_on_to_who_they_are() {
    let mut stand = Stand::of(&patient(SHOP));
    let now = stand.now();
    stand.hears(vec![at("anon:x", "cart", now)]);
    stand.waits(HOUR + 1);
    let now = stand.now();
    stand.hears(vec![identify("ann", "x", now)]);
    stand.waits(2 * HOUR + 1);
    assert_eq!(stand.letters("ann").len(), 1, "the next step");
    assert_eq!(stand.letters("anon:x"), stand.letters("ann"), "the name is hers now");
}

#[test]
fn an_attempt_that_is_under_way_is_settled_for_who_they_are() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.hears(vec![at("anon:x", "cart", now)]);
    stand.clock.advance(Millis(HOUR + 1));
    stand.core().fire().unwrap();
    stand.works();
    let (leased, _) = stand.core().round().unwrap();
    assert_eq!((leased.len(), &*leased[0].leased.attempt.user), (1, "anon:x"));
    let now = stand.now();
    let answer = stand.offers(vec![identify("ann", "x", now)]).unwrap();
    stand.works();
    told(answer).unwrap();
    leased.into_iter().for_each(|leased| stand.makes(leased));
    stand.works();
    assert_eq!(stand.letters("ann").len(), 1);
    assert_eq!(stand.state("ann").unwrap().messages[0].attempts[0].evidence, Some(Grade::Accepted));
    assert_eq!(users(&stand), ["ann"]);
}

#[test]
fn letters_move_to_who_they_are() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.hears(vec![at("anon:x", "cart", now)]);
    stand.waits(HOUR + 1);
    let letter = stand.letters("anon:x")[0].clone();
    let now = stand.now();
    stand.hears(vec![identify("ann", "x", now)]);
    assert_eq!(stand.letters("ann"), std::slice::from_ref(&letter));
    let token = stand.core().issue_token(&acme(), "ann").unwrap().token;
    let device = stand.core().device(&token).unwrap();
    assert_eq!(stand.core().letter(&device, letter.id).unwrap(), letter);
    // Another visit of hers makes another letter, and nothing is said again of the first.
    stand.hears(vec![at("ann", "done", now)]);
    stand.hears(vec![at("anon:x", "cart", now.plus(Millis(1)))]);
    stand.waits(HOUR + 2);
    assert_eq!(stand.letters("ann").len(), 2);
}

#[test]
fn an_anonymous_id_belongs_to_the_first() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.hears(vec![at("anon:x", "cart", now), identify("ann", "x", now)]);
    stand.hears(vec![identify("bob", "x", now)]);
    assert_eq!(users(&stand), ["ann", "bob"]);
    assert!(stand.state("bob").unwrap().visits.is_empty());
    stand.hears(vec![at("anon:x", "pay", now.plus(Millis(1)))]);
    assert_eq!(&*stand.state("ann").unwrap().visits["dwell"].node, "pay");
    let stand = stand.restarts();
    assert_eq!(stand.core().user(&acme(), "anon:x", 1).unwrap().user, "ann");
}

#[test]
fn an_operation_alone_identifies_nobody() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    let mut item = at("ann", "cart", now);
    item.who.anonymous = Some("x".into());
    stand.hears(vec![item, at("anon:x", "pay", now)]);
    assert_eq!(users(&stand), ["ann", "anon:x"]);
}

#[test]
fn an_alias_makes_one_of_two_users() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.hears(vec![at("old", "cart", now), profile("new", "name", "New", now)]);
    stand.hears(vec![alias("new", "old", now)]);
    assert_eq!(users(&stand), ["new"]);
    stand.waits(HOUR + 1);
    assert_eq!(stand.letters("new").len(), 1);
    // The other way round it is no news.
    let now = stand.now();
    stand.hears(vec![alias("old", "new", now)]);
    assert_eq!(users(&stand), ["new"]);
    // An alias of an anonymous id is one, too; one of oneself is none.
    stand.hears(vec![at("anon:x", "pay", now), alias("new", "x", now), alias("new", "new", now)]);
    assert_eq!(users(&stand), ["new"]);
    assert_eq!(&*stand.state("new").unwrap().visits["dwell"].node, "pay");
}

#[test]
fn chains_of_links_are_followed_to_their_end() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.hears(vec![at("anon:x", "cart", now), identify("u0", "x", now)]);
    for n in 0..20 {
        stand.hears(vec![alias(&format!("u{}", n + 1), &format!("u{n}"), now)]);
        if n % 5 == 0 {
            stand = stand.restarts();
        }
    }
    assert_eq!(users(&stand), ["u20"]);
    let mut stand = stand.restarts();
    stand.hears(vec![
        at("anon:x", "pay", now.plus(Millis(1))),
        at("u7", "pay", now.plus(Millis(2))),
    ]);
    assert_eq!(users(&stand), ["u20"]);
    assert_eq!(stand.state("u20").unwrap().visits["dwell"].operations, 2);
    assert_eq!(stand.core().user(&acme(), "u3", 1).unwrap().user, "u20");
}

#[test]
fn links_count_within_the_batch_that_makes_them() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    let items = vec![
        at("anon:x", "cart", now),
        identify("ann", "x", now),
        alias("bob", "ann", now),
        at("anon:x", "cart", now),
        at("ann", "cart", now),
        at("bob", "cart", now),
    ];
    let answer = stand.offers(items).unwrap();
    assert!(stand.evaluates());
    stand.commits(crate::service::simulate::faulty::Fate::Stored);
    told(answer).unwrap();
    assert_eq!(users(&stand), ["bob"]);
    assert_eq!(stand.state("bob").unwrap().visits["dwell"].operations, 4);
    stand.settles();
    stand.waits(HOUR + 1);
    assert_eq!(stand.letters("bob").len(), 1);
}

#[test]
fn a_link_that_was_not_stored_is_none() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.hears(vec![at("anon:x", "cart", now)]);
    let answer = stand.offers(vec![identify("ann", "x", now)]).unwrap();
    stand.evaluates();
    stand.commits(crate::service::simulate::faulty::Fate::Refused);
    assert!(told(answer).is_err());
    stand.hears(vec![at("anon:x", "pay", now), at("ann", "cart", now)]);
    assert_eq!(users(&stand), ["ann", "anon:x"]);
    stand.hears(vec![identify("bob", "x", now)]);
    assert_eq!(users(&stand), ["ann", "bob"]);
}
