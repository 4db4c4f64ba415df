//! Guard rails: consent, quiet hours, caps, digests, dead addresses. What no policy is trusted with.

use super::*;
use crate::engine::Engine;
use crate::engine::consent::Consent;
use crate::engine::event::{Grade, Instant, Millis, Shows, Withheld};
use crate::engine::guard::{Cap, Digest, Gate, Guard, Night, Standing, Then, Topic};
use crate::engine::policy::{Draft, Importance};
use crate::engine::quiet::{Quiet, Zone};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Says at each node what the node's name says: its importance, and its message after a slash.
fn journey() -> Native {
    on_its_own("")
}

/// One with nodes of its own, by a prefix: users are at one node of each.
fn on_its_own(prefix: &'static str) -> Native {
    let nodes = ["low", "normal", "high", "urgent", "low/tip", "low/news", "normal/offer"];
    let all = nodes.into_iter().map(|node| rule(&format!("{prefix}{node}"), 100));
    let rules: Vec<_> = all.chain([quiet("end")]).collect();
    Native::journey(rules).drafting(move |rule, _| {
        let node = nodes[rule as usize];
        let (importance, key) = node.split_once('/').unwrap_or((node, "nudge"));
        let importance = match importance {
            "low" => Importance::Low,
            "normal" => Importance::Normal,
            "high" => Importance::High,
            _ => Importance::Urgent,
        };
        Some(Draft { importance, ..draft(key) })
    })
}

fn guarded(world: World, guard: Guard) -> Live {
    let World { tenant, key, parts, contents, channels } = world;
    let key = TrackingKey::new(key.as_bytes());
    let strategy = Strategy::new(tenant, key, parts, contents, channels).unwrap();
    Live::of(Engine::new(strategy.guarded(guard).unwrap()), State::default())
}

fn texts() -> World {
    let world = world(journey()).with("second", on_its_own("2:")).with("third", on_its_own("3:"));
    let world = world.text("tip", "", "A tip").text("news", "", "Some news");
    world.text("offer", "", "An offer").text("digest", "", "{count} things:\n{items}")
}

fn night(then: Then, except: Option<Importance>) -> Guard {
    let hours = Quiet::parse("22:00", "08:00").unwrap();
    Guard { quiet: Some(Night { hours, then, except }), ..Guard::default() }
}

fn cap(most: u32, within: i64) -> Cap {
    let within = Millis(within as u64);
    Cap { most, within, channel: None, topic: None, except: None }
}

fn topic(name: &str, messages: &[&str], consent: Standing) -> Topic {
    let messages = messages.iter().map(|key| (*key).into()).collect();
    Topic { name: name.into(), title: name.to_owned(), messages, consent }
}

fn says(at: i64, topic: &str, channel: &str, allowed: bool) -> Event {
    let named = |name: &str| (!name.is_empty()).then(|| name.into());
    event(at, What::Consent(Consent { topic: named(topic), channel: named(channel), allowed }))
}

const WAY: [&str; 7] = ["refused", "skipped", "sent", "ended", "held", "capped", "gathered"];

#[test]
fn in_quiet_hours_a_message_waits_for_their_end() {
    let mut ann = guarded(texts(), night(Then::Defer, None));
    let at = 23 * HOUR;
    ann.does(op(at, "normal")).until(at + 101);
    let morning = DAY + 8 * HOUR;
    assert_eq!(ann.told_of(&WAY), [format!("{} held {morning} QuietHours", at + 101)]);
    assert_eq!(ann.due, Some(Instant(morning)));
    assert!(ann.until(morning - 1).told().is_empty());
    assert_eq!(ann.until(morning).told_of(&WAY), [format!("{morning} sent app 0 Go on!")]);
}

