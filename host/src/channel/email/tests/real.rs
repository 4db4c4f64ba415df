//! A server that others wrote. `NUDGE_SMTP` says where it is, as `host:port`, without encryption and
//! passwords; `NUDGE_SMTP_MAILDIR` is the Maildir that it puts its mail into. `NUDGE_SMTPS` and
//! `NUDGE_SMTP_STARTTLS` are servers with a certificate that nobody vouches for.
#![allow(clippy::print_stderr, reason = "what is left out is said")]

use lettre::transport::smtp::client::TlsParametersBuilder;

use super::read::Read;
use super::*;

#[tokio::test]
async fn a_real_server_gets_what_was_sent() {
    let variable = |name| std::env::var(name).ok();
    let (Some(server), Some(folder)) = (variable("NUDGE_SMTP"), variable("NUDGE_SMTP_MAILDIR"))
    else {
        eprintln!("SKIPPED: NUDGE_SMTP and NUDGE_SMTP_MAILDIR name no server and its Maildir");
        return;
    };
    let (host, port) = server.rsplit_once(':').unwrap();
    let settings = json!({"host": host, "port": port.parse::<u16>().unwrap(), "tls": "none",
        "from": "商店 <shop@nudge.example>", "reply_to": "help@nudge.example"});
    let channel = Email::build("mail", &settings, &wire()).unwrap();
    let mut dispatch = dispatch();
    let tracking = format!("real-{}-{}", std::process::id(), fastrand::u64(..));
    dispatch.outgoing.tracking = tracking.as_str().into();
    dispatch.outgoing.locale = "zh-CN".into();
    dispatch.outgoing.content.title = "您的订单已发货，请注意查收，感谢您的支持与信任！".repeat(3);
    dispatch.outgoing.content.body = ".先生\n.\n..您好 <b>&</b>\n\n到了。".into();
    dispatch.links.unsubscribe = Some("https://nudge.example/u/1".into());
    dispatch.links.open = Some("https://nudge.example/o/1".into());
    // Two over one connection.
    for _ in 0..2 {
        assert_eq!(channel.send(&dispatch).await, Outcome::ACCEPTED);
    }

    let folder = std::path::Path::new(&folder).join("new");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mails: Vec<String> = files
        .map(|file| std::fs::read_to_string(file).unwrap().replace("\r\n", "\n"))
        .filter(|mail| mail.contains(&format!("X-Nudge-Tracking: {tracking}\n")))
        .collect();
    assert_eq!(mails.len(), 2);
    for mail in mails {
        let mail = Read::new(&mail.replace('\n', "\r\n"));
        assert_eq!(mail.header("Subject"), Some(dispatch.outgoing.content.title.as_str()));
        assert_eq!(mail.header("Message-ID"), Some(&*format!("<{tracking}@nudge.example>")));
        assert_eq!(mail.header("List-Unsubscribe"), Some("<https://nudge.example/u/1>"));
        assert!(mail.plain().starts_with(".先生\n.\n..您好 <b>&</b>\n\n到了。\n"));
        assert!(mail.html().contains(".<br>\n..您好 &lt;b&gt;&amp;&lt;/b&gt;</p>"));
    }
}

#[tokio::test]
async fn encryption_works_and_a_certificate_counts() {
    for (variable, tls) in [("NUDGE_SMTPS", "tls"), ("NUDGE_SMTP_STARTTLS", "starttls")] {
        let Ok(server) = std::env::var(variable) else {
            eprintln!("SKIPPED: {variable} names no server");
            continue;
        };
        let (host, port) = server.rsplit_once(':').unwrap();
        let settings = json!({"host": host, "port": port.parse::<u16>().unwrap(), "tls": tls,
            "from": "shop@nudge.example"});
        let mut channel = Email::build("mail", &settings, &wire()).unwrap();
        let outcome = channel.send(&dispatch()).await;
        assert!(trouble(&outcome).detail.contains("certificate"), "{outcome:?}");

        let trusting = TlsParametersBuilder::new(host.to_owned())
            .dangerous_accept_invalid_certs(true)
            .build()
            .unwrap();
        channel.relay.safety = match tls {
            "tls" => Safety::Whole(trusting),
            _ => Safety::Upgraded(trusting),
        };
        for _ in 0..2 {
            assert_eq!(channel.send(&dispatch()).await, Outcome::ACCEPTED);
        }
    }
}
