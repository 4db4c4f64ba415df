//! Run natively by `cargo test`, and in the sandbox by `nudge policy test`.

use nudge_guest::prelude::*;
use nudge_guest::testing::{Tester, Values};

use crate::@TYPE@;

fn policy(settings: &str) -> Tester<@TYPE@> {
    Tester::new(settings).expect("these settings are right")
}

nudge_guest::tests! {
    fn the_cart_is_told_from_everything_else() {
        let policy = policy("{}");
        assert_eq!(policy.locate(&Values::new().event("node", "cart")), Some(crate::CART));
        assert_eq!(policy.locate(&Values::new().event("node", "shop")), Some(crate::ELSEWHERE));
        assert_eq!(policy.locate(&Values::new()), None);
    }

    fn small_carts_are_let_be() {
        let policy = policy(r#"{"least": 20}"#);
        let cart = |total: f64| Values::new().event("total", total);
        assert_eq!(policy.stalled(crate::CART, &cart(19.9)), None);
        let draft = policy.stalled(crate::CART, &cart(20.0)).expect("it is worth a message");
        assert_eq!(draft.message, "full-cart");
        assert_eq!(draft.importance, Importance::Normal);
    }

    fn wrong_settings_are_refused_with_their_place() {
        let issues = Tester::<@TYPE@>::new(r#"{"least": -1}"#).err().expect("it is refused");
        assert_eq!(issues.iter().next().map(|(path, _)| path), Some("/least"));
    }
}