#[test]
fn quiet_hours_are_those_of_the_users_own_clock() {
    let mut ann = guarded(texts(), night(Then::Defer, None));
    // 15:00 in UTC is 23:00 in Shanghai, whose morning is midnight here.
    let at = 15 * HOUR;
    ann.does(profile(0, [("timezone", text("Asia/Shanghai"))]))
        .does(op(at, "normal"))
        .until(at + 101);
    assert_eq!(ann.due, Some(Instant(DAY)));
    let mut bob = guarded(texts(), night(Then::Defer, None));
    bob.does(profile(0, [("timezone", text("Nowhere/Else"))]))
        .does(op(at, "normal"))
        .until(at + 101);
    assert_eq!(bob.outbox.len(), 1, "a zone that there is not is that of everybody");
    let zone = Zone::parse("Asia/Shanghai");
    let mut eve = guarded(texts(), Guard { zone, ..night(Then::Defer, None) });
    eve.does(op(at, "normal")).until(at + 101);
    assert_eq!(eve.due, Some(Instant(DAY)));
}

#[test]
fn in_quiet_hours_a_message_may_be_dropped_and_an_urgent_one_goes_out() {
    let mut ann = guarded(texts(), night(Then::Drop, Some(Importance::High)));
    let at = 23 * HOUR;
    ann.does(op(at, "normal")).until(at + 101);
    assert_eq!(ann.told_of(&WAY), [format!("{} ended QuietHours 0", at + 101)]);
    ann.does(op(at + 200, "high")).until(at + 301);
    assert_eq!(ann.told_of(&WAY), [format!("{} sent app 0 Go on!", at + 301)]);
}

#[test]
fn who_has_done_it_meanwhile_hears_nothing_in_the_morning() {
    let mut ann = guarded(texts(), night(Then::Defer, None));
    let at = 23 * HOUR;
    ann.does(op(at, "normal")).until(at + 101).does(op(at + 500, "end")).until(3 * DAY);
    assert!(ann.outbox.is_empty());
    assert_eq!(ann.told_of(&["ended"]), [format!("{} ended Converted 0", at + 500)]);
}

#[test]
fn a_later_step_keeps_to_the_night_too() {
    let plan = plan([("app", 2 * HOUR as u64), ("sms", 50)]);
    let mut ann = guarded(texts().with("route", Native::route(plan)), night(Then::Defer, None));
    let at = 21 * HOUR;
    ann.does(op(at, "normal")).until(3 * DAY);
    let sent: Vec<(&str, i64)> = ann.outbox.iter().map(|o| (&*o.channel, o.at.0)).collect();
    assert_eq!(sent, [("app", at + 101), ("sms", DAY + 8 * HOUR)]);
}

#[test]
fn a_cap_counts_messages_of_all_policies_and_lets_them_through_again_later() {
    let mut ann = guarded(texts(), Guard { caps: vec![cap(2, DAY)], ..Guard::default() });
    for (n, node) in ["normal", "high", "low"].into_iter().enumerate() {
        let at = n as i64 * HOUR;
        ann.does(op(at, node)).until(at + 101);
    }
    let third = 2 * HOUR + 101;
    assert_eq!(ann.told_of(&["capped"]), [format!("{third} capped 0")]);
    // A day after the first.
    ann.does(op(DAY, "urgent")).until(DAY + 101);
    assert_eq!(ann.outbox.len(), 3);
}

#[test]
fn a_message_on_three_channels_counts_once_and_a_channels_cap_counts_attempts() {
    let three = || Native::route(plan([("app,mail,sms", 50)]));
    let sms = Cap { channel: Some("sms".into()), ..cap(1, DAY) };
    let mut ann = guarded(
        texts().with("route", three()),
        Guard { caps: vec![cap(2, DAY), sms], ..Guard::default() },
    );
    ann.does(op(0, "normal")).does(op(HOUR, "high")).does(op(2 * HOUR, "low")).until(3 * HOUR);
    let sent: Vec<&str> = ann.outbox.iter().map(|o| &*o.channel).collect();
    assert_eq!(sent, ["app", "mail", "sms", "app", "mail"]);
    assert_eq!(ann.told_of(&["skipped"]), [format!("{} skipped sms Capped", HOUR + 101)]);
}

