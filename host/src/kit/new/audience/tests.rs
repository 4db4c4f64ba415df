//! Run natively by `cargo test`, and in the sandbox by `nudge policy test`.

use nudge_guest::testing::{Tester, Values};

use crate::@TYPE@;

fn policy() -> Tester<@TYPE@> {
    Tester::new(r#"{"regular": 3, "window": "1d"}"#).expect("these settings are right")
}

/// A user who came so often.
fn came(times: i64) -> Values {
    Values::new().counter("login/86400000", times)
}

nudge_guest::tests! {
    fn everybody_is_in_one_group() {
        let groups = [0, 1, 2, 3, 4].map(|times| policy().classify(&came(times)));
        assert_eq!(groups, [[2], [1], [1], [0], [0]]);
    }

    fn the_standard_is_how_often_they_came() {
        assert!(!policy().qualify("2", &came(1)));
        assert!(policy().qualify("2", &came(2)));
        assert!(!policy().qualify("often", &came(9)));
    }
}
