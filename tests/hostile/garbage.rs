//! Bytes that nobody meant: whatever they are, the answer is a policy or a reason, and never the
//! host's own failure.

use nudge::engine::policy::{Failure, Policy as _};
use nudge::sandbox::{AdmitError, Limits};

use super::policies::Guest;
use super::{Room, events, limits};

/// Chance that is the same every time.
struct Dice(u64);

impl Dice {
    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }
}

/// A sandbox in which nothing takes long.
fn hasty() -> Room {
    Room::new(Limits { fuel: 100_000, configure_fuel: 1_000_000, ..limits() })
}

#[test]
fn random_bytes() {
    let mut dice = Dice(1);
    Room::usual().visit(|sandbox| {
        for length in 0..500 {
            let bytes = dice.bytes(length);
            assert!(sandbox.admit(&bytes).is_err());
            for header in [b"\0asm\x0d\0\x01\0", b"\0asm\x01\0\0\0"] {
                let bytes = [header, bytes.as_slice()].concat();
                let refusal = sandbox.admit(&bytes).unwrap_err();
                assert!(!matches!(refusal, AdmitError::Host(_)), "{refusal}");
            }
        }
    });
}

#[test]
fn a_component_that_breaks_off() {
    let component = Guest::default().component();
    let mut admitted = 0;
    Room::usual().visit(|sandbox| {
        for end in 0..component.len() {
            match sandbox.admit(&component[..end]) {
                Ok(_) => admitted += 1,
                Err(
                    AdmitError::NotAComponent(_) | AdmitError::Invalid(_) | AdmitError::Export(_),
                ) => {}
                Err(other) => panic!("{end}: {other:?}"),
            }
        }
    });
    // It is as good without what is written about it at its end.
    assert!(admitted <= 2, "{admitted}");
}

#[test]
fn a_component_with_one_byte_changed() {
    let component = Guest::default().component();
    let mut dice = Dice(2);
    let mut answers = 0;
    hasty().visit(|sandbox| {
        for _ in 0..700 {
            let mut changed = component.clone();
            changed[dice.below(component.len())] ^= 1 + dice.below(255) as u8;
            let configured = sandbox.admit(&changed).and_then(|policy| policy.configure("{}"));
            match configured {
                Ok(policy) => {
                    let answer = policy.locate(&events(&policy, &["here", "there"]));
                    assert!(!matches!(answer, Err(Failure::Host(_))), "{answer:?}");
                    answers += usize::from(answer.is_ok());
                }
                Err(refusal) => {
                    assert!(!matches!(refusal, AdmitError::Host(_)), "{refusal}");
                }
            }
        }
    });
    // Otherwise only the validator would have been tried.
    assert!(answers > 50, "{answers}");
}

/// The same with what real tools make. Most is found before compilation, so that it costs little.
#[test]
fn a_standard_policy_with_a_hole() {
    let component = nudge::standard::policy("dwell").unwrap();
    let mut dice = Dice(3);
    Room::usual().visit(|sandbox| {
        for _ in 0..20 {
            let mut changed = component.to_vec();
            let at = dice.below(component.len() - 64);
            changed[at..at + 64].fill(0xff);
            if let Err(refusal) = sandbox.admit(&changed) {
                assert!(!matches!(refusal, AdmitError::Host(_)), "{refusal}");
            }
        }
    });
}
