//! From the contract's batches to the traits' rows and back. Called by [`export!`](crate::export);
//! nothing here is for authors.

use std::sync::OnceLock;

use crate::bindings::audience::exports::nudge::policy::audience as wire_audience;
use crate::bindings::base::exports::nudge::policy::policy as wire;
use crate::bindings::base::nudge::policy::types;
use crate::bindings::journey::exports::nudge::policy::journey as wire_journey;
use crate::bindings::personalise::exports::nudge::policy::personalise as wire_personalise;
use crate::bindings::route::exports::nudge::policy::route as wire_route;
use crate::bindings::tests::exports::nudge::policy::tests as wire_tests;
use crate::kinds::fields;
use crate::row::rows;
use crate::{
    Audience, Journey, Needs, Overdue, Personalise, PlanRequest, Policy, RenderRequest, Route,
    Rule, Template, Verdict,
};

pub use types::Batch;

const NOWHERE: u32 = u32::MAX;

/// How many bytes the texts have.
pub const fn length(texts: &[&str]) -> usize {
    let mut rest = texts;
    let mut length = 0;
    while let [text, others @ ..] = rest {
        length += text.len();
        rest = others;
    }
    length
}

/// The texts' bytes, end to end, as a section holds them.
pub const fn bytes<const N: usize>(texts: &[&str]) -> [u8; N] {
    let mut joined = [b' '; N];
    let mut room: &mut [u8] = &mut joined;
    let mut rest = texts;
    while let [text, others @ ..] = rest {
        let mut from = text.as_bytes();
        while let [byte, more @ ..] = from {
            let here = room;
            let Some((slot, behind)) = here.split_first_mut() else { return joined };
            *slot = *byte;
            room = behind;
            from = more;
        }
        rest = others;
    }
    joined
}

/// The configured policy of this instance.
#[allow(clippy::panic, reason = "a host that asks before it configures breaks the contract")]
pub fn policy<P>(slot: &OnceLock<P>) -> &P {
    match slot.get() {
        Some(policy) => policy,
        None => panic!("asked before configured"),
    }
}

pub fn describe<P: Policy>() -> wire::Manifest {
    let manifest = P::MANIFEST;
    wire::Manifest {
        name: manifest.name.to_owned(),
        version: manifest.version.to_owned(),
        title: manifest.title.to_owned(),
        settings_schema: manifest.settings_schema.to_owned(),
    }
}

pub fn configure<P: Policy>(
    slot: &OnceLock<P>,
    settings: &str,
) -> Result<wire::Setup, Vec<types::Issue>> {
    last_words();
    let (made, setup) = made::<P>(settings)?;
    if slot.set(made).is_err() {
        return Err(vec![types::Issue {
            path: String::new(),
            message: "an instance is configured once".to_owned(),
        }]);
    }
    Ok(setup)
}

/// A panic's message goes to the host before the trap does.
fn last_words() {
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(|panic| {
        use crate::bindings::base::nudge::policy::log;
        log::line(log::Level::Error, &panic.to_string());
    }));
}

/// A test of [`tests!`](crate::tests): its name, and what it does.
pub type Test = (&'static str, fn());

pub fn test_names(tests: &[Test]) -> Vec<String> {
    tests.iter().map(|(name, _)| (*name).to_owned()).collect()
}

pub fn run_test(tests: &[Test], test: u32) -> Result<(), wire_tests::Failure> {
    last_words();
    match tests.get(test as usize) {
        Some((_, run)) => {
            run();
            Ok(())
        }
        None => Err(wire_tests::Failure {
            message: format!("there is no test {test}"),
            place: String::new(),
        }),
    }
}

pub fn made<P: Policy>(settings: &str) -> Result<(P, wire::Setup), Vec<types::Issue>> {
    let settings = crate::parse(settings).map_err(|issues| issues.0)?;
    let mut needs = Needs::default();
    let made = P::configure(settings, &mut needs).map_err(|issues| issues.0)?;
    needs.fit().map_err(|issues| issues.0)?;
    Ok((made, wire::Setup { needs: needs.needs, counters: needs.counters }))
}

pub fn rules<P: Journey>(policy: &P) -> Vec<Rule> {
    policy.rules()
}

pub fn locate<P: Journey>(policy: &P, events: &Batch) -> Vec<u32> {
    rows(events).map(|event| policy.locate(event).map_or(NOWHERE, |rule| rule as u32)).collect()
}

pub fn stalled<P: Journey>(policy: &P, rules: &[u32], visits: &Batch) -> Vec<wire_journey::Draft> {
    rows(visits)
        .zip(rules)
        .filter_map(|(visit, rule)| {
            let draft = policy.stalled(*rule as usize, visit)?;
            Some(wire_journey::Draft {
                row: visit.index(),
                message: draft.message,
                importance: draft.importance,
                pending: draft.pending,
                data: fields(draft.data),
            })
        })
        .collect()
}

pub fn groups<P: Audience>(policy: &P) -> Vec<String> {
    policy.groups()
}

pub fn classify<P: Audience>(policy: &P, records: &Batch) -> wire_audience::Memberships {
    let mut memberships = wire_audience::Memberships { rows: Vec::new(), groups: Vec::new() };
    let mut found = Vec::new();
    for record in rows(records) {
        policy.classify(record, &mut found);
        found.sort_unstable();
        found.dedup();
        memberships.rows.extend(std::iter::repeat_n(record.index(), found.len()));
        memberships.groups.extend(found.drain(..).map(|group| group as u32));
    }
    memberships
}

pub fn compose<P: Audience>(
    policy: &P,
    parameters: &str,
) -> Result<wire_audience::Campaign, Vec<types::Issue>> {
    let campaign = policy.compose(parameters).map_err(|issues| issues.0)?;
    Ok(wire_audience::Campaign {
        name: campaign.name,
        event_type: campaign.event_type,
        message: campaign.message,
        importance: campaign.importance,
        standard: campaign.standard,
        data: fields(campaign.data),
    })
}

pub fn qualify<P: Audience>(policy: &P, standard: &str, members: &Batch) -> Vec<u32> {
    rows(members).filter(|member| policy.qualify(standard, *member)).map(|m| m.index()).collect()
}

pub fn render<P: Personalise>(
    policy: &P,
    templates: &[Template],
    requests: &[wire_personalise::Request],
    users: &Batch,
) -> Vec<wire_personalise::Content> {
    rows(users)
        .zip(requests)
        .filter_map(|(user, request)| {
            let template = templates.get(request.template as usize)?;
            let content = policy.render(RenderRequest { template, request }, user)?;
            Some(wire_personalise::Content {
                row: user.index(),
                title: content.title,
                body: content.body,
                link: content.link,
                features: fields(content.features),
            })
        })
        .collect()
}

pub fn plan<P: Route>(
    policy: &P,
    requests: &[PlanRequest],
    users: &Batch,
) -> Vec<wire_route::Itinerary> {
    rows(users)
        .zip(requests)
        .filter_map(|(user, request)| {
            let itinerary = policy.plan(request, user)?;
            Some(wire_route::Itinerary {
                row: user.index(),
                steps: itinerary.steps,
                ends_at: itinerary.ends_at,
                most_sends: itinerary.most_sends,
            })
        })
        .collect()
}

pub fn judge<P: Route>(policy: &P, steps: &[Overdue], users: &Batch) -> Vec<Verdict> {
    rows(users).zip(steps).map(|(user, step)| policy.judge(step, user)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
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
        assert_eq!(
            (length(TEXTS), &bytes::<5>(TEXTS)),
            (5, "abcé".as_bytes().first_chunk().unwrap())
        );
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
}
