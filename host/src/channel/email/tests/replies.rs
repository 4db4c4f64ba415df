use super::super::reply::{Stage, outcome};
use super::*;

/// `Later`, `Failed` or `Gone`, and why.
fn fate(outcome: &Outcome) -> (&'static str, Reason) {
    let fate = match outcome {
        Outcome::Later { .. } => "later",
        Outcome::Failed(_) => "failed",
        Outcome::Gone(_) => "gone",
        Outcome::Accepted { .. } => "accepted",
    };
    (fate, trouble(outcome).reason)
}

fn judged(stage: Stage, reply: &str) -> (&'static str, Reason) {
    let (code, text) = reply.split_once(' ').unwrap_or((reply, ""));
    fate(&outcome(stage, code.parse().unwrap(), text))
}

#[test]
fn what_passes() {
    use Stage::{Hello, Message, Recipient, Sender};
    for (stage, reply, reason) in [
        (Hello, "421 4.3.2 shutting down", Reason::Throttled),
        (Hello, "554 no service", Reason::Provider),
        (Hello, "554 5.7.1 your address is listed", Reason::Provider),
        (Sender, "421 closing", Reason::Throttled),
        (Sender, "451 4.3.0 try again", Reason::Provider),
        (Sender, "452 4.3.1 no room", Reason::Throttled),
        (Recipient, "450 4.2.1 busy", Reason::Provider),
        (Recipient, "450 4.7.1 greylisted", Reason::Throttled),
        (Recipient, "451 4.7.500 busy", Reason::Throttled),
        (Recipient, "452 4.5.3 too many recipients", Reason::Throttled),
        (Recipient, "452 4.2.2 mailbox full", Reason::Provider),
        (Recipient, "552 5.2.2 mailbox full", Reason::Provider),
        (Recipient, "550 5.2.2 mailbox full", Reason::Provider),
        (Recipient, "552 full", Reason::Provider),
        (Message, "451 4.4.2 timeout", Reason::Provider),
        (Message, "552 5.2.2 mailbox full", Reason::Provider),
        // The sender is the tenant's to set right.
        (Sender, "530 5.7.0 authenticate first", Reason::Credentials),
        (Recipient, "530 authenticate first", Reason::Credentials),
        (Sender, "550 5.7.8 who are you", Reason::Credentials),
        (Sender, "553 no such sender", Reason::Settings),
        (Sender, "550 no such sender", Reason::Settings),
        (Recipient, "550 5.1.8 sender's domain", Reason::Settings),
        (Recipient, "553 5.1.7 sender's address", Reason::Settings),
    ] {
        assert_eq!(judged(stage, reply), ("later", reason), "{stage:?} {reply}");
    }
    for reply in
        ["535 5.7.8 no", "534 5.7.9 no", "530 5.7.0 no", "538 no", "500 what", "503 5.5.1 no"]
    {
        assert_eq!(judged(Stage::Login, reply), ("later", Reason::Credentials), "{reply}");
    }
}

#[test]
fn what_does_not() {
    use Stage::{Message, Recipient, Sender};
    for (stage, reply, reason) in [
        (Message, "552 5.3.4 too large", Reason::TooLong),
        (Sender, "552 5.3.4 too large", Reason::TooLong),
        (Message, "552 too large", Reason::TooLong),
        (Recipient, "552 5.2.3 too large for it", Reason::TooLong),
        (Message, "554 5.7.1 looks like spam", Reason::Rejected),
        (Message, "550 5.7.26 not authenticated", Reason::Rejected),
        (Recipient, "554 5.7.1 relay access denied", Reason::Rejected),
        (Recipient, "553 5.7.1 not your sender", Reason::Rejected),
        (Recipient, "550 5.2.1 disabled", Reason::Rejected),
        (Recipient, "550 mailbox unavailable", Reason::Rejected),
        (Sender, "550 5.1.1 not a recipient", Reason::Rejected),
        (Message, "554 transaction failed", Reason::Rejected),
        (Message, "500 5.5.2 syntax", Reason::Rejected),
        (Message, "550 4.1.1 of another class", Reason::Rejected),
        (Message, "550 5.1.1.1 too much", Reason::Rejected),
        (Message, "550 5.1 too little", Reason::Rejected),
        (Message, "550 5.1.+1 no number", Reason::Rejected),
        (Message, "550 5.1.99999 no number", Reason::Rejected),
        (Message, "550", Reason::Rejected),
    ] {
        assert_eq!(judged(stage, reply), ("failed", reason), "{stage:?} {reply}");
    }
}

#[test]
fn who_is_not_there() {
    use Stage::{Message, Recipient};
    for (stage, reply) in [
        (Recipient, "550 5.1.1 user unknown"),
        (Recipient, "550 5.1.2 no such host"),
        (Recipient, "501 5.1.3 bad address"),
        (Recipient, "550 5.1.6 moved"),
        (Recipient, "556 5.1.10 takes no mail"),
        (Recipient, "550 5.1.10 not found"),
        (Recipient, "551 not here"),
        (Recipient, "553 no such name"),
        (Recipient, "553 5.3.0 no such user"),
        (Message, "550 5.1.1 user unknown"),
    ] {
        assert_eq!(judged(stage, reply), ("gone", Reason::InvalidAddress), "{stage:?} {reply}");
    }
}

#[tokio::test]
async fn refusals_in_a_real_talk() {
    let refusals: [(Script, _); 8] = [
        (&[("hello", "554 5.7.1 go away")], ("later", Reason::Provider)),
        (&[("EHLO", "502 5.5.1 what?")], ("later", Reason::Provider)),
        (&[("MAIL", "452 4.3.1 no room")], ("later", Reason::Throttled)),
        (&[("RCPT", "550-5.1.1 no\r\n550 5.1.1 user")], ("gone", Reason::InvalidAddress)),
        (&[("RCPT", "450 4.2.0 greylisted")], ("later", Reason::Provider)),
        (&[("DATA", "451 4.3.0 later")], ("later", Reason::Provider)),
        (&[("end", "552 5.3.4 too large")], ("failed", Reason::TooLong)),
        (&[("end", "554 5.7.1 spam")], ("failed", Reason::Rejected)),
    ];
    for (script, expected) in refusals {
        let outcome = sent(script).await;
        assert_eq!(fate(&outcome), expected, "{script:?}");
    }
}

#[tokio::test]
async fn details_name_nobody() {
    let outcome = sent(&[("RCPT", "550 5.1.1 <ada@example.com>: ada is unknown here")]).await;
    assert_eq!(trouble(&outcome).detail, "the server answered 550 5.1.1 to the recipient");
}
