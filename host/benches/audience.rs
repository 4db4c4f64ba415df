//! Measures groups and a campaign over a million users: `classify` into a hundred groups and `qualify` by one push
//! standard, in batches in the sandbox, beside the same predicate as native Rust and as SQL in SQLite over the same
//! data. `cargo bench --bench audience -- 1000000 5` (users, rounds; a component's file after them takes the place
//! of the standard policy, to compare two of its versions). Prints medians.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measurement"
)]

use std::time::Instant as Clock;

use nudge::engine::batch::{Batch, Found, Row};
use nudge::engine::event::{Instant, Value};
use nudge::engine::policy::{Need, Origin, Policy, Question};
use nudge::sandbox::{Compiler, Configured, Limits, Sandbox};
use nudge::standard;
use rusqlite::Connection;

const TYPES: usize = 10;
const BANDS: usize = 10;
const BAND: i64 = 1_000;
/// Rows that a policy is asked about at once, as the engine does.
const BATCH: usize = nudge::engine::BATCH;

/// A user, as the predicate sees them.
struct User {
    kind: Value,
    amount: i64,
    logins: i64,
}

impl User {
    fn kind(&self) -> &str {
        match &self.kind {
            Value::Text(kind) => kind,
            _ => "",
        }
    }
}

struct Seen<'a>(&'a User);

impl Row for Seen<'_> {
    fn at(&self) -> Instant {
        Instant(0)
    }

    fn find(&self, need: &Need) -> Option<Found<'_>> {
        match (need.origin, &*need.name) {
            (Origin::Counter, _) => Some(Found::Integer(self.0.logins)),
            (_, "type") => Some(Found::Stored(&self.0.kind)),
            (_, "amount") => Some(Found::Integer(self.0.amount)),
            _ => None,
        }
    }
}

fn users(many: usize) -> Vec<User> {
    let mut dice = fastrand::Rng::with_seed(7);
    let kinds: Vec<Value> = (0..TYPES).map(|n| Value::Text(format!("type-{n}").into())).collect();
    let user = |_| User {
        kind: kinds[dice.usize(..TYPES)].clone(),
        amount: dice.i64(0..BANDS as i64 * BAND),
        logins: dice.i64(0..20),
    };
    (0..many).map(user).collect()
}

/// A hundred groups: each business type in ten bands of amounts, for whoever has logged in at least once.
fn settings() -> String {
    let group = |(kind, band): (usize, usize)| {
        let (low, high) = (band as i64 * BAND, (band as i64 + 1) * BAND);
        format!(
            r#""g{kind}-{band}": {{ "event": "login", "where": [
                {{ "field": "type", "is": "type-{kind}" }},
                {{ "field": "amount", "at_least": {low}, "less_than": {high} }} ] }}"#
        )
    };
    let groups: Vec<String> =
        (0..TYPES).flat_map(|kind| (0..BANDS).map(move |band| group((kind, band)))).collect();
    let settings = format!(
        r#"{{ "groups": {{ {} }},
            "standards": {{ "good": [ {{ "field": "amount", "at_least": 2500 }},
                {{ "counter": "login", "at_least": 3 }} ] }} }}"#,
        groups.join(",")
    );
    // As a strategy's are handed over.
    serde_json::from_str::<serde_json::Value>(&settings).unwrap().to_string()
}

/// The same groups in native Rust.
struct Group {
    kind: String,
    low: f64,
    high: f64,
}

fn native_groups() -> Vec<Group> {
    let group = |(kind, band): (usize, usize)| Group {
        kind: format!("type-{kind}"),
        low: (band as i64 * BAND) as f64,
        high: ((band as i64 + 1) * BAND) as f64,
    };
    (0..TYPES).flat_map(|kind| (0..BANDS).map(move |band| group((kind, band)))).collect()
}

fn native_classify(groups: &[Group], user: &User) -> usize {
    let amount = user.amount as f64;
    let fits = |g: &&Group| {
        user.logins >= 1 && g.kind == user.kind() && amount >= g.low && amount < g.high
    };
    groups.iter().filter(fits).count()
}

fn native_qualify(user: &User) -> bool {
    user.amount as f64 >= 2_500.0 && user.logins >= 3
}

fn batches<'a>(users: &'a [User]) -> impl Iterator<Item = Vec<Seen<'a>>> {
    users.chunks(BATCH).map(|chunk| chunk.iter().map(Seen).collect())
}

