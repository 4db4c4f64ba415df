//! Why a user got a message, or did not: what is told, and what stands in the way of knowing it.

use serde_json::json;

use super::stand::{HOUR, MINUTE, Stand, acme, at, identify, patient, profile, strategy};
use crate::engine::consent::Consent;
use crate::engine::event::What;
use crate::ingest::live::{Deed, Item};
use crate::service::Error;
use crate::service::chain::lines;
use crate::service::story::{Explanation, Verdict};
use crate::store::Seq;

const SHOP: &[(&str, &str)] = &[("cart", "1h"), ("pay", "2h")];

/// A strategy with these guard rails.
fn guarded(rails: &str) -> String {
    format!("{}\n{rails}", strategy(SHOP))
}

fn explain(stand: &Stand, user: &str) -> Explanation {
    stand.core().explain(&acme(), user, None).unwrap()
}

fn says_no(user: &str, stand: &Stand) -> Item {
    let word = Consent { topic: None, channel: None, allowed: false };
    let deed = Deed::Happened(vec![What::Consent(word)]);
    Item { deed, ..at(user, "cart", stand.now()) }
}

/// The rule that stopped the only message, and what is said about it.
fn stopped(explanation: &Explanation) -> (String, String) {
    assert_eq!(explanation.messages.len(), 1, "{explanation:#?}");
    let stop = explanation.messages[0].stopped_by.clone().expect("something stopped it");
    (stop.rule, stop.says)
}

/// Puts another text in the place of a part of all lines.
fn alters(stand: &Stand, from: &str, to: &str) {
    let (store, tenant) = (&stand.core().store, stand.lane().id);
    for chunk in store.log(tenant, Seq(0), 1_000).unwrap() {
        let text = String::from_utf8(chunk.lines).unwrap();
        if text.contains(from) {
            store.redact(tenant, &[(chunk.seq, text.replace(from, to).into_bytes())]).unwrap();
        }
    }
}

#[test]
fn what_happened_is_told_and_comes_out_again() {
    let mut stand = Stand::of(&patient(SHOP));
    let now = stand.now();
    stand.hears(vec![at("anon:x", "cart", now), profile("anon:x", "town", "Bonn", now)]);
    stand.waits(HOUR + 1);
    let now = stand.now();
    stand.hears(vec![profile("ann", "name", "Ann", now), identify("ann", "x", now)]);
    stand.waits(2 * HOUR + 1);
    let told = explain(&stand, "anon:x");
    assert_eq!((&*told.user, told.differs, told.more, told.left_out), ("ann", 0, false, 0));
    assert!(told.lines.iter().all(|line| line.verdict == Verdict::Same), "{told:#?}");
    assert!(told.lines.iter().any(|line| line.absorbed == ["anon:x"]));
    assert!(told.lines.windows(2).all(|pair| pair[0].chunk <= pair[1].chunk));
    let asked: Vec<_> = told.lines.iter().flat_map(|line| &line.asked).collect();
    for question in ["locate", "stalled", "plan", "judge"] {
        let found = asked.iter().find(|asked| asked.question == question).expect(question);
        assert!(found.fuel > 0 && found.fault.is_none() && found.digest.len() == 64, "{found:?}");
    }
    let located = asked.iter().find(|asked| asked.question == "locate").unwrap();
    assert_eq!(located.input["fields"]["event"]["node"], "cart");
    assert_eq!(located.answer.as_ref().unwrap()["rule"], 0);
    let [message] = &*told.messages else { panic!("{told:#?}") };
    assert_eq!((&*message.key, &*message.policy, &*message.node), ("thank", "dwell", "cart"));
    let channels: Vec<_> = message.attempts.iter().map(|a| a.attempt.channel.as_str()).collect();
    assert_eq!(channels, ["log", "app"]);
    assert_eq!(message.attempts[0].receipts[0].shows, "accepted");
    assert_eq!(message.stopped_by, None);
    assert_eq!((&*told.never[0].why, told.never.len()), ("drafted", 1));
    // The same about the same is said in the same words.
    let again = explain(&stand, "ann");
    assert_eq!(json!(told), json!(again));
    let stand = stand.restarts();
    assert_eq!(json!(told), json!(explain(&stand, "ann")));
}

