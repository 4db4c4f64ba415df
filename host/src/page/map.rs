//! The picture of the process: the nodes from top to bottom, how long users stayed at each, who stalled and
//! what was sent, and the ways between them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::dwell::{self, Scale};
use super::flows::{Arc, Choice, arcs, choose};
use super::text::{Safe, count, cut, put, share, short, span, width};
use super::{Flow, Node, Side};

/// The picture is about as wide as a phone, so that its text need not shrink there.
const WIDTH: f64 = 384.0;
/// A node: where it stands, and how large it is.
const LEFT: f64 = 60.0;
const WIDE: f64 = 270.0;
const RIGHT: f64 = LEFT + WIDE;
const HIGH: f64 = 96.0;
const TOP: f64 = 42.0;
const STEP: f64 = HIGH + 30.0;
/// Text beside it.
pub(super) const BESIDE: f64 = 167.0;
/// More nodes than this are no picture any more.
const MOST_NODES: usize = 40;
/// More numbers than this beside the nodes hide what they are about.
const MOST_LABELS: usize = 14;

/// Draws one side into `out`, and says below what is not drawn. `hue` is the class of the side's colour.
pub(super) fn draw(out: &mut String, side: &Side, scale: &Scale, hue: &str) {
    if side.nodes.is_empty() {
        put!(out, "<p class=\"empty\">There are no nodes.</p>");
        return;
    }
    let mut kept: Vec<(usize, &Node)> = side.nodes.iter().enumerate().collect();
    kept.sort_by_key(|(_, node)| Reverse(node.visits));
    kept.truncate(MOST_NODES);
    kept.sort_by_key(|(i, _)| *i);
    let rows: BTreeMap<usize, usize> =
        kept.iter().enumerate().map(|(row, (i, _))| (*i, row)).collect();
    let choice = choose(side, &rows);

    let high = TOP + STEP * kept.len() as f64 - (STEP - HIGH) + 12.0;
    put!(
        out,
        "<svg class=\"map {hue}\" viewBox=\"0 0 {WIDTH:.0} {high:.0}\" role=\"img\" \
         aria-label=\"The process: {}\"><title>The process: {}</title>\
         <defs><pattern id=\"beyond-{hue}\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><rect class=\"strong\" width=\"4\" height=\"4\"/>\
         <rect class=\"stripe\" width=\"1.3\" height=\"4\"/></pattern></defs>",
        Safe(&side.name),
        Safe(&side.name)
    );
    if choice.ways.iter().any(|way| way.from.is_some()) {
        let back = WIDTH - 2.0;
        put!(out, "<text class=\"faint\" x=\"2\" y=\"12\">onward ↓</text>");
        put!(out, "<text class=\"faint end\" x=\"{back:.0}\" y=\"12\">back ↑</text>");
    }
    let mut labels = Labels::default();
    draw_arcs(out, &choice.ways, scale, &mut labels);
    draw_straight(out, &choice.ways, scale);
    for (row, (_, node)) in kept.iter().enumerate() {
        draw_node(out, node, TOP + STEP * row as f64, scale, hue);
    }
    out.push_str(&labels.out);
    put!(out, "</svg>");
    say_left_out(out, side.nodes.len() - kept.len(), &choice);
}

fn say_left_out(out: &mut String, nodes: usize, choice: &Choice) {
    if choice.left_out > 0 {
        let all = choice.left_out + choice.ways.len();
        put!(
            out,
            "<p class=\"note\">{} of {all} ways are drawn, with {:.0} % of all moves. The other {} \
             are too weak.</p>",
            choice.ways.len(),
            (100.0 * choice.covered).floor(),
            choice.left_out
        );
    }
    if nodes > 0 {
        put!(out, "<p class=\"note\">{nodes} nodes with fewer visits are not drawn.</p>");
    }
}

/// Labels of ways: written over everything else, and never over each other.
#[derive(Default)]
struct Labels {
    out: String,
    taken: Vec<(f64, f64, f64)>,
}

