//! The document: what stands where, and the tables.

use super::charts::{balance, stack};
use super::days::Days;
use super::dwell::Scale;
use super::text::{Safe, change, change_money, change_share, count, money, name, put, share, span};
use super::{Difference, Page, Side, map, people};

/// The longest a table gets.
const MOST_ROWS: usize = 400;

/// The classes of the sides' colours: a replay's only side has the colour of the new one.
fn hues(page: &Page) -> &'static [&'static str] {
    if page.sides.len() > 1 { &["old", "new"] } else { &["new"] }
}

fn sides(page: &Page) -> impl Iterator<Item = (&'static str, &Side)> {
    hues(page).iter().copied().zip(&page.sides)
}

/// The whole page.
pub(super) fn document(page: &Page) -> String {
    let mut out = String::with_capacity(64 * 1024);
    let out = &mut out;
    let title = if page.title.trim().is_empty() { "(no name)" } else { &page.title };
    let (title, what) = (Safe(title), if page.sides.len() > 1 { "Backtest" } else { "Replay" });
    // Nothing may be loaded or run, even if something slipped through.
    put!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'\">\n<title>{title} · Nudge</title>\n<style>\n{}</style>\n</head>\n<body>\n",
        include_str!("style.css")
    );
    put!(
        out,
        "<header><p class=\"eyebrow\">Nudge · {what}</p><h1><bdi>{title}</bdi></h1><p class=\"past\">{}</p>",
        Safe(&page.past)
    );
    strategies(out, page);
    put!(out, "</header>\n<main>\n");
    section(out, "figures", "Key figures", "", |out| figures(out, page));
    if let Some(difference) = &page.difference {
        section(
            out,
            "difference",
            "Who gets something else",
            "Users, of all who were there.",
            |out| {
                stack(out, difference);
                by_node(out, difference);
            },
        );
    }
    section(out, "process", "The process", "", |out| process(out, page));
    section(out, "days", "Messages by day", "", |out| days(out, page));
    section(out, "channels", "Channels", "", |out| channels(out, page));
    if let Some(difference) = &page.difference {
        let about = "A sample of those for whom something changes.";
        section(out, "people", "Users", about, |out| match difference.sample.as_slice() {
            [] => put!(out, "<p class=\"empty\">Nothing changes for anybody.</p>"),
            sample => people::write(out, sample),
        });
    }
    if page.sides.iter().any(|side| !side.troubles.is_empty()) {
        section(out, "troubles", "Troubles", "", |out| troubles(out, page));
    }
    let what = match what {
        "Replay" => {
            "A replay runs a strategy over recorded events and shows what it would have done."
        }
        _ => {
            "A backtest runs two strategies over the same recorded events and shows where they differ."
        }
    };
    put!(
        out,
        "</main>\n<footer><p>{what} The past is taken as it happened: nobody’s reaction to messages that \
         were not sent then is simulated.</p></footer>\n</body>\n</html>\n"
    );
    std::mem::take(out)
}

fn section(out: &mut String, id: &str, title: &str, about: &str, body: impl FnOnce(&mut String)) {
    put!(out, "<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{title}</h2>");
    if !about.is_empty() {
        put!(out, "<p class=\"about\">{about}</p>");
    }
    body(out);
    put!(out, "</section>\n");
}

/// A table whose first column is what its rows are about. All strings are HTML already.
fn table(out: &mut String, caption: &str, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    put!(
        out,
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\"><table><caption>{caption}</caption><thead><tr>"
    );
    heads.iter().for_each(|head| put!(out, "<th scope=\"col\">{head}</th>"));
    put!(out, "</tr></thead><tbody>");
    let mut left_out = 0_usize;
    for (i, row) in rows.enumerate() {
        if i >= MOST_ROWS {
            left_out += 1;
            continue;
        }
        put!(out, "<tr>");
        for (column, cell) in row.iter().enumerate() {
            match column {
                0 => put!(out, "<th scope=\"row\">{cell}</th>"),
                _ => put!(out, "<td>{cell}</td>"),
            }
        }
        put!(out, "</tr>");
    }
    put!(out, "</tbody></table></div>");
    if left_out > 0 {
        put!(out, "<p class=\"note\">And {left_out} more rows.</p>");
    }
}

