//! Within a node of the map: how long users stayed there, and from when on they have stalled.

use super::map::BESIDE;
use super::text::{put, span, width};
use super::{Node, Page};

/// Where the picture is within its node.
const DWELL_X: f64 = 12.0;
const DWELL_Y: f64 = 45.0;
const DWELL_WIDE: f64 = 143.0;
const DWELL_HIGH: f64 = 28.0;

/// What all pictures of a page measure by, so that they can be compared.
pub(super) struct Scale {
    pub(super) visits: f64,
    pub(super) messages: f64,
    way: f64,
    /// Buckets of dwell.
    buckets: f64,
}

impl Scale {
    pub(super) fn of(page: &Page) -> Scale {
        let nodes = || page.sides.iter().flat_map(|side| &side.nodes);
        let most = |counts: &mut dyn Iterator<Item = u64>| counts.max().unwrap_or(0).max(1) as f64;
        let used = |node: &Node| node.dwell.iter().rposition(|n| *n > 0).map_or(0, |i| i + 1);
        // At least up to four weeks; what is longer than decades falls into the last bucket.
        let buckets = nodes().map(used).max().unwrap_or(0).clamp(23, 32) as f64;
        Scale {
            visits: most(&mut nodes().map(|node| node.visits)),
            messages: most(&mut nodes().map(|node| node.messages)),
            way: most(&mut page.sides.iter().flat_map(|s| &s.flows).map(|flow| flow.count)),
            buckets,
        }
    }

    /// Where a length of time is, from 0 to 1.
    fn at(&self, millis: u64) -> f64 {
        let seconds = millis as f64 / 1000.0;
        let buckets = if seconds < 1.0 { seconds } else { 1.0 + seconds.log2() };
        (buckets / self.buckets).min(1.0)
    }

    /// How thick and how dark a way is.
    pub(super) fn stroke(&self, count: u64) -> (f64, f64) {
        let part = (count as f64 / self.way).sqrt();
        (0.8 + 6.2 * part, (0.3 + 0.9 * part).min(0.9))
    }
}

/// Whether there is anything to draw.
pub(super) fn is_measured(node: &Node) -> bool {
    !node.thresholds.is_empty() || node.median.is_some() || node.dwell.iter().any(|n| *n > 0)
}

/// How long users stayed, by the logarithm of the time; what is beyond the threshold is hatched.
pub(super) fn draw(out: &mut String, node: &Node, scale: &Scale, hue: &str) {
    let base = DWELL_Y + DWELL_HIGH;
    let x = |millis: u64| DWELL_X + DWELL_WIDE * scale.at(millis);
    let end = DWELL_X + DWELL_WIDE;
    let mut thresholds = node.thresholds.clone();
    thresholds.sort_unstable();
    thresholds.dedup();
    let beyond = thresholds.first().map_or(end, |after| x(*after));
    if beyond < end {
        put!(
            out,
            "<rect class=\"late\" x=\"{beyond:.1}\" y=\"{DWELL_Y:.1}\" width=\"{:.1}\" \
             height=\"{DWELL_HIGH:.1}\"/>",
            end - beyond
        );
    }
    // Where nobody stayed and nobody is waited for, there is nothing to measure.
    if !is_measured(node) {
        return;
    }
    put!(out, "<path class=\"axis\" d=\"M{DWELL_X:.1} {base:.1}H{end:.1}\"/>");
    for (at, tick) in
        [(60_000, "1 min"), (3_600_000, "1 h"), (86_400_000, "1 d"), (2_592_000_000, "30 d")]
    {
        let x = x(at);
        put!(out, "<path class=\"axis\" d=\"M{x:.1} {base:.1}v3\"/>");
        put!(out, "<text class=\"tick mid\" x=\"{x:.1}\" y=\"{:.1}\">{tick}</text>", base + 14.5);
    }

    let buckets = scale.buckets as usize;
    let mut bars = vec![0.0_f64; buckets];
    for (i, visits) in node.dwell.iter().enumerate() {
        if let Some(bar) = bars.get_mut(i.min(buckets.saturating_sub(1))) {
            *bar += *visits as f64;
        }
    }
    let most = bars.iter().copied().fold(1.0, f64::max);
    let wide = DWELL_WIDE / scale.buckets;
    let (mut within, mut after) = (String::new(), String::new());
    let bar = |out: &mut String, from: f64, to: f64, high: f64| {
        if to - from > 0.05 {
            put!(out, "M{from:.1} {base:.1}v{:.1}h{:.1}v{high:.1}z", -high, to - from);
        }
    };
    for (i, visits) in bars.iter().enumerate().filter(|(_, visits)| **visits > 0.0) {
        let from = DWELL_X + wide * i as f64 + 0.5;
        let (to, high) = (from + wide - 1.0, (DWELL_HIGH * visits / most).max(1.2));
        bar(&mut within, from, to.min(beyond), high);
        bar(&mut after, from.max(beyond), to, high);
    }
    put!(out, "<path class=\"bars\" d=\"{within}\"/>");
    put!(out, "<path fill=\"url(#beyond-{hue})\" d=\"{after}\"/>");

    if let Some(median) = node.median {
        let (x, y) = (x(median), base + 0.5);
        put!(out, "<path class=\"median\" d=\"M{x:.1} {y:.1}l-4 6h8z\"/>");
    }
    draw_thresholds(out, &thresholds, x);
}

/// A line at each threshold. Where labels would overlap, one label says from when to when.
fn draw_thresholds(out: &mut String, thresholds: &[u64], x: impl Fn(u64) -> f64) {
    let label = |first: u64, last: u64| {
        let text =
            if first == last { span(first) } else { format!("{}–{}", span(first), span(last)) };
        let half = width(&text) * 5.5;
        let at = f64::midpoint(x(first), x(last)).max(DWELL_X + half).min(BESIDE - 4.0 - half);
        (text, at, half)
    };
    let mut groups: Vec<(u64, u64)> = Vec::new();
    for after in thresholds {
        let (at, top, high) = (x(*after), DWELL_Y - 4.0, DWELL_HIGH + 6.0);
        put!(out, "<path class=\"threshold\" d=\"M{at:.1} {top:.1}v{high:.1}\"/>");
        let mut group = (*after, *after);
        while let Some(before) = groups.pop() {
            let ((_, left, wide), (_, right, half)) =
                (label(before.0, before.1), label(group.0, group.1));
            if right - left > wide + half + 4.0 {
                groups.push(before);
                break;
            }
            group.0 = before.0;
        }
        groups.push(group);
    }
    for (first, last) in groups {
        let (text, at, _) = label(first, last);
        let y = DWELL_Y - 6.5;
        put!(out, "<text class=\"after mid\" x=\"{at:.1}\" y=\"{y:.1}\">{text}</text>");
    }
}
