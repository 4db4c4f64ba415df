//! Run natively by `cargo test`, and in the sandbox by `nudge policy test`.

use nudge_guest::prelude::*;
use nudge_guest::testing::{Tester, Values, plan_request};

use crate::@TYPE@;

/// The channels that are taken, given channels with their costs.
fn taken(settings: &str, costs: &[(&str, f64)]) -> Vec<String> {
    let policy = Tester::<@TYPE@>::new(settings).expect("these settings are right");
    let mut request = plan_request("message", &costs.iter().map(|(c, _)| *c).collect::<Vec<_>>());
    for (reading, (_, cost)) in request.readings.iter_mut().zip(costs) {
        reading.cost = *cost;
    }
    let plan = policy.plan(&request, &Values::new()).expect("there is a plan");
    plan.steps.into_iter().flat_map(|step| step.channels).collect()
}

nudge_guest::tests! {
    fn the_cheapest_comes_first_and_ties_stay_in_order() {
        let costs = [("sms", 0.05), ("app", 0.0), ("email", 0.001), ("log", 0.0)];
        assert_eq!(taken(r#"{"most": 16}"#, &costs), ["app", "log", "email", "sms"]);
    }

    fn no_more_than_the_most_are_taken() {
        let costs = [("sms", 0.05), ("app", 0.0), ("email", 0.001)];
        assert_eq!(taken(r#"{"most": 2}"#, &costs), ["app", "email"]);
    }

    fn wrong_settings_are_refused_with_their_place() {
        let issues = Tester::<@TYPE@>::new(r#"{"most": 0}"#).err().expect("it is refused");
        assert_eq!(issues.iter().next().map(|(path, _)| path), Some("/most"));
    }
}