#[test]
fn what_failed_counts_for_no_cap() {
    let mut ann = guarded(texts(), Guard { caps: vec![cap(1, DAY)], ..Guard::default() });
    ann.does(op(0, "normal")).until(101).shows(150, 0, Shows::Failed);
    ann.does(op(HOUR, "high")).until(HOUR + 101);
    assert_eq!(ann.outbox.len(), 2);
}

#[test]
fn of_two_for_one_place_the_more_important_has_it() {
    let guard = Guard { caps: vec![cap(1, DAY)], ..night(Then::Defer, Some(Importance::Urgent)) };
    let mut ann = guarded(texts(), guard);
    let at = 23 * HOUR;
    ann.does(op(at, "low"))
        .does(op(at + 1_000, "2:high"))
        .does(op(at + 2_000, "3:normal"))
        .until(at + 3_000);
    let told = ann.told_of(&["ended", "capped"]);
    assert_eq!(
        told,
        [
            format!("{} ended Outranked 0", at + 1_101),
            format!("{} capped 0", at + 2_101),
            format!("{} ended Capped 0", at + 2_101),
        ]
    );
    ann.until(3 * DAY);
    let [sent] = ann.outbox.as_slice() else { panic!("{:?}", ann.outbox) };
    assert_eq!(sent.importance, Importance::High);
}

#[test]
fn a_message_that_is_bound_by_no_cap_takes_nobodys_place() {
    let caps = vec![Cap { except: Some(Importance::Urgent), ..cap(1, DAY) }];
    let mut ann = guarded(texts(), Guard { caps, ..Guard::default() });
    ann.does(op(0, "normal")).until(101).does(op(HOUR, "urgent")).until(2 * HOUR);
    assert_eq!(ann.outbox.len(), 2);
}

#[test]
fn a_topic_is_wanted_or_not_on_each_channel() {
    let three = Native::route(plan([("app,mail,sms", 50)]));
    let topics = vec![topic("offers", &["offer"], Standing::OptOut)];
    let mut ann = guarded(texts().with("route", three), Guard { topics, ..Guard::default() });
    ann.does(says(0, "offers", "sms", false)).does(op(1, "normal/offer")).until(HOUR);
    assert_eq!(ann.told_of(&["skipped"]), ["102 skipped sms NotWanted"]);
    assert_eq!(ann.outbox.len(), 2);
    assert_eq!(&*ann.outbox[0].topic, "offers");
    // Everything else still comes on all channels.
    ann.does(op(2 * HOUR, "normal")).until(3 * HOUR);
    assert_eq!(ann.outbox.len(), 5);
}

#[test]
fn who_must_say_yes_first_gets_nothing_before_and_required_is_required() {
    let topics = vec![
        topic("offers", &["offer"], Standing::OptIn),
        topic("orders", &["nudge"], Standing::Required),
    ];
    let mut ann = guarded(texts(), Guard { topics, ..Guard::default() });
    ann.does(op(0, "normal/offer")).until(HOUR);
    assert!(ann.outbox.is_empty());
    ann.does(says(HOUR, "", "", false)).does(op(HOUR, "normal")).until(2 * HOUR);
    assert_eq!(ann.outbox.len(), 1, "it belongs to what was ordered");
    ann.does(says(2 * HOUR, "offers", "app", true))
        .does(op(3 * HOUR, "normal/offer"))
        .until(4 * HOUR);
    assert_eq!(ann.outbox.len(), 2);
}

#[test]
fn who_opts_out_ends_what_is_under_way() {
    let plan = plan([("app", HOUR as u64), ("sms", 50)]);
    let mut ann = guarded(texts().with("route", Native::route(plan)), Guard::default());
    ann.does(op(0, "normal")).until(101).does(says(200, "", "", false)).until(DAY);
    assert_eq!(ann.outbox.len(), 1);
    assert_eq!(ann.told_of(&["ended"]), ["200 ended OptedOut 1"]);
    assert!(crate::engine::End::OptedOut.calls_off());
}

