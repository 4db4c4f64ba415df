//! Groups share tests, and a row must not be able to tell: with any groups, each user is in just those whose
//! every condition holds when it is asked by itself.

use nudge_guest::testing::Values;
use serde_json::{Map, Value, json};

use crate::configured;

/// Numbers that follow from a seed, the same on every machine: Marsaglia's xorshift, "Xorshift RNGs" (2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as i64 % end
    }
}

/// What one user has.
struct User {
    kind: i64,
    amount: i64,
    logins: i64,
    known: bool,
}

/// Whether a user meets a condition.
type Holds = Box<dyn Fn(&User) -> bool>;

/// A condition as the settings have it, and as it is meant.
type Meant = (Value, Holds);

fn condition(dice: &mut Dice) -> Meant {
    let (kind, low, count) = (dice.below(8), dice.below(4) * 10, dice.below(3));
    match dice.below(9) {
        0..=3 => {
            let is = json!({ "field": "kind", "is": format!("kind-{kind}") });
            (is, Box::new(move |user| user.known && user.kind == kind))
        }
        4 => {
            let not = json!({ "field": "kind", "none_of": [format!("kind-{kind}")] });
            (not, Box::new(move |user| user.known && user.kind != kind))
        }
        5 => {
            let band = json!({ "field": "amount", "at_least": low, "less_than": low + 20 });
            (band, Box::new(move |user| (low..low + 20).contains(&user.amount)))
        }
        6 => {
            let more = json!({ "field": "amount", "more_than": low });
            (more, Box::new(move |user| user.amount > low))
        }
        7 => {
            let times = json!({ "counter": "LOGIN", "at_least": count });
            (times, Box::new(move |user| user.logins >= count))
        }
        _ => {
            let there = json!({ "field": "kind", "exists": false });
            (there, Box::new(|user| !user.known))
        }
    }
}

fn values(user: &User) -> Values {
    let counter = |event: &str| format!("{event}/{}", nudge_guest::EVER);
    let values = Values::new()
        .event("amount", user.amount)
        .counter(&counter("LOGIN"), user.logins)
        .counter(&counter("SEEN"), 1);
    if user.known { values.event("kind", format!("kind-{}", user.kind)) } else { values }
}

#[test]
fn groups_that_share_conditions_are_as_if_each_stood_alone() {
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let (mut members, mut asked) = (0, 0);
    for _ in 0..60 {
        let mut groups = Map::new();
        let mut meant = Vec::new();
        for group in 0..1 + dice.below(80) {
            let several: Vec<Meant> = (0..dice.below(4)).map(|_| condition(&mut dice)).collect();
            let (said, means): (Vec<Value>, Vec<_>) = several.into_iter().unzip();
            // Names in order of the numbers that the policy gives them.
            groups.insert(format!("{group:02}"), json!({ "event": "SEEN", "where": said }));
            meant.push(means);
        }
        let audience = configured(&json!({ "groups": groups }));
        for _ in 0..20 {
            let user = User {
                kind: dice.below(9),
                amount: dice.below(60),
                logins: dice.below(4),
                known: dice.below(4) > 0,
            };
            let of = |(at, means): (usize, &Vec<Holds>)| {
                means.iter().all(|holds| holds(&user)).then_some(at)
            };
            let right: Vec<usize> = meant.iter().enumerate().filter_map(of).collect();
            members += right.len();
            asked += meant.len();
            let mut told = audience.classify(&values(&user));
            told.sort_unstable();
            assert_eq!(told, right, "{groups:?}");
        }
    }
    // Neither all nor none: the comparison above has compared something.
    assert!(members * 20 > asked && members * 10 < asked * 9, "{members} of {asked}");
}

#[test]
fn any_number_of_groups_that_contain_one_another_is_sorted() {
    // Each asks what the one before asks, and one thing more.
    let group = |n: i64| {
        let fields: Vec<Value> =
            (0..n).map(|at| json!({ "field": format!("f{}", at % 150), "is": at })).collect();
        (format!("{n:04}"), json!({ "event": "SEEN", "where": fields }))
    };
    let settings = json!({ "groups": (0..150).map(group).collect::<Map<_, _>>() });
    let audience = configured(&settings);
    let counted = format!("SEEN/{}", nudge_guest::EVER);
    let user = (0..100)
        .fold(Values::new().counter(&counted, 1), |user, at| user.event(&format!("f{at}"), at));
    let mut told = audience.classify(&user);
    told.sort_unstable();
    assert_eq!(told, (0..=100).collect::<Vec<_>>());
}
