//! XES, well written and otherwise.

use super::*;
use crate::engine::event::Value;
use crate::ingest::row::CAP;

/// A log of these lines; the first of them is line 2.
fn log(lines: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?><log xes.version=\"1.0\">\n{lines}\n</log>\n"
    )
}

/// A trace of these lines; the first of them is line 3.
fn trace(lines: &str) -> String {
    log(&format!("<trace><string key=\"concept:name\" value=\"u\"/>\n{lines}\n</trace>"))
}

/// An event at the first second, with more in it.
fn event(more: &str) -> String {
    format!(
        "<event><string key=\"concept:name\" value=\"n\"/>{more}\
         <date key=\"time:timestamp\" value=\"1970-01-01T00:00:01.000+00:00\"/></event>"
    )
}

#[test]
fn events_have_their_own_fields_and_those_of_their_trace() {
    let text = log(&format!(
        "<trace><string key=\"concept:name\" value=\"u\"/><date key=\"REG\" value=\"2011\"/>{}</trace>\
         <trace><string key=\"concept:name\" value=\"v\"/>{}</trace>",
        event(
            "<int key=\"i\" value=\"-5\"/><float key=\"f\" value=\"1.5E2\"/>\
             <boolean key=\"b\" value=\"true\"/><id key=\"d\" value=\"a-b\"/>\
             <string key=\"s\" value=\"x &amp; &#x41;&lt;\"/><string key=\"e\" value=\"\"></string>"
        ),
        event("")
    ));
    let all = read(&text);
    let Ok(Event { what: What::Operation { fields, .. }, .. }) = &all[0] else {
        panic!("{all:?}");
    };
    let fields: Vec<_> = fields.iter().map(|(n, v)| (&**n, v.clone())).collect();
    let words = |text: &str| Value::Text(text.into());
    assert_eq!(
        fields,
        [
            ("b", Value::Flag(true)),
            ("case:REG", words("2011")),
            ("d", words("a-b")),
            ("e", words("")),
            ("f", Value::Number(150.0)),
            ("i", Value::Integer(-5)),
            ("node", words("n")),
            ("s", words("x & A<")),
        ]
    );
    // Nothing of the first trace is left in the second.
    assert_eq!(shorts(&text)[1], "v@1000 n [node=n]");
}

#[test]
fn what_is_not_an_event_is_skipped() {
    let text = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE log [<!ENTITY x \"y\">]><!-- <event/> -->\n\
         <xes:log xmlns:xes=\"http://www.xes-standard.org/\">\n\
         <extension name=\"Time\" prefix=\"time\" uri=\"u\"/>\n\
         <global scope=\"event\"><event/><string key=\"concept:name\" value=\"no\"/></global>\n\
         <classifier name=\"c\" keys=\"k\"/>\n\
         <string key=\"concept:name\" value=\"the log\"><string key=\"k\" value=\"v\"/></string>\n\
         <xes:trace><list key=\"l\"><values><string key=\"concept:name\" value=\"no\"/></values></list>\n\
         <string key=\"concept:name\" value=\"u\"><string key=\"concept:name\" value=\"no\"/></string>\n\
         {}\n<other><event/></other></xes:trace> &amp; <trace/>\n</xes:log>\n",
        event(
            "<list key=\"l\"><string key=\"x\" value=\"no\"/></list><container key=\"c\"><values/></container>\
             <string key=\"a\" value=\"b\"><int key=\"i\" value=\"no\"/><event/></string>"
        )
    );
    assert_eq!(shorts(text), ["u@1000 n [a=b node=n]"]);
    assert_eq!(shorts("<log/>"), [""; 0]);
}

