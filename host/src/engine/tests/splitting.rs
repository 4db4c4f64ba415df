//! However a user's life is cut into steps, the same is decided: the log replayed at once, the service
//! that steps with every event, and one that sleeps in between tell one story.

use super::random::{Life, assert_same, bytes, life, wild};
use super::*;
use crate::engine::State;
use crate::engine::event::Grade;

fn relived(life: &Life, world: World, mut cut: impl FnMut() -> (bool, bool)) -> (String, Live) {
    let mut live = Live::of(world.engine(), State::default());
    let mut some = Vec::new();
    for (at, event) in life.events.iter().enumerate() {
        some.push(event.clone());
        let next = life.events.get(at + 1).map_or(life.end, |next| next.at.0);
        let (cut, sleep) = cut();
        if cut {
            // The clock may move on before the next event, up to its moment.
            let now = if sleep { event.at.0 + (next - event.at.0) / 2 } else { event.at.0 };
            live.takes(std::mem::take(&mut some), now);
            if sleep {
                live.until(next);
            }
        }
    }
    live.takes(some, life.end);
    (bytes(&live.trace, &live.outbox, &live.state), live)
}

fn same_however_cut(seed: u64, events: usize, faults: bool) -> usize {
    let world = || wild(seed, faults);
    let life = life(world(), seed, events);
    let (whole, live) = relived(&life, world(), || (false, false));
    assert_same(&whole, &life.bytes(), &format!("seed {seed}, at once"));
    assert_eq!(live.due, life.live.due, "seed {seed}");
    let mut chance = Chance::new(seed);
    let (some, live) = relived(&life, world(), || (chance.below(4) == 0, chance.below(2) == 0));
    assert_same(&some, &whole, &format!("seed {seed}, cut at random"));
    assert_eq!(live.due, life.live.due, "seed {seed}");
    life.live.trace.len()
}

#[test]
fn a9_however_a_life_is_cut_into_steps_the_same_is_decided() {
    let records: usize = (0..40).map(|seed| same_however_cut(seed, 60, seed % 2 == 0)).sum();
    assert!(records > 2_000, "{records}");
}

#[test]
fn a9_however_a_long_life_is_cut_into_steps_the_same_is_decided() {
    let records: usize = (100..103).map(|seed| same_however_cut(seed, 800, false)).sum();
    assert!(records > 2_500, "{records}");
}

#[test]
fn two_runs_tell_the_same_byte_for_byte() {
    for seed in 0..4 {
        let [one, other] = [(); 2].map(|()| life(wild(seed, true), seed, 100).bytes());
        assert_eq!(one, other);
    }
}

#[test]
fn c4_what_is_forgotten_does_not_depend_on_steps() {
    // Each visit leaves a message that has ended and is resolved; the first is asked for much later.
    let world = || world(Native::journey([rule("A", 10), rule("B", 10)]));
    let mut live = world().live();
    let mut events: Vec<Event> =
        (0..12).map(|n| op(100 * n, if n % 2 == 0 { "A" } else { "B" })).collect();
    for event in &events {
        live.does(event.clone());
    }
    let late = receipt(5_000, &live.outbox[0].tracking, Grade::Opened);
    live.does(late.clone());
    events.push(late);
    assert_eq!(live.told(), told(&story(&world().engine(), events, 5_000)));
}
