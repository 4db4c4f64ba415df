//! Texts by locale: the locale's own, its language's, or the one for everybody.

use super::*;
use crate::engine::policy::{Draft, Template};

fn said(locale: Option<&str>, texts: &[&str]) -> Vec<String> {
    let mut world = world(Native::journey([rule("A", 100)]));
    world.contents.clear();
    for text in texts {
        world = world.text("nudge", text, &format!("[{text}]"));
    }
    let mut ann = world.live();
    if let Some(locale) = locale {
        ann.does(profile(0, [("locale", text(locale))]));
    }
    ann.does(op(0, "A")).until(101);
    ann.outbox.into_iter().map(|outgoing| outgoing.content.body).collect()
}

#[test]
fn a6_a_text_is_that_of_the_locale() {
    assert_eq!(said(Some("de-AT"), &["", "de", "de-AT", "en"]), ["[de-AT]"]);
    assert_eq!(said(Some("zh"), &["", "de", "zh"]), ["[zh]"]);
}

#[test]
fn a6_or_of_its_language() {
    assert_eq!(said(Some("de-AT"), &["", "de", "en"]), ["[de]"]);
    assert_eq!(said(Some("de_AT"), &["", "de", "en"]), ["[de]"]);
    assert_eq!(said(Some("zh-Hant-TW"), &["", "zh"]), ["[zh]"]);
    assert_eq!(said(Some("de"), &["", "de-AT"]), ["[]"], "not of another region");
}

#[test]
fn a6_or_the_one_for_everybody() {
    for locale in [None, Some(""), Some("fr-FR"), Some("-")] {
        assert_eq!(said(locale, &["", "de", "en"]), ["[]"], "{locale:?}");
    }
}

#[test]
fn a6_or_the_first_there_is() {
    assert_eq!(said(Some("fr"), &["en", "de"]), ["[de]"]);
    assert!(said(Some("fr"), &[]).is_empty());
}

#[test]
fn a6_the_locale_is_that_of_the_moment_of_sending() {
    let mut ann = world(Native::journey([rule("A", 100)])).text("nudge", "de", "Weiter!").live();
    ann.does(op(0, "A")).does(profile(50, [("locale", text("de"))])).until(101);
    assert_eq!(ann.outbox[0].content.body, "Weiter!");
}

#[test]
fn without_a_personaliser_texts_go_as_they_are() {
    let mut world = world(Native::journey([rule("A", 100)]).drafting(|_, _| {
        Some(Draft { data: fields([("reward", text("a gift"))]), ..draft("full") })
    }));
    let link = Some("https://example.org/{reward}".to_owned());
    let template = Template { title: "Hello".to_owned(), body: "Take {reward}".to_owned(), link };
    world.contents.entry("full".into()).or_default().insert("".into(), template.clone());
    let mut ann = world.live();
    ann.does(op(0, "A")).until(101);
    let content = &ann.outbox[0].content;
    assert_eq!((&content.title, &content.body), (&template.title, &template.body));
    assert_eq!(content.link, template.link);
    assert!(content.features.is_empty());
}

#[test]
fn a_text_that_has_been_taken_away_is_not_sent_empty() {
    // A message is on its way when the tenant's contents change.
    let strategy = |world: World| {
        world
            .with("route", Native::route(plan([("app", 100), ("mail", 100)])))
            .with("writer", Native::personaliser())
    };
    let journey = || Native::journey([rule("A", 100)]);
    let mut ann = strategy(world(journey())).live();
    ann.does(op(0, "A")).until(150);
    let mut without = strategy(world(journey()));
    without.contents.clear();
    ann.engine = without.engine();
    ann.told();
    ann.until(1_000);
    assert_eq!(ann.outbox.len(), 1, "{:?}", ann.outbox.last());
    assert_eq!(
        ann.told_of(&["sent", "skipped", "ended"]),
        ["202 skipped mail NotRendered", "202 ended Unreceived 1"]
    );
}
