//! What must hold for any page at all.

use super::*;

const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&\u{202e}\n</svg></style><script>\u{0}";

/// A page with something of everything: `name` names a text, `n` is a number.
fn full(text: &str, n: u64) -> Page {
    let text = || text.to_owned();
    let node = |last| Node {
        name: text(),
        visits: n,
        stalled: n,
        messages: n,
        converted: n,
        dwell: vec![n; 70],
        median: Some(n),
        thresholds: vec![n, 0, n / 2],
        last,
    };
    let flows = [(None, 0), (None, 2), (Some(0), 1), (Some(0), 2), (Some(2), 0), (Some(9), 9)];
    let side = || Side {
        name: text(),
        policies: vec![text()],
        nodes: vec![node(false), node(false), node(true)],
        flows: flows.map(|(from, to)| Flow { from, to, count: n }).to_vec(),
        channels: vec![Channel { name: text(), sends: n, cost: n as f64 }],
        days: vec![(text(), n), ("2011-10-01".to_owned(), n)],
        messages: n,
        converted: n,
        sends: n,
        cost: n as f64,
        troubles: vec![(text(), n)],
    };
    let moment = |kind, under| Moment { at: text(), text: text(), kind, under };
    let moments = vec![
        moment(Kind::Visit, Under::Both),
        moment(Kind::Stall, Under::Old),
        moment(Kind::Send, Under::New),
        moment(Kind::End, Under::New),
    ];
    let person = || Person { user: text(), change: text(), moments: moments.clone() };
    let node = NodeDifference { name: text(), gained: n, lost: n, changed: n, same: n };
    let sample = vec![person(), Person { moments: vec![], ..person() }];
    let (nodes, sides) = (vec![node], vec![side(), side()]);
    let difference = Difference { gain: n, lose: n, change: n, same: n, none: n, nodes, sample };
    Page { title: text(), past: text(), sides, difference: Some(difference) }
}

/// Whether every tag is closed by its own, every attribute quoted, and nothing else looks like a tag.
fn check(html: &str) {
    const VOID: [&str; 4] = ["!DOCTYPE", "meta", "wbr", "br"];
    let mut open: Vec<&str> = Vec::new();
    let (before, rest) = html.split_once("<style>").unwrap();
    let (style, after) = rest.split_once("</style>").unwrap();
    assert!(!style.contains('<'));
    for part in [before, after] {
        for tag in part.split('<').skip(1) {
            let (tag, text) = tag.split_once('>').expect("a tag ends");
            assert!(!text.contains('>'), "a bare > in {text}");
            assert!(tag.matches('"').count() % 2 == 0, "quotes in <{tag}>");
            let outside: String = tag.split('"').step_by(2).collect();
            assert!(!outside.contains(['\'', '&']), "an attribute without quotes in <{tag}>");
            assert!(!outside.contains(" on"), "a handler in <{tag}>");
            if tag.starts_with("svg") {
                assert!(tag.contains("role=\"img\"") && tag.contains("aria-label"), "<{tag}>");
            }
            let name = tag.split([' ', '/']).next().unwrap_or_default();
            if let Some(closed) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(closed));
            } else if !tag.ends_with('/') && !VOID.contains(&name) {
                open.push(name);
            }
        }
    }
    assert_eq!(open, [""; 0]);
    for never in ["http:", "https:", "<script", "javascript:", "NaN", "inf ", "url(//"] {
        assert!(!html.contains(never), "{never}");
    }
}

#[test]
fn no_text_becomes_markup() {
    let html = render(&full(HOSTILE, 3));
    check(&html);
    assert!(!html.contains("<img"));
    assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;"));
    assert!(!html.contains('\0'));
}

#[test]
fn nothing_at_all_is_a_page() {
    check(&render(&Page::default()));
    let one = Page { sides: vec![Side::default()], ..Page::default() };
    check(&render(&one));
    let two = Page {
        sides: vec![Side::default(), Side::default()],
        difference: Some(Difference::default()),
        ..Page::default()
    };
    let html = render(&two);
    check(&html);
    assert!(html.contains("There are no nodes.") && html.contains("Nothing changes for anybody."));
}