fn strategies(out: &mut String, page: &Page) {
    put!(out, "<ul class=\"strategies\">");
    for (hue, side) in sides(page) {
        put!(out, "<li class=\"{hue}\"><b><bdi>{}</bdi></b><ul>", Safe(&side.name));
        side.policies.iter().for_each(|line| put!(out, "<li>{}</li>", Safe(line)));
        put!(out, "</ul></li>");
    }
    put!(out, "</ul>");
}

fn figures(out: &mut String, page: &Page) {
    let figure = |out: &mut String, label: &str, say: &dyn Fn(&Side) -> String, by: String| {
        put!(out, "<div><dt>{label}</dt>");
        for (i, (hue, side)) in sides(page).enumerate() {
            let arrow =
                if i > 0 { "<span class=\"to\" aria-hidden=\"true\">→</span>" } else { "" };
            let tag = match page.sides.len() {
                1 => String::new(),
                _ => format!("<small>{hue}</small> "),
            };
            put!(out, "<dd class=\"{hue}\">{arrow}{tag}{}</dd>", say(side));
        }
        if !by.is_empty() {
            put!(out, "<dd class=\"by\">{by}</dd>");
        }
        put!(out, "</div>");
    };
    let between = |by: &dyn Fn(&Side, &Side) -> String| match page.sides.as_slice() {
        [old, new] => by(old, new),
        _ => String::new(),
    };
    let counts = |of: fn(&Side) -> u64| {
        between(&|old, new| {
            let (old, new) = (of(old), of(new));
            format!("{}{}", change(old, new), change_share(old as f64, new as f64))
        })
    };
    let cost = between(&|old, new| {
        format!("{}{}", change_money(old.cost, new.cost), change_share(old.cost, new.cost))
    });
    if page.sides.is_empty() {
        put!(out, "<p class=\"empty\">Nothing was run.</p>");
        return;
    }
    let converted = |side: &Side| match (count(side.converted), side.messages) {
        (converted, 0) => converted,
        (converted, all) => {
            format!("{converted} <small>{}</small>", share(side.converted, all as f64))
        }
    };
    put!(out, "<dl class=\"figures\">");
    figure(out, "Messages", &|side| count(side.messages), counts(|side| side.messages));
    figure(out, "Attempts", &|side| count(side.sends), counts(|side| side.sends));
    figure(out, "Cost", &|side| money(side.cost), cost);
    figure(out, "Converted", &converted, counts(|side| side.converted));
    put!(out, "</dl>");
}

fn by_node(out: &mut String, difference: &Difference) {
    let nodes = &difference.nodes;
    if nodes.is_empty() {
        return;
    }
    let most = nodes.iter().map(|node| node.gained.max(node.lost)).max().unwrap_or(0);
    let signed = |sign: &str, n: u64| match n {
        0 => "<span class=\"soft\">0</span>".to_owned(),
        n => format!("{sign}{}", count(n)),
    };
    let heads = ["Node", "Gained", "Lost", "Changed", "Same", "− lost · gained +"];
    let rows = nodes.iter().map(|node| {
        vec![
            name(&node.name),
            format!("<span class=\"new\">{}</span>", signed("+", node.gained)),
            format!("<span class=\"old\">{}</span>", signed("−", node.lost)),
            signed("", node.changed),
            signed("", node.same),
            balance(node, most),
        ]
    });
    table(out, "Messages by the node they are about", &heads, rows);
}

fn process(out: &mut String, page: &Page) {
    if page.sides.iter().all(|side| side.nodes.is_empty()) {
        put!(out, "<p class=\"empty\">There are no nodes.</p>");
        return;
    }
    put!(
        out,
        "<ul class=\"legend\"><li><span class=\"key band\"></span>visits</li>\
         <li><span class=\"key bars\"></span>how long they lasted, on a logarithmic scale</li>\
         <li><span class=\"key threshold\"></span>the length after which a visit has stalled</li>\
         <li><span class=\"key beyond\"></span>beyond it</li>\
         <li><span class=\"key median\"></span>median</li>\
         <li><span class=\"key last\"></span>the process ends there</li>\
         <li><span class=\"key\">✉</span>messages, the larger the more</li>\
         <li><span class=\"key\">→</span>ways: onward at the left, back at the right</li></ul>"
    );
    let scale = Scale::of(page);
    let one = if page.sides.len() == 1 { " one" } else { "" };
    put!(out, "<div class=\"maps{one}\">");
    for (hue, side) in sides(page) {
        put!(
            out,
            "<figure class=\"{hue}\"><figcaption><bdi>{}</bdi></figcaption>",
            Safe(&side.name)
        );
        map::draw(out, side, &scale, hue);
        put!(out, "</figure>");
        if !side.nodes.is_empty() {
            let open = if one.is_empty() { "" } else { " open" };
            let of = if one.is_empty() { format!(" ({hue})") } else { String::new() };
            put!(
                out,
                "<details class=\"numbers {hue}\"{open}><summary>The same in numbers{of}</summary>"
            );
            nodes(out, side);
            put!(out, "</details>");
        }
    }
    put!(out, "</div>");
}

