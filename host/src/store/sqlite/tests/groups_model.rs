//! Groups, counts, cursors and offsets beside a model of them, over thousands of random operations.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Synchronous, Verify, check};
use super::*;

/// As it should be: all by tenant first.
#[derive(Clone, Debug, Default)]
struct Model {
    /// With all members, and when each joined.
    groups: BTreeMap<(u32, String), BTreeMap<Arc<str>, u64>>,
    states: BTreeSet<(u32, Arc<str>)>,
    tallies: BTreeMap<(u32, Arc<str>), i64>,
    cursors: BTreeMap<(u32, Arc<str>), Cursor>,
    offsets: BTreeMap<(u32, Arc<str>), u64>,
    /// Cursors that were at somebody who is forgotten.
    moved: usize,
}

impl Model {
    fn commit(&mut self, chunks: &[Chunk]) {
        for chunk in chunks {
            let tenant = chunk.tenant.0;
            for m in &chunk.members {
                let group = (tenant, format!("{}/{}", m.policy, m.group));
                if m.belongs {
                    let group = self.groups.entry(group).or_default();
                    group.entry(m.user.clone()).or_insert(chunk.seq.0);
                } else if let Some(group) = self.groups.get_mut(&group) {
                    group.remove(&m.user);
                }
            }
            for t in &chunk.tallies {
                let value = self.tallies.entry((tenant, t.name.clone())).or_default();
                *value = value.saturating_add(t.add);
            }
            for c in &chunk.cursors {
                self.cursors.insert((tenant, c.name.clone()), c.clone());
            }
            for o in &chunk.offsets {
                let at = self.offsets.entry((tenant, o.source.clone())).or_default();
                *at = o.at.max(*at);
            }
            for image in &chunk.images {
                let key = (tenant, image.user.clone());
                let _ = match image.state {
                    Some(_) => self.states.insert(key),
                    None => self.states.remove(&key),
                };
            }
            for image in &chunk.images {
                if !self.states.contains(&(tenant, image.user.clone())) {
                    self.forget(tenant, &image.user);
                }
            }
        }
        for chunk in chunks {
            chunk.erased.iter().for_each(|user| self.forget(chunk.tenant.0, user));
        }
    }

    fn forget(&mut self, tenant: u32, user: &Arc<str>) {
        let mut own: Vec<_> = self.groups.iter_mut().filter(|group| group.0.0 == tenant).collect();
        own.iter_mut().for_each(|(_, group)| {
            group.remove(user);
        });
        for (_, cursor) in self.cursors.iter_mut().filter(|cursor| cursor.0.0 == tenant) {
            if cursor.user == *user {
                self.moved += 1;
                let all = own.iter().flat_map(|(_, group)| group.iter());
                let before = all.filter(|(other, seq)| **seq == cursor.seq.0 && *other < user);
                cursor.user = before.map(|(other, _)| other.clone()).max().unwrap_or_default();
            }
        }
    }

    /// The places that come after a cursor, if it is of this group.
    fn after(&self, group: &(u32, String), after: Option<(u64, &str)>) -> Vec<(Seq, Arc<str>)> {
        let members = self.groups.get(group).into_iter().flatten();
        let mut all: Vec<_> = members.map(|(user, seq)| (Seq(*seq), user.clone())).collect();
        all.sort();
        all.retain(|(seq, user)| after.is_none_or(|after| (seq.0, &**user) > after));
        all
    }

    fn remove(&mut self, tenant: u32) {
        self.groups.retain(|key, _| key.0 != tenant);
        self.states.retain(|key| key.0 != tenant);
        self.tallies.retain(|key, _| key.0 != tenant);
        self.cursors.retain(|key, _| key.0 != tenant);
        self.offsets.retain(|key, _| key.0 != tenant);
    }