#[test]
fn what_can_wait_becomes_one_message() {
    let digest =
        Digest { up_to: Importance::Low, wait: Millis(4 * HOUR as u64), message: "digest".into() };
    let mut ann = guarded(texts(), Guard { digest: Some(digest), ..Guard::default() });
    ann.does(op(0, "low/tip"))
        .does(op(HOUR, "2:low/news"))
        .does(op(2 * HOUR, "3:normal"))
        .until(3 * HOUR);
    assert_eq!(ann.outbox.len(), 1, "what cannot wait does not");
    let due = 101 + 4 * HOUR;
    assert_eq!(ann.due, Some(Instant(due)));
    ann.until(due);
    assert_eq!(ann.outbox.len(), 2);
    assert_eq!(ann.outbox[1].content.body, "2 things:\nA tip\n\nSome news");
    let told = ann.told_of(&["gathered", "ended", "held"]);
    assert_eq!(told[3..], [format!("{due} gathered 1"), format!("{due} ended Gathered 0")]);
    ann.until(3 * DAY);
    assert_eq!(ann.outbox.len(), 2);
}

#[test]
fn a_digest_of_one_says_what_it_says() {
    let digest = Digest { up_to: Importance::Low, wait: Millis(100), message: "digest".into() };
    let mut ann = guarded(texts(), Guard { digest: Some(digest), ..Guard::default() });
    ann.does(op(0, "low/tip")).until(HOUR);
    let [sent] = ann.outbox.as_slice() else { panic!("{:?}", ann.outbox) };
    assert_eq!((sent.content.body.as_str(), sent.at), ("A tip", Instant(201)));
}

#[test]
fn what_an_item_says_is_not_looked_through_for_places() {
    let digest =
        Digest { up_to: Importance::Low, wait: Millis(HOUR as u64), message: "digest".into() };
    let hostile = texts().text("tip", "", "{items} {count}");
    let mut ann = guarded(hostile, Guard { digest: Some(digest), ..Guard::default() });
    ann.does(op(0, "low/tip")).does(op(200, "2:low/news")).until(DAY);
    assert_eq!(ann.outbox[0].content.body, "2 things:\n{items} {count}\n\nSome news");
}

fn addressed() -> World {
    let mut world = texts();
    world.channels = vec![channel("sms", Some("phone")), channel("app", None)];
    world.with("route", Native::route(plan([("sms", 50), ("app", 50)])))
}

#[test]
fn a_dead_address_is_not_tried_again_until_it_is_another() {
    let mut ann = guarded(addressed(), Guard::default());
    ann.does(profile(0, [("phone", text("+1"))])).does(op(0, "normal")).until(101);
    assert_eq!(ann.outbox[0].address.as_deref(), Some("+1"));
    ann.shows(110, 0, Shows::Gone);
    assert_eq!(
        ann.told_of(&["sent", "failed"]),
        ["101 sent sms 0 Go on!", "110 failed sms", "110 sent app 1 Go on!"]
    );
    ann.does(op(HOUR, "high")).until(HOUR + 101);
    assert_eq!(ann.told_of(&["skipped"]), [format!("{} skipped sms DeadAddress", HOUR + 101)]);
    ann.does(profile(2 * HOUR, [("phone", text("+2"))]))
        .does(op(2 * HOUR, "low"))
        .until(2 * HOUR + 101);
    assert_eq!(ann.outbox.last().unwrap().address.as_deref(), Some("+2"));
}

#[test]
fn an_empty_address_is_none() {
    for phone in ["", "  "] {
        let mut ann = guarded(addressed(), Guard::default());
        ann.does(profile(0, [("phone", text(phone))])).does(op(0, "normal")).until(101);
        assert_eq!(ann.told_of(&["skipped"]), ["101 skipped sms Unavailable"]);
    }
}

#[test]
fn what_the_host_withholds_is_told_and_the_next_step_is_taken() {
    let mut ann = guarded(addressed(), Guard::default());
    ann.does(profile(0, [("phone", text("+1"))])).does(op(0, "normal")).until(101);
    ann.shows(110, 0, Shows::Withheld(Withheld::Suppressed));
    assert_eq!(
        ann.told_of(&["withheld", "sent"])[1..],
        ["110 withheld sms Suppressed", "110 sent app 1 Go on!"]
    );
}