#[test]
fn any_number_is_shown() {
    let mut uneven = full("a", 1);
    (uneven.sides[0].converted, uneven.sides[0].messages) = (1, u64::MAX);
    uneven.sides[1].messages = 1;
    uneven.sides[1].converted = u64::MAX;
    check(&render(&uneven));
    for n in [0, 1, 999, 1_000_000, u64::MAX / 3, u64::MAX] {
        check(&render(&full("a", n)));
    }
    let mut page = full("a", 1);
    for (cost, side) in [f64::NAN, f64::INFINITY].into_iter().zip(&mut page.sides) {
        side.cost = cost;
    }
    check(&render(&page));
}

#[test]
fn a_large_process_is_drawn_in_part() {
    let mut page = full("a", 5);
    let node = Node { name: "n".repeat(300), visits: 1, ..Node::default() };
    for side in &mut page.sides {
        side.nodes = vec![node.clone(); 300];
        side.flows = (0..9_000_usize)
            .map(|i| Flow { from: Some(i % 300), to: (i * 7) % 300, count: i as u64 })
            .collect();
    }
    let html = render(&page);
    check(&html);
    assert!(html.contains("260 nodes with fewer visits are not drawn."));
    assert!(html.contains("nnnn…"));
}

#[test]
fn the_same_page_is_the_same_bytes() {
    assert_eq!(render(&full("a", 7)), render(&full("a", 7)));
}

#[test]
fn differences_have_their_signs() {
    let mut page = full("a", 0);
    for (side, n) in page.sides.iter_mut().zip([100, 1_250]) {
        (side.messages, side.sends, side.cost) = (n, 2_000 - n, 100.0 / n as f64);
    }
    let html = render(&page);
    assert!(html.contains("+1,150 (+1,150\u{a0}%)"));
    assert!(html.contains("−1,150 (−61\u{a0}%)"));
    assert!(html.contains("−0.92 (−92\u{a0}%)"));
    assert!(html.contains("±0"));
}

#[test]
fn thresholds_are_drawn_and_named() {
    let mut page = full("a", 0);
    page.sides.truncate(1);
    let drawn = |page: &Page| render(page).matches("class=\"threshold\"").count();
    for node in page.sides.iter_mut().flat_map(|side| &mut side.nodes) {
        node.thresholds.clear();
    }
    assert_eq!(drawn(&page), 0);
    page.sides[0].nodes[1].thresholds = vec![604_800_000, 90_000];
    assert_eq!(drawn(&page), 2);
    let html = render(&page);
    assert!(html.contains(">90\u{a0}s</text>") && html.contains(">7\u{a0}d</text>"));
}

#[test]
fn lengths_and_numbers_read_well() {
    let spans = [(0, "0 ms"), (1_500, "1.5 s"), (90_000, "90 s"), (3_600_000, "1 h")];
    let more = [(86_400_000, "24 h"), (604_800_000, "7 d"), (u64::MAX, "≥1,000 y")];
    for (millis, said) in spans.into_iter().chain(more) {
        assert_eq!(text::span(millis).replace('\u{a0}', " "), said);
    }
    let shorts = [(9_999, "9,999"), (12_345, "12.3k"), (999_999, "1M"), (u64::MAX, "18.4E")];
    for (n, said) in shorts {
        assert_eq!(text::short(n), said);
    }
    assert_eq!(text::count(1_234_567), "1,234,567");
    assert_eq!(text::money(-1_234.5), "−1,234.50");
    assert_eq!(text::cut("a\n b", 9.0), "a b");
}

#[test]
fn days_of_both_sides_share_an_axis() {
    let mut page = full("a", 1);
    let days = |of: &[&str]| of.iter().map(|day| ((*day).to_owned(), 1)).collect();
    page.sides[0].days = days(&["2011-12-30", "2011-12-31"]);
    page.sides[1].days = days(&["2012-01-02"]);
    let all = days::Days::of(&page.sides);
    let all: Vec<_> = all.days.iter().map(|(day, n)| (day.as_str(), n.as_slice())).collect();
    assert_eq!(
        all,
        [
            ("2011-12-30", [1, 0].as_slice()),
            ("2011-12-31", &[1, 0]),
            ("2012-01-01", &[0, 0]),
            ("2012-01-02", &[0, 1]),
        ]
    );
}
