//! Bars: whom a difference touches, and by how much at each node.

use super::text::{change, count, put, share};
use super::{Difference, NodeDifference};

/// What users get: the class of its colour, its mark, what it is called, how many.
fn parts(difference: &Difference) -> [(&'static str, &'static str, &'static str, u64); 5] {
    [
        ("gain", "+", "get messages only under the new", difference.gain),
        ("lose", "−", "get messages only under the old", difference.lose),
        ("differs", "≠", "get other messages, or at other times", difference.change),
        ("same", "=", "get the same messages", difference.same),
        ("none", "○", "get none under either", difference.none),
    ]
}

/// Who gets something else: one bar of all users, and its parts in figures.
pub(super) fn stack(out: &mut String, difference: &Difference) {
    let parts = parts(difference);
    let whole: f64 = parts.iter().map(|(.., n)| *n as f64).sum();
    put!(out, "<svg class=\"stack\" width=\"100%\" height=\"36\" role=\"img\" aria-label=\"");
    for (_, mark, text, n) in parts {
        put!(out, "{mark} {} {text}; ", count(n));
    }
    put!(
        out,
        "\"><title>Users by what changes for them</title><defs><pattern id=\"both\" width=\"8\" \
         height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <rect class=\"gain\" width=\"8\" height=\"8\"/><rect class=\"lose\" width=\"4\" height=\"8\"/>\
         </pattern></defs>"
    );
    if whole <= 0.0 {
        put!(out, "<rect class=\"none\" width=\"100%\" height=\"36\"/>");
    }
    let mut from = 0.0;
    for (class, mark, text, n) in parts.into_iter().filter(|(.., n)| *n > 0) {
        let wide = 100.0 * n as f64 / whole;
        put!(
            out,
            "<rect class=\"{class}\" x=\"{from:.3}%\" width=\"{wide:.3}%\" height=\"36\">\
             <title>{} {text}</title></rect>",
            count(n)
        );
        if wide > 7.0 {
            let mid = from + wide / 2.0;
            let plain = if class == "differs" {
                "<rect class=\"plain\" height=\"20\" y=\"8\" "
            } else {
                ""
            };
            if !plain.is_empty() {
                put!(
                    out,
                    "<svg x=\"{mid:.3}%\" overflow=\"visible\" role=\"img\" aria-label=\"{mark}\">"
                );
                put!(out, "{plain}x=\"-10\" width=\"20\" rx=\"10\"/></svg>");
            }
            put!(out, "<text class=\"on-{class}\" x=\"{mid:.3}%\" y=\"24\">{mark}</text>");
        }
        from += wide;
    }
    put!(out, "</svg><dl class=\"parts\">");
    for (class, mark, text, n) in parts {
        put!(
            out,
            "<div><dt><span class=\"swatch {class}\" aria-hidden=\"true\">{mark}</span>{text}</dt>\
             <dd>{} <small>{}</small></dd></div>",
            count(n),
            share(n, whole)
        );
    }
    put!(out, "</dl>");
}

/// A bar left of a middle for what is lost, and one right of it for what is gained.
pub(super) fn balance(node: &NodeDifference, most: u64) -> String {
    let part = |n: u64| match n {
        0 => 0.0,
        n => (48.0 * n as f64 / most.max(1) as f64).max(1.0),
    };
    let (lost, gained) = (part(node.lost), part(node.gained));
    format!(
        "<svg class=\"balance\" width=\"120\" height=\"14\" role=\"img\" aria-label=\"{}\">\
         <rect class=\"lose\" x=\"{:.1}%\" y=\"2\" width=\"{lost:.1}%\" height=\"10\"/>\
         <rect class=\"gain\" x=\"50%\" y=\"2\" width=\"{gained:.1}%\" height=\"10\"/>\
         <rect class=\"middle\" x=\"50%\" width=\"1\" height=\"14\"/></svg>",
        change(node.lost, node.gained),
        50.0 - lost
    )
}