#[test]
fn only_what_is_about_a_message() {
    let mut stand = Stand::of(&strategy(SHOP));
    stand.hears(vec![at("ann", "cart", stand.now())]);
    stand.waits(HOUR + 1);
    stand.hears(vec![at("ann", "pay", stand.now())]);
    stand.waits(2 * HOUR + 1);
    let all = explain(&stand, "ann");
    assert_eq!(all.messages.len(), 2);
    let message = &all.messages[1].message;
    let one = stand.core().explain(&acme(), "ann", Some(message)).unwrap();
    assert_eq!((one.messages.len(), &one.messages[0].message), (1, message));
    assert!(one.never.is_empty() && !one.lines.is_empty());
    for told in one.lines.iter().flat_map(|line| &line.decisions) {
        assert_eq!(told.decision["message"], **message);
    }
    for (user, message) in [("ann", Some("none")), ("bob", None), ("bob", Some("none"))] {
        let none = stand.core().explain(&acme(), user, message);
        assert!(matches!(none, Err(Error::NotFound(_))), "{none:?}");
    }
}

#[test]
fn quiet_hours_are_named_with_their_times() {
    // It is a quarter past two in the afternoon, UTC.
    for (then, says) in [("defer", "it waits until"), ("drop", "has it dropped")] {
        let rails = format!("[guard.quiet]\nfrom = \"15:00\"\nto = \"16:30\"\nthen = {then:?}");
        let mut stand = Stand::of(&guarded(&rails));
        stand.hears(vec![at("ann", "cart", stand.now())]);
        stand.waits(HOUR + 1);
        let (rule, said) = stopped(&explain(&stand, "ann"));
        assert_eq!(rule, "quiet-hours");
        assert!(said.contains(says) && said.contains("15:00-16:30"), "{said}");
        stand.waits(2 * HOUR);
        let later = explain(&stand, "ann").messages[0].stopped_by.is_none();
        assert_eq!(later, then == "defer", "it has gone out, if it could wait");
    }
}

#[test]
fn a_cap_is_named_with_its_numbers() {
    let rails = "[[guard.cap]]\nmost = 1\nwithin = \"7d\"";
    let mut stand = Stand::of(&guarded(rails));
    stand.hears(vec![at("ann", "cart", stand.now())]);
    stand.waits(HOUR + 1);
    stand.hears(vec![at("ann", "pay", stand.now())]);
    stand.waits(2 * HOUR + 1);
    let told = explain(&stand, "ann");
    assert_eq!(told.messages[0].stopped_by, None);
    let stop = told.messages[1].stopped_by.clone().unwrap();
    assert_eq!(stop.rule, "cap");
    assert!(stop.says.contains("at most 1 message within 7d"), "{}", stop.says);
}

#[test]
fn a_no_and_a_suppressed_address_are_named() {
    let mut stand = Stand::of(&strategy(SHOP));
    stand.hears(vec![says_no("ann", &stand), at("ann", "cart", stand.now())]);
    stand.waits(HOUR + 1);
    let (rule, said) = stopped(&explain(&stand, "ann"));
    assert_eq!(rule, "not-wanted", "{said}");

    let address = "[[channel]]\nname = \"log\"\naddress = \"email\"";
    let text = strategy(SHOP).replacen("[[channel]]\n        name = \"app\"", address, 1);
    let mut stand = Stand::of(&text);
    let mail = "ann@example.org";
    stand.hears(vec![profile("ann", "email", mail, stand.now()), at("ann", "cart", stand.now())]);
    let key = crate::service::send::address_key("log", mail);
    let suppression = crate::store::Suppression {
        channel: "log".into(),
        address: key,
        reason: "asked".into(),
        at: stand.now(),
    };
    stand.core().store.suppress(stand.lane().id, &[suppression]).unwrap();
    stand.waits(HOUR + 1);
    let told = explain(&stand, "ann");
    let (rule, said) = stopped(&told);
    assert_eq!(rule, "withheld-suppressed");
    assert!(said.contains("suppression list"), "{said}");
    assert_eq!(told.messages[0].attempts[0].attempt.outcome.as_deref(), Some("refused"));
    // Of somebody without an address there is nowhere to go.
    stand.hears(vec![at("bob", "cart", stand.now())]);
    stand.waits(HOUR + 1);
    let (rule, said) = stopped(&explain(&stand, "bob"));
    assert_eq!(rule, "no-channel", "{said}");
}

