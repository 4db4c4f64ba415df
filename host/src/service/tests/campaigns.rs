//! Groups and campaigns at the service: the group table follows every event, campaigns reach everybody once
//! whatever fails, and halt, go on and end where they are told to.

use std::sync::Arc;

use serde_json::json;

use super::stand::{HOUR, Stand, acme, before, identify, text, who};
use crate::engine::event::{Fields, Instant, Millis, What};
use crate::ingest::live::{Deed, Item};
use crate::service::Error;
use crate::service::simulate::faulty::Fate;
use crate::service::words::{CampaignInfo, CampaignStatus, NewCampaign};
use crate::store::Store as _;

const DAY: u64 = 24 * HOUR;

/// Groups by business type, and campaigns for them; letters go to the app.
pub(super) const AUDIENCE: &str = r#"
    [[policy]]
    use = "audience"
    [policy.settings]
    type_field = "type"
    [policy.settings.groups]
    loan = {}
    saving = { within = "10d" }
    [policy.settings.standards]
    large = [{ field = "amount", at_least = 10 }]
    [[channel]]
    name = "app"
    cost = 0.25
    [messages.spring.default]
    title = "Spring"
    body = "A better rate."
"#;

/// A record of a business type.
fn record(user: &str, kind: &str, amount: i64, at: Instant) -> Item {
    let fields = Fields::from_iter([
        ("type".into(), text(kind)),
        ("amount".into(), crate::engine::event::Value::Integer(amount)),
    ]);
    let deed = Deed::Happened(vec![What::Operation { name: "record".into(), fields }]);
    Item { id: None, who: who(user), at, deed }
}

fn spring(more: serde_json::Value) -> NewCampaign {
    let mut new = json!({ "policy": "audience",
        "parameters": { "name": "spring", "type": "loan", "message": "spring" } });
    for (key, value) in more.as_object().unwrap() {
        new[key] = value.clone();
    }
    serde_json::from_value(new).unwrap()
}

fn user(number: usize) -> String {
    format!("user-{number:03}")
}

/// A stand with so many users with a loan, each of the amount of their number.
fn with_loans(many: usize) -> Stand {
    // So that a campaign takes several batches.
    let mut stand = Stand::with("batch = 20\n");
    stand.puts_to_work(AUDIENCE);
    stand.does_chores();
    let now = stand.now();
    let records = (0..many).map(|n| record(&user(n), "loan", n as i64, now)).collect();
    stand.hears(records);
    stand
}

fn created(stand: &Stand, new: NewCampaign) -> u64 {
    stand.core().create_campaign(&acme(), new).unwrap().number
}

fn campaign(stand: &Stand, number: u64) -> CampaignInfo {
    stand.core().campaign(&acme(), number).unwrap()
}

/// Lets campaigns go out until they have nothing more to do for now.
fn goes_out(stand: &mut Stand) {
    for _ in 0..1_000 {
        let busy = stand.core().go_out();
        stand.settles();
        if !busy {
            return;
        }
        stand.clock.advance(Millis(10));
    }
    panic!("the campaign has no end");
}

fn members(stand: &Stand, group: &str) -> u64 {
    let groups = stand.core().groups(&acme()).unwrap();
    groups.iter().find(|known| known.group == group).map_or(0, |known| known.members)
}

#[test]
fn b3_the_group_table_follows_every_event_and_every_window() {
    let mut stand = Stand::of(AUDIENCE);
    let now = stand.now();
    stand.hears(vec![record("ann", "loan", 1, now), record("bob", "saving", 1, now)]);
    stand.hears(vec![record("ann", "saving", 1, now), record("ann", "loan", 2, now)]);
    assert_eq!((members(&stand, "loan"), members(&stand, "saving")), (1, 2));
    let page = stand.core().members(&acme(), ("audience", "saving"), None, 1).unwrap();
    assert_eq!(page.items[0].user, "bob", "in the order of joining");
    let rest = stand.core().members(&acme(), ("audience", "saving"), page.next.as_deref(), 1);
    assert_eq!(rest.unwrap().items[0].user, "ann");
    // Without an event.
    stand.waits(10 * DAY);
    assert_eq!((members(&stand, "loan"), members(&stand, "saving")), (1, 0));
    assert_eq!(stand.times("bob", "quit"), 1);
    let wrong = stand.core().members(&acme(), ("audience", "loan"), Some("x"), 1);
    assert!(matches!(wrong, Err(Error::Invalid { .. })));
}

