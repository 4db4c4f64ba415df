use std::time::Duration;

use serde_json::json;

use super::*;
use crate::channel::wire::Limits;
use crate::channel::{Links, Trouble};
use crate::engine::Outgoing;
use crate::engine::event::{Fields, Instant};
use crate::engine::policy::{Content, Importance};
use server::{Script, Server};

mod addresses;
mod mails;
mod read;
mod real;
mod replies;
mod server;

/// A dispatch as tests of every channel want one.
pub(crate) fn dispatch() -> Dispatch {
    let content = Content {
        title: "Your order".into(),
        body: "It is on its way.".into(),
        link: Some("https://shop.example/orders/7".into()),
        features: Fields::EMPTY,
    };
    let outgoing = Outgoing {
        tracking: "trk-1".into(),
        send_key: "key-1".into(),
        message: "message-1".into(),
        key: "order".into(),
        user: "ada".into(),
        channel: "c".into(),
        address: Some("ada@example.com".into()),
        locale: "en".into(),
        topic: "orders".into(),
        importance: Importance::Normal,
        at: Instant(1_772_445_600_000),
        content,
    };
    Dispatch { outgoing, at: Instant(1_772_445_600_000), tries: 1, links: Links::default() }
}

/// A wire that reaches servers of tests.
pub(crate) fn wire() -> Wire {
    let limits = Limits {
        allow: vec!["127.0.0.0/8".into(), "::1/128".into()],
        timeout: Duration::from_secs(30),
        answer_bytes: 65536,
    };
    Wire::new(limits).unwrap()
}

fn settings(port: u16) -> serde_json::Value {
    json!({"host": "127.0.0.1", "port": port, "tls": "none", "from": "商店 <shop@nudge.example>"})
}

async fn channel(script: Script) -> (Email, Server) {
    let server = Server::start(script).await;
    (Email::build("mail", &settings(server.port), &wire()).unwrap(), server)
}

async fn sent(script: Script) -> Outcome {
    let (channel, _server) = channel(script).await;
    channel.send(&dispatch()).await
}

fn trouble(outcome: &Outcome) -> &Trouble {
    match outcome {
        Outcome::Later { trouble, .. } | Outcome::Failed(trouble) | Outcome::Gone(trouble) => {
            trouble
        }
        Outcome::Accepted { .. } => panic!("accepted"),
    }
}

fn wrongs(settings: &serde_json::Value) -> Vec<String> {
    let wrongs = Email::build("mail", settings, &wire()).err().unwrap_or_default();
    wrongs.into_iter().map(|wrong| wrong.path).collect()
}

