//! Wrong settings, each refused at its place with a sentence that helps.

use serde_json::{Value, json};

use crate::{issues, push, with};

/// Right settings with one mistake in them.
pub(crate) struct Wrong {
    pub(crate) settings: Value,
    /// Where it is told.
    path: String,
    /// A part of what is told.
    says: &'static str,
    /// A schema can tell, too: it takes no looking from one setting to another, and no arithmetic.
    pub(crate) in_schema: bool,
}

/// The value at that JSON pointer is a mistake.
fn at(pointer: &str, value: Value, says: &'static str) -> Wrong {
    Wrong {
        settings: with(push(), pointer, value),
        path: pointer.to_owned(),
        says,
        in_schema: true,
    }
}

/// The value of that setting of the strategy for offers is a mistake.
fn offer(setting: &str, value: Value, says: &'static str) -> Wrong {
    at(&format!("/strategies/offer/{setting}"), value, says)
}

impl Wrong {
    fn told_at(self, path: &str) -> Wrong {
        Wrong { path: path.to_owned(), ..self }
    }

    fn beyond_a_schema(self) -> Wrong {
        Wrong { in_schema: false, ..self }
    }
}

/// Mistakes of all kinds that there are.
pub(crate) fn wrong() -> Vec<Wrong> {
    let mut all = unreadable();
    all.extend(senseless());
    all
}

/// Values that are not of their setting's form.
fn unreadable() -> Vec<Wrong> {
    let nothing = Wrong { settings: json!({}), ..at("/x", json!(0), "missing field `strategies`") };
    vec![
        nothing.told_at(""),
        at("/strategy", json!({}), "unknown field `strategy`"),
        at("/strategies", json!([]), "expected a map"),
        at("/strategies/a~1b", json!({}), "missing field `channels`"),
        offer("chanels", json!([]), "unknown field `chanels`"),
        offer("purpose", json!(1), "expected a string"),
        offer("channels", json!("sms"), "expected a sequence"),
        offer("channels/0", json!(7), "expected a string"),
        offer("wait", json!("a day"), "\"a day\" is not a length of time: write it like \"90s\""),
        offer("wait", json!(24), "expected a string"),
        offer("wait", json!("9999999999999w"), "not a length of time").beyond_a_schema(),
        offer("waits/sms", json!("12"), "not a length of time"),
        offer("waits", json!(["12h"]), "expected a map"),
        offer("pushes", json!("3"), "expected u32"),
        offer("pushes", json!(1.5), "expected u32"),
        offer("pushes", json!(-1), "expected u32"),
        offer("pushes", json!(null), "null"),
        offer("received", json!("read"), "expected one of `accepted`"),
        offer("received", json!(3), "one of a few words"),
        offer("target", json!(null), "null"),
        offer("target", json!({ "field": "segment" }), "missing field `any_of`"),
        offer("target", json!({ "any_of": ["new"] }), "missing field `field`"),
        offer("target/anyof", json!([]), "unknown field `anyof`"),
        offer("target/any_of", json!("new"), "expected a sequence"),
        offer("target/any_of/0", json!(7), "expected a string"),
        offer("history", json!(null), "null"),
        offer("history/done", json!([]), "unknown field `done`"),
        offer("history/fulfilled", json!("SIGNED"), "expected a sequence"),
        offer("history/fulfilled/1", json!(1), "expected a string"),
        offer("history/away", json!("wait"), "`wait-longer`"),
        offer("history/away", json!(true), "one of a few words"),
    ]
}

