//! Made-up logs with known answers: what a few plain loops count in them is what the engine must
//! count.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

/// A linear congruential generator (Knuth's MMIX constants): the same log in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Rows of (user, node, milliseconds since 2026-01-01), mixed across users.
pub struct Made(pub Vec<(String, String, u64)>);

/// The nodes of made-up logs.
pub const NODES: [&str; 4] = ["start", "form", "offer", "end"];

impl Made {
    /// So many users with a handful of events each.
    pub fn new(seed: u64, users: u64) -> Made {
        let mut dice = Dice(seed);
        let mut rows = Vec::new();
        for user in 0..users {
            let mut at = dice.below(1_000_000_000);
            for _ in 0..=dice.below(12) {
                let node = NODES[dice.below(4) as usize];
                rows.push((format!("u{user}"), node.to_owned(), at));
                // Whole hours now and then, so that thresholds are met to the millisecond.
                at += if dice.below(3) == 0 {
                    3_600_000 * dice.below(60)
                } else {
                    dice.below(200_000_000)
                };
            }
        }
        // In order for each user, and for nobody else.
        rows.sort_by_key(|(user, _, at)| (at / 50_000_000, user.clone(), *at));
        Made(rows)
    }

    /// Visits, and visits longer than the threshold, by node, counted the plain way.
    pub fn counts(&self, thresholds: &BTreeMap<&str, u64>) -> BTreeMap<String, (u64, u64)> {
        let last = self.0.iter().map(|(_, _, at)| *at).max().unwrap_or_default();
        let mut users: BTreeMap<&str, Vec<(&str, u64)>> = BTreeMap::new();
        for (user, node, at) in &self.0 {
            users.entry(user).or_default().push((node, *at));
        }
        let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for events in users.values_mut() {
            events.sort_by_key(|(_, at)| *at);
            for run in events.chunk_by(|(a, _), (b, _)| a == b) {
                let (node, _) = run[0];
                let after = run.last().unwrap();
                let end = events
                    .iter()
                    .position(|e| std::ptr::eq(e, after))
                    .and_then(|at| events.get(at + 1))
                    .map_or(last, |(_, at)| *at);
                let slot = counts.entry(node.to_owned()).or_default();
                slot.0 += 1;
                // The interruption: longer than the threshold after any operation of the visit.
                let mut moments: Vec<u64> = run.iter().map(|(_, at)| *at).collect();
                moments.push(end);
                let longest = moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
                slot.1 += u64::from(thresholds.get(node).is_some_and(|most| longest > *most));
            }
        }
        counts
    }

    pub fn csv(&self) -> String {
        let mut text = String::from("case_id,activity,timestamp,amount_req\n");
        for (user, node, at) in &self.0 {
            writeln!(text, "{user},{node},{},{}", time(*at), 500 * (at % 40)).unwrap();
        }
        text
    }

    pub fn ndjson(&self) -> String {
        let mut text = String::new();
        for (user, node, at) in &self.0 {
            let amount = 500 * (at % 40);
            let row = serde_json::json!({
                "case_id": user, "activity": node, "timestamp": time(*at), "amount_req": amount.to_string(),
            });
            writeln!(text, "{row}").unwrap();
        }
        text
    }

    pub fn xes(&self) -> String {
        let mut traces: BTreeMap<&str, String> = BTreeMap::new();
        for (user, node, at) in &self.0 {
            let amount = 500 * (at % 40);
            let event = format!(
                "<event><string key=\"concept:name\" value=\"{node}\"/>\
                 <date key=\"time:timestamp\" value=\"{}\"/>\
                 <string key=\"amount_req\" value=\"{amount}\"/></event>",
                time(*at)
            );
            *traces.entry(user).or_default() += &event;
        }
        let mut text = String::from("<?xml version=\"1.0\"?>\n<log xes.version=\"1.0\">\n");
        for (user, events) in traces {
            let name = format!("<string key=\"concept:name\" value=\"{user}\"/>");
            writeln!(text, "<trace>{name}{events}</trace>").unwrap();
        }
        text + "</log>\n"
    }
}

/// Milliseconds since 2026-01-01 as RFC 3339, each in one of two offsets.
fn time(millis: u64) -> String {
    let at = jiff::Timestamp::from_millisecond(1_767_225_600_000 + millis as i64).unwrap();
    if millis.is_multiple_of(2) {
        at.to_string()
    } else {
        format!("{}+01:00", at + jiff::Span::new().hours(1)).replace('Z', "")
    }
}

pub fn gzip(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}
