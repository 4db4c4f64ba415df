//! Users for whom something changes, each with what happened to them: two rails, one for each strategy.

use super::text::{Safe, name, put};
use super::{Kind, Moment, Person, Under};

/// What marks the kinds of moments: as a shape, and in words.
const KINDS: [Kind; 4] = [Kind::Visit, Kind::Stall, Kind::Send, Kind::End];

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Visit => "visit",
        Kind::Stall => "stalled",
        Kind::Send => "sent",
        Kind::End => "ended",
    }
}

/// The kind as a shape; each is another one, and none needs its colour.
fn mark(kind: Kind) -> String {
    let shape = match kind {
        Kind::Visit => "<circle class=\"hollow\" cx=\"9\" cy=\"9\" r=\"4.5\"/>",
        Kind::Stall => "<path class=\"full\" d=\"M4 2.5h10L10 9l4 6.5H4L8 9z\"/>",
        Kind::Send => {
            "<rect class=\"full\" x=\"1\" y=\"3\" width=\"16\" height=\"12\" rx=\"2\"/>\
             <path class=\"fold\" d=\"M2.5 5L9 10l6.5-5\"/>"
        }
        Kind::End => {
            "<rect class=\"full\" x=\"2.5\" y=\"2.5\" width=\"13\" height=\"13\" rx=\"2\"/>\
             <path class=\"fold\" d=\"M5.5 9l2.5 2.5L12.5 6.5\"/>"
        }
    };
    let words = words(kind);
    format!(
        "<svg class=\"mark\" viewBox=\"0 0 18 18\" width=\"18\" height=\"18\" role=\"img\" \
         aria-label=\"{words}\">{shape}</svg>"
    )
}

/// All of them, the first one open.
pub(super) fn write(out: &mut String, people: &[Person]) {
    put!(out, "<ul class=\"legend\">");
    for kind in KINDS {
        put!(out, "<li>{}{}</li>", mark(kind), words(kind));
    }
    put!(
        out,
        "<li><span class=\"chip old\">− old only</span> left rail</li>\
         <li><span class=\"chip new\">+ new only</span> right rail</li></ul>"
    );
    for (i, person) in people.iter().enumerate() {
        put!(
            out,
            "<details class=\"person\"{}><summary><b>{}</b> <span class=\"soft\">{}</span></summary>",
            if i == 0 { " open" } else { "" },
            name(&person.user),
            Safe(&person.change)
        );
        if person.moments.is_empty() {
            put!(out, "<p class=\"empty\">Nothing happened.</p>");
        } else {
            put!(out, "<ol class=\"rails\">");
            person.moments.iter().for_each(|moment| write_moment(out, moment));
            put!(out, "</ol>");
        }
        put!(out, "</details>");
    }
}

fn write_moment(out: &mut String, moment: &Moment) {
    let (class, chip) = match moment.under {
        Under::Both => ("both", ""),
        Under::Old => ("old", "<span class=\"chip old\">− old only</span> "),
        Under::New => ("new", "<span class=\"chip new\">+ new only</span> "),
    };
    put!(
        out,
        "<li class=\"{class}\"><span class=\"at\">{}</span><span class=\"where\">{}</span>\
         <span class=\"what\">{chip}<bdi>{}</bdi></span></li>",
        Safe(&moment.at),
        mark(moment.kind),
        Safe(&moment.text)
    );
}