fn nodes(out: &mut String, side: &Side) {
    let heads = ["Node", "Visits", "Median", "Stalled after", "Stalled", "Messages", "Converted"];
    let rows = side.nodes.iter().map(|node| {
        let after: Vec<String> = node.thresholds.iter().map(|after| span(*after)).collect();
        vec![
            format!(
                "{}{}",
                name(&node.name),
                if node.last { " <small>the end</small>" } else { "" }
            ),
            count(node.visits),
            node.median.map_or("–".to_owned(), span),
            if after.is_empty() { "–".to_owned() } else { after.join(", ") },
            count(node.stalled),
            count(node.messages),
            match node.messages {
                0 => "–".to_owned(),
                all => format!(
                    "{} <small>{}</small>",
                    count(node.converted),
                    share(node.converted, all as f64)
                ),
            },
        ]
    });
    table(out, "Nodes, in the order in which users usually come to them", &heads, rows);
}

fn days(out: &mut String, page: &Page) {
    let days = Days::of(&page.sides);
    if days.days.is_empty() {
        put!(out, "<p class=\"empty\">There are no messages.</p>");
        return;
    }
    if page.sides.len() > 1 {
        let (old, new) = if days.by_lines() { ("area", "line") } else { ("left", "right") };
        put!(
            out,
            "<ul class=\"legend\"><li><span class=\"key fill old {old}\"></span>old ({old})</li>\
             <li><span class=\"key fill new {new}\"></span>new ({new})</li></ul>"
        );
    }
    put!(out, "<figure class=\"by-day\">");
    days.draw(out, hues(page));
    put!(out, "</figure><details class=\"numbers\"><summary>The same in numbers</summary>");
    let heads: &[&str] =
        if page.sides.len() > 1 { &["Day", "Old", "New"] } else { &["Day", "Messages"] };
    let rows = days.days.iter().map(|(day, counts)| {
        let counts = counts.iter().map(|n| count(*n));
        std::iter::once(Safe(day).to_string()).chain(counts).collect()
    });
    table(out, "Messages by day", heads, rows);
    put!(out, "</details>");
}

fn channels(out: &mut String, page: &Page) {
    let mut names: Vec<&str> = Vec::new();
    for channel in page.sides.iter().flat_map(|side| &side.channels) {
        if !names.contains(&channel.name.as_str()) {
            names.push(&channel.name);
        }
    }
    if names.is_empty() {
        put!(out, "<p class=\"empty\">There are no channels.</p>");
        return;
    }
    let of = |side: &Side, name: &str| {
        let its = side.channels.iter().filter(|channel| channel.name == name);
        its.fold((0_u64, 0.0), |(sends, cost), channel| {
            (sends.saturating_add(channel.sends), cost + channel.cost)
        })
    };
    let row = |channel: &&str| {
        let mut cells = vec![name(channel)];
        match page.sides.as_slice() {
            [old, new] => {
                let ((old, was), (new, is)) = (of(old, channel), of(new, channel));
                cells.extend([count(old), count(new), change(old, new)]);
                cells.extend([money(was), money(is), change_money(was, is)]);
            }
            sides => sides.iter().map(|side| of(side, channel)).for_each(|(sends, cost)| {
                cells.extend([count(sends), money(cost)]);
            }),
        }
        cells
    };
    let heads: &[&str] = match page.sides.len() {
        2 => &["Channel", "Attempts, old", "new", "+/−", "Cost, old", "new", "+/−"],
        _ => &["Channel", "Attempts", "Cost"],
    };
    table(out, "Attempts by channel, and what they cost", heads, names.iter().map(row));
}

fn troubles(out: &mut String, page: &Page) {
    for (_, side) in sides(page).filter(|(_, side)| !side.troubles.is_empty()) {
        let rows = side.troubles.iter().map(|(what, n)| vec![Safe(what).to_string(), count(*n)]);
        table(out, &Safe(&side.name).to_string(), &["What went wrong", "How often"], rows);
    }
}