#[test]
fn an_attempt_that_is_late_is_asked_again_whether_it_may_go() {
    let topics = vec![topic("offers", &["offer"], Standing::OptOut)];
    let mut ann = guarded(texts(), Guard { topics, ..night(Then::Defer, None) });
    ann.does(op(9 * HOUR, "normal/offer")).until(10 * HOUR);
    let strategy = ann.engine.strategy();
    let gate = |state: &State, at| strategy.gate(state, &ann.outbox[0], Instant(at));
    assert_eq!(gate(&ann.state, 10 * HOUR), Gate::Open);
    assert_eq!(gate(&ann.state, 23 * HOUR), Gate::Until(Instant(DAY + 8 * HOUR)));
    let mut state = ann.state.clone();
    state.consents = serde_json::from_str(r#"[{"topic":"offers","allowed":false}]"#).unwrap();
    assert_eq!(gate(&state, 10 * HOUR), Gate::Shut(Withheld::NotWanted));
}

#[test]
fn rails_that_name_what_there_is_not_are_refused() {
    let refused = |guard: Guard| {
        let World { tenant, key, parts, contents, channels } = texts();
        let key = TrackingKey::new(key.as_bytes());
        let strategy = Strategy::new(tenant, key, parts, contents, channels).unwrap();
        strategy.guarded(guard).err().map(|error| error.to_string()).unwrap()
    };
    let none = Digest { up_to: Importance::Low, wait: Millis(1), message: "none".into() };
    assert!(refused(Guard { digest: Some(none), ..Guard::default() }).contains("\"none\""));
    let fax = Cap { channel: Some("fax".into()), ..cap(1, 1) };
    assert!(refused(Guard { caps: vec![fax], ..Guard::default() }).contains("\"fax\""));
    let other = Cap { topic: Some("other".into()), ..cap(1, 1) };
    assert!(refused(Guard { caps: vec![other], ..Guard::default() }).contains("\"other\""));
    let topics = ["a", "b"].map(|name| topic(name, &["offer"], Standing::OptOut)).into();
    assert!(refused(Guard { topics, ..Guard::default() }).contains("two topics"));
}

#[test]
fn the_widest_locale_that_there_is_a_text_for() {
    let world = world(journey().writing(|request, _| Some(content(&request.template.body))));
    let world = world
        .text("nudge", "zh-Hant", "繼續")
        .text("nudge", "zh", "继续")
        .text("nudge", "DE", "Weiter");
    let engine = world.engine();
    let said = |locale: &str| {
        let events = vec![profile(0, [("locale", text(locale))]), op(0, "normal")];
        story(&engine, events, 101).outbox[0].content.body.clone()
    };
    assert_eq!(said("zh-Hant-TW"), "繼續");
    assert_eq!(said("zh_hant"), "繼續");
    assert_eq!(said("zh-Hans-CN"), "继续");
    assert_eq!(said("de-AT"), "Weiter");
    assert_eq!(said("fr"), "Go on!");
    assert_eq!(said(""), "Go on!");
}

#[test]
fn equal_contents_have_the_same_address() {
    let mut ann = guarded(texts(), Guard::default());
    ann.does(op(0, "normal")).does(op(HOUR, "high")).does(op(2 * HOUR, "normal/offer")).until(DAY);
    let digests: Vec<&str> = (ann.trace.iter())
        .filter_map(|record| match &record.decision {
            crate::engine::Decision::Sent { digest, .. } => Some(&**digest),
            _ => None,
        })
        .collect();
    assert_eq!(digests.len(), 3);
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
    assert_eq!(digests[0].len(), 64);
}

#[test]
fn a_state_without_rails_is_written_as_before() {
    let mut ann = guarded(texts(), Guard::default());
    ann.does(op(0, "normal")).until(101).shows(110, 0, Grade::Opened);
    let state = serde_json::to_string(&ann.state).unwrap();
    for name in ["consents", "dead", "pushes", "held", "content"] {
        assert!(!state.contains(&format!("\"{name}\"")), "{name} in {state}");
    }
}
