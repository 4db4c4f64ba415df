//! Where conditions get the fields from that they look at: from the host, while the policy is configured, and later
//! from among those.

use std::collections::BTreeMap;

use nudge_guest::Origin;
use nudge_guest::prelude::*;

/// Where the fields come from that conditions look at.
pub(crate) trait Fields {
    fn text(&mut self, origin: Origin, name: &str) -> Option<Field<Text>>;
    fn number(&mut self, origin: Origin, name: &str) -> Option<Field<f64>>;
    fn flag(&mut self, origin: Origin, name: &str) -> Option<Field<bool>>;
    fn count(&mut self, event: &str, window: Millis) -> Option<Field<i64>>;
    fn latest(&mut self, event: &str, window: Millis) -> Option<Field<Moment>>;
}

/// Fields are asked for, and noted down.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) needs: &'a mut Needs,
    pub(crate) asked: Questions,
    pub(crate) seen: Option<&'a mut Seen>,
}

/// What was asked for: nothing else can be looked at any more.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    texts: BTreeMap<(Origin, String), Field<Text>>,
    numbers: BTreeMap<(Origin, String), Field<f64>>,
    flags: BTreeMap<(Origin, String), Field<bool>>,
    counts: BTreeMap<(String, Millis), Field<i64>>,
    moments: BTreeMap<(String, Millis), Field<Moment>>,
}

impl Fields for Asking<'_> {
    fn text(&mut self, origin: Origin, name: &str) -> Option<Field<Text>> {
        let field = origin.need(name, self.needs).only(self.asked).text();
        if let Some(seen) = &mut self.seen {
            seen.texts.insert((origin, name.to_owned()), field);
        }
        Some(field)
    }

    fn number(&mut self, origin: Origin, name: &str) -> Option<Field<f64>> {
        let field = origin.need(name, self.needs).only(self.asked).number();
        if let Some(seen) = &mut self.seen {
            seen.numbers.insert((origin, name.to_owned()), field);
        }
        Some(field)
    }

    fn flag(&mut self, origin: Origin, name: &str) -> Option<Field<bool>> {
        let field = origin.need(name, self.needs).only(self.asked).flag();
        if let Some(seen) = &mut self.seen {
            seen.flags.insert((origin, name.to_owned()), field);
        }
        Some(field)
    }

    fn count(&mut self, event: &str, window: Millis) -> Option<Field<i64>> {
        let field = self.needs.counter(event, window).only(self.asked).integer();
        if let Some(seen) = &mut self.seen {
            seen.counts.insert((event.to_owned(), window), field);
        }
        Some(field)
    }

    fn latest(&mut self, event: &str, window: Millis) -> Option<Field<Moment>> {
        let field = self.needs.counter(event, window).only(self.asked).moment();
        if let Some(seen) = &mut self.seen {
            seen.moments.insert((event.to_owned(), window), field);
        }
        Some(field)
    }
}

impl Fields for &Seen {
    fn text(&mut self, origin: Origin, name: &str) -> Option<Field<Text>> {
        self.texts.get(&(origin, name.to_owned())).copied()
    }

    fn number(&mut self, origin: Origin, name: &str) -> Option<Field<f64>> {
        self.numbers.get(&(origin, name.to_owned())).copied()
    }

    fn flag(&mut self, origin: Origin, name: &str) -> Option<Field<bool>> {
        self.flags.get(&(origin, name.to_owned())).copied()
    }

    fn count(&mut self, event: &str, window: Millis) -> Option<Field<i64>> {
        self.counts.get(&(event.to_owned(), window)).copied()
    }

    fn latest(&mut self, event: &str, window: Millis) -> Option<Field<Moment>> {
        self.moments.get(&(event.to_owned(), window)).copied()
    }
}
