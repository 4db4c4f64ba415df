//! Wrong settings, each refused at its place with a sentence that helps.

use serde_json::{Value, json};

use crate::{bank, issues, with};

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
        settings: with(bank(), pointer, value),
        path: pointer.to_owned(),
        says,
        in_schema: true,
    }
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
    let nothing = Wrong { settings: json!({}), ..at("/x", json!(0), "missing field `channels`") };
    let never = Wrong {
        settings: json!({ "channels": ["app"] }),
        ..at("/x", json!(0), "missing field `established_at`")
    };
    vec![
        nothing.told_at(""),
        never.told_at(""),
        at("/k3", json!(1), "unknown field `k3`"),
        at("/channels", json!("app"), "expected a sequence"),
        at("/channels/0", json!(1), "expected a string"),
        at("/established_at", json!(-1), "expected u32"),
        at("/established_at", json!("5"), "expected u32"),
        at("/established_at", json!(1.5), "expected u32"),
        at("/established_at", json!(4_294_967_296_u64), "expected u32"),
        at("/k1", json!("1"), "expected f64"),
        at("/waits/medium", json!("1h"), "unknown field `medium`"),
        at("/waits/high", json!("soon"), "write it like \"90s\""),
        at("/waits/high", json!("9999999999999w"), "length of time").beyond_a_schema(),
        at("/new_wait", json!(null), "null"),
        at("/received", json!("read"), "expected one of `accepted`"),
        at("/received", json!(1), "one of a few words"),
    ]
}

/// Values that make no sense where they are, or not together.
fn senseless() -> Vec<Wrong> {
    let channels: Vec<String> = (0..17).map(|channel| channel.to_string()).collect();
    let neither = Wrong {
        settings: with(with(bank(), "/k1", json!(0)), "/k2", json!(0)),
        ..at("/k1", json!(0), "raise one")
    };
    vec![
        at("/channels", json!([]), "at least one channel"),
        at("/channels", json!(channels), "at most 16 channels"),
        at("/channels/1", json!(""), "a channel needs a name"),
        at("/channels/2", json!("app"), "\"app\" is listed twice"),
        at("/k1", json!(-0.5), "-0.5 is not a number from 0 up"),
        at("/k2", json!(-1), "-1 is not a number from 0 up"),
        neither,
    ]
}

#[test]
fn the_settings_that_mistakes_are_put_into_are_right() {
    assert_eq!(issues(&bank()), []);
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
fn all_mistakes_between_settings_are_told_at_once() {
    let settings = json!({ "channels": ["a", "a", ""], "established_at": 1, "k1": -1, "k2": -1 });
    let paths: Vec<String> = issues(&settings).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/channels/1", "/channels/2", "/k1", "/k2"]);
}