/// Values that make no sense where they are, or not together.
fn senseless() -> Vec<Wrong> {
    let channels: Vec<String> = (0..17).map(|channel| channel.to_string()).collect();
    let many = json!({ "channels": channels });
    vec![
        at("/strategies", json!({}), "at least one strategy, such as \"default\""),
        at("/strategies/many", many, "at most 16 channels").told_at("/strategies/many/channels"),
        at("/strategies/none", json!({ "channels": [] }), "at least one channel")
            .told_at("/strategies/none/channels"),
        offer("channels/1", json!(""), "a channel needs a name"),
        at("/strategies/default/channels", json!(["sms", "letter", "sms"]), "in the order twice")
            .told_at("/strategies/default/channels/2"),
        offer("waits/fax", json!("1h"), "\"fax\" is none of the channels").beyond_a_schema(),
        offer("pushes", json!(0), "0 is not a number from 1 to 16"),
        offer("pushes", json!(17), "17 is not a number from 1 to 16"),
        offer("target/field", json!(""), "name a field"),
        offer("target/any_of", json!([]), "leave out the target"),
        offer("history/fulfilled/0", json!(""), "name the events"),
        offer("history/fulfilled/1", json!("=loan"), "a field before"),
        offer("history/fulfilled/1", json!("type="), "a value after"),
        offer("history/fulfilled/0", json!("$seen"), "nothing that the host counts"),
        offer("history/fulfilled/0", json!("$known"), "says nothing about a purpose"),
        offer("history/fulfilled/0", json!("*"), "says nothing about a purpose"),
    ]
}

#[test]
fn the_settings_that_mistakes_are_put_into_are_right() {
    assert_eq!(issues(&push()), []);
}

#[test]
fn a_mistake_is_refused_at_its_place_with_a_sentence() {
    for Wrong { settings, path, says, .. } in wrong() {
        let found = issues(&settings);
        let [(at, said)] = found.as_slice() else { panic!("{path} {says}: {found:#?}") };
        assert_eq!(*at, path, "{said}");
        assert!(said.contains(says), "{path}: {said}");
    }
}

#[test]
fn c7_a_number_of_pushes_out_of_range_is_refused() {
    for (pushes, right) in [(0, false), (1, true), (16, true), (17, false), (u32::MAX, false)] {
        let settings = with(push(), "/strategies/offer/pushes", json!(pushes));
        assert_eq!(issues(&settings).is_empty(), right, "{pushes}");
    }
}

#[test]
fn all_mistakes_between_settings_are_told_at_once() {
    let settings = json!({ "strategies": {
        "a": { "channels": [], "pushes": 99, "waits": { "x": "1h" } },
        "b": {
            "channels": ["sms", "sms", ""],
            "target": { "field": "", "any_of": [] }
        }
    } });
    let paths: Vec<String> = issues(&settings).into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        [
            "/strategies/a/channels",
            "/strategies/a/waits/x",
            "/strategies/a/pushes",
            "/strategies/b/channels/1",
            "/strategies/b/channels/2",
            "/strategies/b/target/field",
            "/strategies/b/target/any_of",
        ]
    );
}

#[test]
fn more_target_fields_than_fields_can_be_had_are_refused() {
    let strategies = |n: usize, field: fn(usize) -> String| -> Value {
        let target = |i: usize| json!({ "field": field(i), "any_of": ["x"] });
        let strategy = |i: usize| json!({ "channels": ["sms"], "target": target(i) });
        let strategies = (0..n).map(|i| (format!("m{i}"), strategy(i))).collect();
        json!({ "strategies": Value::Object(strategies) })
    };
    assert_eq!(issues(&strategies(192, |i| format!("f{i}"))), []);
    assert_eq!(issues(&strategies(1_000, |_| "segment".to_owned())), [], "one field is one need");
    let found = issues(&strategies(193, |i| format!("f{i}")));
    let [(path, said)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(path, "");
    assert!(said.contains("193 different fields"), "{said}");
}

#[test]
fn c6_more_histories_than_can_be_counted_are_refused() {
    let events = |n: usize| -> Value {
        let events: Vec<String> = (0..n).map(|event| format!("E{event}")).collect();
        with(push(), "/strategies/offer/history/fulfilled", json!(events))
    };
    // One is for any event at all.
    assert_eq!(issues(&events(127)), []);
    let found = issues(&events(128));
    let [(path, said)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(path, "");
    assert!(said.contains("129 counters"), "{said}");
}
