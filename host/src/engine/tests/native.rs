//! A policy in native code: every answer is a closure over one row, so that an answer cannot depend on
//! what else is in the batch.

use std::sync::{Arc, Mutex};

use super::Chance;
use crate::engine::batch::{Batch, Values};
use crate::engine::event::{Fields, Grade, Instant, Millis};
use crate::engine::policy::{
    Basis, Content, Counter, Draft, Failure, Fault, Importance, Itinerary, Kinds, Need, Origin,
    Overdue, Place, PlanRequest, Policy, Question, Questions, RenderRequest, Rule, Setup, Shape,
    Step, Verdict, Watch,
};

/// A row of a batch, as a policy sees it.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    batch: &'a Batch,
    row: usize,
}

impl<'a> Row<'a> {
    pub(super) fn at(self) -> Instant {
        Instant(self.batch.at[self.row])
    }

    fn has(self, column: usize) -> bool {
        let absent = &self.batch.columns[column].absent;
        absent.get(self.row / 8).is_none_or(|byte| byte >> (self.row % 8) & 1 == 0)
    }

    pub(super) fn text(self, column: usize) -> Option<&'a str> {
        let Values::Text { text, ends } = &self.batch.columns[column].values else { return None };
        let from = self.row.checked_sub(1).map_or(0, |before| ends[before] as usize);
        self.has(column).then(|| &text[from..ends[self.row] as usize])
    }

    pub(super) fn integer(self, column: usize) -> Option<i64> {
        match &self.batch.columns[column].values {
            Values::Integer(values) | Values::Instant(values) => {
                self.has(column).then(|| values[self.row])
            }
            _ => None,
        }
    }

    /// Chance that follows from all that the row holds.
    pub(super) fn chance(self, salt: u64) -> Chance {
        let mut seed = salt ^ (self.at().0 as u64) << 20;
        let mut add = |value: u64| seed = seed.rotate_left(7).wrapping_mul(0x100_0000_01b3) ^ value;
        for column in 0..self.batch.columns.len() {
            add(self.integer(column).map_or(1, |value| value as u64 + 2));
            self.text(column).unwrap_or("-").bytes().for_each(|byte| add(u64::from(byte)));
        }
        Chance::new(seed)
    }
}

