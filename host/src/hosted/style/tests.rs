use std::collections::BTreeMap;

use super::{STYLE, headers};

/// The colours that a rule for `:root` sets.
fn palette(rule: &str) -> BTreeMap<String, [f64; 3]> {
    let (_, rest) = STYLE.split_once(rule).unwrap();
    let rest = rest.split_once('}').unwrap().0;
    let set = rest.split(';').filter_map(|item| item.trim().strip_prefix("--"));
    set.map(|item| {
        let (name, value) = item.split_once(":#").unwrap();
        let number = u32::from_str_radix(value, 16).unwrap();
        assert_eq!(value.len(), 6);
        (name.to_owned(), [16, 8, 0].map(|shift| f64::from(number >> shift & 0xff) / 255.0))
    })
    .collect()
}

/// The contrast of two colours by WCAG 2.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |colour: [f64; 3]| {
        let linear =
            colour.map(|c| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    };
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    (a / b).max(b / a)
}

#[test]
fn everybody_can_read_it() {
    assert!((contrast([1.0; 3], [0.0; 3]) - 21.0).abs() < 1e-9);
    let text = [
        ("ink", "card"),
        ("ink", "back"),
        ("ink", "tint"),
        ("soft", "card"),
        ("soft", "back"),
        ("accent", "card"),
        ("accent", "tint"),
        ("on-accent", "accent"),
        ("on-accent", "press"),
        ("good", "good-tint"),
    ];
    let shapes = [("edge", "card"), ("accent", "card"), ("accent", "tint")];
    let light = ":root{color-scheme:light dark;";
    let dark = "@media (prefers-color-scheme:dark){:root{";
    for rule in [light, dark, "@media print{:root{"] {
        let colours = palette(rule);
        // Nothing is hovered over on paper.
        let find = |name: &str| {
            let print = if name == "press" { "accent" } else { name };
            *colours.get(name).or_else(|| colours.get(print)).unwrap()
        };
        for (front, back) in text {
            let contrast = contrast(find(front), find(back));
            assert!(contrast >= 4.5, "{rule} {front} on {back}: {contrast}");
        }
        for (front, back) in shapes {
            assert!(contrast(find(front), find(back)) >= 3.0, "{rule} {front} on {back}");
        }
    }
    let used: Vec<&str> =
        STYLE.split("var(--").skip(1).map(|rest| rest.split_once(')').unwrap().0).collect();
    let set = palette(light);
    assert!(used.iter().all(|name| set.contains_key(*name)), "{used:?}");
    assert!(set.keys().all(|name| used.contains(&name.as_str())), "{set:?}");
}

#[test]
fn the_style_loads_nothing_and_ends_nowhere_else() {
    for bad in ["url(", "@import", "</", "http", "expression", "!important"] {
        assert!(!STYLE.contains(bad), "{bad}");
    }
    assert_eq!(STYLE.matches('{').count(), STYLE.matches('}').count());
}

#[test]
fn the_headers_allow_nothing_but_the_style_and_forms() {
    let find = |wanted: &str| {
        let mut found = headers().iter().filter(|(name, _)| *name == wanted);
        let value = found.next().unwrap().1.as_str();
        assert!(found.next().is_none(), "{wanted} once");
        value
    };
    let policy: Vec<&str> = find("content-security-policy").split("; ").collect();
    let hash = "style-src 'sha256-";
    assert_eq!(policy[0], "default-src 'none'");
    assert!(policy[1].starts_with(hash) && policy[1].len() == hash.len() + 44 + 1);
    assert_eq!(&policy[2..], ["form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"]);
    assert_eq!(find("referrer-policy"), "no-referrer");
    assert_eq!(find("x-content-type-options"), "nosniff");
    assert_eq!(find("cache-control"), "no-store");
    assert_eq!(find("x-robots-tag"), "noindex, nofollow");
    assert_eq!(find("content-type"), "text/html; charset=utf-8");
    for (name, value) in headers() {
        assert_eq!(*name, name.to_ascii_lowercase());
        assert!(value.chars().all(|c| c.is_ascii() && !c.is_ascii_control()));
    }
}
