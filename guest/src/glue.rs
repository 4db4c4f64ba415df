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
    let qualifies = policy.qualifier(standard);
    rows(members).filter(|member| qualifies(*member)).map(|m| m.index()).collect()
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
mod tests;
