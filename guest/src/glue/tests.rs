//! A policy of all kinds, asked through the contract's own words.

use super::*;
use crate::kinds::Data;
use crate::prelude::*;
use crate::testing::plan_request;

/// A policy of all kinds that has something to say where a number is even.
#[derive(Debug)]
struct Even(Field<i64>);

impl Even {
    fn is(&self, row: Row<'_>) -> bool {
        row.get(self.0).is_some_and(|number| number % 2 == 0)
    }
}

impl Policy for Even {
    const MANIFEST: Manifest = manifest!("even", "Says something to every other", "{}");
    type Settings = std::collections::BTreeMap<String, String>;
    fn configure(settings: Self::Settings, needs: &mut Needs) -> Result<Self, Issues> {
        let mut issues = Issues::default();
        for name in settings.keys() {
            issues.at(pointer([name.as_str()]), "is no setting");
        }
        issues.or(Even(needs.event("x").integer()))
    }
}

impl Journey for Even {
    fn rules(&self) -> Vec<Rule> {
        vec![Rule { node: Place::named("even"), watch: None, last: false }]
    }
    fn locate(&self, event: Row<'_>) -> Option<usize> {
        self.is(event).then(|| event.index() as usize)
    }
    fn stalled(&self, rule: usize, visit: Row<'_>) -> Option<Draft> {
        let draft = Draft::new(format!("rule-{rule}"));
        self.is(visit).then(|| Draft { data: vec![("a".to_owned(), 1.into())], ..draft })
    }
}

impl Audience for Even {
    fn groups(&self) -> Vec<String> {
        vec!["even".to_owned()]
    }
    fn classify(&self, record: Row<'_>, groups: &mut Vec<usize>) {
        if self.is(record) {
            groups.extend([3, 1, 3]);
        }
    }
    fn compose(&self, _: &str) -> Result<Campaign, Issues> {
        let mut issues = Issues::default();
        issues.at("/name", "is missing");
        Err(issues)
    }
    fn qualify(&self, standard: &str, member: Row<'_>) -> bool {
        standard == "even" && self.is(member)
    }
}

impl Personalise for Even {
    fn render(&self, request: RenderRequest<'_>, user: Row<'_>) -> Option<Content> {
        let text = format!("{} {}", request.template().body, request.channel());
        let content =
            Content { title: text, body: String::new(), link: None, features: Data::new() };
        self.is(user).then_some(content)
    }
}

impl Route for Even {
    fn plan(&self, request: &PlanRequest, user: Row<'_>) -> Option<Itinerary> {
        let itinerary =
            Itinerary { steps: Vec::new(), ends_at: Grade::Seen, most_sends: request.messages };
        self.is(user).then_some(itinerary)
    }
    fn judge(&self, step: &Overdue, user: Row<'_>) -> Verdict {
        if self.is(user) && step.step == 0 { Verdict::Received } else { Verdict::NotReceived }
    }
}

/// The policy, and rows 0 to 4 with the numbers 1, 2, 3, none and 4.
fn five() -> (Even, Batch) {
    let (even, _) = made::<Even>("{}").unwrap();
    let values = types::Values::Integer(vec![1, 2, 3, 0, 4]);
    let columns = vec![types::Column { absent: vec![0b1000], values }];
    (even, Batch { rows: 5, at: vec![0; 5], columns })
}

#[test]
fn nowhere_is_the_largest_number() {
    let (even, batch) = five();
    assert_eq!(locate(&even, &batch), [u32::MAX, 1, u32::MAX, u32::MAX, 4]);
}

#[test]
fn sparse_answers_carry_the_numbers_of_their_rows() {
    let (even, batch) = five();
    let drafts = stalled(&even, &[10, 11, 12, 13, 14], &batch);
    let drafts: Vec<_> = drafts.iter().map(|d| (d.row, &*d.message, d.data.len())).collect();
    assert_eq!(drafts, [(1, "rule-11", 1), (4, "rule-14", 1)]);

    let requests: Vec<PlanRequest> =
        (0..5).map(|messages| PlanRequest { messages, ..plan_request("key", &[]) }).collect();
    let plans: Vec<_> =
        plan(&even, &requests, &batch).iter().map(|i| (i.row, i.most_sends)).collect();
    assert_eq!(plans, [(1, 1), (4, 4)]);

    assert_eq!(qualify(&even, "even", &batch), [1, 4]);
    assert_eq!(qualify(&even, "odd", &batch), [0; 0]);
}

