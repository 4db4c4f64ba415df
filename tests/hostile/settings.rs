//! Policies that say something wrong of themselves, or of what they want to see.

use nudge::sandbox::{AdmitError, Issue, Limits};

use super::Room;
use super::policies::{Guest, at, words};

fn described(more: &str) -> AdmitError {
    Room::usual().refusal(&Guest { more, ..Guest::default() }.component())
}

fn configured(more: &str) -> AdmitError {
    Room::usual().refusal_of_settings(&Guest { more, ..Guest::default() })
}

fn answer(during: &'static str, reason: &str) -> AdmitError {
    AdmitError::Answer { during, reason: reason.to_owned() }
}

#[test]
fn a_name_that_is_none() {
    for (name, shown) in [
        ("Hostile", "\"Hostile\""),
        ("../etc/", "\"../etc/\""),
        ("a b\\00c\\0ad", "\"a b\\0c\\nd\""),
        ("h\\c3\\b6sti\\c3\\ab", "\"hösti\u{eb}\""),
    ] {
        let data = format!("(data (i32.const {}) \"{name}\")", at::TEXTS);
        let length = name.len() as u32 - 2 * name.matches('\\').count() as u32;
        let more = data + &words(at::MANIFEST + 4, &[length]);
        let reason =
            format!("{shown} is no name: use up to 64 lower case letters, digits and hyphens");
        assert_eq!(described(&more), answer("describe", &reason));
    }
}

#[test]
fn no_name_and_too_long_a_name() {
    let none = words(at::MANIFEST + 4, &[0]);
    assert!(matches!(described(&none), AdmitError::Answer { during: "describe", .. }));
    let long = words(at::MANIFEST, &[0x2000, 1 << 16]);
    let refusal = described(&long);
    assert!(matches!(refusal, AdmitError::Answer { during: "describe", .. }));
    assert!(refusal.to_string().len() < 1_000);
}

#[test]
fn a_version_a_title_and_a_schema_that_are_none() {
    let version = |version: &str| {
        let data = format!("(data (i32.const 0xa10) {version:?})");
        described(&(data + &words(at::MANIFEST + 12, &[version.len() as u32])))
    };
    for wrong in ["1.0", "v1.0.0", "01.0.0", ""] {
        let reason =
            format!("{wrong:?} is no version: write it like \"1.0.0\", a semantic version");
        assert_eq!(version(wrong), answer("describe", &reason));
    }
    for title in [0, 3 << 10] {
        let refusal = described(&words(at::MANIFEST + 16, &[0x2000, title])).to_string();
        assert!(refusal.contains("is no title") && refusal.len() < 1_000, "{refusal}");
    }
    let schema = |schema: &str| {
        let data = format!("(data (i32.const 0xa30) {schema:?})");
        described(&(data + &words(at::MANIFEST + 28, &[schema.len() as u32]))).to_string()
    };
    assert!(schema("[]").contains("the settings schema is no JSON object"));
    assert!(schema("{").contains("the settings schema is no JSON: EOF"));
}

#[test]
fn too_many_needs() {
    let more = words(at::SETUP, &[0, 0x2000, 193]);
    let reason = "193 needs and 0 counters, and at most 192 and 128 are allowed";
    assert_eq!(configured(&more), answer("configure", reason));
}

#[test]
fn too_many_counters() {
    let more = words(at::SETUP, &[0, at::NEED, 1, 0x2000, 129]);
    let reason = "1 needs and 129 counters, and at most 192 and 128 are allowed";
    assert_eq!(configured(&more), answer("configure", reason));
}

#[test]
fn two_counters_of_one_name() {
    // Name, event, window.
    let more = words(at::SETUP, &[0, at::NEED, 1, 0x2000, 2])
        + &words(0x2000, &[0xa40, 4, 0xa40, 4, 1000, 0])
        + &words(0x2018, &[0xa40, 4, 0xa00, 7, 1000, 0]);
    assert_eq!(configured(&more), answer("configure", "two counters are called \"node\""));
}

#[test]
fn a_need_that_there_is_not() {
    let hostile = [0xa00, 7];
    for (origin, name, reason) in [
        (0, [0xa00, 0], r#"there is no "" to be seen of an event"#),
        (2, hostile, r#"there is no "hostile" to be seen of a visit"#),
        (3, hostile, r#"there is no "hostile" to be seen of a counter"#),
        (4, hostile, r#"there is no "hostile" to be seen of a channel"#),
    ] {
        let more = words(at::NEED, &[origin, name[0], name[1]]);
        assert_eq!(configured(&more), answer("configure", reason));
    }
}

#[test]
fn a_need_with_an_endless_name() {
    let refusal = configured(&words(at::NEED, &[2, 0x2000, 1 << 18]));
    assert!(matches!(refusal, AdmitError::Answer { during: "configure", .. }));
    assert!(refusal.to_string().len() < 1_000);
}

#[test]
fn too_many_rules() {
    let more = words(at::RULES, &[0x2_0000, 4_097]);
    let reason = "4097 rules, and at most 4096 are allowed";
    assert_eq!(configured(&more), answer("rules", reason));
}

#[test]
fn a_rule_without_a_node() {
    let nameless = words(at::RULE, &[0, 0, 0]);
    assert_eq!(configured(&nameless), answer("rules", "a node has no name"));
    for need in [1, u32::MAX] {
        let reason = format!("need {need}, which should name a node, is no text of an event");
        assert_eq!(configured(&words(at::RULE, &[1, need])), answer("rules", &reason));
    }
}

#[test]
fn settings_that_are_refused() {
    let more = words(at::SETUP, &[1, 0x2000, 1]) + &words(0x2000, &[0xa10, 5, 0xa20, 7]);
    let issue = Issue { path: "1.0.0".to_owned(), message: "Hostile".to_owned() };
    assert_eq!(configured(&more), AdmitError::Settings(vec![issue]));
}

#[test]
fn settings_that_are_refused_for_no_reason() {
    let more = words(at::SETUP, &[1, 0x2000, 0]);
    let reason = "it refuses the settings and does not say why";
    assert_eq!(configured(&more), answer("configure", reason));
}

#[test]
fn settings_that_no_policy_gets_to_see() {
    let most = Limits::default().settings_bytes;
    let refusal = Room::usual().visit(|sandbox| {
        let policy = sandbox.admit(&Guest::default().component()).unwrap();
        policy.configure(&" ".repeat(most + 1)).unwrap_err()
    });
    let message = format!("{} bytes, and at most {most} are allowed", most + 1);
    assert_eq!(refusal, AdmitError::Settings(vec![Issue { path: String::new(), message }]));
}
