//! What a relay's refusal means (RFC 5321, RFC 3463, RFC 5248). The detailed code counts for more than
//! the plain one, and where in the talk it was said for as much. What the relay says in words may name
//! the address, and so is left out.

use crate::channel::{Outcome, Reason};

/// Where in the talk a reply came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before anything was asked for.
    Hello,
    /// At the password.
    Login,
    /// At the sender.
    Sender,
    /// At the recipient.
    Recipient,
    /// At the mail itself.
    Message,
}

impl Stage {
    fn words(self) -> &'static str {
        match self {
            Stage::Hello => "the connection",
            Stage::Login => "the password",
            Stage::Sender => "the sender",
            Stage::Recipient => "the recipient",
            Stage::Message => "the mail",
        }
    }
}

/// What becomes of a mail that was refused with a code from 400 on.
pub(super) fn outcome(stage: Stage, code: u16, text: &str) -> Outcome {
    let (class, detailed) = (code / 100, detailed(code, text));
    let more = detailed.map(|(a, b)| format!(" {class}.{a}.{b}")).unwrap_or_default();
    let said = format!("the server answered {code}{more} to {}", stage.words());
    let later = |reason| Outcome::later(reason, said.clone());
    let full = || Outcome::later(Reason::Provider, format!("the mailbox is full: {said}"));
    match (stage, code, detailed) {
        (Stage::Login, 500.., _) => later(Reason::Credentials),
        (_, 530 | 534 | 535 | 538, _) | (_, 500.., Some((7, 8 | 9 | 11))) => {
            later(Reason::Credentials)
        }
        (_, _, Some((2, 2))) => full(),
        (_, 421 | 452, _) | (_, ..500, Some((7, _) | (5, 3) | (4, 5))) => later(Reason::Throttled),
        (_, ..500, _) | (Stage::Hello, ..) => later(Reason::Provider),
        (_, _, Some((3, 4) | (2, 3))) => Outcome::failed(Reason::TooLong, said),
        (Stage::Recipient, 552, None) => full(),
        (_, 552, None) => Outcome::failed(Reason::TooLong, said),
        // Relays may judge the sender only when they know the recipient.
        (_, _, Some((1, 7 | 8))) | (Stage::Sender, 501 | 550 | 553, None) => {
            later(Reason::Settings)
        }
        (Stage::Recipient | Stage::Message, _, Some((1, 1 | 2 | 3 | 6 | 10))) => {
            Outcome::gone(Reason::InvalidAddress, said)
        }
        (_, _, Some((7, _))) => Outcome::failed(Reason::Rejected, said),
        (Stage::Recipient, 551 | 553 | 556, _) => Outcome::gone(Reason::InvalidAddress, said),
        _ => Outcome::failed(Reason::Rejected, said),
    }
}

/// Subject and detail of the detailed code that a reply begins with, if it has one of its own class.
fn detailed(code: u16, text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().next()?.split('.');
    let mut next = || {
        let number = numbers.next()?;
        let plain = (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        number.parse::<u16>().ok().filter(|_| plain)
    };
    let (class, subject, detail) = (next()?, next()?, next()?);
    (class == code / 100 && numbers.next().is_none()).then_some((subject, detail))
}
