//! The groups' tests as one list: what several groups ask of a row is asked once, however many they are.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use nudge_guest::prelude::*;

use crate::standard::{Test, all_hold};

/// Deeper than this, what groups share is asked of each by itself. Sharing goes no deeper in real settings.
const DEEPEST: usize = 64;

/// All groups, walked from the front: where a step's tests fail, everything that shares them is passed over.
#[derive(Debug, Default)]
pub(crate) struct Sieve {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    /// What must hold, besides what held on the way here.
    tests: Vec<Test>,
    /// Whoever passes is in these groups,
    groups: Vec<usize>,
    /// and whoever fails goes on here.
    past: usize,
}

/// A group that is not placed yet: the numbers of the tests that it still has, in order.
struct Waiting {
    group: usize,
    tests: Vec<usize>,
}

impl Sieve {
    /// The sieve of groups by their tests, all of which must hold.
    pub(crate) fn of(groups: &[Vec<Test>]) -> Sieve {
        let mut distinct: Vec<&Test> = groups.iter().flatten().collect();
        distinct.sort_by(|one, other| order(one, other));
        distinct.dedup();
        let number = |test: &Test| distinct.partition_point(|d| order(d, test) == Ordering::Less);
        let waiting = |(group, tests): (usize, &Vec<Test>)| {
            let mut tests: Vec<usize> = tests.iter().map(number).collect();
            tests.sort_unstable();
            tests.dedup();
            Waiting { group, tests }
        };
        let waiting = groups.iter().enumerate().map(waiting).collect();
        let mut sieve = Sieve::default();
        sieve.grow(waiting, &distinct, DEEPEST);
        sieve
    }

    /// Adds the steps of groups: those that have their most frequent test in common come together.
    fn grow(&mut self, groups: Vec<Waiting>, distinct: &[&Test], deeper: usize) {
        let mut often: BTreeMap<usize, usize> = BTreeMap::new();
        for test in groups.iter().flat_map(|waiting| &waiting.tests) {
            *often.entry(*test).or_default() += 1;
        }
        let mut together: BTreeMap<Option<usize>, Vec<Waiting>> = BTreeMap::new();
        for waiting in groups {
            let tests = waiting.tests.iter().copied();
            let first = tests.max_by_key(|test| (often.get(test).copied(), Reverse(*test)));
            together.entry(first).or_default().push(waiting);
        }
        for mut sharing in together.into_values() {
            if deeper == 0 || sharing.len() == 1 {
                for waiting in sharing {
                    let at = self.step(&waiting.tests, distinct);
                    self.end(at, vec![waiting.group]);
                }
                continue;
            }
            let shared = common(&sharing);
            for waiting in &mut sharing {
                waiting.tests.retain(|test| shared.binary_search(test).is_err());
            }
            let at = self.step(&shared, distinct);
            let (here, more) = sharing.into_iter().partition(|w| w.tests.is_empty());
            let here: Vec<Waiting> = here;
            self.grow(more, distinct, deeper - 1);
            self.end(at, here.into_iter().map(|waiting| waiting.group).collect());
        }
    }

    fn step(&mut self, tests: &[usize], distinct: &[&Test]) -> usize {
        let tests = tests.iter().filter_map(|test| distinct.get(*test).copied().cloned());
        self.steps.push(Step { tests: tests.collect(), groups: Vec::new(), past: 0 });
        self.steps.len() - 1
    }

    fn end(&mut self, at: usize, groups: Vec<usize>) {
        let past = self.steps.len();
        if let Some(step) = self.steps.get_mut(at) {
            (step.groups, step.past) = (groups, past);
        }
    }

    /// Pushes the groups whose tests the row all passes, in no order.
    pub(crate) fn sort(&self, row: Row<'_>, groups: &mut Vec<usize>) {
        let mut at = 0;
        while let Some(step) = self.steps.get(at) {
            if all_hold(&step.tests, row) {
                groups.extend_from_slice(&step.groups);
                at += 1;
            } else {
                at = step.past;
            }
        }
    }
}

/// What all of them have.
fn common(sharing: &[Waiting]) -> Vec<usize> {
    let Some((first, others)) = sharing.split_first() else { return Vec::new() };
    let mut common = first.tests.clone();
    for other in others {
        common.retain(|test| other.tests.binary_search(test).is_ok());
    }
    common
}

/// Any order will do that is the same each time; the texts come first, so that of tests that are as frequent a
/// business type is asked about before an amount.
fn order(one: &Test, other: &Test) -> Ordering {
    one.partial_cmp(other).unwrap_or(Ordering::Equal)
}
