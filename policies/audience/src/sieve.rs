//! The groups' tests as one list: what several groups ask of a row is asked once, however many they are.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use nudge_guest::prelude::*;

use crate::standard::{Test, all_hold};

/// Deeper than this, what groups share is asked of each by itself. Sharing goes no deeper in real settings.
const DEEPEST: usize = 64;

/// From so many texts on, one look into a table is quicker than to compare with each of them.
const TABLE: usize = 4;

/// All groups, walked from the front: what several ask of a row is asked once, and nobody goes on behind what failed.
#[derive(Debug, Default)]
pub(crate) struct Sieve {
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    /// Whoever passes is in the groups and goes on with the next step, whoever fails goes on at `past`.
    Tests { tests: Vec<Test>, groups: Vec<usize>, past: usize },
    /// Goes on where the field's text leads to, or else at `past`.
    Texts { field: Field<Text>, to: BTreeMap<String, usize>, past: usize },
    /// Goes on there.
    Go(usize),
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
    fn grow(&mut self, mut groups: Vec<Waiting>, distinct: &[&Test], deeper: usize) {
        while deeper > 0
            && let Some(texts) = table(&groups, distinct)
        {
            groups = self.lead(texts, groups, distinct, deeper - 1);
        }
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
                for Waiting { group, tests } in sharing {
                    let tests = named(&tests, distinct);
                    let past = self.steps.len() + 1;
                    self.steps.push(Step::Tests { tests, groups: vec![group], past });
                }
                continue;
            }
            let shared = common(&sharing);
            for waiting in &mut sharing {
                waiting.tests.retain(|test| shared.binary_search(test).is_err());
            }
            let at = self.steps.len();
            self.steps.push(Step::Go(at));
            let (here, more): (Vec<Waiting>, Vec<Waiting>) =
                sharing.into_iter().partition(|waiting| waiting.tests.is_empty());
            self.grow(more, distinct, deeper - 1);
            let groups = here.into_iter().map(|waiting| waiting.group).collect();
            let past = self.steps.len();
            self.set(at, Step::Tests { tests: named(&shared, distinct), groups, past });
        }
    }

    /// Adds the steps of the groups that ask for one of the texts, each behind its text; gives back the others.
    fn lead(
        &mut self,
        texts: Texts<'_>,
        groups: Vec<Waiting>,
        distinct: &[&Test],
        deeper: usize,
    ) -> Vec<Waiting> {
        let mut behind: BTreeMap<&str, Vec<Waiting>> = BTreeMap::new();
        let mut others = Vec::new();
        for mut waiting in groups {
            let asked = waiting.tests.iter().position(|test| texts.by_test.contains_key(test));
            let text = asked.and_then(|at| texts.by_test.get(&waiting.tests.remove(at)));
            match text {
                Some(text) => behind.entry(*text).or_default().push(waiting),
                None => others.push(waiting),
            }
        }
        let at = self.steps.len();
        self.steps.push(Step::Go(at));
        let (mut to, mut ends) = (BTreeMap::new(), Vec::new());
        for (text, groups) in behind {
            to.insert(text.to_owned(), self.steps.len());
            self.grow(groups, distinct, deeper);
            ends.push(self.steps.len());
            self.steps.push(Step::Go(0));
        }
        let past = self.steps.len();
        self.set(at, Step::Texts { field: texts.field, to, past });
        for end in ends {
            self.set(end, Step::Go(past));
        }
        others
    }

    fn set(&mut self, at: usize, step: Step) {
        if let Some(slot) = self.steps.get_mut(at) {
            *slot = step;
        }
    }

    /// Pushes the groups whose tests the row all passes, in no order.
    pub(crate) fn sort(&self, row: Row<'_>, groups: &mut Vec<usize>) {
        let mut at = 0;
        while let Some(step) = self.steps.get(at) {
            at = match step {
                Step::Tests { tests, groups: passed, .. } if all_hold(tests, row) => {
                    groups.extend_from_slice(passed);
                    at + 1
                }
                Step::Tests { past, .. } => *past,
                Step::Texts { field, to, past } => {
                    row.get(*field).and_then(|text| to.get(text)).copied().unwrap_or(*past)
                }
                Step::Go(there) => *there,
            };
        }
    }
}

/// Texts that groups want one field to be, by the numbers of the tests that say so.
struct Texts<'a> {
    field: Field<Text>,
    by_test: BTreeMap<usize, &'a str>,
}

/// The field that is to be the most different texts, if they are enough for a table. What all groups ask comes
/// before it.
fn table<'a>(groups: &[Waiting], distinct: &[&'a Test]) -> Option<Texts<'a>> {
    if groups.len() < TABLE || !common(groups).is_empty() {
        return None;
    }
    let mut fields: BTreeMap<Field<Text>, BTreeMap<usize, &str>> = BTreeMap::new();
    for number in groups.iter().flat_map(|waiting| &waiting.tests) {
        if let Some((field, text)) = distinct.get(*number).copied().and_then(Test::is_text) {
            fields.entry(field).or_default().insert(*number, text);
        }
    }
    let most = fields.into_iter().max_by_key(|(field, texts)| (texts.len(), Reverse(*field)));
    let (field, by_test) = most.filter(|(_, texts)| texts.len() >= TABLE)?;
    Some(Texts { field, by_test })
}

fn named(numbers: &[usize], distinct: &[&Test]) -> Vec<Test> {
    numbers.iter().filter_map(|number| distinct.get(*number).copied().cloned()).collect()
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
