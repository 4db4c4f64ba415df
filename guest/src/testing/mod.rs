//! Asking a policy natively, row by row, without a sandbox: for `cargo test` in a policy's crate.
//!
//! ```
//! # use nudge_guest::prelude::*;
//! # struct Cart(Field<Text>, Field<f64>);
//! # impl Policy for Cart {
//! #     const MANIFEST: Manifest = manifest!("cart", "", "{}");
//! #     type Settings = std::collections::BTreeMap<String, String>;
//! #     fn configure(_: Self::Settings, needs: &mut Needs) -> Result<Self, Issues> {
//! #         Ok(Cart(needs.event("node").text(), needs.event("total").number()))
//! #     }
//! # }
//! # impl Journey for Cart {
//! #     fn rules(&self) -> Vec<Rule> { Vec::new() }
//! #     fn locate(&self, event: Row<'_>) -> Option<usize> {
//! #         (event.get(self.0)? == "cart").then_some(0)
//! #     }
//! #     fn stalled(&self, _: usize, visit: Row<'_>) -> Option<Draft> {
//! #         (visit.get(self.1)? >= 20.0).then(|| Draft::new("full-cart"))
//! #     }
//! # }
//! use nudge_guest::testing::{Tester, Values};
//!
//! let tester = Tester::<Cart>::new("{}").unwrap();
//! assert_eq!(tester.locate(&Values::new().event("node", "cart")), Some(0));
//! assert_eq!(tester.locate(&Values::new().event("node", "shop")), None);
//!
//! let draft = tester.stalled(0, &Values::new().event("total", 42.5));
//! assert_eq!(draft, Some(Draft::new("full-cart")));
//! ```

mod values;

pub(crate) use values::LATEST;
pub use values::Values;

use crate::bindings::base::exports::nudge::policy::policy as wire;
use crate::bindings::personalise::exports::nudge::policy::personalise as wire_personalise;
use crate::glue;
use crate::row::rows;
use crate::{
    Audience, Content, Data, Draft, Importance, Issues, Itinerary, Journey, Overdue, Personalise,
    PlanRequest, Policy, Reading, RenderRequest, Route, Row, Template, Value, Verdict,
};

/// A configured policy to be asked. Fields come as the question asked for them: one that did not ask
/// for a field makes the policy panic when it reads it, just as in the sandbox.
#[derive(Debug)]
pub struct Tester<P> {
    policy: P,
    setup: wire::Setup,
}

impl<P: Policy> Tester<P> {
    /// Configures the policy with settings, a JSON document.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the settings.
    pub fn new(settings: &str) -> Result<Self, Issues> {
        let (policy, setup) = glue::made(settings).map_err(Issues)?;
        Ok(Tester { policy, setup })
    }

    /// The configured policy itself.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    fn ask<T>(
        &self,
        question: wire::Questions,
        values: &Values,
        answer: impl FnOnce(&P, Row<'_>) -> T,
    ) -> Option<T> {
        let batch = values.batch(&self.setup.needs, question);
        rows(&batch).next().map(|row| answer(&self.policy, row))
    }
}

impl<P: Journey> Tester<P> {
    /// Asks [`Journey::locate`].
    pub fn locate(&self, event: &Values) -> Option<usize> {
        self.ask(wire::Questions::LOCATE, event, |policy, row| policy.locate(row)).flatten()
    }

    /// Asks [`Journey::stalled`].
    pub fn stalled(&self, rule: usize, visit: &Values) -> Option<Draft> {
        self.ask(wire::Questions::STALLED, visit, |policy, row| policy.stalled(rule, row)).flatten()
    }
}

impl<P: Audience> Tester<P> {
    /// Asks [`Audience::classify`]; the groups in order, none twice.
    pub fn classify(&self, record: &Values) -> Vec<usize> {
        let mut groups = Vec::new();
        self.ask(wire::Questions::CLASSIFY, record, |policy, row| {
            policy.classify(row, &mut groups)
        });
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// Asks [`Audience::compose`].
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the parameters.
    pub fn compose(&self, parameters: &str) -> Result<crate::Campaign, Issues> {
        self.policy.compose(parameters)
    }

    /// Asks [`Audience::qualify`], the way that the host does: by [`Audience::qualifier`].
    pub fn qualify(&self, standard: &str, member: &Values) -> bool {
        let qualify = |policy: &P, row: Row<'_>| policy.qualifier(standard)(row);
        self.ask(wire::Questions::QUALIFY, member, qualify).unwrap_or_default()
    }
}

impl<P: Personalise> Tester<P> {
    /// Asks [`Personalise::render`].
    pub fn render(&self, text: &Message, user: &Values) -> Option<Content> {
        let Message { template, key, channel, locale, data } = text.clone();
        let data = crate::kinds::fields(data);
        let request =
            wire_personalise::Request { message: key, template: 0, channel, locale, data };
        let request = RenderRequest { template: &template, request: &request };
        self.ask(wire::Questions::RENDER, user, |policy, row| policy.render(request, row)).flatten()
    }
}

impl<P: Route> Tester<P> {
    /// Asks [`Route::plan`]; [`plan_request`] makes a request.
    pub fn plan(&self, request: &PlanRequest, user: &Values) -> Option<Itinerary> {
        self.ask(wire::Questions::PLAN, user, |policy, row| policy.plan(request, row)).flatten()
    }

    /// Asks [`Route::judge`].
    pub fn judge(&self, step: &Overdue, user: &Values) -> Option<Verdict> {
        self.ask(wire::Questions::JUDGE, user, |policy, row| policy.judge(step, row))
    }
}

/// A message to be rendered: a text of the tenant's contents, and what the host says about it.
#[derive(Clone, Debug)]
pub struct Message {
    template: Template,
    key: String,
    channel: String,
    locale: String,
    data: Data,
}

impl Message {
    /// A text without a link, for a message without data.
    #[must_use]
    pub fn new(title: &str, body: &str) -> Message {
        let template = Template { title: title.to_owned(), body: body.to_owned(), link: None };
        let none = String::new;
        Message { template, key: none(), channel: none(), locale: none(), data: Data::new() }
    }

    /// Where the text leads.
    #[must_use]
    pub fn link(mut self, link: &str) -> Message {
        self.template.link = Some(link.to_owned());
        self
    }

    /// Key of the message in the tenant's contents.
    #[must_use]
    pub fn key(mut self, key: &str) -> Message {
        self.key = key.to_owned();
        self
    }

    /// The channel it is for.
    #[must_use]
    pub fn channel(mut self, channel: &str) -> Message {
        self.channel = channel.to_owned();
        self
    }

    /// The user's locale.
    #[must_use]
    pub fn locale(mut self, locale: &str) -> Message {
        self.locale = locale.to_owned();
        self
    }

    /// Message data of the draft.
    #[must_use]
    pub fn data(mut self, name: &str, value: impl Into<Value>) -> Message {
        self.data.push((name.to_owned(), value.into()));
        self
    }
}

/// Asks for the way of a message to a user who can be reached on all these channels and has been sent
/// nothing yet.
#[must_use]
pub fn plan_request(message: &str, channels: &[&str]) -> PlanRequest {
    let reading = |channel: &&str| Reading {
        channel: (*channel).to_owned(),
        available: true,
        sent: 0,
        feedback: 0,
        first_feedback: 0,
        last_feedback: None,
        cost: 0.0,
    };
    PlanRequest {
        message: message.to_owned(),
        importance: Importance::Normal,
        messages: 0,
        preferred: Vec::new(),
        readings: channels.iter().map(reading).collect(),
    }
}