#[test]
fn names_can_be_given() {
    let text = log(&format!(
        "<trace><string key=\"concept:name\" value=\"t\"/><string key=\"customer\" value=\"c\"/>{}</trace>\n{}",
        event("<string key=\"org:resource\" value=\"r\"/>"),
        event("<string key=\"org:resource\" value=\"s\"/>"),
    ));
    assert_eq!(
        shorts(&text),
        [
            "t@1000 n [case:customer=c node=n org:resource=r]",
            "3: no value in the user column \"case:concept:name\"",
        ]
    );
    let user = |name: &str| Options { user: Some(name.into()), ..Options::default() };
    let resource = shorts_with(&text, &user("org:resource"));
    assert_eq!(resource[1], "s@1000 n [node=n]");
    assert!(resource[0].starts_with("r@1000 n [case:concept:name=t "));
    assert!(shorts_with(&text, &user("case:customer"))[0].starts_with("c@1000"));
}

#[test]
fn a_broken_event_is_a_bad_row_and_reading_goes_on() {
    let broken = [
        ("<string value=\"x\"/>", "<string> without a key"),
        ("<int key=\"i\"/>", "<int> without a value (\"i\")"),
        ("<int key=\"i\" value=\"1.5\"/>", "\"i\" is \"1.5\" where a whole number is expected"),
        ("<int key=\"i\" value=\"99999999999999999999\"/>", "where a whole number is expected"),
        ("<float key=\"f\" value=\"NaN\"/>", "\"f\" is \"NaN\" where a finite number is expected"),
        ("<float key=\"f\" value=\"-Infinity\"/>", "where a finite number is expected"),
        ("<float key=\"f\" value=\"1e999\"/>", "where a finite number is expected"),
        ("<boolean key=\"b\" value=\"yes\"/>", "\"b\" is \"yes\" where true or false is expected"),
        ("<string key=\"s\" value=\"&boom;\"/>", "invalid XML: "),
        ("<string key=\"s\" value=\"&#0;\"/>", "invalid XML: "),
        ("<string key=\"s\" value=x/>", "invalid XML: "),
    ];
    let rows = broken.map(|(more, _)| event(more) + "\n" + &event(""));
    let all = shorts(trace(&rows.join("\n")));
    assert_eq!(all.len(), 2 * broken.len());
    for (n, (_, reason)) in broken.iter().enumerate() {
        let bad = &all[2 * n];
        assert!(bad.starts_with(&format!("{}: ", 3 + 2 * n)) && bad.contains(reason), "{bad}");
        assert_eq!(all[2 * n + 1], "u@1000 n [node=n]");
    }
}

#[test]
fn missing_attributes_are_named() {
    let all = shorts(trace(
        "<event/>\n<event>\n</event>\n<event>\n<date key=\"time:timestamp\" value=\"1\"/></event>\n\
         <event><date key=\"time:timestamp\" value=\"once\"/></event>",
    ));
    let time = "no value in the time column \"time:timestamp\"";
    assert_eq!(all[0], format!("3: {time}"));
    assert_eq!(all[1], format!("4: {time}"));
    assert_eq!(all[2], "6: no value in the node column \"concept:name\"");
    assert!(all[3].starts_with("8: time \"once\" where"));
}

#[test]
fn a_broken_attribute_of_a_trace_is_told_once() {
    let text = log(&format!(
        "<trace>\n<int key=\"i\" value=\"x\"/><string key=\"concept:name\" value=\"u\"/>\n{0}\n{0}</trace>",
        event("")
    ));
    let all = shorts(text);
    assert!(all[0].starts_with("3: an attribute of the trace: \"i\" is \"x\""), "{}", all[0]);
    assert_eq!(all[1..], ["u@1000 n [node=n]", "u@1000 n [node=n]"]);
}

