//! Names that follow from what they name, today as in the run before.

use std::collections::BTreeSet;

use crate::engine::TrackingKey;
use crate::engine::event::Instant;
use crate::engine::ids::{message, send_key, tracking};
use crate::engine::state::Cause;

fn cause(node: &str, entered: i64, rule: u32) -> Cause {
    Cause::Visit { node: node.into(), entered: Instant(entered), rule }
}

#[test]
fn a_message_is_named_by_its_tenant_policy_user_and_cause() {
    let names = [
        message("tenant", "label", "user", &cause("node", 1, 2)),
        message("other", "label", "user", &cause("node", 1, 2)),
        message("tenant", "other", "user", &cause("node", 1, 2)),
        message("tenant", "label", "other", &cause("node", 1, 2)),
        message("tenant", "label", "user", &cause("other", 1, 2)),
        message("tenant", "label", "user", &cause("node", 2, 2)),
        message("tenant", "label", "user", &cause("node", 1, 1)),
        // Where one part ends and the next begins matters, too.
        message("tenantl", "abel", "user", &cause("node", 1, 2)),
        message("tenant", "label", "usern", &cause("ode", 1, 2)),
        message("tenant", "labelu", "ser", &cause("node", 1, 2)),
    ];
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert_eq!(names[0], message("tenant", "label", "user", &cause("node", 1, 2)));
}

#[test]
fn c3_an_attempt_is_named_by_its_key_message_channel_and_number() {
    let (key, other) = (TrackingKey::new(b"key"), TrackingKey::new(b"other"));
    let ids = [
        tracking(&key, "message", "app", 0),
        tracking(&other, "message", "app", 0),
        tracking(&key, "other", "app", 0),
        tracking(&key, "message", "mail", 0),
        tracking(&key, "message", "app", 1),
        tracking(&TrackingKey::new(b""), "message", "app", 0),
        tracking(&TrackingKey::new(&[7; 1_000]), "message", "app", 0),
    ];
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert!(ids.iter().all(|id| id.len() == 32));
    assert_eq!(ids[0], tracking(&TrackingKey::new(b"key"), "message", "app", 0));
}

#[test]
fn names_are_those_of_yesterday() {
    // What was sent by an older version must not be sent again, nor its return data be unmatched.
    let id = message("tenant", "label", "user", &cause("node", 1, 2));
    assert_eq!(&*id, "fdd6f689d02e80680cccf64d5a25948a");
    assert_eq!(&*send_key(&id, 3), "6be19183dccd1d381b2f699407506150");
    assert_eq!(
        &*tracking(&TrackingKey::new(b"key"), &id, "app", 4),
        "4fbc0ce2b255f7ea43d9e85cee6d5428"
    );
}
