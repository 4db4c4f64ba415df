//! What becomes of properties.

use super::hostile::{Dice, shake};
use super::*;
use crate::ingest::live::{fields::Gather, json};

fn of(properties: Json) -> Result<String, Refused> {
    track(json!({"properties": properties})).map(|item| short(&item))
}

#[test]
fn objects_are_taken_apart_and_arrays_are_not() {
    let all =
        json!({"b": {"y": {"z": 1}, "x": {}}, "a": [1, {"k": null, "b": "é\n"}, [1.5]], "n": null});
    assert_eq!(of(all).unwrap(), r#"u/- e [a=[1,{"b":"é\n","k":null},[1.5]] b.y.z=1]"#);
    assert_eq!(of(json!([])).unwrap(), "u/- e []");
    assert_eq!(of(json!(null)).unwrap(), "u/- e []");
    for wrong in [json!([1]), json!("x"), json!(1)] {
        let refused = of(wrong).unwrap_err();
        assert_eq!((&*refused.at, refused.kind), ("/properties", Fault::Invalid));
    }
}

#[test]
fn below_eight_objects_it_stays_json() {
    let mut deep = json!({"z": 1, "y": {"x": 2}});
    for _ in 0..8 {
        deep = json!({"a": deep});
    }
    let all = r#"u/- e [a.a.a.a.a.a.a.a={"y":{"x":2},"z":1}]"#;
    assert_eq!(of(deep).unwrap(), all);
}

#[test]
fn numbers_are_whole_if_they_can_be() {
    let body = br#"{"userId":"u","event":"e","properties":{"a":9223372036854775807,
        "b":9223372036854775808,"c":-0.0,"d":1e3,"e":123456789012345678901234567890,"f":0.1}}"#;
    let item = call(Kind::Track, body, &received()).unwrap().items.remove(0).unwrap();
    for (name, value) in [
        ("a", Value::Integer(i64::MAX)),
        ("b", Value::Number(9_223_372_036_854_775_808.0)),
        ("d", Value::Number(1000.0)),
        ("e", Value::Number(123_456_789_012_345_678_901_234_567_890.0)),
        ("f", Value::Number(0.1)),
    ] {
        assert_eq!(fields(&item).get(name), Some(&value), "{name}");
    }
    let refused =
        call(Kind::Track, br#"{"userId":"u","event":"e","properties":{"a":1e400}}"#, &received());
    assert_eq!(refused.unwrap_err().kind, Fault::Malformed);
}

#[test]
fn of_two_the_last_counts() {
    let body = br#"{"userId":"x","event":"e","userId":"u","properties":{"no":1},
        "properties":{"a":1,"b":{"c":1},"n":5,"a":"two","b":3,"n":null,"d.e":1,"d":{"e":2}}}"#;
    let item = call(Kind::Track, body, &received()).unwrap().items.remove(0).unwrap();
    assert_eq!(short(&item), "u/- e [a=two b=3 d.e=2]");
    let many = (0..60).map(|n| format!("\"k{}\":{n}", n % 30)).collect::<Vec<_>>().join(",");
    let body = format!("{{\"userId\":\"u\",\"event\":\"e\",\"properties\":{{{many}}}}}");
    let item = call(Kind::Track, body.as_bytes(), &received()).unwrap().items.remove(0).unwrap();
    assert_eq!(fields(&item).iter().count(), 30);
    assert_eq!(fields(&item).get("k7"), Some(&Value::Integer(37)));
}

#[test]
fn there_may_be_so_many_and_so_long() {
    let many = |n: usize| (0..n).map(|n| (format!("k{n}"), json!(n))).collect::<Json>();
    let item = track(json!({"properties": many(1000)})).unwrap();
    assert_eq!(fields(&item).iter().count(), 1000);
    assert_eq!(fields(&item).get("k255"), Some(&Value::Integer(255)));
    let refused = of(many(1001)).unwrap_err();
    assert_eq!(refused.kind, Fault::TooLarge);
    assert!(refused.at.starts_with("/properties/k"), "{refused}");

    assert!(of(json!({"t": "x".repeat(24_576)})).is_ok());
    let refused = of(json!({"a/b": {"~": "x".repeat(24_577)}})).unwrap_err();
    assert_eq!((&*refused.at, refused.kind), ("/properties/a~1b/~0", Fault::TooLarge));
    assert_eq!(of(json!({"t": vec![1; 13_000]})).unwrap_err().at, "/properties/t");
    assert_eq!(of(json!({"t": "\u{0}"})).unwrap(), "u/- e [t=\u{0}]");

    assert!(of(json!({"x".repeat(256): 1})).is_ok());
    let refused = of(json!({"x".repeat(257): 1})).unwrap_err();
    assert_eq!((refused.at.len(), refused.kind), ("/properties/".len() + 64, Fault::Invalid));
    assert!(of(json!({"x".repeat(200): {"y".repeat(55): 1}})).is_ok());
    assert!(of(json!({"x".repeat(200): {"y".repeat(56): 1}})).is_err());
    assert!(of(json!({"\u{1b}[31m": "x".repeat(25_000)})).unwrap_err().at.ends_with("\\u{1b}[31m"));
}

/// As recorded logs are read: `ingest::ndjson`, but for its limits, which are fewer.
fn as_recorded(
    all: &Json,
    path: &str,
    depth: usize,
    fields: &mut Vec<(String, Value)>,
) -> Option<()> {
    for (name, json) in all.as_object().unwrap() {
        let path = format!("{path}{name}");
        if path.len() > 256 {
            return None;
        }
        let value = match json {
            Json::Null => continue,
            Json::Bool(flag) => Value::Flag(*flag),
            Json::String(text) => Value::Text(text.as_str().into()),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Value::Integer(whole),
                None => Value::Number(number.as_f64()?),
            },
            Json::Object(_) if depth < 8 => {
                as_recorded(json, &(path + "."), depth + 1, fields)?;
                continue;
            }
            Json::Array(_) | Json::Object(_) => Value::Text(json.to_string().into()),
        };
        if matches!(&value, Value::Text(text) if text.len() > 24_576) || fields.len() == 1000 {
            return None;
        }
        fields.push((path, value));
    }
    Some(())
}

#[test]
fn live_and_recorded_fields_are_the_same() {
    let mut dice = Dice(7);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..3000 {
        let mut tree =
            json!({"a": {"b": {"c": {}, "d": [1]}, "e": 1}, "f": {"g": {"h": {"i": {}}}}, "j": 1});
        (0..dice.below(6)).for_each(|_| shake(&mut tree, &mut dice));
        if !tree.is_object() {
            continue;
        }
        let text = tree.to_string();
        let mut gather = Gather::default();
        let live = gather.object(&json::object(&text).unwrap(), |_| false);
        let live = live.ok().map(|()| gather.finish());
        let mut recorded = Vec::new();
        let recorded = as_recorded(&tree, "", 1, &mut recorded).map(|()| {
            recorded.into_iter().map(|(name, value)| (name.into(), value)).collect::<Fields>()
        });
        match live.is_some() {
            true => good += 1,
            false => bad += 1,
        }
        assert_eq!(live, recorded, "{text}");
    }
    assert!(good > 1000 && bad > 50, "{good} {bad}");
}