#[test]
fn who_turns_out_to_be_the_same_is_one_member() {
    let mut stand = Stand::of(AUDIENCE);
    let now = stand.now();
    stand.hears(vec![record("anon:1", "loan", 1, now), record("ann", "saving", 1, now)]);
    assert_eq!(members(&stand, "loan"), 1);
    stand.hears(vec![identify("ann", "1", now)]);
    assert_eq!((members(&stand, "loan"), members(&stand, "saving")), (1, 1));
    let page = stand.core().members(&acme(), ("audience", "loan"), None, 10).unwrap();
    assert_eq!(page.items.iter().map(|m| &*m.user).collect::<Vec<_>>(), ["ann"]);
}

#[test]
fn b4_b5_b6_b7_a_campaign_goes_from_its_parameters_to_its_target_group() {
    let mut stand = with_loans(20);
    let wrong =
        spring(json!({ "parameters": { "name": "x", "type": "lone", "message": "spring" } }));
    let refused = stand.core().create_campaign(&acme(), wrong).unwrap_err();
    let Error::Invalid { issues, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(issues[0].path, "/parameters/type");
    let large = json!({ "parameters": { "name": "spring", "type": "loan", "message": "spring",
        "standard": "large" } });
    let preview = stand.core().preview_campaign(&acme(), &spring(large.clone())).unwrap();
    assert_eq!((preview.initial, preview.target, preview.unqualified), (20, 10, 10));
    assert_eq!(preview.sample.len(), 10);
    assert!(stand.letters(&user(15)).is_empty(), "nobody is messaged by a preview");

    let number = created(&stand, spring(large));
    goes_out(&mut stand);
    assert!(stand.letters(&user(15)).is_empty(), "a draft reaches nobody");
    assert_eq!(stand.core().launch_campaign(&acme(), number).unwrap().initial, 20);
    goes_out(&mut stand);
    let done = campaign(&stand, number);
    assert_eq!((done.status, done.processed), (CampaignStatus::Done, 20));
    assert_eq!((done.target, done.messages, done.missed["unqualified"]), (10, 10, 10));
    assert_eq!((done.sends, done.cost), (10, 2.5));
    let letters = |n: usize| stand.letters(&user(n)).len();
    assert_eq!((0..20).map(letters).collect::<Vec<_>>(), [[0; 10], [1; 10]].concat());
    let again = stand.core().launch_campaign(&acme(), number);
    assert!(matches!(again, Err(Error::Conflict(_))));
}

#[test]
fn a_campaign_that_fails_to_be_stored_goes_on_from_where_it_stands() {
    let mut stand = with_loans(100);
    let number = created(&stand, spring(json!({})));
    stand.core().launch_campaign(&acme(), number).unwrap();
    for fate in [Fate::Refused, Fate::Stored, Fate::Refused, Fate::Unheard] {
        stand.core().go_out();
        stand.evaluates();
        stand.commits(fate);
        stand.clock.advance(Millis(100));
    }
    goes_out(&mut stand);
    let done = campaign(&stand, number);
    assert_eq!((done.status, done.processed, done.target), (CampaignStatus::Done, 100, 100));
    for n in 0..100 {
        assert_eq!(stand.letters(&user(n)).len(), 1, "{n}");
        assert_eq!(stand.times(&user(n), "targeted"), 1, "{n}");
    }
}

#[test]
fn a_restart_in_the_middle_goes_on_exactly_where_it_was() {
    let mut stand = with_loans(200);
    let number = created(&stand, spring(json!({})));
    stand.core().launch_campaign(&acme(), number).unwrap();
    for _ in 0..3 {
        stand.core().go_out();
        stand.evaluates();
        stand.commits(Fate::Stored);
        stand.clock.advance(Millis(50));
        // What is on its way to the store is lost.
        stand.evaluates();
        stand = stand.restarts();
    }
    let so_far = campaign(&stand, number);
    assert_eq!(so_far.status, CampaignStatus::Running);
    assert!((1..200).contains(&so_far.processed), "{}", so_far.processed);
    goes_out(&mut stand);
    let done = campaign(&stand, number);
    assert_eq!((done.status, done.processed, done.target), (CampaignStatus::Done, 200, 200));
    assert!((0..200).all(|n| stand.letters(&user(n)).len() == 1));
}

#[test]
fn it_halts_and_ends_where_it_is_told_to() {
    let mut stand = with_loans(50);
    let number = created(&stand, spring(json!({ "per_second": 10 })));
    stand.core().launch_campaign(&acme(), number).unwrap();
    stand.waits(1_000);
    stand.core().go_out();
    stand.settles();
    stand.waits(1_000);
    stand.core().go_out();
    stand.settles();
    let so_far = campaign(&stand, number).processed;
    assert!((10..=20).contains(&so_far), "ten a second, for two seconds: {so_far}");
    stand.waits(1_000);
    stand.core().go_out();
    let paused = stand.core().pause_campaign(&acme(), number).unwrap();
    assert_eq!(paused.status, CampaignStatus::Paused);
    stand.settles();
    assert_eq!(campaign(&stand, number).processed, so_far, "what was on its way is halted, too");
    stand.waits(60_000);
    assert!(!stand.core().go_out());
    stand = stand.restarts();
    stand.core().launch_campaign(&acme(), number).unwrap();
    goes_out(&mut stand);
    assert_eq!(campaign(&stand, number).processed, 50);
    assert_eq!(campaign(&stand, number).initial, 50);

    let other = created(&stand, spring(json!({ "per_second": 10 })));
    stand.core().launch_campaign(&acme(), other).unwrap();
    stand.core().cancel_campaign(&acme(), other).unwrap();
    stand.waits(10_000);
    assert!(!stand.core().go_out());
    assert_eq!(campaign(&stand, other).processed, 0);
    stand.core().delete_campaign(&acme(), other).unwrap();
    assert!(matches!(stand.core().campaign(&acme(), other), Err(Error::NotFound(_))));
    let running = created(&stand, spring(json!({ "late_joiners": true })));
    stand.core().launch_campaign(&acme(), running).unwrap();
    let deleted = stand.core().delete_campaign(&acme(), running);
    assert!(matches!(deleted, Err(Error::Conflict(_))));
}

#[test]
fn a_number_that_is_given_again_is_another_campaign() {
    let mut stand = with_loans(3);
    for letters in 1..=2 {
        let number = created(&stand, spring(json!({})));
        assert_eq!(number, 1);
        stand.core().launch_campaign(&acme(), number).unwrap();
        goes_out(&mut stand);
        assert_eq!(campaign(&stand, number).target, 3);
        assert!((0..3).all(|n| stand.letters(&user(n)).len() == letters));
        stand.core().delete_campaign(&acme(), number).unwrap();
        stand.waits(1_000);
    }
}

#[test]
fn late_joiners_are_reached_if_it_is_set_so() {
    for late in [false, true] {
        let mut stand = with_loans(5);
        let number = created(&stand, spring(json!({ "late_joiners": late })));
        stand.core().launch_campaign(&acme(), number).unwrap();
        let now = stand.now();
        stand.hears(vec![record("late", "loan", 1, now)]);
        goes_out(&mut stand);
        assert_eq!(stand.letters("late").len(), usize::from(late));
        let status = if late { CampaignStatus::Running } else { CampaignStatus::Done };
        assert_eq!(campaign(&stand, number).status, status);
        let now = stand.now();
        stand.hears(vec![record("later", "loan", 1, now)]);
        goes_out(&mut stand);
        assert_eq!(stand.letters("later").len(), usize::from(late));
    }
}

#[test]
fn some_are_held_out_and_the_lift_is_said_with_its_interval() {
    let mut stand = with_loans(100);
    let number = created(&stand, spring(json!({ "hold_out": 30, "goal": "order" })));
    stand.core().launch_campaign(&acme(), number).unwrap();
    goes_out(&mut stand);
    let out = campaign(&stand, number);
    assert_eq!(out.target + out.held_out, 100);
    assert!((15..=45).contains(&out.held_out), "{}", out.held_out);
    assert_eq!(out.messages, out.target);
    // Everybody who got a letter orders, and nobody else.
    let now = stand.now();
    let order = |n: usize| {
        let deed = What::Operation { name: "order".into(), fields: Fields::EMPTY };
        Item { id: None, who: who(&user(n)), at: now, deed: Deed::Happened(vec![deed]) }
    };
    let some: Vec<Item> =
        (0..100).filter(|n| !stand.letters(&user(*n)).is_empty()).map(order).collect();
    assert_eq!(some.len() as u64, out.target);
    stand.hears(some);
    let done = campaign(&stand, number);
    assert_eq!((done.achieved, done.held_out_achieved), (out.target, 0));
    let lift = done.lift.unwrap();
    assert_eq!((lift.target_rate, lift.held_out_rate, lift.difference), (1.0, 0.0, 1.0));
    assert!(lift.from > 0.8 && lift.to == 1.0, "{lift:?}");
    assert_eq!(done.cost_per_conversion, Some(0.25));
    let costs = stand.core().costs(&acme()).unwrap();
    assert_eq!((costs.channels[0].sends, costs.channels[0].converted), (out.target, out.target));
    assert_eq!(costs.messages[0].key, "spring");
}

#[test]
fn e4_a_standing_campaign_comes_and_goes_with_its_release() {
    let lapsed = r#"
        [[policy]]
        use = "lapsed"
        [policy.settings]
        period = "10d"
        [[campaign]]
        policy = "lapsed"
        parameters = { name = "come-back", message = "come-back", without_account = true }
        [[channel]]
        name = "app"
        [messages.come-back.default]
        title = "Come back"
        body = "We miss you."
    "#;
    let mut stand = Stand::of(lapsed);
    stand.does_chores();
    let login = |stand: &Stand| {
        let deed = What::Operation { name: "login".into(), fields: Fields::EMPTY };
        Item { id: None, who: who("ann"), at: stand.now(), deed: Deed::Happened(vec![deed]) }
    };
    let first = login(&stand);
    stand.hears(vec![first]);
    stand.waits(10 * DAY);
    goes_out(&mut stand);
    assert_eq!(stand.letters("ann").len(), 1);
    let [standing] = &*stand.core().campaigns(&acme()).unwrap() else { panic!("one") };
    assert!(standing.standing && standing.status == CampaignStatus::Running);
    assert_eq!(standing.campaign["event_type"], "inactive");
    // Once for each time that she lapses.
    goes_out(&mut stand);
    assert_eq!(stand.letters("ann").len(), 1);
    let back = login(&stand);
    stand.hears(vec![back]);
    assert_eq!(campaign(&stand, standing.number).achieved, 1);
    stand.waits(10 * DAY);
    goes_out(&mut stand);
    assert_eq!(stand.letters("ann").len(), 2);
    stand.puts_to_work(AUDIENCE);
    stand.does_chores();
    assert_eq!(campaign(&stand, standing.number).status, CampaignStatus::Done);
    assert_eq!(members(&stand, "inactive"), 0, "groups go with their policy");
    stand.puts_to_work(lapsed);
    stand.does_chores();
    goes_out(&mut stand);
    assert_eq!(stand.letters("ann").len(), 2, "who belongs already does not join");
    assert_eq!(campaign(&stand, standing.number).status, CampaignStatus::Running);
}

#[test]
fn a_release_is_refused_for_its_campaigns_at_their_places() {
    let stand = Stand::of(AUDIENCE);
    let campaign = |parameters: &str| {
        format!("\n[[campaign]]\npolicy = \"audience\"\nparameters = {{ {parameters} }}\n")
    };
    let right = r#"name = "spring", type = "loan", message = "spring""#;
    let places = |campaigns: &[String]| {
        let proposed = stand.core().propose(&acme(), &format!("{AUDIENCE}{}", campaigns.concat()));
        match proposed {
            Ok(_) => Vec::new(),
            Err(Error::Invalid { issues, .. }) => issues.into_iter().map(|i| i.path).collect(),
            Err(error) => panic!("{error}"),
        }
    };
    let right = campaign(right);
    assert_eq!(places(std::slice::from_ref(&right)), [""; 0]);
    assert_eq!(places(&[right.clone(), right.clone()]), ["/campaign/1/parameters/name"]);
    let wrong = campaign(r#"name = "summer", type = "boat", message = "spring""#);
    assert_eq!(places(&[right.clone(), wrong]), ["/campaign/1/parameters/type"]);
    // A mailbox may be made, and written to, later on.
    let later = right.replace(" }", r#", content = "news" }"#);
    assert_eq!(places(&[later]), [""; 0]);
    let nobody = right.replace("\"audience\"", "\"lapsed\"");
    assert_eq!(places(&[nobody]), ["/campaign/0/policy"]);
}

#[test]
fn without_its_policy_a_campaign_waits_and_says_why() {
    let mut stand = with_loans(3);
    let number = created(&stand, spring(json!({})));
    stand.core().launch_campaign(&acme(), number).unwrap();
    stand.puts_to_work(&super::stand::strategy(&[("cart", "1h")]));
    stand.does_chores();
    goes_out(&mut stand);
    let waiting = campaign(&stand, number);
    assert_eq!((waiting.status, waiting.processed), (CampaignStatus::Running, 0));
    assert!(waiting.reason.unwrap().contains("audience"));
    stand.puts_to_work(AUDIENCE);
    stand.does_chores();
    goes_out(&mut stand);
    assert_eq!(campaign(&stand, number).target, 3);
    assert_eq!(campaign(&stand, number).reason, None);
    let gone = stand.core().create_campaign(&acme(), spring(json!({ "policy": "lapsed" })));
    assert!(matches!(gone, Err(Error::Invalid { .. })));
}

#[test]
fn who_is_erased_is_in_no_group_and_reached_by_nothing() {
    let mut stand = with_loans(3);
    let number = created(&stand, spring(json!({})));
    stand.core().launch_campaign(&acme(), number).unwrap();
    stand.core().go_out();
    let lane = stand.lane();
    assert_eq!(lane.reaching(), 3);
    let erased = Arc::clone(&stand.service.0);
    let handle = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(crate::service::Service(erased).erase(&acme(), &user(1)))
    });
    while !handle.is_finished() {
        stand.settles();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    handle.join().unwrap().unwrap();
    goes_out(&mut stand);
    assert_eq!(members(&stand, "loan"), 2);
    assert!(stand.state(&user(1)).is_none());
    assert_eq!(lane.reaching(), 0);
}

#[test]
fn history_fills_the_group_table() {
    let mut stand = Stand::of(AUDIENCE);
    let past = before(stand.now(), 30 * DAY);
    stand.imports(vec![record("ann", "loan", 1, past), record("ann", "saving", 1, past)]);
    assert_eq!((members(&stand, "loan"), members(&stand, "saving")), (1, 0));
    let groups = stand.store.groups(stand.lane().id).unwrap();
    assert_eq!(groups.iter().map(|group| group.members).sum::<u64>(), 1);
}
