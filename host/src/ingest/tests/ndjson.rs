//! NDJSON, well written and otherwise.

use super::*;
use crate::engine::event::Value;
use crate::ingest::row::CAP;

fn fields(text: &str) -> Fields {
    match read(text).into_iter().next() {
        Some(Ok(Event { what: What::Operation { fields, .. }, .. })) => fields,
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_are_what_they_are_in_json() {
    let fields = fields(
        r#"{"user":1,"node":" n ","time":1,"t":"x","e":"","i":-5,"big":9223372036854775808,
            "f":1.5,"b":false,"n":null,"list":[1, "a", {"k": null}],
            "context":{"locale":"de","page":{"url":"/","x":null}},"none":{}}"#
            .replace('\n', "")
            .as_str(),
    );
    let all: Vec<_> = fields.iter().map(|(n, v)| (&**n, v.clone())).collect();
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(
        all,
        [
            ("b", Value::Flag(false)),
            ("big", Value::Number(9_223_372_036_854_775_808.0)),
            ("context.locale", text("de")),
            ("context.page.url", text("/")),
            ("e", text("")),
            ("f", Value::Number(1.5)),
            ("i", Value::Integer(-5)),
            ("list", text(r#"[1,"a",{"k":null}]"#)),
            ("node", text("n")),
            ("t", text("x")),
        ]
    );
}

#[test]
fn users_and_nodes_need_not_be_strings() {
    let text =
        "{\"user\":17,\"node\":true,\"time\":1.5}\n{\"user\":1.5,\"node\":2,\"time\":\"2\"}\n";
    assert_eq!(shorts(text), ["17@1500 true [node=true]", "1.5@2000 2 [node=2]"]);
}

#[test]
fn deep_objects_stay_json() {
    let deep = (0..20).fold("1".to_owned(), |inner, _| format!("{{\"a\":{inner}}}"));
    let fields = fields(&format!("{{\"user\":1,\"node\":2,\"time\":3,\"d\":{deep}}}"));
    let name = "d.a.a.a.a.a.a.a";
    let Some(Value::Text(rest)) = fields.get(name) else {
        panic!("{fields:?}");
    };
    assert!(rest.starts_with("{\"a\":{\"a\":"));
}

#[test]
fn bad_rows_are_named_by_their_line_and_reading_goes_on() {
    let good = "{\"user\":\"u\",\"node\":\"n\",\"time\":1}";
    let mut text = format!(
        "{good}\n\n  \r\n{{\"user\":\n[1]\n17\nnull\n{good} x\n{{\"node\":\"n\",\"time\":1}}\n\
         {{\"user\":\"u\",\"time\":1}}\n{{\"user\":\"u\",\"node\":\"\",\"time\":1}}\n\
         {{\"user\":\"u\",\"node\":\"n\"}}\n{{\"user\":\"u\",\"node\":\"n\",\"time\":\"\"}}\n\
         {{\"user\":\"u\",\"node\":\"n\",\"time\":true}}\n{{\"user\":\"u\",\"x\":1e999}}\n"
    )
    .into_bytes();
    text.extend_from_slice(b"{\"user\":\"\xff\"}\n");
    text.extend_from_slice(format!("{}\n", "[".repeat(1000)).as_bytes());
    text.extend_from_slice(format!("{{\"{}\":1}}\n", "k".repeat(257)).as_bytes());
    text.extend_from_slice(good.as_bytes());
    let all = shorts(text);
    let user = "no value in the user column \"user\"";
    let node = "no value in the node column \"node\"";
    let time = "no value in the time column \"time\"";
    for (row, wanted) in all.iter().zip([
        "u@1000 n [node=n]",
        "4: invalid JSON: EOF while parsing",
        "5: an array where an object is expected",
        "6: a number where an object is expected",
        "7: null where an object is expected",
        "8: invalid JSON: trailing characters (column ",
        &format!("9: {user}"),
        &format!("10: {node}"),
        &format!("11: {node}"),
        &format!("12: {time}"),
        &format!("13: {time}"),
        "14: time \"true\" where a date and time",
        "15: invalid JSON: number out of range",
        "16: not UTF-8",
        "17: invalid JSON: recursion limit exceeded",
        "18: a field name longer than 256 bytes",
        "u@1000 n [node=n]",
    ]) {
        assert!(row.starts_with(wanted), "{row} / {wanted}");
    }
    assert_eq!(all.len(), 17);
}

#[test]
fn rows_beyond_the_cap_are_skipped() {
    let good = "{\"user\":\"u\",\"node\":\"n\",\"time\":1}\n";
    let long =
        |n| format!("{{\"user\":\"u\",\"node\":\"n\",\"time\":1,\"x\":\"{}\"}}", "x".repeat(n));
    let all = shorts(format!("{good}{0}\n{good}{0}", long(3 * CAP)));
    let bad = |line| format!("{line}: longer than 1024 KiB");
    assert_eq!(all, ["u@1000 n [node=n]".into(), bad(2), "u@1000 n [node=n]".into(), bad(4)]);
    let most = CAP - long(0).len();
    for (n, fits) in [(most, true), (most + 1, false)] {
        for end in ["", "\n"] {
            assert_eq!(read(format!("{good}{}{end}", long(n)))[1].is_ok(), fits);
        }
    }
}

#[test]
fn a_long_name_is_not_multiplied() {
    let inner = (0..50_000).map(|n| format!("\"{n}\":1")).collect::<Vec<_>>().join(",");
    let line =
        format!("{{\"user\":1,\"node\":1,\"time\":1,\"{}\":{{{inner}}}}}\n", "k".repeat(200_000));
    assert!(
        shorts("{\"user\":1,\"node\":1,\"time\":1}\n".to_owned() + &line)[1].contains("256 bytes")
    );
}