#[tokio::test]
async fn a_mail_is_handed_over() {
    let (channel, server) = channel(&[]).await;
    assert_eq!(channel.name(), "mail");
    assert_eq!(channel.send(&dispatch()).await, Outcome::ACCEPTED);
    assert_eq!(
        server.commands(),
        [
            "EHLO nudge.example",
            "MAIL FROM:<shop@nudge.example>",
            "RCPT TO:<ada@example.com>",
            "DATA"
        ]
    );
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn connections_are_used_again() {
    let (channel, server) = channel(&[]).await;
    for _ in 0..60 {
        assert_eq!(channel.send(&dispatch()).await, Outcome::ACCEPTED);
    }
    assert_eq!(server.mails().len(), 60);
    // After fifty mails a new one.
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_survives_a_refusal_and_one_that_broke_is_replaced() {
    let (channel, server) = channel(&[("RCPT", "550 5.1.1 unknown")]).await;
    for _ in 0..3 {
        assert!(matches!(channel.send(&dispatch()).await, Outcome::Gone(_)));
    }
    assert_eq!(server.connections(), 1);

    let (channel, server) = self::channel(&[("RSET", "hang up")]).await;
    for _ in 0..3 {
        assert_eq!(channel.send(&dispatch()).await, Outcome::ACCEPTED);
    }
    assert_eq!(server.connections(), 3);

    let (channel, server) = self::channel(&[("MAIL", "421 4.7.0 too many")]).await;
    for _ in 0..2 {
        assert_eq!(trouble(&channel.send(&dispatch()).await).reason, Reason::Throttled);
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let (mut channel, server) = channel(&[]).await;
    channel.relay.rest = Duration::from_millis(20);
    assert_eq!(channel.send(&dispatch()).await, Outcome::ACCEPTED);
    while !server.commands().contains(&"QUIT".to_owned()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(channel.send(&dispatch()).await, Outcome::ACCEPTED);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_password_is_given() {
    let server = Server::start(&[]).await;
    let mut settings = settings(server.port);
    settings["user"] = json!("ada");
    settings["password"] = json!("geheim");
    settings["hello"] = json!("out.nudge.example");
    let channel = Email::build("mail", &settings, &wire()).unwrap();
    assert_eq!(channel.send(&dispatch()).await, Outcome::ACCEPTED);
    assert_eq!(server.commands()[..2], ["EHLO out.nudge.example", "AUTH PLAIN AGFkYQBnZWhlaW0="]);

    for (answer, reason) in [
        ("535 5.7.8 no", Reason::Credentials),
        ("530 5.7.0 no", Reason::Credentials),
        ("534 5.7.9 no", Reason::Credentials),
        ("454 4.7.0 later", Reason::Throttled),
    ] {
        let server = Server::start(Box::leak(Box::new([("AUTH", answer)]))).await;
        settings["port"] = json!(server.port);
        let channel = Email::build("mail", &settings, &wire()).unwrap();
        let outcome = channel.send(&dispatch()).await;
        assert!(matches!(outcome, Outcome::Later { .. }));
        assert_eq!(trouble(&outcome).reason, reason, "{answer}");
        assert!(!format!("{outcome:?}").contains("geheim"));
    }

    let server = Server::start(&[("EHLO", "250 relay.example")]).await;
    settings["port"] = json!(server.port);
    let channel = Email::build("mail", &settings, &wire()).unwrap();
    assert_eq!(trouble(&channel.send(&dispatch()).await).reason, Reason::Credentials);
    assert_eq!(server.commands().len(), 1);
}

#[tokio::test]
async fn without_encryption_that_was_asked_for_nothing_is_said() {
    let server = Server::start(&[]).await;
    let mut settings = settings(server.port);
    settings["user"] = json!("ada");
    settings["password"] = json!("geheim");
    settings["tls"] = json!("starttls");
    let channel = Email::build("mail", &settings, &wire()).unwrap();
    let outcome = channel.send(&dispatch()).await;
    assert!(matches!(outcome, Outcome::Later { .. }));
    assert_eq!(trouble(&outcome).reason, Reason::Settings);
    assert_eq!(server.commands(), ["EHLO nudge.example"]);

    // What answers in the clear is no encryption.
    settings["tls"] = json!("tls");
    let channel = Email::build("mail", &settings, &wire()).unwrap();
    let outcome = channel.send(&dispatch()).await;
    assert!(matches!(outcome, Outcome::Later { .. }));
    assert_eq!(trouble(&outcome).reason, Reason::Unreachable);
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_or_does_not_answer() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let channel = Email::build("mail", &settings(port), &wire()).unwrap();
    assert_eq!(trouble(&channel.send(&dispatch()).await).reason, Reason::Unreachable);

    for stage in ["hello", "EHLO", "MAIL", "RCPT", "DATA", "end"] {
        let (mut channel, _server) = self::channel(Box::leak(Box::new([(stage, "silence")]))).await;
        channel.relay.patience = Duration::from_millis(200);
        let outcome = channel.send(&dispatch()).await;
        assert!(matches!(outcome, Outcome::Later { .. }));
        assert_eq!(trouble(&outcome).reason, Reason::Timeout, "{stage}");

        let outcome = sent(Box::leak(Box::new([(stage, "hang up")]))).await;
        assert!(matches!(outcome, Outcome::Later { .. }));
        assert_eq!(trouble(&outcome).reason, Reason::Unreachable, "{stage}");
    }
}

#[tokio::test]
async fn a_server_that_talks_nonsense_is_not_listened_to_for_long() {
    for stage in ["hello", "EHLO", "MAIL", "end"] {
        for nonsense in ["babble", "what?", "999 no code", "250-never ends\r\n550 mixed", ""] {
            let outcome = sent(Box::leak(Box::new([(stage, nonsense)]))).await;
            assert!(matches!(outcome, Outcome::Later { .. }), "{stage} {nonsense}: {outcome:?}");
            // Were it read on, the time would run out.
            assert_ne!(trouble(&outcome).reason, Reason::Timeout, "{stage} {nonsense}");
        }
    }
    // Neither yes nor no.
    assert_eq!(trouble(&sent(&[("end", "354 go on")]).await).reason, Reason::Provider);
}

#[tokio::test]
async fn addresses_beyond_ascii_want_a_server_that_takes_them() {
    let mut dispatch = dispatch();
    dispatch.outgoing.address = Some("阿达@例え.example".into());
    let (channel, server) = channel(&[]).await;
    let outcome = channel.send(&dispatch).await;
    assert!(matches!(outcome, Outcome::Failed(_)));
    assert_eq!(trouble(&outcome).reason, Reason::Rejected);
    assert_eq!(server.commands().len(), 1);

    let ehlo = ("EHLO", "250-relay.example\r\n250-8BITMIME\r\n250 SMTPUTF8");
    let (channel, server) = self::channel(Box::leak(Box::new([ehlo]))).await;
    assert_eq!(channel.send(&dispatch).await, Outcome::ACCEPTED);
    assert_eq!(
        server.commands()[1..3],
        [
            "MAIL FROM:<shop@nudge.example> SMTPUTF8 BODY=8BITMIME",
            "RCPT TO:<阿达@xn--r8jz45g.example>"
        ]
    );

    // A domain of another script is no trouble: it has a name in ASCII.
    dispatch.outgoing.address = Some("ada@例え.example".into());
    let (channel, server) = self::channel(&[]).await;
    assert_eq!(channel.send(&dispatch).await, Outcome::ACCEPTED);
    assert_eq!(server.commands()[2], "RCPT TO:<ada@xn--r8jz45g.example>");
}

#[tokio::test]
async fn users_without_an_address_or_with_none_that_is_one() {
    let (channel, server) = channel(&[]).await;
    let mut dispatch = dispatch();
    for none in [None, Some("".into()), Some("  ".into())] {
        dispatch.outgoing.address = none;
        let outcome = channel.send(&dispatch).await;
        assert!(matches!(outcome, Outcome::Failed(_)));
        assert_eq!(trouble(&outcome).reason, Reason::NoAddress);
    }
    for bad in ["ada", "ada@example.com, eve@example.com", "ada@example.com>\r\nDATA\r\n"] {
        dispatch.outgoing.address = Some(bad.into());
        let outcome = channel.send(&dispatch).await;
        assert!(matches!(outcome, Outcome::Gone(_)), "{bad}");
        assert_eq!(trouble(&outcome).reason, Reason::InvalidAddress);
        assert!(!trouble(&outcome).detail.contains("ada"));
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn settings_are_checked() {
    let least = json!({"host": "smtp.example", "from": "shop@nudge.example"});
    let channel = Email::build("mail", &least, &wire()).unwrap();
    assert!(channel.hear(&no_callback()).is_err());
    for tls in ["starttls", "tls", "none"] {
        let all = json!({"host": "smtp.example", "port": 2525, "tls": tls, "user": "u", "password": "p",
            "from": "A, B & C <shop@nudge.example>", "reply_to": "\"Help\" <help@nudge.example>",
            "hello": "out.nudge.example"});
        assert_eq!(wrongs(&all), [""; 0], "{tls}");
    }
    let bad = json!({"host": "smtp.example/x", "port": 0, "tls": "none", "user": "u",
        "from": "nobody", "reply_to": "a@b.example, c@d.example", "hello": "a b"});
    assert_eq!(wrongs(&bad), ["/host", "/port", "/password", "/from", "/reply_to", "/hello"]);
    let nul = json!({"host": "h", "user": "u\0", "password": "p", "from": "a@b.example"});
    assert_eq!(wrongs(&nul), ["/user"]);
    let lacks = json!({"host": "h", "password": "p", "from": "a@b.example"});
    assert_eq!(wrongs(&lacks), ["/user"]);
    for none in [
        json!({"from": "a@b.example"}),
        json!({"host": "h"}),
        json!({"host": "h", "from": "a@b.example", "tls": "ssl"}),
        json!({"host": "h", "from": "a@b.example", "port": 70000}),
        json!({"host": "h", "from": "a@b.example", "colour": "red"}),
        json!([]),
    ] {
        assert_eq!(wrongs(&none), [""], "{none}");
    }
    assert_eq!(SECRETS, ["/password"]);
}

fn no_callback() -> crate::channel::Callback<'static> {
    crate::channel::Callback {
        method: "POST",
        url: "https://nudge.example/c",
        query: "",
        headers: &[],
        body: b"",
        at: Instant(0),
    }
}
