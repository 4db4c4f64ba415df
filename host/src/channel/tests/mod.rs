//! What the tests of several channels share.

pub(crate) mod vendor;

use std::sync::Arc;
use std::time::Duration;

use super::wire::{Limits, Wire};
use super::{Dispatch, Links};
use crate::engine::Outgoing;
use crate::engine::event::{Fields, Instant, Value};
use crate::engine::policy::{Content, Importance};

/// A wire that reaches servers of tests.
pub(crate) fn wire() -> Wire {
    Wire::new(limits(&["127.0.0.0/8", "::1"])).unwrap()
}

/// Limits that nothing in a test should run into, with these networks open.
pub(crate) fn limits(allow: &[&str]) -> Limits {
    Limits {
        allow: allow.iter().map(|&network| network.to_owned()).collect(),
        timeout: Duration::from_secs(30),
        answer_bytes: 64 * 1024,
    }
}

/// An attempt with something in every field.
pub(crate) fn dispatch() -> Dispatch {
    let text = |text: &str| Arc::<str>::from(text);
    Dispatch {
        outgoing: Outgoing {
            tracking: text("0123456789abcdef0123456789abcdef"),
            send_key: text("key-1"),
            message: text("m-1"),
            key: text("welcome"),
            user: text("u-1"),
            channel: text("the-channel"),
            address: Some(text("the-address")),
            locale: text("zh-CN"),
            topic: text("orders"),
            importance: Importance::High,
            at: Instant(1_767_225_600_000),
            content: Content {
                title: "订单已发货".to_owned(),
                body: "It is on its way.".to_owned(),
                link: Some("https://shop.example/o/7?a=1&b=2".to_owned()),
                features: Fields::from_iter([
                    (text("order"), Value::Text(text("A 7"))),
                    (text("count"), Value::Integer(3)),
                ]),
            },
        },
        at: Instant(1_767_225_660_500),
        tries: 1,
        links: Links {
            read: Some("https://push.example/r/0123".to_owned()),
            open: None,
            unsubscribe: Some("https://push.example/u/0123".to_owned()),
            callback: None,
        },
    }
}
