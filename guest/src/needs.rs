//! What a policy asks to see: fields and counters, each once, with the questions that it is for.

use crate::bindings::base::exports::nudge::policy::policy as wire;
use crate::row::{Field, Text};
use crate::{Issues, Millis, Moment};

pub use wire::Questions;

/// What a policy wants to see. Handed to [`Policy::configure`](crate::Policy::configure), which asks
/// for fields and keeps the handles it gets.
#[derive(Debug, Default)]
pub struct Needs {
    pub(crate) needs: Vec<wire::Need>,
    pub(crate) counters: Vec<wire::Counter>,
}

impl Needs {
    /// A field of the event; where the question is about no event, the latest value that the user's
    /// events had. `name` is the event's name, `node`, by custom, the node attribute identifier.
    pub fn event(&mut self, name: &str) -> Need<'_> {
        self.need(wire::Origin::Event, name.to_owned())
    }

    /// A field of the user's profile.
    pub fn profile(&mut self, name: &str) -> Need<'_> {
        self.need(wire::Origin::Profile, name.to_owned())
    }

    /// A fact about the visit that has stalled: `node`, `previous`, `entered`, `interruption`,
    /// `page-stay` or `operations`.
    pub fn visit(&mut self, fact: &str) -> Need<'_> {
        self.need(wire::Origin::Visit, fact.to_owned())
    }

    /// How many events named `event` the user had within the last `window`.
    pub fn counter(&mut self, event: &str, window: Millis) -> Need<'_> {
        let name = format!("{event}/{window}");
        if !self.counters.iter().any(|c| c.name == name) {
            let event = event.to_owned();
            self.counters.push(wire::Counter { name: name.clone(), event, window });
        }
        self.need(wire::Origin::Counter, name)
    }

    /// A fact about a channel: `sent`, `feedback`, `first-feedback` or `last-feedback`.
    pub fn channel(&mut self, channel: &str, fact: &str) -> Need<'_> {
        self.need(wire::Origin::Channel, format!("{channel}/{fact}"))
    }

    /// Whether the host will take so many: said here, it is the settings' mistake and not the policy's.
    pub(crate) fn fit(&self) -> Result<(), Issues> {
        let mut issues = Issues::default();
        let mut at_most = |most: usize, has: usize, what: &str| {
            if has > most {
                issues.at("", format!("{has} {what} are needed for this, and {most} can be had"));
            }
        };
        at_most(64, self.needs.len(), "different fields");
        at_most(16, self.counters.len(), "counters");
        issues.or(())
    }

    fn need(&mut self, origin: wire::Origin, name: String) -> Need<'_> {
        Need { needs: self, origin, name, asked: Questions::all() }
    }
}

/// A field about to be asked for; the shape ends the sentence and gives the handle.
#[derive(Debug)]
#[must_use = "a need counts once its shape is named"]
pub struct Need<'a> {
    needs: &'a mut Needs,
    origin: wire::Origin,
    name: String,
    asked: Questions,
}

impl Need<'_> {
    /// Only these questions get to see the field. Without this, all do, which costs more.
    pub fn only(mut self, asked: Questions) -> Self {
        self.asked = asked;
        self
    }

    /// As text.
    pub fn text(self) -> Field<Text> {
        self.shaped(wire::Shape::Text)
    }

    /// As a whole number.
    pub fn integer(self) -> Field<i64> {
        self.shaped(wire::Shape::Integer)
    }

    /// As a number.
    pub fn number(self) -> Field<f64> {
        self.shaped(wire::Shape::Number)
    }

    /// As true or false.
    pub fn flag(self) -> Field<bool> {
        self.shaped(wire::Shape::Flag)
    }

    /// As a moment.
    pub fn moment(self) -> Field<Moment> {
        self.shaped(wire::Shape::Instant)
    }

    fn shaped<T>(self, shape: wire::Shape) -> Field<T> {
        let needs = &mut self.needs.needs;
        let same = needs
            .iter_mut()
            .position(|n| n.origin == self.origin && n.name == self.name && n.shape == shape);
        let index = match same {
            Some(index) => {
                if let Some(need) = needs.get_mut(index) {
                    need.asked |= self.asked;
                }
                index
            }
            None => {
                let Need { origin, name, asked, .. } = self;
                needs.push(wire::Need { origin, name, shape, asked });
                needs.len() - 1
            }
        };
        Field::at(index)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_same_need_is_asked_for_once_with_all_its_questions() {
        let mut needs = Needs::default();
        let first = needs.event("x").only(Questions::LOCATE).text();
        let second = needs.event("x").only(Questions::RENDER).text();
        let number = needs.event("x").only(Questions::STALLED).number();
        let profile = needs.profile("x").text();
        assert_eq!([first.index(), second.index()], [0, 0]);
        assert_eq!((number.index(), profile.index()), (1, 2), "another shape, another origin");
        let asked: Vec<Questions> = needs.needs.iter().map(|need| need.asked).collect();
        let both = Questions::LOCATE | Questions::RENDER;
        assert_eq!(asked, [both, Questions::STALLED, Questions::all()]);
    }

    #[test]
    fn a_counter_is_kept_once_for_each_window() {
        let mut needs = Needs::default();
        let day = needs.counter("login", 86_400_000).integer();
        let again = needs.counter("login", 86_400_000).only(Questions::PLAN).integer();
        let hour = needs.counter("login", 3_600_000).integer();
        assert_eq!((day.index(), again.index(), hour.index()), (0, 0, 1));
        let counters: Vec<(&str, &str, Millis)> =
            needs.counters.iter().map(|c| (&*c.name, &*c.event, c.window)).collect();
        assert_eq!(
            counters,
            [("login/86400000", "login", 86_400_000), ("login/3600000", "login", 3_600_000)]
        );
        assert!(needs.needs.iter().all(|need| need.origin == wire::Origin::Counter));
    }

    #[test]
    fn more_than_the_host_takes_is_a_mistake_of_the_settings() {
        let mut needs = Needs::default();
        for field in 0..64 {
            needs.event(&field.to_string()).text();
        }
        assert!(needs.fit().is_ok());
        for window in 0..17 {
            needs.counter("login", window).integer();
        }
        let issues = needs.fit().unwrap_err().to_string();
        assert!(
            issues.contains("81 different fields") && issues.contains("17 counters"),
            "{issues}"
        );
    }
}