#[test]
fn why_nothing_was_drafted() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.hears(vec![profile("ann", "town", "Bonn", now), at("bob", "cart", now)]);
    stand.hears(vec![at("cat", "done", now)]);
    let why = |stand: &Stand, user: &str| explain(stand, user).never.remove(0);
    assert_eq!(why(&stand, "ann").why, "no-visit");
    stand.waits(10 * MINUTE);
    let bob = why(&stand, "bob");
    assert_eq!((&*bob.why, bob.node.as_deref()), ("not-yet", Some("cart")));
    assert_eq!((bob.dwell, bob.threshold), (Some(10 * MINUTE), Some(HOUR)));
    assert_eq!(bob.due, Some(now.0 + HOUR as i64 + 1));
    assert!(bob.says.contains("10m") && bob.says.contains("1h"), "{}", bob.says);
    assert!(["not-watched", "the-end"].contains(&&*why(&stand, "cat").why));
    stand.imports(vec![at("dan", "cart", super::stand::before(now, 5 * HOUR))]);
    assert_eq!(why(&stand, "dan").why, "past");
    stand.puts_to_work(&strategy(&[("pay", "2h")]));
    assert_eq!(why(&stand, "bob").why, "no-rule");
    stand.core().switch_off(&acme()).unwrap();
    assert_eq!(why(&stand, "bob").why, "no-release");
}

#[test]
fn an_altered_decision_does_not_come_out_again() {
    let mut stand = Stand::of(&strategy(SHOP));
    stand.hears(vec![at("ann", "cart", stand.now()), at("bob", "cart", stand.now())]);
    stand.waits(HOUR + 1);
    assert_eq!(explain(&stand, "ann").differs, 0);
    alters(&stand, "\"threshold\":3600000", "\"threshold\":3600001");
    let told = explain(&stand, "ann");
    assert_eq!(told.differs, 1);
    let line = told.lines.iter().find(|line| line.verdict == Verdict::Differs).unwrap();
    let threshold = |told: &crate::service::story::Told| told.decision["threshold"].as_u64();
    assert_eq!(line.decisions.iter().find_map(threshold), Some(3_600_001));
    assert_eq!(line.now.iter().find_map(threshold), Some(3_600_000));
    // A word more that means nothing is one, too.
    alters(&stand, "\"threshold\":3600001", "\"threshold\":3600000,\"by\":1");
    assert_eq!(explain(&stand, "bob").differs, 1);
    alters(&stand, ",\"by\":1", "");
    assert_eq!((explain(&stand, "ann").differs, explain(&stand, "bob").differs), (0, 0));
}

#[test]
fn what_is_gone_is_not_guessed() {
    let mut stand = Stand::of(&strategy(SHOP));
    stand.hears(vec![at("ann", "cart", stand.now())]);
    stand.waits(HOUR + 1);
    stand.hears(vec![at("ann", "pay", stand.now())]);
    let (store, tenant) = (&stand.core().store, stand.lane().id);
    let first = store.log(tenant, Seq(0), 1).unwrap().remove(0);
    let line = lines(&first.lines).next().unwrap();
    store.redact(tenant, &[(first.seq, crate::service::chain::tombstone(line))]).unwrap();
    let told = explain(&stand, "ann");
    assert!(told.lines.len() > 2 && told.lines.iter().all(|l| l.verdict == Verdict::Unknown));
    assert!(told.lines.iter().all(|line| line.reason.as_ref().unwrap().contains("erased")));
    assert_eq!((told.differs, told.lines[0].at), (0, None));

    let mut stand = Stand::of(&strategy(SHOP));
    stand.hears(vec![at("ann", "cart", stand.now())]);
    stand.puts_to_work(&strategy(SHOP));
    let number = stand.core().account(&acme()).unwrap().record.number;
    let gone = crate::service::book::remove("release", number, 1);
    stand.core().change(&[gone]).unwrap();
    let told = explain(&stand, "ann");
    assert_eq!(told.lines[0].verdict, Verdict::Unknown);
    assert!(told.lines[0].reason.as_ref().unwrap().contains("release 1"), "{told:#?}");
}

#[test]
fn a_decision_without_a_release_is_none() {
    let mut stand = Stand::new();
    stand.hears(vec![profile("ann", "town", "Bonn", stand.now())]);
    let told = explain(&stand, "ann");
    assert_eq!((told.lines[0].verdict, told.lines[0].release), (Verdict::Same, None));
    stand.puts_to_work(&strategy(SHOP));
    stand.hears(vec![at("ann", "cart", stand.now())]);
    stand.waits(HOUR + 1);
    let told = explain(&stand, "ann");
    assert!(told.lines.iter().all(|line| line.verdict == Verdict::Same), "{told:#?}");
}
