//! What a policy asks to see: fields and counters, each once, with the questions that it is for.

use crate::bindings::base::exports::nudge::policy::policy as wire;
use crate::row::{Field, Text};
use crate::{Issues, Millis, Moment};

pub use wire::Questions;

/// Of a policy with more, the host would say that the policy is wrong, and not its settings.
const MOST_NEEDS: usize = 192;
const MOST_COUNTERS: usize = 128;

/// The window of a counter that forgets nothing.
pub const EVER: Millis = Millis::MAX;

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

    /// The user's events of one sort within the last `window`. As a whole number: how many; as a
    /// [moment](Need::moment): when the latest of them was, absent if there is none.
    ///
    /// Which events they are, `event` says: `NAME`, the events of that name; `FIELD=VALUE`, those whose
    /// field has that value, as text (the first `=` is the one that counts, and the field `name` is the
    /// event's name); `*`, every event; or `$known`, the one moment at which the host first knew of the
    /// user, or first kept this counter, if that was later: where it has fallen to 0, the user has been
    /// watched for the whole window. See [`uncountable`] for texts from settings.
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
        at_most(MOST_NEEDS, self.needs.len(), "different fields");
        at_most(MOST_COUNTERS, self.counters.len(), "counters");
        issues.or(())
    }

    fn need(&mut self, origin: wire::Origin, name: String) -> Need<'_> {
        Need { needs: self, origin, name, asked: Questions::all() }
    }
}

/// Why a counter cannot count that, if it cannot; see [`Needs::counter`].
#[must_use]
pub fn uncountable(event: &str) -> Option<String> {
    let why = match event.split_once('=') {
        _ if event.is_empty() => "name the events that are counted",
        Some(("", _)) => "name a field before the \"=\"",
        Some((_, "")) => "name a value after the \"=\"",
        _ if event.starts_with('$') && event != "$known" => {
            "is nothing that the host counts: after a \"$\" there is only \"$known\""
        }
        _ => return None,
    };
    Some(if event.is_empty() { why.to_owned() } else { format!("{event:?}: {why}") })
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

    /// As a whole number; of a counter, how many events there are.
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

    /// As a moment; of a counter, when the latest event was.
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
    fn a_counter_can_be_asked_for_its_count_and_its_latest_moment() {
        let mut needs = Needs::default();
        let count = needs.counter("type=loan", EVER).integer();
        let latest = needs.counter("type=loan", EVER).moment();
        assert_eq!((count.index(), latest.index(), needs.counters.len()), (0, 1, 1));
        assert_eq!(needs.counters[0].name, "type=loan/18446744073709551615");
    }

    #[test]
    fn what_cannot_be_counted_is_told() {
        for event in ["login", "type=loan", "url=a=b", "*", "$known", "a b", "*x", "price=$5"] {
            assert_eq!(uncountable(event), None, "{event}");
        }
        for event in ["", "=", "=loan", "type=", "$", "$seen", "$Known"] {
            assert!(uncountable(event).is_some(), "{event}");
        }
    }

    #[test]
    fn more_than_the_host_takes_is_a_mistake_of_the_settings() {
        let mut needs = Needs::default();
        for field in 0..192 {
            needs.event(&field.to_string()).text();
        }
        assert!(needs.fit().is_ok());
        for window in 0..129 {
            needs.counter("login", window).integer();
        }
        let issues = needs.fit().unwrap_err().to_string();
        assert!(
            issues.contains("321 different fields") && issues.contains("129 counters"),
            "{issues}"
        );
    }
}
