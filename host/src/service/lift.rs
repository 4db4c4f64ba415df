//! What a campaign's messages have changed: the share of the target group that did what the campaign is for,
//! beside that of whoever was held out. Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Of a normal distribution 95 in a hundred lie within so many deviations of its middle.
const Z: f64 = 1.959_963_984_540_054;

/// What messages have changed, with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Lift {
    /// The share of the target group that did what the campaign is for.
    pub target_rate: f64,
    /// The share of those held out that did so.
    pub held_out_rate: f64,
    /// The difference of the two shares.
    pub difference: f64,
    /// Where the true difference begins, with 95 % confidence: the lower end of Newcombe's hybrid score interval
    /// (R. G. Newcombe, Statistics in Medicine 17, 1998, method 10).
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// The difference as a share of the rate of those held out; absent if that is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative: Option<f64>,
}

impl Lift {
    /// The lift, from how many of how many in the target group and among those held out; none without both.
    #[must_use]
    pub fn of(target: (u64, u64), held_out: (u64, u64)) -> Option<Lift> {
        let (p1, l1, u1) = wilson(target)?;
        let (p2, l2, u2) = wilson(held_out)?;
        let difference = p1 - p2;
        let below = ((p1 - l1).powi(2) + (u2 - p2).powi(2)).sqrt();
        let above = ((u1 - p1).powi(2) + (p2 - l2).powi(2)).sqrt();
        Some(Lift {
            target_rate: p1,
            held_out_rate: p2,
            difference,
            from: (difference - below).max(-1.0),
            to: (difference + above).min(1.0),
            relative: (p2 > 0.0).then(|| difference / p2),
        })
    }
}

/// A share with its score interval (E. B. Wilson, Journal of the American Statistical Association 22, 1927).
fn wilson((some, all): (u64, u64)) -> Option<(f64, f64, f64)> {
    if all == 0 {
        return None;
    }
    let n = all as f64;
    let p = some.min(all) as f64 / n;
    let z2 = Z * Z;
    let middle = p + z2 / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    Some((p, ((middle - spread) / scale).max(0.0), ((middle + spread) / scale).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded(value: f64) -> f64 {
        (value * 1e4).round() / 1e4
    }

    #[test]
    fn the_interval_is_the_one_that_newcombe_printed() {
        // Table II of the paper, method 10: 56/70 and 48/80; 9/10 and 3/10; 10/10 and 0/10.
        for (one, other, from, to) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((10, 10), (0, 10), 0.6075, 1.0),
            ((0, 10), (0, 10), -0.2775, 0.2775),
        ] {
            let lift = Lift::of(one, other).unwrap();
            assert_eq!((rounded(lift.from), rounded(lift.to)), (from, to), "{one:?} {other:?}");
        }
    }

    #[test]
    fn without_both_groups_nothing_is_said() {
        assert_eq!(Lift::of((1, 2), (0, 0)), None);
        assert_eq!(Lift::of((0, 0), (1, 2)), None);
        let lift = Lift::of((1, 4), (0, 4)).unwrap();
        assert_eq!((lift.difference, lift.relative), (0.25, None));
        let lift = Lift::of((2, 4), (1, 4)).unwrap();
        assert_eq!(lift.relative, Some(1.0));
    }
}