impl Labels {
    /// Writes `n` around `x` at the first of `ys` where there is room.
    fn put(&mut self, n: u64, x: f64, ys: impl Iterator<Item = f64>, within: (f64, f64)) {
        let text = short(n);
        let half = width(&text) * 5.3 + 2.0;
        let x = x.min(within.1 - half).max(within.0 + half);
        let free = |y: &f64| {
            !self
                .taken
                .iter()
                .any(|(other, reach, at)| (other - x).abs() < half + reach && (at - y).abs() < 14.0)
        };
        if let Some(y) = ys.into_iter().find(free) {
            self.taken.push((x, half, y));
            put!(
                &mut self.out,
                "<rect class=\"plate\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"14\" rx=\"4\"/>\
                 <text class=\"way-count mid\" x=\"{x:.1}\" y=\"{:.1}\">{text}</text>",
                x - half,
                y - 7.0,
                2.0 * half,
                y + 4.0
            );
        }
    }
}

/// Ways around other nodes. The strongest get their labels first.
fn draw_arcs(out: &mut String, ways: &[Flow], scale: &Scale, labels: &mut Labels) {
    let mut arcs = arcs(ways);
    let deepest = |forward: bool| {
        let lanes = arcs.iter().filter(|arc| arc.forward() == forward).map(|arc| arc.lane);
        lanes.max().unwrap_or(0)
    };
    let (onward, back) = (deepest(true), deepest(false));
    arcs.sort_by_key(|arc| (arc.count, arc.from, arc.to));
    let strongest = arcs.last().map_or(0, |arc| arc.count);
    let place = |arc: &Arc| {
        let (edge, side, room, last) = match arc.forward() {
            true => (LEFT, -1.0, LEFT, onward),
            false => (RIGHT, 1.0, WIDTH - RIGHT, back),
        };
        let gap = ((room - 20.0) / last.max(1) as f64).min(13.0);
        (edge, side, edge + side * (15.0 + gap * arc.lane as f64))
    };
    let y = |row: usize, port: f64| TOP + STEP * row as f64 + HIGH * port;
    for arc in &arcs {
        let (edge, side, lane) = place(arc);
        let (start, end) = (y(arc.from, arc.leaves), y(arc.to, arc.reaches));
        let (thick, dark) = scale.stroke(arc.count);
        let head = 4.0 + 0.55 * thick;
        let round = 20.0_f64.min((end - start).abs() / 2.0).copysign(end - start);
        let (tip, turn, straight) = (edge + side, start + round, end - round);
        let neck = tip + side * head;
        put!(
            out,
            "<g opacity=\"{dark:.2}\"><path class=\"way\" stroke-width=\"{thick:.1}\" \
             d=\"M{edge:.1} {start:.1}Q{lane:.1} {start:.1} {lane:.1} {turn:.1}V{straight:.1}\
             Q{lane:.1} {end:.1} {neck:.1} {end:.1}\"/><path class=\"head\" d=\"M{tip:.1} {end:.1}\
             L{neck:.1} {:.1}V{:.1}Z\"/></g>",
            end - head * 0.7,
            end + head * 0.7
        );
    }
    let strong = |arc: &&Arc| arc.count as f64 >= 0.04 * strongest as f64;
    for arc in arcs.iter().rev().take_while(strong).take(MOST_LABELS) {
        let (edge, _, lane) = place(arc);
        let (start, end) = (y(arc.from, arc.leaves), y(arc.to, arc.reaches));
        let within = if edge > LEFT { (RIGHT + 2.0, WIDTH) } else { (0.0, LEFT - 2.0) };
        let ys = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.2, 0.8];
        labels.put(arc.count, lane, ys.iter().map(|t| start + (end - start) * t), within);
    }
}