fn classify(policy: &Configured, users: &[User]) -> usize {
    let one = |rows: Vec<Seen<'_>>| {
        let batch = Batch::of(&rows, policy.setup(), Question::Classify);
        policy.classify(&batch).unwrap().iter().map(Vec::len).sum::<usize>()
    };
    batches(users).map(one).sum()
}

fn qualify(policy: &Configured, standard: &str, users: &[User]) -> usize {
    let one = |rows: Vec<Seen<'_>>| {
        let batch = Batch::of(&rows, policy.setup(), Question::Qualify);
        policy.qualify(standard, &batch).unwrap().into_iter().filter(|meets| *meets).count()
    };
    batches(users).map(one).sum()
}

fn database(users: &[User]) -> Connection {
    let database = Connection::open_in_memory().unwrap();
    database
        .execute_batch("CREATE TABLE user (kind TEXT NOT NULL, amount INTEGER NOT NULL, logins INTEGER NOT NULL)")
        .unwrap();
    database.execute_batch("BEGIN").unwrap();
    let mut insert = database.prepare("INSERT INTO user VALUES (?, ?, ?)").unwrap();
    for user in users {
        insert.execute((user.kind(), user.amount, user.logins)).unwrap();
    }
    drop(insert);
    database.execute_batch("COMMIT").unwrap();
    database
}

/// Every user with every group, in one pass, as SQL has it.
fn sql_classify() -> String {
    let groups = (0..TYPES).flat_map(|kind| {
        (0..BANDS).map(move |band| {
            let (low, high) = (band as i64 * BAND, (band as i64 + 1) * BAND);
            format!(
                "sum(logins >= 1 AND kind = 'type-{kind}' AND amount >= {low} AND amount < {high})"
            )
        })
    });
    format!("SELECT {} FROM user", groups.collect::<Vec<_>>().join(" + "))
}

fn count(database: &Connection, sql: &str) -> usize {
    database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() as usize
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let many = arguments.next().map_or(1_000_000, |n| n.parse().unwrap());
    let rounds = arguments.next().map_or(3, |n| n.parse().unwrap());
    let sandbox = Sandbox::new(Limits::default(), Compiler::Here).unwrap();
    let component = arguments.next().map(|file| std::fs::read(file).unwrap());
    let standard = || standard::policy("audience").unwrap().to_vec();
    let policy = sandbox.admit(&component.unwrap_or_else(standard)).unwrap();
    let policy = policy.configure(&settings()).unwrap();
    let parameters = r#"{"name": "c", "type": "g0-0", "message": "m", "standard": "good"}"#;
    let campaign = policy.compose(parameters).unwrap().unwrap();
    let users = users(many);
    let groups = native_groups();
    let database = database(&users);
    let sql = sql_classify();
    let good = "SELECT count(*) FROM user WHERE amount >= 2500 AND logins >= 3";
    println!("{many} users, {} groups, batches of {BATCH}, {rounds} rounds", groups.len());
    let (mut times, mut answers) = (vec![Vec::new(); 6], [0_usize; 6]);
    for _ in 0..rounds {
        let mut time = |at: usize, run: &dyn Fn() -> usize| {
            let started = Clock::now();
            answers[at] = run();
            times[at].push(started.elapsed().as_secs_f64());
        };
        time(0, &|| classify(&policy, &users));
        time(1, &|| users.iter().map(|user| native_classify(&groups, user)).sum());
        time(2, &|| count(&database, &sql));
        time(3, &|| qualify(&policy, &campaign.standard, &users));
        time(4, &|| users.iter().filter(|user| native_qualify(user)).count());
        time(5, &|| count(&database, good));
    }
    assert!(answers[0] == answers[1] && answers[1] == answers[2], "{answers:?}");
    assert!(answers[3] == answers[4] && answers[4] == answers[5], "{answers:?}");
    for (question, first) in [("classify", 0), ("qualify", 3)] {
        let native = median(times[first + 1].clone());
        for (what, at) in [("sandbox", first), ("native Rust", first + 1), ("SQLite", first + 2)] {
            let time = median(times[at].clone());
            println!(
                "{question:9} {what:12} {:10.0} rows/s {:8.1} ns a row  {:5.2} x native",
                many as f64 / time,
                time * 1e9 / many as f64,
                time / native
            );
        }
    }
    println!("{} of {many} qualify; greatest memory {} MiB", answers[3], resident() / 1024);
}