#[test]
fn a_request_is_rendered_with_its_own_template() {
    let (even, batch) = five();
    let template =
        |body: &str| Template { title: String::new(), body: body.to_owned(), link: None };
    let request = |(channel, template): (&str, u32)| wire_personalise::Request {
        message: String::new(),
        template,
        channel: channel.to_owned(),
        locale: String::new(),
        data: Vec::new(),
    };
    let requests = [("a", 0), ("b", 1), ("c", 0), ("d", 0), ("e", 0)].map(request);
    let texts = |templates: &[Template]| -> Vec<(u32, String)> {
        let contents = render(&even, templates, &requests, &batch);
        contents.into_iter().map(|content| (content.row, content.title)).collect()
    };
    let both = texts(&[template("one"), template("two")]);
    assert_eq!(both, [(1, "two b".to_owned()), (4, "one e".to_owned())]);
    assert_eq!(texts(&[template("one")]), [(4, "one e".to_owned())], "there is no template 1");
}

#[test]
fn groups_come_in_order_and_none_twice() {
    let (even, batch) = five();
    let memberships = classify(&even, &batch);
    assert_eq!(memberships.rows, [1, 1, 4, 4]);
    assert_eq!(memberships.groups, [1, 3, 1, 3]);
}

#[test]
fn every_step_gets_a_verdict() {
    let (even, batch) = five();
    let overdue = |step| Overdue {
        message: String::new(),
        importance: Importance::Normal,
        step,
        evidence: None,
        since: 0,
    };
    let verdicts = judge(&even, &[0, 0, 0, 0, 1].map(overdue), &batch);
    let (yes, no) = (Verdict::Received, Verdict::NotReceived);
    assert_eq!(verdicts, [no, yes, no, no, no]);
}

#[test]
fn an_instance_is_configured_once() {
    let slot = OnceLock::<Even>::new();
    let setup = configure(&slot, "{}").unwrap();
    assert_eq!((setup.needs.len(), setup.counters.len()), (1, 0));
    assert!(std::ptr::eq(policy(&slot), slot.get().unwrap()));
    let issues = configure(&slot, "{}").unwrap_err();
    assert_eq!(issues[0].message, "an instance is configured once");
}

#[test]
fn refused_settings_configure_nothing() {
    let slot = OnceLock::<Even>::new();
    let issues = configure(&slot, r#"{"b": "", "a": ""}"#).unwrap_err();
    let paths: Vec<&str> = issues.iter().map(|issue| &*issue.path).collect();
    assert_eq!(paths, ["/a", "/b"]);
    assert!(slot.get().is_none());
    let (even, _) = five();
    assert_eq!(compose(&even, "{}").unwrap_err()[0].path, "/name");
}

#[test]
#[should_panic(expected = "asked before configured")]
fn nobody_is_asked_before_they_are_configured() {
    policy(&OnceLock::<Even>::new());
}

#[test]
fn a_policy_says_who_it_is() {
    let manifest = describe::<Even>();
    assert_eq!((&*manifest.name, &*manifest.settings_schema), ("even", "{}"));
    assert_eq!(manifest.version, env!("CARGO_PKG_VERSION"));
    const TEXTS: &[&str] = &["ab", "", "cé"];
    assert_eq!((length(TEXTS), &bytes::<5>(TEXTS)), (5, "abcé".as_bytes().first_chunk().unwrap()));
}

#[test]
fn a_test_is_run_by_its_index() {
    fn well() {}
    fn badly() {
        assert_eq!(1 + 1, 3, "arithmetic");
    }
    let tests: &[Test] = &[("well", well), ("badly", badly)];
    assert_eq!(test_names(tests), ["well", "badly"]);
    assert!(run_test(tests, 0).is_ok());
    assert!(std::panic::catch_unwind(|| run_test(tests, 1)).is_err());
    assert_eq!(run_test(tests, 2).unwrap_err().message, "there is no test 2");
}