#[test]
fn entities_are_not_looked_up() {
    let text = "<!DOCTYPE log [<!ENTITY a \"x\"><!ENTITY b \"&a;&a;\"><!ENTITY f SYSTEM \"/etc/passwd\">]>\n"
        .to_owned()
        + &trace(&[event("<string key=\"s\" value=\"&b;\"/>"), event("<string key=\"s\" value=\"&f;\"/>")].join("\n"))
            .replace("<?xml version=\"1.0\" encoding=\"UTF-8\" ?>", "");
    let all = shorts(text);
    assert!(
        all[0].starts_with("4: invalid XML") && all[1].starts_with("5: invalid XML"),
        "{all:?}"
    );
}

#[test]
fn bytes_that_are_not_utf_8_cost_one_row() {
    let mut text =
        trace(&[event("<string key=\"s\" value=\"caf@\"/>"), event("")].join("\n")).into_bytes();
    let place = text.iter().position(|byte| *byte == b'@').unwrap();
    text[place] = 0xe9;
    assert_eq!(shorts(text), ["3: not UTF-8", "u@1000 n [node=n]"]);
    // Characters on the border of a chunk are whole, comments may hold anything.
    let mut text = trace(&event(&format!("<string key=\"s\" value=\"{}\"/>", "é".repeat(100_000))))
        .into_bytes();
    text.extend_from_slice(b"<!-- \xe9 -->\xe9");
    let all = read(text);
    let Ok(Event { what: What::Operation { fields, .. }, .. }) = &all[0] else {
        panic!("{:?}", all[0]);
    };
    assert_eq!(fields.get("s"), Some(&Value::Text("é".repeat(100_000).into())));
    assert_eq!(all.len(), 1);
}

#[test]
fn broken_xml_ends_the_log() {
    let good = event("");
    let first = "u@1000 n [node=n]";
    let text = trace(&format!("{good}\n{good}"));
    for (bad, reason) in [
        (text.replace("</trace>", ""), "line 6: "),
        (text.replace("</trace>", "</event>"), "line 5: "),
        (text.replace("</log>", ""), "line 7: the file ends before its XML does"),
        (text.replace("</trace>", "<event"), "line 7: "),
        (text.replace("</trace>", "<!-- "), "line 5: syntax error: comment not closed"),
        (text.replace("</trace>", &"<a>".repeat(300)), "line 5: elements are nested too deep"),
        (text.clone() + "<log/>", "line 7: there is more XML behind the log"),
    ] {
        let all = shorts(&bad);
        assert_eq!(all[..2], [first, first], "{bad}");
        let wanted = format!("fatal: FILE is damaged: {reason}");
        assert!(all[2].starts_with(&wanted), "{} / {reason}", all[2]);
        assert_eq!(all.len(), 3);
    }
}

#[test]
fn events_beyond_the_cap_are_bad_rows_and_larger_tags_the_end() {
    let long = |n: usize| event(&format!("<string key=\"s\" value=\"{}\"/>", "x".repeat(n)));
    let text = trace(&[event(""), long(CAP), event(""), long(17 * CAP), event("")].join("\n"));
    let all = shorts(text);
    let good = "u@1000 n [node=n]";
    assert_eq!(all[..3], [good, "4: longer than 1024 KiB", good]);
    assert_eq!(all[3], "fatal: FILE is damaged: line 6: a tag or text of more than 16 MiB");
    assert_eq!(all.len(), 4);

    let many = "<string key=\"s\" value=\"0123456789\"/>".repeat(CAP / 10);
    assert_eq!(
        shorts(trace(&[event(&many), event("")].join("\n"))),
        ["3: longer than 1024 KiB", good]
    );
}

#[test]
fn lines_are_counted_through_tags_text_and_comments() {
    let text = trace(&format!(
        "<!--\n\n--><event\n>\n</event>\n text \n<event><string\nkey=\"concept:name\"\nvalue=\"\"/>{}",
        "<date key=\"time:timestamp\" value=\"1\"/></event>"
    ));
    let lines: Vec<_> =
        shorts(text).iter().map(|row| row.split_once(':').unwrap().0.to_owned()).collect();
    assert_eq!(lines, ["5", "9"]);
}
