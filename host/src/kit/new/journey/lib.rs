//! Reminds of a full cart: who has left one alone for too long, and what is said to them then.

use nudge_guest::prelude::*;

#[cfg(any(test, feature = "tests"))]
mod tests;

/// What a tenant sets; `settings.schema.json` describes it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long a cart may be left alone.
    #[serde(default = "two_hours")]
    patience: Span,
    /// Carts below this are not worth a message.
    #[serde(default)]
    least: f64,
}

fn two_hours() -> Span {
    Span(2 * 3_600_000)
}

/// The configured policy.
pub struct @TYPE@ {
    settings: Settings,
    node: Field<Text>,
    total: Field<f64>,
}

impl Policy for @TYPE@ {
    const MANIFEST: Manifest = manifest!(
        "@NAME@",
        "Reminds of a full cart",
        include_str!("../settings.schema.json"),
    );
    type Settings = Settings;

    fn configure(settings: Settings, needs: &mut Needs) -> Result<Self, Issues> {
        let mut issues = Issues::default();
        if settings.least < 0.0 {
            issues.at("/least", "no cart is worth less than nothing");
        }
        // What the policy wants to see, and for which question.
        let node = needs.event("node").only(Questions::LOCATE).text();
        let total = needs.event("total").only(Questions::STALLED).number();
        issues.or(@TYPE@ { settings, node, total })
    }
}

/// Where the rules stand in [`Journey::rules`].
const CART: usize = 0;
const ELSEWHERE: usize = 1;

impl Journey for @TYPE@ {
    fn rules(&self) -> Vec<Rule> {
        let watch = Watch { longer_than: self.settings.patience.0, basis: Basis::Interruption };
        vec![
            Rule { node: Place::named("cart"), watch: Some(watch), last: false },
            // Any other node: nobody stalls there, but who is there has left the cart.
            Rule { node: Place::of(self.node), watch: None, last: false },
        ]
    }

    fn locate(&self, event: Row<'_>) -> Option<usize> {
        Some(if event.get(self.node)? == "cart" { CART } else { ELSEWHERE })
    }

    fn stalled(&self, _rule: usize, visit: Row<'_>) -> Option<Draft> {
        let total = visit.get(self.total).unwrap_or_default();
        (total >= self.settings.least).then(|| Draft {
            // Reaching it is what the message is for.
            pending: Some("checkout".to_owned()),
            data: vec![("total".to_owned(), total.into())],
            ..Draft::new("full-cart")
        })
    }
}

nudge_guest::export!(@TYPE@: journey);
