//! Dwell against an oracle that knows nothing of deadlines: it lives through every millisecond.

use super::*;
use crate::engine::policy::{Basis, Rule, Watch};

const NODES: [&str; 3] = ["A", "B", "C"];
const GRACE: i64 = 60_000;

/// The user, as somebody with a stopwatch in each hand would keep track of them.
#[derive(Default)]
struct Watched {
    node: Option<usize>,
    interruption: u64,
    stay: u64,
    shown: bool,
    /// Milliseconds until the page counts as gone, if it gives signs of life.
    grace: Option<i64>,
    stalled: bool,
}

impl Watched {
    fn tick(&mut self) {
        self.interruption += 1;
        if self.shown && self.grace != Some(0) {
            self.stay += 1;
        }
        if let Some(left) = &mut self.grace {
            *left = (*left - 1).max(0);
        }
    }

    fn dwell(&self, basis: Basis) -> u64 {
        match basis {
            Basis::Interruption => self.interruption,
            Basis::PageStay => self.stay,
            Basis::Sum => self.interruption + self.stay,
            Basis::Either => self.interruption.max(self.stay),
        }
    }

    fn happens(&mut self, event: &Event) {
        match &event.what {
            What::Operation { fields, .. } | What::Page { fields, .. } => {
                let page = matches!(event.what, What::Page { .. });
                let node = fields.get("node").unwrap().to_string();
                let Some(node) = NODES.iter().position(|n| *n == node) else {
                    if page {
                        (self.shown, self.grace) = (false, None);
                    }
                    return;
                };
                if self.node != Some(node) {
                    *self = Watched { node: Some(node), ..Watched::default() };
                }
                self.interruption = 0;
                if page {
                    (self.shown, self.grace) = (true, None);
                }
            }
            What::Hidden => (self.shown, self.grace) = (false, None),
            What::Heartbeat if self.shown => self.grace = Some(GRACE),
            _ => {}
        }
    }
}

fn lived(rules: &[Rule], events: &[Event], until: i64) -> Vec<String> {
    let mut events = events.iter().peekable();
    let mut ann = Watched::default();
    let mut lines = Vec::new();
    for now in 0..=until {
        if let Some(node) = ann.node
            && let Some(Watch { longer_than, basis }) = rules[node].watch
            && !ann.stalled
            && ann.dwell(basis) > longer_than.0
        {
            ann.stalled = true;
            let (node, dwell) = (NODES[node], ann.dwell(basis));
            lines.push(format!("{now} stalled {node} {dwell}>{}", longer_than.0));
        }
        while let Some(event) = events.next_if(|event| event.at.0 == now) {
            ann.happens(event);
        }
        ann.tick();
    }
    lines
}

fn compare(seed: u64, spread: u64, thresholds: u64, until: i64) -> usize {
    let mut chance = Chance::new(seed);
    let bases = [Basis::Interruption, Basis::PageStay, Basis::Sum, Basis::Either];
    let rules = NODES.map(|node| watching(node, chance.one(&bases), chance.below(thresholds)));
    let mut now = 0;
    let events: Vec<Event> = std::iter::from_fn(|| {
        now += chance.below(spread) as i64;
        let node = chance.one(&["A", "A", "A", "B", "C", "nowhere"]);
        let event = match chance.below(7) {
            0 | 1 => op(now, node),
            2 | 3 => page(now, node),
            4 => hidden(now),
            _ => beat(now),
        };
        (now <= until).then_some(event)
    })
    .collect();
    let want = lived(&rules, &events, until);
    let mut live = world(Native::journey(rules.clone())).live();
    for event in &events {
        live.does(event.clone());
    }
    live.until(until);
    assert_eq!(live.told_of(&["stalled"]), want, "seed {seed}: {rules:?} {events:#?}");
    let engine = world(Native::journey(rules)).engine();
    assert_eq!(of(&told(&story(&engine, events, until)), &["stalled"]), want, "seed {seed}");
    want.len()
}

#[test]
fn a3_a4_stalls_are_those_of_a_stopwatch() {
    let stalls: usize = (0..600).map(|seed| compare(seed, 25, 60, 400)).sum();
    assert!(stalls > 600, "{stalls}");
}

#[test]
fn a3_a4_stalls_are_those_of_a_stopwatch_where_pages_fall_silent() {
    let stalls: usize = (0..20).map(|seed| compare(seed, 40_000, 150_000, 250_000)).sum();
    assert!(stalls > 20, "{stalls}");
}
