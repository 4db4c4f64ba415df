//! Node dwell, system A: who has stayed too long at a node of a process is reminded of what to do
//! next there.
//!
//! Events carry a node attribute identifier, which says at which node of the process a user is. The
//! host measures the visit; where its dwell passes the node's own threshold, a message is made in two
//! stages: the current node determines the pending node, and the pending node's behaviour the policy
//! data (message data); then features of the user's process information are embedded in the text.

mod features;
mod settings;

use std::borrow::Cow;
use std::collections::BTreeMap;

use nudge_guest::prelude::*;
use nudge_guest::{embed, encoded};

use features::Feature;
pub use settings::Settings;
use settings::{Behaviour, Pattern};

/// The configured policy.
#[derive(Debug)]
pub struct Dwell {
    node: Field<Text>,
    interruption: Field<i64>,
    page_stay: Field<i64>,
    /// The listed nodes, by identifier: an index into `nodes`.
    index: BTreeMap<String, usize>,
    nodes: Vec<Node>,
    /// Which other identifiers are nodes, too.
    process: Vec<Pattern>,
    features: Vec<(String, Feature)>,
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
        let mut issues = Issues::default();
        let node = needs.event(&settings.node_field).only(Questions::LOCATE).text();
        let interruption = needs.visit("interruption").only(Questions::STALLED).integer();
        let page_stay = needs.visit("page-stay").only(Questions::STALLED).integer();
        let nodes = settings.nodes(&mut issues);
        let features = settings
            .features
            .iter()
            .map(|(name, feature)| (name.clone(), Feature::new(feature, needs)))
            .collect();
        let index = nodes.iter().enumerate().map(|(at, node)| (node.name.clone(), at)).collect();
        let process = settings.process;
        issues.or(Dwell { node, interruption, page_stay, index, nodes, process, features })
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
        let node = event.get(self.node)?;
        match self.index.get(node) {
            Some(rule) => Some(*rule),
            None => self.process.iter().any(|p| p.matches(node)).then_some(self.nodes.len()),
        }
    }

    fn stalled(&self, rule: usize, visit: Row<'_>) -> Option<Draft> {
        let node = self.nodes.get(rule)?;
        let (pending, behaviour) = node.next.as_ref()?;
        let waited = visit.get(self.interruption)?.max(visit.get(self.page_stay)?);
        let mut data = vec![
            ("node".to_owned(), Value::Text(node.name.clone())),
            ("pending".to_owned(), Value::Text(pending.clone())),
            ("hours".to_owned(), Value::Integer(waited / 3_600_000)),
            ("days".to_owned(), Value::Integer(waited / 86_400_000)),
        ];
        data.extend(behaviour.data.iter().map(|(name, value)| (name.clone(), value.0.clone())));
        Some(Draft {
            message: behaviour.message.clone(),
            importance: behaviour.importance.into(),
            pending: Some(pending.clone()),
            data,
        })
    }
}

impl Personalise for Dwell {
    fn render(&self, request: RenderRequest<'_>, user: Row<'_>) -> Option<Content> {
        let features: Vec<(String, Option<String>)> =
            self.features.iter().map(|(name, feature)| (name.clone(), feature.of(user))).collect();
        let find = |name: &str| -> Option<Cow<'_, str>> {
            match features.iter().find(|(n, _)| n == name) {
                Some((_, value)) => value.as_deref().map(Cow::Borrowed),
                None => request.data(name).map(|value| Cow::Owned(value.to_string())),
            }
        };
        let template = request.template();
        let link = |link: &String| embed(link, |name| find(name).map(|v| encoded(&v).into()));
        Some(Content {
            title: embed(&template.title, find).ok()?,
            body: embed(&template.body, find).ok()?,
            link: template.link.as_ref().map(link).transpose().ok()?,
            features: features
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), Value::Text(value.clone()?))))
                .collect(),
        })
    }
}

nudge_guest::export!(Dwell: journey, personalise);
