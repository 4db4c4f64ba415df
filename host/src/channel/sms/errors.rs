//! Twilio's error codes: what each means for a message. They come with a refused request and with the
//! callback for a message that did not arrive.

use crate::channel::Reason;

/// What becomes of the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It may succeed later.
    Later,
    /// Not on this channel.
    Failed,
    /// Nothing will arrive at this number.
    Gone,
}

/// What a code means, if it is one that matters.
pub(super) fn known(code: u32) -> Option<(Fate, Reason, &'static str)> {
    use Fate::{Failed, Gone, Later};
    Some(match code {
        21211 | 21214 | 21217 => (Gone, Reason::InvalidAddress, "the number is none"),
        21265 | 21614 | 21635 => (Gone, Reason::InvalidAddress, "the number takes no messages"),
        30005 => (Gone, Reason::InvalidAddress, "the number is unknown or out of service"),
        30006 => (Gone, Reason::InvalidAddress, "a landline, or its carrier takes no messages"),
        63003 | 63024 => (Gone, Reason::InvalidAddress, "nobody at this number on the channel"),
        21610 => (Gone, Reason::Unsubscribed, "the user has said STOP"),

        20003 | 20006 => (Later, Reason::Credentials, "account or token is refused"),
        10001 | 20005 | 30002 => (Later, Reason::Credentials, "the account is not active"),
        20008 => (Later, Reason::Credentials, "these are test credentials"),

        429 | 20429 => (Later, Reason::Throttled, "too many requests"),
        14107 => (Later, Reason::Throttled, "too many messages between two numbers"),
        21611 | 30001 => (Later, Reason::Throttled, "too many messages wait for the sender"),
        63017 | 63018 => (Later, Reason::Throttled, "too many messages a second"),
        503 | 20500 | 20503 => (Later, Reason::Provider, "Twilio is in trouble"),

        20404 => (Later, Reason::Settings, "there is no such account"),
        21212 | 21601 | 21603 | 21606 | 21616 | 21659 | 21660 | 21661 => {
            (Later, Reason::Settings, "the account cannot send as this sender")
        }
        21701..=21705 => (Later, Reason::Settings, "the messaging service has no sender"),
        21408 => (Later, Reason::Settings, "the account may not send to this region"),
        21608 => (Later, Reason::Settings, "a trial account sends to verified numbers only"),
        21609 => (Later, Reason::Settings, "the callback's URL is not taken"),
        21624 | 30045 | 90007 => (Later, Reason::Settings, "the validity is not taken"),
        21910 | 63007 => (Later, Reason::Settings, "sender and number are of different channels"),
        30034 => (Failed, Reason::Settings, "the sender is not registered"),

        21602 | 21619 => (Failed, Reason::Content, "the message says nothing"),
        30007 => (Failed, Reason::Content, "the message was filtered"),
        21605 | 21617 | 21658 => (Failed, Reason::TooLong, "the message is too long"),
        21612 => (Failed, Reason::Rejected, "the number is not reached from this sender"),
        30003 => (Failed, Reason::Unreachable, "the telephone was not reached"),
        30004 => (Failed, Reason::Rejected, "the message was blocked"),
        30008 => (Failed, Reason::Provider, "the carrier does not say why"),
        30036 => (Failed, Reason::Timeout, "the message waited longer than it holds"),
        63016 => (Failed, Reason::Rejected, "the user has not written within a day"),
        _ => return None,
    })
}
