//! What a replay or a backtest found, as the page shows it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;

use super::output::{several, word};
use crate::backtest::{Difference, Kind, Under};
use crate::engine::event::Instant;
use crate::page::{self, Page};
use crate::replay::{Portrait, Report};
use crate::strategy::Named;

/// Writes the page.
pub(super) fn write(path: &Path, page: &Page) -> anyhow::Result<()> {
    std::fs::write(path, page::render(page)).with_context(|| path.display().to_string())
}

/// The past, in a line.
pub(super) fn past(events: u64, users: u64, from: Instant, to: Instant) -> String {
    let day = |at: Instant| {
        let at = jiff::Timestamp::from_millisecond(at.0);
        at.map_or_else(|_| "?".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
    };
    format!(
        "{} of {}, {} to {}",
        several(events, "event"),
        several(users, "user"),
        day(from),
        day(to)
    )
}

/// One strategy's side.
pub(super) fn side(
    name: String,
    policies: &[Named],
    channels: &[std::sync::Arc<str>],
    report: &Report,
    portrait: &Portrait,
) -> page::Side {
    let stays = portrait.stays();
    let place: BTreeMap<&str, usize> =
        stays.iter().enumerate().map(|(at, stay)| (&*stay.node, at)).collect();
    let nodes = stays.iter().map(|stay| {
        let counts = report.nodes.get(&stay.node).cloned().unwrap_or_default();
        page::Node {
            name: stay.node.to_string(),
            visits: counts.visits,
            stalled: counts.stalled,
            messages: counts.messages,
            converted: counts.converted,
            dwell: buckets(&stay.dwells),
            median: stay.dwells.get(stay.dwells.len() / 2).copied(),
            thresholds: stay.thresholds.iter().map(|threshold| threshold.0).collect(),
            last: stay.last,
        }
    });
    let flows = portrait.flows.iter().filter_map(|((from, to), count)| {
        let from = match from {
            Some(from) => Some(*place.get(&**from)?),
            None => None,
        };
        Some(page::Flow { from, to: *place.get(&**to)?, count: *count })
    });
    let channels = channels.iter().map(|name| {
        let channel = report.channels.get(name).cloned().unwrap_or_default();
        page::Channel { name: name.to_string(), sends: channel.sends, cost: channel.cost }
    });
    page::Side {
        name,
        policies: policies.iter().map(line).collect(),
        nodes: nodes.collect(),
        flows: flows.collect(),
        channels: channels.collect(),
        days: days(&portrait.days),
        messages: report.messages,
        converted: report.converted,
        sends: report.sends,
        cost: report.cost,
        troubles: troubles(report),
    }
}

fn line((label, digest, manifest): &Named) -> String {
    let digest = digest.to_string();
    let short = digest.get(..12).unwrap_or(&digest);
    if **label == *manifest.name {
        format!("{} {} ({short})", manifest.name, manifest.version)
    } else {
        format!("{label}: {} {} ({short})", manifest.name, manifest.version)
    }
}

/// Dwells, shortest first, in the page's buckets.
fn buckets(dwells: &[u64]) -> Vec<u64> {
    let mut buckets = Vec::new();
    let mut from = 0;
    while from < dwells.len() {
        let end = page::bucket(buckets.len() + 1);
        // The last bucket there is holds all that is left.
        let to = if end == u64::MAX {
            dwells.len()
        } else {
            dwells.partition_point(|dwell| *dwell < end)
        };
        buckets.push((to - from) as u64);
        from = to;
    }
    buckets
}

/// Days as dates, without gaps.
fn days(days: &BTreeMap<i64, u64>) -> Vec<(String, u64)> {
    /// Ten years; whoever looks back further sees the days that there are.
    const MOST: i64 = 3_660;
    let (Some((first, _)), Some((last, _))) = (days.first_key_value(), days.last_key_value())
    else {
        return Vec::new();
    };
    let date = |day: i64| {
        let at = jiff::Timestamp::from_second(day.saturating_mul(86_400));
        at.map_or_else(|_| day.to_string(), |at| at.strftime("%Y-%m-%d").to_string())
    };
    if last.saturating_sub(*first) > MOST {
        return days.iter().map(|(day, count)| (date(*day), *count)).collect();
    }
    (*first..=*last).map(|day| (date(day), days.get(&day).copied().unwrap_or_default())).collect()
}

fn troubles(report: &Report) -> Vec<(String, u64)> {
    let refused = report
        .refused
        .iter()
        .map(|(reason, n)| (format!("messages refused: {}", word(reason)), *n));
    let skipped = report
        .skipped
        .iter()
        .map(|(reason, n)| (format!("attempts passed over: {}", word(reason)), *n));
    let faults = report.faults.iter().map(|(fault, n)| (format!("no answer: {fault}"), *n));
    refused.chain(skipped).chain(faults).collect()
}

/// The difference, as the page shows it.
pub(super) fn difference(difference: &Difference) -> page::Difference {
    let users = difference.users;
    let nodes = difference.nodes.iter().map(|(node, counts)| page::NodeDifference {
        name: node.to_string(),
        gained: counts.gained,
        lost: counts.lost,
        changed: counts.changed,
        same: counts.same,
    });
    let moment = |moment: &crate::backtest::Moment| page::Moment {
        at: moment.at.clone(),
        text: moment.text.clone(),
        kind: match moment.kind {
            Kind::Visit => page::Kind::Visit,
            Kind::Stall => page::Kind::Stall,
            Kind::Send => page::Kind::Send,
            Kind::End => page::Kind::End,
        },
        under: match moment.under {
            Under::Both => page::Under::Both,
            Under::Old => page::Under::Old,
            Under::New => page::Under::New,
        },
    };
    let person = |person: &crate::backtest::Person| page::Person {
        user: person.user.to_string(),
        change: person.change.clone(),
        moments: person.moments.iter().map(moment).collect(),
    };
    page::Difference {
        gain: users.gain,
        lose: users.lose,
        change: users.change,
        same: users.same,
        none: users.none,
        nodes: nodes.collect(),
        sample: difference.sample.iter().map(person).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dwells_fall_into_buckets_that_double() {
        assert_eq!(buckets(&[0, 999, 1_000, 1_999, 2_000, 9_000]), [2, 2, 1, 0, 1]);
        assert_eq!(buckets(&[]), [0; 0]);
        let all = buckets(&[0, u64::MAX - 1, u64::MAX]);
        assert_eq!((all.first(), all.iter().sum()), (Some(&1), 3_u64));
    }

    #[test]
    fn days_have_no_gaps_unless_they_are_years_apart() {
        let week = days(&BTreeMap::from([(-1, 3), (2, 1)]));
        let dates: Vec<(&str, u64)> = week.iter().map(|(day, count)| (&**day, *count)).collect();
        assert_eq!(
            dates,
            [("1969-12-31", 3), ("1970-01-01", 0), ("1970-01-02", 0), ("1970-01-03", 1)]
        );
        assert_eq!(days(&BTreeMap::from([(i64::MIN, 1), (i64::MAX, 1)])).len(), 2);
        assert!(days(&BTreeMap::new()).is_empty());
    }
}