/// Ways from a node to the next, and into the process from outside.
fn draw_straight(out: &mut String, ways: &[Flow], scale: &Scale) {
    for way in ways.iter().rev().filter(|way| way.from.is_none_or(|from| from + 1 == way.to)) {
        let enters = way.from.is_none();
        let x = if enters { LEFT + 26.0 } else { LEFT + WIDE / 2.0 };
        let bottom = TOP + STEP * way.to as f64 - 1.0;
        let top = bottom - if enters { 20.0 } else { STEP - HIGH - 2.0 };
        let (thick, dark) = scale.stroke(way.count);
        let head = 4.0 + 0.55 * thick;
        put!(
            out,
            "<g opacity=\"{dark:.2}\"><path class=\"way\" stroke-width=\"{thick:.1}\" \
             d=\"M{x:.1} {top:.1}V{:.1}\"/><path class=\"head\" d=\"M{x:.1} {bottom:.1}\
             L{:.1} {:.1}H{:.1}Z\"/>",
            bottom - head,
            x - head * 0.7,
            bottom - head,
            x + head * 0.7
        );
        if enters {
            put!(
                out,
                "<circle class=\"head\" cx=\"{x:.1}\" cy=\"{top:.1}\" r=\"{:.1}\"/>",
                3.5_f64.max(thick / 2.0 + 1.0)
            );
        }
        put!(
            out,
            "</g><text class=\"way-count\" x=\"{:.1}\" y=\"{:.1}\">{}{}</text>",
            x + 7.0 + thick / 2.0,
            bottom - 10.0,
            short(way.count),
            if enters { " start" } else { "" }
        );
    }
}

fn draw_node(out: &mut String, node: &Node, y: f64, scale: &Scale, hue: &str) {
    let thresholds: Vec<String> = node.thresholds.iter().map(|after| span(*after)).collect();
    put!(
        out,
        "<g class=\"node{}\" transform=\"translate({LEFT:.1} {y:.1})\"><title>{}: {} visits, median \
         {}, stalled after {}: {}; messages {}, converted {}</title>\
         <rect class=\"box\" width=\"{WIDE:.0}\" height=\"{HIGH:.0}\" rx=\"9\"/>",
        if node.last { " last" } else { "" },
        Safe(&node.name),
        count(node.visits),
        node.median.map_or("–".to_owned(), span),
        if thresholds.is_empty() { "–".to_owned() } else { thresholds.join(", ") },
        count(node.stalled),
        count(node.messages),
        count(node.converted)
    );
    if node.last {
        let (w, h) = (WIDE - 6.0, HIGH - 6.0);
        put!(
            out,
            "<rect class=\"inner\" x=\"3\" y=\"3\" width=\"{w:.0}\" height=\"{h:.0}\" rx=\"7\"/>"
        );
    }
    let (visits, right) = (short(node.visits), WIDE - 12.0);
    let band = (WIDE - 12.0) * (node.visits as f64 / scale.visits);
    let room = (right - 12.0) / 13.0 - width(&visits) * 12.0 / 13.0 - 1.0;
    put!(
        out,
        "<rect class=\"band\" x=\"6\" y=\"6\" width=\"{band:.1}\" height=\"20\" rx=\"5\"/>\
         <text class=\"name\" x=\"12\" y=\"20.5\">{}</text>\
         <text class=\"num end\" x=\"{right:.1}\" y=\"20.5\">{visits}</text>",
        Safe(&cut(&node.name, room))
    );
    dwell::draw(out, node, scale, hue);

    let mut lines = Vec::new();
    if node.messages > 0 {
        let converted = share(node.converted, node.messages as f64);
        lines.push(format!("<tspan class=\"num\" dx=\"24\">{}</tspan> sent", short(node.messages)));
        lines.push(format!("{converted} converted"));
    }
    if !node.thresholds.is_empty() || node.stalled > 0 {
        lines.push(format!("{} stalled", short(node.stalled)));
    }
    if let Some(median) = node.median {
        lines.push(format!("median {}", span(median)));
    }
    // Without room its frame alone says it.
    if node.last && lines.len() < 4 {
        lines.push("■ the end".to_owned());
    }
    let x = if dwell::is_measured(node) || node.messages > 0 { BESIDE } else { 12.0 };
    for (i, line) in lines.iter().enumerate() {
        put!(out, "<text x=\"{x:.0}\" y=\"{:.1}\">{line}</text>", 45.0 + 14.5 * i as f64);
    }
    if node.messages > 0 {
        let size = 0.42 + 0.58 * (node.messages as f64 / scale.messages).sqrt();
        put!(
            out,
            "<g class=\"letter\" transform=\"translate({:.1} 41) scale({size:.2})\">\
             <rect x=\"-10\" y=\"-7\" width=\"20\" height=\"14\" rx=\"2\"/>\
             <path d=\"M-9 -5.5L0 1.5L9 -5.5\"/></g>",
            BESIDE + 10.0
        );
    }
    put!(out, "</g>");
}