    fn compare(&self, store: &Sqlite, rng: &mut fastrand::Rng) {
        for tenant in 1..4 {
            let own = self.groups.iter().filter(|group| group.0.0 == tenant);
            let expected: Vec<_> =
                own.map(|((_, name), members)| format!("{name} {}", members.len())).collect();
            assert_eq!(groups(store, tenant), expected);
            let own = self.cursors.iter().filter(|cursor| cursor.0.0 == tenant);
            let expected: Vec<_> = own.map(|(_, cursor)| cursor.clone()).collect();
            assert_eq!(store.cursors(TenantId(tenant)).unwrap(), expected);
            let prefix = ["", "a", "b", "ab", "c"][rng.usize(..5)];
            let own = |key: &(u32, Arc<str>)| key.0 == tenant && key.1.starts_with(prefix);
            let expected = self.tallies.iter().filter(|(key, _)| own(key));
            let expected: Vec<_> = expected.map(|(key, value)| (key.1.clone(), *value)).collect();
            assert_eq!(store.tallies(TenantId(tenant), prefix).unwrap(), expected);
            let expected = self.offsets.iter().filter(|(key, _)| own(key));
            let expected: Vec<_> = expected.map(|(key, at)| offset(&key.1, *at)).collect();
            assert_eq!(store.offsets(TenantId(tenant), prefix).unwrap(), expected);
        }
        for group in self.groups.keys() {
            let (policy, name) = group.1.split_once('/').unwrap();
            let ask = |after: Option<(Seq, &str)>, most| {
                store.members(TenantId(group.0), policy, name, after, most).unwrap()
            };
            // All of them, a page after the other.
            let (most, mut found) = (rng.usize(1..9), Vec::<(Seq, Arc<str>)>::new());
            loop {
                let last = found.last().map(|(seq, user)| (*seq, &**user));
                let page = ask(last, most);
                assert!(page.len() <= most);
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            assert_eq!(found, self.after(group, None));
            for cursor in self.cursors.values() {
                let after = Some((cursor.seq.0, &*cursor.user));
                assert_eq!(ask(Some((cursor.seq, &cursor.user)), 99), self.after(group, after));
            }
        }
    }
}

fn name(rng: &mut fastrand::Rng) -> String {
    ["a", "b", "ab", "abc", "c"][rng.usize(..5)].to_owned()
}

fn user(rng: &mut fastrand::Rng) -> String {
    format!("u{}", rng.u8(..25))
}

/// What may be in a chunk of groups. Whoever joins has a state with it.
fn groups_chunk(rng: &mut fastrand::Rng, seq: u64) -> Chunk {
    let mut one = chunk(rng.u32(1..4), seq);
    for _ in 0..rng.usize(..12) {
        let (user, belongs) = (user(rng), rng.u8(..5) > 1);
        let group = format!("{}/{}", ["p", "q"][rng.usize(..2)], rng.u8(..3));
        one.members.push(member(&group, &user, belongs));
        if belongs {
            one.images.push(image(&user, None, "s"));
        }
    }
    for _ in 0..rng.usize(..3) {
        let add = match rng.u8(..8) {
            0 => i64::MAX,
            1 => i64::MIN,
            _ => rng.i64(-9..9),
        };
        one.tallies.push(tally(&name(rng), add));
        one.offsets.push(offset(&name(rng), rng.u64(..1000)));
    }
    if rng.u8(..3) == 0 {
        let at = seq.saturating_sub(rng.u64(..8));
        one.cursors.push(cursor(&name(rng), at, &user(rng)));
    }
    if rng.u8(..5) == 0 {
        one.images.push(Image { state: None, ..image(&user(rng), None, "") });
    }
    one
}

/// Lets somebody be forgotten after all else of the commit.
fn erase(chunks: &mut [Chunk], rng: &mut fastrand::Rng) {
    let user: Arc<str> = user(rng).into();
    let tenant = chunks[0].tenant;
    let last = chunks.iter().rposition(|chunk| chunk.tenant == tenant).unwrap();
    chunks[0].erased.push(user.clone());
    chunks[last].images.push(Image { state: None, ..image(&user, None, "") });
}

fn run(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    let options = Options { synchronous: Synchronous::Off, ..small(rng.usize(1..40)) };
    let mut store = Sqlite::open(dir.path(), options.clone()).unwrap();
    let (mut model, mut seq, mut failed) = (Model::default(), 0, 0);
    for round in 0..1200 {
        let tenant = rng.u32(1..4);
        match rng.u8(..60) {
            0 => {
                drop(store);
                store = Sqlite::open(dir.path(), options.clone()).unwrap();
            }
            1 => {
                store.remove_tenant(TenantId(tenant)).unwrap();
                model.remove(tenant);
            }
            2..4 => store.flush().unwrap(),
            4 => {
                let (gone, prefix) = (name(&mut rng), name(&mut rng));
                store.drop_campaign(TenantId(tenant), &gone, &prefix).unwrap();
                model.cursors.remove(&(tenant, gone.into()));
                model.tallies.retain(|key, _| key.0 != tenant || !key.1.starts_with(&prefix));
            }
            5 => {
                let gone: [Arc<str>; 2] = [name(&mut rng).into(), name(&mut rng).into()];
                store.drop_offsets(TenantId(tenant), &gone).unwrap();
                model.offsets.retain(|key, _| key.0 != tenant || !gone.contains(&key.1));
            }
            _ => {
                let mut chunks = Vec::new();
                for _ in 0..rng.usize(1..4) {
                    seq += 1;
                    chunks.push(groups_chunk(&mut rng, seq));
                }
                for _ in 0..[0, 0, 0, 1, 2][rng.usize(..5)] {
                    erase(&mut chunks, &mut rng);
                }
                if rng.u8(..15) == 0 {
                    // The last chunk comes twice, so nothing of them is kept.
                    let again = chunks.last().unwrap().clone();
                    let all = chunks.iter().cloned().chain([again]).collect();
                    commit(&store, all).unwrap_err();
                    failed += 1;
                } else {
                    model.commit(&chunks);
                    commit(&store, chunks).unwrap();
                }
            }
        }
        if round % 7 == 0 {
            model.compare(&store, &mut rng);
        }
    }
    model.compare(&store, &mut rng);
    assert!(model.moved > 50 && failed > 20, "{} {failed}", model.moved);
    drop(store);
    let report = check(dir.path(), Verify::default()).unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.groups, model.groups.len() as u64);
    assert_eq!(report.members, model.groups.values().map(BTreeMap::len).sum::<usize>() as u64);
}

#[test]
fn groups_agree_with_the_model() {
    (0..5).for_each(run);
}