type Answer<R, A> = Box<dyn Fn(&R, Row<'_>) -> A + Send + Sync>;
type AnswerRequest<A> = Box<dyn for<'r> Fn(&RenderRequest<'r>, Row<'_>) -> A + Send + Sync>;
type AnswerPlan<A> = Box<dyn for<'r> Fn(&PlanRequest<'r>, Row<'_>) -> A + Send + Sync>;
type AnswerStep<A> = Box<dyn for<'r> Fn(&Overdue<'r>, Row<'_>) -> A + Send + Sync>;

/// The questions that a policy was asked, each with the number of its rows.
pub(super) type Asked = Arc<Mutex<Vec<(Question, usize)>>>;

/// A policy made of closures.
pub(super) struct Native {
    kinds: Kinds,
    setup: Setup,
    rules: Vec<Rule>,
    locate: Answer<Vec<Rule>, Option<u32>>,
    stalled: Answer<u32, Option<Draft>>,
    render: AnswerRequest<Option<Content>>,
    plan: AnswerPlan<Option<Itinerary>>,
    judge: AnswerStep<Verdict>,
    groups: Vec<Arc<str>>,
    classify: Answer<(), Vec<u32>>,
    qualify: Answer<String, bool>,
    fails: Answer<Question, Option<Failure>>,
    asked: Asked,
    fingerprint: &'static str,
    loses: Option<Question>,
}

impl Native {
    /// No kind at all. Its first need is the event's `node`.
    fn new(kinds: Kinds) -> Native {
        Native {
            kinds,
            setup: Setup { needs: Vec::new(), counters: Vec::new() },
            rules: Vec::new(),
            locate: Box::new(|rules, row| {
                let node = row.text(0)?;
                let named = |rule: &Rule| matches!(&rule.place, Place::Named(n) if **n == *node);
                rules.iter().position(named).map(|rule| rule as u32)
            }),
            stalled: Box::new(|_, _| Some(draft("nudge"))),
            render: Box::new(|request, _| Some(content(&request.template.body))),
            plan: Box::new(|_, _| None),
            judge: Box::new(|_, _| Verdict::NotReceived),
            groups: Vec::new(),
            classify: Box::new(|_, _| Vec::new()),
            qualify: Box::new(|_, _| true),
            fails: Box::new(|_, _| None),
            asked: Arc::default(),
            fingerprint: "native",
            loses: None,
        }
        .needs(Origin::Event, "node", Shape::Text, &[Question::Locate])
    }

    /// A node policy that finds nodes by the events' field `node` and drafts `nudge` for every visit
    /// that has stalled.
    pub(super) fn journey(rules: impl IntoIterator<Item = Rule>) -> Native {
        let mut native = Native::new(Kinds { journey: true, ..Kinds::default() });
        native.rules = rules.into_iter().collect();
        native
    }

    /// A route policy that has the same plan for everybody.
    pub(super) fn route(plan: Itinerary) -> Native {
        let native = Native::new(Kinds { route: true, ..Kinds::default() });
        native.planning(move |_, _| Some(plan.clone()))
    }

    /// A personaliser that leaves texts as they are.
    pub(super) fn personaliser() -> Native {
        Native::new(Kinds { personalise: true, ..Kinds::default() })
    }

    /// Segment criteria with these groups, of which `sort` tells a user's.
    pub(super) fn audience(
        groups: &[&str],
        sort: impl Fn(Row<'_>) -> Vec<u32> + Send + Sync + 'static,
    ) -> Native {
        let mut native = Native::new(Kinds { audience: true, ..Kinds::default() });
        native.groups = groups.iter().map(|group| Arc::from(*group)).collect();
        native.classify = Box::new(move |_, row| sort(row));
        native
    }

    /// Other settings, or another policy.
    pub(super) fn called(mut self, fingerprint: &'static str) -> Native {
        self.fingerprint = fingerprint;
        self
    }

    pub(super) fn qualifying(
        mut self,
        qualify: impl Fn(&str, Row<'_>) -> bool + Send + Sync + 'static,
    ) -> Native {
        self.qualify = Box::new(move |standard, row| qualify(standard, row));
        self
    }

    /// Writes its own messages, too.
    pub(super) fn writing(
        mut self,
        render: impl for<'r> Fn(&RenderRequest<'r>, Row<'_>) -> Option<Content> + Send + Sync + 'static,
    ) -> Native {
        self.kinds.personalise = true;
        self.render = Box::new(render);
        self
    }

    pub(super) fn needs(
        mut self,
        origin: Origin,
        name: &str,
        shape: Shape,
        asked: &[Question],
    ) -> Native {
        let asked = asked.iter().fold(Questions::default(), |all, question| all.and(*question));
        self.setup.needs.push(Need { origin, name: name.into(), shape, asked });
        self
    }

    pub(super) fn counts(mut self, name: &str, event: &str, window: u64) -> Native {
        let window = Millis(window);
        self.setup.counters.push(Counter { name: name.into(), event: event.into(), window });
        self
    }

    pub(super) fn locating(
        mut self,
        locate: impl Fn(Row<'_>) -> Option<u32> + Send + Sync + 'static,
    ) -> Native {
        self.locate = Box::new(move |_, row| locate(row));
        self
    }

    pub(super) fn drafting(
        mut self,
        stalled: impl Fn(u32, Row<'_>) -> Option<Draft> + Send + Sync + 'static,
    ) -> Native {
        self.stalled = Box::new(move |rule, row| stalled(*rule, row));
        self
    }

    pub(super) fn planning(
        mut self,
        plan: impl for<'r> Fn(&PlanRequest<'r>, Row<'_>) -> Option<Itinerary> + Send + Sync + 'static,
    ) -> Native {
        self.plan = Box::new(plan);
        self
    }

    pub(super) fn judging(
        mut self,
        judge: impl for<'r> Fn(&Overdue<'r>, Row<'_>) -> Verdict + Send + Sync + 'static,
    ) -> Native {
        self.judge = Box::new(judge);
        self
    }

    /// Has the whole call fail in which there is a row that fails.
    pub(super) fn failing(
        mut self,
        fails: impl Fn(Question, Row<'_>) -> Option<Failure> + Send + Sync + 'static,
    ) -> Native {
        self.fails = Box::new(move |question, row| fails(*question, row));
        self
    }

    /// Has the last answer to such a question go missing.
    pub(super) fn losing(mut self, question: Question) -> Native {
        self.loses = Some(question);
        self
    }

    /// What it is asked, and for how many rows.
    pub(super) fn asked(&self) -> Asked {
        Arc::clone(&self.asked)
    }

    fn each<A>(
        &self,
        question: Question,
        batch: &Batch,
        answer: impl Fn(usize, Row<'_>) -> A,
    ) -> Result<Vec<A>, Failure> {
        self.asked.lock().unwrap().push((question, batch.rows()));
        let rows = || (0..batch.rows()).map(|row| Row { batch, row });
        if let Some(failure) = rows().find_map(|row| (self.fails)(&question, row)) {
            return Err(failure);
        }
        let answered = batch.rows() - usize::from(self.loses == Some(question));
        Ok(rows().take(answered).enumerate().map(|(at, row)| answer(at, row)).collect())
    }
}

impl Policy for Native {
    fn name(&self) -> &str {
        "native"
    }

    fn kinds(&self) -> Kinds {
        self.kinds
    }

    fn setup(&self) -> &Setup {
        &self.setup
    }

    fn rules(&self) -> &[Rule] {
        &self.rules
    }

    fn fingerprint(&self) -> &str {
        self.fingerprint
    }

    fn groups(&self) -> &[Arc<str>] {
        &self.groups
    }

    fn classify(&self, users: &Batch) -> Result<Vec<Vec<u32>>, Failure> {
        self.each(Question::Classify, users, |_, row| (self.classify)(&(), row))
    }

    fn qualify(&self, standard: &str, members: &Batch) -> Result<Vec<bool>, Failure> {
        let standard = standard.to_owned();
        self.each(Question::Qualify, members, |_, row| (self.qualify)(&standard, row))
    }

    fn locate(&self, events: &Batch) -> Result<Vec<Option<u32>>, Failure> {
        self.each(Question::Locate, events, |_, row| (self.locate)(&self.rules, row))
    }

    fn stalled(&self, rules: &[u32], visits: &Batch) -> Result<Vec<Option<Draft>>, Failure> {
        assert_eq!(rules.len(), visits.rows());
        self.each(Question::Stalled, visits, |at, row| (self.stalled)(&rules[at], row))
    }

    fn render(
        &self,
        requests: &[RenderRequest<'_>],
        users: &Batch,
    ) -> Result<Vec<Option<Content>>, Failure> {
        assert_eq!(requests.len(), users.rows());
        self.each(Question::Render, users, |at, row| (self.render)(&requests[at], row))
    }

    fn plan(
        &self,
        requests: &[PlanRequest<'_>],
        users: &Batch,
    ) -> Result<Vec<Option<Itinerary>>, Failure> {
        assert_eq!(requests.len(), users.rows());
        self.each(Question::Plan, users, |at, row| (self.plan)(&requests[at], row))
    }

    fn judge(&self, steps: &[Overdue<'_>], users: &Batch) -> Result<Vec<Verdict>, Failure> {
        assert_eq!(steps.len(), users.rows());
        self.each(Question::Judge, users, |at, row| (self.judge)(&steps[at], row))
    }
}

/// A node where an interruption of more than `longer_than` is too long.
pub(super) fn rule(node: &str, longer_than: u64) -> Rule {
    watching(node, Basis::Interruption, longer_than)
}

/// A node where a dwell of more than `longer_than` is too long.
pub(super) fn watching(node: &str, basis: Basis, longer_than: u64) -> Rule {
    let watch = Some(Watch { longer_than: Millis(longer_than), basis });
    Rule { place: Place::Named(node.into()), watch, last: false }
}

/// A node where nobody stalls.
pub(super) fn quiet(node: &str) -> Rule {
    Rule { place: Place::Named(node.into()), watch: None, last: false }
}

/// A node where the process ends.
pub(super) fn last(node: &str, longer_than: u64) -> Rule {
    Rule { last: true, ..rule(node, longer_than) }
}

/// A draft of the message `key` that wants the user to leave the node.
pub(super) fn draft(key: &str) -> Draft {
    let message = key.into();
    Draft { message, importance: Importance::Normal, pending: None, data: Fields::EMPTY }
}

pub(super) fn content(body: &str) -> Content {
    let features = Fields::EMPTY;
    Content { title: String::new(), body: body.to_owned(), link: None, features }
}

/// Steps, each with its channels (commas between) and its wait; ended by somebody opening it.
pub(super) fn plan<'a>(steps: impl IntoIterator<Item = (&'a str, u64)>) -> Itinerary {
    let channels =
        |names: &str| names.split(',').filter(|n| !n.is_empty()).map(Arc::from).collect();
    let step = |(names, wait)| Step { channels: channels(names), wait: Millis(wait) };
    let steps = steps.into_iter().map(step).collect();
    Itinerary { steps, ends_at: Grade::Opened, most_sends: 100 }
}

/// A fault, if there is to be one.
pub(super) fn trap(there: bool) -> Option<Failure> {
    there.then(|| Failure::Fault(Fault::Trap("here".to_owned())))
}
