//! Node dwell, system A: who has stayed too long at a node of a process is reminded of what to do
//! next there.
//!
//! Events carry a node attribute identifier, which says at which node of the process a user is. The
//! host measures the visit; where its dwell passes the node's own threshold, a message is made in two
//! stages: the current node determines the pending node, and the pending node's behaviour the policy
//! data (message data); then features of the user's process information are embedded in the text.

mod settings;
#[cfg(any(test, feature = "tests"))]
mod tests;

use nudge_guest::Features;
use nudge_guest::prelude::*;

pub use settings::Settings;
use settings::{Behaviour, GIVEN, Pattern};

/// The configured policy.
#[derive(Debug)]
pub struct Dwell {
    node: Field<Text>,
    interruption: Field<i64>,
    page_stay: Field<i64>,
    /// The listed nodes, in order of their identifiers.
    nodes: Vec<Node>,
    /// Which other identifiers are nodes, too.
    process: Vec<Pattern>,
    features: Features,
}

#[derive(Debug)]
struct Node {
    name: String,
    watch: Option<Watch>,
    last: bool,
    /// The pending node and the policy data that its behaviour selects.
    next: Option<(String, Behaviour)>,
}

impl Policy for Dwell {
    const MANIFEST: Manifest = manifest!(
        "dwell",
        "Reminds users who have stayed too long at a node of a process",
        include_str!("../settings.schema.json"),
    );
    type Settings = Settings;

    fn configure(settings: Settings, needs: &mut Needs) -> Result<Self, Issues> {
        let mut issues = settings.issues();
        let node = needs.event(&settings.node_field).only(Questions::LOCATE).text();
        let interruption = needs.visit("interruption").only(Questions::STALLED).integer();
        let page_stay = needs.visit("page-stay").only(Questions::STALLED).integer();
        let nodes = settings.nodes(&mut issues);
        let features = Features::new(&settings.features, needs);
        let process = settings.process;
        issues.or(Dwell { node, interruption, page_stay, nodes, process, features })
    }
}

impl Journey for Dwell {
    /// One rule for each listed node, and a last one for all other nodes of the process.
    fn rules(&self) -> Vec<Rule> {
        let listed = self.nodes.iter().map(|node| Rule {
            node: Place::named(&node.name),
            watch: node.watch,
            last: node.last,
        });
        let other = Rule { node: Place::of(self.node), watch: None, last: false };
        listed.chain([other]).collect()
    }

    fn locate(&self, event: Row<'_>) -> Option<usize> {
        let node = event.get(self.node).filter(|node| !node.is_empty())?;
        match self.nodes.binary_search_by(|listed| listed.name.as_str().cmp(node)) {
            Ok(rule) => Some(rule),
            Err(_) => self.process.iter().any(|p| p.matches(node)).then_some(self.nodes.len()),
        }
    }

    fn stalled(&self, rule: usize, visit: Row<'_>) -> Option<Draft> {
        let node = self.nodes.get(rule)?;
        let (pending, behaviour) = node.next.as_ref()?;
        let dwell = self.dwell(node.watch?.basis, visit);
        let [hours, days] = [3_600_000, 86_400_000].map(|unit| Value::Integer(dwell / unit));
        let given = [node.name.as_str().into(), pending.as_str().into(), hours, days];
        let mut data: Vec<(String, Value)> =
            GIVEN.iter().map(|name| (*name).to_owned()).zip(given).collect();
        data.extend(behaviour.data.iter().map(|(name, value)| (name.clone(), value.clone())));
        Some(Draft {
            message: behaviour.message.clone(),
            importance: behaviour.importance,
            pending: Some(pending.clone()),
            data,
        })
    }
}

impl Dwell {
    /// How long the visit has lasted by the measure that the node is watched by.
    fn dwell(&self, basis: Basis, visit: Row<'_>) -> i64 {
        let interruption = visit.get(self.interruption).unwrap_or_default();
        let page_stay = visit.get(self.page_stay).unwrap_or_default();
        match basis {
            Basis::Interruption => interruption,
            Basis::PageStay => page_stay,
            Basis::Sum => interruption.saturating_add(page_stay),
            Basis::Either => interruption.max(page_stay),
        }
    }
}

impl Personalise for Dwell {
    /// Stage two: features of the process information, embedded in the message data's text. Where a
    /// feature that the text names is missing there is no message.
    fn render(&self, request: RenderRequest<'_>, user: Row<'_>) -> Option<Content> {
        self.features.render(request, user)
    }
}

nudge_guest::export!(Dwell: journey, personalise);
